//! `holdshort check`, `explain`, `test` and `diff`, as a pipeline runs them.
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

#[test]
fn warnings_end_with_nothing_unless_they_are_denied_and_errors_with_configuration() {
    let doubtful = format!("{GATE}policies: [{{ name: x, action: wirte, decision: require_approval }}]\n");
    let gate = folder(&[("holdshort.yaml", doubtful.as_str())]);
    let plain = holdshort(gate.path(), &["check"]);
    assert_eq!(plain.status.code(), Some(0), "{}", text(&plain.stderr));
    for part in ["warning[no-such-action]", "--> holdshort.yaml:9:", "= help: did you mean `write`?"] {
        assert!(text(&plain.stderr).contains(part), "{part} is missing in\n{}", text(&plain.stderr));
    }
    assert!(
        text(&plain.stdout).contains("usable (1 upstream, 2 routes, 1 policy, 1 warning)"),
        "{}",
        text(&plain.stdout)
    );
    let denied = holdshort(gate.path(), &["check", "--deny", "warnings", "--format", "github"]);
    assert_eq!(denied.status.code(), Some(1));
    let line = text(&denied.stdout);
    assert!(line.starts_with("::warning file=holdshort.yaml,line=9,col="), "{line}");
    assert!(line.contains("title=no-such-action::") && line.contains("%0Ahelp: did you mean `write`?"), "{line}");
    assert_eq!(line.lines().count(), 1, "{line}");
    let listed = json(&holdshort(gate.path(), &["check", "--format", "json"]));
    assert_eq!((&listed[0]["code"], &listed[0]["line"]), (&Value::from("no-such-action"), &Value::from(9)));
    let wrong = folder(&[("holdshort.yaml", "upstreams: { api: { urll: x } }\n")]);
    assert_eq!(holdshort(wrong.path(), &["check", "--deny", "warnings"]).status.code(), Some(64));
    let good = folder(&[("holdshort.yaml", GATE)]);
    let said = holdshort(good.path(), &["check", "--deny", "warnings"]);
    assert_eq!((said.status.code(), text(&said.stderr)), (Some(0), String::new()));
}

#[test]
fn a_reader_who_stops_early_is_no_error_and_changes_no_exit_code() {
    use std::process::Stdio;
    let bad: String = (0..3000)
        .map(|at| format!("  - {{ name: t{at}, request: GET /api/v1/x, expect: {{ decision: auto_deny }} }}\n"))
        .collect();
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let failing = folder(&[("holdshort.yaml", GATE), ("all.test.yaml", &format!("tests:\n{bad}"))]);
    for (folder, arguments, code) in [
        (config.as_path(), &["schema"][..], 0),
        (config.as_path(), &["explain", "--json", "/payments/v1/refunds"], 0),
        (failing.path(), &["test"], 1),
        (failing.path(), &["test", "--json"], 1),
        (failing.path(), &["check", "--format", "json"], 0),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_holdshort"));
        command.args(arguments).current_dir(folder).env_clear().stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // Nobody reads at all: the first line already finds the pipe closed.
        drop(child.stdout.take());
        let ended = child.wait_with_output().unwrap();
        assert_eq!((ended.status.code(), text(&ended.stderr)), (Some(code), String::new()), "{arguments:?}");
    }
    let full = std::fs::File::options().write(true).open("/dev/full");
    if let Ok(full) = full {
        let run = Command::new(env!("CARGO_BIN_EXE_holdshort")).arg("schema").stdout(full).output().unwrap();
        let said = text(&run.stderr);
        assert_eq!(run.status.code(), Some(69), "{said}");
        assert!(said.contains("the output cannot be written") && !said.contains("panicked"), "{said}");
    }
}

