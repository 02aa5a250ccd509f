//! Races, a thousand times each: whoever wins, an intent ends in one state, and whoever lost is told.

use std::time::{Duration, Instant};

use gate::intent::State;
use gate::refusal::Refusal;
use gate::{DecideError, Submitted, Verdict, VerdictWith};

use crate::harness::*;

const TRIALS: usize = 1000;
/// Trials that run at once, each with an intent of its own.
const ABREAST: usize = 50;

/// Runs the trials, many abreast.
async fn trials<F: Future<Output = ()> + Send + 'static>(trial: impl Fn(usize) -> F) {
    for some in (0..TRIALS).collect::<Vec<_>>().chunks(ABREAST) {
        let running: tokio::task::JoinSet<()> = some.iter().map(|n| trial(*n)).collect();
        running.join_all().await;
    }
}

fn refund(n: usize) -> String {
    format!("POST /refunds\n\n{{\"amount\":{n}}}")
}

async fn shared(rules: &str) -> std::sync::Arc<House> {
    std::sync::Arc::new(house_with(rules).await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn approve_against_deny() {
    let house = shared(RULES).await;
    let (dana, kofi) = (house.approver("dana").await, house.approver("kofi").await);
    trials(|n| {
        let (house, dana, kofi) = (house.clone(), dana.clone(), kofi.clone());
        async move {
            let id = house.held(&refund(n)).await.intent();
            let (yes, no) = tokio::join!(house.approve(id, &dana), house.deny(id, &kofi, "no"));
            let state = house.state(id).await;
            match (yes, no) {
                (Ok(_), Err(DecideError::AlreadyResolved(now))) => {
                    assert_eq!((state.name(), now.name()), ("approved", "approved"));
                }
                (Err(DecideError::AlreadyResolved(now)), Ok(_)) => {
                    assert_eq!((state.name(), now.name()), ("denied", "denied"));
                }
                other => panic!("{other:?}: {state:?}"),
            }
            assert_eq!(house.life(id).await.len(), 2);
        }
    })
    .await;
    house.verifies().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_last_two_approvals() {
    let house = shared(RULES).await;
    let (dana, kofi) = (house.approver("dana").await, house.approver("kofi").await);
    trials(|n| {
        let (house, dana, kofi) = (house.clone(), dana.clone(), kofi.clone());
        async move {
            let call = format!("POST /transfers\n\n{{\"amount\":{n}}}");
            let mut hold = house.held(&call).await;
            let id = hold.intent();
            let (one, two, released) =
                tokio::join!(house.approve(id, &dana), house.approve(id, &kofi), claimed(&mut hold));
            assert!(one.is_ok() && two.is_ok(), "{one:?} {two:?}");
            released.unwrap().executed(sent(true, None)).await;
            assert_eq!(house.life(id).await, ["submitted", "voted", "approved", "claimed", "executed"]);
        }
    })
    .await;
    house.verifies().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn expiry_against_approval() {
    let house = shared(RULES).await;
    let dana = house.approver("dana").await;
    // The clock is everybody's: one trial after the other, each with many intents.
    for round in 0..TRIALS / ABREAST {
        let mut ids = Vec::new();
        for n in 0..ABREAST {
            ids.push(house.held(&refund(round * ABREAST + n)).await.intent());
        }
        house.clock.advance(Duration::from_secs(1800) - Duration::from_micros(1));
        let racing: tokio::task::JoinSet<()> = ids
            .iter()
            .map(|id| {
                let (house, dana, id) = (house.clone(), dana.clone(), *id);
                async move {
                    let decided = house.approve(id, &dana).await;
                    match decided {
                        Ok(intent) => assert_eq!(intent.state.name(), "approved"),
                        Err(DecideError::AlreadyResolved(state)) => {
                            assert_eq!(state.name(), "expired");
                            house.becomes(id, "expired").await;
                        }
                        Err(other) => panic!("{other}"),
                    }
                    assert_eq!(house.life(id).await.len(), 2, "{:?}", house.life(id).await);
                }
            })
            .collect();
        house.clock.advance(Duration::from_micros(2));
        racing.join_all().await;
    }
    house.verifies().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn cancelling_against_the_end_of_the_delay() {
    let house = shared(RULES).await;
    let dana = house.approver("dana").await;
    for round in 0..TRIALS / ABREAST {
        let mut holds = Vec::new();
        for n in 0..ABREAST {
            let hold = house.held(&format!("POST /late\n\n{{\"amount\":{}}}", round * ABREAST + n)).await;
            house.approve(hold.intent(), &dana).await.unwrap();
            holds.push(hold);
        }
        let racing: tokio::task::JoinSet<()> = holds
            .into_iter()
            .map(|mut hold| {
                let (house, dana) = (house.clone(), dana.clone());
                async move {
                    let id = hold.intent();
                    let (cancelled, sent_one) = tokio::join!(house.gate.cancel(id, &dana, None), async {
                        match hold.wake().await {
                            gate::Wake::Connect(approved) => approved.claim().await,
                            gate::Wake::Refused(refusal) => Err(refusal),
                            gate::Wake::Answered(_) => panic!(),
                        }
                    });
                    match (cancelled, sent_one) {
                        (Ok(intent), Err(Refusal::Cancelled { .. })) => assert_eq!(intent.state.name(), "cancelled"),
                        (Err(DecideError::AlreadyResolved(_)), Ok(released)) => {
                            released.executed(sent(true, None)).await;
                            assert_eq!(house.state(id).await.name(), "executed");
                        }
                        other => panic!("{other:?}"),
                    }
                }
            })
            .collect();
        house.clock.advance(Duration::from_secs(60));
        racing.join_all().await;
    }
    house.verifies().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_stores_on_one_file_claiming_one_call() {
    let house = shared(RULES).await;
    let dana = house.approver("dana").await;
    let gate = open(&house.path, &house.clock, RULES).await;
    let beside = std::sync::Arc::new(House {
        gate,
        clock: house.clock.clone(),
        agent: house.agent.clone(),
        path: house.path.clone(),
        folder: house.folder.clone(),
    });
    trials(|n| {
        let (house, beside, dana) = (house.clone(), beside.clone(), dana.clone());
        async move {
            let id = house.held(&refund(n)).await.intent();
            house.approve(id, &dana).await.unwrap();
            let one = async |house: &House| match house.submit(&refund(n)).await {
                Submitted::Held(mut hold) => match hold.wake().await {
                    gate::Wake::Connect(approved) => approved.claim().await,
                    gate::Wake::Refused(refusal) => Err(refusal),
                    gate::Wake::Answered(_) => panic!(),
                },
                Submitted::Refused(refusal) => Err(refusal),
                other => panic!("{other:?}"),
            };
            let send = async |house: &House| match one(house).await {
                Ok(released) => {
                    released.executed(sent(true, None)).await;
                    1
                }
                Err(Refusal::AlreadyExecuted { .. }) => 0,
                Err(other) => panic!("{other:?}"),
            };
            // The clock moves on, so that who attached to a sending looks again.
            let clock = house.clock.clone();
            let ticking = tokio::spawn(async move {
                loop {
                    clock.advance(Duration::from_millis(2));
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            });
            let (a, b) = tokio::join!(send(&house), send(&beside));
            ticking.abort();
            // A second sending is a second intent, of a caller who came after the end: it waits for people.
            assert_eq!(a + b, 1, "{n}");
            assert_eq!(house.life(id).await, ["submitted", "approved", "claimed", "executed"]);
        }
    })
    .await;
    house.verifies().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_undelivered_answer_is_handed_out_once_however_many_ask() {
    let house = shared(RULES).await;
    let dana = house.approver("dana").await;
    for n in 0..TRIALS / 10 {
        let mut hold = house.held(&refund(n)).await;
        let id = hold.intent();
        let (decided, released) = tokio::join!(house.approve(id, &dana), claimed(&mut hold));
        decided.unwrap();
        let asking: tokio::task::JoinSet<usize> = (0..5)
            .map(|_| {
                let house = house.clone();
                async move {
                    match house.submit(&refund(n)).await {
                        Submitted::Replay(answer) => usize::from(answer.intent == id),
                        Submitted::Held(hold) if hold.intent() != id => 0,
                        Submitted::Held(mut hold) => usize::from(matches!(hold.wake().await, gate::Wake::Answered(_))),
                        Submitted::Refused(Refusal::AlreadyExecuted { .. }) => 0,
                        other => panic!("{other:?}"),
                    }
                }
            })
            .collect();
        released.unwrap().executed(sent(false, Some(answer(id)))).await;
        let got: usize = tokio::time::timeout(Duration::from_secs(10), asking.join_all()).await.unwrap().iter().sum();
        assert_eq!(got, 1, "trial {n}");
        let delivered = house.life(id).await.iter().filter(|kind| *kind == "delivered").count();
        assert_eq!(delivered, 1);
    }
    house.verifies().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_start_with_ten_thousand_pending_calls_takes_less_than_five_seconds() {
    let house = shared(&format!("{RULES}limits: {{ per_agent: {{ held: 20000 }} }}\n")).await;
    let mut entering = tokio::task::JoinSet::new();
    for part in 0..20 {
        let house = house.clone();
        entering.spawn(async move {
            for n in 0..500 {
                let hold = house.held(&refund(part * 500 + n)).await;
                drop(hold);
            }
        });
    }
    entering.join_all().await;
    let started = Instant::now();
    let again = open(&house.path, &house.clock, RULES).await;
    let took = started.elapsed();
    assert!(took < Duration::from_secs(5), "{took:?}");
    let waiting = gate::IntentFilter { states: vec!["pending".to_owned()], ..Default::default() };
    assert_eq!(again.intents(&waiting).await.unwrap().items.len(), 50);
    println!("started in {took:?}");
}

#[tokio::test]
async fn the_clock_set_back_and_forth_neither_releases_early_nor_forgets() {
    let house = house().await;
    let dana = house.approver("dana").await;
    let mut hold = house.held("POST /late\n\n{\"amount\":1}").await;
    let id = hold.intent();
    let with = VerdictWith::default();
    house.gate.decide(id, &dana, Verdict::Approve, with).await.unwrap();
    house.clock.set(gate::Timestamp(START.0 - 3_600_000_000));
    let early = tokio::time::timeout(Duration::from_millis(300), hold.wake()).await;
    assert!(early.is_err(), "{early:?}");
    house.clock.set(START.plus(Duration::from_secs(61)));
    let gate::Wake::Connect(approved) = hold.wake().await else { panic!() };
    house.clock.set(START);
    assert!(approved.claim().await.is_err(), "the delay is not over");
    house.clock.set(START.plus(Duration::from_secs(86_400)));
    assert!(matches!(house.becomes(id, "expired").await, State::Expired { .. }));
    house.verifies().await;
}
