//! A call comes in: it is decided, recorded, and only then let go, held or refused.

use std::sync::Arc;
use std::time::Duration;

use rules::decision::{Caller, Decision, DenyReason, Requirement, Step, Verdict};
use rules::ruleset::Hit;

use super::Gate;
use super::decide::GIVEN_UP;
use super::expiry::Owner;
use super::holds::Signal;
use crate::agent::{Agent, AgentStatus};
use crate::approval::quorum;
use crate::call::{Call, Submitted};
use crate::clock::Timestamp;
use crate::feed::News;
use crate::hold::{Hold, Resting};
use crate::id::IntentId;
use crate::intent::facts::{AgentFacts, Facts, ParamFacts, RequestFacts, RequirementFacts};
use crate::intent::{Resolution, State};
use crate::refusal::Refusal;
use crate::release::{Decided, Look, Released};
use crate::same_call::SameCall;
use crate::shown::Shown;
use crate::store::{Entry, StoreError};

impl Gate {
    /// Decides a call, records it, and says what to do with it.
    pub async fn submit(&self, call: Call) -> Submitted {
        match self.admit(Arc::new(call)).await {
            Ok(submitted) => submitted,
            Err(refusal) => {
                metrics::counter!("holdshort_refusals_total", "code" => refusal.name()).increment(1);
                Submitted::Refused(refusal)
            }
        }
    }

    async fn admit(&self, call: Arc<Call>) -> Result<Submitted, Refusal> {
        self.may_ask(&call.agent)?;
        let submitted = self.decided(&call).await?;
        // Who stops the gate or the agent tells those who wait: who came into the line after that looks itself.
        if let Submitted::Held(_) = &submitted {
            if let Err(refusal) = self.status_allows(&call.agent) {
                self.enforce_status(call.agent.id).await;
                return Err(refusal);
            }
            self.may_ask(&call.agent)?;
            self.no_stop(&call)?;
        }
        Ok(submitted)
    }

    async fn decided(&self, call: &Arc<Call>) -> Result<Submitted, Refusal> {
        let now = self.now();
        let decision = decide(&call.rules, call, now);
        count_failure(&decision);
        let shown = Shown::of(&call.request);
        for recorded in &decision.recorded {
            let labels = [("policy", recorded.policy.clone()), ("would", recorded.would.to_owned())];
            metrics::counter!("holdshort_policy_recorded_total", &labels).increment(1);
        }
        if decision.observed {
            let upstream = call.request.upstream.config.name.clone();
            let labels = [("upstream", upstream), ("would", decision.verdict.word().to_owned())];
            metrics::counter!("holdshort_observed_total", &labels).increment(1);
            return self.release(call, shown, &decision, None, Decided::Observed, now).await;
        }
        match &decision.verdict {
            Verdict::Deny { reason, message } => Err(self.deny(call, &shown, &decision, *reason, message, now).await),
            Verdict::Approve => {
                let same = call.request.head.header("idempotency-key").map(|_| self.inner.namer.name(call));
                if let Some(same) = &same
                    && let Some(submitted) = self.stand(call, &shown, same, now).await?
                {
                    return Ok(submitted);
                }
                let decided = Decided::Policy { policy: decision.policy.clone() };
                self.release(call, shown, &decision, same, decided, now).await
            }
            Verdict::Require(requirement) => self.hold(call, &shown, &decision, requirement, now).await,
        }
    }

    /// Draining, or an agent that may not.
    pub(super) fn may_ask(&self, agent: &Agent) -> Result<(), Refusal> {
        if self.is_draining() {
            return Err(Refusal::Unavailable { intent: None, why: "the gate is shutting down".to_owned() });
        }
        self.status_allows(agent)
    }

    /// A stop switch that was put on after this call was decided.
    pub(crate) fn no_stop(&self, call: &Call) -> Result<(), Refusal> {
        let now = self.inner.rules.load();
        if Arc::ptr_eq(&now, &call.rules) {
            return Ok(());
        }
        match now.refused(Some(&call.request.upstream.config.name), &call.agent.project) {
            Some(stop) => Err(Refusal::Stopped { message: stop.message.clone() }),
            None => Ok(()),
        }
    }

    pub(crate) fn status_allows(&self, agent: &Agent) -> Result<(), Refusal> {
        // A label of a project's key has no entry of its own.
        let status = self.inner.directory.load().agent(agent.id).map_or(agent.status, |agent| agent.status);
        match status {
            AgentStatus::Active => Ok(()),
            AgentStatus::Paused => Err(Refusal::AgentPaused { agent: agent.name.clone() }),
            AgentStatus::Revoked => Err(Refusal::AgentRevoked { agent: agent.name.clone() }),
        }
    }

