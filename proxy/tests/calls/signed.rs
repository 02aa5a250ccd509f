//! Requests that are signed over their head (AWS SigV4): by a listener or host of its own, with the agent's `Host`,
//! what the signature covers reaches the service as it was signed.

use crate::support::{House, house_in};
use crate::upstream::Upstream;

const SIGNED: [(&str, &str); 9] = [
    ("accept-encoding", "identity"),
    ("content-type", "application/x-amz-json-1.0"),
    ("x-amz-target", "DynamoDB_20120810.PutItem"),
    ("x-amz-date", "20261121T180000Z"),
    ("x-amz-content-sha256", "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"),
    ("x-amz-security-token", "FQoGZXIvYXdzE//////////wEaDKq+a/b=="),
    ("amz-sdk-invocation-id", "6d7a3f0e-0000-4000-8000-000000000001"),
    ("amz-sdk-request", "attempt=1"),
    (
        "authorization",
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261121/eu-central-1/dynamodb/aws4_request, SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date;x-amz-security-token;x-amz-target, Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
    ),
];

async fn house(upstream: &Upstream) -> House {
    let upstreams = format!(
        "  dynamo:\n    url: {}\n    host: dynamo.gate.test\n    listen: {{ address: 127.0.0.1:0, agent: billing }}\n    preserve_host: true\n    routes:\n      - {{ action: hold_it, match: POST /, risk_tier: high }}\n      - {{ match: GET /**, pass: true }}\n",
        upstream.url()
    );
    let agents = "agents: { billing: { project: default } }";
    house_in(tempfile::tempdir().unwrap(), "proxy: { listen: 127.0.0.1:0 }", &upstreams, agents).await
}

fn headers() -> String {
    SIGNED.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect()
}

#[tokio::test]
async fn what_is_signed_arrives_as_it_was_signed() {
    let upstream = Upstream::answering("{}").await;
    let house = house(&upstream).await;
    let own = house.addresses[1];
    for (address, host, key) in [
        (own, format!("127.0.0.1:{}", own.port()), String::new()),
        (house.address, "dynamo.gate.test".to_owned(), format!("holdshort-key: {}\r\n", house.key.expose())),
    ] {
        let mut client = crate::client::Client::connect(address).await;
        client
            .send(format!("POST / HTTP/1.1\r\nhost: {host}\r\n{key}{}content-length: 2\r\n\r\n{{}}", headers()))
            .await;
        let id = house.pending().await;
        house.approve(id).await;
        assert_eq!(client.answer().await.status, 200);
        house.becomes(id, "executed").await;
        // A query that is signed is not reordered or spelled anew either.
        let query = "?list-type=2&prefix=a%20b%2Fc&X-Amz-Date=20261121T180000Z&empty=";
        let get = format!("GET /bucket{query} HTTP/1.1\r\nhost: {host}\r\n{key}{}\r\n", headers());
        assert_eq!(client.request(get).await.status, 200);
        let calls = upstream.calls();
        let [.., posted, listed] = calls.as_slice() else { panic!("{calls:?}") };
        assert_eq!(posted.line, "POST / HTTP/1.1");
        assert_eq!(posted.body, b"{}");
        assert_eq!(listed.line, format!("GET /bucket{query} HTTP/1.1"));
        for call in [posted, listed] {
            assert_eq!(call.header("host"), Some(host.as_str()));
            for (name, value) in SIGNED {
                assert_eq!(call.header(name), Some(value), "{name}");
            }
            assert_eq!(call.header("holdshort-key"), None);
        }
    }
}
