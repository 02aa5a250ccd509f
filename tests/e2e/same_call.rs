//! The same call, sent again: attached, taken over, replayed, blocked.

use serde_json::json;

use crate::harness::{Behaviour, eventually, holdshort, upstream};

const CHARGE: &str = "action: create_charge, match: POST /charges, risk_tier: high";

#[tokio::test]
async fn eleven_re_sends_of_one_call_are_one_card_one_execution_and_one_delivery() {
    let service = upstream().run().await;
    let gate = holdshort().before(&service).route(CHARGE).run().await;
    let agent = gate.agent("billing").await;
    let mut older = Vec::new();
    let mut newest = agent.post("/charges", &json!({ "amount": 1 })).start();
    gate.dana().next_pending().await;
    for attempt in 0..10 {
        let next =
            agent.post("/charges", &json!({ "amount": 1 })).header("x-stainless-retry-count", &attempt.to_string());
        let next = next.start();
        // The older one is told, which is how we know that the newer one has it.
        older.push(std::mem::replace(&mut newest, next).answer().await);
    }
    for answer in &older {
        assert_eq!((answer.status, answer.code().as_str()), (403, "APPROVAL_PENDING"));
    }
    assert_eq!(gate.dana().intents("pending").await.len(), 1);
    gate.dana().next_pending().await.approve().await;
    assert_eq!(newest.answer().await.status, 200);
    service.only_call();
}

#[tokio::test]
async fn another_body_or_another_agent_is_another_call() {
    let service = upstream().run().await;
    let gate = holdshort().before(&service).route(CHARGE).run().await;
    let (first, second) = (gate.agent("one").await, gate.agent("two").await);
    let calls = [
        first.post("/charges", &json!({ "amount": 1 })).start(),
        first.post("/charges", &json!({ "amount": 2 })).start(),
        first.post("/charges", &json!({ "amount": 1 })).header("x-other", "header").start(),
        second.post("/charges", &json!({ "amount": 1 })).start(),
    ];
    eventually("four cards", || async {
        let cards = gate.dana().intents("pending").await.len();
        if cards == 4 { Ok(()) } else { Err(format!("{cards}")) }
    })
    .await;
    assert!(calls.iter().all(crate::harness::Call::is_waiting));
    assert!(service.calls().is_empty());
}

#[tokio::test]
async fn an_answer_that_nobody_took_is_kept_and_given_once() {
    let service = upstream().behaves(Behaviour::Waits).run().await;
    let gate = holdshort().before(&service).route(CHARGE).run().await;
    let agent = gate.agent("billing").await;
    let call = agent.post("/charges", &json!({ "amount": 1 })).start();
    let waiting = gate.dana().next_pending().await;
    waiting.approve().await;
    service.called(1).await;
    call.hang_up().await;
    service.go_on();
    gate.dana().sees(waiting.id(), "executed").await;

    let replay = agent.post("/charges", &json!({ "amount": 1 })).send().await;
    assert_eq!((replay.status, replay.text.as_str()), (200, "late"));
    assert_eq!(replay.header("holdshort-replayed"), Some("true"));
    assert_eq!(replay.header("holdshort-intent"), Some(waiting.id()));
    service.only_call();

    // Once. After that the same call is a new one, and asks again.
    let new = agent.post("/charges", &json!({ "amount": 1 })).start();
    let card = gate.dana().next_pending().await;
    assert_ne!(card.id(), waiting.id());
    drop(new);
    service.only_call();
}

#[tokio::test]
async fn what_may_have_been_executed_blocks_the_same_call_until_a_person_settles_it() {
    let service = upstream().behaves(Behaviour::Hangs).run().await;
    let gate = holdshort().before(&service).route(CHARGE).run().await;
    let agent = gate.agent("billing").await;
    let call = agent.post("/charges", &json!({ "amount": 1 })).start();
    let waiting = gate.dana().next_pending().await;
    waiting.approve().await;
    let answer = call.answer().await;
    assert_eq!((answer.status, answer.code().as_str()), (409, "OUTCOME_UNKNOWN"));
    gate.dana().sees(waiting.id(), "unknown").await;

    service.behave(Behaviour::Answers { status: 200, headers: vec![], body: b"x".to_vec() });
    let again = agent.post("/charges", &json!({ "amount": 1 })).send().await;
    assert_eq!((again.status, again.code().as_str()), (409, "OUTCOME_UNKNOWN"));
    assert_eq!(service.calls().len(), 1, "never sent again by itself");

    let settle = json!({ "intent_id": waiting.id(), "status": "failed" });
    let (status, settled) = gate.dana().post("/api/executions", &settle).await;
    assert!(status == 200 || status == 201, "{status} {settled}");
    let _asks_again = agent.post("/charges", &json!({ "amount": 1 })).start();
    assert_ne!(gate.dana().next_pending().await.id(), waiting.id());
    assert_eq!(service.calls().len(), 1);
    gate.verify_audit().await;
}

#[tokio::test]
async fn one_idempotency_key_with_other_content_is_refused() {
    let service = upstream().run().await;
    let gate = holdshort().before(&service).route(CHARGE).run().await;
    let agent = gate.agent("billing").await;
    let _first = agent.post("/charges", &json!({ "amount": 1 })).header("idempotency-key", "k1").start();
    gate.dana().next_pending().await;
    let other = agent.post("/charges", &json!({ "amount": 2 })).header("idempotency-key", "k1").send().await;
    assert_eq!((other.status, other.code().as_str()), (422, "IDEMPOTENCY_MISMATCH"));
    assert_eq!(gate.dana().intents("pending").await.len(), 1);
    assert!(service.calls().is_empty());
}

#[tokio::test]
async fn fifty_retries_of_an_approved_call_at_once_are_sent_once() {
    let service = upstream().run().await;
    let gate = holdshort().before(&service).route(CHARGE).with("hold: { timeout: 1s }").run().await;
    let agent = gate.agent("billing").await;
    assert_eq!(agent.post("/charges", &json!({ "amount": 1 })).send().await.status, 403);
    gate.dana().next_pending().await.approve().await;
    let calls: Vec<_> = (0..50).map(|_| agent.post("/charges", &json!({ "amount": 1 })).start()).collect();
    let mut executed = 0;
    for call in calls {
        executed += usize::from(call.answer().await.status == 200);
    }
    assert_eq!(executed, 1, "one execution is delivered to one caller");
    service.only_call();
}
