//! Crashes, other processes, a store that does not answer.

use std::path::Path;
use std::time::Duration;

use gate::agent::AgentStatus;
use gate::deed::NewAgent;
use gate::hold::Wake;
use gate::refusal::Refusal;
use gate::store::sqlite::SqliteStore;
use gate::{Actor, AgentId, StoreError, Submitted};
use rules::config::{SourceType, Trust};
use sqlx::{Connection as _, SqliteConnection};

use crate::harness::*;

const REFUND: &str = "POST /refunds\n\n{\"amount\":900}";

async fn raw(path: &Path) -> SqliteConnection {
    SqliteConnection::connect(&format!("sqlite:{}", path.display())).await.unwrap()
}

#[tokio::test]
async fn after_a_restart_what_waited_waits_and_what_was_being_sent_is_unknown() {
    let house = house().await;
    let dana = house.approver("dana").await;
    let pending = house.held(REFUND).await;
    let approved = house.held("POST /refunds\n\n{\"amount\":1}").await;
    let mut claimed_one = house.held("POST /refunds\n\n{\"amount\":2}").await;
    let [a, b, c] = [pending.intent(), approved.intent(), claimed_one.intent()];
    drop((pending, approved));
    house.approve(b, &dana).await.unwrap();
    let (_, released) = tokio::join!(house.approve(c, &dana), claimed(&mut claimed_one));
    let by_policy = house.released("GET /refunds/1").await;
    let d = by_policy.intent();
    // As a crash leaves it: nothing more is written. The file is what the disk has.
    let copy = house.folder.path().join("copy.db");
    for end in ["", "-wal"] {
        std::fs::copy(format!("{}{end}", house.path.display()), format!("{}{end}", copy.display())).unwrap();
    }
    // The other process is gone, and its lock with it.
    let gate = open(&copy, &house.clock, RULES).await;
    let after = House {
        gate,
        clock: house.clock.clone(),
        agent: house.agent.clone(),
        path: copy,
        folder: house.folder.clone(),
    };
    assert_eq!(after.state(a).await.name(), "pending");
    assert_eq!(after.state(b).await.name(), "approved");
    assert_eq!(after.state(c).await.name(), "unknown");
    assert_eq!(after.state(d).await.name(), "unknown");
    assert_eq!(after.held(REFUND).await.intent(), a);
    let mut retry = after.held("POST /refunds\n\n{\"amount\":1}").await;
    assert_eq!(retry.intent(), b);
    claimed(&mut retry).await.unwrap().executed(sent(true, None)).await;
    assert!(matches!(after.refused("POST /refunds\n\n{\"amount\":2}").await, Refusal::OutcomeUnknown { .. }));
    after.verifies().await;
    // And they expire in the process that took them up.
    after.clock.advance(Duration::from_secs(1800));
    after.becomes(a, "expired").await;
    drop((released, by_policy));
}

#[tokio::test]
async fn a_second_process_leaves_alone_what_the_first_is_sending() {
    let house = house().await;
    let released = house.released("GET /refunds/1").await;
    let id = released.intent();
    let beside = open(&house.path, &house.clock, RULES).await;
    assert_eq!(beside.intent(id).await.unwrap().unwrap().state.name(), "executing");
    released.executed(sent(true, None)).await;
    house.becomes(id, "executed").await;
    house.verifies().await;
}

#[tokio::test]
async fn a_verdict_from_another_process_wakes_the_hold_here() {
    let house = house().await;
    let dana = house.approver("dana").await;
    let mut hold = house.held(REFUND).await;
    let beside = open(&house.path, &house.clock, RULES).await;
    let decided =
        beside.decide(hold.intent(), &dana, gate::Verdict::Approve, gate::VerdictWith::default()).await.unwrap();
    assert_eq!(decided.state.name(), "approved");
    let released = tokio::time::timeout(Duration::from_secs(5), claimed(&mut hold)).await.unwrap().unwrap();
    released.executed(sent(true, None)).await;
    assert_eq!(house.life(hold.intent()).await, ["submitted", "approved", "claimed", "executed"]);
    house.verifies().await;
}

