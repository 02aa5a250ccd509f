//! What was refused without an intent, for whoever is asked "why does my call not get through".

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::app::App;
use crate::caller::Approver;
use crate::error::{ApiError, Problem};
use crate::input::Query;
use crate::view::List;
use crate::view::refusal::RefusalView;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct RefusalsQuery {
    /// Only the one whose answer carried this `Holdshort-Request`.
    request: Option<String>,
    /// At most 1000.
    #[param(maximum = 1000, minimum = 1)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<u64>,
}

/// Lists what was refused without an intent, newest first. This process keeps the last 1000.
#[utoipa::path(get, path = "/api/refusals", tag = "audit", params(RefusalsQuery), responses(
    (status = 200, body = List<RefusalView>), (status = "4XX", body = Problem)))]
pub(crate) async fn list(
    _: Approver,
    State(app): State<App>,
    Query(query): Query<RefusalsQuery>,
) -> Result<Json<List<RefusalView>>, ApiError> {
    let limit = query.limit.unwrap_or(100).clamp(1, 1000) as usize;
    let refused = app.gate().refusals(query.request.as_deref(), query.cursor, limit);
    let next_cursor = refused.last().filter(|_| refused.len() == limit).map(|(number, _)| number.to_string());
    Ok(Json(List { data: refused.iter().map(|(_, call)| RefusalView::of(call)).collect(), next_cursor }))
}
