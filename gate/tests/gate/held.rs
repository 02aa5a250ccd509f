//! What people decide.

use std::time::Duration;

use gate::hold::Wake;
use gate::intent::State;
use gate::refusal::Refusal;
use gate::{DecideError, Role, Submitted, Verdict, VerdictWith};

use crate::harness::*;

const REFUND: &str = "POST /refunds\nauthorization: Bearer sk_live_0123456789abcdefghijkl\n\n{\"amount\":900}";

#[tokio::test]
async fn an_approved_call_is_claimed_in_the_transaction_of_its_last_verdict() {
    let house = house().await;
    let dana = house.approver("dana").await;
    let mut hold = house.held(REFUND).await;
    let id = hold.intent();
    assert_eq!(house.state(id).await.name(), "pending");
    assert!(house.intent(id).await.caller.connected);
    let (decided, released) = tokio::join!(house.approve(id, &dana), claimed(&mut hold));
    let released = released.unwrap();
    assert_eq!(decided.unwrap().state.name(), "executing");
    assert!(released.by_people());
    assert!(released.permit().unwrap().is_some());
    released.executed(sent(true, None)).await;
    assert_eq!(house.life(id).await, ["submitted", "approved", "claimed", "executed"]);
    let log = house.gate.audit_of(id).await.unwrap();
    assert_eq!(log[1].at, log[2].at);
    house.verifies().await;
}

#[tokio::test]
async fn credentials_are_shown_masked_and_bound_as_they_are() {
    let house = house().await;
    let hold = house.held(REFUND).await;
    let intent = house.intent(hold.intent()).await;
    let shown = format!("{:?}", intent.request.unwrap().headers);
    assert!(shown.contains("Bearer ......ijkl"), "{shown}");
    assert!(!shown.contains("0123456789"), "{shown}");
}

#[tokio::test]
async fn a_denied_call_is_never_released_and_stays_denied_until_somebody_clears_it() {
    let house = house().await;
    let dana = house.approver("dana").await;
    let mut hold = house.held(REFUND).await;
    let id = hold.intent();
    house.deny(id, &dana, "wrong amount").await.unwrap();
    let Wake::Refused(Refusal::Denied { by, reason, .. }) = hold.wake().await else { panic!() };
    assert_eq!((by.as_str(), reason.as_deref()), ("dana@example.com", Some("wrong amount")));
    drop(hold);
    let Refusal::Denied { intent, .. } = house.refused(REFUND).await else { panic!() };
    assert_eq!(intent, id);
    // Another amount is another call.
    house.held("POST /refunds\n\n{\"amount\":901}").await;
    house.gate.clear_denial(id, &dana).await.unwrap();
    let again = house.held(REFUND).await;
    assert_ne!(again.intent(), id);
    house.verifies().await;
}

#[tokio::test]
async fn a_denial_is_forgotten_in_time() {
    let house = house().await;
    let dana = house.approver("dana").await;
    let hold = house.held(REFUND).await;
    house.deny(hold.intent(), &dana, "no").await.unwrap();
    house.clock.advance(Duration::from_secs(601));
    assert_ne!(house.held(REFUND).await.intent(), hold.intent());
}

#[tokio::test]
async fn the_newest_connection_of_a_call_takes_its_intent_over() {
    let house = house().await;
    let mut old = house.held(REFUND).await;
    let new = house.held(&REFUND.replace("\n\n", "\nuser-agent: other/2\nx-request-id: 7\n\n")).await;
    assert_eq!(old.intent(), new.intent());
    assert!(matches!(old.wake().await, Wake::Refused(Refusal::Superseded { .. })));
    drop(old);
    assert!(house.intent(new.intent()).await.caller.connected);
    assert_eq!(house.all().await.len(), 1);
    // Another credential is another call.
    let other = house.held(&REFUND.replace("sk_live", "sk_test")).await;
    assert_ne!(other.intent(), new.intent());
}

