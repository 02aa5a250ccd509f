//! `holdshort schema`: the JSON Schema of the configuration, for editors.

use crate::exit::Exit;
use crate::say;

pub(crate) fn run() -> anyhow::Result<Exit> {
    say!("{:#}", rules::config::schema());
    Ok(Exit::Done)
}
