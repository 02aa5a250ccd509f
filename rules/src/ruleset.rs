//! A configuration compiled for deciding. Immutable; a reload makes a new one and swaps it whole.

use std::net::SocketAddr;
use std::sync::Arc;

use jiff::Timestamp;

use crate::config::load::Findings;
use crate::config::{self, Config, Protocol, RiskTier, Unmatched};
use crate::decision::{Action, Caller, Decision, Risk, Step};
use crate::request::mcp::{self, Message};
use crate::request::{BodyFraming, Content, Head, Malformed, Request, graphql};

mod again;
mod approvals;
mod condition;
mod cover;
mod explain;
mod glob;
mod lint;
mod mount;
mod overlay;
mod params;
mod path;
mod policy;
mod problem;
mod risk;
mod route;
mod schedule;
mod table;
mod title;
mod trial;
mod view;

pub use again::Misplaced;
pub use explain::Explanation;
pub(crate) use glob::Glob;
pub use lint::check;
pub use mount::Mounted;
pub use overlay::{Overlay, Stop, StopMode, StopScope};
pub use params::{ParamValue, Params};
pub use trial::{End, Trial, Walk};

use condition::Facts;
use mount::Mounts;
use policy::Policies;
use problem::Problems;
use route::{Routes, Taken};
use view::View;

/// All rules of one configuration.
#[derive(Debug)]
pub struct Ruleset {
    config: Arc<Config>,
    upstreams: Vec<Arc<Upstream>>,
    mounts: Arc<Mounts>,
    policies: Arc<Policies>,
    /// Policies that people added while the gate runs.
    added: Option<Arc<Policies>>,
    stops: Arc<[Stop]>,
}

/// One upstream with its routes compiled.
#[derive(Debug)]
pub struct Upstream {
    pub config: config::Upstream,
    routes: Routes,
}

/// What the routes say of a request.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "made once for each call and taken apart at once")]
pub enum Routed {
    Action(Hit),
    /// A route with `pass: true`, or `unmatched: pass`. Where [`Ruleset::body_need`] asked for the
    /// whole body it has been read and is sent as it is.
    Pass {
        upgrade: bool,
        /// No route is for it.
        unmatched: bool,
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
    pub trace: Vec<Step>,
    /// A parameter that is missing or of another type than its route says: no policy may approve.
    pub defects: Vec<String>,
}

/// What names the route of a call that no route is for.
const UNMATCHED: &str = "unmatched";

impl Hit {
    /// No route is for it: the upstream wants people to see such calls.
    #[must_use]
    pub fn is_unmatched(&self) -> bool {
        self.route == UNMATCHED
    }
}

/// An action that was declared: see [`Ruleset::declared`].
#[derive(Debug, Clone)]
pub struct Declared {
    pub action: Action,
    /// Whose routes name this action: it is decided as a call to each of them would be.
    pub upstreams: Vec<String>,
    pub trace: Vec<Step>,
    /// As of a [`Hit`].
    pub defects: Vec<String>,
}

/// What is wrong with a text that rules compile, in a sentence; `None`: nothing.
pub(crate) mod faulty {
    use super::{condition, schedule, title};

    pub(crate) fn condition(text: &str) -> Option<String> {
        condition::Condition::compile(text).err()
    }

    pub(crate) fn template(text: &str) -> Option<String> {
        title::Title::compile(text).err()
    }

    pub(crate) fn schedule(schedule: &crate::config::Schedule) -> Option<String> {
        schedule::Schedule::compile(schedule).err()
    }
}

/// What must be known of the body before a request can be matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyNeed {
    /// The head tells all: the call passes, or it has no route.
    Stream,
    /// A route could match: read it whole, up to so many bytes.
    Whole(usize),
}

/// Which kinds of bodies rules look into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Looks {
    pub(crate) json: bool,
    pub(crate) form: bool,
    /// A rule names the content type, so it knows what an `application/...+json` is.
    pub(crate) other_json: bool,
    /// A rule reads what comes here as GraphQL, so all of it is.
    pub(crate) graphql: bool,
}

