//! What works and is probably not meant: the warnings of `holdshort check`.
//!
//! They are looked for only there. A gate that runs carries nothing of this. Each finding has a short stable name, says
//! where it is, and what to write instead. What is not certain is not said: an alternative that only several others
//! together make unreachable is not found.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::glob::Glob;
use super::{Ruleset, route};
use crate::config::load::{Finding, Findings, NoSecrets, Severity, Source, load};
use crate::config::places::Places;
use crate::config::{self, Config, Place, Unmatched};

mod actions;
mod approvers;
mod policies;
mod routes;
mod secrets;
mod times;

/// Reads, checks and compiles a configuration without its secrets, and looks it over: what must be mended, or the rules
/// beside what is doubtful.
///
/// # Errors
/// At least one finding of severity error.
pub fn check(sources: Vec<Source>) -> Result<(Ruleset, Findings), Findings> {
    let (config, Findings { mut list, sources }) = load(sources, &NoSecrets)?;
    let rules = Ruleset::compile(Arc::new(config)).map_err(|found| {
        list.extend(found.list);
        Findings::sorted(std::mem::take(&mut list), sources.clone())
    })?;
    list.extend(rules.lint(&sources));
    Ok((rules, Findings::sorted(list, sources)))
}

impl Ruleset {
    /// What is doubtful in these rules; `sources` are the texts that they were made of.
    #[must_use]
    pub fn lint(&self, sources: &[Source]) -> Vec<Finding> {
        let mut lint =
            Lint { rules: self, places: Places::of(sources), made: Made::all(&self.config), found: Vec::new() };
        lint.routes();
        lint.policies();
        lint.actions();
        lint.approvers();
        lint.times();
        lint.secrets();
        lint.found
    }
}

struct Lint<'r> {
    rules: &'r Ruleset,
    places: Places,
    made: Vec<Made<'r>>,
    found: Vec<Finding>,
}

/// An action that a route makes.
struct Made<'r> {
    upstream: &'r config::Upstream,
    route: &'r config::Route,
    /// Its name, or what it looks like: a route for several tools makes several actions.
    name: Glob,
    params: BTreeSet<String>,
    /// It has parameters whose names the files do not tell.
    any_param: bool,
}

impl<'r> Made<'r> {
    fn all(config: &'r Config) -> Vec<Made<'r>> {
        let mut all = Vec::new();
        for upstream in config.upstreams.values() {
            for route in upstream.routes.iter().filter(|route| !route.pass && !route.hide) {
                let params: BTreeSet<String> = route
                    .params
                    .keys()
                    .cloned()
                    .chain(route.matches.iter().filter_map(|given| given.path.as_deref()).flat_map(captures))
                    .collect();
                // Arguments of a tool or of a GraphQL field are parameters too.
                let any_param = route.matches.iter().any(|given| given.mcp.is_some() || given.graphql.is_some());
                let names: Vec<Glob> = match &route.action {
                    Some(name) => vec![Glob::Literal(name.clone())],
                    None => route.matches.iter().map(tool).collect(),
                };
                let made = |name| Made { upstream, route, name, params: params.clone(), any_param };
                all.extend(names.into_iter().map(made));
            }
        }
        all
    }

    /// Whether a policy's or another glob can name it.
    fn is(&self, globs: &[Glob]) -> bool {
        globs.is_empty() || globs.iter().any(|glob| glob.overlaps(&self.name))
    }

    fn stands_at(&self, upstreams: &[Glob]) -> bool {
        upstreams.is_empty() || upstreams.iter().any(|glob| glob.matches(&self.upstream.name))
    }
}

/// The name that a route without an action takes from its tool.
fn tool(given: &config::Match) -> Glob {
    let text = given.mcp.as_ref().and_then(|mcp| mcp.tool.as_deref()).unwrap_or("*");
    match Glob::compile(text) {
        Glob::Literal(tool) => Glob::Literal(route::snake_case(&tool)),
        // What several names become cannot be told from a glob that is no snake_case itself.
        glob if text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_*?".contains(c)) => glob,
        _ => Glob::Any,
    }
}

/// `{id}` and `{rest**}` of a path.
fn captures(path: &str) -> impl Iterator<Item = String> {
    path.split('/').filter_map(|segment| {
        let name = segment.strip_prefix('{')?.strip_suffix('}')?;
        Some(name.strip_suffix("**").unwrap_or(name).to_owned())
    })
}

/// What a call to an upstream becomes that no route of it matches.
fn unmatched(upstream: &config::Upstream) -> Option<String> {
    (upstream.unmatched == Unmatched::RequireApproval)
        .then(|| format!("unmatched_{}", route::snake_case(&upstream.name)))
}

impl Lint<'_> {
    fn warn(&mut self, code: &'static str, place: Place, message: String, notes: Vec<String>, help: impl Into<String>) {
        let help = Some(help.into());
        self.found.push(Finding { severity: Severity::Warning, code, message, place, help, notes });
    }
}

/// For notes that lead to another place.
fn stands(what: &str, place: &Place) -> String {
    format!("{what} stands at {}:{}:{}", place.file, place.line, place.column)
}
