//! Any order of events leads the stored row to where the pure function leads.

use std::sync::Arc;
use std::time::Duration;

use gate::intent::{Event, State, What};
use gate::store::sqlite::SqliteStore;
use gate::store::{Advance, Store as _};
use gate::{Actor, Clock as _, ManualClock, PersonId, StoreError};
use proptest::prelude::*;

use crate::harness::*;

fn what() -> impl Strategy<Value = What> {
    let by = PersonId::new(START);
    let email = || "dana@example.com".to_owned();
    prop_oneof![
        Just(What::Voted { by, email: email(), comment: None, how: None }),
        (0_u64..90, 0_u64..90).prop_map(move |(delay, within)| What::Approved {
            by,
            email: "dana@example.com".to_owned(),
            comment: Some("fine".to_owned()),
            releases_at: START.plus(Duration::from_secs(delay)),
            expires_at: START.plus(Duration::from_secs(delay + within)),
            how: None,
        }),
        Just(What::Claimed { digest: "d".to_owned() }),
        Just(What::Executed { status: 201, sent_at: START, took: 5, delivered: false, kept: false, excerpt: None }),
        Just(What::Failed { why: "refused".to_owned() }),
        Just(What::Unknown { why: "broke".to_owned() }),
        Just(What::Denied { by: Some(by), email: Some(email()), why: None, how: None }),
        Just(What::Denied { by: None, email: None, why: Some("revoked".to_owned()), how: None }),
        Just(What::ChangesRequested { by, email: email(), guidance: "less".to_owned(), how: None }),
        Just(What::Expired),
        Just(What::Cancelled { by: None, email: None, why: None }),
        Just(What::Settled { by, email: email(), executed: true, note: None }),
        Just(What::Settled { by, email: email(), executed: false, note: None }),
        Just(What::Delivered),
        Just(What::DenialCleared { by, email: email() }),
        Just(What::Reported { executed: true, status: 200, note: None }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn the_stored_row_is_what_the_events_say(steps in prop::collection::vec((what(), 0_u64..40), 1..12)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let house = house().await;
            let hold = house.held("POST /refunds\n\n{\"amount\":1}").await;
            let id = hold.intent();
            // Beside the gate, with a clock of its own, so that nothing else moves the intent.
            let store = SqliteStore::open(&house.path).await.unwrap();
            let clock = ManualClock::at(START);
            let mut state = house.state(id).await;
            for (what, later) in steps {
                clock.advance(Duration::from_secs(later));
                let event = Event { at: clock.now(), what: what.clone() };
                let step = Advance {
                    id,
                    version: None,
                    what: vec![what],
                    by: Actor::Gate,
                    clock: Arc::new(clock.clone()),
                    keep: None,
                    forget: false,
                };
                match (state.clone().after(&event), store.advance(step).await) {
                    (Ok(next), Ok((_, stored))) => {
                        assert_eq!(next, stored);
                        state = next;
                    }
                    (Err(_), Err(StoreError::Stale)) => {}
                    other => panic!("{event:?}: {other:?}"),
                }
                assert_eq!(house.state(id).await, state);
            }
            house.verifies().await;
        });
    }
}

#[test]
fn an_end_is_an_end() {
    let end = State::Expired { at: START };
    assert!(end.is_end());
    let event = Event { at: START, what: What::Claimed { digest: String::new() } };
    assert!(end.after(&event).is_err());
}
