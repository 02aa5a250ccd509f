//! The recipes of `docs/how-to/gate-a-pipeline.md`, run as they stand there, and what `holdshort gate` ends with.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

use crate::harness::{Agent, Gate, Upstream, holdshort, upstream};

const PAGE: &str = include_str!("../../docs/how-to/gate-a-pipeline.md");

/// The code block below a heading; of YAML the text of its `|` block.
fn recipe(heading: &str) -> String {
    let (_, rest) = PAGE.split_once(&format!("## {heading}\n")).unwrap_or_else(|| panic!("no {heading}"));
    let (_, rest) = rest.split_once("```").unwrap();
    let (language, rest) = rest.split_once('\n').unwrap();
    let (block, _) = rest.split_once("```").unwrap();
    if language == "sh" {
        return block.to_owned();
    }
    let mut lines = block.lines().skip_while(|line| !line.trim_end().ends_with('|')).skip(1).peekable();
    let indent = lines.peek().unwrap().chars().take_while(|c| *c == ' ').count();
    // As the runners do: a command that fails ends the step.
    let text: Vec<&str> = lines.map(|line| line.get(indent..).unwrap_or_default()).collect();
    format!("set -eu\n{}\n", text.join("\n"))
}

/// A job's folder: what the recipe runs writes down that it ran.
fn job() -> TempDir {
    let folder = TempDir::new().unwrap();
    std::fs::create_dir(folder.path().join("bin")).unwrap();
    let terraform = "#!/bin/sh\ncase $1 in plan) echo a plan > plan.bin;; workspace) echo staging;; show) echo 'Plan: 1 to add';; apply) echo \"applied $2\" >> done;; esac\n";
    for (file, text) in [("deploy.sh", "#!/bin/sh\necho \"deployed $1\" >> done\n"), ("bin/terraform", terraform)] {
        let path = folder.path().join(file);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    folder
}

fn command(gate: &Gate, agent: &Agent, folder: &Path, program: &str) -> Command {
    let binary = Path::new(env!("CARGO_BIN_EXE_holdshort")).parent().unwrap();
    let path = format!("{}:{}:/usr/bin:/bin", folder.join("bin").display(), binary.display());
    let mut command = Command::new(program);
    command
        .current_dir(folder)
        .env("PATH", path)
        .env("NO_PROXY", "127.0.0.1")
        .env("HOLDSHORT_URL", gate.admin())
        .env("HOLDSHORT_PROXY", format!("http://{}/up", gate.proxy))
        .env("HOLDSHORT_KEY", &agent.key)
        .envs([
            ("GITHUB_SHA", "a1b2c3"),
            ("GITHUB_RUN_ID", "7"),
            ("CI_COMMIT_SHA", "a1b2c3"),
            ("CI_JOB_ID", "9"),
            ("COMMIT", "a1b2c3"),
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

fn done(folder: &TempDir) -> String {
    std::fs::read_to_string(folder.path().join("done")).unwrap_or_default()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

async fn gate() -> (Gate, Upstream) {
    let service = upstream().run().await;
    let gate = holdshort()
        .before(&service)
        .route("action: deploy, match: POST /deployments, risk_tier: high, params: { commit: /commit }")
        .policy("name: checks pass, action: run_checks, decision: auto_approve")
        .policy("name: no drops, action: drop_*, decision: auto_deny, message: \"Not executed: never.\"")
        .run()
        .await;
    (gate, service)
}

#[tokio::test]
async fn every_recipe_does_it_when_people_approve_and_not_before() {
    let (gate, service) = gate().await;
    let agent = gate.agent("release-pipeline").await;
    for (heading, wanted, shown) in [
        ("GitHub Actions", "deployed a1b2c3\n", ("commit", json!("a1b2c3"))),
        ("GitLab", "deployed a1b2c3\n", ("service", json!("api-server"))),
        ("Terraform", "applied plan.bin\n", ("workspace", json!("staging"))),
    ] {
        let folder = job();
        let running = command(&gate, &agent, folder.path(), "sh").arg("-c").arg(recipe(heading)).spawn().unwrap();
        let waiting = gate.dana().next_pending().await;
        assert_eq!(waiting.intent["parameters"][shown.0], shown.1, "{heading}");
        assert_eq!(waiting.intent["source_type"], "devops", "{heading}");
        assert_eq!(done(&folder), "", "{heading}: nothing is done before");
        let (status, answer) = gate.dana().post(&format!("/api/intents/{}/approve", waiting.id()), &json!({})).await;
        assert_eq!(status, 200, "{answer}");
        let output = running.wait_with_output().await.unwrap();
        assert!(output.status.success(), "{heading}: {}", said(&output));
        assert_eq!(done(&folder), wanted, "{heading}");
        gate.dana().sees(waiting.id(), "executed").await;
    }
    assert!(service.calls().is_empty(), "what is declared is not sent by the gate");
}

#[tokio::test]
async fn no_recipe_does_it_when_people_deny() {
    let (gate, service) = gate().await;
    let agent = gate.agent("release-pipeline").await;
    for heading in ["GitHub Actions", "GitLab", "Terraform"] {
        let folder = job();
        let running = command(&gate, &agent, folder.path(), "sh").arg("-c").arg(recipe(heading)).spawn().unwrap();
        gate.dana().next_pending().await.deny("not today").await;
        let output = running.wait_with_output().await.unwrap();
        assert_eq!(output.status.code(), Some(1), "{heading}: {}", said(&output));
        assert!(said(&output).contains("not today"), "{heading}: {}", said(&output));
        assert_eq!(done(&folder), "", "{heading}");
    }
    assert!(service.calls().is_empty());
}

#[tokio::test]
async fn a_deploy_call_through_the_proxy_waits_and_ends_with_22_when_denied() {
    let (gate, service) = gate().await;
    let agent = gate.agent("release-pipeline").await;
    let folder = job();
    let call = || {
        command(&gate, &agent, folder.path(), "sh")
            .arg("-c")
            .arg(recipe("A deploy call through the proxy"))
            .spawn()
            .unwrap()
    };
    let running = call();
    let waiting = gate.dana().next_pending().await;
    assert_eq!(waiting.intent["parameters"]["commit"], "a1b2c3");
    waiting.approve().await;
    let output = running.wait_with_output().await.unwrap();
    assert!(output.status.success(), "{}", said(&output));
    gate.dana().sees(waiting.id(), "executed").await;
    let running = call();
    gate.dana().next_pending().await.deny("not today").await;
    let output = running.wait_with_output().await.unwrap();
    assert_eq!(output.status.code(), Some(22), "{}", said(&output));
    assert!(said(&output).contains("not today"), "{}", said(&output));
    assert_eq!(service.calls().len(), 1, "only what was approved");
}

#[tokio::test]
async fn the_exit_code_says_how_it_stands() {
    let (gate, service) = gate().await;
    let agent = gate.agent("release-pipeline").await;
    let folder = job();
    let run = async |args: &[&str]| {
        command(&gate, &agent, folder.path(), "holdshort").arg("gate").args(args).output().await.unwrap()
    };
    let passed = run(&["run_checks"]).await;
    assert_eq!(passed.status.code(), Some(0), "{}", said(&passed));
    assert_eq!(String::from_utf8_lossy(&passed.stdout).trim().split('.').count(), 3, "the permit, and nothing else");
    let denied = run(&["drop_database", "--json"]).await;
    assert_eq!(denied.status.code(), Some(1), "{}", said(&denied));
    let answer: Value = serde_json::from_slice(&denied.stdout).unwrap();
    assert_eq!((&answer["permit"], &answer["reason"]), (&Value::Null, &json!("Not executed: never.")));

    let pending = run(&["deploy_production", "--param", "replicas:=3", "--risk-tier", "critical"]).await;
    assert_eq!(pending.status.code(), Some(75), "{}", said(&pending));
    assert!(pending.stdout.is_empty());
    let waiting = gate.dana().next_pending().await;
    assert_eq!(
        (&waiting.intent["parameters"]["replicas"], &waiting.intent["risk_tier"]),
        (&json!(3), &json!("critical"))
    );
    let again = run(&["--intent", waiting.id(), "--wait", "--timeout", "1"]).await;
    assert_eq!(again.status.code(), Some(75), "{}", said(&again));
    let (status, answer) = gate.dana().post(&format!("/api/intents/{}/approve", waiting.id()), &json!({})).await;
    assert_eq!(status, 200, "{answer}");
    let allowed = run(&["--intent", waiting.id(), "--wait"]).await;
    assert_eq!(allowed.status.code(), Some(0), "{}", said(&allowed));
    let permit = String::from_utf8_lossy(&allowed.stdout).trim().to_owned();
    assert_eq!(run(&["--permit", &permit, "--report", "failed"]).await.status.code(), Some(0));
    gate.dana().sees(waiting.id(), "failed").await;
    assert_eq!(run(&["--permit", &permit, "--report", "failed"]).await.status.code(), Some(1), "once");

    for wrong in [&["Deploy!"][..], &["x", "--param", "y"], &["--permit", "x.y.z", "--report", "completed"]] {
        let output = run(wrong).await;
        assert_eq!(output.status.code(), Some(1), "{wrong:?}: {}", said(&output));
    }
    for usage in [&[][..], &["--report", "completed"], &["x", "--source-type", "human"]] {
        assert_eq!(run(usage).await.status.code(), Some(2), "{usage:?}");
    }
    let gone = run(&["x", "--url", "http://127.0.0.1:1"]).await;
    assert_eq!(gone.status.code(), Some(69), "{}", said(&gone));
    assert!(service.calls().is_empty());
}
