//! Acme Pay: the service behind the demo's gate. It refuses whatever carries no valid permit, with
//! nothing but the gate's public keys.

use std::sync::{Arc, Mutex};

use axum::extract::{Path, Request, State};
use axum::middleware::{self, Next};
use axum::response::{Json, Response};
use axum::routing::{delete, get, post};
use axum::{Extension, Router};
use permit::{KeySet, PermitLayer, Verified, Verifier};
use serde_json::{Value, json};

/// What Acme Pay saw: the last permit that came with a refund, for the thief in the story.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ledger(Arc<Mutex<Vec<String>>>);

impl Ledger {
    pub(crate) fn last_permit(&self) -> Option<String> {
        self.0.lock().ok().and_then(|seen| seen.last().cloned())
    }
}

/// The service; `jwks` are the gate's public keys.
pub(crate) fn service(jwks: &Value, ledger: Ledger) -> anyhow::Result<Router> {
    let verifier = Verifier::new(jwks.to_string().parse::<KeySet>()?, "acme-pay");
    Ok(Router::new()
        .route("/v1/payments", get(payments))
        .route("/v1/refunds", post(refund))
        .route("/v1/customers/{customer}", delete(remove))
        .layer(PermitLayer::new(verifier))
        .layer(middleware::from_fn_with_state(ledger.clone(), overhear))
        .with_state(ledger))
}

async fn payments() -> Json<Value> {
    Json(
        json!({ "payments": [{ "id": "pay_1", "customer": "ada", "amount": 4200 }, { "id": "pay_2", "customer": "bob", "amount": 99000 }] }),
    )
}

async fn refund(Extension(permit): Extension<Verified>, Json(order): Json<Value>) -> Json<Value> {
    let claims = permit.claims;
    Json(json!({
        "refunded": order.get("amount"), "customer": order.get("customer"),
        "decision": claims.decision, "policy": claims.policy, "approved_by": claims.approved_by,
    }))
}

async fn remove(Path(customer): Path<String>) -> Json<Value> {
    Json(json!({ "deleted": customer }))
}

/// Keeps a copy of what passes by, as a thief in the service's network could.
async fn overhear(State(ledger): State<Ledger>, request: Request, next: Next) -> Response {
    let permit = request.headers().get("holdshort-permit").and_then(|value| value.to_str().ok());
    if let (Some(permit), &http::Method::POST, Ok(mut seen)) = (permit, request.method(), ledger.0.lock()) {
        seen.push(permit.to_owned());
    }
    next.run(request).await
}
