//! The service behind: answers everything with the same few bytes, and says when a request came and
//! whether it carried a permit.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::http::framed;

const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-permit: 0\r\ncontent-length: 33\r\n\r\n{\"id\":\"ch_4711\",\"status\":\"done\"}\n";
const ANSWER_TO_A_PERMIT: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-permit: 1\r\ncontent-length: 33\r\n\r\n{\"id\":\"ch_4711\",\"status\":\"done\"}\n";
/// To nginx, which asks about each call: an answer with a body would cost it the connection.
const MAY_PASS: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";

/// Sees each request whole, and the moment its first byte was here.
pub trait Witness: Send + Sync + 'static {
    fn saw(&self, first_byte_at: Instant, request: &[u8]);
}

/// Nobody watches.
#[derive(Debug)]
pub struct Nobody;

impl Witness for Nobody {
    fn saw(&self, _: Instant, _: &[u8]) {}
}

/// Answers until it is dropped.
pub async fn serve(listener: TcpListener, witness: Arc<impl Witness>) {
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(connection(stream, witness.clone()));
        }
    }
}

async fn connection(mut stream: TcpStream, witness: Arc<impl Witness>) -> io::Result<()> {
    let mut buffer = Vec::with_capacity(8 * 1024);
    let mut first_byte_at = None;
    loop {
        if stream.read_buf(&mut buffer).await? == 0 {
            return Ok(());
        }
        let came_at = *first_byte_at.get_or_insert_with(Instant::now);
        let Some((head, length)) = framed(&buffer) else { continue };
        if buffer.len() < head + length {
            continue;
        }
        witness.saw(came_at, &buffer);
        let permitted = buffer.get(..head).is_some_and(carries_permit);
        let answer = match permitted {
            true => ANSWER_TO_A_PERMIT,
            false if buffer.starts_with(b"GET /may-pass ") => MAY_PASS,
            false => ANSWER,
        };
        stream.write_all(answer).await?;
        // Nothing that is measured sends a request before the last one was answered.
        buffer.clear();
        first_byte_at = None;
    }
}

fn carries_permit(head: &[u8]) -> bool {
    const NAME: &[u8] = b"holdshort-permit:";
    head.split(|&byte| byte == b'\n')
        .any(|line| line.get(..NAME.len()).is_some_and(|start| start.eq_ignore_ascii_case(NAME)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::Mutex;

    use super::*;
    use crate::http;

    struct Seen(Mutex<Vec<usize>>);

    impl Witness for Seen {
        fn saw(&self, _: Instant, request: &[u8]) {
            self.0.lock().unwrap().push(request.len());
        }
    }

    #[tokio::test]
    async fn a_request_in_two_pieces_is_answered_once_and_its_permit_is_seen() {
        let listener = crate::listen::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Seen(Mutex::default()));
        tokio::spawn(serve(listener, seen.clone()));
        let mut stream = TcpStream::connect(address).await.unwrap();
        let mut buffer = Vec::new();
        stream.write_all(b"POST / HTTP/1.1\r\nHoldshort-Permit: x\r\ncontent-length: 4\r\n\r\nab").await.unwrap();
        stream.write_all(b"cd").await.unwrap();
        let answer = http::read(&mut stream, &mut buffer).await.unwrap();
        assert!(answer.head.contains("x-permit: 1"), "{}", answer.head);
        assert!(buffer.is_empty(), "one byte too many, and no proxy keeps the connection");
        stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        let answer = http::read(&mut stream, &mut buffer).await.unwrap();
        assert!(answer.head.contains("x-permit: 0"), "{}", answer.head);
        assert_eq!(*seen.0.lock().unwrap(), [63, 18]);
    }
}
