//! Where a call came from: what agents say of it counts for nothing, what a trusted proxy says does.

use crate::support::{House, ROUTES, house, house_in, house_of};
use crate::upstream::Upstream;

const SPOOFED: &str = "X-Forwarded-For: 10.0.0.7\r\nX-Forwarded-Host: admin\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Uri: /admin\r\n\
    X-Forwarded-Method: GET\r\nForwarded: for=10.0.0.7;host=admin\r\nX-Real-IP: 10.0.0.7\r\nX-Original-URL: /admin\r\n\
    X-Rewrite-Path: /admin\r\nX-Envoy-Original-Path: /admin\r\nX-Middleware-Subrequest: x\r\nX-Host: admin\r\nVia: 1.1 me\r\n";

async fn behind(trusted: &str, upstream: &Upstream, routes: &str) -> House {
    let proxy = format!("proxy: {{ listen: 127.0.0.1:0, trusted_proxies: [{trusted}] }}");
    let upstreams = format!("  api:\n    url: {}\n    at: /api\n{routes}", upstream.url());
    house_in(tempfile::tempdir().unwrap(), &proxy, &upstreams, "").await
}

#[tokio::test]
async fn what_an_agent_says_of_where_it_is_reaches_nobody() {
    let upstream = Upstream::answering("ok").await;
    let house = house(&upstream).await;
    for path in ["/api/free", "/api/stream/x"] {
        assert_eq!(house.call("GET", path, SPOOFED, "").await.status, 200);
    }
    for call in upstream.calls() {
        assert_eq!(call.header("x-forwarded-for"), Some("127.0.0.1"));
        assert_eq!(call.header("x-forwarded-host"), Some("gate.test"));
        assert_eq!(call.header("x-forwarded-proto"), Some("http"));
        let head = call.head();
        assert!(!head.contains("admin") && !head.contains("10.0.0.7") && !head.contains("middleware"), "{head}");
        assert_eq!((call.header("via"), call.header("forwarded")), (None, None));
    }
}

#[tokio::test]
async fn an_upstream_is_told_in_the_words_it_wants() {
    for (wanted, expected) in [
        ("[forwarded, via]", [None, Some("for=127.0.0.1;host=\"gate.test\";proto=http"), Some("1.1 holdshort")]),
        ("via", [None, None, Some("1.1 holdshort")]),
        ("[]", [None, None, None]),
    ] {
        let upstream = Upstream::answering("ok").await;
        let keys = format!("  api:\n    url: {}\n    at: /api\n    forwarding: {wanted}\n{ROUTES}", upstream.url());
        let house = house_of(&keys, "").await;
        for path in ["/api/free", "/api/stream/x"] {
            assert_eq!(house.call("GET", path, SPOOFED, "").await.status, 200);
        }
        for call in upstream.calls() {
            let told = ["x-forwarded-for", "forwarded", "via"].map(|name| call.header(name).map(str::to_owned));
            assert_eq!(told, expected.map(|value| value.map(str::to_owned)), "{wanted}");
        }
    }
}

#[tokio::test]
async fn a_trusted_proxy_is_believed_and_only_as_far_as_trust_goes() {
    let upstream = Upstream::answering("ok").await;
    let house = behind("127.0.0.0/8, 10.0.0.0/8", &upstream, ROUTES).await;
    for (said, client) in [
        ("192.0.2.1", "192.0.2.1"),
        ("10.9.9.9, 192.0.2.1, 10.0.0.2", "192.0.2.1"),
        ("192.0.2.1, unknown", "127.0.0.1"),
    ] {
        assert_eq!(house.call("GET", "/api/free", &format!("x-forwarded-for: {said}\r\n"), "").await.status, 200);
        assert_eq!(upstream.calls().last().unwrap().header("x-forwarded-for"), Some(client), "{said}");
    }
    let other = Upstream::answering("ok").await;
    let house = behind("10.0.0.0/8", &other, ROUTES).await;
    house.call("GET", "/api/free", "x-forwarded-for: 192.0.2.1\r\n", "").await;
    assert_eq!(other.only_call().header("x-forwarded-for"), Some("127.0.0.1"));
}

#[tokio::test]
async fn routes_can_ask_where_a_call_came_from() {
    let upstream = Upstream::answering("ok").await;
    let routes = "    routes:\n      - { match: { path: /in, client: [10.0.0.0/8, fd00::/8] }, pass: true }\n";
    for (trusted, said, status) in [
        ("127.0.0.1", "x-forwarded-for: 10.1.2.3\r\n", 200),
        ("127.0.0.1", "x-forwarded-for: fd00::7\r\n", 200),
        ("127.0.0.1", "x-forwarded-for: 192.0.2.1\r\n", 403),
        ("127.0.0.1", "", 403),
        // Nobody in front is trusted: an agent cannot say that it is inside.
        ("", "x-forwarded-for: 10.1.2.3\r\n", 403),
    ] {
        let house = behind(trusted, &upstream, routes).await;
        assert_eq!(house.call("GET", "/api/in", said, "").await.status, status, "{trusted} {said}");
    }
    assert_eq!(upstream.calls().len(), 2);
}
