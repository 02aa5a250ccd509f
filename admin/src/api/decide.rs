//! People's verdicts. The extractor [`Approver`] keeps agents, projects and viewers out; whether this
//! person counts for this intent is the gate's to say.

use axum::Json;
use axum::extract::State;
use gate::{IntentId, Verdict, VerdictWith};
use rules::config::RiskTier;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::caller::Approver;
use crate::error::{ApiError, Problem};
use crate::input::{Body, Id};
use crate::view::intent::IntentView;

/// Most intents in one request.
const MOST: usize = 100;

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApproveBody {
    comment: Option<String>,
    /// The text of `requirement.confirm`, where it is set.
    confirmation: Option<String>,
    /// `digest` as you saw it; nothing is decided when it has changed.
    digest: Option<String>,
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DenyBody {
    /// The agent reads it.
    reason: Option<String>,
    digest: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RequestChangesBody {
    /// What to do differently; the agent reads it.
    reason: String,
    digest: Option<String>,
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CancelBody {
    reason: Option<String>,
}

/// Approves an intent. The last approval that is needed releases it.
#[utoipa::path(post, path = "/api/intents/{id}/approve", tag = "decisions", params(("id" = String, Path)),
    request_body = ApproveBody, responses((status = 200, body = IntentView), (status = "4XX", body = Problem)))]
pub(crate) async fn approve(
    Approver(person, how): Approver,
    State(app): State<App>,
    Id(id): Id<IntentId>,
    Body(body): Body<ApproveBody>,
) -> Result<Json<IntentView>, ApiError> {
    let with = VerdictWith { text: body.comment, confirmation: body.confirmation, digest: body.digest, how: Some(how) };
    give(&app, &person, id, Verdict::Approve, with).await
}

/// Denies an intent; one person's no is enough.
#[utoipa::path(post, path = "/api/intents/{id}/deny", tag = "decisions", params(("id" = String, Path)),
    request_body = DenyBody, responses((status = 200, body = IntentView), (status = "4XX", body = Problem)))]
pub(crate) async fn deny(
    Approver(person, how): Approver,
    State(app): State<App>,
    Id(id): Id<IntentId>,
    Body(body): Body<DenyBody>,
) -> Result<Json<IntentView>, ApiError> {
    let with = VerdictWith { text: body.reason, confirmation: None, digest: body.digest, how: Some(how) };
    give(&app, &person, id, Verdict::Deny, with).await
}

/// Ends an intent with guidance for the agent, which may then ask anew.
#[utoipa::path(post, path = "/api/intents/{id}/request-changes", tag = "decisions", params(("id" = String, Path)),
    request_body = RequestChangesBody, responses((status = 200, body = IntentView), (status = "4XX", body = Problem)))]
pub(crate) async fn request_changes(
    Approver(person, how): Approver,
    State(app): State<App>,
    Id(id): Id<IntentId>,
    Body(body): Body<RequestChangesBody>,
) -> Result<Json<IntentView>, ApiError> {
    let with = VerdictWith { text: Some(body.reason), confirmation: None, digest: body.digest, how: Some(how) };
    give(&app, &person, id, Verdict::RequestChanges, with).await
}

/// Approves, as `POST /api/intents/{id}/approve`, under a name that other programs know. People only: with an agent's
/// or a project's key it is 403, or whoever asks could also answer.
#[utoipa::path(post, path = "/v1/approvals/{id}/approve", tag = "decisions", params(("id" = String, Path)),
    request_body = ApproveBody, responses((status = 200, body = IntentView), (status = "4XX", body = Problem)))]
pub(crate) async fn approve_request(
    approver: Approver,
    app: State<App>,
    Id(RequestId(id)): Id<RequestId>,
    body: Body<ApproveBody>,
) -> Result<Json<IntentView>, ApiError> {
    approve(approver, app, Id(id), body).await
}

/// Denies, as `POST /api/intents/{id}/deny`, under a name that other programs know. People only.
#[utoipa::path(post, path = "/v1/approvals/{id}/deny", tag = "decisions", params(("id" = String, Path)),
    request_body = DenyBody, responses((status = 200, body = IntentView), (status = "4XX", body = Problem)))]
pub(crate) async fn deny_request(
    approver: Approver,
    app: State<App>,
    Id(RequestId(id)): Id<RequestId>,
    body: Body<DenyBody>,
) -> Result<Json<IntentView>, ApiError> {
    deny(approver, app, Id(id), body).await
}

/// An intent's id, also as `apr_...`.
#[derive(Debug)]
pub(crate) struct RequestId(IntentId);

impl std::str::FromStr for RequestId {
    type Err = ();

