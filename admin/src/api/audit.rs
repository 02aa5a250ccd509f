//! Reading the audit log.

use axum::Json;
use axum::extract::State;
use gate::IntentId;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::app::App;
use crate::caller::Viewer;
use crate::error::{ApiError, Problem};
use crate::input::Query;
use crate::view::List;
use crate::view::audit::AuditEntryView;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditQuery {
    /// Only what is about this intent.
    intent: Option<String>,
    /// At most 1000.
    #[param(maximum = 1000, minimum = 1)]
    limit: Option<u32>,
    /// `next_cursor` of the page before: the next event's number.
    cursor: Option<u64>,
}

/// Lists the events, oldest first.
#[utoipa::path(get, path = "/api/audit", tag = "audit", params(AuditQuery), responses(
    (status = 200, body = List<AuditEntryView>), (status = "4XX", body = Problem)))]
pub(crate) async fn list(
    _: Viewer,
    State(app): State<App>,
    Query(query): Query<AuditQuery>,
) -> Result<Json<List<AuditEntryView>>, ApiError> {
    if let Some(intent) = query.intent {
        let id: IntentId = intent.parse().map_err(|_| ApiError::not_found("intent"))?;
        let entries = app.gate().audit_of(id).await?;
        return Ok(Json(List::whole(entries.iter().map(AuditEntryView::of).collect())));
    }
    let limit = query.limit.unwrap_or(100).clamp(1, 1000);
    let entries = app.gate().audit(query.cursor.unwrap_or(0), limit).await?;
    let full = entries.len() == usize::try_from(limit).unwrap_or(usize::MAX);
    let next_cursor = entries.last().filter(|_| full).map(|last| last.seq.saturating_add(1).to_string());
    Ok(Json(List { data: entries.iter().map(AuditEntryView::of).collect(), next_cursor }))
}
