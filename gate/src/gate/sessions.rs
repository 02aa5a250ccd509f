//! Browsers' sign-ins: 12 hours at most, 2 hours without a sign of life. They end when the person is
//! disabled, or their password or role changes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::{Gate, GateError, refused};
use crate::clock::Timestamp;
use crate::deed::{Actor, Deed};
use crate::id::{PersonId, SessionId};
use crate::key::hash_of;
use crate::person::{Person, Session};
use crate::store::StoreError;

/// From the sign-in on.
pub const LIFETIME: Duration = Duration::from_secs(12 * 60 * 60);
/// From the last request on.
pub const IDLE: Duration = Duration::from_secs(2 * 60 * 60);

/// When sessions were last used, as far as the store does not know it yet.
#[derive(Debug, Default)]
pub(crate) struct SessionsSeen(Mutex<HashMap<SessionId, (PersonId, Timestamp)>>);

impl SessionsSeen {
    fn get(&self, id: SessionId) -> Option<(PersonId, Timestamp)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&id).copied()
    }

    pub(super) fn note(&self, id: SessionId, person: PersonId, at: Timestamp) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let last = seen.entry(id).or_insert((person, at));
        last.1 = last.1.max(at);
    }

    fn forget(&self, id: SessionId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }

    /// What to write down.
    pub(super) fn all(&self) -> Vec<(SessionId, Timestamp)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().map(|(id, (_, at))| (*id, *at)).collect()
    }

    /// It is written down; what was seen since stays.
    pub(super) fn written(&self, down: &[(SessionId, Timestamp)]) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (id, at) in down {
            if seen.get(id).is_some_and(|(_, last)| last <= at) {
                seen.remove(id);
            }
        }
    }
}

impl Gate {
    /// The person of a session's cookie.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn session(&self, token: &str) -> Result<Option<(Session, Arc<Person>)>, StoreError> {
        // Not one of ours: the store need not be asked.
        if token.len() != 43 || !token.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Ok(None);
        }
        let Some(session) = self.inner.store.session(&hash_of(token)).await? else { return Ok(None) };
        let now = self.now();
        let session = self.as_last_seen(session);
        if !is_alive(&session, now) {
            return Ok(None);
        }
        if self.directory().person(session.person).is_none() {
            self.refresh_directory().await?;
        }
        let directory = self.directory();
        let Some(person) = directory.person(session.person).filter(|person| !person.disabled) else { return Ok(None) };
        self.inner.sessions_seen.note(session.id, person.id, now);
        directory.note_seen(person.id.0, now);
        Ok(Some((session, person)))
    }

    /// The sessions of a person that have not ended, newest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn sessions_of(&self, person: PersonId) -> Result<Vec<Session>, StoreError> {
        let now = self.now();
        let sessions = self.inner.store.sessions_of(person).await?;
        Ok(sessions.into_iter().map(|one| self.as_last_seen(one)).filter(|one| is_alive(one, now)).collect())
    }

    /// Ends a session: by its person, or an admin.
    ///
    /// # Errors
    /// There is no such session; the store cannot be written.
    pub async fn end_session(&self, session: SessionId, by: &Actor) -> Result<(), GateError> {
        let done = self.record(Deed::CloseSession { id: session }, by).await;
        self.inner.sessions_seen.forget(session);
        done.map_err(|error| refused(error, &format!("session {session}")))
    }

    /// Ends the session of who signs out. Nothing to do where it has ended.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn sign_out(&self, session: SessionId) -> Result<(), GateError> {
        let person = self.inner.sessions_seen.get(session).and_then(|(person, _)| self.directory().person(person));
        let by = person.map_or(Actor::Gate, |person| Actor::Person { id: person.id, email: person.email.clone() });
        match self.end_session(session, &by).await {
            Err(GateError::NotFound(_)) => Ok(()),
            done => done,
        }
    }

    fn as_last_seen(&self, session: Session) -> Session {
        let seen = self.inner.sessions_seen.get(session.id).map_or(session.last_seen_at, |(_, at)| at);
        Session { last_seen_at: session.last_seen_at.max(seen), ..session }
    }
}

fn is_alive(session: &Session, now: Timestamp) -> bool {
    now < session.expires_at && now < session.last_seen_at.plus(IDLE)
}
