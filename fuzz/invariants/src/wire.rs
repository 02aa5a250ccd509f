//! The bytes of a connection: what is said of them does not depend on how they were cut, and the requests
//! in them are those that a second reader finds.

use rules::Head;
use rules::request::wire::Wire;
use rules::request::{BodyFraming, HttpVersion, RawHead};

use crate::message::{Message, reading};

/// A connection, byte for byte.
pub fn wire(bytes: &[u8]) {
    let whole = ends(bytes, bytes.len().max(1));
    let slow = ends(bytes, 1);
    for piece in [2, 7, 64] {
        let cut = ends(bytes, piece);
        assert_eq!(cut.said, slow.said, "in pieces of {piece}");
    }
    assert_eq!(whole.said, slow.said, "in one piece");
    if slow.said.is_err() {
        return;
    }
    let mut from = 0;
    let mut found = Vec::new();
    while from < bytes.len() {
        match request(&bytes[from..]) {
            Second::Whole(message, length) => {
                from += length;
                found.push(from);
                canonical(&message);
            }
            Second::Open => {
                assert_eq!(slow.said, Ok(false), "the second reader waits for more");
                break;
            }
            // What a head that is written properly may not say is refused later.
            Second::Refused => {
                let here = found.len();
                assert_eq!(slow.between.get(..here), Some(found.as_slice()));
                return;
            }
        }
    }
    assert_eq!(slow.between, found, "where requests end");
}

struct Ends {
    /// Whether all has come whole, or what is wrong.
    said: Result<bool, String>,
    /// After which pieces nothing was open.
    between: Vec<usize>,
}

fn ends(bytes: &[u8], piece: usize) -> Ends {
    let mut wire = Wire::new(reading().head_limit);
    let (mut at, mut between) = (0, Vec::new());
    for part in bytes.chunks(piece) {
        if let Err(refused) = wire.read(part) {
            assert!(refused.sound <= part.len());
            assert!(wire.read(b"GET / HTTP/1.1\r\n\r\n").is_err(), "read on after a refusal");
            return Ends { said: Err(refused.malformed.to_string()), between };
        }
        at += part.len();
        if wire.is_between() {
            between.push(at);
        }
    }
    Ends { said: Ok(wire.is_between()), between }
}

enum Second {
    /// And how many bytes it has.
    Whole(Message, usize),
    Open,
    Refused,
}

/// The first request, found by another parser, [`Head::read`], and the length that it says.
fn request(bytes: &[u8]) -> Second {
    let mut slots = [httparse::EMPTY_HEADER; 128];
    let mut parsed = httparse::Request::new(&mut slots);
    let length = match parsed.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Second::Open,
        Err(error) => panic!("accepted, and refused by another parser: {error}"),
    };
    let headers: Vec<(&[u8], &[u8])> =
        parsed.headers.iter().map(|header| (header.name.as_bytes(), header.value)).collect();
    let raw = RawHead {
        version: if parsed.version == Some(0) { HttpVersion::Http10 } else { HttpVersion::Http11 },
        method: parsed.method.unwrap_or_default(),
        target: parsed.path.unwrap_or_default().as_bytes(),
        authority: None,
        headers: &headers,
    };
    let Ok(head) = Head::read(&raw, &reading()) else { return Second::Refused };
    let rest = &bytes[length..];
    let body = match head.body_framing {
        BodyFraming::None => Some(0),
        BodyFraming::Length(size) => usize::try_from(size).ok().filter(|size| *size <= rest.len()),
        BodyFraming::Open => chunked(rest),
    };
    match body {
        Some(size) => Second::Whole(Message::of(&head, &rest[..size]), length + size),
        None => Second::Open,
    }
}

/// How many bytes a body in chunks has, once it is whole.
fn chunked(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let line = bytes.get(at..)?.windows(2).position(|pair| pair == b"\r\n")?;
        let size = std::str::from_utf8(&bytes[at..at + line]).expect("the size of a chunk is a text");
        let size = usize::from_str_radix(size, 16).expect("the size of a chunk is hexadecimal");
        at = (at + line + 2).checked_add(size)?.checked_add(2)?;
        let end = bytes.get(at - 2..at)?;
        assert_eq!(end, b"\r\n", "a chunk ends in a line end");
        if size == 0 {
            return Some(at);
        }
    }
}

/// A request built from its canonical head is one request.
fn canonical(message: &Message) {
    let bytes = message.bytes();
    let ends = ends(&bytes, 1);
    assert_eq!((ends.said, ends.between), (Ok(true), vec![bytes.len()]), "{}", bytes.escape_ascii());
}
