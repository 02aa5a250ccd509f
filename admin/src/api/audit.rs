//! Reading the audit log, and what proves it to outsiders.

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use futures::stream;
use gate::IntentId;
use gate::audit::export::{HEADINGS, object, row};
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::app::App;
use crate::caller::Viewer;
use crate::error::{ApiError, Problem};
use crate::input::{Id, Query};
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

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ExportFormat {
    /// One object a line, exact: leaves can be computed from it.
    #[default]
    Jsonl,
    /// For spreadsheets: a text that one would take for a formula gets an apostrophe in front.
    Csv,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExportQuery {
    /// `jsonl` (default) or `csv`.
    #[serde(default)]
    #[param(inline)]
    format: ExportFormat,
    /// The first event.
    from: Option<u64>,
    /// Where to stop: this event is left out.
    to: Option<u64>,
}

/// Events read at a time.
const PAGE: u64 = 1000;

/// Streams the events, oldest first. An answer that breaks off is not whole: the store failed meanwhile.
#[utoipa::path(get, path = "/api/audit/export", tag = "audit", params(ExportQuery), responses(
    (status = 200, body = str, content_type = "application/jsonl"), (status = "4XX", body = Problem)))]
pub(crate) async fn export(
    _: Viewer,
    State(app): State<App>,
    Query(query): Query<ExportQuery>,
) -> Result<Response, ApiError> {
    // What is appended meanwhile is for the next time.
    let end = app.gate().audit_size().await?.min(query.to.unwrap_or(u64::MAX));
    let (kind, name) = match query.format {
        ExportFormat::Jsonl => ("application/jsonl", "attachment; filename=\"audit.jsonl\""),
        ExportFormat::Csv => ("text/csv; charset=utf-8", "attachment; filename=\"audit.csv\""),
    };
    let head = if query.format == ExportFormat::Csv { format!("{HEADINGS}\n") } else { String::new() };
    let pages = stream::try_unfold((query.from.unwrap_or(0), Some(head)), move |(next, head)| {
        let app = app.clone();
        async move {
            if let Some(head) = head {
                return Ok(Some((Bytes::from(head), (next, None))));
            }
            let limit = u32::try_from(end.saturating_sub(next).min(PAGE)).unwrap_or(0);
            if limit == 0 {
                return Ok(None);
            }
            let entries = app.gate().audit(next, limit).await?;
            let Some(last) = entries.last() else { return Ok(None) };
            let line = |entry| match query.format {
                ExportFormat::Jsonl => format!("{}\n", object(entry)),
                ExportFormat::Csv => format!("{}\n", row(entry)),
            };
            let text: String = entries.iter().map(line).collect();
            Ok::<_, gate::StoreError>(Some((Bytes::from(text), (last.seq.saturating_add(1), None))))
        }
    });
    Ok(([(CONTENT_TYPE, kind), (CONTENT_DISPOSITION, name)], Body::from_stream(pages)).into_response())
}

/// Signs a checkpoint of the log as it is on the disk now: a C2SP signed note.
#[utoipa::path(get, path = "/api/audit/checkpoint", tag = "audit", responses(
    (status = 200, body = str), (status = "4XX", body = Problem)))]
pub(crate) async fn checkpoint(_: Viewer, State(app): State<App>) -> Result<String, ApiError> {
    Ok(app.gate().checkpoint().await?)
}

/// The public keys that checkpoints are verified with, one a line (`NAME+ID+KEY`); the first one signs.
#[utoipa::path(get, path = "/api/audit/key", tag = "audit", security(()), responses((status = 200, body = str)))]
pub(crate) async fn key(State(app): State<App>) -> String {
    app.gate().log_keys().iter().map(|key| format!("{key}\n")).collect()
}

/// The evidence of one intent: its events, each proven to stand in a signed log. `holdshort audit check` verifies it.
#[utoipa::path(get, path = "/api/intents/{id}/evidence", tag = "audit", params(("id" = String, Path)), responses(
    (status = 200, body = Object), (status = "4XX", body = Problem)))]
pub(crate) async fn evidence(_: Viewer, State(app): State<App>, Id(id): Id<IntentId>) -> Result<Response, ApiError> {
    let evidence = app.gate().evidence(id).await?.ok_or_else(|| ApiError::not_found("intent"))?;
    let name = format!("attachment; filename=\"{id}.evidence.json\"");
    Ok(([(CONTENT_DISPOSITION, name)], Json(evidence)).into_response())
}
