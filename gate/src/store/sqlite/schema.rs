//! The schema and its changes, oldest first. Additive: an older program refuses a newer store rather
//! than misread it.

use sqlx::{Connection as _, SqliteConnection};

use super::unavailable;
use crate::store::StoreError;

const CHANGES: [&str; 2] = [
    include_str!("../../../migrations/sqlite/0001_intents.sql"),
    include_str!("../../../migrations/sqlite/0002_directory.sql"),
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
