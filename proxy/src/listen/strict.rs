//! The bytes of an accepted connection, read strictly before pingora sees them.
//!
//! pingora mends a good deal that is malformed while it reads, and what it mended cannot be told
//! afterwards from what was sent. [`Strict`] stands around the accepted stream (above TLS) and follows
//! it with [`Wire`]. What is refused is answered from here; pingora sees the requests before it whole,
//! and of the refused one nothing that it could act on. A body that breaks after its head was handed on
//! ends in a read error, and the call that reads it finds the reason in its [`Connection`].
//!
//! HTTP/2 and what follows a switch of protocols pass untouched.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use async_trait::async_trait;
use pingora_core::protocols::raw_connect::ProxyDigest;
use pingora_core::protocols::tls::{SslDigest, TlsRef};
use pingora_core::protocols::{
    ALPN, GetProxyDigest, GetSocketDigest, GetTimingDigest, IO, Peek, Shutdown, SocketDigest, Ssl, TimingDigest,
    UniqueID, UniqueIDType,
};
use rules::request::wire::{Refused, Wire};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::time::timeout;

use super::connection::Connection;
use crate::gateway::Shared;

mod refusal;

use refusal::Refusal;

/// What is still read after a refusal, so that closing on unread data does not destroy the answer.
const DRAINED_BYTES: usize = 256 * 1024;
const DRAINED_FOR: Duration = Duration::from_secs(2);

/// What is kept of that which a caller sends before its call is answered. No client that sends the next request early
/// sends more; who does is cut off, since its hanging up could not be noticed.
const MOST_AHEAD: usize = 16 * 1024;

pub(super) struct Strict<S> {
    inner: S,
    /// `None`: not HTTP/1.1.
    wire: Option<Wire>,
    /// Read to tell HTTP/2 from HTTP/1.1, or behind a call that is being answered, and not handed on yet.
    ahead: Vec<u8>,
    refusal: Option<Box<Refusal>>,
    connection: Arc<Connection>,
    shared: Arc<Shared>,
}

impl<S: IO> Strict<S> {
    pub(super) fn new(inner: S, connection: Arc<Connection>, shared: Arc<Shared>) -> Strict<S> {
        let http1 = !matches!(inner.selected_alpn_proto(), Some(ALPN::H2));
        let wire = http1.then(|| Wire::new(shared.gate.rules().config().limits.head));
        Strict { inner, wire, ahead: Vec::new(), refusal: None, connection, shared }
    }

    fn refuse(&mut self, refused: Refused) {
        if refused.head_was_whole {
            self.connection.body_broke(refused.malformed.clone());
        }
        self.refusal = Some(Box::new(Refusal::new(refused)));
    }

    /// Reads on a connection on which something was refused.
    fn poll_refused(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(refusal) = &mut self.refusal else { return Poll::Ready(Ok(())) };
        if refusal.is_read_by_a_call() {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, "the body is malformed")));
        }
        if self.connection.head.is_met() {
            // A call before it is being answered, which ends early only when its caller hangs up.
            ready!(refusal.poll_discard(&mut self.inner, cx));
            return Poll::Ready(Ok(()));
        }
        refusal.poll_tell(&mut self.inner, cx, &self.shared).map(Ok)
    }

    /// Takes what was read ahead, as much as fits.
    fn take_ahead(&mut self, buf: &mut ReadBuf<'_>) {
        let fits = self.ahead.len().min(buf.remaining());
        if fits == self.ahead.len() {
            // Given back: a connection that waits for people should not carry it.
            buf.put_slice(&std::mem::take(&mut self.ahead));
        } else {
            buf.put_slice(self.ahead.get(..fits).unwrap_or_default());
            self.ahead.drain(..fits);
        }
    }

    /// Reads on behind a call that is being answered, so that its caller's hanging up shows behind what was sent
    /// meanwhile. Ready when the connection ends.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut room = [0; 1024];
        loop {
            let mut part = ReadBuf::new(&mut room);
            ready!(Pin::new(&mut self.inner).poll_read(cx, &mut part))?;
            if part.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            if self.ahead.len() + part.filled().len() > MOST_AHEAD {
                return Poll::Ready(Err(io::Error::other("too much was sent behind a call that is not answered yet")));
            }
            self.ahead.extend_from_slice(part.filled());
        }
    }
}

