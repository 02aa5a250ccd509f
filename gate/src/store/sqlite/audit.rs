//! Appending to the log: the event, its leaf, and the tree's frontier, all in the caller's transaction.

use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row as _, SqliteConnection, SqlitePool};

use super::unavailable;
use crate::audit::tree::{Hash, Tree, leaf};
use crate::audit::{AuditEntry, Salt, Seal, commitment, write_leaf_text};
use crate::clock::Timestamp;
use crate::id::IntentId;
use crate::store::StoreError;

/// An event before it has its place in the log.
#[derive(Debug, Clone)]
pub(super) struct Line<'a> {
    pub(super) at: Timestamp,
    pub(super) kind: &'a str,
    pub(super) actor: &'a str,
    pub(super) subject: Option<&'a str>,
    pub(super) prev: Option<i64>,
    pub(super) data: &'a str,
}

/// The tree as it stands.
pub(super) async fn tree(conn: &mut SqliteConnection) -> Result<Tree, StoreError> {
    let row = sqlx::query("SELECT size, frontier FROM tree").fetch_one(conn).await.map_err(unavailable)?;
    let (size, frontier): (i64, Vec<u8>) = (row.get(0), row.get(1));
    u64::try_from(size)
        .ok()
        .and_then(|size| Tree::stored(size, &frontier))
        .ok_or_else(|| StoreError::Broken(format!("a tree of {size} leaves with {} bytes of peaks", frontier.len())))
}

/// Appends one event; the transaction holds the write lock. Returns its place.
pub(super) async fn append(conn: &mut SqliteConnection, line: &Line<'_>) -> Result<i64, StoreError> {
    append_all(conn, std::slice::from_ref(line)).await
}

/// Appends what happened together, each but the first after the one before it. Returns the place of the last.
///
/// One question and one answer, however many they are: each costs as much as all that SQLite does for it.
pub(super) async fn append_all(conn: &mut SqliteConnection, lines: &[Line<'_>]) -> Result<i64, StoreError> {
    const INSERT: &str = "INSERT INTO events (seq, at, kind, actor, subject, prev, leaf, salt, data) VALUES ";
    const VALUES: usize = 9;
    let mut tree = tree(conn).await?;
    let first = place(&tree)?;
    let mut salts = vec![Salt::default(); lines.len()];
    getrandom::fill(salts.as_flattened_mut())
        .map_err(|error| StoreError::Unavailable(format!("randomness: {error}")))?;
    let mut sql = String::from(INSERT);
    let mut rows = Vec::with_capacity(lines.len());
    let mut before = None;
    for (at, (line, salt)) in lines.iter().zip(&salts).enumerate() {
        let seq = place(&tree)?;
        let sealed = commitment(salt, line.data);
        let mut text = String::new();
        write_leaf_text(&mut text, tree.size(), line.at, line.kind, line.actor, line.subject, &sealed);
        let hash = leaf(text.as_bytes());
        tree.push(hash);
        let numbers: Vec<String> = (at * VALUES + 1..=(at + 1) * VALUES).map(|number| format!("?{number}")).collect();
        sql.push_str(if at > 0 { ", (" } else { "(" });
        sql.push_str(&numbers.join(", "));
        sql.push(')');
        rows.push((seq, before.or(line.prev), hash));
        before = Some(seq);
    }
    let (end, frontier) = (lines.len() * VALUES + 1, lines.len() * VALUES + 2);
    sql.push_str(&format!("; UPDATE tree SET size = ?{end}, frontier = ?{frontier}, whole = (size = ?1)"));
    let mut query = sqlx::query(AssertSqlSafe(sql));
    for ((line, salt), (seq, prev, hash)) in lines.iter().zip(&salts).zip(&rows) {
        query = query.bind(seq).bind(line.at.0).bind(line.kind).bind(line.actor).bind(line.subject).bind(prev);
        query = query.bind(hash.as_slice()).bind(salt.as_slice()).bind(line.data);
    }
    query.bind(place(&tree)?).bind(tree.frontier()).execute(conn).await.map_err(unavailable)?;
    Ok(before.unwrap_or(first))
}

/// Where the next event goes.
fn place(tree: &Tree) -> Result<i64, StoreError> {
    i64::try_from(tree.size()).map_err(|_| StoreError::Broken("the log is full".to_owned()))
}

/// The columns that [`entry`] reads.
const COLUMNS: &str = "seq, at, kind, actor, subject, data, salt, commitment";

fn entry(row: &SqliteRow) -> Result<AuditEntry, StoreError> {
    let salt = row.get::<Option<&[u8]>, _>(6).map(Salt::try_from);
    let seal = match (salt, row.get::<Option<&[u8]>, _>(7).map(Hash::try_from)) {
        (Some(Ok(salt)), None) => Seal::Whole(salt),
        (None, Some(Ok(commitment))) => Seal::Pruned(commitment),
        _ => return Err(StoreError::Broken(format!("event {}: its salt", row.get::<i64, _>(0)))),
    };
    Ok(AuditEntry {
        seq: row.get::<i64, _>(0).cast_unsigned(),
        at: Timestamp(row.get(1)),
        kind: row.get(2),
        actor: row.get(3),
        subject: row.get(4),
        data: row.get(5),
        seal,
    })
}

fn from(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

pub(super) async fn entries(pool: &SqlitePool, seq: u64, limit: u32) -> Result<Vec<AuditEntry>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM events WHERE seq >= ?1 ORDER BY seq LIMIT ?2");
    let rows = sqlx::query(AssertSqlSafe(sql)).bind(from(seq)).bind(limit).fetch_all(pool).await;
    rows.map_err(unavailable)?.iter().map(entry).collect()
}

pub(super) async fn entries_of(pool: &SqlitePool, id: IntentId) -> Result<Vec<AuditEntry>, StoreError> {
    // From the latest event along the links to the first: no index over the log is needed.
    let sql = format!(
        "WITH RECURSIVE life (seq) AS (
           SELECT last FROM intents WHERE id = ?1
           UNION ALL SELECT last FROM calls WHERE id = ?1
           UNION ALL SELECT e.prev FROM events e JOIN life ON e.seq = life.seq WHERE e.prev IS NOT NULL AND e.prev < e.seq)
         SELECT {COLUMNS} FROM events WHERE seq IN (SELECT seq FROM life) ORDER BY seq"
    );
    let rows = sqlx::query(AssertSqlSafe(sql)).bind(id.bytes().to_vec()).fetch_all(pool).await;
    rows.map_err(unavailable)?.iter().map(entry).collect()
}

pub(super) async fn leaves(pool: &SqlitePool, seq: u64, limit: u32) -> Result<Vec<Hash>, StoreError> {
    let leaves: Vec<Vec<u8>> = sqlx::query_scalar("SELECT leaf FROM events WHERE seq >= ?1 ORDER BY seq LIMIT ?2")
        .bind(from(seq))
        .bind(limit)
        .fetch_all(pool)
        .await
        .map_err(unavailable)?;
    let hash =
        |leaf: Vec<u8>| leaf.try_into().map_err(|_| StoreError::Broken("a leaf that is not 32 bytes".to_owned()));
    leaves.into_iter().map(hash).collect()
}
