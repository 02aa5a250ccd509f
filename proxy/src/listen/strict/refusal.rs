//! Telling a caller what was wrong with the bytes it sent, without pingora: the answer, the end of the
//! writing side, and a short while of reading on, so that the answer arrives.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use gate::RefusedCall;
use pingora_core::protocols::IO;
use pingora_http::ResponseHeader;
use rules::Malformed;
use rules::request::wire::Refused;
use tokio::io::ReadBuf;
use tokio::time::Sleep;

use super::{DRAINED_BYTES, DRAINED_FOR};
use crate::answer::{Answer, Stop, problem};
use crate::gateway::Shared;

pub(super) struct Refusal {
    malformed: Malformed,
    without_body: bool,
    read_by_a_call: bool,
    /// Bytes that are still read.
    left: usize,
    stage: Stage,
}

enum Stage {
    Refused,
    Telling { answer: Vec<u8>, written: usize },
    Flushing,
    Ending,
    Draining(Pin<Box<Sleep>>),
    Over,
}

impl Refusal {
    pub(super) fn new(refused: Refused) -> Refusal {
        Refusal {
            malformed: refused.malformed,
            without_body: refused.asks_for_head,
            read_by_a_call: refused.head_was_whole,
            left: DRAINED_BYTES,
            stage: Stage::Refused,
        }
    }

    /// It is a body's, and the call that reads it tells its caller.
    pub(super) fn is_read_by_a_call(&self) -> bool {
        self.read_by_a_call
    }

    /// Answers, once; ready when the connection is over.
    pub(super) fn poll_tell<S: IO>(&mut self, inner: &mut S, cx: &mut Context<'_>, shared: &Shared) -> Poll<()> {
        loop {
            self.stage = match &mut self.stage {
                Stage::Refused => {
                    Stage::Telling { answer: answer(&self.malformed, self.without_body, shared), written: 0 }
                }
                Stage::Telling { answer, written } => match answer.get(*written..).filter(|rest| !rest.is_empty()) {
                    None => Stage::Flushing,
                    Some(rest) => match ready!(Pin::new(&mut *inner).poll_write(cx, rest)) {
                        Ok(count @ 1..) => {
                            *written += count;
                            continue;
                        }
                        Ok(0) | Err(_) => Stage::Over,
                    },
                },
                Stage::Flushing => match ready!(Pin::new(&mut *inner).poll_flush(cx)) {
                    Ok(()) => Stage::Ending,
                    Err(_) => Stage::Over,
                },
                Stage::Ending => match ready!(Pin::new(&mut *inner).poll_shutdown(cx)) {
                    Ok(()) => Stage::Draining(Box::pin(tokio::time::sleep(DRAINED_FOR))),
                    Err(_) => Stage::Over,
                },
                Stage::Draining(sleep) => {
                    if sleep.as_mut().poll(cx).is_pending() {
                        ready!(discard(inner, cx, &mut self.left));
                    }
                    Stage::Over
                }
                Stage::Over => return Poll::Ready(()),
            };
        }
    }

    /// Ready when the caller hangs up, or sends too much.
    pub(super) fn poll_discard<S: IO>(&mut self, inner: &mut S, cx: &mut Context<'_>) -> Poll<()> {
        discard(inner, cx, &mut self.left)
    }
}

fn discard<S: IO>(inner: &mut S, cx: &mut Context<'_>, left: &mut usize) -> Poll<()> {
    let mut part = [0; 2048];
    while *left > 0 {
        let mut buf = ReadBuf::new(&mut part);
        match ready!(Pin::new(&mut *inner).poll_read(cx, &mut buf)) {
            Ok(()) if !buf.filled().is_empty() => *left = left.saturating_sub(buf.filled().len()),
            _ => break,
        }
    }
    Poll::Ready(())
}

/// The answer as it is written. It is counted and kept like every other refusal.
fn answer(malformed: &Malformed, without_body: bool, shared: &Shared) -> Vec<u8> {
    let now = shared.gate.now();
    let request_id = shared.ids.next();
    let Some(answer) = Answer::to(&Stop::Malformed(malformed.clone()), now) else { return Vec::new() };
    tracing::debug!(request = request_id, code = answer.code, %malformed, "refused");
    let rules = shared.gate.rules();
    let rendered = problem::render(&answer, &rules.config().admin.url, &request_id, problem::Form::Problem);
    shared.gate.note_refused(RefusedCall {
        at: now,
        request_id,
        agent: None,
        upstream: None,
        method: None,
        route: None,
        code: answer.code,
        message: answer.detail,
    });
    let Ok((mut head, body)) = rendered else { return Vec::new() };
    if head.insert_header(http::header::CONNECTION, "close").is_err() {
        return Vec::new();
    }
    let mut bytes = written(&head);
    if !without_body {
        bytes.extend_from_slice(&body);
    }
    bytes
}

fn written(head: &ResponseHeader) -> Vec<u8> {
    let reason = head.get_reason_phrase().unwrap_or_default();
    let mut bytes = format!("HTTP/1.1 {} {reason}\r\n", head.status.as_u16()).into_bytes();
    for (name, value) in &head.headers {
        bytes.extend_from_slice(name.as_str().as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes
}
