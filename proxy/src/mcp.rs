//! MCP upstreams: the same decisions, told in JSON-RPC.
//!
//! Widely installed clients lose their session, or the reason, on any status but 200, so refusals are
//! results that the model reads. A held call answers with an event stream at once; what the upstream
//! says later goes into that stream. [`sessions`] remembers which client opened a session, because
//! only the handshake says it.

use std::time::Duration;

use bytes::Bytes;
use pingora_core::protocols::http::client::HttpSession;
use pingora_http::ResponseHeader;
use rules::Request;
use rules::request::json::Json;
use rules::request::{Content, Head};
use serde_json::{Value, json};

use crate::answer::problem::approval_url;
use crate::answer::{Answer, Rpc};
use crate::caller::Caller;
use crate::relay::{self, Gathered};

mod events;
mod sessions;

pub(crate) use events::Splitter;
pub(crate) use sessions::{Handshake, Sessions};

/// Since this revision every result says of what kind it is.
const TYPED_RESULTS_SINCE: &str = "2026-07-28";
const SESSION: &str = "mcp-session-id";
const CLIENT_INFO: &str = "io.modelcontextprotocol/clientInfo";
/// An answer that is not a stream is gathered whole before it goes into one.
const LARGEST_MESSAGE: usize = 64 * 1024 * 1024;

/// What an MCP caller asked, as far as an answer needs it.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// JSON-RPC id; null where it is not known.
    id: Value,
    tool: bool,
    typed: bool,
    /// The client takes event streams.
    streams: bool,
    progress_token: Option<Value>,
    client: Option<String>,
}

impl Asked {
    /// A message to an MCP upstream of which only the head is known yet.
    pub(crate) fn by_head(head: &Head) -> Option<Asked> {
        (head.method == "POST").then(|| Asked {
            id: Value::Null,
            tool: false,
            typed: header(head, "mcp-protocol-version").is_some_and(|version| version >= TYPED_RESULTS_SINCE),
            streams: header(head, "accept").is_some_and(|accept| accept.contains("text/event-stream")),
            progress_token: None,
            client: None,
        })
    }

    /// Takes note of the message itself.
    pub(crate) fn read(&mut self, request: &Request) {
        if let Content::Mcp(message) = &request.content {
            self.id = message.id.as_ref().map_or(Value::Null, value);
            self.tool = message.tool().is_some();
            self.progress_token = message.progress_token.as_ref().map(value);
            let info =
                message.params.as_ref().and_then(|params| params.member("_meta")?.member(CLIENT_INFO)?.member("name"));
            self.client = match info {
                Some(Json::String(name)) => Some(name.clone()),
                _ => None,
            };
        }
    }

    /// The id of a message that could not be read otherwise.
    pub(crate) fn read_id(&mut self, id: &Json) {
        self.id = value(id);
    }

    pub(crate) fn streams(&self) -> bool {
        self.streams && self.tool
    }

    pub(crate) fn client(&self) -> Option<&str> {
        self.client.as_deref()
    }

    /// An answer of the gate, as the message that ends this call. `None`: it is told in HTTP.
    pub(crate) fn told(&self, answer: &Answer, admin_url: &str) -> Option<Value> {
        let error = |code: i32| {
            let mut data = json!({ "code": answer.code, "type": answer.kind });
            if let (Some(intent), Some(data)) = (answer.intent, data.as_object_mut()) {
                data.insert("intent_id".to_owned(), intent.to_string().into());
                data.insert("approval_url".to_owned(), approval_url(admin_url, intent).into());
            }
            json!({ "jsonrpc": "2.0", "id": self.id, "error": { "code": code, "message": answer.detail, "data": data } })
        };
        match answer.rpc {
            Rpc::Http => None,
            Rpc::Error(code) | Rpc::ErrorWithStatus(code) => Some(error(code)),
            Rpc::ToolError if !self.tool => Some(error(-32000)),
            Rpc::ToolError => {
                let mut structured = json!({ "status": answer.code.to_lowercase() });
                if let (Some(intent), Some(structured)) = (answer.intent, structured.as_object_mut()) {
                    structured.insert("intent_id".to_owned(), intent.to_string().into());
                    structured.insert("approval_url".to_owned(), approval_url(admin_url, intent).into());
                }
                let mut result = json!({
                    "content": [{ "type": "text", "text": answer.detail }],
                    "structuredContent": structured,
                    "isError": true,
                });
                if self.typed
                    && let Some(result) = result.as_object_mut()
                {
                    result.insert("resultType".to_owned(), "complete".into());
                }
                Some(json!({ "jsonrpc": "2.0", "id": self.id, "result": result }))
            }
        }
    }

