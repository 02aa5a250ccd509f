//! What people say about an intent, and whether it is enough.

use crate::clock::Timestamp;
use crate::id::PersonId;
use crate::intent::State;

/// One person's verdict on an intent. A later one replaces the earlier while the intent is pending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    pub by: PersonId,
    /// As it was when they decided.
    pub email: String,
    pub verdict: Verdict,
    pub comment: Option<String>,
    pub at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Approve,
    Deny,
    RequestChanges,
}

/// What comes with a verdict.
#[derive(Debug, Clone, Default)]
pub struct VerdictWith {
    /// Comment, reason or guidance.
    pub text: Option<String>,
    /// What was typed where the requirement asks for it.
    pub confirmation: Option<String>,
    /// Digest of what was shown; a mismatch is refused.
    pub digest: Option<String>,
}

/// What a person may do with an intent, and why not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Can {
    pub approve: bool,
    pub deny: bool,
    pub reason: Option<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum DecideError {
    #[error("there is no such intent")]
    NotFound,
    #[error("already resolved: it is {}", .0.name())]
    AlreadyResolved(Box<State>),
    #[error("{0}")]
    NotAnApprover(String),
    #[error("{0} is missing")]
    MissingField(&'static str),
    #[error("type {0:?} to confirm")]
    ConfirmationRequired(String),
    #[error("this is not what was shown: reload and look again")]
    DigestMismatch,
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
}
