//! Disks that are full, fail or hang, and a process that is stopped at the worst moment: nothing is sent that
//! was not recorded, and nothing after its time.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use crate::harness::{Gate, Upstream, eventually, holdshort, upstream};

const CHARGE: &str = "action: charge, match: POST /charges, risk_tier: high";

async fn gate_before(service: &Upstream) -> Gate {
    holdshort()
        .before(service)
        .route(CHARGE)
        .route("action: read, match: GET /**, risk_tier: low")
        .route("action: drop, match: DELETE /**, risk_tier: critical")
        .policy("name: reads, action: read, decision: auto_approve")
        .policy("name: no drops, action: drop, decision: auto_deny, message: \"Not executed: never.\"")
        .with("approval: { release_within: 2s }")
        .run()
        .await
}

/// A small file system over a folder, while it lives.
struct Small(PathBuf);

impl Small {
    /// `None` where this user may not mount.
    fn over(folder: &Path) -> Option<Small> {
        let done = Command::new("mount").args(["-t", "tmpfs", "-o", "size=8m", "tmpfs"]).arg(folder).output();
        done.is_ok_and(|done| done.status.success()).then(|| Small(folder.to_owned()))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        // Lazily: the gate may still be ending.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[tokio::test]
async fn on_a_full_disk_nothing_is_sent_and_it_recovers_when_there_is_room() {
    let service = upstream().run().await;
    let mut gate = gate_before(&service).await;
    let agent = gate.agent("x").await;
    gate.kill().await;
    let folder = gate.folder.path().to_owned();
    let aside = tempfile::tempdir().unwrap();
    copy(&folder, aside.path());
    let Some(_small) = Small::over(&folder) else {
        // Only root mounts; the limit on the size of files in `faults` is the same for everybody.
        eprintln!("not run: mounting a small file system needs root");
        return;
    };
    copy(aside.path(), &folder);
    gate.restart().await;
    assert_eq!(agent.get("/a").send().await.status, 200);
    // All the room there is.
    let filler = folder.join("filler");
    assert!(std::fs::write(&filler, vec![0_u8; 16 << 20]).is_err());
    let mut refused = None;
    for n in 0..4000 {
        let answer = agent.get(&format!("/{n}")).send().await;
        if answer.status != 200 {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.expect("the disk never filled up");
    assert_eq!((refused.status, refused.code().as_str()), (503, "UNAVAILABLE"));
    let sent = service.calls().len();
    let held = agent.post("/charges", &json!({})).send().await;
    assert_eq!((held.status, held.code().as_str()), (503, "UNAVAILABLE"));
    let rejected = agent.delete("/a").send().await;
    assert_eq!((rejected.status, rejected.code().as_str()), (403, "BLOCKED_BY_POLICY"));
    assert_eq!(service.calls().len(), sent, "nothing is sent that was not recorded");

    std::fs::remove_file(filler).unwrap();
    recovers(&agent).await;
    gate.verify_audit().await;
    gate.kill().await;
}

#[tokio::test]
async fn after_a_sync_that_failed_nothing_is_sent_until_a_restart_has_read_what_is_on_the_disk() {
    let service = upstream().run().await;
    let mut gate = gate_before(&service).await;
    let agent = gate.agent("x").await;
    gate.kill().await;
    gate.restart_on_bad_disk().await;
    let call = agent.post("/charges", &json!({ "amount": 1 })).start();
    let waiting = gate.dana().next_pending().await;

    let fails = gate.folder.path().join("fail-syncs");
    std::fs::write(&fails, "").unwrap();
    let (status, answer) = waiting.try_approve(json!({})).await;
    assert!(status >= 500, "{status} {answer}");
    let other = agent.post("/charges", &json!({ "amount": 2 })).send().await;
    assert_eq!((other.status, other.code().as_str()), (503, "UNAVAILABLE"));
    let rejected = agent.delete("/a").send().await;
    assert_eq!((rejected.status, rejected.code().as_str()), (403, "BLOCKED_BY_POLICY"));
    assert!(service.calls().is_empty(), "a claim that is not on the disk counts for nothing");

    eventually("whoever supervises it to be told", || async {
        let ready = crate::harness::client().build().unwrap().get(format!("{}/readyz", gate.admin())).send().await;
        let status = ready.map_err(|error| error.to_string())?.status();
        if status == 503 { Ok(()) } else { Err(status.to_string()) }
    })
    .await;

    // A sync that succeeds after one that failed says nothing of what was to be written: it is not believed.
    std::fs::remove_file(fails).unwrap();
    for _ in 0..3 {
        let refused = agent.get("/a").send().await;
        assert_eq!((refused.status, refused.code().as_str()), (503, "UNAVAILABLE"));
    }
    assert!(service.calls().is_empty());
    gate.kill().await;
    call.hang_up().await;
    gate.restart().await;
    recovers(&agent).await;
    assert!(service.calls().iter().all(|call| call.method == "GET"), "what failed is not sent later by itself");
    gate.verify_audit().await;
}

#[tokio::test]
async fn stopped_between_claim_and_first_byte_until_it_expired_nothing_is_sent() {
    let service = upstream().run().await;
    let mut gate = gate_before(&service).await;
    let agent = gate.agent("x").await;
    gate.kill().await;
    gate.restart_on_bad_disk().await;
    let call = agent.post("/charges", &json!({ "amount": 1 })).start();
    let waiting = gate.dana().next_pending().await;
    let id = waiting.id().to_owned();

    // The next sync is that of the claim: the process stops as soon as it is on the disk.
    std::fs::write(gate.folder.path().join("stop-after-sync"), "").unwrap();
    let approving = tokio::spawn(async move { waiting.try_approve(json!({})).await });
    eventually("the gate to be stopped", || async {
        let state = gate.proc_status("State");
        if state.starts_with('T') { Ok(()) } else { Err(state) }
    })
    .await;
    let stopped = std::time::Instant::now();
    eventually("the approval to have run out", || async {
        let since = stopped.elapsed();
        if since > std::time::Duration::from_millis(2500) { Ok(()) } else { Err(format!("{since:?}")) }
    })
    .await;
    gate.signal("-CONT");
    let answer = call.answer().await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "UNAVAILABLE"), "{}", answer.text);
    assert!(answer.message().contains("Nothing was sent"), "{}", answer.message());
    approving.await.unwrap();
    let intent = gate.dana().sees(&id, "failed").await;
    assert!(intent["resolved"]["why"].as_str().is_some_and(|why| why.contains("nothing was sent")), "{intent}");
    assert!(service.calls().is_empty(), "nothing is sent after its time");
    assert_eq!(service.bytes(), 0);
    gate.verify_audit().await;
}

fn copy(from: &Path, to: &Path) {
    let done = Command::new("cp").arg("-a").arg(from.join(".")).arg(to).status();
    assert!(done.unwrap().success());
}

async fn recovers(agent: &crate::harness::Agent) {
    eventually("the gate to recover", || async {
        let answer = agent.get("/c").send().await;
        if answer.status == 200 { Ok(()) } else { Err(answer.text) }
    })
    .await;
}
