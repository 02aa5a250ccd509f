//! Who waits in this process: at most one connection for each intent, the newest.
//!
//! INVARIANT: a connection is entered here before its intent can be seen by anybody who decides, so no
//! verdict is missed.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, watch};

use crate::call::StoredAnswer;
use crate::clock::Timestamp;
use crate::hold::Offer;
use crate::id::{AgentId, IntentId};
use crate::refusal::Refusal;

/// What a waiting connection is told.
#[derive(Debug)]
pub(crate) enum Signal {
    /// It may be sent: connect. With the last verdict, still to be written together with the claim.
    Ready(Option<Offer>),
    /// It waits for others, or until another time.
    Moved {
        waiting_for: String,
        expires_at: Timestamp,
    },
    Refused(Refusal),
    Answered(StoredAnswer),
}

#[derive(Debug)]
pub(crate) struct Waiter {
    pub(crate) token: u64,
    pub(crate) agent: AgentId,
    pub(crate) since: Timestamp,
    pub(crate) hold_ends_at: Timestamp,
    signals: mpsc::UnboundedSender<Box<Signal>>,
}

#[derive(Debug, Default)]
pub(crate) struct Holds {
    line: Mutex<Line>,
    /// How many wait; draining ends at none.
    count: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct Line {
    next: u64,
    waiters: HashMap<IntentId, Waiter>,
    by_agent: HashMap<AgentId, usize>,
}

/// A place taken in the line.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) token: u64,
    /// In boxes: a channel has room for 32 from the start, and most never carry more than one.
    pub(crate) signals: mpsc::UnboundedReceiver<Box<Signal>>,
    /// Who had it before, to be told.
    pub(crate) before: Option<Waiter>,
}

impl Holds {
    /// Takes the intent's place in the line.
    pub(crate) fn arm(&self, intent: IntentId, agent: AgentId, since: Timestamp, hold_ends_at: Timestamp) -> Place {
        let (sender, signals) = mpsc::unbounded_channel();
        let mut line = self.line();
        line.next += 1;
        let token = line.next;
        let waiter = Waiter { token, agent, since, hold_ends_at, signals: sender };
        let before = line.waiters.insert(intent, waiter);
        *line.by_agent.entry(agent).or_default() += 1;
        if let Some(before) = &before {
            line.left(before.agent);
        }
        self.counted(&line);
        Place { token, signals, before }
    }

    /// Leaves the line, unless somebody newer has the place.
    pub(crate) fn leave(&self, intent: IntentId, token: u64) -> bool {
        let mut line = self.line();
        if line.waiters.get(&intent).is_none_or(|waiter| waiter.token != token) {
            return false;
        }
        if let Some(waiter) = line.waiters.remove(&intent) {
            line.left(waiter.agent);
        }
        self.counted(&line);
        true
    }

    /// Tells who waits. `false`: nobody does.
    pub(crate) fn tell(&self, intent: IntentId, signal: Signal) -> bool {
        self.line().waiters.get(&intent).is_some_and(|waiter| waiter.signals.send(Box::new(signal)).is_ok())
    }

    /// Takes who waits out of the line, to be told its end by whoever takes it and by nobody else.
    pub(crate) fn take(&self, intent: IntentId) -> Option<Waiter> {
        let mut line = self.line();
        let waiter = line.waiters.remove(&intent)?;
        line.left(waiter.agent);
        self.counted(&line);
        Some(waiter)
    }

    /// Whether the intent has a connection here.
    pub(crate) fn has(&self, intent: IntentId) -> bool {
        self.line().waiters.contains_key(&intent)
    }

    /// Since when the caller waits, and until when.
    pub(crate) fn caller(&self, intent: IntentId) -> Option<(Timestamp, Timestamp)> {
        self.line().waiters.get(&intent).map(|waiter| (waiter.since, waiter.hold_ends_at))
    }

    pub(crate) fn count(&self) -> usize {
        self.line().waiters.len()
    }

    pub(crate) fn count_of(&self, agent: AgentId) -> usize {
        self.line().by_agent.get(&agent).copied().unwrap_or(0)
    }

    /// The intents whose callers wait here, of one agent or of all.
    pub(crate) fn intents(&self, agent: Option<AgentId>) -> Vec<IntentId> {
        let line = self.line();
        let wanted = |waiter: &Waiter| agent.is_none_or(|agent| agent == waiter.agent);
        line.waiters.iter().filter(|(_, waiter)| wanted(waiter)).map(|(id, _)| *id).collect()
    }

    /// Resolves when nobody waits.
    pub(crate) async fn empty(&self) {
        let mut count = self.count.subscribe();
        // The sender lives as long as this.
        let _ = count.wait_for(|count| *count == 0).await;
    }

    fn counted(&self, line: &Line) {
        let count = line.waiters.len();
        self.count.send_replace(count);
        metrics::gauge!("holdshort_held").set(f64::from(u32::try_from(count).unwrap_or(u32::MAX)));
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiter {
    /// Whether nobody listens any more.
    pub(crate) fn is_gone(&self) -> bool {
        self.signals.is_closed()
    }

    pub(crate) fn tell(&self, signal: Signal) {
        let _ = self.signals.send(Box::new(signal));
    }
}

impl Line {
    fn left(&mut self, agent: AgentId) {
        if let Some(count) = self.by_agent.get_mut(&agent) {
            *count -= 1;
            if *count == 0 {
                self.by_agent.remove(&agent);
            }
        }
    }
}
