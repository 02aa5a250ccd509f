//! How the same call stands: what became of it before decides what becomes of it now.

use std::sync::Arc;
use std::time::Duration;

use super::Gate;
use super::holds::Signal;
use super::submit::unavailable;
use crate::approval::quorum;
use crate::call::{Call, Submitted};
use crate::clock::Timestamp;
use crate::deed::Actor;
use crate::id::IntentId;
use crate::intent::{Resolution, State, What};
use crate::refusal::Refusal;
use crate::same_call::SameCall;
use crate::shown::Shown;
use crate::store::{Advance, StoreError, Stored};

/// How long an idempotency key stands for what was first asked with it.
const KEY_FOR: Duration = Duration::from_secs(24 * 3600);
/// When to look again at what could not be looked at, or is not there yet.
pub(crate) const AGAIN: Duration = Duration::from_secs(1);

impl Gate {
    /// What an earlier try of the same call means for this one. `None`: nothing, it is a new call.
    pub(crate) async fn stand(
        &self,
        call: &Arc<Call>,
        shown: &Shown,
        same: &SameCall,
        now: Timestamp,
    ) -> Result<Option<Submitted>, Refusal> {
        let before = self.inner.store.same_call(&same.call).await.map_err(|error| unavailable(None, &error))?;
        match before {
            None => Ok(None),
            // Boxed: a call that was never made before, and that is most, has no room for it.
            Some(before) => Box::pin(self.standing(call, shown, same, before, now)).await,
        }
    }

    pub(super) async fn standing(
        &self,
        call: &Arc<Call>,
        shown: &Shown,
        same: &SameCall,
        before: Stored,
        now: Timestamp,
    ) -> Result<Option<Submitted>, Refusal> {
        let id = before.row.id;
        let open = !before.intent.state.is_end();
        if same.content != before.content && (open || now < before.since.plus(KEY_FOR)) {
            return Err(Refusal::IdempotencyMismatch { intent: id });
        }
        let directory = self.directory();
        let times = self.rules().config().approval;
        match &before.intent.state {
            // It has run out and is only not yet written as expired: this is a new call.
            State::Pending { expires_at } | State::Approved { expires_at, .. } if now >= *expires_at => {
                self.expire(id).await;
                Ok(None)
            }
            State::Pending { expires_at } | State::Approved { expires_at, .. } => {
                self.same_bytes(&before, shown)?;
                self.room_for(call, id)?;
                let waiting_for = quorum::waiting_for(&before.intent, &directory);
                let hold = self.attach(call, id, waiting_for, *expires_at);
                self.announce_link(&before);
                // It may have been decided between the look and the attaching.
                self.nudge(id).await;
                Ok(Some(Submitted::Held(hold)))
            }
            State::Executing { at } => {
                self.room_for(call, id)?;
                let until = at.plus(times.release_within);
                let hold = self.attach(call, id, "the answer of the upstream".to_owned(), until);
                // Its outcome may be known already and only not yet written: it is looked for until it is.
                self.inner.deadlines.add(id, now.plus(AGAIN));
                self.nudge(id).await;
                Ok(Some(Submitted::Held(hold)))
            }
            State::Executed { at, .. } if now < at.plus(times.replay_for) => self.replay(&before).await,
            State::Unknown { .. } if before.people => Err(self.refusal(&before)),
            State::Denied(Resolution { by: Some(_), at, .. }) if !before.cleared && now < at.plus(times.denial_for) => {
                Err(self.refusal(&before))
            }
            _ => Ok(None),
        }
    }

    /// An idempotency key joins calls by what is asked; people approved more than that.
    fn same_bytes(&self, before: &Stored, shown: &Shown) -> Result<(), Refusal> {
        match &before.intent.request {
            Some(request) if request.digest == shown.digest => Ok(()),
            _ => Err(Refusal::IdempotencyMismatch { intent: before.row.id }),
        }
    }

    /// Taking a place over takes none.
    fn room_for(&self, call: &Call, id: IntentId) -> Result<(), Refusal> {
        if self.inner.holds.has(id) { Ok(()) } else { self.within_limits(call) }
    }

    /// Who waits for what an earlier connection sent gets the answer, once, or hears how it ended.
    pub(crate) async fn end_wait(&self, id: IntentId) {
        // Out of the line first: whoever else comes to tell it finds nobody, and so it is told one thing.
        let Some(waiter) = self.inner.holds.take(id).filter(|waiter| !waiter.is_gone()) else { return };
        let signal = match self.inner.store.intent(id).await {
            Ok(Some(stored)) => match self.replay(&stored).await {
                Ok(Some(Submitted::Replay(answer))) => Signal::Answered(answer),
                Ok(_) => Signal::Refused(self.refusal(&stored)),
                Err(refusal) => Signal::Refused(refusal),
            },
            Ok(None) => Signal::Refused(Refusal::Expired { intent: id }),
            Err(error) => Signal::Refused(unavailable(Some(id), &error)),
        };
        waiter.tell(signal);
    }

