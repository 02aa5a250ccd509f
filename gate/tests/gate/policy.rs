//! What policy decides by itself.

use gate::intent::IntentFilter;
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
async fn a_call_is_listed_by_what_has_become_of_it_among_all_others() {
    let house = house().await;
    let (done, failed) = (house.released("GET /refunds/1").await, house.released("GET /refunds/2").await);
    let (done_id, failed_id) = (done.intent(), failed.intent());
    let held = house.held("POST /refunds\n\n{\"amount\":1}").await;
    let on_its_way = house.released("GET /refunds/3").await;
    done.executed(sent(true, None)).await;
    failed.failed("x").await;
    house.becomes(done_id, "executed").await;
    house.becomes(failed_id, "failed").await;
    let everything = [on_its_way.intent(), held.intent(), failed_id, done_id];
    for (states, action, listed) in [
        ("", None, &everything[..]),
        ("executing", None, &everything[..1]),
        ("executed", None, &everything[3..]),
        ("executing executed failed pending", None, &everything[..]),
        ("pending", None, &everything[1..2]),
        ("failed", Some("read"), &everything[2..3]),
        ("executed", Some("refund"), &[]),
        ("nonsense", None, &[]),
    ] {
        let states: Vec<String> = states.split_whitespace().map(str::to_owned).collect();
        let mut filter =
            IntentFilter { states, action: action.map(str::to_owned), limit: Some(1), ..IntentFilter::default() };
        let mut found = Vec::new();
        loop {
            let page = house.gate.intents(&filter).await.unwrap();
            found.extend(page.items.iter().map(|intent| intent.id));
            filter.cursor = page.next;
            if filter.cursor.is_none() {
                break;
            }
        }
        assert_eq!(found, listed, "{filter:?}");
    }
}

#[tokio::test]
async fn a_call_that_was_on_its_way_when_the_gate_was_killed_is_unknown() {
    let house = house().await;
    let (done, cut) = (house.released("GET /refunds/1").await, house.released("GET /refunds/2").await);
    let (done_id, id) = (done.intent(), cut.intent());
    done.executed(sent(true, None)).await;
    house.becomes(done_id, "executed").await;
    // As the kernel does when a process is killed.
    for file in std::fs::read_dir(house.folder.path()).unwrap().map(Result::unwrap) {
        if file.file_name().to_string_lossy().contains("-boot-") {
            std::fs::remove_file(file.path()).unwrap();
        }
    }
    let gate = open(&house.path, &house.clock, RULES).await;
    let (clock, agent, folder) = (house.clock.clone(), house.agent.clone(), house.folder.clone());
    let after = House { gate, clock, agent, path: house.path.clone(), folder };
    assert_eq!(after.state(id).await.name(), "unknown");
    assert_eq!(after.state(done_id).await.name(), "executed");
    assert_eq!(after.life(id).await, ["submitted", "unknown"]);
    after.verifies().await;
    // The one that was taken for dead hands its outcome in after all: what was written meanwhile stands.
    cut.executed(sent(true, None)).await;
    house.gate.drain().await;
    assert_eq!(after.life(id).await, ["submitted", "unknown"]);
    after.verifies().await;
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