#[tokio::test]
async fn of_two_processes_that_race_for_one_claim_one_wins() {
    let house = house().await;
    let dana = house.approver("dana").await;
    let gate = open(&house.path, &house.clock, RULES).await;
    let beside = House {
        gate,
        clock: house.clock.clone(),
        agent: house.agent.clone(),
        path: house.path.clone(),
        folder: house.folder.clone(),
    };
    for n in 0..25 {
        let call = format!("POST /refunds\n\n{{\"amount\":{n}}}");
        let id = house.held(&call).await.intent();
        house.approve(id, &dana).await.unwrap();
        let (mut one, mut two) = (house.held(&call).await, beside.held(&call).await);
        let (Wake::Connect(a), Wake::Connect(b)) = (one.wake().await, two.wake().await) else { panic!() };
        let (a, b) = tokio::join!(a.claim(), b.claim());
        let won = match (a, b) {
            (Ok(won), Err(Refusal::AlreadyExecuted { .. })) | (Err(Refusal::AlreadyExecuted { .. }), Ok(won)) => won,
            other => panic!("{other:?}"),
        };
        won.executed(sent(true, None)).await;
        assert_eq!(house.life(id).await, ["submitted", "approved", "claimed", "executed"]);
    }
    house.verifies().await;
}

#[tokio::test]
async fn what_another_process_has_paused_is_not_claimed_before_this_one_has_heard_of_it() {
    let mut house = house().await;
    let dana = house.approver("dana").await;
    house.agent = house.gate.add_agent(mailer(), &Actor::Operator).await.unwrap().0;
    let id = house.held(REFUND).await.intent();
    house.approve(id, &dana).await.unwrap();
    let mut retry = house.held(REFUND).await;
    let Wake::Connect(approved) = retry.wake().await else { panic!() };
    let mut other = raw(&house.path).await;
    sqlx::raw_sql("UPDATE agents SET status = 'paused'").execute(&mut other).await.unwrap();
    assert!(approved.claim().await.is_err());
    assert_eq!(house.life(id).await, ["submitted", "approved"]);
}

#[tokio::test]
async fn what_came_of_the_last_calls_is_written_before_the_gate_has_stopped() {
    let house = house().await;
    let calls = (0..600).map(|n| {
        let (gate, call) = (house.gate.clone(), house.call(&format!("GET /refunds/{n}")));
        async move {
            let gate::Submitted::Released(released) = gate.submit(call).await else { panic!() };
            released
        }
    });
    let released = futures::future::join_all(calls).await;
    let ids: Vec<_> = released.iter().map(gate::Released::intent).collect();
    let mut other = raw(&house.path).await;
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    for released in released {
        released.executed(sent(true, None)).await;
    }
    let unlock = async {
        tokio::task::yield_now().await;
        sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
    };
    tokio::join!(house.gate.drain(), unlock);
    for id in ids {
        assert_eq!(house.state(id).await.name(), "executed", "{id}");
    }
    house.verifies().await;
}

#[tokio::test]
async fn while_the_store_is_locked_nothing_is_released_rejects_stay_and_it_recovers() {
    let house = house().await;
    let dana = house.approver("dana").await;
    let hold = house.held(REFUND).await;
    let mut other = raw(&house.path).await;
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    let (pass, held, reject, decided, ready) = tokio::join!(
        house.submit("GET /refunds/1"),
        house.submit("POST /refunds\n\n{\"amount\":1}"),
        house.submit("DELETE /refunds/1"),
        house.approve(hold.intent(), &dana),
        house.gate.ready(),
    );
    assert!(matches!(pass, Submitted::Refused(Refusal::Unavailable { .. })), "{pass:?}");
    assert!(matches!(held, Submitted::Refused(Refusal::Unavailable { .. })), "{held:?}");
    assert!(matches!(reject, Submitted::Refused(Refusal::BlockedByPolicy { .. })), "{reject:?}");
    assert!(decided.is_err() && ready.is_err());
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
    house.becomes(hold.intent(), "pending").await;
    for _ in 0..200 {
        if house.gate.ready().await.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    house.released("GET /refunds/2").await.executed(sent(true, None)).await;
    drop(hold);
    house.gate.drain().await;
    // Whoever was refused has nothing under way.
    assert!(house.all().await.iter().all(|intent| intent.state.name() != "executing"));
    house.verifies().await;
}

#[tokio::test]
async fn an_outcome_that_could_not_be_written_at_once_is_written_later() {
    let house = house().await;
    let released = house.released("GET /refunds/1").await;
    let id = released.intent();
    let mut other = raw(&house.path).await;
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    released.executed(sent(true, None)).await;
    assert!(matches!(house.submit("GET /refunds/2").await, Submitted::Refused(_)));
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
    house.becomes(id, "executed").await;
    house.verifies().await;
}

#[tokio::test]
async fn a_new_store_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let house = house().await;
    for file in std::fs::read_dir(house.path.parent().unwrap()).unwrap() {
        let file = file.unwrap();
        let name = file.file_name().into_string().unwrap();
        // The empty lock files say nothing.
        if name.contains("-boot-") {
            continue;
        }
        let mode = file.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{name}");
    }
}

