//! The REST API. One file per noun; routes and their description come from the same declaration.

pub(crate) mod agents;
pub(crate) mod audit;
pub(crate) mod config;
pub(crate) mod decide;
pub(crate) mod declare;
pub(crate) mod document;
pub(crate) mod events;
pub(crate) mod executions;
pub(crate) mod health;
pub(crate) mod intents;
pub(crate) mod keys;
pub(crate) mod permits;
pub(crate) mod policies;
pub(crate) mod projects;
pub(crate) mod refusals;
pub(crate) mod runtime;
pub(crate) mod sessions;
pub(crate) mod stops;
pub(crate) mod unmatched;
pub(crate) mod users;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::error::{ApiError, Code};

/// Everything people and machines may call.
pub(crate) fn all() -> OpenApiRouter<App> {
    for_agents()
        .routes(routes!(decide::approve))
        .routes(routes!(decide::deny))
        .routes(routes!(decide::request_changes))
        .routes(routes!(decide::approve_request))
        .routes(routes!(decide::deny_request))
        .routes(routes!(decide::cancel))
        .routes(routes!(decide::clear_denial))
        .routes(routes!(decide::several))
        .routes(routes!(agents::list, agents::add))
        .routes(routes!(agents::get))
        .routes(routes!(agents::pause))
        .routes(routes!(agents::resume))
        .routes(routes!(agents::revoke))
        .routes(routes!(agents::rotate_key))
        .routes(routes!(projects::list, projects::add))
        .routes(routes!(projects::rotate_key))
        .routes(routes!(keys::list, keys::mint))
        .routes(routes!(keys::revoke))
        .routes(routes!(sessions::list))
        .routes(routes!(sessions::end))
        .routes(routes!(users::list, users::add))
        .routes(routes!(users::link))
        .routes(routes!(users::role))
        .routes(routes!(users::set_teams))
        .routes(routes!(users::disable))
        .routes(routes!(users::enable))
        .routes(routes!(users::teams))
        .routes(routes!(policies::list, policies::add))
        .routes(routes!(policies::get, policies::change, policies::remove))
        .routes(routes!(policies::namespace, policies::set_namespace, policies::remove_namespace))
        .routes(routes!(stops::list, stops::stop))
        .routes(routes!(stops::lift))
        .routes(routes!(audit::list))
        .routes(routes!(audit::export))
        .routes(routes!(audit::checkpoint))
        .routes(routes!(audit::key))
        .routes(routes!(audit::evidence))
        .routes(routes!(refusals::list))
        .routes(routes!(unmatched::list))
        .routes(routes!(config::get))
        .routes(routes!(config::reload))
        .routes(routes!(config::schema))
        .routes(routes!(health::metrics))
}

/// What agents may call: their own intents, declaring and reporting, permits, keys and health.
pub(crate) fn for_agents() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(intents::list, declare::declare))
        .routes(routes!(intents::get))
        .routes(routes!(runtime::inspect))
        .routes(routes!(runtime::action))
        .routes(routes!(permits::validate))
        .routes(routes!(executions::report))
        .routes(routes!(events::events))
        .routes(routes!(health::jwks))
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
}

pub(crate) async fn not_found() -> ApiError {
    ApiError::not_found("page")
}

pub(crate) async fn wrong_method(method: http::Method) -> ApiError {
    ApiError::new(Code::MethodNotAllowed, format!("{method} does nothing here; /openapi.json lists what does."))
}
