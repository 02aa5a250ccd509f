//! `holdshort test` and `holdshort diff`, as a pipeline runs them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

fn holdshort(folder: &Path, arguments: &[&str]) -> Output {
    // Nothing of this machine's environment: no secret is needed.
    Command::new(env!("CARGO_BIN_EXE_holdshort")).args(arguments).current_dir(folder).env_clear().output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}{}", text(&output.stdout), text(&output.stderr)))
}

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, content) in files {
        let file = folder.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, content).unwrap();
    }
    folder
}

const GATE: &str = "upstreams:\n  api:\n    url: http://127.0.0.1:9\n    at: /api\n    headers: { set: { authorization: \"${NOT_SET}\" } }\n    routes:\n      - { action: read, match: GET /v1/** }\n      - { action: write, match: POST /v1/** }\n";

#[test]
fn the_tests_of_the_annotated_configuration_pass() {
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let run = holdshort(&config, &["test", "--coverage", "--json"]);
    let report = json(&run);
    assert_eq!((run.status.code(), &report["failed"]), (Some(0), &Value::from(0)), "{report:#}");
    assert_eq!(report["coverage"]["routes"]["percent"], 100, "{report:#}");
}

#[test]
fn a_failed_test_says_what_came_and_why_and_ends_with_1() {
    let tests = "tests:\n  - { name: reads pass, request: GET /api/v1/x, expect: { decision: auto_approve } }\n  - { name: writes wait, request: POST /api/v1/x, expect: { decision: require_approval } }\n";
    let folder = folder(&[("holdshort.yaml", GATE), ("tests/api.test.yaml", tests)]);
    let run = holdshort(folder.path(), &["test", "--coverage"]);
    assert_eq!(run.status.code(), Some(1));
    let said = text(&run.stdout);
    for part in [
        "test reads pass ... FAILED",
        "api.test.yaml:2:5",
        "decision: expected auto_approve, got require_approval",
        "✓ route GET /v1/**: read",
        "✓ tier medium: require_approval",
        "test writes wait ... ok",
        "routes hit:   2 of 2 (100 %)",
        "test result: FAILED. 1 passed; 1 failed",
    ] {
        assert!(said.contains(part), "{part} is missing in\n{said}");
    }
}

#[test]
fn tests_beside_a_folder_of_configuration_are_no_part_of_it() {
    let tests = "tests:\n  - { name: writes wait, request: POST /api/v1/x, expect: { decision: require_approval } }\n";
    let folder = folder(&[("rules/gate.yaml", GATE), ("rules/gate.test.yaml", tests)]);
    let run = holdshort(folder.path(), &["test", "--config", "rules", "--coverage", "--json"]);
    let report = json(&run);
    assert_eq!(run.status.code(), Some(0), "a route that no test hits is no failure: {report:#}");
    assert_eq!(report["coverage"]["routes"]["missed"][0]["name"], "api: read");
    let check = holdshort(folder.path(), &["check", "--config", "rules"]);
    assert!(check.status.success(), "{}", text(&check.stderr));
}

#[test]
fn what_cannot_be_run_is_never_a_success() {
    let folder =
        folder(&[("holdshort.yaml", GATE), ("bad.yaml", "tests:\n  - { nam: x }\n"), ("empty.yaml", "tests: []\n")]);
    for (arguments, code, part) in [
        (&["test"][..], 1, "there are no tests"),
        (&["test", "empty.yaml"], 1, "the files hold no tests"),
        (&["test", "bad.yaml"], 64, "bad.yaml:2:7"),
        (&["test", "missing.yaml"], 64, "missing.yaml"),
        (&["test", "--config", "bad.yaml"], 64, "unknown key `tests`"),
    ] {
        let run = holdshort(folder.path(), arguments);
        let said = text(&run.stderr);
        assert_eq!(run.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.contains(part), "{arguments:?}: {said}");
    }
}

#[test]
fn a_weaker_configuration_ends_with_1_and_says_where() {
    let weak = GATE.replace("action: read, match", "action: read, risk_tier: low, match");
    let strict = GATE.replace("action: read, match", "action: read, risk_tier: high, match");
    let folder = folder(&[("old.yaml", GATE), ("weak/gate.yaml", &weak), ("strict.yaml", &strict)]);
    let run = holdshort(folder.path(), &["diff", "old.yaml", "weak"]);
    let said = text(&run.stdout);
    assert_eq!(run.status.code(), Some(1), "{said}");
    assert!(said.contains("~ route api: read\n    risk_tier: medium -> low  weaker: a lower tier"), "{said}");
    let run = holdshort(folder.path(), &["diff", "old.yaml", "strict.yaml", "--json"]);
    let report = json(&run);
    assert_eq!((run.status.code(), &report["weaker"]), (Some(0), &Value::from(false)), "{report:#}");
    assert_eq!(report["changes"][0]["fields"][0]["after"], "high");
    let run = holdshort(folder.path(), &["diff", "old.yaml", "missing.yaml"]);
    assert_eq!(run.status.code(), Some(64), "{}", text(&run.stderr));
}

#[test]
fn a_recorded_intent_that_would_be_decided_otherwise_is_shown() {
    let denies = format!("{GATE}policies: [{{ name: no reads, action: read, decision: auto_deny }}]\n");
    let record = r#"{"data":[{"id":"int_7","source":"billing","source_type":"ai_agent","project":"default","upstream":"api",
        "created_at":"2026-11-18T10:00:00Z","request":{"method":"GET","target":"/v1/x","headers":[],"body":null,"size":0}}]}"#;
    let folder = folder(&[("old.yaml", GATE), ("new.yaml", &denies), ("log.jsonl", record), ("bad.jsonl", "{}")]);
    let run = holdshort(folder.path(), &["diff", "old.yaml", "new.yaml", "--replay", "log.jsonl"]);
    let said = text(&run.stdout);
    assert_eq!(run.status.code(), Some(0), "{said}");
    let line =
        "int_7 GET /v1/x by billing: require_approval of 1 (read, tier medium) -> auto_deny (read, \"no reads\")";
    assert!(said.contains("1 of 1 recorded intents would be decided otherwise") && said.contains(line), "{said}");
    let run = holdshort(folder.path(), &["diff", "new.yaml", "old.yaml", "--replay", "log.jsonl", "--json"]);
    assert_eq!((run.status.code(), &json(&run)["replayed"][0]["weaker"]), (Some(1), &Value::from(true)));
    let run = holdshort(folder.path(), &["diff", "old.yaml", "new.yaml", "--replay", "bad.jsonl"]);
    assert_eq!(run.status.code(), Some(64));
}
