//! What went wrong and what to do next. Everything here ends in one of these or in success.

use std::fmt;

/// A step that did not succeed. `next` is one sentence or a command that the reader can act on.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) what: String,
    pub(crate) next: String,
    /// As the binary has it: 1 for a finding, 2 for wrong usage, 69 for something that could not be had.
    pub(crate) exit_code: u8,
}

impl Failure {
    /// Something was checked and found wanting.
    pub(crate) fn finding(what: impl Into<String>, next: impl Into<String>) -> Self {
        Self { what: what.into(), next: next.into(), exit_code: 1 }
    }

    /// The command line was not understood.
    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self { what: what.into(), next: "`cargo xtask help` lists the commands".into(), exit_code: 2 }
    }

    /// A program or a package that is needed cannot be had.
    pub(crate) fn unavailable(what: impl Into<String>, next: impl Into<String>) -> Self {
        Self { what: what.into(), next: next.into(), exit_code: 69 }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}\n next: {}", self.what, self.next)
    }
}
