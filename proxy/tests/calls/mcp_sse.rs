//! The old HTTP+SSE transport (2024-11-05): messages are answered 202, what comes of them comes in a stream.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::client::{Answer, Client};
use crate::mcp::names;
use crate::support::{House, house_of};
use crate::upstream::{Step, Upstream, answer};

const OPENED: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";

/// A server that names `endpoint`, says each text when `go_on` tells it to, and takes messages with `taken`.
async fn server(endpoint: &str, said: Vec<String>, taken: &'static str, go_on: &Arc<Notify>) -> Upstream {
    let (endpoint, go_on) = (endpoint.to_owned(), go_on.clone());
    Upstream::doing(move |call| {
        if call.line.starts_with("POST") {
            return vec![Step::Send(answer(taken, "", ""))];
        }
        let mut steps = vec![Step::Send(format!("{OPENED}event: endpoint\ndata: {endpoint}\n\n").into_bytes())];
        for text in &said {
            steps.push(Step::Wait(go_on.clone()));
            steps.push(Step::Send(format!("event: message\ndata: {text}\n\n").into_bytes()));
        }
        steps.push(Step::Wait(Arc::new(Notify::new())));
        steps
    })
    .await
}

async fn plain() -> Upstream {
    server("/messages?sessionId=1", Vec::new(), "202 Accepted", &Arc::new(Notify::new())).await
}

async fn house(upstream: &Upstream, base: &str) -> House {
    let routes = "    routes:\n      - { action: hold_it, match: { mcp: { tool: refund } }, risk_tier: high }\n      - { action: free_it, match: { mcp: { tool: look } } }\n      - { action: drop_it, match: { mcp: { tool: drop } } }\n      - { match: { mcp: { tool: secret } }, hide: true }\n";
    let upstreams = format!("  tools:\n    url: {}{base}\n    at: /mcp\n    protocol: mcp\n{routes}", upstream.url());
    house_of(&upstreams, "").await
}

/// Opens the stream; gives it, and where messages are to be sent.
async fn open(house: &House) -> (Client, String) {
    let mut stream = house.client().await;
    stream.send(house.ask("GET", "/mcp/sse", "accept: text/event-stream\r\n", "")).await;
    let endpoint = |text: &str| Some(text.split_once("event: endpoint\ndata: ")?.1.split_once("\n\n")?.0.to_owned());
    let said = stream.until_there_is("an endpoint", |text| endpoint(text).is_some()).await;
    (stream, endpoint(&said).unwrap())
}

fn call(house: &House, endpoint: &str, id: u32, tool: &str) -> String {
    let params = json!({ "name": tool, "arguments": {}, "_meta": { "progressToken": "tok" } });
    let body = json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params });
    house.ask("POST", endpoint, "content-type: application/json\r\n", &body.to_string())
}

async fn post(house: &House, endpoint: &str, id: u32, tool: &str) -> Answer {
    house.client().await.request(call(house, endpoint, id, tool)).await
}

/// The messages that have come whole.
fn messages(text: &str) -> Vec<Value> {
    text.lines().filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok()).collect()
}

/// The answer to the call of that id, once it has come in the stream.
async fn answer_in(stream: &mut Client, id: u32) -> Value {
    let come = |text: &str| messages(text).into_iter().find(|message| message["id"] == id);
    let text = stream.until_there_is(&format!("the answer to {id}"), |text| come(text).is_some()).await;
    come(&text).unwrap()
}

