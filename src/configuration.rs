//! Finding and reading the configuration: the one place that reads its files and the environment.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rules::Ruleset;
use rules::config::load::{Findings, NoSecrets, Optional, Secrets, Source, load};
use rules::config::{Config, PermitAlgorithm};
use sha2::{Digest as _, Sha256};

use crate::exit;

/// What is read when nothing else is named.
const DEFAULT: &str = "holdshort.yaml";

/// A configuration, compiled, and the folder that relative paths in it start from.
#[derive(Debug, Clone)]
pub(crate) struct Configuration {
    pub(crate) path: PathBuf,
    pub(crate) folder: PathBuf,
    pub(crate) rules: Arc<Ruleset>,
    pub(crate) warnings: Findings,
    /// Over all that was read: files, secrets, certificate authorities.
    pub(crate) content: [u8; 32],
}

impl Configuration {
    /// Reads, resolves secrets, checks, compiles.
    pub(crate) fn load(path: Option<&Path>) -> anyhow::Result<Configuration> {
        Configuration::read(path, true, &mut BTreeSet::new())
    }

    /// The same; adds the files that it names (secrets, certificate authorities) to `named`, also where it fails.
    pub(crate) fn load_noting(path: &Path, named: &mut BTreeSet<PathBuf>) -> anyhow::Result<Configuration> {
        Configuration::read(Some(path), true, named)
    }

    /// The same, where what sets a gate up needs no secrets but those that say where its store is.
    pub(crate) fn load_without_secrets(path: Option<&Path>) -> anyhow::Result<Configuration> {
        Configuration::read(path, false, &mut BTreeSet::new())
    }

    fn read(path: Option<&Path>, with_secrets: bool, named: &mut BTreeSet<PathBuf>) -> anyhow::Result<Configuration> {
        let path = located(path)?;
        let folder = folder_of(&path);
        let sources = sources(&path)?;
        let found = Environment { folder: folder.clone(), read: RefCell::default() };
        let optional = Optional(&found);
        let secrets: &dyn Secrets = if with_secrets { &found } else { &optional };
        let loaded = load(sources, secrets);
        let Read { files, mut hash } = found.read.into_inner();
        named.extend(files);
        let (config, warnings) = loaded.map_err(|findings| exit::configuration(findings.to_string()))?;
        let rules = Ruleset::compile(Arc::new(config)).map_err(|findings| exit::configuration(findings.to_string()))?;
        hash.part(rules.config().digest.as_bytes());
        for file in rules.config().upstreams.values().filter_map(|upstream| upstream.tls.ca.as_deref()) {
            let file = folder.join(file);
            hash.part(&std::fs::read(&file).unwrap_or_default());
            named.insert(file);
        }
        Ok(Configuration { path, folder, rules: Arc::new(rules), warnings, content: hash.0.finalize().into() })
    }

    pub(crate) fn config(&self) -> &Config {
        self.rules.config()
    }

    /// A path of the configuration, from its folder.
    pub(crate) fn resolve(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }

    pub(crate) fn algorithm(&self) -> permit::Algorithm {
        match self.config().permit.algorithm {
            PermitAlgorithm::Es256 => permit::Algorithm::Es256,
            PermitAlgorithm::EdDsa => permit::Algorithm::EdDsa,
            PermitAlgorithm::Rs256 => permit::Algorithm::Rs256,
        }
    }
}

/// The configuration's path: the one that was named, or `holdshort.yaml` here.
pub(crate) fn located(path: Option<&Path>) -> anyhow::Result<PathBuf> {
    let named = path.map_or_else(|| PathBuf::from(DEFAULT), Path::to_path_buf);
    match named.try_exists() {
        Ok(true) => return Ok(named),
        // Something in the way is not nothing there: `init` would be the wrong advice.
        Err(error) => return Err(unreadable(&named, &error)),
        Ok(false) => {}
    }
    let what = match path {
        Some(path) => format!("there is no configuration at {}", path.display()),
        None => format!("there is no {DEFAULT} in this folder"),
    };
    Err(exit::configuration(format!(
        "{what}\n\n  \
         holdshort init --upstream https://api.example.com   sets a gate up here for one of your APIs\n  \
         holdshort serve --config PATH                       uses a configuration that stands elsewhere\n  \
         holdshort demo                                      shows it at work, without any configuration"
    )))
}

/// Whether no configuration was named and none stands in this folder.
pub(crate) fn is_nothing(path: Option<&Path>) -> bool {
    path.is_none() && matches!(Path::new(DEFAULT).try_exists(), Ok(false))
}

/// The rules alone, without secrets: for what only looks at them.
pub(crate) fn rules(path: &Path) -> anyhow::Result<Ruleset> {
    let refused = |findings: Findings| exit::configuration(findings.to_string());
    let (config, Findings { sources, .. }) = load(sources(path)?, &NoSecrets).map_err(refused)?;
    Ruleset::compile(Arc::new(config)).map_err(|findings| refused(findings.with_sources(sources)))
}

/// The texts of a configuration: one file, or all `*.yaml` and `*.yml` of a folder by name. Rule tests
/// (`*.test.yaml`) that stand beside them are none of it.
pub(crate) fn sources(path: &Path) -> anyhow::Result<Vec<Source>> {
    let files = files(path)?;
    if files.is_empty() {
        return Err(exit::configuration(format!("there is no *.yaml in {}", path.display())));
    }
    files.iter().map(|file| source(file)).collect()
}

