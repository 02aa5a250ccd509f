//! Signs of life: how many intents came into each state, counted without looking the counter up for each.

use std::sync::OnceLock;

use metrics::Counter;

/// The two that every call comes into.
const USUAL: [&str; 2] = ["executing", "executed"];

#[derive(Default)]
pub(crate) struct States([OnceLock<Counter>; USUAL.len()]);

impl States {
    pub(crate) fn count(&self, state: &'static str) {
        let usual = USUAL.iter().zip(&self.0).find(|(usual, _)| **usual == state);
        match usual {
            Some((_, counter)) => counter.get_or_init(|| counter_of(state)).increment(1),
            None => counter_of(state).increment(1),
        }
    }
}

fn counter_of(state: &'static str) -> Counter {
    metrics::counter!("holdshort_intents_total", "state" => state)
}

impl std::fmt::Debug for States {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("States").finish_non_exhaustive()
    }
}
