//! What this machine has. Looks and touches nothing; [`crate::plan`] decides from what is found.

use std::env;
use std::io::{self, IsTerminal};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::need::{Manager, Need};
use crate::plan::Facts;

/// What the process was started with.
#[derive(Debug)]
pub(crate) struct Surroundings {
    /// The root of the workspace.
    pub(crate) root: PathBuf,
    pub(crate) path: Vec<PathBuf>,
    pub(crate) cargo: PathBuf,
    /// `CI` is set, to something other than a no.
    pub(crate) ci: bool,
    /// Somebody can be asked.
    pub(crate) terminal: bool,
    c_compiler: Option<PathBuf>,
}

impl Surroundings {
    #[expect(clippy::disallowed_methods, reason = "the one place of xtask that reads the environment")]
    pub(crate) fn read() -> Self {
        let manifest =
            env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
        Self {
            root: manifest.parent().map(Path::to_owned).unwrap_or(manifest),
            path: env::var_os("PATH").map(|path| env::split_paths(&path).collect()).unwrap_or_default(),
            cargo: env::var_os("CARGO").map_or_else(|| "cargo".into(), PathBuf::from),
            ci: env::var("CI").is_ok_and(|value| !matches!(value.as_str(), "" | "0" | "false")),
            terminal: io::stdin().is_terminal() && io::stderr().is_terminal(),
            c_compiler: env::var_os("CC").map(PathBuf::from),
        }
    }

    /// Where packages for the tests are installed.
    pub(crate) fn test_tools(&self) -> PathBuf {
        self.root.join("target/test-tools")
    }

    /// Whether a program can be called by its name.
    pub(crate) fn has(&self, program: &str) -> bool {
        self.path.iter().any(|folder| is_executable(&folder.join(program)))
    }

    /// The first Python that can make a virtual environment with pip in it. Debian's own stands in `/usr/bin` and may
    /// be hidden by another that cannot.
    pub(crate) fn python(&self) -> Option<&'static str> {
        ["python3", "/usr/bin/python3"].into_iter().find(|python| succeeds(python, &["-c", "import venv, ensurepip"]))
    }

    /// Looks for all that `needs` names.
    pub(crate) fn facts(&self, needs: &[Need]) -> Facts {
        let root = prints("id", &["-u"]).is_some_and(|id| id == "0");
        Facts {
            missing: needs.iter().copied().filter(|&need| !self.satisfies(need)).collect(),
            manager: Manager::ALL.into_iter().find(|manager| self.has(manager.program())),
            root,
            sudo: !root && self.has("sudo") && (self.terminal || succeeds("sudo", &["--non-interactive", "true"])),
            rustup: self.has("rustup"),
        }
    }

    fn satisfies(&self, need: Need) -> bool {
        match need {
            Need::Cmake => self.has("cmake"),
            Need::CCompiler => self.c_compiler.is_some() || ["cc", "gcc", "clang"].iter().any(|cc| self.has(cc)),
            Need::Make => ["make", "gmake"].iter().any(|make| self.has(make)),
            Need::Rustfmt => succeeds(&self.cargo, &["fmt", "--version"]),
            Need::Clippy => succeeds(&self.cargo, &["clippy", "--version"]),
            Need::Python => self.python().is_some(),
            Need::Node => self.has("node"),
            Need::Npm => self.has("npm"),
            Need::Wrk => self.has("wrk"),
            Need::Curl => self.has("curl"),
            Need::Chromium => {
                ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"].iter().any(|it| self.has(it))
            }
        }
    }
}

fn is_executable(file: &Path) -> bool {
    file.metadata().is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0)
}

/// Whether a command runs and succeeds; what it prints is not shown.
pub(crate) fn succeeds(program: impl AsRef<Path>, arguments: &[&str]) -> bool {
    let mut command = Command::new(program.as_ref());
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// The one line that a command prints, if it runs and succeeds.
pub(crate) fn prints(program: impl AsRef<Path>, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program.as_ref()).args(arguments).stdin(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_path(path: &[&Path]) -> Surroundings {
        Surroundings {
            root: PathBuf::new(),
            path: path.iter().map(|&folder| folder.to_owned()).collect(),
            cargo: "no-such-cargo".into(),
            ci: false,
            terminal: false,
            c_compiler: None,
        }
    }

    #[test]
    fn an_empty_path_lacks_everything_that_is_built_with() {
        let facts = with_path(&[]).facts(crate::need::BUILDING);
        assert_eq!(facts.missing, crate::need::BUILDING);
        assert_eq!(facts.manager, None);
    }

    #[test]
    fn only_what_can_be_executed_counts() {
        let here = with_path(&[Path::new("/bin"), Path::new(env!("CARGO_MANIFEST_DIR"))]);
        assert!(here.has("sh"));
        assert!(!here.has("Cargo.toml"), "a file without the right to be executed");
        assert!(!here.has("src"), "a folder");
    }

    #[test]
    fn a_toolchain_without_its_parts_is_noticed() {
        assert_eq!(with_path(&[]).facts(&[Need::Rustfmt, Need::Clippy]).missing, [Need::Rustfmt, Need::Clippy]);
    }
}
