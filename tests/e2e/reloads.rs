//! The configuration changes while the gate runs.

use std::os::unix::fs::symlink;
use std::path::PathBuf;

use crate::harness::{Gate, Person, eventually, holdshort, upstream};

const DENIES: &str = "decision: auto_deny";
const PASSES: &str = "decision: auto_approve";

/// A gate whose one policy approves `GET`, with a secret from a file and its configuration's text.
async fn gate(service: &crate::harness::Upstream) -> Gate {
    let gate = holdshort()
        .before(service)
        .route("action: read, match: GET /**, risk_tier: low")
        .policy(&format!("name: reads, action: read, {PASSES}"))
        .run()
        .await;
    // As it stands now: nothing that is written from here on may be missed.
    settled(&gate.dana(), None).await;
    gate
}

fn file(gate: &Gate) -> PathBuf {
    gate.folder.path().join("holdshort.yaml")
}

fn text(gate: &Gate) -> String {
    std::fs::read_to_string(file(gate)).unwrap()
}

/// As careful writers do it.
fn replace(gate: &Gate, text: &str) {
    let new = gate.folder.path().join(".new");
    std::fs::write(&new, text).unwrap();
    std::fs::rename(new, file(gate)).unwrap();
}

/// Waits until the last loading went well, or said this.
async fn settled(dana: &Person, error: Option<&str>) -> serde_json::Value {
    eventually(&format!("the configuration to say {error:?}"), || async {
        let (_, config) = dana.get("/api/config").await;
        let said = config["error"].as_str();
        let as_wanted = match (said, error) {
            (None, None) => true,
            (Some(said), Some(error)) => said.contains(error),
            _ => false,
        };
        if as_wanted { Ok(config) } else { Err(config.to_string()) }
    })
    .await
}

/// Waits until a read is answered so.
async fn reads_are(gate: &Gate, agent: &crate::harness::Agent, status: u16) {
    let what = format!("a read to be answered {status}");
    eventually(&what, || async {
        let answer = agent.get("/a").send().await;
        if answer.status == status { Ok(()) } else { Err(format!("{answer:?}\n{}", gate.log())) }
    })
    .await;
}

#[tokio::test]
async fn a_file_that_was_changed_is_in_force_without_being_told() {
    let service = upstream().run().await;
    let gate = gate(&service).await;
    let agent = gate.agent("x").await;
    reads_are(&gate, &agent, 200).await;
    let before = settled(&gate.dana(), None).await;
    replace(&gate, &text(&gate).replace(PASSES, DENIES));
    reads_are(&gate, &agent, 403).await;
    let after = settled(&gate.dana(), None).await;
    assert_ne!((&before["digest"], &before["loaded_at"]), (&after["digest"], &after["loaded_at"]));
    // Written in place, as editors do.
    std::fs::write(file(&gate), text(&gate).replace(DENIES, PASSES)).unwrap();
    reads_are(&gate, &agent, 200).await;
}

#[tokio::test]
async fn a_folder_that_is_swapped_behind_a_link_is_noticed() {
    let service = upstream().run().await;
    let gate = gate(&service).await;
    let agent = gate.agent("x").await;
    let folder = gate.folder.path();
    let versions = [text(&gate), text(&gate).replace(PASSES, DENIES)];
    let swap = |name: &str, text: &str| {
        std::fs::create_dir(folder.join(name)).unwrap();
        std::fs::write(folder.join(name).join("holdshort.yaml"), text).unwrap();
        symlink(name, folder.join("..data_tmp")).unwrap();
        std::fs::rename(folder.join("..data_tmp"), folder.join("..data")).unwrap();
    };
    swap("..2026_1", &versions[0]);
    std::fs::remove_file(file(&gate)).unwrap();
    symlink("..data/holdshort.yaml", file(&gate)).unwrap();
    reads_are(&gate, &agent, 200).await;
    swap("..2026_2", &versions[1]);
    reads_are(&gate, &agent, 403).await;
    std::fs::remove_dir_all(folder.join("..2026_1")).unwrap();
    swap("..2026_3", &versions[0]);
    reads_are(&gate, &agent, 200).await;
}

#[tokio::test]
async fn files_that_come_and_go_in_a_folder_are_noticed() {
    let service = upstream().run().await;
    let gate = gate(&service).await;
    let agent = gate.agent("x").await;
    let whole = text(&gate);
    std::fs::remove_file(file(&gate)).unwrap();
    std::fs::create_dir(file(&gate)).unwrap();
    std::fs::write(file(&gate).join("gate.yaml"), &whole).unwrap();
    let freeze = file(&gate).join("freeze.yaml");
    std::fs::write(&freeze, "policies: [ { name: freeze, action: \"*\", priority: 9, decision: auto_deny } ]\n")
        .unwrap();
    reads_are(&gate, &agent, 403).await;
    std::fs::remove_file(freeze).unwrap();
    reads_are(&gate, &agent, 200).await;
}

