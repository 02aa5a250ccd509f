//! An agent says what it wants to do instead of sending the call: the same rules decide, the same
//! people approve, and the agent carries the permit away.
//!
//! INVARIANT: what the agent says of itself (tier, kind, approvers, expiry) can only make the decision
//! stricter, and a decision is never only observed: there is no call that could be let pass.

use std::sync::Arc;
use std::time::Duration;

use rules::config::{Excluded, RiskTier, SourceType};
use rules::decision::{Caller, Decision, Requirement, Verdict};
use rules::ruleset::{Declared, Ruleset};

use super::Gate;
use crate::agent::{Agent, Principal};
use crate::approval::quorum;
use crate::clock::Timestamp;
use crate::declaration::{Declaration, DeclareError, DeclaredBy, IntentPermit};
use crate::id::IntentId;
use crate::intent::facts::{AgentFacts, Facts, ParamFacts, RequirementFacts};
use crate::intent::{Intent, Resolution, State};
use crate::refusal::Refusal;
use crate::store::{Entry, StoreError};

/// Longest `metadata`, as JSON.
const METADATA: usize = 64 * 1024;
/// Most names in `approvers`.
const APPROVERS: usize = 50;

impl Gate {
    /// Decides and records a declaration. What policy approves is `approved` at once, with its permit;
    /// what people decide is `pending`; what policy denies is `denied`.
    ///
    /// # Errors
    /// See [`DeclareError`].
    pub async fn declare(
        &self,
        by: &Principal,
        asked: Declaration,
    ) -> Result<(Intent, Option<IntentPermit>), DeclareError> {
        let (agent, declared_by) = self.who_declares(by, asked.source.as_deref())?;
        self.may_ask(&agent)?;
        check(&asked)?;
        let (rules, now) = (self.rules(), self.now());
        let otherwise = agent.risk_sensitivity.unwrap_or(RiskTier::Medium);
        let declared = rules.declared(&asked.action, &asked.parameters, otherwise, asked.risk_tier);
        let declared = declared.map_err(DeclareError::Invalid)?;
        let stated = asked.source_type.unwrap_or(agent.source_type);
        let mut decision = judge(&rules, &declared, &agent, stated, now);
        super::submit::count_failure(&decision);
        if let Verdict::Require(requirement) = decision.verdict {
            decision.verdict = Verdict::Require(self.narrowed(requirement, &asked, &agent)?);
        }
        let state = entering(&decision, &rules, now);
        let id = IntentId::new(now);
        let facts = facts(&asked, &declared, &decision, &agent, declared_by, &state);
        let facts = Facts { config: rules.config().digest.as_str().into(), ..facts };
        let entry = Entry {
            id,
            at: now,
            state: state.clone(),
            people: matches!(state, State::Pending { .. }),
            project: agent.project.clone(),
            action: asked.action.clone(),
            fingerprint: agent.fingerprint.clone(),
            // It is never the same call as another: nobody else knows the handle.
            call: asked.handle.as_deref().map(|handle| self.inner.namer.handle(handle)),
            content: None,
            facts: facts.text(),
            body: None,
            durable: true,
        };
        self.inner.store.enter(entry).await?;
        if let Some(expires_at) = state.expires_at() {
            self.inner.deadlines.add(id, expires_at);
        }
        self.announce(id, &agent.project, state.name());
        // Who paused or revoked the agent meanwhile did not see this intent.
        if let Err(refusal) = self.status_allows(&agent) {
            self.enforce_status(agent.id).await;
            return Err(refusal.into());
        }
        let intent = self.intent(id).await?.ok_or_else(|| Refusal::Unavailable {
            intent: Some(id),
            why: "the intent was recorded and is not there".to_owned(),
        })?;
        // The answer is what was decided at once, also where a person has been quicker than it.
        let intent = Intent { expires_at: state.expires_at(), state, approvals: Vec::new(), ..intent };
        let permit = self.intent_permit(&intent, by);
        Ok((intent, permit))
    }

