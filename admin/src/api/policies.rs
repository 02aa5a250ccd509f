//! Policies that people add while the gate runs, and what the paths of a namespace need.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use gate::kept::{Namespace, RuleKind};
use gate::{Person, RuleId};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::app::App;
use crate::caller::{AdminUser, Viewer, actor};
use crate::error::{ApiError, Problem};
use crate::input::{Body, Id};
use crate::view::List;
use crate::view::policy::{NamespaceView, PolicyView};

/// Most policies in one request.
const MOST: usize = 100;

/// Lists all policies: those of the files in their order, then those that were added.
///
/// Where files hold policies (or give a risk tier a decision), what was added can only make a decision stricter.
#[utoipa::path(get, path = "/api/policies", tag = "policies", responses(
    (status = 200, body = List<PolicyView>), (status = "4XX", body = Problem)))]
pub(crate) async fn list(_: Viewer, State(app): State<App>) -> Json<List<PolicyView>> {
    Json(List::whole(all(&app)))
}

pub(crate) fn all(app: &App) -> Vec<PolicyView> {
    let rules = app.gate().rules();
    let files = rules.config().policies.iter().map(PolicyView::of_files);
    files.chain(app.gate().kept_rules(RuleKind::Policy).iter().map(PolicyView::of_kept)).collect()
}

/// Shows a policy that was added.
#[utoipa::path(get, path = "/api/policies/{id}", tag = "policies", params(("id" = String, Path)), responses(
    (status = 200, body = PolicyView), (status = "4XX", body = Problem)))]
pub(crate) async fn get(_: Viewer, State(app): State<App>, Id(id): Id<RuleId>) -> Result<Json<PolicyView>, ApiError> {
    let rule = app.gate().kept_rule(id).filter(|rule| rule.kind == RuleKind::Policy);
    Ok(Json(PolicyView::of_kept(&rule.ok_or_else(|| ApiError::not_found("policy"))?)))
}

/// A policy with its keys as in files (`action_pattern` is `action`, `any` is left out), or `{"rules": [...]}`.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(value_type = Object)]
pub(crate) struct PolicyBody(Map<String, Value>);

/// A rule of the form `{action, require_approval, approvers_required, allowed_approvers, time_restrictions}`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleForm {
    action: String,
    require_approval: bool,
    approvers_required: Option<u32>,
    allowed_approvers: Option<Vec<String>>,
    time_restrictions: Option<Map<String, Value>>,
}

/// Adds a policy, or several given as `rules`. They count at once.
#[utoipa::path(post, path = "/api/policies", tag = "policies", request_body = PolicyBody, responses(
    (status = 201, body = List<PolicyView>), (status = "4XX", body = Problem)))]
pub(crate) async fn add(
    AdminUser(person): AdminUser,
    State(app): State<App>,
    Body(PolicyBody(body)): Body<PolicyBody>,
) -> Result<(StatusCode, Json<List<PolicyView>>), ApiError> {
    let policies = match body.get("rules") {
        Some(rules) => of_rules(&body, rules)?,
        None => vec![body],
    };
    let mut added = Vec::with_capacity(policies.len());
    for policy in policies {
        match keep(&app, &person, None, policy).await {
            Ok(view) => added.push(view),
            // What was added before it stays and is listed; saying so is better than guessing what was meant.
            Err(error) if !added.is_empty() => {
                let names: Vec<&str> = added.iter().map(|view| view.name.as_str()).collect();
                let detail = format!("{} Added before it: {}.", error.detail(), names.join(", "));
                return Err(ApiError::new(error.code(), detail));
            }
            Err(error) => return Err(error),
        }
    }
    Ok((StatusCode::CREATED, Json(List::whole(added))))
}

/// Puts another policy in the place of one that was added.
#[utoipa::path(put, path = "/api/policies/{id}", tag = "policies", params(("id" = String, Path)),
    request_body = PolicyBody, responses((status = 200, body = PolicyView), (status = "4XX", body = Problem)))]
pub(crate) async fn change(
    AdminUser(person): AdminUser,
    State(app): State<App>,
    Id(id): Id<RuleId>,
    Body(PolicyBody(body)): Body<PolicyBody>,
) -> Result<Json<PolicyView>, ApiError> {
    Ok(Json(keep(&app, &person, Some(id), body).await?))
}

/// Takes a policy away that was added.
#[utoipa::path(delete, path = "/api/policies/{id}", tag = "policies", params(("id" = String, Path)),
    responses((status = 204), (status = "4XX", body = Problem)))]
