//! Policies by name, and what approval asks for.

use std::time::Duration;

use super::Change;
use super::compare::{Compared, added, globs, missing, names, option, removed, span, text, word};
use super::overlap::{lists_meet, uncovered};
use crate::config::{Approvals, Config, Confirm, Excluded, Outside, Policy, PolicyDecision, RiskTier, Schedule};

/// Approve, require, deny: the higher the stricter.
pub(super) fn decision_rank(decision: PolicyDecision) -> u8 {
    match decision {
        PolicyDecision::AutoApprove => 0,
        PolicyDecision::RequireApproval => 1,
        PolicyDecision::AutoDeny => 2,
    }
}

pub(super) fn compare(old: &Config, new: &Config, changes: &mut Vec<Change>) {
    let find = |config: &Config, name: &str| config.policies.iter().find(|policy| policy.name == name).cloned();
    for policy in &new.policies {
        match find(old, &policy.name) {
            Some(before) => changed(&before, policy, old, new, changes),
            None => {
                let summary = format!("{} for {}", word(&policy.decision), globs(&policy.action));
                changes.push(added("policy", &policy.name, summary, opens(policy, new)));
            }
        }
    }
    for policy in old.policies.iter().filter(|policy| find(new, &policy.name).is_none()) {
        let why = (policy.enforce && policy.decision != PolicyDecision::AutoApprove)
            .then(|| format!("its {} is gone", word(&policy.decision)));
        let why = why.or_else(|| denies_at_times(policy).then(|| "its schedule denied at times".to_owned()));
        let summary = format!("{} for {}", word(&policy.decision), globs(&policy.action));
        changes.push(removed("policy", &policy.name, summary, why));
    }
}

/// Why a policy that was not there before lets more through.
fn opens(policy: &Policy, all: &Config) -> Option<String> {
    if !policy.enforce {
        return None;
    }
    if policy.decision == PolicyDecision::AutoApprove {
        return Some("it approves without people".to_owned());
    }
    // One that is asked before a stricter one takes its calls away from it.
    let mine = decision_rank(policy.decision);
    let after =
        |other: &&Policy| other.name != policy.name && other.enforce && before(policy, other) && meet(policy, other);
    if policy.decision == PolicyDecision::RequireApproval {
        let taken = all.policies.iter().filter(after).find(|other| {
            decision_rank(other.decision) > mine
                || other.decision == policy.decision && asks_less(&policy.approvals, &other.approvals, all)
        });
        return taken.map(|other| format!("it is asked before \"{}\", which may be stricter", other.name));
    }
    None
}

/// Whether the first is asked before the second.
fn before(a: &Policy, b: &Policy) -> bool {
    (a.priority, decision_rank(a.decision)) > (b.priority, decision_rank(b.decision))
        || (a.priority, a.decision) == (b.priority, b.decision)
}

fn meet(a: &Policy, b: &Policy) -> bool {
    lists_meet(&a.action, &b.action)
        && lists_meet(&a.agent, &b.agent)
        && lists_meet(&a.upstream, &b.upstream)
        && lists_meet(&a.project, &b.project)
        && a.source_type.zip(b.source_type).is_none_or(|(a, b)| a == b)
        && a.risk_tier.zip(b.risk_tier).is_none_or(|(a, b)| a == b)
}

fn denies_at_times(policy: &Policy) -> bool {
    policy.enforce && policy.schedule.as_ref().is_some_and(|schedule| schedule.outside == Outside::Deny)
}

