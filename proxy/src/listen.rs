//! Listening sockets and the loop that accepts from them.
//!
//! Listeners are bound once, at start. A reload may change what is mounted on them; a changed address
//! needs a restart.

use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;

use pingora_core::apps::ServerApp;
use pingora_core::listeners::tls::Acceptor;
use pingora_core::protocols::l4::stream::Stream as Plain;
use pingora_core::protocols::{GetProxyDigest, GetSocketDigest, SocketDigest, Stream};
use pingora_proxy::HttpProxy;
use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::gateway::{Gateway, Shared};
use crate::joining::Joining;

mod connection;
mod head_deadline;
mod strict;
pub(crate) mod tls;

pub(crate) use connection::Connection;
use strict::Strict;

/// Thousands may connect at once after a restart.
const BACKLOG: i32 = 8192;
/// A peer that vanished without a word is noticed after about two minutes.
const KEEPALIVE: Duration = Duration::from_secs(60);
const KEEPALIVE_EVERY: Duration = Duration::from_secs(20);
/// No descriptors are left, or the like: it passes.
const AFTER_ERROR: Duration = Duration::from_millis(50);

/// One bound listener.
pub(crate) struct Listener {
    pub(crate) socket: TcpListener,
    pub(crate) app: Arc<HttpProxy<Gateway>>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) tls: Option<Arc<Acceptor>>,
    /// How long a connection may take to deliver a head.
    pub(crate) head_within: Duration,
}

/// # Errors
/// The address is taken or not ours.
pub(crate) fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    // Accepted connections inherit these.
    socket
        .set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE_EVERY).with_retries(3))?;
    socket.set_tcp_nodelay(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

impl Listener {
    /// Accepts until `stopping` says so; then waits for the connections it has, which `stopping` tells
    /// to end after what they are doing.
    pub(crate) async fn run(self, mut stopping: watch::Receiver<bool>) {
        let mut connections = JoinSet::new();
        let told = stopping.clone();
        loop {
            tokio::select! {
                biased;
                _ = stopping.changed() => break,
                Some(_) = connections.join_next(), if !connections.is_empty() => {}
                accepted = self.socket.accept() => match accepted {
                    Ok((stream, _)) => {
                        connections.spawn(serve(stream, self.app.clone(), self.shared.clone(), self.tls.clone(), told.clone(), self.head_within));
                    }
                    Err(error) => {
                        tracing::warn!(%error, "a connection cannot be accepted");
                        tokio::time::sleep(AFTER_ERROR).await;
                    }
                },
            }
        }
        drop(self.socket);
        ServerApp::cleanup(&*self.app).await;
        while connections.join_next().await.is_some() {}
    }
}

async fn serve(
    tcp: TcpStream,
    app: Arc<HttpProxy<Gateway>>,
    shared: Arc<Shared>,
    tls: Option<Arc<Acceptor>>,
    stopping: watch::Receiver<bool>,
    head_within: Duration,
) {
    let digest = SocketDigest::from_raw_fd(tcp.as_raw_fd());
    let accepted = Connection::new(head_within);
    let mut plain = Plain::from(tcp);
    plain.set_socket_digest(digest);
    if let Some(carried) = accepted.carried() {
        plain.set_proxy_digest(carried);
    }
    let connection = async {
        // Boxed: a connection does not carry the room of its handshake for as long as it lives.
        let Some(stream) = Box::pin(open(plain, tls, accepted.clone(), shared)).await else { return };
        app.process_new(Box::new(Joining::new(stream)), &stopping).await;
    };
    tokio::select! {
        // First, so that a head that came in time is seen before the deadline is.
        biased;
        () = connection => {}
        () = accepted.head.missed() => tracing::debug!("a connection delivered no head in time"),
    }
}

/// The stream as pingora reads it; `None`: there was no handshake.
async fn open(
    plain: Plain,
    tls: Option<Arc<Acceptor>>,
    accepted: Arc<Connection>,
    shared: Arc<Shared>,
) -> Option<Stream> {
    let Some(acceptor) = tls else { return Some(Box::new(Strict::new(plain, accepted, shared))) };
    match acceptor.tls_handshake(plain).await {
        Ok(stream) => Some(Box::new(Strict::new(stream, accepted, shared))),
        Err(error) => {
            tracing::debug!(%error, "a TLS handshake failed");
            None
        }
    }
}