#[tokio::test]
async fn approved_while_nobody_waited_it_is_released_to_the_retry() {
    let house = house().await;
    let dana = house.approver("dana").await;
    let hold = house.held(REFUND).await;
    let id = hold.intent();
    drop(hold);
    assert!(!house.intent(id).await.caller.connected);
    assert_eq!(house.approve(id, &dana).await.unwrap().state.name(), "approved");
    let mut retry = house.held(REFUND).await;
    assert_eq!(retry.intent(), id);
    claimed(&mut retry).await.unwrap().executed(sent(true, None)).await;
    assert_eq!(house.state(id).await.name(), "executed");
    house.verifies().await;
}

#[tokio::test]
async fn an_upstream_that_cannot_be_reached_leaves_it_approved() {
    let house = house().await;
    let dana = house.approver("dana").await;
    let mut hold = house.held(REFUND).await;
    let id = hold.intent();
    let (decided, refusal) = tokio::join!(house.approve(id, &dana), async {
        let Wake::Connect(approved) = hold.wake().await else { panic!() };
        approved.unreachable("refused").await
    });
    assert_eq!(decided.unwrap().state.name(), "approved");
    assert!(matches!(refusal, Refusal::UpstreamUnreachable { .. }));
    assert_eq!(house.life(id).await, ["submitted", "approved"]);
    let mut retry = house.held(REFUND).await;
    claimed(&mut retry).await.unwrap().executed(sent(true, None)).await;
    assert_eq!(house.life(id).await, ["submitted", "approved", "claimed", "executed"]);
}

#[tokio::test]
async fn a_holder_that_connects_slowly_claims_after_the_verdict_was_written_alone() {
    let house = house().await;
    let dana = house.approver("dana").await;
    let mut hold = house.held(REFUND).await;
    let id = hold.intent();
    let Ok((Ok(decided), approved)) =
        tokio::time::timeout(Duration::from_secs(5), async { tokio::join!(house.approve(id, &dana), hold.wake()) })
            .await
    else {
        panic!()
    };
    assert_eq!(decided.state.name(), "approved");
    let Wake::Connect(approved) = approved else { panic!() };
    let released = approved.claim().await.unwrap();
    assert_eq!(house.life(id).await, ["submitted", "approved", "claimed"]);
    released.failed("nothing was written").await;
    house.becomes(id, "failed").await;
    house.verifies().await;
}

#[tokio::test]
async fn two_must_agree_where_two_are_asked_for_and_one_person_counts_once() {
    let house = house().await;
    let (dana, kofi, vera) =
        (house.approver("dana").await, house.approver("kofi").await, house.person("vera", Role::Viewer).await);
    let mut hold = house.held("POST /transfers").await;
    let id = hold.intent();
    assert_eq!(hold.waiting_for(), "any approver (0 of 2)");
    assert_eq!(house.approve(id, &dana).await.unwrap().state.name(), "pending");
    assert_eq!(house.approve(id, &dana).await.unwrap().state.name(), "pending");
    assert!(matches!(house.approve(id, &vera).await, Err(DecideError::NotAnApprover(_))));
    assert_eq!(house.intent(id).await.approvals.len(), 1);
    let (decided, released) = tokio::join!(house.approve(id, &kofi), claimed(&mut hold));
    decided.unwrap();
    released.unwrap().executed(sent(true, None)).await;
    assert_eq!(house.life(id).await, ["submitted", "voted", "voted", "approved", "claimed", "executed"]);
    house.verifies().await;
}

#[tokio::test]
async fn nothing_is_released_after_it_has_expired() {
    let house = house().await;
    let dana = house.approver("dana").await;
    let mut hold = house.held(REFUND).await;
    let id = hold.intent();
    house.clock.advance(Duration::from_secs(30 * 60));
    assert!(matches!(house.approve(id, &dana).await, Err(DecideError::AlreadyResolved(_))));
    assert!(matches!(hold.wake().await, Wake::Refused(Refusal::Expired { .. })));
    assert_eq!(house.life(id).await, ["submitted", "expired"]);
    // A new card, not the old one.
    assert_ne!(house.held(REFUND).await.intent(), id);
    house.verifies().await;
}

