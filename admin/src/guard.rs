//! What stands in front of every route: our own host names, sizes, and the headers that keep a browser
//! from doing anything but show a page.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, HOST};
use http::{HeaderName, HeaderValue, Method, request::Parts};

use crate::app::App;
use crate::error::{ApiError, Code};

/// Largest body of a request to this side. The largest is a list of ids to decide, or a comment.
pub(crate) const BODY_LIMIT: usize = 256 * 1024;

const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                   form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// Refuses a `Host` that is not ours, so that a foreign name that was pointed at this address (DNS
/// rebinding) gets nothing. Health and public keys are for machines that use names of their own.
pub(crate) async fn check_host(State(app): State<App>, request: Request, next: Next) -> Response {
    let open = matches!(request.uri().path(), "/livez" | "/readyz" | "/.well-known/jwks.json");
    let (parts, body) = request.into_parts();
    if !open && !host(&parts).is_some_and(|host| app.is_own_host(host)) {
        return ApiError::new(
            Code::WrongHost,
            format!(
                "This address is not served under that name. Use {}, or set `admin.url` to the name you want.",
                app.url()
            ),
        )
        .into_response();
    }
    next.run(Request::from_parts(parts, body)).await
}

/// The host a request was sent to: the authority of its target (HTTP/2), else its only `Host`.
pub(crate) fn host(parts: &Parts) -> Option<&str> {
    if let Some(authority) = parts.uri.authority() {
        return Some(authority.as_str());
    }
    let mut hosts = parts.headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().ok(),
        _ => None,
    }
}

/// Whether a request that carries a cookie's authority, and changes something, came from our own page.
/// `Sec-Fetch-Site` cannot be forged by a page; where a browser does not send it, `Origin` must be ours.
pub(crate) fn is_from_own_page(app: &App, parts: &Parts) -> bool {
    let text = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let origin = text("origin");
    let ours = origin.is_some_and(|origin| app.is_own_origin(origin, host(parts)));
    match text("sec-fetch-site") {
        Some("same-origin") => origin.is_none() || ours,
        Some(_) => false,
        None => ours,
    }
}

/// Methods that change nothing here.
pub(crate) fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Sets the headers of every answer. What a handler has set stays.
pub(crate) async fn set_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let mut or = |name: HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    or(CACHE_CONTROL, "no-store");
    or(HeaderName::from_static("content-security-policy"), CSP);
    or(HeaderName::from_static("x-content-type-options"), "nosniff");
    // Not `no-referrer`: with it browsers send `Origin: null` with our own forms.
    or(HeaderName::from_static("referrer-policy"), "same-origin");
    or(HeaderName::from_static("x-frame-options"), "DENY");
    or(HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    or(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    or(HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=(), payment=()");
    response
}
