//! A configuration compiled for deciding. Immutable; a reload makes a new one and swaps it whole.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use rust_decimal::Decimal;

use crate::config::{self, Config};
use crate::decision::{Action, Caller, Decision};
use crate::request::{Head, Malformed, Request};

/// All rules of one configuration.
#[derive(Debug)]
pub struct Ruleset {
    config: Arc<Config>,
    upstreams: Vec<Arc<Upstream>>,
}

/// One upstream with its routes compiled.
#[derive(Debug)]
pub struct Upstream {
    pub config: config::Upstream,
    // compiled routes: private
}

/// Where a request landed.
#[derive(Debug, Clone)]
pub struct Mounted {
    pub upstream: Arc<Upstream>,
    /// The path mount that was taken off, without trailing slash (empty for host and listener mounts).
    pub prefix: String,
    /// What is left; starts with `/`.
    pub path: String,
    /// The agent every call on this listener belongs to.
    pub bound_agent: Option<String>,
}

/// What the routes say of a request.
#[derive(Debug, Clone)]
pub enum Routed {
    Action(Hit),
    /// A route with `pass: true`, or `unmatched: pass`.
    Pass {
        upgrade: bool,
    },
    /// No route, and the upstream rejects what has none.
    NoRoute,
    /// MCP handshake and discovery, notifications, responses: sent on without intent, body already read.
    Protocol,
}

#[derive(Debug, Clone)]
pub struct Hit {
    pub action: Action,
    /// What names the route in records: `METHOD path` of the match, or `unmatched`.
    pub route: String,
    pub hold: Option<config::HoldTimeout>,
    /// Trace lines of the routes looked at.
    pub trace: Vec<crate::decision::Step>,
    /// A parameter that is missing or of another type than its route says: no policy may approve.
    pub defects: Vec<String>,
}

/// Extracted parameters, in the route's order.
pub type Params = indexmap::IndexMap<String, ParamValue>;

#[derive(Debug, Clone, PartialEq)]
pub enum ParamValue {
    Null,
    Bool(bool),
    Integer(i64),
    Decimal(Decimal),
    String(String),
    List(Vec<ParamValue>),
    Object(Vec<(String, ParamValue)>),
}

/// What must be known of the body before a request can be matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyNeed {
    /// Only a `pass` can come of it: stream.
    Stream,
    /// A route could match: read it whole, up to so many bytes.
    Whole(usize),
}

impl Ruleset {
    /// # Errors
    /// Findings with places where something cannot be compiled: globs, CEL, templates, time zones.
    pub fn compile(config: Arc<Config>) -> Result<Ruleset, config::load::Findings> {
        let _ = config;
        todo!()
    }

    #[must_use]
    pub fn config(&self) -> &Arc<Config> {
        &self.config
    }

    #[must_use]
    pub fn upstreams(&self) -> &[Arc<Upstream>] {
        &self.upstreams
    }

    /// The upstream a canonical head belongs to: own listener, then host, then longest path mount.
    #[must_use]
    pub fn mount(&self, listener: SocketAddr, head: &Head) -> Option<Mounted> {
        let _ = (listener, head);
        todo!()
    }

    /// Whether the body must be read before [`Ruleset::route`].
    #[must_use]
    pub fn body_need(&self, mounted: &Mounted, head: &Head) -> BodyNeed {
        let _ = (mounted, head);
        todo!()
    }

    /// The route a request takes.
    ///
    /// # Errors
    /// What a rule looks at cannot be read in one way only.
    pub fn route(&self, request: &Request) -> Result<Routed, Malformed> {
        let _ = request;
        todo!()
    }

    /// Decides an action. `at` is Unix microseconds; nothing else of the world comes in.
    #[must_use]
    pub fn decide(
        &self,
        action: &Action,
        upstream: Option<&str>,
        caller: &Caller,
        request: Option<&Request>,
        defects: &[String],
        at: i64,
    ) -> Decision {
        let _ = (action, upstream, caller, request, defects, at);
        todo!()
    }
}

impl Request {
    /// Joins a canonical head, its mount and the whole body.
    ///
    /// # Errors
    /// The body is of a kind that rules of this upstream look into, and cannot be read in one way only.
    pub fn new(head: Head, mounted: &Mounted, body: Bytes) -> Result<Request, Malformed> {
        let _ = (head, mounted, body);
        todo!()
    }
}

impl Head {
    /// # Errors
    /// Whatever two parsers could read differently.
    pub fn read(raw: &crate::request::RawHead<'_>, how: &crate::request::Reading) -> Result<Head, Malformed> {
        let _ = (raw, how);
        todo!()
    }
}
