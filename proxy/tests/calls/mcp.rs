//! Tool calls on an MCP upstream.

use serde_json::{Value, json};

use crate::support::{House, house_of};
use crate::upstream::{Recorded, Step, Upstream, answer};

pub async fn mcp(upstream: &Upstream, more: &str) -> House {
    let upstreams = format!(
        "  tools:\n    url: {}\n    at: /mcp\n    protocol: mcp\n    routes:\n      - {{ action: hold_it, match: {{ mcp: {{ tool: refund }} }}, risk_tier: high }}\n      - {{ action: free_it, match: {{ mcp: {{ tool: look }} }} }}\n      - {{ action: drop_it, match: {{ mcp: {{ tool: drop }} }} }}\n",
        upstream.url()
    );
    house_of(&upstreams, more).await
}

pub fn call(house: &House, id: u32, tool: &str, headers: &str) -> String {
    let body = json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": { "name": tool, "arguments": { "n": 1 } } });
    let headers = format!("content-type: application/json\r\naccept: application/json, text/event-stream\r\n{headers}");
    house.ask("POST", "/mcp", &headers, &body.to_string())
}

/// Answers like an MCP server: the id that was asked, and the tool's name.
pub async fn server() -> Upstream {
    Upstream::doing(|call| vec![Step::Send(answer("200 OK", "content-type: application/json\r\n", &result(call)))])
        .await
}

pub fn result(call: &Recorded) -> String {
    let asked: Value = serde_json::from_slice(&call.body).unwrap();
    json!({ "jsonrpc": "2.0", "id": asked["id"], "result": { "content": [{ "type": "text", "text": "did it" }] } })
        .to_string()
}

pub fn events(text: &str) -> Vec<Value> {
    text.lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|data| serde_json::from_str(data).unwrap())
        .collect()
}

#[tokio::test]
async fn a_tool_call_that_policy_approves_is_answered_by_the_upstream() {
    let upstream = server().await;
    let house = mcp(&upstream, "").await;
    let answer = house.client().await.request(call(&house, 7, "look", "")).await;
    assert_eq!((answer.status, answer.json()["id"].clone()), (200, json!(7)));
    assert!(upstream.only_call().header("holdshort-permit").is_some());
}

#[tokio::test]
async fn refusals_are_results_that_the_model_reads() {
    let upstream = server().await;
    let house = mcp(&upstream, "").await;
    for (tool, status) in [("drop", "blocked_by_policy"), ("unknown", "no_route")] {
        let answer = house.client().await.request(call(&house, 3, tool, "")).await;
        assert_eq!(answer.status, 200, "{tool}");
        let message = answer.json();
        assert_eq!(message["id"], 3);
        assert_eq!(message["result"]["isError"], true);
        assert_eq!(message["result"]["structuredContent"]["status"], status);
        assert!(message["result"]["content"][0]["text"].as_str().unwrap().starts_with("Not executed"));
        assert_eq!(message["result"].get("resultType"), None);
    }
    let modern = "mcp-protocol-version: 2026-07-28\r\nmcp-method: tools/call\r\nmcp-name: drop\r\n";
    let answer = house.client().await.request(call(&house, 4, "drop", modern)).await;
    assert_eq!(answer.json()["result"]["resultType"], "complete");
    assert!(upstream.calls().is_empty());
}

#[tokio::test]
async fn a_header_that_disagrees_with_the_body_is_refused_by_its_own_code() {
    let upstream = server().await;
    let house = mcp(&upstream, "").await;
    let lie = "mcp-protocol-version: 2026-07-28\r\nmcp-method: tools/call\r\nmcp-name: look\r\n";
    let answer = house.client().await.request(call(&house, 5, "drop", lie)).await;
    assert_eq!((answer.status, answer.json()["error"]["code"].clone()), (400, json!(-32020)));
    assert!(upstream.calls().is_empty());
}

#[tokio::test]
async fn without_a_key_it_is_a_plain_401() {
    let upstream = server().await;
    let house = mcp(&upstream, "").await;
    let request = call(&house, 1, "look", "").replace(house.key.expose(), "none");
    assert_eq!(house.client().await.request(request).await.status, 401);
}

