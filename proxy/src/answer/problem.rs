//! An [`Answer`] as `application/problem+json` (RFC 9457) that is at the same time an envelope which
//! clients of many APIs read: `data: null` and an `error` object.

use bytes::Bytes;
use pingora_error::BError;
use pingora_http::ResponseHeader;
use serde_json::{Map, Value, json};

use super::{Answer, seconds};

/// The page on which an intent is decided.
pub(crate) fn approval_url(admin_url: &str, intent: gate::IntentId) -> String {
    format!("{}/intents/{intent}", admin_url.trim_end_matches('/'))
}

/// Head and body of the answer.
pub(crate) fn render(
    answer: &Answer,
    admin_url: &str,
    request_id: &str,
) -> Result<(Box<ResponseHeader>, Bytes), BError> {
    let body = Bytes::from(body(answer, admin_url, request_id).to_string());
    let mut head = ResponseHeader::build_no_case(answer.status, Some(10))?;
    head.set_reason_phrase(Some(answer.title))?;
    head.insert_header("content-type", "application/problem+json")?;
    head.insert_header("content-length", body.len())?;
    head.insert_header("cache-control", "no-store")?;
    let retry = if answer.should_retry { "true" } else { "false" };
    head.insert_header("x-should-retry", retry)?;
    head.insert_header("stripe-should-retry", retry)?;
    if let Some(wait) = answer.retry_after {
        head.insert_header("retry-after", seconds(wait))?;
    }
    head.insert_header("holdshort-request", request_id)?;
    if let Some(intent) = answer.intent {
        head.insert_header("holdshort-intent", intent.to_string())?;
    }
    Ok((Box::new(head), body))
}

fn body(answer: &Answer, admin_url: &str, request_id: &str) -> Value {
    let mut body = Map::new();
    body.insert("type".into(), format!("urn:holdshort:problem:{}", answer.code.to_lowercase()).into());
    body.insert("title".into(), answer.title.into());
    body.insert("status".into(), answer.status.into());
    body.insert("detail".into(), answer.detail.as_str().into());
    body.insert("instance".into(), format!("urn:holdshort:request:{request_id}").into());
    if let Some(intent) = answer.intent {
        body.insert("intent_id".into(), intent.to_string().into());
        body.insert("approval_url".into(), approval_url(admin_url, intent).into());
    }
    body.insert("data".into(), Value::Null);
    body.insert("error".into(), json!({ "code": answer.code, "message": answer.detail, "type": answer.kind }));
    Value::Object(body)
}
