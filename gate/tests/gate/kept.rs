//! Rules of the store: over a restart, in a second process, and when they cannot be read.

use gate::deed::Deed;
use gate::kept::{RuleKind, Switch, SwitchMode};
use gate::{Actor, Call, Refusal, RuleId, Submitted};

use crate::harness::*;

const READ: &str = "GET /refunds/1";

#[tokio::test]
async fn what_is_kept_counts_after_a_restart() {
    let house = house().await;
    let policy = r#"{"name":"no reads","action":"*","decision":"auto_deny","message":"Not executed: frozen."}"#;
    house.gate.keep_policy(None, policy.to_owned(), &Actor::Operator).await.unwrap();
    assert!(matches!(house.refused(READ).await, Refusal::BlockedByPolicy { .. }));
    let again = open(&house.path, &house.clock, RULES).await;
    let call = Call { rules: again.rules(), ..house.call(READ) };
    match again.submit(call).await {
        Submitted::Refused(Refusal::BlockedByPolicy { message, .. }) => assert_eq!(message, "Not executed: frozen."),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_call_that_was_matched_before_the_switch_is_not_sent_after_it() {
    let house = house().await;
    let (matched, held) = (house.call(READ), house.call("POST /refunds\n\n{\"amount\":900}"));
    let switch = Switch { mode: SwitchMode::Refuse, reason: "a drill".to_owned() };
    house.gate.stop("gate", &switch, &Actor::Operator).await.unwrap();
    for call in [matched, held] {
        match house.gate.submit(call).await {
            Submitted::Refused(Refusal::Stopped { message }) => assert!(message.contains("a drill"), "{message}"),
            other => panic!("{other:?}"),
        }
    }
    for intent in house.all().await {
        // What was recorded before the second look was not sent; what needs people goes on needing them.
        let ends = if intent.requirement.is_some() { "pending" } else { "failed" };
        house.becomes(intent.id, ends).await;
    }
    house.verifies().await;
}

#[tokio::test]
async fn a_rule_that_cannot_be_read_makes_everything_need_a_person() {
    let house = house().await;
    assert!(matches!(house.submit(READ).await, Submitted::Released(_)));
    let (id, by) = (RuleId::new(START), "operator".to_owned());
    let deed = |kind, data: &str| Deed::KeepRule {
        id,
        kind,
        name: "x".to_owned(),
        data: data.to_owned(),
        new: true,
        by: by.clone(),
    };
    // As a newer program may have written it.
    let store = gate::store::sqlite::SqliteStore::open(&house.path).await.unwrap();
    gate::Store::record(&store, deed(RuleKind::Policy, r#"{"name":"x","decision":"ponder"}"#), &Actor::Operator, START)
        .await
        .unwrap();
    let again = open(&house.path, &house.clock, RULES).await;
    let call = Call { rules: again.rules(), ..house.call(READ) };
    assert!(matches!(again.submit(call).await, Submitted::Held(_)));
}
