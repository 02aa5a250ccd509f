//! What the agent is told: the one place of status codes, codes and texts.
//!
//! Everything that ends a call before the upstream's own answer is a [`Stop`]; [`Answer::to`] turns it
//! into words, and [`problem`] or [`crate::mcp`] into bytes. Texts say first whether the call was
//! executed, then who decides, then the one next step, because many clients show a model nothing but
//! the reason phrase or the message.

use std::time::Duration;

use gate::{IntentId, Refusal, Timestamp};
use rules::Malformed;

pub(crate) mod grpc;
pub(crate) mod problem;

/// Why a call ends without the upstream's answer.
#[derive(Debug)]
pub(crate) enum Stop {
    Malformed(Malformed),
    BodyTooLarge {
        limit: usize,
    },
    BodyTooSlow,
    /// No key, or one that is nobody's; the text says which.
    Unauthorized(&'static str),
    KeysDisagree,
    NoRoute,
    Gate(Refusal),
    /// A call without an intent could not be sent.
    Unreachable,
    /// A call without an intent was sent and no answer came.
    NoAnswer,
    /// The upstream answered something that is no answer: an upgrade nobody asked for, half a message.
    BadAnswer {
        intent: Option<IntentId>,
    },
    /// A client polls for a call that is not held for it any more.
    NotWaitedFor {
        intent: IntentId,
    },
    /// The gate itself failed.
    Internal,
    /// The caller has hung up: there is nobody to tell.
    Gone,
}

impl From<Malformed> for Stop {
    fn from(malformed: Malformed) -> Stop {
        Stop::Malformed(malformed)
    }
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Stop {
        Stop::Gate(refusal)
    }
}

/// How an MCP client must be told: anything but 200 kills the session of widely installed clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rpc {
    /// A result with `isError: true`: the model reads it.
    ToolError,
    /// A JSON-RPC error of that code.
    Error(i32),
    /// A JSON-RPC error of that code under the HTTP status.
    ErrorWithStatus(i32),
    /// Not on the JSON-RPC level at all.
    Http,
}

const SERVER_ERROR: i32 = -32000;
const INVALID_REQUEST: i32 = -32600;
const INTERNAL_ERROR: i32 = -32603;
/// MCP 2026-07-28: headers and body disagree.
const HEADER_MISMATCH: i32 = -32020;

/// What is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) code: &'static str,
    /// ASCII: it is also the reason phrase.
    pub(crate) title: &'static str,
    pub(crate) detail: String,
    /// The family, in the words of common SDKs.
    pub(crate) kind: &'static str,
    pub(crate) intent: Option<IntentId>,
    pub(crate) retry_after: Option<Duration>,
    /// Sending again cannot execute twice, and may help.
    pub(crate) should_retry: bool,
    pub(crate) rpc: Rpc,
}

impl Answer {
    fn refusal(status: u16, code: &'static str, title: &'static str, detail: String) -> Answer {
        Answer {
            status,
            code,
            title,
            detail,
            kind: "permission_error",
            intent: None,
            retry_after: None,
            should_retry: false,
            rpc: Rpc::ToolError,
        }
    }

    fn bad_request(status: u16, code: &'static str, title: &'static str, detail: String) -> Answer {
        Answer {
            kind: "invalid_request_error",
            rpc: Rpc::Error(INVALID_REQUEST),
            ..Answer::refusal(status, code, title, detail)
        }
    }

    fn trouble(status: u16, code: &'static str, title: &'static str, detail: String) -> Answer {
        Answer { kind: "api_error", rpc: Rpc::Error(SERVER_ERROR), ..Answer::refusal(status, code, title, detail) }
    }

    fn about(self, intent: impl Into<Option<IntentId>>) -> Answer {
        Answer { intent: intent.into(), ..self }
    }

    fn again_after(self, wait: Duration) -> Answer {
        Answer { retry_after: Some(wait), should_retry: true, ..self }
    }

