//! Signing keys: made on first start, kept in a folder (mode 0600 each), rotated, published.

use std::path::Path;

use crate::{Claims, IntentClaims};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    Es256,
    EdDsa,
    Rs256,
    /// Only for intent permits, with a secret shared with the verifier.
    Hs256,
}

#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("reading signing keys in {0}")]
    Read(String, #[source] std::io::Error),
    #[error("writing signing keys in {0}")]
    Write(String, #[source] std::io::Error),
    #[error("{0} is not a signing key of this gate: {1}")]
    Broken(String, String),
    #[error("signing")]
    Sign(#[source] jsonwebtoken::errors::Error),
}

/// What is listed about one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyInfo {
    pub kid: String,
    pub algorithm: Algorithm,
    /// Unix seconds.
    pub created_at: i64,
    /// When another key took over; it stays published until its permits have died.
    pub retired_at: Option<i64>,
}

/// The keys of a gate; the newest of the configured algorithm signs.
#[derive(Debug)]
pub struct KeyRing {}

impl KeyRing {
    /// Opens the folder; makes it (0700) and a first key (0600) where there is none for `algorithm`.
    ///
    /// # Errors
    /// The folder cannot be read or written, or holds a broken key.
    pub fn open(folder: &Path, algorithm: Algorithm, now: i64) -> Result<KeyRing, KeyError> {
        let _ = (folder, algorithm, now);
        todo!()
    }

    /// A ring in memory only.
    ///
    /// # Errors
    /// The key cannot be generated.
    pub fn ephemeral(algorithm: Algorithm, now: i64) -> Result<KeyRing, KeyError> {
        let _ = (algorithm, now);
        todo!()
    }

    /// Makes a new key that signs from now on; the old one stays listed for `keep_for` seconds.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn rotate(folder: &Path, algorithm: Algorithm, now: i64, keep_for: i64) -> Result<KeyInfo, KeyError> {
        let _ = (folder, algorithm, now, keep_for);
        todo!()
    }

    /// # Errors
    /// The signature cannot be made.
    pub fn sign(&self, claims: &Claims) -> Result<String, KeyError> {
        let _ = claims;
        todo!()
    }

    /// # Errors
    /// The signature cannot be made.
    pub fn sign_intent(&self, claims: &IntentClaims) -> Result<String, KeyError> {
        let _ = claims;
        todo!()
    }

    #[must_use]
    pub fn list(&self) -> Vec<KeyInfo> {
        todo!()
    }

    /// RFC 7517 key set of the public keys that are listed at `now`.
    #[must_use]
    pub fn jwks(&self, now: i64) -> serde_json::Value {
        let _ = now;
        todo!()
    }
}
