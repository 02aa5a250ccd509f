//! Why a call is decided as it is: every route and policy, with the value that failed.
//!
//! What runs a gate keeps the short form ([`Ruleset::considered`] for what people decide, the decision's own trace); the
//! long one is for whoever asks with a call of their own.

use jiff::Timestamp;

use super::condition::Facts;
use super::view::View;
use super::{End, Ruleset, Trial, Walk};
use crate::decision::{Caller, Step};
use crate::request::Request;

/// A call, walked through the rules, and all that stands beside its way.
#[derive(Debug, Clone)]
pub struct Explanation {
    pub walk: Walk,
    /// The path below the upstream's mount.
    pub path: Option<String>,
    /// Every alternative of every route of the upstream, in order of precedence.
    pub routes: Vec<Step>,
    /// Every policy, in the order in which they are asked, and the tier.
    pub policies: Vec<Step>,
}

impl Ruleset {
    #[must_use]
    pub fn explain(&self, trial: &Trial, caller: Option<&Caller>, at: i64) -> Explanation {
        let walk = self.walk(trial, caller, at);
        let mut explanation = Explanation { walk, path: None, routes: Vec::new(), policies: Vec::new() };
        let Ok(Some((mounted, head))) = self.land(trial) else { return explanation };
        explanation.path = Some(mounted.path.clone());
        let Ok(request) = self.request(&mounted, head, trial) else { return explanation };
        let mut view = View::new(&request.head, &request.content);
        explanation.routes = request.upstream.routes.considered(&request.path, &mut view, true);
        if let End::Decided { hit, decision } = &explanation.walk.end {
            let facts = Facts {
                params: &hit.action.params,
                tier: hit.action.risk_tier,
                request: Some(&request),
                caller: &explanation.walk.caller,
                risk: &decision.risk,
                at: Timestamp::from_microsecond(at).unwrap_or(Timestamp::UNIX_EPOCH),
            };
            explanation.policies =
                self.policies.considered(&hit.action, Some(&request.upstream.config.name), &facts, decision);
        }
        explanation
    }

    /// The routes that a call's path and method could take, up to the one it took, each with the value that failed.
    #[must_use]
    pub fn considered(&self, request: &Request) -> Vec<Step> {
        let mut view = View::new(&request.head, &request.content);
        request.upstream.routes.considered(&request.path, &mut view, false)
    }
}

#[cfg(test)]
mod tests;
