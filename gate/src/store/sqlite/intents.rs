//! Rows of intents, read. One function turns columns into an [`Intent`] and names the combination that
//! cannot be.

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row as _, SqliteConnection, SqlitePool};

use super::unavailable;
use crate::approval::Approval;
use crate::call::StoredAnswer;
use crate::clock::Timestamp;
use crate::id::{IntentId, PersonId};
use crate::intent::facts::Facts;
use crate::intent::{CallerLink, Event, Intent, IntentFilter, Outcome, Page, Resolution, State, What};
use crate::store::{CallKey, Row, StoreError, Stored, Waiting};

/// The columns of a row and its first event, in the order that [`stored`] reads.
const COLUMNS: &str = "i.n, i.id, i.version, i.last, i.state, i.at, i.expires_at, i.releases_at, i.status, i.by, \
                       i.why, i.people, i.call, i.content, i.cleared, i.votes, i.outcome, e.at, e.data";

/// A row whose first event is gone is found, and found broken.
const FROM: &str = "FROM intents i LEFT JOIN events e ON e.seq = i.n";

/// The same of a call that policy approved: what came of it is told by its latest event.
const CALL_COLUMNS: &str = "c.n, c.id, c.last <> c.n, c.last, iif(c.last = c.n, 'executing', 'executed'), \
                            coalesce(o.at, e.at), NULL, NULL, o.data ->> 'status', NULL, NULL, 0, NULL, NULL, 0, NULL, \
                            o.data, e.at, e.data";

const FROM_CALLS: &str = "FROM calls c LEFT JOIN events e ON e.seq = c.n \
                          LEFT JOIN events o ON o.seq = c.last AND o.prev = c.n";

/// Columns that depend on the state.
pub(super) struct StateColumns<'a> {
    pub(super) expires_at: Option<i64>,
    pub(super) releases_at: Option<i64>,
    pub(super) status: Option<u16>,
    pub(super) by: Option<PersonId>,
    pub(super) why: Option<&'a str>,
}

impl StateColumns<'_> {
    pub(super) fn of(state: &State) -> StateColumns<'_> {
        let none = StateColumns { expires_at: None, releases_at: None, status: None, by: None, why: None };
        match state {
            State::Pending { expires_at } => StateColumns { expires_at: Some(expires_at.0), ..none },
            State::Approved { releases_at, expires_at, .. } => {
                StateColumns { expires_at: Some(expires_at.0), releases_at: Some(releases_at.0), ..none }
            }
            State::Executing { .. } | State::Expired { .. } => none,
            State::Executed { status, .. } => StateColumns { status: Some(*status), ..none },
            State::Failed { why, .. } | State::Unknown { why, .. } => StateColumns { why: Some(why), ..none },
            State::Denied(end) | State::ChangesRequested(end) | State::Cancelled(end) => {
                StateColumns { by: end.by, why: end.why.as_deref(), ..none }
            }
        }
    }
}

/// An outcome, as its column keeps it.
#[derive(Serialize, Deserialize)]
struct OutcomeColumn {
    status: Option<u16>,
    sent_at: i64,
    took: u64,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    excerpt: Option<String>,
    delivered: bool,
}

/// The outcome column without what the upstream answered.
pub(super) fn outcome_without_excerpt(outcome: &str) -> Option<String> {
    let column: OutcomeColumn = serde_json::from_str(outcome).ok()?;
    serde_json::to_string(&OutcomeColumn { excerpt: None, ..column }).ok()
}

/// The outcome column after an event; `None`: as it was.
pub(super) fn outcome_column(before: Option<&str>, event: &Event) -> Option<String> {
    let column = match &event.what {
        What::Executed { status, sent_at, took, delivered, excerpt, .. } => OutcomeColumn {
            status: Some(*status),
            sent_at: sent_at.0,
            took: *took,
            excerpt: excerpt.clone(),
            delivered: *delivered,
        },
        // Nobody but the agent saw it: no status, and nothing to deliver.
        What::Reported { executed: true, note, .. } => {
            OutcomeColumn { status: None, sent_at: event.at.0, took: 0, excerpt: note.clone(), delivered: true }
        }
        What::Delivered => OutcomeColumn { delivered: true, ..serde_json::from_str(before?).ok()? },
        _ => return None,
    };
    serde_json::to_string(&column).ok()
}

