//! Checks of what surrounds a call: sessions of MCP, keys, logs, the admin's listener.

use std::sync::Arc;

use crate::lane::Lane;
use crate::wire::{self, Reply};

async fn ask(lane: &Lane, text: &str) -> Result<Vec<Reply>, String> {
    wire::converse(lane.proxy(), &lane.fill(text.as_bytes()), false).await
}

fn expect(holds: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what()) }
}

fn post(target: &str, key: &str, headers: &str, body: &str) -> String {
    format!(
        "POST {target} HTTP/1.1\r\nHost: gate\r\nHoldshort-Key: {key}\r\nContent-Type: application/json\r\nAccept: application/json\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Opens a session as the first agent; gives its id.
async fn session(lane: &Lane, id: &str) -> Result<(), String> {
    let answer = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nmcp-session-id: {id}\r\ncontent-length: {}\r\n\r\n",
        answer.len()
    );
    lane.recorder.say(Some(format!("{head}{answer}").as_bytes()));
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"x","version":"1"}}}"#;
    let replies = ask(lane, &post("<mcp>", "<key>", "", body)).await;
    lane.recorder.say(None);
    lane.recorder.take_calls();
    let replies = replies?;
    expect(replies.first().is_some_and(|reply| reply.header("mcp-session-id") == Some(id)), || {
        format!("no session: {replies:?}")
    })
}

const LIST: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;

pub async fn a_session_is_its_agents(lane: Arc<Lane>) -> Result<usize, String> {
    session(&lane, "session-of-one").await?;
    let named = "Mcp-Session-Id: session-of-one\r\n";
    let own = ask(&lane, &post("<mcp>", "<key>", named, LIST)).await?;
    expect(own[0].status == 200 && lane.recorder.take_calls().len() == 1, || format!("its own: {own:?}"))?;
    let other = ask(&lane, &post("<mcp>", "<other>", named, LIST)).await?;
    let calls = lane.recorder.take_calls();
    let refused = other[0].json()["error"].is_object() || other[0].json()["result"]["isError"] == true;
    expect(refused && calls.is_empty(), || format!("another's: {other:?} {calls:?}"))?;
    Ok(2)
}

pub async fn streams_and_ends_of_others(lane: Arc<Lane>) -> Result<usize, String> {
    session(&lane, "stream-of-one").await?;
    for (method, headers) in [
        ("GET", "Accept: text/event-stream\r\nMcp-Session-Id: stream-of-one\r\nLast-Event-ID: 7\r\n"),
        ("DELETE", "Mcp-Session-Id: stream-of-one\r\n"),
    ] {
        let text = |key: &str| {
            format!(
                "{method} <mcp> HTTP/1.1\r\nHost: gate\r\nHoldshort-Key: {key}\r\nConnection: close\r\n{headers}\r\n"
            )
        };
        let other = ask(&lane, &text("<other>")).await?;
        let calls = lane.recorder.take_calls();
        expect(other[0].status == 403 && calls.is_empty(), || format!("{method} of another: {other:?} {calls:?}"))?;
        let own = ask(&lane, &text("<key>")).await?;
        expect(own[0].status == 200 && lane.recorder.take_calls().len() == 1, || {
            format!("{method} of its own: {own:?}")
        })?;
    }
    Ok(4)
}

pub async fn an_echoed_permit_stays_here(lane: Arc<Lane>) -> Result<usize, String> {
    lane.recorder.say(Some(
        b"HTTP/1.1 200 OK\r\nHoldshort-Permit: echoed\r\nholdshort-permit: again\r\ncontent-length: 2\r\n\r\nok",
    ));
    let replies = ask(
        &lane,
        "GET <plain>/v1/public/a HTTP/1.1\r\nHost: gate\r\nHoldshort-Key: <key>\r\nConnection: close\r\n\r\n",
    )
    .await;
    lane.recorder.say(None);
    let replies = replies?;
    expect(replies[0].status == 200 && replies[0].header("holdshort-permit").is_none(), || format!("{replies:?}"))?;
    Ok(1)
}

pub async fn keys_in_odd_places(lane: Arc<Lane>) -> Result<usize, String> {
    // No key where it counts: 401.
    let unknown = [
        "GET <plain>/v1/public/a?key=<key> HTTP/1.1\r\nHost: gate\r\n",
        "GET <plain>/v1/public/a HTTP/1.1\r\nHost: gate\r\nCookie: holdshort-key=<key>\r\n",
        "GET <plain>/v1/public/a HTTP/1.1\r\nHost: gate\r\nX-Key: <key>\r\n",
        "GET <plain>/v1/public/a HTTP/1.1\r\nHost: gate\r\nHoldshort-Key: <key>x\r\n",
        "GET <plain>/v1/public/a HTTP/1.1\r\nHost: gate\r\nHoldshort-Key: x<key>\r\n",
    ];
    for head in unknown {
        let replies = ask(&lane, &format!("{head}Connection: close\r\n\r\n")).await?;
        let calls = lane.recorder.take_calls();
        expect(replies.first().is_some_and(|reply| reply.status == 401) && calls.is_empty(), || {
            format!("{head}: {replies:?} {calls:?}")
        })?;
    }
    let refused = [
        "GET <plain>/v1/public/a HTTP/1.1\r\nHost: gate\r\nHoldshort-Key: <key>\r\nHoldshort-Key: <key>\r\n",
        "GET <plain>/v1/public/a HTTP/1.1\r\nHost: gate\r\nHoldshort-Key: <key>\r\nAuthorization: Bearer <other>\r\n",
        "GET <plain>/v1/public/a HTTP/1.1\r\nHost: gate\r\nAuthorization: Bearer <key>\r\nAuthorization: Bearer <key>\r\n",
        "GET <plain>/v1/public/a HTTP/1.1\r\nHost: gate\r\nHoldshort_Key: <key>\r\n",
    ];
    for head in refused {
        let replies = ask(&lane, &format!("{head}Connection: close\r\n\r\n")).await?;
        let calls = lane.recorder.take_calls();
        expect(replies.first().is_some_and(|reply| reply.status == 400) && calls.is_empty(), || {
            format!("{head}: {replies:?} {calls:?}")
        })?;
    }
    Ok(unknown.len() + refused.len())
}

