//! Raw to checked: defaults are filled in, values are held against their bounds, names against what they
//! name. Everything wrong is reported; a later step never sees a configuration with an error.

mod gate;
mod listeners;
mod people;
mod policy;
mod route;
mod upstream;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexSet;

use super::findings::{error, nearest, warning};
use super::load::{Finding, Source};
use super::node::{Mark, shortened};
use super::raw::{self, At};
use super::{Config, Place};

/// Collects findings and knows the names that may be referred to.
struct Checker<'s> {
    sources: &'s [Source],
    findings: Vec<Finding>,
    /// Secrets that were not looked up: what is said of their values is said of nothing.
    unresolved: HashSet<Mark>,
    names: Names,
    listeners: listeners::Listeners,
}

type Known = Arc<IndexSet<String>>;

/// The names that the files define.
#[derive(Default)]
struct Names {
    teams: Known,
    projects: Known,
    agents: Known,
    upstreams: Known,
}

pub(super) fn check(
    raw: raw::Config,
    sources: &[Source],
    unresolved: HashSet<Mark>,
    digest: String,
) -> (Config, Vec<Finding>) {
    let mut checker = Checker {
        sources,
        findings: Vec::new(),
        unresolved,
        names: Names::default(),
        listeners: listeners::Listeners::default(),
    };
    let config = checker.config(raw, digest);
    (config, checker.findings)
}

/// Only the policies, with the names of a configuration that was checked before.
pub(super) fn policies(
    raw: raw::Config,
    sources: &[Source],
    known: Option<&Config>,
) -> (Vec<super::Policy>, Vec<Finding>) {
    let names = known.map_or_else(Names::default, |config| Names {
        teams: Arc::new(config.teams.keys().cloned().collect()),
        projects: Arc::new(config.projects.iter().map(|project| project.name.clone()).collect()),
        agents: Arc::new(config.agents.keys().cloned().collect()),
        upstreams: Arc::new(config.upstreams.keys().cloned().collect()),
    });
    let mut checker = Checker {
        sources,
        findings: Vec::new(),
        unresolved: HashSet::new(),
        names,
        listeners: listeners::Listeners::default(),
    };
    let policies = checker.policies(raw.policies);
    (policies, checker.findings)
}

