//! The one task that writes. Each job is answered only after its commit, and after the sync where it
//! counts only then.
//!
//! What policy approves goes in batches ([`super::batch`]); everything else has a transaction of its own.
//! A batch that fails is tried row by row, so that one bad row fails alone.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, SqliteConnection};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::audit::{self, Line};
use super::batch::{self, Conclusion};
use super::sync::Syncer;
use super::{PATIENCE, directory, schema, step, unavailable, wal};
use crate::audit::tree::Tree;
use crate::clock::Timestamp;
use crate::deed::{Actor, Deed};
use crate::directory::Seen;
use crate::intent::{Event, State, What};
use crate::store::{Advance, Entry, Row, StoreError};

/// The most that one transaction takes.
const BATCH: usize = 512;
/// How long an outcome waits for others, or for a new intent that takes it along.
const LINGER: Duration = Duration::from_millis(20);
/// Jobs that may wait to be written.
const DEPTH: usize = 8192;
/// Between two tries to open the store again.
const BACKOFF: Duration = Duration::from_millis(250);

/// A count that SQLite never gives.
const NEVER: i64 = -1;

pub(super) type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

/// One thing to write.
pub(super) enum Job {
    Enter {
        entry: Box<Entry>,
        reply: Reply<Row>,
    },
    Conclude(Conclusion),
    Advance {
        advance: Box<Advance>,
        reply: Reply<(Row, State)>,
    },
    Deed {
        deed: Box<Deed>,
        by: Actor,
        at: Timestamp,
        reply: Reply<()>,
    },
    Seen {
        seen: Seen,
        reply: Reply<()>,
    },
    Ready {
        reply: Reply<()>,
    },
    Sweep {
        now: Timestamp,
    },
    /// Whether another process has written since the last time.
    Foreign {
        reply: Reply<bool>,
    },
    Flush {
        reply: Reply<()>,
    },
}

/// The way to the writer.
#[derive(Debug)]
pub(super) struct Writer {
    jobs: mpsc::UnboundedSender<Job>,
    waiting: Arc<AtomicUsize>,
}

impl Writer {
    pub(super) async fn start(
        path: PathBuf,
        options: SqliteConnectOptions,
        boot: i64,
    ) -> Result<(Writer, [u8; 32]), StoreError> {
        let mut conn = connect(&options).await?;
        schema::migrate(&mut conn).await?;
        let secret = schema::secret(&mut conn).await?;
        let tree = audit::tree(&mut conn).await?;
        let (jobs, queue) = mpsc::unbounded_channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let syncer = Syncer::start(wal(&path));
        let desk = Desk {
            // A file that has gone is not made again: it would be another store.
            options: options.create_if_missing(false),
            conn: Some(conn),
            path,
            secret,
            boot,
            tree: Some(tree),
            syncer,
            jobs: jobs.downgrade(),
            waiting: waiting.clone(),
            lazy: VecDeque::new(),
            due: Instant::now(),
            opened_at: Instant::now(),
            version: NEVER,
        };
        tokio::spawn(desk.work(queue));
        Ok((Writer { jobs, waiting }, secret))
    }

    /// Hands a job in and waits for its answer, at most as long as a caller may be kept.
    pub(super) async fn ask<T>(&self, job: impl FnOnce(Reply<T>) -> Job) -> Result<T, StoreError> {
        if self.waiting.load(Ordering::Relaxed) > DEPTH {
            return Err(StoreError::Unavailable("too much waits to be written".to_owned()));
        }
        let (reply, mut answer) = oneshot::channel();
        self.waiting.fetch_add(1, Ordering::Relaxed);
        self.jobs.send(job(reply)).map_err(|_| closing())?;
        match tokio::time::timeout(PATIENCE + Duration::from_millis(500), &mut answer).await {
            Ok(Ok(done)) => done,
            Ok(Err(_)) => Err(closing()),
            Err(_) => {
                // From here on the writer knows that nobody listens; what it had said before still counts.
                answer.close();
                answer.try_recv().unwrap_or_else(|_| Err(StoreError::Unavailable("it does not answer".to_owned())))
            }
        }
    }

    pub(super) fn tell(&self, job: Job) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let _ = self.jobs.send(job);
    }
}

fn closing() -> StoreError {
    StoreError::Unavailable("the store is closing".to_owned())
}

