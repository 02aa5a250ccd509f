//! The audit log, as it is; the newest event first.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;

use super::{Frame, PageError, Reader, filters, render};
use crate::app::App;
use crate::error::ApiError;
use crate::input::Query;
use crate::view::audit::AuditEntryView;

#[derive(Template)]
#[template(path = "audit.html")]
pub(crate) struct AuditPage {
    pub(crate) frame: Frame,
    pub(crate) entries: Vec<AuditEntryView>,
    /// The first event of this page, where there are older ones.
    pub(crate) older: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuditQuery {
    /// Shows what happened before this event.
    before: Option<u64>,
}

const MOST: u32 = 200;

pub(crate) async fn list(
    Reader(sign_in): Reader,
    State(app): State<App>,
    Query(query): Query<AuditQuery>,
) -> Result<Response, PageError> {
    let end = match query.before {
        Some(before) => before,
        None => app.gate().audit_size().await.map_err(ApiError::from)?,
    };
    let from = end.saturating_sub(MOST.into());
    let entries = app.gate().audit(from, MOST).await.map_err(ApiError::from)?;
    let entries = entries.iter().rev().filter(|entry| entry.seq < end).map(AuditEntryView::of).collect();
    let older = (from > 0).then_some(from);
    Ok(render(&AuditPage { frame: Frame::of(&app, &sign_in, "audit", "Audit log").await?, entries, older }))
}
