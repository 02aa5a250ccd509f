//! Templates as text.

use proptest::prelude::*;

use super::*;
use crate::ruleset::table::{Key, PathTable};

fn template(text: &str) -> Template {
    Template::parse(text).unwrap_or_else(|why| panic!("{text}: {why}"))
}

fn captured(text: &str, path: &str, fold_case: bool) -> Option<String> {
    let template = template(text);
    let segments = segments(path);
    let captures = template.captures(&segments, fold_case);
    let mut table = PathTable::new(fold_case);
    table.insert(&template, Key::default(), 0);
    assert_eq!(table.find(&segments, None).is_empty(), captures.is_none(), "table and template differ: {text} {path}");
    captures.map(|captures| captures.iter().map(|(n, v)| format!("{n}={v}")).collect::<Vec<_>>().join(" "))
}

#[test]
fn templates_match_and_capture() {
    for row in "
        /                   | /                     |
        /                   | /x                    | no
        /v1/refunds         | /v1/refunds           |
        /v1/refunds         | /v1/refunds/          |
        /v1/refunds/        | /v1/refunds           |
        /v1/refunds         | /v1/refunds/7         | no
        /v1/refunds         | /v1/refunds.json      | no
        /v1/refunds         | /V1/Refunds           | no
        /v1/refunds/{id}    | /v1/refunds/7         | id=7
        /v1/refunds/{id}    | /v1/refunds/7/        | id=7
        /v1/refunds/{id}    | /v1/refunds           | no
        /v1/refunds/{id}    | /v1/refunds/a%2Cb     | id=a,b
        /v1/refunds/{id}    | /v1/refunds/*         | id=*
        /v1/refunds/{id}    | /v1/refunds/%7Bid%7D  | id={id}
        /v1/refunds/{id}    | /v1/refunds/o%2Fr     | id=o/r
        /a,b                | /a%2Cb                |
        /a%2cb              | /a,b                  |
        /a b                | /a%20b                |
        /*/x                | /a/x                  |
        /*/x                | /x                    | no
        /v1/**              | /v1                   |
        /v1/**              | /v1/                  |
        /v1/**              | /v1/a/b/c             |
        /v1/**              | /v2                   | no
        /v1/**              | /v1x                  | no
        /**                 | /                     |
        /**/keys            | /keys                 |
        /**/keys            | /a/b/keys             |
        /**/keys            | /a/keys/b             | no
        /{path**}           | /a/b%2Fc/d            | path=a/b/c/d
        /{path**}           | /                     | path=
        /{a**}/x/{b}        | /1/x/x/2              | a=1/x b=2
        /{a**}/x/{b**}      | /1/x/2/x/3            | a=1 b=2/x/3
        /**/a/**/a/**       | /a/b/a                |
        /**/a/**/b/{c}      | /a/b/b/b/d            | c=d
    "
    .lines()
    .filter(|row| row.contains('|'))
    {
        let [text, path, expected] = row.split('|').map(str::trim).collect::<Vec<_>>()[..] else { panic!("{row}") };
        assert_eq!(captured(text, path, false).unwrap_or("no".to_owned()), expected, "{row}");
    }
    assert_eq!(captured("/V1/{id}", "/v1/Abc", true), Some("id=Abc".to_owned()));
    assert_eq!(captured("/straße", "/STRASSE", true), Some(String::new()));
}

#[test]
fn templates_that_cannot_mean_anything_are_refused() {
    for text in [
        "v1",
        "",
        "/a/{}",
        "/a/{a b}",
        "/a/{id}x",
        "/{id}.json",
        "/a*",
        "/{a}/{a}",
        "/a//b",
        "/a/../b",
        "/a;b",
        "/a?b",
        "/a/***",
        "/{**}",
        "/a/{b",
    ] {
        assert!(Template::parse(text).is_err(), "{text}");
    }
}

#[test]
fn the_narrower_template_comes_first() {
    // Each row: most specific first.
    for row in [
        "/v1/refunds/7 /v1/refunds/{id} /v1/refunds/* /v1/refunds/** /v1/** /**",
        "/v1/{a}/c /v1/*/c /v1/**/c /v1/**",
        "/v1 /v1/**",
        "/a/{x}/** /a/** /{x}/b/c /*/b/c /**/b/c",
    ] {
        let templates: Vec<&str> = row.split(' ').collect();
        for pair in templates.windows(2) {
            let [first, second] = pair else { panic!() };
            assert!(template(first).specificity() < template(second).specificity(), "{first} before {second}");
        }
    }
}

#[test]
fn hostile_templates_and_paths_take_bounded_time() {
    let path = "/a".repeat(256);
    assert_eq!(captured("/**/a/**/a/**/a/**/{x}/b", &path, false), None);
    assert!(captured("/**/a/**/a/**", &path, false).is_some());
}

/// Paths as [`crate::request::Head::read`] lets them through.
fn path() -> impl Strategy<Value = String> {
    proptest::collection::vec("[a-b.~*!$&'()+,=:@-]{1,3}|%2[0-46-9A-DF]|%7[B-D]|%C3%A9|a%2Fb", 0..6)
        .prop_map(|segments| format!("/{}", segments.join("/")))
}

fn any_template() -> impl Strategy<Value = String> {
    proptest::collection::vec("[ab]|\\*|\\*\\*|\\{x\\}|\\{y\\*\\*\\}", 0..6).prop_map(|mut segments| {
        segments.dedup();
        let mut seen = std::collections::HashSet::new();
        segments.retain(|segment| !segment.starts_with('{') || seen.insert(segment.clone()));
        format!("/{}", segments.join("/"))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn everything_under_a_prefix_matches_its_rest_rule(path in path()) {
        for (template, path) in [("/v1/**", format!("/v1{path}")), ("/v1/{rest**}", format!("/v1{path}")), ("/**", path.clone())] {
            prop_assert!(captured(template, &path, false).is_some(), "{} {}", template, path);
            prop_assert!(captured(template, &path, true).is_some(), "{} {}", template, path);
        }
    }

    /// The table and the template, two ways to match, never differ (asserted in `captured`).
    #[test]
    fn the_table_finds_what_the_template_matches(template in any_template(), path in "/([abc](/[abc]){0,6}/?)?") {
        captured(&template, &path, false);
    }
}
