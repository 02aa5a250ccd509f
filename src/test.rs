//! `holdshort test`: runs the rule tests that stand beside the configuration. Needs no secrets and no network.

use std::path::{Path, PathBuf};

use rules::cases::{self, Case, Coverage, Ending, Report};
use rules::config::Place;
use serde_json::{Value, json};

use crate::cli::TestArgs;
use crate::configuration::{self, located};
use crate::exit::{self, Exit};
use crate::output::{self, plain};
use crate::say;

pub(crate) fn run(path: Option<&Path>, args: &TestArgs) -> anyhow::Result<Exit> {
    let path = located(path)?;
    let rules = configuration::rules(&path)?;
    let files = if args.files.is_empty() { beside(&path)? } else { args.files.clone() };
    if files.is_empty() {
        return Err(exit::finding(format!(
            "there are no tests: no *.test.yaml beside {} or in a folder tests/ there",
            path.display()
        )));
    }
    let texts = files.iter().map(|file| configuration::source(file)).collect::<anyhow::Result<_>>()?;
    let tests: Vec<Case> =
        cases::read(texts, rules.config()).map_err(|findings| exit::configuration(findings.to_string()))?;
    let reports: Vec<Report> = tests.iter().map(|test| test.run(&rules)).collect();
    let coverage = args.coverage.then(|| Coverage::of(rules.config(), &reports));
    let failed = reports.iter().filter(|report| !report.passed()).count();
    if args.json {
        output::json(&as_json(&reports, failed, coverage.as_ref()));
    } else {
        print(&reports, failed, coverage.as_ref());
    }
    if tests.is_empty() {
        return Err(exit::finding("the files hold no tests"));
    }
    Ok(if failed == 0 { Exit::Done } else { Exit::Finding })
}

/// `*.test.yaml` in the configuration's folder, and in `tests/` there.
fn beside(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let folder = configuration::folder_of(path);
    let mut files = Vec::new();
    for folder in [folder.clone(), folder.join("tests")] {
        if folder.is_dir() {
            let mut found: Vec<PathBuf> =
                configuration::entries(&folder)?.into_iter().filter(|file| configuration::holds_tests(file)).collect();
            found.sort();
            files.extend(found);
        }
    }
    Ok(files)
}

fn print(reports: &[Report], failed: usize, coverage: Option<&Coverage>) {
    say!("running {} {}\n", reports.len(), if reports.len() == 1 { "test" } else { "tests" });
    for report in reports {
        let came = if report.passed() { "ok" } else { "FAILED" };
        say!("test {} ... {came}", plain(&report.name));
        if report.passed() {
            continue;
        }
        say!("  at {}", shown(&report.place));
        for difference in &report.differences {
            let (what, expected, got) = (&difference.what, plain(&difference.expected), plain(&difference.got));
            say!("  {what}: expected {expected}, got {got}");
        }
        for step in report.trace() {
            let mark = if step.matched { '✓' } else { '✗' };
            say!("    {mark} {}: {}", plain(&step.what), plain(&step.detail));
        }
        say!();
    }
    if let Some(coverage) = coverage {
        say!();
        let missed = &coverage.missed_routes;
        say!("routes hit:   {}", share(coverage.routes, missed.len()));
        for route in missed {
            say!("  no test hits {} ({})", plain(&route.name), shown(&route.place));
        }
        let missed = &coverage.missed_policies;
        say!("policies hit: {}", share(coverage.policies, missed.len()));
        for policy in missed {
            say!("  no test hits \"{}\" ({})", plain(&policy.name), shown(&policy.place));
        }
    }
    let came = if failed == 0 { "ok" } else { "FAILED" };
    say!("\ntest result: {came}. {} passed; {failed} failed", reports.len() - failed);
}

fn shown(place: &Place) -> String {
    format!("{}:{}:{}", place.file, place.line, place.column)
}

fn share(all: usize, missed: usize) -> String {
    format!("{} of {all} ({} %)", all - missed, percent(all, missed))
}

/// Rounded down, so that 100 says that nothing is missing.
fn percent(all: usize, missed: usize) -> usize {
    ((all - missed) * 100).checked_div(all).unwrap_or(100)
}

fn as_json(reports: &[Report], failed: usize, coverage: Option<&Coverage>) -> Value {
    let place = |place: &Place| json!({ "file": place.file, "line": place.line, "column": place.column });
    let tests = reports.iter().map(|report| {
        let differences = report.differences.iter();
        let trace = report.trace();
        json!({
            "name": report.name,
            "place": place(&report.place),
            "ok": report.passed(),
            "decision": Ending::of(&report.walk).as_str(),
            "differences": differences
                .map(|one| json!({ "what": one.what, "expected": one.expected, "got": one.got }))
                .collect::<Value>(),
            "trace": trace
                .iter()
                .map(|step| json!({ "what": step.what, "matched": step.matched, "detail": step.detail }))
                .collect::<Value>(),
        })
    });
    let mut document = json!({
        "passed": reports.len() - failed,
        "failed": failed,
        "tests": tests.collect::<Value>(),
    });
    if let (Some(coverage), Some(fields)) = (coverage, document.as_object_mut()) {
        let missed = |missed: &[cases::Missed]| -> Value {
            missed.iter().map(|one| json!({ "name": one.name, "place": place(&one.place) })).collect()
        };
        let part = |all: usize, list: &[cases::Missed]| {
            let (hit, percent) = (all - list.len(), percent(all, list.len()));
            json!({ "all": all, "hit": hit, "percent": percent, "missed": missed(list) })
        };
        let routes = part(coverage.routes, &coverage.missed_routes);
        let policies = part(coverage.policies, &coverage.missed_policies);
        fields.insert("coverage".to_owned(), json!({ "routes": routes, "policies": policies }));
    }
    document
}