    /// What policy approves is in the store before it is sent.
    async fn release(
        &self,
        call: &Arc<Call>,
        shown: Shown,
        decision: &Decision,
        same: Option<SameCall>,
        decided: Decided,
        now: Timestamp,
    ) -> Result<Submitted, Refusal> {
        let look = Look::begin();
        let entry = Entry {
            durable: self.rules().config().record.sync_full,
            ..self.entry(call, &shown, decision, State::Executing { at: now }, same, now)
        };
        let id = entry.id;
        match self.inner.store.enter(entry).await {
            Ok(row) => {
                self.entered(id, call, "executing");
                // The agent may have been stopped while this was written.
                if let Err(refusal) = self.status_allows(&call.agent).and_then(|()| self.no_stop(call)) {
                    Released::new(self.clone(), row, call.clone(), shown, decided, (now, look))
                        .failed("it was stopped")
                        .await;
                    return Err(refusal);
                }
                Ok(Submitted::Released(Released::new(self.clone(), row, call.clone(), shown, decided, (now, look))))
            }
            // Two tries of one idempotency key at once: the other one has it.
            Err(StoreError::Taken(_)) if let Some(same) = &same => {
                let standing = self.stand(call, &shown, same, now).await?;
                standing.ok_or_else(|| Refusal::Unavailable {
                    intent: None,
                    why: "the same call was just answered".to_owned(),
                })
            }
            Err(error) => Err(unavailable(None, &error)),
        }
    }

    /// Recorded where that is possible; refused in any case.
    async fn deny(
        &self,
        call: &Arc<Call>,
        shown: &Shown,
        decision: &Decision,
        reason: DenyReason,
        message: &str,
        now: Timestamp,
    ) -> Refusal {
        let state = State::Denied(Resolution { by: None, at: now, why: Some(message.to_owned()) });
        let entry = self.entry(call, shown, decision, state, None, now);
        let id = entry.id;
        let intent = match self.inner.store.enter(entry).await {
            Ok(_) => {
                self.entered(id, call, "denied");
                Some(id)
            }
            Err(error) => {
                tracing::warn!(%error, "a denial could not be recorded");
                None
            }
        };
        by_policy(reason, intent, message)
    }

    async fn hold(
        &self,
        call: &Arc<Call>,
        shown: &Shown,
        decision: &Decision,
        requirement: &Requirement,
        now: Timestamp,
    ) -> Result<Submitted, Refusal> {
        let same = self.inner.namer.name(call);
        // A second round when another connection made the same call a moment earlier.
        for _ in 0..3 {
            if let Some(submitted) = self.stand(call, shown, &same, now).await? {
                return Ok(submitted);
            }
            self.within_limits(call)?;
            self.may_open(call)?;
            let mut expires_at = now.plus(requirement.expires_in);
            if let Some(blocked) = decision.blocked_from {
                expires_at = expires_at.min(Timestamp(blocked).minus(requirement.delay));
            }
            let state = State::Pending { expires_at };
            let entry = Entry { people: true, ..self.entry(call, shown, decision, state, Some(same), now) };
            let id = entry.id;
            let resting = Resting::new(call);
            let until = now.plus(call.patience).min(expires_at);
            let place = self.inner.holds.arm(id, (call.agent.clone(), resting.weight()), now, until);
            let waiting_for = quorum::announced(requirement);
            let hold = Hold::new(self.clone(), id, place, resting, waiting_for, expires_at);
            // Before it is written: a store that is given up may write it all the same, and then it counts and expires.
            self.inner.deadlines.opened(id, owner(call));
            self.inner.deadlines.add(id, expires_at);
            match self.inner.store.enter(entry).await {
                Ok(_) => {
                    self.entered(id, call, "pending");
                    return Ok(Submitted::Held(hold));
                }
                Err(StoreError::Taken(_)) => self.inner.deadlines.forget(id),
                Err(error) => {
                    self.inner.deadlines.add(id, now.plus(GIVEN_UP));
                    return Err(unavailable(None, &error));
                }
            }
        }
        Err(Refusal::Unavailable { intent: None, why: "the same call comes too often at once".to_owned() })
    }

