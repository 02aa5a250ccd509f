//! What policy approves, written many at a time: any number of new intents and outcomes in one transaction.
//!
//! It has a connection of its own that works row by row, without a queue between this process and SQLite:
//! a bound row costs what SQLite itself costs. The writer hands over one batch at a time, so the two
//! connections of a process never meet.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{CachedStatement, Connection, Error, ErrorCode, OpenFlags, Transaction, TransactionBehavior, params};

use super::calls::{self, Labels, OnTheirWay};
use super::intents::{StateColumns, outcome_column};
use super::{PATIENCE, step};
use crate::audit::tree::{Tree, leaf};
use crate::audit::{Salt, commitment, write_leaf_text};
use crate::clock::Timestamp;
use crate::id::IntentId;
use crate::intent::{Event, State, What};
use crate::store::{Entry, Row, StoreError};

const CALL: &str = "INSERT INTO calls (n, id, boot, label, last) VALUES (?1, ?2, ?3, ?4, ?1)";
const CALLED: &str = "UPDATE calls SET last = ?2 WHERE n = ?1 AND last = n";
const INTENT: &str = "
    INSERT INTO intents (n, version, last, state, boot, id, at, people, project, action, fingerprint, call, content)
    VALUES (?1, 0, ?1, 'executing', ?2, ?3, ?4, 0, ?5, ?6, ?7, ?8, ?9)";
const EVENT: &str = "
    INSERT INTO events (seq, at, kind, actor, subject, prev, leaf, salt, data)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
const OUTCOME: &str = "
    UPDATE intents SET version = version + 1, last = ?3, state = ?4, at = ?5, status = ?6, why = ?7, outcome = ?8,
                       boot = NULL
    WHERE n = ?1 AND version = ?2 AND state = 'executing'";

/// An outcome that waits to be written.
#[derive(Debug, Clone)]
pub(super) struct Conclusion {
    pub(super) row: Row,
    pub(super) event: Event,
}

/// What one transaction takes.
///
/// INVARIANT: every entry is one that enters at `executing`.
#[derive(Debug, Default)]
pub(super) struct Batch {
    #[expect(clippy::vec_box, reason = "they came in boxes, and a move of each would be wide")]
    pub(super) entries: Vec<Box<Entry>>,
    pub(super) outcomes: Vec<Conclusion>,
}

/// What became of a batch.
#[derive(Debug)]
pub(super) struct Written {
    /// The new rows, in order. Where one could not be, the others stand all the same.
    pub(super) rows: Vec<Result<Row, StoreError>>,
    /// Outcomes that were not this process's to write any more, in order: what was written meanwhile stands.
    pub(super) late: Vec<Row>,
    /// Where the log ended before, and where it ends now.
    pub(super) log: (u64, u64),
}

/// The connection that writes batches.
#[derive(Debug)]
pub(super) struct Batches {
    conn: Connection,
    labels: Labels,
    on_their_way: Arc<Mutex<OnTheirWay>>,
}

