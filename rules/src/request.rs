//! Strict reading of what an agent sent, into the one canonical request that is matched, shown,
//! digested, signed and sent.
//!
//! [`Head::read`] refuses what two parsers could read differently; it never repairs. The upstream
//! request is built from [`Request`], so policy and upstream cannot see two different things.
//!
//! INVARIANT: reading a head that was built from a canonical head gives the same head again.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;

use crate::ruleset::Upstream;

mod client;
mod content;
mod digest;
pub mod form;
pub mod graphql;
mod head;
mod headers;
mod host;
pub mod json;
pub mod mcp;
mod media_type;
pub mod multipart;
pub mod pairs;
mod resting;
mod target;
pub mod wire;

pub(crate) use headers::reaches_rules;

pub use client::client;
pub use resting::Resting;

/// What cannot be accepted, and where it is. Nothing of it was forwarded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} ({place})")]
pub struct Malformed {
    /// HTTP status that says it: 400, 405, 413, 414, 415, 417, 431.
    pub status: u16,
    /// What is wrong, in words an agent's author understands.
    pub what: String,
    /// Where: `request target`, `header content-length`, `body at /amount`...
    pub place: String,
    /// The JSON-RPC error code that says it, where the request went to an MCP upstream.
    pub rpc_code: Option<i32>,
    /// The id of the JSON-RPC request that is refused, where it could be read; of a batch the list of those of its
    /// requests.
    pub rpc_id: Option<json::Json>,
}

impl Malformed {
    /// A refusal with an HTTP status of its own.
    #[must_use]
    pub fn new(status: u16, what: impl Into<String>, place: impl Into<String>) -> Malformed {
        Malformed { status, what: what.into(), place: place.into(), rpc_code: None, rpc_id: None }
    }

    /// A plain 400.
    pub(crate) fn bad(what: impl Into<String>, place: impl Into<String>) -> Malformed {
        Malformed::new(400, what, place)
    }
}

/// The head as the listener received it, before anything was done to it.
#[derive(Debug, Clone, Copy)]
pub struct RawHead<'a> {
    pub version: HttpVersion,
    pub method: &'a str,
    /// The request target exactly as received; for HTTP/2 the `:path`.
    pub target: &'a [u8],
    /// HTTP/2 `:authority`.
    pub authority: Option<&'a str>,
    /// In order of arrival, repeated names repeated, names as received.
    pub headers: &'a [(&'a [u8], &'a [u8])],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpVersion {
    Http10,
    Http11,
    Http2,
}

/// The canonical head: only end-to-end headers, in order, names in lower case; hop-by-hop,
/// forwarding and override headers are gone, so are `host`, `content-length`,
/// `transfer-encoding`, `expect` and `upgrade`, which are fields of their own.
///
/// `proxy-authorization` and the `holdshort-*` headers that identify a caller stay until
/// [`Request::new`] takes them off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    pub version: HttpVersion,
    pub method: String,
    /// Canonical: lower case, no trailing dot, without the ports 80 and 443.
    pub host: String,
    /// Starts with `/`; unreserved characters decoded, all else in one spelling.
    pub path: String,
    /// Without `?`, one spelling.
    pub query: Option<String>,
    pub headers: Vec<(String, Bytes)>,
    /// `Expect: 100-continue` was sent.
    pub expects_continue: bool,
    /// An upgrade was asked for (`websocket`...); refused unless the route allows it.
    pub upgrade: Option<String>,
    pub body_framing: BodyFraming,
    /// Whose address the call has; the listener fills it in.
    pub client: Option<IpAddr>,
}

impl Head {
    /// The first header of that (lower-case) name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&Bytes> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyFraming {
    None,
    Length(u64),
    /// Chunked, or HTTP/2 without `content-length`.
    Open,
}

/// What the canonical head leaves to the deployment.
#[derive(Debug, Clone)]
pub struct Reading {
    /// Lower-case name of the permit header; no client may send or nominate it.
    pub permit_header: String,
    pub head_limit: usize,
}

/// A request that can be decided: canonical head relative to the upstream's mount, and the whole body.
///
/// INVARIANT: made only by [`Request::new`] and [`Request::streaming`], which refuse what is ambiguous.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Request {
    pub upstream: Arc<Upstream>,
    pub head: Head,
    /// The path below the mount, what routes match; starts with `/`.
    pub path: String,
    /// Path and query as they will be sent to the upstream; what the permit's `target` says.
    pub target: String,
    pub body: Bytes,
    /// RFC 9530 value over the body: `sha-256=:...:`.
    pub content_digest: String,
    pub content: Content,
}

/// The body as rules see it.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// No body, or none that a rule of this upstream looks into.
    Opaque,
    Json(json::Document),
    /// `application/x-www-form-urlencoded`, decoded, in order.
    Form(Vec<(String, String)>),
    /// `multipart/form-data`, in order.
    Multipart(Vec<multipart::Part>),
    /// The operation of a GraphQL request.
    GraphQl(graphql::Call),
    /// A JSON-RPC message of an MCP upstream.
    Mcp(mcp::Message),
    /// Several of them in one request; at least one.
    McpBatch(Vec<mcp::Message>),
}
