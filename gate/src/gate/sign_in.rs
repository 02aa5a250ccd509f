//! Letting people in: by password, or by a one-time link.
//!
//! A wrong password and an unknown address take the same time and read the same. Each account and each
//! source (an IPv4 address, an IPv6 /64) is slowed down apart: an account after 5 attempts, up to a
//! minute, so that nobody can lock somebody else out for long; a source after 20, up to a quarter of an
//! hour. Counted in memory ([`crate::backoff`]).

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::projects::no_randomness;
use super::{Gate, GateError, SignedIn};
use crate::backoff::Backoff;
use crate::deed::{Actor, Deed, FirstAdmin, NewSession};
use crate::id::{PersonId, SessionId};
use crate::key::{KeyHash, hash_of, random_text};
use crate::password::{Busy, Passwords, is_strong};
use crate::person::{Link, Person, Session, SignInError, login};
use crate::store::StoreError;

/// How long a one-time link is good for.
pub const LINK_LIFETIME: Duration = Duration::from_secs(60 * 60);

/// What sign-ins share.
#[derive(Debug)]
pub(crate) struct Door {
    passwords: Passwords,
    accounts: Backoff<KeyHash>,
    sources: Backoff<IpAddr>,
}

impl Default for Door {
    fn default() -> Door {
        Door {
            passwords: Passwords::default(),
            accounts: Backoff::new(5, Duration::from_secs(60)),
            sources: Backoff::new(20, Duration::from_secs(15 * 60)),
        }
    }
}

impl From<Busy> for SignInError {
    fn from(_: Busy) -> SignInError {
        SignInError::Later(1)
    }
}

// By password.
impl Gate {
    /// Signs in from nowhere in particular: see [`Gate::sign_in_from`].
    ///
    /// # Errors
    /// See [`SignInError`]; takes the same time whether the address exists or not.
    pub async fn sign_in(&self, email: &str, password: &str, browser: &str) -> Result<SignedIn, SignInError> {
        self.sign_in_from(None, email, password, browser).await
    }

    /// Signs in by password. `source` is the address the request came from.
    ///
    /// # Errors
    /// See [`SignInError`]; takes the same time whether the address exists or not.
    pub async fn sign_in_from(
        &self,
        source: Option<IpAddr>,
        email: &str,
        password: &str,
        browser: &str,
    ) -> Result<SignedIn, SignInError> {
        let (door, now) = (&self.inner.door, self.now());
        let email = email.trim().to_ascii_lowercase();
        let account = hash_of(&email);
        let source = source.map(neighbourhood);
        if let Some(source) = &source {
            door.sources.attempt(source, now).map_err(SignInError::Later)?;
        }
        door.accounts.attempt(&account, now).map_err(SignInError::Later)?;
        let person = self.directory().person_by_email(&email).filter(|person| !person.disabled);
        // The store is asked either way, so that it takes as long.
        let asked = person.as_ref().map_or(PersonId(uuid::Uuid::nil()), |person| person.id);
        let hash = self.inner.store.password_of(asked).await?;
        let right = door.passwords.verify(password, hash).await?;
        let Some(person) = person else { return Err(SignInError::Wrong) };
        if !right {
            self.note_failure(person.id);
            return Err(SignInError::Wrong);
        }
        door.accounts.forgive(&account);
        if let Some(source) = &source {
            door.sources.take_back(source);
        }
        let (cookie, session) = self.new_session(browser)?;
        let deed = Deed::OpenSession { person: person.id, session: session.clone() };
        match self.record(deed, &self_of(&person)).await {
            Ok(()) => Ok(self.signed_in(person, session, cookie)),
            // Disabled in this moment.
            Err(StoreError::Stale) => Err(SignInError::Wrong),
            Err(error) => Err(error.into()),
        }
    }

    /// Recorded beside the answer, which must not take longer for who exists.
    fn note_failure(&self, person: PersonId) {
        let gate = self.clone();
        tokio::spawn(async move {
            if let Err(error) = gate.record(Deed::SignInFailed { person }, &Actor::Gate).await {
                tracing::warn!(%person, %error, "a failed sign-in could not be recorded");
            }
        });
    }

    /// Changes a person's own password. All their sessions end but the one that this opens.
    ///
    /// # Errors
    /// See [`SignInError`].
    pub async fn change_password(
        &self,
        person: PersonId,
        current: &str,
        new: &str,
        browser: &str,
    ) -> Result<SignedIn, SignInError> {
        let person = self.directory().person(person).filter(|person| !person.disabled).ok_or(SignInError::Wrong)?;
        let account = hash_of(&person.email);
        self.inner.door.accounts.attempt(&account, self.now()).map_err(SignInError::Later)?;
        let hash = self.inner.store.password_of(person.id).await?;
        if !self.inner.door.passwords.verify(current, hash).await? {
            self.note_failure(person.id);
            return Err(SignInError::Wrong);
        }
        self.inner.door.accounts.forgive(&account);
        if !is_strong(new, &person.email) {
            return Err(SignInError::Weak);
        }
        let password_hash = self.inner.door.passwords.hash(new).await?;
        let by = self_of(&person);
        self.record(Deed::SetPassword { person: person.id, password_hash }, &by).await?;
        let (cookie, session) = self.new_session(browser)?;
        self.record(Deed::OpenSession { person: person.id, session: session.clone() }, &by).await?;
        Ok(self.signed_in(person, session, cookie))
    }
}

