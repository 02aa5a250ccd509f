//! Short ways to load texts.

use std::collections::HashMap;

use holdshort_rules::config::Config;
use holdshort_rules::config::load::{Findings, NoSecrets, Secrets, Source, load};

pub(crate) fn source(name: &str, text: &str) -> Source {
    Source { name: name.to_owned(), text: text.to_owned() }
}

/// Loads files without secrets.
pub(crate) fn files(files: &[(&str, &str)]) -> Result<(Config, Findings), Findings> {
    load(files.iter().map(|(name, text)| source(name, text)).collect(), &NoSecrets)
}

/// Loads one file that must be right, without a warning.
pub(crate) fn good(text: &str) -> Config {
    match files(&[("gate.yaml", text)]) {
        Ok((config, findings)) if findings.list.is_empty() => config,
        Ok((_, findings)) | Err(findings) => panic!("{findings}"),
    }
}

/// The findings of one file, as printed.
pub(crate) fn findings(text: &str) -> String {
    match files(&[("gate.yaml", text)]) {
        Ok((_, findings)) | Err(findings) => findings.to_string(),
    }
}

/// An environment and files that tests make up.
#[derive(Default)]
pub(crate) struct Made {
    pub(crate) variables: HashMap<&'static str, &'static str>,
    pub(crate) files: HashMap<&'static str, &'static str>,
}

impl Secrets for Made {
    fn variable(&self, name: &str) -> Result<String, String> {
        self.variables.get(name).map(|value| (*value).to_owned()).ok_or_else(|| "it is not set".to_owned())
    }

    fn file(&self, path: &str) -> Result<String, String> {
        self.files.get(path).map(|value| (*value).to_owned()).ok_or_else(|| "no such file".to_owned())
    }
}
