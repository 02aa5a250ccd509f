//! An upstream that records every byte of every request, and answers as it is told.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};

#[derive(Debug, Clone)]
pub struct Recorded {
    pub line: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Which connection it came on.
    pub connection: usize,
}

impl Recorded {
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut all = self.headers.iter().filter(|(found, _)| found == name).map(|(_, value)| value.as_str());
        let first = all.next();
        assert!(all.next().is_none(), "{name} stands there twice: {:?}", self.headers);
        first
    }

    /// The head, for looking for what must not be there.
    pub fn head(&self) -> String {
        let headers: Vec<String> = self.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        format!("{}\n{}", self.line, headers.join("\n"))
    }
}

/// One thing the upstream does after a request.
#[derive(Clone)]
pub enum Step {
    Send(Vec<u8>),
    Wait(Arc<Notify>),
    Close,
}

pub type Script = Arc<dyn Fn(&Recorded) -> Vec<Step> + Send + Sync>;

pub struct Upstream {
    pub address: SocketAddr,
    calls: watch::Receiver<Vec<Recorded>>,
}

impl Upstream {
    /// Answers every request with 200 and this body.
    pub async fn answering(body: &'static str) -> Upstream {
        Upstream::sending(ok(body)).await
    }

    /// Answers every request with these bytes.
    pub async fn sending(bytes: impl Into<Vec<u8>>) -> Upstream {
        let bytes = bytes.into();
        Upstream::doing(move |_| vec![Step::Send(bytes.clone())]).await
    }

    pub async fn doing(script: impl Fn(&Recorded) -> Vec<Step> + Send + Sync + 'static) -> Upstream {
        let script: Script = Arc::new(script);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (record, calls) = watch::channel(Vec::new());
        let record = Arc::new(Mutex::new(record));
        tokio::spawn(async move {
            let mut connection = 0;
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                connection += 1;
                tokio::spawn(serve(stream, connection, script.clone(), record.clone()));
            }
        });
        Upstream { address, calls }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn calls(&self) -> Vec<Recorded> {
        self.calls.borrow().clone()
    }

    /// The only call there was.
    pub fn only_call(&self) -> Recorded {
        let calls = self.calls();
        assert_eq!(calls.len(), 1, "{calls:?}");
        calls.into_iter().next().unwrap()
    }

    /// Waits until so many calls have come.
    pub async fn called(&mut self, times: usize) {
        let waited =
            tokio::time::timeout(Duration::from_secs(10), self.calls.wait_for(|calls| calls.len() >= times)).await;
        let came = waited.is_ok();
        drop(waited);
        assert!(came, "the upstream was called {} times", self.calls().len());
    }
}

pub fn ok(body: &str) -> Vec<u8> {
    answer("200 OK", "content-type: text/plain\r\n", body)
}

pub fn answer(status: &str, headers: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

async fn serve(
    mut stream: TcpStream,
    connection: usize,
    script: Script,
    record: Arc<Mutex<watch::Sender<Vec<Recorded>>>>,
) {
    let mut buffer = Vec::new();
    while let Some(request) = read(&mut stream, &mut buffer, connection).await {
        let steps = script(&request);
        record.lock().unwrap().send_modify(|calls| calls.push(request));
        for step in steps {
            match step {
                Step::Send(bytes) => {
                    if stream.write_all(&bytes).await.is_err() {
                        return;
                    }
                }
                Step::Wait(notify) => notify.notified().await,
                Step::Close => return,
            }
        }
    }
}

async fn more(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<()> {
    (stream.read_buf(buffer).await.ok()? > 0).then_some(())
}

async fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>, connection: usize) -> Option<Recorded> {
    let end = loop {
        if let Some(at) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        more(stream, buffer).await?;
    };
    let head = String::from_utf8(buffer.drain(..end + 4).collect()).unwrap();
    let mut lines = head.trim_end().split("\r\n");
    let line = lines.next().unwrap().to_owned();
    let headers: Vec<(String, String)> = lines
        .map(|line| line.split_once(':').unwrap())
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let find = |name: &str| headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.clone());
    let mut body = Vec::new();
    if let Some(length) = find("content-length") {
        let length: usize = length.parse().unwrap();
        while buffer.len() < length {
            more(stream, buffer).await?;
        }
        body = buffer.drain(..length).collect();
    } else if find("transfer-encoding").is_some() {
        loop {
            let at = loop {
                if let Some(at) = buffer.windows(2).position(|window| window == b"\r\n") {
                    break at;
                }
                more(stream, buffer).await?;
            };
            let size = usize::from_str_radix(std::str::from_utf8(&buffer[..at]).unwrap(), 16).unwrap();
            while buffer.len() < at + 2 + size + 2 {
                more(stream, buffer).await?;
            }
            body.extend_from_slice(&buffer[at + 2..at + 2 + size]);
            buffer.drain(..at + 2 + size + 2);
            if size == 0 {
                break;
            }
        }
    }
    Some(Recorded { line, headers, body, connection })
}
