//! An intent as the API and the dashboard show it.

use gate::intent::{IntentRequest, Resolution};
use gate::{Can, Intent, IntentPermit, Person, State, Timestamp, Verdict};
use rules::ruleset::{ParamValue, Params};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::app::App;
use crate::caller::Caller;

/// One call: what was asked, what was decided by whom, what happened.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!(IntentView::sample()))]
pub(crate) struct IntentView {
    pub(crate) id: String,
    /// `pending`, `approved`, `executing`, `executed`, `failed`, `unknown`, `denied`, `changes_requested`,
    /// `expired` or `cancelled`.
    pub(crate) status: String,
    pub(crate) project: String,
    pub(crate) action: String,
    pub(crate) title: String,
    pub(crate) risk_tier: String,
    /// Fingerprint of the agent.
    pub(crate) source: String,
    pub(crate) source_type: String,
    pub(crate) upstream: Option<String>,
    pub(crate) route: Option<String>,
    #[schema(value_type = Object)]
    pub(crate) parameters: Map<String, Value>,
    /// The policy that decided; null: the risk tier, or the last default.
    pub(crate) policy: Option<String>,
    pub(crate) trace: Vec<StepView>,
    pub(crate) risk: RiskView,
    pub(crate) agent: IntentAgentView,
    /// What an approval is bound to; send it with a verdict.
    pub(crate) digest: String,
    /// Declared by an agent that does it itself, with a permit; `false`: it came as a call.
    pub(crate) declared: bool,
    /// Of a declared intent that may be used now: for the key that declared it, and nobody else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) permit_token: Option<String>,
    /// What will be, or was, sent; null for a declared intent.
    pub(crate) request: Option<RequestView>,
    pub(crate) caller: CallerView,
    /// Null where policy decided.
    pub(crate) requirement: Option<RequirementView>,
    pub(crate) approvals: Vec<ApprovalView>,
    /// What you may do with it; null for agents.
    pub(crate) can: Option<CanView>,
    pub(crate) approval_url: String,
    pub(crate) created_at: String,
    /// The bound in force while it is pending or approved.
    pub(crate) expires_at: Option<String>,
    /// When the delay after the last verdict ends.
    pub(crate) releases_at: Option<String>,
    pub(crate) resolved: Option<ResolvedView>,
    pub(crate) outcome: Option<OutcomeView>,
    /// Digest of the configuration that decided.
    pub(crate) config_digest: String,
    #[schema(value_type = Option<Object>)]
    pub(crate) metadata: Option<Value>,
    /// `enforce: false` let it pass; the decision was only recorded.
    pub(crate) observed: bool,
    /// What would have been decided then: `auto_approve`, `auto_deny` or `require_approval`.
    pub(crate) would: Option<String>,
    /// Policies with `enforce: false` that matched, and what they would have decided.
    pub(crate) recorded: Vec<RecordedView>,
    #[serde(flatten)]
    pub(crate) also: AlsoView,
}

/// The same under the names that programs written against other gates look for.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct AlsoView {
    /// `id`.
    pub(crate) intent_id: String,
    /// `parameters`, of what was declared.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub(crate) params: Option<Map<String, Value>>,
    /// `metadata`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub(crate) context: Option<Value>,
    /// Teams or e-mail addresses of whom it needs; empty: any approver.
    pub(crate) approvers: Vec<String>,
    /// The agent's name.
    pub(crate) requested_by: String,
    /// `created_at`.
    pub(crate) requested_at: String,
    /// `risk.score` from 0 to 1.
    pub(crate) risk_score: f64,
    /// `risk.reasons`, each in `snake_case`.
    pub(crate) risk_factors: Vec<String>,
    /// The permit, where `permit_token` is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) permit: Option<PermitPartView>,
}

/// A permit and what is known of it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct PermitPartView {
    pub(crate) token: String,
    pub(crate) expires_at: String,
    /// E-mail addresses, separated by commas; null where policy approved.
    pub(crate) approved_by: Option<String>,
    pub(crate) approved_at: Option<String>,
}

