//! Calls that policy decides, and traffic that passes.

use serde_json::json;

use crate::harness::{holdshort, upstream};

#[tokio::test]
async fn a_read_that_policy_approves_goes_through_with_a_permit_and_a_record() {
    let service = upstream().run().await;
    let gate = holdshort()
        .before(&service)
        .route("action: read_things, match: GET /things/**, risk_tier: low")
        .policy("name: reads, action: read_*, decision: auto_approve")
        .run()
        .await;
    let agent = gate.agent("reader").await;
    let answer = agent.get("/things/7?full=yes").header("holdshort-permit", "forged").send().await;
    assert_eq!(answer.status, 200);
    let sent = service.only_call();
    assert_eq!(sent.target, "/things/7?full=yes");
    let permit = sent.header("holdshort-permit").unwrap();
    assert_ne!(permit, "forged");
    assert_eq!(permit.split('.').count(), 3);
    let id = answer.header("holdshort-intent").unwrap().to_owned();
    let intent = gate.dana().sees(&id, "executed").await;
    assert_eq!(intent["policy"], "reads");
    gate.verify_audit().await;
}

#[tokio::test]
async fn what_policy_denies_is_refused_with_the_policys_words() {
    let service = upstream().run().await;
    let gate = holdshort()
        .before(&service)
        .route("action: drop_table, match: \"DELETE /tables/{id}\", risk_tier: critical")
        .policy("name: no drops, action: drop_*, decision: auto_deny, message: \"Not executed: tables are dropped by people.\"")
        .run()
        .await;
    let answer = gate.agent("dba").await.delete("/tables/7").send().await;
    assert_eq!((answer.status, answer.code().as_str()), (403, "BLOCKED_BY_POLICY"));
    assert!(answer.message().contains("tables are dropped by people"));
    assert!(service.calls().is_empty());
    gate.verify_audit().await;
}

#[tokio::test]
async fn what_no_route_names_is_refused_unless_the_upstream_says_otherwise() {
    let service = upstream().run().await;
    let gate = holdshort().before(&service).route("action: a, match: GET /a").run().await;
    let agent = gate.agent("x").await;
    let answer = agent.get("/b").send().await;
    assert_eq!((answer.status, answer.code().as_str()), (403, "NO_ROUTE"));
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        let answer = agent.request(method, "/up/a").body("x").send().await;
        assert_eq!((answer.status, answer.code().as_str()), (403, "NO_ROUTE"), "{method}");
    }
    assert!(service.calls().is_empty());

    let gate =
        holdshort().before(&service).upstream_with("unmatched: pass").route("action: a, match: GET /a").run().await;
    let agent = gate.agent("x").await;
    let answer = agent.get("/b").header("holdshort-permit", "forged").header("holdshort-agent", "other").send().await;
    assert_eq!(answer.status, 200);
    let sent = service.only_call();
    assert_eq!(sent.target, "/b");
    assert_eq!(sent.header("holdshort-permit"), None, "what passes carries no permit");
    assert!(!sent.headers.iter().any(|(name, _)| name.starts_with("holdshort-")), "{:?}", sent.headers);
}

#[tokio::test]
async fn the_gate_sets_the_apis_own_key_and_the_agents_is_never_forwarded() {
    let service = upstream().run().await;
    let gate = holdshort()
        .before(&service)
        .upstream_with("headers: { set: { authorization: \"Bearer the-real-key\" } }")
        .route("action: read, match: GET /**, risk_tier: low")
        .policy("name: reads, action: read, decision: auto_approve")
        .run()
        .await;
    let agent = gate.agent("x").await;
    let bearer = format!("Bearer {}", agent.key);
    let answer = agent.anonymous("GET", "/up/a").header("authorization", &bearer).send().await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(service.only_call().header("authorization"), Some("Bearer the-real-key"));
    let id = answer.header("holdshort-intent").unwrap();
    let shown = gate.dana().intent(id).await.to_string();
    assert!(!shown.contains("the-real-key") && !shown.contains(&agent.key), "{shown}");
}

#[tokio::test]
async fn where_a_redirect_points_is_mapped_back_to_the_mount() {
    let service = upstream().answers(302).with_header("location", "/login?next=1").run().await;
    let gate = holdshort()
        .before(&service)
        .route("action: read, match: GET /**, risk_tier: low")
        .policy("name: reads, action: read, decision: auto_approve")
        .run()
        .await;
    let agent = gate.agent("x").await;
    let answer = crate::harness::client()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap()
        .get(format!("http://{}/up/a", gate.proxy))
        .header("holdshort-key", &agent.key)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 302);
    assert_eq!(answer.headers()["location"], "/up/login?next=1");
}

#[tokio::test]
async fn a_parameter_of_another_type_is_never_approved_by_policy() {
    let service = upstream().run().await;
    let gate = holdshort()
        .before(&service)
        .route("action: refund, match: POST /refunds, risk_tier: high, params: { amount: { from: /amount, type: integer } }")
        .policy("name: small, action: refund, when: \"params.amount <= 100\", decision: auto_approve")
        .with("hold: { timeout: 1s }")
        .run()
        .await;
    let agent = gate.agent("x").await;
    for body in [
        json!({}),
        json!({ "amount": "7" }),
        json!({ "amount": [1] }),
        json!({ "amount": 1.5 }),
        json!({ "amount": 101 }),
    ] {
        let answer = agent.post("/refunds", &body).send().await;
        assert_eq!((answer.status, answer.code().as_str()), (403, "APPROVAL_PENDING"), "{body}");
    }
    assert!(service.calls().is_empty());
    assert_eq!(agent.post("/refunds", &json!({ "amount": 100 })).send().await.status, 200);
    service.only_call();
}
