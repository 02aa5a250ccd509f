//! An [`Answer`] as `application/problem+json` (RFC 9457) that is at the same time an envelope which
//! clients of many APIs read: `data: null` and an `error` object.

use bytes::Bytes;
use http::HeaderMap;
use http::header::{ACCEPT, AUTHORIZATION};
use pingora_error::BError;
use pingora_http::ResponseHeader;
use serde_json::{Map, Value, json};

use super::{Answer, seconds};

/// The page on which an intent is decided.
pub(crate) fn approval_url(admin_url: &str, intent: gate::IntentId) -> String {
    format!("{}/intents/{intent}", admin_url.trim_end_matches('/'))
}

/// What the answer is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Problem,
    /// The same, under the plain name of JSON: clients that ask for types of their own alone (octokit does) read no body
    /// of a type that they do not know. JSON they all know.
    Json,
    /// As S3 says errors. SDKs of services that speak XML show nothing of a body that is none.
    S3,
    /// As the other services of AWS do that speak XML.
    AwsXml,
}

/// AWS services other than S3 whose answers are XML, by their name in signatures.
const AWS_XML: [&str; 14] = [
    "autoscaling",
    "cloudformation",
    "cloudfront",
    "ec2",
    "elasticache",
    "elasticbeanstalk",
    "elasticloadbalancing",
    "iam",
    "rds",
    "redshift",
    "route53",
    "ses",
    "sns",
    "sts",
];

impl Form {
    /// By what the client says of itself. It chooses the words' wrapping, never the words.
    pub(crate) fn of(asked: &HeaderMap) -> Form {
        match signed_for(asked) {
            Some("s3" | "s3express") => return Form::S3,
            Some(service) if AWS_XML.contains(&service) => return Form::AwsXml,
            _ => {}
        }
        let values = asked.get_all(ACCEPT).iter();
        let mut types = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b',')).peekable();
        let known = |range: &[u8]| {
            let range = range.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
            ["*/*", "application/*", Form::Problem.media_type(), Form::Json.media_type()]
                .iter()
                .any(|known| range.eq_ignore_ascii_case(known.as_bytes()))
        };
        if types.peek().is_none() || types.any(known) { Form::Problem } else { Form::Json }
    }

    fn media_type(self) -> &'static str {
        match self {
            Form::Problem => "application/problem+json",
            Form::Json => "application/json",
            Form::S3 | Form::AwsXml => "application/xml",
        }
    }
}

/// The service for which AWS's Signature Version 4 was made: `Credential=KEY/DATE/REGION/SERVICE/aws4_request`.
fn signed_for(asked: &HeaderMap) -> Option<&str> {
    let signed = asked.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("AWS4-")?;
    let (_, credential) = signed.split_once("Credential=")?;
    credential.split(',').next()?.trim().strip_suffix("/aws4_request")?.rsplit('/').next()
}

fn xml(answer: &Answer, form: Form, request_id: &str) -> String {
    let error = format!("<Code>{}</Code><Message>{}</Message>", answer.code, escaped(&answer.detail));
    let id = format!("<RequestId>{}</RequestId>", escaped(request_id));
    let root = match form {
        Form::S3 => format!("<Error>{error}{id}</Error>"),
        _ => format!("<ErrorResponse><Error>{error}</Error>{id}</ErrorResponse>"),
    };
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{root}")
}

/// Text within an element; what XML 1.0 has no place for is left out.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\n' | '\t' => escaped.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => escaped.push(c),
        }
    }
    escaped
}

/// Head and body of the answer.
pub(crate) fn render(
    answer: &Answer,
    admin_url: &str,
    request_id: &str,
    form: Form,
) -> Result<(Box<ResponseHeader>, Bytes), BError> {
    let body = Bytes::from(match form {
        Form::Problem | Form::Json => body(answer, admin_url, request_id).to_string(),
        Form::S3 | Form::AwsXml => xml(answer, form, request_id),
    });
    let mut head = ResponseHeader::build_no_case(answer.status, Some(10))?;
    head.set_reason_phrase(Some(answer.title))?;
    head.insert_header("content-type", form.media_type())?;
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
    // SDKs of AWS and GitHub show this member and nothing else.
    body.insert("message".into(), answer.detail.as_str().into());
    body.insert("data".into(), Value::Null);
    body.insert("error".into(), json!({ "code": answer.code, "message": answer.detail, "type": answer.kind }));
    Value::Object(body)
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, HeaderValue};

    use super::{Form, escaped};

    fn of(name: HeaderName, values: &[&'static str]) -> Form {
        Form::of(&values.iter().map(|value| (name.clone(), HeaderValue::from_static(value))).collect::<HeaderMap>())
    }

    #[test]
    fn an_answer_is_a_problem_unless_the_client_asks_for_types_of_its_own_alone() {
        for accepted in [
            &[][..],
            &["*/*"],
            &["application/json"],
            &["text/html, application/*;q=0.8"],
            &["application/vnd.github.v3+json", "*/*"],
            &["APPLICATION/problem+json"],
        ] {
            assert_eq!(of(http::header::ACCEPT, accepted), Form::Problem, "{accepted:?}");
        }
        for accepted in [&["application/vnd.github.v3+json"][..], &["text/html, image/png;q=0.5"]] {
            assert_eq!(of(http::header::ACCEPT, accepted), Form::Json, "{accepted:?}");
        }
    }

    #[test]
    fn who_signs_for_a_service_that_speaks_xml_is_answered_in_xml() {
        for (signed, form) in [
            (
                "AWS4-HMAC-SHA256 Credential=AKIA/20261121/eu-central-1/s3/aws4_request, SignedHeaders=host, Signature=0",
                Form::S3,
            ),
            (
                "AWS4-HMAC-SHA256 SignedHeaders=host,Credential=AKIA/20261121/x/iam/aws4_request,Signature=0",
                Form::AwsXml,
            ),
            ("AWS4-HMAC-SHA256 Credential=AKIA/20261121/x/dynamodb/aws4_request, Signature=0", Form::Problem),
            ("AWS4-HMAC-SHA256 Credential=AKIA/20261121/x/s3, Signature=0", Form::Problem),
            ("Bearer Credential=AKIA/20261121/x/s3/aws4_request", Form::Problem),
        ] {
            assert_eq!(of(http::header::AUTHORIZATION, &[signed]), form, "{signed}");
        }
    }

    #[test]
    fn what_a_person_wrote_stays_within_its_element() {
        assert_eq!(escaped("a < b & \u{0}\u{1b}</Message>\n"), "a &lt; b &amp; &lt;/Message&gt;\n");
    }
}
