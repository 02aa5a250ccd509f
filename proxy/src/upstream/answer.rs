//! The head of the upstream's answer, as the agent gets it: without what belongs to one connection
//! only, without the permit, and with links and cookies that lead back to the mount.

use http::HeaderValue;
use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_LOCATION, HeaderName, LINK, LOCATION, REFRESH, SET_COOKIE};
use pingora_error::BError;
use pingora_http::ResponseHeader;

use super::Line;

/// Headers of one connection (RFC 9110 section 7.6.1), and `alt-svc`, which would lead around the gate.
const DROPPED: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "alt-svc",
];

/// What only the gate says.
const OURS: [&str; 3] = ["holdshort-intent", "holdshort-request", "holdshort-replayed"];

/// Makes an upstream's head the agent's.
///
/// # Errors
/// A mapped value cannot stand in a head.
pub(crate) fn make_ours(head: &mut ResponseHeader, line: &Line, prefix: &str) -> Result<(), BError> {
    let nominated: Vec<String> = head
        .headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .filter(|name| !name.is_empty() && !matches!(name.as_str(), "close" | "content-length" | "content-type"))
        .collect();
    // Few of them are there: looking at what is there costs less than asking for each.
    let dropped = |name: &&HeaderName| {
        DROPPED.contains(&name.as_str())
            || OURS.contains(&name.as_str())
            || *name == line.permit_header
            || nominated.iter().any(|nominated| nominated == name.as_str())
    };
    for name in head.headers.keys().filter(dropped).cloned().collect::<Vec<_>>() {
        head.remove_header(&name);
    }
    if head.headers.contains_key(CONTENT_LENGTH) {
        one_length(head)?;
    }
    map_links(head, line, prefix)
}

/// Equal lengths that were sent twice become one.
fn one_length(head: &mut ResponseHeader) -> Result<(), BError> {
    let mut all = head.headers.get_all(CONTENT_LENGTH).iter();
    let first = all.next().cloned();
    if let (Some(first), Some(_)) = (first, all.next()) {
        head.insert_header(CONTENT_LENGTH, first)?;
    }
    Ok(())
}

fn map_links(head: &mut ResponseHeader, line: &Line, prefix: &str) -> Result<(), BError> {
    for name in [LOCATION, CONTENT_LOCATION] {
        rewrite(head, &name, |value| link(value, line, prefix))?;
    }
    rewrite(head, &LINK, |value| in_brackets(value, line, prefix))?;
    rewrite(head, &REFRESH, |value| {
        let (wait, rest) = value.split_once(';')?;
        let url = rest.trim_start().get(..4).filter(|start| start.eq_ignore_ascii_case("url="))?;
        let target = rest.trim_start().get(url.len()..)?;
        Some(format!("{wait}; url={}", link(target, line, prefix)?))
    })?;
    rewrite(head, &SET_COOKIE, |value| Some(cookie(value, line, prefix)))
}

/// Replaces the values of a header for which `map` knows another.
fn rewrite(head: &mut ResponseHeader, name: &HeaderName, map: impl Fn(&str) -> Option<String>) -> Result<(), BError> {
    if !head.headers.contains_key(name) {
        return Ok(());
    }
    let values: Vec<HeaderValue> = head.headers.get_all(name).iter().cloned().collect();
    head.remove_header(name);
    for value in values {
        match value.to_str().ok().and_then(&map) {
            Some(mapped) => head.append_header(name.clone(), mapped)?,
            None => head.append_header(name.clone(), value)?,
        };
    }
    Ok(())
}

/// A link of the upstream to itself, as a link below the mount. Links to elsewhere stay.
fn link(target: &str, line: &Line, prefix: &str) -> Option<String> {
    let path = match target.get(..line.origin.len()) {
        Some(start) if start.eq_ignore_ascii_case(&line.origin) => target.get(line.origin.len()..)?,
        _ => target,
    };
    if path.is_empty() {
        return Some(format!("{prefix}/"));
    }
    // `//host/x` is another host; anything else without a slash is relative to where the agent is.
    if !path.starts_with('/') || path.starts_with("//") {
        return None;
    }
    Some(format!("{prefix}{}", below(path, &line.path)))
}

/// The path without the one that stands in front of every target.
fn below<'a>(path: &'a str, front: &str) -> &'a str {
    match path.strip_prefix(front) {
        Some("") => "/",
        Some(rest) if rest.starts_with(['/', '?', '#']) => rest,
        _ => path,
    }
}

/// Every `<...>` of a `Link`.
fn in_brackets(value: &str, line: &Line, prefix: &str) -> Option<String> {
    let mut mapped = String::with_capacity(value.len() + prefix.len());
    let mut rest = value;
    while let Some((before, after)) = rest.split_once('<') {
        let (target, behind) = after.split_once('>')?;
        mapped.push_str(before);
        mapped.push('<');
        mapped.push_str(&link(target, line, prefix).unwrap_or_else(|| target.to_owned()));
        mapped.push('>');
        rest = behind;
    }
    mapped.push_str(rest);
    Some(mapped)
}

/// A cookie for the mount: its path moves below it, its domain (the upstream's) is left out.
fn cookie(value: &str, line: &Line, prefix: &str) -> String {
    let mut mapped = String::with_capacity(value.len() + prefix.len());
    for (index, part) in value.split(';').enumerate() {
        let (name, set) =
            part.split_once('=').map_or((part.trim(), None), |(name, set)| (name.trim(), Some(set.trim())));
        if index > 0 && name.eq_ignore_ascii_case("domain") {
            continue;
        }
        if index > 0 {
            mapped.push(';');
        }
        match set {
            Some(path) if index > 0 && name.eq_ignore_ascii_case("path") && path.starts_with('/') => {
                mapped.push_str(" Path=");
                mapped.push_str(prefix);
                mapped.push_str(below(path, &line.path));
            }
            _ => mapped.push_str(part),
        }
    }
    mapped
}
