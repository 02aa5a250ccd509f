//! JSON-RPC 2.0 messages as Model Context Protocol servers receive them over Streamable HTTP.

use super::json::{Json, folded};
use super::{Content, Head, Malformed};

mod batch;
mod mirrored;

const PARSE_ERROR: i32 = -32700;
const INVALID_REQUEST: i32 = -32600;
const INVALID_PARAMS: i32 = -32602;
/// MCP 2026-07-28: a header disagrees with the body.
const HEADER_MISMATCH: i32 = -32020;
const LONGEST_NAME: usize = 256;
const PARAM: &str = "mcp-param-";
/// Each is compared with all arguments.
const MOST_PARAMS: usize = 32;

/// One message.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// `None`: a response the client sends.
    pub method: Option<String>,
    /// As sent: a number or a string; `None` for notifications.
    pub id: Option<Json>,
    pub params: Option<Json>,
    /// Of `tools/call` and `prompts/get`: `params.name`.
    pub name: Option<String>,
    /// `params._meta.progressToken`.
    pub progress_token: Option<Json>,
}

/// What a request to an MCP server carries: a message, or a batch of them.
///
/// # Errors
/// As of [`Message::read`], or it is no batch that every server would read as this one.
pub(super) fn content(body: &[u8], head: &Head) -> Result<Content, Malformed> {
    match parsed(body)? {
        Json::List(items) => batch::read(items, head).map(Content::McpBatch),
        json => Message::checked(json, head).map(Content::Mcp),
    }
}

fn parsed(body: &[u8]) -> Result<Json, Malformed> {
    super::json::parse(body).map_err(|error| Malformed { rpc_code: Some(PARSE_ERROR), ..error })
}

/// Refuses a batch as a whole: it is never carried out in part.
pub(crate) fn refused_batch(messages: &[Message], what: &str) -> Malformed {
    let requests = messages.iter().filter(|message| message.method.is_some());
    let ids = requests.filter_map(|message| message.id.clone()).collect();
    Malformed { rpc_id: Some(Json::List(ids)), ..refuse(INVALID_REQUEST, what, "body") }
}

impl Message {
    /// Reads a message, and checks that the headers which mirror it say the same.
    ///
    /// # Errors
    /// A batch, or what is no request, notification or response by JSON-RPC 2.0; `rpc_code` says it.
    pub fn read(body: &[u8], head: &Head) -> Result<Message, Malformed> {
        Self::checked(parsed(body)?, head)
    }

    fn checked(json: Json, head: &Head) -> Result<Message, Malformed> {
        let id = json.member("id").filter(|id| is_id(id)).cloned();
        let message = message(json).map_err(|error| Malformed { rpc_id: id.clone(), ..error })?;
        message.check_headers(head).map_err(|error| Malformed { rpc_id: id, ..error })?;
        Ok(message)
    }

    /// The tool that a `tools/call` calls.
    #[must_use]
    pub fn tool(&self) -> Option<&str> {
        if self.method.as_deref() == Some("tools/call") { self.name.as_deref() } else { None }
    }

    /// `params.uri`, which resource methods carry.
    #[must_use]
    pub fn uri(&self) -> Option<&str> {
        match self.params.as_ref()?.member("uri")? {
            Json::String(uri) => Some(uri),
            _ => None,
        }
    }

    /// Where pointers start: the arguments of a tool or prompt, else the parameters.
    #[must_use]
    pub fn arguments(&self) -> Option<&Json> {
        match (&self.name, &self.params) {
            (Some(_), Some(params)) => params.member("arguments"),
            (_, params) => params.as_ref(),
        }
    }

    /// Messages that hold the session together and change nothing: the handshake, discovery,
    /// notifications and the client's own answers.
    #[must_use]
    pub fn is_protocol(&self) -> bool {
        match self.method.as_deref() {
            None => true,
            Some(
                "initialize"
                | "ping"
                | "server/discover"
                | "tools/list"
                | "resources/list"
                | "resources/templates/list"
                | "prompts/list"
                | "subscriptions/listen"
                | "logging/setLevel",
            ) => true,
            Some(method) => self.id.is_none() && method.starts_with("notifications/"),
        }
    }

    /// What mirrors the body in the head exists for intermediaries; the body is the truth.
    fn check_headers(&self, head: &Head) -> Result<(), Malformed> {
        let task = || match self.params.as_ref()?.member("taskId")? {
            Json::String(task) => Some(task.as_str()),
            _ => None,
        };
        let named = self.name.as_deref().or(self.uri()).or_else(task);
        for (header, said) in [("mcp-method", self.method.as_deref()), ("mcp-name", named)] {
            if let Some(value) = head.header(header)
                && mirrored::decoded(value).as_deref() != said
            {
                return Err(mismatch(header));
            }
        }
        let names = || head.headers.iter().filter_map(|(header, value)| Some((header.strip_prefix(PARAM)?, value)));
        if names().count() > MOST_PARAMS {
            return Err(refuse(INVALID_REQUEST, "more Mcp-Param headers than any tool has", "header"));
        }
        if names().next().is_some() {
            let arguments = mirrored::Arguments::of(self.tool().and_then(|_| self.arguments()));
            if let Some((name, _)) = names().find(|(name, value)| !arguments.agree(name, value)) {
                return Err(mismatch(&format!("{PARAM}{name}")));
            }
        }
        Ok(())
    }
}

