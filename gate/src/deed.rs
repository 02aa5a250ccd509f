//! What is done to the directory (agents, keys, people, teams, projects, sessions). Each deed is one
//! transaction: its rows and its audit event.

use crate::agent::AgentStatus;
use crate::clock::Timestamp;
use crate::id::{AgentId, KeyId, PersonId, SessionId};
use crate::key::{KeyHash, KeyKind};
use crate::person::Role;

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    Person {
        id: PersonId,
        email: String,
    },
    /// The operator at the machine: the command line on the store.
    Operator,
    /// The gate itself.
    Gate,
    /// A caller, by fingerprint.
    Agent(String),
}

impl std::fmt::Display for Actor {
    /// As the audit log names who did it: one line.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let one_line = |text: &str| text.replace(char::is_control, " ");
        match self {
            Actor::Person { id, email } => write!(f, "{id} {}", one_line(email)),
            Actor::Operator => f.write_str("operator"),
            Actor::Gate => f.write_str("gate"),
            Actor::Agent(fingerprint) => write!(f, "agent {}", one_line(fingerprint)),
        }
    }
}

/// One deed. Texts are as they will be stored.
#[derive(Debug, Clone)]
pub enum Deed {
    AddProject {
        name: String,
    },
    /// Sets what the store knows of an agent (also one from files, so that it has an id and a status).
    AddAgent(NewAgent),
    SetAgentStatus {
        agent: AgentId,
        status: AgentStatus,
        reason: Option<String>,
    },
    AddKey {
        id: KeyId,
        kind: KeyKind,
        owner: KeyOwner,
        hash: KeyHash,
        hint: String,
        label: Option<String>,
        expires_at: Option<Timestamp>,
    },
    RevokeKey {
        id: KeyId,
    },
    AddPerson {
        id: PersonId,
        email: String,
        name: String,
        role: Role,
        teams: Vec<String>,
        password_hash: Option<String>,
    },
    SetPassword {
        person: PersonId,
        password_hash: String,
    },
    SetRole {
        person: PersonId,
        role: Role,
    },
    SetTeams {
        person: PersonId,
        teams: Vec<String>,
    },
    DisablePerson {
        person: PersonId,
        disabled: bool,
    },
    OpenSession {
        id: SessionId,
        person: PersonId,
        token_hash: KeyHash,
        expires_at: Timestamp,
        browser: String,
    },
    CloseSession {
        id: SessionId,
    },
    /// A one-time link was made: its token's hash, for whom (`None`: the first admin), until when.
    OfferLink {
        token_hash: KeyHash,
        person: Option<PersonId>,
        expires_at: Timestamp,
    },
    /// Used up; fails when it was used before.
    UseLink {
        token_hash: KeyHash,
    },
    SignInFailed {
        email: String,
    },
}

#[derive(Debug, Clone)]
pub struct NewAgent {
    pub id: AgentId,
    pub name: String,
    pub fingerprint: String,
    pub project: String,
    pub owner: Option<String>,
    pub framework: Option<String>,
    pub risk_sensitivity: Option<rules::config::RiskTier>,
    pub trust: rules::config::Trust,
    pub source_type: rules::config::SourceType,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyOwner {
    Agent(AgentId),
    Project(String),
    Person(PersonId),
}

impl Deed {
    /// The audit event's kind.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        "directory.changed"
    }

    /// What it is about.
    #[must_use]
    pub fn subject(&self) -> Option<String> {
        None
    }

    /// The audit event's facts; nothing secret.
    #[must_use]
    pub fn data(&self) -> serde_json::Value {
        serde_json::json!({})
    }
}
