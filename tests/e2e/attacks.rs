//! An agent that was taken over: it has a key, and writes its own bytes. Every case goes to an upstream
//! that rejects what no route names and to one that passes it, because a bypass shows only on the second.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::{Agent, Gate, Upstream, eventually, holdshort, upstream};

const REFUND: &str = "action: refund, match: \"POST /v1/refunds/{id}\", risk_tier: high, params: { amount: { from: /amount, type: integer } }";
const ADMIN: &str = "action: admin, match: /admin/**, risk_tier: critical";
const NO_ADMIN: &str = "name: no admin, action: admin, decision: auto_deny, message: \"Not executed: never.\"";

struct Attack {
    gate: Gate,
    agent: Agent,
    service: Upstream,
}

impl Attack {
    async fn on(keys: &str) -> Attack {
        let service = upstream().run().await;
        let gate = holdshort()
            .before(&service)
            .upstream_with(keys)
            .route(REFUND)
            .route(ADMIN)
            .policy(NO_ADMIN)
            .with("hold: { timeout: 500ms }")
            .run()
            .await;
        let agent = gate.agent("evil").await;
        Attack { gate, agent, service }
    }

    /// A head with the key, `line` being the request line without its end.
    fn head(&self, line: &str, headers: &str) -> Vec<u8> {
        format!("{line}\r\nHost: gate\r\nHoldshort-Key: {}\r\n{headers}\r\n", self.agent.key).into_bytes()
    }

    async fn send(&self, bytes: &[u8]) -> String {
        exchange(self.gate.proxy, bytes).await
    }

    /// What the upstream was asked for.
    fn forwarded(&self) -> Vec<String> {
        self.service.calls().iter().map(|call| format!("{} {}", call.method, call.target)).collect()
    }
}

/// Writes, ends its side, and reads what comes until the gate closes.
async fn exchange(proxy: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(proxy).await.unwrap();
    // The gate may close before it has read all.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let read = async {
        let mut part = [0; 4096];
        while let Ok(count @ 1..) = stream.read(&mut part).await {
            answer.extend_from_slice(&part[..count]);
        }
    };
    // A connection that is kept open says nothing more.
    let _ = tokio::time::timeout(Duration::from_secs(2), read).await;
    String::from_utf8_lossy(&answer).into_owned()
}

fn statuses(answer: &str) -> Vec<&str> {
    answer.split("HTTP/1.1 ").skip(1).filter_map(|rest| rest.get(..3)).collect()
}

const BOTH: [&str; 2] = ["unmatched: reject", "unmatched: pass"];

#[tokio::test]
async fn spellings_of_a_protected_path_reach_nothing() {
    for keys in BOTH {
        let attack = Attack::on(keys).await;
        for path in [
            "/v1/public/../../admin/keys",
            "/v1/public/%2e%2e/%2e%2e/admin/keys",
            "/v1/public/.%2E/admin",
            "/v1/public%2f..%2fadmin",
            "/v1/public\\..\\admin",
            "/v1/public%5c..%5cadmin",
            "/%252e%252e/admin",
            "/v1%252fadmin",
            "/v1/public/..;/admin",
            "/v1/public;x/admin",
            "//admin/keys",
            "/v1//admin",
            "/admin/keys",
            "/admin/",
            "/admin",
            "/%61dmin/keys",
            "/admin%00.json",
            "/admin/keys%0a",
            "/admin/keys%0d%0aX:%20y",
            "/admin%3fx",
            "/admin%23x",
            "/admin/keys#/../v1/public",
            "/admin/%c0%ae",
            "/admin/%ff",
            "/admin/%",
            "/../../admin",
        ] {
            for method in ["GET", "POST", "DELETE", "HEAD", "OPTIONS", "PURGE"] {
                let bytes =
                    attack.head(&format!("{method} /up{path} HTTP/1.1"), "Connection: close\r\nContent-Length: 0\r\n");
                let answer = attack.send(&bytes).await;
                assert!(matches!(statuses(&answer)[..], ["400" | "403"]), "{keys}: {method} {path}: {answer}");
            }
        }
        assert_eq!(attack.forwarded(), Vec::<String>::new(), "{keys}");
    }
}

