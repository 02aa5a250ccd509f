//! The documentation against the code: every answer, metric and command stands in the reference, links lead somewhere,
//! and the configurations in it are good.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn files(folder: &Path, extension: &str, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, extension, into);
        } else if path.extension().is_some_and(|it| it == extension) {
            into.push(path);
        }
    }
}

/// Quoted texts in a source file.
fn quoted(source: &str) -> impl Iterator<Item = &str> {
    source
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| line.split('"').skip(1).step_by(2))
}

#[test]
fn every_answer_of_the_proxy_is_in_the_reference() {
    let page = read("docs/reference/answers.md");
    let source = read("proxy/src/answer.rs");
    let codes: Vec<&str> = quoted(&source)
        .filter(|text| text.len() > 5 && text.chars().all(|c| c.is_ascii_uppercase() || c == '_'))
        .collect();
    assert!(codes.contains(&"DENIED") && codes.len() > 20, "{codes:?}");
    for code in codes {
        assert!(page.contains(&format!("| `{code}` |")), "{code} is missing");
    }
}

#[test]
fn every_metric_is_in_the_reference() {
    let page = read("docs/reference/metrics.md");
    let mut sources = Vec::new();
    for folder in ["src", "proxy/src", "gate/src", "admin/src"] {
        files(&root().join(folder), "rs", &mut sources);
    }
    let mut found = 0;
    for path in sources {
        let source = std::fs::read_to_string(&path).unwrap();
        for line in source.lines().filter(|line| line.contains("metrics::")) {
            for name in quoted(line).filter(|name| name.starts_with("holdshort_")) {
                found += 1;
                assert!(page.contains(&format!("| `{name}` |")), "{name} ({}) is missing", path.display());
            }
        }
    }
    assert!(found > 5, "only {found} metrics were found in the sources");
}

#[test]
fn every_command_is_in_the_reference() {
    let page = read("docs/reference/command-line.md");
    let help = Command::new(env!("CARGO_BIN_EXE_holdshort")).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    // A description that is wrapped goes on further to the right.
    let commands = commands.filter(|line| !line.starts_with("   "));
    let mut count = 0;
    for command in commands.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help") {
        count += 1;
        assert!(page.contains(&format!("| `{command}")), "{command} is missing");
    }
    assert!(count > 8, "{help}");
}

#[test]
fn links_between_pages_lead_somewhere() {
    let mut pages = vec![root().join("README.md"), root().join("CONTRIBUTING.md")];
    files(&root().join("docs"), "md", &mut pages);
    for page in pages {
        let text = std::fs::read_to_string(&page).unwrap();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = target.split('#').next().unwrap_or_default();
            if target.is_empty() || target.contains("://") {
                continue;
            }
            let file = page.parent().unwrap().join(target);
            assert!(file.exists(), "{} points at {target}", page.display());
        }
    }
}

#[test]
fn whole_configurations_in_the_how_tos_are_good() {
    let mut pages = Vec::new();
    files(&root().join("docs/how-to"), "md", &mut pages);
    let mut checked = 0;
    for page in pages {
        let text = std::fs::read_to_string(&page).unwrap();
        for block in text.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()) {
            let folder = tempfile::TempDir::new().unwrap();
            // What an example leaves out because it is not about that.
            let agents = if block.contains("agent: housekeeper") && !block.contains("agents:") {
                "agents: { housekeeper: { framework: boto3 } }\n"
            } else {
                ""
            };
            std::fs::write(folder.path().join("holdshort.yaml"), format!("{agents}{block}")).unwrap();
            let check = Command::new(env!("CARGO_BIN_EXE_holdshort")).arg("check").current_dir(folder.path()).output();
            let check = check.unwrap();
            let said = String::from_utf8_lossy(&check.stderr).into_owned();
            assert!(check.status.success(), "{}:\n{block}\n{said}", page.display());
            checked += 1;
        }
    }
    assert!(checked >= 4, "only {checked} examples were found");
}
