//! Reading tests, running them, counting what they hit.

use std::sync::Arc;

use super::*;
use crate::config::load::{NoSecrets, load};

const GATE: &str = r#"
risk_tiers: { low: { decision: auto_approve } }
agents: { billing: { trust: established } }
teams: { finance: [dana@example.com, kofi@example.com] }
upstreams:
  payments:
    url: http://127.0.0.1:9000
    at: /payments
    routes:
      - action: issue_refund
        match: POST /v1/refunds
        risk_tier: high
        title: "Refund {params.amount} to {params.to}"
        params: { amount: { from: /amount, type: decimal }, to: /to }
      - { action: upload, match: { method: POST, path: /v1/files, form: { kind: "*" } }, params: { kind: form.kind } }
      - { action: read, match: GET /v1/**, risk_tier: low }
      - { match: GET /v1/stream, pass: true }
  tools:
    url: http://127.0.0.1:9100
    at: /tools
    protocol: mcp
    routes: [{ match: { mcp: { tool: "*" } }, risk_tier: low, params: { path: /path, tags: { from: /tags, type: list } } }]
policies:
  - { name: small, action: issue_refund, when: params.amount <= 100, decision: auto_approve, priority: 2 }
  - { name: watched, action: issue_refund, decision: auto_deny, enforce: false, priority: 1 }
  - name: large
    action: issue_refund
    decision: require_approval
    approvals: { required: 2, from: [finance], delay: 5m, confirm: "{params.to}" }
  - { name: never, action: drop_*, decision: auto_deny }
"#;

fn ruleset() -> Ruleset {
    let source = Source { name: "gate.yaml".to_owned(), text: GATE.to_owned() };
    let (config, _) = load(vec![source], &NoSecrets).unwrap_or_else(|findings| panic!("{findings}"));
    Ruleset::compile(Arc::new(config)).unwrap()
}

fn cases(text: &str) -> Result<Vec<Case>, Findings> {
    let source = Source { name: "gate.test.yaml".to_owned(), text: text.to_owned() };
    read(vec![source], ruleset().config())
}

/// The differences of one test, `what: expected, got`.
fn differences(test: &str) -> Vec<String> {
    let cases = cases(&format!("tests:\n  - {{ name: it, {test} }}\n")).unwrap_or_else(|findings| panic!("{findings}"));
    let report = cases[0].run(&ruleset());
    report.differences.iter().map(|one| format!("{}: {}, {}", one.what, one.expected, one.got)).collect()
}

#[test]
fn what_is_as_expected_leaves_no_difference() {
    for test in [
        r#"request: { method: POST, path: /payments/v1/refunds, body: { amount: 99.90, to: c1 } },
           expect: { action: issue_refund, decision: auto_approve, policy: small, upstream: payments, risk_tier: high,
                     params: { amount: 99.9, to: c1 }, title: "Refund 99.90 to c1", risk: { at_most: 100 } }"#,
        r#"request: { path: /payments/v1/refunds, json: '{"amount": 100.001, "to": "c1"}' }, agent: billing,
           expect: { policy: large, approvals: { required: 2, from: finance, delay: 5m, expires_in: 1h, confirm: c1 } }"#,
        "request: { path: /payments/v1/files, form: { kind: 'a&b=c' } }, expect: { action: upload, params: { kind: 'a&b=c' } }",
        "request: GET /payments/v1/x, expect: { decision: auto_approve, policy: none }",
        "request: GET /payments/v1/stream, expect: { decision: pass }",
        "request: DELETE /payments/v1/x, expect: { decision: no_route }",
        "request: { upstream: tools, tool: read_file, arguments: { path: /etc } }, expect: { action: read_file, params: { path: /etc } }",
        "request: { path: /payments/v1/refunds, text: hello }, expect: { decision: refused, message: application/json }",
    ] {
        assert_eq!(differences(test), [""; 0], "{test}");
    }
}

#[test]
fn what_differs_is_named_with_what_came() {
    let refund = "request: { path: /payments/v1/refunds, body: { amount: 500, to: c1 } }";
    for (test, wanted) in [
        (format!("{refund}, expect: {{ decision: auto_approve }}"), "decision: auto_approve, require_approval"),
        (format!("{refund}, expect: {{ policy: none }}"), "policy: none, large"),
        (format!("{refund}, expect: {{ params: {{ amount: 5, to: c1 }} }}"), "params.amount: 5, 500"),
        (format!("{refund}, expect: {{ params: {{ to: 1 }} }}"), "params.to: 1, \"c1\""),
        (format!("{refund}, expect: {{ params: {{ who: 1 }} }}"), "params.who: 1, none"),
        (format!("{refund}, expect: {{ approvals: {{ required: 1 }} }}"), "approvals.required: 1, 2"),
        (format!("{refund}, expect: {{ approvals: {{ confirm: false }} }}"), "approvals.confirm: false, c1"),
        (format!("{refund}, expect: {{ approvals: {{ not: owner }} }}"), "approvals.not: [owner], []"),
        (format!("{refund}, expect: {{ risk: {{ at_least: 100 }} }}"), "risk: 100 to 100, "),
        ("request: GET /nowhere, expect: { action: read }".to_owned(), "action: read, none"),
        (
            "request: { upstream: tools, tool: x, arguments: { path: a, tags: [b, c] } }, expect: { params: { tags: [b] } }".to_owned(),
            "params.tags: [\"b\"], [\"b\",\"c\"]",
        ),
        (
            "request: { upstream: tools, tool: x, arguments: { path: a, tags: [b] } }, expect: { params: { tags: [b, c] } }".to_owned(),
            "params.tags: [\"b\",\"c\"], [\"b\"]",
        ),
        (
            "request: GET /payments/v1/x, expect: { approvals: { required: 1 } }".to_owned(),
            "approvals.required: 1, none",
        ),
    ] {
        let found = differences(&test);
        assert!(found.len() == 1 && found[0].starts_with(wanted), "{test}: {found:?}");
    }
}

#[test]
fn the_time_of_a_test_is_its_own_or_the_files_or_always_the_same() {
    let text = "at: 2026-11-18T10:00:00Z\ntests:\n  \
                - { name: a, request: GET /payments/v1/x, expect: { decision: pass } }\n  \
                - { name: b, request: GET /payments/v1/x, at: '2026-11-18T10:00[Europe/Berlin]', expect: { decision: pass } }\n";
    let at: Vec<i64> = cases(text).unwrap().iter().map(|case| case.at).collect();
    let micros = |text: &str| text.parse::<jiff::Timestamp>().unwrap().as_microsecond();
    assert_eq!(at, [micros("2026-11-18T10:00:00Z"), micros("2026-11-18T09:00:00Z")]);
    let plain = cases("tests: [{ name: a, request: GET /payments/v1/x, expect: { decision: pass } }]").unwrap();
    assert_eq!(plain[0].at, micros("2026-01-07T12:00:00Z"));
}

#[test]
fn what_is_wrong_in_a_file_of_tests_is_told_with_its_place() {
    let expect = "expect: { decision: pass }";
    for (test, wanted) in [
        (format!("request: GET /x, expct: 1, {expect}"), "unknown key `expct`"),
        ("request: GET /x, expect: { decison: pass }".to_owned(), "did you mean `decision`?"),
        ("request: GET /x, expect: { decision: approve }".to_owned(), "unknown-word"),
        ("request: GET /x, expect: {}".to_owned(), "this test expects nothing"),
        ("request: GET /x".to_owned(), "the key `expect` is missing"),
        (format!("request: /x, {expect}"), "expected a method and a path"),
        (format!("request: {{ path: /x, client: localhost }}, {expect}"), "expected an IP address"),
        (format!("request: {{ method: GET }}, {expect}"), "this request has no path"),
        (format!("request: {{ path: x }}, {expect}"), "starts with `/`"),
        (format!("request: {{ path: /x, body: 1, text: a }}, {expect}"), "one body: `body` or `text`"),
        (format!("request: {{ path: /x, url: 'http://a/x' }}, {expect}"), "the same thing twice"),
        (format!("request: {{ path: /x, arguments: {{}} }}, {expect}"), "belong to a `tool`"),
        (format!("request: {{ upstream: payment, path: /x }}, {expect}"), "did you mean `payments`?"),
        (format!("request: GET /x, agent: biling, {expect}"), "did you mean `billing`?"),
        (format!("request: GET /x, agent: {{ project: nowhere }}, {expect}"), "no project `nowhere`"),
        (format!("request: GET /x, at: tomorrow, {expect}"), "expected a time such as"),
        (format!("request: {{ path: /x, body: 0x10 }}, {expect}"), "a value that JSON can carry"),
    ] {
        let text = format!("tests:\n  - {{ name: it, {test} }}\n");
        let found = cases(&text).err().unwrap_or_else(|| panic!("{test} was taken")).to_string();
        assert!(found.contains(wanted) && found.contains("gate.test.yaml:2:"), "{test}:\n{found}");
    }
}

#[test]
fn a_secret_is_not_put_into_a_test() {
    let body =
        "request: { path: '/payments/v1/files', form: { kind: '${HOME}' } }, expect: { params: { kind: '${HOME}' } }";
    assert_eq!(differences(body), [""; 0]);
}

#[test]
fn coverage_names_what_no_test_hits() {
    let text = "tests:\n  \
                - { name: a, request: { path: /payments/v1/refunds, body: { amount: 500, to: c1 } }, expect: { policy: large } }\n  \
                - { name: b, request: GET /payments/v1/stream, expect: { decision: pass } }\n  \
                - { name: c, request: GET /payments/nowhere, expect: { decision: no_route } }\n";
    let rules = ruleset();
    let reports: Vec<Report> = cases(text).unwrap().iter().map(|case| case.run(&rules)).collect();
    let coverage = Coverage::of(rules.config(), &reports);
    let names = |missed: &[Missed]| missed.iter().map(|one| one.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&coverage.missed_routes), ["payments: upload", "payments: read", "tools: tool *"]);
    assert_eq!(names(&coverage.missed_policies), ["small", "never"], "what is only watched was hit, too");
    assert_eq!((coverage.routes, coverage.policies), (5, 4));
}

const GRAPH: &str = r#"
proxy: { trusted_proxies: [10.0.0.0/8] }
upstreams:
  graph:
    url: http://127.0.0.1:9200
    at: /graph
    routes:
      - { action: read, match: { path: /graphql, graphql: { operation: query } }, risk_tier: low }
      - { action: delete_user, match: { path: /graphql, graphql: { operation: mutation, field: deleteUser } }, risk_tier: critical }
      - { action: inside, match: { path: /inside, client: [192.0.2.0/24] } }
"#;

fn graph(tests: &str) -> (Vec<Report>, Coverage) {
    let source = |name: &str, text: &str| Source { name: name.to_owned(), text: text.to_owned() };
    let (config, _) =
        load(vec![source("gate.yaml", GRAPH)], &NoSecrets).unwrap_or_else(|findings| panic!("{findings}"));
    let rules = Ruleset::compile(Arc::new(config)).unwrap();
    let cases = read(vec![source("gate.test.yaml", tests)], rules.config()).unwrap_or_else(|it| panic!("{it}"));
    let reports: Vec<Report> = cases.iter().map(|case| case.run(&rules)).collect();
    let coverage = Coverage::of(rules.config(), &reports);
    (reports, coverage)
}

#[test]
fn the_route_of_a_graphql_call_counts_as_hit() {
    let (reports, coverage) = graph(
        "tests:\n  - { name: a, request: { path: /graph/graphql, body: { query: 'mutation { gone: deleteUser(id: 7) { id } }' } }, \
         expect: { action: delete_user } }\n",
    );
    assert!(reports[0].passed(), "{:?}", reports[0].differences);
    let missed: Vec<&str> = coverage.missed_routes.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(missed, ["graph: read", "graph: inside"]);
}

#[test]
fn a_test_says_from_which_address_it_calls() {
    let (reports, _) = graph(
        "tests:\n  \
         - { name: a, request: { path: /graph/inside, client: 192.0.2.7 }, expect: { action: inside } }\n  \
         - { name: b, request: { path: /graph/inside, client: 198.51.100.7 }, expect: { decision: no_route } }\n  \
         - { name: c, request: { path: /graph/inside }, expect: { decision: no_route } }\n  \
         - { name: d, request: { path: /graph/inside, client: 10.0.0.1, headers: { x-forwarded-for: 192.0.2.7 } }, expect: { action: inside } }\n  \
         - { name: e, request: { path: /graph/inside, client: 198.51.100.7, headers: { x-forwarded-for: 192.0.2.7 } }, expect: { decision: no_route } }\n",
    );
    for report in &reports {
        assert!(report.passed(), "{}: {:?}", report.name, report.differences);
    }
}
