//! The shim between pingora's phases and the steps of a call. Each phase is one line; what they share
//! is a [`Course`], which starts at the refusing end: only the walk can turn it into a pass, and no
//! other phase sends anything without one.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures::FutureExt;
use gate::{Gate, IntentId};
use pingora_core::upstreams::peer::HttpPeer;
use pingora_error::{BError, Error, ErrorType, Result};
use pingora_http::{RequestHeader, ResponseHeader};
use pingora_proxy::{FailToProxy, ProxyHttp, Session};

use crate::answer::{Answer, Stop, grpc, problem};
use crate::listen::Connection;
use crate::mcp::event_streams::EventStreams;
use crate::mcp::parked::Parked;
use crate::mcp::{HeldCalls, Sessions, Tools};
use crate::pass::Passing;
use crate::room::Rooms;
use crate::upstream::Lines;
use crate::upstream::dial::Dialer;
use crate::walk::{self, Job, Next, Waiting};

/// Who takes nothing of a part of an answer for so long is gone.
const TAKEN_WITHIN: Duration = Duration::from_secs(120);

/// What all listeners share.
pub(crate) struct Shared {
    pub(crate) gate: Gate,
    pub(crate) lines: Lines,
    pub(crate) dialer: Dialer,
    pub(crate) sessions: Sessions,
    pub(crate) held: Arc<HeldCalls>,
    pub(crate) tools: Arc<Tools>,
    pub(crate) parked: Parked<Box<Waiting>>,
    pub(crate) streams: EventStreams<Job>,
    pub(crate) rooms: Arc<Rooms>,
    pub(crate) ids: RequestIds,
}

/// One listener's view.
pub(crate) struct Gateway {
    pub(crate) shared: Arc<Shared>,
    /// As it is configured: rules know listeners by this address.
    pub(crate) listener: SocketAddr,
}

impl std::ops::Deref for Gateway {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.shared
    }
}

/// Names for requests, unique over restarts: every answer carries one.
pub(crate) struct RequestIds {
    start: String,
    count: AtomicU64,
}

impl RequestIds {
    pub(crate) fn new(gate: &Gate) -> RequestIds {
        let random = IntentId::new(gate.now()).bytes();
        let start =
            random.iter().take(6).chain(random.iter().rev().take(4)).map(|byte| format!("{byte:02x}")).collect();
        RequestIds { start, count: AtomicU64::new(0) }
    }

    pub(crate) fn next(&self) -> String {
        let mut text = String::with_capacity(48);
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        // A String takes all that is written.
        let _ = write!(text, "req_{}{count:08x}", self.start);
        text
    }
}

/// What becomes of a request.
#[derive(Debug)]
pub(crate) enum Course {
    /// Nothing may be sent.
    Refused,
    /// Streamed by pingora.
    Pass(Box<Passing>),
}

impl Course {
    fn passing(&self) -> Result<&Passing> {
        match self {
            Course::Pass(passing) => Ok(passing),
            Course::Refused => Error::e_explain(ErrorType::InternalError, "a call that was not let through"),
        }
    }
}

#[async_trait]
impl ProxyHttp for Gateway {
    type CTX = Course;

    fn new_ctx(&self) -> Course {
        Course::Refused
    }

    async fn request_filter(&self, session: &mut Session, course: &mut Course) -> Result<bool> {
        if let Some(connection) = Connection::of(session.as_ref()) {
            connection.head.met();
        }
        session.set_write_timeout(Some(TAKEN_WITHIN));
        // A pipelined request waits for its turn; it must not be taken for a broken one.
        session.as_mut().set_pipelining_enabled(true);
        let walked = AssertUnwindSafe(walk::walk(self, session.as_mut())).catch_unwind().await;
        match walked {
            Ok(Ok(Next::Answered)) => Ok(true),
            Ok(Ok(Next::Pass(passing))) => {
                *course = Course::Pass(passing);
                Ok(false)
            }
            Ok(Err(error)) => Err(error),
            // Nothing was let through: what was claimed is recorded as unknown by dropping it.
            Err(_) => Error::e_explain(ErrorType::InternalError, "a step panicked"),
        }
    }

    async fn upstream_peer(&self, _session: &mut Session, course: &mut Course) -> Result<Box<HttpPeer>> {
        Ok(course.passing()?.peer())
    }

