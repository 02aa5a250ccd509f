//! What an outsider can check: checkpoints, and the evidence of one call.

use std::time::Duration;

use gate::audit::checkpoint::{Checkpoint, LogKey, VerifierKey};
use gate::audit::evidence::Evidence;
use gate::store::sqlite::SqliteStore;
use gate::{Clock as _, Gate, IntentId, Store as _};
use serde_json::{Value, json};

use crate::harness::*;

const REFUND: &str = "POST /refunds\n\n{\"amount\":900}";

/// A house whose log is signed, and the keys that tell.
async fn signing() -> (House, Gate, Vec<VerifierKey>) {
    let house = house().await;
    let gate = house.gate.clone().signing_checkpoints(LogKey::ephemeral("gate.example.com/log", 0).unwrap());
    let keys = gate.log_keys();
    (house, gate, keys)
}

/// A call that policy approves, executed and written.
async fn executed(house: &House, text: &str) -> IntentId {
    let released = house.released(text).await;
    let id = released.intent();
    released.executed(sent(true, None)).await;
    house.becomes(id, "executed").await;
    id
}

/// A refund that a person approved and that was executed, among other calls.
async fn approved_refund(house: &House) -> IntentId {
    let dana = house.approver("dana").await;
    executed(house, "GET /refunds/1").await;
    let mut held = house.held(REFUND).await;
    let id = held.intent();
    let (approved, released) = tokio::join!(house.approve(id, &dana), claimed(&mut held));
    approved.unwrap();
    released.unwrap().executed(sent(true, None)).await;
    for n in 0..9 {
        house.released(&format!("GET /refunds/{n}")).await.executed(sent(true, None)).await;
    }
    executed(house, "GET /refunds/10").await;
    id
}

#[tokio::test]
async fn the_evidence_of_a_call_is_checked_without_the_gate() {
    let (house, gate, keys) = signing().await;
    let id = approved_refund(&house).await;
    let evidence = gate.evidence(id).await.unwrap().unwrap();
    let file = serde_json::to_string(&evidence).unwrap();
    let read: Evidence = serde_json::from_str(&file).unwrap();
    let shown = read.check(&keys).unwrap();
    assert_eq!(shown.state.as_ref().map(gate::State::name), Some("executed"));
    assert_eq!(shown.content_digest, Some(house.intent(id).await.request.unwrap().content_digest));
    let kinds: Vec<&str> = read.events.iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(kinds, ["intent.submitted", "intent.approved", "intent.claimed", "intent.executed"]);
    assert!(read.events[1].actor.contains("dana"));
    assert_eq!(gate.evidence("int_0199a3c2d8a07c1e9b1f0a2b3c4d5e6f".parse().unwrap()).await.unwrap(), None);
}

/// What a forger could write into the file, and what is said of it.
#[tokio::test]
async fn evidence_that_was_changed_does_not_hold() {
    let (house, gate, keys) = signing().await;
    let id = approved_refund(&house).await;
    let other_id = executed(&house, "GET /refunds/77").await;
    let whole = serde_json::to_value(gate.evidence(id).await.unwrap().unwrap()).unwrap();
    let others = serde_json::to_value(gate.evidence(other_id).await.unwrap().unwrap()).unwrap();
    type Change = fn(&mut Value, &Value);
    let cases: [(&str, Change); 12] = [
        ("committed to", |file, _| {
            let data = file["events"][1]["data"].as_str().unwrap().replace("dana", "kofi");
            file["events"][1]["data"] = json!(data);
        }),
        ("does not stand in the log", |file, _| file["events"][1]["actor"] = json!("kofi")),
        ("does not stand in the log", |file, _| file["events"][1]["at"] = json!(7)),
        ("does not stand in the log", |file, _| {
            file["events"][3]["seq"] = json!(file["events"][3]["seq"].as_u64().unwrap() + 1);
        }),
        ("about something else", |file, others| file["events"][1] = others["events"][0].clone()),
        ("first event is missing", |file, _| drop(file["events"].as_array_mut().unwrap().remove(0))),
        ("cannot become", |file, _| file["events"].as_array_mut().unwrap().swap(1, 2)),
        ("before an earlier one", |file, _| {
            let again = file["events"][1].clone();
            file["events"].as_array_mut().unwrap().push(again);
        }),
        ("cannot be read", |file, _| drop(file["events"][1].as_object_mut().unwrap().remove("salt"))),
        ("no events", |file, _| file["events"] = json!([])),
        ("checkpoint", |file, _| {
            file["checkpoint"] = json!(file["checkpoint"].as_str().unwrap().replacen("/log\n", "/log\n1", 1));
        }),
        ("format", |file, _| file["format"] = json!("holdshort.evidence.v2")),
    ];
    for (says, change) in cases {
        let mut file = whole.clone();
        change(&mut file, &others);
        let evidence: Evidence = serde_json::from_value(file).unwrap();
        let said = evidence.check(&keys).unwrap_err().to_string();
        assert!(said.contains(says), "{says:?} is not in {said:?}");
    }
    let evidence: Evidence = serde_json::from_value(whole).unwrap();
    let stranger = LogKey::ephemeral("gate.example.com/log", 0).unwrap();
    assert!(evidence.check(&stranger.verifiers()).is_err(), "another key of that name");
    assert!(evidence.check(&keys).is_ok());
}

