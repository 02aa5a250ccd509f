//! Whole calls, from bytes to a decision.

use std::sync::Arc;

use bytes::Bytes;

use super::*;
use crate::config::load::{NoSecrets, Source, load};
use crate::config::{SourceType, Trust};
use crate::decision::{DenyReason, Requirement, Verdict};
use crate::request::{HttpVersion, RawHead, Reading};

pub(super) fn rules(text: &str) -> Ruleset {
    let source = Source { name: "gate.yaml".to_owned(), text: text.to_owned() };
    let (config, _) = load(vec![source], &NoSecrets).unwrap_or_else(|findings| panic!("{findings}"));
    Ruleset::compile(Arc::new(config)).unwrap_or_else(|findings| panic!("{findings:?}"))
}

pub(super) fn caller() -> Caller {
    Caller {
        name: "billing".to_owned(),
        fingerprint: "billing".to_owned(),
        project: "default".to_owned(),
        owner: Some("dana@example.com".to_owned()),
        framework: None,
        trust: Trust::Active,
        source_type: SourceType::AiAgent,
        risk_sensitivity: None,
        enforce: true,
    }
}

/// `METHOD target`, header lines, an empty line, the body.
pub(super) fn request(rules: &Ruleset, text: &str) -> Result<Request, Malformed> {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let mut lines = head.lines().map(str::trim);
    let (method, target) = lines.next().unwrap().split_once(' ').unwrap();
    let mut headers: Vec<(&[u8], &[u8])> = vec![(b"host", b"gate.example")];
    headers.extend(lines.map(|line| line.split_once(':').unwrap()).map(|(n, v)| (n.as_bytes(), v.as_bytes())));
    let length = body.len().to_string();
    if !body.is_empty() {
        headers.push((b"content-length", length.as_bytes()));
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(b"content-type")) {
            headers.push((b"content-type", b"application/json"));
        }
    }
    let raw =
        RawHead { version: HttpVersion::Http11, method, target: target.as_bytes(), authority: None, headers: &headers };
    let reading = Reading { permit_header: "holdshort-permit".to_owned(), head_limit: 32 * 1024 };
    let head = Head::read(&raw, &reading)?;
    let mounted = rules.mount("127.0.0.1:8080".parse().unwrap(), &head).expect("no mount");
    Request::new(head, &mounted, Bytes::copy_from_slice(body.as_bytes()))
}

pub(super) fn routed(rules: &Ruleset, text: &str) -> Result<Routed, Malformed> {
    rules.route(&request(rules, text)?)
}

pub(super) fn hit(rules: &Ruleset, text: &str) -> Hit {
    match routed(rules, text) {
        Ok(Routed::Action(hit)) => hit,
        other => panic!("{text}: {other:?}"),
    }
}

pub(super) fn decide_at(rules: &Ruleset, caller: &Caller, text: &str, at: &str) -> Decision {
    let request = request(rules, text).unwrap();
    let Ok(Routed::Action(hit)) = rules.route(&request) else { panic!("no action: {text}") };
    let at: Timestamp = at.parse().unwrap();
    let upstream = Some(request.upstream.config.name.as_str());
    rules.decide(&hit.action, upstream, caller, Some(&request), &hit.defects, at.as_microsecond())
}

pub(super) fn decide(rules: &Ruleset, text: &str) -> Decision {
    decide_at(rules, &caller(), text, "2026-11-18T10:00:00Z")
}

fn required(decision: Decision) -> Requirement {
    match decision.verdict {
        Verdict::Require(requirement) => requirement,
        other => panic!("{other:?}"),
    }
}

