//! `holdshort audit`.

use std::io::Read as _;
use std::path::Path;

use anyhow::Context as _;
use gate::audit::checkpoint::{Checkpoint, LogKey, VerifierKey};
use gate::{Clock as _, Gate, SystemClock};
use serde_json::json;

use crate::cli::AuditCommand;
use crate::configuration::Configuration;
use crate::exit::Exit;
use crate::{exit, local, output};
use crate::{note, say};

mod evidence;
mod export;

pub(crate) async fn run(path: Option<&Path>, command: &AuditCommand) -> anyhow::Result<Exit> {
    match command {
        AuditCommand::Verify { checkpoint, key, json } => {
            verify(path, checkpoint.as_deref(), key.as_deref(), *json).await
        }
        AuditCommand::Checkpoint => {
            let gate = signing(path).await?;
            output::text(&gate.checkpoint().await.map_err(unavailable)?);
            Ok(Exit::Done)
        }
        AuditCommand::Key => {
            let configuration = Configuration::load_without_secrets(path)?;
            for key in log_key(&configuration)?.verifiers() {
                say!("{key}");
            }
            Ok(Exit::Done)
        }
        AuditCommand::Export { format, from, to } => export::run(path, *format, *from..to.unwrap_or(u64::MAX)).await,
        AuditCommand::Prove { intent } => evidence::prove(path, intent).await,
        AuditCommand::Check { file, key, body, json } => evidence::check(file, key.as_deref(), body.as_deref(), *json),
    }
}

/// The key of the log: beside those that sign permits, in a folder of its own. The log is called after the dashboard.
pub(crate) fn log_key(configuration: &Configuration) -> anyhow::Result<LogKey> {
    let config = configuration.config();
    let folder = configuration.resolve(&config.permit.keys).join("log");
    let host = config.admin.url.split_once("://").map_or(config.admin.url.as_str(), |(_, host)| host);
    LogKey::open(&folder, &format!("{host}/log"), SystemClock.now().seconds())
        .map_err(|error| exit::unavailable(format!("{:#}", anyhow::Error::from(error))))
}

/// A gate on the store that can sign.
async fn signing(path: Option<&Path>) -> anyhow::Result<Gate> {
    let (configuration, gate) = local::gate(path).await?;
    Ok(gate.signing_checkpoints(log_key(&configuration)?))
}

async fn verify(path: Option<&Path>, checkpoint: Option<&Path>, key: Option<&str>, json: bool) -> anyhow::Result<Exit> {
    let (configuration, gate) = local::gate(path).await?;
    let earlier = match checkpoint {
        None => None,
        Some(file) => {
            let keys = match key {
                Some(key) => vec![parsed(key)?],
                None => log_key(&configuration)?.verifiers(),
            };
            let note = read(file)?;
            let opened = Checkpoint::open(&note, &keys);
            Some(opened.map_err(|error| exit::finding(format!("{}: {error}", file.display())))?)
        }
    };
    let report = gate
        .verify_audit(earlier.as_ref())
        .await
        .map_err(|error| exit::unavailable(format!("reading the audit log: {error}")))?;
    let good = report.problems.is_empty();
    if json {
        output::json(&json!({
            "events": report.events,
            "root": report.root,
            "verified": good,
            "problems": report.problems,
            "extends": earlier.as_ref().map(|earlier| earlier.size),
        }));
    } else if good {
        say!("verified: {} events, root {}", report.events, report.root);
        say!("the current state is what the events say");
        if let Some(earlier) = earlier {
            say!("the log extends the checkpoint over {} events", earlier.size);
        }
    } else {
        for problem in &report.problems {
            note!("{problem}");
        }
        note!("the audit log does NOT verify: {} problems in {} events", report.problems.len(), report.events);
    }
    Ok(if good { Exit::Done } else { Exit::Finding })
}

fn parsed(key: &str) -> anyhow::Result<VerifierKey> {
    key.parse().map_err(|error| exit::finding(format!("--key: {error}")))
}

/// A file, or with `-` standard input.
fn read(file: &Path) -> anyhow::Result<String> {
    if file == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("reading standard input")?;
        return Ok(text);
    }
    std::fs::read_to_string(file).map_err(|error| exit::unavailable(format!("reading {}: {error}", file.display())))
}

fn unavailable(error: gate::GateError) -> anyhow::Error {
    exit::unavailable(format!("reading the audit log: {error}"))
}
