//! The head of the upstream's answer, as the agent gets it: without what belongs to one connection
//! only, without the permit, and with links and cookies that lead back to the mount.

use http::HeaderValue;
use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_LOCATION, HeaderName, LINK, LOCATION, REFRESH, SET_COOKIE};
use pingora_error::BError;
use pingora_http::ResponseHeader;

use rules::request::Head;

use super::Line;
use super::request::From;

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
pub(crate) fn make_ours(head: &mut ResponseHeader, line: &Line, asked: &Head, from: From<'_>) -> Result<(), BError> {
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
    map_links(head, &Mount::of(line, asked, from))
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

fn map_links(head: &mut ResponseHeader, mount: &Mount<'_>) -> Result<(), BError> {
    for name in [LOCATION, CONTENT_LOCATION] {
        rewrite(head, &name, |value| mount.link(value))?;
    }
    rewrite(head, &LINK, |value| in_brackets(value, mount))?;
    rewrite(head, &REFRESH, |value| {
        let (wait, rest) = value.split_once(';')?;
        let url = rest.trim_start().get(..4).filter(|start| start.eq_ignore_ascii_case("url="))?;
        let target = rest.trim_start().get(url.len()..)?;
        Some(format!("{wait}; url={}", mount.link(target)?))
    })?;
    rewrite(head, &SET_COOKIE, |value| Some(cookie(value, mount.line, mount.prefix)))
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

/// Where the agent finds what this upstream has.
pub(crate) struct Mount<'a> {
    line: &'a Line,
    prefix: &'a str,
    /// `Host` as the agent sent it.
    host: &'a str,
    tls: bool,
    direct: bool,
}

impl<'a> Mount<'a> {
    pub(crate) fn of(line: &'a Line, asked: &'a Head, from: From<'a>) -> Mount<'a> {
        Mount { line, prefix: from.prefix, host: &asked.host, tls: from.tls, direct: from.direct }
    }

    /// A link of the upstream to itself, as a link below the mount; `None`: it leads elsewhere and stays. What was
    /// absolute stays so, because there are clients that take nothing else in `Link` and `Location`; behind another
    /// proxy, whose scheme and name are not known here, it becomes a path.
    pub(crate) fn link(&self, target: &str) -> Option<String> {
        let (path, absolute) = match self.below_origin(target) {
            Some(path) => (path, true),
            None => (target, false),
        };
        // `//host/x` is another host; anything else without a slash is relative to where the agent is.
        if !(path.starts_with('/') && !path.starts_with("//")
            || absolute && (path.is_empty() || path.starts_with(['?', '#'])))
        {
            return None;
        }
        let origin = if absolute && self.direct {
            format!("{}://{}", if self.tls { "https" } else { "http" }, self.host)
        } else {
            String::new()
        };
        if !path.starts_with('/') {
            return Some(format!("{origin}{}/{path}", self.prefix));
        }
        Some(format!("{origin}{}{}", self.prefix, below(path, &self.line.path)))
    }

    /// What was taken off the path.
    pub(crate) fn prefix(&self) -> &str {
        self.prefix
    }

    /// The path below the mount, with its query, that a link in what stands at `at` leads to; `None`: it leads to
    /// where the mount does not reach.
    pub(crate) fn below(&self, target: &str, at: &str) -> Option<String> {
        let path = self.below_origin(target).unwrap_or(target);
        if path.is_empty() || path.contains(['#', '\\', '\r', '\n', ' ']) || path.starts_with("//") {
            return None;
        }
        if path.starts_with('/') {
            let rest = path.strip_prefix(&self.line.path)?;
            return (rest.starts_with(['/', '?']))
                .then(|| if rest.starts_with('/') { rest.to_owned() } else { format!("/{rest}") });
        }
        let scheme = path.split(['/', '?']).next().is_some_and(|first| first.contains(':'));
        let folder = at.rsplit_once('/').map_or("", |(folder, _)| folder);
        (!scheme && !path.starts_with(['?', '.'])).then(|| format!("{folder}/{path}"))
    }

    /// What stands behind the upstream's own origin, or behind the gate's where the upstream was told that one.
    fn below_origin<'t>(&self, target: &'t str) -> Option<&'t str> {
        let own = |origin: &str| match target.get(..origin.len()) {
            Some(start) if start.eq_ignore_ascii_case(origin) => {
                target.get(origin.len()..).filter(|rest| rest.is_empty() || rest.starts_with(['/', '?', '#']))
            }
            _ => None,
        };
        let told = || {
            let scheme = if self.line.tls { "https" } else { "http" };
            own(&format!("{scheme}://{}", self.host))
        };
        own(&self.line.origin).or_else(|| if self.line.preserve_host { told() } else { None })
    }
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
fn in_brackets(value: &str, mount: &Mount<'_>) -> Option<String> {
    let mut mapped = String::with_capacity(value.len() + mount.prefix.len());
    let mut rest = value;
    while let Some((before, after)) = rest.split_once('<') {
        let (target, behind) = after.split_once('>')?;
        mapped.push_str(before);
        mapped.push('<');
        mapped.push_str(&mount.link(target).unwrap_or_else(|| target.to_owned()));
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
