//! Clients of 2026-07-28 are kept past their timers: they are sent back with a sealed state and call again.

use std::sync::Arc;
use std::time::Duration;

use gate::{Clock, ManualClock, Timestamp, Verdict};
use serde_json::{Value, json};

use crate::client::Answer;
use crate::mcp::{events, server};
use crate::support::{House, house_at, house_of};
use crate::upstream::Upstream;

fn upstreams(upstream: &Upstream) -> String {
    format!(
        "  tools:\n    url: {}\n    at: /mcp\n    protocol: mcp\n    routes:\n      - {{ action: hold_it, match: {{ mcp: {{ tool: refund }} }}, risk_tier: high }}\n",
        upstream.url()
    )
}

async fn house(upstream: &Upstream) -> House {
    house_of(&upstreams(upstream), "").await
}

/// The TypeScript SDK, that gives up soon.
const NODE: &str = "user-agent: node\r\nx-stainless-read-timeout: 0.7\r\n";

fn call(house: &House, id: u32, params: &Value, headers: &str) -> String {
    let body = json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params });
    let headers = format!(
        "content-type: application/json\r\naccept: application/json, text/event-stream\r\nmcp-protocol-version: 2026-07-28\r\nmcp-method: tools/call\r\nmcp-name: refund\r\n{headers}"
    );
    house.ask("POST", "/mcp", &headers, &body.to_string())
}

fn params(state: Option<&str>) -> Value {
    let mut params = json!({ "name": "refund", "arguments": { "n": 1 }, "_meta": { "x": 1 } });
    if let Some(state) = state {
        params["requestState"] = state.into();
    }
    params
}

fn message(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text());
    if answer.header("content-type") == Some("text/event-stream") {
        events(&answer.text()).remove(0)
    } else {
        answer.json()
    }
}

/// The state of a result that asks the client to call again.
fn state(message: &Value) -> String {
    assert_eq!(message["result"]["resultType"], "input_required", "{message}");
    assert_eq!(message["result"].get("inputRequests"), None);
    message["result"]["requestState"].as_str().unwrap().to_owned()
}

async fn sent_back(house: &House, id: u32) -> String {
    let answer = house.client().await.request(call(house, id, &params(None), NODE)).await;
    let message = message(&answer);
    assert_eq!(message["id"], id);
    state(&message)
}

#[tokio::test]
async fn a_client_that_comes_back_with_its_state_waits_on_and_is_answered_once() {
    let upstream = server().await;
    let house = house(&upstream).await;
    let first = sent_back(&house, 1).await;
    let mut client = house.client().await;
    client.send(call(&house, 2, &params(Some(&first)), NODE)).await;
    let again = message(&client.answer().await);
    assert_eq!(again["id"], 2);
    let second = state(&again);
    assert_ne!(first, second);
    client.send(call(&house, 3, &params(Some(&second)), "user-agent: node\r\n")).await;
    let id = house.pending().await;
    house.approve(id).await;
    let answer = message(&client.answer().await);
    assert_eq!((&answer["id"], &answer["result"]["content"][0]["text"]), (&json!(3), &json!("did it")));
    let sent = upstream.only_call();
    let body: Value = serde_json::from_slice(&sent.body).unwrap();
    assert_eq!(body["params"], params(None), "the gate's own state is not the server's business");
    assert_eq!(house.intents().await, 1);
}

#[tokio::test]
async fn what_was_approved_between_two_rounds_is_sent_when_the_client_is_back() {
    let upstream = server().await;
    let house = house(&upstream).await;
    let state = sent_back(&house, 1).await;
    let id = house.gate.intents(&gate::IntentFilter::default()).await.unwrap().items[0].id;
    house.hung_up(id).await;
    house.approve(id).await;
    assert!(upstream.calls().is_empty(), "nobody is there to get the answer");
    let answer = house.client().await.request(call(&house, 2, &params(Some(&state)), NODE)).await;
    assert_eq!(message(&answer)["result"]["content"][0]["text"], "did it");
    assert_eq!(upstream.calls().len(), 1);
}

#[tokio::test]
async fn who_comes_back_hears_how_it_ended_and_opens_nothing_anew() {
    let upstream = server().await;
    for (verdict, code) in [(Some(Verdict::Deny), "denied"), (None, "cancelled")] {
        let house = house(&upstream).await;
        let state = sent_back(&house, 1).await;
        let id = house.gate.intents(&gate::IntentFilter::default()).await.unwrap().items[0].id;
        match verdict {
            Some(verdict) => house.verdict(id, verdict, Some("no")).await,
            None => drop(house.gate.cancel(id, &house.admin, None).await.unwrap()),
        }
        let answer = house.client().await.request(call(&house, 2, &params(Some(&state)), NODE)).await;
        let answer = message(&answer);
        assert_eq!(answer["result"]["isError"], true, "{answer}");
        assert_eq!(answer["result"]["_meta"]["holdshort/refusal"]["status"], code, "{answer}");
        assert_eq!(answer["result"]["resultType"], "complete");
        assert_eq!(house.intents().await, 1);
    }
    assert!(upstream.calls().is_empty());
}

