//! The dashboard as a browser meets it, and what keeps other pages from using it.

use axum::body::Body;
use gate::{Actor, Role};
use http::header::{CONTENT_TYPE, COOKIE, HOST, ORIGIN, SET_COOKIE};
use http::{Method, Request};

use crate::world::{PASSWORD, URL, field, form, world};

const REFUND: &str = r#"{"amount":250000,"customer_id":"cus_4812"}"#;

#[tokio::test]
async fn the_first_admin_comes_in_by_the_link_which_looking_does_not_use_up() {
    let w = world().await;
    let token = w.gate.offer_link(None, &Actor::Operator).await.unwrap();
    let path = format!("/link/{token}");
    for _ in 0..3 {
        let page = w.nobody().get(&path).await;
        assert_eq!(page.status, 200);
        assert!(page.text.contains("You are the first one here"));
    }
    let request = Request::post(&path).header(HOST, "127.0.0.1:8081").header(ORIGIN, URL);
    let weak = w.send(form(request, &[("email", "ada@example.com"), ("password", "short")])).await;
    assert_eq!(weak.status, 400);
    assert!(weak.text.contains("at least 12 characters") && weak.text.contains("ada@example.com"));
    let request = Request::post(&path).header(HOST, "127.0.0.1:8081").header(ORIGIN, URL);
    let done = w.send(form(request, &[("email", "ada@example.com"), ("name", "Ada"), ("password", PASSWORD)])).await;
    assert_eq!((done.status.as_u16(), done.location()), (303, "/"), "{}", done.text);
    let cookie = done.headers[SET_COOKIE].to_str().unwrap();
    assert!(cookie.starts_with("holdshort="));
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax") && cookie.contains("Path=/"));
    let again = w.nobody().get(&path).await;
    assert_eq!(again.status, 410);
    assert!(again.text.contains("holdshort users link"));
}

#[tokio::test]
async fn one_signs_in_and_out() {
    let w = world().await;
    let mut dana = w.browser("dana@example.com", Role::Approver).await;
    let first = dana.cookie.clone();
    assert_eq!(dana.submit("/sign-out", &[]).await.location(), "/sign-in");
    assert_eq!(dana.open("/").await.location(), "/sign-in");
    assert_eq!(dana.open("/agents").await.location(), "/sign-in?next=%2Fagents");
    let wrong = dana.post("/sign-in", &[("email", "dana@example.com"), ("password", "wrong wrong wrong")]).await;
    assert_eq!(wrong.status, 400);
    assert!(wrong.text.contains("E-mail or password is wrong"));
    let next = [("email", "dana@example.com"), ("password", PASSWORD), ("next", "//evil.example")];
    let done = dana.post("/sign-in", &next).await;
    assert_eq!((done.status.as_u16(), done.location()), (303, "/"));
    dana.take_cookie(&done);
    assert_ne!(dana.cookie, first, "a sign-in has a cookie of its own");
    assert_eq!(dana.open("/").await.status, 200);
}

#[tokio::test]
async fn a_call_is_seen_and_approved_with_a_comment() {
    let w = world().await;
    let mut dana = w.browser("dana@example.com", Role::Approver).await;
    assert!(dana.open("/").await.text.contains("Nothing waits"));
    let (agent, _) = w.agent("billing", "default").await;
    let hold = w.held(&agent, "POST", "/v1/refunds", REFUND).await;
    let id = hold.intent();
    let list = dana.open("/").await.text;
    assert!(list.contains("<title>(1) Waiting · Holdshort</title>"), "{list}");
    assert!(list.contains("Refund 250000 to cus_4812") && list.contains("agent is waiting"));
    let path = format!("/intents/{id}");
    let page = dana.open(&path).await.text;
    for text in ["/v1/refunds", "cus_4812", "refunds need finance", "high risk", "submitted"] {
        assert!(page.contains(text), "{text} is missing in {page}");
    }
    let digest = field(&page, "digest").unwrap();
    drop(hold);
    let stale = dana.submit(&path, &[("deed", "approve"), ("digest", "sha-256:old"), ("text", "keep this")]).await;
    assert_eq!(stale.status, 409);
    assert!(stale.text.contains("keep this"), "what was typed is not lost");
    let blind = dana.submit(&path, &[("deed", "approve")]).await;
    assert_eq!(blind.status, 400, "nobody approves what they were not shown");
    assert_eq!(w.state(id).await, "pending");
    let done = dana.submit(&path, &[("deed", "approve"), ("digest", &digest), ("text", "checked")]).await;
    assert_eq!((done.status.as_u16(), done.location()), (303, path.as_str()), "{}", done.text);
    assert_eq!(w.state(id).await, "approved");
    let after = dana.open(&path).await.text;
    assert!(after.contains("checked") && after.contains("when the agent makes the same call again"));
    assert!(!after.contains("value=\"approve\""));
}

