//! HTTP/2 by hand: frames and literal header fields, so that nothing on our side refuses what is malformed.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::wire::Reply;

const PATIENCE: Duration = Duration::from_secs(15);
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const LARGEST_FRAME: usize = 16 * 1024;

pub type Field = (Vec<u8>, Vec<u8>);

/// A connection.
pub struct Frames {
    stream: TcpStream,
    buffer: Vec<u8>,
    next: u32,
}

/// What came on a stream.
#[derive(Debug, Clone)]
pub enum Heard {
    Reply(Reply),
    /// That stream alone was reset.
    Reset,
    /// The whole connection is over.
    Over,
}

impl Frames {
    pub async fn open(gate: SocketAddr) -> Frames {
        let mut stream = TcpStream::connect(gate).await.unwrap();
        let mut hello = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        hello.extend(frame(SETTINGS, 0, 0, &[]));
        stream.write_all(&hello).await.unwrap();
        Frames { stream, buffer: Vec::new(), next: 1 }
    }

    /// Writes a request in one segment; gives its stream.
    pub async fn send(&mut self, fields: &[Field], body: Option<&[u8]>) -> u32 {
        let id = self.next;
        self.next += 2;
        let mut block = Vec::new();
        for (name, value) in fields {
            // Literal without indexing, new name, no Huffman coding.
            block.push(0);
            push_string(&mut block, name);
            push_string(&mut block, value);
        }
        let last = if body.is_none() { END_STREAM } else { 0 };
        let mut bytes = Vec::new();
        let mut parts = block.chunks(LARGEST_FRAME).peekable();
        let mut kind = (HEADERS, last);
        while let Some(part) = parts.next() {
            let end = if parts.peek().is_none() { END_HEADERS } else { 0 };
            bytes.extend(frame(kind.0, kind.1 | end, id, part));
            kind = (9, 0);
        }
        if let Some(body) = body {
            let mut parts = body.chunks(LARGEST_FRAME).peekable();
            if body.is_empty() {
                bytes.extend(frame(DATA, END_STREAM, id, &[]));
            }
            while let Some(part) = parts.next() {
                bytes.extend(frame(DATA, if parts.peek().is_none() { END_STREAM } else { 0 }, id, part));
            }
        }
        // The gate may have closed.
        let _ = self.stream.write_all(&bytes).await;
        id
    }

    pub async fn reset(&mut self, stream: u32) {
        let _ = self.stream.write_all(&frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes())).await;
    }

    /// The answer on a stream; those of others are passed over.
    ///
    /// # Errors
    /// Nothing comes.
    pub async fn heard(&mut self, stream: u32) -> Result<Heard, String> {
        match tokio::time::timeout(PATIENCE, self.listen(stream)).await {
            Ok(heard) => Ok(heard),
            Err(_) => Err(format!("stream {stream} gets no answer")),
        }
    }

    async fn listen(&mut self, wanted: u32) -> Heard {
        let mut block = Vec::new();
        let mut body = Vec::new();
        loop {
            let Some((kind, flags, stream, payload)) = self.frame().await else { return Heard::Over };
            match kind {
                SETTINGS if flags & ACK == 0 => {
                    let _ = self.stream.write_all(&frame(SETTINGS, ACK, 0, &[])).await;
                }
                PING if flags & ACK == 0 => {
                    let _ = self.stream.write_all(&frame(PING, ACK, 0, &payload)).await;
                }
                GOAWAY => return Heard::Over,
                RST_STREAM if stream == wanted => return Heard::Reset,
                HEADERS if stream == wanted => block = payload,
                DATA if stream == wanted => body.extend(payload),
                _ => continue,
            }
            if stream == wanted && matches!(kind, HEADERS | DATA) && flags & END_STREAM != 0 {
                return Heard::Reply(Reply { status: status(&block, &body), head: String::new(), body });
            }
        }
    }

    async fn frame(&mut self) -> Option<(u8, u8, u32, Vec<u8>)> {
        loop {
            if let Some(head) = self.buffer.get(..9) {
                let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
                let (kind, flags) = (head[3], head[4]);
                let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
                if let Some(payload) = self.buffer.get(9..9 + length) {
                    let payload = payload.to_vec();
                    self.buffer.drain(..9 + length);
                    return Some((kind, flags, stream, payload));
                }
            }
            if self.stream.read_buf(&mut self.buffer).await.ok()? == 0 {
                return None;
            }
        }
    }
}

/// The gate's own answers say their status in the body; the first byte of a block says 200.
fn status(block: &[u8], body: &[u8]) -> u16 {
    let said = serde_json::from_slice::<Value>(body).ok();
    match said.as_ref().and_then(|said| said["status"].as_u64()) {
        Some(status) => u16::try_from(status).unwrap_or(0),
        None if block.first() == Some(&0x88) || said.is_some_and(|said| said["ok"] == true) => 200,
        None => 0,
    }
}

pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// RFC 7541 section 5.2, without Huffman coding.
fn push_string(block: &mut Vec<u8>, text: &[u8]) {
    let mut length = text.len();
    if length < 127 {
        block.push(u8::try_from(length).unwrap());
    } else {
        block.push(127);
        length -= 127;
        while length >= 128 {
            block.push(u8::try_from(length % 128).unwrap() | 128);
            length /= 128;
        }
        block.push(u8::try_from(length).unwrap());
    }
    block.extend(text);
}
