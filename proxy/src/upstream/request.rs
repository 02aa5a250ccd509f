//! Building the upstream request from the canonical one. Nothing is relayed: every header that is sent
//! was either read strictly and kept, or is set here.
//!
//! Order: the agent's end-to-end headers less what is removed; then what the gate says of the call;
//! then the permit; last what the operator sets.

use std::net::IpAddr;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, FORWARDED, HOST, HeaderName, HeaderValue, TRANSFER_ENCODING, VIA};
use pingora_error::BError;
use pingora_http::RequestHeader;
use rules::config::Forwarding;
use rules::request::{BodyFraming, Head, HttpVersion};

use super::Line;

static CONTENT_DIGEST: HeaderName = HeaderName::from_static("content-digest");
static FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
static FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
static FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
static FORWARDED_PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");

/// Where the call came from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct From<'a> {
    pub(crate) client: Option<IpAddr>,
    pub(crate) tls: bool,
    /// No other proxy stands between that could have said so: the agent uses this scheme and the `Host` it sent.
    pub(crate) direct: bool,
    /// The mount that was taken off.
    pub(crate) prefix: &'a str,
}

/// What comes with a released call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Proof<'a> {
    pub(crate) permit: Option<&'a str>,
    pub(crate) content_digest: &'a str,
}

/// The head of the upstream request.
///
/// # Errors
/// Something cannot stand in a head; nothing may be sent.
pub(crate) fn build(
    line: &Line,
    head: &Head,
    target: &str,
    framing: BodyFraming,
    from: From<'_>,
    proof: Option<Proof<'_>>,
) -> Result<Box<RequestHeader>, BError> {
    let mut request =
        RequestHeader::build_no_case(head.method.as_str(), target.as_bytes(), Some(head.headers.len() + 12))?;
    let host = if line.preserve_host {
        HeaderValue::try_from(&head.host).map_err(|_| bad("host"))?
    } else {
        line.host.clone()
    };
    request.insert_header(HOST, host)?;
    for (name, value) in &head.headers {
        if kept(line, name) {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad("header name"))?;
            let value = HeaderValue::from_maybe_shared(Bytes::clone(value)).map_err(|_| bad("header value"))?;
            request.append_header(name, value)?;
        }
    }
    for header in &line.forwarding {
        say_where_from(&mut request, *header, head, from)?;
    }
    if let Some(proof) = proof {
        request.insert_header(CONTENT_DIGEST.clone(), proof.content_digest)?;
        if let Some(permit) = proof.permit {
            let mut permit = HeaderValue::from_str(permit).map_err(|_| bad("permit"))?;
            permit.set_sensitive(true);
            request.insert_header(line.permit_header.clone(), permit)?;
        }
    }
    for (name, value) in &line.set {
        request.insert_header(name.clone(), value.clone())?;
    }
    match framing {
        BodyFraming::None => {}
        BodyFraming::Length(0) if matches!(head.method.as_str(), "GET" | "HEAD" | "OPTIONS" | "DELETE") => {}
        BodyFraming::Length(length) => request.insert_header(CONTENT_LENGTH, length)?,
        BodyFraming::Open => request.insert_header(TRANSFER_ENCODING, HeaderValue::from_static("chunked"))?,
    }
    Ok(Box::new(request))
}

/// Where the call came from, in the words that this upstream wants.
fn say_where_from(request: &mut RequestHeader, header: Forwarding, head: &Head, from: From<'_>) -> Result<(), BError> {
    let proto = if from.tls { "https" } else { "http" };
    match header {
        Forwarding::XForwarded => {
            if let Some(client) = from.client {
                request.insert_header(FORWARDED_FOR.clone(), client.to_string())?;
            }
            request.insert_header(FORWARDED_PROTO.clone(), HeaderValue::from_static(proto))?;
            request.insert_header(FORWARDED_HOST.clone(), head.host.as_str())?;
            if !from.prefix.is_empty() {
                request.insert_header(FORWARDED_PREFIX.clone(), from.prefix)?;
            }
        }
        Forwarding::Forwarded => {
            let client = match from.client {
                Some(IpAddr::V4(address)) => address.to_string(),
                Some(IpAddr::V6(address)) => format!("\"[{address}]\""),
                None => "unknown".to_owned(),
            };
            request.insert_header(FORWARDED, format!("for={client};host=\"{}\";proto={proto}", head.host))?;
        }
        Forwarding::Via => {
            let received = match head.version {
                HttpVersion::Http10 => "1.0 holdshort",
                HttpVersion::Http11 => "1.1 holdshort",
                HttpVersion::Http2 => "2.0 holdshort",
            };
            request.insert_header(VIA, HeaderValue::from_static(received))?;
        }
    }
    Ok(())
}

/// HTTP/2 has no `Host` and no `Transfer-Encoding`; it has an authority and a scheme.
///
/// # Errors
/// The host cannot be an authority.
pub(crate) fn into_h2(request: &mut RequestHeader, tls: bool) -> Result<(), BError> {
    let host = request.remove_header(&HOST).ok_or_else(|| bad("host"))?;
    request.remove_header(&TRANSFER_ENCODING);
    let target = request.uri.path_and_query().cloned().ok_or_else(|| bad("target"))?;
    let uri = http::Uri::builder()
        .scheme(if tls { "https" } else { "http" })
        .authority(host.as_bytes())
        .path_and_query(target)
        .build()
        .map_err(|_| bad("authority"))?;
    request.set_uri(uri);
    request.set_version(http::Version::HTTP_2);
    // `TE` is of one connection: on this one the gate itself takes trailers, and some servers of gRPC
    // refuse whoever does not say so.
    let grpc = |kind: &http::HeaderValue| kind.as_bytes().starts_with(b"application/grpc");
    if request.headers.get(http::header::CONTENT_TYPE).is_some_and(grpc) {
        request.insert_header(http::header::TE, "trailers")?;
    }
    Ok(())
}

/// Whether a header of the agent is sent on. Names are lower case and end-to-end already.
fn kept(line: &Line, name: &str) -> bool {
    !(name == line.permit_header.as_str()
        || name.starts_with("holdshort-")
        || matches!(
            name,
            "host" | "content-length" | "transfer-encoding" | "expect" | "content-digest" | "proxy-authorization"
        )
        || line.remove.iter().any(|removed| removed.covers(name)))
}

fn bad(what: &'static str) -> BError {
    pingora_error::Error::explain(pingora_error::ErrorType::InvalidHTTPHeader, what)
}
