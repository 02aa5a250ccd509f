//! The one task that writes. Each job is answered only after its commit.

use std::path::PathBuf;
use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, SqliteConnection};
use tokio::sync::{mpsc, oneshot};

use super::audit::{self, Line};
use super::sync::Syncer;
use super::{PATIENCE, directory, schema, unavailable, wal};
use crate::clock::Timestamp;
use crate::deed::{Actor, Deed};
use crate::directory::Seen;
use crate::store::StoreError;

pub(super) type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

/// One thing to write.
pub(super) enum Job {
    Deed { deed: Box<Deed>, by: Actor, at: Timestamp, reply: Reply<()> },
    Seen { seen: Seen, reply: Reply<()> },
    Ready { reply: Reply<()> },
}

/// The way to the writer.
#[derive(Debug)]
pub(super) struct Writer {
    jobs: mpsc::Sender<Job>,
}

impl Writer {
    pub(super) async fn start(path: PathBuf, options: SqliteConnectOptions) -> Result<Writer, StoreError> {
        let mut conn = connect(&options).await?;
        schema::migrate(&mut conn).await?;
        let (jobs, queue) = mpsc::channel(4096);
        let desk = Desk { options, conn: Some(conn), syncer: Syncer::start(wal(&path)) };
        tokio::spawn(desk.work(queue));
        Ok(Writer { jobs })
    }

    /// Hands a job in and waits for its answer, at most as long as a caller may be kept.
    pub(super) async fn ask<T>(&self, job: impl FnOnce(Reply<T>) -> Job) -> Result<T, StoreError> {
        let (reply, mut answer) = oneshot::channel();
        self.jobs.try_send(job(reply)).map_err(|_| StoreError::Unavailable("too much to write".to_owned()))?;
        match tokio::time::timeout(PATIENCE + Duration::from_millis(500), &mut answer).await {
            Ok(Ok(done)) => done,
            Ok(Err(_)) => Err(StoreError::Unavailable("the store is closing".to_owned())),
            Err(_) => {
                answer.close();
                answer.try_recv().unwrap_or_else(|_| Err(StoreError::Unavailable("it does not answer".to_owned())))
            }
        }
    }
}

struct Desk {
    options: SqliteConnectOptions,
    conn: Option<SqliteConnection>,
    syncer: Syncer,
}

impl Desk {
    async fn work(mut self, mut queue: mpsc::Receiver<Job>) {
        while let Some(job) = queue.recv().await {
            match job {
                Job::Deed { deed, by, at, reply } => match self.deed(&deed, &by, at).await {
                    Ok(()) => self.syncer.now(Box::new(move |synced| drop(reply.send(synced)))),
                    Err(error) => drop(reply.send(Err(error))),
                },
                Job::Seen { seen, reply } => drop(reply.send(self.seen(&seen).await)),
                Job::Ready { reply } => drop(reply.send(self.ready().await)),
            }
        }
        if let Some(conn) = self.conn.take() {
            let _ = conn.close().await;
        }
    }

    async fn deed(&mut self, deed: &Deed, by: &Actor, at: Timestamp) -> Result<(), StoreError> {
        let conn = self.conn().await?;
        let mut tx = conn.begin_with("BEGIN IMMEDIATE").await.map_err(unavailable)?;
        directory::apply(&mut tx, deed, at).await?;
        let (actor, subject, data) = (by.to_string(), deed.subject(), deed.data().to_string());
        let line = Line { at, kind: deed.kind(), actor: &actor, subject: subject.as_deref(), prev: None, data: &data };
        audit::append(&mut tx, &line).await?;
        tx.commit().await.map_err(unavailable)
    }

    async fn seen(&mut self, seen: &Seen) -> Result<(), StoreError> {
        let mut tx = self.conn().await?.begin_with("BEGIN IMMEDIATE").await.map_err(unavailable)?;
        directory::note_seen(&mut tx, seen).await?;
        tx.commit().await.map_err(unavailable)
    }

    async fn ready(&mut self) -> Result<(), StoreError> {
        self.syncer.trusted()?;
        let tx = self.conn().await?.begin_with("BEGIN IMMEDIATE").await.map_err(unavailable)?;
        tx.rollback().await.map_err(unavailable)
    }

    async fn conn(&mut self) -> Result<&mut SqliteConnection, StoreError> {
        self.syncer.trusted()?;
        if self.conn.is_none() {
            self.conn = Some(connect(&self.options).await?);
        }
        self.conn.as_mut().ok_or_else(|| StoreError::Unavailable("no connection".to_owned()))
    }
}

async fn connect(options: &SqliteConnectOptions) -> Result<SqliteConnection, StoreError> {
    SqliteConnection::connect_with(options).await.map_err(unavailable)
}
