//! Saying what became of an intent that the gate could not see: who declared it reports, a person
//! settles what is unknown.

use axum::Json;
use axum::extract::State;
use gate::{IntentId, Principal};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::app::App;
use crate::caller::Reporter;
use crate::error::{ApiError, Problem};
use crate::input::Body;
use crate::view::intent::IntentView;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExecutionBody {
    /// This or `permit_id`.
    intent_id: Option<String>,
    /// `jti` of the permit.
    permit_id: Option<String>,
    status: Outcome,
    /// What came of it, or how you know.
    result: Option<Value>,
}

#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    #[serde(alias = "completed")]
    Executed,
    /// Nothing happened: the same call may ask again.
    Failed,
}

/// Reports what came of a declared intent, once; or, by a person, settles one that is `unknown`.
///
/// An agent or a project reports on what its key declared, while that is `approved`.
#[utoipa::path(post, path = "/api/executions", tag = "decisions", request_body = ExecutionBody,
    responses((status = 200, body = IntentView), (status = "4XX", body = Problem)))]
pub(crate) async fn report(
    Reporter(caller): Reporter,
    State(app): State<App>,
    Body(body): Body<ExecutionBody>,
) -> Result<Json<IntentView>, ApiError> {
    let id: IntentId = match (&body.intent_id, &body.permit_id) {
        (Some(id), None) => id.parse().map_err(|_| ApiError::not_found("intent"))?,
        (None, Some(id)) => gate::gate::intent_of(id).ok_or_else(|| ApiError::not_found("permit"))?,
        (Some(_), Some(_)) => return Err(ApiError::invalid("Send `intent_id` or `permit_id`, not both.")),
        (None, None) => return Err(ApiError::missing("intent_id")),
    };
    let executed = matches!(body.status, Outcome::Executed);
    let note = body.result.filter(|result| !result.is_null()).map(|result| match result {
        Value::String(text) => text,
        other => other.to_string(),
    });
    let done = match &caller.principal {
        Principal::Person(person) => app.gate().settle(id, person, executed, note).await,
        by @ (Principal::Agent(_) | Principal::Project(_)) => app.gate().report(id, by, executed, note).await,
    };
    let intent = done.map_err(|error| ApiError::from(error).told_to_programs().about(id))?;
    Ok(Json(IntentView::of(&app, &intent, caller.person().map(AsRef::as_ref))))
}
