//! JSON: what is written from a value reads as that value, another parser reads the same, and a rule
//! finds under a pointer what stands there.

use rules::request::json::{Document, Json, Pointer, parse};
use serde_json::Value;

/// A JSON text.
pub fn json(bytes: &[u8]) {
    let Ok(document) = Document::read(bytes) else { return };
    let json = document.to_json();
    assert_eq!(parse(json.to_string().as_bytes()).as_ref(), Ok(&json), "what is built reads as itself");
    match serde_json::from_slice::<Value>(bytes) {
        Ok(value) => assert!(same(&json, &value), "{json}\n{value}"),
        // It keeps numbers in 64 bits.
        Err(error) => assert!(error.to_string().contains("number out of range"), "{error}"),
    }
    look(&document, &json, &json, &mut String::new());
}

/// Under each pointer both forms have the same value.
fn look(document: &Document<&[u8]>, whole: &Json, json: &Json, path: &mut String) {
    let pointer = Pointer::parse(path).expect("a pointer");
    assert_eq!(document.looked_at(&pointer).as_ref().map(Option::as_ref), Ok(Some(json)), "{path}");
    assert_eq!(whole.looked_at(&pointer), Ok(Some(json)), "{path}");
    let mut below = |key: &str, value: &Json| {
        let length = path.len();
        path.push('/');
        path.push_str(&key.replace('~', "~0").replace('/', "~1"));
        look(document, whole, value, path);
        path.truncate(length);
    };
    match json {
        Json::List(items) => items.iter().enumerate().for_each(|(at, item)| below(&at.to_string(), item)),
        Json::Object(members) => members.iter().for_each(|(key, value)| below(key, value)),
        _ => {}
    }
}

/// Equal but for the digits of numbers, which the other parser rounds.
fn same(json: &Json, value: &Value) -> bool {
    match (json, value) {
        (Json::Null, Value::Null) | (Json::Number(_), Value::Number(_)) => true,
        (Json::Bool(a), Value::Bool(b)) => a == b,
        (Json::String(a), Value::String(b)) => a == b,
        (Json::List(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Json::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => false,
    }
}