fn mismatch(header: &str) -> Malformed {
    let what = format!("{header} does not say what the body says");
    refuse(HEADER_MISMATCH, &what, &format!("header {header}"))
}

fn message(json: Json) -> Result<Message, Malformed> {
    let invalid = |what: &str, at: &str| refuse(INVALID_REQUEST, what, &format!("body at {at}"));
    let members = match json {
        Json::Object(members) => members,
        Json::List(_) => {
            let what = "a batch, where one message is expected";
            return Err(refuse(INVALID_REQUEST, what, "body"));
        }
        _ => return Err(refuse(INVALID_REQUEST, "not a JSON-RPC message", "body")),
    };
    let (mut version, mut method, mut id, mut params, mut answer) = (None, None, None, None, false);
    for (key, value) in members {
        match key.as_str() {
            "jsonrpc" => version = Some(value),
            "method" => method = Some(value),
            "id" => id = Some(value),
            "params" => params = Some(value),
            "result" | "error" => answer = true,
            key if matches!(&*folded(key), "jsonrpc" | "method" | "id" | "params" | "result" | "error") => {
                return Err(invalid("keys of JSON-RPC are written in lower case", "/"));
            }
            _ => {}
        }
    }
    if version != Some(Json::String("2.0".to_owned())) {
        return Err(invalid("\"jsonrpc\" must be \"2.0\"", "/jsonrpc"));
    }
    let method = match method {
        None if answer => None,
        None => return Err(invalid("neither a method nor an answer", "/method")),
        Some(_) if answer => return Err(invalid("both a method and an answer", "/method")),
        Some(Json::String(method)) if is_name(&method) => Some(method),
        Some(_) => return Err(invalid("not the name of a method", "/method")),
    };
    // A server may answer an error to something it could not read with the id null.
    let id = match id {
        Some(Json::Null) if method.is_none() => None,
        Some(id) if !is_id(&id) => return Err(invalid("must be a short string or a whole number", "/id")),
        id => id,
    };
    let Some(method) = method else {
        return Ok(Message { method: None, id, params: None, name: None, progress_token: None });
    };
    match (&id, method.starts_with("notifications/")) {
        (None, false) => return Err(invalid("a request needs an id", "/id")),
        (Some(_), true) => return Err(invalid("a notification has no id", "/id")),
        _ => {}
    }
    let wrong = |what: &str, at: &str| refuse(INVALID_PARAMS, what, &format!("body at {at}"));
    if !matches!(params, None | Some(Json::Object(_))) {
        return Err(wrong("must be an object", "/params"));
    }
    if let Some(Json::Object(members)) = &params {
        let other_case = |key: &str| {
            let plain = folded(key);
            plain != key && matches!(&*plain, "name" | "arguments" | "uri" | "_meta")
        };
        if members.iter().any(|(key, _)| other_case(key)) {
            return Err(wrong("keys of MCP are written in lower case", "/params"));
        }
    }
    let member = |name: &str| params.as_ref().and_then(|params| params.member(name));
    let name = if matches!(method.as_str(), "tools/call" | "prompts/get") {
        if !matches!(member("arguments"), None | Some(Json::Object(_))) {
            return Err(wrong("must be an object", "/params/arguments"));
        }
        match member("name") {
            Some(Json::String(name)) if is_name(name) => Some(name.clone()),
            _ => return Err(wrong("must be a name in printable ASCII", "/params/name")),
        }
    } else {
        None
    };
    let progress_token =
        member("_meta").and_then(|meta| meta.member("progressToken")).filter(|token| is_id(token)).cloned();
    Ok(Message { method: Some(method), id, params, name, progress_token })
}

/// JSON-RPC 2.0 section 4: numbers should have no fraction. What is kept while a call waits is short.
fn is_id(id: &Json) -> bool {
    match id {
        Json::String(text) => text.len() <= LONGEST_NAME,
        Json::Number(number) => !number.contains(['.', 'e', 'E']),
        _ => false,
    }
}

/// Names that look alike must be alike: no other script, no zero-width characters, no space at the ends.
fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= LONGEST_NAME
        && name.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic())
        && name.trim() == name
}

fn refuse(code: i32, what: &str, place: &str) -> Malformed {
    Malformed { rpc_code: Some(code), ..Malformed::bad(what, place) }
}

#[cfg(test)]
mod tests;
