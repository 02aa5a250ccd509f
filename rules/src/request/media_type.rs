//! `Content-Type`, as far as it decides how a body is read.

/// How the body says it is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MediaType {
    Json,
    /// `application/...+json`: JSON, but what its values mean is the type's affair.
    OtherJson,
    Form,
    Other,
}

/// `None`: it is no media type, or names a charset other than UTF-8.
pub(super) fn read(value: &str) -> Option<MediaType> {
    let mut parts = value.split(';');
    let essence = parts.next()?.trim().to_ascii_lowercase();
    let (kind, subtype) = essence.split_once('/')?;
    let token = |text: &str| !text.is_empty() && text.bytes().all(super::headers::is_token);
    if !token(kind) || !token(subtype) {
        return None;
    }
    let mut charsets = 0;
    for parameter in parts.map(str::trim).filter(|parameter| !parameter.is_empty()) {
        let (name, value) = parameter.split_once('=')?;
        if !token(name) {
            return None;
        }
        if name.eq_ignore_ascii_case("charset") {
            charsets += 1;
            let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
            if charsets > 1 || !(value.eq_ignore_ascii_case("utf-8") || value.eq_ignore_ascii_case("us-ascii")) {
                return None;
            }
        }
    }
    Some(match (kind, subtype) {
        ("application", "json") => MediaType::Json,
        ("application", "x-www-form-urlencoded") => MediaType::Form,
        ("application", _) if subtype.ends_with("+json") => MediaType::OtherJson,
        _ => MediaType::Other,
    })
}
