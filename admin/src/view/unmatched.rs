//! Calls that no route names, grouped, as the API and the dashboard show them.

use gate::UnmatchedCalls;
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!(UnmatchedView::sample()))]
pub(crate) struct UnmatchedView {
    pub(crate) upstream: String,
    /// `OTHER` for what HTTP does not define, `tools/call` for tools of an MCP server.
    pub(crate) method: String,
    /// As a route would say it; of a tool call the tool's name.
    pub(crate) template: String,
    pub(crate) count: u64,
    /// By `unmatched: reject`.
    pub(crate) rejected: u64,
    /// By `unmatched: pass`, or because nothing is enforced.
    pub(crate) passed: u64,
    /// By `unmatched: require_approval`: each has an intent.
    pub(crate) asked: u64,
    pub(crate) last_at: String,
}

impl UnmatchedView {
    pub(crate) fn of(calls: &UnmatchedCalls) -> UnmatchedView {
        UnmatchedView {
            upstream: calls.upstream.clone(),
            method: calls.method.clone(),
            template: calls.template.clone(),
            count: calls.counts.all(),
            rejected: calls.counts.rejected,
            passed: calls.counts.passed,
            asked: calls.counts.asked,
            last_at: calls.last_at.to_string(),
        }
    }

    pub(crate) fn sample() -> UnmatchedView {
        UnmatchedView {
            upstream: "payments".into(),
            method: "GET".into(),
            template: "/v1/users/{id}".into(),
            count: 42,
            rejected: 42,
            passed: 0,
            asked: 0,
            last_at: "2026-03-14T09:27:10.000Z".into(),
        }
    }
}
