//! `cargo xtask`: sets the machine up, then runs the demo, the tests or the benchmark.
//!
//! It stands apart from the workspace's other crates and uses the standard library alone, so that it is built in
//! seconds on a machine that has Rust and a C compiler and nothing else. What it decides (what is missing, by which
//! command it comes, whether to ask) is pure and tested: [`plan`], [`arguments`], [`totals`]. What it does is in the
//! other files.

mod arguments;
mod bench;
mod compat;
mod demo;
mod deny;
mod failure;
mod install;
mod machine;
mod need;
mod plan;
mod run;
mod steps;
mod suite;
mod tools;
mod totals;

use std::process::ExitCode;

use arguments::Command;
use machine::Surroundings;

fn main() -> ExitCode {
    let surroundings = Surroundings::read();
    let outcome = arguments::parse(std::env::args().skip(1)).and_then(|command| match command {
        Command::Demo { yes, passed } => demo::run(&surroundings, yes, &passed),
        Command::Test { yes, only } => suite::run(&surroundings, yes, &only),
        Command::Compat { yes, passed } => compat::run(&surroundings, yes, &passed),
        Command::Bench { yes, passed } => bench::run(&surroundings, yes, &passed),
        Command::Help => {
            print!("{}", arguments::HELP);
            Ok(())
        }
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("\n{failure}");
            ExitCode::from(failure.exit_code)
        }
    }
}