/// A row of `COLUMNS`.
fn stored(row: &SqliteRow, body: Option<Vec<u8>>) -> Result<Stored, StoreError> {
    let id: Vec<u8> = row.get(1);
    let id = IntentId::stored(&id).ok_or_else(|| StoreError::Broken("an id that is not 16 bytes".to_owned()))?;
    read(id, row, body).map_err(|what| StoreError::Broken(format!("{id}: {what}")))
}

fn read(id: IntentId, row: &SqliteRow, body: Option<Vec<u8>>) -> Result<Stored, String> {
    let since = Timestamp(row.get(5));
    let state = state(row.get(4), since, row)?;
    let data: Option<&str> = row.try_get(18).map_err(|error| error.to_string())?;
    let data = data.ok_or("it has no first event")?;
    let facts: Facts<'_> = serde_json::from_str(data).map_err(|error| format!("its first event: {error}"))?;
    let votes: Option<&str> = row.get(15);
    let approvals: Vec<Approval> =
        votes.map_or_else(|| Ok(Vec::new()), serde_json::from_str).map_err(|error| format!("its votes: {error}"))?;
    let outcome: Option<&str> = row.get(16);
    let outcome = outcome.map(serde_json::from_str).transpose().map_err(|error| format!("its outcome: {error}"))?;
    let intent = Intent {
        id,
        project: facts.project.to_string(),
        action: facts.action.to_string(),
        title: facts.title.to_string(),
        risk_tier: facts.risk_tier()?,
        source_type: facts.source_type()?,
        agent: facts.agent.read(),
        request: facts.request.as_ref().map(|request| request.read(body.map(Bytes::from))),
        upstream: facts.upstream.as_deref().map(str::to_owned),
        route: facts.route.as_deref().map(str::to_owned),
        params: facts.params.read(),
        policy: facts.policy.as_deref().map(str::to_owned),
        trace: facts.trace(),
        risk: facts.risk(),
        requirement: facts.requirement.as_ref().map(|requirement| requirement.read()).transpose()?,
        approvals,
        caller: CallerLink::default(),
        created_at: Timestamp(row.get(17)),
        expires_at: state.expires_at(),
        releases_at: row.get::<Option<i64>, _>(7).map(Timestamp),
        outcome: outcome.map(|column: OutcomeColumn| Outcome {
            status: column.status,
            sent_at: Timestamp(column.sent_at),
            duration: Duration::from_micros(column.took),
            excerpt: column.excerpt,
            delivered: column.delivered,
        }),
        config_digest: facts.config.to_string(),
        metadata: facts.metadata.clone(),
        observed: facts.observed,
        would: facts.would.as_deref().map(str::to_owned),
        recorded: facts.recorded.iter().map(|(policy, would)| (policy.to_string(), would.to_string())).collect(),
        declared_by: facts.declared_by()?,
        state,
    };
    let key = |at: usize| row.get::<Option<&[u8]>, _>(at).map(CallKey::try_from).transpose();
    Ok(Stored {
        intent,
        row: Row { id, n: row.get(0), version: row.get(2), last: row.get(3) },
        people: row.get(11),
        call: key(12).map_err(|_| "a call key that is not 32 bytes")?,
        content: key(13).map_err(|_| "a content key that is not 32 bytes")?,
        cleared: row.get(14),
        blocked_from: facts.blocked_from,
        since,
    })
}

fn state(name: &str, at: Timestamp, row: &SqliteRow) -> Result<State, String> {
    let expires_at: Option<i64> = row.get(6);
    let releases_at: Option<i64> = row.get(7);
    let status: Option<u16> = row.get(8);
    let by = match row.get::<Option<&[u8]>, _>(9) {
        Some(bytes) => Some(PersonId::stored(bytes).ok_or("a person's id that is not 16 bytes")?),
        None => None,
    };
    let why: Option<String> = row.get(10);
    match (name, expires_at.map(Timestamp), releases_at.map(Timestamp), status, by, why) {
        ("pending", Some(expires_at), None, None, None, None) => Ok(State::Pending { expires_at }),
        ("approved", Some(expires_at), Some(releases_at), None, None, None) => {
            Ok(State::Approved { at, releases_at, expires_at })
        }
        ("executing", None, None, None, None, None) => Ok(State::Executing { at }),
        ("executed", None, None, Some(status), None, None) => Ok(State::Executed { at, status }),
        ("failed", None, None, None, None, Some(why)) => Ok(State::Failed { at, why }),
        ("unknown", None, None, None, None, Some(why)) => Ok(State::Unknown { at, why }),
        ("denied", None, None, None, by, why) => Ok(State::Denied(Resolution { by, at, why })),
        ("changes_requested", None, None, None, by, why) => Ok(State::ChangesRequested(Resolution { by, at, why })),
        ("expired", None, None, None, None, None) => Ok(State::Expired { at }),
        ("cancelled", None, None, None, by, why) => Ok(State::Cancelled(Resolution { by, at, why })),
        (name, expires_at, releases_at, status, by, why) => Err(format!(
            "{name} with expires_at {expires_at:?}, releases_at {releases_at:?}, status {status:?}, by {by:?}, why {why:?}"
        )),
    }
}

