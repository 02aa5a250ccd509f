//! `holdshort audit export`: the events for other programs.

use std::ops::Range;
use std::path::Path;

use gate::audit::export::{HEADINGS, object, row};

use crate::cli::ExportFormat;
use crate::exit::Exit;
use crate::{exit, local, output, say};

/// Events read at a time.
const PAGE: u32 = 1000;

pub(super) async fn run(path: Option<&Path>, format: ExportFormat, range: Range<u64>) -> anyhow::Result<Exit> {
    let (_, gate) = local::gate(path).await?;
    if format == ExportFormat::Csv {
        say!("{HEADINGS}");
    }
    let mut next = range.start;
    while next < range.end && !output::is_unread() {
        let limit = u32::try_from(range.end - next).unwrap_or(PAGE).min(PAGE);
        let page = gate.audit(next, limit).await;
        let page = page.map_err(|error| exit::unavailable(format!("reading the audit log: {error}")))?;
        let Some(last) = page.last() else { break };
        next = last.seq + 1;
        for entry in &page {
            match format {
                ExportFormat::Jsonl => say!("{}", object(entry)),
                ExportFormat::Csv => say!("{}", row(entry)),
            }
        }
    }
    Ok(Exit::Done)
}
