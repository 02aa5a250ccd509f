//! Calls that policy approved: their own small rows, for as long as nothing but success is to be told of them.
//!
//! No index names those that are on their way: it would take in and give back every call. A process writes
//! down now and then below which place none of its calls is ([`mark`]), so that few rows are looked through
//! for them.
//!
//! INVARIANT: a call of a process that lives is never below the mark while it is on its way. What became of
//! a commit that failed is not known, so a call counts as begun from before its commit, and as ended from
//! after the one of its outcome.

use std::collections::{BTreeSet, HashMap};

use rusqlite::{Error, Transaction, params};
use sqlx::{Connection as _, SqliteConnection, SqlitePool};

use super::unavailable;
use crate::store::{Entry, StoreError};

/// The mark is written again when the log has grown by this much.
const MARKED_EVERY: i64 = 1024;

/// Combinations that are remembered.
const LABELS: usize = 4096;

macro_rules! moved {
    ($which:literal) => {
        concat!(
            "INSERT INTO intents (n, id, version, last, state, boot, at, people, project, action, fingerprint) ",
            "SELECT c.n, c.id, 0, c.n, 'executing', c.boot, e.at, 0, l.project, l.action, l.fingerprint ",
            "FROM calls c JOIN labels l ON l.id = c.label JOIN events e ON e.seq = c.n WHERE c.last = c.n AND ",
            $which
        )
    };
}

const MOVE: &str = moved!("c.n = ?1");
const REMOVE: &str = "DELETE FROM calls WHERE last = n AND n = ?1";

/// The calls of this process that have no outcome yet.
#[derive(Debug, Default)]
pub(super) struct OnTheirWay {
    begun: BTreeSet<i64>,
    marked: Option<i64>,
}

impl OnTheirWay {
    pub(super) fn begun(&mut self, calls: impl Iterator<Item = i64>) {
        self.begun.extend(calls);
    }

    pub(super) fn ended(&mut self, calls: impl Iterator<Item = i64>) {
        for call in calls {
            self.begun.remove(&call);
        }
    }

    /// Below which place none is once `ended` are, where that is to be written down again; `end` is that of the log.
    pub(super) fn to_mark(&self, ended: impl Iterator<Item = i64>, end: i64) -> Option<i64> {
        let due = self.marked.is_none_or(|marked| end - marked >= MARKED_EVERY);
        if !due || (self.marked.is_none() && self.begun.is_empty()) {
            return None;
        }
        let ended: BTreeSet<i64> = ended.collect();
        let settled = self.begun.difference(&ended).next().copied().unwrap_or(end);
        (self.marked != Some(settled)).then_some(settled)
    }

    pub(super) fn marked(&mut self, settled: i64) {
        self.marked = Some(settled);
    }
}

pub(super) fn mark(tx: &Transaction<'_>, boot: i64, settled: i64) -> Result<(), Error> {
    let sql = "INSERT INTO boots (boot, settled) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET settled = ?2";
    tx.prepare_cached(sql)?.execute(params![boot, settled]).map(|_| ())
}

/// Moves a call on its way to where the rest of its life can be told.
pub(super) fn move_on(tx: &Transaction<'_>, n: i64) -> Result<(), Error> {
    if tx.prepare_cached(MOVE)?.execute(params![n])? > 0 {
        tx.prepare_cached(REMOVE)?.execute(params![n])?;
    }
    Ok(())
}

/// The same over the other connection.
pub(super) async fn moved_on(conn: &mut SqliteConnection, n: i64) -> Result<(), StoreError> {
    for sql in [MOVE, REMOVE] {
        sqlx::query(sql).bind(n).execute(&mut *conn).await.map_err(unavailable)?;
    }
    Ok(())
}

/// The processes that have sent calls.
pub(super) async fn boots(pool: &SqlitePool) -> Result<Vec<i64>, StoreError> {
    sqlx::query_scalar("SELECT boot FROM boots").fetch_all(pool).await.map_err(unavailable)
}

/// Moves what processes that have gone were sending.
pub(super) async fn abandon(conn: &mut SqliteConnection, gone: &[i64]) -> Result<(), StoreError> {
    let mut tx = conn.begin_with("BEGIN IMMEDIATE").await.map_err(unavailable)?;
    for boot in gone {
        for sql in [
            moved!("c.boot = ?1 AND c.n >= (SELECT settled FROM boots WHERE boot = ?1)"),
            "DELETE FROM calls WHERE last = n AND boot = ?1 AND n >= (SELECT settled FROM boots WHERE boot = ?1)",
            "DELETE FROM boots WHERE boot = ?1",
        ] {
            sqlx::query(sql).bind(boot).execute(&mut *tx).await.map_err(unavailable)?;
        }
    }
    tx.commit().await.map_err(unavailable)
}

/// Numbers of the labels that were used lately.
#[derive(Debug, Default)]
pub(super) struct Labels {
    known: HashMap<String, i64>,
    /// Of the one that is looked for, to be used again.
    key: String,
}

impl Labels {
    /// That of an entry; made where there is none.
    pub(super) fn of(&mut self, tx: &Transaction<'_>, entry: &Entry) -> Result<i64, Error> {
        let Entry { project, action, fingerprint, .. } = entry;
        self.key.clear();
        for part in [project, action, fingerprint] {
            self.key.push_str(part);
            self.key.push('\0');
        }
        if let Some(label) = self.known.get(&self.key) {
            return Ok(*label);
        }
        let make = "INSERT INTO labels (project, action, fingerprint) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
        tx.prepare_cached(make)?.execute(params![project, action, fingerprint])?;
        let find = "SELECT id FROM labels WHERE project = ?1 AND action = ?2 AND fingerprint = ?3";
        let label =
            tx.prepare_cached(find)?.query_row(params![project, action, fingerprint], |row| row.get::<_, i64>(0))?;
        if self.known.len() >= LABELS {
            self.known.clear();
        }
        self.known.insert(self.key.clone(), label);
        Ok(label)
    }
}

#[cfg(test)]
mod tests {
    use super::OnTheirWay;

    #[test]
    fn the_mark_never_passes_a_call_on_its_way() {
        let none = || std::iter::empty();
        let mut calls = OnTheirWay::default();
        assert_eq!(calls.to_mark(none(), 5), None, "a process that sends nothing leaves no mark");
        calls.begun([5, 6, 7].into_iter());
        assert_eq!(calls.to_mark(none(), 8), Some(5), "the first is marked at once");
        calls.marked(5);
        calls.ended([6].into_iter());
        assert_eq!(calls.to_mark([5].into_iter(), 900), None, "not every time");
        calls.ended([5].into_iter());
        assert_eq!(calls.to_mark(none(), 2000), Some(7));
        assert_eq!(calls.to_mark([7].into_iter(), 2000), Some(2000));
        calls.marked(7);
        assert_eq!(calls.to_mark(none(), 9000), None, "it stands where it stood");
        calls.ended([7].into_iter());
        assert_eq!(calls.to_mark(none(), 9000), Some(9000));
    }
}
