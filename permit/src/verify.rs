//! Verifying a permit against the request it came with.

use crate::Claims;

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
    #[error("the permit's signature is wrong")]
    Signature,
    #[error("the permit has expired")]
    Expired,
    #[error("the permit is for {0}")]
    Audience(String),
    #[error("the permit is from {0}")]
    Issuer(String),
    #[error("the permit is for another request: {0} differs")]
    Differs(&'static str),
    #[error("the permit was used before")]
    Used,
}

/// Checks permits offline. Holds the public keys, the audience, and the `jti`s seen.
#[derive(Debug)]
pub struct Verifier {}

#[cfg(test)]
pub(crate) mod tests;
