//! What an auditor does with the command line, and with a program that is not ours.

use std::path::Path;

use serde_json::{Value, json};
use tokio::process::Command;

use crate::harness::{Gate, eventually, holdshort, python, run_holdshort, text, upstream};

const CHARGE: &str = "action: create_charge, match: POST /charges, risk_tier: high, params: { amount: { from: /amount, type: integer } }";

/// A charge that dana approved; gives the intent's id.
async fn approved_charge(gate: &Gate) -> String {
    let call = gate.agent("billing").await.post("/charges", &json!({ "amount": 900 })).start();
    let waiting = gate.dana().next_pending().await;
    let id = waiting.id().to_owned();
    waiting.approve().await;
    assert_eq!(call.answer().await.status, 200);
    gate.dana().sees(&id, "executed").await;
    id
}

async fn said(folder: &Path, args: &[&str]) -> String {
    let output = run_holdshort(folder, args).await;
    assert!(output.status.success(), "{args:?}: {}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

/// The script of the documentation: its exit code and what it says.
async fn by_script(folder: &Path, file: &str, key: &str) -> (Option<i32>, String) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/verify/evidence/check_evidence.py");
    let run = Command::new(python()).args([script, file, "--key", key]).current_dir(folder).output().await.unwrap();
    (run.status.code(), format!("{}{}", text(&run.stdout), text(&run.stderr)))
}

#[tokio::test]
async fn the_evidence_of_an_approved_charge_convinces_somebody_who_has_only_the_key() {
    let service = upstream().run().await;
    let gate = holdshort().before(&service).route(CHARGE).run().await;
    let id = approved_charge(&gate).await;
    let (own, elsewhere) = (gate.folder(), tempfile::TempDir::new().unwrap());
    let key = said(own, &["audit", "key"]).await.trim().to_owned();
    let evidence = said(own, &["audit", "prove", &id]).await;
    let auditor = elsewhere.path();
    std::fs::write(auditor.join("evidence.json"), &evidence).unwrap();
    std::fs::write(auditor.join("body"), r#"{"amount":900}"#).unwrap();
    std::fs::write(auditor.join("other"), r#"{"amount":901}"#).unwrap();

    let checked = said(auditor, &["audit", "check", "evidence.json", "--key", &key, "--body", "body"]).await;
    for words in ["executed", "dana@example.com", "answered 200", "POST /charges", "the body is the one"] {
        assert!(checked.contains(words), "{words:?} is not in {checked}");
    }
    let other = run_holdshort(auditor, &["audit", "check", "evidence.json", "--key", &key, "--body", "other"]).await;
    assert_eq!(other.status.code(), Some(1), "{}", text(&other.stdout));
    let unvouched = run_holdshort(auditor, &["audit", "check", "evidence.json"]).await;
    assert!(text(&unvouched.stderr).contains("the file itself names"), "{}", text(&unvouched.stderr));
    let (code, script) = by_script(auditor, "evidence.json", &key).await;
    assert_eq!(code, Some(0), "{script}");
    assert!(script.contains("dana@example.com") && script.contains(&format!("verified: {id}")), "{script}");

    for (change, to) in [("dana@example.com", "kofi@example.com"), ("\\\"amount\\\":900", "\\\"amount\\\":9")] {
        assert!(evidence.contains(change), "{change}");
        std::fs::write(auditor.join("forged.json"), evidence.replace(change, to)).unwrap();
        let ours = run_holdshort(auditor, &["audit", "check", "forged.json", "--key", &key]).await;
        assert_eq!(ours.status.code(), Some(1), "{change}");
        assert!(text(&ours.stderr).contains("does NOT hold"), "{}", text(&ours.stderr));
        let (code, script) = by_script(auditor, "forged.json", &key).await;
        assert_eq!(code, Some(1), "{script}");
    }
    let (code, script) =
        by_script(auditor, "evidence.json", "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8")
            .await;
    assert_eq!(code, Some(1), "{script}");
}

#[tokio::test]
async fn a_checkpoint_follows_each_approval_and_an_older_log_does_not_extend_it() {
    let service = upstream().run().await;
    let mut gate = holdshort().before(&service).route(CHARGE).run().await;
    let before = gate.folder().join("before.db");
    gate.terminate();
    gate.ended().await;
    std::fs::copy(gate.folder().join("holdshort.db"), &before).unwrap();
    gate.restart().await;
    approved_charge(&gate).await;
    let file = gate.folder().join("holdshort.checkpoint");
    // Written for the approval, without waiting for the next ten seconds; then it extends to the end.
    let events =
        async || serde_json::from_str::<Value>(&said(gate.folder(), &["audit", "verify", "--json"]).await).unwrap();
    let size = |note: &str| note.lines().nth(1).and_then(|size| size.parse::<u64>().ok());
    let at_the_end = events().await["events"].as_u64();
    eventually("a checkpoint over all events", || async {
        let note = std::fs::read_to_string(&file).unwrap_or_default();
        if size(&note) >= at_the_end { Ok(()) } else { Err(note) }
    })
    .await;
    let verified = said(gate.folder(), &["audit", "verify", "--checkpoint", "holdshort.checkpoint"]).await;
    assert!(verified.contains("extends the checkpoint"), "{verified}");

    gate.terminate();
    gate.ended().await;
    std::fs::copy(&before, gate.folder().join("holdshort.db")).unwrap();
    for end in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(gate.folder().join(format!("holdshort.db{end}")));
    }
    let output = run_holdshort(gate.folder(), &["audit", "verify", "--checkpoint", "holdshort.checkpoint"]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("events were taken away"), "{}", text(&output.stderr));
    gate.restart().await;
    eventually("the gate to say so", || async {
        if gate.log().contains("does not extend its last checkpoint") { Ok(()) } else { Err(gate.log()) }
    })
    .await;
    let kept = std::fs::read_dir(gate.folder())
        .unwrap()
        .any(|file| file.unwrap().file_name().to_string_lossy().starts_with("holdshort.checkpoint.until-"));
    assert!(kept, "the old checkpoint is there to be looked into");
}

#[tokio::test]
async fn the_log_is_exported_whole_and_exact() {
    let service = upstream().run().await;
    let gate = holdshort().before(&service).route(CHARGE).run().await;
    approved_charge(&gate).await;
    let lines = said(gate.folder(), &["audit", "export"]).await;
    let events: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for (n, event) in events.iter().enumerate() {
        assert_eq!(event["seq"], n);
    }
    assert!(events.iter().any(|event| event["kind"] == "intent.approved"), "{lines}");
    let csv = said(gate.folder(), &["audit", "export", "--format", "csv", "--from", "1", "--to", "3"]).await;
    let rows: Vec<&str> = csv.lines().collect();
    assert!(rows[0].starts_with("seq,at,kind") && rows[1].starts_with("1,") && rows[2].starts_with("2,"), "{csv}");
    assert_eq!(rows.len(), 3);
}
