//! A strict JSON value (RFC 8259 within RFC 7493): no duplicate keys, UTF-8 only, numbers kept as
//! written.
//!
//! Servers differ on duplicate keys, on keys that differ in case, on lone surrogates and on what
//! follows the value; whoever sends such a text is refused, because rules would see one value and
//! the server another.

mod document;
mod keys;
mod number;
mod pointer;
mod reader;
mod string;

pub use document::Document;
pub(crate) use number::same as same_number;
pub use pointer::Pointer;

use super::Malformed;

/// Reads one JSON text as values.
///
/// # Errors
/// It is not JSON, or two parsers could read it differently; `place` names the pointer.
pub fn parse(body: &[u8]) -> Result<Json, Malformed> {
    Ok(Document::read(body)?.to_json())
}

/// One value; numbers keep their exact text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Json {
    Null,
    Bool(bool),
    /// As written; valid by RFC 8259 section 6.
    Number(String),
    String(String),
    List(Vec<Json>),
    /// In order of appearance; keys are distinct after unescaping, also when case is ignored.
    Object(Vec<(String, Json)>),
}

impl Json {
    /// The member of that name, where this is an object that has it.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<&Json> {
        match self {
            Json::Object(members) => members.iter().find(|(key, _)| key == name).map(|(_, value)| value),
            _ => None,
        }
    }

    /// The value an RFC 6901 pointer names.
    #[must_use]
    pub fn at(&self, pointer: &Pointer) -> Option<&Json> {
        pointer.tokens().iter().try_fold(self, |value, token| value.step(token))
    }

    /// Like [`Json::at`], for a rule: a key that is only there in another case is refused, because
    /// servers that ignore case would take it for the one the rule looks at.
    ///
    /// # Errors
    /// Such a key.
    pub fn looked_at(&self, pointer: &Pointer) -> Result<Option<&Json>, Malformed> {
        let mut value = self;
        for token in pointer.tokens() {
            match value.step(token) {
                Some(next) => value = next,
                None => {
                    if let Json::Object(members) = value {
                        let wanted = folded(token);
                        if let Some((key, _)) = members.iter().find(|(key, _)| folded(key) == wanted) {
                            return Err(pointer.misspelled(key, token));
                        }
                    }
                    return Ok(None);
                }
            }
        }
        Ok(Some(value))
    }

    /// Whether a list stands where the pointer names a key.
    #[must_use]
    pub fn meets_list(&self, pointer: &Pointer) -> bool {
        let mut value = self;
        for token in pointer.tokens() {
            match value.step(token) {
                Some(next) => value = next,
                None => return matches!(value, Json::List(_)) && pointer::index(token).is_none(),
            }
        }
        false
    }

    fn step(&self, token: &str) -> Option<&Json> {
        match self {
            Json::Object(_) => self.member(token),
            Json::List(items) => items.get(pointer::index(token)?),
            _ => None,
        }
    }

    /// Whether a value that stands in the configuration is this one. Numbers compare by value, so
    /// `100`, `100.0` and `1e2` are the same.
    #[must_use]
    pub fn equals(&self, wanted: &serde_json::Value) -> bool {
        use serde_json::Value;
        match (self, wanted) {
            (Json::Null, Value::Null) => true,
            (Json::Bool(a), Value::Bool(b)) => a == b,
            (Json::Number(a), Value::Number(b)) => same_number(a, &b.to_string()),
            (Json::String(a), Value::String(b)) => a == b,
            (Json::List(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.equals(b)),
            (Json::Object(a), Value::Object(b)) => {
                a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| a.equals(b)))
            }
            _ => false,
        }
    }

    /// What kind of value it is, in words.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Json::Null => "null",
            Json::Bool(_) => "a boolean",
            Json::Number(_) => "a number",
            Json::String(_) => "a string",
            Json::List(_) => "a list",
            Json::Object(_) => "an object",
        }
    }
}

/// Compact JSON text; parsing it gives the same value.
impl std::fmt::Display for Json {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let quoted = |f: &mut std::fmt::Formatter<'_>, text: &str| -> std::fmt::Result {
            f.write_str("\"")?;
            for c in text.chars() {
                match c {
                    '"' => f.write_str("\\\"")?,
                    '\\' => f.write_str("\\\\")?,
                    c if c < ' ' => write!(f, "\\u{:04x}", u32::from(c))?,
                    c => write!(f, "{c}")?,
                }
            }
            f.write_str("\"")
        };
        match self {
            Json::Null => f.write_str("null"),
            Json::Bool(value) => write!(f, "{value}"),
            Json::Number(text) => f.write_str(text),
            Json::String(text) => quoted(f, text),
            Json::List(items) => {
                f.write_str("[")?;
                for (at, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if at == 0 { "" } else { "," })?;
                }
                f.write_str("]")
            }
            Json::Object(members) => {
                f.write_str("{")?;
                for (at, (key, value)) in members.iter().enumerate() {
                    f.write_str(if at == 0 { "" } else { "," })?;
                    quoted(f, key)?;
                    write!(f, ":{value}")?;
                }
                f.write_str("}")
            }
        }
    }
}

/// One form of all spellings of a key that differ in case, as lenient parsers fold it: Go's also
/// takes U+017F for `s` and U+212A for `k`, which upper-casing first covers.
pub(super) fn folded(key: &str) -> std::borrow::Cow<'_, str> {
    if key.is_ascii() {
        if key.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return key.to_ascii_lowercase().into();
        }
        return key.into();
    }
    key.to_uppercase().to_lowercase().into()
}

#[cfg(test)]
mod tests;
