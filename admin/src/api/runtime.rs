//! Runtime inspection: an agent asks about one action before it does it, and polls how that stands.
//!
//! It declares an intent under another name. The programs written for this poll without a key, so the `approvalId`
//! is 128 random bits, says nothing of the intent's own id, and yields a status and nothing that was asked.

use axum::Json;
use axum::extract::{Path, State};
use gate::{Declaration, Intent, Principal, State as IntentState};
use rules::config::RiskTier;
use rules::request::json;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::declare::decision;
use crate::app::App;
use crate::caller::Declarer;
use crate::error::{ApiError, Problem};
use crate::input::Body;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct InspectBody {
    /// Your own name for this action; comes back as `actionId`.
    #[serde(default)]
    id: String,
    /// Fingerprint of the agent. With an agent's key it must be that agent's.
    #[serde(default)]
    agent_id: String,
    agent_name: Option<String>,
    /// What you want to do, in `snake_case`.
    #[serde(default)]
    action_type: String,
    /// Shown to the people who decide.
    description: Option<String>,
    /// An object: what people are shown and policies look at, as `params`.
    #[schema(value_type = Option<Object>)]
    context: Option<Box<RawValue>>,
    timestamp: Option<String>,
    /// `params.environment` to policies.
    environment: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InspectAnswer {
    action_id: String,
    /// `allow`, `block` or `requires_approval`.
    decision: &'static str,
    /// The policy that decided, or the risk tier.
    policy_rule: String,
    risk_assessment: RiskAssessment,
    /// Where people decide, relative to this address; null where nobody needs to.
    approval_url: Option<String>,
    /// Ask `GET /api/runtime/actions/{id}` with it; null where nobody needs to.
    approval_id: Option<String>,
    message: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RiskAssessment {
    /// `low`, `medium`, `high` or `critical`.
    level: &'static str,
    /// 0 to 100.
    score: u8,
    reasons: Vec<String>,
}

/// Asks whether an action may be done. For agents and projects, with their keys.
#[utoipa::path(post, path = "/api/runtime/inspect", tag = "intents", request_body = InspectBody, responses(
    (status = 200, body = InspectAnswer), (status = "4XX", body = Problem), (status = 500, body = Problem)))]
pub(crate) async fn inspect(
    Declarer(caller): Declarer,
    State(app): State<App>,
    Body(body): Body<InspectBody>,
) -> Result<Json<InspectAnswer>, ApiError> {
    let action_id = body.id.trim().to_owned();
    let handle = app.gate().new_handle().map_err(|error| ApiError::from(error).told_to_programs())?;
    let asked = read(body, &caller.principal, &handle)?;
    let done = app.gate().declare(&caller.principal, asked).await;
    let (intent, _) = done.map_err(|error| ApiError::from(error).told_to_programs())?;
    let (level, score) = (level(&intent), intent.risk.score);
    let risk = format!("Risk {score} of 100 ({}).", level.as_str());
    let (word, message) = match decision(&intent) {
        "auto_approve" => ("allow", format!("Allowed by policy. {risk}")),
        "auto_deny" => {
            let why = match &intent.state {
                IntentState::Denied(end) => end.why.clone(),
                _ => None,
            };
            let why = why.unwrap_or_else(|| "A rule refuses it.".to_owned());
            ("block", format!("{why} {risk}"))
        }
        _ => ("requires_approval", format!("Not allowed yet: people decide, at the approval URL. {risk}")),
    };
    let waits = word == "requires_approval";
    Ok(Json(InspectAnswer {
        action_id,
        decision: word,
        policy_rule: intent.policy.clone().unwrap_or_else(|| format!("risk_tier_{}", intent.risk_tier.as_str())),
        risk_assessment: RiskAssessment {
            level: level.as_str(),
            score,
            reasons: intent.risk.reasons.iter().map(|reason| reason.why.clone()).collect(),
        },
        approval_url: waits.then(|| format!("/intents/{}", intent.id)),
        approval_id: waits.then_some(handle),
        message,
    }))
}

