//! Declaring an intent: an agent or a project asks before it does something itself.
//!
//! Spoken in three ways, for programs written against other gates: with `parameters` and `metadata`; with `params`
//! and `expiresIn`, answered `pending` or `auto_approved`; and with `context`, answered `pending_approval`. All of
//! them are one declaration, and the answer carries what each looks for.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use gate::{Declaration, Intent, Principal, State as IntentState};
use rules::config::{RiskTier, SourceType};
use rules::request::json;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::app::App;
use crate::caller::Declarer;
use crate::error::{ApiError, Problem};
use crate::input::Body;
use crate::view::intent::{PermitPartView, approvers, parameters};

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeclareBody {
    /// What you want to do, in `snake_case`.
    #[serde(default)]
    action: String,
    /// `ai_agent`, `devops` or `automation`. Decided as for this kind and as for the one you are registered with.
    /// May be left out with `params`.
    #[serde(default)]
    source_type: String,
    /// Fingerprint of the agent. A project's key labels its agents by it; an agent's key can leave it out.
    source: Option<String>,
    /// Raises the tier that the configuration gives the action; never lowers it.
    risk_tier: Option<String>,
    /// An object: what people are shown and policies look at.
    #[schema(value_type = Option<Object>)]
    parameters: Option<Box<RawValue>>,
    /// Another name of `parameters`.
    #[schema(value_type = Option<Object>)]
    params: Option<Box<RawValue>>,
    /// Must be the key's own.
    project_id: Option<String>,
    /// Teams or e-mail addresses that must approve too.
    #[serde(default)]
    approvers: Vec<String>,
    /// Seconds, or a text such as `10m`: shortens the waiting for people. Also `expiresIn`.
    #[serde(alias = "expiresIn")]
    #[schema(value_type = Option<String>)]
    expires_in: Option<Value>,
    /// An object that is kept and shown.
    #[schema(value_type = Option<Object>)]
    metadata: Option<Value>,
    /// Another name of `metadata`.
    #[schema(value_type = Option<Object>)]
    context: Option<Value>,
}

/// What was decided at once.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeclaredAnswer {
    id: String,
    /// `auto_approve`, `require_approval` or `auto_deny`.
    decision: String,
    data: DeclaredView,
    /// `pending` (`pending_approval` where `context` was sent), `auto_approved` or `denied`.
    status: String,
    action: String,
    #[schema(value_type = Object)]
    params: Map<String, Value>,
    /// Who was named, or who must approve.
    approvers: Vec<String>,
    approval_url: String,
    expires_at: Option<String>,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    permit: Option<PermitPartView>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeclaredView {
    id: String,
    status: String,
    action: String,
    risk_tier: String,
    source: String,
    source_type: String,
    #[schema(value_type = Object)]
    parameters: Map<String, Value>,
    /// Where people decide.
    approval_url: String,
    expires_at: Option<String>,
    created_at: String,
    /// Why it was denied.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// Good for five minutes at most, once. Fetched again from `GET /api/intents/{id}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    permit_token: Option<String>,
}

/// Declares an intent: asks before doing something that does not go through the proxy.
///
/// For agents and projects, with their keys.
#[utoipa::path(post, path = "/api/intents", tag = "intents", request_body = DeclareBody, responses(
    (status = 201, body = DeclaredAnswer), (status = "4XX", body = Problem), (status = 500, body = Problem)))]
pub(crate) async fn declare(
    Declarer(caller): Declarer,
    State(app): State<App>,
    Body(body): Body<DeclareBody>,
) -> Result<(StatusCode, Json<DeclaredAnswer>), ApiError> {
    let waits = if body.context.is_some() { "pending_approval" } else { "pending" };
    let named = body.approvers.clone();
    let asked = read(body, &caller.principal)?;
    let done = app.gate().declare(&caller.principal, asked).await;
    let (intent, permit) = done.map_err(|error| ApiError::from(error).told_to_programs())?;
    let status = match &intent.state {
        IntentState::Approved { .. } if intent.requirement.is_none() => "auto_approved",
        IntentState::Pending { .. } => waits,
        other => other.name(),
    };
    let id = intent.id.to_string();
    let approval_url = format!("{}/intents/{id}", app.url());
    let (expires_at, created_at) = (intent.expires_at.map(|at| at.to_string()), intent.created_at.to_string());
    let data = DeclaredView {
        id: id.clone(),
        status: intent.state.name().to_owned(),
        action: intent.action.clone(),
        risk_tier: intent.risk_tier.as_str().to_owned(),
        source: intent.agent.fingerprint.clone(),
        source_type: intent.source_type.as_str().to_owned(),
        parameters: parameters(&intent.params),
        approval_url: approval_url.clone(),
        expires_at: expires_at.clone(),
        created_at: created_at.clone(),
        reason: match &intent.state {
            IntentState::Denied(end) => end.why.clone(),
            _ => None,
        },
        permit_token: permit.as_ref().map(|permit| permit.token.clone()),
    };
    Ok((
        StatusCode::CREATED,
        Json(DeclaredAnswer {
            decision: decision(&intent).to_owned(),
            status: status.to_owned(),
            action: intent.action.clone(),
            params: data.parameters.clone(),
            approvers: if named.is_empty() { approvers(&intent) } else { named },
            approval_url,
            expires_at,
            created_at,
            permit: permit.map(|permit| PermitPartView::of(&intent, permit)),
            id,
            data,
        }),
    ))
}

