//! MCP upstreams: the same decisions, told in JSON-RPC.
//!
//! Widely installed clients lose their session, or the reason, on any status but 200, so refusals are
//! results that the model reads. A held call answers with an event stream at once; what the upstream
//! says later goes into that stream. [`sessions`] remembers whose a session is and which client opened it, because
//! only the handshake says it; [`held`] lets a client take a held call back; [`come_back`] and [`parked`] keep clients
//! past their own timers; [`event_streams`] are where the answers of the old HTTP+SSE transport go; [`listing`] and
//! [`rewriting`] change what a service says on its way.

use std::time::Duration;

use bytes::Bytes;
use pingora_http::ResponseHeader;
use rules::Request;
use rules::request::json::Json;
use rules::request::{Content, Head};
use serde_json::{Value, json};

use crate::answer::problem::approval_url;
use crate::answer::{Answer, Rpc};

pub(crate) mod come_back;
pub(crate) mod event_streams;
pub(crate) mod events;
mod held;
mod listing;
pub(crate) mod parked;
mod rewriting;
mod sessions;
mod tools;

pub(crate) use held::{Cancellable, HeldCalls};
pub(crate) use listing::Listing;
pub(crate) use rewriting::{Rewriting, relay};
use sessions::LONGEST_CLIENT;
pub(crate) use sessions::{Handshake, Sessions};
pub(crate) use tools::Tools;

/// Since this revision every result says of what kind it is.
const TYPED_RESULTS_SINCE: &str = "2026-07-28";
const SESSION: &str = "mcp-session-id";
const CLIENT_INFO: &str = "io.modelcontextprotocol/clientInfo";

/// What an MCP caller asked, as far as an answer needs it.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// JSON-RPC id; null where it is not known.
    id: Value,
    /// Of a batch: the ids of its requests. All of them are refused, or none.
    batch: Vec<Value>,
    tool: bool,
    /// An answer of the gate may carry `structuredContent`.
    structured: bool,
    typed: bool,
    /// The client takes event streams.
    streams: bool,
    /// It is sent as messages of HTTP+SSE are: the answer to it is read in a stream, and here nothing but the status.
    posted: bool,
    progress_token: Option<Value>,
    client: Option<String>,
    /// It asks for the list of tools.
    listing: Option<Listing>,
}

impl Asked {
    /// A message to an MCP upstream of which only the head is known yet.
    pub(crate) fn by_head(head: &Head) -> Option<Asked> {
        (head.method == "POST").then(|| Asked {
            id: Value::Null,
            batch: Vec::new(),
            tool: false,
            structured: true,
            typed: header(head, "mcp-protocol-version").is_some_and(|version| version >= TYPED_RESULTS_SINCE),
            streams: header(head, "accept").is_some_and(|accept| accept.contains("text/event-stream")),
            posted: is_posted(head),
            progress_token: None,
            client: None,
            listing: None,
        })
    }

    /// Nothing but the status of an answer is read on the connection it came on.
    pub(crate) fn is_posted(&self) -> bool {
        self.posted
    }

    /// Takes note of the message itself.
    pub(crate) fn read(&mut self, request: &Request, tools: &Tools) {
        if let Content::McpBatch(messages) = &request.content {
            let requests = messages.iter().filter(|message| message.method.is_some());
            self.batch = requests.filter_map(|message| message.id.as_ref()).map(value).collect();
        }
        if let Content::Mcp(message) = &request.content {
            self.id = message.id.as_ref().map_or(Value::Null, value);
            self.tool = message.tool().is_some();
            self.structured = match message.tool().map(|tool| tools.structured(&request.upstream.config.name, tool)) {
                Some(Some(has_schema)) => !has_schema,
                // No list has been seen since the start: the SDK that would mind runs on Node.
                _ => !header(&request.head, "user-agent").is_some_and(|agent| agent.starts_with("node")),
            };
            self.progress_token = message.progress_token.as_ref().map(value);
            let info =
                message.params.as_ref().and_then(|params| params.member("_meta")?.member(CLIENT_INFO)?.member("name"));
            self.client = match info {
                Some(Json::String(name)) if name.len() <= LONGEST_CLIENT => Some(name.clone()),
                _ => None,
            };
        }
    }

    /// The ids of what could not be read otherwise.
    pub(crate) fn read_ids(&mut self, id: &Json) {
        match id {
            Json::List(ids) => self.batch = ids.iter().map(value).collect(),
            id => self.id = value(id),
        }
    }

