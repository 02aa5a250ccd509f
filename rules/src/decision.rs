//! What was decided about a call, why, and what people must still do.

use std::time::Duration;

use crate::config::{Excluded, RiskTier, SourceType, Trust};

/// Who asks, as far as policies look at it. Comes from the key and the directory, never from the request.
#[derive(Debug, Clone)]
pub struct Caller {
    pub name: String,
    pub fingerprint: String,
    pub project: String,
    pub owner: Option<String>,
    pub framework: Option<String>,
    pub trust: Trust,
    pub source_type: SourceType,
    /// Default tier for what the agent declares itself.
    pub risk_sensitivity: Option<RiskTier>,
    pub enforce: bool,
}

/// A call reduced to what policies decide about.
#[derive(Debug, Clone)]
pub struct Action {
    pub name: String,
    pub risk_tier: RiskTier,
    pub title: String,
    pub params: crate::ruleset::Params,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    pub verdict: Verdict,
    /// Name of the policy that decided; `None`: the tier, or the last default.
    pub policy: Option<String>,
    pub risk: Risk,
    /// One line per route and policy that was looked at, with what failed.
    pub trace: Vec<Step>,
    /// What would have been decided where `enforce: false` lets the call pass.
    pub observed: bool,
    /// A reject, or a deny, of the verdict's rule would apply when released at a blocked time:
    /// the next such time, Unix microseconds.
    pub blocked_from: Option<i64>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    Approve,
    Deny { reason: DenyReason, message: String },
    Require(Requirement),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DenyReason {
    BlockedByPolicy,
    OutsideSchedule,
}

/// What approval asks for, fixed when the intent is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// Distinct people. At least 1.
    pub required: u32,
    /// Teams or e-mail addresses; empty: any approver or admin.
    pub from: Vec<String>,
    /// Groups that must each give `required` votes; empty: no such condition.
    pub all_of: Vec<Vec<String>>,
    pub not: Vec<Excluded>,
    /// Between the last verdict and the release.
    pub delay: Duration,
    /// Bounds the waiting for verdicts.
    pub expires_in: Duration,
    /// The text an approver must type.
    pub confirm: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Risk {
    /// 0 to 100.
    pub score: u8,
    pub reasons: Vec<RiskReason>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RiskReason {
    pub points: i16,
    pub why: String,
}

/// One line of the trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// `route POST /v1/refunds` or `policy small refunds`.
    pub what: String,
    pub matched: bool,
    /// The value that failed, or what it decided.
    pub detail: String,
}
