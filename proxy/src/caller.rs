//! The connection of whoever asks: writing to it, and noticing that it is gone.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use pingora_core::protocols::http::ServerSession;
use pingora_http::ResponseHeader;

use crate::joining::Joining;
use crate::listen::Connection;
use crate::walk::Stream;

/// INVARIANT: the request's body has been read to its end, so that anything that still arrives is
/// either the next request or the end of the connection.
pub(crate) struct Caller<'a> {
    side: Side<'a>,
    gone: bool,
    /// Trailers have ended the answer.
    ended: bool,
    /// Bytes of the body that are still to be written, where the head says how many there are. With 0 the caller
    /// has it all, and may hang up before this side has noticed the end.
    owed: Option<u64>,
}

enum Side<'a> {
    Connection(&'a mut ServerSession),
    /// Its answer comes in a stream that is open beside; of the server's own answer only the status counts.
    Stream(Arc<Stream>, Option<u16>),
}

impl<'a> Caller<'a> {
    pub(crate) fn new(session: &'a mut ServerSession) -> Caller<'a> {
        Caller { side: Side::Connection(session), gone: false, ended: false, owed: None }
    }

    /// Whoever has sent a message, and reads this stream.
    pub(crate) fn of_stream(stream: Arc<Stream>) -> Caller<'static> {
        Caller { side: Side::Stream(stream, None), gone: false, ended: false, owed: None }
    }

    /// The status with which the service refused a message of a stream's reader.
    pub(crate) fn refused_with(&self) -> Option<u16> {
        match &self.side {
            Side::Stream(_, status) => status.filter(|status| !(200..300).contains(status)),
            Side::Connection(_) => None,
        }
    }

    fn session(&self) -> Option<&ServerSession> {
        match &self.side {
            Side::Connection(session) => Some(session),
            Side::Stream(..) => None,
        }
    }

    /// A sign of life while the call is held.
    pub(crate) async fn sign(&mut self, event: Bytes) {
        match &self.side {
            Side::Connection(_) => self.body(event).await,
            Side::Stream(stream, _) => self.gone |= !stream.tell(event).await,
        }
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.gone
    }

    /// Resolves when the caller hangs up, also behind a next request that it has sent already.
    pub(crate) async fn hung_up(&mut self) {
        if !self.gone {
            self.answering(true);
            match &mut self.side {
                Side::Connection(session) => while session.read_body_or_idle(true).await.is_ok() {},
                Side::Stream(stream, _) => stream.ended().await,
            }
            self.gone = true;
        }
    }

    fn answering(&self, answering: bool) {
        // Over HTTP/2 every call has a stream of its own.
        if let Some(session) = self.session().filter(|session| !session.is_http2())
            && let Some(connection) = Connection::of(session)
        {
            connection.answers(answering);
        }
    }

    /// Does `work` to its end, and takes note when the caller hangs up meanwhile: also when both are found at
    /// once, so that an answer is not written to nobody.
    pub(crate) async fn meanwhile<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        loop {
            if self.gone {
                return work.await;
            }
            tokio::select! {
                biased;
                () = self.hung_up() => {}
                done = &mut work => return done,
            }
        }
    }

    /// Writes the head of an answer with a body, framed as this connection needs it.
    pub(crate) async fn head(&mut self, mut head: Box<ResponseHeader>) {
        let session = match &mut self.side {
            Side::Connection(session) => session,
            Side::Stream(_, status) => return *status = Some(head.status.as_u16()),
        };
        let bare = matches!(head.status.as_u16(), 204 | 304) || session.req_header().method == http::Method::HEAD;
        // An upstream may have answered in another version.
        if !session.is_http2() {
            head.set_version(http::Version::HTTP_11);
        }
        if !bare
            && !session.is_http2()
            && session.req_header().version == http::Version::HTTP_11
            && !head.headers.contains_key(http::header::CONTENT_LENGTH)
        {
            let chunked = http::HeaderValue::from_static("chunked");
            self.gone |= head.insert_header(http::header::TRANSFER_ENCODING, chunked).is_err();
        }
        let length = head.headers.get(http::header::CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
        if !self.gone {
            self.gone = session.write_response_header(head).await.is_err();
            self.owed = if bare { Some(0) } else { length }.filter(|_| !self.gone);
        }
    }

    /// Writes the head and the first part of its body, over HTTP/1.1 at once.
    pub(crate) async fn start(&mut self, head: Box<ResponseHeader>, part: Bytes) {
        if !part.is_empty() {
            self.connection().inspect(|connection| connection.hold());
        }
        self.head(head).await;
        self.connection().inspect(|connection| connection.go_on());
        self.body(part).await;
    }

    fn connection(&self) -> Option<&Joining> {
        self.session()?.stream().and_then(Joining::of)
    }

    pub(crate) async fn body(&mut self, part: Bytes) {
        if let Side::Connection(session) = &mut self.side
            && !self.gone
            && !part.is_empty()
        {
            let size = part.len() as u64;
            self.gone = session.write_response_body(part, false).await.is_err();
            self.owed = self.owed.filter(|_| !self.gone).map(|owed| owed.saturating_sub(size));
        }
    }

    /// What came after the body (gRPC's status), where this connection can carry it: over HTTP/2. The
    /// answer ends with it.
    pub(crate) async fn trailers(&mut self, mut trailers: HeaderMap) {
        let Side::Connection(session) = &mut self.side else { return };
        if self.gone || !session.is_http2() {
            return;
        }
        for name in trailers.keys().filter(|name| name.as_str().starts_with("holdshort-")).cloned().collect::<Vec<_>>()
        {
            trailers.remove(name);
        }
        self.gone = session.write_response_trailers(trailers).await.is_err();
        self.ended = true;
    }

    /// The answer is whole. Says whether the caller got it all.
    pub(crate) async fn end(&mut self) -> bool {
        if let Side::Connection(session) = &mut self.side
            && !self.gone
            && !self.ended
        {
            self.gone = session.write_response_body(Bytes::new(), true).await.is_err();
        }
        !self.gone || self.owed == Some(0)
    }

    /// Head, body and end at once.
    pub(crate) async fn answer(&mut self, head: Box<ResponseHeader>, body: Bytes) -> bool {
        let bare = self.session().is_some_and(|session| session.req_header().method == http::Method::HEAD);
        self.start(head, if bare { Bytes::new() } else { body }).await;
        self.end().await
    }

    /// Whether the head of an answer has been written.
    pub(crate) fn told(&self) -> bool {
        self.session().and_then(ServerSession::response_written).is_some_and(|head| !head.status.is_informational())
    }
}

impl Drop for Caller<'_> {
    fn drop(&mut self) {
        self.answering(false);
    }
}
