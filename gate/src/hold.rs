//! The live connection of an intent that waits.

use crate::call::StoredAnswer;
use crate::clock::Timestamp;
use crate::id::IntentId;
use crate::refusal::Refusal;
use crate::release::Released;

/// A place in the waiting line. Armed before the record is visible, so that no verdict is missed.
/// Dropping it tells everybody that the caller is gone; the intent lives on.
#[derive(Debug)]
pub struct Hold {
    intent: IntentId,
}

/// What a held call is woken for.
#[derive(Debug)]
pub enum Wake {
    /// People agree: connect to the upstream, then [`Approved::claim`].
    Connect(Approved),
    /// It ends here (denied, expired, taken over, draining...).
    Refused(Refusal),
    /// The call was being executed for an earlier connection; its answer comes to this one.
    Answered(StoredAnswer),
}

/// The right to try the claim. Nothing is sent before it succeeds.
#[derive(Debug)]
pub struct Approved {
    intent: IntentId,
}

impl Hold {
    #[must_use]
    pub fn intent(&self) -> IntentId {
        self.intent
    }

    /// Who decides, for the agent's eyes: "finance (1 of 2)", "any approver".
    #[must_use]
    pub fn waiting_for(&self) -> String {
        todo!()
    }

    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        todo!()
    }

    /// Waits for news. Cancel-safe.
    pub async fn wake(&mut self) -> Wake {
        todo!()
    }

    /// The client's patience is over: what to tell it.
    #[must_use]
    pub fn pending(&self) -> Refusal {
        todo!()
    }
}

impl Approved {
    #[must_use]
    pub fn intent(&self) -> IntentId {
        self.intent
    }

    /// The upstream is connected: claims the intent, having checked everything again.
    ///
    /// # Errors
    /// It may not be sent, and why.
    pub async fn claim(self) -> Result<Released, Refusal> {
        todo!()
    }

    /// The upstream could not be connected: the intent stays approved.
    pub async fn unreachable(self, why: &str) -> Refusal {
        let _ = why;
        todo!()
    }
}
