//! Changing an upstream's answer on its way to the caller: the id that this caller asked under, the
//! stream that is already open, the list of tools. What need not be changed passes byte for byte.

use bytes::Bytes;
use pingora_core::protocols::http::client::HttpSession;
use pingora_http::ResponseHeader;
use serde_json::{Value, json};

use super::events::{self, Splitter};
use super::listing::Listing;
use super::{event, is_stream};
use crate::caller::Caller;
use crate::relay::{self, Gathered};

/// An answer that is not a stream is gathered whole before it is changed.
const LARGEST_MESSAGE: usize = 64 * 1024 * 1024;

/// How an answer is changed on its way.
#[derive(Debug)]
pub(crate) struct Rewriting {
    pub(super) sent: Value,
    pub(super) wanted: Value,
    pub(super) stream_open: bool,
    pub(super) listing: Option<Listing>,
}

/// What was read in a message.
enum Read {
    Unreadable,
    /// It stays as it is.
    Same,
    Changed(Value),
}

impl Rewriting {
    /// A message with the caller's id instead of the one that was sent, and its list of tools as it is for them.
    fn message(&self, text: &[u8]) -> Read {
        let Ok(mut message) = serde_json::from_slice::<Value>(text) else { return Read::Unreadable };
        let Some(object) = message.as_object_mut() else { return Read::Unreadable };
        let mut changed = false;
        if self.sent != self.wanted && object.get("id") == Some(&self.sent) && is_answer(object) {
            object.insert("id".to_owned(), self.wanted.clone());
            changed = true;
        }
        if let Some(listing) = &self.listing {
            changed |= listing.change(object);
        }
        if changed { Read::Changed(message) } else { Read::Same }
    }

    /// What cannot be read must not be passed on.
    fn hides(&self) -> bool {
        self.listing.as_ref().is_some_and(Listing::hides)
    }

    fn failed(&self, status: u16) -> Value {
        failed(&self.wanted, status)
    }

    /// A whole body as the bytes for this caller.
    pub(crate) fn whole(&self, status: u16, is_stream: bool, body: &[u8]) -> Bytes {
        if is_stream {
            let mut splitter = Splitter::default();
            let mut out = Vec::with_capacity(body.len());
            splitter.push(body);
            while let Some(event) = splitter.next() {
                out.extend_from_slice(&self.event(&event));
            }
            return out.into();
        }
        let message = match self.message(body) {
            Read::Same if self.stream_open => return events::of(body),
            Read::Same => return Bytes::copy_from_slice(body),
            Read::Unreadable if !self.stream_open && !self.hides() => return Bytes::copy_from_slice(body),
            Read::Unreadable => self.failed(status),
            Read::Changed(message) => message,
        };
        if self.stream_open { event(&message) } else { Bytes::from(message.to_string()) }
    }

    /// One event; those that are no answer to the call pass as they are.
    fn event(&self, event_text: &[u8]) -> Bytes {
        if self.sent == self.wanted && self.listing.is_none() {
            return Bytes::copy_from_slice(event_text);
        }
        let Some(data) = events::data(event_text) else { return Bytes::copy_from_slice(event_text) };
        match self.message(&data) {
            Read::Changed(message) => event(&message),
            Read::Unreadable if self.hides() && !data.is_empty() => Bytes::new(),
            Read::Unreadable | Read::Same => Bytes::copy_from_slice(event_text),
        }
    }

    /// What stands after the last whole event.
    fn rest(&self, splitter: Splitter) -> Bytes {
        if self.hides() { Bytes::new() } else { splitter.rest() }
    }
}

/// The service answered, and said nothing that is a message.
pub(super) fn failed(id: &Value, status: u16) -> Value {
    let message =
        format!("The call was sent; the service behind the gate answered with HTTP status {status} and no message.");
    json!({ "jsonrpc": "2.0", "id": id, "error": { "code": -32000, "message": message } })
}

fn is_answer(message: &serde_json::Map<String, Value>) -> bool {
    message.contains_key("result") || message.contains_key("error")
}

/// The id in an answer.
pub(super) fn answered_id(is_stream: bool, body: &[u8]) -> Option<Value> {
    let id = |text: &[u8]| {
        let message: Value = serde_json::from_slice(text).ok()?;
        let object = message.as_object()?;
        is_answer(object).then(|| object.get("id").cloned()).flatten()
    };
    if !is_stream {
        return id(body);
    }
    let mut splitter = Splitter::default();
    splitter.push(body);
    while let Some(event) = splitter.next() {
        if let Some(found) = events::data(&event).and_then(|data| id(&data)) {
            return Some(found);
        }
    }
    None
}

/// Passes an upstream's answer on, changed for this caller. Says whether the upstream's side was read
/// to its end.
pub(crate) async fn relay(
    rewriting: Rewriting,
    mut head: Box<ResponseHeader>,
    upstream: &mut HttpSession,
    caller: &mut Caller<'_>,
    gathered: &mut Gathered,
) -> bool {
    let (status, stream) = (head.status.as_u16(), is_stream(&head));
    head.remove_header(&http::header::CONTENT_LENGTH);
    if stream {
        if !rewriting.stream_open {
            caller.head(head).await;
        }
        let mut splitter = Splitter::default();
        let mut ended = Ended::default();
        while let Some(part) = relay::part(upstream, caller, gathered).await {
            splitter.push(&part);
            while let Some(event) = splitter.next() {
                ended.look_at(&event);
                caller.body(rewriting.event(&event)).await;
            }
            if splitter.len() > LARGEST_MESSAGE {
                gathered.cut = true;
                return false;
            }
            if caller.is_gone() && gathered.is_pointless() {
                return false;
            }
        }
        caller.body(rewriting.rest(splitter)).await;
        if rewriting.stream_open && !gathered.cut && ended.without_answer() {
            caller.body(event(&rewriting.failed(status))).await;
        }
        return !gathered.cut;
    }
    // It is read here as it is: what says otherwise is wrong, or is replaced.
    head.remove_header(&http::header::CONTENT_ENCODING);
    let mut body = Vec::new();
    while let Some(part) = relay::part(upstream, caller, gathered).await {
        if body.len() + part.len() > LARGEST_MESSAGE || caller.is_gone() && gathered.is_pointless() {
            gathered.cut = true;
            return false;
        }
        body.extend_from_slice(&part);
    }
    if !gathered.cut {
        if !rewriting.stream_open {
            caller.head(head).await;
        }
        caller.body(rewriting.whole(status, false, &body)).await;
    }
    !gathered.cut
}

/// Whether a stream has said what its client waits for, or how to go on.
#[derive(Debug, Default)]
struct Ended {
    well: bool,
}

impl Ended {
    fn look_at(&mut self, event: &[u8]) {
        // Who was given an event's id can ask for what follows it (MCP 2025-11-25, "Resumability").
        self.well = self.well
            || event.split(|byte| matches!(byte, b'\n' | b'\r')).any(|line| line.starts_with(b"id:"))
            || answered_id(true, event).is_some();
    }

    fn without_answer(&self) -> bool {
        !self.well
    }
}

impl Rewriting {
    /// Whether an answer with this head has to be looked into: a coding that nobody asked for is not taken off,
    /// unless what it covers could name what is hidden.
    pub(crate) fn is_needed(&self, head: &ResponseHeader) -> bool {
        let coded = head.headers.contains_key(http::header::CONTENT_ENCODING);
        !coded || self.stream_open || self.sent != self.wanted || self.hides()
    }
}
