//! Rules that are loaded again while calls wait.

use gate::Submitted;
use gate::hold::Wake;
use gate::refusal::Refusal;

use crate::harness::*;

const REFUND: &str = "POST /refunds\n\n{\"amount\":900}";

/// What became of a call that was approved under [`RULES`], when it was claimed under these.
async fn claimed_under(changed: &str) -> Result<Vec<String>, String> {
    assert_ne!(changed, RULES, "nothing was changed");
    let house = house().await;
    let dana = house.approver("dana").await;
    let id = house.held(REFUND).await.intent();
    house.approve(id, &dana).await.unwrap();
    let mut retry = house.held(REFUND).await;
    assert_eq!(retry.intent(), id);
    let Wake::Connect(approved) = retry.wake().await else { panic!() };
    house.gate.swap_rules(rules(changed)).await.unwrap();
    match approved.claim().await {
        Ok(released) => {
            assert!(released.permit().unwrap().is_some());
            released.executed(sent(true, None)).await;
            house.verifies().await;
            Ok(house.life(id).await)
        }
        Err(Refusal::BlockedByPolicy { message, intent }) => {
            assert_eq!(intent, Some(id));
            assert_eq!(house.life(id).await, ["submitted", "approved", "denied"]);
            house.verifies().await;
            Err(message)
        }
        Err(other) => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_approved_call_that_the_rules_of_now_reject_is_denied_and_says_why() {
    let refund = "      - { action: refund, match: POST /refunds, risk_tier: high, params: { amount: { from: /amount, type: integer } } }\n";
    let freeze = |what: &str| {
        format!(
            "{RULES}  - {{ name: freeze, {what}, decision: auto_deny, priority: 99, message: 'Not executed: frozen.' }}\n"
        )
    };
    let table = [
        (RULES.replace(refund, ""), "no route is for it any more"),
        (freeze("action: refund"), "frozen"),
        // What it is called now counts, and what it was called when it was approved.
        (freeze("action: pay_back").replace("action: refund, match", "action: pay_back, match"), "frozen"),
        (freeze("action: refund").replace("action: refund, match", "action: pay_back, match"), "frozen"),
        (freeze("risk_tier: critical").replace("/refunds, risk_tier: high", "/refunds, risk_tier: critical"), "frozen"),
        (freeze("action: refund, when: params.amount > 800"), "frozen"),
        (RULES.replace("payments:\n", "ledger:\n"), "the upstream payments is not configured any more"),
        (RULES.replace("127.0.0.1:9", "127.0.0.1:10"), "the upstream payments is at another address now"),
        (RULES.replace("http://127", "https://127"), "the upstream payments is at another address now"),
        (RULES.replace("127.0.0.1:9", "127.0.0.1:9/v2"), "it would be sent to another path now"),
        (
            RULES
                .replace("    at: /payments", "    at: /payments\n    projects: [other]")
                .replace("upstreams:", "projects: [other]\nupstreams:"),
            "the upstream payments is not open to this project any more",
        ),
        (
            RULES.replace(
                refund,
                "      - { action: refund, match: { method: POST, path: /refunds, form: { amount: '9' } } }\n",
            ),
            "it cannot be read by the rules of now",
        ),
    ];
    for (changed, why) in table {
        let message = claimed_under(&changed).await.expect_err(why);
        assert!(message.contains(why), "{message:?} instead of {why:?}");
    }
}

#[tokio::test]
async fn an_approved_call_keeps_what_it_needed_when_it_was_recorded() {
    let freeze = "  - { name: freeze, action: refund, decision: auto_deny, priority: 99 }\n";
    let table = [
        ("a stricter rule", RULES.replace("required: 1, expires_in: 30m", "required: 2, expires_in: 30m")),
        (
            "a rule that approves",
            RULES.replace(
                "action: refund, decision: require_approval, approvals: { required: 1, expires_in: 30m }",
                "action: refund, decision: auto_approve",
            ),
        ),
        ("another action", RULES.replace("action: refund, match", "action: pay_back, match")),
        (
            "no route, where it then passes",
            RULES
                .replace("    at: /payments", "    at: /payments\n    unmatched: pass")
                .replace("POST /refunds", "POST /elsewhere"),
        ),
        ("a denial that is only recorded", format!("enforce: false\n{RULES}{freeze}")),
    ];
    for (what, changed) in table {
        let life = claimed_under(&changed).await.unwrap_or_else(|why| panic!("{what}: {why}"));
        assert_eq!(life, ["submitted", "approved", "claimed", "executed"], "{what}");
    }
}

#[tokio::test]
async fn an_intent_that_was_recorded_for_another_address_is_not_sent_to_the_new_one() {
    let house = house().await;
    let dana = house.approver("dana").await;
    let id = house.held(REFUND).await.intent();
    house.approve(id, &dana).await.unwrap();
    house.gate.swap_rules(rules(&RULES.replace("127.0.0.1:9", "127.0.0.1:10"))).await.unwrap();
    // The retry itself was read by the new rules.
    let mut retry = house.held(REFUND).await;
    assert_eq!(retry.intent(), id);
    let Err(Refusal::BlockedByPolicy { message, .. }) = claimed(&mut retry).await else { panic!() };
    assert!(message.contains("another address"), "{message}");
    // Asked again, it is a new call.
    assert_ne!(house.held(REFUND).await.intent(), id);
}

#[tokio::test]
async fn a_call_is_decided_by_the_rules_that_matched_it() {
    let house = house().await;
    let call = house.call("GET /refunds/1");
    let recorded = house.gate.rules().config().digest.clone();
    let strict = format!("{RULES}  - {{ name: freeze, action: read, decision: auto_deny, priority: 99 }}\n");
    house.gate.swap_rules(rules(&strict)).await.unwrap();
    let Submitted::Released(released) = house.gate.submit(call).await else { panic!("decided by other rules") };
    assert_eq!(house.intent(released.intent()).await.config_digest, recorded);
    released.executed(sent(true, None)).await;
    assert!(matches!(house.refused("GET /refunds/1").await, Refusal::BlockedByPolicy { .. }));
}

/// The log says which configuration was in force from when on, and what it was before.
#[tokio::test]
async fn a_change_of_the_configuration_is_in_the_log_once() {
    let house = house().await;
    let changes = async || -> Vec<serde_json::Value> {
        let log = house.gate.audit(0, 1000).await.unwrap();
        let changes = log.iter().filter(|entry| entry.kind == "config.changed");
        changes.map(|entry| serde_json::from_str(&entry.data).unwrap()).collect()
    };
    let first = house.gate.rules().config().digest.clone();
    house.gate.note_config(&first).await.unwrap();
    house.gate.note_config(&first).await.unwrap();
    let second = rules(&RULES.replace("no drops", "never drops"));
    house.gate.swap_rules(second.clone()).await.unwrap();
    house.gate.swap_rules(second.clone()).await.unwrap();
    let (first, second) = (serde_json::json!(first), serde_json::json!(second.config().digest));
    assert_ne!(first, second);
    let told: Vec<_> =
        changes().await.into_iter().map(|change| (change["before"].clone(), change["after"].clone())).collect();
    assert_eq!(told, [(serde_json::Value::Null, first.clone()), (first, second)]);
    house.verifies().await;
}
