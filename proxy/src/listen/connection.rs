//! What the accept loop, the bytes of a connection and the calls that come over it tell each other.
//!
//! A call finds it in what pingora carries along with a connection.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use pingora_core::protocols::http::ServerSession;
use pingora_core::protocols::raw_connect::ProxyDigest;
use pingora_http::ResponseHeader;
use rules::Malformed;

use super::head_deadline::HeadDeadline;

#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) head: HeadDeadline,
    /// Why the body that is being read cannot be read on.
    broken_body: OnceLock<Box<Malformed>>,
    /// What follows is another protocol.
    switched: AtomicBool,
    /// A call over HTTP/1.1 is being answered: what comes now is for later, or the end.
    answering: AtomicBool,
}

impl Connection {
    /// One that was accepted now, and must deliver a head within that time.
    pub(crate) fn new(head_within: Duration) -> Arc<Connection> {
        Arc::new(Connection {
            head: HeadDeadline::new(head_within),
            broken_body: OnceLock::new(),
            switched: AtomicBool::new(false),
            answering: AtomicBool::new(false),
        })
    }

    /// The form in which pingora carries it.
    pub(crate) fn carried(self: &Arc<Connection>) -> Option<ProxyDigest> {
        let nothing = Box::new(ResponseHeader::build_no_case(200, Some(0)).ok()?);
        Some(ProxyDigest::new(nothing, Some(Box::new(self.clone()))))
    }

    /// That over which a request came.
    pub(crate) fn of(session: &ServerSession) -> Option<&Connection> {
        let carried = session.digest()?.proxy_digest.as_ref()?.user_data.as_ref()?;
        carried.downcast_ref::<Arc<Connection>>().map(|connection| &**connection)
    }

    pub(crate) fn body_broke(&self, malformed: Malformed) {
        let _ = self.broken_body.set(Box::new(malformed));
    }

    pub(crate) fn broken_body(&self) -> Option<&Malformed> {
        self.broken_body.get().map(|malformed| &**malformed)
    }

    /// The service behind has agreed to another protocol.
    pub(crate) fn switches(&self) {
        self.switched.store(true, Ordering::Relaxed);
    }

    /// While it is being answered, nothing that comes behind a call is handed on, and its end is told at once.
    pub(crate) fn answers(&self, answering: bool) {
        self.answering.store(answering, Ordering::Relaxed);
    }

    pub(super) fn is_answering(&self) -> bool {
        self.answering.load(Ordering::Relaxed)
    }

    pub(super) fn has_switched(&self) -> bool {
        self.switched.load(Ordering::Relaxed)
    }
}
