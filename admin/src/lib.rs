//! The people's side of the gate: the REST API, the dashboard and live events.
//!
//! A handler is extractors in, one call to the [`gate::Gate`], a view out. Who may call it stands in
//! the type of its first argument (see [`caller`]); status codes stand in [`error`] alone; what an
//! agent wrote reaches a page only through [`display`].
//!
//! INVARIANT: nothing here changes anything on GET, no verdict comes from an agent's or a project's
//! key, and nothing here sends a request to an upstream.

pub(crate) mod api;
pub(crate) mod app;
pub(crate) mod caller;
pub mod display;
pub(crate) mod error;
pub(crate) mod guard;
pub(crate) mod input;
pub mod options;
pub(crate) mod pages;
pub mod serve;
pub(crate) mod view;

use axum::Router;
use axum::middleware;
use gate::Gate;

pub use options::{ConfigStatus, Options, Reload};
pub use serve::{ServeError, serve};

use app::App;

/// Everything: the API, the dashboard, live events, keys and health.
pub fn router(gate: Gate, options: Options) -> Router {
    let app = App::for_people(gate, options);
    let (api, document) = api::all().split_for_parts();
    let routes = api
        .merge(api::document::route(document))
        .merge(pages::routes())
        .fallback(pages::not_found)
        .method_not_allowed_fallback(api::wrong_method)
        .layer(middleware::from_fn_with_state(app.clone(), guard::check_host));
    guarded(routes).with_state(app)
}

/// Only what agents may call, for a second address that they can reach. Cookies are not looked at.
pub fn agents_router(gate: Gate, options: Options) -> Router {
    let app = App::for_agents(gate, options);
    let (api, document) = api::for_agents().split_for_parts();
    let routes = api
        .merge(api::document::route(document))
        .fallback(api::not_found)
        .method_not_allowed_fallback(api::wrong_method);
    guarded(routes).with_state(app)
}

/// What every answer and every request gets, whatever route it is.
fn guarded(routes: Router<App>) -> Router<App> {
    routes.layer(axum::extract::DefaultBodyLimit::max(guard::BODY_LIMIT)).layer(middleware::from_fn(guard::set_headers))
}

/// The OpenAPI document of [`router`], as served at `/openapi.json`.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    api::document::finish(api::all().into_openapi())
}
