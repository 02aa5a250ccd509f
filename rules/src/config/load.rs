//! From the operator's texts to a [`Config`], or to findings that say file, line and column.
//!
//! The steps: each text becomes a tree ([`super::node`]), the trees are merged ([`super::merge`]), secrets
//! are put in ([`super::secrets`]), the raw types are read ([`super::reader`], [`super::raw`]), and they are
//! checked against each other ([`super::check`]). A step with errors ends the walk: what follows from a
//! fault is not reported as another.

use std::collections::HashSet;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::findings::error;
use super::reader::Reader;
use super::{Config, Place, check, merge, node, raw, secrets as putting};

/// One file of the configuration.
#[derive(Debug, Clone)]
pub struct Source {
    /// As shown in findings, e.g. `holdshort.yaml`.
    pub name: String,
    pub text: String,
}

/// Where `${NAME}` and `file:PATH` come from.
pub trait Secrets {
    /// The value, or a sentence why there is none.
    ///
    /// # Errors
    /// The variable is not set.
    fn variable(&self, name: &str) -> Result<String, String>;
    /// # Errors
    /// The file cannot be read.
    fn file(&self, path: &str) -> Result<String, String>;
    /// `false`: a secret that is not found is no fault, and what it would decide is not checked.
    fn required(&self) -> bool {
        true
    }
}

/// For `check`, `test`, `explain`: every secret is a placeholder.
#[derive(Debug, Clone, Copy)]
pub struct NoSecrets;

impl Secrets for NoSecrets {
    fn variable(&self, name: &str) -> Result<String, String> {
        Err(format!("{name} is not looked up"))
    }

    fn file(&self, path: &str) -> Result<String, String> {
        Err(format!("{path} is not looked up"))
    }

    fn required(&self) -> bool {
        false
    }
}

/// For what works on the store beside a running gate: secrets that are there are used, those that are not are
/// placeholders. A database that stands in a missing one is the empty text.
#[derive(Clone, Copy)]
pub struct Optional<'s>(pub &'s dyn Secrets);

impl Secrets for Optional<'_> {
    fn variable(&self, name: &str) -> Result<String, String> {
        self.0.variable(name)
    }

    fn file(&self, path: &str) -> Result<String, String> {
        self.0.file(path)
    }

    fn required(&self) -> bool {
        false
    }
}

impl std::fmt::Debug for Optional<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Optional")
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub severity: Severity,
    /// Short stable word, e.g. `unknown-key`.
    pub code: &'static str,
    pub message: String,
    pub place: Place,
    /// What to write instead, e.g. ``did you mean `upstreams`?``.
    pub help: Option<String>,
    /// What else must be known: where the other one stands, what happens instead.
    pub notes: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Warning,
    Error,
}

/// Findings with the texts they point into, so that they can be shown with a snippet.
#[derive(Debug, Clone)]
pub struct Findings {
    pub list: Vec<Finding>,
    pub sources: Arc<Vec<Source>>,
}

/// Reads, merges and checks. What is only doubtful comes back beside the configuration, as warnings.
///
/// # Errors
/// At least one finding of severity error.
pub fn load(sources: Vec<Source>, secrets: &dyn Secrets) -> Result<(Config, Findings), Findings> {
    let sources = Arc::new(sources);
    let (config, list) = read(&sources, secrets);
    let findings = Findings::sorted(list, sources);
    match config {
        Some(config) if !findings.has_errors() => Ok((config, findings)),
        _ => Err(findings),
    }
}

/// Policies that stand outside the files: a JSON list of objects with the keys of `policies`. Secrets are not put in.
///
/// # Errors
/// What is wrong with them. With `known` names of teams, upstreams and projects are compared with those of that
/// configuration, as in files; without, they may be any.
pub fn policies(text: &str, known: Option<&Config>) -> Result<Vec<super::Policy>, Findings> {
    let sources = Arc::new(vec![Source { name: "policy".to_owned(), text: format!("{{\"policies\": {text}}}") }]);
    let refused = |list| Err(Findings::sorted(list, sources.clone()));
    let tree = match node::parse(0, "policy", &sources.first().map(|one| one.text.clone()).unwrap_or_default()) {
        Ok(tree) => tree,
        Err(fault) => return refused(vec![*fault]),
    };
    let mut faults = Vec::new();
    let tree = merge::merge(tree.into_iter().collect(), &sources, &mut faults);
    let reader = Reader::new(&sources);
    let raw: Option<raw::Config> = reader.read(&tree);
    faults.extend(reader.finish());
    let Some(raw) = raw.filter(|_| faults.is_empty()) else { return refused(faults) };
    let (policies, found) = check::policies(raw, &sources, known);
    let wrong: Vec<Finding> = found
        .into_iter()
        .filter(|it| it.severity == Severity::Error && (known.is_some() || it.code != "unknown-name"))
        .collect();
    if wrong.is_empty() { Ok(policies) } else { refused(wrong) }
}

fn read(sources: &[Source], secrets: &dyn Secrets) -> (Option<Config>, Vec<Finding>) {
    let mut faults = Vec::new();
    let mut trees = Vec::new();
    for (file, source) in sources.iter().enumerate() {
        match node::parse(file, &source.name, &source.text) {
            Ok(tree) => trees.extend(tree),
            Err(fault) => faults.push(*fault),
        }
    }
    if !faults.is_empty() {
        return (None, faults);
    }
    if trees.is_empty() {
        let file = sources.first().map(|source| source.name.clone()).unwrap_or_default();
        let place = Place { file, line: 1, column: 1 };
        let message = "the configuration is empty".to_owned();
        let help = "`holdshort init --upstream URL` writes a first one".to_owned();
        return (None, vec![error("empty", place, message, Some(help))]);
    }
    let mut tree = merge::merge(trees, sources, &mut faults);
    putting::resolve(&mut tree, secrets, sources, &mut faults);
    let reader = Reader::new(sources);
    let raw: Option<raw::Config> = reader.read(&tree);
    faults.extend(reader.finish());
    match raw {
        Some(raw) if faults.is_empty() => {
            let mut unresolved = HashSet::new();
            tree.unresolved(&mut unresolved);
            let (config, findings) = check::check(raw, sources, unresolved, digest(sources));
            (Some(config), findings)
        }
        _ => (None, faults),
    }
}

fn digest(sources: &[Source]) -> String {
    let mut hash = Sha256::new();
    for Source { name, text } in sources {
        for part in [name, text] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