struct Desk {
    options: SqliteConnectOptions,
    conn: Option<SqliteConnection>,
    path: PathBuf,
    secret: [u8; 32],
    boot: i64,
    /// As this process wrote it last; `None`: to be looked at.
    tree: Option<Tree>,
    syncer: Syncer,
    /// The way back to this desk, for what a sync finds out.
    jobs: mpsc::WeakUnboundedSender<Job>,
    waiting: Arc<AtomicUsize>,
    /// Outcomes that nobody waits for.
    lazy: VecDeque<Conclusion>,
    due: Instant,
    opened_at: Instant,
    /// SQLite's count of what other connections committed.
    version: i64,
}

impl Desk {
    async fn work(mut self, mut queue: mpsc::UnboundedReceiver<Job>) {
        let mut entries = Vec::new();
        let mut others = Vec::new();
        loop {
            let next = if self.lazy.is_empty() {
                queue.recv().await.map_or(Next::Closed, Next::Job)
            } else {
                match tokio::time::timeout_at(self.due, queue.recv()).await {
                    Ok(job) => job.map_or(Next::Closed, Next::Job),
                    Err(_) => Next::Due,
                }
            };
            let (closed, due) = (matches!(next, Next::Closed), matches!(next, Next::Due));
            if let Next::Job(job) = next {
                self.sort(job, &mut entries, &mut others);
                while entries.len() + self.lazy.len() < BATCH
                    && let Ok(job) = queue.try_recv()
                {
                    self.sort(job, &mut entries, &mut others);
                }
            }
            let flush = others.iter().any(|job| matches!(job, Job::Flush { .. }));
            if !entries.is_empty() || due || closed || flush || self.lazy.len() >= BATCH {
                self.batch(&mut entries).await;
            }
            for job in others.drain(..) {
                self.one(job).await;
            }
            if closed {
                break;
            }
        }
        if let Some(conn) = self.conn.take() {
            let _ = conn.close().await;
        }
    }

