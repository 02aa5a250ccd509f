//! The step `tools`: Python and npm packages that tests use, in a folder of their own.
//!
//! `tests/tools` pins them; `venv`, `venv-mcp2` and `node_modules` in `target/test-tools` hold them. The second is for
//! what cannot live beside version 1 of the MCP SDK. They are installed side by side, mostly waiting for the network,
//! and again only when the pins changed: beside each stands a copy of the pins that it was installed from, written last.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;
use std::thread;

use crate::failure::Failure;
use crate::machine::{Surroundings, prints};
use crate::run;

/// The virtual environments, and the files that say what is in them.
const VENVS: [(&str, &str); 2] = [("venv", "requirements.txt"), ("venv-mcp2", "requirements-mcp2.txt")];
const PACKAGE: &str = "package.json";
const LOCK: &str = "package-lock.json";
const NPMRC: &str = ".npmrc";

/// Installs what `tests/tools` pins, as far as it is not there yet.
pub(crate) fn run(surroundings: &Surroundings) -> Result<Option<String>, Failure> {
    let pins = surroundings.root.join("tests/tools");
    let into = surroundings.test_tools();
    fs::create_dir_all(&into).map_err(|error| unwritable(&into, &error))?;
    let said: Result<Vec<String>, Failure> = thread::scope(|scope| {
        let (pins, into) = (&pins, &into);
        let pythons = VENVS.map(|(venv, file)| scope.spawn(move || python(surroundings, venv, &pins.join(file), into)));
        let npm = npm(pins, into);
        pythons.map(|python| python.join().unwrap_or_else(|_| Err(gave_up()))).into_iter().chain([npm]).collect()
    });
    said.map(|said| Some(said.join(", ")))
}

fn gave_up() -> Failure {
    Failure::unavailable("installing Python packages ended without a word", "run it again")
}

fn python(surroundings: &Surroundings, name: &str, pins: &Path, into: &Path) -> Result<String, Failure> {
    let Some(requirements) = read(pins) else {
        return Ok(format!("no Python packages asked for in {name}"));
    };
    let venv = into.join(name);
    let interpreter = surroundings
        .python()
        .ok_or_else(|| Failure::unavailable("no Python that can make a virtual environment", "install python3-venv"))?;
    // Another interpreter cannot use what this one installed.
    let version = prints(interpreter, &["-c", "import sys; print(sys.base_prefix, sys.version)"]).unwrap_or_default();
    let wanted = format!("{version}\n{requirements}");
    let stamp = into.join(format!("{name}.pins"));
    if up_to_date(&stamp, &wanted, &venv.join("bin/python")) {
        return Ok(format!("{name} there"));
    }
    discard(&stamp, &venv)?;
    installed(Command::new(interpreter).args(["-m", "venv"]).arg(&venv))?;
    let mut pip = Command::new(venv.join("bin/python"));
    pip.args(["-m", "pip", "install", "--disable-pip-version-check", "--progress-bar", "off", "--quiet"]);
    installed(pip.arg("--requirement").arg(pins))?;
    fs::write(&stamp, wanted).map_err(|error| unwritable(&stamp, &error))?;
    Ok(format!("{name} installed"))
}

fn npm(pins: &Path, into: &Path) -> Result<String, Failure> {
    let Some(package) = read(&pins.join(PACKAGE)) else {
        return Ok("no npm packages asked for".into());
    };
    let lock = read(&pins.join(LOCK));
    let version = prints("node", &["--version"]).unwrap_or_default();
    let wanted = format!("{version}\n{package}\n{}", lock.as_deref().unwrap_or_default());
    let (modules, stamp) = (into.join("node_modules"), into.join("node_modules.pins"));
    if up_to_date(&stamp, &wanted, &modules) {
        return Ok("npm packages there".into());
    }
    discard(&stamp, &modules)?;
    for name in [PACKAGE, LOCK, NPMRC] {
        let (from, to) = (pins.join(name), into.join(name));
        let copied = if from.exists() { fs::copy(&from, &to).map(drop) } else { gone(fs::remove_file(&to)) };
        copied.map_err(|error| unwritable(&to, &error))?;
    }
    let install = if lock.is_some() { "ci" } else { "install" };
    installed(Command::new("npm").args([install, "--no-audit", "--no-fund"]).current_dir(into))?;
    fs::write(&stamp, wanted).map_err(|error| unwritable(&stamp, &error))?;
    Ok("npm packages installed".into())
}

