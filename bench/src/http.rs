//! Just enough of HTTP/1.1 to answer and to ask, in as few cycles as possible: messages with a
//! `Content-Length` or without a body.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

/// One message read, head and body.
#[derive(Debug, Clone)]
pub struct Message {
    pub head: String,
    pub body: Vec<u8>,
}

impl Message {
    /// The status of an answer; 0 where there is none.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
    }
}

/// Where a message's head ends and how long its body is, once the head is there.
#[must_use]
pub fn framed(bytes: &[u8]) -> Option<(usize, usize)> {
    let head = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let length = bytes.get(..head).and_then(|head| header(head, b"content-length")).unwrap_or(0);
    Some((head, length))
}

fn header(head: &[u8], name: &[u8]) -> Option<usize> {
    head.split(|&byte| byte == b'\n').find_map(|line| {
        let colon = line.iter().position(|&byte| byte == b':')?;
        let (left, right) = line.split_at(colon);
        if !left.eq_ignore_ascii_case(name) {
            return None;
        }
        std::str::from_utf8(right.get(1..)?).ok()?.trim().parse().ok()
    })
}

/// Reads one message; `buffer` keeps what came after it.
///
/// # Errors
/// The connection broke, or ended before the message did.
pub async fn read(stream: &mut (impl AsyncRead + Unpin), buffer: &mut Vec<u8>) -> io::Result<Message> {
    loop {
        if let Some((head, length)) = framed(buffer)
            && buffer.len() >= head + length
        {
            let rest = buffer.split_off(head + length);
            let mut whole = std::mem::replace(buffer, rest);
            let body = whole.split_off(head);
            return Ok(Message { head: String::from_utf8_lossy(&whole).into_owned(), body });
        }
        if stream.read_buf(buffer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_head_is_framed_once_it_is_whole() {
        assert_eq!(framed(b"GET / HTTP/1.1\r\nhost: a\r\n"), None);
        assert_eq!(framed(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"), Some((27, 0)));
        assert_eq!(framed(b"POST / HTTP/1.1\r\nCONTENT-length: 12\r\n\r\n{"), Some((39, 12)));
    }

    #[tokio::test]
    async fn messages_that_arrive_together_are_told_apart() {
        let mut bytes: &[u8] =
            b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhiHTTP/1.1 403 No\r\ncontent-length: 0\r\n\r\n";
        let mut buffer = Vec::new();
        let first = read(&mut bytes, &mut buffer).await.unwrap();
        assert_eq!((first.status(), first.body.as_slice()), (200, b"hi".as_slice()));
        assert_eq!(read(&mut bytes, &mut buffer).await.unwrap().status(), 403);
        assert!(read(&mut bytes, &mut buffer).await.is_err(), "nothing is left");
    }
}
