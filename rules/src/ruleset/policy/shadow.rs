//! Policies beside each other: which can never decide, and which two stand at equal priority and decide differently.

use super::{Policies, Policy};
use crate::config::{Outside, PolicyDecision};
use crate::ruleset::glob::Glob;

/// Two policies, by their positions in the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::ruleset) struct Pair {
    /// The one that decides.
    pub(in crate::ruleset) first: usize,
    /// The one that does not.
    pub(in crate::ruleset) second: usize,
}

/// Of so many policies at one priority each is held against each.
const COMPARED: usize = 1_000;

impl Policies {
    /// Policies that never decide: one before them matches whatever they match.
    pub(in crate::ruleset) fn unreachable(&self) -> Vec<Pair> {
        let mut pairs = Vec::new();
        for (at, policy) in self.list.iter().enumerate() {
            let before = self.list.iter().take(at);
            if let Some(first) = before.into_iter().find(|first| first.hides(policy)) {
                pairs.push(Pair { first: first.position, second: policy.position });
            }
        }
        pairs
    }

    /// Policies at equal priority that decide differently about an action that `makes` says there is.
    pub(in crate::ruleset) fn equals(&self, makes: impl Fn(&[Glob], &[Glob]) -> bool) -> Vec<Pair> {
        let mut pairs = Vec::new();
        for (at, first) in self.list.iter().enumerate() {
            let same = |second: &&Policy| second.config.priority == first.config.priority;
            let after = self.list.iter().skip(at + 1).take(COMPARED).take_while(same);
            let clash = after.into_iter().find(|second| {
                first.differs(second)
                    && first.meets(second)
                    && !first.hides(second)
                    && makes(&first.action, &second.action)
            });
            if let Some(second) = clash {
                pairs.push(Pair { first: first.position, second: second.position });
            }
        }
        pairs
    }
}

impl Policy {
    /// Whether the walk ends here for every call that the other matches.
    fn hides(&self, other: &Policy) -> bool {
        let all = |mine: &[Glob], theirs: &[Glob]| {
            let any = mine.is_empty() || mine.contains(&Glob::Any);
            any || (!theirs.is_empty() && theirs.iter().all(|theirs| mine.iter().any(|mine| mine.covers(theirs))))
        };
        let skips = self.schedule.as_ref().is_some_and(|schedule| schedule.outside == Outside::Skip);
        // The condition sees `now` in the policy's own time zone.
        let zone = |policy: &Policy| policy.config.schedule.as_ref().map(|schedule| schedule.timezone.clone());
        let when = match &self.config.when {
            None => true,
            mine => *mine == other.config.when && zone(self) == zone(other),
        };
        self.config.enforce
            && !skips
            && when
            && all(&self.action, &other.action)
            && all(&self.agent, &other.agent)
            && all(&self.upstream, &other.upstream)
            && all(&self.project, &other.project)
            && self.config.source_type.is_none_or(|source| other.config.source_type == Some(source))
            && self.config.risk_tier.is_none_or(|tier| other.config.risk_tier == Some(tier))
            && self.config.trust.is_none_or(|least| other.config.trust.is_some_and(|theirs| theirs >= least))
    }

    /// Whether a call can match both, as far as conditions and schedules do not part them.
    fn meets(&self, other: &Policy) -> bool {
        let both = |mine: &[Glob], theirs: &[Glob]| {
            mine.is_empty()
                || theirs.is_empty()
                || mine.iter().any(|mine| theirs.iter().any(|theirs| mine.overlaps(theirs)))
        };
        let (mine, theirs) = (&self.config, &other.config);
        both(&self.agent, &other.agent)
            && both(&self.upstream, &other.upstream)
            && both(&self.project, &other.project)
            && (mine.source_type.is_none() || theirs.source_type.is_none() || mine.source_type == theirs.source_type)
            && (mine.risk_tier.is_none() || theirs.risk_tier.is_none() || mine.risk_tier == theirs.risk_tier)
    }

    fn differs(&self, other: &Policy) -> bool {
        let asks = |policy: &Policy| {
            (policy.config.decision == PolicyDecision::RequireApproval)
                .then(|| format!("{:?}", policy.config.approvals))
        };
        self.config.decision != other.config.decision || asks(self) != asks(other)
    }
}
