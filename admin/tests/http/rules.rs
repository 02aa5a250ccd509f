//! Rules that people keep in the store: policies that tighten, stop switches, namespaces.

use gate::hold::Wake;
use gate::{Actor, Refusal, Role};
use serde_json::{Value, json};

use crate::world::{World, world, world_with};

/// What declaring an action comes to.
async fn declared(w: &World, key: &str, action: &str, parameters: Value) -> Value {
    let body = json!({"action": action, "source_type": "ai_agent", "parameters": parameters});
    let answer = w.with(key).post("/api/intents", body).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.json()
}

fn id(value: &Value) -> &str {
    value["id"].as_str().unwrap_or_else(|| panic!("no id: {value}"))
}

#[tokio::test]
async fn an_added_policy_counts_at_once_and_only_tightens_what_files_decide() {
    let w = world_with("  - { name: notes pass, action: note, decision: auto_approve }\n").await;
    let (_, admin) = w.person("ada@example.com", Role::Admin).await;
    let (_, key) = w.agent("billing", "default").await;
    let decision = async |action: &str| declared(&w, key.expose(), action, json!({"n": 500})).await["decision"].clone();
    assert_eq!((decision("note").await, decision("deploy").await), (json!("auto_approve"), json!("require_approval")));

    let loose = json!({"name": "all pass", "decision": "auto_approve", "priority": 1000});
    assert_eq!(w.with(&admin).post("/api/policies", loose).await.status, 201);
    assert_eq!(decision("deploy").await, "require_approval", "it cannot loosen");
    let strict = json!({"name": "large notes", "action_pattern": "note", "when": "params.n > 100", "decision": "require_approval",
        "priority": 2000, "approvals": {"required": 2}});
    let added = w.with(&admin).post("/api/policies", strict.clone()).await;
    assert_eq!(added.status, 201, "{}", added.text);
    let added = added.json()["data"][0].clone();
    assert_eq!((&added["source"], &added["policy"]["action"]), (&json!("dashboard"), &json!("note")));
    let asked = declared(&w, key.expose(), "note", json!({"n": 500})).await;
    assert_eq!(asked["decision"], "require_approval");
    let seen = w.with(&admin).get(&format!("/api/intents/{}", id(&asked))).await.json();
    assert_eq!((&seen["requirement"]["required"], &seen["policy"]), (&json!(2), &json!("large notes")));
    assert_eq!(declared(&w, key.expose(), "note", json!({"n": 5})).await["decision"], "auto_approve");

    let at = format!("/api/policies/{}", id(&added));
    let denying = json!({"name": "large notes", "action": "note", "decision": "auto_deny", "message": "Not executed: too large.", "priority": 3000});
    assert_eq!(w.with(&admin).put(&at, denying).await.status, 200);
    let denied = declared(&w, key.expose(), "note", json!({"n": 5})).await;
    assert_eq!(
        (&denied["decision"], &denied["data"]["reason"]),
        (&json!("auto_deny"), &json!("Not executed: too large."))
    );
    assert_eq!(w.with(&admin).get(&at).await.json()["decision"], "auto_deny");
    assert_eq!(w.with(&admin).delete(&at).await.status, 204);
    assert_eq!(w.with(&admin).delete(&at).await.code(), "404 NOT_FOUND");
    assert_eq!(decision("note").await, "auto_approve");
    let listed = w.with(&admin).get("/api/policies").await.json();
    let names: Vec<&str> = listed["data"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["drops need a word", "refunds need finance", "notes pass", "all pass"]);
    assert_eq!(listed["data"][0]["id"], Value::Null, "what stands in files is changed there");
    let log = w.with(&admin).get("/api/audit?limit=200").await.text;
    for kind in ["policy.added", "policy.changed", "policy.removed"] {
        assert!(log.contains(kind), "{kind}");
    }
}

