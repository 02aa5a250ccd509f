//! Which rules a path can take, without looking at the others.
//!
//! The templates of an upstream make one tree of segments that is walked once per request with all
//! places that fit so far. The walk takes time by the length of the path and by how many templates
//! really fit, not by how many there are.

use std::borrow::Cow;
use std::collections::HashMap;

use super::path::{Segment, Template, folded};

#[derive(Debug, Default)]
pub(super) struct PathTable {
    nodes: Vec<Node>,
    fold_case: bool,
    /// Some rule is for GraphQL.
    graphql: bool,
}

#[derive(Debug, Default)]
struct Node {
    literals: HashMap<String, usize>,
    /// `*` and `{name}`
    one: Option<usize>,
    /// `**`: entered without taking a segment.
    rest: Option<usize>,
    /// This node is a `**` and keeps whatever comes.
    keeps: bool,
    ends: Ends,
}

/// Rules whose template ends here, by their position in the order of precedence.
#[derive(Debug, Default)]
struct Ends {
    rules: Vec<usize>,
    /// Rules that name one MCP tool or one GraphQL field.
    named: HashMap<String, Vec<usize>>,
    /// One of them is for GraphQL.
    graphql: bool,
}

/// What else than its path a rule is found by.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Key<'a> {
    /// It is only for calls of that MCP tool, or with that GraphQL field.
    pub(super) name: Option<&'a str>,
    pub(super) graphql: bool,
}

impl PathTable {
    pub(super) fn new(fold_case: bool) -> PathTable {
        PathTable { nodes: vec![Node::default()], fold_case, graphql: false }
    }

    pub(super) fn insert(&mut self, template: &Template, key: Key<'_>, rule: usize) {
        self.graphql |= key.graphql;
        let mut at = 0;
        for segment in &template.segments {
            let next = self.nodes.len();
            let Some(node) = self.nodes.get_mut(at) else { return };
            let (taken, keeps) = match segment {
                Segment::Literal(literal) => {
                    let key = if self.fold_case { folded(literal) } else { literal.clone() };
                    (*node.literals.entry(key).or_insert(next), false)
                }
                Segment::Capture(_) | Segment::One => (*node.one.get_or_insert(next), false),
                Segment::Rest(_) => (*node.rest.get_or_insert(next), true),
            };
            if taken == next {
                self.nodes.push(Node { keeps, ..Node::default() });
            }
            at = taken;
        }
        if let Some(node) = self.nodes.get_mut(at) {
            node.ends.graphql |= key.graphql;
            match key.name {
                Some(name) => node.ends.named.entry(name.to_owned()).or_default().push(rule),
                None => node.ends.rules.push(rule),
            }
        }
    }

    pub(super) fn has_graphql(&self) -> bool {
        self.graphql
    }

    /// Whether a rule for GraphQL stands at this path, whatever its method.
    pub(super) fn is_graphql(&self, path: &[Cow<'_, str>]) -> bool {
        self.graphql && self.ends(path).iter().any(|ends| ends.graphql)
    }

    /// Positions of the rules whose template matches, most specific first. `name`: of the MCP tool or the
    /// GraphQL field.
    pub(super) fn find(&self, path: &[Cow<'_, str>], name: Option<&str>) -> Vec<usize> {
        let mut found = Vec::new();
        for ends in self.ends(path) {
            found.extend_from_slice(&ends.rules);
            if let Some(rules) = name.and_then(|name| ends.named.get(name)) {
                found.extend_from_slice(rules);
            }
        }
        found.sort_unstable();
        found
    }

    fn ends(&self, path: &[Cow<'_, str>]) -> Vec<&Ends> {
        let mut active = Vec::with_capacity(8);
        self.enter(0, &mut active);
        let mut next = Vec::with_capacity(8);
        for segment in path {
            let folded = self.fold_case.then(|| folded(segment));
            let segment = folded.as_deref().unwrap_or(segment);
            for node in active.iter().filter_map(|at: &usize| self.nodes.get(*at).map(|node| (*at, node))) {
                let (at, node) = node;
                if node.keeps {
                    self.enter(at, &mut next);
                }
                if let Some(to) = node.literals.get(segment) {
                    self.enter(*to, &mut next);
                }
                if let Some(to) = node.one {
                    self.enter(to, &mut next);
                }
            }
            std::mem::swap(&mut active, &mut next);
            next.clear();
            if active.is_empty() {
                return Vec::new();
            }
        }
        active.iter().filter_map(|at| self.nodes.get(*at)).map(|node| &node.ends).collect()
    }

    /// Adds a node and the `**` below it, each once.
    fn enter(&self, at: usize, active: &mut Vec<usize>) {
        let mut entering = Some(at);
        while let Some(at) = entering {
            if active.contains(&at) {
                return;
            }
            active.push(at);
            entering = self.nodes.get(at).and_then(|node| node.rest);
        }
    }
}
