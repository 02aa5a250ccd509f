//! Every key of the documented example arrives where the rest of the program looks for it.

use std::sync::Arc;
use std::time::Duration;

use holdshort_rules::Ruleset;
use holdshort_rules::config::*;

use crate::support::good;

const WHOLE: &str = include_str!("whole.yaml");

#[test]
fn it_compiles_to_rules() {
    Ruleset::compile(Arc::new(good(WHOLE))).unwrap_or_else(|findings| panic!("{findings}"));
}

#[test]
fn the_gate_is_read() {
    let config = good(WHOLE);
    assert_eq!(config.proxy.listen, ["127.0.0.1:8080".parse().unwrap()]);
    assert_eq!(config.proxy.anonymous, Anonymous::Reject);
    assert_eq!(config.admin.listen, "127.0.0.1:8081".parse().unwrap());
    assert_eq!(config.admin.url, "http://127.0.0.1:8081");
    assert_eq!(config.admin.agents_listen, None);
    assert_eq!(config.database.expose(), "sqlite:holdshort.db");
    assert_eq!(config.permit.algorithm, PermitAlgorithm::Es256);
    assert_eq!(config.permit.lifetime, Duration::from_secs(60));
    assert_eq!(config.permit.header, "holdshort-permit");
    assert_eq!(config.hold.timeout, HoldTimeout::Auto);
    assert_eq!(config.approval.expires_in, Duration::from_secs(3600));
    assert_eq!(config.approval.release_within, Duration::from_secs(600));
    assert_eq!(config.approval.replay_for, Duration::from_secs(600));
    assert_eq!(config.approval.denial_for, Duration::from_secs(600));
    assert!(!config.record.sync_full);
    assert!(config.enforce);
    assert_eq!(config.limits.body, 1 << 20);
    let high = &config.risk_tiers[&RiskTier::High];
    assert_eq!((high.decision, high.approvals.required, high.approvals.confirm.clone()), (None, Some(1), None));
    let critical = &config.risk_tiers[&RiskTier::Critical];
    assert_eq!(critical.approvals.confirm, Some(Confirm::Action));
    assert_eq!(config.risk_tiers.len(), 4);
    assert_eq!(config.digest.len(), 64);
}

#[test]
fn people_and_agents_are_read() {
    let config = good(WHOLE);
    assert_eq!(config.teams["finance"], ["dana@example.com", "kofi@example.com"]);
    let projects: Vec<&str> = config.projects.iter().map(|project| project.name.as_str()).collect();
    assert_eq!(projects, ["support", "default"]);
    assert!(config.projects.iter().all(|project| !project.accept_unregistered));
    let billing = &config.agents["billing"];
    assert_eq!(billing.project, "support");
    assert_eq!(billing.owner.as_deref(), Some("dana@example.com"));
    assert_eq!(billing.trust, Trust::Established);
    assert_eq!(billing.framework.as_deref(), Some("python"));
    assert_eq!(billing.hold, Some(HoldTimeout::For(Duration::from_secs(600))));
    assert_eq!(billing.source_type, SourceType::AiAgent);
    assert!(billing.enforce);
}

#[test]
fn the_upstream_and_its_routes_are_read() {
    let config = good(WHOLE);
    let payments = &config.upstreams["payments"];
    let url = UpstreamUrl { tls: false, host: "127.0.0.1".to_owned(), port: 9000, path: String::new() };
    assert_eq!(payments.url, url);
    assert_eq!(payments.at, ["/payments"]);
    assert_eq!(payments.protocol, Protocol::Http);
    assert_eq!(payments.unmatched, Unmatched::Reject);
    assert_eq!(payments.projects, ["default"]);
    assert_eq!(payments.headers_remove, ["impersonate-*"]);
    assert_eq!(payments.headers_set.keys().collect::<Vec<_>>(), ["authorization"]);
    assert!(!format!("{payments:?}").contains("Bearer"));

    let [refund, read, stream] = payments.routes.as_slice() else { panic!("{:?}", payments.routes) };
    assert_eq!(refund.action.as_deref(), Some("issue_refund"));
    assert_eq!(refund.matches[0].method.as_deref(), Some("POST"));
    assert_eq!(refund.matches[0].path.as_deref(), Some("/v1/refunds"));
    assert_eq!(refund.risk_tier, RiskTier::High);
    assert_eq!(refund.title.as_deref(), Some("Refund {params.amount|money:EUR} to {params.customer_id}"));
    assert_eq!(refund.params["amount"].from, ParamSource::Json("/amount".to_owned()));
    assert_eq!(refund.params["amount"].kind, Some(ParamType::Integer));
    assert_eq!(refund.params["customer_id"].from, ParamSource::Json("/customer_id".to_owned()));
    assert_eq!(refund.params["customer_id"].kind, None);
    assert_eq!((read.action.as_deref(), read.risk_tier), (Some("read_payments"), RiskTier::Low));
    assert!(stream.pass && !stream.upgrade && stream.action.is_none());
    assert_eq!(refund.place, Place { file: "gate.yaml".to_owned(), line: 28, column: 9 });
}

#[test]
fn the_policies_are_read_in_order() {
    let config = good(WHOLE);
    let [reads, small, finance, drops] = config.policies.as_slice() else { panic!("{:?}", config.policies) };
    assert_eq!((reads.name.as_str(), reads.priority), ("reads pass", 20));
    assert_eq!(reads.action, ["read_*"]);
    assert_eq!(reads.decision, PolicyDecision::AutoApprove);
    assert_eq!(small.agent, ["*"]);
    assert_eq!((small.source_type, small.risk_tier, small.trust), (None, None, None));
    assert_eq!(small.when.as_deref(), Some("params.amount > 0 && params.amount <= 100"));
    let approvals = &finance.approvals;
    assert_eq!(finance.decision, PolicyDecision::RequireApproval);
    assert_eq!(approvals.required, Some(1));
    assert_eq!(approvals.from.as_deref(), Some(["finance".to_owned()].as_slice()));
    assert_eq!(approvals.not.as_deref(), Some([Excluded::Owner].as_slice()));
    assert_eq!(approvals.delay, Some(Duration::ZERO));
    assert_eq!(approvals.expires_in, Some(Duration::from_secs(1800)));
    assert_eq!(approvals.confirm, Some(Confirm::Template("{params.customer_id}".to_owned())));
    let schedule = finance.schedule.as_ref().unwrap();
    assert_eq!(schedule.timezone, "Europe/Berlin");
    assert!(schedule.block_weekends);
    assert_eq!(schedule.block_hours, Some((0, 6)));
    assert_eq!(schedule.outside, Outside::Deny);
    assert_eq!(drops.decision, PolicyDecision::AutoDeny);
    assert_eq!(drops.message.as_deref(), Some("Not executed: databases are dropped by people, never by agents."));
    assert!(config.policies.iter().all(|policy| policy.enforce));
}
