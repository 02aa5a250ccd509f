//! What time does to intents: they expire, their delay ends. One queue of deadlines, one task.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::Notify;

use super::standing::AGAIN;
use super::{Gate, Inner};
use crate::clock::Timestamp;
use crate::deed::Actor;
use crate::id::IntentId;
use crate::intent::{State, What};
use crate::store::StoreError;

/// The longest between two looks at the clock while something waits: the clock may be set, or moved by
/// a test's hand.
const LOOK: Duration = Duration::from_millis(50);

/// When to look at which intent again; one time for each.
#[derive(Debug, Default)]
pub(crate) struct Deadlines {
    queue: Mutex<Queue>,
    added: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    by_time: BTreeSet<(Timestamp, IntentId)>,
    by_id: HashMap<IntentId, Timestamp>,
    /// Whose the intents are that are not resolved, also those without a caller.
    owners: HashMap<IntentId, Owner>,
    open: HashMap<Owner, usize>,
    by_project: HashMap<Arc<str>, usize>,
}

/// Who an intent counts for: project and fingerprint.
pub(crate) type Owner = (Arc<str>, Arc<str>);

impl Deadlines {
    /// Sets the time of an intent in place of the one it had.
    pub(crate) fn add(&self, id: IntentId, at: Timestamp) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = queue.by_id.insert(id, at) {
            queue.by_time.remove(&(before, id));
        }
        queue.by_time.insert((at, id));
        drop(queue);
        self.added.notify_one();
    }

    /// An intent is open, and counts for its owner until it is forgotten.
    pub(crate) fn opened(&self, id: IntentId, owner: Owner) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.owners.insert(id, owner.clone()).is_none() {
            *queue.by_project.entry(owner.0.clone()).or_default() += 1;
            *queue.open.entry(owner).or_default() += 1;
        }
    }

    /// How many intents of an owner are open, and of its project.
    pub(crate) fn open_of(&self, owner: &Owner) -> (usize, usize) {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let count = |open: Option<&usize>| open.copied().unwrap_or(0);
        (count(queue.open.get(owner)), count(queue.by_project.get(&owner.0)))
    }

    /// The intent is resolved.
    pub(crate) fn forget(&self, id: IntentId) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(owner) = queue.owners.remove(&id) {
            one_less(&mut queue.open, &owner);
            one_less(&mut queue.by_project, &owner.0);
        }
        if let Some(at) = queue.by_id.remove(&id) {
            queue.by_time.remove(&(at, id));
        }
    }

    /// Takes what is due; else says how long to wait (`None`: for something to be added).
    fn due(&self, now: Timestamp) -> Result<IntentId, Option<Duration>> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        match queue.by_time.first().copied() {
            Some((at, id)) if at <= now => {
                queue.by_time.pop_first();
                queue.by_id.remove(&id);
                Ok(id)
            }
            Some((at, _)) => Err(Some(now.until(at).min(LOOK))),
            None => Err(None),
        }
    }
}

fn one_less<K: Eq + Hash>(open: &mut HashMap<K, usize>, key: &K) {
    if let Some(count) = open.get_mut(key) {
        *count = count.saturating_sub(1);
        if *count == 0 {
            open.remove(key);
        }
    }
}

/// Runs until the gate is gone.
pub(crate) async fn watch(gate: Weak<Inner>) {
    loop {
        let Some(inner) = gate.upgrade() else { return };
        let now = inner.clock.now();
        match inner.deadlines.due(now) {
            Ok(id) => Gate { inner }.look(id).await,
            Err(wait) => {
                // Woken at least so often that a gate that is gone is noticed.
                let wait = wait.unwrap_or(Duration::from_millis(250));
                let added = inner.deadlines.added.notified();
                let _ = tokio::time::timeout(wait, added).await;
            }
        }
    }
}

impl Gate {
    /// A deadline of an intent has come.
    async fn look(&self, id: IntentId) {
        let now = self.now();
        match self.inner.store.intent(id).await {
            Ok(Some(stored)) => match &stored.intent.state {
                State::Pending { expires_at } | State::Approved { expires_at, .. } if now >= *expires_at => {
                    self.expire(id).await;
                }
                State::Pending { expires_at } => self.inner.deadlines.add(id, *expires_at),
                State::Approved { releases_at, expires_at, .. } => {
                    let next = if *releases_at > now { *releases_at } else { *expires_at };
                    self.inner.deadlines.add(id, next);
                    self.tell_waiter(&stored).await;
                }
                state => {
                    let sending = matches!(state, State::Executing { .. });
                    self.inner.deadlines.forget(id);
                    if sending && self.inner.holds.has(id) {
                        self.inner.deadlines.add(id, now.plus(AGAIN));
                    }
                    self.tell_waiter(&stored).await;
                }
            },
            Ok(None) => self.inner.deadlines.forget(id),
            Err(error) => self.later(id, &error),
        }
    }

    /// Writes that its time is over, unless something else has happened.
    pub(crate) async fn expire(&self, id: IntentId) {
        match self.inner.store.advance(self.step(id, None, vec![What::Expired], Actor::Gate)).await {
            Ok((_, state)) => {
                self.inner.deadlines.forget(id);
                if let Ok(Some(stored)) = self.inner.store.intent(id).await {
                    self.announce(id, &stored.intent.project, state.name());
                    self.tell_waiter(&stored).await;
                }
            }
            // Something else has happened to it, or the clock was set back: the next look finds out which.
            Err(StoreError::Stale) => {
                self.inner.deadlines.add(id, self.now().plus(AGAIN));
                self.nudge(id).await;
            }
            Err(error) => self.later(id, &error),
        }
    }

    fn later(&self, id: IntentId, error: &StoreError) {
        tracing::warn!(intent = %id, %error, "a deadline could not be written; trying again");
        self.inner.deadlines.add(id, self.now().plus(AGAIN));
    }
}
