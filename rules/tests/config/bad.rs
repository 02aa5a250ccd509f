//! Tables of configurations with the exact text that is printed for each: `bad.txt` for what is refused, `doubtful.txt`
//! for what works and is probably not meant.
//!
//! A table holds `### what is wrong`, the file, `>>>`, and what is printed. `UPDATE_BAD=1 cargo test -p holdshort-rules
//! --test config bad` writes the printed parts anew; then read the difference.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use holdshort_rules::check;

use crate::support::{findings, source};

#[test]
fn each_is_refused_with_these_words() {
    holds("bad.txt", 60, findings);
}

#[test]
fn each_is_doubted_with_these_words() {
    holds("doubtful.txt", 20, |text| match check(vec![source("gate.yaml", text)]) {
        Ok((_, findings)) => findings.to_string(),
        Err(findings) => panic!("{findings}"),
    });
}

fn path(table: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config").join(table)
}

#[expect(clippy::disallowed_methods, reason = "a switch of these tests alone")]
fn holds(name: &str, least: usize, said: impl Fn(&str) -> String) {
    let path = path(name);
    let table = fs::read_to_string(&path).unwrap();
    let mut printed = String::new();
    let mut cases = 0;
    for case in table.split("### ").skip(1) {
        let (title, rest) = case.split_once('\n').unwrap();
        let (text, _) = rest.split_once(">>>\n").unwrap_or_else(|| panic!("{title}: no `>>>`"));
        let said = said(text);
        assert!(!said.is_empty() || title.starts_with("good: "), "{title}: nothing was found");
        assert!(said.is_empty() || !title.starts_with("good: "), "{title}: {said}");
        printed.push_str(&format!("### {title}\n{text}>>>\n{said}\n"));
        cases += 1;
    }
    assert!(cases >= least, "{cases}");
    if std::env::var_os("UPDATE_BAD").is_some() {
        fs::write(&path, &printed).unwrap();
        return;
    }
    if let Some((line, (is, was))) = printed.lines().zip(table.lines()).enumerate().find(|(_, (is, was))| is != was) {
        panic!("{name}:{}\nprinted: {is}\ntable:   {was}", line + 1);
    }
    assert_eq!(printed.lines().count(), table.lines().count());
}

/// Names as they stand in the source, after `error(` and `warn(`.
fn named_in_the_source() -> BTreeSet<String> {
    fn collect(folder: &Path, names: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            // Rule tests have findings of their own.
            if path.file_stem().is_some_and(|stem| stem == "cases") {
                continue;
            }
            if path.is_dir() {
                collect(&path, names);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let text: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
            for call in ["error( \"", "error(\"", "warning(\"", "warn(\"", "warn( \"", "code: \"", "Fault { code: \""] {
                for rest in text.split(call).skip(1) {
                    let name = rest.split('"').next().unwrap();
                    if name.chars().all(|c| c.is_ascii_lowercase() || c == '-') {
                        names.insert(name.to_owned());
                    }
                }
            }
        }
    }
    // These reach their finding by another way.
    let mut names: BTreeSet<String> =
        ["secret-in-file", "duplicate-key", "several-documents", "too-much", "yaml"].map(str::to_owned).into();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    collect(&source.join("config"), &mut names);
    collect(&source.join("ruleset/lint"), &mut names);
    names
}

#[test]
fn every_finding_stands_in_a_table_and_in_the_reference() {
    let tables: String = ["bad.txt", "doubtful.txt"].map(|table| fs::read_to_string(path(table)).unwrap()).concat();
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference/findings.md");
    let page = fs::read_to_string(page).unwrap();
    let names = named_in_the_source();
    assert!(names.len() > 40, "{names:?}");
    // Tested elsewhere: what a table of one file cannot show.
    let elsewhere =
        ["carriage-return", "file-too-large", "secret-missing", "secret-too-large", "too-much", "several-documents"];
    for name in &names {
        let shown = tables.contains(&format!("[{name}]")) || elsewhere.contains(&name.as_str());
        assert!(shown, "{name} has no case in bad.txt or doubtful.txt");
        assert!(page.contains(&format!("| `{name}` |")), "{name} is missing in docs/reference/findings.md");
    }
    for line in page.lines().filter_map(|line| line.strip_prefix("| `")) {
        let name = line.split('`').next().unwrap();
        assert!(names.contains(name), "docs/reference/findings.md names {name}, which is no finding");
    }
}
