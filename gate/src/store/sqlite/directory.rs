//! Rows of the directory: agents, keys, people, projects, sessions, links.
//!
//! INVARIANT: a deed that is refused leaves nothing behind (each has a savepoint of its own), and one
//! that changes what a snapshot shows counts the directory's version up.

use sqlx::SqliteConnection;

use crate::clock::Timestamp;
use crate::deed::{Deed, KeyOwner, LIVE_KEYS, NewAgent, NewKey, NewSession};
use crate::id::PersonId;
use crate::key::KeyKind;
use crate::person::Role;
use crate::store::StoreError;

mod read;

pub(super) use read::{link, load, note_seen, password_of, session, sessions_of, version};

/// Does a deed inside the writer's transaction; the writer appends its event.
///
/// # Errors
/// `Taken`: something that must be unique is there. `Refused`: not as things stand. `Stale`: what it is
/// about is not there.
pub(super) async fn apply(conn: &mut SqliteConnection, deed: &Deed, at: Timestamp) -> Result<(), StoreError> {
    sqlx::query("SAVEPOINT deed").execute(&mut *conn).await.map_err(trouble)?;
    let done = run(conn, deed, at).await;
    let end = if done.is_ok() { "RELEASE deed" } else { "ROLLBACK TO deed; RELEASE deed" };
    sqlx::raw_sql(end).execute(&mut *conn).await.map_err(trouble)?;
    done
}

