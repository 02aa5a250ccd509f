//! What a permit that an agent carries is worth at this moment.

use axum::Json;
use axum::extract::State;
use gate::Verdict;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::caller::Caller;
use crate::error::{ApiError, Problem};
use crate::input::Body;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ValidateBody {
    permit_token: String,
    /// What it must be for.
    action: Option<String>,
}

#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct PermitView {
    /// Signed by this gate, not expired, and its intent still stands by it. Whether it was used before only
    /// the service that takes it can tell.
    valid: bool,
    /// Why it is not.
    error: Option<String>,
    action: Option<String>,
    expires_at: Option<String>,
    /// E-mail addresses, separated by commas; null where policy approved.
    approved_by: Option<String>,
    permit_id: Option<String>,
    intent_id: Option<String>,
}

/// Checks a permit of a declared intent. Nothing is used up.
///
/// A service can verify it offline as well, with the key set; asking here also tells what happened since.
#[utoipa::path(post, path = "/api/permits/validate", tag = "intents", request_body = ValidateBody, responses(
    (status = 200, body = PermitView), (status = "4XX", body = Problem)))]
pub(crate) async fn validate(
    caller: Caller,
    State(app): State<App>,
    Body(body): Body<ValidateBody>,
) -> Result<Json<PermitView>, ApiError> {
    let check = app.gate().check_permit(&body.permit_token, body.action.as_deref()).await;
    let check = check.map_err(|error| ApiError::from(error).told_to_programs())?;
    let (Some(claims), Some(intent)) = (check.claims, check.intent) else {
        return Ok(Json(PermitView { error: check.error, ..PermitView::default() }));
    };
    if !caller.sees_permits_of(&intent) {
        let error = Some("it is for no intent of yours".to_owned());
        return Ok(Json(PermitView { error, ..PermitView::default() }));
    }
    let approvals = intent.approvals.iter().filter(|vote| vote.verdict == Verdict::Approve);
    let emails: Vec<&str> = approvals.map(|vote| vote.email.as_str()).collect();
    Ok(Json(PermitView {
        valid: check.error.is_none(),
        error: check.error,
        action: Some(claims.action),
        expires_at: Some(gate::Timestamp(claims.exp.saturating_mul(1_000_000)).to_string()),
        approved_by: (!emails.is_empty()).then(|| emails.join(", ")),
        permit_id: Some(claims.jti),
        intent_id: Some(claims.intent_id),
    }))
}
