//! What programs written against other gates send, and what they look for in the answers.

use gate::{Actor, Role};
use http::Method;
use serde_json::{Value, json};

use crate::world::{world, world_with};

const SECRET: &str = "a secret that both sides know, long enough";

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("no {name}: {value}"))
}

#[tokio::test]
async fn params_and_expires_in_are_answered_flat_with_status_and_permit() {
    let w = world().await;
    let (_, dana) = w.person("dana@example.com", Role::Approver).await;
    let (_, key) = w.agent("billing", "default").await;
    let body = json!({
        "action": "issue_refund", "params": {"amount": 5, "customer_id": "cus_1"},
        "approvers": ["dana@example.com"], "expiresIn": 1800, "metadata": {"ticket": "T-1"},
    });
    let answer = w.with(key.expose()).post("/api/intents", body).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let asked = answer.json();
    assert_eq!((text(&asked, "status"), text(&asked, "action")), ("pending", "issue_refund"));
    assert_eq!((&asked["params"]["amount"], &asked["approvers"]), (&json!(5), &json!(["dana@example.com"])));
    assert!(text(&asked, "approval_url").ends_with(text(&asked, "id")));
    assert!(text(&asked, "expires_at") > text(&asked, "created_at"));
    assert!(asked.get("permit").is_none());

    let at = format!("/api/intents/{}", text(&asked, "id"));
    let seen = w.with(&dana).get(&at).await.json();
    assert_eq!((&seen["intent_id"], &seen["params"]["customer_id"]), (&asked["id"], &json!("cus_1")));
    assert_eq!((text(&seen, "requested_by"), &seen["context"]), ("billing", &json!({"ticket": "T-1"})));
    assert_eq!(seen["requested_at"], seen["created_at"]);
    let score = seen["risk_score"].as_f64().unwrap();
    assert!((score * 100.0 - seen["risk"]["score"].as_f64().unwrap()).abs() < 1e-9 && score > 0.0, "{score}");
    assert!(
        seen["risk_factors"].as_array().unwrap().contains(&json!("refund_moves_money")),
        "{}",
        seen["risk_factors"]
    );
    assert_eq!(seen["approvers"], json!(["finance", "dana@example.com"]));

    w.with(&dana).post(&format!("{at}/approve"), json!({})).await;
    let mine = w.with(key.expose()).get(&at).await.json();
    assert_eq!(mine["permit"]["token"], mine["permit_token"]);
    assert_eq!(text(&mine["permit"], "approved_by"), "dana@example.com");
    assert!(mine["permit"]["approved_at"].is_string() && mine["permit"]["expires_at"].is_string());
    assert!(w.with(&dana).get(&at).await.json().get("permit").is_none(), "nobody else carries it");
}

#[tokio::test]
async fn context_is_answered_pending_approval_and_policy_auto_approved() {
    let w = world_with("  - { name: logs, action: read_logs, decision: auto_approve }\n").await;
    let (_, key) = w.agent("ops", "default").await;
    let me = w.with(key.expose());
    let body = json!({"action": "deploy_production", "params": {"service": "api"}, "context": {"sha": "a1b2"}});
    let asked = me.post("/api/intents", body).await.json();
    assert_eq!((text(&asked, "status"), text(&asked["data"], "status")), ("pending_approval", "pending"));
    let listed = me.get("/api/intents?status=pending_approval").await.json();
    assert_eq!(listed["data"][0]["id"], asked["id"]);
    let passed = me.post("/api/intents", json!({"action": "read_logs", "params": {}})).await.json();
    assert_eq!((text(&passed, "status"), text(&passed, "decision")), ("auto_approved", "auto_approve"));
    assert_eq!(passed["permit"]["token"], passed["data"]["permit_token"]);
    assert!(passed["permit"]["expires_at"].is_string());
    assert_eq!(me.get("/api/intents?status=auto_approved").await.json()["data"][0]["id"], passed["id"]);
    for (body, wanted) in [
        (json!({"action": "x", "params": {}, "parameters": {}}), "400 INVALID_REQUEST"),
        (json!({"action": "x", "params": {}, "metadata": {}, "context": {}}), "400 INVALID_REQUEST"),
        (json!({"params": {}}), "400 MISSING_FIELDS"),
        (json!({"action": "x", "context": {}}), "400 MISSING_FIELDS"),
        (json!({"action": "x", "params": {}, "timeout": 5}), "400 INVALID_REQUEST"),
    ] {
        assert_eq!(me.post("/api/intents", body.clone()).await.code(), wanted, "{body}");
    }
}

