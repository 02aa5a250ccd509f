//! Real clients through the gate: the step `compat` of the tests in its short form, `cargo xtask compat` in any.

use std::process::Command;

use crate::failure::Failure;
use crate::machine::Surroundings;
use crate::{install, need, run, tools};

/// `cargo xtask compat`: brings what it needs, builds the gate, and hands on whatever else was said.
pub(crate) fn run(surroundings: &Surroundings, yes: bool, passed: &[String]) -> Result<(), Failure> {
    install::ensure(surroundings, &[need::BUILDING, need::CLIENTS].concat(), yes)?;
    tools::run(surroundings)?;
    suite(surroundings, passed)
}

/// The short form, held against the page that the long one wrote.
pub(crate) fn step(surroundings: &Surroundings) -> Result<Option<String>, Failure> {
    suite(surroundings, &["--compare".to_owned()]).map(|()| None)
}

fn suite(surroundings: &Surroundings, words: &[String]) -> Result<(), Failure> {
    run::streamed(&mut run::cargo(surroundings, &["build", "--bin", "holdshort"]))
        .map_err(|what| Failure::finding(what, "mend what the compiler says above"))?;
    let folder = surroundings.test_tools();
    let mut python = Command::new(folder.join("venv/bin/python"));
    python.arg("tests/compat/run.py").arg("target/debug/holdshort").arg(folder).args(words);
    python.current_dir(&surroundings.root).env("PYTHONDONTWRITEBYTECODE", "1");
    tools::help_node(&mut python);
    run::streamed(&mut python).map_err(|what| {
        Failure::finding(
            what,
            "the lines above that begin with `compat: BROKEN` name the cells; --only CLIENT runs one client",
        )
    })
}
