//! The forms in which findings are printed.

use holdshort_rules::config::load::Severity;
use serde_json::json;

use crate::support::files;

const FILES: [(&str, &str); 2] = [
    ("a,b.yaml", "upstreams: { api: { url: http://api.test, at: /api } }\nteams: { ops: [100%] }\n"),
    ("c.yaml", "policies:\n  - { name: x, decision: require_approval, approvals: { from: [gone] } }\n"),
];

#[test]
fn people_read_them_with_a_snippet() {
    let said = files(&FILES).unwrap_err();
    assert_eq!(
        said.to_string(),
        "error[bad-email]: `100%` is not an e-mail address\n \
         --> a,b.yaml:2:16\n  \
           |\n\
         2 | teams: { ops: [100%] }\n  \
           |                ^^^^\n\
         \n\
         warning[unknown-name]: the team `gone` is not defined in these files\n \
         --> c.yaml:2:64\n  \
           |\n\
         2 |   - { name: x, decision: require_approval, approvals: { from: [gone] } }\n  \
           |                                                                ^^^^\n  \
           = help: define it under `teams`, or make sure that it exists in the store\n"
    );
    assert_eq!((said.count(Severity::Error), said.count(Severity::Warning)), (1, 1));
}

#[test]
fn github_reads_one_line_each_with_its_own_escapes() {
    assert_eq!(
        files(&FILES).unwrap_err().github(),
        "::error file=a%2Cb.yaml,line=2,col=16,title=bad-email::`100%25` is not an e-mail address\n\
         ::warning file=c.yaml,line=2,col=64,title=unknown-name::the team `gone` is not defined in these files%0A\
         help: define it under `teams`, or make sure that it exists in the store\n"
    );
}

#[test]
fn programs_read_json() {
    assert_eq!(
        files(&FILES).unwrap_err().json()[0],
        json!({
            "severity": "error",
            "code": "bad-email",
            "message": "`100%` is not an e-mail address",
            "file": "a,b.yaml",
            "line": 2,
            "column": 16,
            "help": null,
            "notes": [],
        })
    );
}

#[test]
fn a_warning_alone_does_not_refuse() {
    let (_, findings) = files(&[(
        "a.yaml",
        "upstreams: { api: { url: http://api.test, at: /api } }\npolicies: [{ name: x, decision: auto_deny, upstream: gone }]\n",
    )])
    .unwrap();
    assert_eq!(findings.list.len(), 1);
    assert!(!findings.has_errors());
}

#[test]
fn a_file_with_thousands_of_faults_prints_the_first_hundred() {
    let text: String = (0..500).map(|at| format!("k{at}: 1\n")).collect();
    let said = files(&[("a.yaml", &text)]).unwrap_err();
    assert_eq!(said.list.len(), 500);
    let printed = said.to_string();
    assert_eq!(printed.matches("error[unknown-key]").count(), 100);
    assert!(printed.ends_with("\nand 400 more\n"));
}
