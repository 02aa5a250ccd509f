//! The calls that are held for MCP clients, by what their clients call them, so that
//! `notifications/cancelled` ends the hold even where the client leaves the connection open.
//!
//! It ends the hold and never the intent: people can go on deciding, and the same call again takes it up.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use gate::AgentId;
use rules::Request;
use rules::request::Content;
use rules::request::mcp::Message;
use serde_json::Value;
use tokio::sync::Notify;

use super::{Asked, SESSION, header, value};

const CANCELLED: &str = "notifications/cancelled";

/// Ids are unique within a session only, and a session belongs to one agent at one upstream.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Name {
    agent: AgentId,
    upstream: String,
    session: String,
    /// As JSON: `1` and `"1"` are two.
    id: String,
}

#[derive(Debug, Default)]
pub(crate) struct HeldCalls {
    by_name: Mutex<HashMap<Name, Vec<Arc<Notify>>>>,
}

/// A call that a notification can end, until it is dropped.
#[derive(Debug)]
pub(crate) struct Cancellable {
    held: Arc<HeldCalls>,
    name: Name,
    cancelled: Arc<Notify>,
}

impl HeldCalls {
    /// From now on the call can be cancelled; `None` where it has no id.
    pub(crate) fn enter(
        self: &Arc<Self>,
        agent: AgentId,
        asked: Option<&Asked>,
        call: &Request,
    ) -> Option<Box<Cancellable>> {
        let asked = asked.filter(|asked| !asked.id.is_null())?;
        let name = Name::new(agent, call, &asked.id);
        let cancelled = Arc::new(Notify::new());
        self.by_name
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(name.clone())
            .or_default()
            .push(cancelled.clone());
        Some(Box::new(Cancellable { held: self.clone(), name, cancelled }))
    }

    /// Ends the hold that a message cancels, if it is such a message and there is one. Two clients without
    /// sessions may use one id at the same time: whose call is meant cannot be told then, and both are kept.
    pub(crate) fn note(&self, agent: AgentId, message: &Request) {
        match &message.content {
            Content::Mcp(one) => self.note_one(agent, message, one),
            Content::McpBatch(all) => all.iter().for_each(|one| self.note_one(agent, message, one)),
            _ => {}
        }
    }

    fn note_one(&self, agent: AgentId, message: &Request, notification: &Message) {
        if notification.method.as_deref() != Some(CANCELLED) {
            return;
        }
        let id = notification.params.as_ref().and_then(|params| params.member("requestId")).map_or(Value::Null, value);
        let name = Name::new(agent, message, &id);
        let by_name = self.by_name.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some([only]) = by_name.get(&name).map(Vec::as_slice) {
            only.notify_one();
        }
    }
}

impl Name {
    fn new(agent: AgentId, call: &Request, id: &Value) -> Name {
        // Where the head names none it may stand in the address (HTTP+SSE).
        let session = header(&call.head, SESSION).map_or(call.target.as_str(), str::trim).to_owned();
        Name { agent, upstream: call.upstream.config.name.clone(), session, id: id.to_string() }
    }
}

impl Cancellable {
    /// Resolves when the client has taken the call back. Cancel-safe.
    pub(crate) async fn cancelled(&self) {
        self.cancelled.notified().await;
    }
}

impl Drop for Cancellable {
    fn drop(&mut self) {
        let mut by_name = self.held.by_name.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(all) = by_name.get_mut(&self.name) {
            all.retain(|other| !Arc::ptr_eq(other, &self.cancelled));
            if all.is_empty() {
                by_name.remove(&self.name);
            }
        }
    }
}
