//! End to end: the built binary, real sockets, a raw recording upstream. Every test says what must not
//! have happened, too.
#![allow(unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod harness;

mod answers;
mod attacks;
mod browser;
mod command_line;
mod crash;
mod declared;
mod disks;
mod doctor;
mod evidence;
mod exhausted;
mod faults;
mod grpc;
mod held;
mod identity;
mod observing;
mod passing;
mod pipelines;
mod real_clients;
mod reloads;
mod same_call;
mod spoken;
mod tls;
