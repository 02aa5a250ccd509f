//! Calls through the proxy over real sockets: a gate on a store in a temporary folder, a recording
//! upstream, and clients that write bytes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, unreachable_pub)]

#[path = "calls/answers.rs"]
mod answers;
#[path = "calls/batches.rs"]
mod batches;
#[path = "calls/bodies.rs"]
mod bodies;
#[path = "calls/callers.rs"]
mod callers;
#[path = "calls/client.rs"]
mod client;
#[path = "calls/faults.rs"]
mod faults;
#[path = "calls/held.rs"]
mod held;
#[path = "calls/http2.rs"]
mod http2;
#[path = "calls/mcp.rs"]
mod mcp;
#[path = "calls/mcp_lists.rs"]
mod mcp_lists;
#[path = "calls/mcp_methods.rs"]
mod mcp_methods;
#[path = "calls/mcp_polls.rs"]
mod mcp_polls;
#[path = "calls/mcp_rounds.rs"]
mod mcp_rounds;
#[path = "calls/mcp_sse.rs"]
mod mcp_sse;
#[path = "calls/passes.rs"]
mod passes;
#[path = "calls/released.rs"]
mod released;
#[path = "calls/reloads.rs"]
mod reloads;
#[path = "calls/resends.rs"]
mod resends;
#[path = "calls/signed.rs"]
mod signed;
#[path = "calls/slow.rs"]
mod slow;
#[path = "calls/strict.rs"]
mod strict;
#[path = "calls/support.rs"]
mod support;
#[path = "calls/tls.rs"]
mod tls;
#[path = "calls/upgrades.rs"]
mod upgrades;
#[path = "calls/upstream.rs"]
mod upstream;
#[path = "calls/where_from.rs"]
mod where_from;