#[tokio::test]
async fn a_store_of_a_newer_version_is_refused() {
    let house = house().await;
    let mut other = raw(&house.path).await;
    sqlx::raw_sql("PRAGMA user_version = 99").execute(&mut other).await.unwrap();
    assert!(matches!(SqliteStore::open(&house.path).await, Err(StoreError::Newer(99))));
}

fn mailer() -> NewAgent {
    NewAgent {
        id: AgentId::new(START),
        name: "mailer".to_owned(),
        fingerprint: "mailer".to_owned(),
        project: "default".to_owned(),
        owner: None,
        framework: None,
        risk_sensitivity: None,
        trust: Trust::Active,
        source_type: SourceType::AiAgent,
    }
}

#[tokio::test]
async fn a_paused_agent_is_not_released_and_a_revoked_one_is_denied() {
    let mut house = house().await;
    let dana = house.approver("dana").await;
    house.agent = house.gate.add_agent(mailer(), &Actor::Operator).await.unwrap().0;
    let mut hold = house.held(REFUND).await;
    let id = hold.intent();
    let set = |status| house.gate.set_agent_status(house.agent.id, status, None, &Actor::Operator);
    set(AgentStatus::Paused).await.unwrap();
    assert!(matches!(hold.wake().await, Wake::Refused(Refusal::AgentPaused { .. })));
    drop(hold);
    assert_eq!(house.state(id).await.name(), "pending");
    assert!(matches!(house.refused("GET /refunds/1").await, Refusal::AgentPaused { .. }));
    house.approve(id, &dana).await.unwrap();
    set(AgentStatus::Active).await.unwrap();
    // Woken to connect, paused before the claim.
    let mut retry = house.held(REFUND).await;
    let Wake::Connect(approved) = retry.wake().await else { panic!() };
    set(AgentStatus::Paused).await.unwrap();
    assert!(matches!(approved.claim().await, Err(Refusal::AgentPaused { .. })));
    assert_eq!(house.state(id).await.name(), "approved");
    set(AgentStatus::Revoked).await.unwrap();
    assert_eq!(house.state(id).await.name(), "denied");
    assert!(matches!(house.refused(REFUND).await, Refusal::AgentRevoked { .. }));
    assert_eq!(house.life(id).await, ["submitted", "approved", "denied"]);
    house.verifies().await;
}

#[tokio::test]
async fn a_rule_that_rejects_now_wins_over_an_approval_of_before() {
    let house = house().await;
    let dana = house.approver("dana").await;
    let id = house.held(REFUND).await.intent();
    house.approve(id, &dana).await.unwrap();
    let mut retry = house.held(REFUND).await;
    let Wake::Connect(approved) = retry.wake().await else { panic!() };
    let strict =
        format!("{RULES}  - {{ name: freeze, action: refund, decision: auto_deny, priority: 99, message: frozen }}\n");
    house.gate.swap_rules(rules(&strict)).await.unwrap();
    assert!(matches!(approved.claim().await, Err(Refusal::BlockedByPolicy { .. })));
    assert_eq!(house.life(id).await, ["submitted", "approved", "denied"]);
}

#[tokio::test]
async fn an_approver_who_lost_the_role_does_not_count_at_the_claim() {
    let house = house().await;
    house.person("ada", gate::Role::Admin).await;
    let dana = house.approver("dana").await;
    let id = house.held(REFUND).await.intent();
    house.approve(id, &dana).await.unwrap();
    house.gate.disable_person(dana.id, true, &Actor::Operator).await.unwrap();
    let mut retry = house.held(REFUND).await;
    let Wake::Connect(approved) = retry.wake().await else { panic!() };
    let Err(Refusal::BlockedByPolicy { intent, message }) = approved.claim().await else { panic!() };
    assert_eq!(intent, Some(id));
    assert!(message.contains("may not approve it any more"), "{message}");
    assert_eq!(house.life(id).await, ["submitted", "approved", "denied"]);
    // It is nobody's no: people are asked anew.
    assert_ne!(house.held(REFUND).await.intent(), id);
    house.verifies().await;
}

