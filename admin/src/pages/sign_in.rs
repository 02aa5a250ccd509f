//! Signing in and out, and the one-time link. Looking at a link never uses it up: whatever fetches
//! links before people do (chat previews, mail scanners) does them no harm.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::cookie::{Cookie, SameSite};
use gate::gate::SignedIn;
use gate::person::SignInError;
use http::header::{SET_COOKIE, USER_AGENT};
use http::{HeaderMap, HeaderValue};
use serde::Deserialize;

use super::{Frame, PageError, filters, render};
use crate::app::App;
use crate::error::{ApiError, Code};
use crate::input::{Anybody, Knock, Posted, Query, Source};

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    frame: Frame,
    next: String,
    email: String,
    wrong: Option<String>,
}

#[derive(Template)]
#[template(path = "link.html")]
struct LinkPage {
    frame: Frame,
    token: String,
    /// Whose link it is; empty: the first admin's.
    email: String,
    name: String,
    first: bool,
    wrong: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NextQuery {
    next: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignInForm {
    email: String,
    password: String,
    #[serde(default)]
    next: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LinkForm {
    #[serde(default)]
    email: String,
    #[serde(default)]
    name: String,
    password: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

pub(crate) async fn form(Query(query): Query<NextQuery>) -> Response {
    let next = query.next.filter(|next| is_local(next)).unwrap_or_default();
    render(&SignInPage { frame: Frame::outside("Sign in"), next, email: String::new(), wrong: None })
}

pub(crate) async fn enter(
    State(app): State<App>,
    Source(peer): Source,
    headers: HeaderMap,
    Knock(form): Knock<SignInForm>,
) -> Result<Response, PageError> {
    match app.gate().sign_in_from(peer, form.email.trim(), &form.password, &browser(&headers)).await {
        Ok(signed_in) => {
            let next = if is_local(&form.next) { form.next.as_str() } else { "/" };
            Ok(welcome(&app, &signed_in, next))
        }
        Err(error) => {
            let error = refused(error);
            let page = SignInPage {
                frame: Frame::outside("Sign in"),
                next: form.next,
                email: form.email,
                wrong: Some(error.detail().to_owned()),
            };
            Ok(error.dress(render(&page)))
        }
    }
}

pub(crate) async fn leave(State(app): State<App>, posted: Posted<Nothing, Anybody>) -> Result<Response, PageError> {
    app.gate().sign_out(posted.sign_in.session.id).await.map_err(ApiError::from)?;
    let mut response = Redirect::to("/sign-in").into_response();
    set_cookie(&app, &mut response, "", 0);
    Ok(response)
}

pub(crate) async fn link(State(app): State<App>, Path(token): Path<String>) -> Result<Response, PageError> {
    let person = app.gate().look_at_link(&token).await.map_err(refused)?;
    let (email, name) = person.as_ref().map(|person| (person.email.clone(), person.name.clone())).unwrap_or_default();
    Ok(render(&LinkPage { frame: Frame::outside("Welcome"), token, email, name, first: person.is_none(), wrong: None }))
}

pub(crate) async fn use_link(
    State(app): State<App>,
    Path(token): Path<String>,
    headers: HeaderMap,
    Knock(form): Knock<LinkForm>,
) -> Result<Response, PageError> {
    let person = app.gate().look_at_link(&token).await.map_err(refused)?;
    let (email, name) = match &person {
        Some(person) => (person.email.clone(), person.name.clone()),
        None => (form.email.trim().to_owned(), form.name.trim().to_owned()),
    };
    match app.gate().use_link(&token, &email, &name, &form.password, &browser(&headers)).await {
        Ok(signed_in) => Ok(welcome(&app, &signed_in, "/")),
        Err(SignInError::Link) => Err(refused(SignInError::Link).into()),
        Err(error) => {
            let error = refused(error);
            let page = LinkPage {
                frame: Frame::outside("Welcome"),
                token,
                email,
                name,
                first: person.is_none(),
                wrong: Some(error.detail().to_owned()),
            };
            Ok(error.dress(render(&page)))
        }
    }
}

fn refused(error: SignInError) -> ApiError {
    let text = error.to_string();
    match error {
        SignInError::Wrong => ApiError::new(Code::InvalidRequest, "E-mail or password is wrong."),
        SignInError::Later(seconds) => ApiError::later(seconds),
        SignInError::Link => ApiError::new(
            Code::LinkSpent,
            "It was used already, or is older than an hour. Ask an admin for a new one (People, then New link), or run \
             `holdshort users link` where the gate runs.",
        ),
        SignInError::Weak => ApiError::invalid("A password needs at least 12 characters."),
        SignInError::Store(error) => error.into(),
        SignInError::Invalid(_) => ApiError::invalid(text),
    }
}

fn welcome(app: &App, signed_in: &SignedIn, next: &str) -> Response {
    let mut response = Redirect::to(next).into_response();
    let lifetime = app.gate().now().until(signed_in.session.expires_at).as_secs();
    set_cookie(app, &mut response, &signed_in.cookie, i64::try_from(lifetime).unwrap_or(0));
    response
}

/// `Lax`, so that a link to a call in a chat or a mail opens it; what changes something also needs the
/// page's token and our own origin.
fn set_cookie(app: &App, response: &mut Response, value: &str, seconds: i64) {
    let Some(name) = app.cookie_name() else { return };
    let cookie = Cookie::build((name, value.to_owned()))
        .path("/")
        .http_only(true)
        .secure(app.secure())
        .same_site(SameSite::Lax)
        .build()
        .to_string();
    if let Ok(value) = HeaderValue::from_str(&format!("{cookie}; Max-Age={seconds}")) {
        response.headers_mut().append(SET_COOKIE, value);
    }
}

/// The browser, as it calls itself, cut to what is kept.
fn browser(headers: &HeaderMap) -> String {
    let text = headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or("unknown");
    text.chars().take(200).collect()
}

/// Whether a path leads to a page of ours, and nowhere else however a browser reads it.
pub(crate) fn is_local(path: &str) -> bool {
    let known = path == "/"
        || ["/intents/", "/history", "/agents", "/people", "/audit"].iter().any(|own| path.starts_with(own));
    known && path.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::is_local;

    #[test]
    fn only_pages_of_ours_are_returned_to() {
        for path in ["/", "/intents/int_0199", "/agents"] {
            assert!(is_local(path), "{path}");
        }
        for path in [
            "",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "/agents@evil",
            "/intents/..%2f",
            "/agents?x=1",
            "/sign-out",
        ] {
            assert!(!is_local(path), "{path}");
        }
    }
}
