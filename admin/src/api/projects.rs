//! Projects and their keys.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::caller::{AdminUser, Viewer, actor};
use crate::error::{ApiError, Problem};
use crate::input::Body;
use crate::view::agent::ProjectView;
use crate::view::{List, NewKeyView};

/// Lists the projects.
#[utoipa::path(get, path = "/api/projects", tag = "projects", responses(
    (status = 200, body = List<ProjectView>), (status = "4XX", body = Problem)))]
pub(crate) async fn list(_: Viewer, State(app): State<App>) -> Json<List<ProjectView>> {
    Json(List::whole(app.gate().projects().iter().map(ProjectView::of).collect()))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddProjectBody {
    name: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NewProjectView {
    name: String,
    key_id: String,
    /// Shown once: the gate keeps only its hash.
    key: String,
}

/// Adds a project and answers its key, once.
#[utoipa::path(post, path = "/api/projects", tag = "projects", request_body = AddProjectBody, responses(
    (status = 201, body = NewProjectView), (status = "4XX", body = Problem)))]
pub(crate) async fn add(
    AdminUser(person): AdminUser,
    State(app): State<App>,
    Body(body): Body<AddProjectBody>,
) -> Result<(StatusCode, Json<NewProjectView>), ApiError> {
    let minted = app.gate().add_project(&body.name, &actor(&person)).await?;
    let view =
        NewProjectView { name: body.name, key_id: minted.id.to_string(), key: minted.secret.expose().to_owned() };
    Ok((StatusCode::CREATED, Json(view)))
}

/// Gives a project another key. Two are good at once; the oldest of more stops working.
#[utoipa::path(post, path = "/api/projects/{name}/keys", tag = "projects", params(("name" = String, Path)), responses(
    (status = 201, body = NewKeyView), (status = "4XX", body = Problem)))]
pub(crate) async fn rotate_key(
    AdminUser(person): AdminUser,
    State(app): State<App>,
    Path(name): Path<String>,
) -> Result<(StatusCode, Json<NewKeyView>), ApiError> {
    let minted = app.gate().rotate_project_key(&name, &actor(&person)).await?;
    Ok((StatusCode::CREATED, Json(NewKeyView::of(&minted))))
}
