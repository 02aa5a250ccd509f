//! The API's own description, made of the same declarations as the routes.

use axum::routing::get;
use axum::{Json, Router};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{InfoBuilder, OpenApi, SecurityRequirement};

use crate::app::App;

/// Serves the description of what this router offers.
pub(crate) fn route(document: OpenApi) -> Router<App> {
    let document = std::sync::Arc::new(finish(document));
    Router::new().route(
        "/openapi.json",
        get(move || {
            let document = document.clone();
            async move { Json(document.as_ref().clone()) }
        }),
    )
}

/// Adds what no single route says: the title, and how callers show who they are.
pub(crate) fn finish(mut document: OpenApi) -> OpenApi {
    document.info = InfoBuilder::new()
        .title("Holdshort")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("The gate between AI agents and the APIs they call: what waits, who decides, what happened."))
        .build();
    let components = document.components.get_or_insert_with(Default::default);
    components.add_security_scheme(
        "key",
        SecurityScheme::Http(
            HttpBuilder::new()
                .scheme(HttpAuthScheme::Bearer)
                .description(Some(
                    "`hsk_user_...` of a person, `hsk_agent_...` of an agent, `hsk_project_...` of a project",
                ))
                .build(),
        ),
    );
    components.add_security_scheme(
        "session",
        SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::with_description(
            "holdshort",
            "The dashboard's session; what changes something also needs its token in `X-CSRF-Token`",
        ))),
    );
    let none: [String; 0] = [];
    document.security =
        Some(vec![SecurityRequirement::new("key", none.clone()), SecurityRequirement::new("session", none)]);
    document
}
