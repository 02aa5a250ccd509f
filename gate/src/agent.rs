//! Callers: registered agents, projects with a key, and what either may do.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use rules::config::{HoldTimeout, RiskTier, SourceType, Trust};

use crate::clock::Timestamp;
use crate::id::{AgentId, KeyId};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AgentStatus {
    Active,
    Paused,
    Revoked,
}

impl AgentStatus {
    /// The name that the API, the store and the audit log use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            AgentStatus::Active => "active",
            AgentStatus::Paused => "paused",
            AgentStatus::Revoked => "revoked",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<AgentStatus> {
        [AgentStatus::Active, AgentStatus::Paused, AgentStatus::Revoked]
            .into_iter()
            .find(|status| status.as_str() == text)
    }
}

/// A registered caller, or one known by a label only ([`Agent::is_registered`]).
#[derive(Debug, Clone)]
pub struct Agent {
    pub id: AgentId,
    pub name: String,
    /// Unique in its project.
    pub fingerprint: String,
    pub project: String,
    pub owner: Option<String>,
    pub framework: Option<String>,
    pub risk_sensitivity: Option<RiskTier>,
    pub trust: Trust,
    pub source_type: SourceType,
    pub status: AgentStatus,
    /// Overrides the table of client timeouts.
    pub hold: Option<HoldTimeout>,
    pub enforce: bool,
    /// Defined in files: changed only there (its status and keys live in the store).
    pub from_files: bool,
    pub created_at: Timestamp,
    pub last_seen_at: Option<Timestamp>,
    pub keys: Vec<AgentKey>,
}

impl Agent {
    /// A caller without a registration: a project key's label, or the anonymous caller. Its id is made
    /// from project and fingerprint (UUIDv8), so that two labels are two agents and one label stays one.
    #[must_use]
    pub fn unregistered(project: &str, fingerprint: &str) -> Agent {
        let mut hash = Sha256::new();
        hash.update(project.as_bytes());
        hash.update([0]);
        hash.update(fingerprint.as_bytes());
        let hash: [u8; 32] = hash.finalize().into();
        let mut bytes = [0_u8; 16];
        bytes.iter_mut().zip(hash).for_each(|(byte, from)| *byte = from);
        Agent {
            id: AgentId(uuid::Builder::from_custom_bytes(bytes).into_uuid()),
            name: fingerprint.to_owned(),
            fingerprint: fingerprint.to_owned(),
            project: project.to_owned(),
            owner: None,
            framework: None,
            risk_sensitivity: None,
            trust: Trust::Unregistered,
            source_type: SourceType::AiAgent,
            status: AgentStatus::Active,
            hold: None,
            enforce: true,
            from_files: false,
            created_at: Timestamp(0),
            last_seen_at: None,
            keys: Vec::new(),
        }
    }

    /// Whether the directory knows it by its id.
    #[must_use]
    pub fn is_registered(&self) -> bool {
        self.id.0.get_version() != Some(uuid::Version::Custom)
    }

    /// Whether a key of its own stands for it.
    #[must_use]
    pub fn has_live_key(&self) -> bool {
        self.keys.iter().any(|key| key.revoked_at.is_none())
    }
}

/// What is known of one key. Two live keys per agent allow rotation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentKey {
    pub id: KeyId,
    /// Last four characters, to tell keys apart.
    pub hint: String,
    pub created_at: Timestamp,
    pub revoked_at: Option<Timestamp>,
}

/// A project and its keys.
#[derive(Debug, Clone)]
pub struct ProjectRecord {
    pub name: String,
    pub from_files: bool,
    pub created_at: Timestamp,
    pub keys: Vec<AgentKey>,
}

/// Why a project key may not speak for the agent it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LabelRefused {
    #[error("an agent's label is 1 to 128 visible ASCII characters")]
    Malformed,
    #[error("this agent has a key of its own: present that key instead of a project's")]
    HasItsOwnKey,
    #[error(
        "this project takes registered agents only: run `holdshort agents add`, or set `projects.unregistered: accept`"
    )]
    Unregistered,
}

/// Who a presented key stands for.
#[derive(Debug, Clone)]
pub enum Principal {
    Agent(Arc<Agent>),
    /// A project's key: labels the agent by fingerprint, which never raises trust.
    Project(String),
    Person(Arc<crate::person::Person>),
}
