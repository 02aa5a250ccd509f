//! Which headers go on, which stop here, and which are refused: one table, [`treatment`].

use std::ops::Range;

use bytes::Bytes;

use super::{HttpVersion, Malformed, RawHead};

/// The headers of one head, each where it belongs.
#[derive(Debug, Default)]
pub(super) struct Sorted<'r> {
    pub(super) kept: Kept,
    pub(super) host: Option<&'r str>,
    pub(super) content_length: Option<&'r str>,
    pub(super) transfer_encoding: Option<&'r str>,
    pub(super) expect: Option<&'r str>,
    pub(super) upgrade: Option<&'r str>,
}

/// The headers that go on. Their values stand one behind the other, so that they are one allocation.
#[derive(Debug, Default)]
pub(super) struct Kept {
    names: Vec<(String, Range<usize>)>,
    values: Vec<u8>,
}

/// What happens to a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Treatment {
    Keep,
    /// Two of them are refused: parsers differ on which one counts.
    KeepOne,
    /// HTTP/2 may split it, nothing else may.
    Cookie,
    Drop,
    /// Ends at this hop and has no place in HTTP/2 (RFC 9113 section 8.2.2).
    DropHop,
    Refuse(&'static str),
    Host,
    ContentLength,
    TransferEncoding,
    Expect,
    Upgrade,
    Connection,
    Te,
}

/// Whether rules can ever see an agent's header of that lower-case name.
pub(crate) fn reaches_rules(name: &str) -> bool {
    let ours = name == "proxy-authorization" || name == "content-digest" || name.starts_with("holdshort-");
    let kept = matches!(treatment(name), Treatment::Keep | Treatment::KeepOne | Treatment::Cookie | Treatment::Host);
    kept && !ours
}

/// By lower-case name. What names a hop, another client, host, path or method than the request
/// itself is never believed: it is dropped, or refused where dropping would change what was meant.
fn treatment(name: &str) -> Treatment {
    use Treatment::{
        Connection, ContentLength, Cookie, Drop, DropHop, Expect, Host, Keep, KeepOne, Refuse, Te, TransferEncoding,
        Upgrade,
    };
    match name {
        "host" => Host,
        "content-length" => ContentLength,
        "transfer-encoding" => TransferEncoding,
        "expect" => Expect,
        "upgrade" => Upgrade,
        "connection" => Connection,
        "te" => Te,
        "cookie" => Cookie,
        "keep-alive" | "proxy-connection" => DropHop,
        "http2-settings" | "trailer" | "proxy-authenticate" | "proxy-authentication-info" => Drop,
        "x-http-method" | "x-http-method-override" | "x-method-override" | "x-http-override" => {
            Refuse("the method cannot be overridden by a header")
        }
        "forwarded"
        | "forwarded-for"
        | "via"
        | "x-forwarded"
        | "x-forwarder-for"
        | "x-real-ip"
        | "x-host"
        | "x-client-ip"
        | "client-ip"
        | "true-client-ip"
        | "cf-connecting-ip"
        | "cf-connecting-ipv6"
        | "fastly-client-ip"
        | "x-cluster-client-ip"
        | "x-azure-clientip"
        | "x-azure-socketip"
        | "x-proxyuser-ip"
        | "x-remote-ip"
        | "x-remote-addr"
        | "x-remote-user"
        | "remote-user"
        | "x-accel-redirect"
        | "x-sendfile"
        | "max-forwards"
        | "proxy" => Drop,
        "content-type"
        | "content-encoding"
        | "content-digest"
        | "content-md5"
        | "content-disposition"
        | "content-location"
        | "content-range"
        | "content-language"
        | "authorization"
        | "proxy-authorization"
        | "x-api-key"
        | "x-agent-key"
        | "idempotency-key"
        | "x-idempotency-key"
        | "user-agent"
        | "from"
        | "referer"
        | "origin"
        | "date"
        | "if-modified-since"
        | "if-unmodified-since"
        | "if-range"
        | "range"
        | "last-event-id"
        | "digest"
        | "repr-digest" => KeepOne,
        _ if name.starts_with("x-forwarded-")
            || name.starts_with("x-original-")
            || name.starts_with("x-rewrite-")
            || name.starts_with("x-envoy-")
            || name.starts_with("x-middleware-") =>
        {
            Drop
        }
        _ if name.starts_with("mcp-") || name.starts_with("holdshort-") => KeepOne,
        _ => Keep,
    }
}

