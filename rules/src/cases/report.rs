//! What a test expected beside what came.

use std::fmt::Display;
use std::time::Duration;

use super::{Approvals, Case, Ending, Expect};
use crate::config::{Excluded, Place};
use crate::decision::{Requirement, Step, Verdict};
use crate::request::json::{self, Json};
use crate::ruleset::{End, Params, Walk};

#[derive(Debug, Clone)]
pub struct Report {
    pub name: String,
    pub place: Place,
    pub walk: Walk,
    /// Empty: as expected.
    pub differences: Vec<Difference>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The key of `expect`.
    pub what: String,
    pub expected: String,
    pub got: String,
}

impl Report {
    pub(super) fn new(case: &Case, walk: Walk) -> Report {
        let differences = Compared::default().all(&case.expect, &walk);
        Report { name: case.name.clone(), place: case.place.clone(), walk, differences }
    }

    #[must_use]
    pub fn passed(&self) -> bool {
        self.differences.is_empty()
    }

    /// The routes and policies that were looked at, and what came of it.
    #[must_use]
    pub fn trace(&self) -> Vec<Step> {
        let line = |what: &str, matched, detail: String| vec![Step { what: what.to_owned(), matched, detail }];
        match &self.walk.end {
            End::Refused(why) => line("request", false, format!("{} {}", why.status, why)),
            End::NoUpstream(why) => line("upstream", false, why.clone()),
            End::NoRoute => line("route", false, "no route of this upstream matches, and it rejects those".to_owned()),
            End::Pass { protocol: true } => line("protocol", true, "holds the MCP session together".to_owned()),
            End::Pass { protocol: false } => line("route", true, "passes without an intent".to_owned()),
            End::Decided { hit, decision } => hit.trace.iter().chain(&decision.trace).cloned().collect(),
        }
    }
}

#[derive(Default)]
struct Compared(Vec<Difference>);

impl Compared {
    fn all(mut self, expect: &Expect, walk: &Walk) -> Vec<Difference> {
        let none = || "none".to_owned();
        let decided = match &walk.end {
            End::Decided { hit, decision } => Some((hit, decision)),
            _ => None,
        };
        self.text("upstream", expect.upstream.as_deref(), walk.upstream.clone());
        self.text("action", expect.action.as_deref(), decided.map(|(hit, _)| hit.action.name.clone()));
        self.text("decision", expect.decision.map(Ending::as_str), Some(Ending::of(walk).as_str().to_owned()));
        let policy = decided.map(|(_, decision)| decision.policy.clone().unwrap_or_else(none));
        self.text("policy", expect.policy.as_deref(), policy);
        let action = decided.map(|(hit, _)| &hit.action);
        let tier = action.map(|action| action.risk_tier.as_str().to_owned());
        self.text("risk_tier", expect.risk_tier.map(|tier| tier.as_str()), tier);
        self.text("title", expect.title.as_deref(), action.map(|action| action.title.clone()));
        if let Some(part) = &expect.message {
            let said = match &walk.end {
                End::Decided { decision, .. } => match &decision.verdict {
                    Verdict::Deny { message, .. } => Some(message.clone()),
                    _ => None,
                },
                End::Refused(why) => Some(why.to_string()),
                End::NoUpstream(why) => Some(why.clone()),
                End::NoRoute | End::Pass { .. } => None,
            };
            if !said.as_ref().is_some_and(|said| said.contains(part)) {
                self.add("message", format!("... {part} ..."), said.unwrap_or_else(none));
            }
        }
        let score = decided.map(|(_, decision)| decision.risk.score);
        let outside = expect.risk_at_least.is_some_and(|least| score.is_none_or(|score| score < least))
            || expect.risk_at_most.is_some_and(|most| score.is_none_or(|score| score > most));
        if outside {
            let wanted = match (expect.risk_at_least, expect.risk_at_most) {
                (Some(least), Some(most)) if least == most => least.to_string(),
                (least, most) => format!("{} to {}", least.unwrap_or(0), most.unwrap_or(100)),
            };
            self.add("risk", wanted, score.map_or_else(none, |score| score.to_string()));
        }
        let nothing = Params::new();
        let params = action.map_or(&nothing, |action| &action.params);
        for (name, wanted) in &expect.params {
            let got = params.get(name).map(|value| value.to_json());
            let same =
                got.as_ref().zip(json::parse(wanted.as_bytes()).ok()).is_some_and(|(got, want)| same(got, &want));
            if !same {
                self.add(&format!("params.{name}"), wanted.clone(), got.map_or_else(none, |got| got.to_string()));
            }
        }
        let requirement = decided.and_then(|(_, decision)| match &decision.verdict {
            Verdict::Require(requirement) => Some(requirement),
            _ => None,
        });
        self.approvals(&expect.approvals, requirement);
        self.0
    }

