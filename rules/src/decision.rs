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
    /// The policy whose condition had no value, which ended the walk there.
    pub failed: Option<String>,
    /// What would have been decided where `enforce: false` lets the call pass.
    pub observed: bool,
    /// Policies with `enforce: false` that matched on the way, and what they would have decided.
    pub recorded: Vec<Recorded>,
    /// A reject, or a deny, of the verdict's rule would apply when released at a blocked time:
    /// the next such time, Unix microseconds.
    pub blocked_from: Option<i64>,
}

/// What a policy that is not enforced would have decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    pub policy: String,
    /// As a policy's `decision` says it.
    pub would: &'static str,
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
    /// A stop switch is on.
    Stopped,
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

impl Requirement {
    /// What satisfies both: never less than either asks for. Of two different texts to type this one's
    /// stays.
    #[must_use]
    pub fn and(self, other: &Requirement) -> Requirement {
        let (mut from, mut all_of, mut not) = (self.from, self.all_of, self.not);
        let mut add = |group: &Vec<String>| {
            if !group.is_empty() && *group != from && !all_of.contains(group) {
                all_of.push(group.clone());
            }
        };
        add(&other.from);
        other.all_of.iter().for_each(&mut add);
        // Beside groups a `from` of its own would have to be met as well: as a group it means the same.
        if !all_of.is_empty() && !from.is_empty() && !all_of.contains(&from) {
            all_of.insert(0, std::mem::take(&mut from));
        }
        not.extend(other.not.iter().filter(|who| !not.contains(who)).copied().collect::<Vec<_>>());
        Requirement {
            required: self.required.max(other.required),
            from,
            all_of,
            not,
            delay: self.delay.max(other.delay),
            expires_in: self.expires_in.min(other.expires_in),
            confirm: self.confirm.or_else(|| other.confirm.clone()),
        }
    }
}

impl Decision {
    /// The stricter of two decisions about one thing; where both ask people, what satisfies both.
    #[must_use]
    pub fn stricter(self, other: Decision) -> Decision {
        let blocked_from = self.blocked_from.into_iter().chain(other.blocked_from).min();
        let decision = match (self.verdict.rank(), other.verdict.rank()) {
            (mine, theirs) if theirs > mine => other,
            (mine, theirs) if theirs < mine => self,
            _ => match (self.verdict, other.verdict) {
                (Verdict::Require(mine), Verdict::Require(theirs)) => {
                    Decision { verdict: Verdict::Require(mine.and(&theirs)), ..self }
                }
                (verdict, _) => Decision { verdict, ..self },
            },
        };
        Decision { blocked_from, ..decision }
    }
}

impl Verdict {
    /// As a policy's `decision` says it.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Verdict::Approve => "auto_approve",
            Verdict::Deny { .. } => "auto_deny",
            Verdict::Require(_) => "require_approval",
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Verdict::Approve => 0,
            Verdict::Require(_) => 1,
            Verdict::Deny { .. } => 2,
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn requirement(required: u32, from: &[&str]) -> Requirement {
        Requirement {
            required,
            from: from.iter().map(|name| (*name).to_owned()).collect(),
            all_of: Vec::new(),
            not: Vec::new(),
            delay: Duration::ZERO,
            expires_in: Duration::from_secs(60),
            confirm: None,
        }
    }

    #[test]
    fn what_satisfies_both_is_never_less_than_either() {
        let any = requirement(2, &[]);
        let finance =
            Requirement { delay: Duration::from_secs(5), not: vec![Excluded::Owner], ..requirement(1, &["finance"]) };
        let both = any.and(&finance);
        assert_eq!((both.required, both.delay, both.not.len()), (2, Duration::from_secs(5), 1));
        assert_eq!((both.from.len(), both.all_of.as_slice()), (0, &[vec!["finance".to_owned()]][..]));
        let three = finance.clone().and(&requirement(1, &["dana"]));
        assert_eq!(three.all_of, [["finance"], ["dana"]]);
        assert!(three.from.is_empty());
        assert_eq!(finance.clone().and(&finance), finance);
    }

    #[test]
    fn the_stricter_decision_wins_whatever_the_order() {
        let decision = |verdict| Decision {
            verdict,
            policy: None,
            risk: Risk::default(),
            trace: Vec::new(),
            failed: None,
            observed: false,
            recorded: Vec::new(),
            blocked_from: None,
        };
        let deny = || Verdict::Deny { reason: DenyReason::BlockedByPolicy, message: String::new() };
        let ask = || Verdict::Require(requirement(1, &[]));
        for (one, other, wanted) in [
            (deny(), ask(), 2),
            (ask(), deny(), 2),
            (Verdict::Approve, ask(), 1),
            (ask(), Verdict::Approve, 1),
            (Verdict::Approve, Verdict::Approve, 0),
        ] {
            assert_eq!(decision(one).stricter(decision(other)).verdict.rank(), wanted);
        }
    }
}
