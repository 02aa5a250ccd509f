//! Changing an upstream's answer on its way to the caller: the id that this caller asked under, the
//! stream that is already open, the tools that are hidden from it.

use bytes::Bytes;
use pingora_core::protocols::http::client::HttpSession;
use pingora_http::ResponseHeader;
use serde_json::{Value, json};

use super::events::{self, Splitter};
use super::hidden::Hidden;
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
    pub(super) hidden: Option<Hidden>,
}

impl Rewriting {
    /// A message with the caller's id instead of the one that was sent, and without what is hidden.
    fn message(&self, text: &[u8]) -> Option<Value> {
        let mut message: Value = serde_json::from_slice(text).ok()?;
        let object = message.as_object_mut()?;
        if object.get("id") == Some(&self.sent) && (object.contains_key("result") || object.contains_key("error")) {
            object.insert("id".to_owned(), self.wanted.clone());
        }
        if let Some(hidden) = &self.hidden {
            hidden.leave_out(object);
        }
        Some(message)
    }

    fn failed(&self, status: u16) -> Value {
        let message = format!(
            "The call was sent; the service behind the gate answered with HTTP status {status} and no message."
        );
        json!({ "jsonrpc": "2.0", "id": self.wanted, "error": { "code": -32000, "message": message } })
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
        let message = self.message(body).unwrap_or_else(|| self.failed(status));
        if self.stream_open { event(&message) } else { Bytes::from(message.to_string()) }
    }

    /// One event; those that are no answer to the call pass as they are.
    fn event(&self, event_text: &[u8]) -> Bytes {
        if self.sent == self.wanted && self.hidden.is_none() {
            return Bytes::copy_from_slice(event_text);
        }
        let Some(data) = events::data(event_text) else { return Bytes::copy_from_slice(event_text) };
        match self.message(&data) {
            Some(message) => event(&message),
            // What cannot be read could say what is hidden.
            None if self.hidden.is_some() => Bytes::new(),
            None => Bytes::copy_from_slice(event_text),
        }
    }

    /// What stands after the last whole event.
    fn rest(&self, splitter: Splitter) -> Bytes {
        if self.hidden.is_some() { Bytes::new() } else { splitter.rest() }
    }
}

/// The id in an answer.
pub(super) fn answered_id(is_stream: bool, body: &[u8]) -> Option<Value> {
    let id = |text: &[u8]| {
        let message: Value = serde_json::from_slice(text).ok()?;
        let answer = message.get("result").is_some() || message.get("error").is_some();
        answer.then(|| message.get("id").cloned()).flatten()
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
        while let Some(part) = relay::part(upstream, caller, gathered).await {
            splitter.push(&part);
            while let Some(event) = splitter.next() {
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
