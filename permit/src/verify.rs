//! Verifying a permit against the request it came with.
//!
//! In order: the token's form and kind, the key, the algorithm that belongs to the key, the signature;
//! then issuer, audience, times; then the request: method, target, body; last the `jti`, so that a permit
//! is used up only by the request it was made for.

mod keyset;
mod source;
mod token;
mod used;

use std::sync::{Mutex, PoisonError, RwLock};

use jsonwebtoken::DecodingKey;
use serde_json::Value;

use crate::{Claims, INTENT_PERMIT_TYPE, IntentClaims, KeyError, PERMIT_TYPE, content_digest, headers_digest};
use source::Source;
use used::Used;

pub use keyset::{KeySet, KeySetError};
pub use token::Opened;

/// The request as the service received it.
#[derive(Debug, Clone, Copy)]
pub struct Presented<'a> {
    pub method: &'a str,
    /// Path and query exactly as received.
    pub target: &'a str,
    /// The raw body.
    pub body: &'a [u8],
}

/// A permit that held.
#[derive(Debug, Clone)]
pub struct Verified {
    pub claims: Claims,
}

impl Verified {
    /// Checks that the received headers, as far as the approver was shown them, are the approved ones.
    /// Give all received headers, in order. Anything between gate and service that rewrites headers
    /// makes this fail, which is why it is a step of its own.
    ///
    /// # Errors
    /// One of the approved headers was changed, added or removed.
    pub fn check_headers<'a>(&self, received: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Result<(), Refused> {
        let covered = |name: &str| self.claims.headers.iter().any(|covered| covered.eq_ignore_ascii_case(name));
        let digest = headers_digest(received.into_iter().filter(|(name, _)| covered(name)));
        if digest == self.claims.headers_digest { Ok(()) } else { Err(Refused::Differs("headers_digest")) }
    }
}

/// Why it did not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("no permit: calls to this service go through the gate")]
    Missing,
    #[error("more than one permit")]
    Repeated,
    #[error("the permit is malformed: {0}")]
    Malformed(String),
    #[error("the permit is of another kind")]
    Kind,
    #[error("the permit's key {0:?} is unknown")]
    UnknownKey(String),
    #[error("the permit's algorithm is not the one of its key")]
    Algorithm,
    #[error("the permit's signature is wrong")]
    Signature,
    #[error("the permit has expired")]
    Expired,
    #[error("the permit was minted in the future: compare the clocks of gate and service")]
    NotYet,
    #[error("the permit lives {0} seconds, longer than this service accepts")]
    Lifetime(i64),
    #[error("the permit is for {0}")]
    Audience(String),
    #[error("the permit is from {0}")]
    Issuer(String),
    #[error("the permit is for another request: {0} differs")]
    Differs(&'static str),
    #[error("the permit was used before")]
    Used,
    #[error("too many permits in use: this one was not looked at and can be presented again")]
    Full,
}

/// Checks permits offline. Holds the public keys, the audience, and the `jti`s seen.
///
/// Share one between all threads: a permit that was used is known only to the verifier that saw it.
///
/// ```
/// use holdshort_permit::{KeySet, Presented, Verifier};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let jwks = holdshort_permit::KeyRing::ephemeral(holdshort_permit::Algorithm::Es256, 0)?.jwks(0).to_string();
/// # let now = 0;
/// let verifier = Verifier::new(jwks.parse::<KeySet>()?, "payments").issuer("https://gate.example.com");
/// let request = Presented { method: "POST", target: "/v1/refunds", body: b"{}" };
/// assert!(verifier.verify("not a permit", &request, now).is_err());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Verifier {
    keys: RwLock<KeySet>,
    source: Option<Source>,
    audience: String,
    issuer: Option<String>,
    leeway: i64,
    longest_lifetime: i64,
    minted_since: i64,
    intents: Option<Intents>,
    used: Mutex<Used>,
}

/// Which intent permits are accepted.
#[derive(Debug)]
struct Intents {
    audience: String,
    secret: Option<DecodingKey>,
}

/// The claims that both kinds are checked by.
struct Checked<'a> {
    iss: &'a str,
    aud: &'a str,
    jti: &'a str,
    iat: i64,
    exp: i64,
}

