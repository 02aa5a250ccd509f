//! A tower layer for a Rust service: requests without a valid permit are answered 401.

/// Puts a [`crate::Verifier`] in front of a service.
#[derive(Debug, Clone)]
pub struct PermitLayer {}
