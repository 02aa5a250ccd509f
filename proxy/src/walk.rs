//! One call, step by step, in a straight line: read, identify, mount, body, match, decide, hold,
//! release, answer. Whatever stops it on the way is a [`Stop`] and becomes the answer here.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use gate::unmatched::TOOL_CALL;
use gate::{Agent, Call, IntentId, KeySecret, Refusal, RefusedCall, StoredAnswer, Submitted, Timestamp, Unrouted};
use ipnet::IpNet;
use pingora_core::protocols::http::ServerSession;
use pingora_error::{BError, Error, ErrorType};
use pingora_http::ResponseHeader;
use rules::config::{HoldTimeout, Upstream};
use rules::request::json::Json;
use rules::request::{Content, Head};
use rules::ruleset::{BodyNeed, Hit, Mounted, Routed};
use rules::{Request, Ruleset};

use crate::answer::{Answer, Rpc, Stop, grpc, problem};
use crate::caller::Caller;
use crate::gateway::Gateway;
use crate::mcp::come_back::{self, ComeBack, For};
use crate::mcp::event_streams::{EventStream, Whose};
use crate::pass::{self, Passing};
use crate::patience::{self, Announced, Patience};
use crate::release::{self, Way, stamp};
use crate::room::Room;
use crate::upstream::request::From;
use crate::upstream::{Line, Snapshot};
use crate::{body, identify, mcp, request_head};

pub(crate) mod event_stream;
mod waiting;

pub(crate) use waiting::Waiting;
use waiting::{Kept, Legs};

/// A call that is held for whoever reads a stream.
pub(crate) type Job = (Box<Waiting>, Asking);
/// In which the answers to messages come (HTTP+SSE).
pub(crate) type Stream = EventStream<Job>;

/// How a call goes on after the walk.
#[derive(Debug)]
pub(crate) enum Next {
    /// The answer has been written.
    Answered,
    /// pingora streams it.
    Pass(Box<Passing>),
}

/// What is known of a call while it is walked: what an answer to it needs.
#[derive(Debug, Clone)]
pub(crate) struct Asking {
    request_id: String,
    admin_url: String,
    upstream: Option<Arc<Line>>,
    pub(crate) intent: Option<IntentId>,
    method: Option<String>,
    agent: Option<String>,
    route: Option<String>,
    mcp: Option<mcp::Asked>,
    /// An event stream has been opened while the call was held.
    streaming: bool,
    /// Where its answer is told, if not on this connection.
    stream: Option<Arc<Stream>>,
}

impl Asking {
    pub(crate) fn request_id(&self) -> &str {
        &self.request_id
    }

    /// Whether an event stream of ours is open: what goes wrong can still be told in it.
    pub(crate) fn is_streaming(&self) -> bool {
        self.streaming
    }

    /// The upstream has answered.
    pub(crate) fn answered(&self, status: u16) {
        if let Some(upstream) = &self.upstream {
            let outcome = match status {
                200..300 => "answered_2xx",
                300..400 => "answered_3xx",
                400..500 => "answered_4xx",
                _ => "answered_5xx",
            };
            upstream.calls.ended(outcome);
        }
    }

    /// What is kept of a call that ends here without an intent.
    fn refused(&self, answer: &Answer, at: Timestamp) -> RefusedCall {
        RefusedCall {
            at,
            request_id: self.request_id.clone(),
            agent: self.agent.clone(),
            upstream: self.upstream.as_ref().map(|upstream| upstream.name.to_string()),
            method: self.method.clone(),
            route: self.route.clone(),
            code: answer.code,
            message: answer.detail.clone(),
        }
    }

    /// How an answer with this head is changed for the caller.
    pub(crate) fn rewriting(&self, call: &Request, head: &ResponseHeader) -> Option<mcp::Rewriting> {
        self.mcp.as_ref()?.rewriting(call, self.streaming).filter(|rewriting| rewriting.is_needed(head))
    }
}

/// Walks one call to its end.
///
/// # Errors
/// The answer could not be written, or broke off: the connection must not be used again.
pub(crate) async fn walk(gateway: &Gateway, session: &mut ServerSession) -> Result<Next, BError> {
    let snapshot = gateway.lines.of(gateway.gate.rules());
    let mut asking = Asking {
        request_id: gateway.ids.next(),
        admin_url: snapshot.rules.config().admin.url.clone(),
        upstream: None,
        intent: None,
        method: None,
        agent: None,
        route: None,
        mcp: None,
        streaming: false,
        stream: None,
    };
    match steps(gateway, &snapshot, session, &mut asking).await {
        Ok(next) => Ok(next),
        Err(stop) => {
            tell(gateway, session, &asking, &stop).await?;
            Ok(Next::Answered)
        }
    }
}