impl Verifier {
    /// Accepts permits for the upstream `audience` that one of `keys` signed: 60 seconds of clock
    /// difference, a lifetime of up to ten minutes, the last 262144 permits remembered.
    #[must_use]
    pub fn new(keys: KeySet, audience: impl Into<String>) -> Verifier {
        Verifier {
            keys: RwLock::new(keys),
            source: None,
            audience: audience.into(),
            issuer: None,
            leeway: 60,
            longest_lifetime: 600,
            minted_since: i64::MIN,
            intents: None,
            used: Mutex::new(Used::new(262_144)),
        }
    }

    /// Accepts only permits of this gate (its admin URL).
    #[must_use]
    pub fn issuer(mut self, issuer: impl Into<String>) -> Verifier {
        self.issuer = Some(issuer.into());
        self
    }

    /// Seconds by which the clocks may differ.
    #[must_use]
    pub fn leeway(mut self, seconds: i64) -> Verifier {
        self.leeway = seconds.max(0);
        self
    }

    /// The longest time from `iat` to `exp`, in seconds.
    #[must_use]
    pub fn longest_lifetime(mut self, seconds: i64) -> Verifier {
        self.longest_lifetime = seconds;
        self
    }

    /// Refuses what was minted before this Unix second. With the time of its own start, a service also
    /// refuses a permit that was used just before a restart made it forget.
    #[must_use]
    pub fn minted_since(mut self, at: i64) -> Verifier {
        self.minted_since = at;
        self
    }

    /// How many permits are remembered at a time; more are refused with [`Refused::Full`]. A permit is
    /// remembered for its lifetime and the leeway.
    #[must_use]
    pub fn remember(mut self, permits: usize) -> Verifier {
        self.used = Mutex::new(Used::new(permits));
        self
    }

    /// Where a new key set comes from, for [`Verifier::verify_refreshing`] and the layer: asked for when a
    /// `kid` is unknown and when the set is ten minutes old, at most once a minute. Give it a timeout.
    #[must_use]
    pub fn keys_from<F, Fut>(mut self, fetch: F) -> Verifier
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Value, Box<dyn std::error::Error + Send + Sync>>> + Send + 'static,
    {
        self.source = Some(Source::new(fetch));
        self
    }

    /// Also accepts intent permits of this project, by [`Verifier::verify_intent`]. Nothing binds them to
    /// a request: whoever holds one can use it, once, for whatever the service takes it for.
    #[must_use]
    pub fn accept_intent_permits(mut self, project: &str) -> Verifier {
        let secret = self.intents.and_then(|intents| intents.secret);
        self.intents = Some(Intents { audience: format!("project:{project}"), secret });
        self
    }

    /// Also accepts intent permits of this project that are signed with HS256 and this secret.
    ///
    /// # Errors
    /// The secret has less than 32 bytes.
    pub fn accept_shared_secret(self, project: &str, secret: &[u8]) -> Result<Verifier, KeyError> {
        if secret.len() < 32 {
            return Err(KeyError::ShortSecret(secret.len()));
        }
        let mut verifier = self.accept_intent_permits(project);
        if let Some(intents) = &mut verifier.intents {
            intents.secret = Some(DecodingKey::from_secret(secret));
        }
        Ok(verifier)
    }

    /// Trusts these keys from now on, and no others.
    pub fn replace_keys(&self, keys: KeySet) {
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
    }

    /// Verifies a permit against its request, and uses it up. `now` is in Unix seconds.
    ///
    /// # Errors
    /// Whatever does not hold: the request must then be answered 401 and nothing be done.
    pub fn verify(&self, token: &str, request: &Presented<'_>, now: i64) -> Result<Verified, Refused> {
        let claims = self.verify_head(token, request.method, request.target, now)?;
        self.verify_body(claims, request.body, now)
    }

    /// As [`Verifier::verify`]; fetches new keys where that may help.
    ///
    /// # Errors
    /// As [`Verifier::verify`]. A key set that cannot be fetched leaves the keys as they are.
    pub async fn verify_refreshing(&self, token: &str, request: &Presented<'_>, now: i64) -> Result<Verified, Refused> {
        let claims = self.verify_head_refreshing(token, request.method, request.target, now).await?;
        self.verify_body(claims, request.body, now)
    }

