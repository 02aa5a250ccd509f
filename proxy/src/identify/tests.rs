use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use gate::{KeyKind, KeySecret};
use rules::request::{BodyFraming, Head, HttpVersion};

use super::take;
use crate::answer::Stop;

fn head(path: &str, headers: &[(&str, String)]) -> Head {
    Head {
        version: HttpVersion::Http11,
        method: "GET".into(),
        host: "gate".into(),
        path: path.into(),
        query: None,
        headers: headers.iter().map(|(name, value)| ((*name).to_owned(), Bytes::from(value.clone()))).collect(),
        expects_continue: false,
        upgrade: None,
        body_framing: BodyFraming::None,
        client: None,
    }
}

fn key() -> KeySecret {
    KeySecret::generate(KeyKind::Agent).unwrap()
}

#[test]
fn a_key_is_found_and_taken_off_wherever_it_may_stand() {
    let key = key();
    let text = key.expose();
    let basic = |plain: String| format!("Basic {}", STANDARD.encode(plain));
    for (name, value) in [
        ("holdshort-key", text.to_owned()),
        ("authorization", format!("Bearer {text}")),
        ("authorization", format!("bearer {text}")),
        ("authorization", format!("token {text}")),
        ("authorization", basic(format!("{text}:"))),
        ("authorization", basic(format!("me:{text}"))),
        ("x-api-key", text.to_owned()),
        ("proxy-authorization", basic(format!("{text}:x"))),
    ] {
        let mut head = head("/payments/v1", &[("accept", "*/*".into()), (name, value.clone())]);
        let presented = take(&mut head).unwrap();
        assert_eq!(presented.key, Some(key.clone()), "{name}: {value}");
        assert_eq!(head.headers, [("accept".to_owned(), Bytes::from("*/*"))], "{name}: {value}");
    }
}

#[test]
fn a_key_in_the_path_is_taken_off_the_path() {
    let key = key();
    for (path, left) in [("/payments/v1", "/payments/v1"), ("/", "/"), ("", "/")] {
        let mut head = head(&format!("/k/{}{path}", key.expose()), &[]);
        assert_eq!(take(&mut head).unwrap().key, Some(key.clone()));
        assert_eq!(head.path, left);
    }
}

#[test]
fn credentials_of_others_stay() {
    let others = [
        ("authorization", "Bearer sk-123".to_owned()),
        ("x-api-key", "abc".to_owned()),
        ("proxy-authorization", "Basic eDp5".to_owned()),
    ];
    let mut head = head("/k/9/a", &others);
    assert!(take(&mut head).unwrap().key.is_none());
    assert_eq!(head.headers.len(), 3);
    assert_eq!(head.path, "/k/9/a");
}

#[test]
fn our_key_beside_the_credentials_of_the_api_leaves_those() {
    let key = key();
    let mut head = head("/", &[("authorization", "Bearer sk-123".into()), ("holdshort-key", key.expose().into())]);
    assert_eq!(take(&mut head).unwrap().key, Some(key));
    assert_eq!(head.headers, [("authorization".to_owned(), Bytes::from("Bearer sk-123"))]);
}

#[test]
fn the_same_key_twice_is_one_key_and_two_keys_are_refused() {
    let (one, two) = (key(), key());
    let both = |a: &KeySecret, b: &KeySecret| {
        take(&mut head(
            "/",
            &[("holdshort-key", a.expose().into()), ("authorization", format!("Bearer {}", b.expose()))],
        ))
    };
    assert_eq!(both(&one, &one).unwrap().key, Some(one.clone()));
    assert!(matches!(both(&one, &two), Err(Stop::KeysDisagree)));
}

#[test]
fn keys_that_cannot_be_an_agents_are_refused_at_once() {
    let person = KeySecret::generate(KeyKind::User).unwrap();
    let mut cut = key().expose().to_owned();
    cut.pop();
    for text in
        [person.expose().to_owned(), cut, "hsk_agent_".into(), "hsk_thing_abc".into(), "nonsense".into(), String::new()]
    {
        let answer = take(&mut head("/", &[("holdshort-key", text.clone())]));
        assert!(matches!(answer, Err(Stop::Unauthorized(_))), "{text}: {answer:?}");
    }
}

#[test]
fn a_label_is_taken_off() {
    let mut head = head("/", &[("holdshort-agent", " ci ".into())]);
    assert_eq!(take(&mut head).unwrap().label.as_deref(), Some("ci"));
    assert!(head.headers.is_empty());
}
