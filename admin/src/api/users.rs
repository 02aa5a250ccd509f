//! People and teams.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use gate::{Person, PersonId, Role};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::caller::{AdminUser, Viewer, actor};
use crate::error::{ApiError, Problem};
use crate::input::{Body, Id};
use crate::view::List;
use crate::view::person::{NewPersonView, PersonView, TeamView};

/// Lists the people.
#[utoipa::path(get, path = "/api/users", tag = "users", responses(
    (status = 200, body = List<PersonView>), (status = "4XX", body = Problem)))]
pub(crate) async fn list(_: Viewer, State(app): State<App>) -> Json<List<PersonView>> {
    Json(List::whole(app.gate().directory().people().iter().map(|person| PersonView::of(person)).collect()))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddUserBody {
    pub(crate) email: String,
    pub(crate) name: Option<String>,
    /// `viewer`, `approver` or `admin`.
    pub(crate) role: String,
    #[serde(default)]
    pub(crate) teams: Vec<String>,
}

/// Adds a person and answers the one-time link with which they set their password.
#[utoipa::path(post, path = "/api/users", tag = "users", request_body = AddUserBody, responses(
    (status = 201, body = NewPersonView), (status = "4XX", body = Problem)))]
pub(crate) async fn add(
    AdminUser(admin): AdminUser,
    State(app): State<App>,
    Body(body): Body<AddUserBody>,
) -> Result<(StatusCode, Json<NewPersonView>), ApiError> {
    Ok((StatusCode::CREATED, Json(invite(&app, &admin, body).await?)))
}

pub(crate) async fn invite(app: &App, by: &Person, body: AddUserBody) -> Result<NewPersonView, ApiError> {
    let role = a_role(&body.role)?;
    let email = body.email.trim();
    let name = body.name.as_deref().map(str::trim).filter(|name| !name.is_empty());
    let name = name.unwrap_or_else(|| email.split('@').next().unwrap_or(email));
    let person = app.gate().add_person(email, name, role, body.teams, &actor(by)).await?;
    let link = offer(app, by, person.id).await?;
    Ok(NewPersonView { person: PersonView::of(&person), link })
}

/// A one-time link for somebody, whole.
pub(crate) async fn offer(app: &App, by: &Person, person: PersonId) -> Result<String, ApiError> {
    let token = app.gate().offer_link(Some(person), &actor(by)).await?;
    Ok(format!("{}/link/{token}", app.url()))
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LinkView {
    /// Good for an hour and one use: hand it over yourself.
    link: String,
}

/// Makes another one-time link for somebody who has lost theirs, or their password.
#[utoipa::path(post, path = "/api/users/{id}/link", tag = "users", params(("id" = String, Path)), responses(
    (status = 201, body = LinkView), (status = "4XX", body = Problem)))]
pub(crate) async fn link(
    AdminUser(admin): AdminUser,
    State(app): State<App>,
    Id(id): Id<PersonId>,
) -> Result<(StatusCode, Json<LinkView>), ApiError> {
    Ok((StatusCode::CREATED, Json(LinkView { link: offer(&app, &admin, id).await? })))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RoleBody {
    /// `viewer`, `approver` or `admin`.
    role: String,
}

/// Gives somebody another role. They sign in again then.
#[utoipa::path(post, path = "/api/users/{id}/role", tag = "users", params(("id" = String, Path)),
    request_body = RoleBody, responses((status = 200, body = PersonView), (status = "4XX", body = Problem)))]
pub(crate) async fn role(
    AdminUser(admin): AdminUser,
    State(app): State<App>,
    Id(id): Id<PersonId>,
    Body(body): Body<RoleBody>,
) -> Result<Json<PersonView>, ApiError> {
    Ok(Json(set_role(&app, &admin, id, &body.role).await?))
}

pub(crate) async fn set_role(app: &App, by: &Person, id: PersonId, role: &str) -> Result<PersonView, ApiError> {
    let person = app.gate().set_role(id, a_role(role)?, &actor(by)).await?;
    Ok(PersonView::of(&person))
}

fn a_role(word: &str) -> Result<Role, ApiError> {
    Role::parse(word).ok_or_else(|| ApiError::invalid(format!("`role` is viewer, approver or admin, not {word:?}.")))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TeamsBody {
    /// All their teams; a team that files define is changed only there.
    teams: Vec<String>,
}

/// Puts somebody into teams.
#[utoipa::path(post, path = "/api/users/{id}/teams", tag = "users", params(("id" = String, Path)),
    request_body = TeamsBody, responses((status = 200, body = PersonView), (status = "4XX", body = Problem)))]
pub(crate) async fn set_teams(
    AdminUser(admin): AdminUser,
    State(app): State<App>,
    Id(id): Id<PersonId>,
    Body(body): Body<TeamsBody>,
) -> Result<Json<PersonView>, ApiError> {
    let person = app.gate().set_teams(id, body.teams, &actor(&admin)).await?;
    Ok(Json(PersonView::of(&person)))
}

/// Takes somebody's access away; what they decided stays.
#[utoipa::path(post, path = "/api/users/{id}/disable", tag = "users", params(("id" = String, Path)), responses(
    (status = 204), (status = "4XX", body = Problem)))]
pub(crate) async fn disable(
    AdminUser(admin): AdminUser,
    State(app): State<App>,
    Id(id): Id<PersonId>,
) -> Result<StatusCode, ApiError> {
    app.gate().disable_person(id, true, &actor(&admin)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Gives it back.
#[utoipa::path(post, path = "/api/users/{id}/enable", tag = "users", params(("id" = String, Path)), responses(
    (status = 204), (status = "4XX", body = Problem)))]
pub(crate) async fn enable(
    AdminUser(admin): AdminUser,
    State(app): State<App>,
    Id(id): Id<PersonId>,
) -> Result<StatusCode, ApiError> {
    app.gate().disable_person(id, false, &actor(&admin)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists the teams with their members' addresses.
#[utoipa::path(get, path = "/api/teams", tag = "users", responses(
    (status = 200, body = List<TeamView>), (status = "4XX", body = Problem)))]
pub(crate) async fn teams(_: Viewer, State(app): State<App>) -> Json<List<TeamView>> {
    let teams = app.gate().directory().teams();
    Json(List::whole(teams.into_iter().map(|(name, members)| TeamView { name, members }).collect()))
}
