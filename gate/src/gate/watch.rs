//! What changed outside a call: agents paused or revoked, other processes on the same store, shutdown.

use std::sync::Weak;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::holds::Signal;
use super::{Gate, Inner};
use crate::agent::AgentStatus;
use crate::deed::Actor;
use crate::directory::Directory;
use crate::id::AgentId;
use crate::intent::{IntentFilter, State, What};
use crate::refusal::Refusal;
use crate::store::StoreError;

/// How soon what another process did is noticed.
const TAIL: Duration = Duration::from_millis(250);
/// Between two sweeps of kept answers and old details.
const SWEEP: u32 = 240;
/// How long a gate that stops tries to write down what came of its last calls.
const WRITTEN_WITHIN: Duration = Duration::from_secs(5);

/// Runs until the gate is gone.
pub(crate) async fn watch(gate: Weak<Inner>, mut seen: u64) {
    let mut rounds = 0_u32;
    loop {
        tokio::time::sleep(TAIL).await;
        let Some(inner) = gate.upgrade() else { return };
        let gate = Gate { inner };
        rounds = rounds.wrapping_add(1);
        if rounds.is_multiple_of(SWEEP) {
            gate.inner.store.sweep(gate.now());
            gate.prune().await;
        }
        match gate.tail(seen).await {
            Ok(up_to) => seen = up_to,
            Err(error) => tracing::debug!(%error, "could not look for what other processes did"),
        }
    }
}

/// Some details at a time: others want to write, too.
const PRUNED_AT_ONCE: usize = 20;

impl Gate {
    /// Deletes details that are older than the configuration keeps them.
    pub(crate) async fn prune(&self) {
        let before = self.now().minus(self.rules().config().audit.details_for);
        for _ in 0..PRUNED_AT_ONCE {
            match self.inner.store.prune(before).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => return tracing::warn!(%error, "old details could not be deleted; trying again"),
            }
        }
    }

    /// Reads what was appended since, where another process has written; our own events are known.
    async fn tail(&self, seen: u64) -> Result<u64, StoreError> {
        // Read before it is asked: what another process appends after the question is looked at next time.
        let size = self.inner.store.tree().await?.size();
        if !self.inner.store.foreign().await? {
            return Ok(seen.max(size));
        }
        let mut next = seen;
        loop {
            let entries = self.inner.store.audit(next, 500).await?;
            let Some(last) = entries.last() else { break };
            next = last.seq + 1;
            for entry in &entries {
                // The directory is followed by its version.
                let subject = entry.subject.as_deref().filter(|_| entry.kind.starts_with("intent."));
                if let Some(Ok(id)) = subject.map(str::parse) {
                    self.reconsider(id).await;
                }
            }
        }
        Ok(next)
    }

    /// Something happened to an intent elsewhere.
    async fn reconsider(&self, id: crate::id::IntentId) {
        let Ok(Some(stored)) = self.inner.store.intent(id).await else { return };
        if let State::Pending { .. } | State::Approved { .. } = stored.intent.state {
            // The queue finds the right time by itself.
            self.inner.deadlines.add(id, self.now());
        }
        self.tell_waiter(&stored).await;
        self.announce_link(&stored);
    }

    /// Enforces statuses that differ from those of the snapshot before.
    pub(crate) async fn enforce_changes(&self, before: &Directory) {
        for agent in self.directory().agents() {
            let was = before.agent(agent.id).map_or(AgentStatus::Active, |agent| agent.status);
            if was != agent.status {
                self.enforce_status(agent.id).await;
            }
        }
    }

    /// Held calls of a paused agent come back later; those of a revoked one are denied.
    pub(crate) async fn enforce_status(&self, agent: AgentId) {
        let Some(agent) = self.directory().agent(agent) else { return };
        match agent.status {
            AgentStatus::Active => {}
            AgentStatus::Paused => {
                for id in self.inner.holds.intents(Some(agent.id)) {
                    self.inner.holds.tell(id, Signal::Refused(Refusal::AgentPaused { agent: agent.name.clone() }));
                }
            }
            AgentStatus::Revoked => {
                for id in self.inner.holds.intents(Some(agent.id)) {
                    self.inner.holds.tell(id, Signal::Refused(Refusal::AgentRevoked { agent: agent.name.clone() }));
                }
                if let Err(error) = self.deny_all(agent.id, &agent.fingerprint, &agent.project).await {
                    // They cannot be released in any case: the claim looks at the status again.
                    tracing::error!(%error, agent = agent.name, "what a revoked agent asked is not denied yet");
                }
            }
        }
    }

    async fn deny_all(&self, agent: AgentId, fingerprint: &str, project: &str) -> Result<(), StoreError> {
        let mut filter = IntentFilter {
            project: Some(project.to_owned()),
            states: vec!["pending".to_owned(), "approved".to_owned()],
            fingerprint: Some(fingerprint.to_owned()),
            limit: Some(200),
            ..IntentFilter::default()
        };
        loop {
            let page = self.inner.store.intents(&filter).await?;
            for stored in page.items.iter().filter(|stored| stored.intent.agent.id == Some(agent)) {
                let why = Some("the agent was revoked".to_owned());
                let denied = What::Denied { by: None, email: None, why, how: None };
                match self.inner.store.advance(self.step(stored.row.id, None, vec![denied], Actor::Gate)).await {
                    Ok((_, state)) => {
                        self.inner.deadlines.forget(stored.row.id);
                        self.announce(stored.row.id, project, state.name());
                    }
                    Err(StoreError::Stale) => {}
                    Err(error) => return Err(error),
                }
            }
            match page.next {
                Some(next) => filter.cursor = Some(next),
                None => return Ok(()),
            }
        }
    }

    /// From now on new calls on routes are refused `Unavailable` and held ones are told to come back.
    /// Verdicts, claims and outcomes go on. Resolves when no hold is left.
    pub async fn drain(&self) {
        self.inner.draining.store(true, Ordering::Release);
        for id in self.inner.holds.intents(None) {
            let why = "the gate is restarting".to_owned();
            self.inner.holds.tell(id, Signal::Refused(Refusal::Unavailable { intent: Some(id), why }));
        }
        self.inner.holds.empty().await;
        self.write_outcomes_down().await;
        let _ = self.write_down_seen().await;
    }

    /// Tries for a while; which calls' outcomes are lost then can be read in the log: they will be `unknown`.
    async fn write_outcomes_down(&self) {
        let until = tokio::time::Instant::now() + WRITTEN_WITHIN;
        while let Err(error) = self.inner.store.flush().await {
            if tokio::time::Instant::now() >= until {
                tracing::error!(%error, "the store does not take what came of the last calls");
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.inner.draining.load(Ordering::Acquire)
    }
}