fn changed(old: &Policy, new: &Policy, old_all: &Config, new_all: &Config, changes: &mut Vec<Change>) {
    let mut policy = Compared::new("policy", &new.name);
    let approves = new.decision == PolicyDecision::AutoApprove;
    policy.field("decision", word(&old.decision), word(&new.decision), || {
        (decision_rank(new.decision) < decision_rank(old.decision))
            .then(|| format!("{} instead of {}", word(&new.decision), word(&old.decision)))
    });
    for (name, before, after) in [
        ("action", &old.action, &new.action),
        ("agent", &old.agent, &new.agent),
        ("upstream", &old.upstream, &new.upstream),
        ("project", &old.project, &new.project),
    ] {
        policy.field(name, globs(before), globs(after), || {
            if approves {
                let more = uncovered(before, after);
                (!more.is_empty()).then(|| format!("it approves {name} {}, too", names(&more)))
            } else {
                let fewer = uncovered(after, before);
                (!fewer.is_empty()).then(|| format!("it no longer holds for {name} {}", names(&fewer)))
            }
        });
    }
    // A condition that is gone widens; one that is new narrows; of two different ones nothing is known.
    let condition = |before: bool, after: bool| match (before, after) {
        (true, false) if approves => Some("it approves more".to_owned()),
        (false, true) if !approves => Some("it holds for fewer calls".to_owned()),
        (true, true) => Some("what it holds for changed, and cannot be compared".to_owned()),
        _ => None,
    };
    let any = |value: Option<String>| value.unwrap_or_else(|| "any".to_owned());
    policy.field(
        "source_type",
        any(old.source_type.map(|one| word(&one))),
        any(new.source_type.map(|one| word(&one))),
        || condition(old.source_type.is_some(), new.source_type.is_some()),
    );
    policy.field(
        "risk_tier",
        any(old.risk_tier.map(|one| word(&one))),
        any(new.risk_tier.map(|one| word(&one))),
        || condition(old.risk_tier.is_some(), new.risk_tier.is_some()),
    );
    policy.field("trust", any(old.trust.map(|one| word(&one))), any(new.trust.map(|one| word(&one))), || {
        let narrower = new.trust.unwrap_or(crate::config::Trust::Unregistered)
            > old.trust.unwrap_or(crate::config::Trust::Unregistered);
        match (approves, narrower) {
            (true, false) => Some("it approves for callers who are trusted less".to_owned()),
            (false, true) => Some("it holds only for callers who are trusted more".to_owned()),
            _ => None,
        }
    });
    policy.field("when", text(old.when.as_ref()), text(new.when.as_ref()), || {
        condition(old.when.is_some(), new.when.is_some())
    });
    policy.field("priority", old.priority.to_string(), new.priority.to_string(), || {
        let why = match (approves, new.priority > old.priority) {
            (true, true) => "it approves before others are asked",
            (false, false) => "others are asked before it",
            (false, true) => return opens(new, new_all),
            (true, false) => return None,
        };
        Some(why.to_owned())
    });
    let schedule = |policy: &Policy| option(policy.schedule.as_ref(), times);
    policy.field("schedule", schedule(old), schedule(new), || {
        let skips = new.schedule.as_ref().is_some_and(|schedule| schedule.outside == Outside::Skip);
        match (&old.schedule, &new.schedule) {
            (None, Some(_)) if !skips || approves => None,
            (None, Some(_)) => Some("at times it does not hold".to_owned()),
            (Some(_), None) if new.decision == PolicyDecision::AutoDeny => None,
            (Some(_), None) if !denies_at_times(old) && !approves => None,
            _ => Some("the times changed, and cannot be compared".to_owned()),
        }
    });
    policy.switch(
        "enforce",
        old.enforce,
        new.enforce,
        !approves,
        if approves { "what it approves is no longer only recorded" } else { "it is only recorded" },
    );
    policy.shown("message", text(old.message.as_ref()), text(new.message.as_ref()));
    if new.decision == PolicyDecision::RequireApproval && old.decision != PolicyDecision::AutoApprove {
        approvals(&mut policy, &old.approvals, &new.approvals, &Asked::by(old, old_all), &Asked::by(new, new_all));
    } else {
        policy.shown("approvals", format!("{:?}", old.approvals), format!("{:?}", new.approvals));
    }
    policy.finish(changes);
}

fn times(schedule: &Schedule) -> String {
    let mut text = schedule.timezone.clone();
    if schedule.block_weekends {
        text.push_str(", not at weekends");
    }
    if let Some((from, to)) = schedule.block_hours {
        text = format!("{text}, not from {from} to {to}");
    }
    for window in &schedule.allow {
        let (from, to) = (window.from_minute, window.to_minute);
        let (from, to) = (format!("{:02}:{:02}", from / 60, from % 60), format!("{:02}:{:02}", to / 60, to % 60));
        text = format!("{text}, on days {:?} from {from} to {to}", window.days);
    }
    format!("{text}, else {}", word(&schedule.outside))
}

/// What stands where `approvals` leave something out: the words of the tiers it can fall to.
pub(super) struct Asked {
    tiers: Vec<Approvals>,
}

impl Asked {
    /// What is asked where nobody says anything.
    pub(super) fn by_default() -> Asked {
        Asked { tiers: vec![Approvals::default()] }
    }

    fn by(policy: &Policy, all: &Config) -> Asked {
        let tiers = RiskTier::ALL.into_iter().filter(|tier| policy.risk_tier.is_none_or(|only| only == *tier));
        let of = |tier: RiskTier| all.risk_tiers.get(&tier).map(|policy| policy.approvals.clone()).unwrap_or_default();
        Asked { tiers: tiers.map(of).collect() }
    }

    /// The most and the least a field can come to.
    fn reach<T: Ord + Clone>(&self, given: Option<T>, of: impl Fn(&Approvals) -> Option<T>, least: &T) -> (T, T) {
        let values: Vec<T> = match given {
            Some(given) => vec![given],
            None => self.tiers.iter().map(|tier| of(tier).unwrap_or_else(|| least.clone())).collect(),
        };
        let smallest = values.iter().min().unwrap_or(least).clone();
        (smallest, values.into_iter().max().unwrap_or_else(|| least.clone()))
    }
}

