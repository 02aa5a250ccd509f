//! Forms in both spellings, JSON in lists, and what is not looked into.

use super::{check, upstream, word};
use crate::Verdict;
use crate::ruleset::tests::{decide, hit, routed, rules};
use crate::ruleset::{ParamValue, Ruleset};

/// One part per line: `name = value`, or `name @filename type = content`.
fn multipart(path: &str, parts: &str) -> String {
    let mut body = String::new();
    for part in parts.lines().map(str::trim).filter(|part| !part.is_empty()) {
        let (head, content) = part.split_once(" = ").unwrap();
        let head = match head.split_once(" @") {
            Some((name, file)) => {
                let (filename, kind) = file.split_once(' ').unwrap();
                format!("form-data; name=\"{name}\"; filename=\"{filename}\"\r\nContent-Type: {kind}")
            }
            None => format!("form-data; name=\"{head}\""),
        };
        body.push_str(&format!("--b\r\nContent-Disposition: {head}\r\n\r\n{content}\r\n"));
    }
    format!("POST {path}\ncontent-type: Multipart/Form-Data; charset=utf-8; Boundary=\"b\"\n\n{body}--b--\r\n")
}

const ROUTES: &str = "
      - { action: big, match: { path: /f, form: { amount: '9*' } } }
      - { action: by_field, match: { path: /p }, params: { amount: { from: form.amount, type: integer } } }
      - { action: upload, match: { path: /u }, params: { doc: { from: form.doc, type: object }, note: form.note } }
";

fn gate() -> Ruleset {
    upstream("    unmatched: pass", ROUTES)
}

#[test]
fn a_field_is_the_same_in_both_kinds_of_forms() {
    let rules = gate();
    for (path, parts, expected) in [
        ("/a/f", "amount = 9999", "big"),
        ("/a/f", "other = 1\namount = 9999", "big"),
        ("/a/f", "amount = 1", "pass"),
        ("/a/f", "other = 9999\nother = 2", "pass"),
        ("/a/f", "amount = 1\namount = 9999", "400"),
        ("/a/f", "amount = 1\nAmount = 9999", "400"),
        ("/a/f", "amount = 1\namount[] = 9999", "400"),
        ("/a/f", "AMOUNT = 9999", "400"),
        ("/a/f", "amount @ text/plain = 9999", "400"),
        ("/a/f", "amount @x.txt text/plain = 9999", "400"),
        ("/a/f", "amount = 1\namount @x.txt text/plain = 9999", "400"),
        ("/a/f?amount=1", "amount = 9999", "400"),
        ("/a/f?amount=9999", "amount = 9999", "big"),
        ("/a/f?amount=9999", "other = 1", "400"),
        ("/a/p", "amount @x.txt text/plain = 1", "400"),
        ("/a/p", "amount = 7", "by_field"),
        ("/a/p", "other = 7", "by_field"),
        ("/a/u", "doc @a.pdf application/pdf = %PDF\nnote = x", "upload"),
        ("/a/u?doc=1", "doc @a.pdf application/pdf = %PDF", "400"),
        ("/a/u", "doc @a.pdf application/pdf = %PDF\nnote @x text/plain = x", "400"),
        ("/a/u", "doc @a.pdf application/pdf = 1\ndoc @b.pdf application/pdf = 2", "400"),
    ] {
        let text = multipart(path, parts);
        assert_eq!(word(routed(&rules, &text)), expected, "{path} {parts}: {:?}", routed(&rules, &text));
    }
    check(
        &rules,
        "
        POST /a/f | content-type: multipart/form-data ¶ --b                          => 415
        POST /a/f | content-type: multipart/form-data; boundary=b; boundary=c ¶ --b-- => 415
        POST /a/f | content-type: multipart/form-data; boundary=\"b c\" ¶ --b c--    => 415
        POST /a/f | content-type: multipart/form-data; boundary= ¶ ----              => 415
        POST /a/f | content-type: multipart/form-data; boundary=b; charset=utf-16 ¶ --b-- => 415
        POST /a/f | content-type: multipart/mixed; boundary=b ¶ --b--                => 415
        POST /a/f | content-type: multipart/form-data; boundary=b | content-encoding: gzip ¶ --b-- => 415
        POST /a/f | content-type: multipart/form-data; boundary=c ¶ --b--            => 400
        POST /a/f | content-type: application/x-www-form-urlencoded ¶ amount=9999    => big
        POST /a/f | content-type: application/x-www-form-urlencoded ¶ amount=%zz     => 400
        POST /a/f | content-type: application/x-www-form-urlencoded ¶ amount=%u0039  => 400
        POST /a/f | content-type: application/x-www-form-urlencoded ¶ amount%00=9999 => 400
        POST /a/f | content-type: application/x-www-form-urlencoded ¶ amount%20=9999 => 400
        POST /a/f | content-type: application/x-www-form-urlencoded ¶ amount[0]=9999 => 400
        POST /a/f | content-type: application/x-www-form-urlencoded ¶ %61mount=%39   => big
        POST /a/f | content-type: text/plain ¶ amount=9999                           => 415
        POST /a/f | content-type: application/octet-stream ¶ amount=9999             => 415
        POST /a/free | content-type: text/plain ¶ amount=9999                        => pass
        POST /a/free | content-type: application/octet-stream ¶ amount=9999          => pass
        POST /a/f                                                                    => pass
        POST /a/f?amount=9999                                                        => 400
        POST /a/f?amount=9999 | content-type: application/x-www-form-urlencoded ¶ x=1 => 400
        GET /a/f?amount=9999                                                         => pass
        ",
    );
}