#[tokio::test]
async fn what_was_approved_expires_when_nobody_comes_for_it() {
    let house = house().await;
    let dana = house.approver("dana").await;
    let hold = house.held(REFUND).await;
    let id = hold.intent();
    drop(hold);
    house.approve(id, &dana).await.unwrap();
    house.clock.advance(Duration::from_secs(599));
    assert_eq!(house.state(id).await.name(), "approved");
    house.clock.advance(Duration::from_secs(1));
    house.becomes(id, "expired").await;
    assert_eq!(house.life(id).await, ["submitted", "approved", "expired"]);
}

#[tokio::test]
async fn an_approval_between_wake_and_claim_that_expires_is_not_sent() {
    let house = house().await;
    let dana = house.approver("dana").await;
    let hold = house.held(REFUND).await;
    let id = hold.intent();
    drop(hold);
    house.approve(id, &dana).await.unwrap();
    let mut retry = house.held(REFUND).await;
    let Wake::Connect(approved) = retry.wake().await else { panic!() };
    house.clock.advance(Duration::from_secs(600));
    assert!(matches!(approved.claim().await, Err(Refusal::Expired { .. })));
    assert!(!house.life(id).await.contains(&"claimed".to_owned()));
}

#[tokio::test]
async fn a_delay_is_waited_for_and_may_be_cancelled() {
    let house = house().await;
    let dana = house.approver("dana").await;
    let mut hold = house.held("POST /late\n\n{}").await;
    let id = hold.intent();
    let State::Approved { releases_at, .. } = house.approve(id, &dana).await.unwrap().state else { panic!() };
    assert_eq!(releases_at, START.plus(Duration::from_secs(60)));
    house.clock.advance(Duration::from_secs(60));
    let released = claimed(&mut hold).await.unwrap();
    released.executed(sent(true, None)).await;
    assert_eq!(house.life(id).await, ["submitted", "approved", "claimed", "executed"]);

    let mut second = house.held("POST /late\n\n{\"n\":2}").await;
    house.approve(second.intent(), &dana).await.unwrap();
    house.gate.cancel(second.intent(), &dana, None).await.unwrap();
    assert!(matches!(second.wake().await, Wake::Refused(Refusal::Cancelled { .. })));
    assert_eq!(house.life(second.intent()).await, ["submitted", "approved", "cancelled"]);
}

#[tokio::test]
async fn a_confirmation_is_typed_and_what_was_shown_is_what_is_decided() {
    let house = house().await;
    let dana = house.approver("dana").await;
    let hold = house.held("POST /sure\n\n{}").await;
    let id = hold.intent();
    let digest = house.intent(id).await.request.unwrap().digest;
    let decide = |with| house.gate.decide(id, &dana, Verdict::Approve, with);
    assert!(matches!(decide(VerdictWith::default()).await, Err(DecideError::ConfirmationRequired(_))));
    let with = VerdictWith { digest: Some("sha-256=:other:".to_owned()), ..VerdictWith::default() };
    assert!(matches!(decide(with).await, Err(DecideError::DigestMismatch)));
    assert!(matches!(
        house.gate.decide(id, &dana, Verdict::RequestChanges, VerdictWith::default()).await,
        Err(DecideError::MissingField("reason"))
    ));
    assert_eq!(house.life(id).await, ["submitted"]);
    drop(hold);
    let with = VerdictWith { digest: Some(digest), confirmation: Some("sure".to_owned()), ..VerdictWith::default() };
    assert_eq!(decide(with).await.unwrap().state.name(), "approved");
}

#[tokio::test]
async fn an_answer_that_was_never_delivered_is_replayed_once() {
    let house = house().await;
    let dana = house.approver("dana").await;
    let mut hold = house.held(REFUND).await;
    let id = hold.intent();
    let (_, released) = tokio::join!(house.approve(id, &dana), claimed(&mut hold));
    drop(hold);
    released.unwrap().executed(sent(false, Some(answer(id)))).await;
    let Submitted::Replay(replayed) = house.submit(REFUND).await else { panic!() };
    assert_eq!(replayed, answer(id));
    // Delivered: from here on it is a new call.
    assert_ne!(house.held(REFUND).await.intent(), id);
    assert_eq!(house.life(id).await, ["submitted", "approved", "claimed", "executed", "delivered"]);
    house.verifies().await;
}

