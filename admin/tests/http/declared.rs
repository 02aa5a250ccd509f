//! Declaring over the API: who may, what is answered, who gets the permit.

use gate::{Actor, Role};
use serde_json::json;

use crate::world::world;

fn refund() -> serde_json::Value {
    json!({"action": "issue_refund", "source_type": "ai_agent", "parameters": {"amount": 250_000, "customer_id": "cus_4812"}})
}

#[tokio::test]
async fn an_agent_declares_people_approve_and_it_alone_gets_the_permit() {
    let w = world().await;
    let (_, dana) = w.person("dana@example.com", Role::Approver).await;
    let (_, key) = w.agent("billing", "default").await;
    let (_, other) = w.agent("elsewhere", "other").await;
    let project = w.gate.rotate_project_key("other", &Actor::Operator).await.unwrap();
    let answer = w.agents_side(key.expose()).post("/api/intents", refund()).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let answer = answer.json();
    assert_eq!(answer["decision"], "require_approval");
    let id = answer["id"].as_str().unwrap();
    let data = &answer["data"];
    assert_eq!(
        (data["id"].as_str(), data["status"].as_str(), data["risk_tier"].as_str()),
        (Some(id), Some("pending"), Some("high"))
    );
    assert_eq!((data["source"].as_str(), data["parameters"]["amount"].as_i64()), (Some("billing"), Some(250_000)));
    assert!(data["approval_url"].as_str().unwrap().ends_with(&format!("/intents/{id}")));
    assert!(data.get("permit_token").is_none());
    let at = format!("/api/intents/{id}");
    for key in [other.expose(), project.secret.expose()] {
        assert_eq!(w.with(key).get(&at).await.code(), "404 NOT_FOUND");
        let report = json!({"intent_id": id, "status": "executed"});
        assert_eq!(w.with(key).post("/api/executions", report).await.code(), "404 NOT_FOUND");
    }
    let approve = format!("{at}/approve");
    assert_eq!(w.with(key.expose()).post(&approve, json!({})).await.code(), "403 NOT_AN_APPROVER");
    let seen = w.with(&dana).get(&at).await.json();
    assert_eq!((seen["title"].as_str(), seen["request"].is_null()), (Some("Refund 250000 to cus_4812"), true));
    let wrong = w.with(&dana).post(&approve, json!({"digest": "sha-256=:x:"})).await;
    assert_eq!(wrong.code(), "409 NOT_WHAT_WAS_SHOWN");
    let done = w.with(&dana).post(&approve, json!({"digest": seen["digest"]})).await;
    assert_eq!(done.json()["status"], "approved", "{}", done.text);
    assert!(!done.text.contains("permit_token") && !w.with(&dana).get(&at).await.text.contains("permit_token"));

    let listed = w.with(key.expose()).get("/api/intents?status=approved").await.json();
    let token = listed["data"][0]["permit_token"].as_str().unwrap().to_owned();
    assert!(w.with(key.expose()).get(&at).await.json()["permit_token"].is_string());
    let validate = async |key: &str, action: &str| {
        w.with(key).post("/api/permits/validate", json!({"permit_token": token, "action": action})).await.json()
    };
    let good = validate(key.expose(), "issue_refund").await;
    assert_eq!(
        (&good["valid"], &good["approved_by"], &good["error"]),
        (&json!(true), &json!("dana@example.com"), &json!(null))
    );
    assert_eq!(validate(key.expose(), "drop_customer").await["valid"], false);
    let stranger = validate(other.expose(), "issue_refund").await;
    assert_eq!((&stranger["valid"], &stranger["action"]), (&json!(false), &json!(null)));
    let nonsense = w.with(&dana).post("/api/permits/validate", json!({"permit_token": "x.y.z"})).await.json();
    assert_eq!(nonsense["valid"], false);

    let report = json!({"permit_id": good["permit_id"], "status": "completed", "result": {"success": true}});
    let reported = w.with(key.expose()).post("/api/executions", report.clone()).await;
    assert_eq!(reported.json()["status"], "executed", "{}", reported.text);
    assert_eq!(w.with(key.expose()).post("/api/executions", report).await.code(), "409 ALREADY_RESOLVED");
    let spent = validate(key.expose(), "issue_refund").await;
    assert_eq!((&spent["valid"], spent["error"].as_str()), (&json!(false), Some("its intent is executed")));
}

