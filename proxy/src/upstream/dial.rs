//! Connecting. What policy approves, and what passes, goes over pooled connections; what people
//! approved gets a fresh one, so that no connection of unknown age carries it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use pingora_core::connectors::ConnectorOptions;
use pingora_core::connectors::http::Connector;
use pingora_core::protocols::http::client::HttpSession;
use pingora_core::upstreams::peer::HttpPeer;

use super::Line;

const POOLED: usize = 512;

/// A connection to an upstream on which nothing has been written for this call.
pub(crate) struct Connected {
    pub(crate) session: HttpSession,
    peer: Arc<HttpPeer>,
    pooled: bool,
}

pub(crate) struct Dialer {
    connector: Connector,
    /// Tells fresh connections from each other and from the pooled ones.
    fresh: AtomicU64,
}

impl Dialer {
    pub(crate) fn new() -> Dialer {
        Dialer { connector: Connector::new(Some(ConnectorOptions::new(POOLED))), fresh: AtomicU64::new(1) }
    }

    /// A connection from the pool, or a new one that will go there.
    ///
    /// # Errors
    /// Nothing was sent; the text says why.
    pub(crate) async fn pooled(&self, line: &Line) -> Result<Connected, String> {
        let mut why = String::new();
        for peer in line.peers().await? {
            match self.connector.get_http_session(&*peer).await {
                Ok((session, _)) => return Ok(ready(session, peer, true)),
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
            match self.connector.get_http_session(&peer).await {
                Ok((session, _)) => return Ok(ready(session, Arc::new(peer), false)),
                Err(error) => why = error.to_string(),
            }
        }
        Err(why)
    }

    /// The call is over and its answer was read to the end.
    pub(crate) async fn release(&self, connected: Connected, line: &Line) {
        if connected.pooled {
            self.connector.release_http_session(connected.session, &*connected.peer, Some(line.idle_for())).await;
        }
    }
}

fn ready(mut session: HttpSession, peer: Arc<HttpPeer>, pooled: bool) -> Connected {
    session.set_read_timeout(peer.options.read_timeout);
    session.set_write_timeout(peer.options.write_timeout);
    Connected { session, peer, pooled }
}
