//! Whether those who agreed are enough, by what they may decide now.

use rules::config::Excluded;
use rules::decision::Requirement;

use super::{Approval, Verdict};
use crate::directory::Directory;
use crate::intent::Intent;
use crate::person::{Person, Role};

/// Why a person's verdict does not count on an intent; `None`: it counts.
pub(crate) fn objection(intent: &Intent, requirement: &Requirement, person: &Person) -> Option<String> {
    if person.disabled {
        return Some("this account is disabled".to_owned());
    }
    let named = requirement.from.is_empty() && requirement.all_of.is_empty();
    let among = |group: &[String]| group.iter().any(|name| is_of(person, name));
    if named {
        if person.role < Role::Approver {
            return Some("viewers read; ask an admin for the approver role".to_owned());
        }
    } else {
        let of_from = !requirement.from.is_empty() && among(&requirement.from);
        let of_group = requirement.all_of.iter().any(|group| among(group));
        if !of_from && !of_group {
            return Some(format!("decided by {}", who(requirement)));
        }
        if person.role < Role::Approver {
            return Some("viewers read; ask an admin for the approver role".to_owned());
        }
    }
    for excluded in &requirement.not {
        let is = match excluded {
            Excluded::Owner => {
                intent.agent.owner.as_deref().is_some_and(|owner| owner.eq_ignore_ascii_case(&person.email))
            }
            // Who asks is the agent; a person asks where the agent stands for one.
            Excluded::Requester => [&intent.agent.name, &intent.agent.fingerprint]
                .iter()
                .any(|name| name.eq_ignore_ascii_case(&person.email)),
        };
        if is {
            return Some(match excluded {
                Excluded::Owner => "the agent's owner does not decide for it".to_owned(),
                Excluded::Requester => "nobody decides on what they asked for".to_owned(),
            });
        }
    }
    None
}

/// Whether a person may approve at all and is one of those named.
pub(crate) fn is_one_of(person: &Person, names: &[String]) -> bool {
    !person.disabled && person.role >= Role::Approver && names.iter().any(|name| is_of(person, name))
}

/// Whether the approvals are enough: distinct people whose verdict counts today.
pub(crate) fn is_enough(intent: &Intent, requirement: &Requirement, votes: &[Approval], directory: &Directory) -> bool {
    let people: Vec<_> = votes
        .iter()
        .filter(|vote| vote.verdict == Verdict::Approve)
        .filter_map(|vote| directory.person(vote.by))
        .filter(|person| objection(intent, requirement, person).is_none())
        .collect();
    let needed = usize::try_from(requirement.required.max(1)).unwrap_or(usize::MAX);
    let of = |group: &[String]| people.iter().filter(|person| group.iter().any(|name| is_of(person, name))).count();
    if requirement.all_of.is_empty() {
        let counted = if requirement.from.is_empty() { people.len() } else { of(&requirement.from) };
        return counted >= needed;
    }
    let from = requirement.from.is_empty() || of(&requirement.from) >= needed;
    from && requirement.all_of.iter().all(|group| of(group) >= needed)
}

/// How many of those who agreed count.
pub(crate) fn counted(intent: &Intent, requirement: &Requirement, directory: &Directory) -> usize {
    let counts = |vote: &&Approval| {
        vote.verdict == Verdict::Approve
            && directory.person(vote.by).is_some_and(|person| objection(intent, requirement, &person).is_none())
    };
    intent.approvals.iter().filter(counts).count()
}

/// Who decides, in words.
pub(crate) fn who(requirement: &Requirement) -> String {
    if requirement.all_of.is_empty() {
        return if requirement.from.is_empty() { "any approver".to_owned() } else { requirement.from.join(" or ") };
    }
    let groups: Vec<String> = requirement.all_of.iter().map(|group| group.join(" or ")).collect();
    groups.join(" and ")
}

/// Whom an intent waits for, for the agent's eyes: `finance (1 of 2)`.
pub(crate) fn waiting_for(intent: &Intent, directory: &Directory) -> String {
    let Some(requirement) = &intent.requirement else { return "nobody".to_owned() };
    if requirement.required <= 1 && requirement.all_of.is_empty() {
        return who(requirement);
    }
    let groups = u32::try_from(requirement.all_of.len().max(1)).unwrap_or(1);
    format!(
        "{} ({} of {})",
        who(requirement),
        counted(intent, requirement, directory),
        requirement.required.saturating_mul(groups)
    )
}

/// Whom a fresh intent waits for.
pub(crate) fn announced(requirement: &Requirement) -> String {
    if requirement.required <= 1 && requirement.all_of.is_empty() {
        return who(requirement);
    }
    let groups = u32::try_from(requirement.all_of.len().max(1)).unwrap_or(1);
    format!("{} (0 of {})", who(requirement), requirement.required.saturating_mul(groups))
}

/// A name in `from` is a team's or a person's e-mail address.
fn is_of(person: &Person, name: &str) -> bool {
    person.email.eq_ignore_ascii_case(name) || person.teams.iter().any(|team| team == name)
}
