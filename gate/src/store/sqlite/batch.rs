//! What policy approves, written many at a time: any number of new intents and outcomes in one
//! transaction of a fixed text, one round trip to the connection's thread.
//!
//! The log's end is what this process wrote last; where another process has written meanwhile the places
//! collide, nothing is committed, and the writer tries again with an end that is read under the lock.

use std::borrow::Cow;
use std::sync::LazyLock;

use sqlx::sqlite::{Sqlite, SqliteArguments};
use sqlx::{Arguments as _, AssertSqlSafe, Encode, Row as _, SqliteConnection, Type};

use super::intents::{StateColumns, outcome_column};
use crate::audit::leaf_text;
use crate::audit::tree::{Hash, Tree, leaf};
use crate::clock::Timestamp;
use crate::intent::{Event, State, What};
use crate::store::{Entry, Row};

/// An outcome that waits to be written.
#[derive(Debug, Clone)]
pub(super) struct Conclusion {
    pub(super) row: Row,
    pub(super) event: Event,
}

/// The most rows in one statement.
const WIDEST: usize = 64;

const BEGIN: &str = "BEGIN IMMEDIATE;\n";

/// Rows in one statement, and how many such statements: few different texts, so that they stay prepared.
fn shape(rows: usize) -> (usize, usize) {
    let width = rows.next_power_of_two().min(WIDEST);
    (width, rows.div_ceil(width))
}

/// The texts for one statement of each kind, by the logarithm of its width.
static TEXTS: LazyLock<Vec<String>> = LazyLock::new(|| (0..=WIDEST.ilog2()).map(|log| text(1 << log, 1)).collect());

fn text_of(width: usize, times: usize) -> Cow<'static, str> {
    match TEXTS.get(width.ilog2() as usize) {
        Some(text) if times == 1 => Cow::Borrowed(text),
        _ => Cow::Owned(text(width, times)),
    }
}

/// The transaction for so many calls. What is not filled is bound as NULL and left out.
///
/// `changes()` is of the statement before: were one of the outcomes not this process's to write, `whole`
/// would be 0 and its check fail the transaction. So every statement of outcomes is followed by a check.
fn text(width: usize, times: usize) -> String {
    let rows = |columns: usize| {
        let row = format!("({})", vec!["?"; columns].join(","));
        vec![row; width].join(",")
    };
    let (nine, eight) = (rows(9), rows(8));
    let intents = format!(
        "INSERT INTO intents (n, version, last, state, boot, id, at, people, project, action, fingerprint, call, content)
  SELECT column1, 0, column1, 'executing', column2, column3, column4, 0, column5, column6, column7, column8, column9
  FROM (VALUES {nine}) WHERE column1 IS NOT NULL;\n"
    );
    let events = format!(
        "INSERT INTO events (seq, at, kind, actor, subject, prev, leaf, data)
  SELECT * FROM (VALUES {eight}) WHERE column1 IS NOT NULL;\n"
    );
    // `+`: by its row, not by the index over states.
    let outcomes = format!(
        "UPDATE intents SET version = intents.version + 1, last = u.column3, state = u.column4, at = u.column5,
                   status = u.column6, why = u.column7, outcome = u.column8, boot = NULL
  FROM (VALUES {eight}) AS u
  WHERE intents.n = u.column1 AND intents.version = u.column2 AND +intents.state = 'executing';
UPDATE tree SET whole = (changes() = ?);\n"
    );
    let mut text = String::from(BEGIN);
    text.push_str(&intents.repeat(times));
    text.push_str(&events.repeat(2 * times));
    text.push_str(&outcomes.repeat(times));
    text.push_str("UPDATE tree SET size = ?, frontier = ?, whole = (size = ?);\nCOMMIT");
    text
}

/// Takes the write lock and reads where the log ends: nobody can move it before the batch is written.
pub(super) async fn begin(conn: &mut SqliteConnection) -> Result<Option<Tree>, sqlx::Error> {
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut *conn).await?;
    let row = sqlx::query("SELECT size, frontier FROM tree").fetch_one(conn).await?;
    let (size, frontier): (i64, Vec<u8>) = (row.get(0), row.get(1));
    Ok(u64::try_from(size).ok().and_then(|size| Tree::stored(size, &frontier)))
}

