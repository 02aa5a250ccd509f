//! Where new public keys come from. A rotation shows as a `kid` that is not known yet; a key that was
//! withdrawn shows by nothing, so the set is also fetched again when it has grown old.
//!
//! Whatever goes wrong here refuses: without the key there is no verified permit.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, Ordering};

use serde_json::Value;
use tokio::sync::Mutex;

type Failure = Box<dyn std::error::Error + Send + Sync>;
type Fetching = Pin<Box<dyn Future<Output = Result<Value, Failure>> + Send>>;

/// Anybody can present a permit with an invented `kid`: at most one fetch in this many seconds.
const PAUSE: i64 = 60;
/// A set older than this many seconds is fetched again.
const OLD: i64 = 600;

/// Fetches the gate's key set.
pub(super) struct Source {
    fetch: Box<dyn Fn() -> Fetching + Send + Sync>,
    tried_at: AtomicI64,
    fetched_at: AtomicI64,
    /// One fetch at a time; who waits for the same new key waits for that fetch.
    turn: Mutex<()>,
}

impl Source {
    pub(super) fn new<F, Fut>(fetch: F) -> Source
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Value, Failure>> + Send + 'static,
    {
        let fetch = Box::new(move || -> Fetching { Box::pin(fetch()) });
        let never = || AtomicI64::new(i64::MIN);
        Source { fetch, tried_at: never(), fetched_at: never(), turn: Mutex::new(()) }
    }

    /// Fetches where the set is old, unless somebody is at it. `None`: go on with the keys at hand.
    pub(super) async fn when_old(&self, now: i64) -> Option<Value> {
        if !passed(&self.fetched_at, now, OLD) {
            return None;
        }
        let _turn = self.turn.try_lock().ok()?;
        self.fetch(now).await
    }

    /// Fetches for the sake of a key that is not known, after whatever fetch is under way. `None`: that one
    /// may have brought it; else it stays unknown.
    pub(super) async fn when_unknown(&self, now: i64) -> Option<Value> {
        let _turn = self.turn.lock().await;
        self.fetch(now).await
    }

    async fn fetch(&self, now: i64) -> Option<Value> {
        if !passed(&self.tried_at, now, PAUSE) {
            return None;
        }
        self.tried_at.store(now, Ordering::Relaxed);
        let set = (self.fetch)().await.ok()?;
        self.fetched_at.store(now, Ordering::Relaxed);
        Some(set)
    }
}

/// Whether `seconds` have passed; a clock that was set back counts as passed.
fn passed(since: &AtomicI64, now: i64, seconds: i64) -> bool {
    let since = since.load(Ordering::Relaxed);
    now < since || now.saturating_sub(since) >= seconds
}

impl fmt::Debug for Source {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Source").field("fetched_at", &self.fetched_at).finish_non_exhaustive()
    }
}
