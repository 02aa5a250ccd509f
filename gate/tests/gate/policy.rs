//! What policy decides by itself.

use gate::refusal::Refusal;

use crate::harness::*;

#[tokio::test]
async fn what_policy_approves_is_recorded_before_it_may_be_sent_and_its_outcome_after() {
    let house = house().await;
    let released = house.released("GET /refunds/1").await;
    let id = released.intent();
    assert_eq!(house.state(id).await.name(), "executing");
    assert!(!released.by_people());
    let permit = released.permit().unwrap().unwrap();
    assert_eq!(permit.split('.').count(), 3);
    released.executed(sent(true, None)).await;
    house.becomes(id, "executed").await;
    assert_eq!(house.life(id).await, ["submitted", "executed"]);
    let intent = house.intent(id).await;
    assert_eq!(intent.policy.as_deref(), Some("reads pass"));
    assert_eq!(intent.outcome.unwrap().status, Some(200));
    house.verifies().await;
}

#[tokio::test]
async fn what_policy_denies_is_recorded_and_never_released() {
    let house = house().await;
    let Refusal::BlockedByPolicy { intent: Some(id), message } = house.refused("DELETE /refunds/1").await else {
        panic!()
    };
    assert_eq!(message, "Not executed: never.");
    assert_eq!(house.life(id).await, ["submitted"]);
    assert_eq!(house.state(id).await.name(), "denied");
    house.verifies().await;
}

#[tokio::test]
async fn a_release_that_is_dropped_is_unknown() {
    let house = house().await;
    let released = house.released("GET /refunds/1").await;
    let id = released.intent();
    drop(released);
    house.becomes(id, "unknown").await;
    house.verifies().await;
}

#[tokio::test]
async fn many_calls_at_once_all_have_their_place_in_the_log() {
    let house = house().await;
    let calls = (0..200).map(|n| {
        let (gate, call) = (house.gate.clone(), house.call(&format!("GET /refunds/{n}")));
        tokio::spawn(async move {
            let gate::Submitted::Released(released) = gate.submit(call).await else { panic!() };
            released.executed(sent(true, None)).await;
        })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.unwrap();
    }
    house.gate.drain().await;
    let page = house.gate.intents(&gate::IntentFilter { limit: Some(200), ..Default::default() }).await.unwrap();
    assert_eq!(page.items.iter().filter(|intent| intent.state.name() == "executed").count(), 200);
    house.verifies().await;
}
