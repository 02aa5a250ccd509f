//! Calls that pass: no intent, no permit. The agent's status and project still count, and the head
//! that is sent is the canonical one.
//!
//! Where the body has not been read, pingora streams both ways natively ([`Passing`]). Where it had to
//! be read to tell (MCP's handshake, a `pass` route beside others), the call is sent from here.

use std::sync::Arc;

use gate::{Agent, AgentStatus, Refusal};
use http::header::{CONNECTION, EXPECT, UPGRADE};
use pingora_core::upstreams::peer::{HttpPeer, HttpUpstreamRequestPolicy};
use pingora_error::{BError, Error, ErrorType};
use pingora_http::{RequestHeader, ResponseHeader};
use rules::request::{BodyFraming, Head};
use rules::{Request, Ruleset};

use crate::answer::Stop;
use crate::caller::Caller;
use crate::mcp;
use crate::relay::{self, Gathered, Lost};
use crate::release::{Way, stamp};
use crate::upstream::Line;
use crate::upstream::answer::{Mount, make_ours};
use crate::upstream::request::{self, From};
use crate::walk::{Asking, Came, event_stream};

/// A call that pingora streams.
#[derive(Debug)]
pub(crate) struct Passing {
    pub(crate) line: Arc<Line>,
    pub(crate) head: Head,
    pub(crate) target: String,
    pub(crate) prefix: String,
    pub(crate) came: Came,
    /// The call asks for an upgrade, and its route allows it.
    pub(crate) upgrade: bool,
    pub(crate) request_id: String,
    peer: Arc<HttpPeer>,
}

impl Passing {
    /// # Errors
    /// The upstream cannot be found.
    pub(crate) async fn new(
        line: Arc<Line>,
        head: Head,
        target: String,
        prefix: String,
        came: Came,
        upgrade: bool,
        request_id: String,
    ) -> Result<Passing, Stop> {
        let peers = line.peers().await.map_err(|why| {
            tracing::warn!(upstream = %line.name, why, "cannot be reached");
            Stop::Unreachable
        })?;
        let upgrade = upgrade && head.upgrade.is_some();
        let peer = peers.into_iter().next().ok_or(Stop::Unreachable)?;
        Ok(Passing { line, head, target, prefix, came, upgrade, request_id, peer })
    }

    pub(crate) fn peer(&self) -> Box<HttpPeer> {
        let mut peer = HttpPeer::clone(&self.peer);
        if !self.upgrade {
            peer.options.http_upstream_request_policy = HttpUpstreamRequestPolicy::deny_upgrades();
        }
        Box::new(peer)
    }

    fn from(&self) -> From<'_> {
        let Came { client, tls, direct } = self.came;
        From { client, tls, direct, prefix: &self.prefix }
    }

    /// Replaces what pingora would send by the canonical head.
    pub(crate) fn dress(&self, request: &mut RequestHeader) -> Result<(), BError> {
        let h2 = request.version == http::Version::HTTP_2;
        let from = self.from();
        let mut built = request::build(&self.line, &self.head, &self.target, self.head.body_framing, from, None)?;
        if self.head.version == rules::request::HttpVersion::Http2 && self.head.body_framing == BodyFraming::Open {
            // HTTP/2 does not say whether a body follows; pingora frames it when one does.
            built.remove_header(&http::header::TRANSFER_ENCODING);
        }
        if self.head.expects_continue && !h2 {
            built.insert_header(EXPECT, "100-continue")?;
        }
        if let (true, Some(protocol)) = (self.upgrade, &self.head.upgrade) {
            built.insert_header(CONNECTION, "upgrade")?;
            built.insert_header(UPGRADE, protocol.as_str())?;
        }
        if h2 {
            request::into_h2(&mut built, self.line.tls)?;
        }
        *request = *built;
        Ok(())
    }

    pub(crate) fn answered(&self, head: &mut ResponseHeader) -> Result<(), BError> {
        let switching = head.status == http::StatusCode::SWITCHING_PROTOCOLS;
        if switching && !self.upgrade {
            return Err(Error::explain(ErrorType::InvalidHTTPHeader, "101 that was not asked for").into_up());
        }
        let upgrade = if switching { head.headers.get(UPGRADE).cloned() } else { None };
        make_ours(head, &self.line, &self.head, self.from())?;
        if let Some(protocol) = upgrade {
            head.insert_header(CONNECTION, "upgrade")?;
            head.insert_header(UPGRADE, protocol)?;
        }
        stamp(head, &self.request_id, None);
        Ok(())
    }
}