#[tokio::test]
async fn heads_that_two_parsers_could_read_differently_reach_nothing_and_end_the_connection() {
    for keys in BOTH {
        let attack = Attack::on(keys).await;
        let marker = attack.head("GET /up/marker HTTP/1.1", "Connection: close\r\n");
        let line = "POST /up/v1/x HTTP/1.1";
        let mut cases: Vec<Vec<u8>> = [
            "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n",
            "Transfer-Encoding: gzip, chunked\r\n",
            "Transfer-Encoding: chunked, chunked\r\n",
            "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: xchunked\r\n",
            "Transfer-Encoding: chunked;a=b\r\n",
            "Content-Length: 1\r\nContent-Length: 1\r\n",
            "Content-Length: 1, 1\r\n",
            "Content-Length: +1\r\n",
            "Content-Length: 0x1\r\n",
            "Content-Length: -1\r\n",
            "Host: gate\r\n",
            "Host: other\r\n",
            "Holdshort_Permit: x\r\n",
            "Holdshort.Permit: x\r\n",
            "Holdshort-Permit : x\r\n",
            "Connection: Holdshort-Permit\r\n",
            "Connection: Authorization\r\n",
            "X_Forwarded_For: 1\r\n",
            " folded: x\r\n",
            "A: b\r\n c\r\n",
            "A: b\rC: d\r\n",
            ": x\r\n",
            "A(: x\r\n",
            "Authorization: a\r\nAuthorization: b\r\n",
            "Idempotency-Key: a\r\nIdempotency-Key: b\r\n",
            "X-HTTP-Method-Override: DELETE\r\n",
            "Expect: 100-continue\r\nExpect: x\r\n",
        ]
        .into_iter()
        .map(|headers| attack.head(line, headers))
        .collect();
        for line in [
            "GET /up/v1/x#y HTTP/1.1",
            "GET * HTTP/1.1",
            "OPTIONS * HTTP/1.1",
            "GET http://other/up/v1/x HTTP/1.1",
            "GET /up/v1/x HTTP/1.2",
            "GET /up/v1/x HTTP/2.0",
            "GET /up/v1/x http/1.1",
            "GET /up/v1/x",
            "get /up/v1/x HTTP/1.1",
            "GET  /up/v1/x HTTP/1.1",
            "CONNECT /up/v1/x HTTP/1.1",
            "TRACE /up/v1/x HTTP/1.1",
        ] {
            cases.push(attack.head(line, ""));
        }
        for bytes in cases {
            let shown = String::from_utf8_lossy(&bytes).into_owned();
            let answer = attack.send(&[bytes, b"0\r\n\r\n".to_vec(), marker.clone()].concat()).await;
            assert!(matches!(statuses(&answer)[..], ["400" | "405" | "417"]), "{keys}: {shown}{answer}");
            assert_eq!(attack.forwarded(), Vec::<String>::new(), "{keys}: {shown}");
        }
    }
}

