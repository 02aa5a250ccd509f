//! Clients of 2025-11-25 that ask for the rest of a stream which is closed on them (SEP-1699).

use serde_json::{Value, json};

use crate::client::Client;
use crate::mcp::{events, server};
use crate::support::{House, house_of};
use crate::upstream::Upstream;

async fn house(upstream: &Upstream) -> House {
    let upstreams = format!(
        "  tools:\n    url: {}\n    at: /mcp\n    protocol: mcp\n    routes:\n      - {{ action: hold_it, match: {{ mcp: {{ tool: refund }} }}, risk_tier: high }}\n",
        upstream.url()
    );
    house_of(&upstreams, "").await
}

/// The Python SDK, whose connections do not live long.
const PYTHON: &str = "user-agent: python-httpx2/2.16.2\r\nx-stainless-read-timeout: 0.7\r\nmcp-protocol-version: 2025-11-25\r\nmcp-session-id: s-1\r\n";

async fn call(house: &House, id: u32) -> (Client, String) {
    let body =
        json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": { "name": "refund", "arguments": {} } });
    let headers = format!("content-type: application/json\r\naccept: application/json, text/event-stream\r\n{PYTHON}");
    let mut client = house.client().await;
    client.send(house.ask("POST", "/mcp", &headers, &body.to_string())).await;
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/event-stream")));
    let event = event_id(&answer.text());
    (client, event)
}

/// Of the event that closes the stream, which says nothing else.
fn event_id(stream: &str) -> String {
    assert!(events_of(stream).is_empty(), "{stream}");
    assert!(stream.contains("\nretry: 1000\ndata:\n\n"), "{stream}");
    let id = stream.lines().find_map(|line| line.strip_prefix("id: ")).unwrap_or_else(|| panic!("no id: {stream}"));
    id.to_owned()
}

fn events_of(stream: &str) -> Vec<Value> {
    events(&stream.replace("data:\n", "\n"))
}

fn poll(house: &House, event: &str) -> String {
    house.ask("GET", "/mcp", &format!("accept: text/event-stream\r\nlast-event-id: {event}\r\n{PYTHON}"), "")
}

#[tokio::test]
async fn the_answer_comes_in_the_stream_that_the_client_asks_for() {
    let upstream = server().await;
    let house = house(&upstream).await;
    let (mut client, event) = call(&house, 7).await;
    let id = house.pending().await;
    client.send(poll(&house, &event)).await;
    let answer = client.answer().await;
    let event = event_id(&answer.text());
    assert!(house.gate.intent(id).await.unwrap().unwrap().caller.connected, "between two polls too");
    client.send(poll(&house, &event)).await;
    client.until(": held").await;
    house.approve(id).await;
    let answer = client.answer().await;
    let said = events_of(&answer.text());
    assert_eq!((&said[0]["id"], &said[0]["result"]["content"][0]["text"]), (&json!(7), &json!("did it")));
    upstream.only_call();
    assert!(house.becomes(id, "executed").await.outcome.unwrap().delivered);
}

#[tokio::test]
async fn what_is_decided_between_two_polls_is_told_at_the_next() {
    let upstream = server().await;
    let house = house(&upstream).await;
    let (mut client, event) = call(&house, 1).await;
    let id = house.pending().await;
    house.approve(id).await;
    house.becomes(id, "approved").await;
    assert!(upstream.calls().is_empty());
    let answer = client.request(poll(&house, &event)).await;
    assert_eq!(events_of(&answer.text())[0]["result"]["content"][0]["text"], "did it");
    upstream.only_call();
    house.becomes(id, "executed").await;

    let (mut client, event) = call(&house, 2).await;
    let id = house.pending().await;
    house.verdict(id, gate::Verdict::Deny, Some("not again")).await;
    let answer = client.request(poll(&house, &event)).await;
    let said = events_of(&answer.text());
    assert_eq!((&said[0]["id"], &said[0]["result"]["isError"]), (&json!(2), &json!(true)));
    assert!(said[0]["result"]["content"][0]["text"].as_str().unwrap().contains("not again"));
    assert_eq!(upstream.calls().len(), 1);
}

#[tokio::test]
async fn a_poll_that_breaks_off_can_be_taken_up_again() {
    let upstream = server().await;
    let house = house(&upstream).await;
    let (_, event) = call(&house, 1).await;
    let id = house.pending().await;
    let mut broken = house.client().await;
    broken.send(poll(&house, &event)).await;
    broken.until(": held").await;
    drop(broken);
    // Until the gate has noticed, the call is waited for on the connection that broke.
    let event = loop {
        let answer = house.client().await.request(poll(&house, &event)).await;
        if !answer.text().contains("not waited for") {
            break event_id(&answer.text());
        }
    };
    assert!(house.gate.intent(id).await.unwrap().unwrap().caller.connected);
    house.approve(id).await;
    let answer = house.client().await.request(poll(&house, &event)).await;
    assert_eq!(events_of(&answer.text())[0]["result"]["content"][0]["text"], "did it");
    upstream.only_call();
}

#[tokio::test]
async fn the_streams_of_others_are_not_theirs_to_ask_for() {
    let upstream = server().await;
    let house = house(&upstream).await;
    let (mut client, event) = call(&house, 1).await;
    let id = house.pending().await;
    let foreign = house.another_agent("kofi").await;
    let (start, seal) = event.rsplit_once('.').unwrap();
    let forged = format!("{start}.{}", seal.chars().rev().collect::<String>());
    for request in [poll(&house, &event).replace(house.key.expose(), foreign.expose()), poll(&house, &forged)] {
        let answer = house.client().await.request(request).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "BAD_REQUEST"));
    }
    // It is still there for whom it is.
    client.send(poll(&house, &event)).await;
    client.until(": held").await;
    house.verdict(id, gate::Verdict::Deny, None).await;
    assert_eq!(events_of(&client.answer().await.text())[0]["result"]["isError"], true);
    // And nothing is left to ask for afterwards.
    let answer = client.request(poll(&house, &event)).await;
    let said = events_of(&answer.text());
    assert_eq!((&said[0]["id"], &said[0]["result"]["isError"]), (&json!(1), &json!(true)));
    assert!(upstream.calls().is_empty(), "the server knows nothing of such events");
}
