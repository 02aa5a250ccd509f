//! Routes beside each other: which alternative can never be taken because one before it takes all its calls, and which
//! two stand at equal precedence.
//!
//! INVARIANT: what is not understood here hides nothing: a new kind of condition does not compile until it is compared.

use std::collections::HashMap;

use super::{Named, Routes, Rule, Wanted};
use crate::ruleset::cover;
use crate::ruleset::glob::Glob;

/// Two alternatives of different routes, by the positions of their routes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::ruleset) struct Pair {
    /// The one that is taken.
    pub(in crate::ruleset) first: usize,
    pub(in crate::ruleset) first_name: String,
    /// The one that is not.
    pub(in crate::ruleset) second: usize,
    pub(in crate::ruleset) second_name: String,
    /// Both match exactly the same calls.
    pub(in crate::ruleset) same: bool,
}

/// Of so many alternatives at equal precedence each is held against each.
const COMPARED: usize = 200;

impl Routes {
    /// Alternatives that no call can take.
    pub(in crate::ruleset) fn unreachable(&self) -> Vec<Pair> {
        let mut pairs = Vec::new();
        for (at, rule) in self.rules.iter().enumerate() {
            // What covers it takes this path too.
            let candidates = self.table.find(&rule.template.sample(), rule.one_name());
            let before = candidates.into_iter().take_while(|before| *before < at);
            let by =
                before.filter_map(|before| self.rules.get(before)).find(|first| first.covers(rule, self.fold_case));
            if let Some(first) = by.filter(|first| first.route != rule.route) {
                pairs.push(Pair::of(first, rule, rule.covers(first, self.fold_case)));
            }
        }
        pairs
    }

    /// Alternatives of which only the tier or the place in the files says who goes first.
    pub(in crate::ruleset) fn equals(&self) -> Vec<Pair> {
        let mut groups: HashMap<String, Vec<&Rule>> = HashMap::new();
        for rule in &self.rules {
            let rank = rule.rank(crate::config::RiskTier::Low, (0, 0));
            let literals: Vec<_> = rule.template.tokens(self.fold_case);
            let start: Vec<_> = literals.iter().take_while(|token| **token != cover::Token::Run).collect();
            let key = format!("{rank:?} {:?} {start:?} {:?}", rule.method, rule.one_name());
            groups.entry(key).or_default().push(rule);
        }
        let mut pairs = Vec::new();
        for group in groups.values() {
            for (at, first) in group.iter().enumerate().take(COMPARED) {
                let mut after = group.iter().skip(at + 1).take(COMPARED);
                let both = after.find(|second| self.differ(first, second) && first.overlaps(second, self.fold_case));
                if let Some(second) = both
                    && !first.covers(second, self.fold_case)
                {
                    pairs.push(Pair::of(first, second, false));
                }
            }
        }
        pairs.sort_by_key(|pair| (pair.second, pair.first));
        pairs
    }

    /// Whether it matters which of the two is taken.
    fn differ(&self, first: &Rule, second: &Rule) -> bool {
        let what = |rule: &Rule| {
            self.routes.get(rule.route).map(|route| (&route.action, route.risk_tier, route.pass, route.hide))
        };
        first.route != second.route && what(first) != what(second)
    }
}

impl Pair {
    fn of(first: &Rule, second: &Rule, same: bool) -> Pair {
        Pair {
            first: first.route,
            first_name: first.name.clone(),
            second: second.route,
            second_name: second.name.clone(),
            same,
        }
    }
}

