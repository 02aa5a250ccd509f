//! One key pair, parsed once, so that a signature costs the signature: making it from PKCS#8 for each
//! permit would cost more than signing does.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{Algorithm, KeyError};

/// A private key of one of the algorithms that sign permits.
#[derive(Debug)]
pub(super) enum Pair {
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(Box<RsaKeyPair>),
}

impl Pair {
    /// A new key, and its PKCS#8 document.
    pub(super) fn generate(algorithm: Algorithm) -> Result<(Pair, Vec<u8>), KeyError> {
        let failed = |_| KeyError::Generate(algorithm);
        Ok(match algorithm {
            Algorithm::Es256 => {
                let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(failed)?;
                let document = pair.to_pkcs8v1().map_err(failed)?.as_ref().to_vec();
                (Pair::P256(pair), document)
            }
            Algorithm::EdDsa => {
                let pair = Ed25519KeyPair::generate().map_err(failed)?;
                // Version 1, the form that OpenSSL reads.
                let document = pair.to_pkcs8v1().map_err(failed)?.as_ref().to_vec();
                (Pair::Ed25519(pair), document)
            }
            Algorithm::Rs256 => {
                // 112 bits of strength outlast a permit by far; with 3072 each one would cost three times as much.
                let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(failed)?;
                let document = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).map_err(failed)?.as_ref().to_vec();
                (Pair::Rsa(Box::new(pair)), document)
            }
            Algorithm::Hs256 => return Err(KeyError::Symmetric),
        })
    }

    /// Reads a PKCS#8 document; what it is not, in words, where it is no key of `algorithm`.
    pub(super) fn from_pkcs8(algorithm: Algorithm, document: &[u8]) -> Result<Pair, String> {
        let rejected = |why: aws_lc_rs::error::KeyRejected| format!("no {algorithm} key in PKCS#8: {why}");
        match algorithm {
            Algorithm::Es256 => {
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document).map(Pair::P256).map_err(rejected)
            }
            Algorithm::EdDsa => {
                Ed25519KeyPair::from_pkcs8_maybe_unchecked(document).map(Pair::Ed25519).map_err(rejected)
            }
            Algorithm::Rs256 => {
                RsaKeyPair::from_pkcs8(document).map(|pair| Pair::Rsa(Box::new(pair))).map_err(rejected)
            }
            Algorithm::Hs256 => Err(KeyError::Symmetric.to_string()),
        }
    }

    pub(super) fn algorithm(&self) -> Algorithm {
        match self {
            Pair::P256(_) => Algorithm::Es256,
            Pair::Ed25519(_) => Algorithm::EdDsa,
            Pair::Rsa(_) => Algorithm::Rs256,
        }
    }

    pub(super) fn signature_length(&self) -> usize {
        match self {
            Pair::P256(_) | Pair::Ed25519(_) => 64,
            Pair::Rsa(pair) => pair.public_modulus_len(),
        }
    }

    /// Signs what `token` holds and appends the dot and the signature.
    pub(super) fn sign_onto(&self, token: &mut String) -> Result<(), KeyError> {
        let signature = self.sign(token.as_bytes())?;
        append(token, &signature);
        Ok(())
    }

    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let failed = |_| KeyError::Sign;
        match self {
            Pair::P256(pair) => Ok(pair.sign(&SystemRandom::new(), message).map_err(failed)?.as_ref().to_vec()),
            Pair::Ed25519(pair) => Ok(pair.try_sign(message).map_err(failed)?.as_ref().to_vec()),
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).map_err(failed)?;
                Ok(signature)
            }
        }
    }

    /// The public key, where it is one.
    pub(super) fn ed25519(&self) -> Option<[u8; 32]> {
        match self {
            Pair::Ed25519(pair) => pair.public_key().as_ref().try_into().ok(),
            Pair::P256(_) | Pair::Rsa(_) => None,
        }
    }

    /// The public key as RFC 7517, RFC 7518 and RFC 8037 write it.
    pub(super) fn jwk(&self, kid: &str) -> Value {
        let mut jwk = self.required();
        if let Some(fields) = jwk.as_object_mut() {
            fields.insert("use".to_owned(), "sig".into());
            fields.insert("alg".to_owned(), self.algorithm().name().into());
            fields.insert("kid".to_owned(), kid.into());
        }
        jwk
    }

    /// RFC 7638: SHA-256 over the required members in the order of their names.
    pub(super) fn thumbprint(&self) -> String {
        base64url(digest(&SHA256, self.required().to_string().as_bytes()).as_ref())
    }

    /// The members that make the key what it is. INVARIANT: in the order of their names, because the
    /// thumbprint is taken over this text.
    fn required(&self) -> Value {
        match self {
            Pair::P256(pair) => {
                // SEC 1, uncompressed: 4, then x and y of 32 bytes each.
                let (x, y) =
                    pair.public_key().as_ref().get(1..).unwrap_or_default().split_at_checked(32).unwrap_or_default();
                json!({ "crv": "P-256", "kty": "EC", "x": base64url(x), "y": base64url(y) })
            }
            Pair::Ed25519(pair) => {
                json!({ "crv": "Ed25519", "kty": "OKP", "x": base64url(pair.public_key().as_ref()) })
            }
            Pair::Rsa(pair) => {
                let public = pair.public_key();
                let (e, n) = (public.exponent(), public.modulus());
                json!({
                    "e": base64url(e.big_endian_without_leading_zero()),
                    "kty": "RSA",
                    "n": base64url(n.big_endian_without_leading_zero()),
                })
            }
        }
    }
}

pub(super) fn append(token: &mut String, signature: &[u8]) {
    token.push('.');
    base64url_onto(signature, token);
}

pub(super) fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(super) fn base64url_onto(bytes: &[u8], text: &mut String) {
    URL_SAFE_NO_PAD.encode_string(bytes, text);
}
