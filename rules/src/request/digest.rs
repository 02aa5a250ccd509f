//! RFC 9530 digests of bodies.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256, Sha512};

use super::Malformed;

/// The `Content-Digest` value of a body: `sha-256=:...:`.
pub(super) fn content_digest(body: &[u8]) -> String {
    let mut value = String::with_capacity(54);
    value.push_str("sha-256=:");
    STANDARD.encode_string(Sha256::digest(body), &mut value);
    value.push(':');
    value
}

/// Checks what a client says of its body, in the algorithms that RFC 9530 calls active.
pub(super) fn check(value: &[u8], body: &[u8]) -> Result<(), Malformed> {
    const PLACE: &str = "header content-digest";
    let text = std::str::from_utf8(value).map_err(|_| Malformed::bad("not ASCII", PLACE))?;
    for member in text.split(',') {
        let Some((algorithm, value)) = member.trim().split_once('=') else {
            return Err(Malformed::bad("not a digest", PLACE));
        };
        let digest = match algorithm {
            "sha-256" => STANDARD.encode(Sha256::digest(body)),
            "sha-512" => STANDARD.encode(Sha512::digest(body)),
            _ => continue,
        };
        if value.strip_prefix(':').and_then(|value| value.strip_suffix(':')) != Some(digest.as_str()) {
            return Err(Malformed::bad("the body has another digest", PLACE));
        }
    }
    Ok(())
}