impl Batches {
    /// The file is there, with its schema.
    pub(super) fn open(path: &Path, on_their_way: Arc<Mutex<OnTheirWay>>) -> Result<Batches, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let conn = Connection::open_with_flags(path, flags).map_err(unavailable)?;
        conn.busy_timeout(PATIENCE).map_err(unavailable)?;
        for (pragma, value) in [("synchronous", "NORMAL"), ("foreign_keys", "ON"), ("trusted_schema", "OFF")] {
            conn.pragma_update(None, pragma, value).map_err(unavailable)?;
        }
        Ok(Batches { conn, labels: Labels::default(), on_their_way })
    }

    /// One transaction. An error: nothing of it is written.
    pub(super) fn write(&mut self, boot: i64, batch: &Batch) -> Result<Written, StoreError> {
        let written = self.try_write(boot, batch);
        if written.is_err() {
            // Those that it made are gone.
            self.labels = Labels::default();
        }
        written
    }

    fn try_write(&mut self, boot: i64, batch: &Batch) -> Result<Written, StoreError> {
        let mut on_their_way = self.on_their_way.lock().unwrap_or_else(PoisonError::into_inner);
        let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(unavailable)?;
        let mut log = Log::open(&tx, batch.entries.len() + batch.outcomes.len())?;
        let before = log.tree.size();
        let rows = enter(&tx, &mut log, boot, &batch.entries, &mut self.labels)?;
        let late = conclude(&tx, &mut log, &batch.outcomes)?;
        let end = place(&log.tree);
        let after = log.close(&tx)?;
        on_their_way.begun(rows.iter().flatten().map(|row| row.n));
        let ended = batch.outcomes.iter().map(|conclusion| conclusion.row.n);
        let settled = on_their_way.to_mark(ended.clone(), end);
        if let Some(settled) = settled {
            calls::mark(&tx, boot, settled).map_err(unavailable)?;
        }
        tx.commit().map_err(unavailable)?;
        on_their_way.ended(ended);
        if let Some(settled) = settled {
            on_their_way.marked(settled);
        }
        Ok(Written { rows, late, log: (before, after) })
    }
}

fn enter(
    tx: &Transaction<'_>,
    log: &mut Log<'_>,
    boot: i64,
    entries: &[Box<Entry>],
    labels: &mut Labels,
) -> Result<Vec<Result<Row, StoreError>>, StoreError> {
    let mut rows = Vec::with_capacity(entries.len());
    let mut actor = String::new();
    for entry in entries {
        let n = place(&log.tree);
        let Entry { id, at, project, action, fingerprint, .. } = &**entry;
        let inserted = match (&entry.call, &entry.content) {
            (None, None) => {
                let label = labels.of(tx, entry).map_err(unavailable)?;
                let mut insert = tx.prepare_cached(CALL).map_err(unavailable)?;
                insert.execute(params![n, id.bytes(), boot, label])
            }
            (call, content) => {
                let mut insert = tx.prepare_cached(INTENT).map_err(unavailable)?;
                insert.execute(params![n, boot, id.bytes(), at.0, project, action, fingerprint, call, content])
            }
        };
        match inserted {
            Ok(_) => {}
            // Where the place itself is taken, the log is not what the tree says.
            Err(error) if violates(&error) && !names_the_place(&error.to_string()) => {
                rows.push(Err(step::violated(&error.to_string())));
                continue;
            }
            Err(error) => return Err(unavailable(error)),
        }
        actor.clear();
        actor.push_str("agent ");
        actor.extend(fingerprint.chars().map(|one| if one.is_control() { ' ' } else { one }));
        let line = Line { at: *at, kind: What::SUBMITTED, actor: &actor, subject: *id, prev: None };
        log.append(line, &entry.facts)?;
        rows.push(Ok(Row { id: *id, n, version: 0, last: n }));
    }
    Ok(rows)
}

fn conclude(tx: &Transaction<'_>, log: &mut Log<'_>, outcomes: &[Conclusion]) -> Result<Vec<Row>, StoreError> {
    let mut late = Vec::new();
    for conclusion in outcomes {
        let Conclusion { row, event } = conclusion;
        match settle(tx, place(&log.tree), conclusion) {
            Ok(true) => {
                let (kind, prev) = (event.kind(), Some(row.last));
                let line = Line { at: event.at, kind, actor: "gate", subject: row.id, prev };
                log.append(line, &event.what.data())?;
            }
            Err(error) if !violates(&error) => return Err(unavailable(error)),
            _ => late.push(*row),
        }
    }
    Ok(late)
}

