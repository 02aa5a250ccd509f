//! A tower layer for a Rust service: requests without a valid permit are answered 401.
//!
//! ```
//! use axum::{Extension, Router, routing::post};
//! use holdshort_permit::{KeySet, PermitLayer, Verified, Verifier};
//!
//! # fn app(jwks: &str) -> Result<Router, Box<dyn std::error::Error>> {
//! let verifier = Verifier::new(jwks.parse::<KeySet>()?, "payments");
//! let app: Router = Router::new()
//!     .route("/v1/refunds", post(|Extension(permit): Extension<Verified>| async move { permit.claims.intent_id }))
//!     .layer(PermitLayer::new(verifier));
//! # Ok(app)
//! # }
//! # let ring = holdshort_permit::KeyRing::ephemeral(holdshort_permit::Algorithm::Es256, 0).unwrap();
//! # app(&ring.jwks(0).to_string()).unwrap();
//! ```
//!
//! Put it around the outermost router: a nested one sees a shortened path, which is not the signed one.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use tower::{Layer, Service};

use crate::{Refused, Verified, Verifier};

type Clock = dyn Fn() -> i64 + Send + Sync;

/// Puts a [`Verifier`] in front of a service. The body is read whole, verified, and handed on as it was;
/// [`Verified`] is in the request's extensions. Works for services whose body can be made of bytes:
/// `axum::body::Body`, `http_body_util::Full<Bytes>`. What hyper received becomes such a one by
/// `request.map(axum::body::Body::new)` before it comes here.
#[derive(Clone)]
pub struct PermitLayer {
    settings: Arc<Settings>,
}

#[derive(Clone)]
struct Settings {
    verifier: Arc<Verifier>,
    header: HeaderName,
    limit: usize,
    headers: bool,
    clock: Arc<Clock>,
}

impl PermitLayer {
    /// Permits in `Holdshort-Permit`, bodies up to 1 MiB.
    #[must_use]
    pub fn new(verifier: Verifier) -> PermitLayer {
        let settings = Settings {
            verifier: Arc::new(verifier),
            header: HeaderName::from_static("holdshort-permit"),
            limit: 1024 * 1024,
            headers: false,
            clock: Arc::new(system_time),
        };
        PermitLayer { settings: Arc::new(settings) }
    }

    /// The header that carries the permit (`permit.header` of the gate).
    #[must_use]
    pub fn header(self, name: HeaderName) -> PermitLayer {
        self.with(|settings| settings.header = name)
    }

    /// The largest body, in bytes (`limits.body` of the gate); a larger one is answered 413.
    #[must_use]
    pub fn body_limit(self, bytes: usize) -> PermitLayer {
        self.with(|settings| settings.limit = bytes)
    }

    /// Also requires that the headers which the approver was shown arrive as they were approved. Off by
    /// default: it holds only where nothing between gate and service rewrites headers.
    #[must_use]
    pub fn check_headers(self) -> PermitLayer {
        self.with(|settings| settings.headers = true)
    }

    /// Another clock, in Unix seconds.
    #[must_use]
    pub fn clock(self, clock: impl Fn() -> i64 + Send + Sync + 'static) -> PermitLayer {
        self.with(|settings| settings.clock = Arc::new(clock))
    }

    fn with(mut self, change: impl FnOnce(&mut Settings)) -> PermitLayer {
        change(Arc::make_mut(&mut self.settings));
        self
    }
}

impl fmt::Debug for PermitLayer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("PermitLayer").field("verifier", &self.settings.verifier).finish_non_exhaustive()
    }
}

impl<S> Layer<S> for PermitLayer {
    type Service = PermitService<S>;

    fn layer(&self, inner: S) -> PermitService<S> {
        PermitService { layer: self.clone(), inner }
    }
}

/// What [`PermitLayer`] makes of a service.
#[derive(Debug, Clone)]
pub struct PermitService<S> {
    layer: PermitLayer,
    inner: S,
}

impl<S, B, R> Service<Request<B>> for PermitService<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    B: Body + From<Bytes> + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    R: From<Bytes>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<R>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // The one that was polled ready is called; its clone waits for the next request.
        let next = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, next);
        let settings = Arc::clone(&self.layer.settings);
        Box::pin(async move {
            match settings.admit(request).await {
                Ok(request) => inner.call(request).await,
                Err(rejected) => Ok(rejected.into_response()),
            }
        })
    }
}

impl Settings {
    async fn admit<B>(&self, request: Request<B>) -> Result<Request<B>, Rejected>
    where
        B: Body + From<Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (mut head, body) = request.into_parts();
        // Everything the head can tell comes first: a stranger's body is not even read.
        let claims = {
            let mut permits = head.headers.get_all(&self.header).iter();
            let permit = permits.next().ok_or(Refused::Missing)?;
            if permits.next().is_some() {
                return Err(Refused::Repeated.into());
            }
            let permit = permit.to_str().map_err(|_| Refused::Malformed("not a token".to_owned()))?;
            let target = head.uri.path_and_query().map_or("", |target| target.as_str());
            let verifier = &self.verifier;
            verifier.verify_head_refreshing(permit, head.method.as_str(), target, (self.clock)()).await?
        };
        if self.headers {
            let received = head.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
            Verified { claims: claims.clone() }.check_headers(received)?;
        }
        let body = Limited::new(body, self.limit).collect().await.map_err(Rejected::reading)?.to_bytes();
        let verified = self.verifier.verify_body(claims, &body, (self.clock)())?;
        head.extensions.insert(verified);
        Ok(Request::from_parts(head, B::from(body)))
    }
}

/// Why the service was not called.
#[derive(Debug)]
enum Rejected {
    Permit(Refused),
    TooLarge,
    Unreadable,
}

impl Rejected {
    fn reading(error: Box<dyn std::error::Error + Send + Sync>) -> Rejected {
        if error.is::<LengthLimitError>() { Rejected::TooLarge } else { Rejected::Unreadable }
    }

    fn into_response<R: From<Bytes>>(self) -> Response<R> {
        let (status, detail) = match &self {
            Rejected::Permit(refused @ Refused::Full) => (StatusCode::SERVICE_UNAVAILABLE, refused.to_string()),
            Rejected::Permit(refused) => (StatusCode::UNAUTHORIZED, refused.to_string()),
            Rejected::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "the body is larger than this service reads".into()),
            Rejected::Unreadable => (StatusCode::BAD_REQUEST, "the body could not be read to its end".into()),
        };
        let problem = serde_json::json!({
            "type": "about:blank",
            "title": status.canonical_reason(),
            "status": status.as_u16(),
            "detail": format!("Not executed: {detail}"),
        });
        let mut response = Response::new(R::from(Bytes::from(problem.to_string())));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Holdshort-Permit"));
        } else if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("10"));
        }
        response
    }
}

impl From<Refused> for Rejected {
    fn from(refused: Refused) -> Rejected {
        Rejected::Permit(refused)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a service downstream has no clock of the gate; `clock` replaces this one"
)]
fn system_time() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    // Before 1970 every permit is minted in the future.
    since.map_or(i64::MIN, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests;
