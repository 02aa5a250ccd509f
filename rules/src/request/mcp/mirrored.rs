//! Headers that mirror a message (MCP 2026-07-28, SEP-2243): `Mcp-Method`, `Mcp-Name`, and for arguments that a
//! tool's schema marks with `x-mcp-header` one `Mcp-Param-{Name}` each.
//!
//! The gate does not know the schema. So a header that has the name of an argument must have its value, and
//! one of any other name must have the value of some argument.

use base64::Engine as _;

use crate::request::json::{Json, folded, same_number};

/// A mirrored header value; what no header can carry is sent as `=?base64?...?=`.
pub(super) fn decoded(value: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(value).ok()?;
    match text.strip_prefix("=?base64?").and_then(|rest| rest.strip_suffix("?=")) {
        Some(encoded) => String::from_utf8(base64::engine::general_purpose::STANDARD.decode(encoded).ok()?).ok(),
        None => Some(text.to_owned()),
    }
}

/// Arguments by their names as they may be in a header.
pub(super) struct Arguments<'j>(Vec<(String, &'j Json)>);

impl<'j> Arguments<'j> {
    pub(super) fn of(json: Option<&'j Json>) -> Arguments<'j> {
        let mut all = Vec::new();
        if let Some(json) = json {
            collect(json, &mut all);
        }
        Arguments(all)
    }

    /// Whether an `Mcp-Param-{name}` header says what they say.
    pub(super) fn agree(&self, name: &str, value: &[u8]) -> bool {
        let Some(value) = decoded(value) else { return false };
        let name = plain(name);
        let mut namesakes = self.0.iter().filter(|(key, _)| *key == name).peekable();
        if namesakes.peek().is_some() {
            return namesakes.any(|(_, json)| says(json, &value));
        }
        self.0.iter().any(|(_, json)| says(json, &value))
    }
}

/// Members of objects in objects; a schema can mark no others.
fn collect<'j>(json: &'j Json, all: &mut Vec<(String, &'j Json)>) {
    if let Json::Object(members) = json {
        for (key, value) in members {
            all.push((plain(key), value));
            collect(value, all);
        }
    }
}

/// Without case, `-` and `_`.
fn plain(name: &str) -> String {
    folded(name).replace(['-', '_'], "")
}

fn says(json: &Json, value: &str) -> bool {
    match json {
        Json::String(text) => text == value,
        Json::Bool(truth) => value == if *truth { "true" } else { "false" },
        Json::Number(number) => {
            let plain = value.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
            plain && same_number(number, value)
        }
        Json::Null | Json::List(_) | Json::Object(_) => false,
    }
}
