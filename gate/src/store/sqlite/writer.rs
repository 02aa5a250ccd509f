//! The one task that writes. Each job is answered only after its commit, and after the sync where it
//! counts only then.
//!
//! What policy approves goes in batches ([`super::batch`]); everything else has a transaction of its own.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, SqliteConnection};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::audit::{self, Line};
use super::batch::{Batch, Batches, Conclusion, Written};
use super::calls::OnTheirWay;
use super::sync::Syncer;
use super::{PATIENCE, calls, directory, prune, schema, step, unavailable, wal};
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
    Prune {
        before: Timestamp,
        reply: Reply<bool>,
    },
    /// What processes that have gone were sending is moved to where it can be told that nobody knows.
    Abandon {
        gone: Vec<i64>,
        reply: Reply<()>,
    },
    /// Whether another process has written since the last time.
    Foreign {
        reply: Reply<bool>,
    },
    Flush {
        reply: Reply<()>,
    },
    SyncedTree {
        reply: Reply<Tree>,
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
        let on_their_way = Arc::default();
        let batches = Batches::open(&path, Arc::clone(&on_their_way))?;
        let (jobs, queue) = mpsc::unbounded_channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let syncer = Syncer::start(wal(&path));
        let desk = Desk {
            // A file that has gone is not made again: it would be another store.
            options: options.create_if_missing(false),
            conn: Some(conn),
            batches: Some(batches),
            on_their_way,
            path,
            secret,
            boot,
            syncer,
            jobs: jobs.downgrade(),
            waiting: waiting.clone(),
            lazy: VecDeque::new(),
            due: Instant::now(),
            opened_at: Instant::now(),
            log_end: None,
            foreign: true,
        };
        tokio::spawn(desk.work(queue));
        Ok((Writer { jobs, waiting }, secret))
    }

    /// Hands a job in and waits for its answer, at most as long as a caller may be kept.
    pub(super) async fn ask<T>(&self, job: impl FnOnce(Reply<T>) -> Job) -> Result<T, StoreError> {
        self.ask_for(PATIENCE + Duration::from_millis(500), job).await
    }

    /// The same for one who can be kept for so long.
    pub(super) async fn ask_for<T>(
        &self,
        patience: Duration,
        job: impl FnOnce(Reply<T>) -> Job,
    ) -> Result<T, StoreError> {
        if self.waiting.load(Ordering::Relaxed) > DEPTH {
            return Err(StoreError::Unavailable("too much waits to be written".to_owned()));
        }
        let (reply, mut answer) = oneshot::channel();
        self.waiting.fetch_add(1, Ordering::Relaxed);
        self.jobs.send(job(reply)).map_err(|_| closing())?;
        match tokio::time::timeout(patience, &mut answer).await {
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
    /// For what has a transaction of its own.
    conn: Option<SqliteConnection>,
    /// For the rest; away while a batch is written.
    batches: Option<Batches>,
    /// Outlives the connection that writes them.
    on_their_way: Arc<Mutex<OnTheirWay>>,
    path: PathBuf,
    secret: [u8; 32],
    boot: i64,
    syncer: Syncer,
    /// The way back to this desk, for what a sync finds out.
    jobs: mpsc::WeakUnboundedSender<Job>,
    waiting: Arc<AtomicUsize>,
    /// Outcomes that nobody waits for.
    lazy: VecDeque<Conclusion>,
    due: Instant,
    opened_at: Instant,
    /// Where the log ended after the last thing this process wrote.
    log_end: Option<u64>,
    /// Another process has written since it was asked last, or may have.
    foreign: bool,
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
                self.gather(&mut queue, &mut entries, &mut others).await;
            }
            let flush = others.iter().any(|job| matches!(job, Job::Flush { .. }));
            if !entries.is_empty() || due || closed || flush || self.lazy.len() >= BATCH {
                self.batch(&mut entries).await;
            }
            if flush || closed {
                self.write_all_outcomes().await;
            }
            for job in others.drain(..) {
                self.one(job).await;
            }
            if closed {
                break;
            }
        }
        if !self.lazy.is_empty() {
            tracing::error!("the store closes: {}", self.unwritten());
        }
        if let Some(conn) = self.conn.take() {
            let _ = conn.close().await;
        }
    }

    /// Takes what has come. While something comes, whoever else can run goes first: what they hand in rides along.
    /// Nobody is waited for, so a call that is alone loses nothing.
    async fn gather(
        &mut self,
        queue: &mut mpsc::UnboundedReceiver<Job>,
        entries: &mut Vec<(Box<Entry>, Reply<Row>)>,
        others: &mut Vec<Job>,
    ) {
        loop {
            let before = entries.len();
            tokio::task::yield_now().await;
            while entries.len() + self.lazy.len() < BATCH
                && let Ok(job) = queue.try_recv()
            {
                self.sort(job, entries, others);
            }
            if entries.len() == before || !others.is_empty() {
                return;
            }
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
        let outcomes: Vec<Conclusion> = self.lazy.drain(..room).collect();
        let (entries, replies): (Vec<_>, Vec<_>) = entries.drain(..).unzip();
        if entries.is_empty() && outcomes.is_empty() {
            return;
        }
        metrics::histogram!("holdshort_store_batch_size").record(small(entries.len() + outcomes.len()));
        let batch = Arc::new(Batch { entries, outcomes });
        match self.write(batch.clone()).await {
            Ok(written) => {
                self.syncer.soon();
                self.appended(written.log);
                for ((entry, reply), row) in batch.entries.iter().zip(replies).zip(written.rows) {
                    match row {
                        Ok(row) => self.entered(entry, reply, row),
                        Err(error) => drop(reply.send(Err(error))),
                    }
                }
                for row in written.late {
                    // Another process has declared it unknown meanwhile: that stands.
                    tracing::warn!(intent = %row.id, "an outcome came too late");
                }
            }
            Err(error) => {
                for reply in replies {
                    let _ = reply.send(Err(error.clone()));
                }
                self.lazy.extend(batch.outcomes.iter().cloned());
                // They are tried until they are written, not as fast as can be.
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        self.due = Instant::now() + LINGER;
        metrics::histogram!("holdshort_store_batch_seconds").record(started.elapsed().as_secs_f64());
    }

    /// More than a batch takes, as long as the store takes any.
    async fn write_all_outcomes(&mut self) {
        let mut before = usize::MAX;
        while !self.lazy.is_empty() && self.lazy.len() < before {
            before = self.lazy.len();
            self.batch(&mut Vec::new()).await;
        }
    }

    /// Outcomes that are known here and nowhere else.
    fn unwritten(&self) -> String {
        let ids: Vec<String> = self.lazy.iter().map(|conclusion| conclusion.row.id.to_string()).collect();
        format!("{} outcomes are not written: {}", ids.len(), ids.join(" "))
    }

    /// On a thread where it may wait for the disk.
    async fn write(&mut self, batch: Arc<Batch>) -> Result<Written, StoreError> {
        self.conn().await?;
        let mut batches = self.batches.take().ok_or_else(closing)?;
        let boot = self.boot;
        let done = tokio::task::spawn_blocking(move || (batches.write(boot, &batch), batches)).await;
        let written = match done {
            Ok((written, batches)) => {
                self.batches = Some(batches);
                written
            }
            Err(error) => Err(StoreError::Unavailable(error.to_string())),
        };
        if let Err(StoreError::Broken(why)) = &written {
            tracing::error!(why, "the store is not whole");
        }
        self.believed(written)
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
                let written = self.believed(written);
                if let Ok(row) = &written {
                    self.appended(events(*row, 1));
                }
                match written {
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
                let written = self.believed(written);
                if let Ok((row, _)) = &written {
                    self.appended(events(*row, advance.what.len()));
                }
                match written {
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
                let written = self.believed(written).map(|place| self.appended((place, place + 1)));
                self.synced(written, reply);
            }
            Job::Seen { seen, reply } => {
                let written = self.seen(&seen).await;
                let _ = reply.send(self.believed(written));
            }
            Job::Ready { reply } => {
                let ready = self.ready().await;
                let _ = reply.send(self.believed(ready));
            }
            Job::Sweep { now } => {
                if let Ok(conn) = self.conn().await
                    && let Err(error) = step::sweep(conn, now).await
                {
                    tracing::warn!(%error, "kept answers could not be swept");
                }
            }
            Job::Prune { before, reply } => {
                let pruned = match self.conn().await {
                    Ok(conn) => prune::some(conn, before).await,
                    Err(error) => Err(error),
                };
                let _ = reply.send(self.believed(pruned));
            }
            Job::Abandon { gone, reply } => {
                let moved = match self.conn().await {
                    Ok(conn) => calls::abandon(conn, &gone).await,
                    Err(error) => Err(error),
                };
                let _ = reply.send(self.believed(moved));
            }
            Job::Foreign { reply } => {
                let foreign = self.foreign().await;
                let _ = reply.send(foreign);
            }
            Job::SyncedTree { reply } => {
                let tree = match self.conn().await {
                    Ok(conn) => audit::tree(conn).await,
                    Err(error) => Err(error),
                };
                let tree = self.believed(tree);
                self.synced(tree, reply);
            }
            Job::Flush { reply } => {
                let flushed = self.lazy.is_empty();
                let _ = reply.send(if flushed { Ok(()) } else { Err(StoreError::Unavailable(self.unwritten())) });
            }
            Job::Conclude(conclusion) => self.later(conclusion),
        }
    }

    /// Answers what counts only once it is on the disk.
    fn synced<T: Send + 'static>(&self, written: Result<T, StoreError>, reply: Reply<T>) {
        match written {
            Ok(done) => self.syncer.now(Box::new(move |synced| drop(reply.send(synced.map(|()| done))))),
            Err(error) => drop(reply.send(Err(error))),
        }
    }

    /// This process has written: was the log's end not where it had left it, another one has, too.
    fn appended(&mut self, (from, to): (u64, u64)) {
        self.foreign |= self.log_end.is_none_or(|end| end != from);
        self.log_end = Some(to);
    }

    /// Whether the connections are to be believed any more.
    fn believed<T>(&mut self, written: Result<T, StoreError>) -> Result<T, StoreError> {
        match &written {
            Err(StoreError::Unavailable(why)) if !why.contains("locked") => self.forget_connections(),
            Err(StoreError::Broken(_)) => self.forget_connections(),
            _ => {}
        }
        written
    }

    async fn deed(&mut self, deed: &Deed, by: &Actor, at: Timestamp) -> Result<u64, StoreError> {
        let conn = self.conn().await?;
        let mut tx = conn.begin_with("BEGIN IMMEDIATE").await.map_err(unavailable)?;
        directory::apply(&mut tx, deed, at).await?;
        let (actor, subject, data) = (by.to_string(), deed.subject(), deed.data().to_string());
        let line = Line { at, kind: deed.kind(), actor: &actor, subject: subject.as_deref(), prev: None, data: &data };
        let place = audit::append(&mut tx, &line).await?;
        tx.commit().await.map_err(unavailable)?;
        Ok(place.cast_unsigned())
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
        let end = audit::tree(self.conn().await?).await?.size();
        self.appended((end, end));
        Ok(std::mem::take(&mut self.foreign))
    }

    /// The connection for single transactions. Both are opened again where they were given up.
    async fn conn(&mut self) -> Result<&mut SqliteConnection, StoreError> {
        self.syncer.trusted()?;
        if self.conn.is_none() || self.batches.is_none() {
            if self.opened_at.elapsed() < BACKOFF {
                return Err(StoreError::Unavailable("it failed a moment ago".to_owned()));
            }
            self.opened_at = Instant::now();
            let mut conn = connect(&self.options).await?;
            if schema::secret(&mut conn).await? != self.secret {
                return Err(StoreError::Unavailable(format!("{} is another store now", self.path.display())));
            }
            self.batches = Some(Batches::open(&self.path, self.on_their_way.clone())?);
            self.conn = Some(conn);
        }
        self.conn.as_mut().ok_or_else(closing)
    }

    fn forget_connections(&mut self) {
        // Closing them rolls back whatever was begun.
        self.conn = None;
        self.batches = None;
        // Nobody looked meanwhile at what others did.
        self.foreign = true;
    }
}

/// The places of an intent's last so many events.
fn events(row: Row, count: usize) -> (u64, u64) {
    let end = row.last.cast_unsigned() + 1;
    (end.saturating_sub(count as u64), end)
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

#[cfg(test)]
mod tests;
