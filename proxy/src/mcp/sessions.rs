//! Which client opened which session: `clientInfo` stands only in the handshake, and how long a call
//! may be held depends on it. Bounded; what is forgotten is an unknown client.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use gate::AgentId;
use pingora_http::ResponseHeader;
use rules::Request;
use rules::request::json::Json;
use rules::request::{Content, Head};

const REMEMBERED: usize = 4096;
const LONGEST: usize = 128;

type Key = (AgentId, String);

#[derive(Debug, Default)]
pub(crate) struct Sessions {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    clients: HashMap<Key, Arc<str>>,
    order: VecDeque<Key>,
}

impl Sessions {
    /// The client of the session that a call belongs to.
    pub(crate) fn client(&self, agent: AgentId, head: &Head) -> Option<Arc<str>> {
        let session = super::header(head, super::SESSION).filter(|id| id.len() <= LONGEST)?;
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.clients.get(&(agent, session.to_owned())).cloned()
    }

    fn remember(&self, key: Key, client: Arc<str>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.clients.insert(key.clone(), client).is_none() {
            known.order.push_back(key);
            if known.order.len() > REMEMBERED
                && let Some(oldest) = known.order.pop_front()
            {
                known.clients.remove(&oldest);
            }
        }
    }
}

/// An `initialize` that is on its way.
#[derive(Debug)]
pub(crate) struct Handshake {
    agent: AgentId,
    client: Arc<str>,
}

impl Handshake {
    pub(crate) fn of(agent: AgentId, request: &Request) -> Option<Handshake> {
        let Content::Mcp(message) = &request.content else { return None };
        if message.method.as_deref() != Some("initialize") {
            return None;
        }
        match message.params.as_ref()?.member("clientInfo")?.member("name")? {
            Json::String(name) if name.len() <= LONGEST => Some(Handshake { agent, client: name.as_str().into() }),
            _ => None,
        }
    }

    /// The upstream has answered, and named the session.
    pub(crate) fn answered(self, head: &ResponseHeader, sessions: &Sessions) {
        let session = head.headers.get(super::SESSION).and_then(|value| value.to_str().ok());
        if let Some(session) = session.filter(|id| id.len() <= LONGEST) {
            sessions.remember((self.agent, session.to_owned()), self.client);
        }
    }
}
