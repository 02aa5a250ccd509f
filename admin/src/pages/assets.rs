//! The style sheet, the script and the icon, served by ourselves.

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};

use crate::error::ApiError;

const CSS: &str = include_str!("../../assets/holdshort.css");
const JS: &str = include_str!("../../assets/holdshort.js");
const ICON: &str = include_str!("../../assets/icon.svg");

pub(crate) async fn file(Path(name): Path<String>) -> Response {
    let (kind, text) = match name.as_str() {
        "holdshort.css" => ("text/css; charset=utf-8", CSS),
        "holdshort.js" => ("text/javascript; charset=utf-8", JS),
        "icon.svg" => ("image/svg+xml", ICON),
        _ => return ApiError::not_found("file").into_response(),
    };
    // Short: an upgrade must not meet yesterday's script.
    ([(CONTENT_TYPE, kind), (CACHE_CONTROL, "public, max-age=60")], text).into_response()
}
