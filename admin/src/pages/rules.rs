//! The policies in force, wherever they stand, and the stop switches.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use gate::kept::RuleKind;
use gate::{RuleId, Timestamp};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Frame, PageError, Reader, filters, render};
use crate::api::{policies, stops};
use crate::app::App;
use crate::caller::{SignIn, actor};
use crate::error::ApiError;
use crate::input::{AdminRole, ApproverRole, Id, Posted};
use crate::view::policy::{PolicyView, StopView};

#[derive(Template)]
#[template(path = "rules.html")]
pub(crate) struct RulesPage {
    pub(crate) frame: Frame,
    pub(crate) now: Timestamp,
    pub(crate) policies: Vec<PolicyView>,
    pub(crate) stops: Vec<StopView>,
    /// What a stop switch can stop.
    pub(crate) scopes: Vec<String>,
    /// Files hold policies: what is added only makes decisions stricter.
    pub(crate) tightens: bool,
    pub(crate) wrong: Option<String>,
}

async fn page(app: &App, sign_in: &SignIn) -> Result<RulesPage, PageError> {
    let rules = app.gate().rules();
    let config = rules.config();
    let upstreams = config.upstreams.keys().map(|name| format!("upstream:{name}"));
    let projects = app.gate().projects().into_iter().map(|project| format!("project:{}", project.name));
    Ok(RulesPage {
        frame: Frame::of(app, sign_in, "rules", "Rules").await?,
        now: app.gate().now(),
        policies: policies::all(app),
        stops: stops::all(app),
        scopes: std::iter::once("gate".to_owned()).chain(upstreams).chain(projects).collect(),
        tightens: rules.files_decide(),
        wrong: None,
    })
}

pub(crate) async fn list(Reader(sign_in): Reader, State(app): State<App>) -> Result<Response, PageError> {
    Ok(render(&page(&app, &sign_in).await?))
}

/// Back to the page, or the page with what is wrong.
async fn answered<T>(app: &App, sign_in: &SignIn, done: Result<T, ApiError>) -> Result<Response, PageError> {
    match done {
        Ok(_) => Ok(Redirect::to("/rules").into_response()),
        Err(error) => {
            let mut page = page(app, sign_in).await?;
            page.wrong = Some(error.detail().to_owned());
            Ok(error.dress(render(&page)))
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddForm {
    name: String,
    decision: String,
    #[serde(default)]
    action: String,
    #[serde(default)]
    agent: String,
    #[serde(default)]
    when: String,
    #[serde(default)]
    priority: String,
    #[serde(default)]
    required: String,
    #[serde(default)]
    from: String,
    #[serde(default)]
    message: String,
}

pub(crate) async fn add(State(app): State<App>, posted: Posted<AddForm, AdminRole>) -> Result<Response, PageError> {
    let done = match written(&posted.form) {
        Ok(policy) => policies::keep(&app, posted.person(), None, policy).await,
        Err(error) => Err(error),
    };
    answered(&app, &posted.sign_in, done).await
}

fn written(form: &AddForm) -> Result<Map<String, Value>, ApiError> {
    let number = |name: &str, text: &str| match text.trim() {
        "" => Ok(None),
        text => text.parse::<i64>().map(Some).map_err(|_| ApiError::invalid(format!("{name} is not a number."))),
    };
    let mut policy =
        Map::from_iter([("name".to_owned(), json!(form.name.trim())), ("decision".to_owned(), json!(form.decision))]);
    for (key, text) in
        [("action", &form.action), ("agent", &form.agent), ("when", &form.when), ("message", &form.message)]
    {
        if !text.trim().is_empty() {
            policy.insert(key.to_owned(), json!(text.trim()));
        }
    }
    if let Some(priority) = number("Priority", &form.priority)? {
        policy.insert("priority".to_owned(), json!(priority));
    }
    let mut approvals = Map::new();
    if let Some(required) = number("The number of approvals", &form.required)? {
        approvals.insert("required".to_owned(), json!(required));
    }
    let from: Vec<&str> = form.from.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    if !from.is_empty() {
        approvals.insert("from".to_owned(), json!(from));
    }
    if !approvals.is_empty() && form.decision == "require_approval" {
        policy.insert("approvals".to_owned(), Value::Object(approvals));
    }
    Ok(policy)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

pub(crate) async fn remove(
    Id(id): Id<RuleId>,
    State(app): State<App>,
    posted: Posted<Nothing, AdminRole>,
) -> Result<Response, PageError> {
    let done = app.gate().drop_rule(id, RuleKind::Policy, &actor(posted.person())).await;
    answered(&app, &posted.sign_in, done.map_err(ApiError::from)).await
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StopForm {
    scope: String,
    mode: String,
    reason: String,
}

pub(crate) async fn stop(
    State(app): State<App>,
    posted: Posted<StopForm, ApproverRole>,
) -> Result<Response, PageError> {
    let form = &posted.form;
    let (scope, reason) = (form.scope.clone(), form.reason.clone());
    let body = stops::StopBody { scope, mode: Some(form.mode.clone()), reason };
    let done = stops::put_on(&app, posted.person(), body).await;
    answered(&app, &posted.sign_in, done).await
}

pub(crate) async fn lift(
    Id(id): Id<RuleId>,
    State(app): State<App>,
    posted: Posted<Nothing, AdminRole>,
) -> Result<Response, PageError> {
    let done = app.gate().drop_rule(id, RuleKind::Stop, &actor(posted.person())).await;
    answered(&app, &posted.sign_in, done.map_err(ApiError::from)).await
}
