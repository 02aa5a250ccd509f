//! `multipart/form-data` bodies (RFC 7578): fields, and what is known of files without looking into them.
//!
//! Frameworks find the parts in ways of their own: line feeds alone, space behind a boundary, a part
//! before the first boundary, a second `name`. So there is one spelling here, the one that browsers and
//! HTTP libraries write, and whatever else is refused.
//!
//! INVARIANT: the boundary's text stands nowhere but where a part begins or the body ends, so that no
//! reader can find another part than these.

use memchr::memmem;

use super::media_type::{self, MediaType};
use super::{Malformed, digest, headers, pairs};

const MOST_PARTS: usize = 200;
/// Of a part's head; names and file names are short.
const LONGEST_HEAD: usize = 4096;
/// To some servers this field says in which charset the others are.
const CHARSET_FIELD: &str = "_charset_";

/// One part, in order of the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    pub name: String,
    pub value: Value,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    Text(String),
    File(File),
}

/// What is known of a file: a part that has a file name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    pub filename: String,
    pub content_type: Option<String>,
    pub size: usize,
    /// RFC 9530 value over its bytes: `sha-256=:...:`.
    pub digest: String,
}

/// Takes a body apart.
///
/// # Errors
/// It is spelled in a way that two servers could read differently; `place` names the part.
pub(super) fn parse(body: &[u8], boundary: &str) -> Result<Vec<Part>, Malformed> {
    let bad = |what: &str| Malformed::bad(what, "multipart");
    let delimiter = [b"--", boundary.as_bytes()].concat();
    let mut rest = body.strip_prefix(delimiter.as_slice()).ok_or_else(|| bad("does not begin with its boundary"))?;
    let finder = memmem::Finder::new(&delimiter);
    let mut parts: Vec<Part> = Vec::new();
    loop {
        if let Some(end) = rest.strip_prefix(b"--") {
            return match end {
                b"" | b"\r\n" => Ok(parts),
                _ => Err(bad("something follows the last boundary")),
            };
        }
        rest = rest.strip_prefix(b"\r\n").ok_or_else(|| bad("a boundary is followed by neither CRLF nor \"--\""))?;
        let next = finder.find(rest).ok_or_else(|| bad("the last boundary is missing"))?;
        let (part, after) = rest.split_at_checked(next).unwrap_or((rest, b""));
        rest = after.strip_prefix(delimiter.as_slice()).unwrap_or_default();
        let part = part.strip_suffix(b"\r\n").ok_or_else(|| bad("the boundary stands within a line"))?;
        if parts.len() == MOST_PARTS {
            return Err(bad("more parts than any form has"));
        }
        let place = format!("multipart, part {}", parts.len() + 1);
        parts.push(self::part(part).map_err(|what| Malformed::bad(what, place))?);
    }
}

/// The value of a name that a rule looks at.
///
/// # Errors
/// The name is repeated, or another spelling of it is there.
pub(crate) fn one<'p>(parts: &'p [Part], name: &str) -> Result<Option<&'p Value>, Malformed> {
    let at = pairs::place_of(parts.iter().map(|part| part.name.as_str()), name, "form")?;
    Ok(at.and_then(|at| parts.get(at)).map(|part| &part.value))
}

fn part(part: &[u8]) -> Result<Part, String> {
    let end = memmem::find(part, b"\r\n\r\n").filter(|end| *end <= LONGEST_HEAD);
    let (head, rest) = part.split_at_checked(end.ok_or("no head that can be read")?).unwrap_or_default();
    let content = rest.strip_prefix(b"\r\n\r\n").unwrap_or_default();
    let head = std::str::from_utf8(head).map_err(|_| "the head is not UTF-8")?;
    let (mut disposition, mut content_type, mut length) = (None, None, None);
    for line in head.split("\r\n") {
        let (name, value) = line.split_once(':').ok_or("a line of the head without \":\"")?;
        if name.is_empty() || !name.bytes().all(headers::is_token) {
            return Err("a header name that is none".to_owned());
        }
        let value = value.trim_matches([' ', '\t']);
        if value.chars().any(char::is_control) {
            return Err("a control character in a header".to_owned());
        }
        let before = match name.to_ascii_lowercase().as_str() {
            "content-disposition" => disposition.replace(value),
            "content-type" => content_type.replace(value),
            "content-length" => length.replace(value),
            "content-transfer-encoding" => return Err("content-transfer-encoding is not accepted".to_owned()),
            name => return Err(format!("the header {name} is not accepted in a part")),
        };
        if before.is_some() {
            return Err(format!("the header {} stands there twice", name.to_ascii_lowercase()));
        }
    }
    if length.is_some_and(|length| length != content.len().to_string()) {
        return Err("content-length is not the length of the part".to_owned());
    }
    let kind = content_type.map(media_type::read).transpose().map_err(|why| format!("content-type: {why}"))?;
    if matches!(kind, Some(MediaType::Multipart { .. } | MediaType::OtherMultipart)) {
        return Err("a multipart within a multipart is not accepted".to_owned());
    }
    let (name, filename) = names(disposition.ok_or("content-disposition is missing")?)?;
    if name.eq_ignore_ascii_case(CHARSET_FIELD) {
        return Err("the charset is UTF-8: the field _charset_ is not accepted".to_owned());
    }
    let value = match filename {
        Some(filename) => Value::File(File {
            filename,
            content_type: content_type.map(str::to_owned),
            size: content.len(),
            digest: digest::content_digest(content),
        }),
        None => Value::Text(std::str::from_utf8(content).map_err(|_| "a field that is not UTF-8")?.to_owned()),
    };
    Ok(Part { name, value })
}

/// `form-data; name="..."; filename="..."`: each once, in quotes, without escapes, which are read in
/// several ways.
fn names(disposition: &str) -> Result<(String, Option<String>), String> {
    let (kind, mut rest) = disposition.split_once(';').ok_or("content-disposition without a name")?;
    if !kind.trim_end().eq_ignore_ascii_case("form-data") {
        return Err("content-disposition is not form-data".to_owned());
    }
    let (mut name, mut filename) = (None, None);
    loop {
        let (key, value) = rest.split_once('=').ok_or("a parameter without a value")?;
        let inside = value.strip_prefix('"').ok_or("a parameter that is not in quotes")?;
        let (value, after) = inside.split_once('"').ok_or("a quote that is not closed")?;
        let before = match key.trim_start_matches([' ', '\t']).to_ascii_lowercase().as_str() {
            "name" => name.replace(value),
            "filename" => filename.replace(value),
            "filename*" => return Err("filename* is not accepted (RFC 7578, section 4.2)".to_owned()),
            _ => return Err("a parameter other than name and filename".to_owned()),
        };
        // Some readers split at a semicolon before they look at quotes, and find another name behind it.
        if before.is_some() || value.contains(['\\', ';']) {
            return Err("a parameter that stands there twice, or has a backslash or a semicolon".to_owned());
        }
        match after.strip_prefix(';') {
            Some(more) => rest = more,
            None if after.is_empty() => break,
            None => return Err("something follows a parameter".to_owned()),
        }
    }
    let name = name.filter(|name| !name.is_empty()).ok_or("no name")?;
    if name.contains('%') {
        return Err("\"%\" in a name: an escape to some servers".to_owned());
    }
    Ok((name.to_owned(), filename.map(str::to_owned)))
}

#[cfg(test)]
mod tests;
