//! Policies: the walk that decides an action.
//!
//! The order is one comparison, [`Order`]: priority, then deny before require before approve, then
//! place in the files. The first policy that matches decides; without one the tier does, and where
//! the tier says nothing, people.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::tz::TimeZone;

use super::approvals::Demand;
use super::condition::{Condition, Facts};
use super::glob::Glob;
use super::problem::Problems;
use super::schedule::Schedule;
use crate::config::{self, Outside, PolicyDecision, RiskTier, Trust};
use crate::decision::{Action, Decision, DenyReason, Recorded, Requirement, Step, Verdict};

mod shadow;

#[derive(Debug)]
pub(super) struct Policies {
    /// In the order in which they are asked.
    list: Vec<Policy>,
    index: Index,
    tiers: BTreeMap<RiskTier, Tier>,
    /// What goes before the tiers for agents of a trust.
    trusts: BTreeMap<(Trust, RiskTier), Tier>,
}

#[derive(Debug)]
pub(super) struct Policy {
    /// In the configuration.
    position: usize,
    config: config::Policy,
    action: Vec<Glob>,
    agent: Vec<Glob>,
    upstream: Vec<Glob>,
    project: Vec<Glob>,
    paths: Vec<Glob>,
    when: Option<Condition>,
    schedule: Option<Schedule>,
    demand: Demand,
}

#[derive(Debug)]
struct Tier {
    config: config::TierPolicy,
    demand: Demand,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Order {
    priority: Reverse<i64>,
    /// Deny, require, approve.
    severity: u8,
    place: usize,
}

/// Which policies name an action, so that the others are not looked at.
#[derive(Debug, Default)]
struct Index {
    literals: HashMap<String, Vec<usize>>,
    prefixes: HashMap<String, Vec<usize>>,
    prefix_lengths: BTreeSet<usize>,
    rest: Vec<usize>,
}

/// What the walk came to.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) verdict: Verdict,
    pub(super) policy: Option<String>,
    pub(super) trace: Vec<Step>,
    pub(super) recorded: Vec<Recorded>,
    pub(super) blocked_from: Option<i64>,
    pub(super) failed: Option<String>,
}