async fn steps(
    gateway: &Gateway,
    snapshot: &Arc<Snapshot>,
    session: &mut ServerSession,
    asking: &mut Asking,
) -> Result<Next, Stop> {
    let arrived = Instant::now();
    // What is done before a call waits is boxed, so that a call that waits does not carry the room for it.
    let Asked { call, line, came, prefix, legs, back, room } =
        match Box::pin(ask(gateway, snapshot, session, asking)).await? {
            Found::Over(next) => return Ok(next),
            Found::Polled(polled) => {
                Box::pin(waiting::poll(gateway, &mut Caller::new(session), asking, *polled)).await?;
                return Ok(Next::Answered);
            }
            Found::Asked(asked) => *asked,
        };
    let stored_response = snapshot.rules.config().limits.stored_response;
    let from = From { client: came.client, tls: came.tls, direct: came.direct, prefix: &prefix };
    let way = Way { gateway, line: &line, from, stored_response };
    let agent = call.agent.clone();
    let mut caller = Caller::new(session);
    // Before it is recorded: a client may take it back as soon as it has sent it.
    let cancellable = gateway.held.enter(call.agent.id, asking.mcp.as_ref(), &call.request);
    // So are deciding and sending.
    let submitted = match &back {
        None => Box::pin(gateway.gate.submit(call)).await,
        Some(back) => {
            let another = |other: gate::AnotherCall| come_back::refused(&other.to_string(), None);
            Box::pin(gateway.gate.resume(call, back.intent)).await.map_err(another)?
        }
    };
    match submitted {
        Submitted::Refused(refusal) => return Err(refusal.into()),
        // What is kept is that the message was taken, not the answer.
        Submitted::Replay(stored) if asking.stream.is_some() => {
            return Err(Refusal::AlreadyExecuted { intent: stored.intent }.into());
        }
        Submitted::Replay(stored) => replay(&mut caller, asking, stored).await?,
        Submitted::Released(released) => {
            Box::pin(release::at_once(&way, &mut caller, asking, released)).await?;
        }
        Submitted::Held(hold) => {
            // What is held the gate counts.
            drop(room);
            asking.intent = Some(hold.intent());
            let stream = asking.stream.clone();
            let progress = match &stream {
                None => open_stream(&mut caller, asking, hold.intent()).await?,
                Some(_) => None,
            };
            let over_at = (legs.kept != Kept::No).then(|| gateway.gate.now().plus(legs.total));
            let waiting = Waiting {
                hold,
                back: cancellable,
                agent,
                line,
                came,
                prefix,
                stored_response,
                legs,
                until: (arrived + legs.total, over_at),
                parked: None,
            };
            let waiting = Box::new(waiting);
            match stream {
                None => waiting::go_on(gateway, &mut caller, asking, waiting, progress, arrived).await?,
                Some(stream) => {
                    let pending = waiting.hold.pending();
                    stream.hold((waiting, asking.clone())).await.map_err(|()| pending)?;
                    accepted(&mut caller, asking).await?;
                }
            }
        }
    }
    Ok(Next::Answered)
}

/// How a call goes on once its route is known.
enum Found {
    /// No intent comes of it.
    Over(Next),
    Asked(Box<Asked>),
    /// A client asks for the rest of a stream.
    Polled(Box<waiting::Polled>),
}

/// A call that is to be decided.
struct Asked {
    call: Call,
    line: Arc<Line>,
    came: Came,
    /// The mount that was taken off.
    prefix: String,
    legs: Legs,
    /// What it came back with.
    back: Option<ComeBack>,
    room: Room,
}