impl<'r> Sorted<'r> {
    pub(super) fn sort(raw: &RawHead<'r>, permit_header: &str) -> Result<Sorted<'r>, Malformed> {
        let http2 = raw.version == HttpVersion::Http2;
        let mut sorted = Sorted { kept: Kept::for_all(raw), ..Sorted::default() };
        let mut lower = String::new();
        for (name, value) in raw.headers {
            lower_case(name, &mut lower)?;
            let name = lower.as_str();
            let value = clean(value, name)?;
            if spells(name, permit_header) {
                if name == permit_header {
                    continue;
                }
                return Err(Malformed::bad("looks like the permit header, which only the gate may set", place(name)));
            }
            match treatment(name) {
                Treatment::Keep => sorted.kept.push(name, value),
                Treatment::KeepOne => {
                    if sorted.kept.range(name).is_some() {
                        return Err(twice(name));
                    }
                    if name == "content-type" && value.contains(&b',') {
                        return Err(Malformed::bad("more than one media type", place(name)));
                    }
                    sorted.kept.push(name, value);
                }
                Treatment::Cookie => match sorted.kept.range(name).is_some() {
                    false => sorted.kept.push(name, value),
                    // RFC 9113 section 8.2.3
                    true if http2 => sorted.kept.join(name, b"; ", value),
                    true => return Err(twice(name)),
                },
                Treatment::Drop => {}
                Treatment::DropHop if http2 => return Err(not_in_http2(name)),
                Treatment::DropHop => {}
                Treatment::Refuse(why) => return Err(Malformed::bad(why, place(name))),
                Treatment::Host => once(&mut sorted.host, name, value)?,
                Treatment::ContentLength => once(&mut sorted.content_length, name, value)?,
                Treatment::Expect => once(&mut sorted.expect, name, value)?,
                Treatment::TransferEncoding | Treatment::Upgrade | Treatment::Connection if http2 => {
                    return Err(not_in_http2(name));
                }
                Treatment::TransferEncoding => once(&mut sorted.transfer_encoding, name, value)?,
                Treatment::Upgrade => once(&mut sorted.upgrade, name, value)?,
                Treatment::Connection => connection(text(value, name)?)?,
                Treatment::Te if http2 && !value.eq_ignore_ascii_case(b"trailers") => return Err(not_in_http2(name)),
                Treatment::Te => {}
            }
        }
        // Cleartext clients offer h2c with their first request; a server may ignore it, and must where an HTTP/1.0
        // client offers anything (RFC 9110 section 7.8).
        let may_switch = raw.version != HttpVersion::Http10;
        sorted.upgrade = sorted.upgrade.filter(|token| may_switch && !token.eq_ignore_ascii_case("h2c"));
        if sorted.upgrade == Some("") {
            return Err(Malformed::bad("empty", "header upgrade"));
        }
        Ok(sorted)
    }
}

impl Kept {
    fn for_all(raw: &RawHead<'_>) -> Kept {
        let values = raw.headers.iter().map(|(_, value)| value.len()).sum();
        Kept { names: Vec::with_capacity(raw.headers.len()), values: Vec::with_capacity(values) }
    }

    /// Where the first value of that name stands.
    fn range(&self, name: &str) -> Option<Range<usize>> {
        self.names.iter().find(|(kept, _)| kept == name).map(|(_, range)| range.clone())
    }

    fn push(&mut self, name: &str, value: &[u8]) {
        let start = self.values.len();
        self.values.extend_from_slice(value);
        self.names.push((name.to_owned(), start..self.values.len()));
    }

