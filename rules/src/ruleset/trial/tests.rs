//! Calls that nobody sent end where the same call would.

use bytes::Bytes;

use super::*;
use crate::ruleset::tests::rules;

const GATE: &str = r#"
projects: [support]
agents:
  Night_Watch: { project: support, trust: verified }
upstreams:
  payments:
    url: http://payments.internal:9000/api
    at: /pay
    routes:
      - { action: issue_refund, match: POST /v1/refunds, params: { amount: { from: /amount, type: integer } } }
      - { match: GET /v1/stream, pass: true }
  crm:
    url: https://crm.example.com
    host: crm.gate.internal
    listen: { address: 127.0.0.1:8090, agent: Night_Watch }
    projects: [support]
    routes: [{ action: read_contacts, match: GET /contacts/** }]
  tools:
    url: http://127.0.0.1:9100
    at: /tools
    protocol: mcp
    routes: [{ match: { mcp: { tool: "delete_*" } }, risk_tier: critical }]
"#;

fn walked(upstream: Option<&str>, method: &str, target: &str, body: &str) -> Walk {
    let json = ("content-type".to_owned(), "application/json".to_owned());
    let trial = Trial {
        upstream: upstream.map(str::to_owned),
        method: method.to_owned(),
        target: target.to_owned(),
        headers: vec![json],
        body: Bytes::copy_from_slice(body.as_bytes()),
        peer: None,
    };
    rules(GATE).walk(&trial, None, 0)
}

fn end(walk: &Walk) -> String {
    match &walk.end {
        End::Refused(why) => format!("refused {}", why.status),
        End::NoUpstream(why) => why.clone(),
        End::NoRoute => "no route".to_owned(),
        End::Pass { protocol: true } => "protocol".to_owned(),
        End::Pass { protocol: false } => "pass".to_owned(),
        End::Decided { hit, .. } => format!("{} {:?}", hit.action.name, walk.route),
    }
}

#[test]
fn each_way_to_name_a_call_leads_to_its_route() {
    let refund = r#"{"amount":5}"#;
    for (upstream, method, target, body, wanted) in [
        (None, "POST", "/pay/v1/refunds", refund, "issue_refund Some(0)"),
        (None, "POST", "http://127.0.0.1:8080/pay/v1/refunds", refund, "issue_refund Some(0)"),
        (None, "POST", "http://payments.internal:9000/api/v1/refunds", refund, "issue_refund Some(0)"),
        (Some("payments"), "POST", "/v1/refunds", refund, "issue_refund Some(0)"),
        (None, "GET", "/pay/v1/stream", "", "pass"),
        (None, "DELETE", "/pay/v1/refunds/1", "", "no route"),
        (None, "GET", "http://payments.internal:9000/apis", "", "no upstream is at http://payments.internal:9000/apis"),
        (None, "GET", "http://crm.gate.internal/contacts/7", "", "read_contacts Some(0)"),
        (None, "GET", "https://crm.example.com/contacts/7", "", "read_contacts Some(0)"),
        (None, "GET", "http://127.0.0.1:8090/contacts", "", "read_contacts Some(0)"),
        (None, "GET", "/elsewhere", "", "no upstream is at /elsewhere"),
        (None, "POST", "/pay/v1/%2e%2e/refunds", refund, "refused 400"),
        (None, "POST", "/pay/v1/refunds", r#"{"amount":5,"amount":6}"#, "refused 400"),
    ] {
        assert_eq!(end(&walked(upstream, method, target, body)), wanted, "{method} {target}");
    }
}

#[test]
fn a_bound_listener_says_who_calls_and_projects_keep_others_out() {
    let bound = walked(None, "GET", "http://127.0.0.1:8090/contacts", "");
    assert_eq!((bound.caller.name.as_str(), bound.caller.fingerprint.as_str()), ("Night_Watch", "night-watch"));
    let trial =
        Trial { upstream: Some("crm".into()), method: "GET".into(), target: "/contacts".into(), ..Trial::default() };
    let stranger = Caller::nobody_in_particular("default");
    let walk = rules(GATE).walk(&trial, Some(&stranger), 0);
    assert_eq!(end(&walk), "somebody is in the project default, which does not reach crm");
}

#[test]
fn a_body_over_the_limit_is_refused_before_it_is_read() {
    let body = format!("{{\"amount\":{}}}", " ".repeat(1 << 20));
    assert_eq!(end(&walked(None, "POST", "/pay/v1/refunds", &body)), "refused 413");
}

#[test]
fn tool_calls_and_the_handshake_are_told_apart() {
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"delete_file","arguments":{}}}"#;
    assert_eq!(end(&walked(Some("tools"), "POST", "/", call)), "delete_file Some(0)");
    let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    assert_eq!(end(&walked(Some("tools"), "POST", "/", list)), "protocol");
}
