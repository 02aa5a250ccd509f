//! Signs of life, metrics, and the public keys with which permits are verified.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};

use crate::app::App;
use crate::error::{ApiError, Code, Problem};

/// The process runs.
#[utoipa::path(get, path = "/livez", tag = "health", security(()), responses((status = 200, body = str)))]
pub(crate) async fn live() -> &'static str {
    "alive\n"
}

/// Calls can be decided now: everything serves, and the store takes writes.
#[utoipa::path(get, path = "/readyz", tag = "health", security(()), responses(
    (status = 200, body = str), (status = 503, body = Problem)))]
pub(crate) async fn ready(State(app): State<App>) -> Result<&'static str, ApiError> {
    if !*app.options().ready.borrow() {
        return Err(ApiError::new(Code::Unavailable, "The gate is starting, or is shutting down."));
    }
    app.gate().ready().await?;
    Ok("ready\n")
}

/// Metrics in Prometheus' text format.
#[utoipa::path(get, path = "/metrics", tag = "health", security(()), responses((status = 200, body = str)))]
pub(crate) async fn metrics(State(app): State<App>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], (app.options().metrics)())
}

/// The public keys of permits (RFC 7517). Keys that were rotated out stay until their permits have died.
#[utoipa::path(get, path = "/.well-known/jwks.json", tag = "permits", security(()), responses((status = 200, body = Object)))]
pub(crate) async fn jwks(State(app): State<App>) -> impl IntoResponse {
    // Short enough that a verifier learns of a new key before the first permit of an hour's rotation.
    ([(CACHE_CONTROL, "public, max-age=60, stale-if-error=86400")], Json(app.gate().jwks()))
}
