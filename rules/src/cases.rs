//! Rule tests: a call, and what the rules should make of it. Needs no secrets, no network and no store.

mod coverage;
mod report;

use std::time::Duration;

use serde::Deserialize;

pub use coverage::{Coverage, Missed};
pub use report::{Difference, Report};

use crate::config::load::{Findings, Source};
use crate::config::{Config, Excluded, Place, RiskTier};
use crate::decision::{Caller, Verdict};
use crate::ruleset::{End, Ruleset, Trial, Walk};

/// One test.
#[derive(Debug, Clone)]
pub struct Case {
    pub name: String,
    pub place: Place,
    pub trial: Trial,
    /// `None`: whoever reaches the upstream.
    pub caller: Option<Caller>,
    /// Unix microseconds.
    pub at: i64,
    pub expect: Expect,
}

/// What came of a call, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    AutoApprove,
    RequireApproval,
    AutoDeny,
    /// It goes through without an intent.
    Pass,
    /// No route, or no upstream at all.
    NoRoute,
    /// It cannot be read in one way only, or is too large.
    Refused,
}

impl Ending {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Ending::AutoApprove => "auto_approve",
            Ending::RequireApproval => "require_approval",
            Ending::AutoDeny => "auto_deny",
            Ending::Pass => "pass",
            Ending::NoRoute => "no_route",
            Ending::Refused => "refused",
        }
    }

    #[must_use]
    pub fn of(walk: &Walk) -> Ending {
        match &walk.end {
            End::Refused(_) => Ending::Refused,
            End::NoUpstream(_) | End::NoRoute => Ending::NoRoute,
            End::Pass { .. } => Ending::Pass,
            End::Decided { decision, .. } => match decision.verdict {
                Verdict::Approve => Ending::AutoApprove,
                Verdict::Require(_) => Ending::RequireApproval,
                Verdict::Deny { .. } => Ending::AutoDeny,
            },
        }
    }
}

/// What a test says of the outcome; what it does not say may be anything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expect {
    pub action: Option<String>,
    pub decision: Option<Ending>,
    /// `none`: the risk tier decided.
    pub policy: Option<String>,
    pub upstream: Option<String>,
    pub risk_tier: Option<RiskTier>,
    pub title: Option<String>,
    /// A part of what the agent reads.
    pub message: Option<String>,
    pub risk_at_least: Option<u8>,
    pub risk_at_most: Option<u8>,
    /// Name and JSON text.
    pub params: Vec<(String, String)>,
    pub approvals: Approvals,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Approvals {
    pub required: Option<u32>,
    pub from: Option<Vec<String>>,
    pub all_of: Option<Vec<Vec<String>>>,
    pub not: Option<Vec<Excluded>>,
    pub delay: Option<Duration>,
    pub expires_in: Option<Duration>,
    /// `Some(None)`: nothing is to be typed.
    pub confirm: Option<Option<String>>,
}

/// The cases of these files, in order.
///
/// # Errors
/// What is wrong in them, with file, line and column.
pub fn read(sources: Vec<Source>, config: &Config) -> Result<Vec<Case>, Findings> {
    crate::config::cases::read(sources, config)
}

impl Case {
    #[must_use]
    pub fn run(&self, rules: &Ruleset) -> Report {
        let walk = rules.walk(&self.trial, self.caller.as_ref(), self.at);
        Report::new(self, walk)
    }
}

#[cfg(test)]
mod tests;
