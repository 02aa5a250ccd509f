//! Saying what became of an intent whose outcome the gate could not see.

use axum::Json;
use axum::extract::State;
use gate::IntentId;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::caller::Approver;
use crate::error::{ApiError, Problem};
use crate::input::Body;
use crate::view::intent::IntentView;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SettleBody {
    intent_id: String,
    status: Settled,
    /// How you know.
    result: Option<String>,
}

#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Settled {
    Executed,
    /// Nothing happened: the same call may ask again.
    Failed,
}

/// Settles an intent that is `unknown`, after a look at the upstream.
#[utoipa::path(post, path = "/api/executions", tag = "decisions", request_body = SettleBody,
    responses((status = 200, body = IntentView), (status = "4XX", body = Problem)))]
pub(crate) async fn settle(
    Approver(person): Approver,
    State(app): State<App>,
    Body(body): Body<SettleBody>,
) -> Result<Json<IntentView>, ApiError> {
    let id: IntentId = body.intent_id.parse().map_err(|_| ApiError::not_found("intent"))?;
    let executed = matches!(body.status, Settled::Executed);
    let intent =
        app.gate().settle(id, &person, executed, body.result).await.map_err(|error| ApiError::from(error).about(id))?;
    Ok(Json(IntentView::of(&app, &intent, Some(&person))))
}
