//! The programs that a command needs, and the packages that bring them on each system.

/// One thing that must be on the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// zlib-ng, which pingora compresses with, is built by it.
    Cmake,
    /// SQLite, zlib-ng and the cryptography are C.
    CCompiler,
    /// What cmake hands the work to.
    Make,
    Rustfmt,
    Clippy,
    /// A Python that can make a virtual environment with pip in it.
    Python,
    Node,
    Npm,
    Chromium,
    Curl,
    /// Makes the load that the gate is measured under.
    Wrk,
}

/// What every build needs.
pub(crate) const BUILDING: &[Need] = &[Need::Cmake, Need::CCompiler, Need::Make];
/// What the tools of the tests are installed and run with.
pub(crate) const TESTING: &[Need] = &[Need::Python, Need::Node, Need::Npm, Need::Chromium, Need::Curl];

/// What the clients of the compatibility suite run on.
pub(crate) const CLIENTS: &[Need] = &[Need::Python, Need::Node, Need::Npm, Need::Curl];

/// What the measurements are built and run with.
pub(crate) const MEASURING: &[Need] = &[Need::Cmake, Need::CCompiler, Need::Make, Need::Python, Need::Wrk];

/// Who installs packages on this system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manager {
    Apt,
    Dnf,
    Pacman,
    Apk,
    Brew,
}

impl Manager {
    /// In the order in which they are looked for. Homebrew comes last: it also stands beside the others.
    pub(crate) const ALL: [Self; 5] = [Self::Apt, Self::Dnf, Self::Pacman, Self::Apk, Self::Brew];

    pub(crate) fn program(self) -> &'static str {
        match self {
            Self::Apt => "apt-get",
            Self::Dnf => "dnf",
            Self::Pacman => "pacman",
            Self::Apk => "apk",
            Self::Brew => "brew",
        }
    }

    /// The words that install, before the names of the packages.
    pub(crate) fn installs_with(self) -> &'static [&'static str] {
        match self {
            Self::Apt => &["apt-get", "install", "--yes", "--no-install-recommends"],
            Self::Dnf => &["dnf", "install"],
            Self::Pacman => &["pacman", "-S"],
            Self::Apk => &["apk", "add"],
            Self::Brew => &["brew", "install"],
        }
    }
}

impl Need {
    /// What the reader knows it by.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Cmake => "cmake",
            Self::CCompiler => "a C compiler",
            Self::Make => "make",
            Self::Rustfmt => "rustfmt",
            Self::Clippy => "clippy",
            Self::Python => "Python 3 with venv",
            Self::Node => "Node.js",
            Self::Npm => "npm",
            Self::Chromium => "Chromium",
            Self::Curl => "curl",
            Self::Wrk => "wrk",
        }
    }

    /// The component of the Rust toolchain, for what comes with Rust and not from the system.
    pub(crate) fn component(self) -> Option<&'static str> {
        match self {
            Self::Rustfmt => Some("rustfmt"),
            Self::Clippy => Some("clippy"),
            _ => None,
        }
    }

    /// The packages of the system that bring it; none for what comes with Rust.
    pub(crate) fn packages(self, manager: Manager) -> &'static [&'static str] {
        use Manager::{Apk, Apt, Brew, Dnf, Pacman};
        match (self, manager) {
            (Self::Rustfmt | Self::Clippy, _) => &[],
            (Self::Cmake, _) => &["cmake"],
            (Self::CCompiler, Apt) => &["gcc", "libc6-dev"],
            (Self::CCompiler, Apk) => &["gcc", "musl-dev"],
            (Self::CCompiler, _) => &["gcc"],
            (Self::Make, _) => &["make"],
            (Self::Python, Apt) => &["python3", "python3-venv"],
            (Self::Python, Pacman) => &["python"],
            (Self::Python, Brew) => &["python@3"],
            (Self::Python, _) => &["python3"],
            (Self::Node, Brew) => &["node"],
            (Self::Node, _) => &["nodejs"],
            (Self::Npm, Brew) => &["node"],
            (Self::Npm, Dnf) => &["nodejs-npm"],
            (Self::Npm, _) => &["npm"],
            (Self::Chromium, _) => &["chromium"],
            (Self::Curl, _) => &["curl"],
            (Self::Wrk, _) => &["wrk"],
        }
    }
}