fn read(body: InspectBody, by: &Principal, handle: &str) -> Result<Declaration, ApiError> {
    let (id, action, agent) = (body.id.trim(), body.action_type.trim(), body.agent_id.trim());
    for (name, value) in [("id", id), ("agentId", agent), ("actionType", action)] {
        if value.is_empty() {
            return Err(ApiError::missing(name));
        }
    }
    let context = body.context.as_ref().map_or("{}", |raw| raw.get().trim());
    let context = if context == "null" { "{}" } else { context };
    let Some(members) = context.strip_prefix('{').map(str::trim_start) else {
        return Err(ApiError::invalid("`context` is not an object."));
    };
    let parameters = match &body.environment {
        // One text, read as strictly as a call's body: a second `environment` in the context is refused there.
        Some(environment) => {
            let comma = if members.starts_with('}') { "" } else { "," };
            format!("{{\"environment\":{}{comma}{members}", Value::from(environment.as_str()))
        }
        None => context.to_owned(),
    };
    let parameters = json::parse(parameters.as_bytes())
        .map_err(|malformed| ApiError::invalid(format!("`context` cannot be read: {malformed}.")))?;
    let mut metadata = Map::from_iter([("id".to_owned(), Value::from(id))]);
    let said = [("agentName", body.agent_name), ("description", body.description), ("timestamp", body.timestamp)];
    metadata.extend(said.into_iter().filter_map(|(name, text)| Some((name.to_owned(), Value::from(text?)))));
    Ok(Declaration {
        action: action.to_owned(),
        source_type: None,
        // Where the key is an agent's own, the gate compares.
        source: match by {
            Principal::Agent(_) | Principal::Project(_) => Some(agent.to_owned()),
            Principal::Person(_) => None,
        },
        risk_tier: None,
        parameters,
        approvers: Vec::new(),
        expires_in: None,
        metadata: Some(Value::Object(metadata)),
        handle: Some(handle.to_owned()),
    })
}

/// In one word: as the score says, and never less than the tier.
fn level(intent: &Intent) -> RiskTier {
    let scored = match intent.risk.score {
        0..25 => RiskTier::Low,
        25..50 => RiskTier::Medium,
        50..75 => RiskTier::High,
        _ => RiskTier::Critical,
    };
    scored.max(intent.risk_tier)
}

/// How an inspected action stands. Tells nothing of what was asked, by whom, or who decided.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ActionView {
    approval_id: String,
    /// As you named it.
    action_id: String,
    /// `pending`, `approved` (it may be done now), or `rejected`: all else, also what was done already or has expired.
    status: &'static str,
    risk_level: &'static str,
    decided_at: Option<String>,
    /// What the people who decided say.
    decision_note: Option<String>,
    audit_summary: Vec<AuditLine>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AuditLine {
    /// `submitted`, `approved`, `denied` and so on.
    event_type: String,
    created_at: String,
    note: Option<String>,
}

/// Says how an inspected action stands. Needs no key: who has the `approvalId` may ask.
#[utoipa::path(get, path = "/api/runtime/actions/{id}", tag = "intents", params(("id" = String, Path)), security(()),
    responses((status = 200, body = ActionView), (status = "4XX", body = Problem), (status = 500, body = Problem)))]
pub(crate) async fn action(
    State(app): State<App>,
    Path(approval_id): Path<String>,
) -> Result<Json<ActionView>, ApiError> {
    let made_here = approval_id.len() == 32 && approval_id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let gate = app.gate();
    let found = match made_here {
        true => gate.declared_as(&approval_id).await.map_err(|error| ApiError::from(error).told_to_programs())?,
        false => None,
    };
    let intent = found.ok_or_else(|| ApiError::not_found("action"))?;
    let status = match &intent.state {
        IntentState::Pending { expires_at } if gate.now() < *expires_at => "pending",
        // Within its delay it may still be cancelled.
        IntentState::Approved { releases_at, .. } if gate.now() < *releases_at => "pending",
        IntentState::Approved { .. } if gate.may_be_done(&intent) => "approved",
        _ => "rejected",
    };
    let log = gate.audit_of(intent.id).await.map_err(|error| ApiError::from(error).told_to_programs())?;
    let lines = log.iter().map(|entry| AuditLine {
        event_type: entry.kind.trim_start_matches("intent.").to_owned(),
        created_at: entry.at.to_string(),
        note: (entry.kind == gate::What::SUBMITTED).then(|| "asked by /api/runtime/inspect".to_owned()),
    });
    let (decided_at, decision_note) = decided(&intent);
    let named = intent.metadata.as_ref().and_then(|metadata| metadata.get("id")).and_then(Value::as_str);
    Ok(Json(ActionView {
        action_id: named.unwrap_or_default().to_owned(),
        approval_id,
        status,
        risk_level: level(&intent).as_str(),
        decided_at,
        decision_note,
        audit_summary: lines.collect(),
    }))
}

fn decided(intent: &Intent) -> (Option<String>, Option<String>) {
    match &intent.state {
        IntentState::Pending { .. } => (None, None),
        IntentState::Denied(end) | IntentState::ChangesRequested(end) | IntentState::Cancelled(end) => {
            (Some(end.at.to_string()), end.why.clone())
        }
        IntentState::Expired { at } => (Some(at.to_string()), None),
        _ => {
            let last = intent.approvals.iter().max_by_key(|vote| vote.at);
            (last.map(|vote| vote.at.to_string()), last.and_then(|vote| vote.comment.clone()))
        }
    }
}
