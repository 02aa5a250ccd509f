//! The agents: who they are, whether they may call, and their keys.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use gate::{AgentId, AgentStatus, Timestamp};
use serde::Deserialize;

use super::{Frame, PageError, Reader, filters, render};
use crate::api::agents::{AddAgentBody, register};
use crate::app::App;
use crate::caller::{SignIn, actor};
use crate::error::ApiError;
use crate::input::{AdminRole, ApproverRole, Id, Posted};
use crate::view::agent::AgentView;

#[derive(Template)]
#[template(path = "agents.html")]
pub(crate) struct AgentsPage {
    pub(crate) frame: Frame,
    pub(crate) now: Timestamp,
    pub(crate) agents: Vec<AgentView>,
    pub(crate) projects: Vec<String>,
    /// A key just made: for which agent, its text.
    pub(crate) minted: Option<(String, String)>,
    pub(crate) proxy_url: String,
    pub(crate) wrong: Option<String>,
}

async fn page(app: &App, sign_in: &SignIn) -> Result<AgentsPage, PageError> {
    let mut agents: Vec<AgentView> = app.gate().directory().agents().iter().map(|agent| AgentView::of(agent)).collect();
    agents.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(AgentsPage {
        frame: Frame::of(app, sign_in, "agents", "Agents").await?,
        now: app.gate().now(),
        agents,
        projects: app.gate().projects().into_iter().map(|project| project.name).collect(),
        minted: None,
        proxy_url: app.options().proxy_url.clone(),
        wrong: None,
    })
}

pub(crate) async fn list(Reader(sign_in): Reader, State(app): State<App>) -> Result<Response, PageError> {
    Ok(render(&page(&app, &sign_in).await?))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddForm {
    name: String,
    project: String,
    #[serde(default)]
    owner: String,
    #[serde(default)]
    framework: String,
}

/// Answers with the page itself, not a redirect: the key is shown this once and stands in no URL.
pub(crate) async fn add(State(app): State<App>, posted: Posted<AddForm, AdminRole>) -> Result<Response, PageError> {
    let form = &posted.form;
    let body = AddAgentBody {
        name: form.name.clone(),
        fingerprint: None,
        project: Some(form.project.clone()),
        owner: Some(form.owner.clone()),
        framework: Some(form.framework.clone()),
        risk_sensitivity: None,
        trust: None,
        source_type: None,
        key: None,
    };
    let added = register(&app, posted.person(), body).await;
    let mut page = page(&app, &posted.sign_in).await?;
    match added {
        Ok(new) => {
            page.minted = new.key.map(|key| (new.agent.name, key));
            Ok(render(&page))
        }
        Err(error) => {
            page.wrong = Some(error.detail().to_owned());
            Ok(error.dress(render(&page)))
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeForm {
    deed: Deed,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Deed {
    Pause,
    Resume,
    Revoke,
    RotateKey,
}

pub(crate) async fn change(
    Id(id): Id<AgentId>,
    State(app): State<App>,
    posted: Posted<ChangeForm, ApproverRole>,
) -> Result<Response, PageError> {
    let (gate, by) = (app.gate(), actor(posted.person()));
    let status = match posted.form.deed {
        Deed::Pause => AgentStatus::Paused,
        // Approvers may stop an agent; what lets one go on, or ends it, is for admins.
        _ if posted.person().role != gate::Role::Admin => return Err(ApiError::admins_only().into()),
        Deed::Resume => AgentStatus::Active,
        Deed::Revoke => AgentStatus::Revoked,
        Deed::RotateKey => {
            let minted = gate.rotate_agent_key(id, &by).await.map_err(ApiError::from)?;
            let mut page = page(&app, &posted.sign_in).await?;
            let name = gate.directory().agent(id).map(|agent| agent.name.clone()).unwrap_or_default();
            page.minted = Some((name, minted.secret.expose().to_owned()));
            return Ok(render(&page));
        }
    };
    gate.set_agent_status(id, status, None, &by).await.map_err(ApiError::from)?;
    Ok(Redirect::to("/agents").into_response())
}
