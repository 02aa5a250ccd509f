//! `enforce: false`: what would have been decided is recorded, and the call passes without a permit.

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::harness::{Agent, Gate, eventually, holdshort, run_holdshort, upstream};

const ROUTES: [&str; 3] = [
    "action: read, match: \"GET /things/**\", risk_tier: low",
    "action: refund, match: POST /refunds, risk_tier: high",
    "action: drop_all, match: \"DELETE /**\", risk_tier: critical",
];

fn gate(service: &crate::harness::Upstream) -> crate::harness::Builder {
    let gate = ROUTES.iter().fold(holdshort().before(service), |gate, route| gate.route(route));
    gate.policy("name: reads, action: read, decision: auto_approve")
        .policy("name: no drops, action: drop_*, decision: auto_deny")
}

/// The answer's intent, and what it says would have been.
async fn recorded(gate: &Gate, answer: &crate::harness::Answer) -> (String, String) {
    let intent = gate.dana().sees(answer.header("holdshort-intent").unwrap(), "executed").await;
    assert_eq!(intent["observed"], true, "{intent}");
    assert_eq!(intent["requirement"], serde_json::Value::Null);
    assert!(!intent["trace"].as_array().unwrap().is_empty(), "{intent}");
    (intent["would"].as_str().unwrap().to_owned(), intent["policy"].as_str().unwrap_or("-").to_owned())
}

async fn all_pass(gate: &Gate, agent: &Agent, service: &crate::harness::Upstream) {
    let table = [
        (agent.get("/things/1"), "auto_approve", "reads"),
        (agent.post("/refunds", &json!({ "amount": 9 })), "require_approval", "-"),
        (agent.delete("/things/1"), "auto_deny", "no drops"),
    ];
    for (request, would, policy) in table {
        let answer = request.header("holdshort-permit", "forged").send().await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(recorded(gate, &answer).await, (would.to_owned(), policy.to_owned()));
        assert_eq!(service.calls().last().unwrap().header("holdshort-permit"), None, "it got a permit");
    }
}

#[tokio::test]
async fn a_gate_that_enforces_nothing_records_what_it_would_have_decided() {
    let service = upstream().run().await;
    let gate = gate(&service).with("enforce: false").run().await;
    let agent = gate.agent("x").await;
    all_pass(&gate, &agent, &service).await;
    // What no route names passes too, without a record of its own.
    let answer = agent.get("/elsewhere/7").send().await;
    assert_eq!((answer.status, answer.header("holdshort-intent")), (200, None));
    let (_, metrics) = gate.dana().get("/metrics").await;
    let metrics = metrics.as_str().unwrap();
    for would in ["auto_approve", "auto_deny", "require_approval"] {
        let line = format!("holdshort_observed_total{{upstream=\"up\",would=\"{would}\"}} 1");
        assert!(metrics.contains(&line), "{line}\n{metrics}");
    }
    assert!(gate.dana().intents("pending").await.is_empty());
    gate.verify_audit().await;
}

