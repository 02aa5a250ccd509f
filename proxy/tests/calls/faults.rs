//! What breaks inside the gate ends one call, and nothing else.

use std::backtrace::Backtrace;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gate::{Clock, SystemClock, Timestamp};

use crate::support::{ROUTES, house_at};
use crate::upstream::Upstream;

/// Shows the time, but panics once when it is told to: in a step of a call, not in what the gate does
/// in the background.
#[derive(Debug, Default)]
struct Fragile {
    breaks: AtomicBool,
}

impl Clock for Fragile {
    fn now(&self) -> Timestamp {
        if self.breaks.load(Ordering::SeqCst) {
            let in_a_step = Backtrace::force_capture().to_string().contains("holdshort_proxy::walk");
            assert!(!(in_a_step && self.breaks.swap(false, Ordering::SeqCst)), "this panic belongs to the test");
        }
        SystemClock.now()
    }
}

#[tokio::test]
async fn a_panic_in_a_step_ends_that_call_with_500() {
    let upstream = Upstream::answering("ok").await;
    let clock = Arc::new(Fragile::default());
    let upstreams = format!("  api:\n    url: {}\n    at: /api\n{ROUTES}", upstream.url());
    let house = house_at(clock.clone(), &upstreams).await;
    clock.breaks.store(true, Ordering::SeqCst);
    let answer = house.call("POST", "/api/free", "", "x").await;
    assert_eq!((answer.status, answer.code().as_str()), (500, "INTERNAL"));
    assert!(answer.header("holdshort-request").is_some());
    assert!(upstream.calls().is_empty());
    assert_eq!(house.call("POST", "/api/free", "", "x").await.status, 200);
}
