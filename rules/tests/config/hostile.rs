//! Texts made to break the loader: it answers with findings, soon, and never panics.

use std::fmt::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use holdshort_rules::Ruleset;
use holdshort_rules::config::load::{NoSecrets, load};
use proptest::prelude::*;

use crate::support::{Made, files, source};

const WHOLE: &str = include_str!("whole.yaml");

/// Loads, prints in each form, and holds the whole against the clock.
fn soon(name: &str, text: &str) {
    let started = Instant::now();
    let result = files(&[("gate.yaml", text)]);
    let (Ok((_, findings)) | Err(findings)) = &result;
    assert!(findings.to_string().len() < 1 << 20, "{name}");
    assert_eq!(findings.github().lines().count(), findings.list.len(), "{name}");
    assert!(findings.json().is_array());
    let took = started.elapsed();
    assert!(took < Duration::from_secs(20), "{name} took {took:?}");
}

fn repeat(count: usize, one: impl Fn(usize) -> String) -> String {
    (0..count).fold(String::new(), |mut text, at| {
        text.write_str(&one(at)).unwrap();
        text
    })
}

/// To YAML the second line of the comment is a rule.
#[test]
fn nothing_hides_behind_a_carriage_return() {
    let (Ok((_, findings)) | Err(findings)) = files(&[("gate.yaml", "proxy: {}\n# rules\rpolicies: []\n")]);
    let [finding] = findings.list.as_slice() else { panic!("{findings}") };
    assert_eq!((finding.code, finding.place.line, finding.place.column), ("carriage-return", 2, 8));
    let (Ok((_, findings)) | Err(findings)) = files(&[("gate.yaml", "proxy: {}\r\n# rules\r\npolicies: []\r\n")]);
    assert!(findings.list.iter().all(|finding| finding.code != "carriage-return"), "{findings}");
}

#[test]
fn large_and_twisted_files_are_answered_soon() {
    soon("deep lists", &"[".repeat(200_000));
    soon("deep maps", &"{a: ".repeat(200_000));
    soon("deep blocks", &repeat(2_000, |at| format!("{}a:\n", " ".repeat(at))));
    soon("question marks", &"? ".repeat(100_000));
    soon("too large", &"#".repeat(5 << 20));
    soon("one long text", &format!("database: {}\n", "x".repeat(3 << 20)));
    soon("documents", &"---\n".repeat(100_000));
    soon("unknown keys", &repeat(90_000, |at| format!("k{at}: 1\n")));
    soon("quotes", &"\"".repeat(100_000));
    soon("anchors", &repeat(50_000, |at| format!("a{at}: &a{at} x\n")));
    soon("merges", &format!("a: &a {{ x: 1 }}\nb: {{ {} }}\n", "<<: *a, ".repeat(2_000)));
    soon("dollars", &format!("database: \"{}\"\n", "${A:-".repeat(100_000)));
}

#[test]
fn many_names_are_answered_soon() {
    let upstreams = repeat(15_000, |at| {
        format!("  u{at}: {{ url: http://127.0.0.1:8080, listen: 127.1.{}.{}:8080 }}\n", at / 250, at % 250)
    });
    soon("listeners", &format!("upstreams:\n{upstreams}"));
    let projects = repeat(30_000, |at| format!("p{at}, "));
    let agents = repeat(20_000, |at| format!("  a{at}: {{ project: q{at} }}\n"));
    soon("references", &format!("projects: [{projects}]\nagents:\n{agents}upstreams: {{}}\n"));
    let paths = repeat(5_000, |at| format!("/{at}, "));
    let matches = format!("{{ method: [GET, PUT, POST, DELETE], path: [{paths}] }}");
    soon(
        "products",
        &format!("upstreams: {{ a: {{ url: http://a, at: /a, routes: [{{ action: a, match: {matches} }}] }} }}\n"),
    );
}

#[test]
fn many_entries_in_two_files_are_answered_soon() {
    let file = |from: usize| format!("agents:\n{}", repeat(30_000, |at| format!("  a{}: {{}}\n", from + at)));
    let started = Instant::now();
    let _ = files(&[("1.yaml", &file(0)), ("2.yaml", &file(15_000))]);
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
}

fn never_panics(text: &str) {
    for result in [load(vec![source("a.yaml", text)], &NoSecrets), load(vec![source("a.yaml", text)], &Made::default())]
    {
        match result {
            Ok((config, findings)) => {
                drop(findings.to_string());
                drop(Ruleset::compile(Arc::new(config)));
            }
            Err(findings) => assert!(findings.has_errors() && !findings.to_string().is_empty()),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_answered(text in "\\PC{0,200}") {
        never_panics(&text);
    }

    #[test]
    fn any_yaml_like_text_is_answered(text in "[-a-z:{}\\[\\],\"'&*!|>%@`#?$ \\n\\t0-9/.]{0,200}") {
        never_panics(&text);
    }

    /// A right file with a piece taken out and another put in.
    #[test]
    fn any_damaged_file_is_answered(from in 0..WHOLE.len(), len in 0usize..40, put in "[-a-z:{}\\[\\],\"'&*!|$ \\n0-9/.é]{0,12}") {
        let chars: Vec<char> = WHOLE.chars().collect();
        let from = from.min(chars.len());
        let to = (from + len).min(chars.len());
        let text: String = chars[..from].iter().copied().chain(put.chars()).chain(chars[to..].iter().copied()).collect();
        never_panics(&text);
    }
}
