//! The table, as it is printed at the end of a run and as it stands in the reference.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::case::Finding;

const PAGE: &str = "docs/reference/bypass-cases.md";

const HEAD: &str = "# Ways past the gate

What an agent that was taken over could send, or do, to have something executed that nobody decided on; and what must happen
instead. `cargo test --test bypass` sends what can be sent: raw bytes over real sockets, to the built program, once to an upstream
that rejects what no route names (P1) and once to one that passes it (P2), because a difference between what the gate reads and what
the service reads is hidden by the first and shown by the second. The number is how many requests and checks held: each row is
sent in variants of HTTP version, framing, order of headers and form of the target. Behind each request goes a marker on the same
connection, and what the service recorded is put before four kinds of servers (like nginx, Go's mux, Tomcat and Express): whatever
any of them would have served must be what the gate decided, and the permit must be for exactly these bytes.

Where a row names tests, they hold it, or the rest of it, in another place of the tree. *Does not apply* says why.
The fixture: `GET /v1/public/**` is sent by policy, `/admin/**` is always denied, `POST /v1/refunds/{id}` is sent up to an `amount` of 100 and
held above it, so is the MCP tool `delete_*`. The service's paths are case-sensitive; each row on paths is also sent to an upstream with
`paths: { case: insensitive }`.

This page is written by the test: `UPDATE_BYPASS=1 cargo test --test bypass`.
";

/// By the letters of an id.
const SECTIONS: [(&str, &str); 21] = [
    ("PTH", "Target and path"),
    ("HST", "Host, authority, forwarding headers"),
    ("HDR", "Shape of headers, headers of one hop"),
    ("FRM", "Framing over HTTP/1"),
    ("H2U", "HTTP/2, upgrades, tunnels"),
    ("MTH", "Methods"),
    ("BDY", "Kind and coding of bodies"),
    ("JSN", "JSON"),
    ("QRY", "Queries, forms, multipart"),
    ("MCP", "JSON-RPC and MCP"),
    ("GQL", "GraphQL"),
    ("RUL", "Routes and policies"),
    ("APR", "Hold, approve, release"),
    ("RAC", "Races and repetition"),
    ("JWT", "The permit"),
    ("IDN", "Agents and their keys"),
    ("UIX", "What the approver is shown"),
    ("WEB", "Dashboard and admin API"),
    ("WHK", "Webhooks and other calls of the gate itself"),
    ("AUD", "Audit and secrets"),
    ("AVL", "Faults, reload, availability"),
];

/// For the terminal: case, P1, P2.
pub fn table(findings: &[Finding]) -> String {
    let mut text = format!("{:<8} {:<10} {:<10}\n", "case", "P1", "P2");
    let mut sums = [0; 2];
    for finding in findings {
        for (sum, held) in sums.iter_mut().zip(finding.held) {
            *sum += held;
        }
        let _ = writeln!(text, "{:<8} {:<10} {:<10}", finding.case.id, cell(finding, 0), cell(finding, 1));
    }
    let _ = writeln!(text, "{:<8} {:<10} {:<10}", "in all", sums[0], sums[1]);
    text
}

fn cell(finding: &Finding, profile: usize) -> String {
    let case = &finding.case;
    let failed = finding.failed[profile].len();
    match (failed, finding.held[profile]) {
        _ if case.open.is_some() => "open".to_owned(),
        (1.., _) => format!("FAILS {failed}"),
        (0, held @ 1..) => held.to_string(),
        _ if !case.tests.is_empty() => "elsewhere".to_owned(),
        _ => "not here".to_owned(),
    }
}

/// The page of the reference.
pub fn reference(findings: &[Finding]) -> String {
    let mut text = HEAD.to_owned();
    for (letters, title) in SECTIONS {
        let _ = write!(
            text,
            "\n## {title}\n\n| case | what is sent or done | what must happen | P1 | P2 | held by |\n|---|---|---|---|---|---|\n"
        );
        for finding in findings.iter().filter(|finding| finding.case.id.starts_with(letters)) {
            let case = &finding.case;
            let mut by = Vec::new();
            if case.runs() {
                by.push("this suite".to_owned());
            }
            by.extend(case.tests.iter().map(|test| format!("`{test}`")));
            if let Some(why) = case.absent {
                by.push(format!("*does not apply:* {why}"));
            }
            if let Some(what) = case.open {
                by.push(format!("**open:** {what}"));
            }
            let (sent, must) = (escaped(case.sent), escaped(case.must));
            let (p1, p2) = (cell(finding, 0), cell(finding, 1));
            let _ = writeln!(text, "| {} | {sent} | {must} | {p1} | {p2} | {} |", case.id, by.join("; "));
        }
    }
    text
}

fn escaped(text: &str) -> String {
    text.replace('|', "\\|")
}

/// Holds the committed page against this run, or writes it.
#[expect(clippy::disallowed_methods, reason = "the switch of whoever runs the test")]
pub fn compare(text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE);
    if std::env::var_os("UPDATE_BYPASS").is_some() {
        std::fs::write(&path, text).unwrap();
        return;
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    let other = committed.lines().zip(text.lines()).find(|(committed, now)| committed != now);
    assert!(
        committed == text,
        "{PAGE} is not what this run says; write it with UPDATE_BYPASS=1. First line: {other:#?}"
    );
}

/// The names of all functions of the tree's tests.
pub fn tests_in_the_tree() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in ["src", "rules", "permit", "gate", "proxy", "admin", "xtask", "tests"] {
        sources(&root.join(folder), &mut files);
    }
    let mut names = BTreeSet::new();
    for file in files {
        let source = std::fs::read_to_string(file).unwrap();
        let mut is_test = false;
        for line in source.lines().map(str::trim) {
            if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
                is_test = true;
            } else if let Some((_, rest)) = line.split_once("fn ").filter(|_| is_test && !line.starts_with("//")) {
                names.extend(rest.split('(').next().map(str::to_owned));
                is_test = false;
            }
        }
    }
    names
}

fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}
