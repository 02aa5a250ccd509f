//! What people decide, over the API.

use gate::Role;
use http::Method;
use serde_json::json;

use crate::world::world;

const REFUND: &str = r#"{"amount":250000,"customer_id":"cus_4812"}"#;

#[tokio::test]
async fn an_approver_approves_what_was_shown() {
    let w = world().await;
    let (_, dana) = w.person("dana@example.com", Role::Approver).await;
    let (agent, _) = w.agent("billing", "default").await;
    let hold = w.held(&agent, "POST", "/v1/refunds", REFUND).await;
    let id = hold.intent();

    let seen = w.with(&dana).get(&format!("/api/intents/{id}")).await.json();
    assert_eq!(seen["status"], "pending");
    assert_eq!(seen["title"], "Refund 250000 to cus_4812");
    assert_eq!(seen["request"]["method"], "POST");
    assert_eq!(seen["request"]["body"], REFUND);
    assert_eq!(seen["request"]["truncated"], false);
    assert_eq!(seen["caller"]["connected"], true);
    assert_eq!(seen["requirement"]["from"], json!(["finance"]));
    assert_eq!(seen["can"], json!({"approve": true, "deny": true, "reason": null}));
    assert_eq!(seen["parameters"], json!({"amount": 250_000, "customer_id": "cus_4812"}));

    drop(hold);
    let path = format!("/api/intents/{id}/approve");
    let wrong = w.with(&dana).post(&path, json!({"digest": "sha-256:other"})).await;
    assert_eq!(wrong.code(), "409 NOT_WHAT_WAS_SHOWN");
    assert_eq!(w.state(id).await, "pending");

    let done = w.with(&dana).post(&path, json!({"digest": seen["request"]["digest"], "comment": "checked"})).await;
    assert_eq!(done.status, 200, "{}", done.text);
    assert_eq!(done.json()["status"], "approved");
    assert_eq!(done.json()["approvals"][0]["by"], "dana@example.com");
    assert_eq!(done.json()["approvals"][0]["comment"], "checked");
}

#[tokio::test]
async fn who_is_not_named_and_agents_and_viewers_cannot_decide() {
    let w = world().await;
    let (_, kofi) = w.person("kofi@example.com", Role::Approver).await;
    let (_, vera) = w.person("vera@example.com", Role::Viewer).await;
    let (agent, key) = w.agent("billing", "default").await;
    let project = w.gate.rotate_project_key("other", &gate::Actor::Operator).await.unwrap();
    let hold = w.held(&agent, "POST", "/v1/refunds", REFUND).await;
    let id = hold.intent();
    for key in [kofi.as_str(), vera.as_str(), key.expose(), project.secret.expose()] {
        for deed in ["approve", "deny", "request-changes", "cancel"] {
            let path = format!("/api/intents/{id}/{deed}");
            // An approval has no `reason`; it must be refused for who asks, before what they sent is read.
            let answer = w.with(key).post(&path, json!({"reason": "no"})).await;
            let wanted = if key == kofi && deed == "approve" { "400 INVALID_REQUEST" } else { "403 NOT_AN_APPROVER" };
            assert_eq!(answer.code(), wanted, "{deed}");
        }
    }
    let answer = w.with(&kofi).post(&format!("/api/intents/{id}/approve"), json!({})).await;
    assert_eq!(answer.code(), "403 NOT_AN_APPROVER");
    assert_eq!(w.state(id).await, "pending");
}

