//! `holdshort doctor`, run where the agent runs.

use std::process::Output;

use tempfile::TempDir;
use tokio::process::Command;

use crate::harness::{Behaviour, Gate, Upstream, free_address, holdshort, run_holdshort, upstream};

async fn doctor(key: Option<&str>, words: &[&str]) -> Output {
    let folder = TempDir::new().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_holdshort"));
    command.arg("doctor").args(words).current_dir(folder.path()).env_remove("HOLDSHORT_KEY").kill_on_drop(true);
    if let Some(key) = key {
        command.env("HOLDSHORT_KEY", key);
    }
    command.output().await.unwrap()
}

/// What was said, where it ended as it should.
fn said(output: &Output, exit: i32) -> String {
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(exit), "{said}");
    said
}

async fn house() -> (Upstream, Gate, String) {
    let service = upstream().run().await;
    let gate = holdshort().before(&service).route("action: refund, match: POST /refunds, risk_tier: high").run().await;
    let base = format!("http://{}/up", gate.proxy);
    (service, gate, base)
}

#[tokio::test]
async fn all_is_well_where_the_gate_holds_the_call_and_nothing_goes_around_it() {
    let (service, gate, base) = house().await;
    let agent = gate.agent("billing").await;
    let closed = format!("http://{}", free_address());
    let output = doctor(Some(&agent.key), &[&base, "--direct", &closed]).await;
    let text = said(&output, 0);
    for part in ["ok    gate", "ok    agent", "ok    stranger", "note  hold", "ok    around", "cannot be reached"] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
    assert!(gate.dana().intents("pending").await.is_empty(), "without --hold nobody is asked anything");

    let held = doctor(Some(&agent.key), &[&base, "--hold", "POST /refunds", "-d", "{\"amount\":1}"]).await;
    let text = said(&held, 0);
    assert!(text.contains("ok    hold      held, and answered in time") && text.contains("/intents/int_"), "{text}");
    assert_eq!(gate.dana().intents("pending").await.len(), 1);
    assert!(service.calls().is_empty(), "nothing of it was sent");
}

#[tokio::test]
async fn a_key_in_the_path_is_used_and_not_printed() {
    let (_service, gate, _) = house().await;
    let agent = gate.agent("billing").await;
    let output = doctor(None, &[&format!("http://{}/k/{}/up", gate.proxy, agent.key), "--json"]).await;
    let text = said(&output, 0);
    assert!(text.contains("\"check\": \"agent\"") && text.contains("/k/.../up"), "{text}");
    assert!(!text.contains("hsk_"), "{text}");
}

#[tokio::test]
async fn a_service_that_is_reached_around_the_gate_is_a_finding_and_one_that_refuses_strangers_a_note() {
    let (service, gate, base) = house().await;
    let agent = gate.agent("billing").await;
    let text = said(&doctor(Some(&agent.key), &[&base, "--direct", &service.url()]).await, 1);
    assert!(text.contains("BAD   around") && text.contains("let only the gate's machine connect"), "{text}");
    let call = service.only_call();
    assert_eq!((call.method.as_str(), call.header("holdshort-key")), ("GET", None), "the key is not shown to it");

    let refusing = upstream().answers(401).run().await;
    let text = said(&doctor(Some(&agent.key), &[&base, "--direct", &refusing.url()]).await, 0);
    assert!(text.contains("note  around") && text.contains("headers.set"), "{text}");

    // It takes the connection and says nothing.
    refusing.behave(Behaviour::Hangs);
    let text = said(&doctor(Some(&agent.key), &[&base, "--direct", &refusing.url()]).await, 1);
    assert!(text.contains("BAD   around"), "{text}");
}