pub(super) async fn by_id(conn: &mut SqliteConnection, id: IntentId) -> Result<Option<Stored>, StoreError> {
    if let Some(found) = in_intents_by_id(conn, id).await? {
        return Ok(Some(found));
    }
    let sql = format!("SELECT {CALL_COLUMNS} {FROM_CALLS} WHERE c.id = ?1");
    let row = sqlx::query(AssertSqlSafe(sql)).bind(id.bytes().to_vec()).fetch_optional(&mut *conn).await;
    match row.map_err(unavailable)? {
        Some(row) => stored(&row, None).map(Some),
        // A call moves from there to the intents, and never back: it may have done so between the two looks.
        None => in_intents_by_id(conn, id).await,
    }
}

async fn in_intents_by_id(conn: &mut SqliteConnection, id: IntentId) -> Result<Option<Stored>, StoreError> {
    let sql = format!("SELECT {COLUMNS}, b.body {FROM} LEFT JOIN bodies b ON b.n = i.n WHERE i.id = ?1");
    let row = sqlx::query(AssertSqlSafe(sql)).bind(id.bytes().to_vec()).fetch_optional(conn).await;
    row.map_err(unavailable)?.map(|row| stored(&row, row.get(19))).transpose()
}

pub(super) async fn by_call(pool: &SqlitePool, call: &CallKey) -> Result<Option<Stored>, StoreError> {
    let sql = format!("SELECT {COLUMNS} {FROM} WHERE i.call = ?1 ORDER BY i.n DESC LIMIT 1");
    let row = sqlx::query(AssertSqlSafe(sql)).bind(call.to_vec()).fetch_optional(pool).await;
    row.map_err(unavailable)?.map(|row| stored(&row, None)).transpose()
}

pub(super) async fn page(pool: &SqlitePool, filter: &IntentFilter) -> Result<Page<Stored>, StoreError> {
    let limit = filter.limit.unwrap_or(50).clamp(1, 200);
    let before = match &filter.cursor {
        Some(cursor) => cursor.parse().map_err(|_| StoreError::Broken(format!("a cursor {cursor:?}")))?,
        None => i64::MAX,
    };
    // A call may move from the one to the other meanwhile: both are read as they stood at one time.
    let mut tx = pool.begin().await.map_err(unavailable)?;
    let mut items = Vec::new();
    for sql in [in_intents(filter), in_calls(filter)].into_iter().flatten() {
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(before)
            .bind(filter.project.as_deref())
            .bind(filter.action.as_deref())
            .bind(filter.fingerprint.as_deref())
            .bind(limit + 1)
            .fetch_all(&mut *tx)
            .await
            .map_err(unavailable)?;
        for row in &rows {
            items.push(stored(row, None)?);
        }
    }
    items.sort_by_key(|item| std::cmp::Reverse(item.row.n));
    let more = items.len() > limit as usize;
    items.truncate(limit as usize);
    let next = items.last().filter(|_| more).map(|last| last.row.n.to_string());
    Ok(Page { items, next })
}

