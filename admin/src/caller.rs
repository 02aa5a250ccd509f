//! Who calls, as the type of a handler's argument: an argument of one of these types *is* the
//! permission, so a handler without one does not get at a person, and none tests a role itself.
//!
//! | type | lets in |
//! |---|---|
//! | [`Caller`] | whoever has a good key or session; sees only what is theirs |
//! | [`Declarer`] | agents and projects, not people |
//! | [`Reporter`] | agents, projects, and people who may decide |
//! | [`Viewer`] | any person |
//! | [`Approver`] | people with the role approver or admin |
//! | [`AdminUser`] | people with the role admin |
//!
//! A session's cookie counts for a request that changes something only with the session's CSRF token:
//! in the header `X-CSRF-Token` here, in the form for pages (see [`crate::input::Posted`]).

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum_extra::extract::CookieJar;
use gate::{Actor, AgentStatus, Intent, IntentFilter, KeySecret, Person, Principal, Role, Session};
use http::header::AUTHORIZATION;
use http::request::Parts;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::app::App;
use crate::error::{ApiError, Code};
use crate::guard;

#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) principal: Principal,
    credential: Credential,
}

/// What proved it, to prove it again later.
#[derive(Debug, Clone)]
enum Credential {
    Key(KeySecret),
    Cookie(String),
}

#[derive(Debug, Clone)]
pub(crate) struct Declarer(pub(crate) Caller);
#[derive(Debug, Clone)]
pub(crate) struct Reporter(pub(crate) Caller);
#[derive(Debug, Clone)]
pub(crate) struct Viewer(pub(crate) Arc<Person>);
#[derive(Debug, Clone)]
/// With how they are signed in, as the log keeps it beside a verdict.
pub(crate) struct Approver(pub(crate) Arc<Person>, pub(crate) String);
#[derive(Debug, Clone)]
pub(crate) struct AdminUser(pub(crate) Arc<Person>);

/// A browser's sign-in, looked up, with its CSRF token. No check of where the request came from yet.
#[derive(Debug, Clone)]
pub(crate) struct SignIn {
    pub(crate) session: Session,
    pub(crate) person: Arc<Person>,
    pub(crate) csrf: String,
}

impl Caller {
    async fn of(parts: &mut Parts, app: &App) -> Result<Caller, ApiError> {
        if let Some(key) = bearer(parts)? {
            let credential = Credential::Key(key);
            let principal = credential.holder(app).await?.ok_or_else(ApiError::unauthorized)?;
            return Ok(Caller { principal, credential });
        }
        let cookie = cookie(parts, app).ok_or_else(ApiError::unauthorized)?;
        if !guard::is_safe(&parts.method) {
            if !guard::is_from_own_page(app, parts) {
                return Err(ApiError::foreign_origin());
            }
            let token = parts.headers.get("x-csrf-token").and_then(|value| value.to_str().ok());
            if !token.is_some_and(|token| same(token, &csrf_token(&cookie))) {
                return Err(ApiError::foreign_origin());
            }
        }
        let credential = Credential::Cookie(cookie);
        let principal = credential.holder(app).await?.ok_or_else(ApiError::unauthorized)?;
        Ok(Caller { principal, credential })
    }

    /// Whether the key or session is still good: for answers that go on for long.
    pub(crate) async fn is_still_good(&self, app: &App) -> bool {
        matches!(self.credential.holder(app).await, Ok(Some(_)))
    }

    pub(crate) fn person(&self) -> Option<&Arc<Person>> {
        match &self.principal {
            Principal::Person(person) => Some(person),
            Principal::Agent(_) | Principal::Project(_) => None,
        }
    }

    /// Whether an intent is theirs to see: people see all, a project's key its project's, an agent its own.
    pub(crate) fn sees(&self, intent: &Intent) -> bool {
        match &self.principal {
            Principal::Person(_) => true,
            Principal::Project(project) => intent.project == *project,
            Principal::Agent(agent) => intent.project == agent.project && intent.agent.fingerprint == agent.fingerprint,
        }
    }

    /// Whose permits they may have looked over: also those of other agents of their project, for a service
    /// is handed permits of whoever calls it.
    pub(crate) fn sees_permits_of(&self, intent: &Intent) -> bool {
        match &self.principal {
            Principal::Person(_) => true,
            Principal::Project(project) => intent.project == *project,
            Principal::Agent(agent) => intent.project == agent.project,
        }
    }

    /// Narrows a listing to what [`Caller::sees`]. `false`: they asked for what cannot be theirs.
    pub(crate) fn narrow(&self, filter: &mut IntentFilter) -> bool {
        match &self.principal {
            Principal::Person(_) => true,
            Principal::Project(project) => {
                filter.project = Some(project.clone());
                true
            }
            Principal::Agent(agent) => {
                filter.project = Some(agent.project.clone());
                let asked = filter.fingerprint.replace(agent.fingerprint.clone());
                asked.is_none_or(|asked| asked == agent.fingerprint)
            }
        }
    }
}

