//! Digests that a permit carries. Gate and service compute them with the same functions, from the bytes
//! on the wire and before any parser has seen them.

use std::borrow::Cow;

use aws_lc_rs::digest::{Context, Digest, SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// RFC 9530 `Content-Digest` value of a body: `sha-256=:BASE64:`.
#[must_use]
pub fn content_digest(body: &[u8]) -> String {
    notation(&digest(&SHA256, body))
}

/// Digest of the headers that were shown to the approver, order-independent over names:
/// for each name (lower case, sorted bytewise) and each of its values in order of arrival, the bytes
/// `name ":" value "\n"` (value trimmed of spaces and tabs); SHA-256; same notation as `content_digest`.
#[must_use]
pub fn headers_digest<'a>(headers: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> String {
    let mut fields: Vec<(Cow<'a, str>, &[u8])> =
        headers.into_iter().map(|(name, value)| (lower(name), trim(value))).collect();
    // Stable: the values of one name keep their order of arrival.
    fields.sort_by(|a, b| a.0.cmp(&b.0));
    let mut sum = Context::new(&SHA256);
    for (name, value) in fields {
        sum.update(name.as_bytes());
        sum.update(b":");
        sum.update(value);
        sum.update(b"\n");
    }
    notation(&sum.finish())
}

/// The names among these headers as [`crate::Claims::headers`] lists them: lower case, sorted, each once.
#[must_use]
pub fn header_names<'a>(headers: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Vec<String> {
    let mut names: Vec<String> = headers.into_iter().map(|(name, _)| lower(name).into_owned()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn lower(name: &str) -> Cow<'_, str> {
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    }
}

fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

fn notation(sum: &Digest) -> String {
    // 9 + 44 + 1 characters.
    let mut text = String::with_capacity(54);
    text.push_str("sha-256=:");
    STANDARD.encode_string(sum, &mut text);
    text.push(':');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest_of(headers: &[(&str, &str)]) -> String {
        headers_digest(headers.iter().map(|(name, value)| (*name, value.as_bytes())))
    }

    #[test]
    fn the_digest_of_a_body_is_the_one_of_rfc_9530() {
        // RFC 9530, appendix B.1 and B.2.
        assert_eq!(
            content_digest(b"{\"hello\": \"world\"}\n"),
            "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:"
        );
        assert_eq!(content_digest(b""), "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:");
    }

    #[test]
    fn headers_are_digested_by_the_documented_bytes() {
        assert_eq!(
            digest_of(&[("X-B", " 2\t"), ("Accept", "a"), ("x-b", "1")]),
            content_digest(b"accept:a\nx-b:2\nx-b:1\n")
        );
        assert_eq!(digest_of(&[]), content_digest(b""));
    }

    #[test]
    fn names_in_another_order_are_the_same_headers_but_values_in_another_order_are_not() {
        let one = digest_of(&[("a", "1"), ("b", "2"), ("b", "3")]);
        assert_eq!(one, digest_of(&[("b", "2"), ("a", "1"), ("b", "3")]));
        assert_ne!(one, digest_of(&[("a", "1"), ("b", "3"), ("b", "2")]));
        assert_ne!(one, digest_of(&[("a", "1"), ("b", "2, 3")]));
        assert_ne!(one, digest_of(&[("a", "1"), ("b", "2")]));
    }

    #[test]
    fn names_are_listed_once_and_sorted() {
        let headers: [(&str, &[u8]); 3] = [("X-B", b"1"), ("accept", b"2"), ("x-b", b"3")];
        assert_eq!(header_names(headers), ["accept", "x-b"]);
    }
}
