//! [`Request::new`]: the head, its mount and the whole body become one request.

use bytes::Bytes;

use super::media_type::{self, MediaType};
use super::{Content, Head, Malformed, Request, digest, form, graphql, json, mcp, multipart, target};
use crate::config::Protocol;
use crate::ruleset::{Looks, Mounted};

impl Request {
    /// Joins a canonical head, its mount and the whole body.
    ///
    /// # Errors
    /// The body is of a kind that rules of this upstream look into, and cannot be read in one way only.
    pub fn new(mut head: Head, mounted: &Mounted, body: Bytes) -> Result<Request, Malformed> {
        check_slashes(&head, mounted)?;
        let upstream = mounted.upstream.clone();
        if let Some(said) = head.header("content-digest") {
            digest::check(said, &body)?;
        }
        let looks = upstream.looks(&head.method, &mounted.path);
        let content = if upstream.config.protocol == Protocol::Mcp && head.method == "POST" {
            if declared(&head)? != MediaType::Json {
                return Err(Malformed::new(415, "MCP messages are application/json", "header content-type"));
            }
            mcp::content(&body, &head)?
        } else if looks.graphql {
            graphql::read(&head, || declared(&head), &body)?.map_or(Content::Opaque, Content::GraphQl)
        } else if body.is_empty() || !(looks.json || looks.form) {
            Content::Opaque
        } else {
            read(&head, &body, looks)?
        };
        drop_what_is_ours(&mut head, true);
        if matches!(content, Content::Mcp(_)) {
            // The answer may have to be changed on its way: ids, hidden tools.
            head.headers.retain(|(name, _)| name != "accept-encoding");
        }
        let target = target_of(&upstream.config.url.path, &mounted.path, head.query.as_deref());
        let content_digest = digest::content_digest(&body);
        Ok(Request { upstream, head, path: mounted.path.clone(), target, body, content_digest, content })
    }

    /// Joins a canonical head and its mount where [`Ruleset::body_need`](crate::Ruleset::body_need) says that
    /// the body streams: it is not looked at, and the digest is empty. The agent's own `Content-Digest`
    /// travels with it.
    ///
    /// # Errors
    /// The head cannot be read in one way only.
    pub fn streaming(mut head: Head, mounted: &Mounted) -> Result<Request, Malformed> {
        check_slashes(&head, mounted)?;
        drop_what_is_ours(&mut head, false);
        let upstream = mounted.upstream.clone();
        let target = target_of(&upstream.config.url.path, &mounted.path, head.query.as_deref());
        let (path, content_digest) = (mounted.path.clone(), String::new());
        Ok(Request { upstream, head, path, target, body: Bytes::new(), content_digest, content: Content::Opaque })
    }
}

fn check_slashes(head: &Head, mounted: &Mounted) -> Result<(), Malformed> {
    if !mounted.upstream.config.paths.allow_encoded_slash && target::has_escaped_slash(&head.path) {
        return Err(Malformed::bad("an escaped slash or backslash in the path is not accepted", "request target"));
    }
    Ok(())
}

/// These were meant for the gate, which sets its own.
fn drop_what_is_ours(head: &mut Head, digest_too: bool) {
    head.headers.retain(|(name, _)| {
        !(name == "proxy-authorization" || name.starts_with("holdshort-") || digest_too && name == "content-digest")
    });
}

fn read(head: &Head, body: &Bytes, looks: Looks) -> Result<Content, Malformed> {
    match declared(head)? {
        MediaType::Json if looks.json => Ok(Content::Json(json::Document::read(body.clone())?)),
        MediaType::OtherJson if looks.json && looks.other_json => {
            Ok(Content::Json(json::Document::read(body.clone())?))
        }
        MediaType::Form if looks.form => Ok(Content::Form(form::parse(body)?)),
        MediaType::Multipart { boundary } if looks.form => Ok(Content::Multipart(multipart::parse(body, &boundary)?)),
        _ => {
            let wanted = match (looks.json, looks.form) {
                (true, true) => "application/json, application/x-www-form-urlencoded or multipart/form-data",
                (true, false) => "application/json",
                _ => "application/x-www-form-urlencoded or multipart/form-data",
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
    media_type::read(value).map_err(unknown)
}

/// An upstream that is mounted whole gets no slash after its own path.
fn target_of(base: &str, path: &str, query: Option<&str>) -> String {
    let path = if path == "/" && !base.is_empty() { "" } else { path };
    match query {
        Some(query) => [base, path, "?", query].concat(),
        None => [base, path].concat(),
    }
}