const GATE: &str = r#"
proxy: { listen: 127.0.0.1:8080 }
admin: { listen: 127.0.0.1:8081, url: http://127.0.0.1:8081 }
teams: { finance: [dana@example.com, kofi@example.com] }
risk_tiers:
  low: { decision: auto_approve }
  critical: { approvals: { required: 2, confirm: true } }
upstreams:
  payments:
    url: http://127.0.0.1:9000/api
    at: /payments
    routes:
      - action: issue_refund
        match: POST /v1/refunds
        risk_tier: high
        title: "Refund {params.amount|money:EUR} to {params.customer_id}"
        params: { amount: { from: /amount, type: integer }, customer_id: /customer_id }
      - action: read_payments
        match: GET /v1/**
        risk_tier: low
      - match: GET /v1/stream
        pass: true
      - action: drop_table
        match: DELETE /v1/tables/{table}
        risk_tier: critical
policies:
  - name: small refunds
    action: issue_refund
    when: params.amount > 0 && params.amount <= 100
    decision: auto_approve
    priority: 10
  - name: refunds need finance
    action: issue_refund
    decision: require_approval
    approvals: { from: [finance], expires_in: 30m, confirm: "{params.customer_id}" }
    priority: 5
  - name: no drops
    action: drop_*
    decision: auto_deny
    message: "Not executed: databases are dropped by people, never by agents."
"#;

#[test]
fn a_small_refund_passes_and_a_large_one_waits_for_finance() {
    let rules = rules(GATE);
    let small = "POST /payments/v1/refunds\n\n{\"amount\": 100, \"customer_id\": \"cus_1\"}";
    let decision = decide(&rules, small);
    assert_eq!((decision.verdict, decision.policy.as_deref()), (Verdict::Approve, Some("small refunds")));

    let large = "POST /payments/v1/refunds\n\n{\"amount\": 125000, \"customer_id\": \"cus_1\"}";
    assert_eq!(hit(&rules, large).action.title, "Refund 1,250.00 EUR to cus_1");
    let decision = decide(&rules, large);
    assert_eq!(decision.policy.as_deref(), Some("refunds need finance"));
    assert_eq!(
        decision.trace.iter().map(|step| (step.what.as_str(), step.matched, step.detail.as_str())).collect::<Vec<_>>(),
        [
            (
                "policy small refunds",
                false,
                "`params.amount > 0 && params.amount <= 100` is false: params.amount is 125000"
            ),
            ("policy refunds need finance", true, "require_approval")
        ]
    );
    let requirement = required(decision);
    assert_eq!((requirement.from, requirement.required), (vec!["finance".to_owned()], 1));
    assert_eq!(requirement.confirm.as_deref(), Some("cus_1"));
    assert_eq!(requirement.expires_in.as_secs(), 1800);
}

#[test]
fn an_amount_that_is_missing_or_a_text_is_for_people() {
    let rules = rules(GATE);
    for body in [
        r#"{"customer_id": "c"}"#,
        r#"{"amount": "50", "customer_id": "c"}"#,
        r#"{"amount": [50], "customer_id": "c"}"#,
        r#"{"amount": 5e1, "customer_id": "c"}"#,
    ] {
        let decision = decide(&rules, &format!("POST /payments/v1/refunds\n\n{body}"));
        assert_eq!(decision.policy.as_deref(), Some("small refunds"), "{body}");
        required(decision);
    }
}

#[test]
fn a_denied_action_says_the_policys_words() {
    let decision = decide(&rules(GATE), "DELETE /payments/v1/tables/users");
    let message = "Not executed: databases are dropped by people, never by agents.".to_owned();
    assert_eq!(decision.verdict, Verdict::Deny { reason: DenyReason::BlockedByPolicy, message });
}

#[test]
fn the_tier_decides_where_no_policy_does() {
    let decision = decide(&rules(GATE), "GET /payments/v1/charges?limit=3");
    assert_eq!((decision.verdict, decision.policy), (Verdict::Approve, None));
}

#[test]
fn the_target_carries_the_upstreams_own_path() {
    let rules = rules(GATE);
    let target = |text| request(&rules, text).unwrap().target;
    assert_eq!(target("GET /payments/v1/charges?limit=3"), "/api/v1/charges?limit=3");
    assert_eq!(target("GET /payments"), "/api");
    assert_eq!(target("GET /payments/"), "/api");
}

#[test]
fn upstreams_are_found_by_listener_then_host_then_longest_path() {
    let rules = rules(
        "
proxy: { listen: 127.0.0.1:8080 }
admin: { listen: 127.0.0.1:8081, url: http://127.0.0.1:8081 }
agents: { billing: {} }
upstreams:
  root: { url: http://127.0.0.1:1/, at: / }
  short: { url: http://127.0.0.1:2, at: /pay }
  long: { url: http://127.0.0.1:3, at: [/pay/v2, /other] }
  named: { url: http://127.0.0.1:4, host: pay.gate.internal }
  own: { url: http://127.0.0.1:5, listen: { address: 127.0.0.1:8090, agent: billing } }
",
    );
    let mount = |listener: &str, host: &str, target: &str| {
        let headers: [(&[u8], &[u8]); 1] = [(b"host", host.as_bytes())];
        let raw = RawHead {
            version: HttpVersion::Http11,
            method: "GET",
            target: target.as_bytes(),
            authority: None,
            headers: &headers,
        };
        let reading = Reading { permit_header: "holdshort-permit".to_owned(), head_limit: 32 * 1024 };
        let head = Head::read(&raw, &reading).unwrap();
        let mounted = rules.mount(listener.parse().unwrap(), &head).unwrap();
        let agent = mounted.bound_agent.unwrap_or_default();
        format!("{} {:?} {} {agent}", mounted.upstream.config.name, mounted.prefix, mounted.path).trim_end().to_owned()
    };
    for (listener, host, target, expected) in [
        ("127.0.0.1:8080", "x", "/pay", "short \"/pay\" /"),
        ("127.0.0.1:8080", "x", "/pay/", "short \"/pay\" /"),
        ("127.0.0.1:8080", "x", "/p%61y/a?b", "short \"/pay\" /a"),
        ("127.0.0.1:8080", "x", "/pay/v2/a/b/c", "long \"/pay/v2\" /a/b/c"),
        ("127.0.0.1:8080", "x", "/pay/v2", "long \"/pay/v2\" /"),
        ("127.0.0.1:8080", "x", "/pay/v20", "short \"/pay\" /v20"),
        ("127.0.0.1:8080", "x", "/other/x", "long \"/other\" /x"),
        ("127.0.0.1:8080", "x", "/payments", "root \"\" /payments"),
        ("127.0.0.1:8080", "x", "/PAY/x", "root \"\" /PAY/x"),
        ("127.0.0.1:8080", "x", "/", "root \"\" /"),
        ("127.0.0.1:8080", "Pay.Gate.Internal.:8080", "/pay/x", "named \"\" /pay/x"),
        ("127.0.0.1:8090", "pay.gate.internal", "/pay/x", "own \"\" /pay/x billing"),
    ] {
        assert_eq!(mount(listener, host, target), expected, "{listener} {host} {target}");
    }
}

#[test]
fn a_request_that_rested_is_the_one_it_was() {
    let rules = rules(
        "upstreams:
  api:
    url: http://127.0.0.1:9/base
    at: /api
    paths: { encoded_slash: allow }
    routes:
      - { action: pay, match: { method: POST, path: '/pay/{id}', body: { /kind: card } }, params: { n: { from: /n, type: integer } } }
      - { action: send, match: { method: POST, path: /form, form: { to: '*' } }, params: { to: form.to } }
      - { action: ask, match: { path: /graph, graphql: { field: '*' } } }
      - { action: get, match: 'GET /**', params: { q: query.q } }
  tools: { url: 'http://127.0.0.1:9', at: /t, protocol: mcp, routes: [{ match: { mcp: { tool: '*' } } }] }
",
    );
    for text in [
        "POST /api/pay/a%2fb?x=1\nx-thing: 1\n\n{\"kind\":\"card\",\"n\":1e2,\"s\":\"\\u00e9\"}",
        "POST /api/form\ncontent-type: application/x-www-form-urlencoded\n\nto=a+b&c=%26",
        "POST /api/form\ncontent-type: multipart/form-data; boundary=b\n\n--b\r\ncontent-disposition: form-data; name=\"to\"\r\n\r\nme\r\n--b--\r\n",
        "POST /api/graph\n\n{\"query\":\"query($a: Int = 3) { a(n: $a) b: c }\"}",
        "GET /api/graph?query=%7Ba%7D",
        "GET /api/x%20y/?q=%C3%A9",
        "POST /t/mcp\nmcp-session-id: s\nholdshort-agent: x\naccept-encoding: gzip\n\n{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"t\",\"arguments\":{\"n\":[1.0,{}]}}}",
    ] {
        let request = request(&rules, text).unwrap();
        let resting = crate::request::Resting::new(&request);
        let again = resting.wake().unwrap();
        assert_eq!(again.content, request.content, "{text}");
        assert_eq!((&again.head, &again.body, &again.path), (&request.head, &request.body, &request.path), "{text}");
        assert_eq!((&again.target, &again.content_digest), (&request.target, &request.content_digest), "{text}");
        let (before, after) = (rules.route(&request).unwrap(), rules.route(&again).unwrap());
        assert_eq!(format!("{after:?}"), format!("{before:?}"), "{text}");
        assert!(resting.weight() <= request.weight(), "{text}");
    }
}

#[test]
fn a_batch_goes_on_only_where_each_message_would_by_itself() {
    let upstream = |more: &str| {
        rules(&format!(
            "upstreams:
  tools:
    url: http://127.0.0.1:9
    at: /t
    protocol: mcp
{more}
    routes:
      - {{ match: {{ mcp: {{ tool: free }} }}, pass: true }}
      - {{ action: delete, match: {{ mcp: {{ tool: 'delete_*' }} }}, risk_tier: high }}
"
        ))
    };
    let (rejects, passes, asks) =
        (upstream(""), upstream("    unmatched: pass"), upstream("    unmatched: require_approval"));
    let hides = rules(
        "upstreams: { tools: { url: 'http://127.0.0.1:9', at: /t, protocol: mcp, routes: [{ match: { mcp: { tool: x } }, hide: true }] } }",
    );
    let call = |id: u32, tool: &str| {
        format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"tools/call\",\"params\":{{\"name\":\"{tool}\"}}}}")
    };
    let [ping, list] =
        ["ping", "tools/list"].map(|method| format!("{{\"jsonrpc\":\"2.0\",\"id\":9,\"method\":\"{method}\"}}"));
    let (free, delete, other) = (call(1, "free"), call(2, "delete_all"), call(3, "other"));
    for (rules, messages, expected) in [
        (&rejects, vec![&ping], "protocol"),
        (&rejects, vec![&list, &free], "pass"),
        (&rejects, vec![&free, &ping], "pass"),
        (
            &rejects,
            vec![&ping, &delete],
            "a batch with a call that rules decide (delete_all): send each message in a request of its own [9 2]",
        ),
        (
            &rejects,
            vec![&delete],
            "a batch with a call that rules decide (delete_all): send each message in a request of its own [2]",
        ),
        (
            &rejects,
            vec![&free, &other],
            "a batch with a call that rules decide (other): send each message in a request of its own [1 3]",
        ),
        (&passes, vec![&other, &ping], "pass, unmatched"),
        (
            &passes,
            vec![&other, &delete],
            "a batch with a call that rules decide (delete_all): send each message in a request of its own [3 2]",
        ),
        (
            &asks,
            vec![&ping, &other],
            "a batch with a call that rules decide (other): send each message in a request of its own [9 3]",
        ),
        (&hides, vec![&list], "tools/list in a batch: send each message in a request of its own [9]"),
    ] {
        let body = messages.iter().map(|message| message.as_str()).collect::<Vec<_>>().join(",");
        let seen = match routed(rules, &format!("POST /t\n\n[{body}]")) {
            Ok(Routed::Protocol) => "protocol".to_owned(),
            Ok(Routed::Pass { unmatched, .. }) => if unmatched { "pass, unmatched" } else { "pass" }.to_owned(),
            Ok(other) => format!("{other:?}"),
            Err(error) => {
                format!("{} {}", error.what, error.rpc_id.unwrap().to_string().replace(',', " "))
            }
        };
        assert_eq!(seen, expected, "{body}");
    }
}
