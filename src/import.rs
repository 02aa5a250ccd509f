//! `holdshort import openapi FILE | mcp URL`: a first configuration from what an API says of itself, as
//! commented YAML for people to go through.
//!
//! INVARIANT: what the document says reaches the output only through [`written`], which quotes it; so it
//! can name neither a key, a secret nor a parameter. And nothing that is printed fails `check`.

mod mcp;
mod openapi;
mod tier;
mod words;
mod written;

use std::path::Path;
use std::sync::Arc;

use rules::Ruleset;
use rules::config::load::{Findings, NoSecrets, Source, load};

use crate::cli::{ImportArgs, ImportCommand};
use crate::exit::{self, Exit};
use crate::{note, output};
use written::{Imported, text_of};

pub(crate) async fn run(command: ImportCommand) -> anyhow::Result<Exit> {
    let imported = match command {
        ImportCommand::Openapi { file, url, args } => openapi::imported(&read(&file)?, url.as_deref(), &args)?,
        ImportCommand::Mcp { url, headers, args } => mcp::imported(&url, &headers, &args).await?,
    };
    let text = checked(&imported)?;
    output::text(&text);
    let skipped = imported.skipped.len();
    note!("{} routes, {skipped} left out. Go through the risk tiers before you use them.", imported.routes.len());
    Ok(Exit::Done)
}

fn read(file: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(file).map_err(|error| exit::finding(format!("{}: {error}", file.display())))
}

/// The text, which is a good configuration.
fn checked(imported: &Imported) -> anyhow::Result<String> {
    let text = text_of(imported);
    let source = Source { name: "imported.yaml".to_owned(), text: text.clone() };
    let refused = |findings: Findings| exit::finding(format!("this cannot be imported as it is:\n{findings}"));
    let (config, Findings { sources, .. }) = load(vec![source], &NoSecrets).map_err(refused)?;
    Ruleset::compile(Arc::new(config)).map_err(|findings| refused(findings.with_sources(sources)))?;
    Ok(text)
}

/// What to call the upstream: as asked, or a word from its own name.
fn upstream_name(args: &ImportArgs, title: &str) -> anyhow::Result<String> {
    let fits = |name: &str| {
        name.len() <= 63
            && name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_'))
    };
    match &args.name {
        Some(name) if fits(name) => Ok(name.clone()),
        Some(name) => {
            Err(exit::finding(format!("--name {name:?}: lower-case letters, digits, `-` and `_`, a letter first")))
        }
        None => {
            let short = |word: &&str| !matches!(*word, "api" | "rest" | "the" | "openapi" | "v1" | "v2" | "v3");
            let snake = words::snake_case(title);
            let name: Vec<&str> = snake.split('_').filter(short).take(3).collect();
            Ok(Some(name.join("-")).filter(|name| fits(name)).unwrap_or_else(|| "api".to_owned()))
        }
    }
}

#[cfg(test)]
mod tests;
