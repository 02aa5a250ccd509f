//! Appending to the log: the event, its leaf, and the tree's frontier, all in the caller's transaction.

use sqlx::{Row as _, SqliteConnection};

use super::unavailable;
use crate::audit::leaf_text;
use crate::audit::tree::{Tree, leaf};
use crate::clock::Timestamp;
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
    let mut tree = tree(conn).await?;
    let seq = tree.size();
    let hash = leaf(leaf_text(seq, line.at, line.kind, line.actor, line.subject, line.data).as_bytes());
    tree.push(hash);
    let place = i64::try_from(seq).map_err(|_| StoreError::Broken("the log is full".to_owned()))?;
    sqlx::query(
        "INSERT INTO events (seq, at, kind, actor, subject, prev, leaf, data) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8);
         UPDATE tree SET size = ?1 + 1, frontier = ?9, whole = (size = ?1)",
    )
    .bind(place)
    .bind(line.at.0)
    .bind(line.kind)
    .bind(line.actor)
    .bind(line.subject)
    .bind(line.prev)
    .bind(hash.as_slice())
    .bind(line.data)
    .bind(tree.frontier())
    .execute(conn)
    .await
    .map_err(unavailable)?;
    Ok(place)
}
