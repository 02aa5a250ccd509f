//! The head as it came in, handed to the strict reader.
//!
//! pingora has parsed it before us and mends a few things silently: it drops a fragment, drops
//! `content-length` beside `transfer-encoding`, and escapes illegal characters of the target. The
//! first two are still in the raw bytes and are shown to the reader from there; the last is gone by
//! now, and only a look at the stream itself could tell.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use pingora_core::protocols::http::ServerSession;
use rules::Malformed;
use rules::request::{Head, HttpVersion, RawHead, Reading};

/// # Errors
/// Whatever two parsers could read differently.
pub(crate) fn read(session: &ServerSession, how: &Reading) -> Result<Head, Malformed> {
    let parsed = session.req_header();
    let raw = session.as_http1().map(|h1| h1.get_headers_raw_bytes());
    let mut headers: Vec<(&[u8], &[u8])> = Vec::with_capacity(parsed.headers.len() + 1);
    headers.extend(parsed.headers.iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes())));
    if let Some(raw) = &raw
        && parsed.headers.contains_key(TRANSFER_ENCODING)
        && !parsed.headers.contains_key(CONTENT_LENGTH)
        && names(raw, b"content-length")
    {
        headers.push((b"content-length", b"0"));
    }
    let version = match parsed.version {
        http::Version::HTTP_2 => HttpVersion::Http2,
        http::Version::HTTP_11 => HttpVersion::Http11,
        http::Version::HTTP_10 => HttpVersion::Http10,
        _ => return Err(Malformed::new(400, "an HTTP version that is not spoken here", "request line")),
    };
    let authority = match version {
        HttpVersion::Http2 => parsed.uri.authority().map(http::uri::Authority::as_str),
        _ => None,
    };
    let target = raw.as_ref().and_then(target).unwrap_or_else(|| parsed.raw_path());
    Head::read(&RawHead { version, method: parsed.method.as_str(), target, authority, headers: &headers }, how)
}

/// The target between the first and the last space of the request line, with its fragment if it has one.
fn target(raw: &Bytes) -> Option<&[u8]> {
    let line = raw.split(|byte| *byte == b'\n').find(|line| !line.is_empty() && *line != b"\r")?;
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let from = line.iter().position(|byte| *byte == b' ')? + 1;
    let to = line.iter().rposition(|byte| *byte == b' ')?;
    line.get(from..to)
}

/// Whether a header line of that (lower-case) name stands in the raw head.
fn names(raw: &[u8], name: &[u8]) -> bool {
    raw.split(|byte| *byte == b'\n').skip(1).any(|line| {
        line.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
            && line.get(name.len()).is_some_and(|next| *next == b':')
    })
}
