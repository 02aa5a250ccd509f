//! The audit log as the API and the dashboard show it.

use gate::audit::AuditEntry;
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!(AuditEntryView::sample()))]
pub(crate) struct AuditEntryView {
    /// The leaf's index in the tree.
    pub(crate) seq: u64,
    pub(crate) at: String,
    pub(crate) kind: String,
    pub(crate) actor: String,
    pub(crate) subject: Option<String>,
    /// The facts, in the exact text that the leaf's hash is over.
    pub(crate) data: String,
}

impl AuditEntryView {
    pub(crate) fn of(entry: &AuditEntry) -> AuditEntryView {
        AuditEntryView {
            seq: entry.seq,
            at: entry.at.to_string(),
            kind: entry.kind.clone(),
            actor: entry.actor.clone(),
            subject: entry.subject.clone(),
            data: entry.data.clone(),
        }
    }

    pub(crate) fn sample() -> AuditEntryView {
        AuditEntryView {
            seq: 41,
            at: "2026-03-14T09:27:10.000Z".into(),
            kind: "intent.approved".into(),
            actor: "dana@example.com".into(),
            subject: Some("int_0199a3c2d8a07c1e9b1f0a2b3c4d5e6f".into()),
            data: r#"{"comment":"checked with the customer"}"#.into(),
        }
    }
}
