//! The one sending of a released call, and what came of it.
//!
//! INVARIANT: an upstream request of a route is written here only, and only with a [`Released`]. It is
//! written once: whatever fails after the first byte is recorded as unknown, never tried again.

use std::time::{Duration, Instant};

use gate::release::Sent;
use gate::{Approved, IntentId, Refusal, Released};
use http::{HeaderName, HeaderValue};
use rules::Request;
use rules::request::BodyFraming;

use crate::answer::Stop;
use crate::caller::Caller;
use crate::gateway::Gateway;
use crate::mcp;
use crate::relay::{self, Gathered, Lost};
use crate::signs;
use crate::upstream::Line;
use crate::upstream::answer::make_ours;
use crate::upstream::dial::Connected;
use crate::upstream::request::{self, From, Proof};
use crate::walk::Asking;

static REQUEST: HeaderName = HeaderName::from_static("holdshort-request");
static INTENT: HeaderName = HeaderName::from_static("holdshort-intent");

/// What sending needs besides the call.
#[derive(Clone, Copy)]
pub(crate) struct Way<'a> {
    pub(crate) gateway: &'a Gateway,
    pub(crate) line: &'a Line,
    pub(crate) from: From<'a>,
    /// Largest answer kept for a caller who is gone.
    pub(crate) stored_response: usize,
}

/// What the gate released at once.
///
/// # Errors
/// There is no answer of the upstream to give.
pub(crate) async fn at_once(
    way: &Way<'_>,
    caller: &mut Caller<'_>,
    asking: &mut Asking,
    released: Released,
) -> Result<(), Stop> {
    let dialer = &way.gateway.dialer;
    let connected = match released.by_people() {
        true => dialer.fresh(way.line).await,
        false => dialer.pooled(way.line).await,
    };
    match connected {
        Ok(connected) => send(way, caller, asking, released, connected).await,
        Err(why) => {
            let intent = released.intent();
            released.failed(&why).await;
            Err(Refusal::UpstreamUnreachable { intent }.into())
        }
    }
}

/// What people approved while the caller waited: connect, claim, send.
///
/// # Errors
/// There is no answer of the upstream to give.
pub(crate) async fn after_approval(
    way: &Way<'_>,
    caller: &mut Caller<'_>,
    asking: &mut Asking,
    approved: Approved,
) -> Result<(), Stop> {
    let woken_at = Instant::now();
    // Headers and secrets as they are now; at another address nothing is sent, as the claim finds.
    let snapshot = way.gateway.lines.of(way.gateway.gate.rules());
    let line = snapshot.line(&way.line.name).filter(|line| line.origin == way.line.origin);
    let way = &Way { line: line.map_or(way.line, |line| line), ..*way };
    let connected = match caller.meanwhile(way.gateway.dialer.fresh(way.line)).await {
        Ok(connected) => connected,
        Err(why) => return Err(approved.unreachable(&why).await.into()),
    };
    // Not claimed, it stays approved and waits for the caller to come back.
    if caller.is_gone() {
        return Err(Stop::Gone);
    }
    let released = approved.claim().await?;
    signs::released_after(woken_at.elapsed());
    send(way, caller, asking, released, connected).await
}