#[tokio::test]
async fn other_pages_cannot_decide() {
    let w = world().await;
    let dana = w.browser("dana@example.com", Role::Approver).await;
    let (agent, _) = w.agent("billing", "default").await;
    let id = w.held(&agent, "POST", "/v1/refunds", REFUND).await.intent();
    let digest = w.digest(id).await;
    let path = format!("/intents/{id}");
    let fields = [("csrf", dana.csrf.as_str()), ("deed", "approve"), ("digest", digest.as_str())];
    let post = || dana.request(Method::POST, &path);
    let own = || post().header(ORIGIN, URL).header("sec-fetch-site", "same-origin");
    let table = [
        ("no origin", form(post(), &fields)),
        ("null origin", form(post().header(ORIGIN, "null"), &fields)),
        ("other site", form(post().header(ORIGIN, "https://evil.example"), &fields)),
        ("same host, other port", form(post().header(ORIGIN, "http://127.0.0.1:8080"), &fields)),
        ("same site says the browser", form(post().header(ORIGIN, URL).header("sec-fetch-site", "same-site"), &fields)),
        ("cross site says the browser", form(post().header("sec-fetch-site", "cross-site"), &fields)),
        ("no token", form(own(), &fields[1..])),
        ("another's token", form(own(), &[("csrf", "AAAA"), fields[1], fields[2]])),
        (
            "the token in the address only",
            form(
                Request::post(format!("{path}?csrf={}", dana.csrf))
                    .header(HOST, "127.0.0.1:8081")
                    .header(COOKIE, &dana.cookie)
                    .header(ORIGIN, URL),
                &fields[1..],
            ),
        ),
    ];
    for (what, request) in table {
        assert_eq!(w.send(request).await.status, 403, "{what}");
    }
    let json = |request: http::request::Builder, kind: &str| {
        request.header(CONTENT_TYPE, kind.to_owned()).body(Body::from("{}")).unwrap()
    };
    let api = || dana.request(Method::POST, &format!("/api/intents/{id}/approve")).header(ORIGIN, URL);
    assert_eq!(w.send(json(api(), "application/json")).await.code(), "403 FOREIGN_ORIGIN");
    assert_eq!(w.send(json(api(), "text/plain")).await.code(), "403 FOREIGN_ORIGIN");
    assert_eq!(w.send(json(api().header("x-csrf-token", &dana.csrf), "text/plain")).await.status, 415);
    // No verdict by looking.
    let get = dana.request(Method::GET, &format!("/api/intents/{id}/approve")).body(Body::empty()).unwrap();
    assert_eq!(w.send(get).await.status, 405);
    assert_eq!(w.state(id).await, "pending");
    assert_eq!(w.send(json(api().header("x-csrf-token", &dana.csrf), "application/json")).await.status, 200);
}

