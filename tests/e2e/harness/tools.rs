//! The real clients, which the test command installs into a folder of their own.

use std::path::PathBuf;

#[expect(clippy::disallowed_methods, reason = "the test command says where the tools are")]
fn folder() -> PathBuf {
    let folder = std::env::var_os("HOLDSHORT_TEST_TOOLS")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/test-tools"), PathBuf::from);
    assert!(folder.exists(), "{} is missing: run `cargo xtask test`, which installs it", folder.display());
    folder
}

/// The Python with the PyPI packages of `tests/tools/requirements.txt`.
pub fn python() -> PathBuf {
    let python = folder().join("venv/bin/python");
    assert!(python.exists(), "{} is missing: run `cargo xtask test`, which installs it", python.display());
    python
}

/// A path below the tools' folder, e.g. `node_modules`.
pub fn tool(path: &str) -> PathBuf {
    let tool = folder().join(path);
    assert!(tool.exists(), "{} is missing: run `cargo xtask test`, which installs it", tool.display());
    tool
}
