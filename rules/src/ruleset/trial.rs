//! A call that nobody sent, walked through the rules as the proxy walks a real one: head, mount, body,
//! route, decision. Rule tests and replays of recorded calls stand on it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use bytes::Bytes;

use super::view::View;
use super::{BodyNeed, Hit, Mounted, Routed, Ruleset};
use crate::config::{AgentEntry, Config};
use crate::decision::{Caller, Decision};
use crate::request::{Content, Head, HttpVersion, Malformed, RawHead, Reading, Request, client};

/// The project that is always there.
const DEFAULT_PROJECT: &str = "default";

/// What would be sent.
#[derive(Debug, Clone, Default)]
pub struct Trial {
    /// The upstream that `target` is a path of; `None`: the gate's own path, or a URL.
    pub upstream: Option<String>,
    pub method: String,
    /// Path and query, or a URL: of the gate, or of an upstream as it stands in the configuration.
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
    /// The address that calls the gate. Where that is a trusted proxy, `X-Forwarded-For` among the headers counts.
    pub peer: Option<IpAddr>,
}

/// Where its walk ended, and whom it passed.
#[derive(Debug, Clone)]
pub struct Walk {
    pub upstream: Option<String>,
    /// Position of the route it took among those of its upstream.
    pub route: Option<usize>,
    pub caller: Caller,
    pub end: End,
}

#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "made once for each call and taken apart at once")]
pub enum End {
    /// Answered with a 4xx before any rule was asked.
    Refused(Malformed),
    /// No upstream has this address, or none that the caller's project reaches.
    NoUpstream(String),
    NoRoute,
    /// It passes without an intent; `protocol`: because it only holds an MCP session together.
    Pass {
        protocol: bool,
    },
    Decided {
        hit: Hit,
        decision: Decision,
    },
}

impl Caller {
    /// An agent as the files define it.
    #[must_use]
    pub fn from_entry(name: &str, entry: &AgentEntry) -> Caller {
        Caller {
            name: name.to_owned(),
            fingerprint: entry.fingerprint.clone().unwrap_or_else(|| fingerprint(name)),
            project: entry.project.clone(),
            owner: entry.owner.clone(),
            framework: entry.framework.clone(),
            trust: entry.trust,
            source_type: entry.source_type,
            risk_sensitivity: entry.risk_sensitivity,
            enforce: entry.enforce,
        }
    }

    /// Somebody nothing is known of.
    #[must_use]
    pub fn nobody_in_particular(project: &str) -> Caller {
        Caller {
            name: "somebody".to_owned(),
            fingerprint: "somebody".to_owned(),
            project: project.to_owned(),
            owner: None,
            framework: None,
            trust: crate::config::Trust::default(),
            source_type: crate::config::SourceType::default(),
            risk_sensitivity: None,
            enforce: true,
        }
    }
}

