//! `Content-Type`, as far as it decides how a body is read.

/// How the body says it is to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum MediaType {
    Json,
    /// `application/...+json`, and what AWS calls its JSON: JSON, but what its values mean is the type's affair.
    OtherJson,
    Form,
    /// `multipart/form-data`.
    Multipart {
        boundary: String,
    },
    /// Another `multipart/...`.
    OtherMultipart,
    Other,
}

/// # Errors
/// It is no media type, names a charset other than UTF-8, or a multipart without a boundary.
pub(super) fn read(value: &str) -> Result<MediaType, &'static str> {
    const NONE: &str = "not a media type";
    let mut parts = value.split(';');
    let essence = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
    let (kind, subtype) = essence.split_once('/').ok_or(NONE)?;
    let token = |text: &str| !text.is_empty() && text.bytes().all(super::headers::is_token);
    if !token(kind) || !token(subtype) {
        return Err(NONE);
    }
    let (mut charset, mut boundary) = (None, None);
    for parameter in parts.map(str::trim).filter(|parameter| !parameter.is_empty()) {
        let (name, value) = parameter.split_once('=').ok_or(NONE)?;
        if !token(name) {
            return Err(NONE);
        }
        // RFC 2231: `charset*=` and `charset*0=` are the charset to some readers.
        if name.contains('*') {
            return Err("a media type with an extended parameter");
        }
        let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
        let before = match name.to_ascii_lowercase().as_str() {
            "charset" => charset.replace(value),
            "boundary" => boundary.replace(value),
            _ => None,
        };
        if before.is_some() {
            return Err("a media type that names its charset or boundary twice");
        }
    }
    if charset.is_some_and(|name| !(name.eq_ignore_ascii_case("utf-8") || name.eq_ignore_ascii_case("us-ascii"))) {
        return Err("not a media type in UTF-8");
    }
    Ok(match (kind, subtype) {
        ("application", "json") => MediaType::Json,
        ("application", "x-www-form-urlencoded") => MediaType::Form,
        ("application", "x-amz-json-1.0" | "x-amz-json-1.1") => MediaType::OtherJson,
        ("application", _) if subtype.ends_with("+json") => MediaType::OtherJson,
        ("multipart", "form-data") => {
            let boundary = boundary.filter(|boundary| is_boundary(boundary));
            MediaType::Multipart { boundary: boundary.ok_or("a multipart without a boundary that can be read")?.into() }
        }
        ("multipart", _) => MediaType::OtherMultipart,
        _ => MediaType::Other,
    })
}

/// RFC 2046, section 5.1.1, without the space and what stands for something elsewhere.
fn is_boundary(text: &str) -> bool {
    (1..=70).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"'()+_,-./:=?".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::{MediaType, read};

    #[test]
    fn what_aws_calls_its_json_is_json_of_a_kind_and_no_other_version_of_it() {
        for value in ["application/x-amz-json-1.0", "Application/X-Amz-JSON-1.1; charset=utf-8"] {
            assert_eq!(read(value), Ok(MediaType::OtherJson), "{value}");
        }
        for value in ["application/x-amz-json-2.0", "application/x-amz-json", "text/x-amz-json-1.0"] {
            assert_eq!(read(value), Ok(MediaType::Other), "{value}");
        }
    }

    #[test]
    fn a_charset_is_utf8_however_it_is_named() {
        for value in ["application/json", "Application/JSON; charset=\"UTF-8\"", "application/json;;profile=x"] {
            assert_eq!(read(value), Ok(MediaType::Json), "{value}");
        }
        for value in ["charset=utf-16", "charset*=utf-16''x", "charset*0=utf-; charset*1=16", "CHARSET*0*=utf-16"] {
            assert!(read(&format!("application/json; {value}")).is_err(), "{value}");
        }
    }
}