impl Ruleset {
    /// # Errors
    /// Findings with places where something cannot be compiled: globs, CEL, templates, time zones.
    pub fn compile(config: Arc<Config>) -> Result<Ruleset, Findings> {
        let mut problems = Problems::default();
        let upstreams: Vec<Arc<Upstream>> = config
            .upstreams
            .values()
            .map(|upstream| {
                Arc::new(Upstream { config: upstream.clone(), routes: Routes::compile(upstream, &mut problems) })
            })
            .collect();
        let policies = Arc::new(Policies::compile(&config.policies, &config, &mut problems));
        if !problems.list.is_empty() {
            return Err(Findings { list: problems.list, sources: Arc::default() });
        }
        let mounts = Arc::new(Mounts::new(&upstreams));
        Ok(Ruleset { config, upstreams, mounts, policies, added: None, stops: Arc::default() })
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
    /// `listener` is the address as it is configured.
    #[must_use]
    pub fn mount(&self, listener: SocketAddr, head: &Head) -> Option<Mounted> {
        self.mounts.find(listener, head)
    }

    /// Whether the body must be read before [`Ruleset::route`].
    #[must_use]
    pub fn body_need(&self, mounted: &Mounted, head: &Head) -> BodyNeed {
        let upstream = &mounted.upstream;
        let streams = if upstream.config.protocol == Protocol::Mcp && head.method == "POST" {
            false
        } else if upstream.is_mcp_stream(head, &mounted.path) {
            // Whether a body follows shows only when it is read; one that is empty streams all the same.
            head.body_framing == BodyFraming::None
        } else if upstream.routes.is_graphql(&mounted.path) && graphql::may_ask(head) {
            false
        } else {
            let mut view = View::new(head, &Content::Opaque);
            let unmatched = upstream.config.unmatched != Unmatched::RequireApproval;
            upstream.routes.can_stream(&mounted.path, &mut view).unwrap_or(unmatched)
        };
        if streams {
            return BodyNeed::Stream;
        }
        BodyNeed::Whole(upstream.config.body_limit.unwrap_or(self.config.limits.body))
    }

    /// The route a request takes.
    ///
    /// # Errors
    /// What a rule looks at cannot be read in one way only.
    pub fn route(&self, request: &Request) -> Result<Routed, Malformed> {
        if request.body.is_empty() && request.upstream.is_mcp_stream(&request.head, &request.path) {
            return Ok(Routed::Pass { upgrade: false, unmatched: false });
        }
        match &request.content {
            Content::McpBatch(messages) => self.route_batch(request, messages),
            content => self.route_content(request, content),
        }
    }

    /// A batch is one request: it goes on only if each of its messages would, by itself.
    fn route_batch(&self, request: &Request, messages: &[Message]) -> Result<Routed, Malformed> {
        let (mut protocol, mut no_route) = (true, false);
        for message in messages {
            let alone = "send each message in a request of its own";
            if message.method.as_deref() == Some("tools/list") && request.upstream.hides_tools() {
                return Err(mcp::refused_batch(messages, &format!("tools/list in a batch: {alone}")));
            }
            let content = Content::Mcp(message.clone());
            let routed = self.route_content(request, &content);
            let whole = |error: Malformed| Malformed {
                what: error.what,
                place: error.place,
                ..mcp::refused_batch(messages, "")
            };
            match routed.map_err(whole)? {
                Routed::Protocol => {}
                Routed::Pass { unmatched, .. } => (protocol, no_route) = (false, no_route || unmatched),
                Routed::Action(_) | Routed::NoRoute => {
                    let what = match message.name.as_deref().or(message.method.as_deref()) {
                        Some(name) => format!("a batch with a call that rules decide ({name}): {alone}"),
                        None => format!("a batch with what no route is for: {alone}"),
                    };
                    return Err(mcp::refused_batch(messages, &what));
                }
            }
        }
        Ok(if protocol { Routed::Protocol } else { Routed::Pass { upgrade: false, unmatched: no_route } })
    }

    fn route_content(&self, request: &Request, content: &Content) -> Result<Routed, Malformed> {
        let upstream = &request.upstream.config;
        let mut view = View::new(&request.head, content);
        let trace = match request.upstream.routes.take(&request.path, &mut view)? {
            Taken::Hit(hit) => return Ok(Routed::Action(*hit)),
            Taken::Pass(route) => return Ok(Routed::Pass { upgrade: route.upgrade, unmatched: false }),
            Taken::Hidden => return Ok(Routed::NoRoute),
            Taken::None(trace) => trace,
        };
        if let Content::Mcp(message) = content
            && message.is_protocol()
            && request.upstream.is_mcp_endpoint(&request.path)
        {
            return Ok(Routed::Protocol);
        }
        Ok(match upstream.unmatched {
            Unmatched::Reject => Routed::NoRoute,
            Unmatched::Pass => Routed::Pass { upgrade: false, unmatched: true },
            Unmatched::RequireApproval => Routed::Action(unmatched(request, trace)),
        })
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
        let risk =
            risk::score(&action.name, action.risk_tier, caller.trust, &action.params, defects, &self.config.risk);
        let at = Timestamp::from_microsecond(at).unwrap_or(Timestamp::UNIX_EPOCH);
        let facts = Facts { params: &action.params, tier: action.risk_tier, request, caller, risk: &risk, at };
        let outcome = self.policies.decide(action, upstream, &facts, defects, &self.config.approval);
        let decision = Decision {
            verdict: outcome.verdict,
            policy: outcome.policy,
            trace: outcome.trace,
            failed: outcome.failed,
            observed: !self.enforces(upstream, caller.enforce),
            recorded: outcome.recorded,
            blocked_from: outcome.blocked_from,
            risk: Risk::default(),
        };
        let decision = if self.added.is_none() && self.stops.is_empty() {
            decision
        } else {
            self.overlaid(decision, action, upstream, &facts, defects)
        };
        Decision { risk, ..decision }
    }
}

impl Upstream {
    pub(crate) fn looks(&self, method: &str, path: &str) -> Looks {
        self.routes.looks(method, path)
    }

