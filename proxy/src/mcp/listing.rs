//! A list of tools on its way to a caller: hidden tools are left out, and where the upstream says `announce`, the
//! description of a tool says that its calls may wait for a person.
//!
//! Calling a hidden tool has no route, so leaving it out hides nothing that could be used; it keeps a model from
//! trying.

use std::sync::Arc;

use bytes::Bytes;
use gate::{Agent, Gate};
use rules::request::mcp::Message;
use rules::request::{Content, json::Json};
use rules::ruleset::Routed;
use rules::{Request, Ruleset};
use serde_json::{Map, Value};

use super::tools::Tools;

const WAITS: &str = "Calls of this tool may wait until a person has approved them.";

/// How the answer to a `tools/list` is changed for one caller.
#[derive(Debug, Clone)]
pub(crate) struct Listing {
    gate: Gate,
    rules: Arc<Ruleset>,
    agent: Arc<Agent>,
    tools: Arc<Tools>,
    /// What asks for the list, or opens the stream in which lists come.
    request: Arc<Request>,
}

impl Listing {
    pub(crate) fn new(
        gate: Gate,
        rules: Arc<Ruleset>,
        agent: Arc<Agent>,
        tools: Arc<Tools>,
        request: &Request,
    ) -> Listing {
        Listing { gate, rules, agent, tools, request: Arc::new(request.clone()) }
    }

    /// `None`: the message asks for something else.
    pub(crate) fn is_asked_for(request: &Request) -> bool {
        matches!(&request.content, Content::Mcp(message) if message.method.as_deref() == Some("tools/list"))
    }

    /// What cannot be read could name what is hidden.
    pub(super) fn hides(&self) -> bool {
        self.request.upstream.hides_tools()
    }

    /// An event of a stream in which lists come among others.
    pub(crate) fn event(&self, event: Bytes, data: Option<&[u8]>) -> Bytes {
        let Some(data) = data.filter(|data| !data.is_empty()) else { return event };
        match serde_json::from_slice::<Value>(data) {
            Ok(Value::Object(mut message)) => match self.change(&mut message) {
                true => super::event(&Value::Object(message)),
                false => event,
            },
            // What cannot be read could name what is hidden.
            _ if self.hides() => Bytes::new(),
            _ => event,
        }
    }

    /// Changes a message, if it is such a list. Says whether it did.
    pub(super) fn change(&self, message: &mut Map<String, Value>) -> bool {
        let list = message.get_mut("result").and_then(|result| result.get_mut("tools"));
        let Some(Value::Array(tools)) = list else { return false };
        let upstream = &self.request.upstream;
        let before = tools.len();
        tools.retain(|tool| {
            let name = tool.get("name").and_then(Value::as_str);
            !upstream.hides_tools() || name.is_some_and(|name| !upstream.hides(&self.request.path, name))
        });
        let mut changed = tools.len() != before;
        for tool in tools.iter_mut().filter_map(Value::as_object_mut) {
            let Some(Value::String(name)) = tool.get("name") else { continue };
            self.tools.note(&upstream.config.name, name, tool.contains_key("outputSchema"));
            if upstream.config.announce && self.waits(name) {
                let told = match tool.get("description") {
                    Some(Value::String(said)) if !said.trim().is_empty() => format!("{}\n\n{WAITS}", said.trim_end()),
                    _ => WAITS.to_owned(),
                };
                tool.insert("description".to_owned(), told.into());
                changed = true;
            }
        }
        changed
    }

    /// Whether people would be asked about a call of this tool by this agent.
    fn waits(&self, tool: &str) -> bool {
        let text = |text: &str| Json::String(text.to_owned());
        let params = vec![("name".to_owned(), text(tool)), ("arguments".to_owned(), Json::Object(Vec::new()))];
        let mut call = Request::clone(&self.request);
        call.head.method = "POST".to_owned();
        call.content = Content::Mcp(Message {
            method: Some("tools/call".to_owned()),
            id: Some(text("list")),
            params: Some(Json::Object(params)),
            name: Some(tool.to_owned()),
            progress_token: None,
        });
        match self.rules.route(&call) {
            Ok(Routed::Action(hit)) => self.gate.would_ask(&self.rules, &self.agent, &call, &hit),
            _ => false,
        }
    }
}