    /// A handle for a declaration: 128 random bits in hex.
    ///
    /// # Errors
    /// The system gives no randomness.
    pub fn new_handle(&self) -> Result<String, StoreError> {
        let mut bytes = [0_u8; 16];
        getrandom::fill(&mut bytes).map_err(|error| super::projects::no_randomness(&error))?;
        Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
    }

    /// The intent that was declared with this handle.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn declared_as(&self, handle: &str) -> Result<Option<Intent>, StoreError> {
        match self.inner.store.same_call(&self.inner.namer.handle(handle)).await? {
            Some(stored) => self.intent(stored.row.id).await,
            None => Ok(None),
        }
    }

    fn who_declares(&self, by: &Principal, source: Option<&str>) -> Result<(Arc<Agent>, DeclaredBy), DeclareError> {
        match by {
            Principal::Person(_) => Err(DeclareError::NotForPeople),
            Principal::Agent(agent) => match source {
                Some(source) if source != agent.fingerprint => Err(DeclareError::AnotherAgent(source.to_owned())),
                _ => Ok((agent.clone(), DeclaredBy::Agent)),
            },
            Principal::Project(project) => {
                // Without a label the project speaks for itself.
                let own = format!("project:{project}");
                Ok((self.declaring_agent(project, source.unwrap_or(&own))?, DeclaredBy::Project))
            }
        }
    }

    /// What the agent asks for on top: named approvers, less time.
    fn narrowed(
        &self,
        requirement: Requirement,
        asked: &Declaration,
        agent: &Agent,
    ) -> Result<Requirement, DeclareError> {
        let mut narrowed = requirement;
        if let Some(expires_in) = asked.expires_in {
            narrowed.expires_in = narrowed.expires_in.min(expires_in);
        }
        if asked.approvers.is_empty() {
            return Ok(narrowed);
        }
        let excluded = |email: &str| {
            narrowed.not.contains(&Excluded::Owner)
                && agent.owner.as_deref().is_some_and(|owner| owner.eq_ignore_ascii_case(email))
        };
        let can =
            |person: &crate::person::Person| !excluded(&person.email) && quorum::is_one_of(person, &asked.approvers);
        let can = self.directory().people().iter().filter(|person| can(person)).count();
        let needed = usize::try_from(narrowed.required.max(1)).unwrap_or(usize::MAX);
        // A name that nobody bears would be waited for in vain.
        if can < needed {
            return Err(DeclareError::Invalid(format!(
                "`approvers` names {can} who can approve this, and {needed} must: name more, or leave it out"
            )));
        }
        let named = Requirement {
            required: narrowed.required,
            from: asked.approvers.clone(),
            all_of: Vec::new(),
            not: Vec::new(),
            delay: narrowed.delay,
            expires_in: narrowed.expires_in,
            confirm: None,
        };
        Ok(narrowed.and(&named))
    }
}

fn check(asked: &Declaration) -> Result<(), DeclareError> {
    let invalid = |why: String| Err(DeclareError::Invalid(why));
    if let Some(metadata) = &asked.metadata {
        if !metadata.is_object() {
            return invalid("`metadata` is not an object".to_owned());
        }
        if metadata.to_string().len() > METADATA {
            return invalid(format!("`metadata` is larger than {METADATA} bytes"));
        }
    }
    if asked.approvers.len() > APPROVERS {
        return invalid(format!("`approvers` names more than {APPROVERS}"));
    }
    if asked.expires_in.is_some_and(|span| span < Duration::from_secs(1)) {
        return invalid("`expires_in` is less than a second".to_owned());
    }
    Ok(())
}

