//! What must hold for any bytes.
//!
//! Each function takes bytes, reads them as what its name says, and panics where an invariant does not
//! hold: what is canonical reads as itself, what is built from something reads as that, and what is
//! decided about a request is decided about its canonical form. Bytes that are refused prove nothing and
//! pass.
//!
//! The functions are the targets of `cargo fuzz`; the tests of this crate run them on stable Rust over the
//! seeds in `fuzz/corpus` and over mutations of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod bodies;
mod configuration;
mod decide;
mod display;
mod graphql;
mod head;
mod json;
mod mcp;
mod message;
pub mod mutation;
mod permit;
mod wire;

pub use self::permit::permit;
pub use bodies::{form, multipart};
pub use configuration::configuration;
pub use decide::decide;
pub use display::display;
pub use graphql::graphql;
pub use head::{head, target};
pub use json::json;
pub use mcp::mcp;
pub use wire::wire;

/// One invariant, by the name of its fuzz target and of its folder of seeds.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    pub name: &'static str,
    pub check: fn(&[u8]),
    /// How many mutations the tests try: what is slow gets fewer.
    pub tries: usize,
}

/// All of them.
pub const TARGETS: [Target; 12] = [
    Target { name: "head", check: head, tries: 4000 },
    Target { name: "target", check: target, tries: 4000 },
    Target { name: "wire", check: wire, tries: 2000 },
    Target { name: "json", check: json, tries: 4000 },
    Target { name: "form", check: form, tries: 4000 },
    Target { name: "multipart", check: multipart, tries: 2000 },
    Target { name: "mcp", check: mcp, tries: 2000 },
    Target { name: "graphql", check: graphql, tries: 1000 },
    Target { name: "decide", check: decide, tries: 1500 },
    Target { name: "configuration", check: configuration, tries: 300 },
    Target { name: "permit", check: permit, tries: 500 },
    Target { name: "display", check: display, tries: 1000 },
];
