//! GraphQL calls and the routes they take.

use super::{check, upstream, word};
use crate::request::json::Json;
use crate::ruleset::tests::{decide_at, hit, request, routed, rules};
use crate::ruleset::{BodyNeed, ParamValue, Ruleset};
use crate::{Verdict, decision::Caller};

const ROUTES: &str = "
      - { action: read, match: { path: /graphql, graphql: { operation: query } } }
      - { action: look_up, match: { path: /graphql, graphql: { operation: query, field: 'user*' } } }
      - { action: delete_user, match: { path: /graphql, graphql: { operation: mutation, field: deleteUser } }, risk_tier: high,
          title: 'Delete {params.id}' }
      - { action: delete_any, match: { path: /graphql, graphql: { operation: mutation, field: 'delete*' } } }
      - { action: big_refund, match: { path: /graphql, graphql: { field: refund }, body: { /input/kind: 'wire*' } } }
      - { action: refund, match: { path: /graphql, graphql: { field: refund } },
          params: { amount: { from: /input/amount, type: decimal } } }
      - { match: { path: /graphql, graphql: { operation: query, field: health } }, pass: true }
      - { action: page, match: GET /graphql }
";

fn gate(keys: &str) -> Ruleset {
    upstream(keys, ROUTES)
}

fn post(document: &str, variables: &str) -> String {
    let document = Json::String(document.to_owned());
    let variables = if variables.is_empty() { "{}" } else { variables };
    format!("POST /a/graphql\n\n{{\"query\":{document},\"variables\":{variables}}}")
}

#[test]
fn a_route_names_the_root_field_that_really_runs() {
    let rules = gate("    unmatched: pass");
    for (document, variables, expected) in [
        ("{ orders { id } }", "", "read"),
        ("{ orders { deleteUser } }", "", "read"),
        ("{ user(id: 1) { name } }", "", "look_up"),
        ("{ users }", "", "look_up"),
        ("{ x: users y: user(id: 1) }", "", "look_up"),
        ("mutation { deleteUser(id: 1) }", "", "delete_user"),
        ("mutation { orders: deleteUser(id: 1) }", "", "delete_user"),
        ("mutation { deleteUser: purge }", "", "pass"),
        ("mutation { deleteTeam(id: 1) }", "", "delete_any"),
        ("mutation { DeleteUser(id: 1) }", "", "pass"),
        ("mutation { ...F } fragment F on Mutation { ... on X { a: deleteUser(id: 1) } }", "", "delete_user"),
        ("mutation { deleteUser(id: 1) @include(if: false) }", "", "delete_user"),
        ("mutation { __typename deleteUser(id: 1) }", "", "delete_user"),
        ("mutation { refund(input: {kind: \"wire_eu\", amount: 1}) }", "", "big_refund"),
        ("mutation ($i: In) { refund(input: $i) }", "{\"i\":{\"kind\":\"wire_us\",\"amount\":1}}", "big_refund"),
        ("mutation ($k: K = \"wire\") { refund(input: {kind: $k, amount: 1}) }", "", "big_refund"),
        ("mutation { refund(input: {kind: \"card\", amount: 1}) }", "", "refund"),
        ("{ health }", "", "pass"),
        ("mutation { touch }", "", "pass"),
        // Different routes in one request, in whatever way they are put together.
        ("mutation { deleteUser(id: 1) deleteTeam(id: 1) }", "", "400"),
        ("mutation { touch deleteUser(id: 1) }", "", "400"),
        ("mutation { deleteUser(id: 1) touch }", "", "400"),
        ("{ health users }", "", "400"),
        ("{ users health }", "", "400"),
        ("{ __schema { types { name } } users }", "", "400"),
        ("mutation { touch ... { deleteUser(id: 1) } }", "", "400"),
        // What a rule looks at has one reading.
        ("mutation { refund(input: {Kind: \"wire\"}) }", "", "400"),
        ("mutation { refund(input: [{kind: \"wire\"}]) }", "", "400"),
        ("mutation ($i: [In]) { refund(input: $i) }", "{\"i\":[{\"kind\":\"wire\"}]}", "400"),
    ] {
        let text = post(document, variables);
        assert_eq!(word(routed(&rules, &text)), expected, "{document}: {:?}", routed(&rules, &text));
    }
    check(
        &rules,
        r#"
        POST /a/graphql | content-type: application/graphql ¶ mutation{deleteUser}                   => 415
        POST /a/graphql | content-type: text/plain ¶ {"query":"mutation{deleteUser}"}                => 415
        POST /a/graphql | content-type: application/x-www-form-urlencoded ¶ query=mutation{deleteUser} => 415
        POST /a/graphql | content-type: multipart/form-data; boundary=x ¶ --x--                      => 415
        POST /a/graphql | content-type: application/json; charset=utf-16 ¶ {"query":"{a}"}           => 415
        POST /a/graphql | content-encoding: gzip ¶ {"query":"{a}"}                                   => 415
        POST /a/graphql | content-type: Application/JSON;charset=UTF-8 ¶ {"query":"mutation{deleteUser}"} => delete_user
        POST /a/graphql/ ¶ {"query":"mutation{deleteUser}"}                                          => delete_user
        PUT /a/graphql ¶ {"query":"mutation{deleteUser}"}                                            => delete_user
        POST /a/graphql ¶ {"query":"mutation{delete\u0055ser}"}                                      => delete_user
        POST /a/graphql ¶ [{"query":"{orders}"},{"query":"mutation{deleteUser}"}]                    => 400
        POST /a/graphql ¶ {"query":"{a}","query":"mutation{deleteUser}"}                             => 400
        POST /a/graphql?query=mutation%7BdeleteUser%7D ¶ {"query":"{orders}"}                        => 400
        POST /a/graphql?query=mutation%7BdeleteUser%7D                                               => 400
        POST /a/graphql ¶ {"extensions":{"persistedQuery":{"version":1,"sha256Hash":"0"}}}           => 400
        GET /a/graphql?query=mutation%7BdeleteUser%7D                                                => 405
        GET /a/graphql?query=%7Borders%7D                                                            => read
        GET /a/graphql?query=%7Buser%7D&operationName=                                               => look_up
        GET /a/graphql?documentId=7                                                                  => 400
        POST /a/graphql?id=7                                                                         => 400
        GET /a/graphql                                                                               => page
        GET /a/graphql?theme=dark                                                                    => page
        POST /a/graphql                                                                              => pass
        POST /a/other ¶ {"query":"mutation{deleteUser}"}                                             => pass
        "#,
    );
}

