//! Policies, namespaces and stop switches as the API and the dashboard show them.

use gate::KeptRule;
use gate::kept::{Namespace, Switch, SwitchMode};
use rules::config::{Confirm, Excluded, Policy, PolicyDecision};
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

/// A policy, wherever it stands.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!(PolicyView::sample()))]
pub(crate) struct PolicyView {
    /// Null: it stands in files and is changed only there.
    pub(crate) id: Option<String>,
    pub(crate) name: String,
    /// `files` or `dashboard`.
    pub(crate) source: String,
    pub(crate) decision: String,
    pub(crate) priority: i64,
    /// Its keys, as in files.
    #[schema(value_type = Object)]
    pub(crate) policy: Map<String, Value>,
    /// File and line, or who changed it last.
    pub(crate) place: String,
    pub(crate) created_at: Option<String>,
    pub(crate) changed_at: Option<String>,
}

impl PolicyView {
    pub(crate) fn of_files(policy: &Policy) -> PolicyView {
        PolicyView {
            id: None,
            name: policy.name.clone(),
            source: "files".to_owned(),
            decision: word(policy.decision).to_owned(),
            priority: policy.priority,
            policy: keys(policy),
            place: format!("{}:{}", policy.place.file, policy.place.line),
            created_at: None,
            changed_at: None,
        }
    }

    pub(crate) fn of_kept(rule: &KeptRule) -> PolicyView {
        let policy: Map<String, Value> = serde_json::from_str(&rule.data).unwrap_or_default();
        PolicyView {
            id: Some(rule.id.to_string()),
            name: rule.name.clone(),
            source: "dashboard".to_owned(),
            decision: policy.get("decision").and_then(Value::as_str).unwrap_or_default().to_owned(),
            priority: policy.get("priority").and_then(Value::as_i64).unwrap_or_default(),
            policy,
            place: who(rule),
            created_at: Some(rule.created_at.to_string()),
            changed_at: Some(rule.changed_at.to_string()),
        }
    }

    /// What it is about, in a line.
    pub(crate) fn subject(&self) -> String {
        let left_out = ["name", "decision", "priority", "message", "approvals", "schedule"];
        let parts: Vec<String> = self
            .policy
            .iter()
            .filter(|(key, _)| !left_out.contains(&key.as_str()))
            .map(|(key, value)| format!("{key}: {}", brief(value)))
            .collect();
        if parts.is_empty() { "everything".to_owned() } else { parts.join(", ") }
    }

    /// What approval asks for and when, in a line.
    pub(crate) fn asks(&self) -> String {
        let parts = ["approvals", "schedule", "message"]
            .into_iter()
            .filter_map(|key| self.policy.get(key).map(|value| format!("{key}: {}", brief(value))));
        parts.collect::<Vec<_>>().join(", ")
    }

    pub(crate) fn sample() -> PolicyView {
        let policy = json!({"name": "refunds need finance", "action": "issue_refund", "decision": "require_approval",
            "approvals": {"required": 1, "from": ["finance"]}});
        PolicyView {
            id: Some("rul_0199a3c2d8a07c1e9b1f0a2b3c4d5e6f".into()),
            name: "refunds need finance".into(),
            source: "dashboard".into(),
            decision: "require_approval".into(),
            priority: 0,
            policy: policy.as_object().cloned().unwrap_or_default(),
            place: "dana@example.com".into(),
            created_at: Some("2026-03-14T09:20:00.000Z".into()),
            changed_at: Some("2026-03-14T09:20:00.000Z".into()),
        }
    }
}

/// Who wrote it last: the log's name without the id.
fn who(rule: &KeptRule) -> String {
    rule.by.split_once(' ').map_or(rule.by.as_str(), |(_, email)| email).to_owned()
}

/// Without quotes and braces, for reading.
fn brief(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(list) => list.iter().map(brief).collect::<Vec<_>>().join(", "),
        Value::Object(members) => {
            members.iter().map(|(key, value)| format!("{key} {}", brief(value))).collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}

fn word(decision: PolicyDecision) -> &'static str {
    match decision {
        PolicyDecision::AutoApprove => "auto_approve",
        PolicyDecision::AutoDeny => "auto_deny",
        PolicyDecision::RequireApproval => "require_approval",
    }
}

