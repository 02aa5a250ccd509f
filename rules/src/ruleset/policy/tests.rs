//! Which policy decides, and what it asks for.

use proptest::prelude::*;

use crate::config::{Excluded, RiskTier, SourceType, Trust};
use crate::decision::{Action, Caller, Decision, DenyReason, Requirement, Verdict};
use crate::ruleset::tests::{caller, decide_at, hit, request, rules};
use crate::ruleset::{Params, Ruleset, Timestamp};

const FRAME: &str = "
proxy: { listen: 127.0.0.1:8080 }
admin: { listen: 127.0.0.1:8081, url: http://127.0.0.1:8081 }
projects: [support]
teams: { finance: [dana@example.com], ops: [kofi@example.com] }
upstreams:
  api:
    url: http://127.0.0.1:9000
    at: /a
    projects: [default, support]
    routes:
      - { action: read_x, match: GET /x, risk_tier: low }
      - { action: write_x, match: POST /x, params: { n: { from: /n, type: integer }, name: /name } }
      - { action: drop_x, match: DELETE /x, risk_tier: critical }
      - { action: deploy, match: POST /deploy, risk_tier: high }
";

fn gate(more: &str) -> Ruleset {
    rules(&format!("{FRAME}{more}"))
}

const WEDNESDAY: &str = "2026-11-18T10:00:00Z";
const SATURDAY: &str = "2026-11-21T10:00:00Z";

fn word(decision: &Decision) -> String {
    let verdict = match &decision.verdict {
        Verdict::Approve => "approve",
        Verdict::Require(_) => "require",
        Verdict::Deny { reason: DenyReason::BlockedByPolicy, .. } => "deny",
        Verdict::Deny { reason: DenyReason::OutsideSchedule, .. } => "outside",
        Verdict::Deny { reason: DenyReason::Stopped, .. } => "stopped",
    };
    format!("{verdict} {}", decision.policy.as_deref().unwrap_or("-"))
}

/// Rows of `request => verdict policy`.
fn check(rules: &Ruleset, caller: &Caller, at: &str, table: &str) {
    for row in table.lines().map(str::trim).filter(|row| row.contains("=>")) {
        let (text, expected) = row.split_once("=>").unwrap();
        let decision = decide_at(rules, caller, &text.trim().replace(" ¶ ", "\n\n"), at);
        assert_eq!(word(&decision), expected.trim(), "{row}: {decision:#?}");
    }
}

fn requirement(rules: &Ruleset, text: &str) -> Requirement {
    match decide_at(rules, &caller(), text, WEDNESDAY).verdict {
        Verdict::Require(requirement) => requirement,
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn without_policies_people_decide() {
    let rules = gate("");
    check(&rules, &caller(), WEDNESDAY, "GET /a/x => require -\nDELETE /a/x => require -");
    let asked = requirement(&rules, "GET /a/x");
    assert_eq!((asked.required, asked.expires_in.as_secs(), asked.confirm), (1, 3600, None));
}

#[test]
fn priority_then_severity_then_place() {
    let rules = gate(
        "
policies:
  - { name: low approve, action: '*', decision: auto_approve, priority: -1 }
  - { name: approve, action: '*_x', decision: auto_approve }
  - { name: require, action: read_x, decision: require_approval }
  - { name: require later, action: 'read_*', decision: require_approval }
  - { name: deny, action: [drop_x], decision: auto_deny }
  - { name: high approve, action: 'write_?', decision: auto_approve, priority: 5 }
",
    );
    check(
        &rules,
        &caller(),
        WEDNESDAY,
        "GET /a/x => require require\nDELETE /a/x => deny deny\nPOST /a/x ¶ {\"n\":1,\"name\":\"a\"} => approve high approve\nPOST /a/deploy => approve low approve",
    );
}

#[test]
fn a_policy_is_for_whom_it_names() {
    let one = |keys: &str| gate(&format!("policies:\n  - {{ name: it, decision: auto_approve, {keys} }}\n"));
    let matches = |keys: &str, caller: &Caller| decide_at(&one(keys), caller, "GET /a/x", WEDNESDAY).policy.is_some();
    let with = |change: fn(&mut Caller)| {
        let mut caller = caller();
        change(&mut caller);
        caller
    };
    for (keys, yes, no) in [
        ("agent: bill*", caller(), with(|caller| caller.fingerprint = "other".to_owned())),
        ("agent: [x, billing]", caller(), with(|caller| caller.fingerprint = "billing2".to_owned())),
        ("project: default", caller(), with(|caller| caller.project = "support".to_owned())),
        ("source_type: devops", with(|caller| caller.source_type = SourceType::Devops), caller()),
        ("source_type: any, trust: active", caller(), with(|caller| caller.trust = Trust::New)),
        ("trust: established", with(|caller| caller.trust = Trust::Verified), caller()),
        ("when: agent.trust == 'new'", with(|caller| caller.trust = Trust::New), caller()),
    ] {
        assert!(matches(keys, &yes), "{keys}");
        assert!(!matches(keys, &no), "{keys}");
    }
    for (keys, yes) in [
        ("upstream: api", true),
        ("upstream: 'a*'", true),
        ("action: read_x", true),
        ("action: [write_x, 'read_*']", true),
        ("action: write_x", false),
        ("action: READ_X", false),
        ("risk_tier: low", true),
        ("risk_tier: high", false),
        ("risk_tier: any", true),
        ("when: request.method == 'GET' && request.path == '/x'", true),
        ("when: request.method == 'POST'", false),
    ] {
        assert_eq!(matches(keys, &caller()), yes, "{keys}");
    }
}

#[test]
fn a_declared_call_has_no_upstream_and_no_request() {
    let rules = gate(
        "
policies:
  - { name: by upstream, upstream: '*', decision: auto_approve, priority: 3 }
  - { name: by request, action: write_x, when: request.method == 'POST', decision: auto_approve, priority: 2 }
  - { name: rest, decision: auto_deny }
",
    );
    let hit = hit(&rules, "POST /a/x\n\n{\"n\":1,\"name\":\"a\"}");
    let at: Timestamp = WEDNESDAY.parse().unwrap();
    let decision = rules.decide(&hit.action, None, &caller(), None, &[], at.as_microsecond());
    assert_eq!(word(&decision), "require by request");
}

#[test]
fn what_cannot_be_evaluated_ends_the_walk_there() {
    let walk = |decision: &str| {
        gate(&format!(
            "
policies:
  - {{ name: first, action: write_x, when: params.n < 10, decision: {decision}, priority: 2 }}
  - {{ name: second, action: write_x, decision: auto_approve, priority: 1 }}
"
        ))
    };
    for body in [
        "{\"name\":\"a\"}",
        "{\"n\":\"1\",\"name\":\"a\"}",
        "{\"n\":null,\"name\":\"a\"}",
        "{\"n\":1e0,\"name\":\"a\"}",
    ] {
        let text = format!("POST /a/x ¶ {body}");
        for (decision, expected) in
            [("auto_approve", "require"), ("require_approval", "require"), ("auto_deny", "deny")]
        {
            check(&walk(decision), &caller(), WEDNESDAY, &format!("{text} => {expected} first"));
        }
    }
    let decision = decide_at(&walk("auto_approve"), &caller(), "POST /a/x\n\n{\"name\":\"a\"}", WEDNESDAY);
    assert_eq!(decision.trace[0].detail, "cannot be decided by a rule: params.n is missing");
}

#[test]
fn a_defect_is_never_approved() {
    let by_policy = gate("policies:\n  - { name: all, decision: auto_approve }\n");
    let by_tier = gate("risk_tiers:\n  medium: { decision: auto_approve }\n");
    let denied = gate("policies:\n  - { name: all, decision: auto_deny }\n");
    let (good, bad) = ("POST /a/x ¶ {\"n\":1,\"name\":\"a\"}", "POST /a/x ¶ {\"n\":1,\"name\":[\"a\"]}");
    check(&by_policy, &caller(), WEDNESDAY, &format!("{good} => approve all\n{bad} => require all"));
    check(&by_tier, &caller(), WEDNESDAY, &format!("{good} => approve -\n{bad} => require -"));
    check(&denied, &caller(), WEDNESDAY, &format!("{bad} => deny all"));
}

#[test]
fn approvals_merge_field_by_field() {
    let rules = gate(
        "
approval: { expires_in: 2h }
risk_tiers:
  critical: { approvals: { required: 2, from: [ops], not: [owner], confirm: true, delay: 5m } }
  high: { approvals: { confirm: true } }
policies:
  - { name: d, action: drop_x, decision: require_approval, approvals: { from: [finance], expires_in: 10m } }
  - { name: r, action: read_x, decision: require_approval, approvals: { all_of: [[finance], [ops]], required: 1 } }
  - { name: p, action: deploy, decision: require_approval, approvals: { confirm: false } }
  - { name: w, action: write_x, decision: require_approval, approvals: { confirm: 'write {params.name}' } }
",
    );
    let asked = requirement(&rules, "DELETE /a/x");
    assert_eq!((asked.required, asked.from, asked.not), (2, vec!["finance".to_owned()], vec![Excluded::Owner]));
    assert_eq!((asked.delay.as_secs(), asked.expires_in.as_secs()), (300, 600));
    assert_eq!(asked.confirm.as_deref(), Some("drop_x"));
    let asked = requirement(&rules, "GET /a/x");
    assert_eq!(asked.all_of, [["finance"], ["ops"]]);
    assert_eq!(asked.expires_in.as_secs(), 7200);
    assert_eq!(requirement(&rules, "POST /a/deploy").confirm, None);
    let typed = |body: &str| requirement(&rules, &format!("POST /a/x\n\n{body}")).confirm;
    assert_eq!(typed("{\"n\":1,\"name\":\"seven\"}").as_deref(), Some("write seven"));
    assert_eq!(typed("{\"n\":1}").as_deref(), Some("write_x"), "nobody can type what is missing");
}

#[test]
fn outside_its_schedule_a_policy_denies_or_is_skipped() {
    let rules = gate(
        "
policies:
  - { name: workdays, action: deploy, decision: auto_approve, schedule: { block_weekends: true }, message: Come back on Monday. }
  - { name: weekends, action: read_x, decision: auto_approve, schedule: { allow: [Sat-Sun 00:00-24:00], outside: skip } }
",
    );
    check(&rules, &caller(), WEDNESDAY, "POST /a/deploy => approve workdays\nGET /a/x => require -");
    check(&rules, &caller(), SATURDAY, "POST /a/deploy => outside workdays\nGET /a/x => approve weekends");
    let open = decide_at(&rules, &caller(), "POST /a/deploy", WEDNESDAY);
    let next: Timestamp = "2026-11-21T00:00:00Z".parse().unwrap();
    assert_eq!(open.blocked_from, Some(next.as_microsecond()));
    let closed = decide_at(&rules, &caller(), "POST /a/deploy", SATURDAY);
    let Verdict::Deny { message, .. } = closed.verdict else { panic!() };
    assert_eq!((message.as_str(), closed.blocked_from), ("Come back on Monday.", None));
}

#[test]
fn what_is_not_enforced_is_recorded_and_the_walk_goes_on() {
    let rules = gate(
        "
policies:
  - { name: trial, action: read_x, decision: auto_deny, enforce: false, priority: 2 }
  - { name: reads, action: read_x, decision: auto_approve }
",
    );
    let decision = decide_at(&rules, &caller(), "GET /a/x", WEDNESDAY);
    assert_eq!(word(&decision), "approve reads");
    assert!(!decision.observed);
    let recorded: Vec<_> = decision.recorded.iter().map(|it| (it.policy.as_str(), it.would)).collect();
    assert_eq!(recorded, [("trial", "auto_deny")]);
    let lines: Vec<String> = decision.trace.iter().map(|step| format!("{}: {}", step.what, step.detail)).collect();
    assert_eq!(lines, ["policy trial: not enforced: recorded only", "policy reads: auto_approve"]);
}

#[test]
fn a_gate_an_upstream_or_an_agent_can_be_watched_only() {
    let observed = |rules: &Ruleset, caller: &Caller| decide_at(rules, caller, "GET /a/x", WEDNESDAY).observed;
    assert!(!observed(&gate(""), &caller()));
    assert!(observed(&gate("enforce: false\n"), &caller()));
    assert!(observed(&gate(""), &Caller { enforce: false, ..caller() }));
    assert!(observed(&rules(&FRAME.replace("at: /a", "at: /a\n    enforce: false")), &caller()));
}

#[test]
fn the_trace_of_what_waits_says_why_each_policy_did_not_match() {
    let rules = gate(
        "
policies:
  - { name: other agent, action: deploy, agent: nobody, decision: auto_approve, priority: 9 }
  - { name: other trust, action: 'dep*', trust: verified, decision: auto_approve, priority: 8 }
  - { name: not asked, action: read_x, decision: auto_approve, priority: 7 }
  - { name: too risky, when: risk.score < 10, decision: auto_approve, priority: 6 }
",
    );
    let decision = decide_at(&rules, &caller(), "POST /a/deploy", WEDNESDAY);
    let lines: Vec<String> =
        decision.trace.iter().map(|step| format!("{} {} {}", step.matched, step.what, step.detail)).collect();
    assert_eq!(
        lines,
        [
            "false policy other agent agent is billing",
            "false policy other trust trust is active",
            "false policy too risky `risk.score < 10` is false: risk.score is 60",
            "true tier high require_approval",
        ]
    );
}

#[test]
fn a_thousand_policies_are_as_fast_as_ten() {
    let build = |count: usize| {
        let mut policies = "policies:\n".to_owned();
        for at in 0..count {
            let glob = if at % 2 == 0 { format!("act_{at}") } else { format!("act_{at}_*") };
            policies.push_str(&format!("  - {{ name: p{at}, action: '{glob}', decision: auto_deny }}\n"));
        }
        policies.push_str("  - { name: reads, action: read_x, decision: auto_approve }\n");
        gate(&policies)
    };
    let best = |rules: &Ruleset| {
        let request = request(rules, "GET /a/x").unwrap();
        let hit = hit(rules, "GET /a/x");
        (0..20)
            .map(|_| {
                let start = std::time::Instant::now();
                for _ in 0..200 {
                    let decision = rules.decide(&hit.action, Some("api"), &caller(), Some(&request), &[], 0);
                    assert_eq!(decision.verdict, Verdict::Approve);
                }
                start.elapsed()
            })
            .min()
            .unwrap()
    };
    let (few, many) = (best(&build(10)), best(&build(1000)));
    assert!(many < few * 2, "10 policies {few:?}, 1 000 policies {many:?}");
}

#[test]
fn rules_that_cannot_be_compiled_are_findings_with_a_place() {
    let more = "
policies:
  - { name: a, decision: auto_approve, when: 'param.n > 1' }
  - { name: b, decision: auto_approve, when: 'params.n >' }
";
    let source = crate::config::load::Source { name: "gate.yaml".to_owned(), text: format!("{FRAME}{more}") };
    let findings = crate::ruleset::check(vec![source]).map(|_| ()).unwrap_err().list;
    assert_eq!(findings.len(), 2);
    assert!(findings[0].message.contains("\"param\" is unknown"), "{findings:?}");
    let first = FRAME.lines().count() + 3;
    assert_eq!(findings.iter().map(|finding| finding.place.line as usize).collect::<Vec<_>>(), [first, first + 1]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// A deny above all else stays a deny, whoever asks with whatever body, whenever.
    #[test]
    fn a_deny_stays_a_deny(n in ".{0,8}", trust in 0_usize..5, at in 0_i64..4_000_000_000_000_000, defect in any::<bool>()) {
        let rules = DENYING.with(Clone::clone);
        let params = Params::from_iter([("n".to_owned(), crate::ruleset::ParamValue::String(n))]);
        let action = crate::decision::Action {
            name: "drop_x".to_owned(),
            risk_tier: crate::config::RiskTier::Low,
            title: String::new(),
            params,
        };
        let caller = Caller { trust: Trust::ALL[trust], ..caller() };
        let defects = if defect { vec!["parameter n: missing".to_owned()] } else { Vec::new() };
        let decision = rules.decide(&action, Some("api"), &caller, None, &defects, at);
        let denied = matches!(decision.verdict, Verdict::Deny { .. });
        prop_assert!(denied, "{:?}", decision);
    }
}

thread_local! {
    static DENYING: std::rc::Rc<Ruleset> = std::rc::Rc::new(gate(
        "
policies:
  - { name: approve, decision: auto_approve, priority: 5, action: 'read_*' }
  - { name: same, decision: auto_approve, action: drop_x }
  - { name: deny, decision: auto_deny, action: 'drop_*', when: 'params.n != 1 || true' }
",
    ));
}

#[test]
fn trust_changes_what_policies_leave_open() {
    let rules = rules(
        "
upstreams: { api: { url: http://127.0.0.1:9000, at: /api, routes: [ { action: act, match: POST /a, risk_tier: high } ] } }
risk_tiers: { high: { approvals: { required: 1, delay: 1m } }, critical: { approvals: { required: 2, delay: 5m } } }
trust:
  verified: { high: { decision: auto_approve }, critical: { approvals: { required: 1, delay: 0s } } }
  established: { high: { decision: auto_approve } }
  new: { high: { approvals: { required: 3 } } }
policies: [ { name: named, action: named, decision: require_approval, approvals: { required: 4 } } ]
",
    );
    let of = |action: &str, risk_tier, trust| {
        let caller = Caller { trust, ..caller() };
        let action = Action { name: action.into(), risk_tier, title: String::new(), params: Params::new() };
        match rules.decide(&action, Some("api"), &caller, None, &[], 0).verdict {
            Verdict::Approve => "approve".to_owned(),
            Verdict::Require(asked) => format!("{} {}s", asked.required, asked.delay.as_secs()),
            Verdict::Deny { .. } => "deny".to_owned(),
        }
    };
    for (action, tier, trust, wanted) in [
        ("act", RiskTier::High, Trust::Verified, "approve"),
        ("act", RiskTier::High, Trust::Established, "approve"),
        ("act", RiskTier::High, Trust::Active, "1 60s"),
        ("act", RiskTier::High, Trust::New, "3 60s"),
        ("act", RiskTier::High, Trust::Unregistered, "1 60s"),
        ("act", RiskTier::Critical, Trust::Verified, "1 0s"),
        ("act", RiskTier::Critical, Trust::Established, "2 300s"),
        // What a policy says stays.
        ("named", RiskTier::High, Trust::Verified, "4 60s"),
        ("named", RiskTier::Critical, Trust::Verified, "4 0s"),
    ] {
        assert_eq!(of(action, tier, trust), wanted, "{action} {tier:?} {trust:?}");
    }
}
