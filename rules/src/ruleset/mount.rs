//! Which upstream a request is for: its own listener, then its host name, then the longest path.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use super::Upstream;
use crate::request::Head;

/// Where a request landed.
#[derive(Debug, Clone)]
pub struct Mounted {
    pub upstream: Arc<Upstream>,
    /// The path mount that was taken off, without trailing slash (empty for host and listener mounts).
    pub prefix: String,
    /// What is left; starts with `/`.
    pub path: String,
    /// The agent every call on this listener belongs to.
    pub bound_agent: Option<String>,
}

#[derive(Debug, Default)]
pub(super) struct Mounts {
    /// By configured address, which is what a listener is called here whatever port it got.
    listeners: HashMap<SocketAddr, (Arc<Upstream>, Option<String>)>,
    hosts: HashMap<String, Arc<Upstream>>,
    paths: HashMap<String, Arc<Upstream>>,
    deepest: usize,
}

impl Mounts {
    pub(super) fn new(upstreams: &[Arc<Upstream>]) -> Mounts {
        let mut mounts = Mounts::default();
        for upstream in upstreams {
            for listener in &upstream.config.listen {
                mounts.listeners.insert(listener.address, (upstream.clone(), listener.agent.clone()));
            }
            for host in &upstream.config.host {
                mounts.hosts.insert(host.clone(), upstream.clone());
            }
            for path in &upstream.config.at {
                let path = path.trim_end_matches('/');
                mounts.deepest = mounts.deepest.max(path.matches('/').count());
                mounts.paths.insert(path.to_owned(), upstream.clone());
            }
        }
        mounts
    }

    pub(super) fn find(&self, listener: SocketAddr, head: &Head) -> Option<Mounted> {
        let whole = |upstream: &Arc<Upstream>, agent: Option<String>| Mounted {
            upstream: upstream.clone(),
            prefix: String::new(),
            path: head.path.clone(),
            bound_agent: agent,
        };
        if let Some((upstream, agent)) = self.listeners.get(&listener) {
            return Some(whole(upstream, agent.clone()));
        }
        if let Some(upstream) = self.hosts.get(host_name(&head.host)) {
            return Some(whole(upstream, None));
        }
        let mut ends: Vec<usize> = head.path.match_indices('/').map(|(at, _)| at).take(self.deepest + 1).collect();
        if ends.len() <= self.deepest {
            ends.push(head.path.len());
        }
        ends.into_iter().rev().find_map(|end| {
            let (prefix, path) = head.path.split_at_checked(end)?;
            let upstream = self.paths.get(prefix)?;
            let path = if path.is_empty() { "/" } else { path };
            Some(Mounted {
                upstream: upstream.clone(),
                prefix: prefix.to_owned(),
                path: path.to_owned(),
                bound_agent: None,
            })
        })
    }
}

/// The name in a canonical host, without the port.
fn host_name(host: &str) -> &str {
    let end = host.rfind(']').unwrap_or(0);
    match host.get(end..).and_then(|rest| rest.find(':')) {
        Some(colon) => host.get(..end + colon).unwrap_or(host),
        None => host,
    }
}
