//! Slowing down those who guess: after some free attempts each further one waits twice as long.
//!
//! In memory only: a restart forgives, and each process counts for itself. An attempt counts before its
//! password is checked, so that many at once gain nothing.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::clock::Timestamp;

/// After this long without an attempt all is forgotten.
const FORGET_AFTER: Duration = Duration::from_secs(15 * 60);
/// How many are remembered; beyond it the one that has been quiet longest is forgotten.
const REMEMBERED: usize = 10_000;

#[derive(Debug)]
pub(crate) struct Backoff<K> {
    free: u32,
    longest: Duration,
    attempts: Mutex<HashMap<K, Attempts>>,
}

#[derive(Debug, Clone, Copy)]
struct Attempts {
    count: u32,
    last_at: Timestamp,
}

impl<K: Hash + Eq + Clone> Backoff<K> {
    /// `free` attempts without waiting; then 1 s, 2 s, 4 s ... up to `longest`.
    pub(crate) fn new(free: u32, longest: Duration) -> Backoff<K> {
        Backoff { free, longest, attempts: Mutex::new(HashMap::new()) }
    }

    /// Counts an attempt, or says how many seconds it is too early.
    pub(crate) fn attempt(&self, who: &K, now: Timestamp) -> Result<(), u64> {
        let mut attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was set back must not keep anybody waiting.
        let forgotten = |one: &Attempts| now < one.last_at || one.last_at.plus(FORGET_AFTER) <= now;
        if attempts.len() >= REMEMBERED && !attempts.contains_key(who) {
            attempts.retain(|_, one| !forgotten(one));
            if attempts.len() >= REMEMBERED
                && let Some(quietest) = attempts.iter().min_by_key(|(_, one)| one.last_at).map(|(who, _)| who.clone())
            {
                attempts.remove(&quietest);
            }
        }
        let one = attempts.entry(who.clone()).or_insert(Attempts { count: 0, last_at: now });
        if forgotten(one) {
            one.count = 0;
        }
        let wait = match one.count.checked_sub(self.free) {
            None => Duration::ZERO,
            Some(over) => Duration::from_secs(1_u64 << over.min(20)).min(self.longest),
        };
        let from = one.last_at.plus(wait);
        if one.count > 0 && now < from {
            return Err(now.until(from).as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX));
        }
        *one = Attempts { count: one.count.saturating_add(1), last_at: now };
        Ok(())
    }

    /// It was the right one: nothing is held against them.
    pub(crate) fn forgive(&self, who: &K) {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner).remove(who);
    }

    /// It was a right one, but others may come from there too: takes back this attempt only.
    pub(crate) fn take_back(&self, who: &K) {
        if let Some(one) = self.attempts.lock().unwrap_or_else(PoisonError::into_inner).get_mut(who) {
            one.count = one.count.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp(1_000_000_000_000 + seconds * 1_000_000)
    }

    #[test]
    fn each_attempt_after_the_free_ones_waits_twice_as_long() {
        let backoff = Backoff::new(3, Duration::from_secs(5));
        for _ in 0..3 {
            assert_eq!(backoff.attempt(&"dana", at(0)), Ok(()));
        }
        assert_eq!(backoff.attempt(&"dana", at(0)), Err(1));
        assert_eq!(backoff.attempt(&"kofi", at(0)), Ok(()), "others are not slowed down");
        assert_eq!(backoff.attempt(&"dana", at(1)), Ok(()));
        assert_eq!(backoff.attempt(&"dana", at(2)), Err(1));
        assert_eq!(backoff.attempt(&"dana", at(3)), Ok(()));
        assert_eq!(backoff.attempt(&"dana", at(3)), Err(4));
        assert_eq!(backoff.attempt(&"dana", at(7)), Ok(()));
        assert_eq!(backoff.attempt(&"dana", at(7)), Err(5), "never longer than the longest");
    }

    #[test]
    fn success_and_silence_forgive() {
        let backoff = Backoff::new(1, Duration::from_secs(60));
        assert_eq!(backoff.attempt(&1, at(0)), Ok(()));
        assert_eq!(backoff.attempt(&1, at(0)), Err(1));
        backoff.forgive(&1);
        assert_eq!(backoff.attempt(&1, at(0)), Ok(()));
        backoff.take_back(&1);
        assert_eq!(backoff.attempt(&1, at(0)), Ok(()));
        assert_eq!(backoff.attempt(&1, at(0)), Err(1));
        assert_eq!(backoff.attempt(&1, at(15 * 60)), Ok(()));
        assert_eq!(backoff.attempt(&1, at(15 * 60)), Err(1));
        assert_eq!(backoff.attempt(&1, at(-60)), Ok(()), "the clock was set back");
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let backoff = Backoff::new(1, Duration::from_secs(60));
        for who in 0..REMEMBERED + 5 {
            assert_eq!(backoff.attempt(&who, at(i64::try_from(who / 1000).unwrap())), Ok(()));
        }
        assert_eq!(backoff.attempts.lock().unwrap().len(), REMEMBERED);
        assert!(backoff.attempt(&(REMEMBERED + 4), at(10)).is_err(), "the newest are remembered");
    }
}