    fn from_str(text: &str) -> Result<RequestId, ()> {
        let id = match text.strip_prefix("apr_") {
            Some(rest) => format!("int_{rest}").parse(),
            None => text.parse(),
        };
        id.map(RequestId).map_err(|_| ())
    }
}

async fn give(
    app: &App,
    person: &gate::Person,
    id: IntentId,
    verdict: Verdict,
    with: VerdictWith,
) -> Result<Json<IntentView>, ApiError> {
    let intent = app.gate().decide(id, person, verdict, with).await.map_err(|error| ApiError::from(error).about(id))?;
    Ok(Json(IntentView::of(app, &intent, Some(person))))
}

/// Takes an intent back before it is sent: while it is pending, or approved and waiting for its delay.
#[utoipa::path(post, path = "/api/intents/{id}/cancel", tag = "decisions", params(("id" = String, Path)),
    request_body = CancelBody, responses((status = 200, body = IntentView), (status = "4XX", body = Problem)))]
pub(crate) async fn cancel(
    Approver(person, _): Approver,
    State(app): State<App>,
    Id(id): Id<IntentId>,
    Body(body): Body<CancelBody>,
) -> Result<Json<IntentView>, ApiError> {
    let intent = app.gate().cancel(id, &person, body.reason).await.map_err(|error| ApiError::from(error).about(id))?;
    Ok(Json(IntentView::of(&app, &intent, Some(&person))))
}

/// Forgets a remembered denial, so that the same call asks again.
#[utoipa::path(delete, path = "/api/intents/{id}/denial", tag = "decisions", params(("id" = String, Path)),
    responses((status = 204), (status = "4XX", body = Problem)))]
pub(crate) async fn clear_denial(
    Approver(person, _): Approver,
    State(app): State<App>,
    Id(id): Id<IntentId>,
) -> Result<axum::http::StatusCode, ApiError> {
    app.gate().clear_denial(id, &person).await.map_err(|error| ApiError::from(error).about(id))?;
    Ok(axum::http::StatusCode::NO_CONTENT)
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DecideBody {
    ids: Vec<Chosen>,
    verdict: VerdictWord,
    /// Needed for `request_changes`.
    reason: Option<String>,
}

/// One of several, as it was shown.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Chosen {
    id: String,
    digest: String,
}

#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum VerdictWord {
    Approve,
    Deny,
    RequestChanges,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DecidedList {
    data: Vec<Decided>,
}

/// What became of one of several: its state, or why nothing was decided about it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Decided {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Problem>,
}

/// Decides several at once, each by itself. High and critical ones can only be denied this way.
#[utoipa::path(post, path = "/api/intents/decide", tag = "decisions", request_body = DecideBody,
    responses((status = 200, body = DecidedList), (status = "4XX", body = Problem)))]
pub(crate) async fn several(
    Approver(person, how): Approver,
    State(app): State<App>,
    Body(body): Body<DecideBody>,
) -> Result<Json<DecidedList>, ApiError> {
    if body.ids.is_empty() {
        return Err(ApiError::missing("ids"));
    }
    if body.ids.len() > MOST {
        return Err(ApiError::invalid(format!("At most {MOST} at once.")));
    }
    let verdict = match body.verdict {
        VerdictWord::Approve => Verdict::Approve,
        VerdictWord::Deny => Verdict::Deny,
        VerdictWord::RequestChanges => Verdict::RequestChanges,
    };
    let mut data = Vec::with_capacity(body.ids.len());
    for chosen in body.ids {
        let with = VerdictWith {
            text: body.reason.clone(),
            confirmation: None,
            digest: Some(chosen.digest),
            how: Some(how.clone()),
        };
        let result = one_of_several(&app, &person, &chosen.id, verdict, with).await;
        data.push(match result {
            Ok(status) => Decided { id: chosen.id, status: Some(status.to_owned()), error: None },
            Err(error) => Decided { id: chosen.id, status: None, error: Some(error.problem()) },
        });
    }
    Ok(Json(DecidedList { data }))
}

async fn one_of_several(
    app: &App,
    person: &gate::Person,
    id: &str,
    verdict: Verdict,
    with: VerdictWith,
) -> Result<&'static str, ApiError> {
    let id: IntentId = id.parse().map_err(|_| ApiError::not_found("intent"))?;
    if verdict == Verdict::Approve {
        let intent = app.gate().intent(id).await?.ok_or_else(|| ApiError::not_found("intent"))?;
        if intent.risk_tier >= RiskTier::High {
            return Err(ApiError::invalid("High and critical calls are approved one by one: open it and look."));
        }
    }
    let intent = app.gate().decide(id, person, verdict, with).await.map_err(|error| ApiError::from(error).about(id))?;
    Ok(intent.state.name())
}