/// Writes where an outcome leads; `false`: it was not this process's to write any more.
fn settle(tx: &Transaction<'_>, last: i64, Conclusion { row, event }: &Conclusion) -> Result<bool, Error> {
    // Only these follow from `executing`; the gate hands in nothing else.
    let Ok(state) = (State::Executing { at: event.at }).after(event) else { return Ok(false) };
    if row.version == 0 {
        if matches!(state, State::Executed { .. }) {
            if tx.prepare_cached(CALLED)?.execute(params![row.n, last])? == 1 {
                return Ok(true);
            }
        } else {
            calls::move_on(tx, row.n)?;
        }
    }
    let columns = StateColumns::of(&state);
    let (name, at, status, why) = (state.name(), event.at.0, columns.status, columns.why);
    let outcome = outcome_column(None, event);
    let mut update = tx.prepare_cached(OUTCOME)?;
    Ok(update.execute(params![row.n, row.version, last, name, at, status, why, outcome])? == 1)
}

fn names_the_place(message: &str) -> bool {
    message.contains("intents.n") || message.contains("calls.n")
}

/// An event on its way into the log.
struct Line<'a> {
    at: Timestamp,
    kind: &'static str,
    actor: &'a str,
    subject: IntentId,
    prev: Option<i64>,
}

/// The log's end within a transaction.
struct Log<'a> {
    tree: Tree,
    text: String,
    /// One for each event that may come.
    salts: std::vec::IntoIter<Salt>,
    event: CachedStatement<'a>,
}

impl<'a> Log<'a> {
    /// Read under the lock: nobody moves it before this transaction ends.
    fn open(tx: &'a Transaction<'_>, events: usize) -> Result<Log<'a>, StoreError> {
        let mut salts = vec![Salt::default(); events];
        getrandom::fill(salts.as_flattened_mut())
            .map_err(|error| StoreError::Unavailable(format!("randomness: {error}")))?;
        let tree = tx.prepare_cached("SELECT size, frontier FROM tree").and_then(|mut select| {
            let tree = |size: i64, frontier: &[u8]| Tree::stored(size.cast_unsigned(), frontier);
            select.query_row([], |row| Ok(tree(row.get(0)?, row.get_ref(1)?.as_blob()?)))
        });
        let broken = || StoreError::Broken("the tree's size and peaks do not belong together".to_owned());
        let tree = tree.map_err(unavailable)?.ok_or_else(broken)?;
        Ok(Log {
            tree,
            text: String::new(),
            salts: salts.into_iter(),
            event: tx.prepare_cached(EVENT).map_err(unavailable)?,
        })
    }

    /// Keeps where it ends now.
    fn close(self, tx: &Transaction<'_>) -> Result<u64, StoreError> {
        tx.prepare_cached("UPDATE tree SET size = ?1, frontier = ?2")
            .and_then(|mut update| update.execute(params![place(&self.tree), self.tree.frontier()]))
            .map_err(unavailable)?;
        Ok(self.tree.size())
    }

    /// Puts an event at the end of the tree, and its row into the store.
    fn append(&mut self, line: Line<'_>, data: &str) -> Result<(), StoreError> {
        let Line { at, kind, actor, subject, prev } = line;
        let seq = place(&self.tree);
        let mut buffer = IntentId::buffer();
        let subject = subject.encoded(&mut buffer);
        self.text.clear();
        let salt = self.salts.next().ok_or_else(|| StoreError::Broken("more events than a batch has".to_owned()))?;
        let sealed = commitment(&salt, data);
        write_leaf_text(&mut self.text, self.tree.size(), at, kind, actor, Some(subject), &sealed);
        let hash = leaf(self.text.as_bytes());
        self.tree.push(hash);
        let row = params![seq, at.0, kind, actor, subject, prev, hash, salt, data];
        self.event.execute(row).map(|_| ()).map_err(unavailable)
    }
}

/// Where the next event goes.
fn place(tree: &Tree) -> i64 {
    i64::try_from(tree.size()).unwrap_or(i64::MAX)
}

fn violates(error: &Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation)
}

fn unavailable(error: Error) -> StoreError {
    StoreError::Unavailable(error.to_string())
}

#[cfg(test)]
mod tests;
