//! The configuration in force, and loading it again.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::caller::{AdminUser, Viewer};
use crate::error::{ApiError, Code, Problem};
use crate::options::ConfigStatus;

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ConfigView {
    /// SHA-256 of the files in force.
    digest: String,
    loaded_at: String,
    /// Why the last attempt to load was refused; the older rules are in force then.
    error: Option<String>,
}

impl ConfigView {
    fn of(status: ConfigStatus) -> ConfigView {
        ConfigView { digest: status.digest, loaded_at: status.loaded_at.to_string(), error: status.error }
    }
}

/// Shows which configuration is in force.
#[utoipa::path(get, path = "/api/config", tag = "config", responses(
    (status = 200, body = ConfigView), (status = "4XX", body = Problem)))]
pub(crate) async fn get(_: Viewer, State(app): State<App>) -> Json<ConfigView> {
    Json(ConfigView::of(app.options().reload.status()))
}

/// The JSON Schema of the configuration, for editors.
#[utoipa::path(get, path = "/config.schema.json", tag = "config", security(()), responses(
    (status = 200, description = "JSON Schema, draft 7", content_type = "application/schema+json")))]
pub(crate) async fn schema() -> ([(http::HeaderName, &'static str); 1], String) {
    let schema = rules::config::schema();
    ([(http::header::CONTENT_TYPE, "application/schema+json")], format!("{schema:#}\n"))
}

/// Loads the files again. Broken ones are refused whole, and the old rules stay.
#[utoipa::path(post, path = "/api/config/reload", tag = "config", responses(
    (status = 200, body = ConfigView), (status = "4XX", body = Problem)))]
pub(crate) async fn reload(_: AdminUser, State(app): State<App>) -> Result<Json<ConfigView>, ApiError> {
    let status =
        app.options().reload.reload().await.map_err(|findings| ApiError::new(Code::ConfigInvalid, findings))?;
    Ok(Json(ConfigView::of(status)))
}
