//! The reader against a plain one that shares nothing with it.

use proptest::prelude::*;

use crate::request::json::{Document, Json, Pointer, parse};

/// What a parser without any rule of its own makes of a text: `serde_json` with each key as it comes, and
/// the rules of this reader written down once more in the plainest way.
mod plain {
    use std::fmt;

    use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

    use crate::request::json::Json;

    pub(super) struct Read(pub(super) Json);

    pub(super) fn read(text: &str) -> Option<Json> {
        let Read(json) = serde_json::from_str(text).ok()?;
        sound(&json, 0).then_some(json)
    }

    fn sound(json: &Json, depth: usize) -> bool {
        match json {
            Json::Object(members) => {
                let lower: Vec<String> = members.iter().map(|(key, _)| key.to_uppercase().to_lowercase()).collect();
                let distinct = lower.iter().enumerate().all(|(at, key)| !lower[..at].contains(key));
                depth < 64
                    && distinct
                    && members.iter().all(|(key, value)| !key.contains('\0') && sound(value, depth + 1))
            }
            Json::List(items) => depth < 64 && items.iter().all(|item| sound(item, depth + 1)),
            _ => true,
        }
    }

    impl<'de> Deserialize<'de> for Read {
        fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Read, D::Error> {
            from.deserialize_any(All).map(Read)
        }
    }

    struct All;

    impl<'de> Visitor<'de> for All {
        type Value = Json;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("JSON")
        }

        fn visit_unit<E>(self) -> Result<Json, E> {
            Ok(Json::Null)
        }

        fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
            Ok(Json::Bool(value))
        }

        fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
            Ok(Json::Number(value.to_string()))
        }

        fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
            Ok(Json::Number(value.to_string()))
        }

        fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
            Ok(Json::Number(value.to_string()))
        }

        fn visit_str<E>(self, text: &str) -> Result<Json, E> {
            Ok(Json::String(text.to_owned()))
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Json, A::Error> {
            let mut items = Vec::new();
            while let Some(Read(item)) = from.next_element()? {
                items.push(item);
            }
            Ok(Json::List(items))
        }

        fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Json, A::Error> {
            let mut members = Vec::new();
            while let Some((key, Read(value))) = from.next_entry()? {
                members.push((key, value));
            }
            Ok(Json::Object(members))
        }
    }
}

/// Texts with few keys, so that they meet; in both cases, escaped, beyond ASCII, long, and many of them.
fn any_text() -> impl Strategy<Value = String> {
    let key = prop_oneof![
        4 => "[a-cA-C]{1,2}",
        1 => Just("\\u0061".to_owned()),
        1 => Just("k".to_owned()),
        1 => Just("\u{212a}".to_owned()),
        1 => "[éÉſs]",
        1 => "[xX]y{33}",
        1 => Just("n\\u0000".to_owned()),
        4 => (0..200_u8).prop_map(|at| format!("key_{at}")),
    ];
    let leaf = prop_oneof![
        "null|true|false|-?[0-9]{1,6}|-0",
        "\"[a-z é\\\\\"/]{0,9}\"",
        "\"[a-z]{0,12}(\\\\[nt\"/\\\\]|\\\\u00e9|\\\\ud83d\\\\ude00|\\\\ud83d|\u{1}|)[a-zé]{0,12}\"",
        "[ntf0-9.eE+-]{1,5}",
    ];
    leaf.prop_recursive(4, 300, 90, move |inner| {
        let space = "[ \n\t\r]{0,2}";
        let member = (space, key.clone(), space, inner.clone())
            .prop_map(|(before, key, after, value)| format!("{before}\"{key}\"{after}:{value}{after}"));
        prop_oneof![
            proptest::collection::vec(inner, 0..5).prop_map(|items| format!("[{}]", items.join(","))),
            proptest::collection::vec(member.clone(), 0..6).prop_map(|members| format!("{{{}}}", members.join(","))),
            proptest::collection::vec(member, 60..90).prop_map(|members| format!("{{{}}}", members.join(","))),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Two readers that share nothing accept the same texts and read the same in them.
    #[test]
    fn a_plain_reader_agrees(text in any_text()) {
        let theirs = plain::read(&text);
        let ours = parse(text.as_bytes()).ok();
        match (&ours, &theirs) {
            (Some(ours), Some(theirs)) => prop_assert!(alike(ours, theirs), "{} {}", ours, theirs),
            _ => prop_assert_eq!(&ours, &theirs, "{}", text),
        }
    }

    /// Looking into the text gives what looking into the whole value gives.
    #[test]
    fn pointers_find_the_same_without_a_tree(text in any_text(), pointer in "(/([a-cA-C]{1,2}|[0-3]|key_1|k|é|s)){0,3}") {
        if let Ok(document) = Document::read(text.as_bytes()) {
            let pointer = Pointer::parse(&pointer).unwrap();
            let json = document.to_json();
            prop_assert_eq!(document.looked_at(&pointer), json.looked_at(&pointer).map(|found| found.cloned()));
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
        let _ = parse(&bytes);
    }
}

/// The same but for the spelling of numbers, which the other reader does not keep.
fn alike(ours: &Json, theirs: &Json) -> bool {
    match (ours, theirs) {
        (Json::Number(a), Json::Number(b)) => a.parse::<f64>() == b.parse::<f64>(),
        (Json::List(a), Json::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| alike(a, b)),
        (Json::Object(a), Json::Object(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|((k, a), (l, b))| k == l && alike(a, b))
        }
        _ => ours == theirs,
    }
}
