//! How long a connection may take to deliver the head of a request.
//!
//! pingora times each read by itself, so a byte now and then would keep a connection for good. This is
//! one deadline over the whole of it: from the moment the connection is there, over TLS and the HTTP/2
//! preface, to the first head; and over HTTP/1.1 from the end of an answer to the next head.
//!
//! The accept loop waits on [`HeadDeadline::missed`] beside the connection; a request finds the
//! deadline in its [`Connection`](super::Connection). Nothing is woken on the way of a call: a waiter
//! looks at the deadline when the one it knew has passed.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// pingora closes a connection over which no byte comes for so long after an answer.
pub(crate) const KEPT_ALIVE: Duration = Duration::from_secs(60);
/// No head is awaited.
const NONE: u64 = u64::MAX;

#[derive(Debug)]
pub(crate) struct HeadDeadline {
    start: Instant,
    within: Duration,
    /// Milliseconds after `start`.
    due: AtomicU64,
}

impl HeadDeadline {
    /// Starts now.
    pub(super) fn new(within: Duration) -> HeadDeadline {
        HeadDeadline { start: Instant::now(), within, due: AtomicU64::new(millis(within)) }
    }

    /// A head has come whole.
    pub(crate) fn met(&self) {
        self.due.store(NONE, Ordering::Relaxed);
    }

    /// A call is being answered, over HTTP/1.1.
    pub(super) fn is_met(&self) -> bool {
        self.due.load(Ordering::Relaxed) == NONE
    }

    /// A call over HTTP/1.1 has ended: the next head may come after a while.
    pub(crate) fn again(&self) {
        self.due.store(millis(self.start.elapsed() + KEPT_ALIVE + self.within), Ordering::Relaxed);
    }

    /// Resolves when a head is awaited and did not come in time.
    pub(crate) async fn missed(&self) {
        loop {
            let at = match self.due.load(Ordering::Relaxed) {
                NONE => Instant::now() + self.within,
                due => self.start + Duration::from_millis(due),
            };
            sleep_until(at).await;
            let due = self.due.load(Ordering::Relaxed);
            if due != NONE && self.start + Duration::from_millis(due) <= Instant::now() {
                return;
            }
        }
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(NONE - 1)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::{Instant, advance, timeout};

    use super::{HeadDeadline, KEPT_ALIVE};

    const WITHIN: Duration = Duration::from_secs(15);

    #[tokio::test(start_paused = true)]
    async fn it_is_missed_once_it_has_passed() {
        let began = Instant::now();
        HeadDeadline::new(WITHIN).missed().await;
        assert_eq!(began.elapsed(), WITHIN);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_may_take_as_long_as_it_likes_and_the_next_head_may_not() {
        let deadline = HeadDeadline::new(WITHIN);
        deadline.met();
        assert!(timeout(Duration::from_secs(3600), deadline.missed()).await.is_err());
        deadline.again();
        let ended = Instant::now();
        assert!(timeout(KEPT_ALIVE, deadline.missed()).await.is_err(), "idle connections are kept");
        deadline.missed().await;
        assert_eq!(ended.elapsed(), KEPT_ALIVE + WITHIN);
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_in_time_ends_the_wait_for_it() {
        let deadline = HeadDeadline::new(WITHIN);
        let mut missed = std::pin::pin!(deadline.missed());
        assert!(futures::poll!(&mut missed).is_pending());
        advance(WITHIN / 2).await;
        deadline.met();
        assert!(timeout(WITHIN * 10, missed).await.is_err());
    }
}
