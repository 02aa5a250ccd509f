//! Heads and targets: a canonical one reads as itself, means what was sent, and is what a reader that
//! normalises would make of it.

use percent_encoding::percent_decode;

use crate::message::Message;

/// None of these names may be left in a canonical head.
const NEVER_KEPT: [&str; 12] = [
    "host",
    "connection",
    "content-length",
    "transfer-encoding",
    "te",
    "expect",
    "upgrade",
    "keep-alive",
    "forwarded",
    "x-forwarded-for",
    "x-http-method-override",
    "holdshort-permit",
];

/// A head, written as [`Message::parse`] says.
pub fn head(bytes: &[u8]) {
    let Some(message) = Message::parse(bytes) else { return };
    let Ok(head) = message.head() else { return };
    for (name, value) in &head.headers {
        assert!(!NEVER_KEPT.contains(&name.as_str()), "{name} was kept");
        assert!(!name.contains(|c: char| c == '_' || c.is_ascii_uppercase()), "{name} has two readings");
        assert!(!value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)), "{name} ends a line");
    }
    let again = Message::of(&head, b"").head();
    assert_eq!(again.as_ref(), Ok(&head), "a canonical head reads as itself");
}

/// A request target.
pub fn target(bytes: &[u8]) {
    let Ok(head) = Message::new("GET", bytes, &[("host", "a.test")], b"").head() else { return };
    assert!(head.path.starts_with('/') && !head.path.contains("//"), "{}", head.path);
    assert!(!head.path.split('/').any(|segment| matches!(segment, "." | "..")), "{}", head.path);

    let again = Message::of(&head, b"").head();
    assert_eq!(again.as_ref(), Ok(&head), "a canonical target reads as itself");

    // It means what was sent.
    if bytes.first() == Some(&b'/') {
        let (path, query) = match bytes.iter().position(|byte| *byte == b'?') {
            Some(at) => (&bytes[..at], Some(&bytes[at + 1..])),
            None => (bytes, None),
        };
        let plain = |text: &[u8]| percent_decode(text).collect::<Vec<u8>>();
        assert_eq!(plain(head.path.as_bytes()), plain(path));
        assert_eq!(head.query.as_ref().map(|query| plain(query.as_bytes())), query.map(plain));
    }

    // A reader that normalises, as browsers and many proxies do, finds nothing to change.
    let url = url::Url::parse(&format!("http://a.test{}", head.path)).expect("a canonical path is one to others");
    assert_eq!(url.path(), head.path, "others normalise it further");
}
