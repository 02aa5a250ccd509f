//! Waiting for news: the long poll and the live stream.

use std::time::Duration;

use axum::body::Body;
use gate::{IntentId, Role, Verdict, VerdictWith};
use http::Request;
use http::header::{AUTHORIZATION, HOST};
use http_body_util::BodyExt;
use tower::ServiceExt;

use crate::world::{World, world};

/// What a listener gets until it has heard of the intent that `deed` makes.
async fn hears(w: &World, key: &str, deed: impl AsyncFnOnce() -> IntentId) -> String {
    let request = Request::get("/api/events")
        .header(HOST, "127.0.0.1:8081")
        .header(AUTHORIZATION, format!("Bearer {key}"))
        .body(Body::empty())
        .unwrap();
    let response = w.router().oneshot(request).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut body = response.into_body();
    let mut heard = String::new();
    // The first frame says that it listens.
    let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
    heard.push_str(std::str::from_utf8(&first).unwrap());
    let wanted = deed().await.to_string();
    while !heard.contains(&wanted) {
        let frame = tokio::time::timeout(Duration::from_secs(20), body.frame()).await;
        let Ok(Some(Ok(frame))) = frame else { panic!("{wanted} did not come: {heard}") };
        heard.push_str(std::str::from_utf8(&frame.into_data().unwrap()).unwrap());
    }
    heard
}

#[tokio::test]
async fn the_stream_tells_people_of_all_and_agents_of_their_own() {
    let w = world().await;
    let (_, vera) = w.person("vera@example.com", Role::Viewer).await;
    let (billing, key) = w.agent("billing", "default").await;
    let (second, _) = w.agent("second", "default").await;
    let heard = hears(&w, &vera, async || w.held(&billing, "POST", "/v1/notes", "{}").await.intent()).await;
    assert!(heard.contains("event: intent") && heard.contains("\"status\":\"pending\""));
    let mut others = String::new();
    let heard = hears(&w, key.expose(), async || {
        others = w.held(&second, "POST", "/v1/notes", "{\"a\":1}").await.intent().to_string();
        w.held(&billing, "POST", "/v1/notes", "{\"b\":1}").await.intent()
    })
    .await;
    assert!(!heard.contains(&others), "an agent hears of its own only");
}

#[tokio::test]
async fn a_long_poll_returns_with_the_verdict() {
    let w = world().await;
    let (dana, token) = w.person("dana@example.com", Role::Approver).await;
    let (billing, key) = w.agent("billing", "default").await;
    let id = w.held(&billing, "POST", "/v1/notes", "{}").await.intent();
    let path = format!("/api/intents/{id}?wait=30");
    let caller = w.with(key.expose());
    let waiting = caller.get(&path);
    let deciding = async {
        // The poll has read the state when it listens; whether it was before or after, it hears.
        tokio::task::yield_now().await;
        let with = VerdictWith { text: Some("no".into()), ..VerdictWith::default() };
        w.gate.decide(id, &dana, Verdict::Deny, with).await.unwrap()
    };
    let started = std::time::Instant::now();
    let (answer, _) = tokio::join!(waiting, deciding);
    assert_eq!(answer.json()["status"], "denied");
    assert_eq!(answer.json()["resolved"]["why"], "no");
    assert!(started.elapsed() < Duration::from_secs(20));
    assert_eq!(w.with(&token).get(&path).await.json()["status"], "denied");
}
