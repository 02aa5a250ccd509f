use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use async_trait::async_trait;
use futures::FutureExt as _;
use pingora_core::protocols::raw_connect::ProxyDigest;
use pingora_core::protocols::{
    GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl, TimingDigest, UniqueID,
    UniqueIDType,
};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};

use super::{Joining, MOST_HELD};

/// Notes each write, takes at most so many bytes of it, and never has anything to read.
#[derive(Debug)]
struct Noted {
    sends: Arc<Mutex<Vec<String>>>,
    most: usize,
}

impl Noted {
    fn joined(most: usize) -> (Joining, Arc<Mutex<Vec<String>>>) {
        let sends = Arc::new(Mutex::new(Vec::new()));
        (Joining::new(Box::new(Noted { sends: sends.clone(), most })), sends)
    }
}

impl AsyncWrite for Noted {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(self: Pin<&mut Self>, _: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let mut all: Vec<u8> = bufs.iter().flat_map(|buf| buf.to_vec()).collect();
        all.truncate(self.most);
        self.sends.lock().unwrap().push(String::from_utf8(all.clone()).unwrap());
        Poll::Ready(Ok(all.len()))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Noted {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

#[async_trait]
impl Shutdown for Noted {
    async fn shutdown(&mut self) {}
}

impl UniqueID for Noted {
    fn id(&self) -> UniqueIDType {
        7
    }
}

impl GetTimingDigest for Noted {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        Vec::new()
    }
}

impl GetProxyDigest for Noted {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        None
    }
}

impl GetSocketDigest for Noted {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        None
    }
}

impl Ssl for Noted {}
impl Peek for Noted {}

fn sent(sends: &Mutex<Vec<String>>) -> Vec<String> {
    sends.lock().unwrap().clone()
}

#[tokio::test]
async fn a_head_leaves_with_the_body_that_follows() {
    let (mut stream, sends) = Noted::joined(usize::MAX);
    stream.hold();
    stream.write_all(b"head ").await.unwrap();
    stream.flush().await.unwrap();
    stream.go_on();
    assert!(sent(&sends).is_empty());
    stream.write_all(b"body").await.unwrap();
    stream.write_all(b"more").await.unwrap();
    assert_eq!(sent(&sends), ["head body", "more"]);
}

#[tokio::test]
async fn what_nobody_holds_leaves_at_once() {
    let (mut stream, sends) = Noted::joined(usize::MAX);
    stream.write_all(b"head").await.unwrap();
    stream.write_all(b"body").await.unwrap();
    assert_eq!(sent(&sends), ["head", "body"]);
}

#[tokio::test]
async fn nothing_stays_behind_when_nothing_follows() {
    let (mut stream, sends) = Noted::joined(usize::MAX);
    stream.hold();
    stream.write_all(b"flushed").await.unwrap();
    stream.go_on();
    stream.flush().await.unwrap();
    assert_eq!(sent(&sends), ["flushed"]);
    stream.hold();
    stream.write_all(b"read").await.unwrap();
    stream.go_on();
    assert!(stream.read_u8().now_or_never().is_none());
    assert_eq!(sent(&sends), ["flushed", "read"]);
    stream.hold();
    stream.write_all(b"closed").await.unwrap();
    stream.go_on();
    tokio::io::AsyncWriteExt::shutdown(&mut stream).await.unwrap();
    assert_eq!(sent(&sends), ["flushed", "read", "closed"]);
}

#[tokio::test]
async fn what_is_held_leaves_before_the_end() {
    for most in [1, usize::MAX] {
        let (mut stream, sends) = Noted::joined(most);
        stream.hold();
        stream.write_all(b"head").await.unwrap();
        Shutdown::shutdown(&mut stream).await;
        assert_eq!(sent(&sends).concat(), "head");
    }
}

#[tokio::test]
async fn every_byte_leaves_once_and_in_order_however_little_is_taken_at_a_time() {
    for most in [1, 2, 3, 5, 8, 100] {
        let (mut stream, sends) = Noted::joined(most);
        stream.hold();
        stream.write_all(b"12345").await.unwrap();
        stream.go_on();
        stream.write_all(b"67890").await.unwrap();
        stream.flush().await.unwrap();
        assert_eq!(sent(&sends).concat(), "1234567890", "{most} at a time");
    }
}

#[tokio::test]
async fn a_head_too_large_to_hold_is_written_as_it_comes() {
    let (mut stream, sends) = Noted::joined(usize::MAX);
    stream.hold();
    stream.write_all(&vec![b'h'; MOST_HELD + 1]).await.unwrap();
    assert_eq!(sent(&sends).concat().len(), MOST_HELD + 1);
    stream.go_on();
    stream.write_all(b"body").await.unwrap();
    assert_eq!(sent(&sends).len(), 2);
}
