//! Registered agents, their status and their keys.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use gate::deed::NewAgent;
use gate::{AgentId, AgentStatus, Person};
use rules::config::{RiskTier, SourceType, Trust};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::caller::{AdminUser, Approver, Viewer, actor};
use crate::error::{ApiError, Problem};
use crate::input::{Body, Id};
use crate::view::agent::{AgentView, NewAgentView};
use crate::view::{List, NewKeyView};

/// Lists the registered agents.
#[utoipa::path(get, path = "/api/agents", tag = "agents", responses(
    (status = 200, body = List<AgentView>), (status = "4XX", body = Problem)))]
pub(crate) async fn list(_: Viewer, State(app): State<App>) -> Json<List<AgentView>> {
    Json(List::whole(app.gate().directory().agents().iter().map(|agent| AgentView::of(agent)).collect()))
}

/// Shows one agent.
#[utoipa::path(get, path = "/api/agents/{id}", tag = "agents", params(("id" = String, Path)), responses(
    (status = 200, body = AgentView), (status = "4XX", body = Problem)))]
pub(crate) async fn get(_: Viewer, State(app): State<App>, Id(id): Id<AgentId>) -> Result<Json<AgentView>, ApiError> {
    let agent = app.gate().directory().agent(id).ok_or_else(|| ApiError::not_found("agent"))?;
    Ok(Json(AgentView::of(&agent)))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddAgentBody {
    pub(crate) name: String,
    /// Made from the name when absent.
    pub(crate) fingerprint: Option<String>,
    /// `default` when absent.
    pub(crate) project: Option<String>,
    /// E-mail address of the person who answers for it.
    pub(crate) owner: Option<String>,
    /// What it is built with; tells how long its client waits.
    pub(crate) framework: Option<String>,
    /// `low`, `medium`, `high` or `critical`.
    pub(crate) risk_sensitivity: Option<String>,
    /// `new` (when absent), `active`, `established` or `verified`.
    pub(crate) trust: Option<String>,
    /// `ai_agent` (when absent), `devops` or `automation`.
    pub(crate) source_type: Option<String>,
    /// `false`: no key of its own; programs name it by its fingerprint, with the project's key. Its status is
    /// enforced; its trust and kind then count for nothing.
    pub(crate) key: Option<bool>,
}

/// Registers an agent and answers its key, once (with `key: false` it gets none).
#[utoipa::path(post, path = "/api/agents", tag = "agents", request_body = AddAgentBody, responses(
    (status = 201, body = NewAgentView), (status = "4XX", body = Problem)))]
pub(crate) async fn add(
    AdminUser(person): AdminUser,
    State(app): State<App>,
    Body(body): Body<AddAgentBody>,
) -> Result<(StatusCode, Json<NewAgentView>), ApiError> {
    Ok((StatusCode::CREATED, Json(register(&app, &person, body).await?)))
}

pub(crate) async fn register(app: &App, by: &Person, body: AddAgentBody) -> Result<NewAgentView, ApiError> {
    let name = body.name.trim().to_owned();
    if name.is_empty() {
        return Err(ApiError::missing("name"));
    }
    let some = |text: Option<String>| text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let new = NewAgent {
        id: AgentId::new(app.gate().now()),
        fingerprint: some(body.fingerprint).unwrap_or_else(|| fingerprint(&name)),
        name,
        project: some(body.project).unwrap_or_else(|| "default".to_owned()),
        owner: some(body.owner),
        framework: some(body.framework),
        risk_sensitivity: word("risk_sensitivity", some(body.risk_sensitivity), RiskTier::parse)?,
        trust: word("trust", some(body.trust), Trust::parse)?.unwrap_or(Trust::New),
        source_type: word("source_type", some(body.source_type), SourceType::parse)?.unwrap_or(SourceType::AiAgent),
    };
    if body.key == Some(false) {
        let agent = app.gate().add_agent_without_key(new, &actor(by)).await?;
        return Ok(NewAgentView { agent: AgentView::of(&agent), key: None });
    }
    let (agent, key) = app.gate().add_agent(new, &actor(by)).await?;
    Ok(NewAgentView { agent: AgentView::of(&agent), key: Some(key.secret.expose().to_owned()) })
}

