//! Stop switches: the gate, an upstream or a project refuses everything, or asks a person about everything.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use gate::kept::{RuleKind, Switch, SwitchMode};
use gate::{Person, RuleId};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::caller::{AdminUser, Approver, Viewer, actor};
use crate::error::{ApiError, Problem};
use crate::input::{Body, Id};
use crate::view::List;
use crate::view::policy::StopView;

/// Lists the stop switches that are on.
#[utoipa::path(get, path = "/api/stops", tag = "policies", responses(
    (status = 200, body = List<StopView>), (status = "4XX", body = Problem)))]
pub(crate) async fn list(_: Viewer, State(app): State<App>) -> Json<List<StopView>> {
    Json(List::whole(all(&app)))
}

pub(crate) fn all(app: &App) -> Vec<StopView> {
    app.gate().kept_rules(RuleKind::Stop).iter().map(StopView::of).collect()
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StopBody {
    /// `gate`, `upstream:NAME` or `project:NAME`.
    pub(crate) scope: String,
    /// `refuse` (when absent), or `require_approval`: what policy would approve needs a person.
    pub(crate) mode: Option<String>,
    /// Why; refused agents read it.
    pub(crate) reason: String,
}

/// Puts a stop switch on. It counts at once, also for calls that are held.
///
/// With `refuse`, calls are answered `STOPPED`; what people approved stays approved until it expires.
#[utoipa::path(post, path = "/api/stops", tag = "policies", request_body = StopBody, responses(
    (status = 201, body = StopView), (status = "4XX", body = Problem)))]
pub(crate) async fn stop(
    Approver(person, _): Approver,
    State(app): State<App>,
    Body(body): Body<StopBody>,
) -> Result<(StatusCode, Json<StopView>), ApiError> {
    Ok((StatusCode::CREATED, Json(put_on(&app, &person, body).await?)))
}

pub(crate) async fn put_on(app: &App, person: &Person, body: StopBody) -> Result<StopView, ApiError> {
    let mode = match body.mode.as_deref() {
        None | Some("refuse") => SwitchMode::Refuse,
        Some("require_approval") => SwitchMode::RequireApproval,
        Some(_) => return Err(ApiError::invalid("`mode` is `refuse` or `require_approval`.")),
    };
    let switch = Switch { mode, reason: body.reason.trim().to_owned() };
    if switch.reason.is_empty() {
        return Err(ApiError::missing("reason"));
    }
    let there = app.gate().named_rule(RuleKind::Stop, body.scope.trim());
    let refuses = there.as_ref().is_some_and(|rule| StopView::of(rule).mode == "refuse");
    if refuses && mode == SwitchMode::RequireApproval && person.role != gate::Role::Admin {
        return Err(ApiError::admins_only());
    }
    let kept = app.gate().stop(body.scope.trim(), &switch, &actor(person)).await?;
    Ok(StopView::of(&kept))
}

/// Takes a stop switch off.
#[utoipa::path(delete, path = "/api/stops/{id}", tag = "policies", params(("id" = String, Path)),
    responses((status = 204), (status = "4XX", body = Problem)))]
pub(crate) async fn lift(
    AdminUser(person): AdminUser,
    State(app): State<App>,
    Id(id): Id<RuleId>,
) -> Result<StatusCode, ApiError> {
    app.gate().drop_rule(id, RuleKind::Stop, &actor(&person)).await?;
    Ok(StatusCode::NO_CONTENT)
}
