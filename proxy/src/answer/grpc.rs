//! An [`Answer`] as a gRPC client reads it: a status and a message in the head of an answer that has nothing else
//! ("Trailers-Only", PROTOCOL-HTTP2 of gRPC). With any other HTTP status than 200 it would see a status of its own
//! making, and no reason.

use http::header::{CONTENT_TYPE, HeaderMap};
use pingora_core::protocols::http::ServerSession;
use pingora_error::BError;
use pingora_http::ResponseHeader;

use super::{Answer, problem::approval_url};

/// The media type of a gRPC request (`application/grpc`, `application/grpc+proto`).
fn asked(headers: &HeaderMap) -> Option<&str> {
    let kind = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let rest = kind.get(.."application/grpc".len())?;
    let behind = kind.get(rest.len()..)?;
    (rest.eq_ignore_ascii_case("application/grpc") && (behind.is_empty() || behind.starts_with(['+', ';'])))
        .then_some(kind)
}

/// Tells it where the caller speaks gRPC; `false`: it does not, and nothing was written.
pub(crate) fn tell(
    session: &mut ServerSession,
    answer: &Answer,
    admin_url: &str,
    request_id: &str,
) -> Result<bool, BError> {
    let Some(kind) = asked(&session.req_header().headers).map(str::to_owned) else { return Ok(false) };
    let ServerSession::H2(session) = session else { return Ok(false) };
    let mut head = ResponseHeader::build_no_case(200, Some(8))?;
    head.insert_header(CONTENT_TYPE, kind)?;
    head.insert_header("grpc-status", status(answer))?;
    head.insert_header("grpc-message", encoded(&answer.detail))?;
    head.insert_header("holdshort-request", request_id)?;
    if let Some(intent) = answer.intent {
        head.insert_header("holdshort-intent", intent.to_string())?;
        head.insert_header("holdshort-approval", approval_url(admin_url, intent))?;
    }
    session.write_response_header(Box::new(head), true)?;
    Ok(true)
}

/// INVARIANT: `UNAVAILABLE`, which clients re-send by themselves, only where sending again cannot execute twice.
fn status(answer: &Answer) -> &'static str {
    match answer.code {
        "OUTCOME_UNKNOWN" => "2",                                                 // UNKNOWN
        "BAD_REQUEST" | "UNSUPPORTED_MEDIA_TYPE" | "IDEMPOTENCY_MISMATCH" => "3", // INVALID_ARGUMENT
        "BODY_TOO_SLOW" => "4",                                                   // DEADLINE_EXCEEDED
        "ALREADY_EXECUTED" => "6",                                                // ALREADY_EXISTS
        "LIMITED" | "BODY_TOO_LARGE" | "HEAD_TOO_LARGE" => "8",                   // RESOURCE_EXHAUSTED
        "APPROVAL_PENDING" => "9",                                                // FAILED_PRECONDITION
        "METHOD_NOT_ALLOWED" => "12",                                             // UNIMPLEMENTED
        "INTERNAL" => "13",                                                       // INTERNAL
        "UNAVAILABLE" | "UPSTREAM_UNREACHABLE" => "14",                           // UNAVAILABLE
        "UNAUTHORIZED" => "16",                                                   // UNAUTHENTICATED
        _ => "7",                                                                 // PERMISSION_DENIED
    }
}

/// Percent-encoded but for printable ASCII.
fn encoded(message: &str) -> String {
    let mut encoded = String::with_capacity(message.len());
    for byte in message.bytes() {
        match byte {
            b' '..=b'~' if byte != b'%' => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};

    use super::{asked, encoded};

    #[test]
    fn only_grpc_is_answered_so() {
        for (kind, grpc) in [
            ("application/grpc", true),
            ("application/grpc+proto", true),
            ("Application/gRPC; charset=x", true),
            ("application/grpc-web", false),
            ("application/json", false),
            ("application/grp", false),
        ] {
            let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(kind))]);
            assert_eq!(asked(&headers).is_some(), grpc, "{kind}");
        }
    }

    #[test]
    fn a_message_is_one_line_of_ascii() {
        assert_eq!(encoded("100 % done: \u{e9}\n"), "100 %25 done: %C3%A9%0A");
    }
}