#[tokio::test]
async fn with_a_shared_secret_the_permit_is_hs256_and_is_validated_as_such() {
    let more = format!(
        "  - {{ name: notes, action: note, decision: auto_approve }}\npermit: {{ execution_secret: '{SECRET}' }}\n"
    );
    let w = world_with(&more).await;
    let (_, key) = w.agent("billing", "default").await;
    let me = w.with(key.expose());
    let body = json!({"action": "note", "source_type": "ai_agent"});
    let passed = me.post("/api/intents", body).await.json();
    let token = text(&passed["data"], "permit_token");
    let claims = permit::Opened::with_secret(token, SECRET.as_bytes()).unwrap();
    assert_eq!((claims.action.as_str(), claims.intent_id.as_str()), ("note", text(&passed, "id")));
    assert!(claims.aud.is_empty(), "libraries refuse an audience that they were not told of");
    assert!(permit::Opened::with_secret(token, b"another secret that is long enough for it").is_err());
    let validate = async |token: &str| me.post("/api/permits/validate", json!({"permit_token": token})).await.json();
    assert_eq!(validate(token).await["valid"], true);
    let forged = permit::HmacSigner::new(b"another secret that is long enough for it").unwrap();
    assert_eq!(validate(&forged.sign_intent(&claims).unwrap()).await["valid"], false);
    // Only of this kind: a service that takes the public keys takes it, too, when it is told the secret.
    let mut verifier = permit::Verifier::new(permit::KeySet::default(), "payments");
    assert_eq!(verifier.verify_intent(token, claims.iat), Err(permit::Refused::Kind));
    verifier = verifier.accept_shared_secret("default", SECRET.as_bytes()).unwrap();
    assert_eq!(verifier.verify_intent(token, claims.iat).unwrap().project, "default");
    let elsewhere = permit::Verifier::new(permit::KeySet::default(), "payments");
    let elsewhere = elsewhere.accept_shared_secret("other", SECRET.as_bytes()).unwrap();
    assert!(matches!(elsewhere.verify_intent(token, claims.iat), Err(permit::Refused::Audience(_))));
}

