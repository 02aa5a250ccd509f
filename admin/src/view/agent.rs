//! Agents and projects as the API and the dashboard show them.

use gate::agent::ProjectRecord;
use gate::{Agent, AgentStatus};
use serde::Serialize;
use utoipa::ToSchema;

use super::KeyView;

#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!(AgentView::sample()))]
pub(crate) struct AgentView {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) fingerprint: String,
    pub(crate) project: String,
    pub(crate) owner: Option<String>,
    pub(crate) framework: Option<String>,
    /// The tier of what it declares where no route names the action.
    pub(crate) risk_sensitivity: Option<String>,
    pub(crate) trust: String,
    pub(crate) source_type: String,
    /// `active`, `paused` or `revoked`.
    pub(crate) status: String,
    /// Defined in files: changed only there, but for its status and keys.
    pub(crate) from_files: bool,
    pub(crate) created_at: String,
    pub(crate) last_seen_at: Option<String>,
    pub(crate) keys: Vec<KeyView>,
}

impl AgentView {
    pub(crate) fn of(agent: &Agent) -> AgentView {
        AgentView {
            id: agent.id.to_string(),
            name: agent.name.clone(),
            fingerprint: agent.fingerprint.clone(),
            project: agent.project.clone(),
            owner: agent.owner.clone(),
            framework: agent.framework.clone(),
            risk_sensitivity: agent.risk_sensitivity.map(|tier| tier.as_str().to_owned()),
            trust: agent.trust.as_str().to_owned(),
            source_type: agent.source_type.as_str().to_owned(),
            status: status_word(agent.status).to_owned(),
            from_files: agent.from_files,
            created_at: agent.created_at.to_string(),
            last_seen_at: agent.last_seen_at.map(|at| at.to_string()),
            keys: agent.keys.iter().map(KeyView::of).collect(),
        }
    }

    pub(crate) fn sample() -> AgentView {
        AgentView {
            id: "agt_0199a3c2d8a07c1e9b1f0a2b3c4d5e6f".into(),
            name: "billing".into(),
            fingerprint: "billing".into(),
            project: "support".into(),
            owner: Some("dana@example.com".into()),
            framework: Some("python".into()),
            risk_sensitivity: Some("medium".into()),
            trust: "established".into(),
            source_type: "ai_agent".into(),
            status: "active".into(),
            from_files: false,
            created_at: "2026-03-14T09:20:00.000Z".into(),
            last_seen_at: Some("2026-03-14T09:26:53.000Z".into()),
            keys: vec![KeyView::sample()],
        }
    }
}

pub(crate) fn status_word(status: AgentStatus) -> &'static str {
    match status {
        AgentStatus::Active => "active",
        AgentStatus::Paused => "paused",
        AgentStatus::Revoked => "revoked",
    }
}

/// A new agent, with its key.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NewAgentView {
    #[serde(flatten)]
    pub(crate) agent: AgentView,
    /// Shown once: the gate keeps only its hash. Null: it was to have none.
    pub(crate) key: Option<String>,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ProjectView {
    pub(crate) name: String,
    pub(crate) from_files: bool,
    pub(crate) created_at: String,
    pub(crate) keys: Vec<KeyView>,
}

impl ProjectView {
    pub(crate) fn of(project: &ProjectRecord) -> ProjectView {
        ProjectView {
            name: project.name.clone(),
            from_files: project.from_files,
            created_at: project.created_at.to_string(),
            keys: project.keys.iter().map(KeyView::of).collect(),
        }
    }
}
