//! What is left of an event's facts once details are deleted: that it happened, not what was in it.

use serde_json::Value;

use crate::intent::What;

/// In place of a text that cannot be left out.
pub(crate) const DELETED: &str = "(deleted)";

/// `None`: there is no detail in it, and it stays whole.
pub(crate) fn remains(kind: &str, data: &str) -> Option<String> {
    let mut facts: Value = serde_json::from_str(data).ok()?;
    let fields = facts.as_object_mut()?;
    match kind {
        What::SUBMITTED => {
            for detail in ["params", "title", "trace", "reasons", "metadata"] {
                fields.remove(detail);
            }
            if let Some(request) = fields.get_mut("request").and_then(Value::as_object_mut) {
                for detail in ["headers", "content_type", "origin"] {
                    request.remove(detail);
                }
                for detail in ["target", "content_digest", "headers_digest", "digest"] {
                    request.insert(detail.to_owned(), DELETED.into());
                }
            }
        }
        "intent.executed" => drop(fields.insert("excerpt".to_owned(), Value::Null)),
        "intent.reported" => drop(fields.insert("note".to_owned(), Value::Null)),
        _ => return None,
    }
    Some(facts.to_string())
}
