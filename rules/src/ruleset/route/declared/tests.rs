use super::super::super::tests::{caller, rules};
use super::*;
use crate::decision::Verdict;
use crate::request::json::parse;

const RULES: &str = "
upstreams:
  payments:
    url: http://127.0.0.1:9
    at: /payments
    routes:
      - action: refund
        match: POST /refunds
        risk_tier: high
        title: 'Refund {params.amount} to {params.to}'
        params: { amount: { from: /amount, type: integer }, to: query.to }
      - { action: refund, match: PUT /refunds, risk_tier: critical }
      - { action: read, match: GET /**, risk_tier: low }
  tools:
    url: http://127.0.0.1:9/mcp
    at: /tools
    protocol: mcp
    routes:
      - { match: { mcp: { tool: deleteFile } }, risk_tier: critical }
policies:
  - { name: small, action: refund, when: params.amount <= 100, decision: auto_approve }
";

fn declared(name: &str, params: &str, asked: Option<RiskTier>) -> Declared {
    rules(RULES).declared(name, &parse(params.as_bytes()).unwrap(), RiskTier::Medium, asked).unwrap()
}

#[test]
fn the_tier_comes_from_the_routes_and_can_only_be_raised() {
    for (name, asked, wanted) in [
        ("refund", Some(RiskTier::Low), RiskTier::Critical),
        ("refund", None, RiskTier::Critical),
        ("read", None, RiskTier::Low),
        ("read", Some(RiskTier::High), RiskTier::High),
        ("deploy", None, RiskTier::Medium),
        ("deploy", Some(RiskTier::Low), RiskTier::Medium),
        ("deploy", Some(RiskTier::Critical), RiskTier::Critical),
        ("delete_file", Some(RiskTier::Low), RiskTier::Critical),
    ] {
        assert_eq!(declared(name, "{}", asked).action.risk_tier, wanted, "{name} {asked:?}");
    }
}

#[test]
fn parameters_are_what_the_route_says_or_count_as_missing() {
    let good = declared("refund", r#"{"amount":50,"to":"ann"}"#, None);
    assert_eq!(good.action.title, "Refund");
    assert!(good.defects.is_empty(), "the route without parameters is fitted best: {:?}", good.defects);
    let text = RULES.replace("      - { action: refund, match: PUT /refunds, risk_tier: critical }\n", "");
    let rules = rules(&text);
    let of = |params: &str| rules.declared("refund", &parse(params.as_bytes()).unwrap(), RiskTier::Low, None).unwrap();
    let good = of(r#"{"amount":50,"to":"ann"}"#);
    assert_eq!(
        (good.action.title.as_str(), good.upstreams.as_slice()),
        ("Refund 50 to ann", &["payments".to_owned()][..])
    );
    let decided = |declared: &Declared| {
        let Declared { action, defects, .. } = declared;
        rules.decide(action, Some("payments"), &caller(), None, defects, 0).verdict
    };
    assert_eq!(decided(&good), Verdict::Approve);
    for params in
        [r#"{"amount":"50","to":"ann"}"#, r#"{"to":"ann"}"#, r#"{"amount":50,"to":["ann"]}"#, r#"{"Amount":50}"#]
    {
        let bad = of(params);
        assert!(!bad.defects.is_empty(), "{params}");
        assert!(matches!(decided(&bad), Verdict::Require(_)), "{params}");
    }
}

#[test]
fn what_is_no_action_is_refused() {
    for name in ["", "Refund", "drop-all", "drop all", "_x", "9x", "дrop"] {
        let empty = parse(b"{}").unwrap();
        assert!(rules(RULES).declared(name, &empty, RiskTier::Low, None).is_err(), "{name}");
    }
    let list = parse(b"[]").unwrap();
    assert!(rules(RULES).declared("refund", &list, RiskTier::Low, None).is_err());
}
