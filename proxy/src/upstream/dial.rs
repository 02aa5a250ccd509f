//! Connecting. What policy approves, and what passes, goes over pooled connections; what people
//! approved gets a fresh one, so that no connection of unknown age carries it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use pingora_core::connectors::http::Connector;
use pingora_core::connectors::{ConnectorOptions, TransportConnector};
use pingora_core::protocols::http::client::HttpSession;
use pingora_core::protocols::http::v1::client::HttpSession as Http1;
use pingora_core::upstreams::peer::{HttpPeer, Peer as _};
use pingora_error::BError;
use pingora_http::RequestHeader;

use super::idle::Idle;
use super::{IDLE_FOR, Line};
use crate::joining::Joining;

const POOLED: usize = 512;

/// A connection to an upstream on which nothing has been written for this call.
pub(crate) struct Connected {
    pub(crate) session: HttpSession,
    peer: Arc<HttpPeer>,
    pooled: bool,
}

impl Connected {
    /// Writes the request whole, over HTTP/1.1 with head and body in one piece.
    ///
    /// # Errors
    /// Some of it may have been sent.
    pub(crate) async fn write(&mut self, head: Box<RequestHeader>, body: Bytes) -> Result<(), BError> {
        if !body.is_empty() {
            self.joining().inspect(|joining| joining.hold());
        }
        let written = self.session.write_request_header(head).await;
        self.joining().inspect(|joining| joining.go_on());
        written?;
        if !body.is_empty() {
            self.session.write_request_body(body, true).await?;
        }
        self.session.finish_request_body().await
    }

    fn joining(&self) -> Option<&Joining> {
        self.session.stream().and_then(Joining::of)
    }
}

pub(crate) struct Dialer {
    /// To upstreams that speak HTTP/1.1 only. All these streams are [`Joining`].
    http1: TransportConnector,
    idle: Idle,
    /// To those that may speak HTTP/2.
    any: Connector,
    /// Tells fresh connections from each other and from the pooled ones.
    fresh: AtomicU64,
}

impl Dialer {
    pub(crate) fn new() -> Dialer {
        let options = || Some(ConnectorOptions::new(POOLED));
        Dialer {
            http1: TransportConnector::new(options()),
            idle: Idle::default(),
            any: Connector::new(options()),
            fresh: AtomicU64::new(1),
        }
    }

    /// A connection from the pool, or a new one that will go there.
    ///
    /// # Errors
    /// Nothing was sent; the text says why.
    pub(crate) async fn pooled(&self, line: &Line) -> Result<Connected, String> {
        let mut why = String::new();
        for peer in line.peers().await? {
            match self.session(&peer).await {
                Ok(session) => return Ok(ready(session, peer, true)),
                Err(error) => why = error.to_string(),
            }
        }
        Err(why)
    }

    /// A connection that nobody has used before.
    ///
    /// # Errors
    /// Nothing was sent; the text says why.
    pub(crate) async fn fresh(&self, line: &Line) -> Result<Connected, String> {
        let mut why = String::new();
        for peer in line.peers().await? {
            let mut peer = HttpPeer::clone(&peer);
            peer.group_key = self.fresh.fetch_add(1, Ordering::Relaxed);
            peer.options.max_h2_streams = 1;
            match self.session(&peer).await {
                Ok(session) => return Ok(ready(session, Arc::new(peer), false)),
                Err(error) => why = error.to_string(),
            }
        }
        Err(why)
    }

    async fn session(&self, peer: &HttpPeer) -> Result<HttpSession, BError> {
        // Connecting is boxed, so that a call that finds a connection does not carry the room for it.
        if peer.options.alpn.get_max_http_version() > 1 {
            return Box::pin(self.any.get_http_session(peer)).await.map(|(session, _)| session);
        }
        let stream = match self.idle.take(peer.reuse_hash()) {
            Some(stream) => stream,
            None => Box::new(Joining::new(Box::pin(self.http1.new_stream(peer)).await?)),
        };
        Ok(HttpSession::H1(Http1::new_with_options(stream, peer)))
    }

    /// Closes connections now and then that nobody takes any more.
    pub(crate) async fn sweep(&self) {
        loop {
            tokio::time::sleep(IDLE_FOR / 4).await;
            self.idle.sweep();
        }
    }

    /// The call is over and its answer was read to the end.
    pub(crate) async fn release(&self, connected: Connected, line: &Line) {
        let Connected { session, peer, pooled } = connected;
        if !pooled {
            return;
        }
        match session {
            HttpSession::H1(mut session) if Joining::of(session.stream()).is_some() => {
                session.respect_keepalive();
                if let Some(stream) = session.reuse().await {
                    self.idle.put(peer.reuse_hash(), stream);
                }
            }
            session => self.any.release_http_session(session, &*peer, Some(line.idle_for())).await,
        }
    }
}

fn ready(mut session: HttpSession, peer: Arc<HttpPeer>, pooled: bool) -> Connected {
    session.set_read_timeout(peer.options.read_timeout);
    session.set_write_timeout(peer.options.write_timeout);
    Connected { session, peer, pooled }
}
