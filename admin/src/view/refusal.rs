//! A request that was refused without an intent, as the API shows it.

use gate::RefusedCall;
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!(RefusalView::sample()))]
pub(crate) struct RefusalView {
    pub(crate) at: String,
    /// `Holdshort-Request` of the answer.
    pub(crate) request: String,
    /// Fingerprint; null where nobody is known to have called.
    pub(crate) agent: Option<String>,
    pub(crate) upstream: Option<String>,
    pub(crate) method: Option<String>,
    /// As the rules name it; null where none was found. The path itself is not kept.
    pub(crate) route: Option<String>,
    pub(crate) code: String,
    /// What the caller was told.
    pub(crate) message: String,
}

impl RefusalView {
    pub(crate) fn of(call: &RefusedCall) -> RefusalView {
        RefusalView {
            at: call.at.to_string(),
            request: call.request_id.clone(),
            agent: call.agent.clone(),
            upstream: call.upstream.clone(),
            method: call.method.clone(),
            route: call.route.clone(),
            code: call.code.to_owned(),
            message: call.message.clone(),
        }
    }

    pub(crate) fn sample() -> RefusalView {
        RefusalView {
            at: "2026-03-14T09:27:10.000Z".into(),
            request: "req_0199a3c2d8a07c1e9b1f00000001".into(),
            agent: Some("billing".into()),
            upstream: Some("payments".into()),
            method: Some("POST".into()),
            route: None,
            code: "NO_ROUTE".into(),
            message: "Not executed. No route of this gate allows this method and path for this agent.".into(),
        }
    }
}