    pub(crate) fn progress(&self) -> Progress {
        Progress { token: self.progress_token.clone(), done: 0 }
    }

    /// A kept answer with this caller's id in it.
    pub(crate) fn replayed(&self, status: u16, is_stream: bool, body: &[u8], stream_open: bool) -> Bytes {
        // Whatever id the kept answer carries was that of the call it answered.
        let sent = answered_id(is_stream, body).unwrap_or_else(|| self.id.clone());
        Rewriting { sent, wanted: self.id.clone(), stream_open }.whole(status, is_stream, body)
    }

    /// How the answer to `call` must be changed for this caller: the stream is open, or the call that
    /// was approved carried another id than this one.
    pub(crate) fn rewriting(&self, call: &Request, stream_open: bool) -> Option<Rewriting> {
        let Content::Mcp(message) = &call.content else { return None };
        let sent = message.id.as_ref().map_or(Value::Null, value);
        (stream_open || sent != self.id).then(|| Rewriting { sent, wanted: self.id.clone(), stream_open })
    }
}

fn header<'a>(head: &'a Head, name: &str) -> Option<&'a str> {
    head.header(name).and_then(|value| std::str::from_utf8(value).ok())
}

/// Only ids and tokens come here: strings and numbers.
fn value(json: &Json) -> Value {
    match json {
        Json::String(text) => Value::String(text.clone()),
        Json::Number(text) => serde_json::from_str(text).unwrap_or(Value::Null),
        _ => Value::Null,
    }
}

/// The head of a stream that is opened while a call is held.
pub(crate) fn stream_head(
    request_id: &str,
    intent: gate::IntentId,
) -> Result<Box<ResponseHeader>, pingora_error::BError> {
    let mut head = ResponseHeader::build_no_case(200, Some(8))?;
    head.insert_header("content-type", "text/event-stream")?;
    head.insert_header("cache-control", "no-store")?;
    head.insert_header("x-accel-buffering", "no")?;
    crate::release::stamp(&mut head, request_id, Some(intent));
    Ok(Box::new(head))
}

/// One message as an event.
pub(crate) fn event(message: &Value) -> Bytes {
    Bytes::from(format!("event: message\ndata: {message}\n\n"))
}

/// Signs of life while a call is held.
#[derive(Debug)]
pub(crate) struct Progress {
    token: Option<Value>,
    done: u64,
}

impl Progress {
    /// The next one: a comment, or a progress notification where the caller asked for them.
    pub(crate) fn next(&mut self, waiting_for: &str, left: Duration) -> Bytes {
        let Some(token) = &self.token else { return Bytes::from_static(b": waiting for approval\n\n") };
        self.done += 1;
        let message = format!("Not executed yet: waiting for {waiting_for}; held for another {} s.", left.as_secs());
        event(&json!({
            "jsonrpc": "2.0",
            "method": "notifications/progress",
            "params": { "progressToken": token, "progress": self.done, "message": message },
        }))
    }
}

/// How an answer is changed on its way.
#[derive(Debug)]
pub(crate) struct Rewriting {
    sent: Value,
    wanted: Value,
    stream_open: bool,
}

impl Rewriting {
    /// A message with the caller's id instead of the one that was sent.
    fn message(&self, text: &[u8]) -> Option<Value> {
        let mut message: Value = serde_json::from_slice(text).ok()?;
        let object = message.as_object_mut()?;
        if object.get("id") == Some(&self.sent) && (object.contains_key("result") || object.contains_key("error")) {
            object.insert("id".to_owned(), self.wanted.clone());
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
        if self.sent != self.wanted
            && let Some(message) = events::data(event_text).and_then(|data| self.message(&data))
        {
            return event(&message);
        }
        Bytes::copy_from_slice(event_text)
    }
}

/// The id in an answer.
fn answered_id(is_stream: bool, body: &[u8]) -> Option<Value> {
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

pub(crate) fn is_stream(head: &ResponseHeader) -> bool {
    head.headers.get(http::header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"))
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
            if caller.is_gone() && gathered.is_pointless() {
                return false;
            }
        }
        caller.body(splitter.rest()).await;
        return !gathered.cut;
    }
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
