//! The command line, read into one [`Command`]. Pure.

use crate::failure::Failure;

pub(crate) const HELP: &str = "\
cargo xtask <command>

  demo [--yes] [ARGS]   build the gate and play its story; ARGS go to `holdshort demo`
  test [--yes] [--only STEP]...
                        every check and every test, in this order:
                          fmt     formatting
                          clippy  lints, warnings are errors
                          doc     the API documentation builds without a warning
                          deny    licences, sources and duplicates of the dependencies; their advisories when online
                          build   everything the tests start
                          tools   Python and npm packages that tests use, into target/test-tools
                          test    all tests, documentation examples included
                          compat  real clients through the gate, held against docs/compatibility.md
  compat [--yes] [ARGS] the last of these alone; `--long` waits as long as clients do (twenty minutes), `--write`
                        writes docs/compatibility.md, `--only NAME` runs one client
  bench [--yes] [ARGS]  the measurements of bench/; ARGS go to bench/run
  help                  this text

Each command first looks for what it needs. Where something is missing it prints what it would install and how, and
asks. It goes ahead without asking with --yes, in CI (environment variable CI), or as root without a terminal.
";

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Demo { yes: bool, passed: Vec<String> },
    Test { yes: bool, only: Vec<String> },
    Compat { yes: bool, passed: Vec<String> },
    Bench { yes: bool, passed: Vec<String> },
    Help,
}

/// Reads the words after `cargo xtask`.
///
/// `demo --yes` is meant for both: for installing, and for `holdshort demo`, which then approves by itself. `bench` and
/// `compat` pass on everything but `--yes`.
pub(crate) fn parse(words: impl IntoIterator<Item = String>) -> Result<Command, Failure> {
    let mut words = words.into_iter();
    let Some(command) = words.next() else {
        return Ok(Command::Help);
    };
    match command.as_str() {
        "demo" => {
            let passed: Vec<String> = words.collect();
            Ok(Command::Demo { yes: passed.iter().any(|word| word == "--yes"), passed })
        }
        "bench" | "compat" => {
            let (yes, passed): (Vec<String>, Vec<String>) = words.partition(|word| word == "--yes");
            let yes = !yes.is_empty();
            Ok(if command == "bench" { Command::Bench { yes, passed } } else { Command::Compat { yes, passed } })
        }
        "test" => {
            let (mut yes, mut only) = (false, Vec::new());
            while let Some(word) = words.next() {
                match word.as_str() {
                    "--yes" => yes = true,
                    "--only" => only.push(words.next().ok_or_else(|| Failure::usage("`--only` wants a step"))?),
                    "--help" | "-h" => return Ok(Command::Help),
                    _ => match word.strip_prefix("--only=") {
                        Some(step) => only.push(step.to_owned()),
                        None => return Err(Failure::usage(format!("`test` does not know `{word}`"))),
                    },
                }
            }
            Ok(Command::Test { yes, only })
        }
        "help" | "--help" | "-h" => Ok(Command::Help),
        other => Err(Failure::usage(format!("there is no command `{other}`"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Command, Failure> {
        parse(line.split_whitespace().map(str::to_owned))
    }

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn nothing_at_all_is_a_call_for_help() {
        assert_eq!(read("").unwrap(), Command::Help);
    }

    #[test]
    fn yes_to_the_demo_is_for_installing_and_for_the_demo() {
        let passed = words("--port 0 --yes");
        assert_eq!(read("demo --port 0 --yes").unwrap(), Command::Demo { yes: true, passed });
        assert_eq!(read("demo").unwrap(), Command::Demo { yes: false, passed: vec![] });
    }

    #[test]
    fn steps_may_be_named_one_by_one() {
        let only = words("fmt deny");
        assert_eq!(read("test --only fmt --only=deny").unwrap(), Command::Test { yes: false, only });
        assert_eq!(read("test --yes").unwrap(), Command::Test { yes: true, only: vec![] });
    }

    #[test]
    fn the_benchmark_gets_its_words_and_not_our_yes() {
        let passed = words("--rounds 3");
        assert_eq!(read("bench --yes --rounds 3").unwrap(), Command::Bench { yes: true, passed });
        let passed = words("--long --write");
        assert_eq!(read("compat --long --write").unwrap(), Command::Compat { yes: false, passed });
    }

    #[test]
    fn what_is_not_understood_is_wrong_usage() {
        for line in ["tset", "test --only", "test --fast", "test fmt"] {
            assert_eq!(read(line).unwrap_err().exit_code, 2, "{line}");
        }
    }
}
