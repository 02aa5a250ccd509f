//! One step in the life of an intent, in one transaction: load, `after`, update, insert the events.

use sqlx::{Connection as _, SqliteConnection};

use super::audit::{self, Line};
use super::intents::{self, StateColumns, outcome_column};
use super::{calls, unavailable};
use crate::approval::tally;
use crate::clock::Timestamp;
use crate::id::AgentId;
use crate::intent::{Event, State, What};
use crate::store::{Advance, Entry, Row, StoreError};

pub(super) async fn advance(
    conn: &mut SqliteConnection,
    boot: i64,
    advance: &Advance,
) -> Result<(Row, State), StoreError> {
    let mut tx = conn.begin_with("BEGIN IMMEDIATE").await.map_err(unavailable)?;
    let at = advance.clock.now();
    let stored = intents::by_id(&mut tx, advance.id).await?.ok_or(StoreError::Stale)?;
    let mut row = stored.row;
    if advance.version.is_some_and(|version| version != row.version) {
        return Err(StoreError::Stale);
    }
    if !stored.people && matches!(stored.intent.state, State::Executing { .. }) {
        calls::moved_on(&mut tx, row.n).await?;
    }
    let (before, mut state, mut votes) = (row.version, stored.intent.state, stored.intent.approvals);
    // Looked at where something is added to it, and otherwise left as it is.
    let mut outcome: Option<String> = None;
    if advance.what.contains(&What::Delivered) {
        let kept = sqlx::query_scalar::<_, Option<String>>("SELECT outcome FROM intents WHERE n = ?1").bind(row.n);
        outcome = kept.fetch_optional(&mut *tx).await.map_err(unavailable)?.flatten();
    }
    let (mut cleared, mut since) = (stored.cleared, stored.since);
    let (actor, subject) = (advance.by.to_string(), advance.id.to_string());
    if advance.what.iter().any(|what| matches!(what, What::Claimed { .. })) {
        may_call(&mut tx, stored.intent.agent.id).await?;
    }
    let data: Vec<String> = advance.what.iter().map(What::data).collect();
    for what in &advance.what {
        let event = Event { at, what: what.clone() };
        // Decided on what was true then and is not now: it is looked at again.
        let next = state.clone().after(&event).map_err(|_| StoreError::Stale)?;
        since = next.at().unwrap_or(since);
        state = next;
        tally(&mut votes, &event);
        outcome = outcome_column(outcome.as_deref(), &event).or(outcome);
        cleared |= matches!(what, What::DenialCleared { .. });
        row.version += 1;
    }
    let (actor, subject, prev) = (actor.as_str(), Some(subject.as_str()), Some(row.last));
    let line = |(what, data): (&What, _)| Line { at, kind: what.kind(), actor, subject, prev, data };
    let lines: Vec<Line<'_>> = advance.what.iter().zip(data.iter().map(String::as_str)).map(line).collect();
    row.last = audit::append_all(&mut tx, &lines).await?;
    let columns = StateColumns::of(&state);
    let votes = (!votes.is_empty()).then(|| serde_json::to_string(&votes).unwrap_or_default());
    let updated = sqlx::query(
        "UPDATE intents SET version = ?1, last = ?2, state = ?3, at = ?4, expires_at = ?5, releases_at = ?6, status = ?7,
                by = ?8, why = ?9, boot = ?10, cleared = ?11, votes = ?12, outcome = coalesce(?13, outcome)
         WHERE n = ?14 AND version = ?15",
    )
    .bind(row.version)
    .bind(row.last)
    .bind(state.name())
    .bind(since.0)
    .bind(columns.expires_at)
    .bind(columns.releases_at)
    .bind(columns.status)
    .bind(columns.by.map(|by| by.bytes().to_vec()))
    .bind(columns.why)
    .bind(matches!(state, State::Executing { .. }).then_some(boot))
    .bind(cleared)
    .bind(votes)
    .bind(outcome)
    .bind(row.n)
    .bind(before)
    .execute(&mut *tx)
    .await
    .map_err(unavailable)?;
    if updated.rows_affected() != 1 {
        return Err(StoreError::Stale);
    }
    answers(&mut tx, row.n, advance).await?;
    tx.commit().await.map_err(unavailable)?;
    Ok((row, state))
}

