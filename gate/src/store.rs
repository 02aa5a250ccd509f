//! What is durable, in domain words. One trait, thin implementations; only the binary names one.

use async_trait::async_trait;

use crate::clock::Timestamp;
use crate::deed::{Actor, Deed};
use crate::directory::DirectoryRows;

pub mod sqlite;

#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// Somebody else changed it first.
    #[error("it has changed meanwhile")]
    Stale,
    /// A name, key or call that must be unique is taken.
    #[error("already there: {0}")]
    Taken(&'static str),
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

    /// Whether it takes writes now.
    async fn ready(&self) -> Result<(), StoreError>;
}
