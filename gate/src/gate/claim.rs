//! The claim: the last look before sending, and what came of the sending.

use std::sync::Arc;
use std::time::Duration;

use rules::Ruleset;
use rules::decision::{Decision, DenyReason, Verdict as PolicyVerdict};
use rules::ruleset::Misplaced;

use super::Gate;
use super::decide::GIVEN_UP;
use super::holds::Signal;
use super::submit::{by_policy, decide, decide_as, unavailable};
use crate::approval::{Verdict, quorum, tally};
use crate::call::{Call, StoredAnswer};
use crate::clock::Timestamp;
use crate::deed::Actor;
use crate::hold::{Offer, Resting, Unwritten};
use crate::id::IntentId;
use crate::intent::{Event, Intent, State, What};
use crate::refusal::Refusal;
use crate::release::{Decided, Look, Released};
use crate::shown::Shown;
use crate::store::{Advance, Row, StoreError, Stored};

/// To the agent whose approved call nobody stands for any more.
const QUORUM_LOST: &str = "Not executed: it was approved, but those who approved it may not approve it any more. \
                           Send the same call again if it is still wanted; people are asked anew.";

impl Gate {
    /// Claims an intent for sending: checks everything again, then one compare-and-set, synced. Once begun
    /// it is carried through: where nobody listens any more, what was claimed is dropped and so `unknown`.
    pub(crate) async fn claim(
        &self,
        id: IntentId,
        token: u64,
        call: &Arc<Resting>,
        offer: Option<Offer>,
    ) -> Result<Released, Refusal> {
        let (gate, call) = (self.clone(), call.clone());
        let claimed = tokio::spawn(async move {
            let call = call.wake().ok_or_else(|| {
                tracing::error!(intent = %id, "a held call could not be read again");
                Refusal::Unavailable { intent: Some(id), why: "the call could not be read again".to_owned() }
            })?;
            gate.try_claim(id, token, &Arc::new(call), offer).await
        })
        .await;
        claimed.unwrap_or_else(|error| {
            Err(Refusal::Unavailable { intent: Some(id), why: format!("the claim was cut off: {error}") })
        })
    }

    async fn try_claim(
        &self,
        id: IntentId,
        token: u64,
        call: &Arc<Call>,
        mut offer: Option<Offer>,
    ) -> Result<Released, Refusal> {
        for _ in 0..5 {
            // Dropped unwritten, it goes back to whoever decided, who writes it alone.
            let verdict = offer.as_ref().and_then(Offer::take);
            if verdict.is_none()
                && let Some(mut offer) = offer.take()
            {
                offer.settled().await;
            }
            let stored = match &verdict {
                // Read a moment ago; has it changed since, the write finds it.
                Some(verdict) => Stored::clone(&verdict.of),
                None => {
                    let stored = self.inner.store.intent(id).await.map_err(|error| unavailable(Some(id), &error))?;
                    stored.ok_or(Refusal::Expired { intent: id })?
                }
            };
            let shown = Shown::of(&call.request);
            let look = Look::begin();
            let (decided, look) = self.may_be_sent(&stored, call, &shown, verdict.as_ref(), look).await?;
            match self.write_claim(&stored, verdict, &shown).await {
                Ok(row) => {
                    self.inner.holds.leave(id, token);
                    self.inner.deadlines.forget(id);
                    self.announce(id, &stored.intent.project, "executing");
                    let now = self.now();
                    return Ok(Released::new(self.clone(), row, call.clone(), shown, decided, (now, look)));
                }
                // Also when the agent's status changed, perhaps in another process: then it is to be known here.
                Err(StoreError::Stale) => {
                    self.refresh_directory().await.map_err(|error| unavailable(Some(id), &error))?;
                }
                Err(error) => {
                    self.inner.deadlines.add(id, self.now().plus(GIVEN_UP));
                    return Err(unavailable(Some(id), &error));
                }
            }
        }
        Err(Refusal::Unavailable { intent: Some(id), why: "the intent changes too often at once".to_owned() })
    }

