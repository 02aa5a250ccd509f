//! Signs of life: counters and times. Labels are bounded: names of upstreams and our own codes.

use std::sync::Arc;
use std::time::{Duration, Instant};

/// One call is over.
pub(crate) fn call(upstream: &Arc<str>, outcome: &'static str) {
    metrics::counter!("holdshort_proxy_calls_total", "upstream" => upstream.clone(), "outcome" => outcome).increment(1);
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