/// The newest intents of a filter; `None`: it names no state.
fn in_intents(filter: &IntentFilter) -> Option<String> {
    // With the condition of a small index word for word the planner sees that it holds them all.
    let chosen: Vec<&str> = STATES.into_iter().filter(|state| filter.states.iter().any(|one| one == state)).collect();
    let which = match (filter.states.is_empty(), chosen.is_empty()) {
        (true, _) => String::new(),
        (false, true) => return None,
        (false, false) => {
            let index = if chosen.iter().all(|state| ["pending", "approved", "executing"].contains(state)) {
                "AND (i.state = 'pending' OR i.state = 'approved' OR i.state = 'executing')"
            } else if !chosen.iter().any(|state| ["executing", "executed"].contains(state)) {
                "AND i.state NOT IN ('executing', 'executed')"
            } else {
                ""
            };
            format!("{index} AND i.state IN ('{}')", chosen.join("', '"))
        }
    };
    Some(format!(
        "SELECT {COLUMNS} {FROM} WHERE i.n < ?1 {which} AND (?2 IS NULL OR i.project = ?2) \
         AND (?3 IS NULL OR i.action = ?3) AND (?4 IS NULL OR i.fingerprint = ?4) ORDER BY i.n DESC LIMIT ?5"
    ))
}

/// The newest calls that policy approved of a filter; `None`: it names no state that they have.
fn in_calls(filter: &IntentFilter) -> Option<String> {
    let named = |state: &str| filter.states.is_empty() || filter.states.iter().any(|one| one == state);
    let which = match (named("executing"), named("executed")) {
        (true, true) => "",
        (true, false) => "AND c.last = c.n AND c.n >= (SELECT min(settled) FROM boots)",
        (false, true) => "AND c.last <> c.n",
        (false, false) => return None,
    };
    Some(format!(
        "SELECT {CALL_COLUMNS} {FROM_CALLS} JOIN labels l ON l.id = c.label WHERE c.n < ?1 {which} \
         AND (?2 IS NULL OR l.project = ?2) AND (?3 IS NULL OR l.action = ?3) AND (?4 IS NULL OR l.fingerprint = ?4) \
         ORDER BY c.n DESC LIMIT ?5"
    ))
}

const STATES: [&str; 10] = [
    "pending",
    "approved",
    "executing",
    "executed",
    "failed",
    "unknown",
    "denied",
    "changes_requested",
    "expired",
    "cancelled",
];

/// SQLite takes a partial index only where its condition stands in the statement word for word.
pub(super) const WAITING: &str = "SELECT id, releases_at, expires_at, project, fingerprint FROM intents \
    WHERE (state = 'pending' OR state = 'approved' OR state = 'executing') AND state <> 'executing'";
pub(super) const EXECUTING: &str = "SELECT id, boot FROM intents WHERE state = 'executing'";

pub(super) async fn waiting(pool: &SqlitePool) -> Result<Vec<Waiting>, StoreError> {
    let rows = sqlx::query(WAITING);
    let rows = rows.fetch_all(pool).await.map_err(unavailable)?;
    let waiting = |row: &SqliteRow| {
        let id: &[u8] = row.get(0);
        let id = IntentId::stored(id).ok_or_else(|| StoreError::Broken("an id that is not 16 bytes".to_owned()))?;
        let releases_at: Option<i64> = row.get(1);
        Ok(Waiting {
            id,
            project: row.get(3),
            fingerprint: row.get(4),
            releases_at: releases_at.map(Timestamp),
            expires_at: Timestamp(row.get(2)),
        })
    };
    rows.iter().map(waiting).collect()
}

/// Who is being sent, and by which process.
pub(super) async fn executing(pool: &SqlitePool) -> Result<Vec<(IntentId, i64)>, StoreError> {
    let rows = sqlx::query(EXECUTING).fetch_all(pool).await;
    let row = |row: &SqliteRow| Some((IntentId::stored(row.get(0))?, row.get(1)));
    Ok(rows.map_err(unavailable)?.iter().filter_map(row).collect())
}

pub(super) async fn answer(pool: &SqlitePool, id: IntentId) -> Result<Option<StoredAnswer>, StoreError> {
    let row =
        sqlx::query("SELECT a.status, a.headers, a.body FROM answers a JOIN intents i ON i.n = a.n WHERE i.id = ?1")
            .bind(id.bytes().to_vec())
            .fetch_optional(pool)
            .await
            .map_err(unavailable)?;
    let Some(row) = row else { return Ok(None) };
    let headers: Vec<(String, Vec<u8>)> = serde_json::from_str(row.get(1))
        .map_err(|error| StoreError::Broken(format!("{id}: headers of its answer: {error}")))?;
    Ok(Some(StoredAnswer { intent: id, status: row.get(0), headers, body: Bytes::from(row.get::<Vec<u8>, _>(2)) }))
}