    fn sort(&mut self, job: Job, entries: &mut Vec<(Box<Entry>, Reply<Row>)>, others: &mut Vec<Job>) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        match job {
            // With a body it is a wide row, and rare.
            Job::Enter { entry, reply } if matches!(entry.state, State::Executing { .. }) => {
                entries.push((entry, reply))
            }
            Job::Conclude(conclusion) => self.later(conclusion),
            other => others.push(other),
        }
    }

    fn later(&mut self, conclusion: Conclusion) {
        if self.lazy.is_empty() {
            self.due = Instant::now() + LINGER;
        }
        self.lazy.push_back(conclusion);
    }

    async fn batch(&mut self, entries: &mut Vec<(Box<Entry>, Reply<Row>)>) {
        let started = Instant::now();
        let room = BATCH.saturating_sub(entries.len()).max(1).min(self.lazy.len());
        let lazy: Vec<Conclusion> = self.lazy.drain(..room).collect();
        let (entries, replies): (Vec<_>, Vec<_>) = entries.drain(..).unzip();
        if entries.is_empty() && lazy.is_empty() {
            return;
        }
        metrics::histogram!("holdshort_store_batch_size").record(small(entries.len() + lazy.len()));
        let refs: Vec<&Entry> = entries.iter().map(AsRef::as_ref).collect();
        match self.write(&refs, &lazy).await {
            Ok(rows) => {
                self.syncer.soon();
                for ((entry, reply), row) in entries.into_iter().zip(replies).zip(rows) {
                    self.entered(&entry, reply, row);
                }
            }
            Err(error) => self.singly(error, entries, replies, lazy).await,
        }
        self.due = Instant::now() + LINGER;
        metrics::histogram!("holdshort_store_batch_seconds").record(started.elapsed().as_secs_f64());
    }

    /// Answers, or undoes what nobody waits for any more.
    fn entered(&mut self, entry: &Entry, reply: Reply<Row>, row: Row) {
        let event = Event { at: entry.at, what: not_sent() };
        if entry.durable {
            self.claimed(row, event, reply, |row| row);
        } else if reply.send(Ok(row)).is_err() {
            self.later(Conclusion { row, event });
        }
    }

    /// Answers a claim once it is on the disk; where nobody listens any more it is undone: nothing was sent.
    fn claimed<T: Send + 'static>(
        &self,
        row: Row,
        event: Event,
        reply: Reply<T>,
        done: impl FnOnce(Row) -> T + Send + 'static,
    ) {
        let (jobs, waiting) = (self.jobs.clone(), self.waiting.clone());
        self.syncer.now(Box::new(move |synced| {
            if reply.send(synced.map(|()| done(row))).is_err()
                && let Some(jobs) = jobs.upgrade()
            {
                waiting.fetch_add(1, Ordering::Relaxed);
                let _ = jobs.send(Job::Conclude(Conclusion { row, event }));
            }
        }));
    }

    /// After a batch has failed: finds out for whom.
    #[expect(clippy::vec_box, reason = "they came in boxes, and a move of each would be wide")]
    async fn singly(
        &mut self,
        error: StoreError,
        entries: Vec<Box<Entry>>,
        replies: Vec<Reply<Row>>,
        lazy: Vec<Conclusion>,
    ) {
        let alone = entries.len() + lazy.len() == 1;
        let unavailable = matches!(error, StoreError::Unavailable(_));
        for (entry, reply) in entries.into_iter().zip(replies) {
            let written = if unavailable || alone { Err(error.clone()) } else { self.write(&[&entry], &[]).await };
            match written.map(|rows| rows.first().copied()) {
                Ok(Some(row)) => {
                    self.syncer.soon();
                    self.entered(&entry, reply, row);
                }
                Ok(None) => drop(reply.send(Err(StoreError::Broken("a batch without its row".to_owned())))),
                Err(error) => drop(reply.send(Err(error))),
            }
        }
        for conclusion in lazy {
            let written = if unavailable || alone {
                Err(error.clone())
            } else {
                self.write(&[], std::slice::from_ref(&conclusion)).await
            };
            match written {
                Ok(_) => self.syncer.soon(),
                Err(StoreError::Unavailable(_)) => self.lazy.push_back(conclusion),
                // Another process has declared it unknown meanwhile: that stands.
                Err(error) => tracing::warn!(intent = %conclusion.row.id, %error, "an outcome came too late"),
            }
        }
        if unavailable {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// One transaction; where another process wrote meanwhile, once more with the lock taken first.
    async fn write(&mut self, entries: &[&Entry], lazy: &[Conclusion]) -> Result<Vec<Row>, StoreError> {
        loop {
            let guess = self.tree.take();
            let guessed = guess.is_some();
            let boot = self.boot;
            let conn = self.conn().await?;
            let tree = match guess {
                Some(tree) => Ok(Some(tree)),
                None => batch::begin(conn).await,
            };
            let written = match tree {
                Ok(Some(tree)) => batch::write(conn, tree, !guessed, boot, entries, lazy).await,
                Ok(None) => {
                    self.forget_connection();
                    return Err(StoreError::Broken("the tree's size and peaks do not belong together".to_owned()));
                }
                Err(error) => Err(error),
            };
            let error = match written {
                Ok((rows, tree)) => {
                    self.tree = Some(tree);
                    return Ok(rows);
                }
                Err(error) => error,
            };
            let moved = error.as_database_error().is_some_and(|error| {
                error.message().contains("events.seq")
                    || error.message().contains("intents.n")
                    || error.is_check_violation()
            });
            let rolled_back = sqlx::raw_sql("ROLLBACK").execute(self.conn().await?).await;
            if let Err(error) = rolled_back {
                tracing::debug!(%error, "nothing to roll back");
            }
            if moved && guessed {
                continue;
            }
            return Err(self.failed(error));
        }
    }

    async fn one(&mut self, job: Job) {
        match job {
            // Nobody listens any more: was it not begun, it is not written.
            Job::Enter { reply, .. } if reply.is_closed() => {}
            Job::Advance { reply, .. } if reply.is_closed() => {}
            Job::Deed { reply, .. } if reply.is_closed() => {}
            Job::Enter { entry, reply } => {
                let boot = self.conn().await;
                let written = match boot {
                    Ok(conn) => step::enter(conn, &entry).await,
                    Err(error) => Err(error),
                };
                match self.settled(written) {
                    Ok(row) if entry.durable => {
                        self.syncer.now(Box::new(move |synced| drop(reply.send(synced.map(|()| row)))));
                    }
                    written => {
                        self.syncer.soon();
                        let _ = reply.send(written);
                    }
                }
            }
            Job::Advance { advance, reply } => {
                let number = self.boot;
                let written = match self.conn().await {
                    Ok(conn) => step::advance(conn, number, &advance).await,
                    Err(error) => Err(error),
                };
                match self.settled(written) {
                    Ok((row, State::Executing { at })) => {
                        self.claimed(row, Event { at, what: not_sent() }, reply, move |row| {
                            (row, State::Executing { at })
                        })
                    }
                    written => self.synced(written, reply),
                }
            }
            Job::Deed { deed, by, at, reply } => {
                let written = self.deed(&deed, &by, at).await;
                self.synced(written, reply);
            }
            Job::Seen { seen, reply } => {
                let written = self.seen(&seen).await;
                let _ = reply.send(self.settled(written));
            }
            Job::Ready { reply } => {
                let ready = self.ready().await;
                let _ = reply.send(self.settled(ready));
            }
            Job::Sweep { now } => {
                if let Ok(conn) = self.conn().await
                    && let Err(error) = step::sweep(conn, now).await
                {
                    tracing::warn!(%error, "kept answers could not be swept");
                }
            }
            Job::Foreign { reply } => {
                let foreign = self.foreign().await;
                let _ = reply.send(foreign);
            }
            Job::Flush { reply } => {
                let left = self.lazy.len();
                let flushed = StoreError::Unavailable(format!("{left} outcomes are not written yet"));
                let _ = reply.send(if left == 0 { Ok(()) } else { Err(flushed) });
            }
            Job::Conclude(conclusion) => self.later(conclusion),
        }
    }

    /// Answers what counts only once it is on the disk.
    fn synced<T: Send + 'static>(&mut self, written: Result<T, StoreError>, reply: Reply<T>) {
        match self.settled(written) {
            Ok(done) => self.syncer.now(Box::new(move |synced| drop(reply.send(synced.map(|()| done))))),
            Err(error) => drop(reply.send(Err(error))),
        }
    }

    /// After a transaction of its own: the log's end is no longer what the last batch left.
    fn settled<T>(&mut self, written: Result<T, StoreError>) -> Result<T, StoreError> {
        self.tree = None;
        if let Err(StoreError::Unavailable(why)) = &written
            && !why.contains("locked")
        {
            self.forget_connection();
        }
        written
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
        let mut tx = self.conn().await?.begin_with("BEGIN IMMEDIATE").await.map_err(unavailable)?;
        // A full or read-only disk shows only when something is written.
        sqlx::query("UPDATE tree SET whole = 1").execute(&mut *tx).await.map_err(unavailable)?;
        tx.rollback().await.map_err(unavailable)
    }

    async fn foreign(&mut self) -> Result<bool, StoreError> {
        let conn = self.conn().await?;
        let version: i64 = sqlx::query_scalar("PRAGMA data_version").fetch_one(conn).await.map_err(unavailable)?;
        Ok(std::mem::replace(&mut self.version, version) != version)
    }

    /// The connection, opened again where the last one was given up.
    async fn conn(&mut self) -> Result<&mut SqliteConnection, StoreError> {
        self.syncer.trusted()?;
        if self.conn.is_none() {
            if self.opened_at.elapsed() < BACKOFF {
                return Err(StoreError::Unavailable("it failed a moment ago".to_owned()));
            }
            self.opened_at = Instant::now();
            let mut conn = connect(&self.options).await?;
            if schema::secret(&mut conn).await? != self.secret {
                return Err(StoreError::Unavailable(format!("{} is another store now", self.path.display())));
            }
            self.tree = None;
            self.conn = Some(conn);
        }
        self.conn.as_mut().ok_or_else(closing)
    }

    /// What a failed batch means, and whether the connection is to be believed any more.
    fn failed(&mut self, error: sqlx::Error) -> StoreError {
        match error.as_database_error() {
            Some(database) if database.is_unique_violation() => step::taken(error),
            Some(database) if database.is_check_violation() => StoreError::Stale,
            Some(database) if database.message().contains("locked") => unavailable(error),
            _ => {
                self.forget_connection();
                unavailable(error)
            }
        }
    }

    fn forget_connection(&mut self) {
        // Closing it rolls back whatever it had begun.
        self.conn = None;
        // The next one counts for itself: what others did meanwhile is looked for.
        self.version = NEVER;
    }
}

enum Next {
    Job(Job),
    Due,
    Closed,
}

/// Of a claim whose claimer has given up.
fn not_sent() -> What {
    What::Failed { why: "the store was too slow; nothing was sent".to_owned() }
}

async fn connect(options: &SqliteConnectOptions) -> Result<SqliteConnection, StoreError> {
    SqliteConnection::connect_with(options).await.map_err(unavailable)
}

#[expect(clippy::cast_precision_loss, reason = "a batch has few hundred rows")]
fn small(count: usize) -> f64 {
    count as f64
}
