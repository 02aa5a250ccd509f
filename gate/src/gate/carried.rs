//! The permit that a declaring agent carries itself, and what it says came of it.
//!
//! One intent is used once: all its permits have one `jti`, made from the intent's id, each says when the
//! intent itself ends (`intent_expires_at`), and a verifier remembers the `jti` until then. So a permit
//! may be fetched again, by the key that declared it, as often as an answer is lost.
//!
//! INVARIANT: nothing here writes on reading; a permit is made only while the intent is `approved`, after
//! its delay, before its end, for an agent that is active, with the quorum it had and no rule against it.

use std::sync::Arc;

use rules::decision::{Action, Verdict as PolicyVerdict};
use rules::ruleset::Declared;

use super::Gate;
use super::declare::judge;
use crate::agent::{Agent, AgentStatus, Principal};
use crate::approval::{DecideError, Verdict, quorum};
use crate::clock::Timestamp;
use crate::declaration::{DeclaredBy, IntentPermit, PermitCheck};
use crate::deed::Actor;
use crate::id::IntentId;
use crate::intent::{Intent, State, What};
use crate::store::StoreError;

/// How long a permit that an agent carries is good, in seconds.
const LIFETIME: i64 = 300;
/// Longest report of a result, in bytes.
const NOTE: usize = 16 * 1024;
const PREFIX: &str = "prm_";

impl Gate {
    /// Whether this caller declared the intent: who may carry its permit and report on it.
    #[must_use]
    pub fn is_declarer(&self, intent: &Intent, by: &Principal) -> bool {
        match (intent.declared_by, by) {
            (Some(DeclaredBy::Agent), Principal::Agent(agent)) => intent.agent.id == Some(agent.id),
            (Some(DeclaredBy::Project), Principal::Project(project)) => intent.project == *project,
            _ => false,
        }
    }

    /// The permit of a declared intent, for who declared it, while it may be used.
    #[must_use]
    pub fn intent_permit(&self, intent: &Intent, by: &Principal) -> Option<IntentPermit> {
        let now = self.now();
        if !self.is_declarer(intent, by) || self.unusable(intent, now).is_some() {
            return None;
        }
        let bound = intent.state.expires_at()?.seconds();
        let exp = now.seconds().saturating_add(LIFETIME).min(bound);
        if exp <= now.seconds() {
            return None;
        }
        let approvals = intent.approvals.iter().filter(|vote| vote.verdict == Verdict::Approve);
        let people = intent.requirement.is_some();
        let claims = permit::IntentClaims {
            iss: self.rules().config().admin.url.clone(),
            aud: audience(intent),
            sub: intent.agent.fingerprint.clone(),
            jti: permit_id(intent.id),
            iat: now.seconds(),
            exp,
            intent_id: intent.id.to_string(),
            action: intent.action.clone(),
            risk_tier: intent.risk_tier.as_str().to_owned(),
            project: intent.project.clone(),
            decision: if people { permit::Decision::Human } else { permit::Decision::Policy },
            policy: intent.policy.clone(),
            approved_by: approvals.clone().map(|vote| vote.by.to_string()).collect(),
            approved_at: approvals.map(|vote| vote.at.seconds()).max(),
            intent_expires_at: Some(bound),
        };
        let secret = self.rules().config().permit.execution_secret.clone();
        let signed = match secret {
            // Verified by libraries that know nothing of our audiences.
            Some(secret) => permit::HmacSigner::new(secret.expose().as_bytes())
                .and_then(|signer| signer.sign_intent(&permit::IntentClaims { aud: String::new(), ..claims.clone() })),
            None => self.inner.keys.load().sign_intent(&claims),
        };
        match signed {
            Ok(token) => {
                let expires_at = Timestamp(exp.saturating_mul(1_000_000));
                Some(IntentPermit { id: claims.jti, token, expires_at })
            }
            Err(error) => {
                tracing::error!(intent = %intent.id, %error, "a permit could not be signed");
                None
            }
        }
    }

