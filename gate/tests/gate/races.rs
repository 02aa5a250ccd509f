//! Two things at once: connections that take over while another connects, callers and deciders that go
//! away in the middle, a store so slow that nobody listens any more when it has written.

use std::time::Duration;

use gate::hold::{Hold, Wake};
use gate::refusal::Refusal;
use gate::store::sqlite::SqliteStore;
use gate::{Submitted, Verdict, VerdictWith};
use sqlx::{Connection as _, SqliteConnection};

use crate::harness::*;

const REFUND: &str = "POST /refunds\n\n{\"amount\":900}";

/// What a connection is woken for, soon.
async fn woken(hold: &mut Hold) -> Wake {
    tokio::time::timeout(Duration::from_secs(5), hold.wake()).await.expect("nobody woke it")
}

/// Takes the write lock of the file, as another process may.
async fn lock(house: &House) -> SqliteConnection {
    let mut other = SqliteConnection::connect(&format!("sqlite:{}", house.path.display())).await.unwrap();
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    other
}

async fn unlock(mut other: SqliteConnection) {
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
}

#[tokio::test]
async fn a_connection_that_came_while_another_connected_learns_how_it_ended() {
    for delivered in [true, false] {
        let house = house().await;
        let dana = house.approver("dana").await;
        let mut old = house.held(REFUND).await;
        let id = old.intent();
        let (decided, (released, mut new)) = tokio::join!(house.approve(id, &dana), async {
            let Wake::Connect(approved) = old.wake().await else { panic!() };
            let new = house.held(REFUND).await;
            (approved.claim().await.unwrap(), new)
        });
        assert_eq!(decided.unwrap().state.name(), "executing");
        released.executed(sent(delivered, (!delivered).then(|| answer(id)))).await;
        match woken(&mut new).await {
            Wake::Refused(Refusal::AlreadyExecuted { intent }) if delivered => assert_eq!(intent, id),
            Wake::Answered(answer) if !delivered => assert_eq!(answer.intent, id),
            other => panic!("delivered {delivered}: {other:?}"),
        }
        assert_eq!(house.all().await.len(), 1);
        house.verifies().await;
    }
}

#[tokio::test]
async fn a_connection_that_came_while_another_failed_to_connect_may_send() {
    let house = house().await;
    let dana = house.approver("dana").await;
    let mut old = house.held(REFUND).await;
    let id = old.intent();
    let (decided, mut new) = tokio::join!(house.approve(id, &dana), async {
        let Wake::Connect(approved) = old.wake().await else { panic!() };
        let new = house.held(REFUND).await;
        approved.unreachable("refused").await;
        new
    });
    assert_eq!(decided.unwrap().state.name(), "approved");
    let Wake::Connect(approved) = woken(&mut new).await else { panic!() };
    approved.claim().await.unwrap().executed(sent(true, None)).await;
    assert_eq!(house.life(id).await, ["submitted", "approved", "claimed", "executed"]);
}

#[tokio::test]
async fn a_decider_who_goes_away_in_the_middle_has_decided_and_the_caller_hears_of_it() {
    let house = house().await;
    let dana = house.approver("dana").await;
    let mut hold = house.held(REFUND).await;
    let id = hold.intent();
    let other = lock(&house).await;
    let gate = house.gate.clone();
    let deciding =
        tokio::spawn(async move { gate.decide(id, &dana, Verdict::Deny, VerdictWith::default()).await.is_ok() });
    // Long enough for the verdict to stand before the lock.
    tokio::time::sleep(Duration::from_millis(300)).await;
    deciding.abort();
    assert!(deciding.await.unwrap_err().is_cancelled());
    unlock(other).await;
    assert!(matches!(woken(&mut hold).await, Wake::Refused(Refusal::Denied { .. })));
    assert_eq!(house.state(id).await.name(), "denied");
}

/// Runs `what` while the store is so slow that it is given up, and is written all the same.
async fn too_slow<T>(house: &House, what: impl Future<Output = T>) -> T {
    let other = lock(house).await;
    let gate = house.gate.clone();
    // The first waits for the lock until its patience ends; the second has begun when it is given up.
    let first = tokio::spawn(async move { gate.ready().await.is_ok() });
    tokio::task::yield_now().await;
    let done = what.await;
    unlock(other).await;
    assert!(!first.await.unwrap());
    done
}

