//! Actions that policies name and no route makes.

use super::{Lint, unmatched};
use crate::config::PolicyDecision;
use crate::config::findings::nearest;
use crate::ruleset::glob::Glob;

impl Lint<'_> {
    /// A glob that denies is a guard for what may come; a name, or a glob that lets something happen, was meant for
    /// something that is there.
    pub(super) fn actions(&mut self) {
        let config = self.rules.config().clone();
        let others: Vec<String> = config.upstreams.values().filter_map(unmatched).collect();
        for policy in &config.policies {
            let upstreams: Vec<Glob> = policy.upstream.iter().map(|text| Glob::compile(text)).collect();
            for text in &policy.action {
                let glob = Glob::compile(text);
                let guards = policy.decision == PolicyDecision::AutoDeny && !matches!(glob, Glob::Literal(_));
                let is_made =
                    self.made.iter().any(|made| made.is(std::slice::from_ref(&glob)) && made.stands_at(&upstreams));
                if guards || is_made || others.iter().any(|name| glob.matches(name)) {
                    continue;
                }
                let elsewhere = self.made.iter().find(|made| made.is(std::slice::from_ref(&glob)));
                let message = match elsewhere {
                    Some(_) => format!("no route of the upstreams this policy is for makes the action `{text}`"),
                    None => format!("no route makes the action `{text}`"),
                };
                let literals = self.made.iter().filter_map(|made| match &made.name {
                    Glob::Literal(name) => Some(name.as_str()),
                    _ => None,
                });
                let help = match (elsewhere, nearest(text, literals)) {
                    (Some(made), _) => format!("the upstream `{}` has it", made.upstream.name),
                    (None, Some(near)) => format!("did you mean `{near}`?"),
                    (None, None) => {
                        "name the action of a route; `holdshort explain` shows which action a call is".to_owned()
                    }
                };
                let mut notes =
                    vec!["it still decides about actions of that name that are declared over the API".to_owned()];
                if !text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_*?".contains(c)) {
                    notes = vec!["actions are named in `snake_case`: this can name none".to_owned()];
                }
                let place = self.places.text(&policy.place, &["action"], text);
                self.warn("no-such-action", place, message, notes, help);
            }
        }
    }
}
