//! The layer in front of an axum service, spoken to without a socket.

use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Body as AxumBody;
use axum::{Extension, Router};
use serde_json::Value;
use tower::ServiceExt as _;

use super::*;
use crate::verify::tests::{BODY, claims};
use crate::{Algorithm, Claims, KeyRing, KeySet};

const NOW: i64 = 1_789_000_000;

struct Service {
    ring: KeyRing,
    app: Router,
    calls: Arc<AtomicUsize>,
}

impl Service {
    /// Answers with the intent and the body that it was handed.
    fn new(change: impl FnOnce(PermitLayer) -> PermitLayer) -> Service {
        let ring = KeyRing::ephemeral(Algorithm::Es256, NOW).unwrap();
        let verifier = Verifier::new(KeySet::from_jwks(&ring.jwks(NOW)).unwrap(), "payments");
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        let handler = move |Extension(permit): Extension<Verified>, body: Bytes| {
            counted.fetch_add(1, Ordering::SeqCst);
            async move { [permit.claims.intent_id.as_bytes(), b" ", &body].concat() }
        };
        let layer = change(PermitLayer::new(verifier).clock(|| NOW));
        Service { ring, app: Router::new().fallback(handler).layer(layer), calls }
    }

    fn permit(&self) -> String {
        self.ring.sign(&claims(NOW)).unwrap()
    }

    async fn call(&self, request: Request<AxumBody>) -> (StatusCode, http::HeaderMap, Bytes) {
        let response = self.app.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        (head.status, head.headers, body.collect().await.unwrap().to_bytes())
    }

    /// The detail of a refusal; the service behind must not have been called.
    async fn refuses(&self, request: Request<AxumBody>, status: u16) -> String {
        let before = self.calls.load(Ordering::SeqCst);
        let (answered, headers, body) = self.call(request).await;
        assert_eq!(answered, status);
        assert_eq!(headers[CONTENT_TYPE], "application/problem+json");
        assert_eq!(self.calls.load(Ordering::SeqCst), before);
        let problem: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(problem["status"], status);
        problem["detail"].as_str().unwrap().to_owned()
    }
}

fn request(permits: &[&str], body: &'static [u8]) -> Request<AxumBody> {
    let mut request = Request::post("/v1/refunds?dry=0").header("content-type", "application/json");
    for permit in permits {
        request = request.header("Holdshort-Permit", *permit);
    }
    request.body(AxumBody::from(body)).unwrap()
}

#[tokio::test]
async fn a_permitted_call_reaches_the_service_with_its_body_and_its_permit() {
    let service = Service::new(|layer| layer.check_headers());
    let (status, _, body) = service.call(request(&[&service.permit()], BODY)).await;
    assert_eq!((status, &body[..]), (StatusCode::OK, &[b"int_1 ", BODY].concat()[..]));
}

#[tokio::test]
async fn a_call_without_one_valid_permit_is_answered_401() {
    let service = Service::new(|layer| layer);
    let permit = service.permit();
    assert_eq!(
        service.refuses(request(&[], BODY), 401).await,
        "Not executed: no permit: calls to this service go through the gate"
    );
    assert_eq!(service.refuses(request(&[&permit, &permit], BODY), 401).await, "Not executed: more than one permit");
    service.refuses(request(&[&format!("{permit}, {permit}")], BODY), 401).await;
    service.refuses(request(&["\u{e9}"], BODY), 401).await;
    let changed = service.refuses(request(&[&permit], b"{\"amount\":1}"), 401).await;
    assert_eq!(changed, "Not executed: the permit is for another request: content_digest differs");
    let mut elsewhere = request(&[&permit], BODY);
    *elsewhere.uri_mut() = "/v1/refunds?dry=1".parse().unwrap();
    assert!(service.refuses(elsewhere, 401).await.contains("target differs"));

    assert_eq!(service.call(request(&[&permit], BODY)).await.0, StatusCode::OK);
    assert_eq!(service.refuses(request(&[&permit], BODY), 401).await, "Not executed: the permit was used before");
    let (_, headers, _) = service.call(request(&[], BODY)).await;
    assert_eq!(headers[WWW_AUTHENTICATE], "Holdshort-Permit");
}

#[tokio::test]
async fn a_body_is_read_up_to_the_limit_and_only_with_a_good_permit() {
    let service = Service::new(|layer| layer.body_limit(BODY.len() - 1));
    let detail = service.refuses(request(&[&service.permit()], BODY), 413).await;
    assert_eq!(detail, "Not executed: the body is larger than this service reads");
    // Without a permit the size is not even found out.
    service.refuses(request(&[], BODY), 401).await;
    service.refuses(request(&["forged"], BODY), 401).await;
    let exact = Service::new(|layer| layer.body_limit(BODY.len()));
    assert_eq!(exact.call(request(&[&exact.permit()], BODY)).await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_answered_400() {
    let service = Service::new(|layer| layer);
    let chunks = [Ok(Bytes::from_static(b"{")), Err(std::io::Error::other("reset"))];
    let mut broken = request(&[&service.permit()], b"");
    *broken.body_mut() = AxumBody::from_stream(futures::stream::iter(chunks));
    service.refuses(broken, 400).await;
}

#[tokio::test]
async fn the_header_has_the_name_the_gate_gives_it() {
    let service = Service::new(|layer| layer.header(HeaderName::from_static("x-permit")));
    let permit = service.permit();
    service.refuses(request(&[&permit], BODY), 401).await;
    let mut named = request(&[], BODY);
    named.headers_mut().insert("x-permit", permit.parse().unwrap());
    assert_eq!(service.call(named).await.0, StatusCode::OK);
}

#[tokio::test]
async fn changed_headers_are_refused_when_they_are_checked() {
    let change = |mut request: Request<AxumBody>| {
        request.headers_mut().insert("content-type", HeaderValue::from_static("text/plain"));
        request
    };
    let checking = Service::new(|layer| layer.check_headers());
    let detail = checking.refuses(change(request(&[&checking.permit()], BODY)), 401).await;
    assert!(detail.contains("headers_digest differs"), "{detail}");
    let lenient = Service::new(|layer| layer);
    assert_eq!(lenient.call(change(request(&[&lenient.permit()], BODY))).await.0, StatusCode::OK);
}

#[tokio::test]
async fn settings_made_after_a_clone_count() {
    let service = Service::new(|layer| {
        let _kept = layer.clone();
        layer.body_limit(1)
    });
    service.refuses(request(&[&service.permit()], BODY), 413).await;
}

#[tokio::test]
async fn a_permit_that_dies_while_the_body_arrives_is_refused() {
    let reads = AtomicUsize::new(0);
    let service = Service::new(|layer| {
        layer.clock(move || if reads.fetch_add(1, Ordering::SeqCst) == 0 { NOW } else { NOW + 120 })
    });
    assert_eq!(service.refuses(request(&[&service.permit()], BODY), 401).await, "Not executed: the permit has expired");
}

#[tokio::test]
async fn a_full_memory_asks_to_come_again() {
    let ring = KeyRing::ephemeral(Algorithm::Es256, NOW).unwrap();
    let keys = KeySet::from_jwks(&ring.jwks(NOW)).unwrap();
    let layer = PermitLayer::new(Verifier::new(keys, "payments").remember(0)).clock(|| NOW);
    let app = Router::new().fallback(|| async { "reached" }).layer(layer);
    let permit = ring.sign(&Claims { jti: "x".to_owned(), ..claims(NOW) }).unwrap();
    let response = app.oneshot(request(&[&permit], BODY)).await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()[RETRY_AFTER], "10");
}
