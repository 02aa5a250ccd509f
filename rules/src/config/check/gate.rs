//! The gate itself.

use std::net::SocketAddr;
use std::time::Duration;

use super::{Checker, is_token};
use crate::config::raw::{self, At};
use crate::config::{Admin, ApprovalTimes, Audit, Limits, Permit, Proxy, Quota, Record, Secret, TlsFiles};

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// Headers with a meaning of their own: a permit under such a name would break the call or be taken for something else.
const TAKEN: [&str; 34] = [
    "accept",
    "accept-encoding",
    "accept-language",
    "age",
    "authorization",
    "cache-control",
    "connection",
    "content-digest",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "date",
    "etag",
    "expect",
    "forwarded",
    "host",
    "idempotency-key",
    "keep-alive",
    "location",
    "mcp-session-id",
    "origin",
    "proxy-authorization",
    "range",
    "referer",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
    "x-api-key",
    "x-forwarded-for",
];

impl Checker<'_> {
    pub(super) fn proxy(&mut self, raw: Option<At<raw::Proxy>>) -> Proxy {
        let mark = raw.as_ref().map(|at| at.mark).unwrap_or_default();
        let raw = raw.map(|at| at.value).unwrap_or_default();
        let listen: Vec<SocketAddr> = match &raw.listen {
            None => vec![self.claims(SocketAddr::from(([127, 0, 0, 1], 8080)), mark, "`proxy`")],
            Some(many) => many.as_slice().iter().map(|at| self.listens(at, "`proxy`")).collect(),
        };
        if listen.is_empty() {
            self.error("bad-value", mark, "the proxy listens nowhere", Some("take `listen` out for 127.0.0.1:8080"));
        }
        Proxy {
            listen,
            tls: raw.tls.map(|at| self.tls(at)),
            anonymous: raw.anonymous.map(|at| at.value).unwrap_or_default(),
            trusted_proxies: super::networks(raw.trusted_proxies.as_ref()),
        }
    }

    fn tls(&mut self, at: At<raw::Tls>) -> TlsFiles {
        for path in [&at.value.cert, &at.value.key] {
            if path.value.trim().is_empty() {
                self.error("bad-value", path.mark, "this names no file", None);
            }
        }
        TlsFiles { cert: at.value.cert.value, key: at.value.key.value }
    }

    pub(super) fn admin(&mut self, raw: Option<At<raw::Admin>>) -> Admin {
        let mark = raw.as_ref().map(|at| at.mark).unwrap_or_default();
        let raw = raw.map(|at| at.value).unwrap_or_default();
        let listen = match &raw.listen {
            None => self.claims(SocketAddr::from(([127, 0, 0, 1], 8081)), mark, "`admin`"),
            Some(at) => self.listens(at, "`admin`"),
        };
        let agents_listen = raw.agents_listen.map(|at| self.listens(&at, "`admin.agents_listen`"));
        let tls = raw.tls.map(|at| self.tls(at));
        let url = match raw.url {
            Some(at) => at.value.0,
            None => {
                let scheme = if tls.is_some() { "https" } else { "http" };
                if listen.ip().is_unspecified() {
                    let mark = raw.listen.as_ref().map_or(mark, |at| at.mark);
                    let help = "add `url: https://...`: the address that approvers open; permits carry it too";
                    self.error("missing-key", mark, "`admin.url` cannot be guessed from this address", Some(help));
                }
                format!("{scheme}://{listen}")
            }
        };
        Admin { listen, url, agents_listen, tls }
    }

    pub(super) fn database(&mut self, raw: Option<At<String>>) -> Secret {
        let Some(at) = raw else { return Secret::new("sqlite:holdshort.db".to_owned()) };
        if self.unresolved.contains(&at.mark) {
            return Secret::new(String::new());
        }
        let url = at.value.trim();
        if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            self.error("not-supported", at.mark, "PostgreSQL is not supported yet", Some("use `sqlite:PATH`"));
        } else if url.strip_prefix("sqlite:").is_none_or(str::is_empty) {
            self.error("bad-value", at.mark, "expected `sqlite:PATH`", None);
        }
        Secret::new(url.to_owned())
    }

    pub(super) fn permit(&mut self, raw: Option<At<raw::Permit>>) -> Permit {
        let raw = raw.map(|at| at.value).unwrap_or_default();
        let header = raw.header.map_or_else(|| "holdshort-permit".to_owned(), |at| self.permit_header(&at));
        if let Some(keys) = &raw.keys
            && keys.value.trim().is_empty()
        {
            self.error("bad-value", keys.mark, "this names no folder", None);
        }
        Permit {
            algorithm: raw.algorithm.map(|at| at.value).unwrap_or_default(),
            lifetime: self.within(raw.lifetime.as_ref(), Duration::from_secs(60), "1s", "5m"),
            header,
            keys: raw.keys.map_or_else(|| "keys".to_owned(), |at| at.value),
            execution_secret: raw.execution_secret.map(|at| self.shared_secret(at)),
        }
    }

    /// RFC 7518, section 3.2.
    fn shared_secret(&mut self, at: At<String>) -> Secret {
        if at.value.len() < 32 {
            let message = format!("this secret has {} bytes: HS256 needs 32 or more", at.value.len());
            self.error("bad-value", at.mark, message, Some("make one: `openssl rand -base64 48`"));
        }
        Secret::new(at.value)
    }

    fn permit_header(&mut self, at: &At<String>) -> String {
        let name = at.value.to_ascii_lowercase();
        if !is_token(&name) || name.contains('_') {
            let help = "letters, digits and `-`, such as `Holdshort-Permit`";
            self.error("bad-header", at.mark, "this is not a header name", Some(help));
        } else if TAKEN.contains(&name.as_str())
            || (name.starts_with("holdshort-") && name != "holdshort-permit")
            || name.starts_with("sec-")
        {
            let message = format!("`{}` has a meaning of its own and cannot carry the permit", at.value);
            self.error("bad-header", at.mark, message, Some("take a name of your own, such as `Holdshort-Permit`"));
        }
        name
    }

    pub(super) fn record(raw: Option<At<raw::Record>>) -> Record {
        let sync = raw.and_then(|at| at.value.sync).map(|at| at.value).unwrap_or_default();
        Record { sync_full: sync == raw::Sync::Full }
    }

    pub(super) fn audit(&mut self, raw: Option<At<raw::Audit>>) -> Audit {
        let raw = raw.map(|at| at.value).unwrap_or_default();
        if let Some(file) = &raw.checkpoint
            && file.value.trim().is_empty()
        {
            self.error("bad-value", file.mark, "this names no file", None);
        }
        let year = Duration::from_secs(365 * 24 * 3600);
        Audit {
            checkpoint: raw.checkpoint.map_or_else(|| "holdshort.checkpoint".to_owned(), |at| at.value),
            details_for: self.within(raw.details_for.as_ref(), year, "1d", "3650d"),
        }
    }

    pub(super) fn approval(&mut self, raw: Option<At<raw::Approval>>) -> ApprovalTimes {
        let raw = raw.map(|at| at.value).unwrap_or_default();
        let ten = Duration::from_secs(600);
        ApprovalTimes {
            expires_in: self.within(raw.expires_in.as_ref(), Duration::from_secs(3600), "1s", "30d"),
            release_within: self.within(raw.release_within.as_ref(), ten, "1s", "24h"),
            replay_for: self.within(raw.replay_for.as_ref(), ten, "0s", "24h"),
            denial_for: self.within(raw.denial_for.as_ref(), ten, "0s", "24h"),
        }
    }

    pub(super) fn limits(&mut self, raw: Option<At<raw::Limits>>) -> Limits {
        let raw = raw.map(|at| at.value).unwrap_or_default();
        Limits {
            body: self.size(raw.body.as_ref(), 1 << 20, 0, 64 * MIB),
            head: self.size(raw.head.as_ref(), 32 << 10, 1 << 10, MIB),
            head_timeout: self.within(raw.head_timeout.as_ref(), Duration::from_secs(15), "100ms", "10m"),
            stored_response: self.size(raw.stored_response.as_ref(), 1 << 20, 0, 64 * MIB),
            held: self.number(raw.held.as_ref(), 10_000, 1, 1_000_000) as usize,
            held_bytes: self.size(raw.held_bytes.as_ref(), 1 << 30, 1, 1024 * GIB),
            per_agent: self.quota(raw.per_agent, 1_000, 64 << 20),
            per_project: self.quota(raw.per_project, 10_000, 512 << 20),
        }
    }

    fn quota(&mut self, raw: Option<At<raw::Quota>>, held: u32, held_bytes: usize) -> Quota {
        let raw = raw.map(|at| at.value).unwrap_or_default();
        Quota {
            held: self.number(raw.held.as_ref(), held, 1, 1_000_000) as usize,
            held_bytes: self.size(raw.held_bytes.as_ref(), held_bytes, 1, 1024 * GIB),
        }
    }
}
