//! Bodies and heads at their limits, over both protocol versions.

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::{Agent, holdshort, upstream};

const POST: &str = "action: act, match: POST /act, risk_tier: low";
const APPROVE: &str = "name: all, action: act, decision: auto_approve";

#[tokio::test]
async fn a_body_above_the_limit_is_413_and_nothing_is_recorded_as_sent() {
    let service = upstream().run().await;
    let gate = holdshort().before(&service).route(POST).policy(APPROVE).with("limits: { body: 64KiB }").run().await;
    let agent = gate.agent("x").await;
    let at_limit = agent.request("POST", "/up/act").body(vec![b'x'; 65_536]).send().await;
    assert_eq!(at_limit.status, 200, "{}", at_limit.text);
    let above = agent.request("POST", "/up/act").body(vec![b'x'; 65_537]).send().await;
    assert_eq!(above.status, 413);
    assert_eq!(service.calls().len(), 1);
    assert_eq!(service.calls()[0].body.len(), 65_536);
    gate.dana().sees(at_limit.header("holdshort-intent").unwrap(), "executed").await;
    assert!(gate.dana().intents("pending").await.is_empty());
    assert_eq!(gate.dana().intents("executed").await.len(), 1);
}

#[tokio::test]
async fn bodies_of_every_size_and_framing_arrive_whole() {
    let service = upstream().run().await;
    let gate = holdshort().before(&service).route(POST).policy(APPROVE).run().await;
    let agent = gate.agent("x").await;
    let sizes = [0_usize, 1, 65_535, 65_536, 65_537, 1_048_576];
    for size in sizes {
        let body: Vec<u8> = (0..size).map(|at| u8::try_from(at % 251).unwrap()).collect();
        let answer = agent.request("POST", "/up/act").body(body.clone()).send().await;
        assert_eq!(answer.status, 200, "{size}: {}", answer.text);
        assert_eq!(service.calls().last().unwrap().body, body, "{size}");
    }
    let chunked = raw(
        &agent,
        "POST /up/act HTTP/1.1\r\nhost: x\r\nholdshort-key: {key}\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
    )
    .await;
    assert!(chunked.starts_with("HTTP/1.1 200"), "{chunked}");
    assert_eq!(service.calls().last().unwrap().body, b"abcde");
}

#[tokio::test]
async fn expect_100_continue_is_answered_by_the_gate() {
    let service = upstream().run().await;
    let gate = holdshort().before(&service).route(POST).policy(APPROVE).run().await;
    let agent = gate.agent("x").await;
    let mut stream = TcpStream::connect(gate.proxy).await.unwrap();
    let head = format!(
        "POST /up/act HTTP/1.1\r\nhost: x\r\nholdshort-key: {}\r\ncontent-length: 2\r\nexpect: 100-continue\r\nconnection: close\r\n\r\n",
        agent.key
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut seen = Vec::new();
    while !seen.ends_with(b"\r\n\r\n") {
        assert_ne!(stream.read_buf(&mut seen).await.unwrap(), 0);
    }
    assert!(seen.starts_with(b"HTTP/1.1 100"), "{}", String::from_utf8_lossy(&seen));
    assert!(service.calls().is_empty());
    stream.write_all(b"{}").await.unwrap();
    let mut rest = String::new();
    stream.read_to_string(&mut rest).await.unwrap();
    assert!(rest.starts_with("HTTP/1.1 200"), "{rest}");
    assert_eq!(service.only_call().header("expect"), None);
}

#[tokio::test]
async fn what_two_parsers_could_read_differently_is_400_and_forwarded_nowhere() {
    let service = upstream().run().await;
    let gate = holdshort().before(&service).upstream_with("unmatched: pass").route(POST).policy(APPROVE).run().await;
    let agent = gate.agent("x").await;
    let key = "holdshort-key: {key}\r\nconnection: close\r\n";
    for (what, request) in [
        (
            "both lengths",
            format!(
                "POST /up/act HTTP/1.1\r\nhost: x\r\n{key}content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"
            ),
        ),
        ("two hosts", format!("GET /up/a HTTP/1.1\r\nhost: x\r\nhost: x\r\n{key}\r\n")),
        ("no host", format!("GET /up/a HTTP/1.1\r\n{key}\r\n")),
        ("dot segments", format!("GET /up/a/../b HTTP/1.1\r\nhost: x\r\n{key}\r\n")),
        ("encoded dots", format!("GET /up/%2e%2e/b HTTP/1.1\r\nhost: x\r\n{key}\r\n")),
        ("encoded slash", format!("GET /up/a%2fb HTTP/1.1\r\nhost: x\r\n{key}\r\n")),
        ("double encoding", format!("GET /up/a%252fb HTTP/1.1\r\nhost: x\r\n{key}\r\n")),
        ("backslash", format!("GET /up/a\\b HTTP/1.1\r\nhost: x\r\n{key}\r\n")),
        ("parameters", format!("GET /up/a;b=c HTTP/1.1\r\nhost: x\r\n{key}\r\n")),
        ("underscore name", format!("GET /up/a HTTP/1.1\r\nhost: x\r\nholdshort_permit: x\r\n{key}\r\n")),
        (
            "override",
            format!(
                "POST /up/act HTTP/1.1\r\nhost: x\r\nx-http-method-override: DELETE\r\n{key}content-length: 0\r\n\r\n"
            ),
        ),
        (
            "gzip, chunked",
            format!("POST /up/act HTTP/1.1\r\nhost: x\r\n{key}transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
        ),
        (
            "nominated permit",
            "GET /up/a HTTP/1.1\r\nhost: x\r\nholdshort-key: {key}\r\nconnection: close, holdshort-permit\r\n\r\n"
                .to_owned(),
        ),
    ] {
        let answer = raw(&agent, &request).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{what}: {answer}");
    }
    assert!(service.calls().is_empty(), "{:?}", service.calls());
}

#[tokio::test]
async fn an_unreachable_upstream_is_502_and_the_approved_intent_stays_approved() {
    let address = crate::harness::free_address();
    let gate = holdshort()
        .before_url(&format!("http://{address}"))
        .route("action: act, match: POST /act, risk_tier: high")
        .route("action: read, match: GET /**, risk_tier: low")
        .policy("name: reads, action: read, decision: auto_approve")
        .run()
        .await;
    let agent = gate.agent("x").await;
    let read = agent.get("/a").send().await;
    assert_eq!((read.status, read.code().as_str()), (502, "UPSTREAM_UNREACHABLE"));
    gate.dana().sees(read.json()["intent_id"].as_str().unwrap(), "failed").await;

    let call = agent.post("/act", &json!({ "n": 1 })).start();
    let waiting = gate.dana().next_pending().await;
    waiting.approve().await;
    let answer = call.answer().await;
    assert_eq!((answer.status, answer.code().as_str()), (502, "UPSTREAM_UNREACHABLE"));
    assert_eq!(gate.dana().intent(waiting.id()).await["status"], "approved");

    // It comes back: the same call is sent, by the approval that was given.
    let service = upstream().run_at(address).await;
    assert_eq!(agent.post("/act", &json!({ "n": 1 })).send().await.status, 200);
    service.only_call();
    gate.verify_audit().await;
}

async fn raw(agent: &Agent, request: &str) -> String {
    let mut stream = TcpStream::connect(agent.proxy).await.unwrap();
    stream.write_all(request.replace("{key}", &agent.key).as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}
