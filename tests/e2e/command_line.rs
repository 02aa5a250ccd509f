//! The command line, as a stranger uses it.

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::{holdshort, run_holdshort, upstream};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test]
async fn serve_without_a_configuration_says_what_to_do() {
    let folder = TempDir::new().unwrap();
    let output = run_holdshort(folder.path(), &["serve"]).await;
    assert_eq!(output.status.code(), Some(64));
    let said = text(&output.stderr);
    assert!(said.contains("holdshort init --upstream") && said.contains("holdshort demo"), "{said}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing was made");
}

#[tokio::test]
async fn a_wrong_configuration_is_told_with_file_line_column_snippet_and_a_guess_and_nothing_is_started() {
    let folder = TempDir::new().unwrap();
    let broken = "database: sqlite:holdshort.db\nupstreams:\n  api:\n    urll: http://127.0.0.1:9\n    at: /api\n";
    std::fs::write(folder.path().join("holdshort.yaml"), broken).unwrap();
    for command in
        [&["serve"][..], &["check"], &["agents", "add", "x"], &["users", "add", "a@example.com", "--role", "admin"]]
    {
        let output = run_holdshort(folder.path(), command).await;
        assert_eq!(output.status.code(), Some(64), "{command:?}");
        let said = text(&output.stderr);
        for part in ["holdshort.yaml:4:5", "urll: http://127.0.0.1:9", "did you mean", "url"] {
            assert!(said.contains(part), "{command:?}: {part} is missing in\n{said}");
        }
    }
    assert!(!folder.path().join("holdshort.db").exists(), "nothing was started");
}

#[tokio::test]
async fn check_has_three_formats() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("holdshort.yaml"), "upstreams:\n  api: { urll: x }\n").unwrap();
    let github = run_holdshort(folder.path(), &["check", "--format", "github"]).await;
    assert!(text(&github.stdout).contains("::error file=holdshort.yaml,line=2"), "{}", text(&github.stdout));
    let json = run_holdshort(folder.path(), &["check", "--format", "json"]).await;
    let json: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert!(json.to_string().contains("urll"), "{json}");
}

#[tokio::test]
async fn init_sets_a_gate_up_that_passes_check_and_never_overwrites() {
    let service = upstream().run().await;
    let folder = TempDir::new().unwrap();
    let init = run_holdshort(folder.path(), &["init", "--upstream", &service.url()]).await;
    let said = text(&init.stdout);
    assert!(init.status.success(), "{said}{}", text(&init.stderr));
    for part in ["hsk_agent_", "/link/", "curl", "holdshort serve"] {
        assert!(said.contains(part), "{part} is missing in\n{said}");
    }
    let check = run_holdshort(folder.path(), &["check"]).await;
    assert!(check.status.success(), "{}", text(&check.stderr));
    let written = std::fs::read(folder.path().join("holdshort.yaml")).unwrap();
    let again = run_holdshort(folder.path(), &["init", "--upstream", "http://other"]).await;
    assert_eq!(again.status.code(), Some(64));
    assert_eq!(std::fs::read(folder.path().join("holdshort.yaml")).unwrap(), written);
}

#[tokio::test]
async fn what_sets_a_gate_up_answers_in_json_and_refuses_what_is_taken() {
    let folder = TempDir::new().unwrap();
    assert!(run_holdshort(folder.path(), &["init", "--upstream", "http://127.0.0.1:9"]).await.status.success());
    let run = async |args: &[&str]| -> Value {
        let output = run_holdshort(folder.path(), args).await;
        assert!(output.status.success(), "{args:?}: {}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let project = run(&["projects", "add", "support", "--json"]).await;
    assert!(project["key"].as_str().unwrap().starts_with("hsk_project_"), "{project}");
    let agent = run(&["agents", "add", "a", "--project", "support", "--fingerprint", "fp-1", "--json"]).await;
    assert!(agent["key"].as_str().unwrap().starts_with("hsk_agent_"), "{agent}");
    assert!(agent["id"].as_str().unwrap().starts_with("agt_"), "{agent}");
    assert_eq!(agent["fingerprint"], "fp-1");
    let user = run(&["users", "add", "ann@example.com", "--role", "approver", "--team", "finance", "--json"]).await;
    assert!(user["token"].as_str().unwrap().starts_with("hsk_user_"), "{user}");
    let rotated = run(&["agents", "rotate-key", "a", "--json"]).await;
    assert_ne!(rotated["key"], agent["key"]);
    let agents = run(&["agents", "list", "--json"]).await;
    assert_eq!(agents["data"].as_array().unwrap().len(), 2, "{agents}");
    assert!(!agents.to_string().contains("hsk_"), "a list never has keys");

    for taken in [
        &["agents", "add", "a", "--project", "support"][..],
        &["projects", "add", "support"],
        &["users", "add", "ann@example.com", "--role", "viewer"],
        &["agents", "add", "b", "--project", "nowhere"],
    ] {
        let output = run_holdshort(folder.path(), taken).await;
        assert_eq!(output.status.code(), Some(1), "{taken:?}: {}", text(&output.stdout));
    }
    assert_eq!(run_holdshort(folder.path(), &["agents", "add"]).await.status.code(), Some(2));
    let audit = run(&["audit", "verify", "--json"]).await;
    assert_eq!(audit["verified"], true);
    assert!(audit["events"].as_u64().unwrap() >= 7);
}

#[tokio::test]
async fn an_audit_log_that_was_changed_does_not_verify() {
    let folder = TempDir::new().unwrap();
    assert!(run_holdshort(folder.path(), &["init", "--upstream", "http://127.0.0.1:9"]).await.status.success());
    let tampered = std::process::Command::new("python3")
        .args([
            "-c",
            "import sqlite3\nc=sqlite3.connect('holdshort.db')\nfor (n,) in c.execute(\"select name from sqlite_master where type='trigger'\").fetchall(): c.execute(f'drop trigger \"{n}\"')\nprint(c.execute(\"update events set data=replace(data,'my-agent','my-agenT')\").rowcount)\nc.commit()",
        ])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(tampered.status.success(), "{}", text(&tampered.stderr));
    let output = run_holdshort(folder.path(), &["audit", "verify"]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("NOT verify"), "{}", text(&output.stderr));
}

#[tokio::test]
async fn signing_keys_rotate_and_are_readable_by_nobody_else() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = TempDir::new().unwrap();
    assert!(run_holdshort(folder.path(), &["init", "--upstream", "http://127.0.0.1:9"]).await.status.success());
    let list = async || -> Value {
        let output = run_holdshort(folder.path(), &["signing-keys", "list", "--json"]).await;
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output.stderr)))
    };
    assert_eq!(list().await["data"].as_array().unwrap().len(), 1);
    assert!(run_holdshort(folder.path(), &["signing-keys", "rotate"]).await.status.success());
    let keys = list().await;
    assert_eq!(keys["data"].as_array().unwrap().len(), 2, "{keys}");
    for file in std::fs::read_dir(folder.path().join("keys")).unwrap() {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o077, 0, "{:?}", file.path());
    }
}

