//! The step `deny`: what the dependency tree may contain, as `deny.toml` says.

use std::path::PathBuf;

use crate::failure::Failure;
use crate::machine::Surroundings;
use crate::run;

/// Built from source where no `cargo deny` is on the machine, without optimisation: that takes less time than it saves.
const VERSION: &str = "0.20.2";

/// Licences, bans and sources always; advisories where their database can be reached.
pub(crate) fn run(surroundings: &Surroundings) -> Result<Option<String>, Failure> {
    let program = program(surroundings)?;
    let deny = |arguments: &[&str]| run::streamed(&mut run::program(surroundings, &program, arguments));
    deny(&["check", "--hide-inclusion-graph", "licenses", "bans", "sources"])
        .map_err(|what| Failure::finding(what, "take another crate, or change deny.toml and say why there"))?;
    println!("looking for the advisory database");
    if deny(&["fetch", "db"]).is_err() {
        return Ok(Some("without advisories: their database could not be reached".into()));
    }
    deny(&["check", "--disable-fetch", "advisories"]).map_err(|what| {
        Failure::finding(
            what,
            "update the crate, or list the advisory in deny.toml with the reason why it does not matter",
        )
    })?;
    Ok(None)
}

/// The machine's own `cargo-deny`, or one of a fixed version in the folder of the test tools.
fn program(surroundings: &Surroundings) -> Result<PathBuf, Failure> {
    if surroundings.has("cargo-deny") {
        return Ok("cargo-deny".into());
    }
    let folder = surroundings.test_tools().join(format!("cargo-deny-{VERSION}"));
    let program = folder.join("bin/cargo-deny");
    if !program.exists() {
        println!("cargo-deny {VERSION} is built once, into target/test-tools");
        let version = format!("={VERSION}");
        let mut install =
            run::cargo(surroundings, &["install", "cargo-deny", "--locked", "--debug", "--version", &version]);
        run::streamed(install.arg("--root").arg(&folder)).map_err(|what| {
            Failure::unavailable(
                what,
                "install cargo-deny as its project describes, or leave this step out with --only",
            )
        })?;
    }
    Ok(program)
}
