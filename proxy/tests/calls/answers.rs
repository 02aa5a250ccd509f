//! What callers are told before anything is sent.

use gate::{Actor, AgentStatus};

use crate::support::{house, house_of};
use crate::upstream::Upstream;

#[tokio::test]
async fn without_a_key_nothing_is_told_but_that() {
    let upstream = Upstream::answering("ok").await;
    let house = house(&upstream).await;
    for request in [
        "POST /api/free HTTP/1.1\r\nhost: gate\r\n\r\n".to_owned(),
        "GET /nowhere HTTP/1.1\r\nhost: gate\r\n\r\n".to_owned(),
        "GET /api/free HTTP/1.1\r\nhost: gate\r\nholdshort-key: hsk_agent_nonsense\r\n\r\n".to_owned(),
        "GET /api/free HTTP/1.1\r\nhost: gate\r\nauthorization: Bearer something\r\n\r\n".to_owned(),
    ] {
        let answer = house.client().await.request(&request).await;
        assert_eq!((answer.status, answer.code().as_str()), (401, "UNAUTHORIZED"), "{request}");
        assert_eq!(answer.header("www-authenticate"), None);
        assert_eq!(answer.reason, "Not executed: no valid agent key");
        assert!(answer.header("holdshort-request").unwrap().starts_with("req_"));
    }
    assert!(upstream.calls().is_empty());
}

#[tokio::test]
async fn what_has_no_route_or_no_mount_looks_the_same() {
    let upstream = Upstream::answering("ok").await;
    let house = house(&upstream).await;
    for (path, body) in [("/api/else", ""), ("/api/else", "a body"), ("/nowhere", "a body"), ("/", "")] {
        let answer = house.call("POST", path, "", body).await;
        assert_eq!((answer.status, answer.code().as_str()), (403, "NO_ROUTE"), "{path}");
        assert_eq!(answer.header("x-should-retry"), Some("false"));
        assert_eq!(answer.header("retry-after"), None);
    }
    assert!(upstream.calls().is_empty());
}

#[tokio::test]
async fn a_key_reaches_only_the_upstreams_of_its_project() {
    let upstream = Upstream::answering("ok").await;
    let upstreams =
        format!("  api:\n    url: {}\n    at: /api\n    projects: [other]\n{}", upstream.url(), crate::support::ROUTES);
    let house = house_of(&upstreams, "projects: [other]").await;
    for path in ["/api/free", "/api/stream/x"] {
        let answer = house.call("GET", path, "", "").await;
        assert_eq!((answer.status, answer.code().as_str()), (403, "NO_ROUTE"));
    }
    assert!(upstream.calls().is_empty());
}

#[tokio::test]
async fn paused_and_revoked_agents_are_told_so() {
    let upstream = Upstream::answering("ok").await;
    let house = house(&upstream).await;
    for (status, code) in [(AgentStatus::Paused, "AGENT_PAUSED"), (AgentStatus::Revoked, "AGENT_REVOKED")] {
        house.gate.set_agent_status(house.agent, status, None, &Actor::Operator).await.unwrap();
        for path in ["/api/free", "/api/stream/x"] {
            let answer = house.call("GET", path, "", "").await;
            assert_eq!((answer.status, answer.code().as_str()), (403, code), "{path}");
        }
    }
    assert!(upstream.calls().is_empty());
}

#[tokio::test]
async fn a_policy_that_denies_says_its_message() {
    let upstream = Upstream::answering("ok").await;
    let house = house(&upstream).await;
    let answer = house.call("POST", "/api/no", "", "").await;
    assert_eq!((answer.status, answer.code().as_str()), (403, "BLOCKED_BY_POLICY"));
    assert_eq!(answer.json()["detail"], "Not executed: nothing is dropped here.");
    assert!(upstream.calls().is_empty());
}

#[tokio::test]
async fn what_can_be_read_in_two_ways_is_refused() {
    let upstream = Upstream::answering("ok").await;
    let house = house(&upstream).await;
    let key = house.key.expose();
    for (what, request) in [
        ("a fragment", format!("GET /api/free#x HTTP/1.1\r\nhost: gate\r\nholdshort-key: {key}\r\n\r\n")),
        (
            "length and chunks",
            format!(
                "POST /api/free HTTP/1.1\r\nhost: gate\r\nholdshort-key: {key}\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"
            ),
        ),
        ("dot segments", house.ask("GET", "/api/../api/free", "", "")),
        ("no host", format!("GET /api/free HTTP/1.1\r\nholdshort-key: {key}\r\n\r\n")),
    ] {
        let answer = house.client().await.request(&request).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "BAD_REQUEST"), "{what}");
    }
    assert!(upstream.calls().is_empty());
}

#[tokio::test]
async fn two_different_keys_are_refused() {
    let upstream = Upstream::answering("ok").await;
    let house = house(&upstream).await;
    let other = gate::KeySecret::generate(gate::KeyKind::Agent).unwrap();
    let answer = house.call("GET", "/api/free", &format!("x-api-key: {}\r\n", other.expose()), "").await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "BAD_REQUEST"));
    assert!(upstream.calls().is_empty());
}

#[tokio::test]
async fn what_is_refused_without_an_intent_is_found_by_its_id() {
    let upstream = Upstream::answering("ok").await;
    let house = house(&upstream).await;
    let key = house.key.expose();
    let answer = house.call("POST", "/api/else?token=secret", "", "a body").await;
    let id = answer.header("holdshort-request").unwrap();
    let (_, refused) = house.gate.refusals(Some(id), None, 10).pop().unwrap();
    let what = (refused.agent.as_deref(), refused.upstream.as_deref(), refused.method.as_deref(), refused.code);
    assert_eq!(what, (Some("billing"), Some("api"), Some("POST"), "NO_ROUTE"));
    assert_eq!(refused.message, answer.json()["detail"]);
    house.client().await.request(format!("GET /k/{key}x/api/free HTTP/1.1\r\nhost: gate\r\n\r\n")).await;
    house.call("POST", "/api/no", "", "").await;
    house.call("GET", "/api/free", "", "").await;
    let all = house.gate.refusals(None, None, 10);
    let codes: Vec<_> = all.iter().map(|(_, refused)| refused.code).collect();
    assert_eq!(codes, ["UNAUTHORIZED", "NO_ROUTE"], "newest first; with an intent it is found there");
    let text = format!("{all:?}");
    assert!(!text.contains(key) && !text.contains("secret"), "{text}");
    assert_eq!(house.gate.refusals(None, Some(all[0].0), 10).len(), 1, "read on from there");
}

#[tokio::test]
async fn a_head_request_is_answered_without_a_body() {
    let upstream = Upstream::answering("ok").await;
    let house = house(&upstream).await;
    let mut client = house.client().await;
    client.send(house.ask("HEAD", "/api/else", "", "")).await;
    let answer = client.answer_to("HEAD").await;
    assert_eq!(answer.status, 403);
    assert_ne!(answer.header("content-length"), Some("0"));
    // The connection goes on, so there was no body after the head.
    let answer = client.request(house.ask("GET", "/api/else", "", "")).await;
    assert_eq!(answer.code(), "NO_ROUTE");
}
