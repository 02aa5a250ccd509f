//! JSON-RPC batches of MCP: passed as a whole, or refused as a whole.

use serde_json::{Value, json};

use crate::support::{House, house_of};
use crate::upstream::Upstream;

async fn tools(upstream: &Upstream) -> House {
    house_of(
        &format!(
            "  tools:\n    url: {}\n    at: /mcp\n    protocol: mcp\n    routes: [{{ action: free_it, match: {{ mcp: {{ tool: '*' }} }} }}]\n",
            upstream.url()
        ),
        "",
    )
    .await
}

#[tokio::test]
async fn a_batch_of_what_passes_by_itself_is_passed_on_as_it_came() {
    let upstream = Upstream::answering("[]").await;
    let house = tools(&upstream).await;
    let batch =
        r#"[{"jsonrpc":"2.0","id":1,"method":"tools/list"}, {"jsonrpc":"2.0","method":"notifications/initialized"}]"#;
    let answer = house.call("POST", "/mcp", "content-type: application/json\r\n", batch).await;
    assert_eq!((answer.status, answer.text().as_str()), (200, "[]"));
    let call = upstream.only_call();
    assert_eq!((call.body.as_slice(), call.header("holdshort-permit")), (batch.as_bytes(), None));
}

#[tokio::test]
async fn every_request_of_a_refused_batch_is_answered_and_nothing_is_sent() {
    let upstream = Upstream::answering("[]").await;
    let house = tools(&upstream).await;
    let list = json!({ "jsonrpc": "2.0", "id": "a", "method": "tools/list" });
    let call = json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": { "name": "refund" } });
    let note = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    let ask = async |headers: &str, batch: Value| {
        let headers = format!("content-type: application/json\r\naccept: text/event-stream\r\n{headers}");
        let answer = house.call("POST", "/mcp", &headers, &batch.to_string()).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    };
    // One of them would have been approved by policy, and is not: a batch has no intent.
    let answers = ask("", json!([list, call, note])).await;
    let each: Vec<_> = answers.as_array().unwrap().iter().map(|one| (&one["id"], &one["error"]["code"])).collect();
    assert_eq!(each, [(&json!("a"), &json!(-32600)), (&json!(2), &json!(-32600))], "{answers}");
    let said = answers[0]["error"]["message"].as_str().unwrap();
    assert!(
        said.contains("Not executed") && said.contains("(refund)") && said.contains("a request of its own"),
        "{said}"
    );
    let answers = ask("mcp-protocol-version: 2025-11-25\r\n", json!([list])).await;
    assert!(answers[0]["error"]["message"].as_str().unwrap().contains("knows no batches"), "{answers}");
    let answer = ask("", json!([])).await;
    assert_eq!((&answer["id"], &answer["error"]["code"]), (&Value::Null, &json!(-32600)), "{answer}");
    assert!(upstream.calls().is_empty());
    assert!(
        house.gate.intents(&gate::IntentFilter::default()).await.unwrap().items.is_empty(),
        "nothing is recorded of it"
    );
}

#[tokio::test]
async fn an_agent_that_is_paused_is_told_so_for_each_request_of_a_batch() {
    let upstream = Upstream::answering("[]").await;
    let house = tools(&upstream).await;
    house.gate.set_agent_status(house.agent, gate::AgentStatus::Paused, None, &gate::Actor::Operator).await.unwrap();
    let batch =
        json!([{ "jsonrpc": "2.0", "id": 1, "method": "ping" }, { "jsonrpc": "2.0", "id": 2, "method": "ping" }]);
    let answer = house.call("POST", "/mcp", "content-type: application/json\r\n", &batch.to_string()).await;
    let codes: Vec<Value> =
        answer.json().as_array().unwrap().iter().map(|one| one["error"]["data"]["code"].clone()).collect();
    assert_eq!(codes, ["AGENT_PAUSED", "AGENT_PAUSED"]);
    assert!(upstream.calls().is_empty());
}