async fn send(
    way: &Way<'_>,
    caller: &mut Caller<'_>,
    asking: &mut Asking,
    released: Released,
    mut connected: Connected,
) -> Result<(), Stop> {
    let intent = released.intent();
    asking.intent = Some(intent);
    let call = released.request().clone();
    let permit = match released.permit() {
        Ok(permit) => permit,
        Err(error) => {
            tracing::error!(%intent, %error, "no permit can be signed; nothing is sent");
            released.failed("no permit could be signed").await;
            return Err(Refusal::Unavailable { intent: Some(intent), why: "no permit can be signed".to_owned() }.into());
        }
    };
    if !released.by_people() {
        // A batch of records lets many calls go at once: all of them sign, then all of them send. So what signing needs
        // stays in the cache, and the services behind are woken once for many instead of once for each.
        tokio::task::yield_now().await;
    }
    let proof = Proof { permit: permit.as_deref(), content_digest: &call.content_digest };
    let head = match build(way, &call, proof, connected.session.as_http2().is_some()) {
        Ok(head) => head,
        Err(error) => {
            tracing::error!(%intent, %error, "the upstream request cannot be built; nothing is sent");
            released.failed("the upstream request could not be built").await;
            return Err(Stop::Internal);
        }
    };
    // The process may have been stopped since the last look; what was found then need not hold any more.
    if released.is_stale(Duration::ZERO) && (released.by_people() || released.is_stale(way.line.connects_within())) {
        tracing::warn!(%intent, "too long between the last look and the sending; nothing is sent");
        released.failed("the gate was stopped between the claim and the sending; nothing was sent").await;
        let why = "the gate was stopped for too long just before the sending".to_owned();
        return Err(Refusal::Unavailable { intent: Some(intent), why }.into());
    }
    let started = Instant::now();
    if let Err(error) = connected.write(head, call.body.clone()).await {
        return Err(unknown(released, &call, &format!("the request could not be written whole: {error}")).await);
    }
    let mut answer = match relay::head(&mut connected.session, caller).await {
        Ok(head) => head,
        Err(Lost::Silent(why)) => return Err(unknown(released, &call, &why).await),
        Err(Lost::Unasked) => {
            released.unknown("the upstream switched protocols, which was not asked for").await;
            return Err(Stop::BadAnswer { intent: Some(intent) });
        }
    };
    if make_ours(&mut answer, way.line, &call.head, way.from).is_err() {
        released.unknown("the head of the answer could not be read").await;
        return Err(Stop::BadAnswer { intent: Some(intent) });
    }
    let limit = if released.by_people() { way.stored_response } else { 0 };
    let mut gathered = Gathered::new(&answer, limit);
    stamp(&mut answer, asking.request_id(), Some(intent));
    let whole = match asking.rewriting(&call, &answer) {
        Some(rewriting) => mcp::relay(rewriting, answer, &mut connected.session, caller, &mut gathered).await,
        None => relay::answer(answer, &mut connected.session, caller, &mut gathered).await,
    };
    let delivered = if gathered.cut { false } else { caller.end().await };
    let (cut, status) = (gathered.cut, gathered.status);
    let sent = Sent {
        status,
        duration: started.elapsed(),
        excerpt: gathered.excerpt(),
        delivered,
        answer: if delivered { None } else { gathered.stored(intent) },
    };
    released.executed(sent).await;
    asking.answered(status);
    if whole {
        way.gateway.dialer.release(connected, way.line).await;
    }
    match cut {
        false => Ok(()),
        // What was begun can only be broken off.
        true if caller.told() && !asking.is_streaming() => Err(Stop::Gone),
        true => Err(Stop::BadAnswer { intent: Some(intent) }),
    }
}

fn build(
    way: &Way<'_>,
    call: &Request,
    proof: Proof<'_>,
    h2: bool,
) -> Result<Box<pingora_http::RequestHeader>, pingora_error::BError> {
    let framing = BodyFraming::Length(call.body.len() as u64);
    let mut head = request::build(way.line, &call.head, &call.target, framing, way.from, Some(proof))?;
    if h2 {
        request::into_h2(&mut head, way.line.tls)?;
    }
    Ok(head)
}

async fn unknown(released: Released, call: &Request, why: &str) -> Stop {
    let intent = released.intent();
    tracing::warn!(%intent, why, "written to the upstream, no answer");
    released.unknown(why).await;
    Refusal::OutcomeUnknown { intent, safe_method: matches!(call.head.method.as_str(), "GET" | "HEAD" | "OPTIONS") }
        .into()
}

/// Ids that every answer carries.
pub(crate) fn stamp(head: &mut pingora_http::ResponseHeader, request_id: &str, intent: Option<IntentId>) {
    let stamped = head.insert_header(REQUEST.clone(), request_id).is_ok()
        && intent.is_none_or(|intent| {
            HeaderValue::try_from(intent.to_string()).is_ok_and(|id| head.insert_header(INTENT.clone(), id).is_ok())
        });
    debug_assert!(stamped, "ids are header values");
}