async fn run(conn: &mut SqliteConnection, deed: &Deed, at: Timestamp) -> Result<(), StoreError> {
    match deed {
        Deed::AddProject { name, from_files, key } => {
            sqlx::query("INSERT INTO projects (name, from_files, created_at) VALUES ($1, $2, $3)")
                .bind(name)
                .bind(from_files)
                .bind(at.0)
                .execute(&mut *conn)
                .await
                .map_err(taken("a project of this name"))?;
            if let Some(key) = key {
                add_key(conn, KeyKind::Project, &KeyOwner::Project(name.clone()), key, None, None, at).await?;
            }
        }
        Deed::AddAgent { agent, key } => {
            insert_agent(conn, agent, false, at).await?;
            if let Some(key) = key {
                add_key(conn, KeyKind::Agent, &KeyOwner::Agent(agent.id), key, None, None, at).await?;
            }
        }
        Deed::AdoptAgent(agent) => adopt_agent(conn, agent, at).await?,
        Deed::SetAgentStatus { agent, status, .. } => {
            // A revoked agent stays revoked: whoever wants it back registers a new one.
            let changed =
                sqlx::query("UPDATE agents SET status = $1 WHERE id = $2 AND (status <> 'revoked' OR status = $1)")
                    .bind(status.as_str())
                    .bind(agent.bytes().to_vec())
                    .execute(&mut *conn)
                    .await
                    .map_err(trouble)?
                    .rows_affected();
            if changed == 0 {
                return Err(StoreError::Refused("a revoked agent stays revoked: register a new one"));
            }
        }
        Deed::AddKey { kind, owner, key, label, expires_at } => {
            add_key(conn, *kind, owner, key, label.as_deref(), *expires_at, at).await?;
        }
        Deed::RevokeKey { id } => {
            one(sqlx::query("UPDATE keys SET revoked_at = $1 WHERE id = $2 AND revoked_at IS NULL")
                .bind(at.0)
                .bind(id.bytes().to_vec())
                .execute(&mut *conn)
                .await)?;
        }
        Deed::AddPerson { id, email, name, role, teams } => {
            insert_person(conn, *id, email, name, *role, at).await?;
            set_teams(conn, *id, teams).await?;
        }
        Deed::SetPassword { person, password_hash } => {
            set_password(conn, *person, password_hash).await?;
            end_sessions(conn, *person).await?;
        }
        Deed::SetRole { person, role } => {
            let before = admins(conn).await?;
            one(sqlx::query("UPDATE people SET role = $1 WHERE id = $2")
                .bind(role.as_str())
                .bind(person.bytes().to_vec())
                .execute(&mut *conn)
                .await)?;
            an_admin_is_left(conn, before).await?;
            end_sessions(conn, *person).await?;
        }
        Deed::SetTeams { person, teams } => {
            there_is(conn, *person).await?;
            set_teams(conn, *person, teams).await?;
        }
        Deed::DisablePerson { person, disabled } => {
            let before = admins(conn).await?;
            one(sqlx::query("UPDATE people SET disabled = $1 WHERE id = $2")
                .bind(disabled)
                .bind(person.bytes().to_vec())
                .execute(&mut *conn)
                .await)?;
            an_admin_is_left(conn, before).await?;
            end_sessions(conn, *person).await?;
        }
        Deed::OpenSession { person, session } => open_session(conn, *person, session, at).await?,
        Deed::CloseSession { id } => {
            one(sqlx::query("DELETE FROM sessions WHERE id = $1").bind(id.bytes().to_vec()).execute(&mut *conn).await)?;
        }
        Deed::OfferLink { token_hash, person, expires_at } => {
            if person.is_none() {
                no_admin_yet(conn).await?;
            }
            sqlx::query("DELETE FROM links WHERE expires_at <= $1")
                .bind(at.0)
                .execute(&mut *conn)
                .await
                .map_err(trouble)?;
            sqlx::query("INSERT INTO links (token_hash, person, created_at, expires_at) VALUES ($1, $2, $3, $4)")
                .bind(token_hash.to_vec())
                .bind(person.map(|person| person.bytes().to_vec()))
                .bind(at.0)
                .bind(expires_at.0)
                .execute(&mut *conn)
                .await
                .map_err(taken("a link like this"))?;
        }
        Deed::UseLink { token_hash, person, first_admin, password_hash, session } => {
            let wanted = if first_admin.is_some() { None } else { Some(person.bytes().to_vec()) };
            let used = sqlx::query(
                "UPDATE links SET used_at = $1
                 WHERE token_hash = $2 AND used_at IS NULL AND expires_at > $1 AND person IS NOT DISTINCT FROM $3",
            )
            .bind(at.0)
            .bind(token_hash.to_vec())
            .bind(wanted)
            .execute(&mut *conn)
            .await
            .map_err(trouble)?;
            if used.rows_affected() != 1 {
                return Err(StoreError::Refused("this link was used, or is too old"));
            }
            if let Some(admin) = first_admin {
                no_admin_yet(conn).await?;
                insert_person(conn, *person, &admin.email, &admin.name, Role::Admin, at).await?;
            }
            set_password(conn, *person, password_hash).await?;
            end_sessions(conn, *person).await?;
            open_session(conn, *person, session, at).await?;
        }
        Deed::KeepRule { id, kind, name, data, new: true, by } => {
            sqlx::query(
                "INSERT INTO kept_rules (id, kind, name, data, actor, created_at, changed_at)
                 VALUES ($1, $2, $3, $4, $5, $6, $6)",
            )
            .bind(id.bytes().to_vec())
            .bind(kind.as_str())
            .bind(name)
            .bind(data)
            .bind(by)
            .bind(at.0)
            .execute(&mut *conn)
            .await
            .map_err(taken("one of this name"))?;
        }
        Deed::KeepRule { id, kind, name, data, by, .. } => {
            one(sqlx::query(
                "UPDATE kept_rules SET name = $3, data = $4, actor = $5, changed_at = $6 WHERE id = $1 AND kind = $2",
            )
            .bind(id.bytes().to_vec())
            .bind(kind.as_str())
            .bind(name)
            .bind(data)
            .bind(by)
            .bind(at.0)
            .execute(&mut *conn)
            .await)?;
        }
        Deed::DropRule { id, kind, .. } => {
            one(sqlx::query("DELETE FROM kept_rules WHERE id = $1 AND kind = $2")
                .bind(id.bytes().to_vec())
                .bind(kind.as_str())
                .execute(&mut *conn)
                .await)?;
        }
        Deed::SignInFailed { person } => there_is(conn, *person).await?,
        Deed::ChangeConfig { after, .. } => {
            sqlx::query(
                "INSERT INTO settings (name, value) VALUES ('config', CAST($1 AS BLOB))
                 ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            )
            .bind(after)
            .execute(&mut *conn)
            .await
            .map_err(trouble)?;
        }
    }
    if shows(deed) {
        sqlx::query("UPDATE directory_version SET version = version + 1").execute(&mut *conn).await.map_err(trouble)?;
    }
    Ok(())
}