    /// What to say to a stop; `None` where there is nobody to hear it.
    pub(crate) fn to(stop: &Stop, now: Timestamp) -> Option<Answer> {
        Some(match stop {
            Stop::Gone => return None,
            Stop::Gate(refusal) => Answer::to_refusal(refusal, now),
            Stop::Malformed(malformed) => malformed_answer(malformed),
            Stop::BodyTooLarge { limit } => Answer::bad_request(
                413,
                "BODY_TOO_LARGE",
                "Not executed: the body is too large",
                format!("Not executed. The gate reads bodies of at most {limit} bytes here. Send less at once."),
            ),
            Stop::BodyTooSlow => Answer::bad_request(
                408,
                "BODY_TOO_SLOW",
                "Not executed: the body did not arrive in time",
                "Not executed. The body did not arrive in time. Send the call again.".to_owned(),
            ),
            Stop::Unauthorized(why) => Answer {
                kind: "authentication_error",
                rpc: Rpc::Http,
                ..Answer::refusal(
                    401,
                    "UNAUTHORIZED",
                    "Not executed: no valid agent key",
                    format!("Not executed. {why} Present an agent key (hsk_agent_...) in the header Holdshort-Key, or as a Bearer token."),
                )
            },
            Stop::KeysDisagree => Answer::bad_request(
                400,
                "BAD_REQUEST",
                "Not executed: two different keys",
                "Not executed. The request carries two different keys of this gate. Send exactly one.".to_owned(),
            ),
            Stop::NoRoute => Answer::refusal(
                403,
                "NO_ROUTE",
                "Not executed: no route allows this call",
                "Not executed. No route of this gate allows this method and path for this agent. An operator must add one; sending it again will not help.".to_owned(),
            ),
            Stop::Unreachable => Answer::trouble(
                502,
                "UPSTREAM_UNREACHABLE",
                "Not executed: the service could not be reached",
                "Not executed. The service behind the gate could not be reached; nothing was sent. Try again later.".to_owned(),
            ),
            Stop::NoAnswer => Answer::trouble(
                504,
                "OUTCOME_UNKNOWN",
                "Sent, but no answer came",
                "The call was sent and the service behind the gate gave no answer. Look at its state before sending it again.".to_owned(),
            ),
            Stop::BadAnswer { intent } => Answer::trouble(
                502,
                "OUTCOME_UNKNOWN",
                "Sent, but the answer made no sense",
                "The call was sent, and what the service behind the gate answered cannot be read. It may have been executed: look at its state before sending it again.".to_owned(),
            )
            .about(*intent),
            Stop::NotWaitedFor { intent } => Answer::refusal(
                403,
                "APPROVAL_PENDING",
                "This call is not waited for here any more",
                "This call is not waited for on this connection any more. Send the same call again: it goes on waiting or gets its answer; it is executed at most once.".to_owned(),
            )
            .about(*intent),
            Stop::Internal => Answer {
                rpc: Rpc::Error(INTERNAL_ERROR),
                ..Answer::trouble(
                    500,
                    "INTERNAL",
                    "The gate failed",
                    "The gate failed on this call; its log says why under the Holdshort-Request id.".to_owned(),
                )
            },
        })
    }

