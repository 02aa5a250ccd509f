//! Who waits in this process: at most one connection for each intent, the newest.
//!
//! INVARIANT: a connection is entered here before its intent can be seen by anybody who decides, so no
//! verdict is missed.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, watch};

use crate::agent::Agent;
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
    agent: Arc<Agent>,
    /// Bytes of memory that its request takes.
    weight: usize,
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
    all: Load,
    by_agent: HashMap<AgentId, Load>,
    by_project: HashMap<String, Load>,
}

/// What waits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Load {
    pub(crate) calls: usize,
    pub(crate) bytes: usize,
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
    pub(crate) fn arm(
        &self,
        intent: IntentId,
        (agent, weight): (Arc<Agent>, usize),
        since: Timestamp,
        hold_ends_at: Timestamp,
    ) -> Place {
        let (sender, signals) = mpsc::unbounded_channel();
        let mut line = self.line();
        line.next += 1;
        let token = line.next;
        line.came(&agent, weight);
        let waiter = Waiter { token, agent, weight, since, hold_ends_at, signals: sender };
        let before = line.waiters.insert(intent, waiter);
        if let Some(before) = &before {
            line.left(before);
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
            line.left(&waiter);
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
        line.left(&waiter);
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

    /// What waits of this agent, of its project, and of all.
    pub(crate) fn loads(&self, agent: &Agent) -> [Load; 3] {
        let line = self.line();
        let own = line.by_agent.get(&agent.id).copied().unwrap_or_default();
        [own, line.by_project.get(&agent.project).copied().unwrap_or_default(), line.all]
    }

    /// The intents whose callers wait here, of one agent or of all.
    pub(crate) fn intents(&self, agent: Option<AgentId>) -> Vec<IntentId> {
        let line = self.line();
        let wanted = |waiter: &Waiter| agent.is_none_or(|agent| agent == waiter.agent.id);
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
    fn came(&mut self, agent: &Agent, weight: usize) {
        self.all.add(weight);
        self.by_agent.entry(agent.id).or_default().add(weight);
        match self.by_project.get_mut(&agent.project) {
            Some(load) => load.add(weight),
            None => drop(self.by_project.insert(agent.project.clone(), Load { calls: 1, bytes: weight })),
        }
    }

    fn left(&mut self, waiter: &Waiter) {
        self.all.take(waiter.weight);
        take_from(&mut self.by_agent, &waiter.agent.id, waiter.weight);
        take_from(&mut self.by_project, &waiter.agent.project, waiter.weight);
    }
}

impl Load {
    fn add(&mut self, weight: usize) {
        self.calls += 1;
        self.bytes += weight;
    }

    fn take(&mut self, weight: usize) {
        self.calls = self.calls.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(weight);
    }
}

fn take_from<K: Hash + Eq>(loads: &mut HashMap<K, Load>, key: &K, weight: usize) {
    if let Some(load) = loads.get_mut(key) {
        load.take(weight);
        if load.calls == 0 {
            loads.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_counted_once_whoever_comes_takes_over_and_leaves() {
        let (holds, at) = (Holds::default(), Timestamp(0));
        let [one, two] = ["one", "two"].map(|name| Arc::new(Agent::unregistered("support", name)));
        let load = |agent: &Agent| holds.loads(agent).map(|load| (load.calls, load.bytes));
        let [a, b] = [IntentId::new(at), IntentId::new(at)];
        let first = holds.arm(a, (one.clone(), 100), at, at);
        assert_eq!(load(&one), [(1, 100); 3]);
        // The same call comes again and takes the place over.
        let again = holds.arm(a, (one.clone(), 120), at, at);
        assert_eq!(load(&one), [(1, 120); 3]);
        assert!(!holds.leave(a, first.token), "an older connection took the place away");
        let other = holds.arm(b, (two.clone(), 5), at, at);
        assert_eq!(load(&one), [(1, 120), (2, 125), (2, 125)]);
        assert!(holds.leave(a, again.token) && !holds.leave(a, again.token));
        assert_eq!((load(&one), load(&two)), ([(0, 0), (1, 5), (1, 5)], [(1, 5); 3]));
        assert!(holds.take(b).is_some() && !holds.leave(b, other.token));
        assert_eq!(load(&two), [(0, 0); 3]);
        let line = holds.line();
        assert!(line.by_agent.is_empty() && line.by_project.is_empty(), "{line:?}");
    }
}
