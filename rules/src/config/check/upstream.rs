//! Upstreams: where they are, where they are mounted, what is sent to them.

use std::collections::HashMap;
use std::time::Duration;

use indexmap::IndexMap;

use super::{Checker, is_token, texts};
use crate::config::node::{Mark, shortened};
use crate::config::raw::{self, At, Named, OneOrMany};
use crate::config::{
    AgentEntry, Forwarding, Paths, Permit, Protocol, RiskTier, Secret, Unmatched, Upstream, UpstreamListener,
    UpstreamTls, UpstreamUrl,
};

/// What stands around the upstreams.
pub(super) struct Around<'c> {
    pub(super) permit: &'c Permit,
    pub(super) agents: &'c IndexMap<String, AgentEntry>,
}

/// Mounts that are taken, and by whom.
#[derive(Default)]
struct Taken {
    at: HashMap<String, String>,
    host: HashMap<String, String>,
}

/// Headers that belong to the connection or that the gate itself makes.
const NOT_SET: [&str; 12] = [
    "connection",
    "content-digest",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "content-encoding",
];

impl Checker<'_> {
    pub(super) fn upstreams(
        &mut self,
        raw: Option<At<Named<raw::Upstream>>>,
        around: &Around<'_>,
    ) -> IndexMap<String, Upstream> {
        let mark = raw.as_ref().map_or(Mark { file: 0, line: 1, column: 1 }, |at| at.mark);
        let given = raw.map(|at| at.value.0).unwrap_or_default();
        if given.is_empty() {
            let help = "add `upstreams: { api: { url: https://..., at: /api } }`";
            self.error("no-upstream", mark, "no upstream is defined: there is nothing to stand before", Some(help));
        }
        let mut taken = Taken::default();
        let mut urls = Vec::new();
        let mut upstreams = IndexMap::new();
        for (name, at) in given {
            self.name("an upstream", &name);
            urls.push(At { value: at.value.url.value.0.clone(), mark: at.value.url.mark });
            let upstream = self.upstream(&name, at.value, around, &mut taken);
            upstreams.insert(name.value, upstream);
        }
        for url in urls {
            if self.listeners.reached_by(&url.value) {
                let help = "an upstream is the service behind the gate; this address is the gate's own";
                self.error("own-listener", url.mark, "this upstream is one of the gate's own listeners", Some(help));
            }
        }
        upstreams
    }

    fn upstream(&mut self, name: &At<String>, raw: raw::Upstream, around: &Around<'_>, taken: &mut Taken) -> Upstream {
        let at: Vec<String> = texts(raw.at).iter().map(|at| self.mount(&name.value, at, taken)).collect();
        let host: Vec<String> = texts(raw.host).iter().map(|host| self.host(&name.value, host, taken)).collect();
        let projects = self.reachable(raw.projects);
        let listen = raw.listen.unwrap_or_default();
        let listen: Vec<UpstreamListener> =
            listen.as_slice().iter().map(|at| self.listener(&name.value, at, &projects, around)).collect();
        if at.is_empty() && host.is_empty() && listen.is_empty() {
            let message = format!("agents cannot reach `{}`", shortened(&name.value));
            let help = format!("add `at: /{}`, or `host`, or `listen`", shortened(&name.value));
            self.error("no-mount", name.mark, message, Some(&help));
        }
        let (headers_set, headers_remove) = self.headers(raw.headers, around.permit);
        let protocol = raw.protocol.map(|at| at.value).unwrap_or_default();
        let announce = raw.announce.as_ref().is_some_and(|at| at.value);
        if let Some(at) = raw.announce.filter(|at| at.value && protocol != Protocol::Mcp) {
            let help = "add `protocol: mcp` to the upstream";
            self.error("contradiction", at.mark, "`announce` is for an upstream that speaks MCP", Some(help));
        }
        let tls = self.upstream_tls(raw.tls, &raw.url.value.0);
        let timeouts = raw.timeouts.map(|at| at.value).unwrap_or_default();
        let pass_by_default = raw.unmatched.as_ref().filter(|at| at.value == Unmatched::Pass).map(|at| at.mark);
        let unmatched = raw.unmatched.map(|at| at.value).unwrap_or_default();
        let paths = raw.paths.map(|at| at.value).unwrap_or_default();
        let routes = self.routes(raw.routes, protocol);
        if let Some(at) = pass_by_default.filter(|_| routes.iter().any(|route| route.risk_tier >= RiskTier::High)) {
            let message = "what no route matches passes, although routes here are of high risk";
            let help = "a spelling that the routes do not foresee would pass too: `unmatched: require_approval`";
            self.warning("open-default", at, message, Some(help));
        }
        Upstream {
            name: name.value.clone(),
            url: raw.url.value.0,
            at,
            host,
            listen,
            protocol,
            announce,
            unmatched,
            enforce: raw.enforce.is_none_or(|enforce| enforce.value),
            projects,
            headers_set,
            headers_remove,
            forwarding: match raw.forwarding {
                None => vec![Forwarding::XForwarded],
                Some(many) => many.as_slice().iter().map(|at| at.value).collect(),
            },
            preserve_host: raw.preserve_host.is_some_and(|at| at.value),
            http2: raw.http2.is_some_and(|at| at.value),
            tls,
            connect_timeout: self.within(timeouts.connect.as_ref(), Duration::from_secs(5), "1ms", "5m"),
            read_timeout: self.within(timeouts.read.as_ref(), Duration::from_secs(300), "1ms", "24h"),
            paths: Paths {
                case_insensitive: paths.case.is_some_and(|at| at.value == raw::Case::Insensitive),
                allow_encoded_slash: paths.encoded_slash.is_some_and(|at| at.value == raw::Slash::Allow),
            },
            hold: raw.hold.map(|hold| self.hold(&hold)),
            body_limit: raw
                .limits
                .and_then(|at| at.value.body)
                .map(|body| self.size(Some(&body), 1 << 20, 0, 64 << 20)),
            routes,
        }
    }

    fn mount(&mut self, upstream: &str, at: &At<String>, taken: &mut Taken) -> String {
        let path = at.value.strip_suffix('/').unwrap_or(&at.value);
        let plain = |segment: &str| {
            !segment.is_empty()
                && segment != "."
                && segment != ".."
                && segment.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~!$&'()+,=:@".contains(&b))
        };
        let good = at.value.starts_with('/') && path.split('/').skip(1).all(plain);
        if !good {
            let help = "a path of plain segments such as `/payments` or `/apis/payments`";
            self.error("bad-path", at.mark, "agents cannot reach an upstream at this path", Some(help));
        } else if path == "/k" || path.starts_with("/k/") {
            let help = "take another path; `/k/<key>/...` is how agents present a key in the URL";
            self.error("bad-path", at.mark, "paths under `/k` are the gate's own", Some(help));
        }
        if let Some(other) = taken.at.insert(path.to_owned(), upstream.to_owned()) {
            let message = format!("`{other}` is mounted at this path already");
            self.error("duplicate-mount", at.mark, message, Some("each upstream has a path of its own"));
        }
        path.to_owned()
    }

    fn host(&mut self, upstream: &str, at: &At<String>, taken: &mut Taken) -> String {
        let host = at.value.trim_end_matches('.').to_ascii_lowercase();
        let label = |label: &str| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        if host.len() > 253 || !host.split('.').all(label) {
            let help = "a host name without scheme, port and path, such as `pay.gate.internal`; \
                        `preserve_host: true` is what sends the agent's Host on";
            self.error("bad-host", at.mark, "this is not a host name", Some(help));
        }
        if let Some(other) = taken.host.insert(host.clone(), upstream.to_owned()) {
            let message = format!("`{other}` has this host name already");
            self.error("duplicate-mount", at.mark, message, Some("each upstream has host names of its own"));
        }
        host
    }

    fn listener(
        &mut self,
        upstream: &str,
        at: &At<raw::Listen>,
        projects: &[String],
        around: &Around<'_>,
    ) -> UpstreamListener {
        let (address, agent) = match &at.value {
            raw::Listen::Text(address) => (address, None),
            raw::Listen::Map(bound) => (&bound.address, bound.agent.as_ref()),
        };
        let address = self.listens(address, &format!("the upstream `{upstream}`"));
        if let Some(agent) = agent {
            let known = self.names.agents.clone();
            self.refer("agent", "agents", agent, &known);
            if let Some(entry) = around.agents.get(&agent.value)
                && !projects.contains(&entry.project)
            {
                let message = format!(
                    "the agent `{}` is of the project `{}`, whose agents may not reach `{upstream}`",
                    agent.value, entry.project
                );
                let help = format!("add `projects: [{}]` to the upstream", entry.project);
                self.error("out-of-project", agent.mark, message, Some(&help));
            }
        }
        UpstreamListener { address, agent: agent.map(|agent| agent.value.clone()) }
    }

    fn reachable(&mut self, raw: Option<OneOrMany<At<String>>>) -> Vec<String> {
        if raw.is_none() {
            return vec!["default".to_owned()];
        }
        let known = self.names.projects.clone();
        let names = texts(raw);
        for name in &names {
            self.refer("project", "projects", name, &known);
        }
        names.into_iter().map(|name| name.value).collect()
    }

    fn headers(&mut self, raw: Option<At<raw::Headers>>, permit: &Permit) -> (IndexMap<String, Secret>, Vec<String>) {
        let raw = raw.map(|at| at.value).unwrap_or_default();
        let mut set = IndexMap::new();
        for (name, value) in raw.set.map(|at| at.value.0).unwrap_or_default() {
            let lower = name.value.to_ascii_lowercase();
            let ours = NOT_SET.contains(&lower.as_str()) || lower == permit.header || lower.starts_with("holdshort-");
            if !is_token(&lower) {
                self.error("bad-header", name.mark, format!("`{}` is not a header name", shortened(&name.value)), None);
            } else if ours {
                let message = format!("`{}` is set by the gate itself", name.value);
                let help = (lower == "host").then_some("`preserve_host: true` sends the agent's Host on");
                self.error("bad-header", name.mark, message, help);
            }
            let text = value.value.0.trim();
            if text.chars().any(|c| c.is_control() && c != '\t') {
                self.error(
                    "bad-header",
                    value.mark,
                    "a header value cannot hold line breaks or control characters",
                    None,
                );
            }
            if set.insert(lower, Secret::new(text.to_owned())).is_some() {
                let message = format!("the header `{}` is set twice", name.value);
                self.error("defined-twice", name.mark, message, Some("keep one of them"));
            }
        }
        let mut remove = Vec::new();
        for at in texts(raw.remove) {
            let glob = at.value.to_ascii_lowercase();
            if !is_token(&glob) || glob.matches('*').count() > 1 {
                let message = format!("`{}` does not name headers", shortened(&at.value));
                let help = "a header name, or one `*` for any run of characters: `x-internal-*`";
                self.error("bad-header", at.mark, message, Some(help));
            }
            remove.push(glob);
        }
        (set, remove)
    }

    fn upstream_tls(&mut self, raw: Option<At<raw::UpstreamTls>>, url: &UpstreamUrl) -> UpstreamTls {
        let Some(at) = raw else { return UpstreamTls::default() };
        if !url.tls && url.host != "unresolved.invalid" {
            let help = "write the URL with `https://`, or take `tls` out";
            self.error("contradiction", at.mark, "`tls` has no effect on an `http://` upstream", Some(help));
        }
        UpstreamTls { ca: at.value.ca.map(|at| at.value), server_name: at.value.server_name.map(|at| at.value) }
    }
}
