//! `cargo xtask bench`: the measurements, which have their own script.

use crate::failure::Failure;
use crate::machine::Surroundings;
use crate::{install, need, run};

/// Hands over to `bench/run`, which builds what it measures.
pub(crate) fn run(surroundings: &Surroundings, yes: bool, passed: &[String]) -> Result<(), Failure> {
    install::ensure(surroundings, need::MEASURING, yes)?;
    let mut bench = run::program(surroundings, &surroundings.root.join("bench/run"), &[]);
    Err(Failure::unavailable(run::replaced_by(bench.args(passed)), "see bench/ for how to measure by hand"))
}