#[tokio::test]
async fn a_held_tool_call_is_a_stream_at_once_and_the_answer_goes_into_it() {
    let upstream = server().await;
    let house = mcp(&upstream, "").await;
    let mut client = house.client().await;
    client.send(call(&house, 9, "refund", "")).await;
    let id = house.pending().await;
    let so_far = client.until(": held").await;
    assert!(so_far.starts_with("HTTP/1.1 200"), "{so_far}");
    assert!(upstream.calls().is_empty());
    house.approve(id).await;
    let answer = client.answer().await;
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    let events = events(&answer.text());
    assert_eq!(events.len(), 1, "{}", answer.text());
    assert_eq!((&events[0]["id"], &events[0]["result"]["content"][0]["text"]), (&json!(9), &json!("did it")));
    assert_eq!(upstream.calls().len(), 1);
}

#[tokio::test]
async fn a_denied_tool_call_ends_the_stream_with_the_reason() {
    let upstream = server().await;
    let house = mcp(&upstream, "").await;
    let mut client = house.client().await;
    client.send(call(&house, 9, "refund", "")).await;
    let id = house.pending().await;
    house.verdict(id, gate::Verdict::Deny, Some("not today")).await;
    let answer = client.answer().await;
    let events = events(&answer.text());
    assert_eq!(events[0]["result"]["isError"], true);
    assert!(events[0]["result"]["content"][0]["text"].as_str().unwrap().contains("not today"));
    assert_eq!(events[0]["result"]["structuredContent"]["intent_id"], id.to_string());
    assert!(upstream.calls().is_empty());
}

#[tokio::test]
async fn whoever_calls_again_gets_the_answer_under_its_own_id() {
    let upstream = server().await;
    let house = mcp(&upstream, "hold: { timeout: 300ms }").await;
    let answer = house.client().await.request(call(&house, 1, "refund", "")).await;
    let events_of_first = events(&answer.text());
    assert_eq!(events_of_first[0]["result"]["structuredContent"]["status"], "approval_pending");
    let id = events_of_first[0]["result"]["structuredContent"]["intent_id"].as_str().unwrap().parse().unwrap();
    house.approve(id).await;
    let answer = house.client().await.request(call(&house, 2, "refund", "")).await;
    let message = if answer.text().contains("data: ") { events(&answer.text())[0].clone() } else { answer.json() };
    assert_eq!(message["id"], 2);
    assert_eq!(message["result"]["content"][0]["text"], "did it");
    assert_eq!(upstream.calls().len(), 1);
}

#[tokio::test]
async fn the_handshake_passes_without_a_permit() {
    let upstream = server().await;
    let house = mcp(&upstream, "").await;
    let hello = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": { "clientInfo": { "name": "x", "version": "1" } } });
    let headers = "content-type: application/json\r\naccept: application/json, text/event-stream\r\n";
    let answer = house.call("POST", "/mcp", headers, &hello.to_string()).await;
    assert_eq!((answer.status, answer.json()["id"].clone()), (200, json!(0)));
    assert_eq!(upstream.only_call().header("holdshort-permit"), None);
}

#[tokio::test]
async fn an_answer_that_breaks_off_ends_the_stream_with_an_error() {
    let upstream = Upstream::doing(|_| {
        let half = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{\"json".to_vec();
        vec![Step::Send(half), Step::Close]
    })
    .await;
    let house = mcp(&upstream, "").await;
    let mut client = house.client().await;
    client.send(call(&house, 9, "refund", "")).await;
    let id = house.pending().await;
    house.approve(id).await;
    let answer = client.answer().await;
    let events = events(&answer.text());
    assert_eq!((&events[0]["id"], &events[0]["error"]["data"]["code"]), (&json!(9), &json!("OUTCOME_UNKNOWN")));
    assert!(!house.becomes(id, "executed").await.outcome.unwrap().delivered);
    assert_eq!(upstream.calls().len(), 1);
}

#[tokio::test]
async fn a_kept_answer_comes_under_the_id_of_whoever_calls_again() {
    let go_on = std::sync::Arc::new(tokio::sync::Notify::new());
    let wait = go_on.clone();
    let mut upstream = Upstream::doing(move |call| {
        let answer = answer("200 OK", "content-type: application/json\r\n", &result(call));
        vec![Step::Wait(wait.clone()), Step::Send(answer)]
    })
    .await;
    let house = mcp(&upstream, "").await;
    let mut client = house.client().await;
    client.send(call(&house, 1, "refund", "")).await;
    let id = house.pending().await;
    house.approve(id).await;
    upstream.called(1).await;
    drop(client);
    house.hung_up(id).await;
    go_on.notify_one();
    house.becomes(id, "executed").await;
    let answer = house.client().await.request(call(&house, 2, "refund", "")).await;
    let message = if answer.text().contains("data: ") { events(&answer.text())[0].clone() } else { answer.json() };
    assert_eq!((&message["id"], &message["result"]["content"][0]["text"]), (&json!(2), &json!("did it")));
    assert_eq!(upstream.calls().len(), 1);
}

/// A house whose tools `secret` and `admin_*` are hidden, but not `admin_look`.
async fn hiding(upstream: &Upstream) -> House {
    let upstreams = format!(
        "  tools:\n    url: {}\n    at: /mcp\n    protocol: mcp\n    routes:\n      - {{ match: {{ mcp: {{ tool: secret }} }}, hide: true }}\n      - {{ match: {{ mcp: {{ tool: 'admin_*' }} }}, hide: true }}\n      - {{ action: free_it, match: {{ mcp: {{ tool: admin_look }} }} }}\n",
        upstream.url()
    );
    house_of(&upstreams, "").await
}

fn tools() -> String {
    let tools: Vec<Value> =
        ["look", "secret", "admin_drop", "admin_look"].iter().map(|name| json!({ "name": name })).collect();
    json!({ "jsonrpc": "2.0", "id": 1, "result": { "tools": tools, "nextCursor": "more" } }).to_string()
}

pub fn list(house: &House, method: &str) -> String {
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method });
    let headers =
        "content-type: application/json\r\naccept: application/json, text/event-stream\r\naccept-encoding: gzip\r\n";
    house.ask("POST", "/mcp", headers, &body.to_string())
}