/// What policies call an agent that was given no fingerprint.
fn fingerprint(name: &str) -> String {
    let mut slug = String::new();
    for one in name.chars() {
        if one.is_ascii_alphanumeric() {
            slug.push(one.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.truncate(slug.trim_end_matches('-').len());
    if slug.is_empty() { "agent".to_owned() } else { slug }
}

impl Ruleset {
    /// Walks a call through the rules. Without a `caller` it is made by the agent that the listener is
    /// bound to, else by somebody unknown in a project that reaches the upstream.
    #[must_use]
    pub fn walk(&self, trial: &Trial, caller: Option<&Caller>, at: i64) -> Walk {
        let nobody = || Caller::nobody_in_particular(DEFAULT_PROJECT);
        let mut walk = Walk {
            upstream: None,
            route: None,
            caller: caller.cloned().unwrap_or_else(nobody),
            end: End::NoUpstream(format!("no upstream is at {}", trial.target)),
        };
        let (mounted, head) = match self.land(trial) {
            Ok(Some(landed)) => landed,
            Ok(None) => return walk,
            Err(why) => {
                walk.end = End::Refused(why);
                return walk;
            }
        };
        let upstream = mounted.upstream.config.clone();
        walk.upstream = Some(upstream.name.clone());
        if caller.is_none() {
            let bound = mounted.bound_agent.as_deref().and_then(|name| Some((name, self.config.agents.get(name)?)));
            walk.caller = match bound {
                Some((name, entry)) => Caller::from_entry(name, entry),
                None => upstream.projects.first().map_or_else(nobody, |project| Caller::nobody_in_particular(project)),
            };
        }
        if !upstream.projects.contains(&walk.caller.project) {
            let Caller { name, project, .. } = &walk.caller;
            let name = format!("{name} is in the project {project}, which does not reach {}", upstream.name);
            walk.end = End::NoUpstream(name);
            return walk;
        }
        walk.end = match self.decided(&mounted, head, trial, &mut walk, at) {
            Ok(end) => end,
            Err(why) => End::Refused(why),
        };
        walk
    }

    fn decided(
        &self,
        mounted: &Mounted,
        head: Head,
        trial: &Trial,
        walk: &mut Walk,
        at: i64,
    ) -> Result<End, Malformed> {
        let request = self.request(mounted, head, trial)?;
        let routed = self.route(&request)?;
        walk.route =
            mounted.upstream.routes.position(&request.path, &mut View::new(&request.head, &request.content))?;
        Ok(match routed {
            Routed::NoRoute => End::NoRoute,
            Routed::Pass { .. } => End::Pass {
                protocol: walk.route.is_none() && matches!(request.content, Content::Mcp(_) | Content::McpBatch(_)),
            },
            Routed::Protocol => End::Pass { protocol: true },
            Routed::Action(hit) => {
                let name = Some(mounted.upstream.config.name.as_str());
                let decision = self.decide(&hit.action, name, &walk.caller, Some(&request), &hit.defects, at);
                End::Decided { hit, decision }
            }
        })
    }

    pub(super) fn request(&self, mounted: &Mounted, head: Head, trial: &Trial) -> Result<Request, Malformed> {
        match self.body_need(mounted, &head) {
            BodyNeed::Stream => Request::streaming(head, mounted),
            BodyNeed::Whole(limit) if trial.body.len() > limit => {
                let what = format!("the body has {} bytes; at most {limit} are read", trial.body.len());
                Err(Malformed::new(413, what, "body"))
            }
            BodyNeed::Whole(_) => Request::new(head, mounted, trial.body.clone()),
        }
    }

    /// The upstream it is for, and its canonical head.
    pub(super) fn land(&self, trial: &Trial) -> Result<Option<(Mounted, Head)>, Malformed> {
        let config: &Config = &self.config;
        let proxy = config.proxy.listen.first().copied();
        let mut listener = proxy.unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)));
        let mut host = listener.to_string();
        let mut target = trial.target.clone();
        let mut named = trial.upstream.as_deref();
        if named.is_none()
            && let Some((authority, path)) = taken_apart(&trial.target)
        {
            if let Some((upstream, below)) = self.as_configured(&trial.target) {
                named = Some(upstream);
                target = below;
            } else {
                target = path;
                listener = authority.parse().unwrap_or(listener);
            }
            host = authority;
        }
        let length = trial.body.len().to_string();
        let given = |name: &str| trial.headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name));
        let mut headers: Vec<(&[u8], &[u8])> = Vec::with_capacity(trial.headers.len() + 2);
        if !given("host") {
            headers.push((b"host", host.as_bytes()));
        }
        headers.extend(trial.headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())));
        if !trial.body.is_empty() && !given("content-length") && !given("transfer-encoding") {
            headers.push((b"content-length", length.as_bytes()));
        }
        let raw = RawHead {
            version: HttpVersion::Http11,
            method: &trial.method,
            target: target.as_bytes(),
            authority: None,
            headers: &headers,
        };
        let reading = Reading { permit_header: config.permit.header.clone(), head_limit: config.limits.head };
        let mut head = Head::read(&raw, &reading)?;
        let forwarded = trial.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("x-forwarded-for"));
        let forwarded: Vec<&[u8]> = forwarded.map(|(_, value)| value.as_bytes()).collect();
        head.client = trial.peer.map(|peer| client(peer, &forwarded, &config.proxy.trusted_proxies));
        let mounted = match named {
            Some(name) => self.upstreams.iter().find(|upstream| upstream.config.name == name).map(|upstream| Mounted {
                upstream: upstream.clone(),
                prefix: String::new(),
                path: head.path.clone(),
                bound_agent: None,
            }),
            None => self.mount(listener, &head),
        };
        Ok(mounted.map(|mounted| (mounted, head)))
    }

    /// The upstream whose own URL this is, and what comes after it.
    fn as_configured(&self, url: &str) -> Option<(&str, String)> {
        let parsed = url::Url::parse(url).ok()?;
        let tls = parsed.scheme() == "https";
        let host = parsed.host_str()?.trim_start_matches('[').trim_end_matches(']');
        let port = parsed.port_or_known_default()?;
        let (_, written) = taken_apart(url)?;
        let fits = |upstream: &&std::sync::Arc<super::Upstream>| {
            let at = &upstream.config.url;
            let below = written.strip_prefix(&at.path);
            at.tls == tls
                && at.host.eq_ignore_ascii_case(host)
                && at.port == port
                && below.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
        };
        let upstream = self.upstreams.iter().filter(fits).max_by_key(|upstream| upstream.config.url.path.len())?;
        let below = written.strip_prefix(&upstream.config.url.path)?;
        let below = if below.starts_with('/') { below.to_owned() } else { format!("/{below}") };
        Some((&upstream.config.name, below))
    }
}

/// Authority, and path with query, as written.
fn taken_apart(url: &str) -> Option<(String, String)> {
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"))?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    Some((authority.to_owned(), path))
}

#[cfg(test)]
mod tests;