impl Checker<'_> {
    fn config(&mut self, raw: raw::Config, digest: String) -> Config {
        let teams = self.teams(raw.teams);
        let projects = self.projects(raw.projects);
        self.names.teams = Arc::new(teams.keys().cloned().collect());
        self.names.projects = Arc::new(projects.iter().map(|project| project.name.clone()).collect());
        let agents = self.agents(raw.agents);
        self.names.agents = Arc::new(agents.keys().cloned().collect());
        let permit = self.permit(raw.permit);
        let limits = self.limits(raw.limits);
        let proxy = self.proxy(raw.proxy);
        let admin = self.admin(raw.admin);
        let gate = upstream::Around { permit: &permit, agents: &agents };
        let upstreams = self.upstreams(raw.upstreams, &gate);
        self.names.upstreams = Arc::new(upstreams.keys().cloned().collect());
        Config {
            proxy,
            admin,
            database: self.database(raw.database),
            permit,
            record: Checker::record(raw.record),
            audit: self.audit(raw.audit),
            hold: super::Hold { timeout: raw.hold.map_or(super::HoldTimeout::Auto, |hold| self.hold(&hold)) },
            approval: self.approval(raw.approval),
            limits,
            enforce: raw.enforce.is_none_or(|enforce| enforce.value),
            risk_tiers: self.tiers(raw.risk_tiers),
            trust: self.trust(raw.trust),
            risk: self.risk(raw.risk),
            teams,
            projects,
            agents,
            upstreams,
            policies: self.policies(raw.policies),
            digest,
        }
    }

    fn place(&self, mark: Mark) -> Place {
        super::reader::place(self.sources, mark)
    }

    fn error(&mut self, code: &'static str, mark: Mark, message: impl Into<String>, help: Option<&str>) {
        let finding = error(code, self.place(mark), message.into(), help.map(str::to_owned));
        self.find(mark, finding);
    }

    fn warning(&mut self, code: &'static str, mark: Mark, message: impl Into<String>, help: Option<&str>) {
        let finding = warning(code, self.place(mark), message.into(), help.map(str::to_owned));
        self.find(mark, finding);
    }

    fn find(&mut self, mark: Mark, finding: Finding) {
        if !self.unresolved.contains(&mark) {
            self.findings.push(finding);
        }
    }

    /// The duration, when it lies between the bounds.
    fn within(&mut self, at: Option<&At<raw::Duration>>, default: Duration, from: &str, to: &str) -> Duration {
        let Some(at) = at else { return default };
        let bound = |text| raw::Duration::read(text).map(|found| found.0).unwrap_or_default();
        if at.value.0 < bound(from) || at.value.0 > bound(to) {
            self.error("out-of-range", at.mark, format!("this duration must be from {from} to {to}"), None);
        }
        at.value.0
    }

    fn number(&mut self, at: Option<&At<u32>>, default: u32, from: u32, to: u32) -> u32 {
        let Some(at) = at else { return default };
        if at.value < from || at.value > to {
            self.error("out-of-range", at.mark, format!("this number must be from {from} to {to}"), None);
        }
        at.value
    }

    fn size(&mut self, at: Option<&At<raw::Size>>, default: usize, from: u64, to: u64) -> usize {
        let Some(at) = at else { return default };
        if at.value.0 < from || at.value.0 > to {
            let message = format!("this size must be from {} to {}", bytes(from), bytes(to));
            self.error("out-of-range", at.mark, message, None);
        }
        usize::try_from(at.value.0).unwrap_or(usize::MAX)
    }

    fn hold(&mut self, at: &At<raw::Hold>) -> super::HoldTimeout {
        match at.value.timeout.value {
            raw::HoldTime::Auto => super::HoldTimeout::Auto,
            raw::HoldTime::For(time) => {
                let time = At { value: time, mark: at.value.timeout.mark };
                super::HoldTimeout::For(self.within(Some(&time), Duration::ZERO, "0s", "24h"))
            }
        }
    }

    /// Names of upstreams, agents, projects, teams: what also stands in URLs, globs and tokens.
    fn name(&mut self, what: &str, name: &At<String>) {
        let good = name.value.len() <= 63
            && name.value.starts_with(|c: char| c.is_ascii_alphanumeric())
            && name.value.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
        if !good {
            let message = format!("`{}` cannot be the name of {what}", shortened(&name.value));
            let help = "letters, digits, `-`, `_` and `.`, a letter or digit first, at most 63";
            self.error("bad-name", name.mark, message, Some(help));
        }
    }

    /// Guesses only for the first faults: a file with thousands is not one that somebody mistyped.
    fn nearest<'k>(&self, word: &str, known: &'k Known) -> Option<&'k str> {
        let guess = self.findings.len() < 50;
        guess.then(|| nearest(word, known.iter().take(1_000).map(String::as_str))).flatten()
    }

    /// A name that the files need not define, because the store may: a near miss is an error, else a warning.
    fn refer(&mut self, what: &str, section: &str, name: &At<String>, known: &Known) {
        if known.contains(&name.value) {
            return;
        }
        let shown = shortened(&name.value);
        match self.nearest(&name.value, known) {
            Some(near) => {
                let help = format!("did you mean `{near}`?");
                self.error("unknown-name", name.mark, format!("there is no {what} `{shown}`"), Some(&help));
            }
            None => {
                let message = format!("the {what} `{shown}` is not defined in these files");
                let help = format!("define it under `{section}`, or make sure that it exists in the store");
                self.warning("unknown-name", name.mark, message, Some(&help));
            }
        }
    }
}

/// RFC 9110 `token`: header names and methods.
pub(super) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

fn is_email(text: &str) -> bool {
    text.split_once('@').is_some_and(|(user, host)| {
        !user.is_empty() && !host.is_empty() && !host.contains('@') && !text.contains(char::is_whitespace)
    })
}

fn bytes(size: u64) -> String {
    match size {
        size if size >= 1 << 20 && size % (1 << 20) == 0 => format!("{}MiB", size >> 20),
        size if size >= 1 << 10 && size % (1 << 10) == 0 => format!("{}KiB", size >> 10),
        size => format!("{size} bytes"),
    }
}

/// The texts of a key that takes one or a list.
fn networks(given: Option<&raw::OneOrMany<At<raw::Network>>>) -> Vec<ipnet::IpNet> {
    given.into_iter().flat_map(|many| many.as_slice()).map(|at| at.value.0).collect()
}

fn texts(given: Option<raw::OneOrMany<At<String>>>) -> Vec<At<String>> {
    match given {
        None => Vec::new(),
        Some(raw::OneOrMany::Other(one)) => vec![one],
        Some(raw::OneOrMany::List(many)) => many,
    }
}