/// Writes all or nothing, and begins the transaction unless it has `begun`. Returns the new rows in order
/// and the tree as it is then.
///
/// INVARIANT: every entry is one that enters at `executing`.
pub(super) async fn write(
    conn: &mut SqliteConnection,
    mut tree: Tree,
    begun: bool,
    boot: i64,
    entries: &[&Entry],
    conclusions: &[Conclusion],
) -> Result<(Vec<Row>, Tree), sqlx::Error> {
    let before = place(&tree);
    // Only these follow from `executing`; the gate hands in nothing else.
    let outcomes: Vec<(&Conclusion, State)> = conclusions
        .iter()
        .filter_map(|one| Some((one, (State::Executing { at: one.event.at }).after(&one.event).ok()?)))
        .collect();
    let (width, times) = shape(entries.len().max(outcomes.len()).max(1));
    let room = width * times;
    let mut values = Values::with_room(33 * room + times + 3);
    let mut rows = Vec::with_capacity(entries.len());
    for (n, entry) in (before..).zip(entries) {
        values.add(n);
        values.add(boot);
        values.add(entry.id.bytes().to_vec());
        values.add(entry.at.0);
        values.add(entry.project.as_str());
        values.add(entry.action.as_str());
        values.add(entry.fingerprint.as_str());
        values.add(entry.call.map(Vec::from));
        values.add(entry.content.map(Vec::from));
        rows.push(Row { id: entry.id, n, version: 0, last: n });
    }
    values.blank(9 * (room - entries.len()));
    for entry in entries {
        let actor = format!("agent {}", entry.fingerprint.replace(char::is_control, " "));
        let line = Line { at: entry.at, kind: What::SUBMITTED, actor, subject: entry.id.to_string(), prev: None };
        line.append(&mut values, &mut tree, entry.facts.clone());
    }
    let mut last = place(&tree);
    for (Conclusion { row, event }, _) in &outcomes {
        let (actor, subject) = ("gate".to_owned(), row.id.to_string());
        let line = Line { at: event.at, kind: event.kind(), actor, subject, prev: Some(row.last) };
        line.append(&mut values, &mut tree, event.what.data());
    }
    values.blank(8 * (2 * room - entries.len() - outcomes.len()));
    for part in 0..times {
        let outcomes = outcomes.iter().skip(part * width).take(width);
        let count = outcomes.len();
        for (Conclusion { row, event }, state) in outcomes {
            let columns = StateColumns::of(state);
            values.add(row.n);
            values.add(row.version);
            values.add(last);
            values.add(state.name());
            values.add(event.at.0);
            values.add(columns.status);
            values.add(columns.why);
            values.add(outcome_column(None, event));
            last += 1;
        }
        values.blank(8 * (width - count));
        values.add(i64::try_from(count).unwrap_or(i64::MAX));
    }
    values.add(place(&tree));
    values.add(tree.frontier());
    values.add(before);
    let from = if begun { BEGIN.len() } else { 0 };
    match text_of(width, times) {
        Cow::Borrowed(text) => {
            sqlx::query_with(text.get(from..).unwrap_or_default(), values.done()?).execute(conn).await?
        }
        Cow::Owned(mut text) => {
            sqlx::query_with(AssertSqlSafe(text.split_off(from)), values.done()?).execute(conn).await?
        }
    };
    Ok((rows, tree))
}

/// An event on its way into the log.
struct Line {
    at: Timestamp,
    kind: &'static str,
    actor: String,
    subject: String,
    prev: Option<i64>,
}

impl Line {
    /// Puts it at the end of the tree, and its row among the values.
    fn append(self, values: &mut Values, tree: &mut Tree, data: String) {
        let Line { at, kind, actor, subject, prev } = self;
        let seq = place(tree);
        let hash: Hash = leaf(leaf_text(tree.size(), at, kind, &actor, Some(&subject), &data).as_bytes());
        tree.push(hash);
        values.add(seq);
        values.add(at.0);
        values.add(kind);
        values.add(actor);
        values.add(subject);
        values.add(prev);
        values.add(hash.to_vec());
        values.add(data);
    }
}

/// What is bound, in the order of the text.
struct Values(Result<SqliteArguments, sqlx::error::BoxDynError>);

impl Values {
    fn with_room(values: usize) -> Values {
        let mut arguments = SqliteArguments::default();
        arguments.reserve(values, 0);
        Values(Ok(arguments))
    }

    fn add<'q, T: Encode<'q, Sqlite> + Type<Sqlite>>(&mut self, value: T) {
        if let Ok(arguments) = &mut self.0
            && let Err(error) = arguments.add(value)
        {
            self.0 = Err(error);
        }
    }

    fn blank(&mut self, values: usize) {
        for _ in 0..values {
            self.add(None::<i64>);
        }
    }

    fn done(self) -> Result<SqliteArguments, sqlx::Error> {
        self.0.map_err(sqlx::Error::Encode)
    }
}

/// Where the next event goes.
fn place(tree: &Tree) -> i64 {
    i64::try_from(tree.size()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
