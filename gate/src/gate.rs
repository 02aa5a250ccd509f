//! The gate itself: what the proxy, the admin and the command line call.

use std::sync::Arc;

use arc_swap::ArcSwap;
use rules::Ruleset;
use tokio::sync::broadcast;

use crate::approval::{Can, DecideError, Verdict, VerdictWith};
use crate::audit::{AuditEntry, AuditReport};
use crate::call::{Call, Submitted};
use crate::clock::{Clock, Timestamp};
use crate::directory::Directory;
use crate::feed::News;
use crate::id::{IntentId, KeyId};
use crate::intent::{Intent, IntentFilter, Page};
use crate::key::KeySecret;
use crate::person::{Person, Session};
use crate::store::{Store, StoreError};

mod agents;
mod follow;
mod identify;
mod people;
mod projects;
mod sessions;
mod sign_in;
#[cfg(test)]
mod tests;

pub use identify::ANONYMOUS;
pub use sessions::{IDLE, LIFETIME};
pub use sign_in::LINK_LIFETIME;

/// Cheap to clone.
#[derive(Debug, Clone)]
pub struct Gate {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) keys: permit::KeyRing,
    pub(crate) rules: ArcSwap<Ruleset>,
    pub(crate) directory: ArcSwap<Directory>,
    pub(crate) feed: broadcast::Sender<News>,
    /// Who reads the directory again does it alone.
    pub(crate) refreshing: tokio::sync::Mutex<()>,
    pub(crate) look_ups: identify::LookUps,
    pub(crate) door: sign_in::Door,
    pub(crate) sessions_seen: sessions::SessionsSeen,
}

#[derive(Debug, thiserror::Error)]
pub enum GateError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Key(#[from] permit::KeyError),
    #[error("there is no {0}")]
    NotFound(String),
    #[error("{0}")]
    Invalid(String),
    /// The name or fingerprint is taken.
    #[error("{0}")]
    Conflict(String),
}

/// What a refused deed means to who wanted it done; `what` is what may not be there.
fn refused(error: StoreError, what: &str) -> GateError {
    match error {
        StoreError::Taken(taken) => GateError::Conflict(format!("there is {taken} already")),
        StoreError::Refused(why) => GateError::Conflict(why.to_owned()),
        StoreError::Stale => GateError::NotFound(what.to_owned()),
        other => GateError::Store(other),
    }
}

/// A key as it is shown once.
#[derive(Debug, Clone)]
pub struct MintedKey {
    pub id: KeyId,
    pub secret: KeySecret,
}

// The life of a gate.
impl Gate {
    /// Opens the gate on a store: settles what a crash left (`executing` becomes `unknown`), brings
    /// agents, projects and teams of the files in, and starts the background work (expiry, noticing
    /// what other processes did). Needs a tokio runtime.
    ///
    /// # Errors
    /// The store cannot be read or written.
    pub async fn open(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        keys: permit::KeyRing,
        rules: Arc<Ruleset>,
    ) -> Result<Gate, GateError> {
        let directory = Directory::build(store.directory().await?, rules.config(), None);
        let inner = Inner {
            store,
            clock,
            keys,
            rules: ArcSwap::new(rules),
            directory: ArcSwap::from_pointee(directory),
            feed: broadcast::Sender::new(1024),
            refreshing: tokio::sync::Mutex::default(),
            look_ups: identify::LookUps::default(),
            door: sign_in::Door::default(),
            sessions_seen: sessions::SessionsSeen::default(),
        };
        let gate = Gate { inner: Arc::new(inner) };
        gate.bring_files_in(gate.rules().config()).await?;
        gate.reload_directory().await?;
        gate.follow_directory();
        Ok(gate)
    }

    #[must_use]
    pub fn rules(&self) -> Arc<Ruleset> {
        self.inner.rules.load_full()
    }