    async fn write_claim(&self, stored: &Stored, verdict: Option<Unwritten>, shown: &Shown) -> Result<Row, StoreError> {
        let claimed = What::Claimed { digest: shown.digest.clone() };
        let id = stored.row.id;
        match verdict {
            Some(verdict) => {
                // One transaction; the log names the person for both: it is their verdict that sends it.
                let step = self.step(id, Some(verdict.of.row.version), vec![verdict.what, claimed], verdict.by);
                let done = self.inner.store.advance(step).await;
                let row = done.as_ref().map(|(row, _)| *row).map_err(Clone::clone);
                let _ = verdict.done.send(done);
                row
            }
            None => {
                let step = self.step(id, Some(stored.row.version), vec![claimed], Actor::Gate);
                self.inner.store.advance(step).await.map(|(row, _)| row)
            }
        }
    }

    /// All that must hold at the moment of sending.
    async fn may_be_sent(
        &self,
        stored: &Stored,
        call: &Call,
        shown: &Shown,
        verdict: Option<&Unwritten>,
        look: Look,
    ) -> Result<(Decided, Look), Refusal> {
        let (intent, id, now) = (&stored.intent, stored.row.id, self.now());
        let (releases_at, bound) = match (&intent.state, verdict) {
            (State::Approved { releases_at, expires_at, .. }, None) => (*releases_at, *expires_at),
            (State::Pending { .. }, Some(Unwritten { what: What::Approved { releases_at, expires_at, .. }, .. })) => {
                (*releases_at, *expires_at)
            }
            _ => return Err(self.refusal(stored)),
        };
        if intent.state.expires_at().is_none_or(|expires_at| now >= expires_at) {
            return Err(Refusal::Expired { intent: id });
        }
        if releases_at > now {
            return Err(self.refusal(stored));
        }
        self.status_allows(&call.agent)?;
        // The bytes are those that were approved.
        if intent.request.as_ref().is_none_or(|request| request.digest != shown.digest) {
            return Err(Refusal::IdempotencyMismatch { intent: id });
        }
        // A rule that rejects now wins over people who approved before.
        if let Some((reason, message)) = rejected_now(&self.rules(), call, intent, now) {
            return Err(match reason {
                // Nobody said no to it: it may be sent when the switch is off again, and expires otherwise.
                DenyReason::Stopped => by_policy(reason, Some(id), &message),
                _ => self.deny_at_release(stored, reason, &message).await,
            });
        }
        let mut votes = intent.approvals.clone();
        if let Some(Unwritten { what, .. }) = verdict {
            tally(&mut votes, &Event { at: now, what: what.clone() });
        }
        let Some(requirement) = &intent.requirement else {
            return Err(Refusal::Unavailable { intent: Some(id), why: "it does not say who decides".to_owned() });
        };
        if !quorum::is_enough(intent, requirement, &votes, &self.directory()) {
            // Who approved may have got their role in another process a moment ago.
            self.refresh_directory().await.map_err(|error| unavailable(Some(id), &error))?;
        }
        if !quorum::is_enough(intent, requirement, &votes, &self.directory()) {
            return Err(match verdict {
                // Nobody else can approve it: it ends, so that the same call is asked anew.
                None => self.deny_at_release(stored, DenyReason::BlockedByPolicy, QUORUM_LOST).await,
                Some(_) => self.refusal(stored),
            });
        }
        votes.retain(|vote| vote.verdict == Verdict::Approve);
        let at = votes.iter().map(|vote| vote.at).max().unwrap_or(now);
        let by = votes.iter().map(|vote| vote.by).collect();
        Ok((Decided::People { policy: intent.policy.clone(), by, at }, look.until(now, bound)))
    }