#[tokio::test]
async fn an_inspected_action_is_polled_without_a_key_and_tells_its_status_only() {
    let w = world_with(
        "  - { name: looks, action: read_*, decision: auto_approve }\n  \
         - { name: no_production_drops, action: drop_table, when: 'params.environment == \"production\"', decision: auto_deny, message: 'Not executed: never.' }\n",
    )
    .await;
    let (_, dana) = w.person("dana@example.com", Role::Approver).await;
    let project = w.gate.rotate_project_key("default", &Actor::Operator).await.unwrap();
    let me = w.agents_side(project.secret.expose());
    let body = |action: &str| {
        json!({
            "id": "demo-action-001", "agentId": "ci-deploy", "agentName": "CI Deploy", "actionType": action,
            "description": "Deploy v2", "context": {"service": "api-gateway"},
            "timestamp": "2026-05-26T10:00:00.000Z", "environment": "production",
        })
    };
    let allowed = me.post("/api/runtime/inspect", body("read_logs")).await.json();
    assert_eq!((text(&allowed, "decision"), text(&allowed, "policyRule")), ("allow", "looks"));
    assert_eq!((&allowed["approvalId"], &allowed["approvalUrl"]), (&Value::Null, &Value::Null));
    let blocked = me.post("/api/runtime/inspect", body("drop_table")).await.json();
    assert_eq!((text(&blocked, "decision"), text(&blocked, "policyRule")), ("block", "no_production_drops"));
    assert!(text(&blocked, "message").starts_with("Not executed: never."));

    let asked = me.post("/api/runtime/inspect", body("production_deploy")).await;
    assert_eq!(asked.status, 200, "{}", asked.text);
    let asked = asked.json();
    assert_eq!((text(&asked, "decision"), text(&asked, "actionId")), ("requires_approval", "demo-action-001"));
    let risk = &asked["riskAssessment"];
    assert!(risk["score"].as_u64().unwrap() <= 100 && risk["level"].is_string() && !risk["reasons"][0].is_null());
    assert!(text(&asked, "approvalUrl").starts_with("/intents/int_"));
    let handle = text(&asked, "approvalId");
    assert!(handle.len() == 32 && !text(&asked, "approvalUrl").contains(handle), "{handle}");
    let at = format!("/api/runtime/actions/{handle}");
    let status = async || w.nobody().get(&at).await.json();
    let waits = status().await;
    assert_eq!((text(&waits, "status"), text(&waits, "actionId")), ("pending", "demo-action-001"));
    assert_eq!((&waits["decidedAt"], &waits["decisionNote"]), (&Value::Null, &Value::Null));
    assert_eq!(text(&waits["auditSummary"][0], "eventType"), "submitted");
    let known: Vec<&String> = waits.as_object().unwrap().keys().collect();
    let all = ["approvalId", "actionId", "status", "riskLevel", "decidedAt", "decisionNote", "auditSummary"];
    assert_eq!(known, all, "and nothing of what was asked");

    let intent = text(&asked, "approvalUrl").trim_start_matches("/intents/").to_owned();
    let approve = format!("/api/intents/{intent}/approve");
    assert_eq!(w.with(project.secret.expose()).post(&approve, json!({})).await.code(), "403 NOT_AN_APPROVER");
    assert_eq!(text(&status().await, "status"), "pending");
    let done = w.with(&dana).post(&approve, json!({"comment": "go"})).await;
    assert_eq!(done.status, 200, "{}", done.text);
    let approved = status().await;
    assert_eq!((text(&approved, "status"), text(&approved, "decisionNote")), ("approved", "go"));
    assert!(approved["decidedAt"].is_string());
    // Done once: whoever polls on must not do it again.
    let report = json!({"intent_id": intent, "status": "completed"});
    assert_eq!(w.with(project.secret.expose()).post("/api/executions", report).await.status, 200);
    assert_eq!(text(&status().await, "status"), "rejected");

    for unknown in ["0", "00000000000000000000000000000000", &intent] {
        let answer = w.nobody().get(&format!("/api/runtime/actions/{unknown}")).await;
        assert_eq!(answer.code(), "404 NOT_FOUND", "{unknown}");
    }
}

#[tokio::test]
async fn what_is_inspected_wrongly_is_refused_and_nothing_is_recorded() {
    let w = world().await;
    let (_, dana) = w.person("dana@example.com", Role::Approver).await;
    let (agent, key) = w.agent("ci", "default").await;
    let me = w.with(key.expose());
    let good = json!({"id": "1", "agentId": "ci", "actionType": "deploy", "context": {}});
    let with = |name: &str, value: Value| {
        let mut body = good.clone();
        body[name] = value;
        body
    };
    for (body, wanted) in [
        (json!({}), "400 MISSING_FIELDS"),
        (with("id", json!("")), "400 MISSING_FIELDS"),
        (with("agentId", json!("")), "400 MISSING_FIELDS"),
        (with("agentId", json!("another")), "400 INVALID_REQUEST"),
        (with("actionType", json!("Deploy!")), "400 INVALID_REQUEST"),
        (with("context", json!([1])), "400 INVALID_REQUEST"),
        (
            json!({"id": "1", "agentId": "ci", "actionType": "deploy", "environment": "test", "context": {"Environment": "production"}}),
            "400 INVALID_REQUEST",
        ),
        (with("riskTier", json!("low")), "400 INVALID_REQUEST"),
    ] {
        assert_eq!(me.post("/api/runtime/inspect", body.clone()).await.code(), wanted, "{body}");
    }
    assert_eq!(w.nobody().post("/api/runtime/inspect", good.clone()).await.code(), "401 UNAUTHORIZED");
    assert_eq!(w.with(&dana).post("/api/runtime/inspect", good.clone()).await.code(), "403 FORBIDDEN");
    w.gate.set_agent_status(agent.id, gate::AgentStatus::Revoked, None, &Actor::Operator).await.unwrap();
    assert_eq!(me.post("/api/runtime/inspect", good).await.code(), "403 AGENT_REVOKED");
    assert_eq!(w.with(&dana).get("/api/intents").await.json()["data"], json!([]));
}