#[tokio::test]
async fn what_is_not_enforced_still_reads_strictly_and_refuses_who_may_not_call() {
    let service = upstream().run().await;
    let gate = gate(&service).with("enforce: false").run().await;
    let (agent, dana) = (gate.agent("x").await, gate.dana());
    for path in ["/up/things/../refunds", "/up/elsewhere//%2e%2e/x"] {
        let key = &agent.key;
        let asked = format!("GET {path} HTTP/1.1\r\nhost: gate\r\nholdshort-key: {key}\r\nconnection: close\r\n\r\n");
        let mut stream = tokio::net::TcpStream::connect(gate.proxy).await.unwrap();
        stream.write_all(asked.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 400"), "{path}: {answer}");
    }
    assert_eq!(agent.anonymous("GET", "/up/things/1").send().await.status, 401);
    for (deed, code) in [("pause", "AGENT_PAUSED"), ("revoke", "AGENT_REVOKED")] {
        let (status, said) = dana.post(&format!("/api/agents/{}/{deed}", agent.id), &json!({})).await;
        assert_eq!(status, 200, "{said}");
        for path in ["/things/1", "/elsewhere"] {
            let answer = agent.get(path).send().await;
            // A revoked agent's key is nobody's.
            assert!(answer.code() == code || answer.status == 401 && deed == "revoke", "{path}: {answer:?}");
        }
    }
    assert!(service.calls().is_empty());
}

#[tokio::test]
async fn only_the_upstream_that_says_so_is_not_enforced() {
    let service = upstream().run().await;
    let gate = gate(&service).upstream_with("enforce: false").run().await;
    all_pass(&gate, &gate.agent("x").await, &service).await;
}

#[tokio::test]
async fn only_the_agent_that_says_so_is_not_enforced() {
    let service = upstream().run().await;
    let gate = gate(&service).with("agents: { trial: { enforce: false } }").run().await;
    all_pass(&gate, &gate.agent("trial").await, &service).await;
    let calls = service.calls().len();
    let answer = gate.agent("x").await.delete("/things/1").send().await;
    assert_eq!(answer.code(), "BLOCKED_BY_POLICY");
    assert_eq!(gate.agent("y").await.get("/elsewhere").send().await.code(), "NO_ROUTE");
    assert_eq!(service.calls().len(), calls);
}

#[tokio::test]
async fn a_policy_that_is_not_enforced_is_recorded_and_the_next_one_decides() {
    let service = upstream().run().await;
    let gate = gate(&service)
        .policy("name: trial, action: read, decision: auto_deny, enforce: false, priority: 9")
        .run()
        .await;
    let answer = gate.agent("x").await.get("/things/1").send().await;
    assert_eq!(answer.status, 200);
    let intent = gate.dana().sees(answer.header("holdshort-intent").unwrap(), "executed").await;
    assert_eq!(
        (&intent["observed"], &intent["would"], &intent["policy"]),
        (&json!(false), &json!(null), &json!("reads"))
    );
    assert_eq!(intent["recorded"], json!([{ "policy": "trial", "would": "auto_deny" }]));
    assert!(service.only_call().header("holdshort-permit").is_some(), "it is enforced");
    let (_, metrics) = gate.dana().get("/metrics").await;
    assert!(
        metrics.as_str().unwrap().contains("holdshort_policy_recorded_total{policy=\"trial\",would=\"auto_deny\"} 1"),
        "{metrics}"
    );
}

#[tokio::test]
async fn what_no_route_names_is_grouped_and_suggested() {
    let service = upstream().run().await;
    let gate = gate(&service).run().await;
    let (agent, dana) = (gate.agent("x").await, gate.dana());
    for id in 0..3 {
        assert_eq!(agent.get(&format!("/users/{id}/cards")).send().await.code(), "NO_ROUTE");
    }
    agent.get("/things/1").send().await;
    let (status, list) = dana.get("/api/unmatched").await;
    assert_eq!(status, 200, "{list}");
    let calls = &list["data"][0];
    assert_eq!(
        (calls["upstream"].as_str(), calls["method"].as_str(), calls["template"].as_str()),
        (Some("up"), Some("GET"), Some("/users/{id}/cards"))
    );
    assert_eq!((calls["count"].as_u64(), calls["rejected"].as_u64()), (Some(3), Some(3)));
    assert_eq!(list["data"].as_array().unwrap().len(), 1, "what took a route is not among them: {list}");

    let said = std::process::Command::new(env!("CARGO_BIN_EXE_holdshort"))
        .args(["suggest", "--url", &gate.admin()])
        .env("HOLDSHORT_TOKEN", &dana.token)
        .current_dir(gate.folder.path())
        .output()
        .unwrap();
    let text = String::from_utf8(said.stdout).unwrap();
    assert!(said.status.success() && text.contains("match: \"GET /users/{id}/cards\""), "{text}");
    std::fs::write(gate.folder.path().join("suggested.yaml"), &text).unwrap();
    let check = run_holdshort(gate.folder.path(), &["check", "--config", "suggested.yaml"]).await;
    assert!(check.status.success(), "{text}\n{}", String::from_utf8_lossy(&check.stderr));
    // Taken over, it is a route.
    let file = gate.folder.path().join("holdshort.yaml");
    let route = "{ action: read_users_cards, match: \"GET /users/{id}/cards\", risk_tier: low }, ";
    let whole = std::fs::read_to_string(&file).unwrap().replace("routes: [ ", &format!("routes: [ {route}"));
    std::fs::write(file, whole).unwrap();
    let held = agent.get("/users/4/cards");
    eventually("the new route", || async {
        dana.post("/api/config/reload", &json!({})).await;
        let (_, config) = dana.get("/api/config").await;
        if config["error"].is_null() { Ok(()) } else { Err(config.to_string()) }
    })
    .await;
    let held = held.start();
    assert_eq!(dana.next_pending().await.intent["action"], "read_users_cards");
    held.hang_up().await;
}
