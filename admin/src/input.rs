//! Reading what a request brings, strictly: JSON bodies, queries, ids in paths, and forms of our pages.

use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use gate::Person;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use serde::de::DeserializeOwned;

use crate::app::App;
use crate::caller::{SignIn, may_decide};
use crate::error::{ApiError, Code};
use crate::guard;
use crate::pages::PageError;

/// A JSON body. Unknown fields are refused (by the types); an empty body is `{}`.
#[derive(Debug)]
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<App> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Body<T>, ApiError> {
        let json = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).is_some_and(is_json);
        let bytes = read(request, app).await?;
        if !json && !bytes.is_empty() {
            return Err(ApiError::new(
                Code::UnsupportedMediaType,
                "Send the body as `Content-Type: application/json`.",
            ));
        }
        let text: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
        serde_json::from_slice(text).map(Body).map_err(|error| {
            let text = error.to_string();
            // Serde has no other way to say which field it missed.
            if text.starts_with("missing field") {
                let words = text.split(" at line").next().unwrap_or(&text);
                ApiError::new(Code::MissingFields, format!("The body has a {words}."))
            } else {
                ApiError::invalid(format!("The body cannot be read: {text}."))
            }
        })
    }
}

fn is_json(value: &str) -> bool {
    value.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

async fn read(request: Request, app: &App) -> Result<Bytes, ApiError> {
    Bytes::from_request(request, app).await.map_err(|_| {
        ApiError::new(
            Code::BodyTooLarge,
            format!("The body did not arrive whole, or is larger than {} bytes.", guard::BODY_LIMIT),
        )
    })
}

/// A query string. Unknown keys are refused (by the types).
#[derive(Debug)]
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequestParts<App> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Query<T>, ApiError> {
        axum::extract::Query::from_request_parts(parts, app)
            .await
            .map(|axum::extract::Query(value)| Query(value))
            .map_err(|rejection| ApiError::invalid(format!("The query cannot be read: {}.", rejection.body_text())))
    }
}

/// The id in a path. What is no id names nothing.
#[derive(Debug)]
pub(crate) struct Id<T>(pub(crate) T);

impl<T: FromStr> FromRequestParts<App> for Id<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Id<T>, ApiError> {
        let axum::extract::Path(text) = axum::extract::Path::<String>::from_request_parts(parts, app)
            .await
            .map_err(|_| ApiError::not_found("page"))?;
        text.parse().map(Id).map_err(|_| ApiError::not_found("thing"))
    }
}

/// The address a connection comes from, as the listener noted it (see [`crate::serve`]).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source(pub(crate) Option<IpAddr>);

impl FromRequestParts<App> for Source {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Source, Self::Rejection> {
        Ok(parts.extensions.get::<Source>().copied().unwrap_or(Source(None)))
    }
}

/// What a page's form needs of its sender.
pub(crate) trait Needs: Send + Sync + 'static {
    fn check(person: &Person) -> Result<(), ApiError>;
}

#[derive(Debug)]
pub(crate) enum Anybody {}
#[derive(Debug)]
pub(crate) enum ApproverRole {}
#[derive(Debug)]
pub(crate) enum AdminRole {}

impl Needs for Anybody {
    fn check(_: &Person) -> Result<(), ApiError> {
        Ok(())
    }
}

impl Needs for ApproverRole {
    fn check(person: &Person) -> Result<(), ApiError> {
        if may_decide(person) { Ok(()) } else { Err(ApiError::not_an_approver()) }
    }
}

impl Needs for AdminRole {
    fn check(person: &Person) -> Result<(), ApiError> {
        if person.role == gate::Role::Admin { Ok(()) } else { Err(ApiError::admins_only()) }
    }
}

/// A form that was sent from a page of ours by somebody signed in: session, origin, CSRF token and role
/// are checked before the form is looked at.
pub(crate) struct Posted<T, N> {
    pub(crate) sign_in: SignIn,
    pub(crate) form: T,
    _needs: std::marker::PhantomData<fn() -> N>,
}

impl<T, N> Posted<T, N> {
    pub(crate) fn person(&self) -> &Arc<Person> {
        &self.sign_in.person
    }
}

impl<T: DeserializeOwned, N: Needs> FromRequest<App> for Posted<T, N> {
    type Rejection = PageError;

    async fn from_request(request: Request, app: &App) -> Result<Posted<T, N>, PageError> {
        let (parts, body) = request.into_parts();
        if !guard::is_from_own_page(app, &parts) {
            return Err(ApiError::foreign_origin().into());
        }
        let sign_in = SignIn::of(&parts, app).await?.ok_or_else(ApiError::unauthorized)?;
        let bytes = read(Request::from_parts(parts, body), app).await?;
        let mut csrf = None;
        let mut rest = form_urlencoded::Serializer::new(String::new());
        for (name, value) in form_urlencoded::parse(&bytes) {
            if name == "csrf" && csrf.is_none() {
                csrf = Some(value.into_owned());
            } else {
                rest.append_pair(&name, &value);
            }
        }
        if !csrf.is_some_and(|token| sign_in.is_token(&token)) {
            return Err(ApiError::foreign_origin().into());
        }
        N::check(&sign_in.person)?;
        let form = read_form(rest.finish().as_bytes())?;
        Ok(Posted { sign_in, form, _needs: std::marker::PhantomData })
    }
}

/// A form that comes before there is a session: sign-in and the one-time link.
#[derive(Debug)]
pub(crate) struct Knock<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<App> for Knock<T> {
    type Rejection = PageError;

    async fn from_request(request: Request, app: &App) -> Result<Knock<T>, PageError> {
        let (parts, body) = request.into_parts();
        if !guard::is_from_own_page(app, &parts) {
            return Err(ApiError::foreign_origin().into());
        }
        let bytes = read(Request::from_parts(parts, body), app).await?;
        Ok(Knock(read_form(&bytes)?))
    }
}

fn read_form<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    serde_urlencoded::from_bytes(bytes).map_err(|error| ApiError::invalid(format!("The form cannot be read: {error}.")))
}