/// Has a command start Node.js as the tests need it.
pub(crate) fn help_node(command: &mut Command) {
    if let Some(option) = node_option(&prints("node", &["--version"]).unwrap_or_default()) {
        command.env("NODE_OPTIONS", option);
    }
}

/// What a Node.js that prints this version must be started with. Before 20 the Web Crypto API is not a global, which
/// clients of today expect, and Debian 12 has 18.
fn node_option(version: &str) -> Option<&'static str> {
    let major = version.strip_prefix('v')?.split('.').next()?.parse::<u32>().ok()?;
    (major < 20).then_some("--experimental-global-webcrypto")
}

/// The text of a file, where it exists.
fn read(file: &Path) -> Option<String> {
    fs::read_to_string(file).ok()
}

/// Installed before, from the same pins, and still there.
fn up_to_date(stamp: &Path, wanted: &str, result: &Path) -> bool {
    result.exists() && read(stamp).is_some_and(|installed| installed == wanted)
}

/// The stamp goes first, so that an installation that was interrupted is not taken for a whole one.
fn discard(stamp: &Path, folder: &Path) -> Result<(), Failure> {
    gone(fs::remove_file(stamp)).map_err(|error| unwritable(stamp, &error))?;
    gone(fs::remove_dir_all(folder)).map_err(|error| unwritable(folder, &error))
}

/// A removal of something that was not there has reached its end.
fn gone(removal: io::Result<()>) -> io::Result<()> {
    match removal {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn installed(command: &mut Command) -> Result<(), Failure> {
    println!("    {}", run::shown(command));
    run::streamed(command).map_err(|what| {
        Failure::unavailable(what, "see what it printed above; it needs to reach the package registry the first time")
    })
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::unavailable(
        format!("{} could not be written: {error}", path.display()),
        "free some space, or give this user the right to write there",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder of its own for one test, gone when dropped.
    struct Folder(std::path::PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let folder = std::env::temp_dir().join(format!("xtask-{}-{name}", std::process::id()));
            fs::create_dir_all(&folder).unwrap();
            Self(folder)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn tools_are_installed_again_only_when_their_pins_changed() {
        let folder = Folder::new("stamp");
        let (stamp, result) = (folder.0.join("venv.pins"), folder.0.join("venv"));
        assert!(!up_to_date(&stamp, "a==1", &result), "never installed");
        fs::write(&stamp, "a==1").unwrap();
        assert!(!up_to_date(&stamp, "a==1", &result), "the stamp alone is no installation");
        fs::create_dir(&result).unwrap();
        assert!(up_to_date(&stamp, "a==1", &result));
        assert!(!up_to_date(&stamp, "a==2", &result), "other pins");
    }

    #[test]
    fn an_interrupted_installation_is_begun_anew() {
        let folder = Folder::new("interrupted");
        let (stamp, result) = (folder.0.join("venv.pins"), folder.0.join("venv"));
        fs::write(&stamp, "a==1").unwrap();
        fs::create_dir(&result).unwrap();
        discard(&stamp, &result).unwrap();
        fs::create_dir(&result).unwrap();
        assert!(!up_to_date(&stamp, "a==1", &result));
        discard(&stamp, &result).unwrap();
        discard(&stamp, &result).unwrap();
        assert!(!result.exists());
    }

    #[test]
    fn an_old_node_is_helped_and_a_new_one_left_alone() {
        assert_eq!(node_option("v18.20.4"), Some("--experimental-global-webcrypto"));
        for version in ["v20.20.2", "v24.1.0", "", "unknown"] {
            assert_eq!(node_option(version), None, "{version}");
        }
    }

    #[test]
    fn without_pins_nothing_is_installed() {
        let folder = Folder::new("nothing");
        assert_eq!(npm(&folder.0, &folder.0).unwrap(), "no npm packages asked for");
        assert!(!folder.0.join("node_modules").exists());
    }
}
