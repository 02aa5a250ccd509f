//! The shorter and longer ways to write one thing.

use std::time::Duration;

use holdshort_rules::config::*;
use serde_json::json;

use crate::support::good;

fn upstream(keys: &str) -> Upstream {
    let text = format!("upstreams:\n  api:\n    url: https://api.test/v1/\n    at: /api\n{}", indented(keys));
    good(&text).upstreams.shift_remove("api").unwrap()
}

fn indented(keys: &str) -> String {
    keys.lines().map(|line| format!("    {line}\n")).collect()
}

fn matches(given: &str) -> Vec<Match> {
    upstream(&format!("routes:\n  - action: a\n    match: {given}")).routes.remove(0).matches
}

fn only(given: &str) -> Match {
    let mut all = matches(given);
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

fn policy(keys: &str) -> Policy {
    let text = "upstreams: { api: { url: http://api.test, at: /api } }\nteams: { ops: [a@b.test] }\npolicies:\n    - name: p\n";
    good(&format!("{text}{}", indented(keys))).policies.remove(0)
}

#[test]
fn where_an_upstream_is() {
    let given = upstream("");
    let url = UpstreamUrl { tls: true, host: "api.test".to_owned(), port: 443, path: "/v1".to_owned() };
    assert_eq!(given.url, url);
    let given = good("upstreams: { a: { url: \"http://[::1]:81\", at: / } }").upstreams.shift_remove("a").unwrap();
    assert_eq!((given.url.host.as_str(), given.url.port, given.url.path.as_str()), ("::1", 81, ""));
    assert_eq!(given.at, [""]);
}

#[test]
fn one_or_a_list() {
    let text = "agents: { bot: {} }\nproxy: { listen: [127.0.0.1:1, \"[::1]:1\"] }\nupstreams:\n  a: { url: http://a.test, \
                at: [/a, /b/], host: [A.test, b.test.], listen: [127.0.0.1:2, { address: localhost:3, agent: bot }] }\n";
    let mut config = good(text);
    assert_eq!(config.proxy.listen.len(), 2);
    let a = config.upstreams.shift_remove("a").unwrap();
    assert_eq!(a.at, ["/a", "/b"]);
    assert_eq!(a.host, ["a.test", "b.test"]);
    assert_eq!(a.listen[0].agent, None);
    assert_eq!(a.listen[1].address, "127.0.0.1:3".parse().unwrap());
    assert_eq!(a.listen[1].agent.as_deref(), Some("bot"));
}

#[test]
fn an_upstream_with_everything_set() {
    let given = upstream(
        "protocol: mcp\nannounce: true\nunmatched: require_approval\nenforce: false\npreserve_host: true\nhttp2: true\n\
         tls: { ca: roots.pem, server_name: inner.test }\ntimeouts: { connect: 250ms, read: 1h30m }\n\
         limits: { body: 64MiB }\npaths: { case: insensitive, encoded_slash: allow }\nhold: { timeout: 5s }\n\
         headers: { set: { X-Api-Key: 12 }, remove: X-* }",
    );
    assert_eq!((given.protocol, given.unmatched), (Protocol::Mcp, Unmatched::RequireApproval));
    assert!(given.announce);
    assert!(!given.enforce && given.preserve_host && given.http2);
    assert_eq!(given.tls.ca.as_deref(), Some("roots.pem"));
    assert_eq!(given.tls.server_name.as_deref(), Some("inner.test"));
    assert_eq!(given.connect_timeout, Duration::from_millis(250));
    assert_eq!(given.read_timeout, Duration::from_secs(5400));
    assert_eq!(given.body_limit, Some(64 << 20));
    assert!(given.paths.case_insensitive && given.paths.allow_encoded_slash);
    assert_eq!(given.hold, Some(HoldTimeout::For(Duration::from_secs(5))));
    assert_eq!(given.headers_set["x-api-key"].expose(), "12");
    assert_eq!(given.headers_remove, ["x-*"]);
}

#[test]
fn what_is_not_said_refuses() {
    let given = upstream("");
    assert_eq!((given.protocol, given.unmatched), (Protocol::Http, Unmatched::Reject));
    assert!(!given.announce);
    assert!(given.enforce && !given.preserve_host && !given.http2);
    assert!(!given.paths.case_insensitive && !given.paths.allow_encoded_slash);
    assert_eq!(given.projects, ["default"]);
    let config = good("upstreams: { api: { url: http://api.test, at: /api } }");
    assert_eq!(config.proxy.anonymous, Anonymous::Reject);
    assert!(config.enforce);
    assert!(config.risk_tiers.values().all(|tier| tier.decision.is_none()));
    assert!(config.projects.iter().all(|project| !project.accept_unregistered));
}

#[test]
fn matches_in_each_form() {
    let short = only("DELETE /v1/{id}/**");
    assert_eq!((short.method.as_deref(), short.path.as_deref()), (Some("DELETE"), Some("/v1/{id}/**")));
    let any = only("/v1/*");
    assert_eq!((any.method, any.path.as_deref()), (None, Some("/v1/*")));
    let map = only(
        "{ query: { limit: 10, all: true }, headers: { X-Mode: live* }, body: { /n: 1, /f: 1.5, /b: false, /s: a* } }",
    );
    assert_eq!(map.query["limit"], "10");
    assert_eq!(map.query["all"], "true");
    assert_eq!(map.headers["x-mode"], "live*");
    assert_eq!(serde_json::to_value(&map.body).unwrap(), json!({ "/n": 1, "/f": 1.5, "/b": false, "/s": "a*" }));
    assert_eq!(only("{ form: { version: 1.10 } }").form["version"], "1.10");
    let list = matches("[GET /a, { method: POST, path: /b }]");
    assert_eq!(list.iter().filter_map(|m| m.path.as_deref()).collect::<Vec<_>>(), ["/a", "/b"]);
    let product = matches("{ method: [PUT, PATCH], path: [/a, /b] }");
    let product: Vec<_> = product.iter().map(|m| (m.method.as_deref().unwrap(), m.path.as_deref().unwrap())).collect();
    assert_eq!(product, [("PUT", "/a"), ("PUT", "/b"), ("PATCH", "/a"), ("PATCH", "/b")]);
}

#[test]
fn mcp_matches() {
    let routes = upstream(
        "protocol: mcp\nroutes:\n  - match: { mcp: { tool: \"read_*\" } }\n  \
         - { match: { mcp: { method: resources/read, uri: \"file:///a/*\" } }, action: read_a }\n  \
         - { match: { mcp: { tool: admin } }, hide: true }",
    )
    .routes;
    let first = routes[0].matches[0].mcp.as_ref().unwrap();
    assert_eq!((first.tool.as_deref(), routes[0].action.as_deref()), (Some("read_*"), None));
    let second = routes[1].matches[0].mcp.as_ref().unwrap();
    assert_eq!((second.method.as_deref(), second.uri.as_deref()), (Some("resources/read"), Some("file:///a/*")));
    assert!(routes[2].hide && !routes[0].hide);
}

#[test]
fn parameters_in_each_form() {
    let params = upstream(
        "routes:\n  - action: a\n    match: /x/{id}\n    params:\n      a: /a/b~1c\n      b: path.id\n      c: query.page\n      \
         d: header.X-Mode\n      e: { from: form.e, type: decimal }\n    upgrade: reject",
    )
    .routes
    .remove(0)
    .params;
    assert_eq!(params["a"].from, ParamSource::Json("/a/b~1c".to_owned()));
    assert_eq!(params["b"].from, ParamSource::Path("id".to_owned()));
    assert_eq!(params["c"].from, ParamSource::Query("page".to_owned()));
    assert_eq!(params["d"].from, ParamSource::Header("x-mode".to_owned()));
    assert_eq!(
        (params["e"].from.clone(), params["e"].kind),
        (ParamSource::Form("e".to_owned()), Some(ParamType::Decimal))
    );
    assert_eq!(params.keys().collect::<Vec<_>>(), ["a", "b", "c", "d", "e"]);
}

#[test]
fn a_pass_route_may_upgrade() {
    let route = upstream("routes:\n  - { match: /ws, pass: true, upgrade: allow }").routes.remove(0);
    assert!(route.pass && route.upgrade);
}

#[test]
fn policies_with_everything_set() {
    let given = policy(
        "  action: [a_*, b]\n  agent: bot-*\n  upstream: api\n  project: default\n  source_type: devops\n  risk_tier: high\n  \
         trust: verified\n  decision: require_approval\n  enforce: false\n  priority: -3\n  \
         approvals: { required: 2, from: [Dana@Example.com, lin@example.com], all_of: [ops, [x@y.test, ops]], not: [owner, requester], confirm: false }",
    );
    assert_eq!(given.action, ["a_*", "b"]);
    assert_eq!(
        (given.agent, given.upstream, given.project),
        (vec!["bot-*".into()], vec!["api".into()], vec!["default".into()])
    );
    assert_eq!(given.source_type, Some(SourceType::Devops));
    assert_eq!((given.risk_tier, given.trust, given.priority), (Some(RiskTier::High), Some(Trust::Verified), -3));
    assert!(!given.enforce);
    assert_eq!(given.approvals.from.unwrap(), ["dana@example.com", "lin@example.com"]);
    assert_eq!(
        given.approvals.all_of.unwrap(),
        [vec!["ops".to_owned()], vec!["x@y.test".to_owned(), "ops".to_owned()]]
    );
    assert_eq!(given.approvals.not.unwrap(), [Excluded::Owner, Excluded::Requester]);
    assert_eq!(given.approvals.confirm, Some(Confirm::No));
}

#[test]
fn schedules_in_each_form() {
    let schedule = policy(
        "  decision: auto_approve\n  schedule: { allow: [Mon-Fri 08:00-18:00, \"Sat,Sun 10:30-24:00\", fri-mon 00:00-01:00], \
         outside: skip }",
    )
    .schedule
    .unwrap();
    assert_eq!((schedule.timezone.as_str(), schedule.outside), ("UTC", Outside::Skip));
    let window = |days: &[u8], from_minute, to_minute| AllowedTime { days: days.to_vec(), from_minute, to_minute };
    assert_eq!(
        schedule.allow,
        [window(&[0, 1, 2, 3, 4], 480, 1080), window(&[5, 6], 630, 1440), window(&[0, 4, 5, 6], 0, 60)]
    );
    let schedule = policy("  decision: auto_approve\n  schedule: { block_hours: [22, 6] }").schedule.unwrap();
    assert_eq!(
        (schedule.block_hours, schedule.block_weekends, schedule.outside),
        (Some((22, 6)), false, Outside::Deny)
    );
}

#[test]
fn gates_with_everything_set() {
    let config = good(
        "proxy: { anonymous: allow, tls: { cert: c, key: k } }\nadmin: { tls: { cert: c, key: k }, agents_listen: 127.0.0.1:8082 }\n\
         database: sqlite:/var/lib/gate.db\npermit: { algorithm: EdDSA, lifetime: 5m, header: X-Permit, keys: secret }\n\
         record: { sync: full }\nhold: { timeout: 50s }\n\
         approval: { expires_in: 2d, release_within: 1m, replay_for: 0s, denial_for: 0s }\n\
         limits: { body: 64MiB, head: 64KiB, head_timeout: 1s, stored_response: 0, held: 5,\n\
         \x20 held_bytes: 1GiB, per_agent: { held: 2, held_bytes: 8MiB }, per_project: { held: 4 } }\nenforce: false\n\
         risk_tiers: { low: { decision: auto_approve }, critical: { decision: auto_deny, message: never } }\n\
         projects: { support: { unregistered: accept }, other: {} }\n\
         upstreams: { api: { url: http://api.test, at: /api, projects: support } }\n",
    );
    assert_eq!(config.proxy.anonymous, Anonymous::Allow);
    assert_eq!(config.proxy.tls.unwrap().key, "k");
    assert_eq!(config.admin.url, "https://127.0.0.1:8081");
    assert_eq!(config.admin.agents_listen, Some("127.0.0.1:8082".parse().unwrap()));
    assert_eq!(config.database.expose(), "sqlite:/var/lib/gate.db");
    assert_eq!((config.permit.algorithm, config.permit.header.as_str()), (PermitAlgorithm::EdDsa, "x-permit"));
    assert_eq!((config.permit.lifetime, config.permit.keys.as_str()), (Duration::from_secs(300), "secret"));
    assert!(config.record.sync_full && !config.enforce);
    assert_eq!(config.hold.timeout, HoldTimeout::For(Duration::from_secs(50)));
    assert_eq!(config.approval.expires_in, Duration::from_secs(172_800));
    assert_eq!((config.approval.replay_for, config.approval.denial_for), (Duration::ZERO, Duration::ZERO));
    let limits = config.limits;
    assert_eq!((limits.body, limits.head, limits.stored_response), (64 << 20, 64 << 10, 0));
    assert_eq!((limits.held, limits.held_bytes), (5, 1 << 30));
    assert_eq!(limits.per_agent, Quota { held: 2, held_bytes: 8 << 20 });
    assert_eq!(limits.per_project, Quota { held: 4, held_bytes: 512 << 20 });
    assert_eq!(limits.head_timeout, Duration::from_secs(1));
    assert_eq!(config.risk_tiers[&RiskTier::Low].decision, Some(PolicyDecision::AutoApprove));
    assert_eq!(config.risk_tiers[&RiskTier::Critical].message.as_deref(), Some("never"));
    let projects: Vec<_> = config.projects.iter().map(|p| (p.name.as_str(), p.accept_unregistered)).collect();
    assert_eq!(projects, [("support", true), ("other", false), ("default", false)]);
}

#[test]
fn anchors_and_merge_keys_are_ordinary_yaml() {
    let config = good(
        "upstreams:\n  a: &common { url: http://a.test, at: /a, unmatched: require_approval }\n  b: { <<: *common, at: /b }\n",
    );
    assert_eq!(config.upstreams["b"].at, ["/b"]);
    assert_eq!(config.upstreams["b"].unmatched, Unmatched::RequireApproval);
}
