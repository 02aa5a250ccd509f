//! What reading, matching and deciding cost: `cargo bench -p holdshort-rules --bench decide`, for a small and a large
//! set of rules.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use divan::Bencher;
use holdshort_rules::config::load::{NoSecrets, Source, load};
use holdshort_rules::config::{SourceType, Trust};
use holdshort_rules::decision::{Caller, Decision};
use holdshort_rules::request::wire::Wire;
use holdshort_rules::request::{HttpVersion, RawHead, Reading};
use holdshort_rules::ruleset::{Hit, Mounted, Routed};
use holdshort_rules::{Head, Request, Ruleset};

/// Fields as APIs have them: 36 in 7 objects and lists, 928 bytes.
const BODY: &str = concat!(
    r#"{"amount":100,"customer":"cus_1","currency":"eur","reason":"requested_by_customer","#,
    r#""charge":"ch_3PqWmX2eZvKYlo2C1a2b3c4d","description":"Refund for a parcel that arrived two weeks late","#,
    r#""reverse_transfer":false,"refund_application_fee":null,"instructions_email":"jane.doe@example.com","#,
    r#""metadata":{"order_id":"ord_20260311_000417","ticket":"SUP-48213","agent":"billing-assistant","run":"7f3c9a52"},"#,
    r#""address":{"name":"Jane Doe","line1":"Unter den Linden 77","line2":null,"city":"Berlin","postal_code":"10117","#,
    r#""country":"DE","phone":"+49 30 1234567"},"items":[{"sku":"SHOE-42-BLK","quantity":1,"unit_price":79.95,"#,
    r#""title":"Running shoe, black"},{"sku":"SOCK-03","quantity":3,"unit_price":6.50,"title":"Sports socks \"Pro\""}],"#,
    r#""context":{"channel":"chat","locale":"de-DE","confidence":0.93,"labels":["late","parcel","refund"],"#,
    r#""messages":[1841,1842,1847]},"requested_at":"2026-03-11T09:24:51Z","idempotency":"1b9d6bcd-bbfd-4b2d-9b5d"}"#,
);
const HEADERS: &[(&[u8], &[u8])] = &[
    (b"Host", b"gate.example:8080"),
    (b"User-Agent", b"python-requests/2.32"),
    (b"Accept", b"*/*"),
    (b"Accept-Encoding", b"gzip, deflate"),
    (b"Connection", b"keep-alive"),
    (b"Content-Type", b"application/json"),
    (b"Content-Length", b"928"),
    (b"Authorization", b"Bearer hsk_agent_0123456789"),
];
const RAW: RawHead<'static> = RawHead {
    version: HttpVersion::Http11,
    method: "POST",
    target: b"/payments/v1/refunds/re_17",
    authority: None,
    headers: HEADERS,
};

const SMALL: &str = "10 routes, 10 policies";
const LARGE: &str = "10000 routes, 1000 policies";
const SIZES: [&str; 2] = [SMALL, LARGE];

/// One gate and a call that its first route and first policy are for.
struct Case {
    rules: Ruleset,
    reading: Reading,
    caller: Caller,
    head: Head,
    mounted: Mounted,
    request: Request,
    hit: Hit,
}

static OF: [LazyLock<Case>; 2] = [LazyLock::new(|| Case::new(10, 10)), LazyLock::new(|| Case::new(10_000, 1_000))];

fn of(size: &str) -> &'static Case {
    &OF[usize::from(size == LARGE)]
}

impl Case {
    fn new(routes: usize, policies: usize) -> Case {
        let rules = rules(routes, policies);
        let reading = Reading { permit_header: "holdshort-permit".to_owned(), head_limit: 32 * 1024 };
        let head = Head::read(&RAW, &reading).unwrap();
        let mounted = rules.mount("127.0.0.1:8080".parse().unwrap(), &head).unwrap();
        let request = Request::new(head.clone(), &mounted, Bytes::from_static(BODY.as_bytes())).unwrap();
        let Ok(Routed::Action(hit)) = rules.route(&request) else { panic!("no action") };
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
        Case { rules, reading, caller, head, mounted, request, hit }
    }

    fn mount(&self, head: &Head) -> Mounted {
        let mounted = self.rules.mount("127.0.0.1:8080".parse().unwrap(), head).unwrap();
        divan::black_box(self.rules.body_need(&mounted, head));
        mounted
    }

    fn decide(&self, request: &Request, hit: &Hit) -> Decision {
        self.rules.decide(&hit.action, Some("payments"), &self.caller, Some(request), &hit.defects, 0)
    }

    fn body_to_decision(&self, head: Head, mounted: &Mounted) -> Decision {
        let request = Request::new(head, mounted, Bytes::from_static(BODY.as_bytes())).unwrap();
        let Ok(Routed::Action(hit)) = self.rules.route(&request) else { panic!("no action") };
        self.decide(&request, &hit)
    }
}

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

/// The raw bytes of a head, as they are followed on the connection.
#[divan::bench]
fn a_bytes_of_the_head(bencher: Bencher<'_, '_>) {
    let mut bytes = [RAW.method.as_bytes(), b" ", RAW.target, b" HTTP/1.1\r\n"].concat();
    for (name, value) in HEADERS {
        bytes.extend([name, b": ".as_slice(), value, b"\r\n"].concat());
    }
    bytes.extend(b"\r\n");
    bencher.bench_local(|| Wire::new(32 * 1024).read(&bytes));
}

#[divan::bench]
fn b_head(bencher: Bencher<'_, '_>) {
    bencher.bench_local(|| Head::read(&RAW, &of(SMALL).reading));
}

#[divan::bench(args = SIZES)]
fn c_mount(bencher: Bencher<'_, '_>, size: &str) {
    let case = of(size);
    bencher.bench_local(|| case.mount(&case.head));
}

#[divan::bench(args = SIZES)]
fn d_body(bencher: Bencher<'_, '_>, size: &str) {
    let case = of(size);
    let read = |head| Request::new(head, &case.mounted, Bytes::from_static(BODY.as_bytes()));
    bencher.with_inputs(|| case.head.clone()).bench_local_values(read);
}

#[divan::bench(args = SIZES)]
fn e_route(bencher: Bencher<'_, '_>, size: &str) {
    let case = of(size);
    bencher.bench_local(|| case.rules.route(&case.request));
}

#[divan::bench(args = SIZES)]
fn f_decide(bencher: Bencher<'_, '_>, size: &str) {
    let case = of(size);
    bencher.bench_local(|| case.decide(&case.request, &case.hit));
}

#[divan::bench(args = SIZES)]
fn g_body_to_decision(bencher: Bencher<'_, '_>, size: &str) {
    let case = of(size);
    bencher.with_inputs(|| case.head.clone()).bench_local_values(|head| case.body_to_decision(head, &case.mounted));
}

#[divan::bench(args = SIZES)]
fn h_head_to_decision(bencher: Bencher<'_, '_>, size: &str) {
    let case = of(size);
    bencher.bench_local(|| {
        let head = Head::read(&RAW, &case.reading).unwrap();
        let mounted = case.mount(&head);
        case.body_to_decision(head, &mounted)
    });
}

fn main() {
    assert_eq!(BODY.len(), 928);
    divan::main();
}