/// Whether a snapshot looks different afterwards.
fn shows(deed: &Deed) -> bool {
    !matches!(
        deed,
        Deed::OpenSession { .. }
            | Deed::CloseSession { .. }
            | Deed::OfferLink { .. }
            | Deed::SignInFailed { .. }
            | Deed::ChangeConfig { .. }
    )
}

async fn insert_agent(
    conn: &mut SqliteConnection,
    agent: &NewAgent,
    from_files: bool,
    at: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO agents (id, name, fingerprint, project, owner, framework, risk_sensitivity, trust, source_type,
                             from_files, status, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'active', $11)",
    )
    .bind(agent.id.bytes().to_vec())
    .bind(&agent.name)
    .bind(&agent.fingerprint)
    .bind(&agent.project)
    .bind(&agent.owner)
    .bind(&agent.framework)
    .bind(agent.risk_sensitivity.map(rules::config::RiskTier::as_str))
    .bind(agent.trust.as_str())
    .bind(agent.source_type.as_str())
    .bind(from_files)
    .bind(at.0)
    .execute(conn)
    .await
    .map_err(taken("an agent of this name or fingerprint in this project"))?;
    Ok(())
}

/// Status, keys and date of an agent stay; the rest is what files say now.
async fn adopt_agent(conn: &mut SqliteConnection, agent: &NewAgent, at: Timestamp) -> Result<(), StoreError> {
    let known = sqlx::query(
        "UPDATE agents SET name = $2, fingerprint = $3, project = $4, owner = $5, framework = $6,
                           risk_sensitivity = $7, trust = $8, source_type = $9, from_files = 1
         WHERE id = $1",
    )
    .bind(agent.id.bytes().to_vec())
    .bind(&agent.name)
    .bind(&agent.fingerprint)
    .bind(&agent.project)
    .bind(&agent.owner)
    .bind(&agent.framework)
    .bind(agent.risk_sensitivity.map(rules::config::RiskTier::as_str))
    .bind(agent.trust.as_str())
    .bind(agent.source_type.as_str())
    .execute(&mut *conn)
    .await
    .map_err(taken("an agent of this name or fingerprint in this project"))?;
    if known.rows_affected() == 0 { insert_agent(conn, agent, true, at).await } else { Ok(()) }
}

async fn add_key(
    conn: &mut SqliteConnection,
    kind: KeyKind,
    owner: &KeyOwner,
    key: &NewKey,
    label: Option<&str>,
    expires_at: Option<Timestamp>,
    at: Timestamp,
) -> Result<(), StoreError> {
    let (agent, project, person) = match owner {
        KeyOwner::Agent(id) => (Some(id.bytes().to_vec()), None, None),
        KeyOwner::Project(name) => (None, Some(name.as_str()), None),
        KeyOwner::Person(id) => (None, None, Some(id.bytes().to_vec())),
    };
    sqlx::query(
        "INSERT INTO keys (id, kind, agent, project, person, hash, hint, label, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(key.id.bytes().to_vec())
    .bind(kind.as_str())
    .bind(&agent)
    .bind(project)
    .bind(&person)
    .bind(key.hash.to_vec())
    .bind(&key.hint)
    .bind(label)
    .bind(at.0)
    .bind(expires_at.map(|at| at.0))
    .execute(&mut *conn)
    .await
    .map_err(taken("this key"))?;
    if kind != KeyKind::User {
        sqlx::query(
            "UPDATE keys SET revoked_at = $1
             WHERE revoked_at IS NULL AND (agent = $2 OR project = $3)
               AND seq NOT IN (SELECT seq FROM keys WHERE revoked_at IS NULL AND (agent = $2 OR project = $3)
                               ORDER BY seq DESC LIMIT $4)",
        )
        .bind(at.0)
        .bind(agent)
        .bind(project)
        .bind(i64::try_from(LIVE_KEYS).unwrap_or(i64::MAX))
        .execute(&mut *conn)
        .await
        .map_err(trouble)?;
    }
    Ok(())
}

async fn insert_person(
    conn: &mut SqliteConnection,
    id: PersonId,
    email: &str,
    name: &str,
    role: Role,
    at: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO people (id, email, name, role, disabled, created_at) VALUES ($1, $2, $3, $4, 0, $5)")
        .bind(id.bytes().to_vec())
        .bind(email)
        .bind(name)
        .bind(role.as_str())
        .bind(at.0)
        .execute(conn)
        .await
        .map_err(taken("a person with this address"))?;
    Ok(())
}

async fn set_teams(conn: &mut SqliteConnection, person: PersonId, teams: &[String]) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM team_members WHERE person = $1")
        .bind(person.bytes().to_vec())
        .execute(&mut *conn)
        .await
        .map_err(trouble)?;
    for team in teams {
        sqlx::query("INSERT INTO team_members (team, person) VALUES ($1, $2) ON CONFLICT DO NOTHING")
            .bind(team)
            .bind(person.bytes().to_vec())
            .execute(&mut *conn)
            .await
            .map_err(trouble)?;
    }
    Ok(())
}

