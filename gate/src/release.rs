//! The one sending of a request.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rules::Request;

use crate::call::{Call, StoredAnswer};
use crate::clock::Timestamp;
use crate::gate::{Gate, GateError};
use crate::id::{IntentId, PersonId};
use crate::intent::{Event, What};
use crate::shown::Shown;
use crate::store::Row;

/// Longest time from the last look at an intent to the first byte of its sending.
const FRESH_FOR: Duration = Duration::from_secs(10);

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
    look: Look,
    /// Its outcome is handed in.
    ended: bool,
}

/// When it was looked at for the last time, and for how long what was found holds: by the monotonic clock,
/// which nobody sets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    at: Instant,
    holds_for: Duration,
}

impl Look {
    /// Starts now.
    pub(crate) fn begin() -> Look {
        Look { at: Instant::now(), holds_for: FRESH_FOR }
    }

    /// At which it was `now` by the other clock, and which found that the intent expires then.
    pub(crate) fn until(self, now: Timestamp, expires_at: Timestamp) -> Look {
        let left = u64::try_from(expires_at.0.saturating_sub(now.0)).unwrap_or(0);
        Look { holds_for: self.holds_for.min(Duration::from_micros(left)), ..self }
    }

    fn is_over(self, besides: Duration) -> bool {
        self.at.elapsed() >= self.holds_for.saturating_add(besides)
    }
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
        (claimed_at, look): (Timestamp, Look),
    ) -> Released {
        Released { gate, row, call, shown, decided, claimed_at, look, ended: false }
    }

    #[must_use]
    pub fn intent(&self) -> IntentId {
        self.row.id
    }

    #[must_use]
    pub fn request(&self) -> &Arc<Request> {
        &self.call.request
    }

    /// Too long ago that everything was checked, or past its expiry: nothing of it may be written any more.
    /// Such time goes by when the process is stopped or its disk hangs. Time that went by on purpose since
    /// (`besides`) is let off.
    #[must_use]
    pub fn is_stale(&self, besides: Duration) -> bool {
        self.look.is_over(besides)
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
            headers: permit::header_names(self.shown.headers(request)),
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
        Box::pin(self.gate.executed(self.row, &self.call, what, answer)).await;
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

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{FRESH_FOR, Look};
    use crate::clock::Timestamp;

    const NOW: Timestamp = Timestamp(1_000_000_000);

    fn ago(age: Duration) -> Look {
        Look { at: Instant::now().checked_sub(age).unwrap(), holds_for: FRESH_FOR }
    }

    #[test]
    fn what_was_found_holds_for_ten_seconds_and_never_past_the_expiry() {
        let second = Duration::from_secs(1);
        let cases = [
            (ago(second), false),
            (ago(FRESH_FOR), true),
            (ago(second).until(NOW, NOW.plus(second * 5)), false),
            (ago(second * 5).until(NOW, NOW.plus(second * 5)), true),
            (ago(FRESH_FOR).until(NOW, NOW.plus(second * 3600)), true),
            (ago(Duration::ZERO).until(NOW, NOW), true),
        ];
        for (look, over) in cases {
            assert_eq!(look.is_over(Duration::ZERO), over, "{look:?}");
        }
        assert!(!ago(FRESH_FOR).is_over(second * 5), "time that went by on purpose is let off");
        assert!(ago(FRESH_FOR + second * 5).is_over(second * 5));
    }
}
