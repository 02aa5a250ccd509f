//! A held call over all the connections it waits on. Most wait on one, as long as their client stands it. MCP clients
//! that the table knows to come back are sent away in time and come back: by calling again with a state that the gate
//! has sealed (2026-07-28), or by asking for the rest of their stream (2025-11-25).

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use gate::{Agent, Hold, Refusal};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use pingora_http::ResponseHeader;
use rules::request::Head;
use serde_json::Value;

use super::{Asking, Came, open_stream, replay};
use crate::answer::Stop;
use crate::caller::Caller;
use crate::gateway::Gateway;
use crate::hold::{self, Woken};
use crate::mcp;
use crate::mcp::come_back::{self, ComeBack, For};
use crate::mcp::parked::AGAIN_AFTER;
use crate::patience::Patience;
use crate::release::{self, Way, stamp};
use crate::signs::HeldCall;
use crate::upstream::Line;
use crate::upstream::request::From;

/// Clients call again at most ten times (TypeScript and Python SDKs): the last leg ends with words.
const MOST_ROUNDS: u32 = 9;
/// What is left of its patience is not worth a way there and back.
const LEAST_LEG: Duration = Duration::from_millis(100);
/// How long clients that poll are kept at most; their intents expire before.
const POLLED_FOR: Duration = Duration::from_secs(24 * 3600);

/// How a client is kept when a leg is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kept {
    /// It is told to call again.
    No,
    Rounds,
    Polls,
}

/// How long this call is held, over how many legs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Legs {
    pub(super) kept: Kept,
    leg: Duration,
    /// Over all legs.
    pub(super) total: Duration,
    /// An operator has set it; else what ends it is the number of legs, or the intent's own end.
    bounded: bool,
    /// It has been sent back so many times already.
    round: u32,
}

impl Legs {
    /// `back`: what the call came back with.
    pub(super) fn new(kept: Kept, patience: &Patience, back: Option<&ComeBack>, now: gate::Timestamp) -> Legs {
        let round = back.map_or(0, |back| back.round);
        let leg = if kept == Kept::No { patience.alone() } else { patience.leg() };
        let total = match (kept, patience.set) {
            (Kept::No, _) => leg,
            (_, Some(set)) => back.and_then(|back| back.until).map_or(set, |until| now.until(until)),
            (Kept::Rounds, None) => leg * (MOST_ROUNDS + 1).saturating_sub(round),
            (Kept::Polls, None) => POLLED_FOR,
        };
        Legs { kept, leg: leg.min(total), total, bounded: patience.set.is_some(), round }
    }
}

/// All that a held call needs to go on, on whatever connection.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(super) hold: Hold,
    pub(super) back: Option<Box<mcp::Cancellable>>,
    pub(super) agent: Arc<Agent>,
    pub(super) line: Arc<Line>,
    pub(super) came: Came,
    /// The mount that was taken off.
    pub(super) prefix: String,
    pub(super) stored_response: usize,
    pub(super) legs: Legs,
    /// When its patience is over, and on which clock that is said to the client.
    pub(super) until: (Instant, Option<gate::Timestamp>),
    /// What its answers need, while it is between two connections.
    pub(super) parked: Option<Asking>,
}

/// Waits for one leg that began at `began`, and goes on as it ends.
pub(super) async fn go_on(
    gateway: &Gateway,
    caller: &mut Caller<'_>,
    asking: &mut Asking,
    mut waiting: Box<Waiting>,
    mut progress: Option<mcp::Progress>,
    began: Instant,
) -> Result<(), Stop> {
    let (last, _) = waiting.until;
    let until = (began + waiting.legs.leg).min(last);
    let Waiting { hold, back, .. } = &mut *waiting;
    let woken = hold::wait(hold, caller, (until, last), progress.as_mut(), back.as_deref(), HeldCall::begin()).await;
    let again = !waiting.legs.bounded || last.saturating_duration_since(Instant::now()) > LEAST_LEG;
    match woken {
        // A call that was taken back gets no answer (MCP, "Cancellation"); HTTP needs one.
        Ok(Woken::Cancelled(_)) if asking.streaming || asking.stream.is_some() => {
            caller.end().await;
            Ok(())
        }
        Ok(Woken::Cancelled(pending)) => Err(pending.into()),
        Ok(Woken::Answered(stored)) if asking.stream.is_some() => {
            Err(Refusal::AlreadyExecuted { intent: stored.intent }.into())
        }
        Ok(Woken::Answered(stored)) => replay(caller, asking, stored).await,
        Ok(Woken::Approved(approved)) => {
            let Waiting { line, came, prefix, stored_response, .. } = &*waiting;
            let from = From { client: came.client, tls: came.tls, direct: came.direct, prefix };
            let way = Way { gateway, line, from, stored_response: *stored_response };
            Box::pin(release::after_approval(&way, caller, asking, approved)).await
        }
        Ok(Woken::Over(_)) if again && waiting.legs.kept == Kept::Rounds && waiting.legs.round < MOST_ROUNDS => {
            Box::pin(once_more(gateway, caller, asking, &waiting)).await
        }
        Ok(Woken::Over(_)) if again && waiting.legs.kept == Kept::Polls && asking.streaming => {
            let event = come_back::closing(&ticket(gateway, asking, &waiting, For::Poll), AGAIN_AFTER);
            caller.body(event).await;
            // Its place is kept before it can know that it has to come back.
            park(gateway, asking, waiting);
            caller.end().await;
            Ok(())
        }
        Ok(Woken::Over(pending)) => Err(pending.into()),
        // Who was told how to come back may have lost the connection alone.
        Err(Stop::Gone) if waiting.legs.kept == Kept::Polls && waiting.legs.round > 0 => {
            park(gateway, asking, waiting);
            Err(Stop::Gone)
        }
        Err(stop) => Err(stop),
    }
}

