//! Who may call, and where the key may stand.

use base64::Engine as _;
use serde_json::json;

use crate::harness::{holdshort, run_holdshort, upstream};

const READ: &str = "action: read, match: GET /**, risk_tier: low";
const READS: &str = "name: reads, action: read, decision: auto_approve";

#[tokio::test]
async fn a_call_without_a_key_or_with_a_wrong_one_is_401() {
    let service = upstream().run().await;
    let gate = holdshort().before(&service).route(READ).policy(READS).run().await;
    let agent = gate.agent("x").await;
    let mut wrong = agent.key.clone();
    let last = if wrong.ends_with('A') { 'B' } else { 'A' };
    wrong.pop();
    wrong.push(last);
    for key in [None, Some(""), Some("hsk_agent_short"), Some(wrong.as_str())] {
        let mut request = agent.anonymous("GET", "/up/a");
        if let Some(key) = key {
            request = request.header("holdshort-key", key);
        }
        let answer = request.send().await;
        assert_eq!((answer.status, answer.code().as_str()), (401, "UNAUTHORIZED"), "{key:?}");
        assert!(!answer.header("www-authenticate").unwrap_or_default().contains("resource_metadata"));
    }
    assert!(service.calls().is_empty());
}

#[tokio::test]
async fn the_key_is_taken_where_a_client_can_put_it_and_never_forwarded() {
    let service = upstream().run().await;
    let gate = holdshort().before(&service).route(READ).policy(READS).run().await;
    let agent = gate.agent("x").await;
    let basic = |user: &str, password: &str| {
        format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}")))
    };
    let places = [
        ("holdshort-key", agent.key.clone()),
        ("authorization", format!("Bearer {}", agent.key)),
        ("authorization", format!("token {}", agent.key)),
        ("authorization", basic(&agent.key, "")),
        ("authorization", basic("user", &agent.key)),
        ("x-api-key", agent.key.clone()),
        ("proxy-authorization", format!("Bearer {}", agent.key)),
    ];
    for (place, value) in &places {
        let answer = agent.anonymous("GET", "/up/a").header(place, value).send().await;
        assert_eq!(answer.status, 200, "{place}: {}", answer.text);
    }
    let by_path = agent.anonymous("GET", &format!("/k/{}/up/a", agent.key)).send().await;
    assert_eq!(by_path.status, 200, "{}", by_path.text);
    let calls = service.calls();
    assert_eq!(calls.len(), places.len() + 1);
    for call in calls {
        assert_eq!(call.target, "/a");
        assert!(!format!("{call:?}").contains(&agent.key), "{call:?}");
    }
    assert!(!gate.log().contains(&agent.key), "no key in the log");
}

#[tokio::test]
async fn the_apis_own_authorization_is_left_alone() {
    let service = upstream().run().await;
    let gate = holdshort().before(&service).route(READ).policy(READS).run().await;
    let answer = gate.agent("x").await.get("/a").header("authorization", "Bearer theirs").send().await;
    assert_eq!(answer.status, 200);
    assert_eq!(service.only_call().header("authorization"), Some("Bearer theirs"));
}

#[tokio::test]
async fn an_agent_of_another_project_does_not_find_the_upstream() {
    let service = upstream().run().await;
    let gate = holdshort().before(&service).route(READ).policy(READS).run().await;
    let made = run_holdshort(gate.folder.path(), &["projects", "add", "other", "--json"]).await;
    assert!(made.status.success(), "{made:?}");
    let added = run_holdshort(gate.folder.path(), &["agents", "add", "stranger", "--project", "other", "--json"]).await;
    let added: serde_json::Value = serde_json::from_slice(&added.stdout).unwrap();
    let agent = gate.agent("x").await;
    let answer = agent.anonymous("GET", "/up/a").header("holdshort-key", added["key"].as_str().unwrap()).send().await;
    assert_eq!((answer.status, answer.code().as_str()), (403, "NO_ROUTE"));
    assert!(service.calls().is_empty());
}

#[tokio::test]
async fn an_agent_can_never_approve_not_even_its_own_call() {
    let service = upstream().run().await;
    let gate = holdshort().before(&service).route("action: act, match: POST /act").run().await;
    let agent = gate.agent("x").await;
    let call = agent.post("/act", &json!({})).start();
    let waiting = gate.dana().next_pending().await;
    let as_agent = crate::harness::Person::new(&agent.key, &gate.admin());
    let (status, answer) = as_agent.post(&format!("/api/intents/{}/approve", waiting.id()), &json!({})).await;
    assert_eq!(status, 403, "{answer}");
    let viewer = gate.person("eve@example.com", "viewer", &[]).await;
    let (status, answer) = viewer.post(&format!("/api/intents/{}/approve", waiting.id()), &json!({})).await;
    assert_eq!((status, answer["error"]["code"].as_str()), (403, Some("NOT_AN_APPROVER")));
    assert!(call.is_waiting());
    assert!(service.calls().is_empty());
}

#[tokio::test]
async fn only_the_named_team_counts() {
    let service = upstream().run().await;
    let gate = holdshort()
        .before(&service)
        .with("teams: { finance: [kofi@example.com] }")
        .route("action: act, match: POST /act")
        .policy("name: finance, action: act, decision: require_approval, approvals: { from: [finance] }")
        .run()
        .await;
    let kofi = gate.person("kofi@example.com", "approver", &[]).await;
    let call = gate.agent("x").await.post("/act", &json!({})).start();
    let waiting = gate.dana().next_pending().await;
    let (status, answer) = waiting.try_approve(json!({})).await;
    assert_eq!((status, answer["error"]["code"].as_str()), (403, Some("NOT_AN_APPROVER")), "admins do not count here");
    assert!(service.calls().is_empty());
    kofi.next_pending().await.approve().await;
    assert_eq!(call.answer().await.status, 200);
}
