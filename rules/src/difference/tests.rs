//! A table of changes, and which of them weaken.

use std::sync::Arc;

use super::overlap::globs_meet;
use super::*;
use crate::config::load::{NoSecrets, Source, load};
use crate::ruleset::Ruleset;

const GATE: &str = r#"
enforce: true
proxy: { anonymous: reject }
permit: { lifetime: 60s }
risk_tiers:
  low: { decision: auto_approve }
  critical: { approvals: { required: 2, confirm: true } }
teams: { finance: [dana@example.com, kofi@example.com] }
projects: [support]
agents: { billing: { project: support, trust: new, owner: dana@example.com } }
upstreams:
  payments:
    url: https://127.0.0.1:9000/api
    at: /payments
    unmatched: reject
    projects: [support]
    headers: { set: { authorization: "Bearer ${KEY}" }, remove: [x-*] }
    routes:
      - action: issue_refund
        match: POST /v1/refunds
        risk_tier: high
        params: { amount: { from: /amount, type: integer } }
      - { action: drop_table, match: DELETE /v1/tables/*, risk_tier: critical }
      - { action: read, match: GET /v1/**, risk_tier: low }
policies:
  - name: small
    action: issue_refund
    when: params.amount <= 100
    decision: auto_approve
    priority: 10
  - name: large
    action: issue_refund
    decision: require_approval
    approvals: { required: 2, from: [finance], not: [owner], delay: 5m, confirm: true }
    priority: 5
  - { name: no drops, action: drop_*, decision: auto_deny, schedule: { block_weekends: true } }
"#;

fn rules(text: &str) -> Ruleset {
    let source = Source { name: "gate.yaml".to_owned(), text: text.to_owned() };
    let (config, _) = load(vec![source], &NoSecrets).unwrap_or_else(|findings| panic!("{findings}"));
    Ruleset::compile(Arc::new(config)).unwrap()
}

/// The changes when `from` becomes `to`, one line each; `!` stands where it weakens.
fn changed(from: &str, to: &str) -> Vec<String> {
    assert!(GATE.contains(from), "{from}");
    let (old, new) = (rules(GATE), rules(&GATE.replacen(from, to, 1)));
    let lines = differences(old.config(), new.config()).into_iter().flat_map(|change| {
        let mark = |weaker: &Option<String>| if weaker.is_some() { "! " } else { "" };
        let own = format!("{}{} {} {}", mark(&change.weaker), change.kind.as_str(), change.what, change.name);
        let fields = change.fields.iter();
        let fields: Vec<String> = fields
            .map(|field| {
                format!("{}{} {}: {} -> {}", mark(&field.weaker), change.name, field.name, field.before, field.after)
            })
            .collect();
        if fields.is_empty() { vec![own] } else { fields }
    });
    lines.collect()
}

#[test]
fn nothing_changed_where_only_the_writing_did() {
    assert_eq!(changed("enforce: true\n", ""), [""; 0]);
    assert_eq!(changed("permit: { lifetime: 60s }", "permit: { lifetime: 1m }"), [""; 0]);
}

#[test]
fn each_change_is_named_and_marked_where_it_weakens() {
    let mut wrong = Vec::new();
    for (from, to, wanted) in [
        ("enforce: true", "enforce: false", "! settings enforce: true -> false"),
        ("anonymous: reject", "anonymous: allow", "! settings proxy.anonymous: reject -> allow"),
        ("lifetime: 60s", "lifetime: 2m", "! settings permit.lifetime: 60s -> 120s"),
        ("lifetime: 60s", "lifetime: 30s", "settings permit.lifetime: 60s -> 30s"),
        ("low: { decision: auto_approve }", "low: {}", "low decision: auto_approve -> require_approval"),
        (
            "low: {",
            "medium: { decision: auto_approve }\n  low: {",
            "! medium decision: require_approval -> auto_approve",
        ),
        (
            "critical: { approvals: { required: 2",
            "critical: { approvals: { required: 1",
            "! critical approvals.required: 2 -> 1",
        ),
        ("required: 2, confirm: true } }", "required: 2 } }", "! critical approvals.confirm: true -> not set"),
        (
            ", kofi@example.com]",
            ", kofi@example.com, ann@example.com]",
            "! finance members: [dana@example.com, kofi@example.com] -> [dana@example.com, kofi@example.com, ann@example.com]",
        ),
        (
            "[support]\nagents",
            "{ support: { unregistered: accept } }\nagents",
            "! support unregistered accept: false -> true",
        ),
        ("trust: new", "trust: verified", "! billing trust: new -> verified"),
        ("trust: new", "trust: unregistered", "billing trust: new -> unregistered"),
        ("trust: new,", "trust: new, enforce: false,", "! billing enforce: true -> false"),
        ("https://127", "http://127", "! payments url: https://127.0.0.1:9000/api -> http://127.0.0.1:9000/api"),
        ("unmatched: reject", "unmatched: pass", "! payments unmatched: reject -> pass"),
        ("unmatched: reject", "unmatched: require_approval", "! payments unmatched: reject -> require_approval"),
        ("unmatched: reject", "unmatched: reject\n    enforce: false", "! payments enforce: true -> false"),
        (
            "projects: [support]\n    headers",
            "projects: [support, default]\n    headers",
            "! payments projects: [support] -> [support, default]",
        ),
        ("remove: [x-*]", "remove: [x-y]", "! payments headers.remove: [x-*] -> [x-y]"),
        ("remove: [x-*]", "remove: ['*']", "payments headers.remove: [x-*] -> [*]"),
        ("set: { authorization: \"Bearer ${KEY}\" }, ", "", "! payments headers.set: [authorization] -> []"),
        (
            "at: /payments",
            "at: /payments\n    paths: { encoded_slash: allow }",
            "! payments paths.encoded_slash allow: false -> true",
        ),
        ("risk_tier: high", "risk_tier: medium", "! payments: issue_refund risk_tier: high -> medium"),
        ("risk_tier: high", "risk_tier: critical", "payments: issue_refund risk_tier: high -> critical"),
        (
            "from: /amount",
            "from: /total",
            "! payments: issue_refund params.amount: Json(\"/amount\") Integer -> Json(\"/total\") Integer",
        ),
        (
            "action: issue_refund\n        match",
            "action: refund\n        match",
            "! payments: refund action: issue_refund -> refund",
        ),
        (
            "      - { action: drop_table, match: DELETE /v1/tables/*, risk_tier: critical }\n",
            "",
            "removed route payments: drop_table",
        ),
        (
            "DELETE /v1/tables/*, risk_tier: critical",
            "GET /v1/tables/*, risk_tier: critical",
            "payments: drop_table match: DELETE /v1/tables/* -> GET /v1/tables/*",
        ),
        (
            "      - { action: read",
            "      - { action: ship, match: POST /v1/ship }\n      - { action: read",
            "added route payments: ship",
        ),
        (
            "      - { action: read",
            "      - { action: ship, match: POST /v1/ship, risk_tier: low }\n      - { action: read",
            "! added route payments: ship",
        ),
        (
            "      - { action: read",
            "      - { action: ship, match: POST /v1/* }\n      - { action: read",
            "! added route payments: ship",
        ),
        (
            "      - { action: read",
            "      - { match: GET /v1/stream, pass: true }\n      - { action: read",
            "! added route payments: GET /v1/stream",
        ),
        ("when: params.amount <= 100\n    ", "", "! small when: params.amount <= 100 -> not set"),
        ("<= 100", "<= 500", "! small when: params.amount <= 100 -> params.amount <= 500"),
        ("priority: 10", "priority: 20", "! small priority: 10 -> 20"),
        ("priority: 10", "priority: 9", "small priority: 10 -> 9"),
        ("priority: 5", "priority: 4", "! large priority: 5 -> 4"),
        ("decision: auto_deny,", "decision: auto_approve,", "! no drops decision: auto_deny -> auto_approve"),
        (
            "decision: auto_approve
    priority",
            "decision: auto_deny
    priority",
            "small decision: auto_approve -> auto_deny",
        ),
        ("approvals: { required: 2, from", "approvals: { required: 1, from", "! large approvals.required: 2 -> 1"),
        ("approvals: { required: 2, from", "approvals: { from", "! large approvals.required: 2 -> not set"),
        ("from: [finance], ", "", "! large approvals.from: [finance] -> not set"),
        ("not: [owner], ", "", "! large approvals.not: [owner] -> not set"),
        ("delay: 5m, ", "", "! large approvals.delay: 300s -> not set"),
        ("delay: 5m", "delay: 6m", "large approvals.delay: 300s -> 360s"),
        (", confirm: true }\n    priority", " }\n    priority", "! large approvals.confirm: true -> not set"),
        ("action: drop_*", "action: drop_table", "! no drops action: [drop_*] -> [drop_table]"),
        ("action: drop_*", "action: '*'", "no drops action: [drop_*] -> [*]"),
        (
            "  - name: small\n    action: issue_refund",
            "  - name: small\n    action: issue_*",
            "! small action: [issue_refund] -> [issue_*]",
        ),
        ("decision: auto_deny,", "decision: auto_deny, enforce: false,", "! no drops enforce: true -> false"),
        ("decision: auto_deny,", "decision: auto_deny, trust: verified,", "! no drops trust: any -> verified"),
        ("decision: auto_deny,", "decision: require_approval,", "! no drops decision: auto_deny -> require_approval"),
        (", decision: auto_deny, schedule: { block_weekends: true }", ", decision: auto_deny", "no drops schedule: "),
        (
            "  - { name: no drops",
            "  - { name: all, decision: auto_approve }\n  - { name: no drops",
            "! added policy all",
        ),
        (
            "  - { name: no drops",
            "  - { name: all, decision: require_approval }\n  - { name: no drops",
            "added policy all",
        ),
        (
            "  - { name: no drops",
            "  - { name: all, decision: require_approval, priority: 1 }\n  - { name: no drops",
            "! added policy all",
        ),
        (
            "  - { name: no drops, action: drop_*, decision: auto_deny, schedule: { block_weekends: true } }\n",
            "",
            "! removed policy no drops",
        ),
    ] {
        let found = changed(from, to);
        if !(found.len() == 1 && found[0].starts_with(wanted)) {
            wrong.push(format!("{from} => {to}: {found:#?}, wanted {wanted}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_removed_route_weakens_where_a_laxer_one_takes_its_calls() {
    let gate = GATE.replace("DELETE /v1/tables/*", "GET /v1/tables/*");
    let without = gate.replace("      - { action: drop_table, match: GET /v1/tables/*, risk_tier: critical }\n", "");
    let changes = differences(rules(&gate).config(), rules(&without).config());
    assert_eq!(changes.len(), 1);
    assert!(changes[0].weaker.as_ref().is_some_and(|why| why.contains("payments: read")), "{changes:?}");
}

#[test]
fn two_globs_meet_where_some_text_matches_both() {
    for (a, b, wanted) in [
        ("", "", true),
        ("a", "a", true),
        ("a", "b", false),
        ("*", "", true),
        ("*", "anything", true),
        ("drop_*", "*_table", true),
        ("drop_*", "read_*", false),
        ("a?c", "abc", true),
        ("a?c", "ac", false),
        ("*b*", "a*c", true),
        ("?*", "", false),
        ("read_*", "*", true),
    ] {
        assert_eq!((globs_meet(a, b), globs_meet(b, a)), (wanted, wanted), "{a} and {b}");
    }
}

const RECORD: &str = r#"{"data":[
 {"id":"int_1","source":"billing","source_type":"ai_agent","project":"support","agent":{"name":"billing","trust":"new"},
  "upstream":"payments","action":"issue_refund","created_at":"2026-11-18T10:00:00Z",
  "request":{"method":"POST","target":"/api/v1/refunds","headers":[{"name":"content-type","value":"application/json"},{"name":"host","value":"x"}],
             "body":"{\"amount\":200}","body_encoding":"utf-8","size":14,"truncated":false}},
 {"id":"int_2","source":"billing","source_type":"ai_agent","project":"support","agent":{"name":"billing","trust":"new"},
  "upstream":null,"action":"drop_table","risk_tier":"critical","parameters":{},"created_at":"2026-11-18T10:00:00Z","request":null}],
 "next_cursor":null}
{"id":"int_3","source":"billing","project":"support","agent":{"name":"billing"},"upstream":"payments","created_at":"2026-11-18T10:00:00Z",
 "request":{"method":"POST","target":"/api/v1/refunds","headers":[],"body":null,"size":9000000,"truncated":true}}
"#;

/// `id: before -> after`, `!` where it is weaker, nothing where it stays.
fn replayed(from: &str, to: &str) -> Vec<String> {
    assert!(GATE.contains(from), "{from}");
    let (old, new) = (rules(GATE), rules(&GATE.replacen(from, to, 1)));
    let recorded = read_recorded(RECORD).unwrap();
    assert_eq!(recorded.len(), 3);
    let all = recorded.iter().map(|one| one.replay(&old, &new));
    let line = |one: Replayed| match &one.came {
        Ok((before, after)) if one.differs() => {
            let mark = if one.weaker() { "! " } else { "" };
            let shown = |came: &Came| format!("{} {}", came.decision.as_str(), came.required);
            Some(format!("{mark}{}: {} -> {}", one.id, shown(before), shown(after)))
        }
        Ok(_) => None,
        Err(why) => Some(format!("{} {why}", one.id)),
    };
    all.filter_map(line).collect()
}

#[test]
fn recorded_intents_are_decided_by_both() {
    let kept = "int_3 its body is not kept in the record";
    assert_eq!(replayed("lifetime: 60s", "lifetime: 60s"), [kept]);
    for (from, to, wanted) in [
        ("<= 100", "<= 500", "! int_1: require_approval 2 -> auto_approve 0"),
        (
            "approvals: { required: 2, from",
            "approvals: { required: 1, from",
            "! int_1: require_approval 2 -> require_approval 1",
        ),
        ("match: POST /v1/refunds", "match: POST /v2/refunds", "int_1: require_approval 2 -> no_route 0"),
        ("decision: auto_deny,", "decision: require_approval,", "! int_2: auto_deny 0 -> require_approval 2"),
        ("trust: new", "trust: new, enforce: false", "! int_1: require_approval 2 -> pass 2"),
    ] {
        assert_eq!(replayed(from, to).first().map(String::as_str), Some(wanted), "{from} => {to}");
    }
}

#[test]
fn what_is_no_record_is_refused() {
    for (text, wanted) in [
        ("{", "document 1: EOF"),
        ("{\"a\":1}", "document 1: not an intent"),
        ("[1]", "document 1: not an intent"),
        ("{\"data\":[{\"id\":\"int_1\"}]}", "document 1: not an intent"),
    ] {
        let said = read_recorded(text).unwrap_err();
        assert!(said.starts_with(wanted), "{text}: {said}");
    }
    assert!(read_recorded("").unwrap().is_empty());
}
