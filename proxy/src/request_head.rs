//! The head as it came in, handed to the strict reader.
//!
//! Over HTTP/1.1 its bytes have been looked at before pingora parsed them (`listen::strict`), so that
//! there was nothing to mend. The target is still taken from the bytes, as it was sent.

use bytes::Bytes;
use pingora_core::protocols::http::ServerSession;
use rules::Malformed;
use rules::request::{Head, HttpVersion, RawHead, Reading};

/// # Errors
/// Whatever two parsers could read differently.
pub(crate) fn read(session: &ServerSession, how: &Reading) -> Result<Head, Malformed> {
    let parsed = session.req_header();
    let raw = session.as_http1().map(|h1| h1.get_headers_raw_bytes());
    let headers: Vec<(&[u8], &[u8])> =
        parsed.headers.iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes())).collect();
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

/// The target between the two spaces of the request line.
fn target(raw: &Bytes) -> Option<&[u8]> {
    let line = raw.split(|byte| *byte == b'\n').find(|line| !line.is_empty() && *line != b"\r")?;
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let from = line.iter().position(|byte| *byte == b' ')? + 1;
    let to = line.iter().rposition(|byte| *byte == b' ')?;
    line.get(from..to)
}
