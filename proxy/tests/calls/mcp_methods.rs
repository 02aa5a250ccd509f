//! Methods besides `tools/call` that a rule names are held like it.

use serde_json::{Value, json};

use crate::mcp::{cancel, events, server};
use crate::support::{House, house_of};
use crate::upstream::Upstream;

async fn house(upstream: &Upstream) -> House {
    let upstreams = format!(
        "  tools:\n    url: {}\n    at: /mcp\n    protocol: mcp\n    routes:\n      - {{ action: hold_it, match: {{ mcp: {{ method: prompts/get }} }}, risk_tier: high }}\n      - {{ action: hold_read, match: {{ mcp: {{ method: resources/read, uri: 'secret://*' }} }}, risk_tier: high }}\n      - {{ action: free_read, match: {{ mcp: {{ method: resources/read }} }} }}\n      - {{ action: drop_it, match: {{ mcp: {{ method: acme/purge }} }} }}\n",
        upstream.url()
    );
    house_of(&upstreams, "").await
}

fn ask(house: &House, id: u32, method: &str, params: &Value) -> String {
    let body = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
    let headers = "content-type: application/json\r\naccept: application/json, text/event-stream\r\n";
    house.ask("POST", "/mcp", headers, &body.to_string())
}

#[tokio::test]
async fn what_a_rule_names_is_held_in_a_stream_and_attaches_under_another_id() {
    let upstream = server().await;
    let house = house(&upstream).await;
    for (method, params) in [
        ("prompts/get", json!({ "name": "letter", "arguments": { "to": "kofi" } })),
        ("resources/read", json!({ "uri": "secret://plan" })),
    ] {
        let mut client = house.client().await;
        client.send(ask(&house, 1, method, &params)).await;
        let id = house.pending().await;
        assert!(client.until(": held").await.contains("text/event-stream"), "{method}");
        cancel(&house, json!(1), "").await;
        assert!(events(&client.answer().await.text()).is_empty(), "a cancelled request has no answer");
        house.hung_up(id).await;
        let mut client = house.client().await;
        client.send(ask(&house, 2, method, &params)).await;
        assert_eq!(house.pending().await, id, "{method} under another id is the same call");
        house.approve(id).await;
        let answer = client.answer().await;
        assert_eq!(events(&answer.text())[0]["id"], 2, "{}", answer.text());
        house.becomes(id, "executed").await;
    }
    let free = house.client().await.request(ask(&house, 3, "resources/read", &json!({ "uri": "file:///a" }))).await;
    assert_eq!(free.json()["id"], 3);
}

#[tokio::test]
async fn a_refused_method_is_an_error_that_says_why() {
    let upstream = server().await;
    let house = house(&upstream).await;
    for (method, code) in [("acme/purge", "BLOCKED_BY_POLICY"), ("acme/other", "NO_ROUTE")] {
        let answer = house.client().await.request(ask(&house, 5, method, &json!({}))).await;
        let message = answer.json();
        assert_eq!((answer.status, &message["id"], &message["error"]["data"]["code"]), (200, &json!(5), &json!(code)));
        assert!(message["error"]["message"].as_str().unwrap().starts_with("Not executed"), "{message}");
    }
    assert!(upstream.calls().is_empty());
}