    fn approvals(&mut self, wanted: &Approvals, got: Option<&Requirement>) {
        let names = |list: &[String]| format!("[{}]", list.join(", "));
        let groups = |list: &[Vec<String>]| {
            format!("[{}]", list.iter().map(|group| names(group)).collect::<Vec<_>>().join(", "))
        };
        let excluded = |list: &[Excluded]| {
            let word = |who: &Excluded| if *who == Excluded::Owner { "owner" } else { "requester" }.to_owned();
            names(&list.iter().map(word).collect::<Vec<_>>())
        };
        let span = |span: Duration| format!("{span:?}");
        let typed = |text: &Option<String>| text.clone().unwrap_or_else(|| "false".to_owned());
        self.shown("approvals.required", wanted.required, got.map(|got| got.required));
        let from = got.map(|got| names(&got.from));
        self.text("approvals.from", wanted.from.as_deref().map(names).as_deref(), from);
        let all_of = got.map(|got| groups(&got.all_of));
        self.text("approvals.all_of", wanted.all_of.as_deref().map(groups).as_deref(), all_of);
        let not = got.map(|got| excluded(&got.not));
        self.text("approvals.not", wanted.not.as_deref().map(excluded).as_deref(), not);
        self.text("approvals.delay", wanted.delay.map(span).as_deref(), got.map(|got| span(got.delay)));
        self.text("approvals.expires_in", wanted.expires_in.map(span).as_deref(), got.map(|got| span(got.expires_in)));
        let confirm = got.map(|got| typed(&got.confirm));
        self.text("approvals.confirm", wanted.confirm.as_ref().map(typed).as_deref(), confirm);
    }

    fn shown<T: Display + PartialEq>(&mut self, what: &str, wanted: Option<T>, got: Option<T>) {
        self.text(what, wanted.map(|wanted| wanted.to_string()).as_deref(), got.map(|got| got.to_string()));
    }

    fn text(&mut self, what: &str, wanted: Option<&str>, got: Option<String>) {
        if let Some(wanted) = wanted
            && got.as_deref() != Some(wanted)
        {
            self.add(what, wanted.to_owned(), got.unwrap_or_else(|| "none".to_owned()));
        }
    }

    fn add(&mut self, what: &str, expected: String, got: String) {
        self.0.push(Difference { what: what.to_owned(), expected, got });
    }
}

/// Numbers by value, members of objects in any order.
fn same(got: &Json, wanted: &Json) -> bool {
    match (got, wanted) {
        (Json::Number(got), Json::Number(wanted)) => json::same_number(got, wanted),
        (Json::List(got), Json::List(wanted)) => {
            got.len() == wanted.len() && got.iter().zip(wanted).all(|(got, wanted)| same(got, wanted))
        }
        (Json::Object(members), Json::Object(others)) => {
            members.len() == others.len()
                && members.iter().all(|(name, value)| wanted.member(name).is_some_and(|other| same(value, other)))
        }
        (got, wanted) => got == wanted,
    }
}