/// What an agent's status and the stop switches say to a call that is not decided.
///
/// # Errors
/// It may not call, or nobody may.
pub(crate) fn status(agent: &Agent, rules: &Ruleset, request: &Request) -> Result<(), Stop> {
    if let Some(stop) = rules.keeps_from_passing(Some(&request.upstream.config.name), &agent.project) {
        return Err(Refusal::Stopped { message: stop.message.clone() }.into());
    }
    match agent.status {
        AgentStatus::Active => Ok(()),
        AgentStatus::Paused => Err(Refusal::AgentPaused { agent: agent.name.clone() }.into()),
        AgentStatus::Revoked => Err(Refusal::AgentRevoked { agent: agent.name.clone() }.into()),
    }
}

/// What the answer of an MCP upstream may begin.
pub(crate) enum Begins {
    Session(mcp::Handshake),
    Stream(Box<event_stream::Opening>),
}

/// Sends a call whose body has been read.
///
/// # Errors
/// There is no answer of the upstream to give.
pub(crate) async fn send(
    way: &Way<'_>,
    caller: &mut Caller<'_>,
    asking: &mut Asking,
    call: &Request,
    begins: Option<Begins>,
) -> Result<(), Stop> {
    let mut connected = way.gateway.dialer.pooled(way.line).await.map_err(|why| {
        tracing::warn!(upstream = %way.line.name, why, "cannot be reached");
        Stop::Unreachable
    })?;
    let framing = BodyFraming::Length(call.body.len() as u64);
    let mut head =
        request::build(way.line, &call.head, &call.target, framing, way.from, None).map_err(|_| Stop::Internal)?;
    if connected.session.as_http2().is_some() {
        request::into_h2(&mut head, way.line.tls).map_err(|_| Stop::Internal)?;
    }
    connected.write(head, call.body.clone()).await.map_err(|_| Stop::NoAnswer)?;
    let session = &mut connected.session;
    let mut answer = match relay::head(session, caller).await {
        Ok(answer) => answer,
        Err(Lost::Silent(_)) => return Err(Stop::NoAnswer),
        Err(Lost::Unasked) => return Err(Stop::BadAnswer { intent: None }),
    };
    make_ours(&mut answer, way.line, &call.head, way.from).map_err(|_| Stop::BadAnswer { intent: None })?;
    let opening = match begins {
        Some(Begins::Session(handshake)) => {
            handshake.answered(&answer, &way.gateway.sessions);
            None
        }
        Some(Begins::Stream(opening)) => Some(opening).filter(|_| event_stream::is_one(&answer)),
        None => None,
    };
    let mut gathered = Gathered::new(&answer, 0);
    stamp(&mut answer, asking.request_id(), None);
    asking.answered(answer.status.as_u16());
    if let Some(opening) = opening {
        let mount = Mount::of(way.line, &call.head, way.from);
        event_stream::relay(way.gateway, *opening, (call, mount), answer, session, caller).await;
        caller.end().await;
        return Ok(());
    }
    let whole = match asking.rewriting(call, &answer) {
        Some(rewriting) => mcp::relay(rewriting, answer, session, caller, &mut gathered).await,
        None => relay::answer(answer, session, caller, &mut gathered).await,
    };
    if gathered.cut {
        return Err(Stop::Gone);
    }
    caller.end().await;
    if whole {
        way.gateway.dialer.release(connected, way.line).await;
    }
    Ok(())
}
