//! Reading configurations: what is accepted and becomes what, what is refused with which words.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

#[path = "config/support.rs"]
mod support;
#[path = "config/whole.rs"]
mod whole;
