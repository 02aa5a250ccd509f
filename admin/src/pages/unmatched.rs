//! Calls that no route names, grouped, the most frequent first.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use gate::Timestamp;

use super::{Frame, PageError, Reader, filters, render};
use crate::app::App;
use crate::view::unmatched::UnmatchedView;

/// What somebody looks through.
const MOST: usize = 500;

#[derive(Template)]
#[template(path = "unmatched.html")]
pub(crate) struct UnmatchedPage {
    pub(crate) frame: Frame,
    pub(crate) calls: Vec<UnmatchedView>,
    /// How many kinds are not shown.
    pub(crate) more: usize,
    pub(crate) now: Timestamp,
}

pub(crate) async fn list(Reader(sign_in): Reader, State(app): State<App>) -> Result<Response, PageError> {
    let all = app.gate().unmatched();
    let calls = all.iter().take(MOST).map(UnmatchedView::of).collect();
    let frame = Frame::of(&app, &sign_in, "unmatched", "Unmatched calls").await?;
    Ok(render(&UnmatchedPage { frame, calls, more: all.len().saturating_sub(MOST), now: app.gate().now() }))
}
