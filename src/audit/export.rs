//! `holdshort audit export`: the events for other programs.

use std::ops::Range;
use std::path::Path;

use gate::audit::{AuditEntry, Seal, hex};
use serde_json::json;

use crate::cli::ExportFormat;
use crate::exit::Exit;
use crate::{exit, local, output, say};

/// Events read at a time.
const PAGE: u32 = 1000;

pub(super) async fn run(path: Option<&Path>, format: ExportFormat, range: Range<u64>) -> anyhow::Result<Exit> {
    let (_, gate) = local::gate(path).await?;
    if format == ExportFormat::Csv {
        say!("seq,at,kind,actor,subject,data,leaf");
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

/// All that the leaf is computed from.
fn object(entry: &AuditEntry) -> serde_json::Value {
    let salt = match &entry.seal {
        Seal::Whole(salt) => Some(hex(salt)),
        Seal::Pruned(_) => None,
    };
    json!({
        "seq": entry.seq,
        "time": entry.at.to_string(),
        "at": entry.at.0,
        "kind": entry.kind,
        "actor": entry.actor,
        "subject": entry.subject,
        "salt": salt,
        "data": entry.data,
        "commitment": hex(&entry.commitment()),
        "leaf": hex(&entry.leaf()),
    })
}

/// RFC 4180.
fn row(entry: &AuditEntry) -> String {
    let (seq, at, leaf) = (entry.seq.to_string(), entry.at.to_string(), hex(&entry.leaf()));
    let subject = entry.subject.as_deref().unwrap_or_default();
    [&seq, &at, &entry.kind, &entry.actor, subject, &entry.data, &leaf].map(cell).join(",")
}

/// What agents chose stands in some of these: no spreadsheet may compute it.
fn cell(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = format!("{}{text}", if formula { "'" } else { "" });
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::cell;

    #[test]
    fn cells_are_quoted_where_they_must_be_and_never_formulas() {
        let cases = [
            ("plain", "plain"),
            ("", ""),
            ("a,b", "\"a,b\""),
            ("say \"no\"", "\"say \"\"no\"\"\""),
            ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
            ("@cmd,x", "\"'@cmd,x\""),
            ("two\nlines", "\"two\nlines\""),
        ];
        for (text, wanted) in cases {
            assert_eq!(cell(text), wanted, "{text:?}");
        }
    }
}
