//! `${NAME}`, `${NAME:-default}` and `file:PATH`, put in after parsing: what a secret holds can never
//! change the structure of the document.

use super::Place;
use super::findings::error;
use super::load::{Finding, Secrets, Source};
use super::node::{Kind, Node};
use super::reader::place;

/// A secret longer than this is not one.
const LONGEST: usize = 64 << 10;

pub(super) fn resolve(node: &mut Node, secrets: &dyn Secrets, sources: &[Source], faults: &mut Vec<Finding>) {
    let at = place(sources, node.mark);
    match &mut node.kind {
        Kind::List(items) => items.iter_mut().for_each(|item| resolve(item, secrets, sources, faults)),
        Kind::Map(entries) => entries.iter_mut().for_each(|(_, value)| resolve(value, secrets, sources, faults)),
        Kind::Text(text) => {
            // `file://...` is a URI, which MCP servers use for what they offer.
            let found = match text.strip_prefix("file:").filter(|path| !path.starts_with("//")) {
                Some(path) => file(path.trim(), secrets),
                None if text.contains("${") => variables(text, secrets),
                None => return,
            };
            match found {
                Ok(found) => {
                    *text = found.text;
                    node.substituted = found.substituted;
                    node.unresolved = found.unresolved;
                }
                Err(Fault { code, message, help }) => {
                    // Whatever else this value lacks follows from the secret: say one thing only.
                    node.substituted = true;
                    node.unresolved = true;
                    faults.push(secret_fault(code, at, message, help));
                }
            }
        }
        Kind::Null | Kind::Bool(_) | Kind::Number(_) => {}
    }
}

struct Found {
    text: String,
    substituted: bool,
    unresolved: bool,
}

struct Fault {
    code: &'static str,
    message: String,
    help: Option<String>,
}

fn secret_fault(code: &'static str, at: Place, message: String, help: Option<String>) -> Finding {
    error(code, at, message, help)
}

fn file(path: &str, secrets: &dyn Secrets) -> Result<Found, Fault> {
    if path.is_empty() {
        return Err(Fault { code: "secret-syntax", message: "`file:` names no file".to_owned(), help: None });
    }
    let text = match secrets.file(path) {
        Ok(text) => text,
        Err(_) if !secrets.required() => return Ok(Found { text: String::new(), substituted: true, unresolved: true }),
        Err(why) => {
            let message = format!("`file:{path}` cannot be read: {why}");
            return Err(Fault { code: "secret-missing", message, help: None });
        }
    };
    let text = text.trim_end_matches(['\r', '\n']).to_owned();
    bounded(Found { text, substituted: true, unresolved: false }, &format!("file:{path}"))
}

fn bounded(found: Found, name: &str) -> Result<Found, Fault> {
    if found.text.len() > LONGEST {
        let message = format!("what `{name}` stands for has {} bytes; at most {LONGEST} are taken", found.text.len());
        return Err(Fault { code: "secret-too-large", message, help: None });
    }
    Ok(found)
}

fn variables(text: &str, secrets: &dyn Secrets) -> Result<Found, Fault> {
    let mut found = Found { text: String::with_capacity(text.len()), substituted: false, unresolved: false };
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, after) = rest.split_at(at);
        let after = after.get(2..).unwrap_or_default();
        if let Some(literal) = before.strip_suffix('$') {
            found.text.push_str(literal);
            found.text.push_str("${");
            rest = after;
            continue;
        }
        found.text.push_str(before);
        let Some((inside, after)) = after.split_once('}') else {
            return Err(Fault {
                code: "secret-syntax",
                message: "`${` has no `}`".to_owned(),
                help: Some("write `$${` for a plain `${`".to_owned()),
            });
        };
        rest = after;
        let (name, default) = match inside.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inside, None),
        };
        if !is_name(name) {
            return Err(Fault {
                code: "secret-syntax",
                message: format!("`${{{}}}` does not name an environment variable", super::node::shortened(inside)),
                help: Some("write `$${` for a plain `${`".to_owned()),
            });
        }
        found.substituted = true;
        match (secrets.variable(name), default) {
            (Ok(value), Some(default)) if value.is_empty() => found.text.push_str(default),
            (Ok(value), _) => found.text.push_str(&value),
            (Err(_), Some(default)) => found.text.push_str(default),
            (Err(_), None) if !secrets.required() => {
                found.unresolved = true;
                found.text.push_str("placeholder");
            }
            (Err(why), None) => {
                return Err(Fault {
                    code: "secret-missing",
                    message: format!("`${{{name}}}` has no value: {why}"),
                    help: Some(format!("set it, or give a default: `${{{name}:-...}}`")),
                });
            }
        }
        found = bounded(found, name)?;
    }
    found.text.push_str(rest);
    Ok(found)
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
