//! A connection on which the head of a message and the start of its body leave together.
//!
//! pingora writes a head and a body one after the other, and a socket without a buffer sends each by
//! itself: two system calls and two packets where one does. A buffer with a rule for when it is emptied
//! would join them too, and would sometimes hold back what nobody adds to. So whoever writes says it:
//! between [`Joining::hold`] and [`Joining::go_on`] what is written is held; the next write takes it
//! along.
//!
//! INVARIANT: what is held leaves with the next write, flush or read after `go_on`, so nothing waits
//! here while somebody waits for it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use async_trait::async_trait;
use pingora_core::protocols::raw_connect::ProxyDigest;
use pingora_core::protocols::tls::{SslDigest, TlsRef};
use pingora_core::protocols::{
    ALPN, GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl, Stream, TimingDigest,
    UniqueID, UniqueIDType,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::timeout;

/// A head larger than this is not worth the copy.
const MOST_HELD: usize = 16 * 1024;
/// How long an end waits for what is held to leave.
const LEAVING_FOR: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct Joining {
    inner: Stream,
    holding: AtomicBool,
    held: Vec<u8>,
}

impl Joining {
    pub(crate) fn new(inner: Stream) -> Joining {
        Joining { inner, holding: AtomicBool::new(false), held: Vec::new() }
    }

    /// That connection, where it is one of these.
    pub(crate) fn of(stream: &Stream) -> Option<&Joining> {
        (**stream).as_any().downcast_ref()
    }

    /// What is written from now on goes out with what is written after [`Joining::go_on`].
    pub(crate) fn hold(&self) {
        self.holding.store(true, Ordering::Relaxed);
    }

    pub(crate) fn go_on(&self) {
        self.holding.store(false, Ordering::Relaxed);
    }

    fn is_holding(&self) -> bool {
        self.holding.load(Ordering::Relaxed)
    }

    /// Writes what is held.
    fn poll_held(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.held.is_empty() {
            let count = ready!(Pin::new(&mut self.inner).poll_write(cx, &self.held))?;
            self.written(count)?;
        }
        Poll::Ready(Ok(()))
    }

    /// So many bytes of what is held have left.
    fn written(&mut self, count: usize) -> io::Result<()> {
        if count == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        if count >= self.held.len() {
            // Given back: a connection that waits for people should not carry it.
            self.held = Vec::new();
        } else {
            self.held.drain(..count);
        }
        Ok(())
    }
}

impl AsyncWrite for Joining {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.is_holding() && this.held.len() + buf.len() <= MOST_HELD {
            this.held.extend_from_slice(buf);
            return Poll::Ready(Ok(buf.len()));
        }
        while !this.held.is_empty() {
            let both = [IoSlice::new(&this.held), IoSlice::new(buf)];
            let count = ready!(Pin::new(&mut this.inner).poll_write_vectored(cx, &both))?;
            let held = this.held.len();
            this.written(count)?;
            if count > held {
                return Poll::Ready(Ok(count - held));
            }
        }
        Pin::new(&mut this.inner).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.is_holding() {
            let first = bufs.iter().find(|buf| !buf.is_empty()).map_or(&[][..], |buf| &**buf);
            return Pin::new(this).poll_write(cx, first);
        }
        ready!(this.poll_held(cx))?;
        Pin::new(&mut this.inner).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.is_holding() {
            return Poll::Ready(Ok(()));
        }
        ready!(this.poll_held(cx))?;
        Pin::new(&mut this.inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_held(cx))?;
        Pin::new(&mut this.inner).poll_shutdown(cx)
    }
}

impl AsyncRead for Joining {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // Whoever answers may be waiting for it. A write that fails is told by the next one.
        if !this.held.is_empty() && !this.is_holding() {
            let _ = this.poll_held(cx);
        }
        Pin::new(&mut this.inner).poll_read(cx, buf)
    }
}

// The rest is the connection's own.

#[async_trait]
impl Shutdown for Joining {
    async fn shutdown(&mut self) {
        self.go_on();
        // Who does not take it any more is not waited for.
        if !self.held.is_empty() {
            let _ = timeout(LEAVING_FOR, std::future::poll_fn(|cx| self.poll_held(cx))).await;
        }
        self.inner.shutdown().await;
    }
}

#[async_trait]
impl Peek for Joining {
    async fn try_peek(&mut self, buf: &mut [u8]) -> io::Result<bool> {
        self.inner.try_peek(buf).await
    }
}

impl UniqueID for Joining {
    fn id(&self) -> UniqueIDType {
        self.inner.id()
    }
}

impl Ssl for Joining {
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

impl GetTimingDigest for Joining {
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

impl GetProxyDigest for Joining {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        self.inner.get_proxy_digest()
    }

    fn set_proxy_digest(&mut self, digest: ProxyDigest) {
        self.inner.set_proxy_digest(digest);
    }
}

impl GetSocketDigest for Joining {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        self.inner.get_socket_digest()
    }

    fn set_socket_digest(&mut self, digest: SocketDigest) {
        self.inner.set_socket_digest(digest);
    }
}

#[cfg(test)]
mod tests;
