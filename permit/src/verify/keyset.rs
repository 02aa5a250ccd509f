//! The public keys that a service trusts, each pinned to one algorithm.
//!
//! INVARIANT: which algorithm verifies a permit is decided by the key, which comes from the gate's key
//! set; the token may only agree. So `none`, and HS256 keyed with a public key, find nothing to agree with.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm as Jwa, DecodingKey};
use serde_json::Value;

/// Why a key set is of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    #[error("not a key set (RFC 7517): {0}")]
    Unreadable(String),
    #[error("the key set holds no ES256, EdDSA or RS256 key with a `kid`")]
    Empty,
}

/// Public keys by `kid`. The default holds none and verifies nothing.
#[derive(Clone, Default)]
pub struct KeySet {
    keys: HashMap<String, (Jwa, DecodingKey)>,
}

impl KeySet {
    /// Reads a JWKS (RFC 7517). Keys for another use, of another algorithm or without a `kid` are left
    /// out, as the RFC asks.
    ///
    /// # Errors
    /// It is no key set, or none of its keys is usable.
    pub fn from_jwks(jwks: &Value) -> Result<KeySet, KeySetError> {
        let keys = jwks
            .get("keys")
            .and_then(Value::as_array)
            .ok_or_else(|| KeySetError::Unreadable("no list `keys`".to_owned()))?;
        let keys: HashMap<_, _> = keys.iter().filter_map(pinned).collect();
        if keys.is_empty() { Err(KeySetError::Empty) } else { Ok(KeySet { keys }) }
    }

    pub(super) fn get(&self, kid: &str) -> Option<&(Jwa, DecodingKey)> {
        self.keys.get(kid)
    }
}

impl FromStr for KeySet {
    type Err = KeySetError;

    fn from_str(text: &str) -> Result<KeySet, KeySetError> {
        let jwks = serde_json::from_str(text).map_err(|error| KeySetError::Unreadable(error.to_string()))?;
        KeySet::from_jwks(&jwks)
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_list().entries(self.keys.keys()).finish()
    }
}

fn pinned(value: &Value) -> Option<(String, (Jwa, DecodingKey))> {
    let jwk: Jwk = serde_json::from_value(value.clone()).ok()?;
    let kid = jwk.common.key_id.clone()?;
    let of_kind = match &jwk.algorithm {
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
            (Jwa::ES256, KeyAlgorithm::ES256)
        }
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
            (Jwa::EdDSA, KeyAlgorithm::EdDSA)
        }
        AlgorithmParameters::RSA(_) => (Jwa::RS256, KeyAlgorithm::RS256),
        // Symmetric keys above all: whoever holds a published one could sign.
        _ => return None,
    };
    let (algorithm, named) = of_kind;
    let for_signatures = jwk.common.public_key_use.as_ref().is_none_or(|stated| *stated == PublicKeyUse::Signature);
    let agrees = jwk.common.key_algorithm.is_none_or(|stated| stated == named);
    let key = DecodingKey::from_jwk(&jwk).ok()?;
    (for_signatures && agrees).then_some((kid, (algorithm, key)))
}
