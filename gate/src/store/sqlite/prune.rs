//! Deleting details by age. Facts give way to the commitment that their leaf holds, so the tree stands.

use sqlx::sqlite::SqliteRow;
use sqlx::{Connection as _, Row as _, SqliteConnection};

use super::unavailable;
use crate::audit::remains::remains;
use crate::audit::{Salt, commitment};
use crate::clock::Timestamp;
use crate::id::IntentId;
use crate::store::StoreError;
use crate::store::sqlite::intents::outcome_without_excerpt;

/// Events looked at in one transaction: it holds the write lock for some milliseconds.
const AT_ONCE: i64 = 200;

/// Goes on where it stopped, in order of the log. Says whether there is more.
pub(super) async fn some(conn: &mut SqliteConnection, before: Timestamp) -> Result<bool, StoreError> {
    let mut tx = conn.begin_with("BEGIN IMMEDIATE").await.map_err(unavailable)?;
    // By place, not by time: nothing of a long log that is young is looked at under the lock.
    let from: Option<i64> = sqlx::query_scalar("SELECT CAST(value AS INTEGER) FROM settings WHERE name = 'pruned'")
        .fetch_optional(&mut *tx)
        .await
        .map_err(unavailable)?;
    let rows = sqlx::query(
        "SELECT e.seq, e.kind, e.data, e.salt, e.subject,
                coalesce(i.state = 'pending' OR i.state = 'approved' OR i.state = 'executing', c.last = c.n), e.at
         FROM events e LEFT JOIN intents i ON i.n = e.seq LEFT JOIN calls c ON c.n = e.seq
         WHERE e.seq >= ?1 ORDER BY e.seq LIMIT ?2",
    )
    .bind(from.unwrap_or(0))
    .bind(AT_ONCE)
    .fetch_all(&mut *tx)
    .await
    .map_err(unavailable)?;
    let begun = from.unwrap_or(0);
    let mut next = begun;
    let mut stopped = false;
    for row in &rows {
        // Times may have been set back; what is young stays, and what follows it.
        let (seq, at): (i64, i64) = (row.get(0), row.get(6));
        stopped = row.get::<Option<bool>, _>(5) == Some(true) || at >= before.0 || seq != next;
        if stopped {
            break;
        }
        one(&mut tx, seq, row).await?;
        next = seq + 1;
    }
    if next > begun {
        sqlx::query(
            "INSERT INTO settings (name, value) VALUES ('pruned', CAST(CAST(?1 AS TEXT) AS BLOB))
             ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        )
        .bind(next)
        .execute(&mut *tx)
        .await
        .map_err(unavailable)?;
        tx.commit().await.map_err(unavailable)?;
    }
    Ok(!stopped && rows.len() == usize::try_from(AT_ONCE).unwrap_or(usize::MAX))
}

async fn one(conn: &mut SqliteConnection, seq: i64, row: &SqliteRow) -> Result<(), StoreError> {
    let salt = row.get::<Option<&[u8]>, _>(3).and_then(|salt| Salt::try_from(salt).ok());
    let (kind, data): (&str, &str) = (row.get(1), row.get(2));
    let (Some(salt), Some(left)) = (salt, remains(kind, data)) else { return Ok(()) };
    sqlx::query("UPDATE events SET salt = NULL, commitment = ?2, data = ?3 WHERE seq = ?1")
        .bind(seq)
        .bind(commitment(&salt, data).to_vec())
        .bind(left)
        .execute(&mut *conn)
        .await
        .map_err(unavailable)?;
    for table in ["DELETE FROM bodies WHERE n = ?1", "DELETE FROM answers WHERE n = ?1"] {
        sqlx::query(table).bind(seq).execute(&mut *conn).await.map_err(unavailable)?;
    }
    let Some(id) = row.get::<Option<&str>, _>(4).and_then(|id| id.parse::<IntentId>().ok()) else { return Ok(()) };
    let outcome: Option<Option<String>> = sqlx::query_scalar("SELECT outcome FROM intents WHERE id = ?1")
        .bind(id.bytes().to_vec())
        .fetch_optional(&mut *conn)
        .await
        .map_err(unavailable)?;
    if let Some(without) = outcome.flatten().as_deref().and_then(outcome_without_excerpt) {
        sqlx::query("UPDATE intents SET outcome = ?2 WHERE id = ?1")
            .bind(id.bytes().to_vec())
            .bind(without)
            .execute(&mut *conn)
            .await
            .map_err(unavailable)?;
    }
    Ok(())
}
