//! Upstreams by name, each with its routes.

use super::Change;
use super::compare::{Compared, added, missing, names, option, removed, span, text, word};
use super::gate::hold;
use super::routes;
use crate::config::{Config, Protocol, Unmatched, Upstream, UpstreamListener};

/// Pass, people, reject: the higher the stricter.
fn rank(unmatched: Unmatched) -> u8 {
    match unmatched {
        Unmatched::Pass => 0,
        Unmatched::RequireApproval => 1,
        Unmatched::Reject => 2,
    }
}

pub(super) fn compare(old: &Config, new: &Config, changes: &mut Vec<Change>) {
    for (name, upstream) in &new.upstreams {
        match old.upstreams.get(name) {
            Some(before) => {
                changed(before, upstream, changes);
                routes::compare(before, upstream, old, new, changes);
            }
            None => {
                let why = if upstream.unmatched == Unmatched::Pass {
                    Some("calls that no route names pass")
                } else {
                    (!upstream.enforce).then_some("its calls pass; decisions are only recorded")
                };
                changes.push(added("upstream", name, address(upstream), why.map(str::to_owned)));
                routes::compare(&Upstream { routes: Vec::new(), ..upstream.clone() }, upstream, old, new, changes);
            }
        }
    }
    for (name, upstream) in old.upstreams.iter().filter(|(name, _)| !new.upstreams.contains_key(*name)) {
        changes.push(removed("upstream", name, address(upstream), None));
    }
}

fn address(upstream: &Upstream) -> String {
    let at = &upstream.url;
    let scheme = if at.tls { "https" } else { "http" };
    format!("{scheme}://{}:{}{}", at.host, at.port, at.path)
}

fn listeners(list: &[UpstreamListener]) -> Vec<String> {
    let shown = |one: &UpstreamListener| match &one.agent {
        Some(agent) => format!("{} as {agent}", one.address),
        None => one.address.to_string(),
    };
    list.iter().map(shown).collect()
}

fn changed(old: &Upstream, new: &Upstream, changes: &mut Vec<Change>) {
    let mut upstream = Compared::new("upstream", &new.name);
    upstream.field("url", address(old), address(new), || {
        (old.url.tls && !new.url.tls).then(|| "requests travel in the clear".to_owned())
    });
    upstream.shown("at", names(&old.at), names(&new.at));
    upstream.shown("host", names(&old.host), names(&new.host));
    upstream.field("listen", names(&listeners(&old.listen)), names(&listeners(&new.listen)), || {
        let of_old = |agent: &str| old.listen.iter().any(|one| one.agent.as_deref() == Some(agent));
        let bound = new.listen.iter().find(|one| one.agent.as_deref().is_some_and(|agent| !of_old(agent)));
        bound.map(|one| format!("calls on {} need no key", one.address))
    });
    upstream.field("protocol", word(&old.protocol), word(&new.protocol), || {
        (new.protocol == Protocol::Http).then(|| "tool calls are no longer told apart".to_owned())
    });
    upstream.field("unmatched", word(&old.unmatched), word(&new.unmatched), || {
        (rank(new.unmatched) < rank(old.unmatched)).then(|| match new.unmatched {
            Unmatched::Pass => "calls that no route names pass".to_owned(),
            _ => "calls that no route names are no longer rejected".to_owned(),
        })
    });
    upstream.switch("enforce", old.enforce, new.enforce, true, "its calls pass; decisions are only recorded");
    upstream.field("projects", names(&old.projects), names(&new.projects), || {
        let more = missing(&old.projects, &new.projects);
        (!more.is_empty()).then(|| format!("agents of {} reach it", names(&more)))
    });
    headers(&mut upstream, old, new);
    let told = |upstream: &Upstream| names(&upstream.forwarding.iter().map(word).collect::<Vec<_>>());
    upstream.field("forwarding", told(old), told(new), || {
        let fewer = missing(&new.forwarding, &old.forwarding);
        (!fewer.is_empty()).then(|| "the service no longer learns where calls come from".to_owned())
    });
    upstream.shown("announce", old.announce.to_string(), new.announce.to_string());
    upstream.shown("preserve_host", old.preserve_host.to_string(), new.preserve_host.to_string());
    upstream.shown("http2", old.http2.to_string(), new.http2.to_string());
    upstream.shown("tls.ca", text(old.tls.ca.as_ref()), text(new.tls.ca.as_ref()));
    upstream.shown("tls.server_name", text(old.tls.server_name.as_ref()), text(new.tls.server_name.as_ref()));
    upstream.shown("timeouts.connect", span(&old.connect_timeout), span(&new.connect_timeout));
    upstream.shown("timeouts.read", span(&old.read_timeout), span(&new.read_timeout));
    let case = |upstream: &Upstream| upstream.paths.case_insensitive;
    upstream.field("paths.case insensitive", case(old).to_string(), case(new).to_string(), || {
        Some("which paths are the same changed".to_owned())
    });
    upstream.switch(
        "paths.encoded_slash allow",
        old.paths.allow_encoded_slash,
        new.paths.allow_encoded_slash,
        false,
        "paths that servers read differently are let through",
    );
    upstream.shown("hold", hold(old.hold.as_ref()), hold(new.hold.as_ref()));
    let limit = |upstream: &Upstream| option(upstream.body_limit.as_ref(), ToString::to_string);
    upstream.shown("limits.body", limit(old), limit(new));
    upstream.finish(changes);
}

/// By name alone: their values are secrets.
fn headers(upstream: &mut Compared, old: &Upstream, new: &Upstream) {
    let set = |upstream: &Upstream| upstream.headers_set.keys().cloned().collect::<Vec<_>>();
    upstream.field("headers.set", names(&set(old)), names(&set(new)), || {
        let gone: Vec<String> = missing(&set(new), &set(old)).into_iter().cloned().collect();
        (!gone.is_empty()).then(|| format!("agents can send {} themselves", names(&gone)))
    });
    let values = old
        .headers_set
        .iter()
        .filter(|(name, value)| new.headers_set.get(*name).is_some_and(|now| now.expose() != value.expose()));
    for (name, _) in values {
        upstream.shown(&format!("headers.set.{name}"), "...".to_owned(), "... (another value)".to_owned());
    }
    upstream.field("headers.remove", names(&old.headers_remove), names(&new.headers_remove), || {
        let gone = super::overlap::uncovered(&new.headers_remove, &old.headers_remove);
        let gone = if new.headers_remove.is_empty() { old.headers_remove.clone() } else { gone };
        (!gone.is_empty()).then(|| format!("{} are sent on", names(&gone)))
    });
}
