//! `holdshort audit`.

use std::path::Path;

use serde_json::json;

use crate::cli::AuditCommand;
use crate::exit::Exit;
use crate::{exit, local, output};
use crate::{note, say};

pub(crate) async fn run(path: Option<&Path>, command: &AuditCommand) -> anyhow::Result<Exit> {
    let AuditCommand::Verify { json } = command;
    let (_, gate) = local::gate(path).await?;
    let report =
        gate.verify_audit().await.map_err(|error| exit::unavailable(format!("reading the audit log: {error}")))?;
    let good = report.problems.is_empty();
    if *json {
        output::json(
            &json!({ "events": report.events, "root": report.root, "verified": good, "problems": report.problems }),
        );
    } else if good {
        say!("verified: {} events, root {}", report.events, report.root);
        say!("the current state is what the events say");
    } else {
        for problem in &report.problems {
            note!("{problem}");
        }
        note!("the audit log does NOT verify: {} problems in {} events", report.problems.len(), report.events);
    }
    Ok(if good { Exit::Done } else { Exit::Finding })
}