/// A claim and a pause or revocation, also one of another process, stand in one order: whichever is written
/// first holds.
async fn may_call(conn: &mut SqliteConnection, agent: Option<AgentId>) -> Result<(), StoreError> {
    let Some(agent) = agent else { return Ok(()) };
    let status: Option<String> = sqlx::query_scalar("SELECT status FROM agents WHERE id = ?1")
        .bind(agent.bytes().to_vec())
        .fetch_optional(conn)
        .await
        .map_err(unavailable)?;
    // An agent without a row is a label, which has no status.
    if status.is_none_or(|status| status == "active") { Ok(()) } else { Err(StoreError::Stale) }
}

async fn answers(conn: &mut SqliteConnection, n: i64, advance: &Advance) -> Result<(), StoreError> {
    if advance.forget {
        sqlx::query("DELETE FROM answers WHERE n = ?1").bind(n).execute(&mut *conn).await.map_err(unavailable)?;
    }
    let Some((answer, until)) = &advance.keep else { return Ok(()) };
    let headers = serde_json::to_string(&answer.headers).unwrap_or_default();
    sqlx::query("INSERT INTO answers (n, until, status, headers, body) VALUES (?1, ?2, ?3, ?4, ?5)")
        .bind(n)
        .bind(until.0)
        .bind(answer.status)
        .bind(headers)
        .bind(answer.body.to_vec())
        .execute(conn)
        .await
        .map_err(unavailable)?;
    Ok(())
}

/// The body of a new intent that people will look at, in the same transaction as the intent.
pub(super) async fn enter(conn: &mut SqliteConnection, entry: &Entry) -> Result<Row, StoreError> {
    let mut tx = conn.begin_with("BEGIN IMMEDIATE").await.map_err(unavailable)?;
    let actor = format!("agent {}", entry.fingerprint.replace(char::is_control, " "));
    let subject = entry.id.to_string();
    let line = Line {
        at: entry.at,
        kind: What::SUBMITTED,
        actor: &actor,
        subject: Some(&subject),
        prev: None,
        data: &entry.facts,
    };
    let n = audit::append(&mut tx, &line).await?;
    let columns = StateColumns::of(&entry.state);
    sqlx::query(
        "INSERT INTO intents (n, id, version, last, state, at, expires_at, releases_at, why, people, project, action,
                              fingerprint, call, content)
         VALUES (?1, ?2, 0, ?1, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    )
    .bind(n)
    .bind(entry.id.bytes().to_vec())
    .bind(entry.state.name())
    .bind(entry.at.0)
    .bind(columns.expires_at)
    .bind(columns.releases_at)
    .bind(columns.why)
    .bind(entry.people)
    .bind(&entry.project)
    .bind(&entry.action)
    .bind(&entry.fingerprint)
    .bind(entry.call.map(|key| key.to_vec()))
    .bind(entry.content.map(|key| key.to_vec()))
    .execute(&mut *tx)
    .await
    .map_err(taken)?;
    if let Some(body) = &entry.body {
        sqlx::query("INSERT INTO bodies (n, body) VALUES (?1, ?2)")
            .bind(n)
            .bind(body.to_vec())
            .execute(&mut *tx)
            .await
            .map_err(unavailable)?;
    }
    tx.commit().await.map_err(unavailable)?;
    Ok(Row { id: entry.id, n, version: 0, last: n })
}

/// A row that must be unique and is not.
fn taken(error: sqlx::Error) -> StoreError {
    match error.as_database_error() {
        Some(database) if database.is_unique_violation() => violated(database.message()),
        _ => unavailable(error),
    }
}

/// What SQLite's message of a constraint that was violated by a new intent means.
pub(super) fn violated(message: &str) -> StoreError {
    match (message.contains("UNIQUE"), message.contains("intents.call")) {
        (true, true) => StoreError::Taken("the same call"),
        (true, false) => StoreError::Taken("an id"),
        (false, _) => StoreError::Broken(message.to_owned()),
    }
}

/// Forgets answers whose time is over.
pub(super) async fn sweep(conn: &mut SqliteConnection, now: Timestamp) -> Result<(), StoreError> {
    let swept = sqlx::query("DELETE FROM answers WHERE until <= ?1").bind(now.0).execute(conn).await;
    swept.map(|_| ()).map_err(unavailable)
}