/// What was decided at once, as a policy's `decision` says it.
pub(crate) fn decision(intent: &Intent) -> &'static str {
    match &intent.state {
        // Also where somebody has decided already, in this very moment.
        _ if intent.requirement.is_some() => "require_approval",
        IntentState::Denied(_) => "auto_deny",
        _ => "auto_approve",
    }
}

fn read(body: DeclareBody, by: &Principal) -> Result<Declaration, ApiError> {
    let (action, kind) = (body.action.trim(), body.source_type.trim());
    // Programs that write `params` know of no kinds.
    let kind_needed = body.params.is_none();
    let missing: Vec<&str> = [("action", action.is_empty()), ("source_type", kind_needed && kind.is_empty())]
        .iter()
        .filter(|(_, missing)| *missing)
        .map(|(name, _)| *name)
        .collect();
    if !missing.is_empty() {
        return Err(ApiError::missing(&missing.join("`, `")));
    }
    let own = match by {
        Principal::Agent(agent) => Some(agent.project.as_str()),
        Principal::Project(project) => Some(project.as_str()),
        Principal::Person(_) => None,
    };
    if body.project_id.is_some() && body.project_id.as_deref() != own {
        return Err(ApiError::invalid("`project_id` is not the project of this key: leave it out."));
    }
    let source_type = match kind {
        "" => None,
        kind => Some(
            SourceType::parse(kind)
                .ok_or_else(|| ApiError::invalid("`source_type` is one of ai_agent, devops, automation."))?,
        ),
    };
    let tier = |text: &String| {
        RiskTier::parse(text).ok_or_else(|| ApiError::invalid("`risk_tier` is one of low, medium, high, critical."))
    };
    let given = one_of(("parameters", body.parameters), ("params", body.params))?;
    // Read as strictly as a call's body: what people are shown can be read in one way only.
    let given = given.as_ref().map_or("{}", |raw| raw.get());
    let given = if given == "null" { "{}" } else { given };
    let parameters = json::parse(given.as_bytes())
        .map_err(|malformed| ApiError::invalid(format!("`parameters` cannot be read: {malformed}.")))?;
    let expires_in = match body.expires_in {
        None | Some(Value::Null) => None,
        Some(given) => Some(
            span(&given)
                .ok_or_else(|| ApiError::invalid("`expires_in` is a number of seconds, or a text such as `10m`."))?,
        ),
    };
    Ok(Declaration {
        action: action.to_owned(),
        source_type,
        source: body.source.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()),
        risk_tier: body.risk_tier.as_ref().map(tier).transpose()?,
        parameters,
        approvers: body.approvers,
        expires_in,
        metadata: one_of(("metadata", body.metadata), ("context", body.context))?.filter(|it| !it.is_null()),
        handle: None,
    })
}

/// Of two names of one thing the one that was used.
fn one_of<T>(first: (&str, Option<T>), second: (&str, Option<T>)) -> Result<Option<T>, ApiError> {
    match (first.1, second.1) {
        (Some(_), Some(_)) => {
            Err(ApiError::invalid(format!("`{}` and `{}` are two names of one thing: send one.", first.0, second.0)))
        }
        (one, other) => Ok(one.or(other)),
    }
}

fn span(given: &Value) -> Option<std::time::Duration> {
    match given {
        Value::Number(seconds) => seconds.as_u64().map(std::time::Duration::from_secs),
        Value::String(text) => rules::config::duration(text.trim()),
        _ => None,
    }
}
