//! Brings what is missing onto the machine: says what and how, asks, does it, looks again.

use std::io::{self, Write};
use std::process::Command;

use crate::failure::Failure;
use crate::machine::{Surroundings, succeeds};
use crate::need::{Manager, Need};
use crate::plan::{Consent, Facts, Installation, Line, Plan, consent, plan};
use crate::run;

/// Returns once everything in `needs` is there. Prints nothing where it already was.
pub(crate) fn ensure(surroundings: &Surroundings, needs: &[Need], yes: bool) -> Result<(), Failure> {
    let facts = surroundings.facts(needs);
    let installation = match plan(&facts) {
        Plan::Ready => return Ok(()),
        Plan::ByHand { why, hint } => return Err(Failure::unavailable(why, hint)),
        Plan::Install(installation) => installation,
    };
    let refresh_first = installation.refresh.as_ref().filter(|_| !lists_know(&installation.packages));
    announce(&facts, &installation, refresh_first);
    if !agreed(surroundings, &facts, yes)? {
        return Err(Failure::unavailable(
            "nothing was installed",
            "install it by the lines above, or say yes; then run this again",
        ));
    }
    if let Some(refresh) = refresh_first {
        perform(refresh)?;
    }
    for line in &installation.lines {
        let Err(failure) = perform(line) else { continue };
        // Lists that are too old name packages that the mirrors no longer have.
        match &installation.refresh {
            Some(refresh) if refresh_first.is_none() && line.0.contains(&"apt-get".to_owned()) => {
                println!("    again, with fresh package lists");
                perform(refresh)?;
                perform(line)?;
            }
            _ => return Err(failure),
        }
    }
    let missing = surroundings.facts(needs).missing;
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = missing.iter().map(|need| need.name()).collect();
    Err(Failure::unavailable(
        format!("still missing after the installation: {}", names.join(", ")),
        "see what the installation printed above; a new shell may be needed where PATH changed",
    ))
}

fn announce(facts: &Facts, installation: &Installation, refresh: Option<&Line>) {
    let names: Vec<&str> = facts.missing.iter().map(|need| need.name()).collect();
    println!("This machine lacks: {}. To be run:", names.join(", "));
    for line in refresh.into_iter().chain(&installation.lines) {
        println!("    {line}");
    }
}

fn agreed(surroundings: &Surroundings, facts: &Facts, yes: bool) -> Result<bool, Failure> {
    match consent(yes, surroundings.ci, surroundings.terminal, facts.root) {
        Consent::Given => Ok(true),
        Consent::Missing => Err(Failure::unavailable(
            "there is no terminal to ask on, so nothing was installed",
            "run it again with --yes, or install it by the lines above",
        )),
        Consent::Ask => {
            print!("Run this now? [Y/n] ");
            let mut answer = String::new();
            let read = io::stdout().flush().and_then(|()| io::stdin().read_line(&mut answer));
            // The end of the input is no yes.
            Ok(read.is_ok_and(|bytes| bytes > 0) && matches!(answer.trim().to_lowercase().as_str(), "" | "y" | "yes"))
        }
    }
}

/// Whether the package lists know all of these; they are empty in a fresh container.
fn lists_know(packages: &[&str]) -> bool {
    packages.iter().all(|package| succeeds("apt-cache", &["show", package]))
}

fn perform(line: &Line) -> Result<(), Failure> {
    let Some((program, arguments)) = line.0.split_first() else { return Ok(()) };
    println!("    {line}");
    run::streamed(Command::new(program).args(arguments)).map_err(|what| {
        let managers: Vec<&str> = Manager::ALL.iter().map(|manager| manager.program()).collect();
        let by = line.0.iter().find(|word| managers.contains(&word.as_str())).unwrap_or(program);
        Failure::unavailable(what, format!("see what {by} printed above, mend it and run this again"))
    })
}