#[tokio::test]
async fn a_broken_file_keeps_the_old_rules_and_says_so_everywhere() {
    let service = upstream().run().await;
    let gate = gate(&service).await;
    let (agent, dana) = (gate.agent("x").await, gate.dana());
    let good = text(&gate);
    let digest = settled(&dana, None).await["digest"].clone();
    let table = [
        (good.replace("policies:", "policys:"), "did you mean `policies`"),
        (good.replace("upstreams:", "upstreams: {"), "holdshort.yaml:"),
        (good.replace(PASSES, "decision: auto_aprove"), "auto_approve"),
        (good.replace(PASSES, &format!("{PASSES}, when: \"params.amount >\"")), "holdshort.yaml:"),
        (format!("{good}\npolicies: []\n"), "policies"),
        (String::new(), "the configuration is empty"),
        (good.replace(PASSES, &format!("{PASSES}, message: \"${{NOT_SET_ANYWHERE}}\"")), "NOT_SET_ANYWHERE"),
        (
            good.replace("up: { url: \"http:", "up: { url: \"https:")
                .replace("at: /up", "at: /up, tls: { ca: gone.pem }"),
            "gone.pem",
        ),
        (good.replace("sqlite:holdshort.db", "sqlite:other.db"), "database cannot change while the gate runs"),
        (format!("audit: {{ checkpoint: other }}\n{good}"), "audit.checkpoint cannot change"),
        (
            format!("limits: {{ head_timeout: 3s }}\n{}", good.replace("proxy: { listen: 127", "proxy: { listen: 126")),
            "proxy.listen, limits.head_timeout cannot change",
        ),
    ];
    for (broken, says) in table {
        assert_ne!(broken, good, "{says}");
        replace(&gate, &broken);
        let config = settled(&dana, Some(says)).await;
        assert_eq!(config["digest"], digest, "{says}");
        assert_eq!(agent.get("/a").send().await.status, 200, "{says}");
        let (_, metrics) = dana.get("/metrics").await;
        assert!(metrics.as_str().unwrap().contains("holdshort_config_refused 1"), "{metrics}");
        let (status, said) = dana.post("/api/config/reload", &serde_json::json!({})).await;
        assert_eq!(status, 422, "{said}");
        assert!(gate.log().contains("the old rules stay"), "{says}");
    }
    replace(&gate, &good);
    assert_eq!(settled(&dana, None).await["digest"], digest);
    let (_, metrics) = dana.get("/metrics").await;
    assert!(metrics.as_str().unwrap().contains("holdshort_config_refused 0"), "{metrics}");
}

#[tokio::test]
async fn a_secret_that_is_changed_is_sent_from_then_on() {
    let service = upstream().run().await;
    let gate = gate(&service).await;
    let agent = gate.agent("x").await;
    let secret = gate.folder.path().join("api-key");
    let with = "at: /up, headers: { set: { x-api: \"file:api-key\" } }";
    replace(&gate, &text(&gate).replace("at: /up", with));
    settled(&gate.dana(), Some("api-key")).await;
    for value in ["one", "two"] {
        std::fs::write(&secret, value).unwrap();
        eventually(&format!("{value} to be sent"), || async {
            agent.get("/a").send().await;
            let calls = service.calls();
            let sent = calls.last().and_then(|call| call.header("x-api")).unwrap_or_default().to_owned();
            if sent == value { Ok(()) } else { Err(sent) }
        })
        .await;
        settled(&gate.dana(), None).await;
    }
}

#[tokio::test]
async fn a_hundred_writes_a_second_in_place_end_with_what_was_written_last() {
    let service = upstream().run().await;
    let gate = gate(&service).await;
    let agent = gate.agent("x").await;
    let (open, shut) = (text(&gate), text(&gate).replace(PASSES, DENIES));
    let mut ticks = tokio::time::interval(std::time::Duration::from_millis(10));
    for round in 0..200_usize {
        ticks.tick().await;
        let whole = if round % 2 == 0 { &open } else { &shut };
        // Every third one is cut off somewhere.
        let cut = if round % 3 == 0 { whole.len() * (round % 97) / 97 } else { whole.len() };
        std::fs::write(file(&gate), &whole[..cut]).unwrap();
        if round % 40 == 0 {
            assert!(matches!(agent.get("/a").send().await.status, 200 | 403));
        }
    }
    std::fs::write(file(&gate), &shut).unwrap();
    reads_are(&gate, &agent, 403).await;
    assert_eq!(settled(&gate.dana(), None).await["error"], serde_json::Value::Null);
    let calls = service.calls().len();
    assert_eq!(agent.get("/a").send().await.code(), "BLOCKED_BY_POLICY");
    assert_eq!(service.calls().len(), calls);
}

#[tokio::test]
async fn sighup_loads_the_files_again() {
    let service = upstream().run().await;
    let gate = gate(&service).await;
    let before = settled(&gate.dana(), None).await["loaded_at"].clone();
    gate.signal("-HUP");
    // Nothing in them has changed: it is loaded because somebody says so.
    eventually("a newer loading", || async {
        let loaded = settled(&gate.dana(), None).await["loaded_at"].clone();
        if loaded == before { Err(loaded.to_string()) } else { Ok(()) }
    })
    .await;
}
