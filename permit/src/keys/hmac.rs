//! HS256 with a shared secret, for intent permits only: whoever can verify with it can also sign, so no
//! request permit is ever signed this way.

use aws_lc_rs::hmac;

use super::pair::append;
use super::{Algorithm, KeyError, jws_header, signing_input};
use crate::{INTENT_PERMIT_TYPE, IntentClaims};

/// Signs intent permits with a secret that the verifier knows too.
#[derive(Debug)]
pub struct HmacSigner {
    key: hmac::Key,
    header: String,
}

impl HmacSigner {
    /// # Errors
    /// The secret has less than 32 bytes (RFC 7518, section 3.2).
    pub fn new(secret: &[u8]) -> Result<HmacSigner, KeyError> {
        if secret.len() < 32 {
            return Err(KeyError::ShortSecret(secret.len()));
        }
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        Ok(HmacSigner { key, header: jws_header(Algorithm::Hs256, INTENT_PERMIT_TYPE, None) })
    }

    /// Signs an intent permit: `typ: intent-permit+jwt`, `alg: HS256`, no `kid`.
    ///
    /// # Errors
    /// The claims cannot be written.
    pub fn sign_intent(&self, claims: &IntentClaims) -> Result<String, KeyError> {
        let mut token = signing_input(&self.header, claims, 32)?;
        let tag = hmac::sign(&self.key, token.as_bytes());
        append(&mut token, tag.as_ref());
        Ok(token)
    }
}
