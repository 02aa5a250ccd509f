//! What an outsider can check without the gate: checkpoints of the log, and the evidence of one intent.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Mutex, OnceLock, PoisonError};

use tokio::sync::Notify;

use super::{Gate, GateError};
use crate::audit::checkpoint::{Checkpoint, LogKey, VerifierKey};
use crate::audit::evidence::{Evidence, ProvenEvent};
use crate::audit::proof::{CHUNK, Known};
use crate::audit::tree::{Hash, Tree};
use crate::id::IntentId;
use crate::store::StoreError;

/// The key that signs checkpoints, and the roots of the log's whole chunks, which never change.
#[derive(Debug, Default)]
pub(crate) struct Proofs {
    /// A person's approval was written.
    pub(crate) approved: Notify,
    key: OnceLock<LogKey>,
    roots: Mutex<Vec<Hash>>,
}

impl Gate {
    /// Signs checkpoints with this key from now on. The first one stays.
    #[must_use]
    pub fn signing_checkpoints(self, key: LogKey) -> Gate {
        let _ = self.inner.proofs.key.set(key);
        self
    }

    /// The keys that checkpoints are verified with; none where this process signs none.
    #[must_use]
    pub fn log_keys(&self) -> Vec<VerifierKey> {
        self.inner.proofs.key.get().map(LogKey::verifiers).unwrap_or_default()
    }

    /// A signed note over what is on the disk now.
    ///
    /// # Errors
    /// The store cannot be read or synced, or there is no key.
    pub async fn checkpoint(&self) -> Result<String, GateError> {
        self.signed(&self.inner.store.synced_tree().await?)
    }

    fn signed(&self, tree: &Tree) -> Result<String, GateError> {
        let key = self.inner.proofs.key.get();
        let key = key.ok_or_else(|| GateError::Invalid("this gate has no key that signs checkpoints".to_owned()))?;
        Ok(key.sign(tree.size(), tree.root())?)
    }

    /// Resolves when the last needed person has approved something since it was asked before. For one asker.
    pub async fn person_approved(&self) {
        self.inner.proofs.approved.notified().await;
    }

    /// Whether the log begins with what a checkpoint was over.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn extends(&self, earlier: &Checkpoint) -> Result<bool, StoreError> {
        let Some(last) = earlier.size.checked_sub(1) else { return Ok(earlier.root == Tree::default().root()) };
        if self.audit_size().await? < earlier.size {
            return Ok(false);
        }
        let known = self.known(std::iter::once(last), earlier.size).await?;
        Ok(known.root(0, earlier.size) == Some(earlier.root))
    }

    /// All that the log says of an intent, each event with its proof. `None`: there is no such intent.
    ///
    /// # Errors
    /// The store cannot be read or synced, or there is no key.
    pub async fn evidence(&self, id: IntentId) -> Result<Option<Evidence>, GateError> {
        let entries = self.inner.store.audit_of(id).await?;
        if entries.is_empty() {
            return Ok(None);
        }
        // After the events were read: the tree holds them all.
        let tree = self.inner.store.synced_tree().await?;
        let checkpoint = self.signed(&tree)?;
        let known = self.known(entries.iter().map(|entry| entry.seq), tree.size()).await?;
        let mut events = Vec::with_capacity(entries.len());
        for entry in &entries {
            let path = known.inclusion(entry.seq, tree.size());
            let path = path.ok_or_else(|| StoreError::Broken(format!("event {} has no leaf", entry.seq)))?;
            events.push(ProvenEvent::of(entry, &path));
        }
        let key = self.log_keys().first().map(ToString::to_string).unwrap_or_default();
        Ok(Some(Evidence::new(id, checkpoint, key, events)))
    }

    /// What the proofs of some events in a log of `size` need.
    async fn known(&self, events: impl Iterator<Item = u64>, size: u64) -> Result<Known, StoreError> {
        let mut known = Known { roots: self.kept_roots().clone(), leaves: BTreeMap::new() };
        let whole = size / CHUNK;
        for chunk in u64::try_from(known.roots.len()).unwrap_or(whole)..whole {
            known.leaves.insert(chunk, self.leaves_of(chunk).await?);
            let root = known.root(chunk * CHUNK, (chunk + 1) * CHUNK);
            known
                .roots
                .push(root.ok_or_else(|| StoreError::Broken(format!("leaves are missing after {}", chunk * CHUNK)))?);
            known.leaves.clear();
        }
        {
            let mut kept = self.kept_roots();
            if kept.len() < known.roots.len() {
                kept.clone_from(&known.roots);
            }
        }
        for chunk in events.map(|event| event / CHUNK).chain((!size.is_multiple_of(CHUNK)).then_some(whole)) {
            if let Entry::Vacant(place) = known.leaves.entry(chunk) {
                place.insert(self.leaves_of(chunk).await?);
            }
        }
        Ok(known)
    }

    async fn leaves_of(&self, chunk: u64) -> Result<Vec<Hash>, StoreError> {
        self.inner.store.leaves(chunk * CHUNK, u32::try_from(CHUNK).unwrap_or(u32::MAX)).await
    }

    fn kept_roots(&self) -> std::sync::MutexGuard<'_, Vec<Hash>> {
        // Whole or not there: nothing is left half done in it.
        self.inner.proofs.roots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
