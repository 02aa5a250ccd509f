//! The data path, on pingora: what stands between an agent's request and the service behind.
//!
//! ```text
//! pingora phase              step
//! -------------              ----
//! request_filter             walk: read -> identify -> mount -> body -> match
//!                                |-- refused ............ the answer is written, done
//!                                |-- an action .......... submit -> hold -> release -> answer, done
//!                                `-- pass ............... Course::Pass, and pingora goes on:
//! upstream_peer              the upstream's address      (without Course::Pass: 500)
//! upstream_request_filter    the canonical head replaces what pingora would send
//! upstream_response_filter   links and cookies lead back to the mount
//! logging                    one counted line
//! fail_to_proxy              what pingora could not do, told in our words
//! ```
//!
//! Calls on routes never take pingora's own way to the upstream: they are sent from [`release`] with a
//! [`gate::Released`], over a connector of ours, and only once. A panic in a step ends that call with
//! 500; what it had claimed is recorded as unknown.
//!
//! - [`Proxy`]: made from a gate, bound, served, drained.
//! - [`walk`]: the steps of one call in a straight line.
//! - [`answer`]: the one place of status codes and texts; [`mcp`] says the same in JSON-RPC.

mod answer;
mod body;
mod caller;
mod gateway;
mod hold;
mod identify;
mod joining;
mod listen;
mod mcp;
mod pass;
mod patience;
mod proxy;
mod relay;
mod release;
mod request_head;
mod room;
mod signs;
mod upstream;
mod walk;

pub use proxy::{Proxy, ProxyError};