async fn set_password(conn: &mut SqliteConnection, person: PersonId, hash: &str) -> Result<(), StoreError> {
    one(sqlx::query("UPDATE people SET password_hash = $1 WHERE id = $2 AND disabled = 0")
        .bind(hash)
        .bind(person.bytes().to_vec())
        .execute(conn)
        .await)
}

async fn open_session(
    conn: &mut SqliteConnection,
    person: PersonId,
    session: &NewSession,
    at: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM sessions WHERE expires_at <= $1").bind(at.0).execute(&mut *conn).await.map_err(trouble)?;
    one(sqlx::query(
        "INSERT INTO sessions (id, person, token_hash, created_at, expires_at, last_seen_at, browser)
         SELECT $1, id, $3, $4, $5, $4, $6 FROM people WHERE id = $2 AND disabled = 0",
    )
    .bind(session.id.bytes().to_vec())
    .bind(person.bytes().to_vec())
    .bind(session.token_hash.to_vec())
    .bind(at.0)
    .bind(session.expires_at.0)
    .bind(&session.browser)
    .execute(&mut *conn)
    .await)
}

async fn end_sessions(conn: &mut SqliteConnection, person: PersonId) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM sessions WHERE person = $1")
        .bind(person.bytes().to_vec())
        .execute(conn)
        .await
        .map_err(trouble)?;
    Ok(())
}

async fn there_is(conn: &mut SqliteConnection, person: PersonId) -> Result<(), StoreError> {
    let (count,): (i64,) = sqlx::query_as("SELECT count(*) FROM people WHERE id = $1")
        .bind(person.bytes().to_vec())
        .fetch_one(conn)
        .await
        .map_err(trouble)?;
    if count == 1 { Ok(()) } else { Err(StoreError::Stale) }
}

async fn admins(conn: &mut SqliteConnection) -> Result<i64, StoreError> {
    let (count,): (i64,) = sqlx::query_as("SELECT count(*) FROM people WHERE role = 'admin' AND disabled = 0")
        .fetch_one(conn)
        .await
        .map_err(trouble)?;
    Ok(count)
}

/// INVARIANT: once there was an admin there always is one; else the gate could only be managed from the
/// machine it runs on, and the first-admin link would be offered again.
async fn an_admin_is_left(conn: &mut SqliteConnection, before: i64) -> Result<(), StoreError> {
    if before > 0 && admins(conn).await? == 0 {
        return Err(StoreError::Refused("the last admin stays: make somebody else an admin first"));
    }
    Ok(())
}

async fn no_admin_yet(conn: &mut SqliteConnection) -> Result<(), StoreError> {
    if admins(conn).await? == 0 {
        Ok(())
    } else {
        Err(StoreError::Refused("there is an admin already: ask them for a link"))
    }
}

/// Exactly one row was to change.
fn one(done: Result<sqlx::sqlite::SqliteQueryResult, sqlx::Error>) -> Result<(), StoreError> {
    if done.map_err(trouble)?.rows_affected() == 1 { Ok(()) } else { Err(StoreError::Stale) }
}

fn taken(what: &'static str) -> impl FnOnce(sqlx::Error) -> StoreError {
    move |error| match &error {
        sqlx::Error::Database(database) if database.is_unique_violation() => StoreError::Taken(what),
        _ => trouble(error),
    }
}

fn trouble(error: sqlx::Error) -> StoreError {
    match &error {
        // What it refers to is gone.
        sqlx::Error::Database(database) if database.is_foreign_key_violation() => StoreError::Stale,
        _ => StoreError::Unavailable(error.to_string()),
    }
}