#[tokio::test]
async fn the_retry_of_a_call_that_is_being_sent_gets_its_answer() {
    let house = house().await;
    let dana = house.approver("dana").await;
    let mut hold = house.held(REFUND).await;
    let id = hold.intent();
    let (_, released) = tokio::join!(house.approve(id, &dana), claimed(&mut hold));
    let released = released.unwrap();
    drop(hold);
    let mut retry = house.held(REFUND).await;
    assert_eq!(retry.intent(), id);
    released.executed(sent(false, Some(answer(id)))).await;
    let Wake::Answered(got) = retry.wake().await else { panic!() };
    assert_eq!(got, answer(id));
    assert_ne!(house.held(REFUND).await.intent(), id);
}

#[tokio::test]
async fn an_outcome_nobody_knows_blocks_the_call_until_a_person_settles_it() {
    let house = house().await;
    let dana = house.approver("dana").await;
    let mut hold = house.held(REFUND).await;
    let id = hold.intent();
    let (_, released) = tokio::join!(house.approve(id, &dana), claimed(&mut hold));
    released.unwrap().unknown("the connection broke").await;
    house.becomes(id, "unknown").await;
    assert!(matches!(house.refused(REFUND).await, Refusal::OutcomeUnknown { safe_method: false, .. }));
    house.clock.advance(Duration::from_secs(86_400));
    assert!(matches!(house.refused(REFUND).await, Refusal::OutcomeUnknown { .. }));
    house.gate.settle(id, &dana, false, Some("not in their books".to_owned())).await.unwrap();
    assert_ne!(house.held(REFUND).await.intent(), id);
    house.verifies().await;
}

#[tokio::test]
async fn of_two_verdicts_at_once_one_stands_and_the_other_reads_it() {
    let house = house().await;
    let (dana, kofi) = (house.approver("dana").await, house.approver("kofi").await);
    for n in 0..20 {
        let hold = house.held(&format!("POST /refunds\n\n{{\"amount\":{n}}}")).await;
        let id = hold.intent();
        drop(hold);
        let (yes, no) = tokio::join!(house.approve(id, &dana), house.deny(id, &kofi, "no"));
        let state = house.state(id).await;
        match (&yes, &no) {
            (Ok(_), Err(DecideError::AlreadyResolved(now))) => assert_eq!(**now, state),
            (Err(DecideError::AlreadyResolved(now)), Ok(_)) => assert_eq!(**now, state),
            other => panic!("{other:?}"),
        }
    }
    house.verifies().await;
}

#[tokio::test]
async fn an_idempotency_key_is_the_call_and_another_content_is_refused() {
    let house = house().await;
    let first = house.held("POST /refunds\nidempotency-key: k1\n\n{\"amount\":1}").await;
    let other = house.refused("POST /refunds\nidempotency-key: k1\n\n{\"amount\":2}").await;
    assert_eq!(other, Refusal::IdempotencyMismatch { intent: first.intent() });
    let another = house.held("POST /refunds\nidempotency-key: k2\n\n{\"amount\":1}").await;
    assert_ne!(another.intent(), first.intent());
}