    /// Whether one more call may be held: for its agent, for the project, for the gate.
    pub(crate) fn within_limits(&self, call: &Call) -> Result<(), Refusal> {
        let rules = self.rules();
        let limits = &rules.config().limits;
        let weight = call.request.resting_weight();
        let of = ["of this agent", "of this project", "of all agents"];
        let most = [
            (limits.per_agent.held, limits.per_agent.held_bytes),
            (limits.per_project.held, limits.per_project.held_bytes),
            (limits.held, limits.held_bytes),
        ];
        for ((load, of), (calls, bytes)) in self.inner.holds.loads(&call.agent).into_iter().zip(of).zip(most) {
            if load.calls >= calls {
                return Err(limited(format!("{} calls {of} are held already", load.calls)));
            }
            if load.bytes.saturating_add(weight) > bytes {
                let held = format!("{} calls {of} that are held take {} bytes", load.calls, load.bytes);
                return Err(limited(format!("{held}, and with this one more than {bytes}")));
            }
        }
        Ok(())
    }

    /// Hanging up ends a hold, not its intent: without a limit one agent could flood people and the store.
    fn may_open(&self, call: &Call) -> Result<(), Refusal> {
        let rules = self.rules();
        let limits = &rules.config().limits;
        let (own, of_project) = self.inner.deadlines.open_of(&owner(call));
        for (open, most, of) in
            [(own, limits.per_agent.held, "of this agent"), (of_project, limits.per_project.held, "of this project")]
        {
            if open >= most {
                return Err(limited(format!("{open} calls {of} wait for people already")));
            }
        }
        Ok(())
    }

    fn entry(
        &self,
        call: &Call,
        shown: &Shown,
        decision: &Decision,
        state: State,
        same: Option<SameCall>,
        now: Timestamp,
    ) -> Entry {
        // What people look at is kept whole; of the rest the digests.
        let whole = matches!(state, State::Pending { .. });
        let id = IntentId::new(now);
        let facts = facts(call, shown, decision, &state, whole);
        Entry {
            id,
            at: now,
            state,
            people: false,
            project: call.agent.project.clone(),
            action: call.hit.action.name.clone(),
            fingerprint: call.agent.fingerprint.clone(),
            call: same.map(|same| same.call),
            content: same.and_then(|same| same.content),
            facts: facts.text(),
            body: whole.then(|| call.request.body.clone()),
            durable: false,
        }
    }

    fn entered(&self, id: IntentId, call: &Call, state: &'static str) {
        self.announce(id, &call.agent.project, state);
    }

    /// Counts a state and tells who watches.
    pub(crate) fn announce(&self, id: IntentId, project: &str, state: &'static str) {
        self.inner.states.count(state);
        if self.inner.feed.receiver_count() > 0 {
            let _ = self.inner.feed.send(News::Intent { id, project: project.to_owned(), state });
        }
    }

    /// Joins a call to an intent that is there already.
    pub(crate) fn attach(&self, call: &Arc<Call>, id: IntentId, waiting_for: String, expires_at: Timestamp) -> Hold {
        let now = self.now();
        let resting = Resting::new(call);
        let until = now.plus(call.patience).min(expires_at);
        let mut place = self.inner.holds.arm(id, (call.agent.clone(), resting.weight()), now, until);
        if let Some(before) = place.before.take() {
            let refusal = Refusal::Superseded { intent: id, waiting_for: waiting_for.clone(), expires_at };
            before.tell(Signal::Refused(refusal));
        }
        Hold::new(self.clone(), id, place, resting, waiting_for, expires_at)
    }
}

impl Gate {
    /// Whether people would be asked about a call like this one, as far as its route and agent tell: what depends on
    /// parameters it does not carry counts as a yes.
    #[must_use]
    pub fn would_ask(&self, rules: &rules::Ruleset, agent: &Agent, request: &rules::Request, hit: &Hit) -> bool {
        // What a rule would extract is not missing from a call: there is none yet.
        let hit = Hit { defects: Vec::new(), ..hit.clone() };
        let decision = decide_as(rules, agent, request, &hit, self.now());
        !decision.observed && matches!(decision.verdict, Verdict::Require(_))
    }
}

fn limited(what: String) -> Refusal {
    Refusal::Limited { retry_after: Duration::from_secs(5), what }
}

fn owner(call: &Call) -> Owner {
    (call.agent.project.as_str().into(), call.agent.fingerprint.as_str().into())
}

/// What the rules say of a call at a time.
pub(crate) fn decide(rules: &rules::Ruleset, call: &Call, now: Timestamp) -> Decision {
    decide_as(rules, &call.agent, &call.request, &call.hit, now)
}

