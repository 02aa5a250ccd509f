//! What an agent declares instead of sending the call, and what it carries away.

use std::time::Duration;

use rules::config::{RiskTier, SourceType};
use rules::request::json::Json;
use serde_json::Value;

use crate::agent::LabelRefused;
use crate::clock::Timestamp;
use crate::intent::Intent;
use crate::refusal::Refusal;
use crate::store::StoreError;

/// What an agent wants to do. Whatever it says of itself can only make the decision stricter.
#[derive(Debug, Clone)]
pub struct Declaration {
    pub action: String,
    /// Decided as for this kind of caller *and* as for the kind that the agent is registered with. `None`: only as
    /// the latter.
    pub source_type: Option<SourceType>,
    /// The agent's fingerprint. A project's key labels the agent by it; an agent's key can only repeat its own.
    pub source: Option<String>,
    /// Raises the tier that the configuration gives the action.
    pub risk_tier: Option<RiskTier>,
    /// An object.
    pub parameters: Json,
    /// Teams or e-mail addresses: these must approve too.
    pub approvers: Vec<String>,
    /// Shortens the waiting for verdicts.
    pub expires_in: Option<Duration>,
    /// An object. Kept and shown; decides nothing.
    pub metadata: Option<Value>,
    /// A secret by which whoever knows it may ask how the intent stands ([`crate::Gate::declared_as`]). Kept as a
    /// keyed hash.
    pub handle: Option<String>,
}

/// Whose key declared an intent: who may carry its permit and report what came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeclaredBy {
    Agent,
    Project,
}

impl DeclaredBy {
    /// The name that the store uses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            DeclaredBy::Agent => "agent",
            DeclaredBy::Project => "project",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<DeclaredBy> {
        [DeclaredBy::Agent, DeclaredBy::Project].into_iter().find(|by| by.as_str() == text)
    }
}

/// A permit that a declaring agent carries itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntentPermit {
    /// Its `jti`: one for all permits of an intent, so that one intent is used once.
    pub id: String,
    pub token: String,
    pub expires_at: Timestamp,
}

/// What a permit is worth at this moment, as the gate knows it.
#[derive(Debug, Clone)]
pub struct PermitCheck {
    /// What it says, where this gate signed it.
    pub claims: Option<permit::IntentClaims>,
    /// The intent it is for.
    pub intent: Option<Intent>,
    /// Why it is worth nothing; `None`: it is good.
    pub error: Option<String>,
}

/// Why nothing was declared.
#[derive(Debug, thiserror::Error)]
pub enum DeclareError {
    #[error("people decide; agents and projects declare, with their keys")]
    NotForPeople,
    #[error(transparent)]
    Label(#[from] LabelRefused),
    #[error("`source` is {0:?}: an agent's key declares for that agent only")]
    AnotherAgent(String),
    #[error("{0}")]
    Invalid(String),
    /// The agent may not, or the gate cannot now.
    #[error("refused: {}", .0.name())]
    Refused(Refusal),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Refusal> for DeclareError {
    fn from(refusal: Refusal) -> DeclareError {
        DeclareError::Refused(refusal)
    }
}
