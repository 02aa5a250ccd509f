//! What deciding costs: `cargo bench -p holdshort-rules`. Prints nanoseconds for each step, the best of many
//! rounds, for a small and a large set of rules.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use holdshort_rules::config::load::{NoSecrets, Source, load};
use holdshort_rules::config::{SourceType, Trust};
use holdshort_rules::decision::Caller;
use holdshort_rules::request::wire::Wire;
use holdshort_rules::request::{HttpVersion, RawHead, Reading};
use holdshort_rules::ruleset::Routed;
use holdshort_rules::{Head, Request, Ruleset};

fn rules(routes: usize, policies: usize) -> Ruleset {
    let mut text = "
proxy: { listen: 127.0.0.1:8080 }
admin: { listen: 127.0.0.1:8081, url: http://127.0.0.1:8081 }
upstreams:
  payments:
    url: http://127.0.0.1:9000
    at: /payments
    routes:
      - action: issue_refund
        match: POST /v1/refunds/{id}
        title: 'Refund {params.amount|money:EUR}'
        params: { amount: { from: /amount, type: integer }, customer: /customer }
"
    .to_owned();
    for at in 1..routes {
        text.push_str(&format!("      - {{ action: act_{at}, match: 'POST /v1/thing{at}/{{id}}' }}\n"));
    }
    text.push_str("policies:\n");
    text.push_str("  - { name: small, action: issue_refund, when: params.amount <= 100, decision: auto_approve }\n");
    for at in 1..policies {
        text.push_str(&format!("  - {{ name: p{at}, action: act_{at}, decision: auto_deny, priority: {at} }}\n"));
    }
    let source = Source { name: "bench.yaml".to_owned(), text };
    let (config, _) = load(vec![source], &NoSecrets).unwrap_or_else(|findings| panic!("{findings}"));
    Ruleset::compile(Arc::new(config)).unwrap_or_else(|findings| panic!("{findings}"))
}

/// Nanoseconds for one call, the best of many rounds.
fn best<T>(mut step: impl FnMut() -> T) -> u128 {
    const CALLS: u32 = 200;
    let round = |_| {
        let start = Instant::now();
        for _ in 0..CALLS {
            black_box(step());
        }
        start.elapsed().as_nanos() / u128::from(CALLS)
    };
    (0..200).map(round).min().unwrap_or_default()
}

/// Fields as APIs have them: 36 in 7 objects and lists.
const FIELDS: &str = r#"{"amount":100,"customer":"cus_1","currency":"eur","reason":"requested_by_customer",
"charge":"ch_3PqWmX2eZvKYlo2C1a2b3c4d","description":"Refund for a parcel that arrived two weeks late",
"reverse_transfer":false,"refund_application_fee":null,"instructions_email":"jane.doe@example.com",
"metadata":{"order_id":"ord_20260311_000417","ticket":"SUP-48213","agent":"billing-assistant","run":"7f3c9a52"},
"address":{"name":"Jane Doe","line1":"Unter den Linden 77","line2":null,"city":"Berlin","postal_code":"10117",
"country":"DE","phone":"+49 30 1234567"},"items":[{"sku":"SHOE-42-BLK","quantity":1,"unit_price":79.95,
"title":"Running shoe, black"},{"sku":"SOCK-03","quantity":3,"unit_price":6.50,"title":"Sports socks \"Pro\""}],
"context":{"channel":"chat","locale":"de-DE","confidence":0.93,"labels":["late","parcel","refund"],
"messages":[1841,1842,1847]},"requested_at":"2026-03-11T09:24:51Z","idempotency":"1b9d6bcd-bbfd-4b2d-9b5d"}"#;

fn main() {
    let many = format!(
        "{{\"amount\":100,\"customer\":\"cus_1\",\"items\":[{}]}}",
        vec!["{\"sku\":\"a-1\",\"count\":2}"; 38].join(",")
    );
    let fields = FIELDS.replace('\n', "");
    for (what, body) in [("many small values", many), ("36 fields", fields)] {
        measure(what, Bytes::from(body));
    }
}

/// The head as it is sent.
fn bytes_of(raw: &RawHead<'_>) -> Vec<u8> {
    let mut bytes = [raw.method.as_bytes(), b" ", raw.target, b" HTTP/1.1\r\n"].concat();
    for (name, value) in raw.headers {
        bytes.extend([name, b": ".as_slice(), value, b"\r\n"].concat());
    }
    bytes.extend(b"\r\n");
    bytes
}

fn measure(what: &str, body: Bytes) {
    let length = body.len().to_string();
    let headers: Vec<(&[u8], &[u8])> = vec![
        (b"Host", b"gate.example:8080"),
        (b"User-Agent", b"python-requests/2.32"),
        (b"Accept", b"*/*"),
        (b"Accept-Encoding", b"gzip, deflate"),
        (b"Connection", b"keep-alive"),
        (b"Content-Type", b"application/json"),
        (b"Content-Length", length.as_bytes()),
        (b"Authorization", b"Bearer hsk_agent_0123456789"),
    ];
    let raw = RawHead {
        version: HttpVersion::Http11,
        method: "POST",
        target: b"/payments/v1/refunds/re_17",
        authority: None,
        headers: &headers,
    };
    let bytes = bytes_of(&raw);
    println!("the bytes of a head of {} bytes {:>7} ns", bytes.len(), best(|| Wire::new(32 * 1024).read(&bytes)));
    let reading = Reading { permit_header: "holdshort-permit".to_owned(), head_limit: 32 * 1024 };
    let listener = "127.0.0.1:8080".parse().unwrap();
    let caller = Caller {
        name: "billing".to_owned(),
        fingerprint: "billing".to_owned(),
        project: "default".to_owned(),
        owner: None,
        framework: None,
        trust: Trust::Active,
        source_type: SourceType::AiAgent,
        risk_sensitivity: None,
        enforce: true,
    };
    for (routes, policies) in [(10, 10), (10_000, 1_000)] {
        let rules = rules(routes, policies);
        let head = Head::read(&raw, &reading).unwrap();
        let mounted = rules.mount(listener, &head).unwrap();
        let request = Request::new(head.clone(), &mounted, body.clone()).unwrap();
        let Ok(Routed::Action(hit)) = rules.route(&request) else { panic!("no action") };
        let decide = || rules.decide(&hit.action, Some("payments"), &caller, Some(&request), &hit.defects, 0);
        println!("{routes} routes, {policies} policies, body of {} bytes: {what}", body.len());
        println!("  read the head      {:>7} ns", best(|| Head::read(&raw, &reading)));
        println!(
            "  mount, body need   {:>7} ns",
            best(|| rules.mount(listener, &head).map(|mounted| rules.body_need(&mounted, &head)))
        );
        let whole = || Request::new(head.clone(), &mounted, body.clone());
        println!("  read the body      {:>7} ns", best(whole));
        println!("  route, parameters  {:>7} ns", best(|| rules.route(&request)));
        println!("  decide             {:>7} ns", best(decide));
        let all = || -> Option<_> {
            let request = whole().ok()?;
            let Ok(Routed::Action(hit)) = rules.route(&request) else { return None };
            Some(rules.decide(&hit.action, Some("payments"), &caller, Some(&request), &hit.defects, 0))
        };
        println!("  body to decision   {:>7} ns", best(all));
    }
}
