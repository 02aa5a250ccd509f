//! From the operator's texts to a [`Config`](super::Config), or to findings that say file, line and column.

use std::sync::Arc;

use super::{Config, Place};

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
}

/// For `check`, `test`, `explain`: every secret is a placeholder.
#[derive(Debug, Clone, Copy)]
pub struct NoSecrets;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub severity: Severity,
    /// Short stable word, e.g. `unknown-key`.
    pub code: &'static str,
    pub message: String,
    pub place: Place,
    /// What to write instead, e.g. `did you mean "upstreams"?`.
    pub help: Option<String>,
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

/// Reads, merges and checks.
///
/// # Errors
/// At least one finding of severity error.
pub fn load(sources: Vec<Source>, secrets: &dyn Secrets) -> Result<(Config, Findings), Findings> {
    let _ = (sources, secrets);
    todo!()
}
