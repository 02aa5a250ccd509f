//! Exit codes, and how an error ends the program.

use crate::note;
use std::process::ExitCode;

/// What a run came to. Wrong usage is 2 and comes from the argument parser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Done,
    /// A finding: broken configuration checked, audit that does not verify, a permit that does not hold.
    Finding,
    /// `EX_CONFIG` of sysexits: the configuration cannot be used; nothing was started.
    Configuration,
    /// `EX_TEMPFAIL`: people have not decided yet.
    Pending,
    /// `EX_UNAVAILABLE`: the store, an address or the gate cannot be reached.
    Unavailable,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(match exit {
            Exit::Done => 0,
            Exit::Finding => 1,
            Exit::Configuration => 64,
            Exit::Unavailable => 69,
            Exit::Pending => 75,
        })
    }
}

/// An error that says how the program ends.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) exit: Exit,
    text: String,
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Ended {}

pub(crate) fn configuration(text: impl Into<String>) -> anyhow::Error {
    Ended { exit: Exit::Configuration, text: text.into() }.into()
}

pub(crate) fn unavailable(text: impl Into<String>) -> anyhow::Error {
    Ended { exit: Exit::Unavailable, text: text.into() }.into()
}

pub(crate) fn finding(text: impl Into<String>) -> anyhow::Error {
    Ended { exit: Exit::Finding, text: text.into() }.into()
}

/// Prints an error with its causes and gives its exit code.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    note!("holdshort: {error:#}");
    of(error).into()
}

/// How an error ends the program.
pub(crate) fn of(error: &anyhow::Error) -> Exit {
    error.chain().find_map(|cause| cause.downcast_ref::<Ended>()).map_or(Exit::Finding, |ended| ended.exit)
}
