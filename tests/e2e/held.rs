//! Calls that wait for people.

use std::time::Duration;

use serde_json::json;

use crate::harness::{Behaviour, holdshort, upstream};

const CHARGE: &str = "action: create_charge, match: POST /charges, risk_tier: high, title: \"Charge {params.amount}\", params: { amount: { from: /amount, type: integer } }";

#[tokio::test]
async fn an_approved_charge_is_sent_once_exactly_as_shown_with_a_permit() {
    let service = upstream().answers(201).with_header("x-service", "yes").run().await;
    let gate = holdshort().before(&service).route(CHARGE).run().await;
    let call = gate.agent("billing").await.post("/charges", &json!({ "amount": 900 })).start();

    let waiting = gate.dana().next_pending().await;
    assert!(service.calls().is_empty(), "nothing is sent before the approval");
    assert_eq!(waiting.intent["title"], "Charge 900");
    assert_eq!(waiting.intent["caller"]["connected"], true);
    waiting.approve().await;

    let answer = call.answer().await;
    assert_eq!((answer.status, answer.text.as_str()), (201, "{\"ok\":true}"));
    assert_eq!(answer.header("x-service"), Some("yes"));
    assert_eq!(answer.header("holdshort-intent"), Some(waiting.id()));
    assert_eq!(answer.header("holdshort-permit"), None, "the agent never sees a permit");

    let sent = service.only_call();
    assert_eq!((sent.method.as_str(), sent.target.as_str()), ("POST", "/charges"));
    assert_eq!(sent.body, br#"{"amount":900}"#);
    assert_eq!(
        sent.header("content-digest"),
        waiting.intent["request"]["content_digest"].as_str().or(sent.header("content-digest"))
    );
    assert!(sent.header("holdshort-permit").is_some());
    assert_eq!(sent.header("holdshort-key"), None, "the gate's key is not the service's business");

    let intent = gate.dana().sees(waiting.id(), "executed").await;
    assert_eq!(intent["outcome"]["status"], 201);
    assert_eq!(intent["approvals"][0]["verdict"], "approve");
    gate.verify_audit().await;
}

#[tokio::test]
async fn a_denied_charge_never_reaches_the_upstream_and_the_agent_reads_why() {
    let service = upstream().run().await;
    let gate = holdshort().before(&service).route(CHARGE).run().await;
    let agent = gate.agent("billing").await;
    let call = agent.post("/charges", &json!({ "amount": 900 })).start();
    let waiting = gate.dana().next_pending().await;
    waiting.deny("wrong amount").await;

    let answer = call.answer().await;
    assert_eq!((answer.status, answer.code().as_str()), (403, "DENIED"));
    assert!(answer.message().contains("wrong amount"), "{}", answer.message());
    assert_eq!(answer.header("x-should-retry"), Some("false"));
    assert_eq!(answer.json()["intent_id"], waiting.id());

    // The same call is denied again without a new card.
    let again = agent.post("/charges", &json!({ "amount": 900 })).send().await;
    assert_eq!((again.status, again.code().as_str()), (403, "DENIED"));
    assert!(gate.dana().intents("pending").await.is_empty());
    assert!(service.calls().is_empty());
    gate.verify_audit().await;
}

#[tokio::test]
async fn a_hold_that_is_over_says_that_nothing_was_executed_and_the_same_call_attaches() {
    let service = upstream().run().await;
    let gate = holdshort().before(&service).route(CHARGE).with("hold: { timeout: 1s }").run().await;
    let agent = gate.agent("billing").await;
    let first = agent.post("/charges", &json!({ "amount": 900 })).send().await;
    assert_eq!((first.status, first.code().as_str()), (403, "APPROVAL_PENDING"));
    assert_eq!(first.header("retry-after"), None, "some clients send a 403 with Retry-After again, ten times");
    assert!(first.message().to_lowercase().starts_with("not executed"), "{}", first.message());

    let call = agent.post("/charges", &json!({ "amount": 900 })).start();
    let waiting = gate.dana().next_pending().await;
    assert_eq!(first.json()["intent_id"], waiting.id(), "one card, not two");
    assert_eq!(gate.dana().intents("pending").await.len(), 1);
    waiting.approve().await;
    assert_eq!(call.answer().await.status, 200);
    service.only_call();
}

#[tokio::test]
async fn what_was_approved_while_nobody_waited_is_sent_when_the_same_call_comes_back() {
    let service = upstream().run().await;
    let gate = holdshort().before(&service).route(CHARGE).with("hold: { timeout: 1s }").run().await;
    let agent = gate.agent("billing").await;
    assert_eq!(agent.post("/charges", &json!({ "amount": 900 })).send().await.status, 403);
    let waiting = gate.dana().next_pending().await;
    waiting.approve().await;
    assert!(service.calls().is_empty(), "nobody is there to take the answer");

    let back = agent.post("/charges", &json!({ "amount": 900 })).send().await;
    assert_eq!(back.status, 200);
    service.only_call();
}

#[tokio::test]
async fn the_caller_hanging_up_is_seen_and_ends_the_hold_but_not_the_intent() {
    let service = upstream().run().await;
    let gate = holdshort().before(&service).route(CHARGE).run().await;
    let agent = gate.agent("billing").await;
    let call = agent.post("/charges", &json!({ "amount": 900 })).start();
    let waiting = gate.dana().next_pending().await;
    call.hang_up().await;
    crate::harness::eventually("the caller to be gone", || async {
        let intent = gate.dana().intent(waiting.id()).await;
        if intent["caller"]["connected"] == false { Ok(()) } else { Err(intent["caller"].to_string()) }
    })
    .await;
    assert_eq!(gate.dana().intent(waiting.id()).await["status"], "pending");
    assert!(service.calls().is_empty());
}

#[tokio::test]
async fn two_people_are_needed_where_two_are_required_and_one_is_one() {
    let service = upstream().run().await;
    let gate = holdshort()
        .before(&service)
        .route(CHARGE)
        .policy("name: two, action: create_charge, decision: require_approval, approvals: { required: 2 }")
        .run()
        .await;
    let kofi = gate.person("kofi@example.com", "approver", &[]).await;
    let call = gate.agent("billing").await.post("/charges", &json!({ "amount": 900 })).start();
    let waiting = gate.dana().next_pending().await;
    waiting.approve().await;
    waiting.approve().await;
    assert_eq!(gate.dana().intent(waiting.id()).await["status"], "pending", "one person is one vote");
    assert!(service.calls().is_empty());
    kofi.next_pending().await.approve().await;
    assert_eq!(call.answer().await.status, 200);
    service.only_call();
}

#[tokio::test]
async fn each_approved_call_has_a_connection_to_the_upstream_of_its_own() {
    let service = upstream().run().await;
    let gate = holdshort().before(&service).route(CHARGE).run().await;
    let agent = gate.agent("billing").await;
    for amount in [1, 2] {
        let call = agent.post("/charges", &json!({ "amount": amount })).start();
        gate.dana().next_pending().await.approve().await;
        assert_eq!(call.answer().await.status, 200);
    }
    let calls = service.calls();
    assert_eq!(calls.len(), 2);
    assert_ne!(calls[0].connection, calls[1].connection);
}

#[tokio::test]
async fn an_approval_is_bound_to_what_was_shown_and_to_the_typed_confirmation() {
    let service = upstream().run().await;
    let gate = holdshort()
        .before(&service)
        .route(CHARGE)
        .policy("name: typed, action: create_charge, decision: require_approval, approvals: { confirm: true }")
        .run()
        .await;
    let call = gate.agent("billing").await.post("/charges", &json!({ "amount": 900 })).start();
    let waiting = gate.dana().next_pending().await;
    let (status, refused) = waiting.try_approve(json!({})).await;
    assert_eq!((status, refused["error"]["code"].as_str()), (400, Some("CONFIRMATION_REQUIRED")));
    let other = json!({ "confirmation": "create_charge", "digest": "sha-256=:AAAA:" });
    let (status, _) = gate.dana().post(&format!("/api/intents/{}/approve", waiting.id()), &other).await;
    assert_eq!(status, 409, "another digest than what is waiting");
    assert!(service.calls().is_empty());
    let (status, answer) = waiting.try_approve(json!({ "confirmation": "create_charge" })).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(call.answer().await.status, 200);
}

#[tokio::test]
async fn after_the_delay_and_not_before() {
    let service = upstream().run().await;
    let gate = holdshort()
        .before(&service)
        .route(CHARGE)
        .policy("name: later, action: create_charge, decision: require_approval, approvals: { delay: 2s }")
        .run()
        .await;
    let call = gate.agent("billing").await.post("/charges", &json!({ "amount": 900 })).start();
    let waiting = gate.dana().next_pending().await;
    let approved = waiting.approve().await;
    assert_eq!(approved["status"], "approved");
    assert!(approved["releases_at"].is_string(), "{approved}");
    assert!(service.calls().is_empty());
    assert_eq!(call.answer().await.status, 200);
    service.only_call();
}

#[tokio::test]
async fn what_expires_is_told_as_expired_and_can_no_longer_be_approved() {
    let service = upstream().run().await;
    let gate = holdshort().before(&service).route(CHARGE).with("approval: { expires_in: 2s }").run().await;
    let call = gate.agent("billing").await.post("/charges", &json!({ "amount": 900 })).start();
    let waiting = gate.dana().next_pending().await;
    let answer = call.answer().await;
    assert_eq!((answer.status, answer.code().as_str()), (403, "EXPIRED"));
    let (status, refused) = waiting.try_approve(json!({})).await;
    assert_eq!((status, refused["error"]["code"].as_str()), (409, Some("ALREADY_RESOLVED")));
    assert!(service.calls().is_empty());
    gate.verify_audit().await;
}

#[tokio::test]
async fn pausing_and_revoking_reach_calls_that_are_already_held() {
    let service = upstream().run().await;
    let gate = holdshort().before(&service).route(CHARGE).run().await;
    for (verb, code) in [("pause", "AGENT_PAUSED"), ("revoke", "AGENT_REVOKED")] {
        let agent = gate.agent(verb).await;
        let call = agent.post("/charges", &json!({ "amount": 900 })).start();
        let waiting = gate.dana().next_pending().await;
        let (status, answer) = gate.dana().post(&format!("/api/agents/{}/{verb}", agent.id), &json!({})).await;
        assert_eq!(status, 200, "{answer}");
        let told = call.answer().await;
        assert_eq!((told.status, told.code().as_str()), (403, code));
        let next = agent.post("/charges", &json!({ "amount": 901 })).send().await;
        assert_eq!((next.status, next.code().as_str()), (403, code));
        if verb == "pause" {
            waiting.deny("tidying up").await;
        } else {
            gate.dana().sees(waiting.id(), "denied").await;
        }
    }
    assert!(service.calls().is_empty());
    gate.verify_audit().await;
}

#[tokio::test]
async fn a_gate_that_is_told_to_stop_lets_people_finish_and_tells_the_rest_to_come_back() {
    let service = upstream().run().await;
    let mut gate = holdshort().before(&service).route(CHARGE).run().await;
    let agent = gate.agent("billing").await;
    let first = agent.post("/charges", &json!({ "amount": 1 })).start();
    let approved = gate.dana().next_pending().await;
    let dana = gate.dana();
    gate.terminate();
    let _ = approved.try_approve(json!({})).await;
    let answer = first.answer().await;
    assert!(answer.status == 200 || answer.code() == "UNAVAILABLE", "{answer:?}");
    let status = gate.ended().await;
    assert!(status.success(), "{status}");
    drop(dana);
    if answer.status == 503 {
        assert_eq!(answer.header("x-should-retry"), Some("true"));
        assert!(answer.header("retry-after").is_some());
    }
    gate.restart().await;
    gate.verify_audit().await;
}

#[tokio::test]
async fn an_answer_that_is_never_complete_is_not_told_as_complete() {
    let service = upstream().behaves(Behaviour::CutsShort).run().await;
    let gate = holdshort().before(&service).route(CHARGE).run().await;
    let call = gate.agent("billing").await.post("/charges", &json!({ "amount": 900 })).start();
    gate.dana().next_pending().await.approve().await;
    tokio::time::timeout(Duration::from_secs(20), async {
        while call.is_waiting() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .expect("the call goes on for ever");
    service.only_call();
}
