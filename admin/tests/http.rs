//! The API and the dashboard as people, agents and strangers meet them: requests in, answers out, on a
//! real gate with a store in a file.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

#[path = "http/access.rs"]
mod access;
#[path = "http/browser.rs"]
mod browser;
#[path = "http/decisions.rs"]
mod decisions;
#[path = "http/declared.rs"]
mod declared;
#[path = "http/listening.rs"]
mod listening;
#[path = "http/proofs.rs"]
mod proofs;
#[path = "http/rules.rs"]
mod rules_kept;
#[path = "http/serving.rs"]
mod serving;
#[path = "http/sessions.rs"]
mod sessions;
#[path = "http/spoken.rs"]
mod spoken;
#[path = "http/world.rs"]
mod world;
