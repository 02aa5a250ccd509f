//! The one sending of a request.

use std::sync::Arc;
use std::time::Duration;

use rules::Request;

use crate::call::{Call, StoredAnswer};
use crate::clock::Timestamp;
use crate::gate::{Gate, GateError};
use crate::id::{IntentId, PersonId};
use crate::intent::{Event, What};
use crate::shown::Shown;
use crate::store::Row;

/// Proof that an intent was claimed for sending. Made only by the gate, after the commit.
/// Dropped without an outcome, the intent becomes `unknown`.
#[derive(Debug)]
pub struct Released {
    gate: Gate,
    row: Row,
    call: Arc<Call>,
    shown: Shown,
    decided: Decided,
    claimed_at: Timestamp,
    /// Its outcome is handed in.
    ended: bool,
}

/// Who let it pass.
#[derive(Debug, Clone)]
pub(crate) enum Decided {
    Policy {
        policy: Option<String>,
    },
    People {
        policy: Option<String>,
        by: Vec<PersonId>,
        at: Timestamp,
    },
    /// Nobody: `enforce: false`.
    Observed,
}

/// What came of it, as the sender saw it.
#[derive(Debug)]
pub struct Sent {
    pub status: u16,
    pub duration: Duration,
    pub excerpt: Option<String>,
    /// The caller got it all.
    pub delivered: bool,
    /// Where it did not, or only another connection can get it: the answer, unless too large to keep.
    pub answer: Option<StoredAnswer>,
}

impl Released {
    pub(crate) fn new(
        gate: Gate,
        row: Row,
        call: Arc<Call>,
        shown: Shown,
        decided: Decided,
        claimed_at: Timestamp,
    ) -> Released {
        Released { gate, row, call, shown, decided, claimed_at, ended: false }
    }

    #[must_use]
    pub fn intent(&self) -> IntentId {
        self.row.id
    }

    #[must_use]
    pub fn request(&self) -> &Arc<Request> {
        &self.call.request
    }

    /// People approved it: a fresh connection, the answer kept if the caller is gone.
    #[must_use]
    pub fn by_people(&self) -> bool {
        matches!(self.decided, Decided::People { .. })
    }

    /// The signed permit; `None` where `enforce: false` lets the call pass.
    ///
    /// # Errors
    /// It cannot be signed; nothing may be sent then.
    pub fn permit(&self) -> Result<Option<String>, GateError> {
        let (decision, policy, by, at) = match &self.decided {
            Decided::Observed => return Ok(None),
            Decided::Policy { policy } => (permit::Decision::Policy, policy, Vec::new(), None),
            Decided::People { policy, by, at } => {
                let by = by.iter().map(ToString::to_string).collect();
                (permit::Decision::Human, policy, by, Some(at.seconds()))
            }
        };
        let rules = self.gate.rules();
        let config = rules.config();
        let request = &self.call.request;
        let now = self.gate.now();
        let lifetime = i64::try_from(config.permit.lifetime.as_secs()).unwrap_or(60);
        let claims = permit::Claims {
            iss: config.admin.url.clone(),
            aud: request.upstream.config.name.clone(),
            sub: self.call.agent.fingerprint.clone(),
            jti: format!("prm_{}", IntentId::new(now).0.simple()),
            iat: now.seconds(),
            exp: now.seconds() + lifetime,
            intent_id: self.row.id.to_string(),
            action: self.call.hit.action.name.clone(),
            risk_tier: self.call.hit.action.risk_tier.as_str().to_owned(),
            project: self.call.agent.project.clone(),
            htm: request.head.method.clone(),
            target: request.target.clone(),
            content_digest: request.content_digest.clone(),
            headers: permit::header_names(self.shown.headers.iter().map(|(name, value)| (name.as_str(), &**value))),
            headers_digest: self.shown.headers_digest.clone(),
            decision,
            policy: policy.clone(),
            approved_by: by,
            approved_at: at,
        };
        Ok(Some(self.gate.inner.keys.load().sign(&claims)?))
    }

    /// The upstream answered (status and as much as there was).
    pub async fn executed(mut self, sent: Sent) {
        self.ended = true;
        let took = u64::try_from(sent.duration.as_micros()).unwrap_or(u64::MAX);
        let what = |kept, delivered| What::Executed {
            status: sent.status,
            sent_at: self.claimed_at,
            took,
            delivered,
            kept,
            excerpt: sent.excerpt.clone(),
        };
        if !self.by_people() && sent.answer.is_none() {
            self.conclude(what(false, sent.delivered));
            return;
        }
        let limit = self.gate.rules().config().limits.stored_response;
        let answer = sent.answer.filter(|answer| !sent.delivered && answer.body.len() <= limit);
        let what = what(answer.is_some(), sent.delivered);
        self.gate.executed(self.row, &self.call, what, answer).await;
    }

    /// Provably not one byte was written.
    pub async fn failed(mut self, why: &str) {
        self.ended = true;
        self.conclude(What::Failed { why: why.to_owned() });
    }

    /// Something was written and no answer came.
    pub async fn unknown(mut self, why: &str) {
        self.ended = true;
        self.conclude(What::Unknown { why: why.to_owned() });
    }

    fn conclude(&self, what: What) {
        self.gate.conclude(self.row, &self.call, Event { at: self.gate.now(), what });
    }
}

impl Drop for Released {
    fn drop(&mut self) {
        if !self.ended {
            self.conclude(What::Unknown { why: "the sending was cut off".to_owned() });
        }
    }
}
