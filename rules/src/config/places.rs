//! Where in the files a value stands that was read long ago: findings of later steps point at the key they are about,
//! not only at the route or policy it belongs to.
//!
//! The texts are parsed a second time, and only where somebody asks; what runs a gate carries no places but those of its
//! routes and policies.

use std::collections::HashMap;

use super::Place;
use super::load::Source;
use super::node::{self, Kind, Mark, Node};

/// The trees of all files, as they were written: secrets are not put in.
#[derive(Debug)]
pub(crate) struct Places {
    files: Vec<(String, Node)>,
    /// Maps by the place where they begin: index of the file, then of each child.
    items: HashMap<Place, (usize, Vec<usize>)>,
}

/// One scalar as it was written.
#[derive(Debug)]
pub(crate) struct Written<'n> {
    /// Names of the keys above it; positions in lists are left out.
    pub(crate) keys: Vec<&'n str>,
    pub(crate) text: &'n str,
    pub(crate) place: Place,
}

impl Places {
    pub(crate) fn of(sources: &[Source]) -> Places {
        let mut files = Vec::with_capacity(sources.len());
        for (at, source) in sources.iter().enumerate() {
            if let Ok(Some(tree)) = node::parse(at, &source.name, &source.text) {
                files.push((source.name.clone(), tree));
            }
        }
        let mut places = Places { files: Vec::new(), items: HashMap::new() };
        for (at, (name, tree)) in files.iter().enumerate() {
            places.index(name, at, tree, &mut Vec::new());
        }
        places.files = files;
        places
    }

    fn index(&mut self, file: &str, at: usize, node: &Node, path: &mut Vec<usize>) {
        if matches!(node.kind, Kind::Map(_)) {
            // An alias has the place of what it refers to: the first one stands for all.
            self.items.entry(place(file, node.mark)).or_insert_with(|| (at, path.clone()));
        }
        for (child, node) in children(node).enumerate() {
            path.push(child);
            self.index(file, at, node, path);
            path.pop();
        }
    }

    /// The value under these keys of the map that begins at `item`; the item itself where there is none.
    pub(crate) fn below(&self, item: &Place, keys: &[&str]) -> Place {
        self.value(item, keys).map_or_else(|| item.clone(), |node| place(&item.file, node.mark))
    }

    /// That text in the list (or as the only one) under these keys.
    pub(crate) fn text(&self, item: &Place, keys: &[&str], text: &str) -> Place {
        let Some(value) = self.value(item, keys) else { return item.clone() };
        let is = |node: &&Node| matches!(&node.kind, Kind::Text(written) if written == text);
        place(&item.file, children(value).find(is).unwrap_or(value).mark)
    }

    /// A key by its names from the top, in whichever file has it.
    pub(crate) fn key(&self, keys: &[&str]) -> Place {
        let found = self.files.iter().find_map(|(file, tree)| {
            let (last, above) = keys.split_last()?;
            let Kind::Map(entries) = &down(tree, above)?.kind else { return None };
            entries.iter().find(|(key, _)| key.name == *last).map(|(key, _)| place(file, key.mark))
        });
        found.unwrap_or_else(|| Place {
            file: self.files.first().map(|(file, _)| file.clone()).unwrap_or_default(),
            line: 1,
            column: 1,
        })
    }

    /// All scalars, in the order in which they are read.
    pub(crate) fn written(&self) -> Vec<Written<'_>> {
        let mut all = Vec::new();
        for (file, tree) in &self.files {
            collect(file, tree, &mut Vec::new(), &mut all);
        }
        all
    }

    fn value(&self, item: &Place, keys: &[&str]) -> Option<&Node> {
        let (file, path) = self.items.get(item)?;
        let mut node = self.files.get(*file).map(|(_, tree)| tree)?;
        for child in path {
            node = children(node).nth(*child)?;
        }
        down(node, keys)
    }
}

fn children(node: &Node) -> Box<dyn Iterator<Item = &Node> + '_> {
    match &node.kind {
        Kind::List(items) => Box::new(items.iter()),
        Kind::Map(entries) => Box::new(entries.iter().map(|(_, value)| value)),
        Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) => Box::new(std::iter::empty()),
    }
}

fn down<'n>(node: &'n Node, keys: &[&str]) -> Option<&'n Node> {
    let mut node = node;
    for key in keys {
        let Kind::Map(entries) = &node.kind else { return None };
        node = entries.iter().find(|(name, _)| name.name == *key).map(|(_, value)| value)?;
    }
    Some(node)
}

fn collect<'n>(file: &str, node: &'n Node, keys: &mut Vec<&'n str>, all: &mut Vec<Written<'n>>) {
    match &node.kind {
        Kind::Text(text) => all.push(Written { keys: keys.clone(), text, place: place(file, node.mark) }),
        Kind::List(items) => items.iter().for_each(|item| collect(file, item, keys, all)),
        Kind::Map(entries) => {
            for (key, value) in entries {
                keys.push(&key.name);
                collect(file, value, keys, all);
                keys.pop();
            }
        }
        Kind::Null | Kind::Bool(_) | Kind::Number(_) => {}
    }
}

fn place(file: &str, mark: Mark) -> Place {
    Place { file: file.to_owned(), line: mark.line.max(1), column: mark.column.max(1) }
}