    /// A call that was made on another connection, of which only the id is known any more.
    pub(crate) fn of(id: Value) -> Asked {
        Asked {
            id,
            batch: Vec::new(),
            tool: true,
            structured: true,
            typed: false,
            streams: true,
            posted: false,
            progress_token: None,
            client: None,
            listing: None,
        }
    }

    /// To a client that waits for an answer of the service which is none.
    pub(crate) fn failed(&self, status: u16) -> Value {
        rewriting::failed(&self.id, status)
    }

    pub(crate) fn id(&self) -> &Value {
        &self.id
    }

    /// Its results say of what kind they are, so `input_required` can be one of them.
    pub(crate) fn is_typed(&self) -> bool {
        self.typed
    }

    /// The answer to it is changed as a list of tools.
    pub(crate) fn lists(&mut self, listing: Listing) {
        self.listing = Some(listing);
    }

    pub(crate) fn streams(&self) -> bool {
        self.streams && !self.id.is_null()
    }

    pub(crate) fn client(&self) -> Option<&str> {
        self.client.as_deref()
    }

    /// An answer of the gate, as the message that ends this call. `None`: it is told in HTTP.
    pub(crate) fn told(&self, answer: &Answer, admin_url: &str) -> Option<Value> {
        let error = |code: i32, id: &Value| {
            let mut data = json!({ "code": answer.code, "type": answer.kind });
            if let (Some(intent), Some(data)) = (answer.intent, data.as_object_mut()) {
                data.insert("intent_id".to_owned(), intent.to_string().into());
                data.insert("approval_url".to_owned(), approval_url(admin_url, intent).into());
            }
            json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": answer.detail, "data": data } })
        };
        let errors = |code: i32| match self.batch.as_slice() {
            [] => error(code, &self.id),
            ids => ids.iter().map(|id| error(code, id)).collect(),
        };
        match answer.rpc {
            Rpc::Http => None,
            Rpc::Error(code) | Rpc::ErrorWithStatus(code) => Some(errors(code)),
            Rpc::ToolError if !self.tool => Some(errors(-32000)),
            Rpc::ToolError => {
                let mut structured = json!({ "status": answer.code.to_lowercase() });
                if let (Some(intent), Some(structured)) = (answer.intent, structured.as_object_mut()) {
                    structured.insert("intent_id".to_owned(), intent.to_string().into());
                    structured.insert("approval_url".to_owned(), approval_url(admin_url, intent).into());
                }
                let mut result = json!({ "content": [{ "type": "text", "text": answer.detail }], "isError": true });
                if let Some(result) = result.as_object_mut() {
                    if self.structured {
                        result.insert("structuredContent".to_owned(), structured);
                    } else {
                        result.insert("_meta".to_owned(), json!({ "holdshort/refusal": structured }));
                    }
                    if self.typed {
                        result.insert("resultType".to_owned(), "complete".into());
                    }
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
        let sent = rewriting::answered_id(is_stream, body).unwrap_or_else(|| self.id.clone());
        Rewriting { sent, wanted: self.id.clone(), stream_open, listing: self.listing.clone() }
            .whole(status, is_stream, body)
    }

    /// How the answer to `call` must be changed for this caller: the stream is open, the call that was
    /// approved carried another id than this one, or it is a list of tools.
    pub(crate) fn rewriting(&self, call: &Request, stream_open: bool) -> Option<Rewriting> {
        let Content::Mcp(message) = &call.content else { return None };
        let sent = message.id.as_ref().map_or(Value::Null, value);
        (stream_open || sent != self.id || self.listing.is_some()).then(|| Rewriting {
            sent,
            wanted: self.id.clone(),
            stream_open,
            listing: self.listing.clone(),
        })
    }
}

fn header<'a>(head: &'a Head, name: &str) -> Option<&'a str> {
    head.header(name).and_then(|value| std::str::from_utf8(value).ok())
}

/// Servers of HTTP+SSE put the session into the address; clients of Streamable HTTP never do, and say what they take.
fn is_posted(head: &Head) -> bool {
    let query = head.query.as_deref().unwrap_or_default().to_ascii_lowercase();
    let session = query.split('&').any(|pair| pair.starts_with("sessionid=") || pair.starts_with("session_id="));
    let takes = header(head, "accept").unwrap_or_default();
    session && !takes.contains("text/event-stream") && !takes.contains("application/json")
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
    /// The call carried a progress token.
    pub(crate) fn is_asked_for(&self) -> bool {
        self.token.is_some()
    }

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

pub(crate) fn is_stream(head: &ResponseHeader) -> bool {
    head.headers.get(http::header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"))
}
