//! Policies: those that never decide, and those whose order nobody chose.

use std::collections::BTreeSet;

use super::{Lint, stands};
use crate::config::findings::nearest;
use crate::config::{Outside, Place};
use crate::ruleset::glob::Glob;

impl Lint<'_> {
    pub(super) fn policies(&mut self) {
        let config = self.rules.config().clone();
        for pair in self.rules.policies.unreachable() {
            let (Some(first), Some(second)) = (config.policies.get(pair.first), config.policies.get(pair.second))
            else {
                continue;
            };
            let message =
                format!("the policy `{}` never decides: `{}` matches all its calls first", second.name, first.name);
            let mut notes = vec![stands(&format!("`{}`", first.name), &first.place)];
            if first.priority == second.priority {
                notes.push(format!(
                    "both have the priority {}: there deny goes before require before approve, then the first in the files",
                    first.priority
                ));
            }
            let help = format!(
                "give this one a higher `priority` than {}, narrow the other, or take this one out",
                first.priority
            );
            self.warn("unreachable-policy", second.place.clone(), message, notes, help);
        }
        let made = |first: &[Glob], second: &[Glob]| {
            self.made.iter().any(|made| made.is(first) && made.is(second))
                && (first.is_empty()
                    || second.is_empty()
                    || first.iter().any(|first| second.iter().any(|second| first.overlaps(second))))
        };
        for pair in self.rules.policies.equals(made) {
            let (Some(first), Some(second)) = (config.policies.get(pair.first), config.policies.get(pair.second))
            else {
                continue;
            };
            let message = format!(
                "the policies `{}` and `{}` have the priority {} and decide differently about some calls",
                first.name, second.name, first.priority
            );
            let notes = vec![
                stands(&format!("`{}`", first.name), &first.place),
                format!(
                    "`{}` decides: deny goes before require before approve, then the first in the files",
                    first.name
                ),
            ];
            let help = "give the one that shall decide a higher `priority`";
            self.warn("same-priority", second.place.clone(), message, notes, help);
        }
        self.unknown_params();
        self.always_blocked();
    }

    /// A condition on a parameter that none of its calls has fails for each of them.
    fn unknown_params(&mut self) {
        let mut found: Vec<(Place, String, bool, Option<String>)> = Vec::new();
        for policy in self.rules.policies.each() {
            let made: Vec<_> = self
                .made
                .iter()
                .filter(|made| made.is(policy.actions()) && made.stands_at(policy.upstreams()))
                .collect();
            if made.is_empty() || made.iter().any(|made| made.any_param) {
                continue;
            }
            let known: BTreeSet<&str> = made.iter().flat_map(|made| made.params.iter().map(String::as_str)).collect();
            let mut look = |names: Vec<&str>, keys: &[&str], fails: bool| {
                for name in names.into_iter().filter(|name| !known.contains(name)) {
                    let near = nearest(name, known.iter().copied()).map(str::to_owned);
                    found.push((self.places.below(policy.place(), keys), name.to_owned(), fails, near));
                }
            };
            look(policy.condition_params(), &["when"], true);
            look(policy.confirmation_params(), &["approvals", "confirm"], false);
        }
        for (place, name, fails, near) in found {
            let message = format!("no route of these actions has the parameter `{name}`");
            let note = if fails {
                "a condition on a parameter that is missing has no value: people are asked, or `auto_deny` denies"
            } else {
                "without it the approver types the action's name"
            };
            let help = match near {
                Some(near) => format!("did you mean `params.{near}`?"),
                None => format!("add it to a route under `params`, such as `{name}: /{name}`"),
            };
            self.warn("unknown-param", place, message, vec![note.to_owned()], help);
        }
    }

    fn always_blocked(&mut self) {
        let mut found = Vec::new();
        for policy in self.rules.policies.each() {
            if let Some(outside) = policy.blocked_always() {
                let what = match outside {
                    Outside::Deny => "it denies always",
                    Outside::Skip => "it never matches",
                };
                let message = format!("the schedule of `{}` blocks every hour of the week: {what}", policy.name());
                found.push((self.places.below(policy.place(), &["schedule"]), message));
            }
        }
        for (place, message) in found {
            let help = "leave some hours free; what must never happen is said plainly by `decision: auto_deny`";
            self.warn("always-blocked", place, message, Vec::new(), help);
        }
    }
}