/// Reads, identifies, mounts, matches; what passes is sent from here.
async fn ask(
    gateway: &Gateway,
    snapshot: &Arc<Snapshot>,
    session: &mut ServerSession,
    asking: &mut Asking,
) -> Result<Found, Stop> {
    let rules = &snapshot.rules;
    let mut head = request_head::read(session, &snapshot.reading)?;
    asking.method = Some(head.method.clone());
    // Keys come off before anything else sees the path or the headers.
    let presented = identify::take(&mut head)?;
    let mounted = rules.mount(gateway.listener, &head);
    let bound = mounted.as_ref().and_then(|mounted| mounted.bound_agent.as_deref());
    // Who has no key learns nothing of what is mounted here.
    let agent = identify::caller(&gateway.gate, rules.config(), presented, bound).await?;
    asking.agent = Some(agent.fingerprint.clone());
    let mounted = mounted.filter(|mounted| reaches(&agent, mounted)).ok_or(Stop::NoRoute)?;
    let line = snapshot.line(&mounted.upstream.config.name).ok_or(Stop::Unreachable)?.clone();
    asking.upstream = Some(line.clone());
    if line.mcp {
        asking.mcp = mcp::Asked::by_head(&head);
        // It looks like one that nobody has.
        if gateway.sessions.is_of_another(agent.id, &line.name, &head) {
            return Err(Stop::NoRoute);
        }
        if let Some(polled) = waiting::polled(gateway, &agent, &line, &head) {
            return polled.map(|polled| Found::Polled(Box::new(polled)));
        }
        if asking.mcp.is_some() {
            match gateway.streams.find(&agent, &line.name, &mounted.path, head.query.as_deref()) {
                Whose::Nobodys => {}
                Whose::Own(stream) => asking.stream = Some(stream),
                Whose::AnotherAgents => {
                    // Told by the status: who sends here reads nothing else.
                    asking.mcp = None;
                    return Err(Stop::NoRoute);
                }
            }
        }
    }
    let came = Came::of(session, &rules.config().proxy.trusted_proxies);
    head.client = came.client;
    let mut room = gateway.rooms.enter(&agent, &rules.config().limits);
    let whole = match rules.body_need(&mounted, &head) {
        BodyNeed::Whole(limit) => body::read(session, &head, limit, &mut room).await?,
        // The head tells all: it passes, or it has no route.
        BodyNeed::Stream => {
            let request = Request::streaming(head, &mounted)?;
            let upgrade = match allowed(gateway, rules, &agent, &request, rules.route(&request)?) {
                Routed::Pass { upgrade, .. } => upgrade,
                Routed::NoRoute => return Err(Stop::NoRoute),
                Routed::Action(_) | Routed::Protocol => return Err(Stop::Internal),
            };
            pass::status(&agent, rules, &request)?;
            if !upgrade {
                refuse_upgrade(&request.head)?;
            }
            if line.mcp && !upgrade && may_be_old_stream(&request.head) {
                let (gate, tools) = (gateway.gate.clone(), gateway.tools.clone());
                let listing = mcp::Listing::new(gate, rules.clone(), agent.clone(), tools, &request);
                let opening = Box::new(event_stream::Opening { agent, listing, key: key_in_path(session) });
                let from = From { client: came.client, tls: came.tls, direct: came.direct, prefix: &mounted.prefix };
                let way = Way { gateway, line: &line, from, stored_response: 0 };
                let begins = Some(pass::Begins::Stream(opening));
                Box::pin(pass::send(&way, &mut Caller::new(session), asking, &request, begins)).await?;
                return Ok(Found::Over(Next::Answered));
            }
            return stream(line, request, mounted.prefix, came, upgrade, asking).await.map(Found::Over);
        }
    };
    let (whole, back) = match asking.mcp.as_ref().and_then(|_| come_back::take(&whole)) {
        None => (whole, None),
        Some((whole, state, id)) => {
            let back = ComeBack::read(&state, For::Round, &gateway.gate, &agent, &line.name);
            (whole, Some(back.map_err(|what| refuse_state(asking, what, id))?))
        }
    };
    let native = whole.is_empty() && session.is_body_empty();
    let request = match Request::new(head, &mounted, whole) {
        Ok(request) => request,
        Err(malformed) => {
            if let (Some(asked), Some(id)) = (&mut asking.mcp, &malformed.rpc_id) {
                asked.read_ids(id);
            }
            return Err(malformed.into());
        }
    };
    if let Some(asked) = &mut asking.mcp {
        asked.read(&request, &gateway.tools);
        if mcp::Listing::is_asked_for(&request) {
            let (gate, tools) = (gateway.gate.clone(), gateway.tools.clone());
            asked.lists(mcp::Listing::new(gate, rules.clone(), agent.clone(), tools, &request));
        }
    }
    // The bytes of the body are counted; what was read of them may take many times their room.
    room.grow(request.weight() - request.body.len())?;
    let routed = allowed(gateway, rules, &agent, &request, rules.route(&request)?);
    let stored_response = rules.config().limits.stored_response;
    let from = From { client: came.client, tls: came.tls, direct: came.direct, prefix: &mounted.prefix };
    let way = Way { gateway, line: &line, from, stored_response };
    match routed {
        Routed::NoRoute => Err(Stop::NoRoute),
        Routed::Pass { upgrade, .. } => {
            pass::status(&agent, rules, &request)?;
            if !upgrade {
                refuse_upgrade(&request.head)?;
            }
            if native {
                return stream(line, request, mounted.prefix, came, upgrade, asking).await.map(Found::Over);
            }
            Box::pin(pass::send(&way, &mut Caller::new(session), asking, &request, None)).await?;
            Ok(Found::Over(Next::Answered))
        }
        Routed::Protocol => {
            pass::status(&agent, rules, &request)?;
            refuse_upgrade(&request.head)?;
            gateway.held.note(agent.id, &request);
            if native {
                return stream(line, request, mounted.prefix, came, false, asking).await.map(Found::Over);
            }
            let handshake = mcp::Handshake::of(agent.id, &request).map(pass::Begins::Session);
            Box::pin(pass::send(&way, &mut Caller::new(session), asking, &request, handshake)).await?;
            Ok(Found::Over(Next::Answered))
        }
        Routed::Action(hit) => {
            asking.route = Some(hit.route.clone());
            refuse_upgrade(&request.head)?;
            let patience = hold_for(gateway, snapshot, &agent, &hit, &request, asking);
            let kept = kept(&patience, &request, asking);
            let legs = Legs::new(kept, &patience, back.as_ref(), gateway.gate.now());
            let call = Call { agent, request: Arc::new(request), hit, rules: rules.clone(), patience: legs.total };
            Ok(Found::Asked(Box::new(Asked { call, line, came, prefix: mounted.prefix, legs, back, room })))
        }
    }
}