#[tokio::test]
async fn approvals_by_request_id_are_for_people_and_end_in_one_state() {
    let w = world().await;
    let (_, dana) = w.person("dana@example.com", Role::Approver).await;
    let (agent, key) = w.agent("billing", "default").await;
    let first = w.held(&agent, "POST", "/v1/notes", "{}").await.intent().to_string();
    let second = w.held(&agent, "POST", "/v1/notes", "{\"n\":2}").await.intent().to_string();
    let request = first.replace("int_", "apr_");
    let project = w.gate.rotate_project_key("default", &Actor::Operator).await.unwrap();
    for key in [key.expose(), project.secret.expose()] {
        for deed in ["approve", "deny"] {
            let answer = w.with(key).post(&format!("/v1/approvals/{request}/{deed}"), json!({})).await;
            assert_eq!(answer.code(), "403 NOT_AN_APPROVER");
        }
    }
    assert_eq!(w.gate.intent(first.parse().unwrap()).await.unwrap().unwrap().state.name(), "pending");
    let approved = w.with(&dana).post(&format!("/v1/approvals/{request}/approve"), json!({"comment": "fine"})).await;
    assert_eq!((text(&approved.json(), "id"), text(&approved.json(), "status")), (first.as_str(), "approved"));
    let denied = w.with(&dana).post(&format!("/v1/approvals/{second}/deny"), json!({"reason": "odd"})).await;
    assert_eq!(text(&denied.json()["resolved"], "why"), "odd");
    let again = w.with(&dana).post(&format!("/v1/approvals/{second}/approve"), json!({})).await;
    assert_eq!((again.code().as_str(), text(&again.json(), "intent_status")), ("409 ALREADY_RESOLVED", "denied"));
    let unknown = w.with(&dana).post("/v1/approvals/apr_1/approve", json!({})).await;
    assert_eq!(unknown.code(), "404 NOT_FOUND");
    let extra = w.with(&dana).post(&format!("/v1/approvals/{second}/deny"), json!({"comment": "x"})).await;
    assert_eq!(extra.code(), "400 INVALID_REQUEST");
}

#[tokio::test]
async fn an_agent_without_a_key_is_named_by_its_project_and_its_status_counts() {
    let w = world().await;
    let (_, admin) = w.person("ada@example.com", Role::Admin).await;
    let body = json!({"name": "Refund Agent v2", "key": false, "trust": "verified", "framework": "crewai"});
    let made = w.with(&admin).post("/api/agents", body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let made = made.json();
    assert_eq!((&made["key"], &made["keys"]), (&Value::Null, &json!([])));
    let project = w.gate.rotate_project_key("default", &Actor::Operator).await.unwrap();
    let me = w.with(project.secret.expose());
    let body = json!({"action": "note", "source_type": "ai_agent", "source": "refund-agent-v2"});
    let asked = me.post("/api/intents", body.clone()).await;
    assert_eq!(asked.status, 201, "{}", asked.text);
    let at = format!("/api/agents/{}", text(&made, "id"));
    assert!(w.with(&admin).get(&at).await.json()["last_seen_at"].is_null(), "written down now and then");
    let pause = w.with(&admin).post(&format!("{at}/pause"), json!({})).await;
    assert_eq!(pause.status, 200, "{}", pause.text);
    assert_eq!(me.post("/api/intents", body.clone()).await.code(), "403 AGENT_PAUSED");
    w.with(&admin).post(&format!("{at}/revoke"), json!({})).await;
    assert_eq!(me.post("/api/intents", body).await.code(), "403 AGENT_REVOKED");
    let deleted = me.ask(Method::DELETE, &at, None).await;
    assert_eq!(deleted.status, 405);
}
