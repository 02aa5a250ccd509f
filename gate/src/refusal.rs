//! Why a call is not passed on, in words of the domain. The proxy and the admin each have one place
//! that turns these into their answers.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::id::IntentId;

/// The answer to a call that is not (or not now, or not again) sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The hold is over, people have not decided yet; the same call again attaches.
    Pending {
        intent: IntentId,
        waiting_for: String,
        expires_at: Timestamp,
    },
    /// A newer connection of the same call has taken the intent over.
    Superseded {
        intent: IntentId,
        waiting_for: String,
        expires_at: Timestamp,
    },
    Denied {
        intent: IntentId,
        by: String,
        reason: Option<String>,
    },
    ChangesRequested {
        intent: IntentId,
        by: String,
        guidance: String,
    },
    BlockedByPolicy {
        intent: Option<IntentId>,
        message: String,
    },
    OutsideSchedule {
        intent: Option<IntentId>,
        message: String,
    },
    Stopped {
        message: String,
    },
    Cancelled {
        intent: IntentId,
        by: String,
    },
    Expired {
        intent: IntentId,
    },
    AgentPaused {
        agent: String,
    },
    AgentRevoked {
        agent: String,
    },
    /// Written to the upstream, no answer; or blocked until somebody settles such an intent.
    OutcomeUnknown {
        intent: IntentId,
        safe_method: bool,
    },
    /// Executed, its answer is too large to have been kept, or was delivered to another connection.
    AlreadyExecuted {
        intent: IntentId,
    },
    IdempotencyMismatch {
        intent: IntentId,
    },
    Limited {
        retry_after: Duration,
        what: String,
    },
    /// The upstream could not be reached; nothing was sent; an approved intent stays approved.
    UpstreamUnreachable {
        intent: IntentId,
    },
    /// The gate cannot decide now (store down), or is shutting down; nothing was sent.
    Unavailable {
        intent: Option<IntentId>,
        why: String,
    },
}

impl Refusal {
    /// A short name, for counting.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Refusal::Pending { .. } => "pending",
            Refusal::Superseded { .. } => "superseded",
            Refusal::Denied { .. } => "denied",
            Refusal::ChangesRequested { .. } => "changes_requested",
            Refusal::BlockedByPolicy { .. } => "blocked_by_policy",
            Refusal::OutsideSchedule { .. } => "outside_schedule",
            Refusal::Stopped { .. } => "stopped",
            Refusal::Cancelled { .. } => "cancelled",
            Refusal::Expired { .. } => "expired",
            Refusal::AgentPaused { .. } => "agent_paused",
            Refusal::AgentRevoked { .. } => "agent_revoked",
            Refusal::OutcomeUnknown { .. } => "outcome_unknown",
            Refusal::AlreadyExecuted { .. } => "already_executed",
            Refusal::IdempotencyMismatch { .. } => "idempotency_mismatch",
            Refusal::Limited { .. } => "limited",
            Refusal::UpstreamUnreachable { .. } => "upstream_unreachable",
            Refusal::Unavailable { .. } => "unavailable",
        }
    }
}
