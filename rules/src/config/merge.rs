//! Several files as one document: maps merge, lists concatenate, a name defined twice is an error.

use std::collections::HashMap;

use super::findings::error;
use super::load::{Finding, Source};
use super::node::{Key, Kind, Node};
use super::reader::place;

/// `trees` is not empty.
pub(super) fn merge(trees: Vec<Node>, sources: &[Source], faults: &mut Vec<Finding>) -> Node {
    let mut merged: Option<Node> = None;
    for tree in trees {
        merged = Some(match merged {
            None => tree,
            Some(mut into) => {
                join(&mut into, tree, sources, faults);
                into
            }
        });
    }
    merged.unwrap_or_else(|| Node::text(&Key { name: String::new(), mark: super::node::Mark::default() }))
}

fn join(into: &mut Node, from: Node, sources: &[Source], faults: &mut Vec<Finding>) {
    let mark = from.mark;
    let (Kind::Map(sections), Kind::Map(more)) = (&mut into.kind, from.kind) else {
        faults.push(error(
            "wrong-type",
            place(sources, mark),
            "expected a map in each file of the configuration".to_owned(),
            None,
        ));
        return;
    };
    for (key, value) in more {
        match sections.iter_mut().find(|(known, _)| known.name == key.name) {
            None => sections.push((key, value)),
            Some((known, section)) => join_section(known, section, &key, value, sources, faults),
        }
    }
}

fn join_section(
    known: &Key,
    section: &mut Node,
    key: &Key,
    value: Node,
    sources: &[Source],
    faults: &mut Vec<Finding>,
) {
    match (&mut section.kind, value.kind) {
        (Kind::Map(entries), Kind::Map(more)) => {
            let index: HashMap<String, Key> = entries.iter().map(|(key, _)| (key.name.clone(), key.clone())).collect();
            for (name, value) in more {
                match index.get(&name.name) {
                    None => entries.push((name, value)),
                    Some(known) => {
                        let what = format!("`{}.{}`", key.name, name.name);
                        faults.push(twice(&what, known, &name, sources));
                    }
                }
            }
        }
        (Kind::List(items), Kind::List(more)) => items.extend(more),
        _ => faults.push(twice(&format!("`{}`", key.name), known, key, sources)),
    }
}

fn twice(what: &str, first: &Key, second: &Key, sources: &[Source]) -> Finding {
    let first = place(sources, first.mark);
    let message = format!("{what} is defined twice: first at {}:{}:{}", first.file, first.line, first.column);
    error("defined-twice", place(sources, second.mark), message, Some("keep one of them".to_owned()))
}
