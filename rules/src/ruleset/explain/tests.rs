//! Explanations as they are read.

use crate::decision::Step;
use crate::ruleset::tests::{request, rules};
use crate::ruleset::{End, Trial};

const GATE: &str = r#"
proxy: { listen: 127.0.0.1:8080 }
admin: { listen: 127.0.0.1:8081, url: http://127.0.0.1:8081 }
teams: { finance: [dana@example.com] }
upstreams:
  payments:
    url: http://127.0.0.1:1/v0
    at: /pay
    routes:
      - action: refund_abroad
        match: { method: POST, path: /refunds, body: { /country: "x*" } }
      - { action: refund_fast, match: { method: POST, path: /refunds, query: { fast: "1" } } }
      - action: issue_refund
        match: POST /refunds
        risk_tier: high
        params: { amount: { from: /amount, type: integer } }
        title: "Refund {params.amount}"
      - { action: read_all, match: GET /** }
      - { action: any_refund, match: /refunds }
policies:
  - { name: reads pass, action: read_*, decision: auto_approve, priority: 9 }
  - { name: small, action: issue_refund, when: params.amount <= 100, decision: auto_approve, priority: 8 }
  - { name: by trust, action: issue_refund, trust: verified, decision: auto_approve, priority: 7 }
  - { name: people, action: issue_refund, decision: require_approval, priority: 6 }
  - { name: never, decision: auto_deny, priority: -1 }
"#;

fn lines(steps: &[Step]) -> Vec<String> {
    let sign = |step: &Step| if step.matched { '+' } else { '-' };
    steps.iter().map(|step| format!("{} {}: {}", sign(step), step.what, step.detail)).collect()
}

fn post(body: &str) -> Trial {
    Trial {
        upstream: None,
        method: "POST".to_owned(),
        target: "/pay/refunds".to_owned(),
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: body.to_owned().into(),
        peer: None,
    }
}

#[test]
fn every_route_and_policy_says_which_value_failed() {
    let rules = rules(GATE);
    let said = rules.explain(&post(r#"{"amount":250,"country":"de"}"#), None, 0);
    assert_eq!(said.path.as_deref(), Some("/refunds"));
    assert_eq!(
        lines(&said.routes),
        [
            "- route POST /refunds: body at /country is \"de\"",
            "- route POST /refunds: query fast is missing",
            "+ route POST /refunds: issue_refund",
            "- route ANY /refunds: would match; POST /refunds goes first",
            "- route GET /**: method is POST",
        ]
    );
    assert_eq!(
        lines(&said.policies),
        [
            "- policy reads pass: action is issue_refund",
            "- policy small: `params.amount <= 100` is false: params.amount is 250",
            "- policy by trust: trust is new",
            "+ policy people: require_approval",
            "- policy never: not asked: people decides before; it would match",
            "- tier high: not asked: people decides before",
        ]
    );
}

#[test]
fn what_failed_to_be_evaluated_is_shown_and_named_in_the_decision() {
    let rules = rules(GATE);
    let said = rules.explain(&post(r#"{"amount":"250"}"#), None, 0);
    let End::Decided { decision, .. } = &said.walk.end else { panic!("{:?}", said.walk.end) };
    assert_eq!(decision.failed.as_deref(), Some("small"));
    assert_eq!(lines(&said.policies)[1], "+ policy small: cannot be decided by a rule: params.amount is missing");
    let good = rules.explain(&post(r#"{"amount":25}"#), None, 0);
    let End::Decided { decision, .. } = &good.walk.end else { panic!("{:?}", good.walk.end) };
    assert_eq!(decision.failed, None);
}

#[test]
fn what_people_see_is_short() {
    let rules = rules(GATE);
    let request = request(&rules, "POST /pay/refunds?fast=2\n\n{\"amount\":250}").unwrap();
    assert_eq!(
        lines(&rules.considered(&request)),
        [
            "- route POST /refunds: body at /country is missing",
            "- route POST /refunds: query fast is 2",
            "+ route POST /refunds: issue_refund",
        ]
    );
}

#[test]
fn a_call_that_is_refused_explains_no_rule() {
    let said = rules(GATE).explain(&post("{"), None, 0);
    assert!(matches!(said.walk.end, End::Refused(_)), "{:?}", said.walk.end);
    assert!(said.routes.is_empty() && said.policies.is_empty());
}
