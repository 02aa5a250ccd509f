//! The states of an intent and the one function between them.

use crate::clock::Timestamp;
use crate::id::PersonId;
use crate::intent::event::{Event, What};

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
        let at = event.at;
        match (self, &event.what) {
            (State::Pending { expires_at }, What::Voted { .. }) if at < expires_at => Ok(State::Pending { expires_at }),
            (State::Pending { expires_at: until }, What::Approved { releases_at, expires_at, .. }) if at < until => {
                Ok(State::Approved { at, releases_at: *releases_at, expires_at: *expires_at })
            }
            (State::Pending { expires_at }, What::ChangesRequested { by, guidance, .. }) if at < expires_at => {
                Ok(State::ChangesRequested(Resolution { by: Some(*by), at, why: Some(guidance.clone()) }))
            }
            // Only the gate itself (the agent was revoked) denies without asking what time it is.
            (State::Pending { expires_at } | State::Approved { expires_at, .. }, What::Denied { by, why, .. })
                if by.is_none() || at < expires_at =>
            {
                Ok(State::Denied(Resolution { by: *by, at, why: why.clone() }))
            }
            (State::Pending { .. } | State::Approved { .. }, What::Cancelled { by, why, .. }) => {
                Ok(State::Cancelled(Resolution { by: *by, at, why: why.clone() }))
            }
            (State::Pending { expires_at } | State::Approved { expires_at, .. }, What::Expired) if at >= expires_at => {
                Ok(State::Expired { at })
            }
            (State::Approved { releases_at, expires_at, .. }, What::Claimed { .. })
                if at >= releases_at && at < expires_at =>
            {
                Ok(State::Executing { at })
            }
            (State::Approved { .. }, What::Reported { executed: true, status, .. }) => {
                Ok(State::Executed { at, status: *status })
            }
            (State::Approved { .. }, What::Reported { executed: false, note, .. }) => {
                Ok(State::Failed { at, why: note.clone().unwrap_or_else(|| "reported as not executed".to_owned()) })
            }
            (State::Executing { .. }, What::Executed { status, .. }) => Ok(State::Executed { at, status: *status }),
            (State::Executing { .. }, What::Failed { why }) => Ok(State::Failed { at, why: why.clone() }),
            (State::Executing { .. }, What::Unknown { why }) => Ok(State::Unknown { at, why: why.clone() }),
            (State::Unknown { .. }, What::Settled { executed: true, .. }) => {
                Ok(State::Executed { at, status: State::STATUS_NOT_SEEN })
            }
            (State::Unknown { .. }, What::Settled { executed: false, note, .. }) => {
                Ok(State::Failed { at, why: note.clone().unwrap_or_else(|| "settled: it was not executed".to_owned()) })
            }
            (executed @ State::Executed { .. }, What::Delivered) => Ok(executed),
            (State::Denied(denied), What::DenialCleared { .. }) => Ok(State::Denied(denied)),
            (state, what) => Err(IllegalTransition { from: state.name(), event: what.kind() }),
        }
    }

    /// The status of what was executed without its answer being seen: a person settled it.
    pub const STATUS_NOT_SEEN: u16 = 0;

    /// The bound in force.
    #[must_use]
    pub fn expires_at(&self) -> Option<Timestamp> {
        match self {
            State::Pending { expires_at } | State::Approved { expires_at, .. } => Some(*expires_at),
            _ => None,
        }
    }

    /// Since when it has been so; `None` for what waits from the start.
    #[must_use]
    pub fn at(&self) -> Option<Timestamp> {
        match self {
            State::Pending { .. } => None,
            State::Approved { at, .. }
            | State::Executing { at }
            | State::Executed { at, .. }
            | State::Failed { at, .. }
            | State::Unknown { at, .. }
            | State::Expired { at } => Some(*at),
            State::Denied(end) | State::ChangesRequested(end) | State::Cancelled(end) => Some(end.at),
        }
    }

    /// An end state: nothing more is sent.
    #[must_use]
    pub fn is_end(&self) -> bool {
        !matches!(self, State::Pending { .. } | State::Approved { .. } | State::Executing { .. })
    }
}
