//! HTTP/1 by hand: writes bytes, reads answers.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const PATIENCE: Duration = Duration::from_secs(15);

#[derive(Debug, Clone, Default)]
pub struct Reply {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The gate's own code.
    pub fn code(&self) -> String {
        self.json().pointer("/error/code").and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.head
            .split("\r\n")
            .skip(1)
            .filter_map(|line| line.split_once(':'))
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    }

    pub fn ends_the_connection(&self) -> bool {
        self.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }
}

/// Writes all at once and reads answers until the gate closes; `cut` ends our side behind the bytes.
///
/// # Errors
/// The gate neither closed nor answered, or its answers cannot be read.
pub async fn converse(gate: SocketAddr, bytes: &[u8], cut: bool) -> Result<Vec<Reply>, String> {
    let mut stream = TcpStream::connect(gate).await.map_err(|error| error.to_string())?;
    // The gate may close before it has read all.
    let _ = stream.write_all(bytes).await;
    if cut {
        let _ = stream.shutdown().await;
    }
    let mut got = Vec::new();
    let read = async { while let Ok(1..) = stream.read_buf(&mut got).await {} };
    if tokio::time::timeout(PATIENCE, read).await.is_err() {
        return Err(format!("the connection stays open; so far: {}", String::from_utf8_lossy(&got)));
    }
    replies(&got, bytes.starts_with(b"HEAD "))
}

/// Splits what came into answers; `bare` says that the first has no body.
fn replies(mut rest: &[u8], mut bare: bool) -> Result<Vec<Reply>, String> {
    let mut replies = Vec::new();
    while !rest.is_empty() {
        let lost = |what: &str, rest: &[u8]| format!("{what}: {}", String::from_utf8_lossy(rest));
        let end = rest.windows(4).position(|window| window == b"\r\n\r\n").ok_or_else(|| lost("half a head", rest))?;
        let head = String::from_utf8_lossy(&rest[..end]).into_owned();
        let status: u16 =
            head.get(9..12).and_then(|digits| digits.parse().ok()).ok_or_else(|| lost("no head", rest))?;
        rest = &rest[end + 4..];
        let mut reply = Reply { status, head, body: Vec::new() };
        if status < 200 {
            continue;
        }
        // To a head that cannot be read the gate answers in full, whatever its method looks like, and closes.
        let bare = std::mem::take(&mut bare) && !(reply.ends_the_connection() && rest.starts_with(b"{"));
        if bare || matches!(status, 204 | 304) {
        } else if let Some(length) = reply.header("content-length") {
            let length: usize = length.parse().map_err(|_| lost("a bad length", rest))?;
            reply.body = rest.get(..length).ok_or_else(|| lost("half a body", rest))?.to_vec();
            rest = &rest[length..];
        } else if reply.header("transfer-encoding").is_some() {
            loop {
                let at = rest.windows(2).position(|w| w == b"\r\n").ok_or_else(|| lost("half a chunk", rest))?;
                let size = std::str::from_utf8(&rest[..at]).ok().and_then(|size| usize::from_str_radix(size, 16).ok());
                let size = size.ok_or_else(|| lost("a bad chunk", rest))?;
                reply.body.extend(rest.get(at + 2..at + 2 + size).ok_or_else(|| lost("half a chunk", rest))?);
                rest = rest.get(at + 2 + size + 2..).ok_or_else(|| lost("half a chunk", rest))?;
                if size == 0 {
                    break;
                }
            }
        } else {
            reply.body = rest.to_vec();
            rest = b"";
        }
        replies.push(reply);
    }
    Ok(replies)
}
