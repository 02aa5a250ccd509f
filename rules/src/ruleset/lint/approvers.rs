//! Approvals that the people who are named cannot give.
//!
//! Only what the files say is counted: a team that lives in the store may have any number of members.

use std::collections::BTreeSet;

use super::Lint;
use crate::config::{Approvals, Config, Excluded, Policy, PolicyDecision, RiskTier};
use crate::ruleset::glob::Glob;

impl Lint<'_> {
    pub(super) fn approvers(&mut self) {
        let config = self.rules.config().clone();
        for policy in config.policies.iter().filter(|policy| policy.decision == PolicyDecision::RequireApproval) {
            let found = self.tiers_of(policy).into_iter().find_map(|tier| {
                let default = Approvals::default();
                let of_tier = config.risk_tiers.get(&tier).map_or(&default, |tier| &tier.approvals);
                self.lacking(&config, &policy.approvals, of_tier, Some(policy))
            });
            if let Some((message, notes)) = found {
                let place = self.places.below(&policy.place, &["approvals"]);
                self.warn("too-few-approvers", place, message, notes, HELP);
            }
        }
        for (tier, given) in &config.risk_tiers {
            let asks = given.decision.is_none_or(|decision| decision == PolicyDecision::RequireApproval);
            if let Some((message, notes)) =
                self.lacking(&config, &given.approvals, &Approvals::default(), None).filter(|_| asks)
            {
                let place = self.places.key(&["risk_tiers", tier.as_str(), "approvals"]);
                self.warn("too-few-approvers", place, message, notes, HELP);
            }
        }
    }

    fn tiers_of(&self, policy: &Policy) -> BTreeSet<RiskTier> {
        if let Some(tier) = policy.risk_tier {
            return BTreeSet::from([tier]);
        }
        let globs = |texts: &[String]| texts.iter().map(|text| Glob::compile(text)).collect::<Vec<_>>();
        let (actions, upstreams) = (globs(&policy.action), globs(&policy.upstream));
        let made = self.made.iter().filter(|made| made.is(&actions) && made.stands_at(&upstreams));
        let mut tiers: BTreeSet<RiskTier> = made.map(|made| made.route.risk_tier).collect();
        if tiers.is_empty() {
            tiers.insert(RiskTier::default());
        }
        tiers
    }

    /// What a policy asks, filled up by its tier, and why nobody can give it.
    fn lacking(
        &self,
        config: &Config,
        given: &Approvals,
        tier: &Approvals,
        policy: Option<&Policy>,
    ) -> Option<(String, Vec<String>)> {
        let required = given.required.or(tier.required).unwrap_or(1).max(1) as usize;
        let from = given.from.as_ref().or(tier.from.as_ref());
        let not = given.not.as_ref().or(tier.not.as_ref());
        let groups = given.all_of.as_ref().or(tier.all_of.as_ref());
        let mut asked: Vec<&Vec<String>> = groups.into_iter().flatten().collect();
        asked.extend(from.filter(|from| !from.is_empty()));
        for group in asked {
            let Some(people) = members(config, group) else { continue };
            let named = group.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            let count = counted(people.len());
            if people.len() < required {
                let message = format!("{} asked of {named}: {count}", approvals(required));
                return Some((message, vec!["such a call waits until it expires".to_owned()]));
            }
            if !not.is_some_and(|not| not.contains(&Excluded::Owner)) || people.len() > required {
                continue;
            }
            let owner = config.agents.iter().find_map(|(name, agent)| {
                let owner = agent.owner.as_ref().filter(|owner| people.contains(owner.as_str()))?;
                self.calls(policy, name, agent).then_some((name, owner))
            });
            if let Some((agent, owner)) = owner {
                let message =
                    format!("{} asked of {named}: {count}, and one is the agent's owner", approvals(required));
                let note = format!("`not: [owner]` takes {owner} out for the calls of the agent `{agent}`");
                return Some((message, vec![note]));
            }
        }
        None
    }

    /// Whether an agent can make a call that the policy (or a tier) is for.
    fn calls(&self, policy: Option<&Policy>, name: &str, agent: &crate::config::AgentEntry) -> bool {
        let one_of = |texts: &[String], value: &str| {
            texts.is_empty() || texts.iter().any(|text| Glob::compile(text).matches(value))
        };
        let globs = |texts: &[String]| texts.iter().map(|text| Glob::compile(text)).collect::<Vec<_>>();
        let (actions, upstreams) =
            policy.map(|policy| (globs(&policy.action), globs(&policy.upstream))).unwrap_or_default();
        policy.is_none_or(|policy| {
            one_of(&policy.agent, agent.fingerprint.as_deref().unwrap_or(name))
                && one_of(&policy.project, &agent.project)
        }) && self.made.iter().any(|made| {
            made.is(&actions) && made.stands_at(&upstreams) && made.upstream.projects.contains(&agent.project)
        })
    }
}

const HELP: &str = "name more people, or ask for fewer approvals";

/// The people behind teams and addresses; `None` where the store knows more than the files.
fn members<'c>(config: &'c Config, names: &'c [String]) -> Option<BTreeSet<&'c str>> {
    let mut people = BTreeSet::new();
    for name in names {
        if name.contains('@') {
            people.insert(name.as_str());
        } else {
            people.extend(config.teams.get(name)?.iter().map(String::as_str));
        }
    }
    Some(people)
}

fn approvals(required: usize) -> String {
    if required == 1 { "1 approval is".to_owned() } else { format!("{required} approvals are") }
}

fn counted(people: usize) -> String {
    match people {
        0 => "nobody is in there".to_owned(),
        1 => "that is one person".to_owned(),
        many => format!("those are {many} people"),
    }
}