    /// Swaps the rules atomically; held intents keep their requirements.
    ///
    /// # Errors
    /// The store cannot record it.
    pub async fn swap_rules(&self, rules: Arc<Ruleset>) -> Result<(), GateError> {
        // First what could refuse the new files: then the old rules stay.
        self.bring_files_in(rules.config()).await?;
        self.inner.rules.store(rules);
        self.reload_directory().await?;
        let _ = self.inner.feed.send(News::Rules);
        Ok(())
    }

    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.inner.clock
    }

    #[must_use]
    pub fn jwks(&self) -> serde_json::Value {
        self.inner.keys.jwks(self.now().seconds())
    }

    #[must_use]
    pub fn directory(&self) -> Arc<Directory> {
        self.inner.directory.load_full()
    }

    #[must_use]
    pub fn feed(&self) -> broadcast::Receiver<News> {
        self.inner.feed.subscribe()
    }

    /// Whether it can decide now: the store takes writes.
    pub async fn ready(&self) -> Result<(), StoreError> {
        self.inner.store.ready().await
    }

    /// From now on new calls on routes are refused `Unavailable` and held ones are told to come back.
    /// Verdicts, claims and outcomes go on. Resolves when no hold is left.
    pub async fn drain(&self) {
        todo!()
    }
}

// What the proxy calls.
impl Gate {
    /// Decides a call, records it, and says what to do with it.
    pub async fn submit(&self, call: Call) -> Submitted {
        let _ = call;
        todo!()
    }
}

// What people do with intents.
impl Gate {
    /// # Errors
    /// The store cannot be read.
    pub async fn intent(&self, id: IntentId) -> Result<Option<Intent>, StoreError> {
        let _ = id;
        todo!()
    }

    /// Newest first.
    ///
    /// # Errors
    /// The store cannot be read, or the cursor is not one of ours.
    pub async fn intents(&self, filter: &IntentFilter) -> Result<Page<Intent>, StoreError> {
        let _ = filter;
        todo!()
    }

    #[must_use]
    pub fn can(&self, intent: &Intent, person: &Person) -> Can {
        let _ = (intent, person);
        todo!()
    }

    /// Gives one person's verdict; the last one that is needed releases (with a live caller and no
    /// delay in the same transaction).
    ///
    /// # Errors
    /// See [`DecideError`].
    pub async fn decide(
        &self,
        id: IntentId,
        by: &Person,
        verdict: Verdict,
        with: VerdictWith,
    ) -> Result<Intent, DecideError> {
        let _ = (id, by, verdict, with);
        todo!()
    }

    /// # Errors
    /// See [`DecideError`].
    pub async fn cancel(&self, id: IntentId, by: &Person, why: Option<String>) -> Result<Intent, DecideError> {
        let _ = (id, by, why);
        todo!()
    }

    /// A person settles an `unknown`: `executed` true or false.
    ///
    /// # Errors
    /// See [`DecideError`].
    pub async fn settle(
        &self,
        id: IntentId,
        by: &Person,
        executed: bool,
        note: Option<String>,
    ) -> Result<Intent, DecideError> {
        let _ = (id, by, executed, note);
        todo!()
    }

    /// Forgets a remembered denial, so that the same call asks again.
    ///
    /// # Errors
    /// See [`DecideError`].
    pub async fn clear_denial(&self, id: IntentId, by: &Person) -> Result<(), DecideError> {
        let _ = (id, by);
        todo!()
    }
}

/// A fresh session and the text of its cookie.
#[derive(Debug, Clone)]
pub struct SignedIn {
    pub session: Session,
    pub person: Arc<Person>,
    pub cookie: String,
}

// Proof.
impl Gate {
    /// Recomputes the tree and replays the events against the current state.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn verify_audit(&self) -> Result<AuditReport, StoreError> {
        todo!()
    }

    /// The log from `seq` on.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn audit(&self, from: u64, limit: u32) -> Result<Vec<AuditEntry>, StoreError> {
        let _ = (from, limit);
        todo!()
    }

    /// The log of one intent.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn audit_of(&self, intent: IntentId) -> Result<Vec<AuditEntry>, StoreError> {
        let _ = intent;
        todo!()
    }

    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock().now()
    }
}
