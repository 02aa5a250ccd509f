//! Events for other programs: as JSON objects, exact, or as rows for spreadsheets.

use serde_json::json;

use super::{AuditEntry, Seal, hex};

/// The first row of a table.
pub const HEADINGS: &str = "seq,at,kind,actor,subject,data,leaf";

/// All that the leaf is computed from, as one JSON object.
#[must_use]
pub fn object(entry: &AuditEntry) -> serde_json::Value {
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

/// Its values as RFC 4180 writes them, below [`HEADINGS`].
#[must_use]
pub fn row(entry: &AuditEntry) -> String {
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
