//! The signed permit that travels with a released request, and what a service needs to verify it
//! offline: a public key set and nothing else.

pub mod claims;
pub mod digest;
pub mod keys;
pub mod layer;
pub mod verify;

pub use claims::{Claims, Decision, IntentClaims};
pub use digest::{content_digest, header_names, headers_digest};
pub use keys::{Algorithm, HmacSigner, KeyError, KeyInfo, KeyRing};
pub use layer::PermitLayer;
pub use verify::{KeySet, KeySetError, Opened, Presented, Refused, Verified, Verifier};

/// `typ` of a request permit.
pub const PERMIT_TYPE: &str = "permit+jwt";
/// `typ` of an intent permit.
pub const INTENT_PERMIT_TYPE: &str = "intent-permit+jwt";
