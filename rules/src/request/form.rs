//! `application/x-www-form-urlencoded` bodies.

use super::{Malformed, pairs};

/// Reads a form, in order; a repeated name matters only to the rule that looks at it.
///
/// # Errors
/// Whatever [`pairs::split`] refuses, and bytes that a form must escape.
pub fn parse(body: &[u8]) -> Result<Vec<(String, String)>, Malformed> {
    const PLACE: &str = "form";
    let text = std::str::from_utf8(body).map_err(|_| Malformed::bad("not UTF-8", PLACE))?;
    if text.bytes().any(|byte| byte <= 0x20 || byte >= 0x7f) {
        return Err(Malformed::bad("a form escapes white space, control characters and what is not ASCII", PLACE));
    }
    Ok(pairs::split(text, PLACE)?.into_iter().map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
}