fn ticket(gateway: &Gateway, asking: &Asking, waiting: &Waiting, purpose: For) -> String {
    let (_, until) = waiting.until;
    let id = asking.mcp.as_ref().map_or(Value::Null, |asked| asked.id().clone());
    let back = ComeBack { intent: waiting.hold.intent(), round: waiting.legs.round + 1, until, id };
    back.sealed(purpose, &gateway.gate, &waiting.agent, &waiting.line.name)
}

fn park(gateway: &Gateway, asking: &Asking, mut waiting: Box<Waiting>) {
    waiting.legs.round += 1;
    waiting.parked = Some(asking.clone());
    gateway.parked.park(waiting.hold.intent(), waiting);
}

/// Ends the leg with a result that has the client call again.
async fn once_more(gateway: &Gateway, caller: &mut Caller<'_>, asking: &Asking, waiting: &Waiting) -> Result<(), Stop> {
    let id = asking.mcp.as_ref().map_or(Value::Null, |asked| asked.id().clone());
    let message = come_back::round(&id, &ticket(gateway, asking, waiting, For::Round));
    if asking.streaming {
        caller.body(mcp::event(&message)).await;
        caller.end().await;
        return Ok(());
    }
    let body = Bytes::from(message.to_string());
    let mut head = ResponseHeader::build_no_case(200, Some(5)).map_err(|_| Stop::Internal)?;
    head.insert_header(CONTENT_TYPE, "application/json").map_err(|_| Stop::Internal)?;
    head.insert_header(CONTENT_LENGTH, body.len()).map_err(|_| Stop::Internal)?;
    stamp(&mut head, &asking.request_id, Some(waiting.hold.intent()));
    caller.answer(Box::new(head), body).await;
    Ok(())
}

/// A GET that asks for the rest of a stream which the gate closed.
pub(super) struct Polled {
    pub(super) back: ComeBack,
    pub(super) waiting: Option<Box<Waiting>>,
}

/// `None`: the head asks for something else.
pub(super) fn polled(gateway: &Gateway, agent: &Agent, line: &Line, head: &Head) -> Option<Result<Polled, Stop>> {
    let last = head.header("last-event-id").and_then(|id| std::str::from_utf8(id).ok())?;
    if head.method != "GET" || !come_back::polled(last) {
        return None;
    }
    let back = match ComeBack::read(last.trim(), For::Poll, &gateway.gate, agent, &line.name) {
        Ok(back) => back,
        Err(what) => {
            let what = format!("this event is of no stream of yours: {what}; send the call again");
            return Some(Err(rules::Malformed::new(400, what, "header last-event-id").into()));
        }
    };
    let waiting = gateway.parked.take(back.intent);
    Some(Ok(Polled { back, waiting }))
}

/// Goes on with a call on the connection of a poll.
pub(super) async fn poll(
    gateway: &Gateway,
    caller: &mut Caller<'_>,
    asking: &mut Asking,
    polled: Polled,
) -> Result<(), Stop> {
    let Polled { back, waiting } = polled;
    let request_id = std::mem::take(&mut asking.request_id);
    asking.intent = Some(back.intent);
    let Some(mut waiting) = waiting else {
        asking.request_id = request_id;
        // Told in the stream, as the answer to the call.
        asking.mcp = Some(mcp::Asked::of(back.id));
        open_stream(caller, asking, back.intent).await?;
        return Err(Stop::NotWaitedFor { intent: back.intent });
    };
    if let Some(parked) = waiting.parked.take() {
        *asking = Asking { request_id, streaming: false, ..parked };
    }
    let progress = open_stream(caller, asking, back.intent).await?;
    // What was decided between two polls was said to nobody.
    waiting.hold.look_again().await;
    go_on(gateway, caller, asking, waiting, progress, Instant::now()).await
}
