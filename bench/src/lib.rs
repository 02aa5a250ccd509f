//! What the gate is measured with; `bench/run` starts it all and prints the table.
//!
//! - `upstream`: the service behind everything that is measured, as light as it can be.
//! - `bare`: pingora passing calls on and doing nothing else, set up like the gate's own proxy. What the
//!   gate costs is what it costs above this.
//! - `holds`: thousands of callers that wait, and the approver who lets them go.
//!
//! None of this is shipped.

pub mod arguments;
pub mod http;
pub mod listen;
pub mod service;
