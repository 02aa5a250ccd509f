//! `kill -9` at any point: nothing is sent twice, nothing that waits is lost.

use serde_json::json;

use crate::harness::{Behaviour, eventually, holdshort, upstream};

const CHARGE: &str = "action: create_charge, match: POST /charges, risk_tier: high";

#[tokio::test]
async fn killed_while_holding_the_intent_is_still_there_and_the_retry_attaches() {
    let service = upstream().run().await;
    let mut gate = holdshort().before(&service).route(CHARGE).run().await;
    let agent = gate.agent("billing").await;
    let lost = agent.post("/charges", &json!({ "amount": 1 })).start();
    let waiting = gate.dana().next_pending().await;
    gate.kill().await;
    lost.hang_up().await;
    gate.restart().await;

    let intent = gate.dana().intent(waiting.id()).await;
    assert_eq!(intent["status"], "pending");
    assert_eq!(intent["caller"]["connected"], false);
    let retry = agent.post("/charges", &json!({ "amount": 1 })).start();
    eventually("the retry to attach", || async {
        let intent = gate.dana().intent(waiting.id()).await;
        if intent["caller"]["connected"] == true { Ok(()) } else { Err(intent["caller"].to_string()) }
    })
    .await;
    assert_eq!(gate.dana().intents("pending").await.len(), 1);
    waiting.approve().await;
    assert_eq!(retry.answer().await.status, 200);
    service.only_call();
    gate.verify_audit().await;
}

#[tokio::test]
async fn killed_after_the_approval_the_retry_has_it_sent_once() {
    let service = upstream().run().await;
    let mut gate = holdshort().before(&service).route(CHARGE).with("hold: { timeout: 1s }").run().await;
    let agent = gate.agent("billing").await;
    assert_eq!(agent.post("/charges", &json!({ "amount": 1 })).send().await.status, 403);
    let waiting = gate.dana().next_pending().await;
    assert_eq!(waiting.approve().await["status"], "approved");
    gate.kill().await;
    gate.restart().await;
    assert_eq!(gate.dana().intent(waiting.id()).await["status"], "approved");
    assert!(service.calls().is_empty(), "nothing is released without a caller");
    assert_eq!(agent.post("/charges", &json!({ "amount": 1 })).send().await.status, 200);
    service.only_call();
    gate.verify_audit().await;
}

#[tokio::test]
async fn killed_while_the_upstream_works_it_is_unknown_and_never_sent_again() {
    let service = upstream().behaves(Behaviour::Waits).run().await;
    let mut gate = holdshort().before(&service).route(CHARGE).run().await;
    let agent = gate.agent("billing").await;
    let lost = agent.post("/charges", &json!({ "amount": 1 })).start();
    let waiting = gate.dana().next_pending().await;
    waiting.approve().await;
    service.called(1).await;
    gate.kill().await;
    lost.hang_up().await;
    gate.restart().await;

    assert_eq!(gate.dana().intent(waiting.id()).await["status"], "unknown");
    let retry = agent.post("/charges", &json!({ "amount": 1 })).send().await;
    assert_eq!((retry.status, retry.code().as_str()), (409, "OUTCOME_UNKNOWN"));
    service.only_call();
    gate.verify_audit().await;
}

#[tokio::test]
async fn killed_again_and_again_every_call_at_the_upstream_has_its_record() {
    let service = upstream().run().await;
    let mut gate = holdshort()
        .before(&service)
        .route("action: write, match: POST /write, risk_tier: low")
        .policy("name: all, action: write, decision: auto_approve")
        .run()
        .await;
    let agent = gate.agent("x").await;
    for round in 0..5_u32 {
        let calls: Vec<_> = (0..40).map(|n| agent.post("/write", &json!({ "round": round, "n": n })).start()).collect();
        service.called((round as usize) * 7 + 3).await;
        gate.kill().await;
        for call in calls {
            call.hang_up().await;
        }
        gate.restart().await;
        gate.verify_audit().await;
    }
    // What the upstream saw carries the intent in its permit; each of them is in the store.
    let mut sent = Vec::new();
    for call in service.calls() {
        let permit = call.header("holdshort-permit").unwrap().to_owned();
        let payload = permit.split('.').nth(1).unwrap();
        let claims = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, payload).unwrap();
        let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
        sent.push(claims["intent_id"].as_str().unwrap().to_owned());
    }
    let distinct: std::collections::BTreeSet<_> = sent.iter().collect();
    assert_eq!(distinct.len(), sent.len(), "an intent was sent twice");
    for id in &sent {
        let status = gate.dana().intent(id).await["status"].clone();
        assert!(status == "executed" || status == "unknown", "{id} is {status}");
    }
    assert!(gate.dana().intents("executing").await.is_empty());
}