/// What a proxy in front says. That it is said is enough: who claims it for no reason gets paths where it could
/// have had whole links.
const THROUGH_A_PROXY: [&str; 5] = ["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"];

/// Where a request came from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Came {
    pub(crate) client: Option<IpAddr>,
    pub(crate) tls: bool,
    /// Nobody says that it came through another proxy.
    pub(crate) direct: bool,
}

impl Came {
    /// `trusted`: proxies whose word on where a call came from is taken.
    fn of(session: &ServerSession, trusted: &[IpNet]) -> Came {
        let peer: Option<&SocketAddr> = session.client_addr().and_then(|address| address.as_inet());
        let said = || session.req_header().headers.get_all("x-forwarded-for").iter().map(http::HeaderValue::as_bytes);
        Came {
            client: peer.map(|peer| rules::request::client(peer.ip(), &said().collect::<Vec<_>>(), trusted)),
            direct: !THROUGH_A_PROXY.iter().any(|name| session.req_header().headers.contains_key(*name)),
            tls: session.digest().is_some_and(|digest| digest.ssl_digest.is_some()),
        }
    }
}

fn reaches(agent: &Agent, mounted: &Mounted) -> bool {
    mounted.upstream.config.projects.contains(&agent.project)
}

/// Counts what no route is for, and lets it pass where nothing is enforced.
fn allowed(gateway: &Gateway, rules: &Ruleset, agent: &Agent, request: &Request, routed: Routed) -> Routed {
    let upstream = request.upstream.config.name.as_str();
    let (did, routed) = match routed {
        Routed::NoRoute if !rules.enforces(Some(upstream), agent.enforce) => {
            (Unrouted::Passed, Routed::Pass { upgrade: false, unmatched: true })
        }
        Routed::NoRoute => (Unrouted::Rejected, Routed::NoRoute),
        pass @ Routed::Pass { unmatched: true, .. } => (Unrouted::Passed, pass),
        Routed::Action(hit) if hit.is_unmatched() => (Unrouted::Asked, Routed::Action(hit)),
        routed => return routed,
    };
    let (method, path) = match &request.content {
        Content::Mcp(message) if message.method.as_deref() == Some(TOOL_CALL) => {
            (TOOL_CALL, message.name.as_deref().unwrap_or_default())
        }
        _ => (request.head.method.as_str(), request.path.as_str()),
    };
    gateway.gate.note_unmatched(upstream, method, path, did);
    routed
}

fn refuse_upgrade(head: &Head) -> Result<(), Stop> {
    if head.upgrade.is_some() { Err(Stop::NoRoute) } else { Ok(()) }
}

