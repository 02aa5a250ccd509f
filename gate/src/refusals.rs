//! What was refused without an intent: found again by the id that its answer carried.
//!
//! Kept in this process only, and only the newest: whoever asks comes soon, and nothing here is a
//! record. A path could carry a secret, so the route stands for it where there is one.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use crate::clock::Timestamp;
use crate::gate::Gate;

const KEPT: usize = 1000;

/// One request that was refused before there was an intent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedCall {
    pub at: Timestamp,
    /// `Holdshort-Request` of the answer.
    pub request_id: String,
    /// Fingerprint; `None` where nobody is known to have called.
    pub agent: Option<String>,
    pub upstream: Option<String>,
    /// `None` where the head could not be read.
    pub method: Option<String>,
    /// As the rules name it; `None` where none was found yet.
    pub route: Option<String>,
    pub code: &'static str,
    /// What the caller was told.
    pub message: String,
}

/// The newest ones, each with its number.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    next: u64,
    calls: VecDeque<(u64, RefusedCall)>,
}

impl Gate {
    /// Keeps what was refused without an intent.
    pub fn note_refused(&self, call: RefusedCall) {
        let mut kept = self.inner.refusals.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let number = kept.next;
        kept.next += 1;
        kept.calls.push_back((number, call));
        if kept.calls.len() > KEPT {
            kept.calls.pop_front();
        }
    }

    /// What was refused without an intent, newest first, each with its number: those before the number
    /// `before`, and only that of `request_id` where one is given.
    #[must_use]
    pub fn refusals(&self, request_id: Option<&str>, before: Option<u64>, limit: usize) -> Vec<(u64, RefusedCall)> {
        let kept = self.inner.refusals.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let newest_first = kept.calls.iter().rev();
        newest_first
            .filter(|(number, _)| before.is_none_or(|before| *number < before))
            .filter(|(_, call)| request_id.is_none_or(|id| call.request_id == id))
            .take(limit)
            .cloned()
            .collect()
    }
}
