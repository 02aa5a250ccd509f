//! A call as the proxy hands it in, and what becomes of it at once.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rules::ruleset::Hit;
use rules::{Request, Ruleset};

use crate::agent::Agent;
use crate::hold::Hold;
use crate::id::IntentId;
use crate::refusal::Refusal;
use crate::release::Released;

/// One call on a route.
#[derive(Debug, Clone)]
pub struct Call {
    pub agent: Arc<Agent>,
    pub request: Arc<Request>,
    pub hit: Hit,
    /// The rules that found `hit`: they decide, whatever is loaded meanwhile.
    pub rules: Arc<Ruleset>,
    /// How long this client waits in silence.
    pub patience: Duration,
}

/// What became of it.
#[derive(Debug)]
pub enum Submitted {
    /// Policy approved; recorded; send it. (Also what `enforce: false` lets pass: then without permit.)
    Released(Released),
    /// People decide; wait on it.
    Held(Hold),
    /// The same call was executed and its answer never delivered: here it is, once.
    Replay(StoredAnswer),
    /// Not sent.
    Refused(Refusal),
}

/// An upstream's answer, kept for a caller who was gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAnswer {
    pub intent: IntentId,
    pub status: u16,
    /// As they would have been delivered (mapped back to the mount, hop-by-hop removed).
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Bytes,
}