/// What the rules say, of every kind and upstream that the declaration may be taken for: the strictest.
pub(super) fn judge(
    rules: &Ruleset,
    declared: &Declared,
    agent: &Agent,
    stated: SourceType,
    now: Timestamp,
) -> Decision {
    let Declared { action, upstreams, trace, defects } = declared;
    let decide = |upstream: Option<&str>, source_type| {
        let caller = Caller {
            name: agent.name.clone(),
            fingerprint: agent.fingerprint.clone(),
            project: agent.project.clone(),
            owner: agent.owner.clone(),
            framework: agent.framework.clone(),
            trust: agent.trust,
            source_type,
            risk_sensitivity: agent.risk_sensitivity,
            enforce: true,
        };
        rules.decide(action, upstream, &caller, None, defects, now.0)
    };
    let of_kind = |source_type| {
        let mut each = upstreams.iter().map(|upstream| decide(Some(upstream), source_type));
        let first = each.next().unwrap_or_else(|| decide(None, source_type));
        each.fold(first, Decision::stricter)
    };
    let mut decision = of_kind(agent.source_type);
    if stated != agent.source_type {
        decision = decision.stricter(of_kind(stated));
    }
    decision.trace.splice(0..0, trace.iter().cloned());
    decision
}

/// The state a declaration comes in with.
fn entering(decision: &Decision, rules: &Ruleset, now: Timestamp) -> State {
    let before_blocked = |until: Timestamp, delay| match decision.blocked_from {
        Some(blocked) => until.min(Timestamp(blocked).minus(delay)),
        None => until,
    };
    match &decision.verdict {
        Verdict::Deny { message, .. } => State::Denied(Resolution { by: None, at: now, why: Some(message.clone()) }),
        Verdict::Approve => {
            let until = now.plus(rules.config().approval.release_within);
            State::Approved { at: now, releases_at: now, expires_at: before_blocked(until, Duration::ZERO) }
        }
        Verdict::Require(requirement) => {
            State::Pending { expires_at: before_blocked(now.plus(requirement.expires_in), requirement.delay) }
        }
    }
}

fn facts<'a>(
    asked: &'a Declaration,
    declared: &'a Declared,
    decision: &'a Decision,
    agent: &'a Agent,
    declared_by: DeclaredBy,
    state: &State,
) -> Facts<'a> {
    let action = &declared.action;
    Facts {
        enters: state.name().into(),
        expires_at: state.expires_at(),
        releases_at: match state {
            State::Approved { releases_at, .. } => Some(*releases_at),
            _ => None,
        },
        blocked_from: decision.blocked_from.map(Timestamp),
        why: match state {
            State::Denied(end) => end.why.clone().map(Into::into),
            _ => None,
        },
        observed: false,
        would: None,
        recorded: decision.recorded.iter().map(|it| (it.policy.as_str().into(), it.would.into())).collect(),
        declared_by: Some(declared_by.as_str().into()),
        project: agent.project.as_str().into(),
        action: action.name.as_str().into(),
        title: action.title.as_str().into(),
        risk_tier: action.risk_tier.as_str().into(),
        source_type: asked.source_type.unwrap_or(agent.source_type).as_str().into(),
        agent: AgentFacts {
            id: Some(agent.id),
            name: agent.name.as_str().into(),
            fingerprint: agent.fingerprint.as_str().into(),
            owner: agent.owner.as_deref().map(Into::into),
        },
        upstream: None,
        route: None,
        policy: decision.policy.as_deref().map(Into::into),
        params: ParamFacts::of(&action.params),
        score: decision.risk.score,
        reasons: decision.risk.reasons.iter().map(|reason| (reason.points, reason.why.as_str().into())).collect(),
        request: None,
        trace: decision
            .trace
            .iter()
            .map(|step| (step.what.as_str().into(), step.matched, step.detail.as_str().into()))
            .collect(),
        requirement: match &decision.verdict {
            Verdict::Require(requirement) => Some(RequirementFacts::of(requirement)),
            _ => None,
        },
        config: "".into(),
        metadata: asked.metadata.clone(),
    }
}