#[test]
fn resolved_arguments_are_parameters() {
    let rules = gate("");
    let call = hit(
        &rules,
        &post("mutation Purge($id: ID!, $n: Int = 3) { gone: deleteUser(id: $id, n: $n) }", "{\"id\":\"u_7\"}"),
    );
    assert_eq!((call.route.as_str(), call.action.title.as_str()), ("mutation deleteUser", "Delete u_7"));
    let shown: Vec<String> = call.action.params.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(shown, ["id=u_7", "n=3", "graphql.operation=mutation Purge", "graphql.fields=[\"gone: deleteUser\"]"]);
    assert!(call.defects.is_empty());
    let refund = hit(&rules, &post("mutation { refund(input: {amount: 12.50}) }", ""));
    assert_eq!(refund.action.params["amount"].to_string(), "12.50");
    let odd = hit(&rules, &post("mutation { refund(input: {amount: \"12\"}) }", ""));
    assert_eq!(odd.defects, ["parameter amount: is a string, not a decimal"]);
    let unknown = upstream("    unmatched: require_approval", ROUTES);
    let held = hit(&unknown, &post("mutation { a: touch b: touch }", ""));
    assert_eq!(held.action.title, "mutation a: touch, b: touch on api (no route)");
}

#[test]
fn several_root_fields_of_one_route_are_one_call_with_all_their_arguments() {
    let rules = gate("");
    let twice =
        hit(&rules, &post("mutation { a: deleteUser(id: 1, why: \"x\") b: deleteUser(id: 2, why: \"x\") }", ""));
    assert_eq!(twice.action.title, "Delete [1,2] (2 root fields)");
    assert_eq!(twice.defects, ["parameter id: the root fields give it several values"]);
    assert_eq!(twice.action.params["why"], ParamValue::String("x".to_owned()));
    let same = hit(&rules, &post("mutation { a: deleteUser(id: 1) b: deleteUser(id: 1) }", ""));
    assert_eq!((same.action.title.as_str(), same.defects.len()), ("Delete 1 (2 root fields)", 0));
    let one_without = hit(&rules, &post("mutation { a: deleteUser(id: 1) b: deleteUser }", ""));
    assert_eq!(one_without.defects.len(), 1);
}

