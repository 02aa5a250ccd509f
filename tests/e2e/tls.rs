//! The admin listener over TLS.

use std::process::Stdio;

use crate::harness::{eventually, free_address, run_holdshort};

#[tokio::test]
async fn the_admin_serves_tls_and_nothing_else_where_a_certificate_is_configured() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(folder.path().join("admin.pem"), made.cert.pem()).unwrap();
    std::fs::write(folder.path().join("admin.key"), made.signing_key.serialize_pem()).unwrap();
    let (proxy, admin) = (free_address(), free_address());
    let text = format!(
        "proxy: {{ listen: {proxy} }}\nadmin: {{ listen: {admin}, url: \"https://localhost:{port}\", tls: {{ cert: admin.pem, key: admin.key }} }}\nupstreams:\n  up: {{ url: \"http://127.0.0.1:9\", at: /up, routes: [{{ action: read, match: GET /** }}] }}\n",
        port = admin.port()
    );
    std::fs::write(folder.path().join("holdshort.yaml"), text).unwrap();
    let added = run_holdshort(folder.path(), &["users", "add", "dana@example.com", "--role", "admin", "--json"]).await;
    let added: serde_json::Value = serde_json::from_slice(&added.stdout).unwrap();
    let token = added["token"].as_str().unwrap();
    let mut child = tokio::process::Command::new(env!("CARGO_BIN_EXE_holdshort"))
        .arg("serve")
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();

    let root = reqwest::Certificate::from_pem(made.cert.pem().as_bytes()).unwrap();
    let trusting = crate::harness::client().tls_certs_only([root]).build().unwrap();
    let url = |path: &str| format!("https://localhost:{}{path}", admin.port());
    let ready = eventually("the gate to be ready", || async {
        trusting.get(url("/readyz")).send().await.map_err(|error| format!("{error:?}"))
    })
    .await;
    assert_eq!((ready.status().as_u16(), ready.version()), (200, reqwest::Version::HTTP_2));
    let intents = trusting.get(url("/api/intents")).bearer_auth(token).send().await.unwrap();
    assert_eq!(intents.status(), 200);
    // Whoever does not know the certificate, or speaks no TLS, is told nothing.
    assert!(crate::harness::client().build().unwrap().get(url("/readyz")).send().await.is_err());
    assert!(crate::harness::client().build().unwrap().get(format!("http://{admin}/readyz")).send().await.is_err());
    child.kill().await.unwrap();
}
