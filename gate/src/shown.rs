//! What people are shown of a request, and the digests that bind an approval and a permit to it.
//!
//! Shown, and covered by `headers_digest`, are the headers of the caller that will be sent, without
//! those that change from one try to the next ([`is_volatile`]) and those that the gate itself sets or
//! takes off. Credentials are digested as they are and shown masked.

use std::borrow::Cow;

use bytes::Bytes;
use rules::Request;
use rules::request::Content;
use rules::request::json::Json;

/// Headers that tell nothing of what is asked, and differ between two tries of one call. Lower case.
const VOLATILE: [&str; 27] = [
    "date",
    "user-agent",
    "traceparent",
    "tracestate",
    "baggage",
    "b3",
    "x-b3-traceid",
    "x-b3-spanid",
    "x-b3-parentspanid",
    "x-b3-sampled",
    "x-b3-flags",
    "x-request-id",
    "x-correlation-id",
    "request-id",
    "x-amzn-trace-id",
    "x-cloud-trace-context",
    "x-datadog-trace-id",
    "x-datadog-parent-id",
    "x-datadog-sampling-priority",
    "sentry-trace",
    "x-stainless-retry-count",
    "x-stainless-read-timeout",
    "x-stainless-timeout",
    "amz-sdk-request",
    "amz-sdk-invocation-id",
    "x-amz-date",
    "x-stripe-client-telemetry",
];

/// A request as an approval and a permit see it.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    /// Where they stand among those of the request.
    headers: Vec<usize>,
    pub(crate) headers_digest: String,
    /// Over method, target, content and headers: what an approval is bound to.
    pub(crate) digest: String,
}

impl Shown {
    pub(crate) fn of(request: &Request) -> Shown {
        let upstream = &request.upstream.config;
        let set_by_gate = |name: &str| {
            matches!(name, "host" | "content-length" | "content-digest" | "expect")
                || name.starts_with("holdshort-")
                || upstream.headers_set.contains_key(name)
                || upstream.headers_remove.iter().any(|glob| covers(glob, name))
        };
        let is_shown = |(name, value): &(String, Bytes)| !is_volatile(name, value, request) && !set_by_gate(name);
        let all = request.head.headers.iter().enumerate();
        let headers: Vec<usize> = all.filter(|(_, header)| is_shown(header)).map(|(at, _)| at).collect();
        let headers_digest = permit::headers_digest(at(&headers, request));
        let content = content(request);
        let (method, target) = (&request.head.method, &request.target);
        // None of the four can hold a line feed.
        let digest =
            permit::content_digest([method, "\n", target, "\n", &content, "\n", &headers_digest].concat().as_bytes());
        Shown { headers, headers_digest, digest }
    }

    /// The headers, of the request that this was made of.
    pub(crate) fn headers<'a>(&self, request: &'a Request) -> impl Iterator<Item = (&'a str, &'a [u8])> {
        at(&self.headers, request)
    }

    /// The same for eyes: credentials masked, other bytes than text replaced.
    pub(crate) fn masked(&self, request: &Request) -> Vec<(String, String)> {
        let show = |(name, value): (&str, &[u8])| {
            let text = if is_credential(name) { mask(value) } else { String::from_utf8_lossy(value).into_owned() };
            (name.to_owned(), text)
        };
        self.headers(request).map(show).collect()
    }
}

fn at<'a>(places: &[usize], request: &'a Request) -> impl Iterator<Item = (&'a str, &'a [u8])> {
    places.iter().filter_map(|at| request.head.headers.get(*at)).map(|(name, value)| (name.as_str(), &**value))
}

/// What is asked, without what names the one try: of an MCP request its method, name, arguments and what else goes
/// with them (answers to what the server asked back), not the message's id nor `_meta`; of anything else the digest
/// of the body.
pub(crate) fn content(request: &Request) -> Cow<'_, str> {
    match &request.content {
        Content::Mcp(message) if let (Some(method), Some(_)) = (&message.method, &message.id) => {
            let mut asked = match message.tool() {
                Some(tool) => format!("{tool:?}\n{}", message.arguments().map(ToString::to_string).unwrap_or_default()),
                // No tool's call begins like this: there the quotation mark comes first.
                None => format!("{method}\n"),
            };
            let tool = message.tool().is_some();
            if let Some(Json::Object(members)) = &message.params {
                let told = |key: &str| key == "_meta" || tool && matches!(key, "name" | "arguments");
                for (key, value) in members.iter().filter(|(key, _)| !told(key)) {
                    asked.push_str(&format!("\n{key:?}: {value}"));
                }
            }
            permit::content_digest(asked.as_bytes()).into()
        }
        _ => request.content_digest.as_str().into(),
    }
}

/// Whether a header may differ between two tries of the same call.
pub(crate) fn is_volatile(name: &str, value: &[u8], request: &Request) -> bool {
    let mcp = matches!(request.content, Content::Mcp(_));
    VOLATILE.contains(&name)
        // A signature over the date: who signed is compared in its place.
        || (name == "authorization" && value.starts_with(b"AWS4-HMAC-SHA256"))
        || (mcp && (name.starts_with("mcp-") || name == "last-event-id" || name == "content-digest"))
}

fn is_credential(name: &str) -> bool {
    const TELLING: [&str; 9] =
        ["authorization", "cookie", "token", "secret", "password", "api-key", "apikey", "credential", "signature"];
    TELLING.iter().any(|word| name.contains(word)) || name.ends_with("-key")
}

