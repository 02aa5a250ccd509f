//! Reading intents.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use gate::feed::News;
use gate::{Intent, IntentFilter, IntentId};
use serde::Deserialize;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;
use utoipa::IntoParams;

use crate::app::App;
use crate::caller::Caller;
use crate::error::{ApiError, Problem};
use crate::input::{Id, Query};
use crate::view::List;
use crate::view::intent::IntentView;

/// Longest wait of a long poll.
const LONGEST_WAIT: u64 = 60;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// States, separated by commas. `pending_approval` is `pending`, `auto_approved` is `approved`.
    status: Option<String>,
    action: Option<String>,
    /// Fingerprint of an agent.
    source: Option<String>,
    /// At most 200; without it 50, or 200 where `status` is given: who polls by status reads no second page.
    #[param(maximum = 200, minimum = 1)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Lists intents, newest first.
///
/// People see all; a project's key its project's; an agent its own.
#[utoipa::path(get, path = "/api/intents", tag = "intents", params(ListQuery), responses(
    (status = 200, body = List<IntentView>), (status = "4XX", body = Problem)))]
pub(crate) async fn list(
    caller: Caller,
    State(app): State<App>,
    Query(query): Query<ListQuery>,
) -> Result<Json<List<IntentView>>, ApiError> {
    let otherwise = if query.status.is_some() { 200 } else { 50 };
    let mut filter = IntentFilter {
        project: None,
        states: states(query.status.as_deref())?,
        action: query.action,
        fingerprint: query.source,
        limit: Some(query.limit.unwrap_or(otherwise).clamp(1, 200)),
        cursor: cursor(query.cursor)?,
    };
    if !caller.narrow(&mut filter) {
        return Ok(Json(List::whole(Vec::new())));
    }
    let page = app.gate().intents(&filter).await.map_err(|error| ApiError::from(error).told_to_programs())?;
    let data = page.items.iter().map(|intent| IntentView::to(&app, intent, &caller)).collect();
    Ok(Json(List { data, next_cursor: page.next }))
}

/// A cursor is the number that the page before ended with.
pub(crate) fn cursor(text: Option<String>) -> Result<Option<String>, ApiError> {
    match text {
        Some(text) if text.parse::<i64>().is_err() => {
            Err(ApiError::invalid("`cursor` is not what `next_cursor` said: begin again without it."))
        }
        other => Ok(other),
    }
}

const STATES: [&str; 10] = [
    "pending",
    "approved",
    "executing",
    "executed",
    "failed",
    "unknown",
    "denied",
    "changes_requested",
    "expired",
    "cancelled",
];

/// A state that does not exist would list nothing, which a reader takes for "nothing waits".
fn states(list: Option<&str>) -> Result<Vec<String>, ApiError> {
    let words = list.unwrap_or_default().split(',').map(str::trim).filter(|word| !word.is_empty());
    words
        .map(|word| match word {
            "pending_approval" => Ok("pending".to_owned()),
            "auto_approved" => Ok("approved".to_owned()),
            known if STATES.contains(&known) => Ok(known.to_owned()),
            word => Err(ApiError::invalid(format!("There is no status {word:?}; there are {}.", STATES.join(", ")))),
        })
        .collect()
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct GetQuery {
    /// Wait up to so many seconds (at most 60) while it is `pending` or `executing`.
    #[param(maximum = 60)]
    wait: Option<u64>,
}

/// Shows one intent; with `wait`, once something was decided or has happened.
#[utoipa::path(get, path = "/api/intents/{id}", tag = "intents", params(("id" = String, Path), GetQuery), responses(
    (status = 200, body = IntentView), (status = "4XX", body = Problem)))]
pub(crate) async fn get(
    caller: Caller,
    State(app): State<App>,
    Id(id): Id<IntentId>,
    Query(query): Query<GetQuery>,
) -> Result<Json<IntentView>, ApiError> {
    let wait = Duration::from_secs(query.wait.unwrap_or(0).min(LONGEST_WAIT));
    let intent = settled(&app, &caller, id, wait).await?;
    Ok(Json(IntentView::to(&app, &intent, &caller)))
}

/// The intent, once it is neither pending nor executing, or the wait is over.
async fn settled(app: &App, caller: &Caller, id: IntentId, wait: Duration) -> Result<Intent, ApiError> {
    // Subscribed before the state is read: no verdict falls between.
    let mut feed = app.gate().feed();
    let until = Instant::now() + wait;
    let first = visible(app, caller, id).await?;
    let state = first.state.name();
    let mut intent = first;
    while matches!(intent.state.name(), "pending" | "executing") && intent.state.name() == state {
        match tokio::time::timeout_at(until, feed.recv()).await {
            Ok(Ok(News::Intent { id: about, .. })) if about == id => intent = visible(app, caller, id).await?,
            Ok(Ok(_)) => {}
            // Missed some: it may have been ours.
            Ok(Err(RecvError::Lagged(_))) => intent = visible(app, caller, id).await?,
            Ok(Err(RecvError::Closed)) | Err(_) => break,
        }
    }
    Ok(intent)
}

pub(crate) async fn visible(app: &App, caller: &Caller, id: IntentId) -> Result<Intent, ApiError> {
    let intent = app.gate().intent(id).await.map_err(|error| ApiError::from(error).told_to_programs())?;
    intent.filter(|intent| caller.sees(intent)).ok_or_else(|| ApiError::not_found("intent"))
}
