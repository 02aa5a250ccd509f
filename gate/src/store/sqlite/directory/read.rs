//! Reading the directory: rows become words here, and an impossible one is named.

use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use uuid::Uuid;

use rules::config::{RiskTier, SourceType, Trust};

use super::trouble;
use crate::agent::AgentStatus;
use crate::clock::Timestamp;
use crate::deed::KeyOwner;
use crate::directory::rows::{AgentRow, DirectoryRows, KeyRow, PersonRow, ProjectRow, Seen};
use crate::id::{AgentId, KeyId, PersonId, RuleId, SessionId};
use crate::kept::{KeptRule, RuleKind};
use crate::key::KeyHash;
use crate::person::{Link, Role, Session};
use crate::store::StoreError;

/// Counts the changes that a snapshot shows.
pub(in crate::store::sqlite) async fn version(conn: &mut SqliteConnection) -> Result<i64, StoreError> {
    let (version,): (i64,) =
        sqlx::query_as("SELECT version FROM directory_version").fetch_one(conn).await.map_err(trouble)?;
    Ok(version)
}

/// Everything a [`crate::Directory`] is made of, read in one transaction.
pub(in crate::store::sqlite) async fn load(conn: &mut SqliteConnection) -> Result<DirectoryRows, StoreError> {
    let version = version(conn).await?;
    let projects = all(conn, "SELECT name, from_files, created_at FROM projects ORDER BY name", project).await?;
    let agents = all(
        conn,
        "SELECT id, name, fingerprint, project, owner, framework, risk_sensitivity, trust, source_type, status,
                from_files, created_at, last_seen_at FROM agents ORDER BY id",
        agent,
    )
    .await?;
    let keys = all(
        conn,
        "SELECT id, agent, project, person, hash, hint, label, created_at, expires_at, revoked_at FROM keys ORDER BY seq",
        key,
    )
    .await?;
    let people = all(
        conn,
        "SELECT id, email, name, role, disabled, password_hash IS NOT NULL AS has_password, created_at, last_seen_at
         FROM people ORDER BY id",
        person,
    )
    .await?;
    let team_members = all(conn, "SELECT team, person FROM team_members ORDER BY team, person", |row| {
        Ok((row.try_get("team").map_err(broken)?, PersonId(id(row, "person")?)))
    })
    .await?;
    let kept = all(
        conn,
        "SELECT id, kind, name, data, actor, created_at, changed_at FROM kept_rules ORDER BY created_at, id",
        kept,
    )
    .await?;
    Ok(DirectoryRows { version, projects, agents, keys, people, team_members, kept })
}

/// A person's argon2id hash, for checking what was typed.
pub(in crate::store::sqlite) async fn password_of(
    conn: &mut SqliteConnection,
    person: PersonId,
) -> Result<Option<String>, StoreError> {
    let row: Option<(Option<String>,)> =
        sqlx::query_as("SELECT password_hash FROM people WHERE id = $1 AND disabled = 0")
            .bind(person.bytes().to_vec())
            .fetch_optional(conn)
            .await
            .map_err(trouble)?;
    Ok(row.and_then(|(hash,)| hash))
}

pub(in crate::store::sqlite) async fn session(
    conn: &mut SqliteConnection,
    token: &KeyHash,
) -> Result<Option<Session>, StoreError> {
    sqlx::query("SELECT id, person, created_at, expires_at, last_seen_at, browser FROM sessions WHERE token_hash = $1")
        .bind(token.to_vec())
        .fetch_optional(conn)
        .await
        .map_err(trouble)?
        .map(|row| read_session(&row))
        .transpose()
}

/// Newest first.
pub(in crate::store::sqlite) async fn sessions_of(
    conn: &mut SqliteConnection,
    person: PersonId,
) -> Result<Vec<Session>, StoreError> {
    sqlx::query(
        "SELECT id, person, created_at, expires_at, last_seen_at, browser FROM sessions
         WHERE person = $1 ORDER BY created_at DESC, id DESC",
    )
    .bind(person.bytes().to_vec())
    .fetch_all(conn)
    .await
    .map_err(trouble)?
    .iter()
    .map(read_session)
    .collect()
}

