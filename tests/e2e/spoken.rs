//! Programs that know nothing of this gate but a guide to another one, with base URL and key in their environment.

use std::path::Path;
use std::process::Stdio;

use serde_json::json;
use tokio::process::Command;

use crate::harness::{Gate, eventually, holdshort, python, run_holdshort, upstream};

const SECRET: &str = "a secret that both sides know, long enough";

async fn gate() -> Gate {
    let service = upstream().run().await;
    holdshort()
        .before(&service)
        .policy("name: reads, action: read_*, decision: auto_approve")
        .policy("name: drops, action: drop_*, decision: auto_deny")
        .with("teams: { ops: [dana@example.com] }")
        .run()
        .await
}

/// The key that `projects` gives.
async fn project_key(gate: &Gate) -> String {
    let made = run_holdshort(gate.folder.path(), &["projects", "rotate-key", "default", "--json"]).await;
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let made: serde_json::Value = serde_json::from_slice(&made.stdout).unwrap();
    made["key"].as_str().unwrap().to_owned()
}

fn client(program: impl AsRef<std::ffi::OsStr>, file: &str, gate: &Gate, key: &str) -> Command {
    let mut command = Command::new(program);
    command
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(file))
        .env("BASE_URL", gate.admin())
        .env("SECRET_KEY", key)
        .env("EXECUTION_SECRET", SECRET)
        .env("NO_PROXY", "127.0.0.1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

async fn lines(command: &mut Command) -> String {
    let output = command.output().await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

/// Decides about an action as soon as it waits.
async fn decide(gate: &Gate, action: &str, verdict: &str, body: serde_json::Value) {
    let dana = gate.dana();
    let id = eventually(action, || async {
        let pending = dana.intents("pending").await;
        let found = pending.iter().find(|intent| intent["action"] == action);
        found.map(|intent| intent["id"].as_str().unwrap().to_owned()).ok_or_else(|| format!("{pending:?}"))
    })
    .await;
    let (status, answer) = dana.post(&format!("/v1/approvals/{id}/{verdict}"), &body).await;
    assert_eq!(status, 200, "{answer}");
}

#[tokio::test]
async fn a_python_program_declares_polls_by_status_and_verifies_with_the_shared_secret() {
    let service = upstream().run().await;
    let gate = holdshort()
        .before(&service)
        .policy("name: reads, action: read_*, decision: auto_approve")
        .policy("name: drops, action: drop_*, decision: auto_deny")
        .with(&format!("permit: {{ execution_secret: \"{SECRET}\" }}"))
        .run()
        .await;
    let key = project_key(&gate).await;
    let body = json!({"name": "Paused agent", "key": false});
    let (status, agent) = gate.dana().post("/api/agents", &body).await;
    assert_eq!(status, 201, "{agent}");
    let (status, _) =
        gate.dana().post(&format!("/api/agents/{}/pause", agent["id"].as_str().unwrap()), &json!({})).await;
    assert_eq!(status, 200);
    let mut program = client(python(), "ask_and_poll.py", &gate, &key);
    let said = lines(&mut program);
    let decisions = async {
        decide(&gate, "issue_refund", "approve", json!({"comment": "fine"})).await;
        decide(&gate, "delete_account", "deny", json!({"reason": "no"})).await;
    };
    let (said, ()) = tokio::join!(said, decisions);
    for line in [
        "issue_refund approved issue_refund high",
        // What no rule knows is not less than medium because an agent says so.
        "read_profile allowed by policy read_profile medium",
        "drop_database blocked by policy no permit",
        "delete_account denied no permit",
        "paused 403 AGENT_PAUSED",
        "wrong key 401 UNAUTHORIZED",
        "no key 401 UNAUTHORIZED",
        "no action 400 MISSING_FIELDS",
        "unknown 404 NOT_FOUND",
    ] {
        assert!(said.lines().any(|said| said == line), "{line} is missing:\n{said}");
    }
    assert!(service.calls().is_empty(), "what is declared is not sent by the gate");
}

#[tokio::test]
async fn a_node_program_creates_intents_waits_validates_and_logs() {
    let gate = gate().await;
    let agent = gate.agent("release").await;
    let mut program = client("node", "intents.mjs", &gate, &agent.key);
    let (said, ()) = tokio::join!(lines(&mut program), decide(&gate, "deploy_production", "approve", json!({})));
    assert_eq!(
        said.lines().collect::<Vec<_>>(),
        [
            "read_logs auto_approved true true",
            "delete_user_account pending usr_abc123 dana@example.com",
            "times true",
            "deploy_production pending_approval true",
            "permit dana@example.com true 3",
            "valid true deploy_production dana@example.com true",
            "logged executed",
            "spent false its intent is executed",
        ]
    );
}

#[tokio::test]
async fn a_curl_script_inspects_and_polls_and_cannot_approve_itself() {
    let gate = gate().await;
    let key = project_key(&gate).await;
    for (verdict, body, ends) in
        [("approve", json!({"comment": "go"}), "approved"), ("deny", json!({"reason": "no"}), "rejected")]
    {
        let mut program = client("sh", "inspect.sh", &gate, &key);
        // The keys' try comes first: a person decides only when the script has begun to poll.
        let mut running = program.spawn().unwrap();
        let mut said = tokio::io::BufReader::new(running.stdout.take().unwrap());
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            tokio::io::AsyncBufReadExt::read_line(&mut said, &mut line).await.unwrap();
            if line.is_empty() {
                break;
            }
            let line = line.trim().to_owned();
            if line.starts_with("asked ") {
                decide(&gate, "production_deploy", verdict, body.clone()).await;
            } else {
                lines.push(line);
            }
        }
        assert!(running.wait().await.unwrap().success(), "{lines:?}");
        let wanted = [
            "read_metrics allow",
            "drop_database block",
            "production_deploy requires_approval demo-action-001",
            "approve with an agent's key 403",
            "deny with an agent's key 403",
            &format!("status {ends}"),
        ];
        assert_eq!(lines, wanted);
    }
}