#[test]
fn explain_knows_where_a_call_comes_from_and_of_which_project_a_stranger_is() {
    let gate = "projects: [support]\nupstreams:\n  api:\n    url: http://127.0.0.1:9\n    at: /api\n    projects: [support]\n    routes:\n      - { action: inside, match: { path: /x, client: [192.0.2.0/24] } }\n";
    let folder = folder(&[("holdshort.yaml", gate)]);
    let run = |arguments: &[&str]| holdshort(folder.path(), &[&["explain", "/api/x"], arguments].concat());
    let said = text(&run(&["--client", "192.0.2.7"]).stdout);
    assert!(said.contains("Action inside"), "{said}");
    let said = text(&run(&["--client", "198.51.100.7"]).stdout);
    assert!(said.contains("no route") && said.contains("198.51.100.7"), "{said}");
    let stranger = run(&["--client", "192.0.2.7", "--agent", "new-one"]);
    let (said, aside) = (text(&stranger.stdout), text(&stranger.stderr));
    assert!(said.contains("which does not reach api") && aside.contains("--project"), "{said}{aside}");
    let said = text(&run(&["--client", "192.0.2.7", "--agent", "new-one", "--project", "support"]).stdout);
    assert!(said.contains("Agent new-one (project support, new)") && said.contains("Action inside"), "{said}");
    let wrong = run(&["--project", "suport"]);
    assert_eq!(wrong.status.code(), Some(1));
    let said = text(&wrong.stderr);
    assert!(said.contains("these files have the projects") && said.contains("support"), "{said}");
    assert_eq!(run(&["--client", "here"]).status.code(), Some(2));
}

#[test]
fn explain_shows_what_decides_and_who_could_approve_without_colour_in_a_pipe() {
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let call = [
        "explain",
        "--agent",
        "billing",
        "--at",
        "2026-11-23T10:00:00Z",
        "-d",
        r#"{"amount":4200,"customer_id":"c_1"}"#,
    ];
    let run = |more: &[&str]| holdshort(&config, &[&call[..], more].concat());
    let said = run(&["/payments/v1/refunds"]);
    assert_eq!(said.status.code(), Some(0), "{}", text(&said.stderr));
    let said = text(&said.stdout);
    for part in [
        "✓ route POST /v1/refunds           issue_refund",
        "✗ route GET /v1/**                 method is POST",
        "✗ policy small refunds         `params.amount > 0 && params.amount <= 100` is false: params.amount is 4200",
        "✓ policy refunds need finance  require_approval",
        "finance: dana@example.com, kofi@example.com",
        "not the agent's owner, dana@example.com",
    ] {
        assert!(said.contains(part), "{part} is missing in\n{said}");
    }
    assert!(!said.contains('\u{1b}'), "{said}");
    let told = json(&run(&["http://127.0.0.1:8080/payments/v1/refunds", "--json"]));
    assert_eq!(told["policy"], "refunds need finance", "{told}");
    assert_eq!(told["parameters"]["amount"], 4200, "{told}");
    let nowhere = text(&holdshort(&config, &["explain", "/elsewhere"]).stdout);
    assert!(nowhere.contains("Not for an upstream"), "{nowhere}");
    let refused = text(&holdshort(&config, &["explain", "/payments/v1/../x"]).stdout);
    assert!(refused.contains("Refused with 400 before any rule"), "{refused}");
}

#[test]
fn who_asks_a_gate_is_told_of_a_broken_configuration_and_asks_no_other_gate() {
    let list = |folder: &Path, arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_holdshort"));
        command.args(["intents", "list"]).args(arguments).current_dir(folder).env_clear();
        let run = command.env("HOLDSHORT_TOKEN", "hsk_user_x").output().unwrap();
        (run.status.code(), text(&run.stderr))
    };
    let broken = folder(&[("holdshort.yaml", "upstreems: {}\n")]);
    let (code, said) = list(broken.path(), &[]);
    assert!(code == Some(64) && said.contains("unknown key `upstreems`"), "{code:?} {said}");
    let (code, said) = list(folder(&[]).path(), &["--config", "missing.yaml"]);
    assert!(code == Some(64) && said.contains("there is no configuration at missing.yaml"), "{code:?} {said}");
    // Told where it is, nothing else is looked at.
    let (code, said) = list(broken.path(), &["--url", "http://127.0.0.1:9"]);
    assert!(code == Some(69) && said.contains("127.0.0.1:9"), "{code:?} {said}");
}
