//! What people say about an intent, and whether it is enough.

pub(crate) mod quorum;

use crate::clock::Timestamp;
use crate::id::PersonId;
use crate::intent::{Event, State, What};

/// One person's verdict on an intent. A later one replaces the earlier while the intent is pending.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Approval {
    pub by: PersonId,
    /// As it was when they decided.
    pub email: String,
    pub verdict: Verdict,
    pub comment: Option<String>,
    pub at: Timestamp,
    /// How they were signed in: `session ses_...` or `token ...last characters`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub how: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Approve,
    Deny,
    RequestChanges,
}

/// The votes after an event: one for each person, the latest.
pub(crate) fn tally(votes: &mut Vec<Approval>, event: &Event) {
    let (by, email, verdict, comment, how) = match &event.what {
        What::Voted { by, email, comment, how } | What::Approved { by, email, comment, how, .. } => {
            (*by, email, Verdict::Approve, comment.clone(), how)
        }
        What::Denied { by: Some(by), email: Some(email), why, how } => (*by, email, Verdict::Deny, why.clone(), how),
        What::ChangesRequested { by, email, guidance, how } => {
            (*by, email, Verdict::RequestChanges, Some(guidance.clone()), how)
        }
        _ => return,
    };
    votes.retain(|vote| vote.by != by);
    votes.push(Approval { by, email: email.clone(), verdict, comment, at: event.at, how: how.clone() });
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
    /// How the person is signed in.
    pub how: Option<String>,
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
