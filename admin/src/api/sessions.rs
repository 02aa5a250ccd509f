//! Where a person is signed in with a browser, and ending that.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use gate::{Person, PersonId, Role, Session, SessionId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::caller::{Viewer, actor};
use crate::error::{ApiError, Problem};
use crate::input::{Id, Query};
use crate::view::List;

/// A browser's sign-in.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct SessionView {
    pub(crate) id: String,
    /// As the browser calls itself.
    pub(crate) browser: String,
    pub(crate) created_at: String,
    pub(crate) last_seen_at: String,
    /// At the latest; earlier without a sign of life.
    pub(crate) expires_at: String,
}

impl SessionView {
    fn of(session: &Session) -> SessionView {
        SessionView {
            id: session.id.to_string(),
            browser: session.browser.clone(),
            created_at: session.created_at.to_string(),
            last_seen_at: session.last_seen_at.to_string(),
            expires_at: session.expires_at.to_string(),
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SessionsQuery {
    /// Of another person, for admins.
    user: Option<String>,
}

/// Lists where you are signed in with a browser, newest first.
#[utoipa::path(get, path = "/api/sessions", tag = "users", params(SessionsQuery), responses(
    (status = 200, body = List<SessionView>), (status = "4XX", body = Problem)))]
pub(crate) async fn list(
    Viewer(person): Viewer,
    State(app): State<App>,
    Query(query): Query<SessionsQuery>,
) -> Result<Json<List<SessionView>>, ApiError> {
    let whose = match &query.user {
        None => person.id,
        Some(_) if person.role != Role::Admin => return Err(ApiError::admins_only()),
        Some(id) => id.parse::<PersonId>().map_err(|_| ApiError::not_found("person"))?,
    };
    Ok(Json(List::whole(of(&app, whose).await?)))
}

pub(crate) async fn of(app: &App, person: PersonId) -> Result<Vec<SessionView>, ApiError> {
    Ok(app.gate().sessions_of(person).await?.iter().map(SessionView::of).collect())
}

/// Ends a session: one of yours, or, for admins, anybody's.
#[utoipa::path(delete, path = "/api/sessions/{id}", tag = "users", params(("id" = String, Path)),
    responses((status = 204), (status = "4XX", body = Problem)))]
pub(crate) async fn end(
    Viewer(person): Viewer,
    State(app): State<App>,
    Id(id): Id<SessionId>,
) -> Result<StatusCode, ApiError> {
    close(&app, &person, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn close(app: &App, by: &Person, id: SessionId) -> Result<(), ApiError> {
    let own = app.gate().sessions_of(by.id).await?.iter().any(|session| session.id == id);
    if !own && by.role != Role::Admin {
        return Err(ApiError::not_found("session"));
    }
    Ok(app.gate().end_session(id, &actor(by)).await?)
}
