//! The states of an intent and the one function between them.

use crate::clock::Timestamp;
use crate::id::PersonId;
use crate::intent::event::Event;

/// Where an intent stands. Each state carries exactly its facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    Pending {
        expires_at: Timestamp,
    },
    /// Enough people agreed; it may be sent from `releases_at` until `expires_at`.
    Approved {
        at: Timestamp,
        releases_at: Timestamp,
        expires_at: Timestamp,
    },
    /// Claimed for sending; nobody else may send it.
    Executing {
        at: Timestamp,
    },
    Executed {
        at: Timestamp,
        status: u16,
    },
    /// Provably nothing was sent.
    Failed {
        at: Timestamp,
        why: String,
    },
    /// It may have been executed; a person settles it.
    Unknown {
        at: Timestamp,
        why: String,
    },
    Denied(Resolution),
    ChangesRequested(Resolution),
    Expired {
        at: Timestamp,
    },
    Cancelled(Resolution),
}

/// By whom and why an intent ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolution {
    /// `None`: policy, or the gate itself (agent revoked).
    pub by: Option<PersonId>,
    pub at: Timestamp,
    /// Reason or guidance.
    pub why: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an intent that is {from} cannot become {event}")]
pub struct IllegalTransition {
    pub from: &'static str,
    pub event: &'static str,
}

impl State {
    /// The name that the API, the store and the audit log use.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            State::Pending { .. } => "pending",
            State::Approved { .. } => "approved",
            State::Executing { .. } => "executing",
            State::Executed { .. } => "executed",
            State::Failed { .. } => "failed",
            State::Unknown { .. } => "unknown",
            State::Denied(_) => "denied",
            State::ChangesRequested(_) => "changes_requested",
            State::Expired { .. } => "expired",
            State::Cancelled(_) => "cancelled",
        }
    }

    /// The life of an intent.
    ///
    /// # Errors
    /// The event does not follow from this state.
    pub fn after(self, event: &Event) -> Result<State, IllegalTransition> {
        let _ = event;
        todo!()
    }
}
