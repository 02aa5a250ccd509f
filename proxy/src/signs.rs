//! Signs of life: counters and times. Labels are bounded: names of upstreams and our own codes.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use metrics::Counter;

/// How calls most often end.
const USUAL: [&str; 5] = ["answered_2xx", "answered_3xx", "answered_4xx", "answered_5xx", "passed"];

/// How the calls of one upstream ended, counted without looking the counter up for each.
pub(crate) struct Calls {
    upstream: Arc<str>,
    usual: [OnceLock<Counter>; USUAL.len()],
}

impl Calls {
    pub(crate) fn of(upstream: Arc<str>) -> Calls {
        Calls { upstream, usual: Default::default() }
    }

    /// One call is over.
    pub(crate) fn ended(&self, outcome: &'static str) {
        let counter = || metrics::counter!("holdshort_proxy_calls_total", "upstream" => self.upstream.clone(), "outcome" => outcome);
        match USUAL.iter().zip(&self.usual).find(|(usual, _)| **usual == outcome) {
            Some((_, kept)) => kept.get_or_init(counter).increment(1),
            None => counter().increment(1),
        }
    }
}

impl std::fmt::Debug for Calls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Calls").field("upstream", &self.upstream).finish_non_exhaustive()
    }
}

/// From the verdict's arrival here to the first byte that can be written.
pub(crate) fn released_after(span: Duration) {
    metrics::histogram!("holdshort_proxy_release_seconds").record(span.as_secs_f64());
}

/// A call that is held while this lives.
#[derive(Debug)]
pub(crate) struct HeldCall {
    since: Instant,
}

impl HeldCall {
    pub(crate) fn begin() -> HeldCall {
        metrics::gauge!("holdshort_proxy_held").increment(1.0);
        HeldCall { since: Instant::now() }
    }
}

impl Drop for HeldCall {
    fn drop(&mut self) {
        metrics::gauge!("holdshort_proxy_held").decrement(1.0);
        metrics::histogram!("holdshort_proxy_hold_seconds").record(self.since.elapsed().as_secs_f64());
    }
}