// By link.
impl Gate {
    /// A one-time sign-in link's token: for a person, or (`None`) for making the first admin.
    /// Good for an hour and one use.
    ///
    /// # Errors
    /// `None` while an admin already exists; there is no such person, or they are disabled.
    pub async fn offer_link(&self, person: Option<PersonId>, by: &Actor) -> Result<String, GateError> {
        if let Some(person) = person
            && self.person_now(person).await?.disabled
        {
            return Err(GateError::Conflict("a disabled person gets no link".to_owned()));
        }
        let token = random_text().map_err(|error| no_randomness(&error))?;
        let deed = Deed::OfferLink { token_hash: hash_of(&token), person, expires_at: self.now().plus(LINK_LIFETIME) };
        self.record(deed, by).await.map_err(|error| super::refused(error, "such person"))?;
        Ok(token)
    }

    /// For whom a link is, without using it up. `Ok(None)`: for the first admin.
    ///
    /// # Errors
    /// Used up, too old, unknown, or an admin exists by now.
    pub async fn look_at_link(&self, token: &str) -> Result<Option<Arc<Person>>, SignInError> {
        Ok(self.open_link(token).await?.1)
    }

    /// Uses a link up: sets the password (and makes the first admin with this address) and signs in.
    /// Where the link is for a person, `email` and `name` are not looked at.
    ///
    /// # Errors
    /// See [`SignInError`]; a link is not used up by what is refused.
    pub async fn use_link(
        &self,
        token: &str,
        email: &str,
        name: &str,
        password: &str,
        browser: &str,
    ) -> Result<SignedIn, SignInError> {
        let (link, person) = self.open_link(token).await?;
        let (id, email, first_admin) = match &person {
            Some(person) => (person.id, person.email.clone(), None),
            None => {
                let email = login(email).map_err(SignInError::Invalid)?;
                let name = match name.trim() {
                    "" => email.clone(),
                    name => name.chars().filter(|one| !one.is_control()).take(100).collect(),
                };
                (PersonId::new(self.now()), email.clone(), Some(FirstAdmin { email, name }))
            }
        };
        if !is_strong(password, &email) {
            return Err(SignInError::Weak);
        }
        let password_hash = self.inner.door.passwords.hash(password).await?;
        let (cookie, session) = self.new_session(browser)?;
        let by = Actor::Person { id, email };
        let deed = Deed::UseLink {
            token_hash: link.token_hash,
            person: id,
            first_admin,
            password_hash,
            session: session.clone(),
        };
        match self.record(deed, &by).await {
            Ok(()) => {}
            Err(StoreError::Taken(what)) => return Err(SignInError::Invalid(format!("there is {what} already"))),
            Err(StoreError::Refused(_) | StoreError::Stale) => return Err(SignInError::Link),
            Err(error) => return Err(error.into()),
        }
        let person = self.directory().person(id).ok_or(SignInError::Link)?;
        Ok(self.signed_in(person, session, cookie))
    }

    /// A link that can be used now, and for whom.
    async fn open_link(&self, token: &str) -> Result<(Link, Option<Arc<Person>>), SignInError> {
        let now = self.now();
        let link = self.inner.store.link(&hash_of(token)).await?;
        let link = link.filter(|link| link.used_at.is_none() && now < link.expires_at).ok_or(SignInError::Link)?;
        let Some(id) = link.person else {
            return if self.needs_first_admin() { Ok((link, None)) } else { Err(SignInError::Link) };
        };
        let person = match self.person_now(id).await {
            Ok(person) if !person.disabled => person,
            Ok(_) | Err(GateError::NotFound(_)) => return Err(SignInError::Link),
            Err(GateError::Store(error)) => return Err(error.into()),
            Err(error) => return Err(SignInError::Invalid(error.to_string())),
        };
        Ok((link, Some(person)))
    }

    fn new_session(&self, browser: &str) -> Result<(String, NewSession), StoreError> {
        let cookie = random_text().map_err(|error| no_randomness(&error))?;
        let now = self.now();
        let session = NewSession {
            id: SessionId::new(now),
            token_hash: hash_of(&cookie),
            expires_at: now.plus(super::sessions::LIFETIME),
            browser: browser.chars().filter(|one| !one.is_control()).take(200).collect(),
        };
        Ok((cookie, session))
    }

    fn signed_in(&self, person: Arc<Person>, session: NewSession, cookie: String) -> SignedIn {
        let now = self.now();
        let session = Session {
            id: session.id,
            person: person.id,
            created_at: now,
            expires_at: session.expires_at,
            last_seen_at: now,
            browser: session.browser,
        };
        SignedIn { session, person, cookie }
    }
}

fn self_of(person: &Person) -> Actor {
    Actor::Person { id: person.id, email: person.email.clone() }
}

/// What one guesser is likely to have whole: an IPv4 address, or the /64 of an IPv6 address.
fn neighbourhood(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = u128::from(address) & !u128::from(u64::MAX);
            IpAddr::V6(network.into())
        }
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours() {
        for (address, want) in
            [("192.0.2.7", "192.0.2.7"), ("::ffff:192.0.2.7", "192.0.2.7"), ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::")]
        {
            assert_eq!(neighbourhood(address.parse().unwrap()), want.parse::<IpAddr>().unwrap());
        }
    }
}
