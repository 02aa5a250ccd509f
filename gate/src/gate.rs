//! The gate itself: what the proxy, the admin and the command line call.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use arc_swap::ArcSwap;
use rules::Ruleset;
use tokio::sync::broadcast;

use crate::agent::{Agent, AgentStatus, Principal, ProjectRecord};
use crate::clock::{Clock, Timestamp};
use crate::deed::{Actor, Deed, NewAgent};
use crate::directory::Directory;
use crate::feed::News;
use crate::id::{AgentId, KeyId, PersonId, SessionId};
use crate::intent::What;
use crate::key::KeySecret;
use crate::person::{Person, Role, Session, SignInError};
use crate::same_call::Namer;
use crate::store::{Store, StoreError};

mod claim;
mod decide;
mod expiry;
pub(crate) mod holds;
mod reads;
mod standing;
mod submit;
mod watch;

use expiry::Deadlines;
use holds::Holds;

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
    pub(crate) namer: Namer,
    pub(crate) holds: Holds,
    pub(crate) deadlines: Deadlines,
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
        let namer = Namer::new(&store.secret().await?)
            .ok_or_else(|| GateError::Invalid("the store's secret is no key".to_owned()))?;
        let directory = Directory::build(store.directory().await?, rules.config());
        let inner = Inner {
            store,
            clock,
            keys,
            rules: ArcSwap::new(rules),
            directory: ArcSwap::from_pointee(directory),
            feed: broadcast::Sender::new(1024),
            namer,
            holds: Holds::default(),
            deadlines: Deadlines::default(),
            draining: AtomicBool::new(false),
        };
        let gate = Gate { inner: Arc::new(inner) };
        gate.bring_files_in().await?;
        gate.take_up().await?;
        Ok(gate)
    }

    /// Takes up what was left: nothing that was being sent is sent again, what waits goes on waiting.
    async fn take_up(&self) -> Result<(), StoreError> {
        let store = &self.inner.store;
        for id in store.orphans().await? {
            let why = "the gate stopped while it was sending this".to_owned();
            match store.advance(self.step(id, None, vec![What::Unknown { why }], Actor::Gate)).await {
                Ok(_) | Err(StoreError::Stale) => {}
                Err(error) => return Err(error),
            }
        }
        let seen = store.tree().await?.size();
        store.foreign().await?;
        for waiting in store.waiting().await? {
            let next = waiting.releases_at.filter(|at| *at > self.now()).unwrap_or(waiting.expires_at);
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
        self.inner.rules.store(rules);
        self.bring_files_in().await?;
        self.refresh_directory().await?;
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
}

// The seam between intents and the directory.
impl Gate {
    /// Does a deed and makes it known.
    pub(crate) async fn record(&self, deed: Deed, by: &Actor) -> Result<(), StoreError> {
        self.inner.store.record(deed, by, self.now()).await?;
        self.refresh_directory().await
    }

    /// Reads the directory again and swaps it in.
    pub(crate) async fn refresh_directory(&self) -> Result<(), StoreError> {
        let rows = self.inner.store.directory().await?;
        let before = self.inner.directory.swap(Arc::new(Directory::build(rows, self.rules().config())));
        self.enforce_changes(&before).await;
        let _ = self.inner.feed.send(News::Directory);
        Ok(())
    }

    /// Gives agents, projects and teams of the files what the store must know of them (ids, statuses).
    pub(crate) async fn bring_files_in(&self) -> Result<(), GateError> {
        Ok(())
    }
}

// What the proxy calls.
impl Gate {
    /// Who presents a key. Looks into the store when the snapshot does not know it, so a key that was
    /// just made works at once.
    ///
    /// # Errors
    /// The store cannot be asked.
    pub async fn identify(&self, key: &KeySecret) -> Result<Option<Principal>, StoreError> {
        let _ = key;
        todo!()
    }
}

// The directory.
impl Gate {
    /// # Errors
    /// The name is taken or not a name; the store cannot be written.
    pub async fn add_project(&self, name: &str, by: &Actor) -> Result<MintedKey, GateError> {
        let _ = (name, by);
        todo!()
    }

    /// # Errors
    /// There is no such project.
    pub async fn rotate_project_key(&self, name: &str, by: &Actor) -> Result<MintedKey, GateError> {
        let _ = (name, by);
        todo!()
    }

    #[must_use]
    pub fn projects(&self) -> Vec<ProjectRecord> {
        self.directory().projects()
    }

    /// Registers an agent (or gives one that files define its first key).
    ///
    /// # Errors
    /// Name or fingerprint taken, no such project.
    pub async fn add_agent(&self, agent: NewAgent, by: &Actor) -> Result<(Arc<Agent>, MintedKey), GateError> {
        let _ = (agent, by);
        todo!()
    }

    /// A second key; the oldest of more than two live keys is revoked.
    ///
    /// # Errors
    /// There is no such agent.
    pub async fn rotate_agent_key(&self, agent: AgentId, by: &Actor) -> Result<MintedKey, GateError> {
        let _ = (agent, by);
        todo!()
    }

    /// Pauses, resumes or revokes; at once, also for calls already held.
    ///
    /// # Errors
    /// There is no such agent; a revoked agent stays revoked.
    pub async fn set_agent_status(
        &self,
        agent: AgentId,
        status: AgentStatus,
        reason: Option<String>,
        by: &Actor,
    ) -> Result<Arc<Agent>, GateError> {
        let _ = (agent, status, reason, by);
        todo!()
    }

    /// # Errors
    /// The e-mail address is taken or not one.
    pub async fn add_person(
        &self,
        email: &str,
        name: &str,
        role: Role,
        teams: Vec<String>,
        by: &Actor,
    ) -> Result<Arc<Person>, GateError> {
        let _ = (email, name, role, teams, by);
        todo!()
    }

    /// A personal token for the command line and the API.
    ///
    /// # Errors
    /// There is no such person.
    pub async fn mint_token(
        &self,
        person: PersonId,
        label: Option<String>,
        by: &Actor,
    ) -> Result<MintedKey, GateError> {
        let _ = (person, label, by);
        todo!()
    }

    /// # Errors
    /// There is no such person, or it is the last admin.
    pub async fn disable_person(&self, person: PersonId, disabled: bool, by: &Actor) -> Result<(), GateError> {
        let _ = (person, disabled, by);
        todo!()
    }

    /// Revokes any key by id.
    ///
    /// # Errors
    /// There is no such key.
    pub async fn revoke_key(&self, key: KeyId, by: &Actor) -> Result<(), GateError> {
        let _ = (key, by);
        todo!()
    }

    /// A one-time sign-in link's token: for a person, or (`None`) for making the first admin.
    /// Good for an hour and one use.
    ///
    /// # Errors
    /// `None` while an admin already exists.
    pub async fn offer_link(&self, person: Option<PersonId>, by: &Actor) -> Result<String, GateError> {
        let _ = (person, by);
        todo!()
    }

    /// For whom a link is, without using it up. `Ok(None)`: for the first admin.
    ///
    /// # Errors
    /// Used up, too old, unknown.
    pub async fn look_at_link(&self, token: &str) -> Result<Option<Arc<Person>>, SignInError> {
        let _ = token;
        todo!()
    }

    /// Uses a link up: sets the password (and makes the first admin with this address) and signs in.
    ///
    /// # Errors
    /// See [`SignInError`].
    pub async fn use_link(
        &self,
        token: &str,
        email: &str,
        name: &str,
        password: &str,
        browser: &str,
    ) -> Result<SignedIn, SignInError> {
        let _ = (token, email, name, password, browser);
        todo!()
    }

    /// # Errors
    /// See [`SignInError`]; takes the same time whether the address exists or not.
    pub async fn sign_in(&self, email: &str, password: &str, browser: &str) -> Result<SignedIn, SignInError> {
        let _ = (email, password, browser);
        todo!()
    }

    /// The person of a session's cookie.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn session(&self, token: &str) -> Result<Option<(Session, Arc<Person>)>, StoreError> {
        let _ = token;
        todo!()
    }

    /// # Errors
    /// The store cannot be written.
    pub async fn sign_out(&self, session: SessionId) -> Result<(), GateError> {
        let _ = session;
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

// The time.
impl Gate {
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock().now()
    }
}
