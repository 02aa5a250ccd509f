//! Secrets in the clear: in a file that stands in git, or on a wire that others can read.
//!
//! What is found is not printed, and neither is its line: the output of `check` ends in logs.

use std::net::IpAddr;

use super::Lint;
use crate::config::findings::SECRET;

/// How keys of widespread services begin, and how many characters more make one of it.
const KEYS: [(&str, usize); 15] = [
    ("hsk_agent_", 20),
    ("hsk_project_", 20),
    ("hsk_user_", 20),
    ("sk_live_", 10),
    ("rk_live_", 10),
    ("sk-ant-", 20),
    ("sk-proj-", 20),
    ("ghp_", 30),
    ("gho_", 30),
    ("github_pat_", 30),
    ("glpat-", 16),
    ("xoxb-", 10),
    ("xoxp-", 10),
    ("AKIA", 16),
    ("-----BEGIN", 5),
];

impl Lint<'_> {
    pub(super) fn secrets(&mut self) {
        let mut found = Vec::new();
        for written in self.places.written() {
            let from_elsewhere = written.text.contains("${") || written.text.starts_with("file:");
            if from_elsewhere || written.text.trim().is_empty() {
                continue;
            }
            let header = match written.keys.as_slice() {
                ["upstreams", _, "headers", "set", name] => carries_secret(name).then(|| (*name).to_owned()),
                _ => None,
            };
            if header.is_some() || looks_like_key(written.text) {
                found.push((written.place, header));
            }
        }
        for (place, header) in found {
            let message = match &header {
                Some(name) => format!("the header `{name}` has its value in the file"),
                None => "this looks like a key".to_owned(),
            };
            let notes = vec!["whoever reads the file, or its history, has it".to_owned()];
            let help = "write `${NAME}` or `file:PATH` in its place, and replace the key: it was in the clear";
            self.warn(SECRET, place, message, notes, help);
        }
        self.wires();
    }

    fn wires(&mut self) {
        let config = self.rules.config().clone();
        for upstream in config.upstreams.values() {
            let url = &upstream.url;
            if url.tls || is_local(&url.host) || !upstream.headers_set.keys().any(|name| carries_secret(name)) {
                continue;
            }
            let message = format!("the key of `{}` travels to {} without encryption", upstream.name, url.host);
            let place = self.places.key(&["upstreams", &upstream.name, "url"]);
            self.warn("cleartext", place, message, Vec::new(), "use `https://`, or a tunnel that ends on this machine");
        }
        if let Some(rest) = config.admin.url.strip_prefix("http://") {
            let host = rest.split('/').next().unwrap_or_default();
            let host = host
                .rsplit_once(':')
                .filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()))
                .map_or(host, |(host, _)| host);
            if !is_local(host.trim_start_matches('[').trim_end_matches(']')) {
                let message = "people's passwords, sessions and keys travel to the admin without encryption".to_owned();
                let place = self.places.key(&["admin", "url"]);
                let help = "give `admin` a certificate under `tls`, or put it behind something that has one; then `https://` here";
                self.warn("cleartext", place, message, Vec::new(), help);
            }
        }
    }
}

fn carries_secret(header: &str) -> bool {
    let name = header.to_ascii_lowercase();
    matches!(name.as_str(), "authorization" | "proxy-authorization" | "cookie")
        || ["token", "secret", "password", "api-key", "apikey", "access-key"].iter().any(|word| name.contains(word))
}

fn looks_like_key(text: &str) -> bool {
    KEYS.iter().any(|(start, more)| {
        let Some((_, rest)) = text.split_once(start) else { return false };
        rest.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_ ".contains(*c)).count() >= *more
    })
}

fn is_local(host: &str) -> bool {
    host == "localhost"
        || host.ends_with(".localhost")
        // A secret that was not looked up.
        || host == "unresolved.invalid"
        || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
