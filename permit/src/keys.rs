//! Signing keys: made on first start, kept in a folder (mode 0600 each), rotated, published.
//!
//! INVARIANT: a key that ever signed stays published until the permits it signed have died; a retired
//! key never signs again.

mod folder;
mod hmac;
mod pair;

use std::fmt;
use std::path::Path;

use serde::Serialize;

use crate::{Claims, IntentClaims};
use folder::Folder;
use pair::Pair;

pub use hmac::HmacSigner;

/// How permits are signed (RFC 7518, RFC 8037).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    Es256,
    EdDsa,
    Rs256,
    /// Only for intent permits, with a secret shared with the verifier.
    Hs256,
}

impl Algorithm {
    /// Its name in a JWT header and in a key set.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::Es256 => "ES256",
            Algorithm::EdDsa => "EdDSA",
            Algorithm::Rs256 => "RS256",
            Algorithm::Hs256 => "HS256",
        }
    }

    /// The algorithm of that name; `None` for any other, `none` included.
    #[must_use]
    pub fn named(name: &str) -> Option<Algorithm> {
        match name {
            "ES256" => Some(Algorithm::Es256),
            "EdDSA" => Some(Algorithm::EdDsa),
            "RS256" => Some(Algorithm::Rs256),
            "HS256" => Some(Algorithm::Hs256),
            _ => None,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

/// Why there is no key, or no signature.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("reading signing keys in {0}")]
    Read(String, #[source] std::io::Error),
    #[error("writing signing keys in {0}")]
    Write(String, #[source] std::io::Error),
    #[error("{0} is not a signing key of this gate: {1}")]
    Broken(String, String),
    /// The mode lets others than the owner in.
    #[error("{path} has mode {mode:04o}, so others than its owner {able}: run `chmod {wanted:o} {path}`")]
    Exposed { path: String, mode: u32, able: &'static str, wanted: u32 },
    #[error("HS256 has no public key: it signs intent permits only, with a shared secret (`HmacSigner`)")]
    Symmetric,
    #[error("the shared secret has {0} bytes: it needs 32 or more")]
    ShortSecret(usize),
    #[error("generating a {0} key")]
    Generate(Algorithm),
    #[error("signing")]
    Sign,
}

/// What is listed about one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyInfo {
    /// RFC 7638 thumbprint.
    pub kid: String,
    pub algorithm: Algorithm,
    /// Unix seconds.
    pub created_at: i64,
    /// When another key took over; it stays published until its permits have died.
    pub retired_at: Option<i64>,
    /// Until when a retired key is published.
    pub listed_until: Option<i64>,
}

impl KeyInfo {
    fn listed_at(&self, now: i64) -> bool {
        self.listed_until.is_none_or(|until| now < until)
    }
}

/// One key, ready to sign, with what is known about it.
#[derive(Debug)]
struct Key {
    info: KeyInfo,
    pair: Pair,
}

/// The keys of a gate; the newest of the configured algorithm signs.
///
/// A ring is what the folder held when it was opened: after a rotation by another process, open it again
/// and swap it in. Until then the retired key goes on signing, which is why `keep_for` is longer than a
/// permit's lifetime.
#[derive(Debug)]
pub struct KeyRing {
    /// The one that signs.
    current: Key,
    others: Vec<Key>,
    /// The encoded headers, dot included: they are the same for each permit that `current` signs.
    permit_header: String,
    intent_header: String,
}

impl KeyRing {
    /// Opens the folder; makes it (0700) and a first key (0600) where there is none for `algorithm`.
    /// Of processes that start at once, one makes the key and all use it.
    ///
    /// # Errors
    /// The folder cannot be read or written, holds a broken key, or lets others read a key.
    pub fn open(folder: &Path, algorithm: Algorithm, now: i64) -> Result<KeyRing, KeyError> {
        if algorithm == Algorithm::Hs256 {
            return Err(KeyError::Symmetric);
        }
        let folder = Folder::at(folder)?;
        let mut keys = folder.read_shared()?;
        if newest(&keys, algorithm).is_none() {
            let lock = folder.lock()?;
            keys = folder.read(&lock)?;
            if newest(&keys, algorithm).is_none() {
                keys.push(folder.add(&lock, algorithm, now)?);
            }
        }
        KeyRing::of(keys, algorithm)
    }

    /// A ring in memory only.
    ///
    /// # Errors
    /// The key cannot be generated.
    pub fn ephemeral(algorithm: Algorithm, now: i64) -> Result<KeyRing, KeyError> {
        let (pair, _) = Pair::generate(algorithm)?;
        KeyRing::of(vec![Key::new(pair, now)], algorithm)
    }

    /// Makes a new key that signs from now on; the old one stays listed for `keep_for` seconds. Deletes
    /// keys whose time in the list is over. Returns the new key.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn rotate(folder: &Path, algorithm: Algorithm, now: i64, keep_for: i64) -> Result<KeyInfo, KeyError> {
        if algorithm == Algorithm::Hs256 {
            return Err(KeyError::Symmetric);
        }
        let folder = Folder::at(folder)?;
        let lock = folder.lock()?;
        let keys = folder.read(&lock)?;
        // The new key first: were this cut short, two keys would be listed, never none.
        let added = folder.add(&lock, algorithm, now)?;
        for key in keys {
            if key.info.retired_at.is_none() {
                folder.retire(&lock, &key.info, now, now.saturating_add(keep_for.max(0)))?;
            } else if !key.info.listed_at(now) {
                folder.remove(&lock, &key.info)?;
            }
        }
        Ok(added.info)
    }

    /// Signs a request permit: `typ: permit+jwt`.
    ///
    /// # Errors
    /// The signature cannot be made.
    pub fn sign(&self, claims: &Claims) -> Result<String, KeyError> {
        self.compact(&self.permit_header, claims)
    }

    /// Signs an intent permit: `typ: intent-permit+jwt`.
    ///
    /// # Errors
    /// The signature cannot be made.
    pub fn sign_intent(&self, claims: &IntentClaims) -> Result<String, KeyError> {
        self.compact(&self.intent_header, claims)
    }

    /// A bare signature over some bytes, as [`Algorithm`] makes it.
    ///
    /// # Errors
    /// The signature cannot be made.
    pub fn sign_bytes(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        self.current.pair.sign(message)
    }

    /// The Ed25519 public keys, in the order of [`KeyRing::list`].
    #[must_use]
    pub fn ed25519(&self) -> Vec<[u8; 32]> {
        self.keys().filter_map(|key| key.pair.ed25519()).collect()
    }

    /// All keys, the signing one first, then the newer before the older; dead ones too, as long as their
    /// files are there.
    #[must_use]
    pub fn list(&self) -> Vec<KeyInfo> {
        self.keys().map(|key| key.info.clone()).collect()
    }

    /// RFC 7517 key set of the public keys that are listed at `now`.
    #[must_use]
    pub fn jwks(&self, now: i64) -> serde_json::Value {
        let listed = self.keys().filter(|key| key.info.listed_at(now));
        serde_json::json!({ "keys": listed.map(|key| key.pair.jwk(&key.info.kid)).collect::<Vec<_>>() })
    }

    fn of(mut keys: Vec<Key>, algorithm: Algorithm) -> Result<KeyRing, KeyError> {
        keys.sort_by_key(|key| std::cmp::Reverse(key.info.created_at));
        let current = newest(&keys, algorithm).ok_or(KeyError::Generate(algorithm))?;
        let current = keys.remove(current);
        let header = |typ| jws_header(current.info.algorithm, typ, Some(&current.info.kid));
        let (permit_header, intent_header) = (header(crate::PERMIT_TYPE), header(crate::INTENT_PERMIT_TYPE));
        Ok(KeyRing { current, others: keys, permit_header, intent_header })
    }

    fn keys(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.current).chain(&self.others)
    }

    fn compact(&self, header: &str, claims: &impl Serialize) -> Result<String, KeyError> {
        let mut token = signing_input(header, claims, self.current.pair.signature_length())?;
        self.current.pair.sign_onto(&mut token)?;
        Ok(token)
    }
}

impl Key {
    fn new(pair: Pair, created_at: i64) -> Key {
        let (kid, algorithm) = (pair.thumbprint(), pair.algorithm());
        Key { info: KeyInfo { kid, algorithm, created_at, retired_at: None, listed_until: None }, pair }
    }
}

/// Where the key stands that signs.
fn newest(keys: &[Key], algorithm: Algorithm) -> Option<usize> {
    keys.iter()
        .enumerate()
        .filter(|(_, key)| key.info.algorithm == algorithm && key.info.retired_at.is_none())
        .max_by_key(|(_, key)| (key.info.created_at, &key.info.kid))
        .map(|(at, _)| at)
}

/// The protected header of a compact JWS (RFC 7515, section 7.1), encoded, with the dot that follows.
fn jws_header(algorithm: Algorithm, typ: &str, kid: Option<&str>) -> String {
    let mut header = serde_json::json!({ "typ": typ, "alg": algorithm.name() });
    if let (Some(kid), Some(fields)) = (kid, header.as_object_mut()) {
        fields.insert("kid".to_owned(), kid.into());
    }
    let mut text = pair::base64url(header.to_string().as_bytes());
    text.push('.');
    text
}

/// `header.payload`, with room for a signature of `signature` bytes.
fn signing_input(header: &str, claims: &impl Serialize, signature: usize) -> Result<String, KeyError> {
    let mut json = Vec::with_capacity(1024);
    serde_json::to_writer(&mut json, claims).map_err(|_| KeyError::Sign)?;
    let mut token = String::with_capacity(header.len() + (json.len() + signature) * 4 / 3 + 8);
    token.push_str(header);
    pair::base64url_onto(&json, &mut token);
    Ok(token)
}

#[cfg(test)]
mod tests;
