//! `holdshort schema`: the JSON Schema of the configuration, for editors.

use crate::exit::Exit;

pub(crate) fn run() -> anyhow::Result<Exit> {
    println!("{:#}", rules::config::schema());
    Ok(Exit::Done)
}
