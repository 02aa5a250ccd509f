//! What auditors get: evidence, checkpoints, the log as a file.

use gate::Role;
use gate::audit::checkpoint::{Checkpoint, VerifierKey};
use gate::audit::evidence::Evidence;
use serde_json::{Value, json};

use crate::world::world;

#[tokio::test]
async fn evidence_says_how_each_approver_was_signed_in_and_verifies_with_the_published_key() {
    let w = world().await;
    let (_, vera) = w.person("vera@example.com", Role::Viewer).await;
    let (_, dana) = w.person("dana@example.com", Role::Approver).await;
    let mut browser = w.browser("kofi@example.com", Role::Admin).await;
    let (agent, _) = w.agent("billing", "default").await;
    let by_token = w.held(&agent, "POST", "/v1/refunds", r#"{"amount":1,"customer_id":"cus_1"}"#).await.intent();
    let by_browser = w.held(&agent, "POST", "/v1/notes", r#"{"text":"x"}"#).await.intent();
    let done = w.with(&dana).post(&format!("/api/intents/{by_token}/approve"), json!({"comment": "checked"})).await;
    assert_eq!(done.status, 200, "{}", done.text);
    browser.open(&format!("/intents/{by_browser}")).await;
    let digest = w.digest(by_browser).await;
    let done = browser
        .submit(&format!("/intents/{by_browser}"), &[("deed", "deny"), ("text", "no"), ("digest", &digest)])
        .await;
    assert_eq!(done.status, 303, "{}", done.text);

    let keys: Vec<VerifierKey> =
        w.nobody().get("/api/audit/key").await.text.lines().map(|key| key.parse().unwrap()).collect();
    for (id, how) in [(by_token, "token ..."), (by_browser, "session ses_")] {
        let answer = w.with(&vera).get(&format!("/api/intents/{id}/evidence")).await;
        let evidence: Evidence = serde_json::from_str(&answer.text).unwrap();
        evidence.check(&keys).unwrap();
        let facts: Value = serde_json::from_str(evidence.events[1].data.as_deref().unwrap()).unwrap();
        assert!(facts["how"].as_str().unwrap().starts_with(how), "{facts}");
        let seen = w.with(&vera).get(&format!("/api/intents/{id}")).await.json();
        assert_eq!(seen["approvals"][0]["how"], facts["how"]);
        let page = browser.open(&format!("/intents/{id}/evidence")).await;
        assert_eq!(page.status, 200);
        assert!(page.text.contains("intent.submitted") && page.text.contains("gate.example.com/log"), "{}", page.text);
    }
    let secret = &dana[dana.len() - 12..];
    let all = w.with(&vera).get("/api/audit/export").await.text;
    assert!(!all.contains(secret), "the log holds no token");
    let missing = w.with(&vera).get("/api/intents/int_0199a3c2d8a07c1e9b1f0a2b3c4d5e6f/evidence").await;
    assert_eq!(missing.code(), "404 NOT_FOUND");
}

#[tokio::test]
async fn the_log_is_a_file_and_its_checkpoint_a_note() {
    let w = world().await;
    let (_, vera) = w.person("vera@example.com", Role::Viewer).await;
    let w_vera = w.with(&vera);
    let whole = w_vera.get("/api/audit/export").await;
    let events: Vec<Value> = whole.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let size = events.len() as u64;
    assert!(size > 3 && events.iter().enumerate().all(|(n, event)| event["seq"] == n), "{}", whole.text);
    let some = w_vera.get("/api/audit/export?format=csv&from=1&to=3").await.text;
    assert_eq!(some.lines().count(), 3, "{some}");
    assert!(some.starts_with("seq,") && some.lines().nth(1).unwrap().starts_with("1,"), "{some}");
    assert_eq!(w_vera.get("/api/audit/export?from=9999").await.text, "");
    assert_eq!(w_vera.get("/api/audit/export?format=xml").await.status, 400);
    let note = w_vera.get("/api/audit/checkpoint").await.text;
    let checkpoint = Checkpoint::open(&note, &w.gate.log_keys()).unwrap();
    assert!(checkpoint.size >= size && w.gate.extends(&checkpoint).await.unwrap());
}
