//! A configuration: whatever stands in the file, findings point into it; and a configuration differs in
//! nothing from itself.

use rules::config::Config;
use rules::config::load::{Findings, NoSecrets, Source, load};
use rules::difference::differences;

/// One file.
pub fn configuration(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let checked = rules::check(source(text));
    if let Err(findings) = &checked {
        assert!(findings.has_errors(), "refused without an error");
    }
    point_into(text, checked.as_ref().map_or_else(|findings| findings, |(_, findings)| findings));

    let read = |text: &str| load(source(text), &NoSecrets);
    let Ok((config, _)) = read(text) else { return };
    let mut others: Vec<Config> = read(text).into_iter().map(|(config, _)| config).collect();
    if text.ends_with('\n') {
        others.extend(read(&format!("{text}# a comment\n")).map(|(config, _)| config).ok());
        assert_eq!(others.len(), 2, "a comment makes it unreadable");
    }
    assert!(!others.is_empty(), "not readable a second time");
    for other in others {
        assert_eq!(differences(&config, &other), [], "the same configuration differs");
    }
}

fn source(text: &str) -> Vec<Source> {
    vec![Source { name: "holdshort.yaml".to_owned(), text: text.to_owned() }]
}

/// Every place is one of the text, so that it can be shown; and all forms can be printed.
fn point_into(text: &str, findings: &Findings) {
    let lines: Vec<&str> = text.split('\n').collect();
    for finding in &findings.list {
        let (line, column) = (finding.place.line as usize, finding.place.column as usize);
        assert!((1..=lines.len()).contains(&line), "line {line} of {}: {}", lines.len(), finding.message);
        let width = lines[line - 1].chars().count();
        assert!((1..=width + 2).contains(&column), "column {column} of {width}: {}", finding.message);
        assert!(!finding.message.is_empty() && !finding.code.is_empty());
    }
    let _ = (findings.to_string(), findings.github(), findings.json());
}