/// A client of HTTP+SSE has no session when it opens its stream, and no head names one later.
fn may_be_old_stream(head: &Head) -> bool {
    let stream = b"text/event-stream";
    let accepts = |accept: &Bytes| accept.windows(stream.len()).any(|part| part.eq_ignore_ascii_case(stream));
    head.method == "GET" && head.header("accept").is_some_and(accepts) && head.header("mcp-session-id").is_none()
}

/// `/k/KEY`, where the key stands there: what the agent is told to send to must carry it again.
fn key_in_path(session: &ServerSession) -> String {
    let path = session.req_header().uri.path();
    let key = path.strip_prefix("/k/").and_then(|rest| rest.split('/').next());
    key.filter(|key| KeySecret::looks_like_ours(key)).map(|key| format!("/k/{key}")).unwrap_or_default()
}

async fn stream(
    line: Arc<Line>,
    request: Request,
    prefix: String,
    came: Came,
    upgrade: bool,
    asking: &Asking,
) -> Result<Next, Stop> {
    let Request { head, target, .. } = request;
    let id = asking.request_id.clone();
    let passing = Passing::new(line, head, target, prefix, came, upgrade, id).await?;
    Ok(Next::Pass(Box::new(passing)))
}

/// How long this client can be held.
fn hold_for(
    gateway: &Gateway,
    snapshot: &Snapshot,
    agent: &Agent,
    hit: &Hit,
    request: &Request,
    asking: &Asking,
) -> Patience {
    let upstream: &Upstream = &request.upstream.config;
    let header = |name: &str| request.head.header(name).and_then(|value| std::str::from_utf8(value).ok());
    let remembered = asking.mcp.as_ref().and_then(|_| gateway.sessions.client(agent.id, &upstream.name, &request.head));
    let streamed = asking.stream.is_some() || asking.mcp.as_ref().is_some_and(mcp::Asked::streams);
    let announced = Announced {
        read_timeout: header("x-stainless-read-timeout"),
        language: header("x-stainless-lang"),
        user_agent: header("user-agent"),
        mcp: asking.mcp.is_some(),
        streamed,
        mcp_client: asking.mcp.as_ref().and_then(mcp::Asked::client).or(remembered.as_deref()),
        framework: agent.framework.as_deref(),
    };
    let gate: HoldTimeout = snapshot.rules.config().hold.timeout;
    patience::of(&announced, [agent.hold, hit.hold, upstream.hold, Some(gate)])
}

/// How this client is kept when it will not wait any longer on its connection.
fn kept(patience: &Patience, request: &Request, asking: &Asking) -> Kept {
    let (Some(asked), Content::Mcp(message), None) = (&asking.mcp, &request.content, &asking.stream) else {
        return Kept::No;
    };
    let revision = request.head.header("mcp-protocol-version").map(|revision| &**revision);
    let may_ask_back = matches!(message.method.as_deref(), Some("tools/call" | "prompts/get" | "resources/read"));
    if asked.is_typed() && may_ask_back && patience.beyond.rounds {
        Kept::Rounds
    } else if revision == Some(b"2025-11-25") && asked.streams() && patience.beyond.polls {
        Kept::Polls
    } else {
        Kept::No
    }
}

fn refuse_state(asking: &mut Asking, what: &str, id: Option<Json>) -> Stop {
    if let (Some(asked), Some(id)) = (&mut asking.mcp, &id) {
        asked.read_ids(id);
    }
    come_back::refused(what, id).into()
}

/// The message was taken; what comes of it comes in the stream.
async fn accepted(caller: &mut Caller<'_>, asking: &Asking) -> Result<(), Stop> {
    let mut head = ResponseHeader::build_no_case(202, Some(4)).map_err(|_| Stop::Internal)?;
    head.insert_header(http::header::CONTENT_LENGTH, 0).map_err(|_| Stop::Internal)?;
    stamp(&mut head, &asking.request_id, asking.intent);
    caller.answer(Box::new(head), Bytes::new()).await;
    Ok(())
}

/// MCP clients that take a stream get one at once: it shows life, and the answer goes into it.
async fn open_stream(
    caller: &mut Caller<'_>,
    asking: &mut Asking,
    intent: IntentId,
) -> Result<Option<mcp::Progress>, Stop> {
    let Some(asked) = asking.mcp.as_ref().filter(|asked| asked.streams()) else { return Ok(None) };
    let head = mcp::stream_head(&asking.request_id, intent).map_err(|_| Stop::Internal)?;
    let progress = asked.progress();
    caller.head(head).await;
    caller.body(Bytes::from_static(b": held\n\n")).await;
    asking.streaming = true;
    Ok(Some(progress))
}