#[tokio::test]
async fn without_policies_in_files_added_ones_decide_also_in_the_form_of_rules() {
    let w = world_with("").await;
    let bare = world_bare().await;
    let (_, admin) = bare.person("ada@example.com", Role::Admin).await;
    let (_, key) = bare.agent("ops", "default").await;
    let rules = json!({"rules": [
        {"action": "deploy_production", "require_approval": true, "approvers_required": 1, "allowed_approvers": ["ops-team"],
         "time_restrictions": {"block_weekends": false, "block_hours": [0, 1]}},
        {"action": "read_logs", "require_approval": false},
    ]});
    let added = bare.with(&admin).post("/api/policies", rules.clone()).await;
    assert_eq!(added.status, 201, "{}", added.text);
    assert_eq!(declared(&bare, key.expose(), "read_logs", json!({})).await["decision"], "auto_approve");
    let asked = declared(&bare, key.expose(), "deploy_production", json!({})).await;
    let seen = bare.with(&admin).get(&format!("/api/intents/{}", id(&asked))).await.json();
    assert_eq!(seen["requirement"]["from"], json!(["ops-team"]));
    // Where files decide, the same loosens nothing.
    let (_, admin) = w.person("ada@example.com", Role::Admin).await;
    let (_, key) = w.agent("ops", "default").await;
    assert_eq!(w.with(&admin).post("/api/policies", rules).await.status, 201);
    assert_eq!(declared(&w, key.expose(), "read_logs", json!({})).await["decision"], "require_approval");
}

async fn world_bare() -> World {
    crate::world::world_of("upstreams: { payments: { url: http://127.0.0.1:9000, at: /payments } }\n").await
}