#[tokio::test]
async fn a_client_is_sent_back_nine_times_at_most() {
    let upstream = server().await;
    let house = house(&upstream).await;
    let mut back = sent_back(&house, 0).await;
    for round in 1..9 {
        let answer = house.client().await.request(call(&house, round, &params(Some(&back)), NODE)).await;
        back = state(&message(&answer));
    }
    let answer = house.client().await.request(call(&house, 9, &params(Some(&back)), NODE)).await;
    let last = message(&answer);
    assert_eq!(last["result"]["_meta"]["holdshort/refusal"]["status"], "approval_pending", "{last}");
    assert_eq!(house.intents().await, 1);
}

#[tokio::test]
async fn a_state_that_is_forged_foreign_or_of_another_call_is_refused() {
    let upstream = server().await;
    let house = house(&upstream).await;
    let state = sent_back(&house, 1).await;
    let (start, seal) = state.rsplit_once('.').unwrap();
    let mut turned = seal.to_owned().into_bytes();
    turned[3] = if turned[3] == b'A' { b'B' } else { b'A' };
    let forged = format!("{start}.{}", String::from_utf8(turned).unwrap());
    let cut = format!("{start}.");
    let mut other = params(Some(&state));
    other["arguments"]["n"] = json!(2);
    let foreign = house.another_agent("kofi").await;
    for (what, request) in [
        ("one character turned", call(&house, 2, &params(Some(&forged)), NODE)),
        ("without its seal", call(&house, 2, &params(Some(&cut)), NODE)),
        ("with other arguments", call(&house, 2, &other, NODE)),
        (
            "of another agent",
            call(&house, 2, &params(Some(&state)), NODE).replace(house.key.expose(), foreign.expose()),
        ),
    ] {
        let answer = house.client().await.request(request).await;
        let answer = message(&answer);
        assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!(2), &json!(-32602)), "{what}: {answer}");
        assert!(answer["error"]["message"].as_str().unwrap().contains("without it"), "{answer}");
    }
    assert_eq!(house.intents().await, 1);
    assert!(upstream.calls().is_empty());
}

#[tokio::test]
async fn an_old_state_is_refused() {
    let upstream = server().await;
    let clock = Arc::new(ManualClock::at(Timestamp(1_700_000_000_000_000)));
    let house = house_at(clock.clone() as Arc<dyn Clock>, &upstreams(&upstream)).await;
    let state = sent_back(&house, 1).await;
    clock.advance(Duration::from_secs(121));
    let answer = house.client().await.request(call(&house, 2, &params(Some(&state)), NODE)).await;
    assert!(message(&answer)["error"]["message"].as_str().unwrap().contains("too old"), "{}", answer.text());
}

#[tokio::test]
async fn a_state_of_the_servers_own_is_the_servers() {
    let upstream = server().await;
    let house = house(&upstream).await;
    let mut client = house.client().await;
    client.send(call(&house, 1, &params(Some("mine")), NODE)).await;
    house.approve(house.pending().await).await;
    client.answer().await;
    let body: Value = serde_json::from_slice(&upstream.only_call().body).unwrap();
    assert_eq!(body["params"]["requestState"], "mine");
}

#[tokio::test]
async fn who_takes_no_stream_is_sent_back_in_json_and_who_is_not_known_is_not() {
    let upstream = server().await;
    let house = house(&upstream).await;
    let plain = call(&house, 1, &params(None), NODE).replace("application/json, text/event-stream", "application/json");
    let answer = house.client().await.request(plain).await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    state(&message(&answer));
    // Neither a client that the table does not know, nor one of an earlier revision.
    let unknown = NODE.replace("node", "mystery/1");
    let earlier = call(&house, 3, &params(None), NODE).replace("2026-07-28", "2025-11-25");
    for request in [call(&house, 2, &params(None), &unknown), earlier] {
        let answer = house.client().await.request(request).await;
        let answer = message(&answer);
        assert_eq!(answer["result"]["isError"], true, "{answer}");
        assert!(answer["result"]["content"][0]["text"].as_str().unwrap().contains("Send the same call again"));
    }
}