impl Credential {
    /// As the log names it: nobody can sign in with this text.
    async fn named(&self, app: &App) -> Result<String, ApiError> {
        Ok(match self {
            Credential::Key(key) => format!("token ...{}", key.hint()),
            Credential::Cookie(cookie) => match app.gate().session(cookie).await? {
                Some((session, _)) => session.named(),
                None => return Err(ApiError::unauthorized()),
            },
        })
    }

    async fn holder(&self, app: &App) -> Result<Option<Principal>, ApiError> {
        let principal = match self {
            Credential::Key(key) => app.gate().identify(key).await?,
            Credential::Cookie(cookie) => {
                app.gate().session(cookie).await?.map(|(_, person)| Principal::Person(person))
            }
        };
        match principal {
            Some(Principal::Person(person)) if person.disabled => Ok(None),
            Some(Principal::Agent(agent)) if agent.status == AgentStatus::Revoked => Err(ApiError::new(
                Code::AgentRevoked,
                format!("The agent {} was revoked. An admin can register a new one.", agent.name),
            )),
            other => Ok(other),
        }
    }
}

impl SignIn {
    pub(crate) async fn of(parts: &Parts, app: &App) -> Result<Option<SignIn>, ApiError> {
        let Some(cookie) = cookie(parts, app) else { return Ok(None) };
        let found = app.gate().session(&cookie).await?;
        Ok(found.filter(|(_, person)| !person.disabled).map(|(session, person)| SignIn {
            session,
            person,
            csrf: csrf_token(&cookie),
        }))
    }

    pub(crate) fn is_token(&self, presented: &str) -> bool {
        same(presented, &self.csrf)
    }
}

/// A key as `Authorization: Bearer hsk_...`. Something else in that header is refused, not overlooked.
fn bearer(parts: &Parts) -> Result<Option<KeySecret>, ApiError> {
    let mut values = parts.headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(ApiError::unauthorized());
    }
    let text = value.to_str().map_err(|_| ApiError::unauthorized())?;
    let (scheme, key) = text.split_once(' ').ok_or_else(ApiError::unauthorized)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(ApiError::unauthorized());
    }
    let (_, key) = KeySecret::parse(key.trim()).map_err(|_| ApiError::unauthorized())?;
    Ok(Some(key))
}

fn cookie(parts: &Parts, app: &App) -> Option<String> {
    let name = app.cookie_name()?;
    CookieJar::from_headers(&parts.headers).get(name).map(|cookie| cookie.value().to_owned())
}

/// The session's CSRF token. Made from the cookie, which no other page can read; one way, so that a
/// page's text does not give the cookie away.
pub(crate) fn csrf_token(cookie: &str) -> String {
    use base64::Engine;
    let digest = Sha256::new().chain_update(b"holdshort csrf\0").chain_update(cookie.as_bytes()).finalize();
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(digest)
}

fn same(left: &str, right: &str) -> bool {
    left.as_bytes().ct_eq(right.as_bytes()).into()
}

pub(crate) fn actor(person: &Person) -> Actor {
    Actor::Person { id: person.id, email: person.email.clone() }
}

impl FromRequestParts<App> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Caller, ApiError> {
        Caller::of(parts, app).await
    }
}

impl FromRequestParts<App> for Declarer {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Declarer, ApiError> {
        let caller = Caller::of(parts, app).await?;
        if caller.person().is_some() { Err(gate::DeclareError::NotForPeople.into()) } else { Ok(Declarer(caller)) }
    }
}

impl FromRequestParts<App> for Reporter {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Reporter, ApiError> {
        let caller = Caller::of(parts, app).await?;
        if caller.person().is_some_and(|person| !may_decide(person)) {
            return Err(ApiError::not_an_approver());
        }
        Ok(Reporter(caller))
    }
}

impl FromRequestParts<App> for Viewer {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Viewer, ApiError> {
        match Caller::of(parts, app).await?.principal {
            Principal::Person(person) => Ok(Viewer(person)),
            Principal::Agent(_) | Principal::Project(_) => Err(ApiError::people_only()),
        }
    }
}

impl FromRequestParts<App> for Approver {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Approver, ApiError> {
        let caller = Caller::of(parts, app).await?;
        match caller.principal {
            Principal::Person(person) if may_decide(&person) => {
                let how = caller.credential.named(app).await?;
                Ok(Approver(person, how))
            }
            _ => Err(ApiError::not_an_approver()),
        }
    }
}

impl FromRequestParts<App> for AdminUser {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<AdminUser, ApiError> {
        match Caller::of(parts, app).await?.principal {
            Principal::Person(person) if person.role == Role::Admin => Ok(AdminUser(person)),
            Principal::Person(_) => Err(ApiError::admins_only()),
            Principal::Agent(_) | Principal::Project(_) => Err(ApiError::people_only()),
        }
    }
}

pub(crate) fn may_decide(person: &Person) -> bool {
    matches!(person.role, Role::Approver | Role::Admin)
}