#[tokio::test]
async fn a_resolved_intent_says_what_it_is() {
    let w = world().await;
    let (_, dana) = w.person("dana@example.com", Role::Approver).await;
    let (agent, _) = w.agent("billing", "default").await;
    let hold = w.held(&agent, "POST", "/v1/refunds", REFUND).await;
    let id = hold.intent();
    let denied = w.with(&dana).post(&format!("/api/intents/{id}/deny"), json!({"reason": "wrong amount"})).await;
    assert_eq!(denied.json()["resolved"]["by"], "dana@example.com");
    assert_eq!(denied.json()["resolved"]["why"], "wrong amount");
    let again = w.with(&dana).post(&format!("/api/intents/{id}/approve"), json!({})).await;
    insta::assert_snapshot!(again.text.replace(&id.to_string(), "int_ID"), @r#"{"type":"urn:holdshort:error:ALREADY_RESOLVED","title":"Already resolved","status":409,"detail":"It is already denied.","intent_id":"int_ID","intent_status":"denied","data":null,"error":{"code":"ALREADY_RESOLVED","message":"It is already denied.","type":"conflict"}}"#);
    assert_eq!(again.headers["content-type"], "application/problem+json");
    assert_eq!(again.headers["x-should-retry"], "false");
    let cleared = w.with(&dana).ask(Method::DELETE, &format!("/api/intents/{id}/denial"), None).await;
    assert_eq!(cleared.status, 204, "{}", cleared.text);
}

#[tokio::test]
async fn a_typed_confirmation_is_asked_for() {
    let w = world().await;
    let (_, kofi) = w.person("kofi@example.com", Role::Approver).await;
    let (agent, _) = w.agent("billing", "default").await;
    let id = w.held(&agent, "DELETE", "/v1/customers/cus_7", "").await.intent();
    let path = format!("/api/intents/{id}/approve");
    for body in [json!({}), json!({"confirmation": "cus_8"}), json!({"confirmation": "CUS_7"})] {
        assert_eq!(w.with(&kofi).post(&path, body).await.code(), "400 CONFIRMATION_REQUIRED");
    }
    assert_eq!(w.state(id).await, "pending");
    assert_eq!(w.with(&kofi).post(&path, json!({"confirmation": "cus_7"})).await.status, 200);
}

#[tokio::test]
async fn bad_bodies_change_nothing() {
    let w = world().await;
    let (_, dana) = w.person("dana@example.com", Role::Admin).await;
    let (agent, _) = w.agent("billing", "default").await;
    let id = w.held(&agent, "POST", "/v1/refunds", REFUND).await.intent();
    let at = |deed: &str| format!("/api/intents/{id}/{deed}");
    let dana = w.with(&dana);
    assert_eq!(dana.post(&at("approve"), json!({"approved": true})).await.code(), "400 INVALID_REQUEST");
    assert_eq!(dana.post(&at("approve"), json!({"comment": 7})).await.code(), "400 INVALID_REQUEST");
    assert_eq!(dana.post(&at("request-changes"), json!({})).await.code(), "400 MISSING_FIELDS");
    assert_eq!(dana.post(&at("request-changes"), json!({"reason": "  "})).await.code(), "400 MISSING_FIELDS");
    assert_eq!(dana.post("/api/intents/int_nonsense/approve", json!({})).await.code(), "404 NOT_FOUND");
    let long = json!({"comment": "x".repeat(300 * 1024)});
    assert_eq!(dana.post(&at("approve"), long).await.code(), "413 BODY_TOO_LARGE");
    assert_eq!(dana.get("/api/intents?status=waiting").await.code(), "400 INVALID_REQUEST");
    assert_eq!(dana.get("/api/intents?stat=pending").await.code(), "400 INVALID_REQUEST");
    assert_eq!(dana.get("/api/intents?cursor=nonsense").await.status, 400);
    assert_eq!(w.state(id).await, "pending");
}

#[tokio::test]
async fn several_are_decided_at_once_but_high_ones_only_denied() {
    let w = world().await;
    let (_, dana) = w.person("dana@example.com", Role::Approver).await;
    let (agent, _) = w.agent("billing", "default").await;
    let high = w.held(&agent, "POST", "/v1/refunds", REFUND).await.intent();
    let medium = w.held(&agent, "POST", "/v1/notes", "{}").await.intent();
    let ids = json!([
        {"id": high.to_string(), "digest": w.digest(high).await},
        {"id": medium.to_string(), "digest": w.digest(medium).await},
    ]);
    let answer = w.with(&dana).post("/api/intents/decide", json!({"ids": ids, "verdict": "approve"})).await.json();
    assert_eq!(answer["data"][0]["error"]["error"]["code"], "INVALID_REQUEST");
    assert_eq!(answer["data"][1]["status"], "approved");
    assert_eq!((w.state(high).await, w.state(medium).await), ("pending", "approved"));
    let answer =
        w.with(&dana).post("/api/intents/decide", json!({"ids": [ids[0]], "verdict": "deny", "reason": "no"})).await;
    assert_eq!(answer.json()["data"][0]["status"], "denied");
}