#[tokio::test]
async fn only_our_own_names_are_answered() {
    let w = world().await;
    for (host, status) in [
        ("127.0.0.1:8081", 200),
        ("localhost:8081", 200),
        ("evil.example", 421),
        ("127.0.0.1:8080", 421),
        ("127.0.0.1", 421),
        ("", 421),
    ] {
        let request = Request::get("/sign-in").header(HOST, host).body(Body::empty()).unwrap();
        assert_eq!(w.send(request).await.status, status, "{host}");
    }
    let none = Request::get("/sign-in").body(Body::empty()).unwrap();
    assert_eq!(w.send(none).await.status, 421);
    let twice = Request::get("/sign-in").header(HOST, "127.0.0.1:8081").header(HOST, "x").body(Body::empty()).unwrap();
    assert_eq!(w.send(twice).await.status, 421);
    let health = Request::get("/livez").header(HOST, "10.0.0.7").body(Body::empty()).unwrap();
    assert_eq!(w.send(health).await.status, 200);
}

#[tokio::test]
async fn every_answer_carries_what_keeps_browsers_safe() {
    let w = world().await;
    for path in ["/sign-in", "/nowhere", "/api/nowhere", "/api/intents", "/assets/holdshort.css", "/livez"] {
        let answer = w.nobody().get(path).await;
        let header = |name: &str| answer.headers.get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
        assert!(
            header("content-security-policy").starts_with("default-src 'none'; script-src 'self'; style-src 'self'"),
            "{path}"
        );
        assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header("x-frame-options"), "DENY", "{path}");
        assert_eq!(header("cross-origin-resource-policy"), "same-origin", "{path}");
        assert_eq!(header("referrer-policy"), "same-origin", "{path}");
        assert_eq!(header("access-control-allow-origin"), "", "{path}");
        let kept = header("cache-control");
        assert_eq!(kept, if path.starts_with("/assets") { "public, max-age=60" } else { "no-store" }, "{path}");
    }
    let page = w.nobody().get("/nowhere").await;
    assert_eq!(page.status, 404);
    assert!(page.headers["content-type"].to_str().unwrap().starts_with("text/html"));
}

#[tokio::test]
async fn pages_bow_to_roles() {
    let w = world().await;
    let mut vera = w.browser("vera@example.com", Role::Viewer).await;
    let (agent, _) = w.agent("billing", "default").await;
    let id = w.held(&agent, "POST", "/v1/notes", "{}").await.intent();
    let page = vera.open(&format!("/intents/{id}")).await.text;
    assert!(page.contains("Not yours to decide") && !page.contains("value=\"approve\""));
    let digest = w.digest(id).await;
    let tried = vera.submit(&format!("/intents/{id}"), &[("deed", "approve"), ("digest", &digest)]).await;
    assert_eq!(tried.status, 403);
    assert_eq!(vera.submit(&format!("/agents/{}", agent.id), &[("deed", "pause")]).await.status, 403);
    assert_eq!(vera.submit("/people", &[("email", "x@example.com"), ("role", "admin")]).await.status, 403);
    for path in ["/", "/history", "/agents", "/people", "/audit"] {
        assert_eq!(vera.open(path).await.status, 200, "{path}");
    }
    let kofi = w.browser("kofi@example.com", Role::Approver).await;
    assert_eq!(kofi.submit(&format!("/agents/{}", agent.id), &[("deed", "pause")]).await.status, 303);
    assert_eq!(kofi.submit(&format!("/agents/{}", agent.id), &[("deed", "resume")]).await.status, 403);
    let mut ada = w.browser("ada@example.com", Role::Admin).await;
    let added = ada.submit("/agents", &[("name", "crm"), ("project", "default")]).await;
    assert!(added.text.contains("hsk_agent_") && added.text.contains("shown only now"), "{}", added.text);
    let invited = ada.submit("/people", &[("email", "new@example.com"), ("role", "viewer"), ("name", "New")]).await;
    assert!(invited.text.contains("http://127.0.0.1:8081/link/"), "{}", invited.text);
    assert!(!ada.open("/agents").await.text.contains("hsk_agent_"), "a key is shown once");
}
