//! From what is missing to the commands that bring it, and whether they may be run unasked. Pure: [`crate::machine`]
//! finds the facts, [`crate::install`] acts.

use std::fmt;

use crate::need::{Manager, Need};

/// What was found on the machine.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub(crate) missing: Vec<Need>,
    pub(crate) manager: Option<Manager>,
    pub(crate) root: bool,
    /// `sudo` is there, and can be used: it asks for no password, or there is a terminal to ask on.
    pub(crate) sudo: bool,
    pub(crate) rustup: bool,
}

/// One command line, as it is shown and as it is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line(pub(crate) Vec<String>);

impl Line {
    fn of(words: &[&str]) -> Self {
        Self(words.iter().map(|&word| word.to_owned()).collect())
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

/// What is to be done before the command can run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Plan {
    /// Nothing is missing.
    Ready,
    /// These lines bring what is missing.
    Install(Installation),
    /// It has to be installed by hand: no package manager that we run, or no right to use it.
    ByHand { why: String, hint: String },
}

/// The commands of a [`Plan::Install`].
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Installation {
    /// What apt-get is asked for; empty when only Rust's own components are missing.
    pub(crate) packages: Vec<&'static str>,
    /// Renews the package lists. Needed only when they do not know the packages yet, or the installation fails.
    pub(crate) refresh: Option<Line>,
    pub(crate) lines: Vec<Line>,
}

/// Decides how what is missing comes onto the machine.
pub(crate) fn plan(facts: &Facts) -> Plan {
    if facts.missing.is_empty() {
        return Plan::Ready;
    }
    let components: Vec<&str> = facts.missing.iter().filter_map(|need| need.component()).collect();
    let from_system: Vec<Need> = facts.missing.iter().copied().filter(|need| need.component().is_none()).collect();

    let mut by_hand = Vec::new();
    let mut installation = Installation { packages: Vec::new(), refresh: None, lines: Vec::new() };
    if !components.is_empty() {
        let mut words = vec!["rustup", "component", "add"];
        words.extend(&components);
        if facts.rustup {
            installation.lines.push(Line::of(&words));
        } else {
            by_hand.push(Line::of(&words));
        }
    }
    if !from_system.is_empty() {
        let may_install = facts.root || facts.sudo;
        let prefix: &[&str] = if facts.root { &[] } else { &["sudo"] };
        match facts.manager {
            Some(Manager::Apt) if may_install => {
                let quiet = [prefix, &["env", "DEBIAN_FRONTEND=noninteractive"]].concat();
                installation.packages = packages(&from_system, Manager::Apt);
                installation.refresh = Some(Line::of(&[&quiet[..], &["apt-get", "update"]].concat()));
                let words = [&quiet[..], Manager::Apt.installs_with(), &installation.packages].concat();
                installation.lines.push(Line::of(&words));
            }
            Some(manager) => by_hand.push(line_for(manager, &from_system)),
            None => by_hand.extend(Manager::ALL.map(|manager| line_for(manager, &from_system))),
        }
    }
    if by_hand.is_empty() {
        return Plan::Install(installation);
    }
    let names: Vec<&str> = facts.missing.iter().map(|need| need.name()).collect();
    let why = match facts.manager {
        _ if from_system.is_empty() => "the Rust toolchain is not one of rustup's".to_owned(),
        Some(Manager::Apt) => "apt-get needs root or sudo".to_owned(),
        Some(manager) => format!("only apt-get is run from here, not {}", manager.program()),
        None => "no package manager was found".to_owned(),
    };
    let one_of = if from_system.is_empty() || facts.manager.is_some() { "" } else { " what fits of" };
    let lines: String = by_hand.iter().map(|line| format!("\n    {line}")).collect();
    Plan::ByHand {
        why: format!("missing: {}; {why}", names.join(", ")),
        hint: format!("install what is missing and run this again, with{one_of}{lines}"),
    }
}

/// The packages for some needs, each once, in the order of the needs.
fn packages(needs: &[Need], manager: Manager) -> Vec<&'static str> {
    let mut packages = Vec::new();
    for &package in needs.iter().flat_map(|need| need.packages(manager)) {
        if !packages.contains(&package) {
            packages.push(package);
        }
    }
    packages
}

/// The line that a person types.
fn line_for(manager: Manager, needs: &[Need]) -> Line {
    let sudo: &[&str] = if manager == Manager::Brew { &[] } else { &["sudo"] };
    Line::of(&[sudo, manager.installs_with(), &packages(needs, manager)].concat())
}

/// Whether something may be installed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Consent {
    Given,
    /// Somebody sits at the terminal: ask.
    Ask,
    /// Nobody can be asked.
    Missing,
}

/// `--yes`, CI, and root without a terminal (a container being built) go ahead; a person is asked.
pub(crate) fn consent(yes: bool, ci: bool, terminal: bool, root: bool) -> Consent {
    match (yes || ci, terminal) {
        (true, _) => Consent::Given,
        (false, true) => Consent::Ask,
        (false, false) if root => Consent::Given,
        (false, false) => Consent::Missing,
    }
}

#[cfg(test)]
mod tests;
