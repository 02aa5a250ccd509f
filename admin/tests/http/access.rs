//! Who may do what: every endpoint, met by everybody.

use std::fmt::Write as _;

use gate::Role;
use http::Method;
use serde_json::{Value, json};

use crate::world::world;

/// Every operation of the description, called without credentials, with an agent's key, a project's
/// key, and as each role. The table is the contract: what changes it is seen.
#[tokio::test]
async fn the_table_of_who_may_do_what() {
    let w = world().await;
    let (_, viewer) = w.person("vera@example.com", Role::Viewer).await;
    let (_, approver) = w.person("kofi@example.com", Role::Approver).await;
    let (_, admin) = w.person("ada@example.com", Role::Admin).await;
    let (agent, key) = w.agent("billing", "default").await;
    let project = w.gate.rotate_project_key("other", &gate::Actor::Operator).await.unwrap();
    let hold = w.held(&agent, "POST", "/v1/notes", "{}").await;
    let document: Value = serde_json::to_value(holdshort_admin::openapi()).unwrap();
    let mut table = String::new();
    let callers =
        [None, Some(key.expose()), Some(project.secret.expose()), Some(viewer.as_str()), Some(&approver), Some(&admin)];
    for (path, operations) in document["paths"].as_object().unwrap() {
        for method in operations.as_object().unwrap().keys() {
            // A stream has no end to wait for; it has tests of its own.
            if path == "/api/events" {
                continue;
            }
            let method: Method = method.to_uppercase().parse().unwrap();
            // An id that is none, so that nothing is done: 404 means "you may, but there is no such thing".
            let at = match path.as_str() {
                "/api/intents/{id}" => path.replace("{id}", &hold.intent().to_string()),
                _ => path.replace("{id}", "none").replace("{name}", "none"),
            };
            let mut line = format!("{:<6} {path:<36}", method.as_str());
            for caller in callers {
                let caller = caller.map_or_else(|| w.nobody(), |key| w.with(key));
                // A field that no body has: who gets 400 has passed the door.
                let body = matches!(method, Method::POST | Method::PUT).then(|| json!({"no_such_field": 1}));
                let _ = write!(line, " {:>3}", caller.ask(method.clone(), &at, body).await.status.as_u16());
            }
            let _ = writeln!(table, "{line}");
        }
    }
    insta::assert_snapshot!("who_may_do_what", table);
}