    async fn upstream_request_filter(
        &self,
        _session: &mut Session,
        request: &mut RequestHeader,
        course: &mut Course,
    ) -> Result<()> {
        course.passing()?.dress(request)
    }

    async fn upstream_response_filter(
        &self,
        session: &mut Session,
        response: &mut ResponseHeader,
        course: &mut Course,
    ) -> Result<()> {
        course.passing()?.answered(response)?;
        if response.status == http::StatusCode::SWITCHING_PROTOCOLS
            && let Some(connection) = Connection::of(session.as_ref())
        {
            connection.switches();
        }
        Ok(())
    }

    fn error_while_proxy(
        &self,
        _peer: &HttpPeer,
        _session: &mut Session,
        mut error: BError,
        _course: &mut Course,
        _reused: bool,
    ) -> BError {
        // Some of it may have been read there: it is never sent again by the gate.
        error.set_retry(false);
        error
    }

    fn fail_to_connect(
        &self,
        _session: &mut Session,
        _peer: &HttpPeer,
        _course: &mut Course,
        mut error: BError,
    ) -> BError {
        error.set_retry(false);
        error
    }

    async fn fail_to_proxy(&self, session: &mut Session, error: &Error, course: &mut Course) -> FailToProxy {
        let error_code = explain(self, session, error, course).await;
        FailToProxy { error_code, can_reuse_downstream: false }
    }

    fn suppress_error_log(&self, _session: &Session, _course: &Course, _error: &Error) -> bool {
        true
    }

    async fn logging(&self, session: &mut Session, error: Option<&Error>, course: &mut Course) {
        if !session.is_http2()
            && let Some(connection) = Connection::of(session.as_ref())
        {
            connection.head.again();
        }
        if let Course::Pass(passing) = course {
            let status = session.response_written().map_or(0, |head| head.status.as_u16());
            let upstream = &*passing.line.name;
            passing.line.calls.ended(if error.is_some() { "pass_failed" } else { "passed" });
            tracing::info!(upstream, method = passing.head.method, status, request = passing.request_id, "passed");
        }
    }
}

/// Answers what pingora could not do.
async fn explain(gateway: &Gateway, session: &mut Session, error: &Error, course: &Course) -> u16 {
    use ErrorType::{
        ConnectError, ConnectNoRoute, ConnectRefused, ConnectTimedout, TLSHandshakeFailure, TLSHandshakeTimedout,
    };
    if session.response_written().is_some_and(|head| !head.status.is_informational()) {
        return 0;
    }
    let broken_body = Connection::of(session.as_ref()).and_then(Connection::broken_body).cloned();
    let stop = match (course, error.etype(), error.esource()) {
        (_, _, pingora_error::ErrorSource::Downstream) => match broken_body {
            Some(malformed) => Stop::Malformed(malformed),
            None => return 0,
        },
        (
            Course::Pass(_),
            ConnectError | ConnectRefused | ConnectTimedout | ConnectNoRoute | TLSHandshakeFailure
            | TLSHandshakeTimedout,
            _,
        ) => Stop::Unreachable,
        (Course::Pass(_), _, pingora_error::ErrorSource::Upstream) => Stop::NoAnswer,
        _ => {
            tracing::error!(%error, "a call failed inside the gate");
            Stop::Internal
        }
    };
    let id = match course {
        Course::Pass(passing) => passing.request_id.clone(),
        Course::Refused => gateway.ids.next(),
    };
    let rules = gateway.gate.rules();
    let Some(answer) = Answer::to(&stop, gateway.gate.now()) else { return 0 };
    if matches!(grpc::tell(session.as_mut(), &answer, &rules.config().admin.url, &id), Ok(true)) {
        return answer.status;
    }
    let form = problem::Form::of(&session.req_header().headers);
    let Ok((head, body)) = problem::render(&answer, &rules.config().admin.url, &id, form) else { return 0 };
    session.set_keepalive(None);
    let bare = session.req_header().method == http::Method::HEAD;
    let downstream = session.as_mut();
    let body = if bare { bytes::Bytes::new() } else { body };
    if downstream.write_response_header(head).await.is_ok() {
        let _ = downstream.write_response_body(body, true).await;
    }
    answer.status
}