#[tokio::test]
async fn what_is_no_policy_is_refused_and_nothing_is_kept() {
    let w = world().await;
    let (_, admin) = w.person("ada@example.com", Role::Admin).await;
    let (_, approver) = w.person("kofi@example.com", Role::Approver).await;
    let (_, key) = w.agent("billing", "default").await;
    for (body, wanted) in [
        (json!({}), "400 MISSING_FIELDS"),
        (json!({"name": "x"}), "400 MISSING_FIELDS"),
        (json!({"name": "x", "decision": "perhaps"}), "400 INVALID_REQUEST"),
        (json!({"name": "x", "decision": "auto_deny", "acton": "y"}), "400 INVALID_REQUEST"),
        (json!({"name": "x", "decision": "auto_deny", "when": "params.amount >"}), "400 INVALID_REQUEST"),
        (json!({"name": "x", "decision": "auto_deny", "action": "a", "action_pattern": "b"}), "400 INVALID_REQUEST"),
        (json!({"name": "x", "decision": "auto_deny", "enforce": false}), "400 INVALID_REQUEST"),
        (json!({"name": "x", "decision": "auto_deny", "upstream": "paymnets"}), "400 INVALID_REQUEST"),
        (json!({"name": "x", "decision": "require_approval", "approvals": {"required": 0}}), "400 INVALID_REQUEST"),
        (
            json!({"name": "x", "decision": "auto_deny", "schedule": {"timezone": "Mars/Base", "block_weekends": true}}),
            "400 INVALID_REQUEST",
        ),
        (json!({"name": "refunds need finance", "decision": "auto_deny"}), "409 CONFLICT"),
        (json!({"rules": []}), "400 INVALID_REQUEST"),
        (json!({"rules": [{"action": "x"}]}), "400 INVALID_REQUEST"),
        (json!({"rules": [], "name": "x"}), "400 INVALID_REQUEST"),
    ] {
        assert_eq!(w.with(&admin).post("/api/policies", body.clone()).await.code(), wanted, "{body}");
    }
    let good = json!({"name": "x", "decision": "auto_deny"});
    assert_eq!(w.with(&approver).post("/api/policies", good.clone()).await.code(), "403 FORBIDDEN");
    assert_eq!(w.with(key.expose()).post("/api/policies", good).await.code(), "403 FORBIDDEN");
    assert_eq!(w.with(&admin).get("/api/policies").await.json()["data"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_stop_switch_refuses_what_comes_and_what_is_held_until_it_is_lifted() {
    let w = world().await;
    let (_, admin) = w.person("ada@example.com", Role::Admin).await;
    let (_, kofi) = w.person("kofi@example.com", Role::Approver).await;
    let (agent, key) = w.agent("billing", "default").await;
    let (other, _) = w.agent("elsewhere", "other").await;
    let mut hold = w.held(&agent, "POST", "/v1/notes", "{}").await;
    let mut spared = w.held(&other, "POST", "/v1/notes", "{}").await;
    let intent = hold.intent();
    for (body, wanted) in [
        (json!({"scope": "gate"}), "400 MISSING_FIELDS"),
        (json!({"scope": "gate", "reason": " "}), "400 MISSING_FIELDS"),
        (json!({"scope": "upstream:nowhere", "reason": "x"}), "404 NOT_FOUND"),
        (json!({"scope": "agent:billing", "reason": "x"}), "404 NOT_FOUND"),
        (json!({"scope": "gate", "mode": "maybe", "reason": "x"}), "400 INVALID_REQUEST"),
    ] {
        assert_eq!(w.with(&kofi).post("/api/stops", body.clone()).await.code(), wanted, "{body}");
    }
    let body = json!({"scope": "project:default", "reason": "double refunds since noon"});
    assert_eq!(w.with(key.expose()).post("/api/stops", body.clone()).await.code(), "403 NOT_AN_APPROVER");
    let stop = w.with(&kofi).post("/api/stops", body).await;
    assert_eq!(stop.status, 201, "{}", stop.text);
    let stop = stop.json();
    match hold.wake().await {
        Wake::Refused(Refusal::Stopped { message }) => {
            assert_eq!(
                message,
                "Not executed. kofi@example.com has stopped calls of the project default: double refunds since noon. \
                 Wait until they are let through again."
            );
        }
        other => panic!("{other:?}"),
    }
    let denied = declared(&w, key.expose(), "note", json!({})).await;
    assert_eq!(denied["decision"], "auto_deny");
    assert_eq!(w.state(intent).await, "pending", "nobody said no to it");
    // Approved meanwhile, it is still not sent.
    let approved = w.with(&admin).post(&format!("/api/intents/{intent}/approve"), json!({})).await;
    assert_eq!(approved.json()["status"], "approved", "{}", approved.text);
    assert_eq!(w.with(&admin).post(&format!("/api/intents/{}/approve", spared.intent()), json!({})).await.status, 200);
    assert!(matches!(spared.wake().await, Wake::Connect(_)), "the other project goes on");

    assert_eq!(w.with(&kofi).delete(&format!("/api/stops/{}", id(&stop))).await.code(), "403 FORBIDDEN");
    let softer = json!({"scope": "project:default", "mode": "require_approval", "reason": "x"});
    assert_eq!(w.with(&kofi).post("/api/stops", softer).await.code(), "403 FORBIDDEN");
    assert_eq!(w.with(&admin).delete(&format!("/api/stops/{}", id(&stop))).await.status, 204);
    let mut again = w.held(&agent, "POST", "/v1/notes", "{}").await;
    assert_eq!(again.intent(), intent);
    assert!(matches!(again.wake().await, Wake::Connect(_)));
    let log = w.with(&admin).get("/api/audit?limit=200").await.text;
    assert!(log.contains("stop.set") && log.contains("stop.lifted"));
}

#[tokio::test]
async fn a_stop_switch_can_ask_people_about_what_policy_would_approve() {
    let w = world_with("  - { name: notes pass, action: note, decision: auto_approve }\nenforce: false\n").await;
    let (_, admin) = w.person("ada@example.com", Role::Admin).await;
    let (agent, key) = w.agent("billing", "default").await;
    let body = json!({"scope": "upstream:payments", "mode": "require_approval", "reason": "a drill"});
    assert_eq!(w.with(&admin).post("/api/stops", body).await.status, 201);
    // Also where nothing is enforced.
    let hold = w.held(&agent, "POST", "/v1/notes", "{}").await;
    let seen = w.with(&admin).get(&format!("/api/intents/{}", hold.intent())).await.json();
    assert!(seen["trace"].as_array().unwrap().iter().any(|step| step["what"] == "stop switch"), "{}", seen["trace"]);
    assert_eq!(declared(&w, key.expose(), "note", json!({})).await["decision"], "require_approval");
    assert_eq!(w.with(&admin).get("/api/stops").await.json()["data"][0]["reason"], "a drill");
}

#[tokio::test]
async fn a_namespace_says_what_its_paths_need() {
    let w = world().await;
    let (_, admin) = w.person("ada@example.com", Role::Admin).await;
    let (agent, key) = w.agent("billing", "default").await;
    let project = w.gate.rotate_project_key("default", &Actor::Operator).await.unwrap();
    let at = "/v1/namespaces/payments/policy";
    let body = json!({
        "default_tier": "standard",
        "path_overrides": [
            {"pattern": "payments/v1/notes*", "tier": "critical", "required_approvals": 2, "approval_delay_seconds": 300},
            {"pattern": "payments/keys/*", "tier": "sensitive", "required_approvals": 1},
        ],
    });
    for key in [key.expose(), project.secret.expose()] {
        assert_eq!(w.with(key).put(at, body.clone()).await.code(), "403 FORBIDDEN");
    }
    assert_eq!(w.with(&admin).get(at).await.code(), "404 NOT_FOUND");
    let set = w.with(&admin).put(at, body.clone()).await;
    assert_eq!(set.status, 200, "{}", set.text);
    let shown = w.with(&admin).get(at).await.json();
    assert_eq!((&shown["default_tier"], &shown["path_overrides"]), (&body["default_tier"], &body["path_overrides"]));
    let hold = w.held(&agent, "POST", "/v1/notes", "{}").await;
    let seen = w.with(&admin).get(&format!("/api/intents/{}", hold.intent())).await.json();
    assert_eq!((&seen["requirement"]["required"], &seen["requirement"]["delay"]), (&json!(2), &json!(300)));
    let hold = w.held(&agent, "POST", "/v1/refunds", r#"{"amount":1,"customer_id":"c"}"#).await;
    let seen = w.with(&admin).get(&format!("/api/intents/{}", hold.intent())).await.json();
    assert_eq!(seen["requirement"]["required"], json!(1), "another path, and standard loosens nothing");
    let asked = declared(&w, key.expose(), "read_secret", json!({"path": "payments/v1/notes/7"})).await;
    let seen = w.with(&admin).get(&format!("/api/intents/{}", id(&asked))).await.json();
    assert_eq!(seen["requirement"]["required"], json!(2));
    for body in [
        json!({"default_tier": "low"}),
        json!({"default_tier": "standard", "extra": 1}),
        json!({"default_tier": "standard", "path_overrides": [{"pattern": "other/*", "tier": "critical"}]}),
        json!({"default_tier": "standard", "path_overrides": [{"pattern": "payments/*", "tier": "standard", "required_approvals": 1}]}),
        json!({"default_tier": "standard", "path_overrides": [{"pattern": "payments/*", "tier": "critical", "required_approvals": 99}]}),
    ] {
        assert_eq!(w.with(&admin).put(at, body.clone()).await.code(), "400 INVALID_REQUEST", "{body}");
    }
    assert_eq!(w.with(&admin).delete(at).await.status, 204);
    let asked = declared(&w, key.expose(), "read_secret", json!({"path": "payments/v1/notes/7"})).await;
    let seen = w.with(&admin).get(&format!("/api/intents/{}", id(&asked))).await.json();
    assert_eq!(seen["requirement"]["required"], json!(1));
}

#[tokio::test]
async fn the_page_of_rules_adds_removes_stops_and_lifts() {
    let w = world().await;
    let mut ada = w.browser("ada@example.com", Role::Admin).await;
    let page = ada.open("/rules").await.text;
    assert!(page.contains("refunds need finance") && page.contains("Add a policy") && page.contains("Stop calls"));
    let wrong = ada.submit("/rules", &[("name", "x"), ("decision", "auto_deny"), ("when", "params.")]).await;
    assert_eq!(wrong.status, 400);
    assert!(wrong.text.contains("role=\"alert\""));
    let added = ada.submit("/rules", &[("name", "no notes"), ("decision", "auto_deny"), ("action", "note")]).await;
    assert_eq!((added.status.as_u16(), added.location()), (303, "/rules"), "{}", added.text);
    let stop = [("scope", "upstream:payments"), ("mode", "refuse"), ("reason", "a drill")];
    assert_eq!(ada.submit("/rules/stops", &stop).await.status, 303);
    let page = ada.open("/rules").await.text;
    assert!(page.contains("no notes") && page.contains("a drill"));
    let action = |before: &str| {
        let (_, rest) = page.split_once(before).unwrap();
        let (_, rest) = rest.split_once("action=\"").unwrap();
        rest.split('"').next().unwrap().to_owned()
    };
    let (stop, policy) = (action("<td>a drill</td>"), action("<b>no notes</b>"));
    let mut kofi = w.browser("kofi@example.com", Role::Approver).await;
    kofi.open("/rules").await;
    assert_eq!(kofi.submit(&stop, &[]).await.status, 403, "approvers stop, admins lift");
    assert_eq!(kofi.submit(&policy, &[]).await.status, 403);
    assert_eq!(ada.submit(&stop, &[]).await.status, 303);
    assert_eq!(ada.submit(&policy, &[]).await.status, 303);
    let page = ada.open("/rules").await.text;
    assert!(!page.contains("no notes") && !page.contains("a drill"));
}
