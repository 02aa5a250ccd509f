//! Each row of the table of answers.

use std::time::Duration;

use gate::{IntentId, Refusal, Timestamp};
use rules::Malformed;
use serde_json::Value;

use super::{Answer, Rpc, Stop, problem};

const NOW: Timestamp = Timestamp(1_800_000_000_000_000);

fn intent() -> IntentId {
    "int_0190163d8694739b9bce2f4bc3f6d1a0".parse().unwrap()
}

/// Stop, status, code, `Retry-After`, whether to send it again, and how MCP clients are told.
type Row = (Stop, u16, &'static str, Option<u64>, bool, Rpc);

fn rows() -> Vec<Row> {
    let later = NOW.plus(Duration::from_secs(3600));
    let finance = || "finance (1 of 2)".to_owned();
    let gate = Stop::Gate;
    vec![
        (
            gate(Refusal::Pending { intent: intent(), waiting_for: finance(), expires_at: later }),
            403,
            "APPROVAL_PENDING",
            None,
            false,
            Rpc::ToolError,
        ),
        (
            gate(Refusal::Superseded { intent: intent(), waiting_for: finance(), expires_at: later }),
            403,
            "APPROVAL_PENDING",
            None,
            false,
            Rpc::ToolError,
        ),
        (
            gate(Refusal::Denied { intent: intent(), by: "dana".into(), reason: Some("too much".into()) }),
            403,
            "DENIED",
            None,
            false,
            Rpc::ToolError,
        ),
        (
            gate(Refusal::ChangesRequested { intent: intent(), by: "dana".into(), guidance: "less".into() }),
            403,
            "CHANGES_REQUESTED",
            None,
            false,
            Rpc::ToolError,
        ),
        (
            gate(Refusal::BlockedByPolicy { intent: None, message: "no".into() }),
            403,
            "BLOCKED_BY_POLICY",
            None,
            false,
            Rpc::ToolError,
        ),
        (
            gate(Refusal::OutsideSchedule { intent: None, message: String::new() }),
            403,
            "OUTSIDE_SCHEDULE",
            None,
            false,
            Rpc::ToolError,
        ),
        (gate(Refusal::Stopped { message: String::new() }), 403, "STOPPED", None, false, Rpc::ToolError),
        (
            gate(Refusal::Cancelled { intent: intent(), by: "dana".into() }),
            403,
            "CANCELLED",
            None,
            false,
            Rpc::ToolError,
        ),
        (gate(Refusal::Expired { intent: intent() }), 403, "EXPIRED", None, false, Rpc::ToolError),
        (gate(Refusal::AgentPaused { agent: "billing".into() }), 403, "AGENT_PAUSED", None, false, Rpc::ToolError),
        (gate(Refusal::AgentRevoked { agent: "billing".into() }), 403, "AGENT_REVOKED", None, false, Rpc::ToolError),
        (
            gate(Refusal::OutcomeUnknown { intent: intent(), safe_method: true }),
            504,
            "OUTCOME_UNKNOWN",
            None,
            false,
            Rpc::ToolError,
        ),
        (
            gate(Refusal::OutcomeUnknown { intent: intent(), safe_method: false }),
            409,
            "OUTCOME_UNKNOWN",
            None,
            false,
            Rpc::ToolError,
        ),
        (gate(Refusal::AlreadyExecuted { intent: intent() }), 403, "ALREADY_EXECUTED", None, false, Rpc::ToolError),
        (
            gate(Refusal::IdempotencyMismatch { intent: intent() }),
            422,
            "IDEMPOTENCY_MISMATCH",
            None,
            false,
            Rpc::Error(-32600),
        ),
        (
            gate(Refusal::Limited { retry_after: Duration::from_millis(1500), what: "too many held".into() }),
            429,
            "LIMITED",
            Some(2),
            true,
            Rpc::ToolError,
        ),
        (
            gate(Refusal::UpstreamUnreachable { intent: intent() }),
            502,
            "UPSTREAM_UNREACHABLE",
            None,
            true,
            Rpc::Error(-32000),
        ),
        (
            gate(Refusal::Unavailable { intent: None, why: "the store is down".into() }),
            503,
            "UNAVAILABLE",
            Some(1),
            true,
            Rpc::Error(-32000),
        ),
        (Stop::Unauthorized("There is no key."), 401, "UNAUTHORIZED", None, false, Rpc::Http),
        (Stop::KeysDisagree, 400, "BAD_REQUEST", None, false, Rpc::Error(-32600)),
        (Stop::NoRoute, 403, "NO_ROUTE", None, false, Rpc::ToolError),
        (Stop::BodyTooLarge { limit: 10 }, 413, "BODY_TOO_LARGE", None, false, Rpc::Error(-32600)),
        (Stop::BodyTooSlow, 408, "BODY_TOO_SLOW", None, false, Rpc::Error(-32600)),
        (
            Stop::Malformed(Malformed::new(400, "two hosts", "header host")),
            400,
            "BAD_REQUEST",
            None,
            false,
            Rpc::Error(-32600),
        ),
        (
            Stop::Malformed(Malformed::new(415, "gzip", "body")),
            415,
            "UNSUPPORTED_MEDIA_TYPE",
            None,
            false,
            Rpc::Error(-32600),
        ),
        (
            Stop::Malformed(Malformed { rpc_code: Some(-32020), ..Malformed::new(400, "mcp-name", "header mcp-name") }),
            400,
            "BAD_REQUEST",
            None,
            false,
            Rpc::ErrorWithStatus(-32020),
        ),
        (Stop::Unreachable, 502, "UPSTREAM_UNREACHABLE", None, false, Rpc::Error(-32000)),
        (Stop::NoAnswer, 504, "OUTCOME_UNKNOWN", None, false, Rpc::Error(-32000)),
        (Stop::BadAnswer { intent: Some(intent()) }, 502, "OUTCOME_UNKNOWN", None, false, Rpc::Error(-32000)),
        (Stop::Internal, 500, "INTERNAL", None, false, Rpc::Error(-32603)),
    ]
}

#[test]
fn every_stop_has_its_row() {
    for (stop, status, code, retry_after, should_retry, rpc) in rows() {
        let answer = Answer::to(&stop, NOW).unwrap();
        assert_eq!((answer.status, answer.code, answer.rpc), (status, code, rpc), "{stop:?}");
        let (head, body) = problem::render(&answer, "http://gate:8081", "req_1", problem::Form::Problem).unwrap();
        let header = |name: &str| head.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(header("retry-after"), retry_after.map(|seconds| seconds.to_string()), "{stop:?}");
        assert_eq!(header("x-should-retry").unwrap(), should_retry.to_string(), "{stop:?}");
        assert_eq!(header("stripe-should-retry").unwrap(), should_retry.to_string(), "{stop:?}");
        assert_eq!(header("holdshort-request").unwrap(), "req_1");
        assert_eq!(header("holdshort-intent"), answer.intent.map(|id| id.to_string()));
        assert_eq!(header("content-type").unwrap(), "application/problem+json");
        assert_eq!(header("www-authenticate"), None, "it would start an OAuth flow in MCP clients");
        assert_eq!(head.get_reason_phrase(), Some(answer.title));
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["status"], status);
        assert_eq!(body["error"]["code"], code);
        assert_eq!(body["error"]["message"], body["detail"]);
        assert_eq!(body["message"], body["detail"]);
        assert!(body["data"].is_null() && body.get("data").is_some());
        if let Some(id) = answer.intent {
            assert_eq!(body["intent_id"], id.to_string());
            assert_eq!(body["approval_url"], format!("http://gate:8081/intents/{id}"));
        } else {
            assert!(body.get("intent_id").is_none() && body.get("approval_url").is_none());
        }
    }
}

#[test]
fn whoever_has_hung_up_is_told_nothing() {
    assert_eq!(Answer::to(&Stop::Gone, NOW), None);
}

#[test]
fn reason_phrases_are_one_line_of_ascii() {
    for (stop, ..) in rows() {
        let title = Answer::to(&stop, NOW).unwrap().title;
        assert!(title.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()), "{title}");
    }
}

#[test]
fn who_denied_and_why_stands_in_the_text() {
    let stop = Stop::Gate(Refusal::Denied {
        intent: intent(),
        by: "dana@example.com".into(),
        reason: Some("wrong amount".into()),
    });
    let detail = Answer::to(&stop, NOW).unwrap().detail;
    assert_eq!(detail, "Not executed. dana@example.com denied it: wrong amount. Do not send it again unchanged.");
}
