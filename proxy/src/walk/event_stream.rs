//! A stream of the old HTTP+SSE transport while it is open: what the server says goes through, with the endpoint for
//! messages led to the mount and lists of tools changed; what the gate says of calls that came as messages goes in
//! between; calls that are held are waited for here, so that they end with the stream and never outlive it unseen.

use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use gate::Agent;
use pingora_core::protocols::http::client::HttpSession;
use pingora_http::ResponseHeader;
use rules::Request;

use super::waiting::{self, Waiting};
use super::{Asking, Job, Stream};
use crate::answer::Answer;
use crate::caller::Caller;
use crate::gateway::Gateway;
use crate::mcp::event_streams::{Entered, EventStream, Said};
use crate::mcp::{self, Listing, events};
use crate::upstream::answer::Mount;

/// More than one message of a server is never kept.
const LARGEST_EVENT: usize = 64 * 1024 * 1024;

/// What is known of a stream that is being opened.
pub(crate) struct Opening {
    pub(super) agent: Arc<Agent>,
    pub(super) listing: Listing,
    /// `/k/KEY`, where the agent has its key there.
    pub(super) key: String,
}

/// Whether a server's answer to `call` is such a stream.
pub(crate) fn is_one(head: &ResponseHeader) -> bool {
    head.status == http::StatusCode::OK
        && mcp::is_stream(head)
        && !head.headers.contains_key(http::header::CONTENT_ENCODING)
}

/// Passes it on until either side ends it.
pub(crate) async fn relay(
    gateway: &Gateway,
    opening: Opening,
    (call, mount): (&Request, Mount<'_>),
    mut head: Box<ResponseHeader>,
    upstream: &mut HttpSession,
    caller: &mut Caller<'_>,
) {
    head.remove_header(&http::header::CONTENT_LENGTH);
    caller.head(head).await;
    let (stream, mut hears) = EventStream::open();
    let mut passing = Through { gateway, opening, call, mount, stream, entered: None };
    let mut held = FuturesUnordered::new();
    let mut splitter = events::Splitter::default();
    'open: loop {
        let mut reading = pin!(upstream.read_response_body());
        let part = loop {
            tokio::select! {
                biased;
                () = caller.hung_up() => break 'open,
                Some(said) = hears.recv() => match said {
                    Said::Event(event, written) => {
                        caller.body(event).await;
                        if !caller.is_gone() {
                            let _ = written.send(());
                        }
                    }
                    Said::Held(job) => held.push(Box::pin(wait(gateway, passing.stream.clone(), *job))),
                },
                Some(()) = held.next(), if !held.is_empty() => {}
                part = &mut reading => break part,
            }
        };
        let Ok(Some(part)) = part else { break };
        splitter.push(&part);
        while let Some(event) = splitter.next() {
            let Some(event) = passing.event(event) else { break 'open };
            caller.body(event).await;
        }
        if splitter.len() > LARGEST_EVENT {
            break;
        }
    }
    // Nobody can be told anything from here on; what is being sent is sent, and its outcome recorded.
    drop(passing);
    drop(hears);
    while held.next().await.is_some() {}
}

/// What goes through.
struct Through<'a> {
    gateway: &'a Gateway,
    opening: Opening,
    call: &'a Request,
    mount: Mount<'a>,
    stream: Arc<Stream>,
    entered: Option<Entered<'a, Job>>,
}

impl Through<'_> {
    /// An event as the client gets it; `None`: the stream must not go on.
    fn event(&mut self, event: Bytes) -> Option<Bytes> {
        let data = events::data(&event);
        if events::name(&event) != Some(b"endpoint") {
            return Some(self.opening.listing.event(event, data.as_deref()));
        }
        let upstream = &self.call.upstream.config.name;
        let said = data.and_then(|data| String::from_utf8(data).ok()).unwrap_or_default();
        let Some(target) = self.mount.below(said.trim(), &self.call.path) else {
            tracing::warn!(%upstream, endpoint = said, "its messages go to where the mount does not reach: give the server's root as `url`");
            return None;
        };
        let streams = &self.gateway.streams;
        self.entered = Some(streams.enter(&self.opening.agent, upstream, &target, &self.stream));
        Some(Bytes::from(format!("event: endpoint\ndata: {}{}{target}\n\n", self.opening.key, self.mount.prefix())))
    }
}

/// Waits for what people say of a call that came as a message.
async fn wait(gateway: &Gateway, stream: Arc<Stream>, (waiting, mut asking): (Box<Waiting>, Asking)) {
    let mut caller = Caller::of_stream(stream.clone());
    let progress = asking.mcp.as_ref().map(mcp::Asked::progress);
    let done = waiting::go_on(gateway, &mut caller, &mut asking, waiting, progress, Instant::now()).await;
    let Some(asked) = &asking.mcp else { return };
    let message = match done {
        // The server has taken it: its answer comes in the stream by itself.
        Ok(()) => caller.refused_with().map(|status| asked.failed(status)),
        Err(stop) => Answer::to(&stop, gateway.gate.now()).and_then(|answer| asked.told(&answer, &asking.admin_url)),
    };
    if let Some(message) = message {
        stream.tell(mcp::event(&message)).await;
    }
}
