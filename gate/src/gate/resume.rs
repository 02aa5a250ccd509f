//! Calls that come back for an intent they name, with a text that the gate had sealed for them.

use std::sync::Arc;

use super::Gate;
use super::submit::unavailable;
use crate::call::{Call, Submitted};
use crate::id::IntentId;
use crate::refusal::Refusal;
use crate::shown::Shown;

/// A call names an intent that was not opened by the same call of the same agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it names an intent of another call")]
pub struct AnotherCall;

impl Gate {
    /// A seal over a text that only gates on this store can make, for one purpose.
    #[must_use]
    pub fn seal(&self, purpose: &str, text: &[u8]) -> [u8; 32] {
        self.inner.namer.seal(purpose, text)
    }

    /// Whether a gate on this store made it, over this text and for this purpose.
    #[must_use]
    pub fn is_seal(&self, purpose: &str, text: &[u8], seal: &[u8]) -> bool {
        self.inner.namer.is_seal(purpose, text, seal)
    }

    /// Goes on waiting for an intent. Opens none: where it has ended meanwhile, the caller hears how.
    ///
    /// # Errors
    /// The intent was opened by another agent, or by a call of other content.
    pub async fn resume(&self, call: Call, id: IntentId) -> Result<Submitted, AnotherCall> {
        let call = Arc::new(call);
        let shown = Shown::of(&call.request);
        let before = match self.inner.store.intent(id).await {
            Ok(Some(stored)) => stored,
            Ok(None) => return Err(AnotherCall),
            Err(error) => return Ok(Submitted::Refused(unavailable(Some(id), &error))),
        };
        let same_bytes = before.intent.request.as_ref().is_some_and(|request| request.digest == shown.digest);
        let intent = &before.intent;
        let same_agent =
            intent.agent.fingerprint == call.agent.fingerprint && before.intent.project == call.agent.project;
        if !same_bytes || !same_agent {
            return Err(AnotherCall);
        }
        let submitted = match self.go_on_with(&call, &shown, id, before).await {
            Ok(submitted) => submitted,
            Err(refusal) => {
                metrics::counter!("holdshort_refusals_total", "code" => refusal.name()).increment(1);
                Submitted::Refused(refusal)
            }
        };
        Ok(submitted)
    }

    async fn go_on_with(
        &self,
        call: &Arc<Call>,
        shown: &Shown,
        id: IntentId,
        before: crate::store::Stored,
    ) -> Result<Submitted, Refusal> {
        self.may_ask(&call.agent)?;
        let same = self.inner.namer.name(call);
        if let Some(submitted) = Box::pin(self.standing(call, shown, &same, before, self.now())).await? {
            // As of a call that comes for the first time: whoever stops the agent tells those who wait already.
            self.may_ask(&call.agent)?;
            return Ok(submitted);
        }
        match self.inner.store.intent(id).await {
            Ok(Some(stored)) => Err(self.refusal(&stored)),
            Ok(None) => Err(Refusal::Expired { intent: id }),
            Err(error) => Err(unavailable(Some(id), &error)),
        }
    }
}
