//! Callers: registered agents, projects with a key, and what either may do.

use std::sync::Arc;

use rules::config::{HoldTimeout, RiskTier, SourceType, Trust};

use crate::clock::Timestamp;
use crate::id::{AgentId, KeyId};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AgentStatus {
    Active,
    Paused,
    Revoked,
}

/// A registered caller.
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
    /// A caller that is only a label (or nobody at all): not registered, never trusted. The same label
    /// of the same project is always the same agent.
    #[must_use]
    pub fn unregistered(project: &str, label: &str) -> Agent {
        use sha2::{Digest, Sha256};
        let hash = Sha256::new().chain_update(project).chain_update([0]).chain_update(label).finalize();
        let mut id = [0_u8; 16];
        id.iter_mut().zip(hash.iter()).for_each(|(to, from)| *to = *from);
        Agent {
            id: AgentId(uuid::Builder::from_custom_bytes(id).into_uuid()),
            name: label.to_owned(),
            fingerprint: label.to_owned(),
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

/// Who a presented key stands for.
#[derive(Debug, Clone)]
pub enum Principal {
    Agent(Arc<Agent>),
    /// A project's key: labels the agent by fingerprint, which never raises trust.
    Project(String),
    Person(Arc<crate::person::Person>),
}
