//! The rules are swapped under load: each call is matched, decided, sent and recorded by one version.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gate::IntentFilter;

use crate::support::{House, house_of, rules_of};
use crate::upstream::Upstream;

const RELOADS: usize = 1000;

/// One version of the rules: its name stands in the actions and in the header that the gate sets; they differ in what
/// `POST /other` is.
fn version(upstream: &Upstream, name: &str, other: &str) -> String {
    format!(
        "  api:\n    url: {}\n    at: /api\n    headers: {{ set: {{ x-version: {name} }} }}\n    routes:\n      \
         - {{ action: free_{name}, match: GET /free, risk_tier: low }}\n      \
         - {{ action: {other}_{name}, match: POST /other, risk_tier: low }}\n",
        upstream.url()
    )
}

async fn calls(house: Arc<House>, stop: Arc<AtomicBool>) -> BTreeMap<u16, usize> {
    let mut answers = BTreeMap::new();
    let mut client = house.client().await;
    while !stop.load(Ordering::Relaxed) {
        for (method, path) in [("GET", "/api/free"), ("POST", "/api/other")] {
            let asked = house.ask(method, path, "", if method == "POST" { "{}" } else { "" });
            let answer = client.request(asked).await;
            *answers.entry(answer.status).or_default() += 1;
        }
    }
    answers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_reloads_under_load_never_mix_two_versions() {
    let upstream = Upstream::answering("fine").await;
    let versions = [version(&upstream, "one", "free"), version(&upstream, "two", "drop")];
    let house = Arc::new(house_of(&versions[0], "").await);
    let rules = versions.map(|version| rules_of("proxy: { listen: 127.0.0.1:0 }", &version, ""));
    let stop = Arc::new(AtomicBool::new(false));
    let callers: Vec<_> = (0..4).map(|_| tokio::spawn(calls(house.clone(), stop.clone()))).collect();
    for round in 0..RELOADS {
        house.gate.swap_rules(rules[(round + 1) % 2].clone()).await.unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    let mut answers: BTreeMap<u16, usize> = BTreeMap::new();
    for caller in callers {
        for (status, count) in tokio::time::timeout(Duration::from_secs(60), caller).await.unwrap().unwrap() {
            *answers.entry(status).or_default() += count;
        }
    }
    assert_eq!(answers.keys().copied().collect::<Vec<_>>(), [200, 403], "{answers:?}");
    house.gate.drain().await;

    let digest = |version: usize| rules[version].config().digest.clone();
    let mut by_version = BTreeMap::new();
    let mut cursor = None;
    loop {
        let filter = IntentFilter { limit: Some(200), cursor, ..IntentFilter::default() };
        let page = house.gate.intents(&filter).await.unwrap();
        for intent in &page.items {
            let name = intent.action.rsplit('_').next().unwrap();
            let version = usize::from(name == "two");
            assert_eq!(intent.config_digest, digest(version).as_str(), "{intent:?}");
            let denied = intent.state.name() == "denied";
            assert_eq!(denied, intent.action == "drop_two", "{intent:?}");
            *by_version.entry(name.to_owned()).or_insert(0) += 1;
        }
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert!(by_version.values().all(|count| *count > 10) && by_version.len() == 2, "{by_version:?}");
    let sent = upstream.calls();
    assert_eq!(sent.len(), answers[&200]);
    for call in sent {
        let version = call.header("x-version").unwrap().to_owned();
        let action = claim(call.header("holdshort-permit").unwrap(), "action");
        assert!(action.ends_with(&version), "{action} was sent as version {version}");
        assert_ne!(action, "drop_two", "what is denied was sent");
    }
}

fn claim(permit: &str, name: &str) -> String {
    use base64::Engine as _;
    let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(permit.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice::<serde_json::Value>(&claims).unwrap()[name].as_str().unwrap().to_owned()
}
