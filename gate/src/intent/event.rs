//! What can happen to an intent after it was submitted. A stored audit row is one of these.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::PersonId;

/// One thing that happened, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub at: Timestamp,
    pub what: What,
}

/// What happened. Serialized, it is the data of the audit row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum What {
    /// A person agreed, and more must.
    Voted {
        by: PersonId,
        email: String,
        comment: Option<String>,
        /// How they were signed in: `session ses_...` or `token ...last characters`.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        how: Option<String>,
    },
    /// The last one who was needed agreed.
    Approved {
        by: PersonId,
        email: String,
        comment: Option<String>,
        releases_at: Timestamp,
        expires_at: Timestamp,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        how: Option<String>,
    },
    /// The upstream is connected, everything was checked again: it is sent now.
    Claimed {
        digest: String,
    },
    /// The upstream answered.
    Executed {
        status: u16,
        sent_at: Timestamp,
        /// Microseconds.
        took: u64,
        delivered: bool,
        /// The answer was kept for a caller who was gone.
        kept: bool,
        excerpt: Option<String>,
    },
    /// Provably nothing was sent.
    Failed {
        why: String,
    },
    /// It may have been executed.
    Unknown {
        why: String,
    },
    /// By a person, or (`by: None`) by the gate, when the agent was revoked.
    Denied {
        by: Option<PersonId>,
        email: Option<String>,
        why: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        how: Option<String>,
    },
    ChangesRequested {
        by: PersonId,
        email: String,
        guidance: String,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        how: Option<String>,
    },
    Expired,
    Cancelled {
        by: Option<PersonId>,
        email: Option<String>,
        why: Option<String>,
    },
    /// A person found out what became of an `unknown`.
    Settled {
        by: PersonId,
        email: String,
        executed: bool,
        note: Option<String>,
    },
    /// The kept answer was handed to the same call.
    Delivered,
    /// The remembered denial is forgotten.
    DenialCleared {
        by: PersonId,
        email: String,
    },
    /// The agent that declared it says what came of it.
    Reported {
        executed: bool,
        status: u16,
        note: Option<String>,
    },
}

impl Event {
    /// Its name in the audit log.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.what.kind()
    }
}

impl What {
    /// The name of the first event.
    pub const SUBMITTED: &str = "intent.submitted";

    /// Its name in the audit log.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            What::Voted { .. } => "intent.voted",
            What::Approved { .. } => "intent.approved",
            What::Claimed { .. } => "intent.claimed",
            What::Executed { .. } => "intent.executed",
            What::Failed { .. } => "intent.failed",
            What::Unknown { .. } => "intent.unknown",
            What::Denied { .. } => "intent.denied",
            What::ChangesRequested { .. } => "intent.changes_requested",
            What::Expired => "intent.expired",
            What::Cancelled { .. } => "intent.cancelled",
            What::Settled { .. } => "intent.settled",
            What::Delivered => "intent.delivered",
            What::DenialCleared { .. } => "intent.denial_cleared",
            What::Reported { .. } => "intent.reported",
        }
    }

    /// The facts, as the log keeps them.
    #[must_use]
    pub fn data(&self) -> String {
        // A tagged enum of texts and numbers always serializes.
        serde_json::to_string(self).unwrap_or_default()
    }
}