#[test]
fn no_policy_approves_what_one_of_several_fields_hides() {
    let rules = rules(
        "
proxy: { listen: 127.0.0.1:8080 }
admin: { listen: 127.0.0.1:8081, url: http://127.0.0.1:8081 }
upstreams:
  api:
    url: http://127.0.0.1:9000/graphql
    at: /a
    routes:
      - { action: refund, match: { graphql: { operation: mutation, field: refund } },
          params: { amount: { from: /amount, type: integer } } }
policies:
  - { name: small, action: refund, when: params.amount <= 100, decision: auto_approve }
",
    );
    let approved = |text: &str| {
        let caller: Caller = crate::ruleset::tests::caller();
        matches!(decide_at(&rules, &caller, text, "2026-11-18T10:00:00Z").verdict, Verdict::Approve)
    };
    let send = |document: &str| format!("POST /a\n\n{{\"query\":{}}}", Json::String(document.to_owned()));
    assert!(approved(&send("mutation { refund(amount: 100) }")));
    assert!(approved(&send("mutation { a: refund(amount: 7) b: refund(amount: 7) }")));
    for document in [
        "mutation { refund(amount: 101) }",
        "mutation { refund }",
        "mutation { a: refund(amount: 1) b: refund(amount: 9999) }",
        "mutation { b: refund(amount: 9999) a: refund(amount: 1) }",
        "mutation { a: refund(amount: 1) @skip(if: true) b: refund(amount: 9999) }",
        "mutation { a: refund(amount: 1) ...F } fragment F on M { b: refund(amount: 9999) }",
        "mutation ($x: Int = 9999) { refund(amount: $x) }",
    ] {
        assert!(!approved(&send(document)), "{document}");
    }
}

#[test]
fn a_method_on_the_route_does_not_leave_the_path_open_to_others() {
    let rules = upstream(
        "    unmatched: pass",
        "      - { action: delete_user, match: { method: POST, path: /g, graphql: { field: deleteUser } } }\n",
    );
    check(
        &rules,
        r#"
        POST /a/g ¶ {"query":"mutation{deleteUser}"}   => delete_user
        GET /a/g?query=mutation%7BdeleteUser%7D        => 405
        GET /a/g?query=%7BdeleteUser%7D                => pass
        GET /a/g?query=%7B                             => 400
        PATCH /a/g ¶ [{"query":"mutation{deleteUser}"}] => 400
        "#,
    );
}

#[test]
fn what_could_ask_for_an_operation_is_read_whole() {
    let need = |text: &str| {
        let rules = upstream(
            "    unmatched: pass",
            "
      - { action: x, match: { path: /g, graphql: { field: x } } }
      - { match: GET /g, pass: true, upgrade: allow }
",
        );
        let head = request(&rules, text).unwrap().head;
        let mounted = rules.mount("127.0.0.1:8080".parse().unwrap(), &head).unwrap();
        rules.body_need(&mounted, &head)
    };
    for text in ["POST /a/g\n\n{\"query\":\"{x}\"}", "GET /a/g?query=%7Bx%7D", "HEAD /a/g?query=%7Bx%7D"] {
        assert!(matches!(need(text), BodyNeed::Whole(_)), "{text}");
    }
    for text in ["GET /a/g", "GET /a/g?token=1", "POST /a/other\n\n{}"] {
        assert_eq!(need(text), BodyNeed::Stream, "{text}");
    }
}

#[test]
fn a_thousand_fields_are_as_fast_as_ten() {
    let build = |count: usize| {
        let routes: String = (0..count)
            .map(|at| format!("      - {{ action: a{at}, match: {{ path: /g, graphql: {{ operation: mutation, field: f{at} }} }} }}\n"))
            .collect();
        upstream("", &routes)
    };
    let best = |rules: &Ruleset| {
        let request = request(rules, "POST /a/g\n\n{\"query\":\"mutation{f7}\"}").unwrap();
        (0..20)
            .map(|_| {
                let start = std::time::Instant::now();
                for _ in 0..100 {
                    assert!(rules.route(&request).is_ok());
                }
                start.elapsed()
            })
            .min()
            .unwrap()
    };
    let (few, many) = (best(&build(10)), best(&build(2000)));
    assert!(many < few * 3, "10 fields {few:?}, 2000 fields {many:?}");
}