/// The files that a configuration is made of now.
pub(crate) fn files(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_path_buf()]);
    }
    let mut files: Vec<_> = entries(path)?.into_iter().filter(|file| is_yaml(file) && !holds_tests(file)).collect();
    files.sort();
    Ok(files)
}

/// One file.
pub(crate) fn source(file: &Path) -> anyhow::Result<Source> {
    let text = std::fs::read_to_string(file).map_err(|error| unreadable(file, &error))?;
    Ok(Source { name: file.display().to_string(), text })
}

/// The files of a folder that are not hidden. A link that leads nowhere is one of them: to leave it out would leave out
/// what it was to say.
pub(crate) fn entries(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|error| unreadable(folder, &error))? {
        let file = entry.map_err(|error| unreadable(folder, &error))?.path();
        let hidden = file.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if !hidden && !file.is_dir() {
            files.push(file);
        }
    }
    Ok(files)
}

fn is_yaml(file: &Path) -> bool {
    file.extension().is_some_and(|ending| ending == "yaml" || ending == "yml")
}

/// `*.test.yaml`: tests of the rules, not rules.
pub(crate) fn holds_tests(file: &Path) -> bool {
    is_yaml(file) && file.file_stem().is_some_and(|stem| Path::new(stem).extension().is_some_and(|it| it == "test"))
}

fn unreadable(path: &Path, error: &std::io::Error) -> anyhow::Error {
    let next = match error.kind() {
        std::io::ErrorKind::PermissionDenied => {
            ": let the user that runs holdshort read it (and enter the folders it stands in)"
        }
        std::io::ErrorKind::InvalidData => ": save it as UTF-8",
        _ => "",
    };
    exit::configuration(format!("the configuration {} cannot be read: {error}{next}", path.display()))
}

pub(crate) fn folder_of(path: &Path) -> PathBuf {
    if path.is_dir() {
        return path.to_path_buf();
    }
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

/// An environment variable that is set and not empty.
#[expect(clippy::disallowed_methods, reason = "the one home of the environment")]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Secrets from this process's environment and from files beside the configuration.
#[derive(Debug)]
struct Environment {
    folder: PathBuf,
    read: RefCell<Read>,
}

/// What was asked for.
#[derive(Debug, Default)]
struct Read {
    files: BTreeSet<PathBuf>,
    hash: Content,
}

#[derive(Debug, Default)]
struct Content(Sha256);

impl Content {
    fn part(&mut self, bytes: &[u8]) {
        self.0.update((bytes.len() as u64).to_be_bytes());
        self.0.update(bytes);
    }
}

impl Secrets for Environment {
    fn variable(&self, name: &str) -> Result<String, String> {
        let value = variable(name).ok_or_else(|| format!("the environment variable {name} is not set"))?;
        self.read.borrow_mut().hash.part(value.as_bytes());
        Ok(value)
    }

    fn file(&self, path: &str) -> Result<String, String> {
        let file = self.folder.join(path);
        let text = std::fs::read_to_string(&file);
        let mut read = self.read.borrow_mut();
        read.hash.part(text.as_deref().unwrap_or_default().as_bytes());
        let text = text
            .map(|text| text.trim_end_matches(['\r', '\n']).to_owned())
            .map_err(|error| format!("{}: {error}", file.display()));
        read.files.insert(file);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_tests_and_hidden_files_are_no_configuration() {
        let folder = tempfile::TempDir::new().unwrap();
        for name in ["b.yml", "a.yaml", "a.test.yaml", "b.test.yml", ".hidden.yaml", "notes.md", "tests.yaml"] {
            std::fs::write(folder.path().join(name), "x: 1\n").unwrap();
        }
        std::fs::create_dir(folder.path().join("tests")).unwrap();
        std::fs::write(folder.path().join("tests/refunds.yaml"), "x: 1\n").unwrap();
        std::fs::create_dir(folder.path().join("folder.yaml")).unwrap();
        let names: Vec<String> = sources(folder.path()).unwrap().into_iter().map(|source| source.name).collect();
        let wanted = ["a.yaml", "b.yml", "tests.yaml"].map(|name| folder.path().join(name).display().to_string());
        assert_eq!(names, wanted);
    }

    #[test]
    fn what_cannot_be_read_is_not_taken_for_what_is_not_there() {
        let folder = tempfile::TempDir::new().unwrap();
        let latin = folder.path().join("latin.yaml");
        std::fs::write(&latin, b"message: caf\xe9\n").unwrap();
        let said = sources(&latin).unwrap_err().to_string();
        assert!(said.contains("latin.yaml cannot be read") && said.ends_with("save it as UTF-8"), "{said}");
        // A file where a folder should be: no permission is needed to see this one fail.
        let said = located(Some(&latin.join("holdshort.yaml"))).unwrap_err().to_string();
        assert!(said.contains("cannot be read") && !said.contains("init"), "{said}");
        std::os::unix::fs::symlink("gone.yaml", folder.path().join("broken.yaml")).unwrap();
        let said = sources(folder.path()).unwrap_err().to_string();
        assert!(said.contains("broken.yaml cannot be read"), "{said}");
    }
}
