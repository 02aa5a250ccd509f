//! Starting other programs and telling how they ended.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use crate::machine::Surroundings;

/// What cargo tells this process about itself. Handed on, it would make build scripts that watch these variables run
/// again each time.
const OF_THIS_CRATE: &str = "CARGO_PKG_";
const OF_THIS_MANIFEST: [&str; 2] = ["CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH"];

/// A cargo command in the root of the workspace.
pub(crate) fn cargo(surroundings: &Surroundings, arguments: &[&str]) -> Command {
    program(surroundings, &surroundings.cargo, arguments)
}

/// A command in the root of the workspace that may call cargo in its turn.
#[expect(clippy::disallowed_methods, reason = "reads names only, to take them out of the child's environment")]
pub(crate) fn program(surroundings: &Surroundings, program: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(&surroundings.root);
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|it| it.starts_with(OF_THIS_CRATE) || OF_THIS_MANIFEST.contains(&it)) {
            command.env_remove(name);
        }
    }
    command
}

/// Runs a command whose output goes straight to the reader.
pub(crate) fn streamed(command: &mut Command) -> Result<(), String> {
    let status = command.status().map_err(|error| not_started(command, &error))?;
    ended(command, status)
}

/// As [`streamed`], and shows each line of its standard output to `watch` as well.
pub(crate) fn watched(command: &mut Command, mut watch: impl FnMut(&str)) -> Result<(), String> {
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(|error| not_started(command, &error))?;
    if let Some(output) = child.stdout.take() {
        let mut lines = BufReader::new(output);
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line).is_ok_and(|bytes| bytes > 0) {
            let text = String::from_utf8_lossy(&line);
            print!("{text}");
            watch(text.trim_end());
            line.clear();
        }
    }
    let status = child.wait().map_err(|error| not_started(command, &error))?;
    ended(command, status)
}

/// Hands the process over to a command, which gets the terminal and its signals; returns only where that fails.
pub(crate) fn replaced_by(command: &mut Command) -> String {
    let error = command.exec();
    not_started(command, &error)
}

fn ended(command: &Command, status: ExitStatus) -> Result<(), String> {
    if status.success() { Ok(()) } else { Err(format!("`{}` ended with {status}", shown(command))) }
}

fn not_started(command: &Command, error: &std::io::Error) -> String {
    format!("`{}` could not be started: {error}", shown(command))
}

/// The command line as a person would type it, without the folders of the program.
pub(crate) fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let mut line = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned();
    for argument in command.get_args() {
        line.push(' ');
        line.push_str(&argument.to_string_lossy());
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_command_is_named_with_how_it_ended() {
        let what = streamed(Command::new("/bin/sh").args(["-c", "exit 3"])).unwrap_err();
        assert!(what.contains("`sh -c exit 3` ended with exit status: 3"), "{what}");
        let what = streamed(&mut Command::new("no-such-program")).unwrap_err();
        assert!(what.contains("could not be started"), "{what}");
    }

    #[test]
    fn lines_are_watched_also_those_that_are_not_text() {
        let mut seen = Vec::new();
        watched(Command::new("/bin/sh").args(["-c", r"printf 'one\n\377two\nthree'"]), |line| {
            seen.push(line.to_owned())
        })
        .unwrap();
        assert_eq!(seen, ["one", "\u{fffd}two", "three"]);
    }
}
