//! The live connection of an intent that waits.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rules::ruleset::Routed;
use rules::{Request, Ruleset};
use tokio::sync::{mpsc, oneshot, watch};

use crate::agent::Agent;
use crate::call::{Call, StoredAnswer};
use crate::clock::Timestamp;
use crate::deed::Actor;
use crate::gate::Gate;
use crate::gate::holds::{Place, Signal};
use crate::id::IntentId;
use crate::intent::{State, What};
use crate::refusal::Refusal;
use crate::release::Released;
use crate::store::{Row, StoreError, Stored};

/// A place in the waiting line. Armed before the record is visible, so that no verdict is missed.
/// Dropping it tells everybody that the caller is gone; the intent lives on.
#[derive(Debug)]
pub struct Hold {
    gate: Gate,
    intent: IntentId,
    token: u64,
    signals: mpsc::UnboundedReceiver<Box<Signal>>,
    call: Arc<Resting>,
    waiting_for: String,
    expires_at: Timestamp,
}

/// A call while it waits: who, the bytes, and the rules that found its route, by which it is read again.
#[derive(Debug)]
pub(crate) struct Resting {
    agent: Arc<Agent>,
    request: rules::request::Resting,
    rules: Arc<Ruleset>,
    patience: Duration,
}

impl Resting {
    pub(crate) fn new(call: &Call) -> Resting {
        let Call { agent, request, hit: _, rules, patience } = call;
        let request = rules::request::Resting::new(request);
        Resting { agent: agent.clone(), request, rules: rules.clone(), patience: *patience }
    }

    /// Bytes of memory that its request takes.
    pub(crate) fn weight(&self) -> usize {
        self.request.weight()
    }

    /// The call as it came in. `None`: the rules that took it do not take it now, which cannot be.
    pub(crate) fn wake(&self) -> Option<Call> {
        let request: Request = self.request.wake().ok()?;
        let Routed::Action(hit) = self.rules.route(&request).ok()? else { return None };
        let (agent, rules) = (self.agent.clone(), self.rules.clone());
        Some(Call { agent, request: Arc::new(request), hit, rules, patience: self.patience })
    }
}

/// What a held call is woken for.
#[derive(Debug)]
pub enum Wake {
    /// People agree: connect to the upstream, then [`Approved::claim`].
    Connect(Approved),
    /// It ends here (denied, expired, taken over, draining...).
    Refused(Refusal),
    /// The call was being executed for an earlier connection; its answer comes to this one.
    Answered(StoredAnswer),
}

/// The right to try the claim. Nothing is sent before it succeeds. Dropped, it leaves the intent approved.
#[derive(Debug)]
pub struct Approved {
    gate: Gate,
    intent: IntentId,
    token: u64,
    call: Arc<Resting>,
    offer: Option<Offer>,
}

/// The last verdict, not yet written: whoever takes it writes it, the claim with it or the decider alone.
#[derive(Debug, Clone)]
pub(crate) struct Offer {
    verdict: Arc<Mutex<Option<Unwritten>>>,
    /// Closes when the decider is done.
    decided: watch::Receiver<()>,
}

#[derive(Debug)]
pub(crate) struct Unwritten {
    pub(crate) what: What,
    pub(crate) by: Actor,
    /// The intent that was decided on; in another version it is not written.
    pub(crate) of: Box<Stored>,
    pub(crate) done: oneshot::Sender<Result<(Row, State), StoreError>>,
}

impl Offer {
    pub(crate) fn new(verdict: Unwritten, decided: watch::Receiver<()>) -> Offer {
        Offer { verdict: Arc::new(Mutex::new(Some(verdict))), decided }
    }

    pub(crate) fn take(&self) -> Option<Unwritten> {
        self.verdict.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Resolves when the decider has written it, or has given up.
    pub(crate) async fn settled(&mut self) {
        while self.decided.changed().await.is_ok() {}
    }
}

impl Hold {
    pub(crate) fn new(
        gate: Gate,
        intent: IntentId,
        place: Place,
        call: Resting,
        waiting_for: String,
        expires_at: Timestamp,
    ) -> Hold {
        let call = Arc::new(call);
        Hold { gate, intent, token: place.token, signals: place.signals, call, waiting_for, expires_at }
    }

    #[must_use]
    pub fn intent(&self) -> IntentId {
        self.intent
    }

    /// Who decides, for the agent's eyes: "finance (1 of 2)", "any approver".
    #[must_use]
    pub fn waiting_for(&self) -> String {
        self.waiting_for.clone()
    }

    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// Has the intent looked at again: what was said while nobody acted on it is said once more.
    pub async fn look_again(&self) {
        self.gate.nudge(self.intent).await;
    }

    /// Waits for news. Cancel-safe.
    pub async fn wake(&mut self) -> Wake {
        loop {
            match self.signals.recv().await.map(|signal| *signal) {
                Some(Signal::Ready(offer)) => {
                    return Wake::Connect(Approved {
                        gate: self.gate.clone(),
                        intent: self.intent,
                        token: self.token,
                        call: self.call.clone(),
                        offer,
                    });
                }
                Some(Signal::Moved { waiting_for, expires_at }) => {
                    self.waiting_for = waiting_for;
                    self.expires_at = expires_at;
                }
                Some(Signal::Refused(refusal)) => return Wake::Refused(refusal),
                Some(Signal::Answered(answer)) => return Wake::Answered(answer),
                // Taken over; whoever did it has said so, and that was read already.
                None => return Wake::Refused(self.pending()),
            }
        }
    }

    /// The client's patience is over: what to tell it.
    #[must_use]
    pub fn pending(&self) -> Refusal {
        Refusal::Pending { intent: self.intent, waiting_for: self.waiting_for(), expires_at: self.expires_at }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.gate.caller_left(self.intent, self.token);
    }
}

impl Approved {
    #[must_use]
    pub fn intent(&self) -> IntentId {
        self.intent
    }

    /// The upstream is connected: claims the intent, having checked everything again.
    ///
    /// # Errors
    /// It may not be sent, and why.
    pub async fn claim(mut self) -> Result<Released, Refusal> {
        let offer = self.offer.take();
        self.gate.claim(self.intent, self.token, &self.call, offer).await
    }

    /// The upstream could not be connected: the intent stays approved.
    pub async fn unreachable(self, why: &str) -> Refusal {
        tracing::info!(intent = %self.intent, why, "approved, and its upstream cannot be reached; nothing was sent");
        Refusal::UpstreamUnreachable { intent: self.intent }
    }
}

impl Drop for Approved {
    fn drop(&mut self) {
        // Whoever decided need not wait for a claim that will not come.
        if let Some(offer) = &self.offer {
            drop(offer.take());
        }
    }
}
