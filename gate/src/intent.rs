//! The durable record of one call: what was asked, what was decided by whom, what happened.

use std::time::Duration;

use bytes::Bytes;
use rules::config::{RiskTier, SourceType};
use rules::decision::{Requirement, Risk, Step};
use rules::ruleset::Params;

use crate::approval::Approval;
use crate::clock::Timestamp;
use crate::declaration::DeclaredBy;
use crate::id::{AgentId, IntentId};

pub mod event;
pub(crate) mod facts;
pub mod state;

pub use event::{Event, What};
pub use state::{IllegalTransition, Resolution, State};

/// An intent, whole.
#[derive(Debug, Clone)]
pub struct Intent {
    pub id: IntentId,
    pub project: String,
    pub state: State,
    pub action: String,
    pub title: String,
    pub risk_tier: RiskTier,
    pub source_type: SourceType,
    pub agent: IntentAgent,
    /// `None`: declared through the API, bound to no request.
    pub request: Option<IntentRequest>,
    pub upstream: Option<String>,
    pub route: Option<String>,
    pub params: Params,
    pub policy: Option<String>,
    pub trace: Vec<Step>,
    pub risk: Risk,
    /// `None` where policy decided.
    pub requirement: Option<Requirement>,
    pub approvals: Vec<Approval>,
    pub caller: CallerLink,
    pub created_at: Timestamp,
    /// The bound in force while pending or approved.
    pub expires_at: Option<Timestamp>,
    /// End of the delay after the last verdict.
    pub releases_at: Option<Timestamp>,
    pub outcome: Option<Outcome>,
    pub config_digest: String,
    /// Of a declared intent: `metadata`/`context` as given.
    pub metadata: Option<serde_json::Value>,
    /// `enforce: false` let it pass.
    pub observed: bool,
    /// What would have been decided then, as a policy's `decision` says it.
    pub would: Option<String>,
    /// Policies with `enforce: false` that matched, and what they would have decided.
    pub recorded: Vec<(String, String)>,
    /// Whose key declared it; `None`: it came as a call.
    pub declared_by: Option<DeclaredBy>,
}

impl Intent {
    /// What an approval is bound to: of a call all that will be sent, of a declaration all that it says.
    #[must_use]
    pub fn digest(&self) -> String {
        if let Some(request) = &self.request {
            return request.digest.clone();
        }
        let (agent, params) = (&self.agent.fingerprint, facts::ParamFacts::of(&self.params));
        let (tier, kind) = (self.risk_tier.as_str(), self.source_type.as_str());
        let said = serde_json::json!([self.project, agent, self.action, tier, kind, params, self.metadata]);
        permit::content_digest(said.to_string().as_bytes())
    }
}

/// The agent as it was when it asked.
#[derive(Debug, Clone)]
pub struct IntentAgent {
    /// `None`: a label without a registered agent.
    pub id: Option<AgentId>,
    pub name: String,
    pub fingerprint: String,
    pub owner: Option<String>,
}

/// Exactly what will be sent.
#[derive(Debug, Clone)]
pub struct IntentRequest {
    /// `https://host:port` of the upstream when it was asked; kept for what people decide.
    pub origin: Option<String>,
    pub method: String,
    /// Path and query as sent.
    pub target: String,
    /// The headers shown and bound by `headers_digest`; credentials are masked for showing.
    pub headers: Vec<(String, String)>,
    /// RFC 9530 value of the exact body.
    pub content_digest: String,
    pub headers_digest: String,
    pub content_type: Option<String>,
    pub size: usize,
    /// Kept for what people decide; `None` for what policy approved.
    pub body: Option<Bytes>,
    /// One digest over method, target, content and shown headers: what an approval is bound to.
    pub digest: String,
}

/// The live connection, if any. Not durable: as this process knows it.
#[derive(Debug, Clone, Default)]
pub struct CallerLink {
    pub connected: bool,
    pub since: Option<Timestamp>,
    pub hold_ends_at: Option<Timestamp>,
}

/// What came of a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The upstream's status, when it answered.
    pub status: Option<u16>,
    pub sent_at: Timestamp,
    pub duration: Duration,
    /// First bytes of the answer, for the people who look.
    pub excerpt: Option<String>,
    pub delivered: bool,
}

/// What to list.
#[derive(Debug, Clone, Default)]
pub struct IntentFilter {
    pub project: Option<String>,
    /// State names; empty: all.
    pub states: Vec<String>,
    pub action: Option<String>,
    pub fingerprint: Option<String>,
    /// At most 200.
    pub limit: Option<u32>,
    /// As returned in `Page::next`.
    pub cursor: Option<String>,
}

#[derive(Debug, Clone)]
pub struct Page<T> {
    pub items: Vec<T>,
    pub next: Option<String>,
}
