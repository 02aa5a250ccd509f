//! The permits that were used.
//!
//! INVARIANT: a `jti` is remembered as long as its permit could still pass every other check. Where there
//! is no room left the next permit is refused: forgetting one would let it pass a second time.

use std::collections::{BTreeMap, HashSet};

use super::Refused;

#[derive(Debug)]
pub(super) struct Used {
    room: usize,
    jtis: HashSet<String>,
    /// The same, by the second from which each can be forgotten.
    until: BTreeMap<i64, Vec<String>>,
    /// The latest of those seconds that have passed. A permit that dies no later may be one that was
    /// forgotten, even where the clock was set back since.
    forgotten: i64,
}

impl Used {
    pub(super) fn new(room: usize) -> Used {
        Used { room, jtis: HashSet::new(), until: BTreeMap::new(), forgotten: i64::MIN }
    }

    /// Notes the use of a permit that dies at `until`.
    pub(super) fn note(&mut self, jti: &str, until: i64, now: i64) -> Result<(), Refused> {
        self.forget(now);
        if until <= self.forgotten {
            return Err(Refused::Expired);
        }
        if self.jtis.contains(jti) {
            return Err(Refused::Used);
        }
        if self.jtis.len() >= self.room {
            return Err(Refused::Full);
        }
        self.jtis.insert(jti.to_owned());
        self.until.entry(until).or_default().push(jti.to_owned());
        Ok(())
    }

    fn forget(&mut self, now: i64) {
        while let Some(dead) = self.until.first_entry().filter(|entry| *entry.key() <= now) {
            self.forgotten = self.forgotten.max(*dead.key());
            for jti in dead.remove() {
                self.jtis.remove(&jti);
            }
        }
    }
}