    /// Whether any of its routes hides a tool.
    #[must_use]
    pub fn hides_tools(&self) -> bool {
        self.routes.hides_tools()
    }

    /// Whether a tool is left out of the lists that `path` gives: every call of it there takes a route
    /// with `hide`.
    #[must_use]
    pub fn hides(&self, path: &str, tool: &str) -> bool {
        self.routes.hides(path, tool)
    }

    /// Where an MCP server listens: the mount itself, `/mcp` below it, where servers of HTTP+SSE have their stream and
    /// their messages, and the paths that MCP routes name. Only there is a message the handshake's, whatever a service answers on its other paths.
    fn is_mcp_endpoint(&self, path: &str) -> bool {
        matches!(path.strip_suffix('/').unwrap_or(path), "" | "/mcp" | "/sse" | "/message" | "/messages")
            || self.routes.is_mcp_path(path)
    }

    /// The server's own stream of an MCP session, and its end: they carry no call.
    fn is_mcp_stream(&self, head: &Head, path: &str) -> bool {
        if self.config.protocol != Protocol::Mcp {
            return false;
        }
        let stream = match head.method.as_str() {
            "GET" => head.header("accept").is_some_and(|accept| {
                String::from_utf8_lossy(accept).to_ascii_lowercase().contains("text/event-stream")
            }),
            "DELETE" => head.header("mcp-session-id").is_some(),
            _ => false,
        };
        stream && self.is_mcp_endpoint(path)
    }
}

/// A call that no route names, where the upstream wants people to see it.
fn unmatched(request: &Request, mut trace: Vec<Step>) -> Hit {
    let upstream = &request.upstream.config.name;
    let what = match &request.content {
        Content::Mcp(message) => match (&message.method, &message.name) {
            (Some(method), Some(name)) => format!("{method} {name}"),
            (Some(method), None) => method.clone(),
            (None, _) => request.path.clone(),
        },
        Content::GraphQl(call) => {
            let fields: Vec<String> = call.fields.iter().map(ToString::to_string).collect();
            format!("{} {}", call.operation.as_str(), fields.join(", "))
        }
        _ => format!("{} {}", request.head.method, request.path),
    };
    let name = format!("unmatched_{}", route::snake_case(upstream));
    trace.push(Step { what: "no route".to_owned(), matched: true, detail: name.clone() });
    Hit {
        action: Action {
            name,
            risk_tier: RiskTier::High,
            title: format!("{what} on {upstream} (no route)"),
            params: Params::new(),
        },
        route: UNMATCHED.to_owned(),
        hold: None,
        trace,
        defects: Vec::new(),
    }
}

#[cfg(test)]
mod tests;