impl<S: IO> AsyncRead for Strict<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.refusal.is_some() {
            return this.poll_refused(cx);
        }
        if this.connection.is_answering() {
            return this.poll_end(cx);
        }
        let before = buf.filled().len();
        this.take_ahead(buf);
        if buf.remaining() > 0 {
            let read = Pin::new(&mut this.inner).poll_read(cx, buf);
            if buf.filled().len() == before {
                return read;
            }
        }
        let Some(wire) = this.wire.as_mut().filter(|_| !this.connection.has_switched()) else {
            return Poll::Ready(Ok(()));
        };
        let Err(refused) = wire.read(buf.filled().get(before..).unwrap_or_default()) else {
            return Poll::Ready(Ok(()));
        };
        let sound = refused.sound;
        buf.set_filled(before + sound);
        this.refuse(refused);
        if sound > 0 { Poll::Ready(Ok(())) } else { this.poll_refused(cx) }
    }
}

#[async_trait]
impl<S: IO> Peek for Strict<S> {
    /// Stops at the first byte that differs from HTTP/2's preface: a request may be shorter than that.
    async fn try_peek(&mut self, buf: &mut [u8]) -> io::Result<bool> {
        const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
        let mut read = 0;
        while let Some(room) = buf.get_mut(read..).filter(|room| !room.is_empty()) {
            match self.inner.read(room).await? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => read += count,
            }
            if !buf.get(..read).is_some_and(|start| PREFACE.starts_with(start)) {
                break;
            }
        }
        if buf == PREFACE {
            self.wire = None;
        }
        self.ahead = buf.get(..read).unwrap_or_default().to_vec();
        Ok(true)
    }
}

#[async_trait]
impl<S: IO> Shutdown for Strict<S> {
    async fn shutdown(&mut self) {
        self.inner.shutdown().await;
        if self.refusal.as_ref().is_some_and(|refusal| refusal.is_read_by_a_call()) {
            let mut left = DRAINED_BYTES;
            let mut part = [0; 2048];
            let drain = async {
                while let Ok(count @ 1..) = self.inner.read(&mut part).await {
                    left = left.saturating_sub(count);
                    if left == 0 {
                        break;
                    }
                }
            };
            let _ = timeout(DRAINED_FOR, drain).await;
        }
    }
}

impl<S: IO> AsyncWrite for Strict<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().inner).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(cx)
    }
}

impl<S: IO> UniqueID for Strict<S> {
    fn id(&self) -> UniqueIDType {
        self.inner.id()
    }
}

impl<S: IO> Ssl for Strict<S> {
    fn get_ssl(&self) -> Option<&TlsRef> {
        self.inner.get_ssl()
    }

    fn get_ssl_digest(&self) -> Option<Arc<SslDigest>> {
        self.inner.get_ssl_digest()
    }

    fn selected_alpn_proto(&self) -> Option<ALPN> {
        self.inner.selected_alpn_proto()
    }
}

impl<S: IO> GetTimingDigest for Strict<S> {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        self.inner.get_timing_digest()
    }

    fn get_read_pending_time(&self) -> Duration {
        self.inner.get_read_pending_time()
    }

    fn get_write_pending_time(&self) -> Duration {
        self.inner.get_write_pending_time()
    }
}

impl<S: IO> GetProxyDigest for Strict<S> {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        self.inner.get_proxy_digest()
    }
}

impl<S: IO> GetSocketDigest for Strict<S> {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        self.inner.get_socket_digest()
    }
}

impl<S: IO> std::fmt::Debug for Strict<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Strict").field("inner", &self.inner).finish_non_exhaustive()
    }
}
