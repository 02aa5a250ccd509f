//! Policies, tiers, approvals, schedules.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use indexmap::IndexMap;

use super::{Checker, is_email, texts};
use crate::config::node::{Mark, shortened};
use crate::config::raw::{self, At, OneOrMany};
use crate::config::{
    AmountWeight, Approvals, Confirm, Policy, PolicyDecision, RiskTier, RiskWeights, Schedule, SourceType, TierPolicy,
    Trust,
};
use crate::ruleset::faulty;

impl Checker<'_> {
    pub(super) fn tiers(&mut self, raw: Option<At<raw::Tiers>>) -> BTreeMap<RiskTier, TierPolicy> {
        let raw = raw.map(|at| at.value).unwrap_or_default();
        let given = [
            (RiskTier::Low, raw.low),
            (RiskTier::Medium, raw.medium),
            (RiskTier::High, raw.high),
            (RiskTier::Critical, raw.critical),
        ];
        given.into_iter().map(|(tier, raw)| (tier, raw.map(|at| self.tier(at.value)).unwrap_or_default())).collect()
    }

    pub(super) fn trust(&mut self, raw: Option<At<raw::TrustTable>>) -> BTreeMap<(Trust, RiskTier), TierPolicy> {
        let raw = raw.map(|at| at.value).unwrap_or_default();
        let rows = [
            (Trust::Unregistered, raw.unregistered),
            (Trust::New, raw.new),
            (Trust::Active, raw.active),
            (Trust::Established, raw.established),
            (Trust::Verified, raw.verified),
        ];
        let mut table = BTreeMap::new();
        for (trust, row) in rows {
            let Some(row) = row.map(|at| at.value) else { continue };
            let tiers = [
                (RiskTier::Low, row.low),
                (RiskTier::Medium, row.medium),
                (RiskTier::High, row.high),
                (RiskTier::Critical, row.critical),
            ];
            for (tier, raw) in tiers {
                if let Some(at) = raw {
                    table.insert((trust, tier), self.tier(at.value));
                }
            }
        }
        table
    }

    pub(super) fn risk(&mut self, raw: Option<At<raw::Risk>>) -> RiskWeights {
        let raw = raw.map(|at| at.value).unwrap_or_default();
        let mut words = IndexMap::new();
        for (word, points) in raw.words.map(|at| at.value.0).unwrap_or_default() {
            if word.value.is_empty() || !word.value.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()) {
                let message = format!("`{}` is no word of an action's name", shortened(&word.value));
                let help = "lower-case letters and digits: of `issue_refund` the words are `issue` and `refund`";
                self.error("bad-name", word.mark, message, Some(help));
            }
            let points = self.points(&points);
            words.insert(word.value, points);
        }
        let mut environments = IndexMap::new();
        for (name, points) in raw.environments.map(|at| at.value.0).unwrap_or_default() {
            let points = self.points(&points);
            environments.insert(name.value, points);
        }
        let mut amounts = Vec::new();
        for At { value, .. } in raw.amounts.map(|at| at.value).unwrap_or_default() {
            if value.param.value.trim().is_empty() {
                self.error("bad-name", value.param.mark, "this names no parameter", None);
            }
            let points = self.points(&value.points);
            amounts.push(AmountWeight { param: value.param.value, over: value.over.value, points });
        }
        RiskWeights { words, environments, amounts }
    }

    fn points(&mut self, at: &At<i64>) -> i16 {
        if !(-100..=100).contains(&at.value) {
            self.error("out-of-range", at.mark, "points are from -100 to 100", None);
        }
        i16::try_from(at.value.clamp(-100, 100)).unwrap_or_default()
    }

    fn tier(&mut self, raw: raw::Tier) -> TierPolicy {
        TierPolicy {
            decision: raw.decision.and_then(|at| at.value),
            message: raw.message.map(|at| at.value),
            approvals: self.approvals(raw.approvals),
        }
    }

    pub(super) fn policies(&mut self, raw: Option<At<Vec<At<raw::Policy>>>>) -> Vec<Policy> {
        let mut names: HashMap<String, Mark> = HashMap::new();
        let mut policies = Vec::new();
        for at in raw.map(|at| at.value).unwrap_or_default() {
            let name = &at.value.name;
            if name.value.trim().is_empty() {
                self.error("bad-name", name.mark, "a policy needs a name: records and permits carry it", None);
            } else if let Some(first) = names.insert(name.value.clone(), name.mark) {
                let first = self.place(first);
                let message = format!(
                    "the policy `{}` is defined twice: first at {}:{}:{}",
                    shortened(&name.value),
                    first.file,
                    first.line,
                    first.column
                );
                self.error("defined-twice", name.mark, message, Some("give each policy a name of its own"));
            }
            policies.push(self.policy(at));
        }
        policies
    }

    fn policy(&mut self, at: At<raw::Policy>) -> Policy {
        let At { value: raw, mark } = at;
        // The reader has refused a policy whose decision cannot be read; denying is what is left.
        let decision = raw.decision.value.unwrap_or(PolicyDecision::AutoDeny);
        if let Some(approvals) = raw.approvals.as_ref().filter(|_| decision != PolicyDecision::RequireApproval) {
            let help = "write `decision: require_approval`, or take `approvals` out";
            self.error("contradiction", approvals.mark, "nobody is asked by this decision", Some(help));
        }
        match &raw.when {
            Some(when) if when.value.trim().is_empty() => {
                let help = "take `when` out, or write a condition such as `params.amount <= 100`";
                self.error("bad-value", when.mark, "this condition is empty", Some(help));
            }
            Some(when) => self.condition(when),
            None => {}
        }
        let subjects = [&raw.action, &raw.agent, &raw.upstream, &raw.project];
        if subjects.into_iter().flatten().any(|given| given.as_slice().is_empty()) {
            let help = "take the key out for any, or name at least one";
            self.error("bad-value", mark, "an empty list in this policy matches nothing", Some(help));
        }
        let upstream = texts(raw.upstream);
        let known = self.names.upstreams.clone();
        for name in upstream.iter().filter(|at| !at.value.contains(['*', '?', '[', '{', '\\'])) {
            self.refer("upstream", "upstreams", name, &known);
        }
        let project = texts(raw.project);
        let known = self.names.projects.clone();
        for name in project.iter().filter(|at| !at.value.contains(['*', '?', '[', '{', '\\'])) {
            self.refer("project", "projects", name, &known);
        }
        Policy {
            name: raw.name.value,
            action: self.globs(texts(raw.action)),
            agent: self.globs(texts(raw.agent)),
            upstream: self.globs(upstream),
            project: self.globs(project),
            paths: Vec::new(),
            source_type: raw.source_type.and_then(|at| match at.value {
                raw::AnySource::Any => None,
                raw::AnySource::AiAgent => Some(SourceType::AiAgent),
                raw::AnySource::Devops => Some(SourceType::Devops),
                raw::AnySource::Automation => Some(SourceType::Automation),
            }),
            risk_tier: raw.risk_tier.and_then(|at| match at.value {
                raw::AnyTier::Any => None,
                raw::AnyTier::Low => Some(RiskTier::Low),
                raw::AnyTier::Medium => Some(RiskTier::Medium),
                raw::AnyTier::High => Some(RiskTier::High),
                raw::AnyTier::Critical => Some(RiskTier::Critical),
            }),
            trust: raw.trust.map(|at| at.value),
            when: raw.when.map(|at| at.value),
            decision,
            message: raw.message.map(|at| at.value),
            priority: raw.priority.map(|at| at.value).unwrap_or_default(),
            approvals: self.approvals(raw.approvals),
            schedule: raw.schedule.map(|at| self.schedule(at)),
            enforce: raw.enforce.is_none_or(|at| at.value),
            place: self.place(mark),
        }
    }

    fn condition(&mut self, at: &At<String>) {
        if self.unresolved.contains(&at.mark) {
            return;
        }
        if let Some(wrong) = faulty::condition(&at.value) {
            let help =
                "a condition is CEL over `params.NAME`, `request`, `agent`, `risk` and `now`: `params.amount <= 100`";
            self.error("bad-condition", at.mark, wrong, Some(help));
        }
    }

    /// An empty text matches nothing that exists, and no name holds a bracket: slips, and a policy that never matches
    /// may be the one that was to deny.
    fn globs(&mut self, given: Vec<At<String>>) -> Vec<String> {
        for at in &given {
            if at.value.contains(['[', ']', '{', '}']) {
                let help = "a glob has `*` and `?`; several go in a list: `[read_*, list_*]`";
                self.error("bad-value", at.mark, "this glob matches nothing", Some(help));
            }
            if at.value.trim().is_empty() {
                self.error("bad-value", at.mark, "this glob is empty", Some("write `\"*\"` for any"));
            }
        }
        given.into_iter().map(|at| at.value).collect()
    }

    fn approvals(&mut self, raw: Option<At<raw::Approvals>>) -> Approvals {
        let Some(At { value: raw, mark }) = raw else { return Approvals::default() };
        let required = raw.required.as_ref().map(|at| self.number(Some(at), 1, 1, 20));
        let from = raw.from.map(|from| self.people(texts(Some(from))));
        if let (Some(required), Some(from)) = (required, &from) {
            self.enough(required, from, mark);
        }
        Approvals {
            required,
            from,
            all_of: raw.all_of.map(|at| at.value.into_iter().map(|group| self.group(group, at.mark)).collect()),
            not: raw.not.map(|not| not.as_slice().iter().map(|at| at.value).collect()),
            delay: raw.delay.as_ref().map(|at| self.within(Some(at), Duration::ZERO, "0s", "7d")),
            expires_in: raw.expires_in.as_ref().map(|at| self.within(Some(at), Duration::ZERO, "1s", "30d")),
            confirm: raw.confirm.map(|at| match at.value {
                raw::Confirm::Template(text) => {
                    self.filled_in(&text, at.mark);
                    Confirm::Template(text)
                }
                raw::Confirm::No => Confirm::No,
                raw::Confirm::Action => Confirm::Action,
            }),
        }
    }

    fn group(&mut self, group: OneOrMany<At<String>>, mark: Mark) -> Vec<String> {
        let people = self.people(texts(Some(group)));
        if people.is_empty() {
            self.error("empty-group", mark, "a group without people can never approve", None);
        }
        people
    }

    fn people(&mut self, given: Vec<At<String>>) -> Vec<String> {
        let known = self.names.teams.clone();
        given
            .into_iter()
            .map(|at| {
                if at.value.contains('@') {
                    if !is_email(&at.value) {
                        let message = format!("`{}` is not an e-mail address", shortened(&at.value));
                        self.error("bad-email", at.mark, message, None);
                    }
                    return at.value.to_lowercase();
                }
                self.refer("team", "teams", &at, &known);
                at.value
            })
            .collect()
    }

    /// More approvals than e-mail addresses named: it would wait until it expires.
    fn enough(&mut self, required: u32, from: &[String], mark: Mark) {
        let named = from.len();
        if named > 0 && from.iter().all(|name| name.contains('@')) && (required as usize) > named {
            let message = format!("{required} approvals are asked of {named} people");
            self.error("never-enough", mark, message, Some("name more people, or ask for fewer approvals"));
        }
    }

    fn schedule(&mut self, at: At<raw::Schedule>) -> Schedule {
        let At { value: raw, mark } = at;
        if raw.block_weekends.is_none() && raw.block_hours.is_none() && raw.allow.is_none() {
            let help = "add `block_weekends`, `block_hours` or `allow`";
            self.error("empty-schedule", mark, "this schedule blocks nothing", Some(help));
        }
        let block_hours = raw.block_hours.map(|at| {
            let (from, to) = at.value;
            if from > 24 || to > 24 {
                self.error("out-of-range", at.mark, "hours are from 0 to 24", None);
            } else if from == to {
                self.error(
                    "out-of-range",
                    at.mark,
                    "these hours are an empty span",
                    Some("`[0, 24]` is the whole day"),
                );
            }
            at.value
        });
        let allow = raw.allow.unwrap_or_default();
        let zone = raw.timezone.as_ref().map_or(mark, |at| at.mark);
        let schedule = Schedule {
            timezone: raw.timezone.map_or_else(|| "UTC".to_owned(), |at| at.value),
            block_weekends: raw.block_weekends.is_some_and(|at| at.value),
            block_hours,
            allow: allow.as_slice().iter().map(|at| at.value.0.clone()).collect(),
            outside: raw.outside.map(|at| at.value).unwrap_or_default(),
        };
        if let Some(wrong) = faulty::schedule(&schedule) {
            self.error(
                "bad-time-zone",
                zone,
                wrong,
                Some("names are those of the IANA data base; `UTC` is the default"),
            );
        }
        schedule
    }
}