pub(crate) async fn remove(
    AdminUser(person): AdminUser,
    State(app): State<App>,
    Id(id): Id<RuleId>,
) -> Result<StatusCode, ApiError> {
    app.gate().drop_rule(id, RuleKind::Policy, &actor(&person)).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn keep(
    app: &App,
    person: &Person,
    id: Option<RuleId>,
    mut policy: Map<String, Value>,
) -> Result<PolicyView, ApiError> {
    if let Some(pattern) = policy.remove("action_pattern")
        && policy.insert("action".to_owned(), pattern).is_some()
    {
        return Err(ApiError::invalid("`action` and `action_pattern` are two names of one thing: send one."));
    }
    for field in ["name", "decision"] {
        if policy.get(field).is_none_or(Value::is_null) {
            return Err(ApiError::missing(field));
        }
    }
    let kept = app.gate().keep_policy(id, Value::Object(policy).to_string(), &actor(person)).await?;
    Ok(PolicyView::of_kept(&kept))
}

fn of_rules(body: &Map<String, Value>, rules: &Value) -> Result<Vec<Map<String, Value>>, ApiError> {
    if body.len() > 1 {
        return Err(ApiError::invalid("`rules` stands alone."));
    }
    let rules: Vec<RuleForm> = serde_json::from_value(rules.clone())
        .map_err(|error| ApiError::invalid(format!("`rules` cannot be read: {error}.")))?;
    if rules.is_empty() || rules.len() > MOST {
        return Err(ApiError::invalid(format!("`rules` holds 1 to {MOST}.")));
    }
    let policy = |(place, rule): (usize, RuleForm)| {
        let decision = if rule.require_approval { "require_approval" } else { "auto_approve" };
        let mut policy = Map::from_iter([
            ("name".to_owned(), json!(format!("{} {}", rule.action, decision.replace('_', " ")))),
            ("action".to_owned(), json!(rule.action)),
            ("decision".to_owned(), json!(decision)),
            // The first that matches counts.
            ("priority".to_owned(), json!(-i64::try_from(place).unwrap_or_default())),
        ]);
        let mut approvals = Map::new();
        if let Some(required) = rule.approvers_required {
            approvals.insert("required".to_owned(), json!(required));
        }
        if let Some(from) = rule.allowed_approvers {
            approvals.insert("from".to_owned(), json!(from));
        }
        if !approvals.is_empty() {
            policy.insert("approvals".to_owned(), Value::Object(approvals));
        }
        if let Some(times) = rule.time_restrictions {
            policy.insert("schedule".to_owned(), Value::Object(times));
        }
        policy
    };
    Ok(rules.into_iter().enumerate().map(policy).collect())
}

/// `{default_tier, path_overrides[{pattern, tier, required_approvals?, approval_delay_seconds?}]}`.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(value_type = Object)]
pub(crate) struct NamespaceBody(Namespace);

/// Says what the paths of a namespace need: `standard` nothing, `sensitive` one approval, `critical` two and a delay of
/// five minutes.
///
/// The namespace is an upstream's name, and a path is what follows it; of a declared intent, its parameter `path`. The
/// first override whose glob fits counts. For people: with an agent's or a project's key it is 403.
#[utoipa::path(put, path = "/v1/namespaces/{name}/policy", tag = "policies", params(("name" = String, Path)),
    request_body = NamespaceBody, responses((status = 200, body = NamespaceView), (status = "4XX", body = Problem)))]
pub(crate) async fn set_namespace(
    AdminUser(person): AdminUser,
    State(app): State<App>,
    Path(name): Path<String>,
    Body(NamespaceBody(body)): Body<NamespaceBody>,
) -> Result<Json<NamespaceView>, ApiError> {
    let kept = app.gate().set_namespace(&name, &body, &actor(&person)).await?;
    NamespaceView::of(&kept).map(Json).ok_or_else(|| ApiError::not_found("namespace"))
}

/// Shows what the paths of a namespace need.
#[utoipa::path(get, path = "/v1/namespaces/{name}/policy", tag = "policies", params(("name" = String, Path)), responses(
    (status = 200, body = NamespaceView), (status = "4XX", body = Problem)))]
pub(crate) async fn namespace(
    _: Viewer,
    State(app): State<App>,
    Path(name): Path<String>,
) -> Result<Json<NamespaceView>, ApiError> {
    let kept = app.gate().named_rule(RuleKind::Namespace, &name);
    kept.as_ref().and_then(NamespaceView::of).map(Json).ok_or_else(|| ApiError::not_found("namespace"))
}

/// Takes away what was said of a namespace.
#[utoipa::path(delete, path = "/v1/namespaces/{name}/policy", tag = "policies", params(("name" = String, Path)),
    responses((status = 204), (status = "4XX", body = Problem)))]
pub(crate) async fn remove_namespace(
    AdminUser(person): AdminUser,
    State(app): State<App>,
    Path(name): Path<String>,
) -> Result<StatusCode, ApiError> {
    let kept = app.gate().named_rule(RuleKind::Namespace, &name).ok_or_else(|| ApiError::not_found("namespace"))?;
    app.gate().drop_rule(kept.id, RuleKind::Namespace, &actor(&person)).await?;
    Ok(StatusCode::NO_CONTENT)
}