#[tokio::test]
async fn what_keeps_the_agent_from_the_gate_is_told() {
    let (service, gate, base) = house().await;
    let agent = gate.agent("billing").await;
    let text = said(&doctor(None, &[&format!("http://{}/up", free_address())]).await, 69);
    assert!(text.contains("DEAD  gate") && text.contains("holdshort serve"), "{text}");

    let text = said(&doctor(Some(&agent.key), &[&service.url()]).await, 1);
    assert!(text.contains("BAD   gate") && text.contains("leads around it"), "{text}");

    let text = said(&doctor(None, &[&base]).await, 1);
    assert!(text.contains("BAD   key") && text.contains("BAD   agent"), "{text}");
    let text = said(&doctor(Some("hsk_agent_nobodys"), &[&base]).await, 1);
    assert!(text.contains("BAD   agent"), "{text}");

    let (status, answer) = gate.dana().post(&format!("/api/agents/{}/pause", agent.id), &serde_json::json!({})).await;
    assert_eq!(status, 200, "{answer}");
    let text = said(&doctor(Some(&agent.key), &[&base, "--hold", "POST /refunds"]).await, 1);
    assert!(text.contains("not held, but AGENT_PAUSED") && text.contains("is paused"), "{text}");
}

#[tokio::test]
async fn a_call_that_no_person_is_asked_about_is_not_held() {
    let service = upstream().run().await;
    let gate = holdshort()
        .before(&service)
        .route("action: read, match: GET /things, risk_tier: low")
        .policy("name: reads, action: read, decision: auto_approve")
        .run()
        .await;
    let agent = gate.agent("billing").await;
    let base = format!("http://{}/up", gate.proxy);
    let text = said(&doctor(Some(&agent.key), &[&base, "--hold", "GET /things"]).await, 1);
    assert!(text.contains("BAD   hold") && text.contains("answered 200 by the service"), "{text}");
    let text = said(&doctor(Some(&agent.key), &[&base, "--hold", "GET /elsewhere"]).await, 1);
    assert!(text.contains("not held, but NO_ROUTE"), "{text}");
}

#[tokio::test]
async fn without_an_address_every_one_of_the_configuration_is_looked_at() {
    let (service, gate, base) = house().await;
    let agent = gate.agent("billing").await;
    let mut command = Command::new(env!("CARGO_BIN_EXE_holdshort"));
    command.arg("doctor").current_dir(gate.folder.path()).env("HOLDSHORT_KEY", &agent.key).kill_on_drop(true);
    let text = said(&command.output().await.unwrap(), 1);
    assert!(text.contains(&base) && text.contains("ok    agent") && text.contains(&service.url()), "{text}");

    said(&doctor(None, &[]).await, 64);
    said(&doctor(None, &["gate:8080"]).await, 1);
    said(&doctor(None, &["--hold", "POST /x"]).await, 2);
    said(&doctor(None, &[&base, "--hold", "refunds"]).await, 1);
}

#[tokio::test]
async fn adding_an_agent_says_where_it_goes_and_what_to_paste() {
    let (_service, gate, base) = house().await;
    let output = run_holdshort(gate.folder.path(), &["agents", "add", "pasted"]).await;
    let text = said(&output, 0);
    let curl = text.lines().find(|line| line.trim_start().starts_with("curl ")).expect("a line with curl");
    assert!(text.contains(&format!("holdshort doctor {base} --direct ")), "{text}");
    let pasted = Command::new("sh")
        .args(["-c", &format!("{} -s -o /dev/null -w '%{{http_code}}'", curl.trim())])
        .output()
        .await
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&pasted.stdout), "403", "the gate knows the key, and has no route for /");

    let output = run_holdshort(gate.folder.path(), &["agents", "add", "machine", "--json"]).await;
    let told: serde_json::Value = serde_json::from_str(&said(&output, 0)).unwrap();
    assert_eq!(told["addresses"], serde_json::json!([{ "upstream": "up", "url": base }]), "{told}");
    assert!(told["key"].as_str().unwrap().starts_with("hsk_agent_"), "{told}");
}
