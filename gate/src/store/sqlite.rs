//! The store on SQLite: WAL, one writer task with group commit, a few readers.
//!
//! A commit is visible at once and durable after the next fsync of the log (the WAL). Who must not go
//! on before that waits for it; the rest is synced within 50 ms.

use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use super::{Store, StoreError};
use crate::clock::Timestamp;
use crate::deed::{Actor, Deed};
use crate::directory::{DirectoryRows, Seen};
use crate::id::PersonId;
use crate::key::KeyHash;
use crate::person::{Link, Session};
use writer::{Job, Writer};

mod audit;
mod directory;
mod schema;
mod sync;
mod writer;

/// How long a statement waits for another process's transaction, and a caller for its answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// A store in one file.
#[derive(Debug)]
pub struct SqliteStore {
    writer: Writer,
    read: SqlitePool,
}

impl SqliteStore {
    /// Opens the file, makes it where it is not there, and brings its schema up to date.
    ///
    /// # Errors
    /// It cannot be read or written, or a newer version made it.
    pub async fn open(path: &Path) -> Result<SqliteStore, StoreError> {
        let options = options(path);
        let writer = Writer::start(path.to_owned(), options.clone()).await?;
        let read = SqlitePoolOptions::new()
            .max_connections(4)
            .acquire_timeout(PATIENCE)
            .connect_lazy_with(options.create_if_missing(false).read_only(true));
        Ok(SqliteStore { writer, read })
    }
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .foreign_keys(true)
        .busy_timeout(PATIENCE)
        .pragma("trusted_schema", "OFF")
}

/// The log beside the file.
fn wal(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

/// Whatever went wrong with the file, nothing was written.
fn unavailable(error: sqlx::Error) -> StoreError {
    StoreError::Unavailable(error.to_string())
}

#[async_trait]
impl Store for SqliteStore {
    async fn record(&self, deed: Deed, by: &Actor, at: Timestamp) -> Result<(), StoreError> {
        let by = by.clone();
        self.writer.ask(|reply| Job::Deed { deed: Box::new(deed), by, at, reply }).await
    }

    async fn directory(&self) -> Result<DirectoryRows, StoreError> {
        let mut tx = self.read.begin().await.map_err(unavailable)?;
        directory::load(&mut tx).await
    }

    async fn directory_version(&self) -> Result<i64, StoreError> {
        directory::version(&mut *self.read.acquire().await.map_err(unavailable)?).await
    }

    async fn note_seen(&self, seen: Seen) -> Result<(), StoreError> {
        self.writer.ask(|reply| Job::Seen { seen, reply }).await
    }

    async fn password_of(&self, person: PersonId) -> Result<Option<String>, StoreError> {
        directory::password_of(&mut *self.read.acquire().await.map_err(unavailable)?, person).await
    }

    async fn session(&self, token: &KeyHash) -> Result<Option<Session>, StoreError> {
        directory::session(&mut *self.read.acquire().await.map_err(unavailable)?, token).await
    }

    async fn sessions_of(&self, person: PersonId) -> Result<Vec<Session>, StoreError> {
        directory::sessions_of(&mut *self.read.acquire().await.map_err(unavailable)?, person).await
    }

    async fn link(&self, token: &KeyHash) -> Result<Option<Link>, StoreError> {
        directory::link(&mut *self.read.acquire().await.map_err(unavailable)?, token).await
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.writer.ask(|reply| Job::Ready { reply }).await
    }
}
