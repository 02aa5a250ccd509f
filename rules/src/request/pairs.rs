//! Names and values of queries and forms, decoded, and the one way to look one up.
//!
//! Frameworks disagree on repeated names (first, last, all), on `a[]`, on `a.b` and on case.
//! Whatever name a rule looks at must therefore stand there once, spelled in that one way.

use std::borrow::Cow;

use super::Malformed;
use super::target::hex_pair;

/// No form has so many fields; each takes room beside its bytes.
const MOST: usize = 10_000;

pub type Pair<'a> = (Cow<'a, str>, Cow<'a, str>);

/// Splits at `&` and the first `=`, and decodes; `+` is a space.
///
/// # Errors
/// A bad escape, bytes that are not UTF-8, NUL in a name, more names than any form has, or a semicolon, which
/// some servers split at.
pub fn split<'a>(text: &'a str, place: &str) -> Result<Vec<Pair<'a>>, Malformed> {
    if text.contains(';') {
        return Err(Malformed::bad("a bare \";\" is a separator to some servers: write %3B", place));
    }
    let mut pairs = Vec::new();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        if pairs.len() == MOST {
            return Err(Malformed::bad("more than 10000 names", place));
        }
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = decode(name, place)?;
        if name.contains('\0') {
            return Err(Malformed::bad("NUL in a name", place));
        }
        pairs.push((name, decode(value, place)?));
    }
    Ok(pairs)
}

/// The value of a name that a rule looks at.
///
/// # Errors
/// The name is repeated, or another spelling of it is there.
pub fn one<'p, N: AsRef<str>, V: AsRef<str>>(
    pairs: &'p [(N, V)],
    name: &str,
    place: &str,
) -> Result<Option<&'p str>, Malformed> {
    let at = place_of(pairs.iter().map(|(key, _)| key.as_ref()), name, place)?;
    Ok(at.and_then(|at| pairs.get(at)).map(|(_, value)| value.as_ref()))
}

/// Where a name that a rule looks at stands among all names.
///
/// # Errors
/// As of [`one`].
pub(super) fn place_of<'n>(
    names: impl Iterator<Item = &'n str>,
    name: &str,
    place: &str,
) -> Result<Option<usize>, Malformed> {
    let mut found = None;
    for (at, key) in names.enumerate() {
        if key == name {
            if found.replace(at).is_some() {
                return Err(Malformed::bad("sent more than once", format!("{place} {name}")));
            }
        } else if plain(key) == plain(name) || unclosed(key).is_some_and(|key| key == plain(name)) {
            let what = format!("\"{}\" is read as \"{name}\" by some servers", key.escape_debug());
            return Err(Malformed::bad(what, format!("{place} {name}")));
        }
    }
    Ok(found)
}

/// A name as the most lenient framework reads it: no case, no index, `.` and space as `_`.
fn plain(name: &str) -> Cow<'_, str> {
    if name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_') {
        return name.into();
    }
    let stem = match name.split_once('[') {
        Some((stem, _)) if !stem.is_empty() => stem,
        _ => name,
    };
    stem.trim().to_uppercase().to_lowercase().replace(['.', ' '], "_").into()
}

/// A name with a bracket, as PHP reads it where the bracket is not closed: `[` is `_` then.
fn unclosed(key: &str) -> Option<String> {
    key.contains('[').then(|| plain(&key.replace('[', "_")).into_owned())
}

fn decode<'a>(text: &'a str, place: &str) -> Result<Cow<'a, str>, Malformed> {
    if !text.bytes().any(|byte| matches!(byte, b'%' | b'+')) {
        return Ok(text.into());
    }
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'%' => {
                let bad = || Malformed::bad("\"%\" without two hexadecimal digits", place);
                decoded.push(hex_pair(bytes, at + 1).ok_or_else(bad)?);
                at += 2;
            }
            b'+' => decoded.push(b' '),
            other => decoded.push(other),
        }
        at += 1;
    }
    String::from_utf8(decoded).map(Cow::from).map_err(|_| Malformed::bad("the escapes are not UTF-8", place))
}

#[cfg(test)]
mod tests;
