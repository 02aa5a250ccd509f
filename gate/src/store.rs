//! What is durable, in domain words. One trait, thin implementations; only the binary names one.

use async_trait::async_trait;

use crate::clock::Timestamp;
use crate::deed::{Actor, Deed};
use crate::directory::{DirectoryRows, Seen};
use crate::id::PersonId;
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

#[async_trait]
pub trait Store: Send + Sync + std::fmt::Debug + 'static {
    /// Does a deed to the directory: its rows and its audit event, one fsynced transaction.
    async fn record(&self, deed: Deed, by: &Actor, at: Timestamp) -> Result<(), StoreError>;

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
}