fn word<T>(field: &str, text: Option<String>, parse: fn(&str) -> Option<T>) -> Result<Option<T>, ApiError> {
    match text {
        None => Ok(None),
        Some(text) => match parse(&text) {
            Some(value) => Ok(Some(value)),
            None => Err(ApiError::invalid(format!("`{field}` cannot be {text:?}."))),
        },
    }
}

/// A fingerprint made from a name: lower case letters and digits, all else one dash.
fn fingerprint(name: &str) -> String {
    let mut made = String::new();
    for c in name.chars().flat_map(char::to_lowercase) {
        if c.is_ascii_alphanumeric() || c == '_' || c == '.' {
            made.push(c);
        } else if !made.is_empty() && !made.ends_with('-') {
            made.push('-');
        }
    }
    made.trim_end_matches('-').to_owned()
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StatusBody {
    reason: Option<String>,
}

/// Pauses an agent: its calls are refused, those that are held are not released.
#[utoipa::path(post, path = "/api/agents/{id}/pause", tag = "agents", params(("id" = String, Path)),
    request_body = StatusBody, responses((status = 200, body = AgentView), (status = "4XX", body = Problem)))]
pub(crate) async fn pause(
    Approver(person, _): Approver,
    State(app): State<App>,
    Id(id): Id<AgentId>,
    Body(body): Body<StatusBody>,
) -> Result<Json<AgentView>, ApiError> {
    set_status(&app, &person, id, AgentStatus::Paused, body.reason).await
}

/// Lets a paused agent go on.
#[utoipa::path(post, path = "/api/agents/{id}/resume", tag = "agents", params(("id" = String, Path)),
    request_body = StatusBody, responses((status = 200, body = AgentView), (status = "4XX", body = Problem)))]
pub(crate) async fn resume(
    AdminUser(person): AdminUser,
    State(app): State<App>,
    Id(id): Id<AgentId>,
    Body(body): Body<StatusBody>,
) -> Result<Json<AgentView>, ApiError> {
    set_status(&app, &person, id, AgentStatus::Active, body.reason).await
}

/// Ends an agent for good: its calls are refused, those that are held are denied.
#[utoipa::path(post, path = "/api/agents/{id}/revoke", tag = "agents", params(("id" = String, Path)),
    request_body = StatusBody, responses((status = 200, body = AgentView), (status = "4XX", body = Problem)))]
pub(crate) async fn revoke(
    AdminUser(person): AdminUser,
    State(app): State<App>,
    Id(id): Id<AgentId>,
    Body(body): Body<StatusBody>,
) -> Result<Json<AgentView>, ApiError> {
    set_status(&app, &person, id, AgentStatus::Revoked, body.reason).await
}

async fn set_status(
    app: &App,
    by: &Person,
    id: AgentId,
    status: AgentStatus,
    reason: Option<String>,
) -> Result<Json<AgentView>, ApiError> {
    let agent = app.gate().set_agent_status(id, status, reason, &actor(by)).await?;
    Ok(Json(AgentView::of(&agent)))
}

/// Gives an agent another key. Two are good at once; the oldest of more stops working.
#[utoipa::path(post, path = "/api/agents/{id}/keys", tag = "agents", params(("id" = String, Path)), responses(
    (status = 201, body = NewKeyView), (status = "4XX", body = Problem)))]
pub(crate) async fn rotate_key(
    AdminUser(person): AdminUser,
    State(app): State<App>,
    Id(id): Id<AgentId>,
) -> Result<(StatusCode, Json<NewKeyView>), ApiError> {
    let minted = app.gate().rotate_agent_key(id, &actor(&person)).await?;
    Ok((StatusCode::CREATED, Json(NewKeyView::of(&minted))))
}

#[cfg(test)]
mod tests {
    use super::fingerprint;

    #[test]
    fn a_fingerprint_is_made_of_the_name() {
        for (name, wanted) in [("Refund Agent v2", "refund-agent-v2"), ("billing", "billing"), (" Ünï--x! ", "n-x")] {
            assert_eq!(fingerprint(name), wanted);
        }
    }
}