    fn to_refusal(refusal: &Refusal, now: Timestamp) -> Answer {
        match refusal {
            Refusal::Pending { intent, waiting_for, expires_at } => Answer::refusal(
                403,
                "APPROVAL_PENDING",
                "Not executed yet: waiting for approval",
                format!(
                    "Not executed: waiting for {waiting_for}, until {expires_at} at the latest ({} s from now). Send the same call again to go on waiting; it is executed at most once.",
                    now.until(*expires_at).as_secs()
                ),
            )
            .about(*intent),
            Refusal::Superseded { intent, waiting_for, expires_at } => Answer::refusal(
                403,
                "APPROVAL_PENDING",
                "Not executed yet: waiting for approval",
                format!(
                    "Not executed by this connection: the same call has come again on a newer one, which now waits for {waiting_for}, until {expires_at} at the latest."
                ),
            )
            .about(*intent),
            Refusal::Denied { intent, by, reason } => Answer::refusal(
                403,
                "DENIED",
                "Not executed: denied by a person",
                format!("Not executed. {by} denied it{}. Do not send it again unchanged.", said(reason.as_deref())),
            )
            .about(*intent),
            Refusal::ChangesRequested { intent, by, guidance } => Answer::refusal(
                403,
                "CHANGES_REQUESTED",
                "Not executed: changes requested",
                format!("Not executed. {by} asks for changes: {guidance}. Send the changed call."),
            )
            .about(*intent),
            Refusal::BlockedByPolicy { intent, message } => Answer::refusal(
                403,
                "BLOCKED_BY_POLICY",
                "Not executed: blocked by policy",
                sentence(message, "Not executed. A policy blocks this call; sending it again will not help."),
            )
            .about(*intent),
            Refusal::OutsideSchedule { intent, message } => Answer::refusal(
                403,
                "OUTSIDE_SCHEDULE",
                "Not executed: outside the allowed hours",
                sentence(message, "Not executed. A policy allows this call only at other hours."),
            )
            .about(*intent),
            Refusal::Stopped { message } => Answer::refusal(
                403,
                "STOPPED",
                "Not executed: calls are stopped",
                sentence(message, "Not executed. An operator has stopped calls. Wait until they let them through again."),
            ),
            Refusal::Cancelled { intent, by } => Answer::refusal(
                403,
                "CANCELLED",
                "Not executed: cancelled",
                format!("Not executed. {by} cancelled it. Send it again only if it is still wanted."),
            )
            .about(*intent),
            Refusal::Expired { intent } => Answer::refusal(
                403,
                "EXPIRED",
                "Not executed: expired",
                "Not executed. Its time ran out before it was decided and sent; nobody said no. Send it again if it is still wanted.".to_owned(),
            )
            .about(*intent),
            Refusal::AgentPaused { agent } => Answer::refusal(
                403,
                "AGENT_PAUSED",
                "Not executed: this agent is paused",
                format!("Not executed. The agent {agent} is paused. A person must resume it."),
            ),
            Refusal::AgentRevoked { agent } => Answer::refusal(
                403,
                "AGENT_REVOKED",
                "Not executed: this agent is revoked",
                format!("Not executed. The agent {agent} is revoked for good."),
            ),
            Refusal::OutcomeUnknown { intent, safe_method } => Answer {
                kind: "api_error",
                ..Answer::refusal(
                    if *safe_method { 504 } else { 409 },
                    "OUTCOME_UNKNOWN",
                    "Sent, but no answer came: it may have been executed",
                    if *safe_method {
                        "The call was sent and no answer came. It changes nothing, so it may be sent again.".to_owned()
                    } else {
                        "The call was sent and no answer came: it may have been executed. Do not send it again; a person looks at what happened and settles it.".to_owned()
                    },
                )
            }
            .about(*intent),
            Refusal::AlreadyExecuted { intent } => Answer::refusal(
                403,
                "ALREADY_EXECUTED",
                "Already executed: do not send it again",
                "Executed already, for an earlier connection; its answer is not kept. Do not send it again.".to_owned(),
            )
            .about(*intent),
            Refusal::IdempotencyMismatch { intent } => Answer::bad_request(
                422,
                "IDEMPOTENCY_MISMATCH",
                "Not executed: the Idempotency-Key belongs to another call",
                "Not executed. This Idempotency-Key was used with other content. Use a new key for a new call.".to_owned(),
            )
            .about(*intent),
            Refusal::Limited { retry_after, what } => Answer {
                kind: "rate_limit_error",
                ..Answer::refusal(
                    429,
                    "LIMITED",
                    "Not executed: over a limit",
                    format!("Not executed: {what}. Send it again in {} s.", seconds(*retry_after)),
                )
            }
            .again_after(*retry_after),
            Refusal::UpstreamUnreachable { intent } => Answer {
                should_retry: true,
                ..Answer::trouble(
                    502,
                    "UPSTREAM_UNREACHABLE",
                    "Not executed: the service could not be reached",
                    "Not executed. The service behind the gate could not be reached; nothing was sent. Send the same call again later.".to_owned(),
                )
            }
            .about(*intent),
            Refusal::Unavailable { intent, why } => Answer::trouble(
                503,
                "UNAVAILABLE",
                "Not executed: the gate cannot decide now",
                format!("Not executed: {why}. Nothing was sent. Send the same call again in a moment."),
            )
            .about(*intent)
            .again_after(Duration::from_secs(1)),
        }
    }
}

fn malformed_answer(malformed: &Malformed) -> Answer {
    let (code, title) = match malformed.status {
        405 => ("METHOD_NOT_ALLOWED", "Not executed: this method is not accepted"),
        413 => ("BODY_TOO_LARGE", "Not executed: the body is too large"),
        415 => ("UNSUPPORTED_MEDIA_TYPE", "Not executed: this kind of body cannot be read"),
        414 | 431 => ("HEAD_TOO_LARGE", "Not executed: the head is too large"),
        _ => ("BAD_REQUEST", "Not executed: the request can be read in more than one way"),
    };
    let rpc = match malformed.rpc_code {
        Some(HEADER_MISMATCH) => Rpc::ErrorWithStatus(HEADER_MISMATCH),
        Some(code) => Rpc::Error(code),
        None => Rpc::Error(INVALID_REQUEST),
    };
    let detail = format!("Not executed. {} ({}).", malformed.what, malformed.place);
    Answer { rpc, ..Answer::bad_request(malformed.status, code, title, detail) }
}

fn said(reason: Option<&str>) -> String {
    reason.filter(|reason| !reason.trim().is_empty()).map(|reason| format!(": {reason}")).unwrap_or_default()
}

/// An operator's message, or ours where there is none.
fn sentence(message: &str, otherwise: &str) -> String {
    if message.trim().is_empty() { otherwise.to_owned() } else { message.to_owned() }
}

/// Whole seconds, at least one: `Retry-After: 0` would mean "at once".
pub(crate) fn seconds(span: Duration) -> u64 {
    span.as_secs() + u64::from(span.subsec_nanos() > 0 || span.as_secs() == 0)
}

#[cfg(test)]
mod tests;