impl PermitPartView {
    pub(crate) fn of(intent: &Intent, permit: IntentPermit) -> PermitPartView {
        let approvals = intent.approvals.iter().filter(|vote| vote.verdict == Verdict::Approve);
        let emails: Vec<&str> = approvals.clone().map(|vote| vote.email.as_str()).collect();
        PermitPartView {
            token: permit.token,
            expires_at: permit.expires_at.to_string(),
            approved_by: (!emails.is_empty()).then(|| emails.join(", ")),
            approved_at: approvals.map(|vote| vote.at).max().map(|at| at.to_string()),
        }
    }
}

impl AlsoView {
    fn of(intent: &Intent) -> AlsoView {
        AlsoView {
            intent_id: intent.id.to_string(),
            params: intent.declared_by.map(|_| parameters(&intent.params)),
            context: intent.metadata.clone(),
            approvers: approvers(intent),
            requested_by: intent.agent.name.clone(),
            requested_at: intent.created_at.to_string(),
            risk_score: f64::from(intent.risk.score) / 100.0,
            risk_factors: intent.risk.reasons.iter().map(|reason| factor(&reason.why)).collect(),
            permit: None,
        }
    }
}

/// Whom it needs, in one list.
pub(crate) fn approvers(intent: &Intent) -> Vec<String> {
    let Some(requirement) = &intent.requirement else { return Vec::new() };
    let mut named: Vec<String> = Vec::new();
    for name in requirement.from.iter().chain(requirement.all_of.iter().flatten()) {
        if !named.contains(name) {
            named.push(name.clone());
        }
    }
    named
}

