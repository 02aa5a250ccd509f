//! What can happen to an intent. A stored audit row is one of these.

/// One thing that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {}