fn asks_less(mine: &Approvals, others: &Approvals, all: &Config) -> bool {
    let tiers = Asked { tiers: all.risk_tiers.values().map(|tier| tier.approvals.clone()).collect() };
    let mut compared = Compared::new("policy", "");
    approvals(&mut compared, others, mine, &tiers, &tiers);
    let mut found = Vec::new();
    compared.finish(&mut found);
    found.iter().any(Change::weakens)
}

/// Field by field. Where one side leaves a field to the tier, every tier it can be counts.
pub(super) fn approvals(
    compared: &mut Compared,
    old: &Approvals,
    new: &Approvals,
    old_asked: &Asked,
    new_asked: &Asked,
) {
    let number = |approvals: &Approvals| option(approvals.required.as_ref(), ToString::to_string);
    compared.field("approvals.required", number(old), number(new), || {
        let (_, before) = old_asked.reach(old.required, |tier| tier.required, &1);
        let (after, _) = new_asked.reach(new.required, |tier| tier.required, &1);
        (after < before).then(|| "fewer approvals".to_owned())
    });
    let people = |approvals: &Approvals| option(approvals.from.as_ref(), |list| names(list));
    compared.field("approvals.from", people(old), people(new), || {
        let of = |asked: &Asked, given: &Approvals| -> Vec<Vec<String>> {
            match &given.from {
                Some(from) => vec![from.clone()],
                None => asked.tiers.iter().map(|tier| tier.from.clone().unwrap_or_default()).collect(),
            }
        };
        let (before, after) = (of(old_asked, old), of(new_asked, new));
        let wider = before
            .iter()
            .filter(|list| !list.is_empty())
            .any(|before| after.iter().any(|after| after.is_empty() || !missing(before, after).is_empty()));
        wider.then(|| "more people can approve".to_owned())
    });
    let groups = |approvals: &Approvals| {
        option(approvals.all_of.as_ref(), |list| names(&list.iter().map(|group| names(group)).collect::<Vec<_>>()))
    };
    compared.field("approvals.all_of", groups(old), groups(new), || {
        let any_before = old.all_of.clone().or_else(|| old_asked.tiers.iter().find_map(|tier| tier.all_of.clone()));
        let before = any_before.unwrap_or_default();
        let after = new.all_of.clone().unwrap_or_default();
        (!missing(&after, &before).is_empty()).then(|| "a group no longer has to approve, or another".to_owned())
    });
    let kept_out = |approvals: &Approvals| {
        option(approvals.not.as_ref(), |list| names(&list.iter().map(word::<Excluded>).collect::<Vec<_>>()))
    };
    compared.field("approvals.not", kept_out(old), kept_out(new), || {
        let any_before = old.not.clone().or_else(|| old_asked.tiers.iter().find_map(|tier| tier.not.clone()));
        let before = any_before.unwrap_or_default();
        let after = new.not.clone().unwrap_or_default();
        (!missing(&after, &before).is_empty()).then(|| "somebody who was kept out can approve".to_owned())
    });
    let delay = |approvals: &Approvals| option(approvals.delay.as_ref(), span);
    compared.field("approvals.delay", delay(old), delay(new), || {
        let (_, before) = old_asked.reach(old.delay, |tier| tier.delay, &Duration::ZERO);
        let (after, _) = new_asked.reach(new.delay, |tier| tier.delay, &Duration::ZERO);
        (after < before).then(|| "less time to cancel".to_owned())
    });
    let bound = |approvals: &Approvals| option(approvals.expires_in.as_ref(), span);
    compared.shown("approvals.expires_in", bound(old), bound(new));
    let typed = |approvals: &Approvals| {
        option(approvals.confirm.as_ref(), |confirm| match confirm {
            Confirm::No => "false".to_owned(),
            Confirm::Action => "true".to_owned(),
            Confirm::Template(text) => text.clone(),
        })
    };
    compared.field("approvals.confirm", typed(old), typed(new), || {
        let asks = |confirm: Option<&Confirm>| confirm.is_some_and(|confirm| *confirm != Confirm::No);
        let could = |asked: &Asked, given: &Approvals, all: bool| match &given.confirm {
            Some(confirm) => asks(Some(confirm)),
            None if all => asked.tiers.iter().all(|tier| asks(tier.confirm.as_ref())),
            None => asked.tiers.iter().any(|tier| asks(tier.confirm.as_ref())),
        };
        (could(old_asked, old, false) && !could(new_asked, new, true)).then(|| "nothing has to be typed".to_owned())
    });
}
