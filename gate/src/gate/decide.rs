//! What people do with intents. Each deed looks, decides and writes against the version it looked at;
//! whoever loses the race looks again and reads what it has become.

use std::time::Duration;

use tokio::sync::{oneshot, watch};

use super::Gate;
use super::holds::Signal;
use crate::approval::{Can, DecideError, Verdict, VerdictWith, quorum, tally};
use crate::clock::Timestamp;
use crate::deed::Actor;
use crate::hold::{Offer, Unwritten};
use crate::id::IntentId;
use crate::intent::{Event, Intent, State, What};
use crate::person::{Person, Role};
use crate::store::{Row, StoreError, Stored};

/// How long a last verdict waits for the holder to connect, before it is written without the claim.
const TOGETHER: Duration = Duration::from_millis(250);
/// When to look at what was given up: by then the store has written it or never will.
pub(super) const GIVEN_UP: Duration = Duration::from_secs(3);
/// Races lost before giving up.
const TRIES: usize = 8;

impl Gate {
    #[must_use]
    pub fn can(&self, intent: &Intent, person: &Person) -> Can {
        match self.objection(intent, person) {
            None => Can { approve: true, deny: true, reason: None },
            Some(reason) => Can { approve: false, deny: false, reason: Some(reason) },
        }
    }

    fn objection(&self, intent: &Intent, person: &Person) -> Option<String> {
        if !matches!(intent.state, State::Pending { .. }) {
            return Some(format!("it is {}", intent.state.name()));
        }
        match &intent.requirement {
            // The snapshot knows of roles and teams that changed since the page was made.
            Some(requirement) => match self.directory().person(person.id) {
                Some(now) => quorum::objection(intent, requirement, &now),
                None => Some("this account is not there any more".to_owned()),
            },
            None => Some("policy decides".to_owned()),
        }
    }

    /// Gives one person's verdict; the last one that is needed releases (with a live caller and no
    /// delay in the same transaction).
    ///
    /// # Errors
    /// See [`DecideError`].
    pub async fn decide(
        &self,
        id: IntentId,
        by: &Person,
        verdict: Verdict,
        with: VerdictWith,
    ) -> Result<Intent, DecideError> {
        let (gate, by) = (self.clone(), by.clone());
        carried_through(async move { gate.give(id, &by, verdict, with).await }).await
    }

    async fn give(
        &self,
        id: IntentId,
        by: &Person,
        verdict: Verdict,
        with: VerdictWith,
    ) -> Result<Intent, DecideError> {
        for _ in 0..TRIES {
            let stored = self.pending(id).await?;
            if let Some(reason) = self.objection(&stored.intent, by) {
                return Err(DecideError::NotAnApprover(reason));
            }
            let what = self.verdict(&stored, by, verdict, &with)?;
            match self.write_verdict(&stored, by, what).await {
                Ok(()) => return self.done(id).await,
                Err(StoreError::Stale) => {}
                Err(error) => return Err(self.given_up(id, error)),
            }
        }
        Err(StoreError::Unavailable("the intent changes too often at once".to_owned()).into())
    }

    /// The event of a verdict.
    fn verdict(&self, stored: &Stored, by: &Person, verdict: Verdict, with: &VerdictWith) -> Result<What, DecideError> {
        let intent = &stored.intent;
        if with.digest.as_deref().is_some_and(|digest| digest != intent.digest()) {
            return Err(DecideError::DigestMismatch);
        }
        let text = with.text.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
        let (email, how) = (by.email.clone(), with.how.clone());
        match verdict {
            Verdict::Deny => Ok(What::Denied { by: Some(by.id), email: Some(email), why: text, how }),
            Verdict::RequestChanges => {
                let guidance = text.ok_or(DecideError::MissingField("reason"))?;
                Ok(What::ChangesRequested { by: by.id, email, guidance, how })
            }
            Verdict::Approve => {
                let Some(requirement) = &intent.requirement else {
                    return Err(DecideError::NotAnApprover("policy decides".to_owned()));
                };
                if let Some(confirm) = &requirement.confirm
                    && with.confirmation.as_deref().map(str::trim) != Some(confirm.trim())
                {
                    return Err(DecideError::ConfirmationRequired(confirm.clone()));
                }
                let now = self.now();
                let voted = What::Voted { by: by.id, email: email.clone(), comment: text.clone(), how: how.clone() };
                let mut votes = intent.approvals.clone();
                tally(&mut votes, &Event { at: now, what: voted.clone() });
                if !quorum::is_enough(intent, requirement, &votes, &self.directory()) {
                    return Ok(voted);
                }
                let releases_at = now.plus(requirement.delay);
                let mut expires_at = releases_at.plus(self.rules().config().approval.release_within);
                if let Some(blocked) = stored.blocked_from {
                    expires_at = expires_at.min(blocked);
                }
                Ok(What::Approved { by: by.id, email, comment: text, releases_at, expires_at, how })
            }
        }
    }