/// An answer that was kept for a caller who was gone.
async fn replay(caller: &mut Caller<'_>, asking: &Asking, stored: StoredAnswer) -> Result<(), Stop> {
    let mut head =
        ResponseHeader::build_no_case(stored.status, Some(stored.headers.len() + 4)).map_err(|_| Stop::Internal)?;
    for (name, value) in &stored.headers {
        let Ok(name) = http::HeaderName::from_bytes(name.as_bytes()) else { continue };
        let Ok(value) = http::HeaderValue::from_bytes(value) else { continue };
        head.append_header(name, value).map_err(|_| Stop::Internal)?;
    }
    let mut body = stored.body;
    if let Some(asked) = &asking.mcp {
        let is_stream = mcp::is_stream(&head);
        body = asked.replayed(stored.status, is_stream, &body, asking.streaming);
    }
    head.remove_header(&http::header::CONTENT_LENGTH);
    stamp(&mut head, &asking.request_id, Some(stored.intent));
    if asking.streaming {
        caller.body(body).await;
        caller.end().await;
    } else {
        if !matches!(stored.status, 204 | 304) {
            head.insert_header(http::header::CONTENT_LENGTH, body.len()).map_err(|_| Stop::Internal)?;
        }
        head.insert_header("holdshort-replayed", "true").map_err(|_| Stop::Internal)?;
        caller.answer(Box::new(head), body).await;
    }
    asking.answered(stored.status);
    Ok(())
}

/// Says why a call ends here.
async fn tell(gateway: &Gateway, session: &mut ServerSession, asking: &Asking, stop: &Stop) -> Result<(), BError> {
    let Some(answer) = Answer::to(stop, gateway.gate.now()) else { return Err(broken_off()) };
    if let Some(upstream) = &asking.upstream {
        upstream.calls.ended(answer.code);
    }
    if answer.intent.is_none() {
        gateway.gate.note_refused(asking.refused(&answer, gateway.gate.now()));
    }
    body::drain(session).await;
    if matches!(stop, Stop::Malformed(_) | Stop::BodyTooLarge { .. } | Stop::BodyTooSlow) {
        // Where the next request starts is not known for certain.
        session.set_keepalive(None);
    }
    if !asking.streaming
        && session.response_written().is_none()
        && grpc::tell(session, &answer, &asking.admin_url, &asking.request_id)?
    {
        return Ok(());
    }
    let form = problem::Form::of(&session.req_header().headers);
    let mut caller = Caller::new(session);
    tracing::debug!(request = asking.request_id, code = answer.code, intent = ?answer.intent, "refused");
    let mut message = asking.mcp.as_ref().and_then(|asked| asked.told(&answer, &asking.admin_url));
    if let (Some(asked), Some(told)) = (&asking.mcp, &message)
        && (asking.stream.is_some() || asked.is_posted())
    {
        if let Some(stream) = &asking.stream
            && !asked.id().is_null()
            && stream.tell(mcp::event(told)).await
        {
            return accepted(&mut caller, asking).await.map_err(|_| broken_off());
        }
        // A 2xx would promise that the answer comes in the stream.
        message = None;
    }
    if asking.streaming {
        let Some(message) = message else { return Err(broken_off()) };
        caller.body(mcp::event(&message)).await;
        return if caller.end().await { Ok(()) } else { Err(broken_off()) };
    }
    if caller.told() {
        return Err(broken_off());
    }
    let (mut head, mut body) = problem::render(&answer, &asking.admin_url, &asking.request_id, form)?;
    if let Some(message) = message {
        body = message.to_string().into();
        if !matches!(answer.rpc, Rpc::ErrorWithStatus(_)) {
            head.set_status(200)?;
            head.set_reason_phrase(None)?;
        }
        head.insert_header(http::header::CONTENT_TYPE, "application/json")?;
        head.insert_header(http::header::CONTENT_LENGTH, body.len())?;
    }
    if caller.answer(head, body).await { Ok(()) } else { Err(broken_off()) }
}

fn broken_off() -> BError {
    Error::explain(ErrorType::ConnectionClosed, "the answer broke off").into_down()
}