#[tokio::test]
async fn an_absolute_target_that_disagrees_with_host_is_told_so_and_a_refused_head_gets_no_body() {
    let attack = Attack::on("unmatched: pass").await;
    for target in ["http://other/up/v1/x", "http://gate:81/up/v1/x", "HTTP://GATE/up/v1/x", "https://x@gate/up/v1/x"] {
        let answer = attack.send(&attack.head(&format!("GET {target} HTTP/1.1"), "")).await;
        assert!(answer.starts_with("HTTP/1.1 400 Not executed"), "{target}: {answer}");
        assert!(answer.contains("(request target)") && answer.contains("BAD_REQUEST"), "{target}: {answer}");
    }
    for line in ["HEAD /up/v1\t/x HTTP/1.1", "HEAD http://other/up/v1/x HTTP/1.1"] {
        let answer = attack.send(&attack.head(line, "")).await;
        assert!(answer.starts_with("HTTP/1.1 400 Not executed"), "{line}: {answer}");
        assert!(answer.ends_with("\r\n\r\n"), "{line} got a body: {answer}");
    }
    assert!(attack.service.calls().is_empty());
    let agreed = attack.send(&attack.head("GET http://gate/up/v1/x HTTP/1.1", "Connection: close\r\n")).await;
    assert!(agreed.starts_with("HTTP/1.1 200"), "{agreed}");
    assert_eq!(attack.service.only_call().target, "/v1/x");
}

#[tokio::test]
async fn bodies_whose_framing_is_broken_end_the_connection() {
    for keys in BOTH {
        let attack = Attack::on(keys).await;
        let marker = attack.head("GET /up/marker HTTP/1.1", "Connection: close\r\n");
        let chunked = "Transfer-Encoding: chunked\r\nContent-Type: application/json\r\n";
        for body in [
            "0xc\r\n{\"amount\":1}\r\n0\r\n\r\n",
            "+c\r\n{\"amount\":1}\r\n0\r\n\r\n",
            "-c\r\n{\"amount\":1}\r\n0\r\n\r\n",
            "fffffffffffffffff\r\n{\"amount\":1}\r\n0\r\n\r\n",
            "c\n{\"amount\":1}\r\n0\r\n\r\n",
            "c\r\n{\"amount\":1}0\r\n\r\n",
            "c\r\n{\"amount\":1}\n0\r\n\r\n",
        ] {
            let head = attack.head("POST /up/v1/refunds/7 HTTP/1.1", chunked);
            let answer = attack.send(&[head, body.into(), marker.clone()].concat()).await;
            assert_eq!(statuses(&answer), ["400"], "{keys}: {body}: {answer}");
            assert!(answer.contains("onnection: close"), "{keys}: {body}: {answer}");
        }
        assert_eq!(attack.forwarded(), Vec::<String>::new(), "{keys}");
        assert!(attack.gate.dana().intents("pending").await.is_empty());
    }
}

#[tokio::test]
async fn json_that_two_parsers_could_read_differently_reaches_nothing() {
    let deep = "[".repeat(100_000);
    for keys in BOTH {
        let attack = Attack::on(keys).await;
        for body in [
            r#"{"amount":1,"amount":9999}"#,
            r#"{"amount":1,"am\u006funt":9999}"#,
            r#"{"amount":1,"Amount":9999}"#,
            r#"{"AMOUNT":9999}"#,
            r#"{"amount":1,"u":[{"r":1,"r":2}]}"#,
            r#"{"amount":1}{"amount":9999}"#,
            r#"{"amount":NaN}"#,
            r#"{'amount':1}"#,
            r#"{"amount":1,}"#,
            r#"{"amount":/**/1}"#,
            r#"{"amount":01}"#,
            r#"{"amount":1,"x":"\ud800"}"#,
            "{\"amount\":1,\"x\":\"\n\"}",
            "\u{feff}{\"amount\":1}",
            "{\"amount\":1}\0",
            &deep,
        ] {
            let headers =
                format!("Connection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n", body.len());
            let head = attack.head("POST /up/v1/refunds/7 HTTP/1.1", &headers);
            let answer = attack.send(&[head, body.into()].concat()).await;
            let shown: String = body.chars().take(40).collect();
            assert_eq!(statuses(&answer), ["400"], "{keys}: {shown}: {answer}");
        }
        for kind in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "application/json; charset=utf-16",
            "application/merge-patch+json",
        ] {
            let headers = format!("Connection: close\r\nContent-Type: {kind}\r\nContent-Length: 12\r\n");
            let head = attack.head("POST /up/v1/refunds/7 HTTP/1.1", &headers);
            let answer = attack.send(&[head, b"{\"amount\":1}".to_vec()].concat()).await;
            assert_eq!(statuses(&answer), ["415"], "{keys}: {kind}: {answer}");
        }
        assert_eq!(attack.forwarded(), Vec::<String>::new(), "{keys}");
    }
}