/// A reason as one word.
fn factor(why: &str) -> String {
    let mut word = String::with_capacity(why.len());
    for c in why.chars() {
        if c.is_ascii_alphanumeric() {
            word.push(c.to_ascii_lowercase());
        } else if !word.is_empty() && !word.ends_with('_') {
            word.push('_');
        }
    }
    word.trim_end_matches('_').to_owned()
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct RecordedView {
    pub(crate) policy: String,
    pub(crate) would: String,
}

/// A route or policy that was looked at.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct StepView {
    pub(crate) what: String,
    pub(crate) matched: bool,
    pub(crate) detail: String,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct RiskView {
    /// 0 to 100.
    pub(crate) score: u8,
    pub(crate) reasons: Vec<RiskReasonView>,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct RiskReasonView {
    pub(crate) points: i16,
    pub(crate) why: String,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct IntentAgentView {
    /// Null: a label without a registered agent.
    pub(crate) id: Option<String>,
    pub(crate) name: String,
    pub(crate) owner: Option<String>,
    pub(crate) trust: String,
    /// `active`, `paused`, `revoked`; null for a label.
    pub(crate) status: Option<String>,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct RequestView {
    pub(crate) method: String,
    /// Path and query as sent.
    pub(crate) target: String,
    /// Those that an approval is bound to; credentials are masked.
    pub(crate) headers: Vec<HeaderView>,
    pub(crate) content_type: Option<String>,
    /// The whole body: text as it is, anything else in base64. Null where it is not kept.
    pub(crate) body: Option<String>,
    /// `utf-8` or `base64`.
    pub(crate) body_encoding: String,
    /// Bytes.
    pub(crate) size: usize,
    /// The body is not (wholly) here.
    pub(crate) truncated: bool,
    /// RFC 9530 value of the body.
    pub(crate) content_digest: String,
    /// What an approval is bound to; send it with a verdict.
    pub(crate) digest: String,
    /// The bytes, for the dashboard.
    #[serde(skip)]
    #[schema(ignore)]
    pub(crate) bytes: Option<Vec<u8>>,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct HeaderView {
    pub(crate) name: String,
    pub(crate) value: String,
}

/// The connection that waits.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct CallerView {
    pub(crate) connected: bool,
    pub(crate) since: Option<String>,
    /// When the agent is told to come back.
    pub(crate) hold_ends_at: Option<String>,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct RequirementView {
    pub(crate) required: u32,
    /// Teams or e-mail addresses; empty: any approver.
    pub(crate) from: Vec<String>,
    pub(crate) all_of: Vec<Vec<String>>,
    /// The text to type when approving.
    pub(crate) confirm: Option<String>,
    /// Seconds between the last verdict and the sending.
    pub(crate) delay: u64,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ApprovalView {
    pub(crate) by: String,
    /// `approve`, `deny`, `request_changes`.
    pub(crate) verdict: String,
    pub(crate) comment: Option<String>,
    pub(crate) at: String,
    /// How they were signed in: `session ses_...` or `token ...last characters`.
    pub(crate) how: Option<String>,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct CanView {
    pub(crate) approve: bool,
    pub(crate) deny: bool,
    /// Why not.
    pub(crate) reason: Option<String>,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ResolvedView {
    /// Null: a policy, the clock, or the gate itself.
    pub(crate) by: Option<String>,
    pub(crate) at: String,
    pub(crate) why: Option<String>,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct OutcomeView {
    /// The upstream's status.
    pub(crate) status: Option<u16>,
    pub(crate) sent_at: String,
    /// Seconds.
    pub(crate) duration: f64,
    /// The first bytes of the answer.
    pub(crate) excerpt: Option<String>,
    /// Whether the agent got the answer.
    pub(crate) delivered: bool,
}

impl IntentView {
    /// As this caller may see it: who declared it gets the permit.
    pub(crate) fn to(app: &App, intent: &Intent, caller: &Caller) -> IntentView {
        let mut view = IntentView::of(app, intent, caller.person().map(AsRef::as_ref));
        if let Some(permit) = app.gate().intent_permit(intent, &caller.principal) {
            view.permit_token = Some(permit.token.clone());
            view.also.permit = Some(PermitPartView::of(intent, permit));
        }
        view
    }

    /// `who` is the person who looks, where it is one.
    pub(crate) fn of(app: &App, intent: &Intent, who: Option<&Person>) -> IntentView {
        let gate = app.gate();
        let directory = gate.directory();
        let agent = intent.agent.id.and_then(|id| directory.agent(id));
        let email = |resolution: &Resolution| {
            resolution.by.map(|id| directory.person(id).map_or_else(|| id.to_string(), |person| person.email.clone()))
        };
        let can = who.map(|person| CanView::of(gate.can(intent, person)));
        IntentView {
            id: intent.id.to_string(),
            status: intent.state.name().to_owned(),
            project: intent.project.clone(),
            action: intent.action.clone(),
            title: intent.title.clone(),
            risk_tier: intent.risk_tier.as_str().to_owned(),
            source: intent.agent.fingerprint.clone(),
            source_type: intent.source_type.as_str().to_owned(),
            upstream: intent.upstream.clone(),
            route: intent.route.clone(),
            parameters: parameters(&intent.params),
            policy: intent.policy.clone(),
            trace: intent
                .trace
                .iter()
                .map(|step| StepView { what: step.what.clone(), matched: step.matched, detail: step.detail.clone() })
                .collect(),
            risk: RiskView {
                score: intent.risk.score,
                reasons: intent
                    .risk
                    .reasons
                    .iter()
                    .map(|reason| RiskReasonView { points: reason.points, why: reason.why.clone() })
                    .collect(),
            },
            agent: IntentAgentView {
                id: intent.agent.id.map(|id| id.to_string()),
                name: intent.agent.name.clone(),
                owner: intent.agent.owner.clone(),
                trust: agent
                    .as_ref()
                    .map_or(rules::config::Trust::Unregistered, |agent| agent.trust)
                    .as_str()
                    .to_owned(),
                status: agent.as_ref().map(|agent| super::agent::status_word(agent.status).to_owned()),
            },
            digest: intent.digest(),
            declared: intent.declared_by.is_some(),
            permit_token: None,
            request: intent.request.as_ref().map(RequestView::of),
            caller: CallerView {
                connected: intent.caller.connected,
                since: text(intent.caller.since),
                hold_ends_at: text(intent.caller.hold_ends_at),
            },
            requirement: intent.requirement.as_ref().map(|requirement| RequirementView {
                required: requirement.required,
                from: requirement.from.clone(),
                all_of: requirement.all_of.clone(),
                confirm: requirement.confirm.clone(),
                delay: requirement.delay.as_secs(),
            }),
            approvals: intent
                .approvals
                .iter()
                .map(|approval| ApprovalView {
                    by: approval.email.clone(),
                    verdict: verdict_word(approval.verdict).to_owned(),
                    comment: approval.comment.clone(),
                    at: approval.at.to_string(),
                    how: approval.how.clone(),
                })
                .collect(),
            can,
            approval_url: format!("{}/intents/{}", app.url(), intent.id),
            created_at: intent.created_at.to_string(),
            expires_at: text(intent.expires_at),
            releases_at: text(intent.releases_at),
            resolved: resolved(&intent.state, email),
            outcome: intent.outcome.as_ref().map(|outcome| OutcomeView {
                status: outcome.status,
                sent_at: outcome.sent_at.to_string(),
                duration: outcome.duration.as_secs_f64(),
                excerpt: outcome.excerpt.clone(),
                delivered: outcome.delivered,
            }),
            config_digest: intent.config_digest.clone(),
            metadata: intent.metadata.clone(),
            observed: intent.observed,
            would: intent.would.clone(),
            recorded: intent
                .recorded
                .iter()
                .map(|(policy, would)| RecordedView { policy: policy.clone(), would: would.clone() })
                .collect(),
            also: AlsoView::of(intent),
        }
    }

    pub(crate) fn sample() -> IntentView {
        let body = r#"{"amount":250000,"customer_id":"cus_4812","reason":"duplicate charge"}"#;
        IntentView {
            id: "int_0199a3c2d8a07c1e9b1f0a2b3c4d5e6f".into(),
            status: "pending".into(),
            project: "support".into(),
            action: "issue_refund".into(),
            title: "Refund EUR 2 500.00 to cus_4812".into(),
            risk_tier: "high".into(),
            source: "billing".into(),
            source_type: "ai_agent".into(),
            upstream: Some("payments".into()),
            route: Some("POST /v1/refunds".into()),
            parameters: Map::from_iter([
                ("amount".to_owned(), Value::from(250_000)),
                ("customer_id".to_owned(), Value::from("cus_4812")),
            ]),
            policy: Some("refunds need finance".into()),
            trace: vec![
                StepView {
                    what: "policy small refunds".into(),
                    matched: false,
                    detail: "params.amount <= 100 is false: params.amount is 250000".into(),
                },
                StepView {
                    what: "policy refunds need finance".into(),
                    matched: true,
                    detail: "require_approval".into(),
                },
            ],
            risk: RiskView { score: 62, reasons: vec![RiskReasonView { points: 50, why: "risk tier high".into() }] },
            agent: IntentAgentView {
                id: Some("agt_0199a3c2d8a07c1e9b1f0a2b3c4d5e6f".into()),
                name: "billing".into(),
                owner: Some("dana@example.com".into()),
                trust: "established".into(),
                status: Some("active".into()),
            },
            digest: "sha-256:15ddfe0a6e3d3d7d0c9e7d5a1f3b".into(),
            declared: false,
            permit_token: None,
            request: Some(RequestView {
                method: "POST".into(),
                target: "/v1/refunds".into(),
                headers: vec![
                    HeaderView { name: "content-type".into(), value: "application/json".into() },
                    HeaderView { name: "x-account".into(), value: "acme".into() },
                ],
                content_type: Some("application/json".into()),
                body: Some(body.into()),
                body_encoding: "utf-8".into(),
                size: body.len(),
                truncated: false,
                content_digest: "sha-256=:FZ3gIyZzRzVkD8yzO8qE2cSC8f3tD8YvvdGDuqMQxkY=:".into(),
                digest: "sha-256:15ddfe0a6e3d3d7d0c9e7d5a1f3b".into(),
                bytes: Some(body.into()),
            }),
            caller: CallerView {
                connected: true,
                since: Some("2026-03-14T09:26:53.000Z".into()),
                hold_ends_at: Some("2026-03-14T09:36:53.000Z".into()),
            },
            requirement: Some(RequirementView {
                required: 1,
                from: vec!["finance".into()],
                all_of: Vec::new(),
                confirm: Some("cus_4812".into()),
                delay: 0,
            }),
            approvals: Vec::new(),
            can: Some(CanView { approve: true, deny: true, reason: None }),
            approval_url: "http://127.0.0.1:8081/intents/int_0199a3c2d8a07c1e9b1f0a2b3c4d5e6f".into(),
            created_at: "2026-03-14T09:26:53.000Z".into(),
            expires_at: Some("2026-03-14T09:56:53.000Z".into()),
            releases_at: None,
            resolved: None,
            outcome: None,
            config_digest: "9f2c5a".into(),
            metadata: None,
            observed: false,
            would: None,
            recorded: Vec::new(),
            also: AlsoView {
                intent_id: "int_0199a3c2d8a07c1e9b1f0a2b3c4d5e6f".into(),
                params: None,
                context: None,
                approvers: vec!["finance".into()],
                requested_by: "billing".into(),
                requested_at: "2026-03-14T09:26:53.000Z".into(),
                risk_score: 0.62,
                risk_factors: vec!["risk_tier_high".into()],
                permit: None,
            },
        }
    }
}

impl RequestView {
    fn of(request: &IntentRequest) -> RequestView {
        use base64::Engine;
        let bytes = request.body.as_ref().map(|body| body.to_vec());
        let text = bytes.as_deref().map(std::str::from_utf8);
        let (body, encoding) = match (text, &bytes) {
            (Some(Ok(text)), _) => (Some(text.to_owned()), "utf-8"),
            (Some(Err(_)), Some(bytes)) => (Some(base64::engine::general_purpose::STANDARD.encode(bytes)), "base64"),
            _ => (None, "utf-8"),
        };
        let kept = bytes.as_ref().map_or(0, Vec::len);
        RequestView {
            method: request.method.clone(),
            target: request.target.clone(),
            headers: request
                .headers
                .iter()
                .map(|(name, value)| HeaderView { name: name.clone(), value: value.clone() })
                .collect(),
            content_type: request.content_type.clone(),
            body,
            body_encoding: encoding.to_owned(),
            size: request.size,
            truncated: kept != request.size,
            content_digest: request.content_digest.clone(),
            digest: request.digest.clone(),
            bytes,
        }
    }
}

impl CanView {
    fn of(can: Can) -> CanView {
        CanView { approve: can.approve, deny: can.deny, reason: can.reason }
    }
}

fn text(at: Option<Timestamp>) -> Option<String> {
    at.map(|at| at.to_string())
}

pub(crate) fn verdict_word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Approve => "approve",
        Verdict::Deny => "deny",
        Verdict::RequestChanges => "request_changes",
    }
}

/// By whom, when and why it came to its state; `None` while people decide.
fn resolved(state: &State, email: impl Fn(&Resolution) -> Option<String>) -> Option<ResolvedView> {
    let by_gate = |at: &Timestamp, why: Option<&str>| {
        Some(ResolvedView { by: None, at: at.to_string(), why: why.map(str::to_owned) })
    };
    match state {
        State::Pending { .. } | State::Approved { .. } => None,
        State::Executing { at } | State::Executed { at, .. } | State::Expired { at } => by_gate(at, None),
        State::Failed { at, why } | State::Unknown { at, why } => by_gate(at, Some(why)),
        State::Denied(resolution) | State::ChangesRequested(resolution) | State::Cancelled(resolution) => {
            Some(ResolvedView { by: email(resolution), at: resolution.at.to_string(), why: resolution.why.clone() })
        }
    }
}

pub(crate) fn parameters(params: &Params) -> Map<String, Value> {
    params.iter().map(|(name, value)| (name.clone(), json(value))).collect()
}

fn json(value: &ParamValue) -> Value {
    match value {
        ParamValue::Null => Value::Null,
        ParamValue::Bool(value) => Value::Bool(*value),
        ParamValue::Integer(value) => Value::from(*value),
        ParamValue::Decimal(value) => {
            // A number only where a reader's double says the same digits; text otherwise.
            let text = value.to_string();
            let number = serde_json::from_str::<Value>(&text).ok();
            let same = number.filter(|number| serde_json::to_string(number).is_ok_and(|said| said == text));
            same.unwrap_or(Value::String(text))
        }
        ParamValue::String(value) => Value::String(value.clone()),
        ParamValue::List(values) => Value::Array(values.iter().map(json).collect()),
        ParamValue::Object(members) => {
            Value::Object(members.iter().map(|(name, value)| (name.clone(), json(value))).collect())
        }
    }
}