/// Keeps the scheme and the last four characters of what is long enough to spare them.
fn mask(value: &[u8]) -> String {
    let text = String::from_utf8_lossy(value);
    let (scheme, secret) = text.split_once(' ').map_or(("", &*text), |(scheme, secret)| (scheme, secret));
    let count = secret.chars().count();
    let tail: String = if count >= 24 { secret.chars().skip(count - 4).collect() } else { String::new() };
    let space = if scheme.is_empty() { "" } else { " " };
    format!("{scheme}{space}......{tail}")
}

/// Whether a glob of header names (`*` stands for any text) covers a name.
fn covers(glob: &str, name: &str) -> bool {
    let Some((first, rest)) = glob.split_once('*') else { return glob.eq_ignore_ascii_case(name) };
    let Some(left) = name.strip_prefix(&*first.to_ascii_lowercase()) else { return false };
    if rest.is_empty() {
        return true;
    }
    left.char_indices()
        .map(|(at, _)| at)
        .chain([left.len()])
        .any(|at| left.get(at..).is_some_and(|left| covers(rest, left)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_cover_what_they_say() {
        assert!(covers("impersonate-*", "impersonate-user"));
        assert!(covers("*-Secret", "my-secret"));
        assert!(covers("x-*-y", "x-a-b-y"));
        assert!(!covers("x-*-y", "x-y"));
        assert!(!covers("impersonate", "impersonate-user"));
    }

    #[test]
    fn a_credential_is_never_shown_whole() {
        assert_eq!(mask(b"Bearer sk_live_0123456789abcdefghijkl"), "Bearer ......ijkl");
        assert_eq!(mask(b"short"), "......");
    }

    /// A call of a tool whose message has these members beside the method.
    fn call(rest: &str) -> Request {
        message("tools/call", rest)
    }

    fn message(method: &str, rest: &str) -> Request {
        use rules::config::load::{NoSecrets, Source, load};
        use rules::request::{HttpVersion, RawHead, Reading};
        let text = "
proxy: { listen: 127.0.0.1:8080 }
admin: { listen: 127.0.0.1:8081, url: http://127.0.0.1:8081 }
upstreams: { tools: { url: 'http://127.0.0.1:9', at: /t, protocol: mcp, routes: [{ match: { mcp: { tool: '*' } } }] } }
";
        let source = Source { name: "gate.yaml".to_owned(), text: text.to_owned() };
        let (config, _) = load(vec![source], &NoSecrets).unwrap();
        let ruleset = rules::Ruleset::compile(std::sync::Arc::new(config)).unwrap();
        let headers: &[(&[u8], &[u8])] = &[(b"host", b"gate.example"), (b"content-type", b"application/json")];
        let version = HttpVersion::Http11;
        let raw = RawHead { version, method: "POST", target: b"/t", authority: None, headers };
        let reading = Reading { permit_header: "holdshort-permit".to_owned(), head_limit: 32_768 };
        let head = rules::Head::read(&raw, &reading).unwrap();
        let mounted = ruleset.mount("127.0.0.1:8080".parse().unwrap(), &head).unwrap();
        let body = format!("{{\"jsonrpc\":\"2.0\",\"method\":{method:?},{rest}}}");
        Request::new(head, &mounted, Bytes::from(body)).unwrap()
    }

    #[test]
    fn an_approval_is_bound_to_all_that_a_tool_is_given() {
        let asked = content(&call(r#""id":1,"params":{"name":"pay","arguments":{"n":1}}"#)).into_owned();
        for same in [
            r#""id":2,"params":{"name":"pay","arguments":{"n":1}}"#,
            r#""id":1,"params":{"name":"pay","arguments":{"n":1},"_meta":{"progressToken":7}}"#,
        ] {
            assert_eq!(content(&call(same)), asked, "{same}");
        }
        for other in [
            r#""id":1,"params":{"name":"pay","arguments":{"n":2}}"#,
            r#""id":1,"params":{"name":"Pay","arguments":{"n":1}}"#,
            r#""id":1,"params":{"name":"pay","arguments":{"n":1},"inputResponses":{"sure":{"action":"accept"}}}"#,
            r#""id":1,"params":{"name":"pay","arguments":{"n":1},"task":{"ttl":60000}}"#,
        ] {
            assert_ne!(content(&call(other)), asked, "{other}");
        }
    }

    #[test]
    fn of_any_mcp_request_the_id_does_not_count() {
        let read = |rest: &str| content(&message("resources/read", rest)).into_owned();
        let asked = read(r#""id":1,"params":{"uri":"file:///a"}"#);
        assert_eq!(read(r#""id":"b","params":{"uri":"file:///a","_meta":{"progressToken":7}}"#), asked);
        assert_ne!(read(r#""id":1,"params":{"uri":"file:///b"}"#), asked);
        assert_ne!(content(&message("resources/subscribe", r#""id":1,"params":{"uri":"file:///a"}"#)), asked);
        let prompt = |n: u8| {
            let call = message("prompts/get", &format!(r#""id":1,"params":{{"name":"p","arguments":{{"n":"{n}"}}}}"#));
            content(&call).into_owned()
        };
        assert_ne!(prompt(1), prompt(2));
    }
}