#[tokio::test]
async fn a_log_that_was_cut_or_rewritten_does_not_extend_its_checkpoint() {
    let (house, gate, keys) = signing().await;
    approved_refund(&house).await;
    let earlier = Checkpoint::open(&gate.checkpoint().await.unwrap(), &keys).unwrap();
    executed(&house, "GET /refunds/1").await;
    assert!(gate.extends(&earlier).await.unwrap());
    assert_eq!(gate.verify_audit(Some(&earlier)).await.unwrap().problems, Vec::<String>::new());
    // Another history, as long and whole in itself.
    let (other_house, other, _) = signing().await;
    approved_refund(&other_house).await;
    assert_eq!(other.verify_audit(None).await.unwrap().problems, Vec::<String>::new());
    assert!(!other.extends(&earlier).await.unwrap());
    let problems = other.verify_audit(Some(&earlier)).await.unwrap().problems;
    assert!(
        problems.iter().any(|problem| problem.contains("are not those that the checkpoint was over")),
        "{problems:?}"
    );
    // One that ends before.
    let longer = Checkpoint { size: 1000, ..earlier };
    assert!(!gate.extends(&longer).await.unwrap());
    let problems = gate.verify_audit(Some(&longer)).await.unwrap().problems;
    assert!(problems.iter().any(|problem| problem.contains("events were taken away")), "{problems:?}");
}

/// Old details go, the tree stays: who did what when is proven for ever.
#[tokio::test]
async fn details_are_deleted_by_age_and_the_log_still_verifies() {
    let (house, gate, keys) = signing().await;
    let old = approved_refund(&house).await;
    let earlier = Checkpoint::open(&gate.checkpoint().await.unwrap(), &keys).unwrap();
    house.clock.advance(Duration::from_secs(366 * 24 * 3600));
    let open = house.held("POST /refunds\n\n{\"amount\":901}").await;
    let young = executed(&house, "GET /refunds/young").await;
    let secret = "900";
    assert!(everything(&house).await.contains(secret) && body(&house, old).await.is_some());
    let beside = SqliteStore::open(&house.path).await.unwrap();
    while beside.prune(house.clock.now().minus(Duration::from_secs(365 * 24 * 3600))).await.unwrap() {}

    let intent = house.intent(old).await;
    assert_eq!((intent.state.name(), intent.action.as_str()), ("executed", "refund"));
    assert_eq!(intent.request.unwrap().target, "(deleted)");
    assert!(intent.approvals[0].email.contains("dana"), "who decided is never deleted");
    assert!(body(&house, old).await.is_none());
    assert!(!everything(&house).await.contains(&format!("amount\\\":{secret}")), "{}", everything(&house).await);
    assert!(house.intent(young).await.request.unwrap().target.contains("young"));
    assert!(body(&house, open.intent()).await.is_some());

    house.verifies().await;
    assert!(gate.extends(&earlier).await.unwrap());
    let evidence = gate.evidence(old).await.unwrap().unwrap();
    let shown = evidence.check(&keys).unwrap();
    assert_eq!((shown.state, shown.content_digest), (None, None), "what is gone is not made up");
    let text = serde_json::to_string(&evidence).unwrap();
    assert!(text.contains("dana") && !text.contains("(deleted)"), "{text}");
}

/// What stands in the log, as text.
async fn everything(house: &House) -> String {
    format!("{:?}", house.gate.audit(0, 1000).await.unwrap())
}

async fn body(house: &House, id: IntentId) -> Option<bytes::Bytes> {
    house.intent(id).await.request.unwrap().body
}

/// The file is to be mailed and kept: one event of a long log, and the whole of a call.
#[tokio::test]
async fn a_proof_is_small() {
    let (house, gate, keys) = signing().await;
    for n in 0..1500 {
        house.released(&format!("GET /refunds/{n}")).await.executed(sent(true, None)).await;
    }
    let id = executed(&house, "GET /refunds/1").await;
    let evidence = gate.evidence(id).await.unwrap().unwrap();
    assert!(evidence.check(&keys).is_ok());
    for event in &evidence.events {
        let size = serde_json::to_string(event).unwrap().len();
        assert!(size < 3000, "{size} bytes");
    }
}
