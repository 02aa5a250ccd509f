//! The one sending of a request.

use std::sync::Arc;
use std::time::Duration;

use rules::Request;

use crate::call::StoredAnswer;
use crate::gate::GateError;
use crate::id::IntentId;

/// Proof that an intent was claimed for sending. Made only by the gate, after the commit.
/// Dropped without an outcome, the intent becomes `unknown`.
#[derive(Debug)]
pub struct Released {
    intent: IntentId,
    request: Arc<Request>,
}

/// What came of it, as the sender saw it.
#[derive(Debug)]
pub struct Sent {
    pub status: u16,
    pub duration: Duration,
    pub excerpt: Option<String>,
    /// The caller got it all.
    pub delivered: bool,
    /// Where it did not, or only another connection can get it: the answer, unless too large to keep.
    pub answer: Option<StoredAnswer>,
}

impl Released {
    #[must_use]
    pub fn intent(&self) -> IntentId {
        self.intent
    }

    #[must_use]
    pub fn request(&self) -> &Arc<Request> {
        &self.request
    }

    /// People approved it: a fresh connection, the answer kept if the caller is gone.
    #[must_use]
    pub fn by_people(&self) -> bool {
        todo!()
    }

    /// The signed permit; `None` where `enforce: false` lets the call pass.
    ///
    /// # Errors
    /// It cannot be signed; nothing may be sent then.
    pub fn permit(&self) -> Result<Option<String>, GateError> {
        todo!()
    }

    /// The upstream answered (status and as much as there was).
    pub async fn executed(self, sent: Sent) {
        let _ = sent;
        todo!()
    }

    /// Provably not one byte was written.
    pub async fn failed(self, why: &str) {
        let _ = why;
        todo!()
    }

    /// Something was written and no answer came.
    pub async fn unknown(self, why: &str) {
        let _ = why;
        todo!()
    }
}
