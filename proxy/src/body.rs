//! Reading a request's body whole, before anything is decided about it.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use pingora_core::protocols::http::ServerSession;
use rules::request::{BodyFraming, Head};
use tokio::time::timeout;

use crate::answer::Stop;
use crate::listen::Connection;
use crate::room::Room;

/// A body may take this long, and longer the larger it may be: slower senders are cut off.
const PATIENCE: Duration = Duration::from_secs(30);
const LEAST_BYTES_PER_SECOND: u64 = 16 * 1024;
/// What is still read of a request that is refused, so that the answer arrives: over HTTP/2 an answer
/// beside unread data is lost, and over HTTP/1.1 closing on unread data can destroy it on the way.
const DRAINED_BYTES: usize = 8 * 1024 * 1024;
const DRAINED_FOR: Duration = Duration::from_secs(2);

/// The whole body, of at most `limit` bytes.
///
/// # Errors
/// Too large, too slow, too much at once, or the caller is gone.
pub(crate) async fn read(
    session: &mut ServerSession,
    head: &Head,
    limit: usize,
    room: &mut Room,
) -> Result<Bytes, Stop> {
    if session.is_body_done() {
        return Ok(Bytes::new());
    }
    let announced = match head.body_framing {
        BodyFraming::Length(length) => usize::try_from(length).unwrap_or(usize::MAX),
        BodyFraming::None | BodyFraming::Open => 0,
    };
    if announced > limit {
        return Err(Stop::BodyTooLarge { limit });
    }
    if head.expects_continue && !session.is_http2() {
        // Any 1xx before the end of the body would otherwise make pingora close after the answer.
        session.set_close_on_response_before_downstream_finish(false);
        let written = session.write_continue_response().await;
        session.set_close_on_response_before_downstream_finish(true);
        written.map_err(|_| Stop::Gone)?;
    }
    let expected = if announced > 0 { announced } else { limit };
    let span = PATIENCE + Duration::from_secs(expected as u64 / LEAST_BYTES_PER_SECOND);
    match timeout(span, gather(session, announced, limit, room)).await {
        Ok(Ok(Some(body))) => Ok(body),
        Ok(Ok(None)) => Err(Stop::BodyTooLarge { limit }),
        Ok(Err(stop)) => match Connection::of(session).and_then(Connection::broken_body) {
            Some(malformed) => Err(malformed.clone().into()),
            None => Err(stop),
        },
        Err(_) => Err(Stop::BodyTooSlow),
    }
}

/// `None`: more than `limit`.
async fn gather(
    session: &mut ServerSession,
    announced: usize,
    limit: usize,
    room: &mut Room,
) -> Result<Option<Bytes>, Stop> {
    let mut gathered = BytesMut::new();
    while let Some(part) = session.read_request_body().await.map_err(|error| broken(&error))? {
        if gathered.len() + part.len() > limit {
            return Ok(None);
        }
        room.grow(part.len())?;
        if gathered.is_empty() && announced > 0 {
            if part.len() == announced {
                // The usual small body came in one piece: it is not copied again.
                let rest = session.read_request_body().await.map_err(|error| broken(&error))?;
                return Ok(rest.is_none_or(|rest| rest.is_empty()).then_some(part));
            }
            gathered.reserve(announced);
        }
        gathered.extend_from_slice(&part);
    }
    Ok(Some(gathered.freeze()))
}

fn broken(error: &pingora_error::Error) -> Stop {
    use pingora_error::ErrorType::{ConnectionClosed, H2Error, ReadError, ReadTimedout};
    match error.etype() {
        ReadTimedout => Stop::BodyTooSlow,
        ConnectionClosed | ReadError | H2Error => Stop::Gone,
        _ => Stop::Malformed(rules::Malformed::new(400, "the framing of the body is broken", "body")),
    }
}

/// Reads on, within bounds, to what is left of a request that is being refused.
pub(crate) async fn drain(session: &mut ServerSession) {
    // Whoever waits to be asked for the body has not sent it.
    if session.is_body_done() || session.req_header().headers.contains_key(http::header::EXPECT) {
        return;
    }
    let read = async {
        let mut drained = 0;
        while let Ok(Some(part)) = session.read_request_body().await {
            drained += part.len();
            if drained > DRAINED_BYTES {
                break;
            }
        }
    };
    let _ = timeout(DRAINED_FOR, read).await;
}
