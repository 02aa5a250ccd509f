//! The head, read strictly: [`Head::read`].

use super::headers::{self, Sorted};
use super::{BodyFraming, Head, HttpVersion, Malformed, RawHead, Reading};
use super::{host, target};

/// More headers than this are refused; browsers and SDKs send some twenty.
pub(super) const MOST_HEADERS: usize = 100;
const CL: &str = "header content-length";
const LONGEST_METHOD: usize = 32;
pub(super) const ONLY_CHUNKED: &str = "the only transfer-encoding accepted is \"chunked\"";

impl Head {
    /// Reads a head in the one way it can be read.
    ///
    /// # Errors
    /// Whatever two parsers could read differently.
    pub fn read(raw: &RawHead<'_>, how: &Reading) -> Result<Head, Malformed> {
        limits(raw, how)?;
        method(raw.method)?;
        let target = target::read(raw.target)?;
        let mut sorted = Sorted::sort(raw, &how.permit_header)?;
        let host = authority(raw, target.authority.as_deref(), &sorted)?;
        let body_framing = framing(raw.version, raw.method, &sorted)?;
        let expects_continue = match sorted.expect.take() {
            None => false,
            Some(value) if value.eq_ignore_ascii_case("100-continue") => true,
            Some(_) => {
                return Err(Malformed::new(417, "only \"100-continue\" can be expected", "header expect"));
            }
        };
        Ok(Head {
            version: raw.version,
            method: raw.method.to_owned(),
            host,
            path: target.path,
            query: target.query,
            headers: sorted.kept.headers(),
            expects_continue,
            upgrade: sorted.upgrade.map(str::to_ascii_lowercase),
            body_framing,
            client: None,
        })
    }
}

fn limits(raw: &RawHead<'_>, how: &Reading) -> Result<(), Malformed> {
    if raw.headers.len() > MOST_HEADERS {
        return Err(Malformed::new(431, format!("more than {MOST_HEADERS} headers"), "headers"));
    }
    // 4: colon, space and line end.
    let size = raw.headers.iter().map(|(name, value)| name.len() + value.len() + 4).sum::<usize>()
        + raw.method.len()
        + raw.target.len();
    if size > how.head_limit {
        return Err(Malformed::new(431, format!("the head is larger than {} bytes", how.head_limit), "headers"));
    }
    Ok(())
}

/// Methods are case-sensitive (RFC 9110 section 9.1) and all that are registered are upper case; a
/// server that folds case would read `post` as a `POST` that no rule saw.
fn method(method: &str) -> Result<(), Malformed> {
    const PLACE: &str = "request method";
    if method.is_empty() || method.len() > LONGEST_METHOD || !method.bytes().all(headers::is_token) {
        return Err(Malformed::bad("the method is not a token", PLACE));
    }
    if method.bytes().any(|byte| byte.is_ascii_lowercase()) {
        return Err(Malformed::bad("methods are written in upper case", PLACE));
    }
    if matches!(method, "TRACE" | "TRACK" | "CONNECT") {
        return Err(Malformed::new(405, format!("{method} is not accepted here"), PLACE));
    }
    Ok(())
}

/// The one host that all places which name a host agree on.
fn authority(raw: &RawHead<'_>, in_target: Option<&str>, sorted: &Sorted<'_>) -> Result<String, Malformed> {
    const HOST: &str = "header host";
    let in_header = sorted.host.map(|value| host::canonical(value, HOST)).transpose()?;
    let in_frame = match (raw.version, raw.authority) {
        (_, None) => None,
        (HttpVersion::Http2, Some(value)) => Some(host::canonical(value, ":authority")?),
        (_, Some(_)) => return Err(Malformed::bad(":authority belongs to HTTP/2", ":authority")),
    };
    let host = match (in_frame, in_header) {
        (Some(frame), Some(header)) if frame != header => {
            return Err(Malformed::bad(":authority and host differ", ":authority"));
        }
        (Some(host), _) | (None, Some(host)) => host,
        (None, None) => return Err(Malformed::bad("no host is named", HOST)),
    };
    if let Some(value) = in_target {
        if raw.version == HttpVersion::Http2 {
            return Err(Malformed::bad(":path must start with a slash", "request target"));
        }
        if host::canonical(value, "request target")? != host {
            return Err(Malformed::bad("the target names another host than the host header", "request target"));
        }
    }
    Ok(host)
}

/// How the body is delimited (RFC 9112 section 6.3), without any of its choices.
fn framing(version: HttpVersion, method: &str, sorted: &Sorted<'_>) -> Result<BodyFraming, Malformed> {
    const TE: &str = "header transfer-encoding";
    if let Some(coding) = &sorted.transfer_encoding {
        if sorted.content_length.is_some() {
            return Err(Malformed::bad("both content-length and transfer-encoding", TE));
        }
        if version != HttpVersion::Http11 {
            return Err(Malformed::bad("transfer-encoding belongs to HTTP/1.1", TE));
        }
        if !coding.eq_ignore_ascii_case("chunked") {
            return Err(Malformed::bad(ONLY_CHUNKED, TE));
        }
        return Ok(BodyFraming::Open);
    }
    if let Some(length) = &sorted.content_length {
        return content_length(length).map(BodyFraming::Length);
    }
    match version {
        HttpVersion::Http2 => Ok(BodyFraming::Open),
        HttpVersion::Http11 => Ok(BodyFraming::None),
        // Without a length the body would end with the connection: cut short and whole look the same.
        HttpVersion::Http10 if matches!(method, "POST" | "PUT" | "PATCH") => {
            Err(Malformed::bad("HTTP/1.0 with a body needs a content-length", CL))
        }
        HttpVersion::Http10 => Ok(BodyFraming::None),
    }
}

/// # Errors
/// Anything but decimal digits.
pub(super) fn content_length(text: &str) -> Result<u64, Malformed> {
    let bad = || Malformed::bad("not a number of bytes", CL);
    if text.is_empty() || text.len() > 18 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(bad());
    }
    text.parse().map_err(|_| bad())
}

#[cfg(test)]
mod tests;
