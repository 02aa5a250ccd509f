//! TLS on both sides: towards agents with ALPN, towards upstreams always verified.

use std::time::Duration;

use crate::support::house_in;
use crate::upstream::Upstream;

/// A certificate for `localhost` and `127.0.0.1`, as PEM.
fn certificate() -> (String, String) {
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
}

fn client(certificate: &str) -> reqwest::ClientBuilder {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let root = reqwest::Certificate::from_pem(certificate.as_bytes()).unwrap();
    reqwest::Client::builder().tls_certs_only([root]).timeout(Duration::from_secs(20))
}

/// A gate with TLS whose upstream is another such gate, so that both sides speak TLS.
async fn chain(http2: bool, ca: &str) -> (Upstream, crate::support::House, crate::support::House, String) {
    let (certificate, key) = certificate();
    let (other, _) = self::certificate();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("gate.pem"), &certificate).unwrap();
    std::fs::write(folder.path().join("gate.key"), key).unwrap();
    std::fs::write(folder.path().join("other.pem"), other).unwrap();
    let upstream = Upstream::answering("behind two gates").await;
    let listen = "proxy: { listen: 127.0.0.1:0, anonymous: allow, tls: { cert: gate.pem, key: gate.key } }";
    let path = folder.path().to_owned();
    let back = house_in(
        folder,
        listen,
        &format!("  api:\n    url: {}\n    at: /\n    routes: [{{ match: /**, pass: true }}]\n", upstream.url()),
        "",
    )
    .await;
    let folder = tempfile::tempdir().unwrap();
    for file in ["gate.pem", "gate.key", "other.pem"] {
        std::fs::copy(path.join(file), folder.path().join(file)).unwrap();
    }
    let front = house_in(
        folder,
        &listen.replace(", anonymous: allow", ""),
        &format!(
            "  api:\n    url: https://127.0.0.1:{}\n    at: /api\n    http2: {http2}\n    tls: {{ ca: {ca}, server_name: localhost }}\n{}",
            back.address.port(),
            crate::support::ROUTES
        ),
        "",
    )
    .await;
    (upstream, back, front, certificate)
}

#[tokio::test]
async fn calls_go_over_tls_on_both_sides() {
    for http2 in [false, true] {
        let (upstream, back, front, certificate) = chain(http2, "gate.pem").await;
        for (client, version) in [
            (client(&certificate).build().unwrap(), reqwest::Version::HTTP_2),
            (client(&certificate).http1_only().build().unwrap(), reqwest::Version::HTTP_11),
        ] {
            for path in ["free", "stream/x"] {
                let url = format!("https://localhost:{}/api/{path}", front.address.port());
                let call = client.post(url).header("holdshort-key", front.key.expose()).body("hello");
                let answer = call.send().await.unwrap();
                assert_eq!((answer.version(), answer.status().as_u16()), (version, 200), "{path}, http2: {http2}");
                assert_eq!(answer.text().await.unwrap(), "behind two gates");
                let call = upstream.calls().pop().unwrap();
                assert_eq!(call.body, b"hello");
                // Each gate says what it has seen itself: here the one behind, which the first called.
                let behind = format!("127.0.0.1:{}", back.address.port());
                assert_eq!(call.header("x-forwarded-host"), Some(behind.as_str()));
                assert_eq!(call.header("x-forwarded-proto"), Some("https"));
                assert_eq!(call.header("x-forwarded-for"), Some("127.0.0.1"));
            }
        }
        assert_eq!(upstream.calls().len(), 4);
    }
}

#[tokio::test]
async fn an_upstream_with_a_certificate_of_others_gets_nothing() {
    let (upstream, _back, front, certificate) = chain(false, "other.pem").await;
    let client = client(&certificate).build().unwrap();
    for path in ["free", "stream/x"] {
        let url = format!("https://localhost:{}/api/{path}", front.address.port());
        let call = client.post(url).header("holdshort-key", front.key.expose()).body("hello");
        assert_eq!(call.send().await.unwrap().status(), 502, "{path}");
    }
    assert!(upstream.calls().is_empty());
}

#[tokio::test]
async fn a_handshake_that_does_not_come_to_its_end_is_given_up() {
    let (certificate, key) = certificate();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("gate.pem"), &certificate).unwrap();
    std::fs::write(folder.path().join("gate.key"), key).unwrap();
    let upstream = Upstream::answering("ok").await;
    let house = house_in(
        folder,
        "proxy: { listen: 127.0.0.1:0, tls: { cert: gate.pem, key: gate.key } }",
        &format!("  api:\n    url: {}\n    at: /api\n{}", upstream.url(), crate::support::ROUTES),
        "limits: { head_timeout: 300ms }",
    )
    .await;
    // Nothing at all, the start of a record, and one that grows and grows.
    house.client().await.rest().await;
    let start = b"\x16\x03\x01\x40\x00\x01\x00\x3f\xfc\x03\x03";
    let mut half = house.client().await;
    half.send(start).await;
    half.rest().await;
    let mut slow = house.client().await;
    slow.send(start).await;
    assert!(slow.trickle("x").await, "the handshake is waited for without end");
    let client = client(&certificate).build().unwrap();
    let url = format!("https://localhost:{}/api/free", house.address.port());
    assert_eq!(client.get(url).header("holdshort-key", house.key.expose()).send().await.unwrap().status(), 200);
    assert_eq!(upstream.calls().len(), 1);
}
