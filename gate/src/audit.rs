//! The audit log: events as the leaves of an RFC 6962 Merkle tree.
//!
//! A leaf holds who did what when, and a salted commitment to the facts: the facts can be pruned, and the tree
//! stands.

use sha2::{Digest as _, Sha256};

use crate::audit::tree::Hash;
use crate::clock::Timestamp;

pub mod checkpoint;
pub mod evidence;
pub mod export;
pub mod proof;
pub(crate) mod remains;
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
    /// The facts, in the exact text that was committed to; once they are pruned, what is left of them.
    pub data: String,
    pub seal: Seal,
}

/// 128 random bits of an event: with them its facts can be shown to belong to its leaf, without them the leaf
/// tells nothing of facts that could be guessed.
pub type Salt = [u8; 16];

/// How an event's facts hang on its leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seal {
    /// They are there whole.
    Whole(Salt),
    /// They were pruned, and the salt with them.
    Pruned(Hash),
}

impl AuditEntry {
    /// What stands for the facts in the leaf.
    #[must_use]
    pub fn commitment(&self) -> Hash {
        match &self.seal {
            Seal::Whole(salt) => commitment(salt, &self.data),
            Seal::Pruned(commitment) => *commitment,
        }
    }

    /// Its leaf's hash, computed.
    #[must_use]
    pub fn leaf(&self) -> Hash {
        let mut text = String::new();
        let subject = self.subject.as_deref();
        write_leaf_text(&mut text, self.seq, self.at, &self.kind, &self.actor, subject, &self.commitment());
        tree::leaf(text.as_bytes())
    }
}

/// `SHA-256(salt || facts)`.
#[must_use]
pub fn commitment(salt: &Salt, data: &str) -> Hash {
    Sha256::new().chain_update(salt).chain_update(data).finalize().into()
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

/// Writes what a leaf's hash is over: the row's values, one a line, the commitment to the facts last, in hex.
pub(crate) fn write_leaf_text(
    text: &mut String,
    seq: u64,
    at: Timestamp,
    kind: &str,
    actor: &str,
    subject: Option<&str>,
    commitment: &Hash,
) {
    // No value can hold a line feed, so two rows never read the same.
    let (mut seq_digits, mut at_digits) = (itoa::Buffer::new(), itoa::Buffer::new());
    for part in [seq_digits.format(seq), at_digits.format(at.0), kind, actor, subject.unwrap_or_default()] {
        text.push_str(part);
        text.push('\n');
    }
    write_hex(text, commitment);
}

/// Lower-case hex of some bytes.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    write_hex(&mut text, bytes);
    text
}

fn write_hex(text: &mut String, bytes: &[u8]) {
    const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    text.reserve(bytes.len() * 2);
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            text.extend(DIGITS.get(usize::from(digit)));
        }
    }
}
