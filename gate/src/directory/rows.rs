//! What a store holds of the directory, row by row, with its words already read. Files come on top in
//! [`Directory`](super::Directory).

use rules::config::{RiskTier, SourceType, Trust};

use crate::agent::AgentStatus;
use crate::clock::Timestamp;
use crate::deed::KeyOwner;
use crate::id::{AgentId, KeyId, PersonId, SessionId};
use crate::kept::KeptRule;
use crate::key::KeyHash;
use crate::person::Role;

/// All of it, read in one transaction.
#[derive(Debug, Clone, Default)]
pub struct DirectoryRows {
    /// Grows with every change.
    pub version: i64,
    pub projects: Vec<ProjectRow>,
    pub agents: Vec<AgentRow>,
    /// Oldest first.
    pub keys: Vec<KeyRow>,
    pub people: Vec<PersonRow>,
    pub team_members: Vec<(String, PersonId)>,
    pub kept: Vec<KeptRule>,
}

#[derive(Debug, Clone)]
pub struct ProjectRow {
    pub name: String,
    pub from_files: bool,
    pub created_at: Timestamp,
}

#[derive(Debug, Clone)]
pub struct AgentRow {
    pub id: AgentId,
    pub name: String,
    pub fingerprint: String,
    pub project: String,
    pub owner: Option<String>,
    pub framework: Option<String>,
    pub risk_sensitivity: Option<RiskTier>,
    pub trust: Trust,
    pub source_type: SourceType,
    pub status: AgentStatus,
    pub from_files: bool,
    pub created_at: Timestamp,
    pub last_seen_at: Option<Timestamp>,
}

#[derive(Debug, Clone)]
pub struct KeyRow {
    pub id: KeyId,
    pub owner: KeyOwner,
    pub hash: KeyHash,
    pub hint: String,
    pub label: Option<String>,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
}

/// Without the password's hash: that is asked for when somebody signs in.
#[derive(Debug, Clone)]
pub struct PersonRow {
    pub id: PersonId,
    pub email: String,
    pub name: String,
    pub role: Role,
    pub disabled: bool,
    pub has_password: bool,
    pub created_at: Timestamp,
    pub last_seen_at: Option<Timestamp>,
}

/// Who was seen when, since it was last written down.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    pub agents: Vec<(AgentId, Timestamp)>,
    pub people: Vec<(PersonId, Timestamp)>,
    pub sessions: Vec<(SessionId, Timestamp)>,
}

impl Seen {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.agents.is_empty() && self.people.is_empty() && self.sessions.is_empty()
    }
}
