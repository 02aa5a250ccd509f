//! Keys of all kinds: listing what is known of them, minting a personal token, revoking any.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use gate::KeyId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::caller::{AdminUser, Viewer, actor};
use crate::error::{ApiError, Problem};
use crate::input::{Body, Id};
use crate::view::{KeyView, List, NewKeyView};

/// A key and whose it is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OwnedKeyView {
    #[serde(flatten)]
    key: KeyView,
    /// `agent` or `project`.
    kind: &'static str,
    /// Name of the agent or project.
    owner: String,
}

/// Lists the keys of agents and projects, without their texts.
#[utoipa::path(get, path = "/api/keys", tag = "keys", responses(
    (status = 200, body = List<OwnedKeyView>), (status = "4XX", body = Problem)))]
pub(crate) async fn list(_: AdminUser, State(app): State<App>) -> Json<List<OwnedKeyView>> {
    let directory = app.gate().directory();
    let mut data = Vec::new();
    for agent in directory.agents() {
        data.extend(agent.keys.iter().map(|key| OwnedKeyView {
            key: KeyView::of(key),
            kind: "agent",
            owner: agent.name.clone(),
        }));
    }
    for project in directory.projects() {
        let owned = |key| OwnedKeyView { key: KeyView::of(key), kind: "project", owner: project.name.clone() };
        data.extend(project.keys.iter().map(owned));
    }
    Json(List::whole(data))
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MintTokenBody {
    /// What it is for.
    label: Option<String>,
}

/// Makes a personal token for yourself, for the command line and the API. It can do what you can.
#[utoipa::path(post, path = "/api/keys", tag = "keys", request_body = MintTokenBody, responses(
    (status = 201, body = NewKeyView), (status = "4XX", body = Problem)))]
pub(crate) async fn mint(
    Viewer(person): Viewer,
    State(app): State<App>,
    Body(body): Body<MintTokenBody>,
) -> Result<(StatusCode, Json<NewKeyView>), ApiError> {
    let minted = app.gate().mint_token(person.id, body.label, &actor(&person)).await?;
    Ok((StatusCode::CREATED, Json(NewKeyView::of(&minted))))
}

/// Revokes a key at once.
#[utoipa::path(delete, path = "/api/keys/{id}", tag = "keys", params(("id" = String, Path)), responses(
    (status = 204), (status = "4XX", body = Problem)))]
pub(crate) async fn revoke(
    AdminUser(person): AdminUser,
    State(app): State<App>,
    Id(id): Id<KeyId>,
) -> Result<StatusCode, ApiError> {
    app.gate().revoke_key(id, &actor(&person)).await?;
    Ok(StatusCode::NO_CONTENT)
}
