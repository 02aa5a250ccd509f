//! Rows of the directory: agents, keys, people, projects, sessions.

use sqlx::SqliteConnection;

use crate::clock::Timestamp;
use crate::deed::Deed;
use crate::directory::DirectoryRows;
use crate::store::StoreError;

/// Does a deed inside the writer's transaction; the writer appends its event.
pub(super) async fn apply(conn: &mut SqliteConnection, deed: &Deed, at: Timestamp) -> Result<(), StoreError> {
    let _ = (conn, deed, at);
    Ok(())
}

/// Everything a [`crate::Directory`] is made of, read in one transaction.
pub(super) async fn load(conn: &mut SqliteConnection) -> Result<DirectoryRows, StoreError> {
    let _ = conn;
    Ok(DirectoryRows::default())
}