pub(in crate::store::sqlite) async fn link(
    conn: &mut SqliteConnection,
    token: &KeyHash,
) -> Result<Option<Link>, StoreError> {
    let row = sqlx::query("SELECT token_hash, person, expires_at, used_at FROM links WHERE token_hash = $1")
        .bind(token.to_vec())
        .fetch_optional(conn)
        .await
        .map_err(trouble)?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Link {
        token_hash: hash(&row, "token_hash")?,
        person: maybe_id(&row, "person")?.map(PersonId),
        expires_at: Timestamp(row.try_get("expires_at").map_err(broken)?),
        used_at: maybe_time(&row, "used_at")?,
    }))
}

/// Writes down who was seen when. No deed: it leaves no event and no new version.
pub(in crate::store::sqlite) async fn note_seen(conn: &mut SqliteConnection, seen: &Seen) -> Result<(), StoreError> {
    let agents = seen.agents.iter().map(|(id, at)| (id.bytes(), at));
    let people = seen.people.iter().map(|(id, at)| (id.bytes(), at));
    let sessions = seen.sessions.iter().map(|(id, at)| (id.bytes(), at));
    note(conn, "UPDATE agents SET last_seen_at = max(coalesce(last_seen_at, 0), $1) WHERE id = $2", agents).await?;
    note(conn, "UPDATE people SET last_seen_at = max(coalesce(last_seen_at, 0), $1) WHERE id = $2", people).await?;
    note(conn, "UPDATE sessions SET last_seen_at = max(last_seen_at, $1) WHERE id = $2", sessions).await
}

async fn note<'a>(
    conn: &mut SqliteConnection,
    statement: &'static str,
    seen: impl Iterator<Item = ([u8; 16], &'a Timestamp)>,
) -> Result<(), StoreError> {
    for (id, at) in seen {
        sqlx::query(statement).bind(at.0).bind(id.to_vec()).execute(&mut *conn).await.map_err(trouble)?;
    }
    Ok(())
}

async fn all<T>(
    conn: &mut SqliteConnection,
    query: &'static str,
    read: impl Fn(&SqliteRow) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    sqlx::query(query).fetch_all(conn).await.map_err(trouble)?.iter().map(read).collect()
}

fn project(row: &SqliteRow) -> Result<ProjectRow, StoreError> {
    Ok(ProjectRow {
        name: row.try_get("name").map_err(broken)?,
        from_files: row.try_get("from_files").map_err(broken)?,
        created_at: Timestamp(row.try_get("created_at").map_err(broken)?),
    })
}

fn agent(row: &SqliteRow) -> Result<AgentRow, StoreError> {
    let risk_sensitivity: Option<String> = row.try_get("risk_sensitivity").map_err(broken)?;
    Ok(AgentRow {
        id: AgentId(id(row, "id")?),
        name: row.try_get("name").map_err(broken)?,
        fingerprint: row.try_get("fingerprint").map_err(broken)?,
        project: row.try_get("project").map_err(broken)?,
        owner: row.try_get("owner").map_err(broken)?,
        framework: row.try_get("framework").map_err(broken)?,
        risk_sensitivity: risk_sensitivity
            .map(|tier| RiskTier::parse(&tier).ok_or_else(|| not_a("risk tier", &tier)))
            .transpose()?,
        trust: word(row, "trust", Trust::parse)?,
        source_type: word(row, "source_type", SourceType::parse)?,
        status: word(row, "status", AgentStatus::parse)?,
        from_files: row.try_get("from_files").map_err(broken)?,
        created_at: Timestamp(row.try_get("created_at").map_err(broken)?),
        last_seen_at: maybe_time(row, "last_seen_at")?,
    })
}