pub fn names(message: &Value) -> Vec<&str> {
    message["result"]["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn hidden_tools_are_not_in_the_list() {
    let upstream =
        Upstream::doing(|_| vec![Step::Send(answer("200 OK", "content-type: application/json\r\n", &tools()))]).await;
    let house = hiding(&upstream).await;
    let mut client = house.client().await;
    let answer = client.request(list(&house, "tools/list")).await;
    assert!(answer.header("holdshort-request").is_some());
    let message = answer.json();
    assert_eq!(names(&message), ["look", "admin_look"]);
    assert_eq!((&message["id"], &message["result"]["nextCursor"]), (&json!(1), &json!("more")));
    assert_eq!(upstream.only_call().header("accept-encoding"), None, "the answer must be readable here");
    // Nothing else is looked into.
    let other = client.request(list(&house, "prompts/list")).await;
    assert_eq!(other.text(), tools());
    assert_eq!(other.header("content-length"), Some(tools().len().to_string().as_str()));
    let answer = client.request(call(&house, 2, "secret", "")).await;
    assert_eq!(answer.json()["result"]["structuredContent"]["status"], "no_route");
    assert_eq!(upstream.calls().len(), 2);
}

#[tokio::test]
async fn hidden_tools_are_not_in_a_streamed_list() {
    let upstream = Upstream::doing(|_| {
        let note = r#"{"jsonrpc":"2.0","method":"notifications/message","params":{}}"#;
        let tools = tools();
        let (first, rest) = tools.split_at(40);
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
        let start = format!("{head}data: {note}\n\ndata: not json: secret\n\ndata: {first}");
        vec![
            Step::Send(start.into_bytes()),
            Step::Send(format!("{rest}\n\ndata: {{\"half\": \"secret\"").into_bytes()),
            Step::Close,
        ]
    })
    .await;
    let house = hiding(&upstream).await;
    let answer = house.client().await.request(list(&house, "tools/list")).await;
    let events = events(&answer.text());
    assert_eq!(events[0]["method"], "notifications/message");
    assert_eq!(names(&events[1]), ["look", "admin_look"]);
    assert!(!answer.text().contains("secret"), "{}", answer.text());
}

#[tokio::test]
async fn a_list_that_cannot_be_read_is_not_given() {
    let upstream = Upstream::doing(|_| {
        let coded = "content-type: application/json\r\ncontent-encoding: gzip\r\n";
        vec![Step::Send(answer("200 OK", coded, "secret, in a coding"))]
    })
    .await;
    let house = hiding(&upstream).await;
    let answer = house.client().await.request(list(&house, "tools/list")).await;
    assert_eq!((answer.status, answer.header("content-encoding")), (200, None));
    assert_eq!(answer.json()["error"]["code"], -32000);
    assert!(!answer.text().contains("secret"));
}

#[tokio::test]
async fn whoever_asks_for_progress_is_told_what_is_waited_for() {
    let upstream = server().await;
    let house = mcp(&upstream, "").await;
    let mut client = house.client().await;
    let body = json!({ "jsonrpc": "2.0", "id": 4, "method": "tools/call", "params": { "name": "refund", "arguments": {}, "_meta": { "progressToken": "tok" } } });
    let headers = "content-type: application/json\r\naccept: application/json, text/event-stream\r\n";
    client.send(house.ask("POST", "/mcp", headers, &body.to_string())).await;
    let id = house.pending().await;
    // At once: a sign of life by itself comes only every ten seconds.
    let told = tokio::time::timeout(std::time::Duration::from_secs(5), client.until("for another")).await;
    let so_far = told.expect("it is told nothing");
    let told = events(&so_far).remove(0);
    assert_eq!((&told["method"], &told["params"]["progressToken"]), (&json!("notifications/progress"), &json!("tok")));
    assert_eq!(told["params"]["progress"], 1);
    assert!(told["params"]["message"].as_str().unwrap().starts_with("Not executed yet: waiting for"));
    assert!(upstream.calls().is_empty());
    house.approve(id).await;
    let told = events(&client.answer().await.text());
    assert_eq!(told.last().unwrap()["result"]["content"][0]["text"], "did it");
}

#[tokio::test]
async fn closing_the_stream_ends_the_hold_and_not_the_intent() {
    let upstream = server().await;
    let house = mcp(&upstream, "").await;
    let mut client = house.client().await;
    client.send(call(&house, 9, "refund", "")).await;
    let id = house.pending().await;
    client.until(": held").await;
    drop(client);
    house.hung_up(id).await;
    house.becomes(id, "pending").await;
    assert!(upstream.calls().is_empty());
}

/// Sends `notifications/cancelled`; it has been dealt with when this returns.
pub async fn cancel(house: &House, request: Value, headers: &str) {
    let body = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": request } });
    let headers = format!("content-type: application/json\r\naccept: application/json, text/event-stream\r\n{headers}");
    let answer = house.call("POST", "/mcp", &headers, &body.to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[tokio::test]
async fn a_cancelled_call_is_held_no_longer_and_people_may_still_decide() {
    let upstream = server().await;
    let house = mcp(&upstream, "").await;
    let session = "mcp-session-id: s-1\r\n";
    let mut client = house.client().await;
    client.send(call(&house, 9, "refund", session)).await;
    let id = house.pending().await;
    client.until(": held").await;
    // Another call, another type of id, another session, none.
    for (request, headers) in
        [(json!(8), session), (json!("9"), session), (json!(9), "mcp-session-id: s-2\r\n"), (json!(9), "")]
    {
        cancel(&house, request, headers).await;
    }
    assert!(house.gate.intent(id).await.unwrap().unwrap().caller.connected);
    cancel(&house, json!(9), session).await;
    // The connection stays open; the answer to a call that was taken back is none.
    let answer = client.answer().await;
    assert!(events(&answer.text()).is_empty(), "{}", answer.text());
    house.hung_up(id).await;
    house.becomes(id, "pending").await;
    assert!(upstream.calls().iter().all(|call| call.header("holdshort-permit").is_none()), "nothing was released");
    house.approve(id).await;
    let answer = house.client().await.request(call(&house, 10, "refund", session)).await;
    assert!(answer.text().contains("did it"), "{}", answer.text());
    house.becomes(id, "executed").await;
}

#[tokio::test]
async fn who_takes_no_stream_is_told_that_the_cancelled_call_waits() {
    let upstream = server().await;
    let house = mcp(&upstream, "").await;
    let mut client = house.client().await;
    client.send(call(&house, 9, "refund", "").replace("application/json, text/event-stream", "application/json")).await;
    let id = house.pending().await;
    cancel(&house, json!(9), "").await;
    assert_eq!(client.answer().await.json()["result"]["structuredContent"]["status"], "approval_pending");
    house.becomes(id, "pending").await;
}

#[tokio::test]
async fn where_two_clients_use_one_id_neither_ends_the_others_hold() {
    let upstream = server().await;
    let house = mcp(&upstream, "").await;
    let (mut one, mut two) = (house.client().await, house.client().await);
    one.send(call(&house, 1, "refund", "")).await;
    one.until(": held").await;
    two.send(call(&house, 1, "refund", "").replace("\"n\":1", "\"n\":2")).await;
    two.until(": held").await;
    cancel(&house, json!(1), "").await;
    let filter = gate::IntentFilter { states: vec!["pending".into()], ..gate::IntentFilter::default() };
    let held = house.gate.intents(&filter).await.unwrap().items;
    assert_eq!(held.iter().filter(|intent| intent.caller.connected).count(), 2);
    for intent in held {
        house.verdict(intent.id, gate::Verdict::Deny, Some("no")).await;
    }
    for client in [&mut one, &mut two] {
        assert_eq!(events(&client.answer().await.text())[0]["result"]["isError"], true);
    }
}