#[tokio::test]
async fn agents_see_their_own_and_projects_theirs() {
    let w = world().await;
    let (billing, billing_key) = w.agent("billing", "default").await;
    let (other, other_key) = w.agent("other-agent", "other").await;
    let (_, second_key) = w.agent("second", "default").await;
    let project = w.gate.rotate_project_key("other", &gate::Actor::Operator).await.unwrap();
    let a = w.held(&billing, "POST", "/v1/notes", "{}").await;
    let b = w.held(&other, "POST", "/v1/notes", "{}").await;
    let listed = async |key: &str, query: &str| {
        let list = w.with(key).get(&format!("/api/intents{query}")).await.json();
        list["data"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let (a, b) = (a.intent().to_string(), b.intent().to_string());
    assert_eq!(listed(billing_key.expose(), "").await, std::slice::from_ref(&a));
    assert_eq!(listed(other_key.expose(), "").await, std::slice::from_ref(&b));
    assert_eq!(listed(project.secret.expose(), "").await, std::slice::from_ref(&b));
    assert_eq!(listed(second_key.expose(), "").await, [""; 0]);
    assert_eq!(listed(second_key.expose(), "?source=billing").await, [""; 0]);
    for (key, id, status) in [
        (billing_key.expose(), &a, 200),
        (billing_key.expose(), &b, 404),
        (second_key.expose(), &a, 404),
        (project.secret.expose(), &a, 404),
        (project.secret.expose(), &b, 200),
    ] {
        assert_eq!(w.with(key).get(&format!("/api/intents/{id}")).await.status, status);
        assert_eq!(w.agents_side(key).get(&format!("/api/intents/{id}")).await.status, status);
    }
}

#[tokio::test]
async fn a_revoked_agent_and_a_disabled_person_get_nothing() {
    let w = world().await;
    let (agent, key) = w.agent("billing", "default").await;
    let (person, token) = w.person("vera@example.com", Role::Viewer).await;
    w.gate.set_agent_status(agent.id, gate::AgentStatus::Revoked, None, &gate::Actor::Operator).await.unwrap();
    w.gate.disable_person(person.id, true, &gate::Actor::Operator).await.unwrap();
    for key in [key.expose(), token.as_str()] {
        let status = w.with(key).get("/api/intents").await.status.as_u16();
        assert!(matches!(status, 401 | 403), "{status}");
    }
}

#[tokio::test]
async fn what_agents_may_call_on_their_own_address_is_little() {
    let w = world().await;
    let (_, admin) = w.person("ada@example.com", Role::Admin).await;
    for path in ["/api/users", "/api/agents", "/api/audit", "/", "/sign-in", "/metrics", "/api/config"] {
        assert_eq!(w.agents_side(&admin).get(path).await.status, 404, "{path}");
    }
    assert_eq!(w.agents_side(&admin).get("/.well-known/jwks.json").await.status, 200);
}

#[tokio::test]
async fn keys_and_agents_are_made_once_and_told_once() {
    let w = world().await;
    let (_, admin) = w.person("ada@example.com", Role::Admin).await;
    let made = w.with(&admin).post("/api/agents", json!({"name": "Refund Agent v2"})).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let made = made.json();
    assert_eq!(made["fingerprint"], "refund-agent-v2");
    let key = made["key"].as_str().unwrap();
    assert!(key.starts_with("hsk_agent_"));
    assert_eq!(w.with(key).get("/api/intents").await.status, 200);
    let list = w.with(&admin).get("/api/agents").await;
    assert!(!list.text.contains(key), "a key is told once");
    assert!(!w.with(&admin).get("/api/keys").await.text.contains(key));
    assert_eq!(w.with(&admin).post("/api/agents", json!({"name": "Refund Agent v2"})).await.code(), "409 CONFLICT");
    let field = w.with(&admin).post("/api/agents", json!({"name": "x", "status": "active"})).await;
    assert_eq!(field.code(), "400 INVALID_REQUEST");
    let person = w.with(&admin).post("/api/users", json!({"email": "new@example.com", "role": "approver"})).await;
    assert_eq!(person.status, 201, "{}", person.text);
    assert!(person.json()["link"].as_str().unwrap().starts_with("http://127.0.0.1:8081/link/"));
    let reload = w.with(&admin).post("/api/config/reload", json!({})).await;
    assert_eq!(reload.code(), "422 CONFIG_INVALID");
    assert!(reload.text.contains("holdshort.yaml:3:5"));
}

#[tokio::test]
async fn refusals_are_found_by_the_request_and_page_by_page() {
    let w = world().await;
    let (_, kofi) = w.person("kofi@example.com", Role::Approver).await;
    for n in 0..1002 {
        w.gate.note_refused(gate::RefusedCall {
            at: w.gate.now(),
            request_id: format!("req_{n}"),
            agent: None,
            upstream: None,
            method: Some("GET".into()),
            route: None,
            code: "UNAUTHORIZED",
            message: "Not executed.".into(),
        });
    }
    let one = w.with(&kofi).get("/api/refusals?request=req_7").await.json();
    assert_eq!((&one["data"][0]["code"], &one["data"][0]["agent"]), (&json!("UNAUTHORIZED"), &Value::Null));
    assert_eq!(w.with(&kofi).get("/api/refusals?request=req_1").await.json()["data"], json!([]), "the oldest are gone");
    let first = w.with(&kofi).get("/api/refusals?limit=2").await.json();
    let next = first["next_cursor"].as_str().unwrap();
    let second = w.with(&kofi).get(&format!("/api/refusals?limit=2&cursor={next}")).await.json();
    let ids: Vec<_> = [&first, &second].iter().flat_map(|page| page["data"].as_array().unwrap()).collect();
    assert_eq!(
        ids.iter().map(|one| one["request"].as_str().unwrap()).collect::<Vec<_>>(),
        ["req_1001", "req_1000", "req_999", "req_998"]
    );
}

#[tokio::test]
async fn a_list_is_read_page_by_page() {
    let w = world().await;
    let (_, vera) = w.person("vera@example.com", Role::Viewer).await;
    let (agent, _) = w.agent("billing", "default").await;
    let mut made = Vec::new();
    for n in 0..5 {
        made.push(w.held(&agent, "POST", "/v1/notes", &format!("{{\"n\":{n}}}")).await.intent().to_string());
    }
    made.reverse();
    let (mut read, mut path) = (Vec::new(), "/api/intents?limit=2".to_owned());
    loop {
        let page = w.with(&vera).get(&path).await.json();
        read.extend(page["data"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()));
        let Some(next) = page["next_cursor"].as_str() else { break };
        path = format!("/api/intents?limit=2&cursor={next}");
    }
    assert_eq!(read, made, "newest first, each once");
}
