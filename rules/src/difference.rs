//! What one configuration does that another does not, and what of it weakens the gate.
//!
//! INVARIANT: where it cannot be seen that a change does not weaken, it counts as one that does. A person
//! who reviews a change can wave it through; what was never marked nobody looks at.

mod compare;
mod gate;
mod overlap;
mod policies;
mod replay;
mod routes;
mod upstreams;

use crate::config::Config;

pub use replay::{Came, Recorded, Replayed, read_recorded};

/// One thing that was added, removed or changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub kind: Kind,
    /// `policy`, `route`, `upstream`...
    pub what: &'static str,
    pub name: String,
    /// What was added or removed, in short.
    pub summary: String,
    pub fields: Vec<Field>,
    /// Why the gate is weaker for it as a whole; fields have reasons of their own.
    pub weaker: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Added,
    Removed,
    Changed,
}

impl Kind {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Added => "added",
            Kind::Removed => "removed",
            Kind::Changed => "changed",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    pub name: String,
    pub before: String,
    pub after: String,
    pub weaker: Option<String>,
}

impl Change {
    #[must_use]
    pub fn weakens(&self) -> bool {
        self.weaker.is_some() || self.fields.iter().any(|field| field.weaker.is_some())
    }
}

/// All differences: the gate, people and agents, upstreams with their routes, policies.
#[must_use]
pub fn differences(old: &Config, new: &Config) -> Vec<Change> {
    let mut changes = Vec::new();
    gate::compare(old, new, &mut changes);
    upstreams::compare(old, new, &mut changes);
    policies::compare(old, new, &mut changes);
    changes
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod every_key;
