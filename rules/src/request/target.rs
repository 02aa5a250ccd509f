//! The request target in one spelling.
//!
//! In the result every character is unreserved, a delimiter that stands for itself, or an
//! upper-case percent escape. Path segments can therefore be split at `/`, and only there.

use super::Malformed;

const PLACE: &str = "request target";
const LONGEST_PATH: usize = 8 * 1024;
const MOST_SEGMENTS: usize = 256;

#[derive(Debug)]
pub(super) struct Target {
    /// Of an absolute target, as sent.
    pub(super) authority: Option<String>,
    pub(super) path: String,
    pub(super) query: Option<String>,
}

pub(super) fn read(raw: &[u8]) -> Result<Target, Malformed> {
    let (authority, rest) = split_authority(raw)?;
    let (path, query) = match rest.iter().position(|byte| *byte == b'?') {
        Some(at) => {
            let (path, query) = rest.split_at(at);
            (path, query.get(1..))
        }
        None => (rest, None),
    };
    let path = if path.is_empty() && authority.is_some() { b"/" } else { path };
    Ok(Target { authority, path: read_path(path)?, query: query.map(read_query).transpose()? })
}

/// The host, with its port, that a target names which is no path.
pub(super) fn authority(raw: &[u8]) -> Result<String, Malformed> {
    let (authority, _) = split_authority(raw)?;
    authority.ok_or_else(|| Malformed::bad("it names no host", PLACE))
}

fn split_authority(raw: &[u8]) -> Result<(Option<String>, &[u8]), Malformed> {
    if raw.first() == Some(&b'/') {
        return Ok((None, raw));
    }
    if raw == b"*" {
        return Err(Malformed::bad("the asterisk target is not accepted", PLACE));
    }
    let scheme = [b"http://".as_slice(), b"https://"]
        .into_iter()
        .find(|scheme| raw.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)));
    let rest = scheme.and_then(|scheme| raw.get(scheme.len()..));
    let Some(rest) = rest else {
        return Err(Malformed::bad("must start with a slash", PLACE));
    };
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    let authority = std::str::from_utf8(authority).map_err(|_| Malformed::bad("not a host", PLACE))?;
    Ok((Some(authority.to_owned()), rest))
}

fn read_path(raw: &[u8]) -> Result<String, Malformed> {
    if raw.len() > LONGEST_PATH {
        return Err(Malformed::new(414, format!("the path is longer than {LONGEST_PATH} bytes"), PLACE));
    }
    let path = one_spelling(raw, |byte, escaped| match byte {
        b';' => Some("path parameters (\";\") are not accepted"),
        b'?' | b'#' if escaped => Some("an escaped \"?\" or \"#\" in the path is not accepted"),
        _ if byte < 0x20 || byte == 0x7f => Some("control character in the path"),
        _ => None,
    })?;
    if path.contains('%') && path.match_indices("%25").any(|(at, _)| hex_pair(path.as_bytes(), at + 3).is_some()) {
        return Err(Malformed::bad("escaped twice", PLACE));
    }
    let mut segments = path.split('/').skip(1).peekable();
    let mut count = 0;
    while let Some(segment) = segments.next() {
        count += 1;
        if segment.is_empty() && segments.peek().is_some() {
            return Err(Malformed::bad("empty path segment (\"//\")", PLACE));
        }
        if has_dots(segment) {
            return Err(Malformed::bad("dot segment in the path", PLACE));
        }
    }
    if count > MOST_SEGMENTS {
        return Err(Malformed::new(414, format!("more than {MOST_SEGMENTS} path segments"), PLACE));
    }
    Ok(path)
}

/// `.` or `..`, also between slashes and backslashes that are escaped.
fn has_dots(segment: &str) -> bool {
    if !segment.contains('%') {
        return matches!(segment, "." | "..");
    }
    segment.split("%2F").flat_map(|part| part.split("%5C")).any(|part| matches!(part, "." | ".."))
}

/// Whether the path has an escaped slash or backslash, which the upstream must have asked for.
pub(super) fn has_escaped_slash(path: &str) -> bool {
    path.contains('%') && (path.contains("%2F") || path.contains("%5C"))
}

fn read_query(raw: &[u8]) -> Result<String, Malformed> {
    one_spelling(raw, |byte, _| (byte == 0).then_some("NUL in the query"))
}

/// Decodes escapes of unreserved characters, writes all others in upper case, and escapes what
/// clients leave bare although RFC 3986 has no place for it (WHATWG URLs do) and no parser splits at.
/// `refuse` sees every byte as it is meant, and whether it was escaped.
fn one_spelling(raw: &[u8], refuse: impl Fn(u8, bool) -> Option<&'static str>) -> Result<String, Malformed> {
    let mut text = String::with_capacity(raw.len());
    let mut beyond_ascii = false;
    let mut at = 0;
    while let Some(&sent) = raw.get(at) {
        let escaped = sent == b'%';
        let byte = if escaped {
            hex_pair(raw, at + 1).ok_or_else(|| Malformed::bad("\"%\" without two hexadecimal digits", PLACE))?
        } else {
            sent
        };
        at += if escaped { 3 } else { 1 };
        if let Some(why) = refuse(byte, escaped) {
            return Err(Malformed::bad(why, PLACE));
        }
        beyond_ascii |= byte >= 0x80;
        if is_unreserved(byte) {
            text.push(char::from(byte));
        } else if escaped || is_tolerated(byte) {
            push_escape(&mut text, byte);
        } else if is_delimiter(byte) {
            text.push(char::from(byte));
        } else {
            return Err(Malformed::bad(why_not(byte), PLACE));
        }
    }
    if beyond_ascii && percent_encoding::percent_decode_str(&text).decode_utf8().is_err() {
        return Err(Malformed::bad("the escapes are not UTF-8", PLACE));
    }
    Ok(text)
}

/// Whether a byte may stand in a target as it is sent.
pub(super) fn may_be_sent(byte: u8) -> bool {
    is_unreserved(byte) || is_delimiter(byte) || byte == b'%' || is_tolerated(byte)
}

/// Why a byte may not.
pub(super) fn why_not(byte: u8) -> String {
    match byte {
        b'#' => "fragments are not sent to servers".to_owned(),
        b'\\' => "backslash".to_owned(),
        b' ' | b'\t' => "white space".to_owned(),
        ..0x20 | 0x7f => "control character".to_owned(),
        _ => format!("\"{}\" must be percent-encoded", byte.escape_ascii()),
    }
}

/// What WHATWG URLs leave bare and RFC 3986 does not: it is sent on escaped.
fn is_tolerated(byte: u8) -> bool {
    matches!(byte, b'[' | b']' | b'{' | b'}' | b'|' | b'^' | b'`')
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// RFC 3986 `sub-delims`, `:`, `@`, and what stands between segments and in queries.
fn is_delimiter(byte: u8) -> bool {
    matches!(
        byte,
        b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=' | b':' | b'@' | b'/' | b'?'
    )
}

fn push_escape(text: &mut String, byte: u8) {
    const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    text.push('%');
    text.extend(DIGITS.get(usize::from(byte >> 4)));
    text.extend(DIGITS.get(usize::from(byte & 15)));
}

pub(super) fn hex_pair(bytes: &[u8], at: usize) -> Option<u8> {
    let digit = |at: usize| char::from(*bytes.get(at)?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some(digit(at)? << 4 | digit(at + 1)?)
}

#[cfg(test)]
mod tests;