    /// Verifies an intent permit, and uses it up.
    ///
    /// # Errors
    /// Whatever does not hold; [`Refused::Kind`] unless this kind was enabled.
    pub fn verify_intent(&self, token: &str, now: i64) -> Result<IntentClaims, Refused> {
        let intents = self.intents.as_ref().ok_or(Refused::Kind)?;
        let claims: IntentClaims = match &intents.secret {
            Some(secret) if token::says_shared(token) => {
                let claims: IntentClaims = token::open_shared(token, INTENT_PERMIT_TYPE, secret)?;
                // Of these the project is the audience.
                let aud = if claims.aud.is_empty() { format!("project:{}", claims.project) } else { claims.aud };
                IntentClaims { aud, ..claims }
            }
            _ => self.open(token, INTENT_PERMIT_TYPE)?,
        };
        let IntentClaims { iss, aud, jti, iat, exp, .. } = &claims;
        let checked = Checked { iss, aud, jti, iat: *iat, exp: *exp };
        self.check(&checked, &intents.audience, now)?;
        self.note(jti, claims.intent_expires_at.unwrap_or(*exp).max(*exp), now)?;
        Ok(claims)
    }

    /// All that can be said before the body is read. Does not use the permit up.
    pub(crate) fn verify_head(&self, token: &str, method: &str, target: &str, now: i64) -> Result<Claims, Refused> {
        let claims: Claims = self.open(token, PERMIT_TYPE)?;
        self.check(&Checked::from(&claims), &self.audience, now)?;
        if claims.htm != method {
            return Err(Refused::Differs("htm"));
        }
        if claims.target != target {
            return Err(Refused::Differs("target"));
        }
        Ok(claims)
    }

    pub(crate) async fn verify_head_refreshing(
        &self,
        token: &str,
        method: &str,
        target: &str,
        now: i64,
    ) -> Result<Claims, Refused> {
        let Some(source) = &self.source else { return self.verify_head(token, method, target, now) };
        self.adopt(source.when_old(now).await);
        match self.verify_head(token, method, target, now) {
            Err(Refused::UnknownKey(_)) => {
                self.adopt(source.when_unknown(now).await);
                self.verify_head(token, method, target, now)
            }
            settled => settled,
        }
    }

    /// The rest, once the body is there.
    pub(crate) fn verify_body(&self, claims: Claims, body: &[u8], now: i64) -> Result<Verified, Refused> {
        if claims.content_digest != content_digest(body) {
            return Err(Refused::Differs("content_digest"));
        }
        // The body may have taken its time.
        self.check(&Checked::from(&claims), &self.audience, now)?;
        self.note(&claims.jti, claims.exp, now)?;
        Ok(Verified { claims })
    }

    fn open<T: serde::de::DeserializeOwned>(&self, token: &str, typ: &str) -> Result<T, Refused> {
        token::open(token, typ, &self.keys())
    }

    fn check(&self, claims: &Checked<'_>, audience: &str, now: i64) -> Result<(), Refused> {
        let Checked { iss, aud, jti, iat, exp } = *claims;
        if self.issuer.as_deref().is_some_and(|issuer| issuer != iss) {
            return Err(Refused::Issuer(iss.to_owned()));
        }
        if aud != audience {
            return Err(Refused::Audience(aud.to_owned()));
        }
        if jti.is_empty() || jti.len() > 256 {
            return Err(Refused::Malformed("jti".to_owned()));
        }
        let lifetime = exp.saturating_sub(iat);
        if lifetime <= 0 || lifetime > self.longest_lifetime {
            return Err(Refused::Lifetime(lifetime));
        }
        if iat > now.saturating_add(self.leeway) {
            return Err(Refused::NotYet);
        }
        if now >= exp.saturating_add(self.leeway) || iat < self.minted_since {
            return Err(Refused::Expired);
        }
        Ok(())
    }

    fn note(&self, jti: &str, exp: i64, now: i64) -> Result<(), Refused> {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.note(jti, exp.saturating_add(self.leeway), now)
    }

    fn keys(&self) -> std::sync::RwLockReadGuard<'_, KeySet> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// A set without a usable key is a mistake, not a withdrawal: the keys stay as they are.
    fn adopt(&self, jwks: Option<Value>) {
        if let Some(Ok(keys)) = jwks.map(|jwks| KeySet::from_jwks(&jwks)) {
            self.replace_keys(keys);
        }
    }
}

impl<'a> From<&'a Claims> for Checked<'a> {
    fn from(claims: &'a Claims) -> Checked<'a> {
        let Claims { iss, aud, jti, iat, exp, .. } = claims;
        Checked { iss, aud, jti, iat: *iat, exp: *exp }
    }
}

#[cfg(test)]
pub(crate) mod tests;
