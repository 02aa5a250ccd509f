//! The signed permit that travels with a released request, and what a service needs to verify it
//! offline: a public key set and nothing else.

pub mod claims;
pub mod digest;
pub mod keys;
pub mod layer;
pub mod verify;

pub use claims::{Claims, Decision, IntentClaims};
pub use digest::{content_digest, headers_digest};
pub use keys::{Algorithm, KeyError, KeyRing};
pub use layer::PermitLayer;
pub use verify::{Presented, Refused, Verified, Verifier};