#[tokio::test]
async fn a_claim_that_was_given_up_and_written_all_the_same_was_not_sent_and_says_so() {
    let house = house().await;
    let dana = house.approver("dana").await;
    let id = house.held(REFUND).await.intent();
    house.approve(id, &dana).await.unwrap();
    let mut retry = house.held(REFUND).await;
    let Wake::Connect(approved) = woken(&mut retry).await else { panic!() };
    let claimed = too_slow(&house, approved.claim()).await;
    assert!(matches!(claimed, Err(Refusal::Unavailable { .. })), "{claimed:?}");
    house.becomes(id, "failed").await;
    assert_eq!(house.life(id).await, ["submitted", "approved", "claimed", "failed"]);
    house.verifies().await;
}

#[tokio::test]
async fn a_call_that_was_given_up_and_recorded_all_the_same_expires() {
    let house = house().await;
    let refused = too_slow(&house, house.submit(REFUND)).await;
    assert!(matches!(refused, Submitted::Refused(Refusal::Unavailable { .. })), "{refused:?}");
    let id = loop {
        match house.all().await.first() {
            Some(intent) => break intent.id,
            None => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    };
    assert_eq!(house.state(id).await.name(), "pending");
    house.clock.advance(Duration::from_secs(1800));
    house.becomes(id, "expired").await;
}

#[tokio::test]
async fn a_denial_that_was_given_up_and_written_all_the_same_reaches_the_caller() {
    let house = house().await;
    let dana = house.approver("dana").await;
    let mut hold = house.held(REFUND).await;
    let denied = too_slow(&house, house.deny(hold.intent(), &dana, "no")).await;
    assert!(denied.is_err());
    // The clock of deadlines is moved by hand here.
    house.becomes(hold.intent(), "denied").await;
    house.clock.advance(Duration::from_secs(5));
    assert!(matches!(woken(&mut hold).await, Wake::Refused(Refusal::Denied { .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_policy_lets_pass_in_two_processes_at_once_all_ends_executed() {
    let house = house().await;
    let beside = open(&house.path, &house.clock, RULES).await;
    let mut running = tokio::task::JoinSet::new();
    for n in 0..600 {
        let gate = if n % 2 == 0 { house.gate.clone() } else { beside.clone() };
        let call = house.call(&format!("GET /refunds/{n}"));
        running.spawn(async move {
            let Submitted::Released(released) = gate.submit(call).await else { panic!() };
            let id = released.intent();
            released.executed(sent(true, None)).await;
            id
        });
    }
    let ids = running.join_all().await;
    house.gate.drain().await;
    beside.drain().await;
    for id in ids {
        house.becomes(id, "executed").await;
    }
    house.verifies().await;
}

#[tokio::test]
async fn who_attaches_to_what_is_over_and_not_yet_written_hears_of_it() {
    const CHARGE: &str = "POST /charges\nidempotency-key: k1\n\n{\"amount\":1}";
    let house = house().await;
    let released = house.released(CHARGE).await;
    let id = released.intent();
    let other = lock(&house).await;
    released.executed(sent(true, None)).await;
    let mut hold = house.held(CHARGE).await;
    assert_eq!(hold.intent(), id);
    unlock(other).await;
    house.becomes(id, "executed").await;
    house.clock.advance(Duration::from_secs(2));
    assert!(matches!(woken(&mut hold).await, Wake::Refused(Refusal::AlreadyExecuted { .. })));
}

#[tokio::test]
async fn who_comes_again_takes_over_also_where_no_more_may_be_held() {
    let house = house_with(&format!("{RULES}limits: {{ per_agent: {{ held: 1 }} }}\n")).await;
    let old = house.held(REFUND).await;
    let new = house.held(REFUND).await;
    assert_eq!(old.intent(), new.intent());
    assert!(matches!(house.refused("POST /refunds\n\n{\"amount\":1}").await, Refusal::Limited { .. }));
}

#[tokio::test]
async fn a_store_behind_a_symbolic_link_is_synced_where_it_is() {
    let house = house().await;
    house.gate.drain().await;
    let link = house.folder.path().join("elsewhere");
    std::fs::create_dir(&link).unwrap();
    let link = link.join("link.db");
    std::os::unix::fs::symlink(&house.path, &link).unwrap();
    let gate = open(&link, &house.clock, RULES).await;
    let house = House { gate, path: link, ..house };
    let dana = house.approver("dana").await;
    let mut hold = house.held(REFUND).await;
    let (decided, released) = tokio::join!(house.approve(hold.intent(), &dana), claimed(&mut hold));
    released.unwrap().executed(sent(true, None)).await;
    decided.unwrap();
}

#[tokio::test]
async fn every_statement_of_a_call_and_of_a_start_finds_its_rows_by_an_index() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plan.db");
    drop(SqliteStore::open(&path).await.unwrap());
    let mut conn = SqliteConnection::connect(&format!("sqlite:{}", path.display())).await.unwrap();
    const OPEN: &str = "(state = 'pending' OR state = 'approved' OR state = 'executing')";
    let of_i = OPEN.replace("state", "i.state");
    let open = |rest: &str| format!("SELECT id, boot, releases_at, expires_at FROM intents WHERE {OPEN} AND {rest}");
    let listed = |which: &str| {
        format!(
            "SELECT i.n FROM intents i LEFT JOIN events e ON e.seq = i.n WHERE i.n < ?1 {which} AND (?2 IS NULL OR i.project = ?2) ORDER BY i.n DESC LIMIT ?3"
        )
    };
    let called = |which: &str| {
        format!(
            "SELECT c.n FROM calls c LEFT JOIN events e ON e.seq = c.n LEFT JOIN events o ON o.seq = c.last AND o.prev = c.n \
             JOIN labels l ON l.id = c.label WHERE {which}"
        )
    };
    for sql in [
        open("state <> 'executing'"),
        "SELECT id, boot FROM intents WHERE state = 'executing'".to_owned(),
        listed(""),
        listed(&format!("AND {of_i} AND i.state IN ('pending')")),
        listed(&format!("AND {of_i} AND i.state IN ('pending', 'approved')")),
        listed("AND i.state NOT IN ('executing', 'executed') AND i.state IN ('denied', 'expired')"),
        "SELECT i.n, e.data FROM intents i JOIN events e ON e.seq = i.n WHERE i.call = ?1 ORDER BY i.n DESC LIMIT 1".to_owned(),
        "SELECT i.n, b.body FROM intents i JOIN events e ON e.seq = i.n LEFT JOIN bodies b ON b.n = i.n WHERE i.id = ?1".to_owned(),
        called("c.id = ?1"),
        called("c.n < ?1 AND (?2 IS NULL OR l.project = ?2) ORDER BY c.n DESC LIMIT ?3"),
        called("c.n < ?1 AND c.last = c.n AND c.n >= (SELECT min(settled) FROM boots) ORDER BY c.n DESC LIMIT ?3"),
        called("c.last = c.n AND c.boot = ?1 AND c.n >= (SELECT settled FROM boots WHERE boot = ?1)"),
        "SELECT seq FROM events WHERE seq >= ?1 ORDER BY seq LIMIT ?2".to_owned(),
    ] {
        let plan: Vec<(i64, i64, i64, String)> =
            sqlx::query_as(sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"))).fetch_all(&mut conn).await.unwrap();
        let scans: Vec<&String> = plan
            .iter()
            .map(|(_, _, _, step)| step)
            // Of processes that sent calls there are few.
            .filter(|step| step.starts_with("SCAN") && !step.contains("INDEX") && !step.contains("SCAN boots"))
            // From the newest on, as many as are listed.
            .filter(|step| !(step.starts_with("SCAN c") && sql.contains("ORDER BY c.n DESC LIMIT")))
            .collect();
        println!("{sql}\n  {plan:?}");
        assert!(scans.is_empty(), "{sql}: {plan:?}");
    }
}
