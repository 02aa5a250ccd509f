//! Connections to upstreams that wait for their next call.
//!
//! A look when one is taken is enough to know it: what can be read from a connection that was asked
//! nothing is its end, or an answer to nobody. So nobody watches them meanwhile (a task for each, put to
//! bed and woken with every call, would cost more than the rest of the pool); those that nobody takes are
//! swept up now and then.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures::FutureExt as _;
use pingora_core::protocols::Stream;
use tokio::io::AsyncReadExt as _;
use tokio::time::Instant;

use super::IDLE_FOR;

/// Of one upstream's address.
const MOST: usize = 512;

#[derive(Debug, Default)]
pub(super) struct Idle {
    /// By what a connection must have in common with the one that is wanted; the last used stand last.
    kept: Mutex<HashMap<u64, Vec<Kept>>>,
}

#[derive(Debug)]
struct Kept {
    stream: Stream,
    since: Instant,
}

impl Kept {
    fn is_usable(&mut self) -> bool {
        let mut byte = [0];
        // Without tokio's budget: a connection that has something to read must not look silent.
        self.since.elapsed() < IDLE_FOR
            && tokio::task::unconstrained(self.stream.read(&mut byte)).now_or_never().is_none()
    }
}

impl Idle {
    pub(super) fn put(&self, key: u64, stream: Stream) {
        let mut kept = self.lock();
        let same = kept.entry(key).or_default();
        if same.len() < MOST {
            same.push(Kept { stream, since: Instant::now() });
        }
    }

    /// One that is still good.
    pub(super) fn take(&self, key: u64) -> Option<Stream> {
        loop {
            let mut kept = self.lock().get_mut(&key)?.pop()?;
            if kept.is_usable() {
                return Some(kept.stream);
            }
        }
    }

    /// Closes those that are good for nothing any more.
    pub(super) fn sweep(&self) {
        self.lock().retain(|_, same| {
            same.retain_mut(Kept::is_usable);
            !same.is_empty()
        });
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Vec<Kept>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use pingora_core::protocols::l4::stream::Stream as Plain;
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::{TcpListener, TcpStream};
    use tokio::time::{advance, timeout};

    use super::*;

    async fn connected() -> (Stream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (far, _) = listener.accept().await.unwrap();
        (Box::new(Plain::from(near)), far)
    }

    /// Waits until what is put in is not given out again.
    async fn is_refused(idle: &Idle) -> bool {
        let refused = async {
            while let Some(stream) = idle.take(1) {
                idle.put(1, stream);
                tokio::task::yield_now().await;
            }
        };
        timeout(Duration::from_secs(20), refused).await.is_ok()
    }

    #[tokio::test]
    async fn a_silent_connection_is_taken_once_by_who_wants_that_one() {
        let idle = Idle::default();
        let (stream, _far) = connected().await;
        idle.put(1, stream);
        idle.sweep();
        assert!(idle.take(2).is_none());
        assert!(idle.take(1).is_some());
        assert!(idle.take(1).is_none());
    }

    #[tokio::test]
    async fn one_that_was_closed_is_not_used_again() {
        let idle = Idle::default();
        let (stream, far) = connected().await;
        idle.put(1, stream);
        drop(far);
        assert!(is_refused(&idle).await);
    }

    #[tokio::test]
    async fn one_that_says_something_unasked_is_not_used_again() {
        let idle = Idle::default();
        let (stream, mut far) = connected().await;
        idle.put(1, stream);
        far.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        assert!(is_refused(&idle).await);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_nobody_used_for_long_is_swept_up() {
        let idle = Idle::default();
        let (stream, mut far) = connected().await;
        idle.put(1, stream);
        advance(IDLE_FOR).await;
        idle.sweep();
        assert!(idle.lock().is_empty());
        assert_eq!(far.read(&mut [0; 1]).await.unwrap(), 0, "it is closed");
    }

    #[tokio::test]
    async fn no_more_are_kept_than_are_useful() {
        let idle = Idle::default();
        let mut far = Vec::new();
        for _ in 0..=MOST {
            let (stream, other) = connected().await;
            idle.put(1, stream);
            far.push(other);
        }
        assert_eq!(idle.lock().get(&1).map(Vec::len), Some(MOST));
    }
}
