//! Calls that pass: streamed, with the canonical head and without a permit.

use std::sync::Arc;

use tokio::sync::Notify;

use crate::support::house;
use crate::upstream::{Step, Upstream, answer};

#[tokio::test]
async fn a_passing_call_carries_the_canonical_head_and_no_permit() {
    let upstream = Upstream::answering("fine").await;
    let house = house(&upstream).await;
    let answer = house
        .call("GET", "/api/stream/a?x=1", "x-one: 1\r\nforwarded: for=me\r\nx-forwarded-for: 9.9.9.9\r\n", "")
        .await;
    assert_eq!((answer.status, answer.text().as_str()), (200, "fine"));
    assert!(answer.header("holdshort-request").is_some());
    let call = upstream.only_call();
    assert_eq!(call.line, "GET /stream/a?x=1 HTTP/1.1");
    assert_eq!(call.header("host"), Some(upstream.address.to_string().as_str()));
    assert_eq!(call.header("x-one"), Some("1"));
    assert_eq!(call.header("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(call.header("forwarded"), None);
    assert_eq!(call.header("holdshort-permit"), None);
    assert!(!call.head().contains("hsk_"), "{}", call.head());
}

#[tokio::test]
async fn the_answer_comes_as_it_is_sent() {
    let go_on = Arc::new(Notify::new());
    let wait = go_on.clone();
    let upstream = Upstream::doing(move |_| {
        vec![
            Step::Send(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: one\n\n".to_vec()),
            Step::Wait(wait.clone()),
            Step::Send(b"data: two\n\n".to_vec()),
            Step::Close,
        ]
    })
    .await;
    let house = house(&upstream).await;
    let mut client = house.client().await;
    client.send(house.ask("GET", "/api/stream/events", "", "")).await;
    let so_far = client.until("data: one").await;
    assert!(!so_far.contains("two"));
    go_on.notify_one();
    client.until("data: two").await;
}

#[tokio::test]
async fn large_uploads_stream() {
    let upstream = Upstream::answering("got it").await;
    let house = house(&upstream).await;
    let body = "x".repeat(3 * 1024 * 1024);
    let answer = house.call("POST", "/api/stream/up", "content-type: application/octet-stream\r\n", &body).await;
    assert_eq!(answer.text(), "got it");
    assert_eq!(upstream.only_call().body.len(), body.len());
}

#[tokio::test]
async fn a_request_pipelined_behind_a_passing_one_waits_for_its_turn() {
    let upstream = Upstream::answering("fine").await;
    let house = house(&upstream).await;
    for body in ["", "hello"] {
        let both = house.ask("POST", "/api/stream/a", "", body) + &house.ask("GET", "/api/stream/b", "", "");
        let mut client = house.client().await;
        client.send(both).await;
        assert_eq!(client.answer().await.text(), "fine");
        assert_eq!(client.answer().await.text(), "fine");
    }
    let lines: Vec<_> = upstream.calls().iter().map(|call| call.line.clone()).collect();
    assert_eq!(lines, ["POST /stream/a HTTP/1.1", "GET /stream/b HTTP/1.1"].repeat(2));
}

#[tokio::test]
async fn links_lead_back_to_the_mount() {
    let upstream =
        Upstream::sending(answer("302 Found", "location: /stream/next\r\nholdshort-permit: echoed\r\n", "")).await;
    let house = house(&upstream).await;
    let answer = house.call("GET", "/api/stream/a", "", "").await;
    assert_eq!((answer.status, answer.header("location")), (302, Some("/api/stream/next")));
    assert_eq!(answer.header("holdshort-permit"), None);
}

#[tokio::test]
async fn a_connection_that_breaks_is_not_tried_again() {
    let mut upstream = Upstream::doing(|call| match call.line.contains("first") {
        true => vec![Step::Send(crate::upstream::ok("ok"))],
        false => vec![Step::Close],
    })
    .await;
    let house = house(&upstream).await;
    assert_eq!(house.call("PUT", "/api/stream/first", "", "").await.status, 200);
    // Sent on the kept connection, which breaks: an idempotent method, and still only one sending.
    let answer = house.call("PUT", "/api/stream/second", "", "").await;
    assert_eq!((answer.status, answer.code().as_str()), (504, "OUTCOME_UNKNOWN"));
    upstream.called(2).await;
    assert_eq!(upstream.calls().len(), 2);
}

#[tokio::test]
async fn an_upstream_that_is_not_there_is_said_to_be_unreachable() {
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let upstreams = format!("  api:\n    url: http://{gone}\n    at: /api\n{}", crate::support::ROUTES);
    let house = crate::support::house_of(&upstreams, "").await;
    let answer = house.call("GET", "/api/stream/a", "", "").await;
    assert_eq!((answer.status, answer.code().as_str()), (502, "UPSTREAM_UNREACHABLE"));
}

#[tokio::test]
async fn an_upgrade_is_refused_where_the_route_does_not_allow_it() {
    let upstream = Upstream::answering("ok").await;
    let house = house(&upstream).await;
    let headers = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: x\r\nsec-websocket-version: 13\r\n";
    let answer = house.call("GET", "/api/stream/ws", headers, "").await;
    assert_eq!((answer.status, answer.code().as_str()), (403, "NO_ROUTE"));
    assert!(upstream.calls().is_empty());
}
