//! The document before it has a meaning: texts, lists and maps, each with its place.
//!
//! YAML is read once into this tree; merging of files, secrets and the typed reading ([`super::reader`])
//! work on it. What a file may cost is bounded here: size, depth, number of nodes, aliases.

use std::collections::HashSet;

use serde::Deserialize;
use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};

use super::load::{Finding, Severity};
use super::{Place, findings::error};

/// A file of more than this is not a configuration that people wrote.
pub(super) const LARGEST_FILE: usize = 4 << 20;

/// Where a node stands: index of the file, line and column from 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(super) struct Mark {
    pub(super) file: usize,
    pub(super) line: u32,
    pub(super) column: u32,
}

#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) mark: Mark,
    pub(super) kind: Kind,
    /// The text came from `${X}` or `file:`: it is not shown, and it may stand for a number or a boolean.
    pub(super) substituted: bool,
    /// A secret that was not looked up; nothing is known of its text.
    pub(super) unresolved: bool,
    /// Byte range of a scalar in its file, to find back how a number was written.
    span: Option<(usize, usize)>,
}

#[derive(Debug, Clone)]
pub(super) enum Kind {
    Null,
    Bool(bool),
    /// As written.
    Number(String),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

#[derive(Debug, Clone)]
pub(super) struct Key {
    pub(super) name: String,
    pub(super) mark: Mark,
}

impl Node {
    /// What a reader of the file would call it.
    pub(super) fn what(&self) -> String {
        match &self.kind {
            Kind::Null => "nothing".to_owned(),
            _ if self.substituted => "what the secret holds".to_owned(),
            Kind::Bool(value) => format!("`{value}`"),
            Kind::Number(text) => format!("the number {text}"),
            Kind::Text(text) => format!("`{}`", shortened(text)),
            Kind::List(_) => "a list".to_owned(),
            Kind::Map(_) => "a map".to_owned(),
        }
    }

    /// The value as a JSON text, numbers as they are written. `None`: JSON has no such number.
    pub(super) fn json(&self) -> Option<String> {
        Some(match &self.kind {
            Kind::Null => "null".to_owned(),
            Kind::Bool(value) => value.to_string(),
            Kind::Number(text) if serde_json::from_str::<serde_json::Number>(text).is_ok() => text.clone(),
            Kind::Number(text) => text.parse::<i64>().ok()?.to_string(),
            Kind::Text(text) => serde_json::Value::from(text.as_str()).to_string(),
            Kind::List(items) => {
                let items: Option<Vec<String>> = items.iter().map(Node::json).collect();
                format!("[{}]", items?.join(","))
            }
            Kind::Map(entries) => {
                let member = |(key, value): &(Key, Node)| {
                    Some(format!("{}:{}", serde_json::Value::from(key.name.as_str()), value.json()?))
                };
                let members: Option<Vec<String>> = entries.iter().map(member).collect();
                format!("{{{}}}", members?.join(","))
            }
        })
    }

    /// Marks of the values that nothing is known of.
    pub(super) fn unresolved(&self, marks: &mut HashSet<Mark>) {
        match &self.kind {
            Kind::List(items) => items.iter().for_each(|item| item.unresolved(marks)),
            Kind::Map(entries) => entries.iter().for_each(|(_, value)| value.unresolved(marks)),
            _ if self.unresolved => drop(marks.insert(self.mark)),
            _ => {}
        }
    }

