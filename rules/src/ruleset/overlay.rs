//! What people add while the gate runs: policies and stop switches, beside what the files say.
//!
//! INVARIANT: where files decide (they hold policies, or give a tier a decision), a policy that was added can only
//! make a decision stricter. A stop counts also where nothing is enforced.

use std::sync::Arc;

use super::Ruleset;
use super::condition::Facts;
use super::policy::{Outcome, Policies};
use super::problem::Problems;
use crate::config::load::Findings;
use crate::config::{self, Config};
use crate::decision::{Action, Decision, DenyReason, Step, Verdict};

/// All that was added.
#[derive(Debug, Clone, Default)]
pub struct Overlay {
    pub policies: Vec<config::Policy>,
    pub stops: Vec<Stop>,
}

/// A stop switch that is on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop {
    pub scope: StopScope,
    pub mode: StopMode,
    /// What a refused agent reads: who stopped it and why.
    pub message: String,
}

/// What a stop switch stops.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StopScope {
    Gate,
    Upstream(String),
    Project(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopMode {
    Refuse,
    /// What policy would approve needs a person.
    RequireApproval,
}

impl Overlay {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.policies.is_empty() && self.stops.is_empty()
    }
}

impl Stop {
    fn covers(&self, upstream: Option<&str>, project: &str) -> bool {
        match &self.scope {
            StopScope::Gate => true,
            StopScope::Upstream(name) => upstream == Some(name.as_str()),
            StopScope::Project(name) => name == project,
        }
    }
}

/// Whether files decide anything by themselves.
fn files_decide(config: &Config) -> bool {
    let tiers = config.risk_tiers.values().chain(config.trust.values());
    !config.policies.is_empty() || tiers.into_iter().any(|tier| tier.decision.is_some())
}

impl Ruleset {
    /// The same rules with this beside them, in place of what stood there before.
    ///
    /// # Errors
    /// A policy cannot be compiled.
    pub fn with(&self, overlay: Overlay) -> Result<Ruleset, Findings> {
        let mut problems = Problems::default();
        let added = match overlay.policies.as_slice() {
            [] => None,
            policies => Some(Arc::new(Policies::compile(policies, &self.config, &mut problems))),
        };
        if !problems.list.is_empty() {
            return Err(Findings { list: problems.list, sources: Arc::default() });
        }
        Ok(Ruleset { added, ..self.stopped(overlay.stops) })
    }

    /// The same rules with stop switches alone beside them. Nothing of it can fail.
    #[must_use]
    pub fn stopped(&self, stops: Vec<Stop>) -> Ruleset {
        Ruleset {
            config: self.config.clone(),
            upstreams: self.upstreams.clone(),
            mounts: self.mounts.clone(),
            policies: self.policies.clone(),
            added: None,
            stops: stops.into(),
        }
    }

    /// Whether files decide, so that what is added can only tighten.
    #[must_use]
    pub fn files_decide(&self) -> bool {
        files_decide(&self.config)
    }

    /// The stop switch that refuses calls of a project to an upstream.
    #[must_use]
    pub fn refused(&self, upstream: Option<&str>, project: &str) -> Option<&Stop> {
        self.stops.iter().find(|stop| stop.mode == StopMode::Refuse && stop.covers(upstream, project))
    }

    /// The stop switch that keeps what passes without an intent: nobody could approve that.
    #[must_use]
    pub fn keeps_from_passing(&self, upstream: Option<&str>, project: &str) -> Option<&Stop> {
        self.stops.iter().find(|stop| stop.covers(upstream, project))
    }

    /// The decision of the files, with what was added.
    pub(super) fn overlaid(
        &self,
        decision: Decision,
        action: &Action,
        upstream: Option<&str>,
        facts: &Facts<'_>,
        defects: &[String],
    ) -> Decision {
        let mut decision = decision;
        if let Some(added) = &self.added
            && let Some(outcome) = added.walk(action, upstream, facts, defects, &self.config.approval)
        {
            let made = made(outcome, &decision);
            if files_decide(&self.config) {
                let (mut trace, mut recorded) = (decision.trace.clone(), decision.recorded.clone());
                trace.extend(made.trace.iter().cloned());
                recorded.extend(made.recorded.iter().cloned());
                let failed = decision.failed.clone().or_else(|| made.failed.clone());
                decision = Decision { trace, recorded, failed, ..decision.stricter(made) };
            } else {
                decision = made;
            }
        }
        self.with_stops(decision, action, upstream, facts)
    }

    fn with_stops(
        &self,
        mut decision: Decision,
        action: &Action,
        upstream: Option<&str>,
        facts: &Facts<'_>,
    ) -> Decision {
        let project = &facts.caller.project;
        let refusing = self.refused(upstream, project);
        let Some(stop) = refusing.or_else(|| self.keeps_from_passing(upstream, project)) else { return decision };
        decision.observed = false;
        let detail = match (stop.mode, &decision.verdict) {
            (StopMode::Refuse, _) => {
                decision.verdict = Verdict::Deny { reason: DenyReason::Stopped, message: stop.message.clone() };
                decision.policy = None;
                "refuses"
            }
            (StopMode::RequireApproval, Verdict::Approve) => {
                let needed = self.policies.by_tier(action, facts.caller.trust, &self.config.approval);
                decision.verdict = Verdict::Require(needed);
                decision.policy = None;
                "asks for approval"
            }
            (StopMode::RequireApproval, _) => return decision,
        };
        decision.trace.push(Step { what: "stop switch".to_owned(), matched: true, detail: detail.to_owned() });
        decision
    }
}

/// As a decision of its own.
fn made(outcome: Outcome, files: &Decision) -> Decision {
    Decision {
        verdict: outcome.verdict,
        policy: outcome.policy,
        trace: outcome.trace,
        failed: outcome.failed,
        observed: files.observed,
        recorded: outcome.recorded,
        blocked_from: outcome.blocked_from,
        risk: files.risk.clone(),
    }
}
