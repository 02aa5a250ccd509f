//! What policy approves, written many at a time: any number of new intents and outcomes in one
//! transaction of a fixed text, one round trip to the connection's thread.
//!
//! The log's end is what this process wrote last; where another process has written meanwhile the places
//! collide, nothing is committed, and the writer tries again with an end that is read under the lock.

use serde::Serialize;
use sqlx::{Row as _, SqliteConnection};

use super::intents::{StateColumns, outcome_column};
use crate::audit::leaf_text;
use crate::audit::tree::{Tree, leaf};
use crate::intent::{Event, State, What};
use crate::store::{Entry, Row};

/// `changes()` is of the statement before: were one of the outcomes not this process's to write, `whole`
/// would be 0 and its check fail the transaction.
macro_rules! statements {
    () => {
        "INSERT INTO intents (n, id, version, last, state, at, expires_at, releases_at, why, people, project, action,
                     fingerprint, call, content, boot)
  SELECT value->>0, unhex(value->>1), 0, value->>0, value->>2, value->>3, value->>4, value->>5, value->>6, value->>7,
         value->>8, value->>9, value->>10, unhex(value->>11), unhex(value->>12), value->>13 FROM json_each(?1);
INSERT INTO events (seq, at, kind, actor, subject, prev, leaf, data)
  SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, unhex(value->>6), value->>7
  FROM json_each(?2);
UPDATE intents SET version = intents.version + 1, last = u.last, state = u.state, at = u.at, status = u.status, why = u.why,
                   outcome = u.outcome, boot = NULL
  FROM (SELECT value->>0 AS n, value->>1 AS version, value->>2 AS last, value->>3 AS state, value->>4 AS at,
               value->>5 AS status, value->>6 AS why, value->>7 AS outcome FROM json_each(?3)) AS u
  WHERE intents.n = u.n AND intents.version = u.version AND intents.state = 'executing';
UPDATE tree SET size = ?4, frontier = ?5, whole = (changes() = ?6 AND size = ?7);
COMMIT"
    };
}
const SQL: &str = statements!();
const BEGIN_SQL: &str = concat!("BEGIN IMMEDIATE;\n", statements!());

/// An outcome that waits to be written.
#[derive(Debug, Clone)]
pub(super) struct Conclusion {
    pub(super) row: Row,
    pub(super) event: Event,
}

#[derive(Serialize)]
struct IntentRow<'a>(
    i64,
    String,
    &'static str,
    i64,
    Option<i64>,
    Option<i64>,
    Option<&'a str>,
    u8,
    &'a str,
    &'a str,
    &'a str,
    Option<String>,
    Option<String>,
    Option<i64>,
);

#[derive(Serialize)]
struct EventRow<'a>(i64, i64, &'a str, &'a str, String, Option<i64>, String, &'a str);

#[derive(Serialize)]
struct OutcomeRow<'a>(i64, i64, i64, &'static str, i64, Option<u16>, Option<&'a str>, Option<String>);

/// Takes the write lock and reads where the log ends: nobody can move it before the batch is written.
pub(super) async fn begin(conn: &mut SqliteConnection) -> Result<Option<Tree>, sqlx::Error> {
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut *conn).await?;
    let row = sqlx::query("SELECT size, frontier FROM tree").fetch_one(conn).await?;
    let (size, frontier): (i64, Vec<u8>) = (row.get(0), row.get(1));
    Ok(u64::try_from(size).ok().and_then(|size| Tree::stored(size, &frontier)))
}

/// Writes all or nothing, and begins the transaction unless it has `begun`. Returns the new rows in order
/// and the tree as it is then.
pub(super) async fn write(
    conn: &mut SqliteConnection,
    mut tree: Tree,
    begun: bool,
    boot: i64,
    entries: &[&Entry],
    conclusions: &[Conclusion],
) -> Result<(Vec<Row>, Tree), sqlx::Error> {
    let before = place(&tree);
    let mut rows = Vec::with_capacity(entries.len());
    let mut intents = List::new(entries.len() * 256);
    let mut events = List::new((entries.len() + conclusions.len()) * 1024);
    let mut outcomes = List::new(conclusions.len() * 128);
    for entry in entries {
        let n = place(&tree);
        let actor = format!("agent {}", entry.fingerprint.replace(char::is_control, " "));
        events.push(&event(&mut tree, entry.at.0, What::SUBMITTED, &actor, entry.id.to_string(), None, &entry.facts));
        let columns = StateColumns::of(&entry.state);
        intents.push(&IntentRow(
            n,
            hex(&entry.id.bytes()),
            entry.state.name(),
            entry.at.0,
            columns.expires_at,
            columns.releases_at,
            columns.why,
            u8::from(entry.people),
            &entry.project,
            &entry.action,
            &entry.fingerprint,
            entry.call.as_ref().map(|key| hex(key)),
            entry.content.as_ref().map(|key| hex(key)),
            matches!(entry.state, State::Executing { .. }).then_some(boot),
        ));
        rows.push(Row { id: entry.id, n, version: 0, last: n });
    }
    let mut concluded = 0_i64;
    for Conclusion { row, event: happened } in conclusions {
        // Only these follow from `executing`; the gate hands in nothing else.
        let Ok(state) = (State::Executing { at: happened.at }).after(happened) else { continue };
        let last = place(&tree);
        let data = happened.what.data();
        events.push(&event(
            &mut tree,
            happened.at.0,
            happened.kind(),
            "gate",
            row.id.to_string(),
            Some(row.last),
            &data,
        ));
        let columns = StateColumns::of(&state);
        outcomes.push(&OutcomeRow(
            row.n,
            row.version,
            last,
            state.name(),
            happened.at.0,
            columns.status,
            columns.why,
            outcome_column(None, happened),
        ));
        concluded += 1;
    }
    sqlx::query(if begun { SQL } else { BEGIN_SQL })
        .bind(intents.done())
        .bind(events.done())
        .bind(outcomes.done())
        .bind(place(&tree))
        .bind(tree.frontier())
        .bind(concluded)
        .bind(before)
        .execute(conn)
        .await?;
    Ok((rows, tree))
}

fn event<'a>(
    tree: &mut Tree,
    at: i64,
    kind: &'a str,
    actor: &'a str,
    subject: String,
    prev: Option<i64>,
    data: &'a str,
) -> EventRow<'a> {
    let seq = tree.size();
    let text = leaf_text(seq, crate::clock::Timestamp(at), kind, actor, Some(&subject), data);
    let hash = leaf(text.as_bytes());
    let place = place(tree);
    tree.push(hash);
    EventRow(place, at, kind, actor, subject, prev, hex(&hash), data)
}

/// Where the next event goes.
fn place(tree: &Tree) -> i64 {
    i64::try_from(tree.size()).unwrap_or(i64::MAX)
}

/// A JSON list of rows, written as they come.
struct List(Vec<u8>);

impl List {
    fn new(room: usize) -> List {
        let mut text = Vec::with_capacity(room + 2);
        text.push(b'[');
        List(text)
    }

    fn push(&mut self, row: &impl Serialize) {
        if self.0.len() > 1 {
            self.0.push(b',');
        }
        // Rows of texts and numbers always serialize, and a vector takes every write.
        let _ = serde_json::to_writer(&mut self.0, row);
    }

    fn done(mut self) -> String {
        self.0.push(b']');
        String::from_utf8(self.0).unwrap_or_default()
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |value: u8| char::from(*DIGITS.get(usize::from(value)).unwrap_or(&b'0'));
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