/// The same, of what other rules made of its request.
pub(crate) fn decide_as(
    rules: &rules::Ruleset,
    agent: &Agent,
    request: &rules::Request,
    hit: &rules::ruleset::Hit,
    now: Timestamp,
) -> Decision {
    let caller = Caller {
        name: agent.name.clone(),
        fingerprint: agent.fingerprint.clone(),
        project: agent.project.clone(),
        owner: agent.owner.clone(),
        framework: agent.framework.clone(),
        trust: agent.trust,
        source_type: agent.source_type,
        risk_sensitivity: agent.risk_sensitivity,
        enforce: agent.enforce,
    };
    let upstream = request.upstream.config.name.as_str();
    rules.decide(&hit.action, Some(upstream), &caller, Some(request), &hit.defects, now.0)
}

/// A condition that has no value is a rule that does not do what its author meant.
pub(super) fn count_failure(decision: &Decision) {
    if let Some(policy) = &decision.failed {
        metrics::counter!("holdshort_condition_failures_total", "policy" => policy.clone()).increment(1);
    }
}

pub(crate) fn by_policy(reason: DenyReason, intent: Option<IntentId>, message: &str) -> Refusal {
    let message = message.to_owned();
    match reason {
        DenyReason::BlockedByPolicy => Refusal::BlockedByPolicy { intent, message },
        DenyReason::OutsideSchedule => Refusal::OutsideSchedule { intent, message },
        DenyReason::Stopped => Refusal::Stopped { message },
    }
}

pub(crate) fn unavailable(intent: Option<IntentId>, error: &StoreError) -> Refusal {
    tracing::error!(%error, "the store failed");
    Refusal::Unavailable { intent, why: "the gate cannot record this call now".to_owned() }
}

/// The rules that were looked at, with the value that failed: made only for those who decide, since most calls pass.
fn looked_at(call: &Call, decision: &Decision) -> Vec<Step> {
    let mut steps = call.rules.considered(&call.request);
    // What no route names has become an action all the same.
    steps.extend(call.hit.trace.last().filter(|_| !steps.iter().any(|step| step.matched)).cloned());
    steps.extend(decision.trace.iter().cloned());
    steps
}

fn facts<'a>(call: &'a Call, shown: &'a Shown, decision: &'a Decision, state: &State, whole: bool) -> Facts<'a> {
    let (agent, request, hit) = (&call.agent, &call.request, &call.hit);
    let content_type = request.head.header("content-type");
    let masked = if whole { shown.masked(request) } else { Vec::new() };
    let steps = if whole || decision.observed { looked_at(call, decision) } else { Vec::new() };
    Facts {
        enters: state.name().into(),
        expires_at: state.expires_at(),
        releases_at: None,
        blocked_from: decision.blocked_from.filter(|_| whole).map(Timestamp),
        why: match state {
            State::Denied(end) => end.why.clone().map(Into::into),
            _ => None,
        },
        observed: decision.observed,
        would: decision.observed.then(|| decision.verdict.word().into()),
        recorded: decision.recorded.iter().map(|it| (it.policy.as_str().into(), it.would.into())).collect(),
        declared_by: None,
        project: agent.project.as_str().into(),
        action: hit.action.name.as_str().into(),
        title: hit.action.title.as_str().into(),
        risk_tier: hit.action.risk_tier.as_str().into(),
        source_type: agent.source_type.as_str().into(),
        agent: AgentFacts {
            id: Some(agent.id),
            name: agent.name.as_str().into(),
            fingerprint: agent.fingerprint.as_str().into(),
            owner: agent.owner.as_deref().map(Into::into),
        },
        upstream: Some(request.upstream.config.name.as_str().into()),
        route: Some(hit.route.as_str().into()),
        policy: decision.policy.as_deref().map(Into::into),
        params: ParamFacts::of(&hit.action.params),
        score: decision.risk.score,
        reasons: decision.risk.reasons.iter().map(|reason| (reason.points, reason.why.as_str().into())).collect(),
        request: Some(RequestFacts {
            origin: whole.then(|| request.upstream.config.url.origin().into()),
            method: request.head.method.as_str().into(),
            target: request.target.as_str().into(),
            headers: masked.into_iter().map(|(name, value)| (name.into(), value.into())).collect(),
            content_digest: request.content_digest.as_str().into(),
            headers_digest: shown.headers_digest.as_str().into(),
            content_type: content_type.map(|value| String::from_utf8_lossy(value)),
            size: request.body.len(),
            digest: shown.digest.as_str().into(),
        }),
        trace: steps.into_iter().map(|step| (step.what.into(), step.matched, step.detail.into())).collect(),
        requirement: match &decision.verdict {
            Verdict::Require(requirement) if whole => Some(RequirementFacts::of(requirement)),
            _ => None,
        },
        config: call.rules.config().digest.as_str().into(),
        metadata: None,
    }
}