#[tokio::test]
async fn a_caller_that_waits_out_a_delay_is_told_when_its_approver_lost_the_role_meanwhile() {
    let house = house().await;
    house.person("ada", gate::Role::Admin).await;
    let dana = house.approver("dana").await;
    let mut hold = house.held("POST /late\n\n{}").await;
    let id = hold.intent();
    house.approve(id, &dana).await.unwrap();
    house.gate.disable_person(dana.id, true, &Actor::Operator).await.unwrap();
    assert_eq!(house.state(id).await.name(), "approved", "the role may come back before it is sent");
    house.clock.advance(Duration::from_secs(61));
    let Wake::Connect(approved) = hold.wake().await else { panic!() };
    assert!(matches!(approved.claim().await, Err(Refusal::BlockedByPolicy { .. })));
    assert_eq!(house.life(id).await, ["submitted", "approved", "denied"]);
    house.verifies().await;
}

/// What an intruder with the file could do, and what the verifier says of it.
async fn tampered(sql: &'static str) -> Vec<String> {
    let house = house().await;
    for n in 0..5 {
        house.released(&format!("GET /refunds/{n}")).await.executed(sent(true, None)).await;
    }
    house.released("GET /refunds/5").await.failed("x").await;
    house.gate.drain().await;
    house.verifies().await;
    let mut other = raw(&house.path).await;
    let attempt = sqlx::raw_sql(sql).execute(&mut other).await;
    assert!(attempt.is_err() || !sql.contains("events"), "the log let itself be changed");
    sqlx::raw_sql("DROP TRIGGER events_stay; DROP TRIGGER events_remain; PRAGMA foreign_keys = OFF;")
        .execute(&mut other)
        .await
        .unwrap();
    sqlx::raw_sql(sql).execute(&mut other).await.unwrap();
    house.gate.verify_audit(None).await.unwrap().problems
}

#[tokio::test]
async fn a_log_that_was_tampered_with_does_not_verify_and_says_where() {
    for (sql, says) in [
        ("UPDATE events SET data = replace(data, 'reads pass', 'reads PASS') WHERE seq = 2", "event 2: its text"),
        ("UPDATE events SET actor = 'agent other' WHERE seq = 3", "event 3: its text"),
        ("DELETE FROM events WHERE seq = 2", "event 2 is missing"),
        ("DELETE FROM events WHERE seq >= 9", "are missing"),
        (
            "UPDATE events SET seq = -1 WHERE seq = 3; UPDATE events SET seq = 3 WHERE seq = 4; UPDATE events SET seq = 4 WHERE seq = -1",
            "event 3: its text",
        ),
        ("UPDATE intents SET state = 'unknown' WHERE state = 'failed'", "and its events say failed"),
        (
            "UPDATE intents SET state = 'unknown', version = version + 1 WHERE state = 'failed'",
            "is further than its events",
        ),
        (
            "UPDATE intents SET votes = '[{\"by\":\"00000000-0000-7000-8000-000000000000\",\"email\":\"x\",\"verdict\":\"approve\",\"comment\":null,\"at\":1}]' WHERE state = 'failed'",
            "votes",
        ),
        (
            "INSERT INTO intents (n, id, version, last, state, at, people, project, action, fingerprint, why) SELECT 1000 + (SELECT count(*) FROM intents), randomblob(16), 0, 2, 'denied', at, 0, project, action, fingerprint, 'x' FROM intents WHERE state = 'failed'",
            "it has no first event",
        ),
        ("DELETE FROM intents WHERE n = (SELECT min(n) FROM intents)", "has events and no row"),
        ("DELETE FROM calls WHERE n = (SELECT min(n) FROM calls)", "has events and no row"),
        ("UPDATE calls SET last = n WHERE n = (SELECT min(n) FROM calls)", "is behind its events"),
        ("UPDATE calls SET last = (SELECT max(last) FROM calls) WHERE n = (SELECT min(n) FROM calls)", "executed with"),
        ("UPDATE calls SET id = randomblob(16) WHERE n = (SELECT min(n) FROM calls)", "has no events"),
        ("UPDATE tree SET frontier = randomblob(length(frontier))", "the root"),
    ] {
        let problems = tampered(sql).await;
        assert!(problems.iter().any(|problem| problem.contains(says)), "{sql}: {problems:?}");
    }
}
