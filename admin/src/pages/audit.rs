//! The audit log, as it is.

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
    pub(crate) next: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuditQuery {
    from: Option<u64>,
}

const MOST: u32 = 200;

pub(crate) async fn list(
    Reader(sign_in): Reader,
    State(app): State<App>,
    Query(query): Query<AuditQuery>,
) -> Result<Response, PageError> {
    let entries = app.gate().audit(query.from.unwrap_or(0), MOST).await.map_err(ApiError::from)?;
    let full = entries.len() == usize::try_from(MOST).unwrap_or(usize::MAX);
    let next = entries.last().filter(|_| full).map(|last| last.seq.saturating_add(1));
    let entries = entries.iter().map(AuditEntryView::of).collect();
    Ok(render(&AuditPage { frame: Frame::of(&app, &sign_in, "audit", "Audit log").await?, entries, next }))
}