impl Rule {
    /// Whether it matches every call that the other matches.
    fn covers(&self, other: &Rule, fold_case: bool) -> bool {
        let Rule { route: _, name: _, method, template, head, body, form, graphql, mcp, names_path: _ } = self;
        let method = match (method.as_deref(), other.method.as_deref()) {
            (None, _) => true,
            (Some(mine), Some(theirs)) => mine == theirs || (mine == "GET" && theirs == "HEAD"),
            (Some(_), None) => false,
        };
        let header = |named: &Named| {
            other.head.iter().any(|theirs| match (named, theirs) {
                (Named::Query(name, glob), Named::Query(theirs, other))
                | (Named::Header(name, glob), Named::Header(theirs, other)) => name == theirs && glob.covers(other),
                (Named::Client(mine), Named::Client(theirs)) => {
                    theirs.iter().all(|network| mine.iter().any(|wider| wider.contains(network)))
                }
                _ => false,
            })
        };
        let member = |(pointer, wanted): &(_, Wanted)| {
            other.body.iter().any(|(theirs, other)| theirs == pointer && wanted.covers(other))
        };
        let field = |(name, glob): &(String, Glob)| {
            other.form.iter().any(|(theirs, other)| theirs == name && glob.covers(other))
        };
        let message = match (mcp, &other.mcp) {
            // What only holds a session together is for routes that name its method.
            (None, theirs) => theirs.as_ref().is_none_or(|theirs| theirs.method.is_none()),
            (Some(_), None) => false,
            (Some(mine), Some(theirs)) => {
                let covers = |mine: &Option<Glob>, theirs: &Option<Glob>| match (mine, theirs) {
                    (None, _) => true,
                    (Some(mine), Some(theirs)) => mine.covers(theirs),
                    (Some(_), None) => false,
                };
                covers(&mine.tool, &theirs.tool)
                    && covers(&mine.method, &theirs.method)
                    && (mine.method.is_some() || theirs.method.is_none())
                    && covers(&mine.uri, &theirs.uri)
            }
        };
        let operation = match (graphql, &other.graphql) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(mine), Some(theirs)) => {
                let field = match (&mine.field, &theirs.field) {
                    (None, _) => true,
                    (Some(mine), Some(theirs)) => mine.covers(theirs),
                    (Some(_), None) => false,
                };
                field && (mine.operation.is_none() || mine.operation == theirs.operation)
            }
        };
        method
            && message
            && operation
            && head.iter().all(header)
            && body.iter().all(member)
            && form.iter().all(field)
            && cover::covers(&template.tokens(fold_case), &other.template.tokens(fold_case))
    }

    /// Whether a call can match both.
    fn overlaps(&self, other: &Rule, fold_case: bool) -> bool {
        let methods = match (&self.method, &other.method) {
            (Some(mine), Some(theirs)) => mine == theirs,
            _ => true,
        };
        let heads = self.head.iter().any(|named| {
            other.head.iter().any(|theirs| match (named, theirs) {
                (Named::Query(name, glob), Named::Query(theirs, other))
                | (Named::Header(name, glob), Named::Header(theirs, other)) => name == theirs && !glob.overlaps(other),
                (Named::Client(mine), Named::Client(theirs)) => {
                    !mine.iter().any(|one| theirs.iter().any(|other| one.contains(other) || other.contains(one)))
                }
                _ => false,
            })
        });
        let bodies = self.body.iter().any(|(pointer, wanted)| {
            other.body.iter().any(|(theirs, other)| theirs == pointer && !wanted.overlaps(other))
        });
        let forms = self
            .form
            .iter()
            .any(|(name, glob)| other.form.iter().any(|(theirs, other)| theirs == name && !glob.overlaps(other)));
        // A body is of one kind.
        let kinds =
            (!self.body.is_empty() && !other.form.is_empty()) || (!self.form.is_empty() && !other.body.is_empty());
        let messages = match (&self.mcp, &other.mcp) {
            (Some(mine), Some(theirs)) => {
                let apart = |mine: &Option<Glob>, theirs: &Option<Glob>| match (mine, theirs) {
                    (Some(mine), Some(theirs)) => !mine.overlaps(theirs),
                    _ => false,
                };
                apart(&mine.tool, &theirs.tool)
                    || apart(&mine.method, &theirs.method)
                    || apart(&mine.uri, &theirs.uri)
                    || mine.tool.is_some() != theirs.tool.is_some()
            }
            _ => false,
        };
        let operations = match (&self.graphql, &other.graphql) {
            (Some(mine), Some(theirs)) => {
                let kinds =
                    mine.operation.is_some() && theirs.operation.is_some() && mine.operation != theirs.operation;
                let fields =
                    matches!((&mine.field, &theirs.field), (Some(mine), Some(theirs)) if !mine.overlaps(theirs));
                kinds || fields
            }
            _ => false,
        };
        methods
            && !(operations || heads || bodies || forms || kinds || messages)
            && cover::overlap(&self.template.tokens(fold_case), &other.template.tokens(fold_case))
    }
}

impl Wanted {
    fn covers(&self, other: &Wanted) -> bool {
        match (self, other) {
            (Wanted::Text(mine), Wanted::Text(theirs)) => mine.covers(theirs),
            (Wanted::Value(mine), Wanted::Value(theirs)) => mine == theirs,
            _ => false,
        }
    }

    fn overlaps(&self, other: &Wanted) -> bool {
        match (self, other) {
            (Wanted::Text(mine), Wanted::Text(theirs)) => mine.overlaps(theirs),
            (Wanted::Value(mine), Wanted::Value(theirs)) => mine == theirs,
            _ => false,
        }
    }
}
