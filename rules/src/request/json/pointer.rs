//! Pointers into JSON (RFC 6901), as rules write them.

use crate::request::Malformed;

/// An RFC 6901 pointer, taken apart once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointer {
    tokens: Vec<String>,
}

impl Pointer {
    /// # Errors
    /// It does not start with a slash, or has a `~` that is neither `~0` nor `~1`.
    pub fn parse(text: &str) -> Result<Pointer, String> {
        if text.is_empty() {
            return Ok(Pointer { tokens: Vec::new() });
        }
        let Some(rest) = text.strip_prefix('/') else {
            return Err("a JSON pointer starts with \"/\"".to_owned());
        };
        let token = |token: &str| -> Result<String, String> {
            let mut parts = token.split('~');
            let mut plain = parts.next().unwrap_or_default().to_owned();
            for part in parts {
                match part.as_bytes().first() {
                    Some(b'0') => plain.push('~'),
                    Some(b'1') => plain.push('/'),
                    _ => return Err("in a JSON pointer \"~\" is written \"~0\"".to_owned()),
                }
                plain.extend(part.chars().skip(1));
            }
            Ok(plain)
        };
        Ok(Pointer { tokens: rest.split('/').map(token).collect::<Result<_, _>>()? })
    }

    /// Names of members and places in lists, outermost first.
    pub(super) fn tokens(&self) -> &[String] {
        &self.tokens
    }

    /// `key` stands where this pointer says `token`.
    pub(super) fn misspelled(&self, key: &str, token: &str) -> Malformed {
        let what = format!("\"{}\" is spelled \"{token}\" here", key.escape_debug());
        Malformed::bad(what, format!("body at {self}"))
    }
}

/// The place in a list that a token names.
pub(super) fn index(token: &str) -> Option<usize> {
    let plain = token == "0" || (!token.starts_with('0') && token.bytes().all(|byte| byte.is_ascii_digit()));
    if plain { token.parse().ok() } else { None }
}

impl std::fmt::Display for Pointer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for token in &self.tokens {
            write!(f, "/{}", token.replace('~', "~0").replace('/', "~1"))?;
        }
        Ok(())
    }
}