    /// Sets the file of every mark and the spelling of every number.
    fn settle(&mut self, file: usize, text: &str) {
        self.mark.file = file;
        match &mut self.kind {
            Kind::Number(spelling) => {
                let written = self.span.and_then(|(from, to)| text.get(from..to));
                if let Some(written) = written {
                    *spelling = written.trim().to_owned();
                }
            }
            Kind::List(items) => items.iter_mut().for_each(|item| item.settle(file, text)),
            Kind::Map(entries) => {
                for (key, value) in entries {
                    key.mark.file = file;
                    value.settle(file, text);
                }
            }
            Kind::Null | Kind::Bool(_) | Kind::Text(_) => {}
        }
    }
}

/// At most 60 characters, on one line.
pub(crate) fn shortened(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if line.chars().count() <= 60 { line } else { line.chars().take(57).chain("...".chars()).collect() }
}

/// Reads one file. `None`: it holds nothing (empty, or comments only).
pub(super) fn parse(file: usize, name: &str, text: &str) -> Result<Option<Node>, Box<Finding>> {
    if text.len() > LARGEST_FILE {
        let place = Place { file: name.to_owned(), line: 1, column: 1 };
        return Err(Box::new(error(
            "file-too-large",
            place,
            format!("the file has {} bytes; at most {LARGEST_FILE} are read", text.len()),
            None,
        )));
    }
    if let Some(place) = lone_carriage_return(name, text) {
        return Err(Box::new(error(
            "carriage-return",
            place,
            "a carriage return without a line feed: YAML ends the line here, editors and reviews may not".to_owned(),
            Some("end lines with a line feed".to_owned()),
        )));
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: 400_000,
            max_nodes: 100_000,
            max_depth: 40,
            max_aliases: 1_000,
            max_anchors: 1_000,
            max_recorded_anchor_events: 100_000,
            max_merge_keys: 1_000,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: 100_000,
            max_replay_stack_depth: 16,
        },
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        with_snippet: false,
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match serde_saphyr::from_str_with_options::<Option<Node>>(text, options) {
        Ok(None) => Ok(None),
        Ok(Some(node)) if matches!(node.kind, Kind::Null) => Ok(None),
        Ok(Some(mut node)) => {
            node.settle(file, text);
            Ok(Some(node))
        }
        Err(fault) => Err(Box::new(finding(name, &fault))),
    }
}

/// Behind one, a rule could stand in what looks like a comment, and no line that is named would be the line.
fn lone_carriage_return(name: &str, text: &str) -> Option<Place> {
    let at = text.match_indices('\r').map(|(at, _)| at).find(|at| text.as_bytes().get(at + 1) != Some(&b'\n'))?;
    let before = text.get(..at)?;
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    let number = |count| u32::try_from(count).unwrap_or(u32::MAX);
    Some(Place { file: name.to_owned(), line: number(line), column: number(column) })
}

fn finding(name: &str, fault: &serde_saphyr::Error) -> Finding {
    let fault = fault.without_snippet();
    let place = fault.location().map_or(Place { file: name.to_owned(), line: 1, column: 1 }, |at| Place {
        file: name.to_owned(),
        line: u32::try_from(at.line()).unwrap_or(u32::MAX).max(1),
        column: u32::try_from(at.column()).unwrap_or(u32::MAX).max(1),
    });
    let (code, message, help) = match fault {
        serde_saphyr::Error::DuplicateMappingKey { key, .. } => (
            "duplicate-key",
            format!("the key `{}` stands twice in this map", shortened(key.as_deref().unwrap_or("?"))),
            Some("keep one of them".to_owned()),
        ),
        serde_saphyr::Error::MultipleDocuments { .. } => (
            "several-documents",
            "the file holds more than one YAML document".to_owned(),
            Some("take the line `---` out, or make two files in one folder".to_owned()),
        ),
        serde_saphyr::Error::RecursiveReferencesRequireWeakTypes { .. } => {
            ("yaml", "this alias stands inside what it refers to".to_owned(), None)
        }
        other if other.to_string().starts_with("budget breached") => (
            "too-much",
            "the file unfolds into more than a configuration may hold".to_owned(),
            Some("at most 100000 values, 40 levels deep, 1000 aliases".to_owned()),
        ),
        other => {
            let text = other.to_string();
            let text = text.lines().next().unwrap_or_default();
            let help = text.contains("parsing a flow").then(|| {
                "inside `[...]` and `{...}`, put a text that holds `{`, `}`, `[`, `]` or `,` in quotes".to_owned()
            });
            ("yaml", shortened_message(text), help)
        }
    };
    Finding { severity: Severity::Error, code, message, place, help, notes: Vec::new() }
}

/// Takes the position off, which is printed apart.
fn shortened_message(text: &str) -> String {
    let end = text.find(" at line ").or_else(|| text.find(" (line ")).unwrap_or(text.len());
    let text = text.get(..end).unwrap_or(text);
    let text =
        text.split_once(": line ").map_or(text, |(_, rest)| rest.split_once(": ").map_or(rest, |(_, rest)| rest));
    text.chars().take(200).collect()
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Node, D::Error> {
        let spanned = Spanned::<Kind>::deserialize(deserializer)?;
        let span = spanned.defined.span();
        let span = span.byte_offset().zip(span.byte_len()).and_then(|(from, len)| {
            let from = usize::try_from(from).ok()?;
            Some((from, from.checked_add(usize::try_from(len).ok()?)?))
        });
        Ok(Node { mark: mark(spanned.referenced), kind: spanned.value, substituted: false, unresolved: false, span })
    }
}

fn mark(at: Location) -> Mark {
    Mark {
        file: 0,
        line: u32::try_from(at.line()).unwrap_or(u32::MAX),
        column: u32::try_from(at.column()).unwrap_or(u32::MAX),
    }
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Kind, D::Error> {
        deserializer.deserialize_any(KindVisitor)
    }
}

struct KindVisitor;

impl<'de> Visitor<'de> for KindVisitor {
    type Value = Kind;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Kind, E> {
        Ok(Kind::Null)
    }

    fn visit_none<E>(self) -> Result<Kind, E> {
        Ok(Kind::Null)
    }

    fn visit_some<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Kind, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Kind, E> {
        Ok(Kind::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Kind, E> {
        Ok(Kind::Number(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Kind, E> {
        Ok(Kind::Number(value.to_string()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Kind, E> {
        Ok(Kind::Number(value.to_string()))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Kind, E> {
        Ok(Kind::Number(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Kind, E> {
        Ok(Kind::Number(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Kind, E> {
        Ok(Kind::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Kind, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Kind::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Kind, A::Error> {
        let mut entries = Vec::new();
        while let Some((name, value)) = map.next_entry::<Spanned<String>, Node>()? {
            entries.push((Key { mark: mark(name.referenced), name: name.value }, value));
        }
        Ok(Kind::Map(entries))
    }
}

impl Node {
    /// A key, as a text of its own.
    pub(super) fn text(key: &Key) -> Node {
        let kind = Kind::Text(key.name.clone());
        Node { mark: key.mark, kind, substituted: false, unresolved: false, span: None }
    }
}
