//! What is durable, in domain words. One trait, thin implementations; only the binary names one.
//!
//! INVARIANT: an error of a method that writes means that nothing was written. What could not be told
//! in time is undone, or made up for, by the store itself before anything is told of it.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use crate::audit::AuditEntry;
use crate::audit::tree::Tree;
use crate::call::StoredAnswer;
use crate::clock::{Clock, Timestamp};
use crate::deed::{Actor, Deed};
use crate::directory::{DirectoryRows, Seen};
use crate::id::{IntentId, PersonId};
use crate::intent::{Event, Intent, IntentFilter, Page, State, What};
use crate::key::KeyHash;
use crate::person::{Link, Session};

pub mod sqlite;

#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// Somebody else changed it first.
    #[error("it has changed meanwhile")]
    Stale,
    /// A name, key or call that must be unique is taken.
    #[error("already there: {0}")]
    Taken(&'static str),
    /// The deed is not allowed as things stand. Nothing was written.
    #[error("{0}")]
    Refused(&'static str),
    /// The store does not answer, is full, or is read-only. Nothing was written.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// What is stored cannot be: names the impossible combination.
    #[error("the store holds what cannot be: {0}")]
    Broken(String),
    /// Made by a newer version of the program.
    #[error("the store was made by a newer version (schema {0}); this one cannot use it")]
    Newer(i64),
}

/// What tells calls apart: a keyed hash.
pub type CallKey = [u8; 32];

/// An intent that comes into being.
#[derive(Debug, Clone)]
pub struct Entry {
    pub id: IntentId,
    pub at: Timestamp,
    pub state: State,
    /// People decide it (or policy did).
    pub people: bool,
    pub project: String,
    pub action: String,
    pub fingerprint: String,
    pub call: Option<CallKey>,
    /// What was asked, where an idempotency key names the call.
    pub content: Option<CallKey>,
    /// The first event's data.
    pub facts: String,
    pub body: Option<Bytes>,
    /// Counts only when it is on the disk.
    pub durable: bool,
}

/// Where an intent stands in the store: what the next write is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    pub id: IntentId,
    pub n: i64,
    pub version: i64,
    pub last: i64,
}

/// A step in the life of an intent.
#[derive(Debug, Clone)]
pub struct Advance {
    pub id: IntentId,
    /// The version that was looked at when it was decided; another one is `Stale`. `None`: whatever it is.
    pub version: Option<i64>,
    /// One or more things that happen together.
    pub what: Vec<What>,
    pub by: Actor,
    /// The time is taken when the write begins, not when it was asked for.
    pub clock: Arc<dyn Clock>,
    /// The answer to keep, and until when.
    pub keep: Option<(StoredAnswer, Timestamp)>,
    /// Forgets the kept answer.
    pub forget: bool,
}

/// An intent as it is stored.
#[derive(Debug, Clone)]
pub struct Stored {
    pub intent: Intent,
    pub row: Row,
    pub people: bool,
    pub call: Option<CallKey>,
    pub content: Option<CallKey>,
    /// Its denial is forgotten.
    pub cleared: bool,
    /// The next time when it may not be released, as far as was known when it was asked.
    pub blocked_from: Option<Timestamp>,
    /// When it came into its state.
    pub since: Timestamp,
}

/// An intent that still waits: what expiry and limits look at.
#[derive(Debug, Clone)]
pub struct Waiting {
    pub id: IntentId,
    pub project: String,
    pub fingerprint: String,
    pub releases_at: Option<Timestamp>,
    pub expires_at: Timestamp,
}

#[async_trait]
pub trait Store: Send + Sync + std::fmt::Debug + 'static {
    /// Does a deed to the directory: its rows and its audit event, one fsynced transaction.
    async fn record(&self, deed: Deed, by: &Actor, at: Timestamp) -> Result<(), StoreError>;

    /// The digest of the configuration that was in force last.
    async fn config_digest(&self) -> Result<Option<String>, StoreError>;

    /// Everything the directory is made of.
    async fn directory(&self) -> Result<DirectoryRows, StoreError>;

    /// Grows whenever [`Store::directory`] would read something else.
    async fn directory_version(&self) -> Result<i64, StoreError>;

    /// Writes down who was seen when. No deed: leaves no event, and the version stays.
    async fn note_seen(&self, seen: Seen) -> Result<(), StoreError>;

    /// A person's argon2id hash; `None` where there is none, or they are disabled.
    async fn password_of(&self, person: PersonId) -> Result<Option<String>, StoreError>;

    /// The session of a cookie's hash, alive or not.
    async fn session(&self, token: &KeyHash) -> Result<Option<Session>, StoreError>;

    /// A person's sessions, newest first, alive or not.
    async fn sessions_of(&self, person: PersonId) -> Result<Vec<Session>, StoreError>;

    /// The one-time link of a token's hash, good or not.
    async fn link(&self, token: &KeyHash) -> Result<Option<Link>, StoreError>;

    /// Whether it takes writes now.
    async fn ready(&self) -> Result<(), StoreError>;

    /// The secret that calls are compared with; made with the store.
    async fn secret(&self) -> Result<[u8; 32], StoreError>;

    /// Writes a new intent and its first event. `Taken`: the same call has an open intent.
    async fn enter(&self, entry: Entry) -> Result<Row, StoreError>;

    /// The one way an intent changes: load, `after`, update, insert the events, commit, sync.
    async fn advance(&self, advance: Advance) -> Result<(Row, State), StoreError>;

    /// What came of something that policy approved: one append, written with the next batch and tried
    /// until it succeeds. Nobody waits for it.
    fn conclude(&self, row: Row, event: Event);

    /// Resolves when every outcome handed in so far is written.
    async fn flush(&self) -> Result<(), StoreError>;

    async fn intent(&self, id: IntentId) -> Result<Option<Stored>, StoreError>;

    /// Newest first.
    async fn intents(&self, filter: &IntentFilter) -> Result<Page<Stored>, StoreError>;

    /// The latest intent of the same call.
    async fn same_call(&self, call: &CallKey) -> Result<Option<Stored>, StoreError>;

    async fn answer(&self, id: IntentId) -> Result<Option<StoredAnswer>, StoreError>;

    /// Forgets kept answers whose time is over.
    fn sweep(&self, now: Timestamp);

    /// Deletes details of what was asked before a time, some at once: bodies, kept answers, and what facts and outcomes
    /// hold beyond who did what when. Calls that are still open stay whole, and so does all after the first of them.
    /// Says whether there is more.
    async fn prune(&self, before: Timestamp) -> Result<bool, StoreError>;

    /// Whether another process has written since this was asked last.
    async fn foreign(&self) -> Result<bool, StoreError>;

    /// All that is pending or approved.
    async fn waiting(&self) -> Result<Vec<Waiting>, StoreError>;

    /// What processes that are gone were sending.
    async fn orphans(&self) -> Result<Vec<IntentId>, StoreError>;

    /// The log from `seq` on.
    async fn audit(&self, from: u64, limit: u32) -> Result<Vec<AuditEntry>, StoreError>;

    /// The log of one intent, oldest first.
    async fn audit_of(&self, id: IntentId) -> Result<Vec<AuditEntry>, StoreError>;

    /// The stored leaf hashes from `seq` on.
    async fn leaves(&self, from: u64, limit: u32) -> Result<Vec<crate::audit::tree::Hash>, StoreError>;

    /// The tree over what is on the disk: nothing of it can be lost any more.
    async fn synced_tree(&self) -> Result<Tree, StoreError>;

    /// The tree as it was kept beside the log.
    async fn tree(&self) -> Result<Tree, StoreError>;
}
