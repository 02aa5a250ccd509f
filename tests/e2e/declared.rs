//! An agent declares what it wants to do, over the admin API of the running gate, and carries the permit
//! to a service that verifies it offline.

use serde_json::{Value, json};

use crate::harness::{Agent, Gate, Person, holdshort, run_holdshort, upstream};

const NOTE: &str = "action: note, match: POST /notes, risk_tier: low";
const NOTES: &str = "name: notes, action: note, decision: auto_approve";
const DROP: &str = "action: drop_table, match: DELETE /tables/**, risk_tier: critical";
const DROPS: &str = "name: drops, action: drop_*, decision: auto_deny";

/// The API with an agent's or a project's key.
fn with(gate: &Gate, key: &str) -> Person {
    Person::new(key, &gate.admin())
}

async fn declare(gate: &Gate, key: &str, action: &str) -> Value {
    let body = json!({"action": action, "source_type": "ai_agent", "risk_tier": "low", "parameters": {"n": 7}});
    let (status, answer) = with(gate, key).post("/api/intents", &body).await;
    assert_eq!(status, 201, "{answer}");
    answer
}

async fn verifier(gate: &Gate, agent: &Agent) -> permit::Verifier {
    let (status, jwks) = with(gate, &agent.key).get("/.well-known/jwks.json").await;
    assert_eq!(status, 200);
    permit::Verifier::new(permit::KeySet::from_jwks(&jwks).unwrap(), "up").issuer(gate.admin())
}

fn now() -> i64 {
    gate::Clock::now(&gate::SystemClock).seconds()
}

#[tokio::test]
async fn an_approved_declaration_yields_a_permit_that_a_service_verifies_once() {
    let service = upstream().run().await;
    let gate = holdshort().before(&service).route(NOTE).policy(NOTES).route(DROP).policy(DROPS).run().await;
    let agent = gate.agent("x").await;
    let me = with(&gate, &agent.key);

    let auto = declare(&gate, &agent.key, "note").await;
    assert_eq!((&auto["decision"], &auto["data"]["status"]), (&json!("auto_approve"), &json!("approved")));
    let token = auto["data"]["permit_token"].as_str().unwrap();
    let accepting = verifier(&gate, &agent).await.accept_intent_permits("default");
    let claims = accepting.verify_intent(token, now()).unwrap();
    assert_eq!((claims.action.as_str(), claims.sub.as_str()), ("note", "x"));
    assert_eq!(accepting.verify_intent(token, now()), Err(permit::Refused::Used));
    let strict = verifier(&gate, &agent).await;
    let request = permit::Presented { method: "POST", target: "/notes", body: b"" };
    assert!(matches!(strict.verify(token, &request, now()), Err(permit::Refused::Kind)));
    // The permit opens nothing at the proxy.
    let refused = agent.anonymous("POST", "/up/notes").header("holdshort-permit", token).send().await;
    assert_ne!(refused.status, 200, "{}", refused.text);

    let denied = declare(&gate, &agent.key, "drop_table").await;
    assert_eq!((&denied["decision"], &denied["data"]["status"]), (&json!("auto_deny"), &json!("denied")));
    assert!(denied["data"].get("permit_token").is_none());

    let pending = declare(&gate, &agent.key, "deploy").await;
    assert_eq!(pending["decision"], "require_approval");
    assert_eq!(pending["data"]["risk_tier"], "medium", "an agent does not lower its own risk");
    let at = format!("/api/intents/{}", pending["id"].as_str().unwrap());
    let (status, _) = me.post(&format!("{at}/approve"), &json!({})).await;
    assert_eq!(status, 403);
    let added = run_holdshort(gate.folder.path(), &["projects", "add", "other", "--json"]).await;
    let other: Value = serde_json::from_slice(&added.stdout).unwrap();
    let (status, _) = with(&gate, other["key"].as_str().unwrap()).get(&at).await;
    assert_eq!(status, 404);
    let digest = gate.dana().get(&at).await.1["digest"].clone();
    let (status, answer) = gate.dana().post(&format!("{at}/approve"), &json!({"digest": digest})).await;
    assert_eq!((status, &answer["status"]), (200, &json!("approved")));
    let (_, seen) = me.get(&format!("{at}?wait=5")).await;
    let token = seen["permit_token"].as_str().unwrap_or_else(|| panic!("no permit: {seen}"));
    assert_eq!(accepting.verify_intent(token, now()).unwrap().approved_by.len(), 1);
    // Only who declared it carries the permit, not another agent of the project nor who approved it.
    let another = gate.agent("y").await;
    for other in [with(&gate, &another.key), gate.dana()] {
        let (_, seen) = other.get(&at).await;
        assert!(!seen.to_string().contains("permit_token"), "{seen}");
    }

    let report = json!({"intent_id": pending["id"], "status": "executed", "result": "done"});
    assert_eq!(me.post("/api/executions", &report).await.0, 200);
    assert_eq!(me.post("/api/executions", &report).await.0, 409);
    assert!(service.calls().is_empty(), "nothing that is declared goes through the proxy");
    gate.verify_audit().await;
}

#[tokio::test]
async fn a_declaration_that_nobody_decides_expires() {
    let service = upstream().run().await;
    let gate = holdshort().before(&service).route(NOTE).run().await;
    let agent = gate.agent("x").await;
    let body = json!({"action": "deploy", "source_type": "ai_agent", "expires_in": 1});
    let (_, answer) = with(&gate, &agent.key).post("/api/intents", &body).await;
    let id = answer["id"].as_str().unwrap();
    gate.dana().sees(id, "expired").await;
    let report = json!({"intent_id": id, "status": "executed"});
    let (status, answer) = with(&gate, &agent.key).post("/api/executions", &report).await;
    assert_eq!((status, answer["error"]["code"].as_str()), (409, Some("ALREADY_RESOLVED")));
    gate.verify_audit().await;
}
