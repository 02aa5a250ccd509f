//! Keys that callers present: `hsk_agent_...`, `hsk_project_...`, `hsk_user_...`.
//!
//! 256 random bits in base62 (43 characters) and a checksum (6 characters), so that a mistyped or
//! truncated key is told from an unknown one without asking the store. Stored as SHA-256; shown once.
//!
//! The alphabet is `0-9A-Za-z`, most significant digit first. The checksum is the first 64 bits
//! (big-endian) of SHA-256 over all that stands before it (prefix and 43 characters), modulo 62^6,
//! in the same alphabet. It protects against typing errors only; secrecy is in the 256 bits.

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Whose key it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyKind {
    Agent,
    Project,
    User,
}

/// A key's text, as shown once or as presented. `Debug` hides it; equality takes the same time
/// wherever two texts differ.
#[derive(Clone)]
pub struct KeySecret(String);

/// SHA-256 of a key's text.
pub type KeyHash = [u8; 32];

/// What a text with our prefix turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAKey {
    #[error("not one of our keys")]
    Foreign,
    #[error("mistyped or cut off")]
    Checksum,
}

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// 62^43 is the first power of 62 above 2^256.
const SECRET_LEN: usize = 43;
const CHECKSUM_LEN: usize = 6;

impl KeyKind {
    pub const ALL: [KeyKind; 3] = [KeyKind::Agent, KeyKind::Project, KeyKind::User];

    #[must_use]
    pub fn prefix(self) -> &'static str {
        match self {
            KeyKind::Agent => "hsk_agent_",
            KeyKind::Project => "hsk_project_",
            KeyKind::User => "hsk_user_",
        }
    }

    /// The name that the store and the audit log use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            KeyKind::Agent => "agent",
            KeyKind::Project => "project",
            KeyKind::User => "user",
        }
    }
}

impl KeySecret {
    /// A new key.
    ///
    /// # Errors
    /// The system gives no randomness.
    pub fn generate(kind: KeyKind) -> Result<KeySecret, getrandom::Error> {
        let mut text = kind.prefix().to_owned();
        text.push_str(&random_text()?);
        let sum = checksum(&text);
        text.push_str(&sum);
        Ok(KeySecret(text))
    }

    /// Reads what a caller presented. Does not look it up.
    ///
    /// # Errors
    /// It has not our form.
    pub fn parse(text: &str) -> Result<(KeyKind, KeySecret), NotAKey> {
        if !KeySecret::looks_like_ours(text) {
            return Err(NotAKey::Foreign);
        }
        let (kind, rest) = KeyKind::ALL
            .into_iter()
            .find_map(|kind| text.strip_prefix(kind.prefix()).map(|rest| (kind, rest)))
            .ok_or(NotAKey::Checksum)?;
        if rest.len() != SECRET_LEN + CHECKSUM_LEN || !rest.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(NotAKey::Checksum);
        }
        let (body, sum) = text.split_at_checked(text.len() - CHECKSUM_LEN).ok_or(NotAKey::Checksum)?;
        if checksum(body) != sum {
            return Err(NotAKey::Checksum);
        }
        Ok((kind, KeySecret(text.to_owned())))
    }

    /// Whether a header's value is meant for us: has one of our prefixes.
    #[must_use]
    pub fn looks_like_ours(text: &str) -> bool {
        text.starts_with("hsk_")
    }

    #[must_use]
    pub fn hash(&self) -> KeyHash {
        hash_of(&self.0)
    }

    /// The text, for showing once.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The last four characters (of the checksum), to tell keys apart in lists.
    #[must_use]
    pub fn hint(&self) -> String {
        self.0.get(self.0.len().saturating_sub(4)..).unwrap_or_default().to_owned()
    }
}

impl PartialEq for KeySecret {
    fn eq(&self, other: &KeySecret) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for KeySecret {}

impl std::fmt::Debug for KeySecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("\"......\"")
    }
}

/// 256 random bits as 43 base62 characters: the secret part of keys, and all of a session's cookie
/// and of a one-time link.
///
/// # Errors
/// The system gives no randomness.
pub(crate) fn random_text() -> Result<String, getrandom::Error> {
    let mut bits = [0_u8; 32];
    getrandom::fill(&mut bits)?;
    Ok(base62(bits))
}

