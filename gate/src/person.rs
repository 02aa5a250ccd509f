//! People: accounts, roles, teams, sessions.

use crate::clock::Timestamp;
use crate::id::{PersonId, SessionId};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    Viewer,
    Approver,
    Admin,
}

/// A person who reads or decides.
#[derive(Debug, Clone)]
pub struct Person {
    pub id: PersonId,
    /// Unique, lower case.
    pub email: String,
    pub name: String,
    pub role: Role,
    /// Names of the teams, from files and store.
    pub teams: Vec<String>,
    pub disabled: bool,
    pub has_password: bool,
    pub created_at: Timestamp,
    pub last_seen_at: Option<Timestamp>,
}

/// A browser's sign-in. The cookie carries a random token; the store keeps its SHA-256.
#[derive(Debug, Clone)]
pub struct Session {
    pub id: SessionId,
    pub person: PersonId,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub last_seen_at: Timestamp,
    /// The browser, as it calls itself.
    pub browser: String,
}

/// Why somebody is not let in. Deliberately says little.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    #[error("e-mail or password is wrong")]
    Wrong,
    #[error("too many attempts: try again in {0} seconds")]
    Later(u64),
    #[error("this link was used, or is older than an hour: run `holdshort users link` for a new one")]
    Link,
    #[error("a password needs at least 12 characters")]
    Weak,
    #[error("{0}")]
    Invalid(String),
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
}