pub async fn nothing_without_a_key(lane: Arc<Lane>) -> Result<usize, String> {
    let paths = [
        "/healthz",
        "/livez",
        "/readyz",
        "/metrics",
        "<plain>/v1/public/a",
        "<plain>/healthz",
        "/.well-known/jwks.json",
    ];
    for path in paths {
        let replies = ask(
            &lane,
            &format!("GET {path} HTTP/1.1\r\nHost: gate\r\nUser-Agent: kube-probe/1.30\r\nConnection: close\r\n\r\n"),
        )
        .await?;
        let calls = lane.recorder.take_calls();
        expect(replies.first().is_some_and(|reply| reply.status == 401) && calls.is_empty(), || {
            format!("{path}: {replies:?} {calls:?}")
        })?;
    }
    Ok(paths.len())
}

pub async fn the_admin_reads_strictly(lane: Arc<Lane>) -> Result<usize, String> {
    let admin = lane.gate.admin_address;
    let heads = [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: gzip, chunked, chunked\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: +5\r\n",
        "X : y\r\n",
        "X: a\0b\r\n",
    ];
    for head in heads {
        let text = format!(
            "POST /api/intents/decide HTTP/1.1\r\nHost: {admin}\r\nAuthorization: Bearer x\r\n{head}\r\n0\r\n\r\nGET /api/agents HTTP/1.1\r\nHost: {admin}\r\nConnection: close\r\n\r\n"
        );
        let replies = wire::converse(admin, text.as_bytes(), true).await?;
        // Whatever it makes of it, no part of it acts for anybody.
        expect(replies.iter().all(|reply| reply.status >= 400), || format!("{head}: {replies:?}"))?;
    }
    Ok(heads.len())
}

pub async fn the_key_is_in_no_log(lane: Arc<Lane>) -> Result<usize, String> {
    let log = lane.gate.log();
    let secret = lane.key.rsplit('_').next().unwrap_or_default();
    expect(!secret.is_empty() && !log.contains(secret) && !log.contains("eyJ"), || {
        "a key or a permit stands in the log".to_owned()
    })?;
    Ok(1)
}

pub async fn a_log_line_is_one_line(lane: Arc<Lane>) -> Result<usize, String> {
    let text = "GET <plain>/v1/other%C2%85%E2%80%A8x HTTP/1.1\r\nHost: gate\r\nHoldshort-Key: <key>\r\nUser-Agent: a\u{2028}b\u{85}\r\nConnection: close\r\n\r\n";
    ask(&lane, text).await?;
    let log = lane.gate.log();
    let odd = log.lines().find(|line| line.contains(['\u{2028}', '\u{85}', '\r', '\u{1b}']));
    expect(odd.is_none(), || format!("{odd:?}"))?;
    Ok(1)
}

pub async fn metrics_name_no_path(lane: Arc<Lane>) -> Result<usize, String> {
    for at in 0..3 {
        ask(
            &lane,
            &format!(
                "GET <plain>/v1/number-{at} HTTP/1.1\r\nHost: gate\r\nHoldshort-Key: <key>\r\nConnection: close\r\n\r\n"
            ),
        )
        .await?;
    }
    let (status, metrics) = lane.gate.dana().get("/metrics").await;
    let metrics = metrics.to_string();
    expect(status == 200 && metrics.contains("holdshort_") && !metrics.contains("number-"), || {
        format!("{status} {metrics}")
    })?;
    Ok(1)
}

pub async fn a_broken_file_changes_nothing(lane: Arc<Lane>) -> Result<usize, String> {
    // One at a time: all lanes share the file.
    let _alone = lane.reloading.lock().await;
    let path = lane.gate.folder.path().join("holdshort.yaml");
    let good = std::fs::read_to_string(&path).unwrap();
    let broken = [
        good.replace("unmatched: reject", "unmatched: pss"),
        good.replace("routes:", "rutes:"),
        good.replace("upstreams:\n", "upstreams: [\n"),
        String::new(),
    ];
    let mut failed = None;
    for text in &broken {
        std::fs::write(&path, text).unwrap();
        let (status, said) = lane.gate.dana().post("/api/config/reload", &serde_json::json!({})).await;
        let denied =
            ask(&lane, "GET <plain>/admin HTTP/1.1\r\nHost: gate\r\nHoldshort-Key: <key>\r\nConnection: close\r\n\r\n")
                .await?;
        let sent = ask(
            &lane,
            "GET <plain>/v1/public/a HTTP/1.1\r\nHost: gate\r\nHoldshort-Key: <key>\r\nConnection: close\r\n\r\n",
        )
        .await?;
        if (200..300).contains(&status) || denied[0].code() != "BLOCKED_BY_POLICY" || sent[0].status != 200 {
            failed = Some(format!("{status} {said}: {denied:?} {sent:?}"));
        }
    }
    std::fs::write(&path, good).unwrap();
    failed.map_or(Ok(broken.len()), Err)
}
