//! Whose session is whose, and which client opened it: `clientInfo` stands only in the handshake, and
//! how long a call may be held depends on it.
//!
//! A session id that a server gave to one agent is refused to every other, so that nobody reads another's
//! stream, answers in another's place or ends another's session. What is remembered is bounded by agent:
//! no agent can make the gate forget the sessions of others. A forgotten session, or one from before a
//! restart, is the server's to guard, and its client is unknown.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use gate::AgentId;
use pingora_http::ResponseHeader;
use rules::Request;
use rules::request::json::Json;
use rules::request::{Content, Head};

const REMEMBERED_PER_AGENT: usize = 256;
pub(super) const LONGEST_CLIENT: usize = 128;
/// Longer ids are cut here for the look-up; that two would then be the same is refused, not let through.
const LONGEST_ID: usize = 512;

/// An upstream's name and the id.
type Session = (String, String);

#[derive(Debug, Default)]
pub(crate) struct Sessions {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    owners: HashMap<Session, Owner>,
    by_age: HashMap<AgentId, VecDeque<Session>>,
}

#[derive(Debug)]
struct Owner {
    agent: AgentId,
    client: Option<Arc<str>>,
}

impl Sessions {
    /// Whether the head names a session that was opened by another agent.
    pub(crate) fn is_of_another(&self, agent: AgentId, upstream: &str, head: &Head) -> bool {
        let Some(session) = named(upstream, super::header(head, super::SESSION)) else { return false };
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.owners.get(&session).is_some_and(|owner| owner.agent != agent)
    }

    /// The client of the session that a call belongs to.
    pub(crate) fn client(&self, agent: AgentId, upstream: &str, head: &Head) -> Option<Arc<str>> {
        let session = named(upstream, super::header(head, super::SESSION))?;
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.owners.get(&session).filter(|owner| owner.agent == agent)?.client.clone()
    }

    fn remember(&self, session: Session, owner: Owner) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let agent = owner.agent;
        if let Some(before) = known.owners.insert(session.clone(), owner) {
            // The server gave the id again.
            let others = known.by_age.entry(before.agent).or_default();
            others.retain(|known| *known != session);
        }
        let own = known.by_age.entry(agent).or_default();
        own.push_back(session);
        if own.len() > REMEMBERED_PER_AGENT
            && let Some(oldest) = own.pop_front()
        {
            known.owners.remove(&oldest);
        }
    }
}

fn named(upstream: &str, id: Option<&str>) -> Option<Session> {
    let id = id?.trim();
    let end = id.char_indices().nth(LONGEST_ID).map_or(id.len(), |(at, _)| at);
    Some((upstream.to_owned(), id.get(..end)?.to_owned()))
}

/// An `initialize` that is on its way.
#[derive(Debug)]
pub(crate) struct Handshake {
    agent: AgentId,
    upstream: String,
    client: Option<Arc<str>>,
}

impl Handshake {
    pub(crate) fn of(agent: AgentId, request: &Request) -> Option<Handshake> {
        let Content::Mcp(message) = &request.content else { return None };
        if message.method.as_deref() != Some("initialize") {
            return None;
        }
        let info = message.params.as_ref().and_then(|params| params.member("clientInfo")?.member("name"));
        let client = match info {
            Some(Json::String(name)) if name.len() <= LONGEST_CLIENT => Some(name.as_str().into()),
            _ => None,
        };
        Some(Handshake { agent, upstream: request.upstream.config.name.clone(), client })
    }

    /// The upstream has answered, and named the session.
    pub(crate) fn answered(self, head: &ResponseHeader, sessions: &Sessions) {
        let Handshake { agent, upstream, client } = self;
        let id = head.headers.get(super::SESSION).and_then(|value| value.to_str().ok());
        if let Some(session) = named(&upstream, id) {
            sessions.remember(session, Owner { agent, client });
        }
    }
}

#[cfg(test)]
mod tests {
    use gate::{AgentId, Timestamp};

    use super::{Owner, REMEMBERED_PER_AGENT, Sessions, named};

    #[test]
    fn no_agent_makes_the_gate_forget_the_sessions_of_others() {
        let sessions = Sessions::default();
        let [one, other] = [AgentId::new(Timestamp(1)), AgentId::new(Timestamp(2))];
        let session = |id: &str| named("files", Some(id)).unwrap();
        sessions.remember(session("first"), Owner { agent: one, client: None });
        for at in 0..REMEMBERED_PER_AGENT * 2 {
            sessions.remember(session(&format!("{at}")), Owner { agent: other, client: None });
        }
        let known = sessions.known.lock().unwrap();
        assert_eq!(known.owners.len(), 1 + REMEMBERED_PER_AGENT);
        assert_eq!(known.owners[&session("first")].agent, one);
        assert!(!known.owners.contains_key(&session("0")));
    }

    #[test]
    fn an_id_belongs_to_whom_the_server_gave_it_last_and_to_one_upstream() {
        let sessions = Sessions::default();
        let [one, other] = [AgentId::new(Timestamp(1)), AgentId::new(Timestamp(2))];
        for agent in [one, other, other] {
            sessions.remember(named("files", Some("s")).unwrap(), Owner { agent, client: None });
        }
        let known = sessions.known.lock().unwrap();
        assert_eq!(known.owners[&named("files", Some(" s ")).unwrap()].agent, other);
        assert!(!known.owners.contains_key(&named("mail", Some("s")).unwrap()));
        assert!(known.by_age[&one].is_empty() && known.by_age[&other].len() == 1);
    }
}
