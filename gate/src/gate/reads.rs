//! What can be read: intents with what this process knows of their callers, and the log.

use super::Gate;
use crate::audit::checkpoint::Checkpoint;
use crate::audit::{AuditEntry, AuditReport};
use crate::feed::News;
use crate::id::IntentId;
use crate::intent::{CallerLink, Intent, IntentFilter, Page};
use crate::store::{StoreError, Stored};

impl Gate {
    /// # Errors
    /// The store cannot be read.
    pub async fn intent(&self, id: IntentId) -> Result<Option<Intent>, StoreError> {
        Ok(self.inner.store.intent(id).await?.map(|stored| self.linked(stored)))
    }

    /// Newest first.
    ///
    /// # Errors
    /// The store cannot be read, or the cursor is not one of ours.
    pub async fn intents(&self, filter: &IntentFilter) -> Result<Page<Intent>, StoreError> {
        let page = self.inner.store.intents(filter).await?;
        Ok(Page { items: page.items.into_iter().map(|stored| self.linked(stored)).collect(), next: page.next })
    }

    fn linked(&self, stored: Stored) -> Intent {
        let mut intent = stored.intent;
        if let Some((since, hold_ends_at)) = self.inner.holds.caller(intent.id) {
            intent.caller = CallerLink { connected: true, since: Some(since), hold_ends_at: Some(hold_ends_at) };
        }
        intent
    }

    /// A caller has come or gone; the state is as it was.
    pub(crate) fn announce_link(&self, stored: &Stored) {
        let (id, project) = (stored.row.id, stored.intent.project.clone());
        let _ = self.inner.feed.send(News::Intent { id, project, state: stored.intent.state.name() });
    }

    /// A held connection is gone; its intent lives on.
    pub(crate) fn caller_left(&self, id: IntentId, token: u64) {
        if !self.inner.holds.leave(id, token) || self.inner.feed.receiver_count() == 0 {
            return;
        }
        let gate = self.clone();
        // Dropped outside a runtime, nobody is left to be told.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(async move {
            if let Ok(Some(stored)) = gate.inner.store.intent(id).await {
                gate.announce_link(&stored);
            }
        });
    }

    /// Recomputes the tree, replays the events against the current state, and looks whether the log extends an
    /// earlier checkpoint.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn verify_audit(&self, earlier: Option<&Checkpoint>) -> Result<AuditReport, StoreError> {
        crate::audit::verify::verify(&*self.inner.store, earlier).await
    }

    /// The log from `seq` on.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn audit(&self, from: u64, limit: u32) -> Result<Vec<AuditEntry>, StoreError> {
        self.inner.store.audit(from, limit).await
    }

    /// How many events the log has.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn audit_size(&self) -> Result<u64, StoreError> {
        Ok(self.inner.store.tree().await?.size())
    }

    /// The log of one intent.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn audit_of(&self, intent: IntentId) -> Result<Vec<AuditEntry>, StoreError> {
        self.inner.store.audit_of(intent).await
    }
}