#[tokio::test]
async fn what_is_pipelined_behind_a_held_call_is_decided_on_its_own() {
    let attack = Attack::on("unmatched: pass").await;
    let body = "{\"amount\":900}";
    let headers = format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
    let held = attack.head("POST /up/v1/refunds/7 HTTP/1.1", &headers);
    let denied = attack.head("POST /up/admin/keys HTTP/1.1", "Content-Length: 0\r\nConnection: close\r\n");
    let answer = attack.send(&[held, body.into(), denied].concat()).await;
    assert_eq!(statuses(&answer), ["403", "403"], "{answer}");
    assert!(answer.contains("APPROVAL_PENDING") && answer.contains("BLOCKED_BY_POLICY"), "{answer}");
    assert_eq!(attack.forwarded(), Vec::<String>::new());
}

#[tokio::test]
async fn an_agent_that_hangs_up_and_asks_again_cannot_flood_the_approvers() {
    let service = upstream().run().await;
    let gate = holdshort().before(&service).route(REFUND).with("limits: { per_agent: { held: 3 } }").run().await;
    let agent = gate.agent("evil").await;
    for id in 0..3 {
        let call = agent.post(&format!("/v1/refunds/{id}"), &serde_json::json!({ "amount": 900 })).start();
        eventually("the call to be held", || async {
            let count = gate.dana().intents("pending").await.len();
            if count == id + 1 { Ok(()) } else { Err(format!("{count} are pending")) }
        })
        .await;
        call.hang_up().await;
    }
    let more = agent.post("/v1/refunds/9", &serde_json::json!({ "amount": 900 })).send().await;
    assert_eq!((more.status, more.code().as_str()), (429, "LIMITED"));
    assert_eq!(gate.dana().intents("pending").await.len(), 3);
    // Another agent is not in the way of the first.
    let other = gate.agent("good").await.post("/v1/refunds/9", &serde_json::json!({ "amount": 900 })).start();
    eventually("the other agent's call", || async {
        let count = gate.dana().intents("pending").await.len();
        if count == 4 { Ok(()) } else { Err(format!("{count} are pending")) }
    })
    .await;
    other.hang_up().await;
    assert!(service.calls().is_empty());
}

#[tokio::test]
async fn an_mcp_server_takes_its_protocol_at_its_endpoint_only() {
    let service = upstream().run().await;
    let gate = holdshort()
        .before(&service)
        .upstream_with("protocol: mcp")
        .route("action: refund, match: { mcp: { tool: refund } }, risk_tier: high")
        .route("action: admin, match: DELETE /files/**, risk_tier: critical")
        .policy(NO_ADMIN)
        .run()
        .await;
    let agent = gate.agent("evil").await;
    let deleted = agent.delete("/files/1").header("mcp-session-id", "x").send().await;
    assert_eq!((deleted.status, deleted.code().as_str()), (403, "BLOCKED_BY_POLICY"));
    assert_eq!(agent.delete("/db/1").header("mcp-session-id", "x").send().await.code(), "NO_ROUTE");
    assert_eq!(agent.get("/api/secret").header("accept", "text/event-stream").send().await.code(), "NO_ROUTE");
    let ping = serde_json::json!({ "jsonrpc": "2.0", "id": 1, "method": "ping", "amount": 9999 });
    let refused = agent.post("/api/refund", &ping).send().await;
    assert!(refused.text.contains("Not executed"), "{refused:?}");
    assert!(service.calls().is_empty(), "{:?}", service.calls());
    assert_eq!(agent.post("", &ping).send().await.status, 200);
    service.only_call();
}
