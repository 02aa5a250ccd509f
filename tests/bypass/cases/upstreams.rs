//! Checks for which a connection has to be led step by step, or the service behind has to misbehave.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::frames::{Frames, Heard, frame};
use crate::lane::Lane;
use crate::variants::ask;
use crate::wire;

/// Sends an upgrade and, right behind it, a request that would be denied.
async fn upgrade(lane: &Lane, path: &str, headers: &str) -> Result<(), String> {
    let bytes = format!(
        "GET <plain>{path} HTTP/1.1\r\nHost: gate\r\nHoldshort-Key: <key>\r\n{headers}\r\nGET <plain>/admin HTTP/1.1\r\nHost: gate\r\nHoldshort-Key: <key>\r\nConnection: close\r\n\r\n"
    );
    let replies = wire::converse(lane.proxy(), &lane.fill(bytes.as_bytes()), false).await?;
    let calls = lane.recorder.take_calls();
    let refused = replies.first().is_some_and(|reply| matches!(reply.status, 400 | 403 | 426));
    let behind = replies.get(1).is_none_or(|reply| reply.code() == "BLOCKED_BY_POLICY");
    if refused && behind && calls.is_empty() { Ok(()) } else { Err(format!("{path} {headers}: {replies:?} {calls:?}")) }
}

pub async fn an_upgrade_opens_no_tunnel(lane: Arc<Lane>) -> Result<usize, String> {
    let headers = [
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
        "Upgrade: WebSocket\r\nConnection: keep-alive, upgrade\r\n",
        "Upgrade: anything\r\nConnection: Upgrade\r\n",
        "Upgrade: TLS/1.0, HTTP/1.1\r\nConnection: Upgrade\r\n",
        "Upgrade: h2c, websocket\r\nConnection: Upgrade\r\n",
    ];
    for header in headers {
        for path in ["/other", "/v1/public/a", "/v1/x"] {
            upgrade(&lane, path, header).await?;
        }
    }
    Ok(headers.len() * 3)
}

pub async fn an_upgrade_is_one_without_connection(lane: Arc<Lane>) -> Result<usize, String> {
    let headers = [
        "Upgrade: websocket\r\n",
        "Upgrade: websocket\r\nConnection: keep-alive\r\n",
        "upgrade: x\r\nConnection: close\r\n",
    ];
    for header in headers {
        for path in ["/other", "/v1/public/a"] {
            upgrade(&lane, path, header).await?;
        }
    }
    Ok(headers.len() * 2)
}

/// A service whose first answer on a connection carries a second one behind it, or cannot be framed.
pub async fn double_answers_reach_nobody_else(lane: Arc<Lane>) -> Result<usize, String> {
    let answers = [
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nfirstHTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nsmuggled",
        "HTTP/1.1 200 OK\r\ncontent-length: +5\r\n\r\nfirst",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 8\r\n\r\nsmuggled",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n0\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nsmuggled",
        "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nsmuggled",
        "HTTP/1.1 304 Not Modified\r\ncontent-length: 8\r\n\r\nsmuggled",
    ];
    for answer in answers {
        for path in ["/v1/public/a", "/other"] {
            lane.recorder.say(Some(answer.as_bytes()));
            let crate::case::Wire::One(first) = ask("GET", format!("<plain>{path}")).one("HTTP/1.1", false, true)
            else {
                unreachable!()
            };
            let close = format!(
                "GET <plain>{path} HTTP/1.1\r\nHost: gate\r\nHoldshort-Key: <key>\r\nConnection: close\r\n\r\n"
            );
            let said = talk(&lane, &lane.fill(&first), &lane.fill(close.as_bytes())).await;
            lane.recorder.say(None);
            lane.recorder.take_calls();
            // Another caller gets an answer of its own.
            let other = wire::converse(lane.proxy(), &lane.fill(close.as_bytes()), false).await?;
            lane.recorder.take_calls();
            let whole = String::from_utf8_lossy(&said);
            let others = other.iter().any(|reply| {
                ["smuggled", "first"].iter().any(|text| String::from_utf8_lossy(&reply.body).contains(text))
            });
            let surplus = whole.matches("smuggled").count() > 0 && whole.contains("first");
            if others || surplus {
                return Err(format!("{path} {answer:?}: {whole} and another: {other:?}"));
            }
        }
    }
    Ok(answers.len() * 2)
}

/// Writes both, and reads to the end or until nothing comes.
async fn talk(lane: &Lane, first: &[u8], second: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(lane.proxy()).await.unwrap();
    let _ = stream.write_all(first).await;
    let _ = stream.write_all(second).await;
    let mut said = Vec::new();
    let _ =
        tokio::time::timeout(Duration::from_secs(5), async { while let Ok(1..) = stream.read_buf(&mut said).await {} })
            .await;
    said
}

pub async fn floods_of_streams_end(lane: Arc<Lane>) -> Result<usize, String> {
    // Opened and reset.
    let mut frames = Frames::open(lane.proxy()).await;
    let crate::case::Wire::Two { fields, .. } = ask("GET", "<plain>/v1/public/a").two() else { unreachable!() };
    let fields: Vec<_> = fields.iter().map(|(name, value)| (lane.fill(name), lane.fill(value))).collect();
    for _ in 0..3_000 {
        let stream = frames.send(&fields, None).await;
        frames.reset(stream).await;
    }
    drop(frames);
    // Headers without end.
    let mut stream = TcpStream::connect(lane.proxy()).await.unwrap();
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend(frame(4, 0, 0, &[]));
    bytes.extend(frame(1, 1, 1, &[0x82, 0x86]));
    let mut sent = stream.write_all(&bytes).await;
    let more = frame(9, 0, 1, &[[0, 1, b'x', 1, b'y'].as_slice(); 3_000].concat());
    for _ in 0..2_000 {
        if sent.is_err() {
            break;
        }
        sent = stream.write_all(&more).await;
    }
    if sent.is_ok() {
        return Err("30 MB of headers were taken".to_owned());
    }
    // Whoever comes after it is served.
    let mut frames = Frames::open(lane.proxy()).await;
    let stream = frames.send(&fields, None).await;
    match frames.heard(stream).await? {
        Heard::Reply(reply) if reply.status == 200 => Ok(2),
        other => Err(format!("{other:?}")),
    }
}
