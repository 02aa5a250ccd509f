//! A raw recording upstream: keeps the exact bytes of each request on each connection.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
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
    /// Without its framing.
    pub body: Vec<u8>,
    /// Sent in chunks.
    pub chunked: bool,
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
    chunks: bool,
}

pub fn upstream() -> Builder {
    let behaviour = Behaviour::Answers { status: 200, headers: Vec::new(), body: b"{\"ok\":true}".to_vec() };
    Builder { behaviour, chunks: false }
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

    /// Chunks are read, too; what is on a route never comes in them.
    pub fn takes_chunks(mut self) -> Builder {
        self.chunks = true;
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
            said: Mutex::default(),
            bytes: AtomicUsize::new(0),
            loose: AtomicUsize::new(0),
            chunks: self.chunks,
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
    said: Mutex<Option<Vec<u8>>>,
    bytes: AtomicUsize,
    loose: AtomicUsize,
    chunks: bool,
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

    /// How many bytes have come in, whatever they were.
    pub fn bytes(&self) -> usize {
        self.state.bytes.load(Ordering::SeqCst)
    }

    /// How many of the bytes on open connections are no whole request.
    pub fn loose_bytes(&self) -> usize {
        self.state.loose.load(Ordering::SeqCst)
    }

    /// The calls since the last time.
    pub fn take_calls(&self) -> Vec<Recorded> {
        std::mem::take(&mut self.state.calls.lock().unwrap())
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

    /// From now on, exactly these bytes are the answer to each request; `None`: as before.
    pub fn say(&self, answer: Option<&[u8]>) {
        *self.state.said.lock().unwrap() = answer.map(<[u8]>::to_vec);
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
    loop {
        let mut loose = Loose { state: &state, bytes: buffer.len() };
        let Some(request) = read(&mut stream, &mut buffer, connection, &mut loose).await else { return };
        drop(loose);
        state.loose.fetch_add(buffer.len(), Ordering::SeqCst);
        let head_only = request.method == "HEAD";
        let behaviour = state.behaviour.lock().unwrap().clone();
        let go = state.go.notified();
        state.calls.lock().unwrap().push(request);
        let said = state.said.lock().unwrap().clone();
        if let Some(said) = said {
            if stream.write_all(&said).await.is_err() {
                return;
            }
            continue;
        }
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

/// What has come of a request that is not whole yet; counted until it is, or its connection ends.
struct Loose<'a> {
    state: &'a State,
    bytes: usize,
}

impl Loose<'_> {
    fn came(&mut self, count: usize) {
        self.bytes += count;
        self.state.bytes.fetch_add(count, Ordering::SeqCst);
        self.state.loose.fetch_add(count, Ordering::SeqCst);
    }
}

impl Drop for Loose<'_> {
    fn drop(&mut self) {
        self.state.loose.fetch_sub(self.bytes, Ordering::SeqCst);
    }
}

/// Reads one request. Anything but its framing and what it frames would be taken for the next one.
async fn read(
    stream: &mut TcpStream,
    buffer: &mut Vec<u8>,
    connection: usize,
    loose: &mut Loose<'_>,
) -> Option<Recorded> {
    let end = more_until(stream, buffer, loose, |buffer| position(buffer, b"\r\n\r\n")).await? + 4;
    let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
    buffer.drain(..end);
    let mut lines = head.trim_end().split("\r\n");
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers: Vec<(String, String)> = lines
        .map(|line| line.split_once(':').unwrap_or_else(|| panic!("the gate sent a line without a colon: {head}")))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let chunked = headers.iter().any(|(name, _)| name == "transfer-encoding");
    assert!(loose.state.chunks || !chunked, "the gate sent chunks: {head}");
    let body = if chunked {
        chunks(stream, buffer, loose).await?
    } else {
        let length = headers.iter().find(|(name, _)| name == "content-length");
        let length = length.map_or(0, |(_, value)| value.parse().unwrap());
        more_until(stream, buffer, loose, |buffer| (buffer.len() >= length).then_some(0)).await?;
        buffer.drain(..length).collect()
    };
    Some(Recorded { connection, method, target, headers, body, chunked })
}

async fn chunks(stream: &mut TcpStream, buffer: &mut Vec<u8>, loose: &mut Loose<'_>) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let at = more_until(stream, buffer, loose, |buffer| position(buffer, b"\r\n")).await?;
        let line: Vec<u8> = buffer.drain(..at + 2).collect();
        let size = usize::from_str_radix(std::str::from_utf8(&line[..at]).unwrap(), 16).unwrap();
        more_until(stream, buffer, loose, |buffer| (buffer.len() >= size + 2).then_some(0)).await?;
        body.extend(buffer.drain(..size));
        assert_eq!(buffer.drain(..2).collect::<Vec<u8>>(), b"\r\n", "the gate sent a chunk that does not end");
        if size == 0 {
            return Some(body);
        }
    }
}

fn position(buffer: &[u8], wanted: &[u8]) -> Option<usize> {
    buffer.windows(wanted.len()).position(|window| window == wanted)
}

/// Reads on until there is enough; `None` where the connection ends before.
async fn more_until(
    stream: &mut TcpStream,
    buffer: &mut Vec<u8>,
    loose: &mut Loose<'_>,
    enough: impl Fn(&[u8]) -> Option<usize>,
) -> Option<usize> {
    loop {
        if let Some(at) = enough(buffer) {
            return Some(at);
        }
        let count = stream.read_buf(buffer).await.ok()?;
        if count == 0 {
            return None;
        }
        loose.came(count);
    }
}
