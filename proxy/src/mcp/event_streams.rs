//! The streams in which clients of the old HTTP+SSE transport (MCP 2024-11-05) get their answers.
//!
//! There a client opens a stream, is told in its first event where to send messages, and a message that was sent is
//! answered `202`: what comes of it comes in the stream. So a call that is refused or held can be told in no other
//! place. A `202` says that the answer will come there: it is given only when the stream has taken it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use gate::Agent;
use tokio::sync::{mpsc, oneshot};

const WAITING_TO_BE_WRITTEN: usize = 16;

/// What is said into a stream, or is to be done while it is open. `J`: a call that is held.
pub(crate) enum Said<J> {
    Event(Bytes, oneshot::Sender<()>),
    Held(Box<J>),
}

/// One open stream.
#[derive(Debug)]
pub(crate) struct EventStream<J> {
    said: mpsc::Sender<Said<J>>,
}

impl<J> EventStream<J> {
    pub(crate) fn open() -> (Arc<EventStream<J>>, mpsc::Receiver<Said<J>>) {
        let (said, hears) = mpsc::channel(WAITING_TO_BE_WRITTEN);
        (Arc::new(EventStream { said }), hears)
    }

    /// Says whether it was written to the client.
    pub(crate) async fn tell(&self, event: Bytes) -> bool {
        let (done, written) = oneshot::channel();
        self.said.send(Said::Event(event, done)).await.is_ok() && written.await.is_ok()
    }

    /// Has a call held as long as the stream is open; `Err`: it is not open any more.
    pub(crate) async fn hold(&self, job: J) -> Result<(), ()> {
        self.said.send(Said::Held(Box::new(job))).await.map_err(drop)
    }

    /// Resolves when the stream has ended.
    pub(crate) async fn ended(&self) {
        self.said.closed().await;
    }
}

/// An upstream's name, and where its messages are to be sent: path below the mount, with the query.
type Endpoint = (String, String);

/// Whose it is, and the stream.
type Owned<J> = (String, Arc<EventStream<J>>);

#[derive(Debug)]
pub(crate) struct EventStreams<J> {
    by_endpoint: Mutex<HashMap<Endpoint, Owned<J>>>,
}

impl<J> Default for EventStreams<J> {
    fn default() -> EventStreams<J> {
        EventStreams { by_endpoint: Mutex::default() }
    }
}

/// Whose stream a message belongs to.
#[derive(Debug)]
pub(crate) enum Whose<J> {
    Nobodys,
    Own(Arc<EventStream<J>>),
    AnotherAgents,
}

impl<J> EventStreams<J> {
    pub(crate) fn find(&self, agent: &Agent, upstream: &str, path: &str, query: Option<&str>) -> Whose<J> {
        let all = self.by_endpoint.lock().unwrap_or_else(PoisonError::into_inner);
        if all.is_empty() {
            return Whose::Nobodys;
        }
        let target = query.map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
        match all.get(&(upstream.to_owned(), target)) {
            None => Whose::Nobodys,
            Some((owner, stream)) if *owner == who(agent) => Whose::Own(stream.clone()),
            Some(_) => Whose::AnotherAgents,
        }
    }

    /// The stream's server has said where its messages go; until the returned value is dropped they are known.
    pub(crate) fn enter<'s>(
        &'s self,
        agent: &Agent,
        upstream: &str,
        target: &str,
        stream: &Arc<EventStream<J>>,
    ) -> Entered<'s, J> {
        let endpoint = (upstream.to_owned(), target.to_owned());
        let mut all = self.by_endpoint.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(endpoint.clone(), (who(agent), stream.clone()));
        Entered { streams: self, endpoint, stream: stream.clone() }
    }
}

fn who(agent: &Agent) -> String {
    format!("{}/{}", agent.project, agent.fingerprint)
}

/// An endpoint that is known.
#[derive(Debug)]
pub(crate) struct Entered<'s, J> {
    streams: &'s EventStreams<J>,
    endpoint: Endpoint,
    stream: Arc<EventStream<J>>,
}

impl<J> Drop for Entered<'_, J> {
    fn drop(&mut self) {
        let mut all = self.streams.by_endpoint.lock().unwrap_or_else(PoisonError::into_inner);
        if all.get(&self.endpoint).is_some_and(|(_, stream)| Arc::ptr_eq(stream, &self.stream)) {
            all.remove(&self.endpoint);
        }
    }
}
