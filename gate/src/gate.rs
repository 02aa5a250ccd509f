//! The gate itself: what the proxy, the admin and the command line call.

pub use resume::AnotherCall;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use arc_swap::ArcSwap;
use rules::Ruleset;
use tokio::sync::broadcast;

use crate::clock::{Clock, Timestamp};
use crate::deed::{Actor, Deed};
use crate::directory::Directory;
use crate::feed::News;
use crate::id::KeyId;
use crate::intent::What;
use crate::key::KeySecret;
use crate::person::{Person, Session};
use crate::refusals::Refusals;
use crate::same_call::Namer;
use crate::signs::States;
use crate::store::{Store, StoreError};
use crate::unmatched::Unmatched;

mod agents;
mod carried;
mod claim;
mod decide;
mod declare;
mod expiry;
mod follow;
pub(crate) mod holds;
mod identify;
mod kept;
mod people;
mod projects;
mod proofs;
mod reads;
mod resume;
mod sessions;
mod sign_in;
mod standing;
mod submit;
#[cfg(test)]
mod tests;
mod watch;

pub use carried::intent_of;
use expiry::Deadlines;
use holds::Holds;
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
    pub(crate) keys: ArcSwap<permit::KeyRing>,
    /// The files' rules with those of the store beside them.
    pub(crate) rules: ArcSwap<Ruleset>,
    /// The files' rules alone.
    pub(crate) files: ArcSwap<Ruleset>,
    pub(crate) directory: ArcSwap<Directory>,
    pub(crate) feed: broadcast::Sender<News>,
    /// Who reads the directory again does it alone.
    pub(crate) refreshing: tokio::sync::Mutex<()>,
    pub(crate) look_ups: identify::LookUps,
    pub(crate) door: sign_in::Door,
    pub(crate) sessions_seen: sessions::SessionsSeen,
    pub(crate) namer: Namer,
    pub(crate) holds: Holds,
    pub(crate) deadlines: Deadlines,
    pub(crate) refusals: Refusals,
    pub(crate) proofs: proofs::Proofs,
    pub(crate) unmatched: Unmatched,
    pub(crate) states: States,
    pub(crate) draining: AtomicBool,
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
        let gate = Gate::assemble(store, clock, keys, rules).await?;
        gate.bring_files_in(gate.rules().config()).await?;
        gate.reload_directory().await?;
        gate.take_up().await?;
        gate.follow_directory();
        Ok(gate)
    }

    /// A gate for setting up and reading, beside one that may be running on the same store: it takes up
    /// nothing that another process left, watches nothing, and its permits nobody would accept.
    ///
    /// # Errors
    /// The store cannot be read or written.
    pub async fn beside(store: Arc<dyn Store>, clock: Arc<dyn Clock>, rules: Arc<Ruleset>) -> Result<Gate, GateError> {
        let keys = permit::KeyRing::ephemeral(permit::Algorithm::EdDsa, clock.now().seconds())?;
        let gate = Gate::assemble(store, clock, keys, rules).await?;
        gate.bring_files_in(gate.rules().config()).await?;
        gate.reload_directory().await?;
        Ok(gate)
    }

    async fn assemble(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        keys: permit::KeyRing,
        rules: Arc<Ruleset>,
    ) -> Result<Gate, GateError> {
        let namer = Namer::new(&store.secret().await?)
            .ok_or_else(|| GateError::Invalid("the store's secret is no key".to_owned()))?;
        let directory = Directory::build(store.directory().await?, rules.config(), None);
        let inner = Inner {
            store,
            clock,
            keys: ArcSwap::from_pointee(keys),
            rules: ArcSwap::new(Gate::with_kept(&rules, directory.kept())),
            files: ArcSwap::new(rules),
            directory: ArcSwap::from_pointee(directory),
            feed: broadcast::Sender::new(1024),
            refreshing: tokio::sync::Mutex::default(),
            look_ups: identify::LookUps::default(),
            door: sign_in::Door::default(),
            sessions_seen: sessions::SessionsSeen::default(),
            namer,
            holds: Holds::default(),
            deadlines: Deadlines::default(),
            refusals: Refusals::default(),
            proofs: proofs::Proofs::default(),
            unmatched: Unmatched::default(),
            states: States::default(),
            draining: AtomicBool::new(false),
        };
        Ok(Gate { inner: Arc::new(inner) })
    }

    /// Takes up what was left: nothing that was being sent is sent again, what waits goes on waiting.
    async fn take_up(&self) -> Result<(), StoreError> {
        let store = &self.inner.store;
        // Many at once, so that one sync serves many.
        let orphans = store.orphans().await?;
        for some in orphans.chunks(256) {
            let unknown = some.iter().map(|id| {
                let why = "the gate stopped while it was sending this".to_owned();
                store.advance(self.step(*id, None, vec![What::Unknown { why }], Actor::Gate))
            });
            for done in futures::future::join_all(unknown).await {
                match done {
                    Ok(_) | Err(StoreError::Stale) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        let seen = store.tree().await?.size();
        store.foreign().await?;
        for waiting in store.waiting().await? {
            let next = waiting.releases_at.filter(|at| *at > self.now()).unwrap_or(waiting.expires_at);
            self.inner.deadlines.opened(waiting.id, (waiting.project.into(), waiting.fingerprint.into()));
            self.inner.deadlines.add(waiting.id, next);
        }
        tokio::spawn(expiry::watch(Arc::downgrade(&self.inner)));
        tokio::spawn(watch::watch(Arc::downgrade(&self.inner), seen));
        Ok(())
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
        self.note_config(&rules.config().digest).await?;
        {
            // Not while the other half of it, what the store keeps, is being swapped in.
            let _turn = self.inner.refreshing.lock().await;
            self.inner.rules.store(Gate::with_kept(&rules, self.directory().kept()));
            self.inner.files.store(rules);
        }
        self.reload_directory().await?;
        let _ = self.inner.feed.send(News::Rules);
        Ok(())
    }

    /// Writes into the log which configuration is in force, where it is not the one of before: also when it was
    /// changed while no gate ran.
    ///
    /// # Errors
    /// The store cannot record it.
    pub async fn note_config(&self, digest: &str) -> Result<(), GateError> {
        let before = self.inner.store.config_digest().await?;
        if before.as_deref() != Some(digest) {
            let deed = Deed::ChangeConfig { before, after: digest.to_owned() };
            self.inner.store.record(deed, &Actor::Gate, self.now()).await?;
        }
        Ok(())
    }

    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.inner.clock
    }

    #[must_use]
    pub fn jwks(&self) -> serde_json::Value {
        self.inner.keys.load().jwks(self.now().seconds())
    }

    /// Signs with other keys from now on, after a rotation.
    pub fn swap_keys(&self, keys: permit::KeyRing) {
        self.inner.keys.store(Arc::new(keys));
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
}

/// A fresh session and the text of its cookie.
#[derive(Debug, Clone)]
pub struct SignedIn {
    pub session: Session,
    pub person: Arc<Person>,
    pub cookie: String,
}

// The time.
impl Gate {
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock().now()
    }
}
