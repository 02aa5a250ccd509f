//! A strict JSON value (RFC 8259 within RFC 7493): no duplicate keys, UTF-8 only, numbers kept as
//! written.

/// One value; numbers keep their exact text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Json {
    Null,
    Bool(bool),
    /// As written; valid by RFC 8259 section 6.
    Number(String),
    String(String),
    List(Vec<Json>),
    /// In order of appearance; keys are distinct after unescaping.
    Object(Vec<(String, Json)>),
}
