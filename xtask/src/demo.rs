//! `cargo xtask demo`: the story of one held call, played on this machine.

use crate::failure::Failure;
use crate::machine::Surroundings;
use crate::steps::Steps;
use crate::{install, need, run};

/// Builds the gate and hands over to `holdshort demo`.
pub(crate) fn run(surroundings: &Surroundings, yes: bool, passed: &[String]) -> Result<(), Failure> {
    install::ensure(surroundings, need::BUILDING, yes)?;
    Steps::start().run("build", || {
        println!("the first build takes a few minutes");
        run::streamed(&mut run::cargo(surroundings, &["build", "--bin", "holdshort"]))
            .map(|()| None)
            .map_err(|what| Failure::finding(what, "mend what the compiler says above"))
    })?;
    println!();
    let mut demo = run::cargo(surroundings, &["run", "--quiet", "--bin", "holdshort", "--", "demo"]);
    Err(Failure::unavailable(run::replaced_by(demo.args(passed)), "run `cargo run -- demo`"))
}
