//! A raw recording upstream: keeps the exact bytes of each request on each connection.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// What it does once it has read a request.
#[derive(Debug, Clone)]
pub enum Behaviour {
    Answers {
        status: u16,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
    },
    /// Reads the request, then closes without a byte.
    Hangs,
    /// Reads the request and says nothing until told by [`Upstream::go_on`], then answers 200.
    Waits,
    /// Answers half of what it announces, then closes.
    CutsShort,
}

/// One request as it came in.
#[derive(Debug, Clone)]
pub struct Recorded {
    pub connection: usize,
    pub method: String,
    pub target: String,
    /// In order; names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Recorded {
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(known, _)| known == name);
        let first = found.next().map(|(_, value)| value.as_str());
        assert!(found.next().is_none(), "the upstream got {name} more than once: {:?}", self.headers);
        first
    }
}

pub struct Builder {
    behaviour: Behaviour,
}

pub fn upstream() -> Builder {
    Builder { behaviour: Behaviour::Answers { status: 200, headers: Vec::new(), body: b"{\"ok\":true}".to_vec() } }
}

impl Builder {
    pub fn answers(mut self, status: u16) -> Builder {
        self.behaviour = Behaviour::Answers { status, headers: Vec::new(), body: b"{\"ok\":true}".to_vec() };
        self
    }

    pub fn with_header(mut self, name: &str, value: &str) -> Builder {
        if let Behaviour::Answers { headers, .. } = &mut self.behaviour {
            headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    pub fn behaves(mut self, behaviour: Behaviour) -> Builder {
        self.behaviour = behaviour;
        self
    }

    pub async fn run(self) -> Upstream {
        self.run_at("127.0.0.1:0".parse().unwrap()).await
    }

    pub async fn run_at(self, address: SocketAddr) -> Upstream {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            behaviour: Mutex::new(self.behaviour),
            calls: Mutex::default(),
            connections: Mutex::new(0),
            go: Notify::new(),
        });
        let task = tokio::spawn({
            let state = state.clone();
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    let number = {
                        let mut connections = state.connections.lock().unwrap();
                        *connections += 1;
                        *connections
                    };
                    tokio::spawn(serve(stream, number, state.clone()));
                }
            }
        });
        Upstream { address, state, task }
    }
}

struct State {
    behaviour: Mutex<Behaviour>,
    calls: Mutex<Vec<Recorded>>,
    connections: Mutex<usize>,
    go: Notify,
}

pub struct Upstream {
    pub address: SocketAddr,
    state: Arc<State>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Upstream {
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn calls(&self) -> Vec<Recorded> {
        self.state.calls.lock().unwrap().clone()
    }

    /// The only call there was.
    pub fn only_call(&self) -> Recorded {
        let calls = self.calls();
        assert_eq!(calls.len(), 1, "the upstream should have been called once: {calls:?}");
        calls[0].clone()
    }

    pub fn behave(&self, behaviour: Behaviour) {
        *self.state.behaviour.lock().unwrap() = behaviour;
    }

    pub fn go_on(&self) {
        self.state.go.notify_waiters();
    }

    pub async fn called(&self, times: usize) {
        super::eventually(&format!("{times} calls at the upstream"), || async {
            let calls = self.calls().len();
            if calls >= times { Ok(()) } else { Err(format!("{calls} calls")) }
        })
        .await;
    }
}

async fn serve(mut stream: TcpStream, connection: usize, state: Arc<State>) {
    let mut buffer = Vec::new();
    while let Some(request) = read(&mut stream, &mut buffer, connection).await {
        let head_only = request.method == "HEAD";
        let behaviour = state.behaviour.lock().unwrap().clone();
        let go = state.go.notified();
        state.calls.lock().unwrap().push(request);
        let answer = match behaviour {
            Behaviour::Hangs => return,
            Behaviour::Waits => {
                go.await;
                b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nlate".to_vec()
            }
            Behaviour::CutsShort => {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf").await;
                return;
            }
            Behaviour::Answers { status, headers, body } => {
                let mut answer = format!("HTTP/1.1 {status} Whatever\r\n");
                for (name, value) in headers {
                    answer.push_str(&format!("{name}: {value}\r\n"));
                }
                answer.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
                let mut answer = answer.into_bytes();
                if !head_only {
                    answer.extend(body);
                }
                answer
            }
        };
        if stream.write_all(&answer).await.is_err() {
            return;
        }
    }
}

/// Reads one request by its Content-Length; the gate never sends another framing.
async fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>, connection: usize) -> Option<Recorded> {
    let end = loop {
        if let Some(at) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
    let mut lines = head.trim_end().split("\r\n");
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    assert!(!headers.iter().any(|(name, _)| name == "transfer-encoding"), "the gate sent chunks: {head}");
    let length =
        headers.iter().find(|(name, _)| name == "content-length").map_or(0, |(_, value)| value.parse().unwrap());
    while buffer.len() < end + length {
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
    let body = buffer[end..end + length].to_vec();
    buffer.drain(..end + length);
    Some(Recorded { connection, method, target, headers, body })
}
