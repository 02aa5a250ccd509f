//! Digests that a permit carries.

/// RFC 9530 `Content-Digest` value of a body: `sha-256=:BASE64:`.
#[must_use]
pub fn content_digest(body: &[u8]) -> String {
    let _ = body;
    todo!()
}

/// Digest of the headers that were shown to the approver, order-independent over names:
/// for each name (lower case, sorted bytewise) and each of its values in order of arrival, the bytes
/// `name ":" value "\n"` (value trimmed of spaces and tabs); SHA-256; same notation as `content_digest`.
#[must_use]
pub fn headers_digest<'a>(headers: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> String {
    let _ = headers.into_iter().count();
    todo!()
}