#[tokio::test]
async fn messages_go_to_the_mount_and_the_servers_answers_come_through() {
    let tools = json!({ "jsonrpc": "2.0", "id": 1, "result": { "tools": [{ "name": "look" }, { "name": "secret" }] } });
    let done = json!({ "jsonrpc": "2.0", "id": 2, "result": { "content": [] } });
    let go_on = Arc::new(Notify::new());
    let said = vec![tools.to_string(), done.to_string()];
    let upstream = server("/messages?sessionId=1", said, "202 Accepted", &go_on).await;
    let house = house(&upstream, "").await;
    let (mut stream, endpoint) = open(&house).await;
    assert_eq!(endpoint, "/mcp/messages?sessionId=1");
    let hello = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {} });
    let headers = "content-type: application/json\r\n";
    assert_eq!(house.call("POST", &endpoint, headers, &hello.to_string()).await.status, 202);
    go_on.notify_one();
    assert_eq!(names(&answer_in(&mut stream, 1).await), ["look"]);
    assert_eq!(post(&house, &endpoint, 2, "look").await.status, 202);
    go_on.notify_one();
    stream.until("\"id\":2").await;
    let calls = upstream.calls();
    assert_eq!(calls.last().unwrap().line, "POST /messages?sessionId=1 HTTP/1.1");
    assert!(calls.last().unwrap().header("holdshort-permit").is_some());
}

#[tokio::test]
async fn the_endpoint_is_led_to_the_mount_however_it_is_written() {
    for (endpoint, base, led) in [
        ("/messages/?session_id=a%20b", "", Some("/mcp/messages/?session_id=a%20b")),
        ("messages?sessionId=1", "", Some("/mcp/messages?sessionId=1")),
        ("/base/messages?sessionId=1", "/base", Some("/mcp/messages?sessionId=1")),
        ("SELF/messages?sessionId=1", "", Some("/mcp/messages?sessionId=1")),
        // Where the mount does not reach, or another server is.
        ("/messages?sessionId=1", "/base", None),
        ("http://evil.example/messages", "", None),
        ("//evil.example/messages", "", None),
    ] {
        let listener = Upstream::doing({
            let endpoint = endpoint.to_owned();
            move |call| {
                let origin = format!("http://{}", call.header("host").unwrap());
                let endpoint = endpoint.replace("SELF", &origin);
                let event = format!("{OPENED}event: endpoint\ndata: {endpoint}\n\n");
                vec![Step::Send(event.into_bytes()), Step::Wait(Arc::new(Notify::new()))]
            }
        })
        .await;
        let house = house(&listener, base).await;
        match led {
            Some(led) => assert_eq!(open(&house).await.1, led, "{endpoint}"),
            None => {
                let mut stream = house.client().await;
                let close = "accept: text/event-stream\r\nconnection: close\r\n";
                stream.send(house.ask("GET", "/mcp/sse", close, "")).await;
                let said = stream.rest().await;
                assert!(!said.contains("messages"), "{endpoint}: {said}");
            }
        }
    }
    let upstream = plain().await;
    let house = house(&upstream, "").await;
    let mut stream = house.client().await;
    let key = house.key.expose();
    stream.send(format!("GET /k/{key}/mcp/sse HTTP/1.1\r\nhost: gate.test\r\naccept: text/event-stream\r\n\r\n")).await;
    stream.until(&format!("data: /k/{key}/mcp/messages?sessionId=1")).await;
}

#[tokio::test]
async fn a_refused_call_is_told_in_the_stream_and_only_then_accepted() {
    let upstream = plain().await;
    let house = house(&upstream, "").await;
    let (mut stream, endpoint) = open(&house).await;
    for (id, tool, status) in [(7, "drop", "blocked_by_policy"), (8, "unknown", "no_route"), (9, "secret", "no_route")]
    {
        let answer = post(&house, &endpoint, id, tool).await;
        assert_eq!((answer.status, answer.text().as_str()), (202, ""));
        let told = answer_in(&mut stream, id).await;
        assert_eq!(told["result"]["isError"], true, "{told}");
        assert_eq!(told["result"]["structuredContent"]["status"], status);
    }
    assert_eq!(upstream.calls().len(), 1, "only the stream was opened");
}

