//! `holdshort test`, as a pipeline runs it.
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
