//! A client that writes exactly what a test says, and reads what comes.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(20);

pub struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub reason: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The gate's own code.
    pub fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
    }
}

impl Client {
    pub async fn connect(address: SocketAddr) -> Client {
        Client { stream: TcpStream::connect(address).await.unwrap(), buffer: Vec::new() }
    }

    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Says whether the other side still takes it.
    pub async fn try_send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).await.is_ok()
    }

    pub async fn request(&mut self, bytes: impl AsRef<[u8]>) -> Answer {
        self.send(bytes).await;
        self.answer().await
    }

    pub async fn answer(&mut self) -> Answer {
        self.answer_to("GET").await
    }

    pub async fn answer_to(&mut self, method: &str) -> Answer {
        timeout(PATIENCE, self.read(method)).await.expect("no answer came")
    }

    /// Reads until `text` has come, and gives all there was.
    pub async fn until(&mut self, text: &str) -> String {
        self.until_there_is(text, |so_far| so_far.contains(text)).await
    }

    /// Reads until what has come is enough, and gives all there was.
    pub async fn until_there_is(&mut self, what: &str, enough: impl Fn(&str) -> bool) -> String {
        let read = async {
            while !enough(&String::from_utf8_lossy(&self.buffer)) {
                assert!(self.stream.read_buf(&mut self.buffer).await.unwrap() > 0, "it ended before {what:?}");
            }
        };
        let done = timeout(PATIENCE, read).await;
        let all = String::from_utf8_lossy(&self.buffer).into_owned();
        assert!(done.is_ok(), "{what:?} did not come, but: {all}");
        all
    }

    /// Reads to the end of the connection.
    pub async fn rest(&mut self) -> String {
        let read = async { while self.stream.read_buf(&mut self.buffer).await.unwrap_or(0) > 0 {} };
        timeout(PATIENCE, read).await.expect("the connection stays open");
        String::from_utf8_lossy(&self.buffer).into_owned()
    }

    /// Sends `part` every few milliseconds, and says whether the other side closes.
    pub async fn trickle(&mut self, part: &str) -> bool {
        let closed = async {
            loop {
                tokio::select! {
                    read = self.stream.read_buf(&mut self.buffer) => if !matches!(read, Ok(1..)) { return },
                    () = tokio::time::sleep(Duration::from_millis(5)) => {
                        let _ = self.stream.write_all(part.as_bytes()).await;
                    }
                }
            }
        };
        timeout(PATIENCE / 4, closed).await.is_ok()
    }

    async fn more(&mut self) -> bool {
        self.stream.read_buf(&mut self.buffer).await.unwrap_or(0) > 0
    }

    async fn read(&mut self, method: &str) -> Answer {
        let end = loop {
            if let Some(at) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break at;
            }
            assert!(self.more().await, "closed without an answer: {:?}", String::from_utf8_lossy(&self.buffer));
        };
        let head = String::from_utf8(self.buffer.drain(..end + 4).collect()).unwrap();
        let mut lines = head.trim_end().split("\r\n");
        let mut status_line = lines.next().unwrap().splitn(3, ' ');
        assert!(status_line.next().unwrap().starts_with("HTTP/1.1"));
        let status = status_line.next().unwrap().parse().unwrap();
        let reason = status_line.next().unwrap_or_default().to_owned();
        let headers: Vec<(String, String)> = lines
            .map(|line| line.split_once(':').unwrap())
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let mut answer = Answer { status, reason, headers, body: Vec::new() };
        if method == "HEAD" || matches!(status, 100..200 | 204 | 304) {
            return answer;
        }
        if let Some(length) = answer.header("content-length") {
            let length: usize = length.parse().unwrap();
            while self.buffer.len() < length {
                assert!(self.more().await, "the body was cut off");
            }
            answer.body = self.buffer.drain(..length).collect();
        } else if answer.header("transfer-encoding") == Some("chunked") {
            answer.body = self.chunks().await;
        } else {
            while self.more().await {}
            answer.body = std::mem::take(&mut self.buffer);
        }
        answer
    }

    async fn chunks(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let at = loop {
                if let Some(at) = self.buffer.windows(2).position(|window| window == b"\r\n") {
                    break at;
                }
                assert!(self.more().await, "the chunks were cut off");
            };
            let size = usize::from_str_radix(std::str::from_utf8(&self.buffer[..at]).unwrap(), 16).unwrap();
            while self.buffer.len() < at + 2 + size + 2 {
                assert!(self.more().await, "a chunk was cut off");
            }
            body.extend_from_slice(&self.buffer[at + 2..at + 2 + size]);
            self.buffer.drain(..at + 2 + size + 2);
            if size == 0 {
                return body;
            }
        }
    }
}