/// What happened at one policy.
#[derive(Debug)]
enum Mark {
    Differs(&'static str, String),
    False,
    Outside,
    Unenforced,
    Failed(String),
    Decides(&'static str),
}

impl Policies {
    /// The policies of `list`, with the tiers of the configuration behind them.
    pub(super) fn compile(list: &[config::Policy], config: &config::Config, problems: &mut Problems) -> Policies {
        let mut ordered: Vec<(Order, Policy)> = Vec::with_capacity(list.len());
        for (place, policy) in list.iter().enumerate() {
            let globs = |texts: &[String]| texts.iter().map(|text| Glob::compile(text)).collect();
            let when = policy.when.as_deref().map(|when| problems.take(&policy.place, Condition::compile(when)));
            let schedule = policy.schedule.as_ref().map(|times| problems.take(&policy.place, Schedule::compile(times)));
            let demand = problems.take(&policy.place, Demand::compile(&policy.approvals));
            // What could not be compiled is a finding of severity error: these rules are never used.
            let (when, schedule, demand) = (when.flatten(), schedule.flatten(), demand.unwrap_or_default());
            let severity = match policy.decision {
                PolicyDecision::AutoDeny => 0,
                PolicyDecision::RequireApproval => 1,
                PolicyDecision::AutoApprove => 2,
            };
            let order = Order { priority: Reverse(policy.priority), severity, place };
            ordered.push((
                order,
                Policy {
                    position: place,
                    config: policy.clone(),
                    action: globs(&policy.action),
                    agent: globs(&policy.agent),
                    upstream: globs(&policy.upstream),
                    project: globs(&policy.project),
                    paths: globs(&policy.paths),
                    when,
                    schedule,
                    demand,
                },
            ));
        }
        ordered.sort_by_key(|(order, _)| *order);
        let list: Vec<Policy> = ordered.into_iter().map(|(_, policy)| policy).collect();
        let mut index = Index::default();
        for (at, policy) in list.iter().enumerate() {
            index.insert(&policy.action, at);
        }
        let nowhere = config::Place::default();
        let tiers = config
            .risk_tiers
            .iter()
            .map(|(tier, policy)| {
                let demand = problems.take(&nowhere, Demand::compile(&policy.approvals)).unwrap_or_default();
                (*tier, Tier { config: policy.clone(), demand })
            })
            .collect();
        let trusts = config
            .trust
            .iter()
            .map(|(at, policy)| {
                let demand = problems.take(&nowhere, Demand::compile(&policy.approvals)).unwrap_or_default();
                (*at, Tier { config: policy.clone(), demand })
            })
            .collect();
        Policies { list, index, tiers, trusts }
    }

    pub(super) fn each(&self) -> impl Iterator<Item = &Policy> {
        self.list.iter()
    }

    /// The parameters that a tier's own approvals look at.
    pub(super) fn tier_params(&self, tier: RiskTier) -> impl Iterator<Item = &str> {
        let rows = self.trusts.iter().filter(move |((_, of), _)| *of == tier).map(|(_, row)| row);
        self.tiers.get(&tier).into_iter().chain(rows).flat_map(|tier| tier.demand.params())
    }

    pub(super) fn decide(
        &self,
        action: &Action,
        upstream: Option<&str>,
        facts: &Facts<'_>,
        defects: &[String],
        times: &config::ApprovalTimes,
    ) -> Outcome {
        let (mut marks, mut recorded) = (Vec::new(), Vec::new());
        if let Some(outcome) = self.first(action, upstream, facts, defects, times, (&mut marks, &mut recorded)) {
            return outcome;
        }
        self.last(action, facts, defects, times, (marks, recorded))
    }

    /// What the policies say; `None`: none of them matches, and the tier is not asked.
    pub(super) fn walk(
        &self,
        action: &Action,
        upstream: Option<&str>,
        facts: &Facts<'_>,
        defects: &[String],
        times: &config::ApprovalTimes,
    ) -> Option<Outcome> {
        self.first(action, upstream, facts, defects, times, (&mut Vec::new(), &mut Vec::new()))
    }

    /// What approval asks for where only the tier says so.
    pub(super) fn by_tier(&self, action: &Action, trust: Trust, times: &config::ApprovalTimes) -> Requirement {
        let (row, tier) = self.of(trust, action.risk_tier);
        Demand::merge([None, row.map(|row| &row.demand), tier.map(|tier| &tier.demand)], action, times)
    }

    /// What an agent's trust says of a tier, and the tier itself.
    fn of(&self, trust: Trust, tier: RiskTier) -> (Option<&Tier>, Option<&Tier>) {
        // Most gates have no such table.
        let row = if self.trusts.is_empty() { None } else { self.trusts.get(&(trust, tier)) };
        (row, self.tiers.get(&tier))
    }

    /// The first policy that matches.
    fn first(
        &self,
        action: &Action,
        upstream: Option<&str>,
        facts: &Facts<'_>,
        defects: &[String],
        times: &config::ApprovalTimes,
        (marks, recorded): (&mut Vec<(usize, Mark)>, &mut Vec<Recorded>),
    ) -> Option<Outcome> {
        let (row, tier) = self.of(facts.caller.trust, action.risk_tier);
        let (row_demand, tier_demand) = (row.map(|row| &row.demand), tier.map(|tier| &tier.demand));
        for at in self.index.find(&action.name) {
            let Some(policy) = self.list.get(at) else { continue };
            let (decision, failed) = match policy.ask(action, upstream, facts) {
                Answer::No(mark) => {
                    marks.push((at, mark));
                    continue;
                }
                // Nothing may be approved by an expression that has no value.
                Answer::Failed(why) if policy.config.decision == PolicyDecision::AutoDeny => {
                    (PolicyDecision::AutoDeny, Some(why))
                }
                Answer::Failed(why) => (PolicyDecision::RequireApproval, Some(why)),
                Answer::Yes => (policy.config.decision, None),
            };
            let without_value = failed.is_some();
            let blocked = policy.schedule.as_ref().is_some_and(|schedule| schedule.blocks(facts.at));
            if !policy.config.enforce {
                marks.push((at, Mark::Unenforced));
                let would = if blocked { PolicyDecision::AutoDeny } else { decision };
                recorded.push(Recorded { policy: policy.config.name.clone(), would: word(would) });
                continue;
            }
            let name = || Some(policy.config.name.clone());
            if blocked {
                marks.push((at, Mark::Decides("auto_deny: outside its schedule")));
                let message = policy.config.message.clone().unwrap_or_else(|| {
                    format!(
                        "Not executed: policy \"{}\" does not allow {} at this time. Try again within its schedule.",
                        policy.config.name, action.name
                    )
                });
                let verdict = Verdict::Deny { reason: DenyReason::OutsideSchedule, message };
                let failed = without_value.then(name).flatten();
                return Some(Outcome {
                    verdict,
                    policy: name(),
                    trace: self.trace(std::mem::take(marks), false, facts),
                    recorded: std::mem::take(recorded),
                    blocked_from: None,
                    failed,
                });
            }
            let decision = if decision == PolicyDecision::AutoApprove && !defects.is_empty() {
                marks.push((at, Mark::Failed(defects.join("; "))));
                PolicyDecision::RequireApproval
            } else {
                marks.push((at, failed.map_or_else(|| Mark::Decides(word(decision)), Mark::Failed)));
                decision
            };
            let message = policy.config.message.as_deref();
            let verdict = verdict(
                decision,
                action,
                message,
                name().as_deref(),
                [Some(&policy.demand), row_demand, tier_demand],
                times,
            );
            let blocked_from = match (&policy.schedule, decision) {
                (Some(schedule), PolicyDecision::AutoApprove | PolicyDecision::RequireApproval)
                    if schedule.outside == Outside::Deny =>
                {
                    schedule.next_blocked(facts.at).map(|at| at.as_microsecond())
                }
                _ => None,
            };
            let brief = decision == PolicyDecision::AutoApprove;
            let failed = without_value.then(name).flatten();
            return Some(Outcome {
                verdict,
                policy: name(),
                trace: self.trace(std::mem::take(marks), brief, facts),
                recorded: std::mem::take(recorded),
                blocked_from,
                failed,
            });
        }
        None
    }

    /// Nothing matched: the tier.
    fn last(
        &self,
        action: &Action,
        facts: &Facts<'_>,
        defects: &[String],
        times: &config::ApprovalTimes,
        (marks, recorded): (Vec<(usize, Mark)>, Vec<Recorded>),
    ) -> Outcome {
        let trust = facts.caller.trust;
        let (row, tier) = self.of(trust, action.risk_tier);
        let (row_demand, tier_demand) = (row.map(|row| &row.demand), tier.map(|tier| &tier.demand));
        let both = || row.into_iter().chain(tier).map(|tier| &tier.config);
        let decision = both().find_map(|tier| tier.decision).unwrap_or(PolicyDecision::RequireApproval);
        let approves = decision == PolicyDecision::AutoApprove;
        let decision = if approves && !defects.is_empty() { PolicyDecision::RequireApproval } else { decision };
        let message = both().find_map(|tier| tier.message.as_deref());
        let verdict = verdict(decision, action, message, None, [None, row_demand, tier_demand], times);
        let mut trace = self.trace(marks, decision == PolicyDecision::AutoApprove, facts);
        let mut detail = word(decision).to_owned();
        if approves && !defects.is_empty() {
            detail = format!("{detail}: {}", defects.join("; "));
        }
        if row.is_some() {
            detail = format!("{detail} (of agents that are {})", trust.as_str());
        }
        trace.push(Step { what: format!("tier {}", action.risk_tier.as_str()), matched: true, detail });
        Outcome { verdict, policy: None, trace, recorded, blocked_from: None, failed: None }
    }

    /// `brief`: only what decided; nobody reads why a call passed past the others.
    fn trace(&self, marks: Vec<(usize, Mark)>, brief: bool, facts: &Facts<'_>) -> Vec<Step> {
        /// Nobody reads on after so many lines.
        const LONGEST: usize = 50;
        let last = marks.len().saturating_sub(1);
        let wanted = |(at, mark): &(usize, &(usize, Mark))| {
            let decides = matches!(mark.1, Mark::Decides(_) | Mark::Failed(_));
            decides || (!brief && (*at < LONGEST || *at == last)) || matches!(mark.1, Mark::Unenforced)
        };
        let step = |(_, (at, mark)): (usize, &(usize, Mark))| {
            let policy = self.list.get(*at)?;
            Some(Step {
                what: ["policy ", policy.name()].concat(),
                matched: mark.matches(),
                detail: mark.said(policy, facts),
            })
        };
        marks.iter().enumerate().filter(wanted).filter_map(step).collect()
    }

    /// Every policy and the tier, whether or not it was asked: for somebody who wants to know why.
    pub(super) fn considered(
        &self,
        action: &Action,
        upstream: Option<&str>,
        facts: &Facts<'_>,
        decision: &Decision,
    ) -> Vec<Step> {
        let mut decided = None;
        let mut steps = Vec::with_capacity(self.list.len() + 1);
        for policy in &self.list {
            let mark = match policy.ask(action, upstream, facts) {
                Answer::Yes if !policy.config.enforce => Mark::Unenforced,
                Answer::Yes => Mark::Decides(word(policy.config.decision)),
                Answer::No(mark) => mark,
                Answer::Failed(why) => Mark::Failed(why),
            };
            let (mut matched, mut detail) = (mark.matches(), mark.said(policy, facts));
            if let Some(first) = decided {
                let would = if matched { "it would match".to_owned() } else { detail };
                detail = format!("not asked: {first} decides before; {would}");
                matched = false;
            } else if decision.policy.as_deref() == Some(policy.name()) {
                // The decision knows what defects and blocked time made of it.
                let what = ["policy ", policy.name()].concat();
                if let Some(step) = decision.trace.iter().find(|step| step.what == what) {
                    detail.clone_from(&step.detail);
                }
                decided = Some(policy.name());
            }
            steps.push(Step { what: ["policy ", policy.name()].concat(), matched, detail });
        }
        let what = format!("tier {}", action.risk_tier.as_str());
        let of_tier = decision.trace.iter().find(|step| step.what == what);
        steps.push(match (decided, of_tier) {
            (Some(first), _) => Step { what, matched: false, detail: format!("not asked: {first} decides before") },
            (None, Some(step)) => step.clone(),
            (None, None) => Step { what, matched: true, detail: String::new() },
        });
        steps
    }
}

impl Mark {
    fn matches(&self) -> bool {
        matches!(self, Mark::Unenforced | Mark::Failed(_) | Mark::Decides(_))
    }

    fn said(&self, policy: &Policy, facts: &Facts<'_>) -> String {
        match self {
            Mark::Differs(what, value) => format!("{what} is {value}"),
            Mark::False => match &policy.when {
                Some(when) => when.is_false(policy.config.when.as_deref().unwrap_or_default(), facts),
                None => "its condition is false".to_owned(),
            },
            Mark::Outside => "outside its schedule".to_owned(),
            Mark::Unenforced => "not enforced: recorded only".to_owned(),
            Mark::Failed(why) => format!("cannot be decided by a rule: {why}"),
            Mark::Decides(what) => (*what).to_owned(),
        }
    }
}

/// What a look at the rules asks of a policy.
impl Policy {
    pub(super) fn name(&self) -> &str {
        &self.config.name
    }

    pub(super) fn place(&self) -> &config::Place {
        &self.config.place
    }

    pub(super) fn actions(&self) -> &[Glob] {
        &self.action
    }

    pub(super) fn upstreams(&self) -> &[Glob] {
        &self.upstream
    }

    /// The parameters it looks at; `None`: at all of them.
    pub(super) fn params(&self) -> Option<Vec<&str>> {
        let mut all = self.confirmation_params();
        if let Some(when) = &self.when {
            all.extend(when.params()?);
        }
        Some(all)
    }

    pub(super) fn condition_params(&self) -> Vec<&str> {
        self.when.as_ref().and_then(Condition::params).map(Iterator::collect).unwrap_or_default()
    }

    pub(super) fn confirmation_params(&self) -> Vec<&str> {
        self.demand.params().collect()
    }

    /// What happens outside its schedule, where the schedule leaves no time.
    pub(super) fn blocked_always(&self) -> Option<Outside> {
        self.schedule.as_ref().filter(|schedule| schedule.blocks_always()).map(|schedule| schedule.outside)
    }
}

enum Answer {
    Yes,
    No(Mark),
    Failed(String),
}

impl Policy {
    fn ask(&self, action: &Action, upstream: Option<&str>, facts: &Facts<'_>) -> Answer {
        let any = |globs: &[Glob], value: &str| globs.is_empty() || globs.iter().any(|glob| glob.matches(value));
        let differs = |what, value: &str| Answer::No(Mark::Differs(what, value.to_owned()));
        let caller = facts.caller;
        if !any(&self.action, &action.name) {
            return differs("action", &action.name);
        }
        if !any(&self.agent, &caller.fingerprint) {
            return differs("agent", &caller.fingerprint);
        }
        if !any(&self.project, &caller.project) {
            return differs("project", &caller.project);
        }
        if !self.upstream.is_empty() && !upstream.is_some_and(|upstream| any(&self.upstream, upstream)) {
            return differs("upstream", upstream.unwrap_or("none"));
        }
        if !self.paths.is_empty() {
            let path = facts.path(upstream);
            if !path.as_deref().is_some_and(|path| any(&self.paths, path)) {
                return differs("path", path.as_deref().unwrap_or("none"));
            }
        }
        if self.config.source_type.is_some_and(|source| source != caller.source_type) {
            return differs("source_type", caller.source_type.as_str());
        }
        if self.config.risk_tier.is_some_and(|tier| tier != action.risk_tier) {
            return differs("risk_tier", action.risk_tier.as_str());
        }
        if self.config.trust.is_some_and(|least| caller.trust < least) {
            return differs("trust", caller.trust.as_str());
        }
        if let Some(schedule) = &self.schedule
            && schedule.outside == Outside::Skip
            && schedule.blocks(facts.at)
        {
            return Answer::No(Mark::Outside);
        }
        let utc = TimeZone::UTC;
        let zone = self.schedule.as_ref().map_or(&utc, |schedule| &schedule.zone);
        match self.when.as_ref().map(|when| when.holds(facts, zone)) {
            None | Some(Ok(true)) => Answer::Yes,
            Some(Ok(false)) => Answer::No(Mark::False),
            Some(Err(why)) => Answer::Failed(why),
        }
    }
}

fn verdict(
    decision: PolicyDecision,
    action: &Action,
    message: Option<&str>,
    policy: Option<&str>,
    demands: [Option<&Demand>; 3],
    times: &config::ApprovalTimes,
) -> Verdict {
    match decision {
        PolicyDecision::AutoApprove => Verdict::Approve,
        PolicyDecision::RequireApproval => Verdict::Require(Demand::merge(demands, action, times)),
        PolicyDecision::AutoDeny => {
            let message = message.map(str::to_owned).unwrap_or_else(|| match policy {
                Some(policy) => format!("Not executed: policy \"{policy}\" does not allow {}.", action.name),
                None => format!("Not executed: {} calls are not allowed.", action.risk_tier.as_str()),
            });
            Verdict::Deny { reason: DenyReason::BlockedByPolicy, message }
        }
    }
}

fn word(decision: PolicyDecision) -> &'static str {
    match decision {
        PolicyDecision::AutoApprove => "auto_approve",
        PolicyDecision::AutoDeny => "auto_deny",
        PolicyDecision::RequireApproval => "require_approval",
    }
}

impl Index {
    fn insert(&mut self, globs: &[Glob], at: usize) {
        if globs.is_empty() {
            self.rest.push(at);
        }
        for glob in globs {
            match glob {
                Glob::Literal(name) => self.literals.entry(name.clone()).or_default().push(at),
                Glob::Prefix(prefix) => {
                    self.prefix_lengths.insert(prefix.len());
                    self.prefixes.entry(prefix.clone()).or_default().push(at);
                }
                Glob::Any | Glob::Pattern(_) => self.rest.push(at),
            }
        }
    }

    /// Positions of the policies that could be for this action, in order.
    fn find(&self, action: &str) -> Vec<usize> {
        let mut found = self.rest.clone();
        found.extend(self.literals.get(action).into_iter().flatten());
        for length in &self.prefix_lengths {
            let prefix = action.get(..*length).and_then(|prefix| self.prefixes.get(prefix));
            found.extend(prefix.into_iter().flatten());
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

#[cfg(test)]
mod tests;
