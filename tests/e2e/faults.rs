//! The store fails: nothing is sent, what is rejected stays rejected, and the gate recovers by itself.

use serde_json::json;

use crate::harness::{Gate, eventually, holdshort, upstream};

const ROUTES: [&str; 3] = [
    "action: charge, match: POST /charges, risk_tier: high",
    "action: read, match: GET /**, risk_tier: low",
    "action: drop, match: DELETE /**, risk_tier: critical",
];

async fn gate_before(service: &crate::harness::Upstream) -> Gate {
    let mut gate = holdshort()
        .before(service)
        .policy("name: reads, action: read, decision: auto_approve")
        .policy("name: no drops, action: drop, decision: auto_deny, message: \"Not executed: never.\"");
    for route in ROUTES {
        gate = gate.route(route);
    }
    gate.run().await
}

#[tokio::test]
async fn with_the_store_locked_nothing_is_sent_rejects_stay_rejects_and_it_recovers() {
    let service = upstream().run().await;
    let gate = gate_before(&service).await;
    let agent = gate.agent("x").await;
    assert_eq!(agent.get("/a").send().await.status, 200);
    let before = service.calls().len();

    // Another process takes the write lock and keeps it.
    let mut locker = std::process::Command::new("python3")
        .args([
            "-c",
            "import sqlite3,sys\nc=sqlite3.connect('holdshort.db',isolation_level=None)\nc.execute('PRAGMA busy_timeout=10000')\nc.execute('BEGIN EXCLUSIVE')\nprint('locked',flush=True)\nsys.stdin.readline()\nc.execute('ROLLBACK')",
        ])
        .current_dir(gate.folder.path())
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(locker.stdout.as_mut().unwrap()), &mut line).unwrap();
    assert_eq!(line, "locked\n");

    let allowed = agent.get("/b").send().await;
    assert_eq!((allowed.status, allowed.code().as_str()), (503, "UNAVAILABLE"));
    assert_eq!(allowed.header("x-should-retry"), Some("true"));
    assert!(allowed.header("retry-after").is_some());
    let held = agent.post("/charges", &json!({})).send().await;
    assert_eq!((held.status, held.code().as_str()), (503, "UNAVAILABLE"));
    let declaring = crate::harness::Person::new(&agent.key, &gate.admin());
    for (path, body) in [
        ("/api/intents", json!({"action": "charge", "source_type": "ai_agent"})),
        ("/api/runtime/inspect", json!({"id": "1", "agentId": "x", "actionType": "charge"})),
    ] {
        let (status, answer) = declaring.post(path, &body).await;
        assert_eq!((status, &answer["error"]["code"]), (500, &json!("DB_ERROR")), "{path}: {answer}");
    }
    let rejected = agent.delete("/a").send().await;
    assert_eq!((rejected.status, rejected.code().as_str()), (403, "BLOCKED_BY_POLICY"));
    let unknown = agent.post("/nowhere", &json!({})).send().await;
    assert_eq!((unknown.status, unknown.code().as_str()), (403, "NO_ROUTE"));
    assert_eq!(service.calls().len(), before, "nothing is sent that was not recorded");

    std::io::Write::write_all(locker.stdin.as_mut().unwrap(), b"\n").unwrap();
    locker.wait().unwrap();
    eventually("the gate to recover", || async {
        let answer = agent.get("/c").send().await;
        if answer.status == 200 { Ok(()) } else { Err(answer.text) }
    })
    .await;
    gate.verify_audit().await;
}

#[tokio::test]
async fn with_the_disk_full_nothing_is_sent_and_it_recovers_when_there_is_room() {
    let service = upstream().run().await;
    let mut gate = gate_before(&service).await;
    let agent = gate.agent("x").await;
    gate.kill().await;
    // No file of the gate's may grow beyond what the store has now: writes fail as on a full disk.
    let size = std::fs::metadata(gate.folder.path().join("holdshort.db")).unwrap().len();
    gate.restart_limited(size + 200 * 1024).await;
    let mut refused = None;
    for n in 0..4000 {
        let answer = agent.get(&format!("/{n}")).send().await;
        if answer.status != 200 {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.expect("the store never filled up");
    assert_eq!((refused.status, refused.code().as_str()), (503, "UNAVAILABLE"));
    let sent = service.calls().len();
    let again = agent.get("/again").send().await;
    assert_eq!(again.status, 503);
    assert_eq!(service.calls().len(), sent, "nothing is sent that was not recorded");
    let rejected = agent.delete("/a").send().await;
    assert_eq!((rejected.status, rejected.code().as_str()), (403, "BLOCKED_BY_POLICY"));

    gate.lift_limit();
    eventually("the gate to recover", || async {
        let answer = agent.get("/c").send().await;
        if answer.status == 200 { Ok(()) } else { Err(answer.text) }
    })
    .await;
    gate.verify_audit().await;
}