/// The keys of a policy of the files, as they would be written.
fn keys(policy: &Policy) -> Map<String, Value> {
    let mut keys = Map::from_iter([
        ("name".to_owned(), json!(policy.name)),
        ("decision".to_owned(), json!(word(policy.decision))),
        ("priority".to_owned(), json!(policy.priority)),
    ]);
    let mut put = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            keys.insert(key.to_owned(), value);
        }
    };
    let list = |texts: &Vec<String>| (!texts.is_empty()).then(|| json!(texts));
    put("action", list(&policy.action));
    put("agent", list(&policy.agent));
    put("upstream", list(&policy.upstream));
    put("project", list(&policy.project));
    put("source_type", policy.source_type.map(|it| json!(it.as_str())));
    put("risk_tier", policy.risk_tier.map(|it| json!(it.as_str())));
    put("trust", policy.trust.map(|it| json!(it.as_str())));
    put("when", policy.when.as_ref().map(|it| json!(it)));
    put("message", policy.message.as_ref().map(|it| json!(it)));
    put("enforce", (!policy.enforce).then(|| json!(false)));
    let asked = &policy.approvals;
    let not = asked.not.as_ref().map(|not| {
        let word = |who: &Excluded| match who {
            Excluded::Owner => "owner",
            Excluded::Requester => "requester",
        };
        json!(not.iter().map(word).collect::<Vec<_>>())
    });
    let confirm = asked.confirm.as_ref().map(|confirm| match confirm {
        Confirm::No => json!(false),
        Confirm::Action => json!(true),
        Confirm::Template(text) => json!(text),
    });
    let span = |span: std::time::Duration| json!(format!("{}s", span.as_secs()));
    let mut approvals = Map::new();
    for (key, value) in [
        ("required", asked.required.map(|it| json!(it))),
        ("from", asked.from.as_ref().map(|it| json!(it))),
        ("all_of", asked.all_of.as_ref().map(|it| json!(it))),
        ("not", not),
        ("delay", asked.delay.map(span)),
        ("expires_in", asked.expires_in.map(span)),
        ("confirm", confirm),
    ] {
        if let Some(value) = value {
            approvals.insert(key.to_owned(), value);
        }
    }
    put("approvals", (!approvals.is_empty()).then_some(Value::Object(approvals)));
    put(
        "schedule",
        policy.schedule.as_ref().map(
            |it| json!({"timezone": it.timezone, "block_weekends": it.block_weekends, "block_hours": it.block_hours}),
        ),
    );
    keys
}

/// What the paths of a namespace need.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct NamespaceView {
    pub(crate) namespace: String,
    #[serde(flatten)]
    #[schema(value_type = Object)]
    pub(crate) policy: Namespace,
    pub(crate) changed_by: String,
    pub(crate) changed_at: String,
}

impl NamespaceView {
    pub(crate) fn of(rule: &KeptRule) -> Option<NamespaceView> {
        Some(NamespaceView {
            namespace: rule.name.clone(),
            policy: serde_json::from_str(&rule.data).ok()?,
            changed_by: who(rule),
            changed_at: rule.changed_at.to_string(),
        })
    }
}

/// A stop switch that is on.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!(StopView::sample()))]
pub(crate) struct StopView {
    pub(crate) id: String,
    /// `gate`, `upstream:NAME` or `project:NAME`.
    pub(crate) scope: String,
    /// `refuse`, or `require_approval`: what policy would approve needs a person.
    pub(crate) mode: String,
    /// Why; refused agents read it.
    pub(crate) reason: String,
    /// Who.
    pub(crate) by: String,
    pub(crate) since: String,
}

impl StopView {
    pub(crate) fn of(rule: &KeptRule) -> StopView {
        let switch: Option<Switch> = serde_json::from_str(&rule.data).ok();
        let (mode, reason) = switch.map_or((SwitchMode::Refuse, String::new()), |it| (it.mode, it.reason));
        StopView {
            id: rule.id.to_string(),
            scope: rule.name.clone(),
            mode: match mode {
                SwitchMode::Refuse => "refuse",
                SwitchMode::RequireApproval => "require_approval",
            }
            .to_owned(),
            reason,
            by: who(rule),
            since: rule.changed_at.to_string(),
        }
    }

    pub(crate) fn sample() -> StopView {
        StopView {
            id: "rul_0199a3c2d8a07c1e9b1f0a2b3c4d5e70".into(),
            scope: "upstream:payments".into(),
            mode: "refuse".into(),
            reason: "duplicate refunds since noon".into(),
            by: "dana@example.com".into(),
            since: "2026-03-14T09:26:53.000Z".into(),
        }
    }
}
