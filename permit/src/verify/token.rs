//! Opening a token: its three parts, its header, its signature. Nothing that the payload says is looked
//! at before the signature held.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm as Jwa, DecodingKey, crypto};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::{KeySet, Refused};
use crate::{Claims, INTENT_PERMIT_TYPE, IntentClaims, PERMIT_TYPE};

/// Longer ones are refused unread; a permit has about one kilobyte.
const LONGEST: usize = 16 * 1024;

/// What a token's header must say, and what it must not.
#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    typ: String,
    kid: Option<String>,
    // A key, or where to get one, told by the very token that it would verify; extensions that must be
    // understood. A permit has none of them.
    jku: Option<IgnoredAny>,
    jwk: Option<IgnoredAny>,
    x5u: Option<IgnoredAny>,
    x5c: Option<IgnoredAny>,
    crit: Option<IgnoredAny>,
}

/// A token whose kind, key, algorithm and signature are right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    Request(Claims),
    Intent(IntentClaims),
}

impl Opened {
    /// Reads an intent permit that a shared secret signed (HS256). As [`KeySet::open`], for looking at it.
    ///
    /// # Errors
    /// It is malformed, of another kind, or not signed with this secret.
    pub fn with_secret(token: &str, secret: &[u8]) -> Result<IntentClaims, Refused> {
        open_shared(token, INTENT_PERMIT_TYPE, &DecodingKey::from_secret(secret))
    }

    /// Whether a token says of itself that a shared secret signed it.
    #[must_use]
    pub fn says_shared(token: &str) -> bool {
        says_shared(token)
    }
}

impl KeySet {
    /// Reads a token of either kind that one of these keys signed.
    ///
    /// It may be dead, used, or meant for somebody else: this is for looking at a permit. A service lets a
    /// request in by [`crate::Verifier`] alone.
    ///
    /// # Errors
    /// It is malformed, of neither kind, or not signed by one of these keys.
    pub fn open(&self, token: &str) -> Result<Opened, Refused> {
        match open(token, PERMIT_TYPE, self) {
            Err(Refused::Kind) => open(token, INTENT_PERMIT_TYPE, self).map(Opened::Intent),
            outcome => outcome.map(Opened::Request),
        }
    }
}

/// Checks kind, algorithm and signature with the key set; returns the payload as claims.
pub(super) fn open<T: DeserializeOwned>(token: &str, typ: &str, keys: &KeySet) -> Result<T, Refused> {
    let (header, signed) = read(token, typ)?;
    let kid = header.kid.ok_or_else(|| Refused::Malformed("no kid".to_owned()))?;
    let (algorithm, key) = keys.get(&kid).ok_or(Refused::UnknownKey(kid))?;
    signed.claims(&header.alg, *algorithm, key)
}

/// The same with a shared secret.
pub(super) fn open_shared<T: DeserializeOwned>(token: &str, typ: &str, secret: &DecodingKey) -> Result<T, Refused> {
    let (header, signed) = read(token, typ)?;
    signed.claims(&header.alg, Jwa::HS256, secret)
}

/// Whether a token says that a shared secret signed it. It says so of itself: this picks which check is
/// made, and each check takes one algorithm only.
pub(super) fn says_shared(token: &str) -> bool {
    let header = token.split('.').next().and_then(|part| part_of::<Header>(part).ok());
    header.is_some_and(|header| header.alg == "HS256")
}

struct Signed<'a> {
    message: &'a str,
    payload: &'a str,
    signature: &'a str,
}

fn read<'a>(token: &'a str, typ: &str) -> Result<(Header, Signed<'a>), Refused> {
    let malformed = |why: &str| Refused::Malformed(why.to_owned());
    if token.len() > LONGEST {
        return Err(malformed("too long"));
    }
    let (message, signature) = token.rsplit_once('.').ok_or_else(|| malformed("not three parts"))?;
    let (header, payload) = message.split_once('.').ok_or_else(|| malformed("not three parts"))?;
    if payload.contains('.') {
        return Err(malformed("not three parts"));
    }
    let header: Header = part_of(header).map_err(|why| Refused::Malformed(format!("header: {why}")))?;
    if header.typ != typ {
        return Err(Refused::Kind);
    }
    let Header { jku, jwk, x5u, x5c, crit, .. } = &header;
    if [jku, jwk, x5u, x5c, crit].into_iter().any(Option::is_some) {
        return Err(malformed("its header names a key or an extension of its own"));
    }
    Ok((header, Signed { message, payload, signature }))
}

impl Signed<'_> {
    fn claims<T: DeserializeOwned>(&self, stated: &str, algorithm: Jwa, key: &DecodingKey) -> Result<T, Refused> {
        // A name that jsonwebtoken does not know (`none`) parses to nothing.
        if stated.parse() != Ok(algorithm) {
            return Err(Refused::Algorithm);
        }
        match crypto::verify(self.signature, self.message.as_bytes(), key, algorithm) {
            Ok(true) => part_of(self.payload).map_err(|why| Refused::Malformed(format!("claims: {why}"))),
            Ok(false) | Err(_) => Err(Refused::Signature),
        }
    }
}

fn part_of<T: DeserializeOwned>(part: &str) -> Result<T, String> {
    let json = URL_SAFE_NO_PAD.decode(part).map_err(|error| error.to_string())?;
    serde_json::from_slice(&json).map_err(|error| error.to_string())
}
