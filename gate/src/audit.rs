//! The audit log: events as the leaves of an RFC 6962 Merkle tree.

use std::fmt::Write as _;

use crate::clock::Timestamp;

pub mod tree;
pub mod verify;

/// One row of the log.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEntry {
    /// From 0, without gaps: the leaf's index.
    pub seq: u64,
    pub at: Timestamp,
    /// `intent.submitted`, `agent.paused`, ...
    pub kind: String,
    pub actor: String,
    /// The intent or other thing it is about.
    pub subject: Option<String>,
    /// The facts; what the leaf hash is over, in this exact text.
    pub data: String,
}

/// What `audit verify` found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditReport {
    pub events: u64,
    /// Hex of the tree's root.
    pub root: String,
    /// Empty: it verifies.
    pub problems: Vec<String>,
}

/// What a leaf's hash is over: the row's values, one a line, the facts last.
#[must_use]
pub fn leaf_text(seq: u64, at: Timestamp, kind: &str, actor: &str, subject: Option<&str>, data: &str) -> String {
    let mut text = String::new();
    write_leaf_text(&mut text, seq, at, kind, actor, subject, data);
    text
}

/// The same, at the end of a text that is used again.
pub(crate) fn write_leaf_text(
    text: &mut String,
    seq: u64,
    at: Timestamp,
    kind: &str,
    actor: &str,
    subject: Option<&str>,
    data: &str,
) {
    // No value but the last can hold a line feed, so two rows never read the same. A String takes all that is written.
    let _ = write!(text, "{seq}\n{}\n{kind}\n{actor}\n{}\n{data}", at.0, subject.unwrap_or_default());
}
