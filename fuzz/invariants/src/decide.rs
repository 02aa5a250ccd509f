//! What is decided about a request is decided about its canonical form.

use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use rules::config::load::{NoSecrets, Source, load};
use rules::config::{SourceType, Trust};
use rules::decision::{Caller, Decision};
use rules::request::Content;
use rules::request::json::Json;
use rules::ruleset::{Mounted, Routed};
use rules::{Head, Malformed, Request, Ruleset};

use crate::message::Message;
use crate::{bodies, graphql};

static RULES: LazyLock<Ruleset> = LazyLock::new(|| {
    let source = Source { name: "rules.yaml".to_owned(), text: include_str!("rules.yaml").to_owned() };
    let (config, _) = load(vec![source], &NoSecrets).unwrap_or_else(|findings| panic!("{findings}"));
    Ruleset::compile(Arc::new(config)).unwrap_or_else(|findings| panic!("{findings}"))
});

fn mounted(head: &Head) -> Option<Mounted> {
    RULES.mount(SocketAddr::from(([127, 0, 0, 1], 8080)), head)
}

/// A body as rules see it that is posted to that path.
pub(crate) fn content(path: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<Content, Malformed> {
    let headers = [&[("host", "a.test")], headers].concat();
    let head = Message::new("POST", path.as_bytes(), &headers, b"").head()?;
    let mounted = mounted(&head).expect("a path of the rules");
    Request::new(head, &mounted, Bytes::copy_from_slice(body)).map(|request| request.content)
}

/// A request, written as [`Message::parse`] says.
pub fn decide(bytes: &[u8]) {
    let Some(message) = Message::parse(bytes) else { return };
    let Ok(head) = message.head() else { return };
    let Some((request, said)) = decided(head.clone(), &message.body) else { return };

    // The canonical head, before and after what is the gate's was taken off.
    for canonical in [&head, &request.head] {
        let again = Message::of(canonical, &message.body).head().expect("a canonical head reads");
        let (second, decided) = decided(again, &message.body).expect("a canonical request reads");
        assert_eq!(decided, said, "another decision about the canonical head");
        assert_eq!(
            (&second.path, &second.target, &second.content_digest, &second.content),
            (&request.path, &request.target, &request.content_digest, &request.content),
        );
    }

    // The body in the one spelling of what was understood.
    let Some(body) = written(&request.content).filter(|_| !message.body.is_empty()) else { return };
    let mut plain = request.head.clone();
    plain.headers.retain(|(name, _)| name != "content-digest");
    let Some((second, decided)) = decided(plain, body.as_bytes()) else { panic!("does not read: {body}") };
    assert_eq!(decided, said, "another decision about the canonical body {body}");
    if !matches!(request.content, Content::Json(_)) {
        assert_eq!(second.content, request.content);
    }
}

/// What is understood, in one spelling.
fn written(content: &Content) -> Option<String> {
    match content {
        Content::Json(document) => Some(document.to_json().to_string()),
        Content::Form(pairs) if !pairs.is_empty() => Some(bodies::written(pairs)),
        Content::GraphQl(call) => {
            let (query, variables) = graphql::written(call)?;
            let members = vec![("query".to_owned(), Json::String(query)), ("variables".to_owned(), variables)];
            Some(Json::Object(members).to_string())
        }
        _ => None,
    }
}

/// The request, and what comes of it: where it goes, the decision, or why there is none.
fn decided(head: Head, body: &[u8]) -> Option<(Request, Result<String, Malformed>)> {
    let mounted = mounted(&head)?;
    let request = Request::new(head, &mounted, Bytes::copy_from_slice(body)).ok()?;
    let said = RULES.route(&request).map(|routed| match routed {
        Routed::Action(hit) => {
            let upstream = request.upstream.config.name.clone();
            let Decision { verdict, policy, risk, failed, .. } =
                RULES.decide(&hit.action, Some(&upstream), &caller(), Some(&request), &hit.defects, 0);
            format!("{} {:?} {:?} {verdict:?} {policy:?} {risk:?} {failed:?}", hit.route, hit.action, hit.defects)
        }
        other => format!("{other:?}"),
    });
    Some((request, said))
}

fn caller() -> Caller {
    Caller {
        name: "billing".to_owned(),
        fingerprint: "billing".to_owned(),
        project: "default".to_owned(),
        owner: None,
        framework: None,
        trust: Trust::Active,
        source_type: SourceType::AiAgent,
        risk_sensitivity: None,
        enforce: true,
    }
}