#[tokio::test]
async fn limits_are_per_agent_and_for_all() {
    let house = house_with(&format!("limits: {{ held: 3, per_agent: {{ held: 2 }} }}\n{RULES}")).await;
    let _a = house.held("POST /refunds\n\n{\"amount\":1}").await;
    let b = house.held("POST /refunds\n\n{\"amount\":2}").await;
    assert!(matches!(house.refused("POST /refunds\n\n{\"amount\":3}").await, Refusal::Limited { .. }));
    // Who hangs up leaves the intent behind, which goes on counting until it is resolved.
    let left = b.intent();
    drop(b);
    assert!(matches!(house.refused("POST /refunds\n\n{\"amount\":3}").await, Refusal::Limited { .. }));
    drop(house.held("POST /refunds\n\n{\"amount\":2}").await);
    house.deny(left, &*house.approver("ann").await, "no").await.unwrap();
    let _c = house.held("POST /refunds\n\n{\"amount\":3}").await;
    let second = agent("second");
    let Submitted::Held(_d) = house.gate.submit(house.call_of(&second, "POST /refunds\n\n{\"amount\":1}")).await else {
        panic!()
    };
    let full = house.gate.submit(house.call_of(&second, "POST /refunds\n\n{\"amount\":2}")).await;
    assert!(matches!(full, Submitted::Refused(Refusal::Limited { .. })));
}

#[tokio::test]
async fn the_memory_of_held_calls_is_bounded_for_each_agent_project_and_for_all() {
    let big = |n: usize| format!("POST /refunds\n\n{{\"amount\":{n},\"note\":\"{}\"}}", "x".repeat(1000));
    let full = |submitted: Submitted| matches!(submitted, Submitted::Refused(Refusal::Limited { .. }));
    for limits in ["per_agent: { held_bytes: 3000 }", "per_project: { held_bytes: 3000 }", "held_bytes: 3000"] {
        let house = house_with(&format!("limits: {{ {limits} }}\n{RULES}")).await;
        let mut first = house.held(&big(1)).await;
        let second = house.held(&big(2)).await;
        assert!(full(house.submit(&big(3)).await), "{limits}");
        // The same call again takes the place of the one that waits, and counts in its stead.
        let third = house.held(&big(2)).await;
        assert!(full(house.submit(&big(3)).await), "{limits}");
        drop(second);
        assert!(full(house.submit(&big(3)).await), "{limits}: an older connection that leaves gives nothing back");
        drop(third);
        let fourth = house.held(&big(3)).await;
        assert!(full(house.submit(&big(2)).await), "{limits}: who comes back takes room again");
        let other = house.gate.submit(house.call_of(&agent("other"), &big(4))).await;
        assert_eq!(full(other), !limits.starts_with("per_agent"), "{limits}");
        house.approve(first.intent(), &*house.approver("ann").await).await.unwrap();
        let Wake::Connect(approved) = first.wake().await else { panic!() };
        approved.claim().await.unwrap().failed("not today").await;
        drop((first, fourth));
        let again = [house.held(&big(5)).await, house.held(&big(6)).await];
        assert!(full(house.submit(&big(7)).await), "{limits}");
        drop(again);
    }
}

#[tokio::test]
async fn what_an_agent_left_behind_counts_also_after_a_restart_and_until_it_expires() {
    let text = format!("limits: {{ per_agent: {{ held: 1 }} }}\n{RULES}");
    let house = house_with(&text).await;
    drop(house.held("POST /refunds\n\n{\"amount\":1}").await);
    let again = open(&house.path, &house.clock, &text).await;
    let call = || house.call("POST /refunds\n\n{\"amount\":2}");
    assert!(matches!(again.submit(call()).await, Submitted::Refused(Refusal::Limited { .. })));
    house.clock.advance(Duration::from_secs(1801));
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    while !matches!(again.submit(call()).await, Submitted::Held(_)) {
        assert!(std::time::Instant::now() < deadline, "it goes on counting");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn draining_sends_held_calls_back_and_takes_no_new_ones() {
    let house = house().await;
    let mut hold = house.held(REFUND).await;
    let id = hold.intent();
    let gate = house.gate.clone();
    let drained = tokio::spawn(async move { gate.drain().await });
    assert!(matches!(hold.wake().await, Wake::Refused(Refusal::Unavailable { .. })));
    drop(hold);
    drained.await.unwrap();
    assert!(matches!(house.refused("GET /refunds/1").await, Refusal::Unavailable { .. }));
    assert_eq!(house.state(id).await.name(), "pending");
}
