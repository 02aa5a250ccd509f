//! [`Request::new`]: the head, its mount and the whole body become one request.

use bytes::Bytes;

use super::media_type::{self, MediaType};
use super::{Content, Head, Malformed, Request, digest, form, json, mcp, target};
use crate::config::Protocol;
use crate::ruleset::{Looks, Mounted};

impl Request {
    /// Joins a canonical head, its mount and the whole body.
    ///
    /// # Errors
    /// The body is of a kind that rules of this upstream look into, and cannot be read in one way only.
    pub fn new(mut head: Head, mounted: &Mounted, body: Bytes) -> Result<Request, Malformed> {
        let upstream = mounted.upstream.clone();
        if !upstream.config.paths.allow_encoded_slash && target::has_escaped_slash(&head.path) {
            return Err(Malformed::bad("an escaped slash or backslash in the path is not accepted", "request target"));
        }
        if let Some(said) = head.header("content-digest") {
            digest::check(said, &body)?;
        }
        let looks = upstream.looks(&head.method, &mounted.path);
        let content = if upstream.config.protocol == Protocol::Mcp && head.method == "POST" {
            if declared(&head)? != MediaType::Json {
                return Err(Malformed::new(415, "MCP messages are application/json", "header content-type"));
            }
            Content::Mcp(mcp::Message::read(&body, &head)?)
        } else if body.is_empty() || !(looks.json || looks.form) {
            Content::Opaque
        } else {
            read(&head, &body, looks)?
        };
        // These were meant for the gate, which sets its own.
        head.headers.retain(|(name, _)| {
            !(name == "content-digest" || name == "proxy-authorization" || name.starts_with("holdshort-"))
        });
        let target = target_of(&upstream.config.url.path, &mounted.path, head.query.as_deref());
        let content_digest = digest::content_digest(&body);
        Ok(Request { upstream, head, path: mounted.path.clone(), target, body, content_digest, content })
    }
}

fn read(head: &Head, body: &[u8], looks: Looks) -> Result<Content, Malformed> {
    match declared(head)? {
        MediaType::Json if looks.json => Ok(Content::Json(json::parse(body)?)),
        MediaType::OtherJson if looks.json && looks.other_json => Ok(Content::Json(json::parse(body)?)),
        MediaType::Form if looks.form => Ok(Content::Form(form::parse(body)?)),
        _ => {
            let wanted = match (looks.json, looks.form) {
                (true, true) => "application/json or application/x-www-form-urlencoded",
                (true, false) => "application/json",
                _ => "application/x-www-form-urlencoded",
            };
            Err(Malformed::new(415, format!("rules look into this body: send it as {wanted}"), "header content-type"))
        }
    }
}

/// The media type of a body that rules look into, which nothing may hide.
fn declared(head: &Head) -> Result<MediaType, Malformed> {
    if head.header("content-encoding").is_some_and(|value| !value.eq_ignore_ascii_case(b"identity")) {
        let what = "rules look into this body: send it without a coding";
        return Err(Malformed::new(415, what, "header content-encoding"));
    }
    let unknown = |what: &str| Malformed::new(415, what, "header content-type");
    let value = head.header("content-type").ok_or_else(|| unknown("rules look into this body: say its media type"))?;
    let value = std::str::from_utf8(value).map_err(|_| unknown("not a media type"))?;
    media_type::read(value).ok_or_else(|| unknown("not a media type in UTF-8"))
}

/// An upstream that is mounted whole gets no slash after its own path.
fn target_of(base: &str, path: &str, query: Option<&str>) -> String {
    let path = if path == "/" && !base.is_empty() { "" } else { path };
    match query {
        Some(query) => format!("{base}{path}?{query}"),
        None => format!("{base}{path}"),
    }
}