#[test]
fn a_file_is_told_by_what_is_known_without_looking_into_it() {
    let call = hit(
        &gate(),
        &multipart(
            "/a/u",
            "doc @a.pdf application/pdf = %PDF\nnote = hi\nextra = 1\nextra = 2\nimg @x.png image/png = z",
        ),
    );
    let shown: Vec<String> = call.action.params.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let file = |name: &str, kind: &str, size: usize, digest: &str| {
        format!(
            "{{\"filename\":\"{name}\",\"content_type\":\"{kind}\",\"size\":{size},\"digest\":\"sha-256=:{digest}:\"}}"
        )
    };
    assert_eq!(
        shown,
        [
            format!("doc={}", file("a.pdf", "application/pdf", 4, "MV1Cm3cUzttq0ErDEkAUUldpJjBFfzyIJTxb7OrHYCc=")),
            "note=hi".to_owned(),
            "form.extra=[\"1\",\"2\"]".to_owned(),
            format!("form.img={}", file("x.png", "image/png", 1, "WU5RmuSZMSspQzt92Kl/8Gje/LqXVbbV0A6ExSTWewY=")),
        ]
    );
    assert!(call.defects.is_empty());
    let ParamValue::Object(doc) = &call.action.params["doc"] else { panic!("{call:?}") };
    assert_eq!(doc[2], ("size".to_owned(), ParamValue::Integer(4)));
    let text = hit(&gate(), &multipart("/a/u", "doc = 1\nnote = x"));
    assert_eq!(text.defects, ["parameter doc: is not an object"]);
}

#[test]
fn a_condition_can_look_at_a_file() {
    let rules = rules(
        "
proxy: { listen: 127.0.0.1:8080 }
admin: { listen: 127.0.0.1:8081, url: http://127.0.0.1:8081 }
upstreams:
  api:
    url: http://127.0.0.1:9000
    at: /a
    routes: [{ action: upload, match: POST /u, params: { doc: { from: form.doc, type: object } } }]
policies:
  - { name: small, action: upload, when: 'params.doc.size <= 4 && params.doc.filename.endsWith(\".pdf\")', decision: auto_approve }
",
    );
    let approved = |parts: &str| matches!(decide(&rules, &multipart("/a/u", parts)).verdict, Verdict::Approve);
    assert!(approved("doc @a.pdf application/pdf = %PDF"));
    for parts in ["doc @a.pdf application/pdf = %PDF-", "doc @a.exe application/pdf = %PDF", "doc = %PDF", "other = 1"]
    {
        assert!(!approved(parts), "{parts}");
    }
}

#[test]
fn several_calls_in_one_body_are_not_taken_for_one() {
    let rules = upstream(
        "    unmatched: pass",
        "
      - { action: send, match: { path: /rpc, body: { /method: eth_send* } } }
      - { action: create, match: POST /items, params: { name: /name } }
      - { action: by_user, match: { path: /u, body: { /user/role: admin, /tags/0: x } } }
",
    );
    check(
        &rules,
        r#"
        POST /a/rpc ¶ {"jsonrpc":"2.0","id":1,"method":"eth_sendTransaction"}       => send
        POST /a/rpc ¶ {"jsonrpc":"2.0","id":1,"method":"eth_call"}                  => pass
        POST /a/rpc ¶ [{"jsonrpc":"2.0","id":1,"method":"eth_sendTransaction"}]     => 400
        POST /a/rpc ¶ []                                                            => 400
        POST /a/u ¶ {"user":[{"role":"admin"}],"tags":["x"]}                        => 400
        POST /a/u ¶ {"user":{"role":"admin"},"tags":["x"]}                          => by_user
        POST /a/u ¶ {"user":{"role":"admin"},"tags":[]}                             => pass
        POST /a/u ¶ {"user":"admin"}                                                => pass
        "#,
    );
    let bulk = hit(&rules, "POST /a/items\n\n[{\"name\":\"a\"},{\"name\":\"b\"}]");
    assert_eq!(bulk.defects, ["parameter name: missing"], "no policy may approve it");
}