    /// What was approved may not be sent after all.
    async fn deny_at_release(&self, stored: &Stored, reason: DenyReason, message: &str) -> Refusal {
        let id = stored.row.id;
        let denied = What::Denied { by: None, email: None, why: Some(message.to_owned()), how: None };
        if let Err(error) = self.inner.store.advance(self.step(id, None, vec![denied], Actor::Gate)).await {
            tracing::warn!(intent = %id, %error, "a denial at release could not be recorded; it was not sent");
        } else {
            self.announce(id, &stored.intent.project, "denied");
        }
        by_policy(reason, Some(id), message)
    }

    /// An outcome that nobody else waits for.
    pub(crate) fn conclude(&self, row: Row, call: &Call, event: Event) {
        let state = match event.what {
            What::Executed { .. } => "executed",
            What::Failed { .. } => "failed",
            _ => "unknown",
        };
        if let Ok(after) = (State::Executing { at: event.at }).after(&event) {
            let safe_method = matches!(call.request.head.method.as_str(), "GET" | "HEAD" | "OPTIONS" | "TRACE");
            let refusal = match after {
                State::Unknown { .. } => Refusal::OutcomeUnknown { intent: row.id, safe_method },
                State::Failed { .. } => Refusal::UpstreamUnreachable { intent: row.id },
                _ => Refusal::AlreadyExecuted { intent: row.id },
            };
            self.inner.holds.tell(row.id, Signal::Refused(refusal));
        }
        self.inner.store.conclude(row, event);
        self.announce(row.id, &call.agent.project, state);
    }

    /// An outcome whose answer may have to be kept. Tried until it is written.
    pub(crate) async fn executed(&self, row: Row, call: &Call, what: What, answer: Option<StoredAnswer>) {
        let until = self.now().plus(self.rules().config().approval.replay_for);
        let step =
            Advance { keep: answer.map(|answer| (answer, until)), ..self.step(row.id, None, vec![what], Actor::Gate) };
        let written = self.inner.store.advance(step.clone()).await;
        self.announce(row.id, &call.agent.project, "executed");
        if let Err(error @ StoreError::Unavailable(_)) = written {
            tracing::warn!(intent = %row.id, %error, "its outcome is not recorded yet");
            let gate = self.clone();
            tokio::spawn(async move {
                while let Err(StoreError::Unavailable(_)) = gate.inner.store.advance(step.clone()).await {
                    tokio::time::sleep(Duration::from_millis(500)).await;
                }
                gate.end_wait(row.id).await;
            });
            return;
        }
        self.end_wait(row.id).await;
    }

    pub(crate) fn step(&self, id: IntentId, version: Option<i64>, what: Vec<What>, by: Actor) -> Advance {
        Advance { id, version, what, by, clock: self.inner.clock.clone(), keep: None, forget: false }
    }
}

/// What the rules of now say against a call that was recorded earlier: as what it was recorded, and as what
/// they see in it. What it needs was fixed when it was recorded; only a reject counts.
fn rejected_now(rules: &Ruleset, call: &Call, intent: &Intent, now: Timestamp) -> Option<(DenyReason, String)> {
    let denial = |decision: Decision| match decision.verdict {
        PolicyVerdict::Deny { reason, message } if !decision.observed => Some((reason, message)),
        _ => None,
    };
    if let Some(denial) = denial(decide(rules, call, now)) {
        return Some(denial);
    }
    let origin = intent.request.as_ref().and_then(|request| request.origin.as_deref());
    match rules.again(&call.request, &call.agent.project, origin) {
        Ok(None) => None,
        Ok(Some((request, hit))) => denial(decide_as(rules, &call.agent, &request, &hit, now)),
        Err(Misplaced::NoRoute) if !rules.enforces(intent.upstream.as_deref(), call.agent.enforce) => None,
        Err(why) => {
            let message = format!("Not executed: {why}. Ask again, and it is decided anew.");
            Some((DenyReason::BlockedByPolicy, message))
        }
    }
}