fn key(row: &SqliteRow) -> Result<KeyRow, StoreError> {
    let project: Option<String> = row.try_get("project").map_err(broken)?;
    let owner = match (maybe_id(row, "agent")?, project, maybe_id(row, "person")?) {
        (Some(agent), None, None) => KeyOwner::Agent(AgentId(agent)),
        (None, Some(project), None) => KeyOwner::Project(project),
        (None, None, Some(person)) => KeyOwner::Person(PersonId(person)),
        _ => return Err(StoreError::Broken("a key that has not exactly one owner".to_owned())),
    };
    Ok(KeyRow {
        id: KeyId(id(row, "id")?),
        owner,
        hash: hash(row, "hash")?,
        hint: row.try_get("hint").map_err(broken)?,
        label: row.try_get("label").map_err(broken)?,
        created_at: Timestamp(row.try_get("created_at").map_err(broken)?),
        expires_at: maybe_time(row, "expires_at")?,
        revoked_at: maybe_time(row, "revoked_at")?,
    })
}

fn person(row: &SqliteRow) -> Result<PersonRow, StoreError> {
    Ok(PersonRow {
        id: PersonId(id(row, "id")?),
        email: row.try_get("email").map_err(broken)?,
        name: row.try_get("name").map_err(broken)?,
        role: word(row, "role", Role::parse)?,
        disabled: row.try_get("disabled").map_err(broken)?,
        has_password: row.try_get("has_password").map_err(broken)?,
        created_at: Timestamp(row.try_get("created_at").map_err(broken)?),
        last_seen_at: maybe_time(row, "last_seen_at")?,
    })
}

fn kept(row: &SqliteRow) -> Result<KeptRule, StoreError> {
    Ok(KeptRule {
        id: RuleId(id(row, "id")?),
        kind: word(row, "kind", RuleKind::parse)?,
        name: row.try_get("name").map_err(broken)?,
        data: row.try_get("data").map_err(broken)?,
        by: row.try_get("actor").map_err(broken)?,
        created_at: Timestamp(row.try_get("created_at").map_err(broken)?),
        changed_at: Timestamp(row.try_get("changed_at").map_err(broken)?),
    })
}

fn read_session(row: &SqliteRow) -> Result<Session, StoreError> {
    Ok(Session {
        id: SessionId(id(row, "id")?),
        person: PersonId(id(row, "person")?),
        created_at: Timestamp(row.try_get("created_at").map_err(broken)?),
        expires_at: Timestamp(row.try_get("expires_at").map_err(broken)?),
        last_seen_at: Timestamp(row.try_get("last_seen_at").map_err(broken)?),
        browser: row.try_get("browser").map_err(broken)?,
    })
}

fn id(row: &SqliteRow, column: &str) -> Result<Uuid, StoreError> {
    let bytes: Vec<u8> = row.try_get(column).map_err(broken)?;
    Uuid::from_slice(&bytes).map_err(|_| StoreError::Broken(format!("{column} of {} bytes", bytes.len())))
}

fn maybe_id(row: &SqliteRow, column: &str) -> Result<Option<Uuid>, StoreError> {
    let bytes: Option<Vec<u8>> = row.try_get(column).map_err(broken)?;
    bytes
        .map(|bytes| {
            Uuid::from_slice(&bytes).map_err(|_| StoreError::Broken(format!("{column} of {} bytes", bytes.len())))
        })
        .transpose()
}

fn maybe_time(row: &SqliteRow, column: &str) -> Result<Option<Timestamp>, StoreError> {
    let at: Option<i64> = row.try_get(column).map_err(broken)?;
    Ok(at.map(Timestamp))
}

fn hash(row: &SqliteRow, column: &str) -> Result<KeyHash, StoreError> {
    let bytes: Vec<u8> = row.try_get(column).map_err(broken)?;
    KeyHash::try_from(bytes.as_slice()).map_err(|_| StoreError::Broken(format!("{column} of {} bytes", bytes.len())))
}

fn word<T>(row: &SqliteRow, column: &'static str, parse: impl Fn(&str) -> Option<T>) -> Result<T, StoreError> {
    let text: String = row.try_get(column).map_err(broken)?;
    parse(&text).ok_or_else(|| not_a(column, &text))
}

fn not_a(what: &str, text: &str) -> StoreError {
    StoreError::Broken(format!("{text:?} as a {what}"))
}

fn broken(error: sqlx::Error) -> StoreError {
    StoreError::Broken(error.to_string())
}
