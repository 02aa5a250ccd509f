//! Request to action to decision. Pure: no async, no clock, no I/O.
//!
//! - [`config`]: the operator's files, read and checked once into a [`config::Config`].
//! - [`request`]: strict reading of what an agent sent, into the one canonical [`request::Request`]
//!   that is matched, shown, digested, signed and sent.
//! - [`ruleset`]: a configuration compiled for deciding: [`Ruleset::mount`], [`Ruleset::route`],
//!   [`Ruleset::decide`]; [`check`] looks it over.
//! - [`cases`]: rule tests: what a call should come to, and what it does come to.
//! - [`difference`]: what one configuration does that another does not, and what of it weakens the gate.
//!
//! INVARIANT: nothing here reads a file, an environment variable or the time; all of it comes in as
//! arguments, so the same inputs give the same decision anywhere, any time.

pub mod cases;
pub mod config;
pub mod decision;
pub mod difference;
pub mod request;
pub mod ruleset;

pub use decision::{Decision, Requirement, Verdict};
pub use request::{Head, Malformed, Request};
pub use ruleset::{Ruleset, check};