    /// The answer that nobody has had yet, once.
    async fn replay(&self, before: &Stored) -> Result<Option<Submitted>, Refusal> {
        let id = before.row.id;
        if before.intent.outcome.as_ref().is_none_or(|outcome| outcome.delivered) {
            return Ok(None);
        }
        let store = &self.inner.store;
        let Some(answer) = store.answer(id).await.map_err(|error| unavailable(Some(id), &error))? else {
            return if before.people { Err(Refusal::AlreadyExecuted { intent: id }) } else { Ok(None) };
        };
        let delivered = self.delivered(&before.intent.agent.fingerprint, before.row.version, id);
        match store.advance(delivered).await {
            Ok(_) => Ok(Some(Submitted::Replay(answer))),
            // Another connection was quicker.
            Err(StoreError::Stale) => Err(Refusal::AlreadyExecuted { intent: id }),
            Err(error) => Err(unavailable(Some(id), &error)),
        }
    }

    pub(crate) fn delivered(&self, fingerprint: &str, version: i64, id: IntentId) -> Advance {
        Advance {
            forget: true,
            ..self.step(id, Some(version), vec![What::Delivered], Actor::Agent(fingerprint.to_owned()))
        }
    }

    /// What an agent is told of an intent as it is.
    pub(crate) fn refusal(&self, stored: &Stored) -> Refusal {
        let (intent, id) = (&stored.intent, stored.row.id);
        let name = |end: &Resolution| match end.by {
            Some(by) => {
                let voted = intent.approvals.iter().find(|vote| vote.by == by).map(|vote| vote.email.clone());
                let known = || self.directory().person(by).map(|person| person.email.clone());
                voted.or_else(known).unwrap_or_else(|| by.to_string())
            }
            None => "the gate".to_owned(),
        };
        match &intent.state {
            State::Pending { expires_at } | State::Approved { expires_at, .. } => Refusal::Pending {
                intent: id,
                waiting_for: quorum::waiting_for(intent, &self.directory()),
                expires_at: *expires_at,
            },
            State::Denied(end) if end.by.is_some() => {
                Refusal::Denied { intent: id, by: name(end), reason: end.why.clone() }
            }
            State::Denied(end) => Refusal::BlockedByPolicy {
                intent: Some(id),
                message: end.why.clone().unwrap_or_else(|| "Not executed: a rule refuses it.".to_owned()),
            },
            State::ChangesRequested(end) => {
                Refusal::ChangesRequested { intent: id, by: name(end), guidance: end.why.clone().unwrap_or_default() }
            }
            State::Cancelled(end) => Refusal::Cancelled { intent: id, by: name(end) },
            State::Expired { .. } => Refusal::Expired { intent: id },
            State::Failed { .. } => Refusal::UpstreamUnreachable { intent: id },
            State::Executing { .. } | State::Executed { .. } => Refusal::AlreadyExecuted { intent: id },
            State::Unknown { .. } => {
                let method = intent.request.as_ref().map(|request| request.method.as_str());
                Refusal::OutcomeUnknown { intent: id, safe_method: is_safe(method) }
            }
        }
    }

    /// Looks at an intent again and tells who waits for it here.
    pub(crate) async fn nudge(&self, id: IntentId) {
        match self.inner.store.intent(id).await {
            Ok(Some(stored)) => self.tell_waiter(&stored).await,
            Ok(None) => {}
            // Whoever waits goes on waiting; the next look finds out.
            Err(error) => {
                tracing::warn!(intent = %id, %error, "could not look at it again");
                self.inner.deadlines.add(id, self.now().plus(AGAIN));
            }
        }
    }

    pub(crate) async fn tell_waiter(&self, stored: &Stored) {
        let (id, now) = (stored.row.id, self.now());
        let holds = &self.inner.holds;
        match &stored.intent.state {
            State::Approved { releases_at, .. } if *releases_at <= now => {
                holds.tell(id, Signal::Ready(None));
            }
            State::Pending { expires_at } | State::Approved { expires_at, .. } => {
                let waiting_for = quorum::waiting_for(&stored.intent, &self.directory());
                holds.tell(id, Signal::Moved { waiting_for, expires_at: *expires_at });
            }
            State::Executing { .. } => {}
            State::Executed { .. } => self.end_wait(id).await,
            _ => {
                holds.tell(id, Signal::Refused(self.refusal(stored)));
            }
        }
    }
}

/// RFC 9110, section 9.2.1.
fn is_safe(method: Option<&str>) -> bool {
    matches!(method, Some("GET" | "HEAD" | "OPTIONS" | "TRACE"))
}
