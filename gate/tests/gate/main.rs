//! The life of an intent, seen from outside: what the proxy and the admin may rely on.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, unreachable_pub)]

extern crate holdshort_gate as gate;

mod declared;
mod faults;
mod harness;
mod held;
mod kept;
mod life;
mod policy;
mod proofs;
mod races;
mod reloads;
mod trials;