    async fn write_verdict(&self, stored: &Stored, by: &Person, what: What) -> Result<(), StoreError> {
        let approves = matches!(what, What::Voted { .. } | What::Approved { .. });
        self.write_one(stored, by, what).await?;
        if approves {
            self.inner.proofs.approved.notify_one();
        }
        Ok(())
    }

    async fn write_one(&self, stored: &Stored, by: &Person, what: What) -> Result<(), StoreError> {
        let (id, version, actor) = (stored.row.id, stored.row.version, person(by));
        if let What::Approved { releases_at, .. } = &what
            && *releases_at <= self.now()
            && let Some(done) = self.together(stored, &what, &actor).await
        {
            return done.map(|_| ());
        }
        let (_, state) = self.inner.store.advance(self.step(id, Some(version), vec![what], actor)).await?;
        self.moved(id, &stored.intent.project, &state);
        Ok(())
    }

    /// Offers the last verdict to the waiting connection, to be written with its claim. `None`: nobody
    /// waits, or not quickly enough.
    async fn together(&self, stored: &Stored, what: &What, by: &Actor) -> Option<Result<(Row, State), StoreError>> {
        let (project, id, version) = (&stored.intent.project, stored.row.id, stored.row.version);
        let (done, mut written) = oneshot::channel();
        let (_deciding, decided) = watch::channel(());
        let offer =
            Offer::new(Unwritten { what: what.clone(), by: by.clone(), of: Box::new(stored.clone()), done }, decided);
        if !self.inner.holds.tell(id, Signal::Ready(Some(offer.clone()))) {
            return None;
        }
        if let Ok(done) = tokio::time::timeout(TOGETHER, &mut written).await {
            // An error of the channel: handed back unwritten.
            return self.or_alone(project, id, version, what, by, done.ok()).await;
        }
        let done = match offer.take() {
            Some(_) => None,
            // It is being written this moment.
            None => written.await.ok(),
        };
        self.or_alone(project, id, version, what, by, done).await
    }

    /// The holder is told that the decider is done only after this: `_deciding` lives in the caller.
    async fn or_alone(
        &self,
        project: &str,
        id: IntentId,
        version: i64,
        what: &What,
        by: &Actor,
        done: Option<Result<(Row, State), StoreError>>,
    ) -> Option<Result<(Row, State), StoreError>> {
        match done {
            Some(done) => Some(done),
            None => {
                let step = self.step(id, Some(version), vec![what.clone()], by.clone());
                let done = self.inner.store.advance(step).await;
                if let Ok((_, state)) = &done {
                    // The holder was woken already; one that has taken its place since was not.
                    self.moved(id, project, state);
                }
                Some(done)
            }
        }
    }

    /// After a change: the next deadline, the news, and who waits.
    pub(crate) fn moved(&self, id: IntentId, project: &str, state: &State) {
        match state {
            State::Pending { expires_at } => self.inner.deadlines.add(id, *expires_at),
            State::Approved { releases_at, expires_at, .. } => {
                let next = if *releases_at > self.now() { *releases_at } else { *expires_at };
                self.inner.deadlines.add(id, next);
            }
            _ => self.inner.deadlines.forget(id),
        }
        self.announce(id, project, state.name());
        let gate = self.clone();
        tokio::spawn(async move { gate.nudge(id).await });
    }

    /// # Errors
    /// See [`DecideError`].
    pub async fn cancel(&self, id: IntentId, by: &Person, why: Option<String>) -> Result<Intent, DecideError> {
        self.change(id, by, move |gate, stored, by| {
            let intent = &stored.intent;
            match &intent.state {
                State::Pending { .. } | State::Approved { .. } => {}
                other => return Err(DecideError::AlreadyResolved(Box::new(other.clone()))),
            }
            gate.may_end(intent, by)?;
            Ok(What::Cancelled { by: Some(by.id), email: Some(by.email.clone()), why: why.clone() })
        })
        .await
    }

