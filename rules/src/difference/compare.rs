//! Two versions of one thing, field by field.

use std::fmt::Debug;
use std::time::Duration;

use super::{Change, Field, Kind};

/// Collects the fields of one thing that differ.
pub(super) struct Compared {
    what: &'static str,
    name: String,
    fields: Vec<Field>,
}

impl Compared {
    pub(super) fn new(what: &'static str, name: &str) -> Compared {
        Compared { what, name: name.to_owned(), fields: Vec::new() }
    }

    /// `weaker` is asked only where the two differ.
    pub(super) fn field(&mut self, name: &str, before: String, after: String, weaker: impl FnOnce() -> Option<String>) {
        if before != after {
            self.fields.push(Field { name: name.to_owned(), before, after, weaker: weaker() });
        }
    }

    /// A field of which it is only shown that it changed.
    pub(super) fn shown(&mut self, name: &str, before: String, after: String) {
        self.field(name, before, after, || None);
    }

    /// A switch where only one position is the strict one.
    pub(super) fn switch(&mut self, name: &str, before: bool, after: bool, strict: bool, why: &str) {
        self.field(name, before.to_string(), after.to_string(), || (after != strict).then(|| why.to_owned()));
    }

    pub(super) fn finish(self, changes: &mut Vec<Change>) {
        if !self.fields.is_empty() {
            let Compared { what, name, fields } = self;
            let summary = String::new();
            changes.push(Change { kind: Kind::Changed, what, name, summary, fields, weaker: None });
        }
    }
}

pub(super) fn added(what: &'static str, name: &str, summary: String, weaker: Option<String>) -> Change {
    Change { kind: Kind::Added, what, name: name.to_owned(), summary, fields: Vec::new(), weaker }
}

pub(super) fn removed(what: &'static str, name: &str, summary: String, weaker: Option<String>) -> Change {
    Change { kind: Kind::Removed, what, name: name.to_owned(), summary, fields: Vec::new(), weaker }
}

pub(super) fn names<T: AsRef<str>>(list: &[T]) -> String {
    let names: Vec<&str> = list.iter().map(AsRef::as_ref).collect();
    format!("[{}]", names.join(", "))
}

pub(super) fn shown<T: ToString>(list: &[T]) -> String {
    names(&list.iter().map(ToString::to_string).collect::<Vec<_>>())
}

/// Globs of which none means any.
pub(super) fn globs(list: &[String]) -> String {
    if list.is_empty() { "any".to_owned() } else { names(list) }
}

pub(super) fn option<T>(value: Option<&T>, show: impl FnOnce(&T) -> String) -> String {
    value.map_or_else(|| "not set".to_owned(), show)
}

pub(super) fn text(value: Option<&String>) -> String {
    option(value, Clone::clone)
}

pub(super) fn span(value: &Duration) -> String {
    format!("{value:?}")
}

/// A type's own spelling of an enum's word, in lower case.
pub(super) fn word<T: Debug>(value: &T) -> String {
    let spelling = format!("{value:?}");
    let mut word = String::with_capacity(spelling.len());
    for c in spelling.chars() {
        if c.is_ascii_uppercase() && !word.is_empty() {
            word.push('_');
        }
        word.push(c.to_ascii_lowercase());
    }
    word
}

/// What the first list lacks.
pub(super) fn missing<'l, T: PartialEq>(from: &[T], of: &'l [T]) -> Vec<&'l T> {
    of.iter().filter(|one| !from.contains(one)).collect()
}