#[tokio::test]
async fn the_demo_plays_its_whole_story_by_itself_and_leaves_only_its_folder() {
    let folder = TempDir::new().unwrap();
    let output = run_holdshort(folder.path(), &["demo", "--yes"]).await;
    let said = text(&output.stdout);
    assert!(output.status.success(), "{said}{}", text(&output.stderr));
    for step in 1..=9 {
        assert!(said.contains(&format!("{step}. ")), "step {step} is missing in\n{said}");
    }
    assert_eq!(said.matches("401 in").count(), 3, "{said}");
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["holdshort-demo"]);
}

#[tokio::test]
async fn explain_tells_of_a_held_call_what_was_looked_at_and_what_is_asked_in_words() {
    let service = upstream().run().await;
    let gate = holdshort()
        .before(&service)
        .route("action: refund, match: POST /refunds, risk_tier: high, params: { amount: { from: /amount, type: integer }, who: /who }")
        .policy("name: small, action: refund, when: params.amount < 100, decision: auto_approve, priority: 9")
        .policy("name: large, action: refund, decision: require_approval, approvals: { required: 2, from: [dana@example.com, kofi@example.com], delay: 5m, confirm: \"{params.who}\" }")
        .run()
        .await;
    let dana = gate.dana();
    let call =
        gate.agent("billing").await.post("/refunds", &serde_json::json!({ "amount": 900, "who": "cus_1" })).start();
    let waiting = dana.next_pending().await;
    let run = |args: &[&str]| {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_holdshort"));
        command
            .arg("explain")
            .arg(waiting.id())
            .args(args)
            .args(["--url", &dana.admin])
            .env("HOLDSHORT_TOKEN", &dana.token);
        command.current_dir(gate.folder.path()).kill_on_drop(true);
        async move { command.output().await.unwrap() }
    };
    let explained = run(&[]).await;
    let said = text(&explained.stdout);
    assert!(explained.status.success(), "{said}{}", text(&explained.stderr));
    for part in [
        "pending",
        "✓ route POST /refunds",
        "✗ policy small",
        "`params.amount < 100` is false: params.amount is 900",
        "✓ policy large",
        "Action refund, risk high",
        "Decided by policy large",
        "2 approvals by different people from dana@example.com, kofi@example.com",
        "they type: cus_1",
        "sent 5m after the last approval",
    ] {
        assert!(said.contains(part), "{part} is missing in\n{said}");
    }
    assert!(!said.contains('{') && !said.contains("all_of"), "raw JSON: {said}");
    let told: Value = serde_json::from_slice(&run(&["--json"]).await.stdout).unwrap();
    assert_eq!((&told["policy"], &told["requirement"]["required"]), (&"large".into(), &2.into()), "{told}");
    let (status, answer) =
        waiting.try_approve(serde_json::json!({ "confirmation": "cus_1", "comment": "as agreed" })).await;
    assert_eq!(status, 200, "{answer}");
    let said = text(&run(&[]).await.stdout);
    assert!(said.contains("dana@example.com said approve: as agreed"), "{said}");
    assert!(call.is_waiting() && service.calls().is_empty(), "explaining sends nothing");
    call.hang_up().await;
}