    /// Looks a permit over as a service would, and whether its intent still stands by it.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn check_permit(&self, token: &str, action: Option<&str>) -> Result<PermitCheck, StoreError> {
        let worthless = |error: String| Ok(PermitCheck { claims: None, intent: None, error: Some(error) });
        let token = token.trim();
        let rules = self.rules();
        let shared = permit::Opened::says_shared(token);
        let opened = match (&rules.config().permit.execution_secret, permit::KeySet::from_jwks(&self.jwks())) {
            (Some(secret), _) if shared => {
                permit::Opened::with_secret(token, secret.expose().as_bytes()).map(permit::Opened::Intent)
            }
            (_, Ok(keys)) => keys.open(token),
            (_, Err(error)) => return worthless(error.to_string()),
        };
        let claims = match opened {
            Ok(permit::Opened::Intent(claims)) => claims,
            Ok(permit::Opened::Request(_)) => {
                let why = "it is bound to one request: the service that received it verifies it with the key set";
                return worthless(why.to_owned());
            }
            Err(error) => return worthless(error.to_string()),
        };
        let intent = match claims.intent_id.parse::<IntentId>() {
            Ok(id) => self.intent(id).await?,
            Err(_) => None,
        };
        let Some(intent) = intent else { return worthless("it is for no intent of this gate".to_owned()) };
        let now = self.now();
        let error = if claims.iss != rules.config().admin.url {
            Some(format!("it is from {}", claims.iss))
        } else if claims.aud != if shared { String::new() } else { audience(&intent) }
            || claims.project != intent.project
            || claims.jti != permit_id(intent.id)
            || claims.action != intent.action
        {
            Some("it does not say what its intent says".to_owned())
        } else if now.seconds() >= claims.exp {
            Some("it has expired".to_owned())
        } else if action.is_some_and(|action| action != claims.action) {
            Some(format!("it is for {}", claims.action))
        } else {
            self.unusable(&intent, now)
        };
        Ok(PermitCheck { claims: Some(claims), intent: Some(intent), error })
    }

    /// Who declared an intent says what came of it, once.
    ///
    /// # Errors
    /// It is not theirs, or not `approved` (any more).
    pub async fn report(
        &self,
        id: IntentId,
        by: &Principal,
        executed: bool,
        note: Option<String>,
    ) -> Result<Intent, DecideError> {
        let stored = self.inner.store.intent(id).await?.ok_or(DecideError::NotFound)?;
        let intent = stored.intent;
        if !self.is_declarer(&intent, by) {
            let own = matches!(by, Principal::Agent(agent) if intent.agent.id == Some(agent.id));
            let why = "what came of it is told by who declared it, or seen by the gate itself";
            return Err(if own { DecideError::NotAnApprover(why.to_owned()) } else { DecideError::NotFound });
        }
        let now = self.now();
        match &intent.state {
            State::Approved { expires_at, .. } if now >= *expires_at => {
                return Err(DecideError::AlreadyResolved(Box::new(State::Expired { at: *expires_at })));
            }
            State::Approved { releases_at, .. } if now < *releases_at => {
                let why = "nothing may have been done yet: its delay is not over";
                return Err(DecideError::NotAnApprover(why.to_owned()));
            }
            State::Approved { .. } => {}
            // It waits for people: nothing to report.
            State::Pending { .. } => {
                return Err(DecideError::NotAnApprover("nothing may have been done yet: people decide".to_owned()));
            }
            other => return Err(DecideError::AlreadyResolved(Box::new(other.clone()))),
        }
        let note = note.map(|note| shortened(note.trim())).filter(|note| !note.is_empty());
        let what = What::Reported { executed, status: State::STATUS_NOT_SEEN, note };
        let actor = Actor::Agent(intent.agent.fingerprint.clone());
        // Against the version that was looked at: what happened meanwhile stands.
        match self.inner.store.advance(self.step(id, Some(stored.row.version), vec![what], actor)).await {
            Ok((_, state)) => self.moved(id, &intent.project, &state),
            Err(StoreError::Stale) => {
                let now = self.intent(id).await?.ok_or(DecideError::NotFound)?;
                return Err(DecideError::AlreadyResolved(Box::new(now.state)));
            }
            Err(error) => return Err(error.into()),
        }
        self.intent(id).await?.ok_or(DecideError::NotFound)
    }

    /// Whether what was declared may be done now.
    #[must_use]
    pub fn may_be_done(&self, intent: &Intent) -> bool {
        self.unusable(intent, self.now()).is_none()
    }

    /// Why nothing may be done by this intent at a time; `None`: its permit is good.
    fn unusable(&self, intent: &Intent, now: Timestamp) -> Option<String> {
        let Some(declared_by) = intent.declared_by else { return Some("its intent was not declared".to_owned()) };
        match &intent.state {
            State::Approved { expires_at, .. } if now >= *expires_at => {
                return Some("its intent is expired".to_owned());
            }
            State::Approved { releases_at, .. } if now < *releases_at => {
                return Some(format!("it may be used from {releases_at} on"));
            }
            State::Approved { .. } => {}
            other => return Some(format!("its intent is {}", other.name().replace('_', " "))),
        }
        let Some(agent) = self.agent_of(intent, declared_by) else {
            return Some("its agent is not there any more, or has a key of its own now".to_owned());
        };
        if agent.status != AgentStatus::Active {
            return Some(format!("its agent is {}", agent.status.as_str()));
        }
        if let Some(requirement) = &intent.requirement
            && !quorum::is_enough(intent, requirement, &intent.approvals, &self.directory())
        {
            return Some("those who approved it do not suffice any more".to_owned());
        }
        let rules = self.rules();
        let action = Action {
            name: intent.action.clone(),
            risk_tier: intent.risk_tier,
            title: intent.title.clone(),
            params: intent.params.clone(),
        };
        let upstreams = rules.upstreams_of(&intent.action);
        let declared = Declared { action, upstreams, trace: Vec::new(), defects: Vec::new() };
        match judge(&rules, &declared, &agent, intent.source_type, now).verdict {
            // A rule that rejects now wins over what was approved before.
            PolicyVerdict::Deny { message, .. } => Some(message),
            PolicyVerdict::Approve | PolicyVerdict::Require(_) => None,
        }
    }

    /// The agent as it is now.
    fn agent_of(&self, intent: &Intent, declared_by: DeclaredBy) -> Option<Arc<Agent>> {
        match declared_by {
            DeclaredBy::Agent => intent.agent.id.and_then(|id| self.directory().agent(id)),
            DeclaredBy::Project => self.declaring_agent(&intent.project, &intent.agent.fingerprint).ok(),
        }
    }
}

/// The intent of a permit's id.
#[must_use]
pub fn intent_of(permit_id: &str) -> Option<IntentId> {
    format!("int_{}", permit_id.strip_prefix(PREFIX)?).parse().ok()
}

fn permit_id(intent: IntentId) -> String {
    format!("{PREFIX}{}", intent.0.simple())
}

fn audience(intent: &Intent) -> String {
    format!("project:{}", intent.project)
}

/// A report is a sentence, not a file.
fn shortened(text: &str) -> String {
    if text.len() <= NOTE {
        return text.to_owned();
    }
    let end = (0..=NOTE).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    format!("{} [cut]", text.get(..end).unwrap_or_default())
}
