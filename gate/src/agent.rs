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