#[tokio::test]
async fn what_is_not_declared_rightly_is_refused() {
    let w = world().await;
    let (agent, key) = w.agent("billing", "default").await;
    let (_, dana) = w.person("dana@example.com", Role::Admin).await;
    let with = |name: &str, value: serde_json::Value| {
        let mut body = refund();
        body[name] = value;
        body
    };
    for (body, wanted) in [
        (json!({}), "400 MISSING_FIELDS"),
        (json!({"action": "x"}), "400 MISSING_FIELDS"),
        (json!({"source_type": "ai_agent"}), "400 MISSING_FIELDS"),
        (with("surprise", json!(1)), "400 INVALID_REQUEST"),
        (with("source_type", json!("human")), "400 INVALID_REQUEST"),
        (with("risk_tier", json!("none")), "400 INVALID_REQUEST"),
        (with("action", json!("Issue-Refund")), "400 INVALID_REQUEST"),
        (with("parameters", json!([1])), "400 INVALID_REQUEST"),
        (with("metadata", json!("x")), "400 INVALID_REQUEST"),
        (with("expires_in", json!("soon")), "400 INVALID_REQUEST"),
        (with("expires_in", json!(0)), "400 INVALID_REQUEST"),
        (with("source", json!("another")), "400 INVALID_REQUEST"),
        (with("project_id", json!("other")), "400 INVALID_REQUEST"),
        (with("approvers", json!(["nobody@example.com"])), "400 INVALID_REQUEST"),
    ] {
        assert_eq!(w.with(key.expose()).post("/api/intents", body.clone()).await.code(), wanted, "{body}");
    }
    assert_eq!(w.with(&dana).post("/api/intents", refund()).await.code(), "403 FORBIDDEN");
    let project = w.gate.rotate_project_key("default", &Actor::Operator).await.unwrap();
    let posing = w.with(project.secret.expose()).post("/api/intents", with("source", json!("billing"))).await;
    assert_eq!(posing.code(), "403 FORBIDDEN");
    w.gate.set_agent_status(agent.id, gate::AgentStatus::Paused, None, &Actor::Operator).await.unwrap();
    assert_eq!(w.with(key.expose()).post("/api/intents", refund()).await.code(), "403 AGENT_PAUSED");
    let none = w.with(&dana).get("/api/intents").await.json();
    assert_eq!(none["data"], json!([]), "nothing was recorded");
}

#[tokio::test]
async fn the_dashboard_shows_what_was_declared_and_binds_the_verdict_to_it() {
    let w = world().await;
    let (_, key) = w.agent("billing", "default").await;
    let mut browser = w.browser("dana@example.com", Role::Approver).await;
    let mut body = refund();
    body["metadata"] = json!({"ticket": "T-1"});
    let id = w.with(key.expose()).post("/api/intents", body).await.json()["id"].as_str().unwrap().to_owned();
    let page = browser.open(&format!("/intents/{id}")).await.text;
    for text in ["What is asked", "cus_4812", "gets a permit and does it itself", "T-1"] {
        assert!(page.contains(text), "{text}");
    }
    assert!(!page.contains("hung up"));
    let digest = crate::world::field(&page, "digest").unwrap();
    let at = format!("/intents/{id}");
    let blind = browser.submit(&at, &[("deed", "approve"), ("digest", "")]).await;
    assert_eq!(blind.status, 400);
    let other = browser.submit(&at, &[("deed", "approve"), ("digest", "sha-256=:x:")]).await;
    assert_eq!(other.status, 409);
    let done = browser.submit(&at, &[("deed", "approve"), ("digest", &digest)]).await;
    assert_eq!(done.status, 303, "{}", done.text);
    assert!(browser.open(&at).await.text.contains("the agent may fetch its permit"));
}
