//! Calls that no route names: where rules are still to be written.

use axum::Json;
use axum::extract::State;

use crate::app::App;
use crate::caller::Viewer;
use crate::error::Problem;
use crate::view::List;
use crate::view::unmatched::UnmatchedView;

/// Lists what no route names since this process began, grouped by template, the most frequent first.
#[utoipa::path(get, path = "/api/unmatched", tag = "config", responses(
    (status = 200, body = List<UnmatchedView>), (status = "4XX", body = Problem)))]
pub(crate) async fn list(_: Viewer, State(app): State<App>) -> Json<List<UnmatchedView>> {
    let data = app.gate().unmatched().iter().map(UnmatchedView::of).collect();
    Json(List { data, next_cursor: None })
}