/// SHA-256 of a secret's text: what the store keeps in its place.
pub(crate) fn hash_of(text: &str) -> KeyHash {
    Sha256::digest(text.as_bytes()).into()
}

/// A 256-bit number, big-endian, in 43 digits.
fn base62(mut number: [u8; 32]) -> String {
    let mut digits = [b'0'; SECRET_LEN];
    for digit in digits.iter_mut().rev() {
        let mut remainder = 0_u32;
        for byte in &mut number {
            let value = (remainder << 8) | u32::from(*byte);
            *byte = u8::try_from(value / 62).unwrap_or(u8::MAX);
            remainder = value % 62;
        }
        *digit = digit_of(u64::from(remainder));
    }
    digits.into_iter().map(char::from).collect()
}

fn checksum(text: &str) -> String {
    let hash = hash_of(text);
    let mut number = hash.iter().take(8).fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
    let mut digits = [b'0'; CHECKSUM_LEN];
    for digit in digits.iter_mut().rev() {
        *digit = digit_of(number % 62);
        number /= 62;
    }
    digits.into_iter().map(char::from).collect()
}

fn digit_of(value: u64) -> u8 {
    usize::try_from(value).ok().and_then(|index| ALPHABET.get(index)).copied().unwrap_or(b'0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_key_is_read_back_as_what_it_is() {
        for kind in KeyKind::ALL {
            let key = KeySecret::generate(kind).unwrap();
            assert_eq!(key.expose().len(), kind.prefix().len() + 49);
            let (read, same) = KeySecret::parse(key.expose()).unwrap();
            assert_eq!((read, &same), (kind, &key));
            assert_eq!(same.hash(), key.hash());
            assert_eq!(key.hash(), <[u8; 32]>::from(Sha256::digest(key.expose())));
            assert!(key.expose().ends_with(&key.hint()));
        }
        assert_ne!(KeySecret::generate(KeyKind::Agent).unwrap(), KeySecret::generate(KeyKind::Agent).unwrap());
    }

    #[test]
    fn base62_counts_like_a_number() {
        let mut number = [0_u8; 32];
        assert_eq!(base62(number), "0".repeat(43));
        number[31] = 61;
        assert_eq!(base62(number), format!("{}z", "0".repeat(42)));
        number[31] = 62;
        assert_eq!(base62(number), format!("{}10", "0".repeat(41)));
        // 2^256 - 1, worked out apart from this code.
        assert_eq!(base62([0xff; 32]), "yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp1");
    }

    #[test]
    fn every_changed_character_is_noticed() {
        let key = KeySecret::generate(KeyKind::Agent).unwrap();
        let text = key.expose();
        for at in 0..text.len() {
            let mut bytes = text.as_bytes().to_vec();
            bytes[at] = if bytes[at] == b'x' { b'y' } else { b'x' };
            let changed = String::from_utf8(bytes).unwrap();
            let want = if at < 4 { NotAKey::Foreign } else { NotAKey::Checksum };
            assert_eq!(KeySecret::parse(&changed).unwrap_err(), want, "{at}");
        }
    }

    #[test]
    fn what_is_not_a_key_is_said_to_be_so() {
        let key = KeySecret::generate(KeyKind::User).unwrap();
        let text = key.expose();
        let other_kind = text.replacen("hsk_user_", "hsk_agent_", 1);
        let cut = &text[..text.len() - 1];
        let longer = format!("{text}0");
        let not_ascii = text.replacen(&text[9..11], "é", 1);
        for (text, want) in [
            ("", NotAKey::Foreign),
            ("sk_live_123", NotAKey::Foreign),
            (&text[1..], NotAKey::Foreign),
            ("HSK_USER_x", NotAKey::Foreign),
            ("hsk_", NotAKey::Checksum),
            ("hsk_robot_0000000000000000000000000000000000000000000000000", NotAKey::Checksum),
            (&other_kind, NotAKey::Checksum),
            (cut, NotAKey::Checksum),
            (&longer, NotAKey::Checksum),
            (&not_ascii, NotAKey::Checksum),
        ] {
            assert_eq!(KeySecret::parse(text).unwrap_err(), want, "{text}");
        }
    }

    #[test]
    fn debug_shows_nothing_of_it() {
        let key = KeySecret::generate(KeyKind::Agent).unwrap();
        assert_eq!(format!("{key:?}"), "\"......\"");
    }
}
