//! The dashboard: server-rendered pages over the API's views. They work without JavaScript; the one
//! small script swaps in what changed and counts times down.
//!
//! INVARIANT: what changes something is a POST of a form with the session's token, sent from a page of
//! ours, or it is refused before the form is read (see [`crate::input::Posted`]).

pub(crate) mod agents;
pub(crate) mod assets;
pub(crate) mod audit;
pub(crate) mod call;
pub(crate) mod calls;
pub(crate) mod evidence;
pub(crate) mod filters;
pub(crate) mod people;
pub(crate) mod rules;
pub(crate) mod sessions;
pub(crate) mod sign_in;
pub(crate) mod unmatched;
pub(crate) mod when;

use askama::Template;
use axum::Router;
use axum::extract::FromRequestParts;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use gate::{IntentFilter, Role};
use http::request::Parts;

use crate::app::App;
use crate::caller::{SignIn, may_decide};
use crate::error::{ApiError, Code};

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/", get(calls::waiting))
        .route("/history", get(calls::history))
        .route("/intents/{id}", get(call::look).post(call::decide))
        .route("/intents/{id}/body", get(call::body))
        .route("/intents/{id}/evidence", get(evidence::look))
        .route("/agents", get(agents::list).post(agents::add))
        .route("/agents/{id}", post(agents::change))
        .route("/people", get(people::list).post(people::add))
        .route("/people/{id}", post(people::change))
        .route("/rules", get(rules::list).post(rules::add))
        .route("/rules/{id}", post(rules::remove))
        .route("/rules/stops", post(rules::stop))
        .route("/rules/stops/{id}", post(rules::lift))
        .route("/audit", get(audit::list))
        .route("/unmatched", get(unmatched::list))
        .route("/sessions", get(sessions::list))
        .route("/sessions/{id}", post(sessions::end))
        .route("/sign-in", get(sign_in::form).post(sign_in::enter))
        .route("/sign-out", post(sign_in::leave))
        .route("/link/{token}", get(sign_in::link).post(sign_in::use_link))
        .route("/assets/{file}", get(assets::file))
}

/// What stands around every page.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    pub(crate) title: String,
    /// The navigation's current entry.
    pub(crate) here: &'static str,
    pub(crate) who: Option<Who>,
    /// How many calls wait.
    pub(crate) waiting: String,
    /// Why the files' last change is not in force.
    pub(crate) config_error: Option<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct Who {
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) csrf: String,
    pub(crate) decides: bool,
    pub(crate) admin: bool,
}

impl Who {
    fn of(sign_in: &SignIn) -> Who {
        let person = &sign_in.person;
        Who {
            name: person.name.clone(),
            email: person.email.clone(),
            csrf: sign_in.csrf.clone(),
            decides: may_decide(person),
            admin: person.role == Role::Admin,
        }
    }
}

impl Frame {
    /// For somebody who is signed in.
    pub(crate) async fn of(app: &App, sign_in: &SignIn, here: &'static str, title: &str) -> Result<Frame, PageError> {
        let filter = IntentFilter { states: vec!["pending".into()], limit: Some(100), ..IntentFilter::default() };
        let page = app.gate().intents(&filter).await.map_err(ApiError::from)?;
        let count = page.items.len();
        let waiting = match page.next {
            _ if count == 0 => String::new(),
            Some(_) => format!("{count}+"),
            None => count.to_string(),
        };
        Ok(Frame {
            title: title.to_owned(),
            here,
            who: Some(Who::of(sign_in)),
            waiting,
            config_error: app.options().reload.status().error,
        })
    }

    pub(crate) fn outside(title: &str) -> Frame {
        Frame { title: title.to_owned(), here: "", who: None, waiting: String::new(), config_error: None }
    }

    pub(crate) fn csrf(&self) -> &str {
        self.who.as_ref().map_or("", |who| &who.csrf)
    }

    pub(crate) fn decides(&self) -> bool {
        self.who.as_ref().is_some_and(|who| who.decides)
    }

    pub(crate) fn admin(&self) -> bool {
        self.who.as_ref().is_some_and(|who| who.admin)
    }

    #[cfg(test)]
    pub(crate) fn sample() -> Frame {
        Frame {
            title: "Sample".into(),
            here: "waiting",
            who: Some(Who {
                name: "Dana".into(),
                email: "dana@example.com".into(),
                csrf: "csrf-sample".into(),
                decides: true,
                admin: true,
            }),
            waiting: "2".into(),
            config_error: None,
        }
    }
}

/// Somebody signed in, for pages that are only read.
pub(crate) struct Reader(pub(crate) SignIn);

impl FromRequestParts<App> for Reader {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Reader, PageError> {
        match SignIn::of(parts, app).await? {
            Some(sign_in) => Ok(Reader(sign_in)),
            None => Err(PageError::SignInFirst(parts.uri.path().to_owned())),
        }
    }
}

/// A page instead of the one that was asked for.
#[derive(Debug)]
pub(crate) enum PageError {
    /// The path to come back to.
    SignInFirst(String),
    Problem(ApiError),
}

impl From<ApiError> for PageError {
    fn from(error: ApiError) -> PageError {
        match error.code() {
            Code::Unauthorized => PageError::SignInFirst("/".to_owned()),
            _ => PageError::Problem(error),
        }
    }
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage {
    frame: Frame,
    detail: String,
    word: &'static str,
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        match self {
            PageError::SignInFirst(path) if sign_in::is_local(&path) && path != "/" => {
                let next: String = form_urlencoded::byte_serialize(path.as_bytes()).collect();
                Redirect::to(&format!("/sign-in?next={next}")).into_response()
            }
            PageError::SignInFirst(_) => Redirect::to("/sign-in").into_response(),
            PageError::Problem(error) => {
                let page = ProblemPage {
                    frame: Frame::outside(error.title()),
                    detail: error.detail().to_owned(),
                    word: error.word(),
                };
                error.dress(render(&page))
            }
        }
    }
}

/// A template as an answer.
pub(crate) fn render(page: &impl Template) -> Response {
    match page.render() {
        Ok(text) => Html(text).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page cannot be rendered");
            ApiError::new(Code::Internal, "This page cannot be shown; the log says why.").into_response()
        }
    }
}

/// What is not there: a page for browsers, a problem for the API's callers.
pub(crate) async fn not_found(uri: http::Uri) -> Response {
    let error = ApiError::not_found("page");
    if uri.path().starts_with("/api/") { error.into_response() } else { PageError::Problem(error).into_response() }
}

#[cfg(test)]
mod tests;