    /// Adds to the value that is there. Nothing adds nothing: white space would be left at an end of the value.
    fn join(&mut self, name: &str, between: &[u8], value: &[u8]) {
        let Some((_, range)) = self.names.iter_mut().find(|(kept, _)| kept == name) else { return };
        let between = if range.start == range.end || value.is_empty() { b"" } else { between };
        let start = self.values.len();
        self.values.extend_from_within(range.clone());
        self.values.extend_from_slice(between);
        self.values.extend_from_slice(value);
        *range = start..self.values.len();
    }

    pub(super) fn headers(self) -> Vec<(String, Bytes)> {
        let values = Bytes::from(self.values);
        self.names.into_iter().map(|(name, range)| (name, values.slice(range))).collect()
    }
}

/// A nominated header would be taken off by the next hop; nominating any but those of this hop is
/// an attempt to have an end-to-end header removed.
fn connection(value: &str) -> Result<(), Malformed> {
    const OF_THIS_HOP: [&str; 9] =
        ["keep-alive", "close", "", "upgrade", "te", "trailer", "trailers", "http2-settings", "proxy-connection"];
    for token in value.split(',') {
        let token = token.trim_matches([' ', '\t']);
        if !OF_THIS_HOP.iter().any(|known| known.eq_ignore_ascii_case(token)) {
            let what = format!("\"{}\" may not be nominated", token.to_ascii_lowercase().escape_debug());
            return Err(Malformed::bad(what, "header connection"));
        }
    }
    Ok(())
}

/// Whether a header name reads as the permit header to a server that takes `_` or `.` for `-`.
fn spells(name: &str, permit_header: &str) -> bool {
    name.len() == permit_header.len() && name.bytes().zip(permit_header.bytes()).all(|(a, b)| dash(a) == dash(b))
}

fn dash(byte: u8) -> u8 {
    if matches!(byte, b'_' | b'.') { b'-' } else { byte }
}

/// Writes a header's name in lower case.
fn lower_case(name: &[u8], lower: &mut String) -> Result<(), Malformed> {
    let shown = || format!("header \"{}\"", name.escape_ascii());
    if name.is_empty() {
        return Err(Malformed::bad("a header without a name", "headers"));
    }
    if name.contains(&b'_') {
        return Err(Malformed::bad(
            "header names with an underscore are read as another header by some servers",
            shown(),
        ));
    }
    if !name.iter().copied().all(is_token) {
        return Err(Malformed::bad("not a header name", shown()));
    }
    lower.clear();
    lower.push_str(std::str::from_utf8(name).map_err(|_| Malformed::bad("not a header name", shown()))?);
    lower.make_ascii_lowercase();
    Ok(())
}

/// The value without the white space around it.
fn clean<'a>(value: &'a [u8], name: &str) -> Result<&'a [u8], Malformed> {
    let value = trim(value);
    if value.iter().any(|byte| (*byte < 0x20 && *byte != b'\t') || *byte == 0x7f) {
        return Err(Malformed::bad("control character in a value", place(name)));
    }
    Ok(value)
}

pub(super) fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

fn once<'r>(slot: &mut Option<&'r str>, name: &str, value: &'r [u8]) -> Result<(), Malformed> {
    if slot.is_some() {
        return Err(twice(name));
    }
    *slot = Some(text(value, name)?);
    Ok(())
}

fn text<'r>(value: &'r [u8], name: &str) -> Result<&'r str, Malformed> {
    match std::str::from_utf8(value) {
        Ok(text) if text.is_ascii() => Ok(text),
        _ => Err(Malformed::bad("not ASCII", place(name))),
    }
}

fn twice(name: &str) -> Malformed {
    Malformed::bad("sent more than once", place(name))
}

fn not_in_http2(name: &str) -> Malformed {
    Malformed::bad("has no place in HTTP/2", place(name))
}

fn place(name: &str) -> String {
    format!("header {name}")
}

/// RFC 9110 section 5.6.2.
pub(super) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
        )
}