#[tokio::test]
async fn where_no_stream_takes_the_answer_a_refusal_is_no_2xx() {
    let upstream = plain().await;
    let house = house(&upstream, "").await;
    let (stream, endpoint) = open(&house).await;
    let foreign = house.another_agent("kofi").await;
    let request = call(&house, &endpoint, 7, "look").replace(house.key.expose(), foreign.expose());
    let answer = house.client().await.request(request).await;
    assert_eq!((answer.status, answer.code().as_str()), (403, "NO_ROUTE"), "another's session");
    drop(stream);
    // Once the gate has noticed that it is gone, the answer is told here.
    let told = async {
        loop {
            let answer = post(&house, &endpoint, 7, "drop").await;
            if answer.status != 202 {
                return answer;
            }
        }
    };
    let answer = tokio::time::timeout(Duration::from_secs(10), told).await.expect("it promises an answer");
    assert_eq!((answer.status, answer.code().as_str()), (403, "BLOCKED_BY_POLICY"));
    assert!(answer.text().contains("nothing is dropped here"), "{}", answer.text());
    assert_eq!(upstream.calls().len(), 1);
}

#[tokio::test]
async fn a_held_call_is_accepted_at_once_and_waited_for_in_the_stream() {
    let done = json!({ "jsonrpc": "2.0", "id": 5, "result": { "content": [{ "type": "text", "text": "did it" }] } });
    let go_on = Arc::new(Notify::new());
    let mut upstream = server("/messages?sessionId=1", vec![done.to_string()], "202 Accepted", &go_on).await;
    let house = house(&upstream, "").await;
    let (mut stream, endpoint) = open(&house).await;
    let answer = post(&house, &endpoint, 5, "refund").await;
    assert_eq!(answer.status, 202);
    let id = house.pending().await;
    assert_eq!(answer.header("holdshort-intent"), Some(id.to_string().as_str()));
    let so_far = stream.until("notifications/progress").await;
    assert!(!so_far.contains("did it"), "{so_far}");
    assert_eq!(upstream.calls().len(), 1, "nothing is sent before people agree");
    house.approve(id).await;
    upstream.called(2).await;
    let sent = upstream.calls().remove(1);
    assert!(sent.header("holdshort-permit").is_some());
    go_on.notify_one();
    assert_eq!(answer_in(&mut stream, 5).await["result"]["content"][0]["text"], "did it");
    assert!(house.becomes(id, "executed").await.outcome.unwrap().delivered);

    let answer = post(&house, &endpoint, 6, "refund").await;
    assert_eq!(answer.status, 202);
    let id = house.pending().await;
    house.verdict(id, gate::Verdict::Deny, Some("not today")).await;
    let told = answer_in(&mut stream, 6).await;
    assert!(told["result"]["content"][0]["text"].as_str().unwrap().contains("not today"), "{told}");
    assert_eq!(upstream.calls().len(), 2);
}

#[tokio::test]
async fn closing_the_stream_or_cancelling_ends_the_hold_and_not_the_intent() {
    let upstream = plain().await;
    let house = house(&upstream, "").await;
    let (mut stream, endpoint) = open(&house).await;
    post(&house, &endpoint, 5, "refund").await;
    let id = house.pending().await;
    let cancel = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 5 } });
    let headers = "content-type: application/json\r\n";
    assert_eq!(house.call("POST", &endpoint, headers, &cancel.to_string()).await.status, 202);
    house.hung_up(id).await;
    post(&house, &endpoint, 6, "refund").await;
    assert_eq!(house.pending().await, id, "the same call takes it up");
    let so_far = stream.until("\"progress\":1").await;
    assert!(!so_far.contains("isError"), "what was taken back has no answer: {so_far}");
    drop(stream);
    house.hung_up(id).await;
    house.becomes(id, "pending").await;
    assert!(upstream.calls().iter().all(|call| call.header("holdshort-permit").is_none()));
}

#[tokio::test]
async fn a_message_that_the_server_refuses_after_approval_is_an_error_in_the_stream() {
    let upstream = server("/messages?sessionId=1", Vec::new(), "404 Not Found", &Arc::new(Notify::new())).await;
    let house = house(&upstream, "").await;
    let (mut stream, endpoint) = open(&house).await;
    assert_eq!(post(&house, &endpoint, 5, "refund").await.status, 202);
    let id = house.pending().await;
    house.approve(id).await;
    let told = answer_in(&mut stream, 5).await;
    assert!(told["error"]["message"].as_str().unwrap().contains("404"), "{told}");
    house.becomes(id, "executed").await;
}
