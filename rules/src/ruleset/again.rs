//! A request that was read under other rules, seen by these.

use super::{Mounted, Routed, Ruleset};
use crate::request::{Malformed, Request};

/// Why a call that was recorded under other rules has no place in these.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Misplaced {
    #[error("the upstream {0} is not configured any more")]
    NoUpstream(String),
    #[error("the upstream {0} is not open to this project any more")]
    NotReached(String),
    #[error("the upstream {0} is at another address now")]
    Moved(String),
    #[error("it would be sent to another path now")]
    OtherTarget,
    #[error("it cannot be read by the rules of now: {0}")]
    Malformed(#[from] Malformed),
    #[error("no route is for it any more")]
    NoRoute,
}

impl Ruleset {
    /// Matches a request again, which was recorded under other rules for an upstream at `origin`. `None`: it would pass
    /// without an intent now.
    ///
    /// # Errors
    /// These rules would not let it in, or would send something else.
    pub fn again(
        &self,
        request: &Request,
        project: &str,
        origin: Option<&str>,
    ) -> Result<Option<(Request, super::Hit)>, Misplaced> {
        let name = &request.upstream.config.name;
        let upstream = self.upstreams.iter().find(|upstream| upstream.config.name == *name);
        let upstream = upstream.ok_or_else(|| Misplaced::NoUpstream(name.clone()))?.clone();
        if !upstream.config.projects.iter().any(|open| open == project) {
            return Err(Misplaced::NotReached(name.clone()));
        }
        let here = upstream.config.url.origin();
        if here != request.upstream.config.url.origin() || origin.is_some_and(|origin| here != origin) {
            return Err(Misplaced::Moved(name.clone()));
        }
        let mounted = Mounted { upstream, prefix: String::new(), path: request.path.clone(), bound_agent: None };
        let again = Request::new(request.head.clone(), &mounted, request.body.clone())?;
        if again.target != request.target {
            return Err(Misplaced::OtherTarget);
        }
        match self.route(&again)? {
            Routed::Action(hit) => Ok(Some((again, hit))),
            Routed::Pass { .. } | Routed::Protocol => Ok(None),
            Routed::NoRoute => Err(Misplaced::NoRoute),
        }
    }

    /// Whether what these rules decide about a caller's calls to an upstream counts, or is only recorded.
    #[must_use]
    pub fn enforces(&self, upstream: Option<&str>, caller_enforced: bool) -> bool {
        let there = upstream.and_then(|name| self.config.upstreams.get(name)).is_none_or(|upstream| upstream.enforce);
        self.config.enforce && there && caller_enforced
    }
}
