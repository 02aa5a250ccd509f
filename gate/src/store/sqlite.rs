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
use crate::audit::AuditEntry;
use crate::audit::tree::{Hash, Tree};
use crate::call::StoredAnswer;
use crate::clock::Timestamp;
use crate::deed::{Actor, Deed};
use crate::directory::{DirectoryRows, Seen};
use crate::id::{IntentId, PersonId};
use crate::intent::{Event, IntentFilter, Page, State};
use crate::key::KeyHash;
use crate::person::{Link, Session};
use crate::store::{Advance, CallKey, Entry, Row, Stored, Waiting};
use batch::Conclusion;
use boot::Boot;
use writer::{Job, Writer};

mod audit;
mod batch;
mod boot;
mod calls;
mod directory;
mod intents;
mod prune;
mod schema;
mod step;
mod sync;
mod writer;

/// How long a statement waits for another process's transaction, and a caller for its answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// A store in one file.
#[derive(Debug)]
pub struct SqliteStore {
    writer: Writer,
    read: SqlitePool,
    boot: Boot,
    secret: [u8; 32],
}

impl SqliteStore {
    /// Opens the file, makes it where it is not there, and brings its schema up to date.
    ///
    /// # Errors
    /// It cannot be read or written, or a newer version made it.
    pub async fn open(path: &Path) -> Result<SqliteStore, StoreError> {
        make_private(path)?;
        // SQLite keeps the log beside the file that a symbolic link leads to.
        let real = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let path = real.as_path();
        let options = options(path);
        let boot = Boot::begin(path)?;
        let (writer, secret) = Writer::start(path.to_owned(), options.clone(), boot.number).await?;
        let read = SqlitePoolOptions::new()
            .max_connections(4)
            .acquire_timeout(PATIENCE)
            // A file does not hang up, and asking whether it did takes as long as most questions.
            .test_before_acquire(false)
            .connect_lazy_with(options.create_if_missing(false).read_only(true));
        Ok(SqliteStore { writer, read, boot, secret })
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

/// A new store is for its owner alone: it keeps what agents sent. SQLite gives the files beside it the same rights.
fn make_private(path: &Path) -> Result<(), StoreError> {
    use std::os::unix::fs::OpenOptionsExt as _;
    match std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(StoreError::Unavailable(error.to_string())),
    }
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

    async fn config_digest(&self) -> Result<Option<String>, StoreError> {
        let mut conn = self.read.acquire().await.map_err(unavailable)?;
        schema::config_digest(&mut conn).await
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

    async fn secret(&self) -> Result<[u8; 32], StoreError> {
        Ok(self.secret)
    }

    async fn enter(&self, entry: Entry) -> Result<Row, StoreError> {
        self.writer.ask(|reply| Job::Enter { entry: Box::new(entry), reply }).await
    }

    async fn advance(&self, advance: Advance) -> Result<(Row, State), StoreError> {
        self.writer.ask(|reply| Job::Advance { advance: Box::new(advance), reply }).await
    }

    fn conclude(&self, row: Row, event: Event) {
        self.writer.tell(Job::Conclude(Conclusion { row, event }));
    }

    async fn flush(&self) -> Result<(), StoreError> {
        // A batch may be waiting for a lock, and waits for it once more.
        self.writer.ask_for(PATIENCE * 3, |reply| Job::Flush { reply }).await
    }

    async fn intent(&self, id: IntentId) -> Result<Option<Stored>, StoreError> {
        let mut conn = self.read.acquire().await.map_err(unavailable)?;
        intents::by_id(&mut conn, id).await
    }

    async fn intents(&self, filter: &IntentFilter) -> Result<Page<Stored>, StoreError> {
        intents::page(&self.read, filter).await
    }

    async fn same_call(&self, call: &CallKey) -> Result<Option<Stored>, StoreError> {
        intents::by_call(&self.read, call).await
    }

    async fn answer(&self, id: IntentId) -> Result<Option<StoredAnswer>, StoreError> {
        intents::answer(&self.read, id).await
    }

    fn sweep(&self, now: Timestamp) {
        self.writer.tell(Job::Sweep { now });
    }

    async fn prune(&self, before: Timestamp) -> Result<bool, StoreError> {
        self.writer.ask(|reply| Job::Prune { before, reply }).await
    }

    async fn waiting(&self) -> Result<Vec<Waiting>, StoreError> {
        intents::waiting(&self.read).await
    }

    async fn orphans(&self) -> Result<Vec<IntentId>, StoreError> {
        let boots = calls::boots(&self.read).await?;
        let gone: Vec<i64> = boots.into_iter().filter(|boot| self.boot.is_gone(*boot)).collect();
        if !gone.is_empty() {
            self.writer.ask(|reply| Job::Abandon { gone, reply }).await?;
        }
        let executing = intents::executing(&self.read).await?;
        let mut gone = std::collections::HashMap::new();
        Ok(executing
            .into_iter()
            .filter(|(_, boot)| *gone.entry(*boot).or_insert_with(|| self.boot.is_gone(*boot)))
            .map(|(id, _)| id)
            .collect())
    }

    async fn foreign(&self) -> Result<bool, StoreError> {
        self.writer.ask(|reply| Job::Foreign { reply }).await
    }

    async fn audit(&self, from: u64, limit: u32) -> Result<Vec<AuditEntry>, StoreError> {
        audit::entries(&self.read, from, limit).await
    }

    async fn audit_of(&self, id: IntentId) -> Result<Vec<AuditEntry>, StoreError> {
        audit::entries_of(&self.read, id).await
    }

    async fn leaves(&self, from: u64, limit: u32) -> Result<Vec<Hash>, StoreError> {
        audit::leaves(&self.read, from, limit).await
    }

    async fn synced_tree(&self) -> Result<Tree, StoreError> {
        self.writer.ask(|reply| Job::SyncedTree { reply }).await
    }

    async fn tree(&self) -> Result<Tree, StoreError> {
        let mut conn = self.read.acquire().await.map_err(unavailable)?;
        audit::tree(&mut conn).await
    }
}