    /// A person settles an `unknown`: `executed` true or false.
    ///
    /// # Errors
    /// See [`DecideError`].
    pub async fn settle(
        &self,
        id: IntentId,
        by: &Person,
        executed: bool,
        note: Option<String>,
    ) -> Result<Intent, DecideError> {
        self.change(id, by, move |gate, stored, by| {
            if !matches!(stored.intent.state, State::Unknown { .. }) {
                return Err(DecideError::AlreadyResolved(Box::new(stored.intent.state.clone())));
            }
            gate.may_end(&stored.intent, by)?;
            Ok(What::Settled { by: by.id, email: by.email.clone(), executed, note: note.clone() })
        })
        .await
    }

    /// Forgets a remembered denial, so that the same call asks again.
    ///
    /// # Errors
    /// See [`DecideError`].
    pub async fn clear_denial(&self, id: IntentId, by: &Person) -> Result<(), DecideError> {
        self.change(id, by, move |gate, stored, by| {
            if !matches!(stored.intent.state, State::Denied(_)) {
                return Err(DecideError::AlreadyResolved(Box::new(stored.intent.state.clone())));
            }
            gate.may_end(&stored.intent, by)?;
            Ok(What::DenialCleared { by: by.id, email: by.email.clone() })
        })
        .await
        .map(|_| ())
    }

    async fn change(
        &self,
        id: IntentId,
        by: &Person,
        what: impl Fn(&Gate, &Stored, &Person) -> Result<What, DecideError> + Send + Sync + 'static,
    ) -> Result<Intent, DecideError> {
        let (gate, by) = (self.clone(), by.clone());
        carried_through(async move { gate.try_change(id, &by, what).await }).await
    }

    async fn try_change(
        &self,
        id: IntentId,
        by: &Person,
        what: impl Fn(&Gate, &Stored, &Person) -> Result<What, DecideError> + Send + Sync,
    ) -> Result<Intent, DecideError> {
        for _ in 0..TRIES {
            let stored = self.inner.store.intent(id).await?.ok_or(DecideError::NotFound)?;
            let step = self.step(id, Some(stored.row.version), vec![what(self, &stored, by)?], person(by));
            match self.inner.store.advance(step).await {
                Ok((_, state)) => {
                    self.moved(id, &stored.intent.project, &state);
                    return self.done(id).await;
                }
                Err(StoreError::Stale) => {}
                Err(error) => return Err(self.given_up(id, error)),
            }
        }
        Err(StoreError::Unavailable("the intent changes too often at once".to_owned()).into())
    }

    /// It may be written all the same: who waits hears of it then.
    fn given_up(&self, id: IntentId, error: StoreError) -> DecideError {
        self.inner.deadlines.add(id, self.now().plus(GIVEN_UP));
        error.into()
    }

    /// Who may cancel, settle and clear: whoever could have decided it, and admins.
    fn may_end(&self, intent: &Intent, by: &Person) -> Result<(), DecideError> {
        let Some(now) = self.directory().person(by.id).filter(|person| !person.disabled) else {
            return Err(DecideError::NotAnApprover("this account is not there any more".to_owned()));
        };
        if now.role == Role::Admin {
            return Ok(());
        }
        let objection = match &intent.requirement {
            Some(requirement) => quorum::objection(intent, requirement, &now),
            None if now.role >= Role::Approver => None,
            None => Some("viewers read; ask an admin for the approver role".to_owned()),
        };
        objection.map_or(Ok(()), |reason| Err(DecideError::NotAnApprover(reason)))
    }

    async fn pending(&self, id: IntentId) -> Result<Stored, DecideError> {
        let stored = self.inner.store.intent(id).await?.ok_or(DecideError::NotFound)?;
        match &stored.intent.state {
            State::Pending { expires_at } if self.now() >= *expires_at => {
                let at: Timestamp = self.now();
                Err(DecideError::AlreadyResolved(Box::new(State::Expired { at })))
            }
            State::Pending { .. } => Ok(stored),
            other => Err(DecideError::AlreadyResolved(Box::new(other.clone()))),
        }
    }

    async fn done(&self, id: IntentId) -> Result<Intent, DecideError> {
        self.intent(id).await?.ok_or(DecideError::NotFound)
    }
}

/// Does a deed to its end, also when who wanted it has gone away in the middle: who waits must hear of it.
async fn carried_through<T: Send + 'static>(
    deed: impl Future<Output = Result<T, DecideError>> + Send + 'static,
) -> Result<T, DecideError> {
    let done = tokio::spawn(deed).await;
    done.unwrap_or_else(|error| Err(StoreError::Unavailable(format!("it was cut off: {error}")).into()))
}

fn person(by: &Person) -> Actor {
    Actor::Person { id: by.id, email: by.email.clone() }
}
