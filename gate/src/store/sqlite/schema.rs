//! The schema and its changes, oldest first. Additive: an older program refuses a newer store rather
//! than misread it.

use sqlx::{Connection as _, SqliteConnection};

use super::unavailable;
use crate::store::StoreError;

const CHANGES: [&str; 4] = [
    include_str!("../../../migrations/sqlite/0001_intents.sql"),
    include_str!("../../../migrations/sqlite/0002_directory.sql"),
    include_str!("../../../migrations/sqlite/0003_calls.sql"),
    include_str!("../../../migrations/sqlite/0004_rules.sql"),
];

/// Brings a store to the schema of this program.
pub(super) async fn migrate(conn: &mut SqliteConnection) -> Result<(), StoreError> {
    // Two processes may start at once: whoever comes second finds the work done.
    let mut tx = conn.begin_with("BEGIN IMMEDIATE").await.map_err(unavailable)?;
    let (at,): (i64,) = sqlx::query_as("PRAGMA user_version").fetch_one(&mut *tx).await.map_err(unavailable)?;
    let done = usize::try_from(at).ok().filter(|done| *done <= CHANGES.len()).ok_or(StoreError::Newer(at))?;
    for change in CHANGES.iter().skip(done) {
        sqlx::raw_sql(*change).execute(&mut *tx).await.map_err(unavailable)?;
    }
    if done < CHANGES.len() {
        let set = format!("PRAGMA user_version = {}", CHANGES.len());
        sqlx::raw_sql(sqlx::AssertSqlSafe(set)).execute(&mut *tx).await.map_err(unavailable)?;
    }
    tx.commit().await.map_err(unavailable)
}

/// The configuration that was in force last, by its digest.
pub(super) async fn config_digest(conn: &mut SqliteConnection) -> Result<Option<String>, StoreError> {
    sqlx::query_scalar("SELECT CAST(value AS TEXT) FROM settings WHERE name = 'config'")
        .fetch_optional(conn)
        .await
        .map_err(unavailable)
}

/// The secret that calls are compared with. It also tells this store from another one in its place.
pub(super) async fn secret(conn: &mut SqliteConnection) -> Result<[u8; 32], StoreError> {
    let mut fresh = [0_u8; 32];
    getrandom::fill(&mut fresh).map_err(|error| StoreError::Unavailable(format!("randomness: {error}")))?;
    sqlx::query("INSERT INTO settings (name, value) VALUES ('secret', ?1) ON CONFLICT DO NOTHING")
        .bind(fresh.to_vec())
        .execute(&mut *conn)
        .await
        .map_err(unavailable)?;
    let kept: Vec<u8> = sqlx::query_scalar("SELECT value FROM settings WHERE name = 'secret'")
        .fetch_one(conn)
        .await
        .map_err(unavailable)?;
    kept.try_into().map_err(|_| StoreError::Broken("a secret that is not 32 bytes".to_owned()))
}
