//! Which route a request takes.

use crate::decision::Step;
use crate::request::Malformed;
use crate::ruleset::tests::{hit, request, routed, rules};
use crate::ruleset::{BodyNeed, ParamValue, Routed, Ruleset};

mod forms;
mod graphql;

const FRAME: &str = "
proxy: { listen: 127.0.0.1:8080 }
admin: { listen: 127.0.0.1:8081, url: http://127.0.0.1:8081 }
";

/// An upstream at `/a` with these routes and further keys.
fn upstream(keys: &str, routes: &str) -> Ruleset {
    rules(&format!(
        "{FRAME}upstreams:\n  api:\n    url: http://127.0.0.1:9000\n    at: /a\n{keys}\n    routes:\n{routes}"
    ))
}

/// What became of a request, in a word.
fn word(routed: Result<Routed, Malformed>) -> String {
    match routed {
        Ok(Routed::Action(hit)) => hit.action.name,
        Ok(Routed::Pass { upgrade: true, .. }) => "pass+upgrade".to_owned(),
        Ok(Routed::Pass { .. }) => "pass".to_owned(),
        Ok(Routed::NoRoute) => "none".to_owned(),
        Ok(Routed::Protocol) => "protocol".to_owned(),
        Err(malformed) => malformed.status.to_string(),
    }
}

/// Rows of `request => word`; `¶` starts the body, `|` a header.
fn check(rules: &Ruleset, table: &str) {
    for row in table.lines().map(str::trim).filter(|row| row.contains("=>")) {
        let (text, expected) = row.rsplit_once("=>").unwrap();
        let text = text.trim().replace(" ¶ ", "\n\n").replace(" | ", "\n");
        assert_eq!(word(routed(rules, &text)), expected.trim(), "{row}: {:?}", routed(rules, &text));
    }
}

#[test]
fn the_most_specific_route_is_taken_wherever_it_stands() {
    let rules = upstream(
        "",
        "
      - { action: rest, match: '/v1/**', risk_tier: critical }
      - { action: one, match: '/v1/*' }
      - { action: capture, match: '/v1/{id}' }
      - { action: literal, match: /v1/me }
      - { action: literal_get, match: GET /v1/me }
      - { action: literal_head, match: HEAD /v1/me }
      - { action: with_query, match: { method: GET, path: /v1/me, query: { full: 'yes' } } }
      - { action: with_two, match: { method: GET, path: /v1/me, query: { full: 'yes' }, headers: { X-Env: prod* } } }
      - { action: lower, match: /v2/tie, risk_tier: low }
      - { action: higher, match: /v2/tie, risk_tier: high }
      - { action: first, match: /v2/even }
      - { action: second, match: /v2/even }
      - { action: listed, match: [POST /v3/a, PUT /v3/b] }
      - { action: tree, match: 'GET /v4/{path**}' }
      - { action: deep, match: '/v4/**/keys' }
",
    );
    check(
        &rules,
        "
        GET /a/v1/me                               => literal_get
        HEAD /a/v1/me                              => literal_head
        POST /a/v1/me                              => literal
        GET /a/v1/me/                              => literal_get
        GET /a/v1/%6de                             => literal_get
        GET /a/v1/me?full=yes                      => with_query
        GET /a/v1/me?full=yes | x-env: production  => with_two
        GET /a/v1/me?full=yes | x-env: dev         => with_query
        GET /a/v1/me?full=no                       => literal_get
        GET /a/v1/you                              => capture
        GET /a/v1/x/y                              => rest
        GET /a/v1                                  => rest
        PURGE /a/v1                                => rest
        GET /a/V1/me                               => none
        GET /a/v2/tie                              => higher
        GET /a/v2/even                             => first
        PUT /a/v3/b                                => listed
        PUT /a/v3/a                                => none
        HEAD /a/v4/x                               => tree
        GET /a/v4/x/keys                           => deep
        ",
    );
}

#[test]
fn what_a_rule_looks_at_has_one_value() {
    let rules = upstream(
        "    unmatched: pass",
        "
      - { action: by_query, match: { path: /q, query: { kind: big* } } }
      - { action: by_header, match: { path: /h, headers: { X-Kind: big } } }
      - { action: by_body, match: { path: /b, body: { /user/role: 'adm*', /level: 100 } } }
      - { action: by_form, match: { path: /f, form: { kind: big } } }
",
    );
    check(
        &rules,
        r#"
        GET /a/q?kind=bigger                        => by_query
        GET /a/q?%6bind=b%69g                       => by_query
        GET /a/q?kind=small                         => pass
        GET /a/q                                    => pass
        GET /a/q?kind=big&kind=small                => 400
        GET /a/q?kind=small&kind[]=big              => 400
        GET /a/q?Kind=big                           => 400
        GET /a/q?x=1;kind=big                       => 400
        GET /a/other?x=1;kind=big                   => pass
        GET /a/h | x-kind: big                      => by_header
        GET /a/h | x-kind: big | x-kind: small      => 400
        GET /a/h | x-kind: bïg                      => 400
        POST /a/b ¶ {"user":{"role":"admin"},"level":1e2} => by_body
        GET /a/b ¶ {"user":{"role":"admin"},"level":100.0} => by_body
        POST /a/b ¶ {"user":{"role":"user"},"level":100}  => pass
        POST /a/b ¶ {"user":{"role":"admin"},"level":"100"} => pass
        POST /a/b ¶ {"user.role":"admin"}           => pass
        POST /a/b ¶ {"user":{"Role":"admin"}}       => 400
        POST /a/b ¶ {"user":{"role":"a","role":"admin"}} => 400
        POST /a/b ¶ {"user":{}                      => 400
        POST /a/b | content-type: text/plain ¶ {}   => 415
        POST /a/b | content-type: Application/JSON ; charset=UTF-8 ¶ {} => pass
        POST /a/b | content-type: application/json; ¶ {} => pass
        POST /a/b | content-type: application/json; charset=utf-16 ¶ {} => 415
        POST /a/b | content-type: application/json; charset="ibm037" ¶ {} => 415
        POST /a/b | content-type: application/json; charset=utf-8; charset=utf-7 ¶ {} => 415
        POST /a/b | content-type: application/json; charset=utf-8; charset=utf-8 ¶ {} => 415
        POST /a/b | content-type: application/merge-patch+json ¶ {} => 415
        POST /a/b | content-type: application/x-www-form-urlencoded;/json ¶ {} => 415
        POST /a/b | content-type: application/xml ¶ <a/> => 415
        POST /a/b | content-type: json ¶ {}         => 415
        POST /a/b | content-type: ¶ {}              => 415
        POST /a/b | content-encoding: gzip ¶ {}     => 415
        POST /a/b | content-encoding: gzip, gzip ¶ {} => 415
        POST /a/b | content-encoding: identity ¶ {} => pass
        POST /a/free | content-type: text/plain | content-encoding: gzip ¶ {{{ => pass
        POST /a/f | content-type: application/x-www-form-urlencoded ¶ kind=big => by_form
        POST /a/f | content-type: application/x-www-form-urlencoded ¶ kind=big&kind=x => 400
        POST /a/f | content-type: application/x-www-form-urlencoded ¶ a=1;kind=big => 400
        POST /a/f?kind=x | content-type: application/x-www-form-urlencoded ¶ kind=big => 400
        POST /a/f?kind=big | content-type: application/x-www-form-urlencoded ¶ kind=big => by_form
        POST /a/f | content-type: multipart/form-data; boundary=x ¶ --x => 400
        POST /a/f ¶ {"kind":"big"}                  => 415
        "#,
    );
    let missing_type = request(&rules, "POST /a/b\ncontent-type:\n\n{}").unwrap_err();
    assert_eq!(missing_type.place, "header content-type");
}

#[test]
fn a_rule_that_names_the_content_type_knows_its_json() {
    let rules = upstream(
        "",
        "
      - { action: patch, match: { method: PATCH, path: /x, headers: { content-type: application/merge-patch+json } }, params: { n: /n } }
",
    );
    let hit = hit(&rules, "PATCH /a/x\ncontent-type: application/merge-patch+json\n\n{\"n\":1}");
    assert_eq!(hit.action.params["n"], ParamValue::Integer(1));
}

#[test]
fn digests_that_clients_send_are_checked() {
    let rules = upstream("", "      - { action: x, match: POST /x }");
    let body = "hello";
    let send = |digest: &str| request(&rules, &format!("POST /a/x\ncontent-digest: {digest}\n\n{body}"));
    let right = "sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=:";
    let request = send(right).unwrap();
    assert_eq!(request.content_digest, right);
    assert_eq!(request.head.header("content-digest"), None);
    assert!(send("md5=:AAAA:").is_ok());
    for wrong in ["sha-256=:AAAA:", "sha-256=LPJN", "sha-512=:AAAA:", "nonsense", &format!("{right}, sha-512=:AA:")] {
        assert_eq!(send(wrong).unwrap_err().status, 400, "{wrong}");
    }
}

#[test]
fn what_was_meant_for_the_gate_is_not_in_the_request() {
    let rules = upstream("", "      - { action: x, match: GET /x }");
    let request =
        request(&rules, "GET /a/x\nholdshort-key: k\nproxy-authorization: k\nHoldshort-Permit: forged\nx-y: 1")
            .unwrap();
    let names: Vec<&str> = request.head.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["x-y"]);
}

#[test]
fn escaped_slashes_need_an_upstream_that_wants_them() {
    let routes = "      - { action: repo, match: 'GET /repos/{id}' }";
    check(&upstream("", routes), "GET /a/repos/o%2fr => 400\nGET /a/repos/o%5cr => 400");
    let wants = upstream("    paths: { encoded_slash: allow }", routes);
    let found = hit(&wants, "GET /a/repos/o%2fr");
    assert_eq!(found.action.params["id"], ParamValue::String("o/r".to_owned()));
    assert!(request(&wants, "GET /a/repos/..%2fadmin").is_err());
}

#[test]
fn case_is_ignored_where_the_upstream_ignores_it() {
    let rules = upstream(
        "    unmatched: pass\n    paths: { case: insensitive }",
        "      - { action: x, match: 'POST /V1/Refunds/{id}' }",
    );
    check(&rules, "POST /a/v1/refunds/7 => x\nPOST /a/V1/%52EFUNDS/7 => x\nPOST /a/%561/refunds/7/ => x");
    assert_eq!(hit(&rules, "POST /a/v1/refunds/AbC").action.params["id"], ParamValue::String("AbC".to_owned()));
}

#[test]
fn parameters_are_typed_or_they_are_defects() {
    let rules = upstream(
        "",
        "
      - action: x
        match: 'POST /{tenant}/x'
        params:
          tenant: path.tenant
          n: { from: /n, type: integer }
          d: { from: /d, type: decimal }
          b: { from: /b, type: boolean }
          l: { from: /l, type: list }
          o: { from: /o, type: object }
          any: /any
          q: { from: query.q, type: integer }
          h: header.X-H
",
    );
    let good = hit(
        &rules,
        "POST /a/acme/x?q=-7\nx-h: v\n\n{\"n\":1,\"d\":1.50,\"b\":true,\"l\":[1],\"o\":{\"a\":null},\"any\":\"s\"}",
    );
    assert_eq!(good.defects, Vec::<String>::new());
    let shown: Vec<String> = good.action.params.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(shown, ["tenant=acme", "n=1", "d=1.50", "b=true", "l=[1]", "o={\"a\":null}", "any=s", "q=-7", "h=v"]);

    let defects = |head: &str, body: &str| hit(&rules, &format!("POST /a/acme/x{head}\n\n{body}")).defects.join("; ");
    let all = "?q=1\nx-h: v";
    let body = |change: (&str, &str)| {
        let mut members = [("n", "1"), ("d", "1"), ("b", "true"), ("l", "[]"), ("o", "{}"), ("any", "1")];
        for member in &mut members {
            if member.0 == change.0 {
                member.1 = change.1;
            }
        }
        let members: Vec<String> =
            members.iter().filter(|m| !m.1.is_empty()).map(|(name, value)| format!("\"{name}\":{value}")).collect();
        format!("{{{}}}", members.join(","))
    };
    assert_eq!(defects(all, &body(("", ""))), "");
    for (change, expected) in [
        (("n", ""), "parameter n: missing"),
        (("n", "\"1\""), "parameter n: is a string, not an integer"),
        (("n", "1.0"), "parameter n: is a decimal, not an integer"),
        (("n", "1e2"), "parameter n: is a decimal, not an integer"),
        (("n", "null"), "parameter n: is null, not an integer"),
        (("n", "9223372036854775808"), "parameter n: is a decimal, not an integer"),
        (("d", "1e400"), "parameter d: a number that cannot be compared exactly"),
        (("d", "0.12345678901234567890123456789012345"), "parameter d: a number that cannot be compared exactly"),
        (("d", "1.23456789012345678901234567e-10"), "parameter d: a number that cannot be compared exactly"),
        (("d", "\"1\""), "parameter d: is a string, not a decimal"),
        (("b", "1"), "parameter b: is an integer, not a boolean"),
        (("l", "{}"), "parameter l: is an object, not a list"),
        (("o", "[]"), "parameter o: is a list, not an object"),
        (("any", "[1]"), "parameter any: is a list, and the route gives it no type"),
        (("any", "\"a\\u0000b\""), "parameter any: has a NUL"),
    ] {
        assert_eq!(defects(all, &body(change)), expected, "{change:?}");
    }
    for q in ["+7", "07", "1e1", "1.0", "", "%20", "٧"] {
        let q: String = q
            .bytes()
            .map(|byte| if byte.is_ascii() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
            .collect();
        let got = defects(&format!("?q={q}\nx-h: v"), &body(("", "")));
        assert_eq!(got, "parameter q: is not an integer", "{q}");
    }
    assert_eq!(defects("\nx-h: v", &body(("", ""))), "parameter q: missing");
    assert_eq!(defects("?q=1", &body(("", ""))), "parameter h: missing");
    assert_eq!(word(routed(&rules, &format!("POST /a/acme/x?q=1&q=1\nx-h: v\n\n{}", body(("", ""))))), "400");
}

#[test]
fn routes_that_were_looked_at_are_in_the_trace() {
    let rules = upstream(
        "",
        "
      - { action: prod, match: { path: /x, query: { env: prod } } }
      - { action: other, match: /x }
",
    );
    let hit = hit(&rules, "GET /a/x?env=dev");
    let step = |what: &str, matched, detail: &str| Step { what: what.to_owned(), matched, detail: detail.to_owned() };
    assert_eq!(hit.trace, [step("route ANY /x", false, "query env differs"), step("route ANY /x", true, "other")]);
    assert_eq!(hit.route, "ANY /x");
    assert_eq!(hit.action.title, "Other");
}

#[test]
fn what_no_route_names_goes_where_the_upstream_says() {
    let routes = "      - { action: x, match: GET /x }\n      - { match: GET /ws, pass: true, upgrade: allow }";
    check(
        &upstream("", routes),
        "GET /a/y => none\nPOST /a/x => none\nOPTIONS /a/x => none\nGET /a/ws => pass+upgrade",
    );
    check(&upstream("    unmatched: pass", routes), "GET /a/y => pass");
    let people = upstream("    unmatched: require_approval", routes);
    let hit = hit(&people, "POST /a/y\n\n{\"any\": \"thing\"}");
    assert_eq!((hit.action.name.as_str(), hit.action.risk_tier.as_str()), ("unmatched_api", "high"));
    assert_eq!((hit.route.as_str(), hit.action.title.as_str()), ("unmatched", "POST /y on api (no route)"));
}

#[test]
fn bodies_are_read_where_an_action_could_come_of_it() {
    let need = |keys: &str, routes: &str, text: &str| {
        let rules = upstream(keys, routes);
        let request = request(&rules, text).unwrap();
        let mounted = rules.mount("127.0.0.1:8080".parse().unwrap(), &request.head).unwrap();
        rules.body_need(&mounted, &request.head)
    };
    let routes = "
      - { action: all, match: '/v1/**' }
      - { match: POST /v1/stream, pass: true }
      - { match: { path: /v1/part, query: { raw: 'yes' } }, pass: true }
      - { match: { path: /v2/x, body: { /a: 1 } }, pass: true }
";
    let whole = BodyNeed::Whole(1024 * 1024);
    for (text, expected) in [
        ("POST /a/v1/x", whole),
        ("GET /a/v1/x", whole),
        ("POST /a/v1/stream", BodyNeed::Stream),
        ("GET /a/v1/stream", whole),
        ("POST /a/v1/part?raw=yes", BodyNeed::Stream),
        ("POST /a/v1/part?raw=no", whole),
        ("POST /a/v1/part?raw=yes&raw=no", whole),
        ("POST /a/v2/x", whole),
        ("POST /a/none", BodyNeed::Stream),
    ] {
        assert_eq!(need("", routes, text), expected, "{text}");
    }
    assert_eq!(need("    unmatched: pass", routes, "POST /a/none"), BodyNeed::Stream);
    assert_eq!(need("    unmatched: require_approval", routes, "POST /a/none"), whole);
    assert_eq!(need("    limits: { body: 2KiB }", routes, "POST /a/v1/x"), BodyNeed::Whole(2048));
}

fn call(tool: &str, arguments: &str) -> String {
    format!(
        "POST /a\n\n{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{{\"name\":\"{tool}\",\"arguments\":{arguments}}}}}"
    )
}

fn message(method: &str, params: &str) -> String {
    format!("POST /a\n\n{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"{method}\",\"params\":{params}}}")
}

#[test]
fn a_tool_is_hidden_where_every_call_of_it_would_be_refused() {
    let rules = upstream(
        "    protocol: mcp",
        "
      - { match: { mcp: { tool: 'admin_*' } }, hide: true }
      - { action: look, match: { mcp: { tool: admin_look } } }
      - { match: { mcp: { tool: transfer }, body: { /kind: wire } }, hide: true }
      - { match: { mcp: { tool: secret } }, hide: true }
      - { match: { path: /other, mcp: { tool: there } }, hide: true }
      - { action: read, match: { mcp: { method: resources/read } } }
",
    );
    let upstream = &rules.upstreams()[0];
    assert!(upstream.hides_tools());
    for (tool, hidden) in
        [("secret", true), ("admin_drop", true), ("admin_look", false), ("transfer", false), ("else", false)]
    {
        assert_eq!(upstream.hides("/", tool), hidden, "{tool}");
    }
    assert!(upstream.hides("/other", "there") && !upstream.hides("/", "there"));
    let open = self::upstream("    protocol: mcp", "      - { action: read, match: { mcp: { tool: x } } }\n");
    assert!(!open.upstreams()[0].hides_tools());
}

#[test]
fn tools_are_routed_by_name() {
    let rules = upstream(
        "    protocol: mcp",
        "
      - { match: { mcp: { tool: '*' } } }
      - { action: delete, match: { mcp: { tool: 'delete_*' } }, risk_tier: high }
      - { action: delete_all, match: { mcp: { tool: delete_all } }, risk_tier: low, params: { n: { from: /n, type: integer } } }
      - { action: big_transfer, match: { mcp: { tool: transfer }, body: { /kind: wire } } }
      - { match: { mcp: { tool: secret } }, hide: true }
      - { action: read_file, match: { mcp: { method: resources/read, uri: 'repo://x/*' } } }
      - { action: list_tools, match: { mcp: { method: resources/list } } }
",
    );
    for (text, expected) in [
        (call("delete_x", "{}"), "delete"),
        (call("delete_all", "{\"n\":1}"), "delete_all"),
        (call("deleteX", "{}"), "delete_x"),
        (call("Get-Weather v2", "{}"), "get_weather_v2"),
        (call("transfer", "{\"kind\":\"wire\"}"), "big_transfer"),
        (call("transfer", "{\"kind\":\"card\"}"), "transfer"),
        (call("secret", "{}"), "none"),
        (message("resources/read", "{\"uri\":\"repo://x/secrets\"}"), "read_file"),
        (message("resources/read", "{\"uri\":\"https://x\"}"), "none"),
        (message("resources/read", "{}"), "none"),
        (message("prompts/get", "{\"name\":\"delete_all\"}"), "none"),
        (message("tasks/cancel", "{}"), "none"),
        (message("completion/complete", "{}"), "none"),
        (message("tools/list", "{}"), "protocol"),
        (message("resources/list", "{}"), "list_tools"),
        (message("initialize", "{}"), "protocol"),
        ("POST /a\n\n{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}".to_owned(), "protocol"),
        ("POST /a\n\n[]".to_owned(), "400"),
        ("POST /a\n\nx".to_owned(), "400"),
        ("POST /a".to_owned(), "415"),
        ("POST /a\ncontent-type: text/plain\n\n{}".to_owned(), "415"),
        ("GET /a\naccept: application/json, text/event-stream".to_owned(), "pass"),
        ("GET /a".to_owned(), "none"),
        ("DELETE /a\nmcp-session-id: s".to_owned(), "pass"),
        ("DELETE /a".to_owned(), "none"),
        ("PUT /a".to_owned(), "none"),
    ] {
        assert_eq!(word(routed(&rules, &text)), expected, "{text}");
    }
    let hit = hit(&rules, &call("move_file", "{\"from\":\"/a\",\"n\":2,\"tags\":[\"x\"]}"));
    assert_eq!((hit.route.as_str(), hit.action.title.as_str()), ("tools/call *", "Move file"));
    assert_eq!(hit.action.params["from"], ParamValue::String("/a".to_owned()));
    assert_eq!(hit.action.params["n"], ParamValue::Integer(2));
    assert_eq!(hit.action.params["tags"], ParamValue::List(vec![ParamValue::String("x".to_owned())]));
}

#[test]
fn only_the_endpoint_of_an_mcp_server_takes_the_handshake_and_the_stream() {
    let rules = upstream(
        "    protocol: mcp",
        "
      - { match: { mcp: { tool: '*' } } }
      - { action: by_rpc, match: { path: /rpc, mcp: { tool: x } } }
      - { action: delete_file, match: DELETE /files/** }
",
    );
    let ping = |path: &str| message("ping", "{}").replacen("/a", &format!("/a{path}"), 1);
    for path in ["", "/", "/mcp", "/mcp/", "/rpc"] {
        assert_eq!(word(routed(&rules, &ping(path))), "protocol", "{path}");
        assert_eq!(word(routed(&rules, &format!("GET /a{path}\naccept: text/event-stream"))), "pass", "{path}");
        assert_eq!(word(routed(&rules, &format!("DELETE /a{path}\nmcp-session-id: s"))), "pass", "{path}");
    }
    for path in ["/files/1", "/api/refund", "/mcp/x", "/MCP", "/rpc/x"] {
        assert_eq!(word(routed(&rules, &ping(path))), "none", "{path}");
        assert_eq!(word(routed(&rules, &format!("GET /a{path}\naccept: text/event-stream"))), "none", "{path}");
    }
    assert_eq!(word(routed(&rules, "DELETE /a/files/1\nmcp-session-id: s")), "delete_file");
    assert_eq!(word(routed(&rules, "DELETE /a/db/1\nmcp-session-id: s")), "none");
    let with_body = "DELETE /a\nmcp-session-id: s\n\n{}";
    assert_eq!(word(routed(&rules, with_body)), "none", "a body there is no part of the protocol");
}

#[test]
fn effects_that_no_route_names_wait_for_people() {
    let rules =
        upstream("    protocol: mcp\n    unmatched: require_approval", "      - { match: { mcp: { tool: a } } }");
    assert_eq!(word(routed(&rules, &message("tools/list", "{}"))), "protocol");
    assert_eq!(hit(&rules, &call("b", "{}")).action.title, "tools/call b on api (no route)");
    assert_eq!(hit(&rules, &message("tasks/cancel", "{}")).action.title, "tasks/cancel on api (no route)");
}

#[test]
fn ten_thousand_routes_are_as_fast_as_ten() {
    let build = |count: usize| {
        let mut routes = String::new();
        for at in 0..count {
            routes.push_str(&format!("      - {{ action: act_{at}, match: 'POST /v1/thing{at}/{{id}}/run' }}\n"));
        }
        upstream("", &routes)
    };
    let (few, many) = (build(10), build(10_000));
    let (few, many) = [&few, &many].map(|rules| (rules, request(rules, "POST /a/v1/thing7/x/run").unwrap())).into();
    // The best of several rounds: the machine may be busy with something else.
    let best = |(rules, request): (&Ruleset, crate::Request)| {
        (0..20)
            .map(|_| {
                let start = std::time::Instant::now();
                for _ in 0..200 {
                    assert!(matches!(rules.route(&request), Ok(Routed::Action(_))));
                }
                start.elapsed()
            })
            .min()
            .unwrap()
    };
    let (few, many) = (best(few), best(many));
    assert!(many < few * 2, "10 routes {few:?}, 10 000 routes {many:?}");
}
