//! `cargo xtask test`: every check and every test, in one order, the quick ones first.

use crate::failure::Failure;
use crate::machine::Surroundings;
use crate::need::{self, Need};
use crate::steps::Steps;
use crate::totals::Totals;
use crate::{compat, deny, install, run, tools};

/// One step of the suite.
struct Step {
    name: &'static str,
    needs: &'static [&'static [Need]],
    run: fn(&Surroundings) -> Result<Option<String>, Failure>,
}

const STEPS: [Step; 8] = [
    Step { name: "fmt", needs: &[&[Need::Rustfmt]], run: formatting },
    Step { name: "clippy", needs: &[need::BUILDING, &[Need::Clippy]], run: clippy },
    Step { name: "doc", needs: &[need::BUILDING], run: documentation },
    Step { name: "deny", needs: &[&[Need::CCompiler]], run: deny::run },
    Step { name: "build", needs: &[need::BUILDING], run: build },
    Step { name: "tools", needs: &[need::TESTING], run: tools::run },
    Step { name: "test", needs: &[need::BUILDING], run: tests },
    Step { name: "compat", needs: &[need::BUILDING, need::CLIENTS], run: compat::step },
];

/// Runs the steps that were asked for, all of them when none was named, and stops at the first that fails.
pub(crate) fn run(surroundings: &Surroundings, yes: bool, only: &[String]) -> Result<(), Failure> {
    let chosen = chosen(only)?;
    let needs: Vec<Need> = chosen.iter().flat_map(|step| step.needs.concat()).collect();
    install::ensure(surroundings, &each_once(needs), yes)?;
    let mut steps = Steps::start();
    let outcome = chosen.iter().try_for_each(|step| steps.run(step.name, || (step.run)(surroundings)));
    println!("{}", steps.summary());
    outcome
}

/// The steps that were named, in the suite's own order; what uses the tools brings them along.
fn chosen(only: &[String]) -> Result<Vec<&'static Step>, Failure> {
    if let Some(unknown) = only.iter().find(|name| STEPS.iter().all(|step| step.name != *name)) {
        let names: Vec<&str> = STEPS.iter().map(|step| step.name).collect();
        return Err(Failure::usage(format!("there is no step `{unknown}`; there are {}", names.join(", "))));
    }
    let named = |name: &str| only.iter().any(|it| it == name);
    let brought = |name: &str| name == "tools" && (named("test") || named("compat"));
    let wanted = |step: &&Step| only.is_empty() || named(step.name) || brought(step.name);
    Ok(STEPS.iter().filter(wanted).collect())
}

fn each_once(needs: Vec<Need>) -> Vec<Need> {
    let mut once = Vec::new();
    for need in needs {
        if !once.contains(&need) {
            once.push(need);
        }
    }
    once
}

fn formatting(surroundings: &Surroundings) -> Result<Option<String>, Failure> {
    run::streamed(&mut run::cargo(surroundings, &["fmt", "--all", "--check"]))
        .map(|()| None)
        .map_err(|what| Failure::finding(what, "run `cargo fmt --all`"))
}

fn clippy(surroundings: &Surroundings) -> Result<Option<String>, Failure> {
    let arguments = ["clippy", "--workspace", "--all-targets", "--keep-going", "--", "-D", "warnings"];
    run::streamed(&mut run::cargo(surroundings, &arguments)).map(|()| None).map_err(|what| {
        Failure::finding(what, "mend what clippy says; an exception is `#[expect(clippy::..., reason = \"...\")]`")
    })
}

fn documentation(surroundings: &Surroundings) -> Result<Option<String>, Failure> {
    let mut doc = run::cargo(surroundings, &["doc", "--workspace", "--no-deps", "--keep-going"]);
    run::streamed(doc.env("RUSTDOCFLAGS", "-D warnings"))
        .map(|()| None)
        .map_err(|what| Failure::finding(what, "mend the comments that rustdoc names above"))
}

/// The end-to-end tests start the binary. Built together with the tests, so that both share one set of dependencies.
fn build(surroundings: &Surroundings) -> Result<Option<String>, Failure> {
    run::streamed(&mut run::cargo(surroundings, &["build", "--workspace", "--bins", "--tests"]))
        .map(|()| None)
        .map_err(|what| Failure::finding(what, "mend what the compiler says above"))
}

fn tests(surroundings: &Surroundings) -> Result<Option<String>, Failure> {
    let mut totals = Totals::default();
    let mut test = run::cargo(surroundings, &["test", "--workspace", "--no-fail-fast"]);
    test.env("HOLDSHORT_TEST_TOOLS", surroundings.test_tools());
    tools::help_node(&mut test);
    let result = run::watched(&mut test, |line| totals.read(line));
    println!("tests: {totals}");
    match result {
        Ok(()) => Ok(Some(totals.to_string())),
        Err(what) => Err(Failure::finding(
            format!("{what}; {totals}"),
            "the lines above that begin with `failures:` name them; run one again with `cargo test -p CRATE NAME`",
        )),
    }
}

#[cfg(test)]
mod tests_of_the_choice {
    use super::*;

    fn names(only: &[&str]) -> Vec<&'static str> {
        let only: Vec<String> = only.iter().map(|&name| name.to_owned()).collect();
        chosen(&only).unwrap().iter().map(|step| step.name).collect()
    }

    #[test]
    fn without_a_choice_everything_runs() {
        assert_eq!(names(&[]), ["fmt", "clippy", "doc", "deny", "build", "tools", "test", "compat"]);
    }

    #[test]
    fn the_order_is_the_suites_and_the_tests_bring_their_tools() {
        assert_eq!(names(&["test", "fmt"]), ["fmt", "tools", "test"]);
        assert_eq!(names(&["compat"]), ["tools", "compat"]);
        assert_eq!(names(&["deny"]), ["deny"]);
    }

    #[test]
    fn an_unknown_step_is_answered_with_those_that_exist() {
        let failure = chosen(&["lint".into()]).err().unwrap();
        assert_eq!(failure.exit_code, 2);
        assert!(failure.what.contains("fmt, clippy, doc, deny, build, tools, test, compat"), "{failure}");
    }

    #[test]
    fn formatting_alone_needs_no_cmake() {
        let step = chosen(&["fmt".into()]).unwrap();
        assert_eq!(step.iter().flat_map(|step| step.needs.concat()).collect::<Vec<_>>(), [Need::Rustfmt]);
    }

    #[test]
    fn the_help_names_every_step() {
        for step in STEPS {
            assert!(crate::arguments::HELP.contains(&format!("\n                          {:<7} ", step.name)));
        }
    }
}
