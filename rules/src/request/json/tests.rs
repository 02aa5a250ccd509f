//! JSON as text: read, refused, pointed into.

use proptest::prelude::*;

use super::*;

mod agreement;
mod suite;

fn rows(table: &str) -> impl Iterator<Item = &str> {
    table.lines().map(str::trim).filter(|line| !line.is_empty())
}

#[test]
fn refused_texts_say_where() {
    for row in rows(
        r#"
        {"amount":1,"amount":9999}                  | body at /amount | twice
        {"amount":1,"am\u006funt":9999}             | body at /amount | twice
        {"amount":1,"Amount":9999}                  | body at /Amount | upper and lower case
        {"a":[{"user":{"role":1,"role":2}}]}        | body at /a/0/user/role | twice
        {"user":{"role":"a"},"user":{}}             | body at /user | twice
        {"params":1,"param\u017f":2}                | body at /paramſ | upper and lower case
        {"k":1,"\u212a":2}                          | body at /K | upper and lower case
        {"É":1,"é":2}                               | body at /é | upper and lower case
        {"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1,"j":1,"B":1} | body at /B | upper and lower case
        {"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1,"j":1,"b":1} | body at /b | twice
        {"a/b":{"c~d":NaN}}                         | body at /a~1b/c~0d | not a JSON value
        {"a\u0000":1}                               | body at /a\0 | NUL
        NaN                                         | body | not a JSON value
        -Infinity                                   | body | not a JSON number
        Infinity                                    | body | not a JSON value
        'a'                                         | body | not a JSON value
        {a:1}                                       | body | key in quotes
        {"a":1,}                                    | body | key in quotes
        [1,]                                        | body at /1 | not a JSON value
        [1 2]                                       | body | missing
        {"a" 1}                                     | body at /a | missing
        // x                                        | body | not a JSON value
        {"a":1}{"a":2}                              | body | follows
        {"a":1} junk                                | body | follows
        1 2                                         | body | follows
        {"a":1                                      | body | missing
        "abc                                        | body | within a string
        "\x"                                        | body | escape
        "\u12"                                      | body | hexadecimal
        "\u+123"                                    | body | hexadecimal
        "\ud800"                                    | body | surrogate
        "\ud800\u0041"                              | body | surrogate
        "\udc00"                                    | body | surrogate
        01                                          | body | not a JSON number
        -                                           | body | not a JSON number
        1.                                          | body | not a JSON number
        .5                                          | body | not a JSON value
        +1                                          | body | not a JSON value
        1e                                          | body | not a JSON number
        0x10                                        | body | follows
        1_000                                       | body | follows
        tru                                         | body | not a JSON value
        True                                        | body | not a JSON value
        "#,
    ) {
        let cells: Vec<&str> = row.split(" | ").map(str::trim).collect();
        match parse(cells[0].as_bytes()) {
            Ok(json) => panic!("accepted: {row} as {json}"),
            Err(malformed) => {
                assert_eq!(malformed.status, 400);
                assert!(malformed.place.starts_with(cells[1]), "{row}: {malformed}");
                assert!(malformed.what.contains(cells[2]), "{row}: {malformed}");
            }
        }
    }
    for text in [
        b"".as_slice(),
        b" ",
        b"\xef\xbb\xbf{}",
        b"\x1e{}",
        b")]}',\n{}",
        b"{}\0",
        b"\"\xff\"",
        b"\"\xc0\xaf\"",
        b"\"a\nb\"",
        b"\"a\tb\"",
        b"\x0c1",
        b"\xc2\xa01",
        b"[1,\xef\xbb\xbf2]",
        b"{\"\xed\xa0\x80\":1}",
    ] {
        assert!(parse(text).is_err(), "{}", text.escape_ascii());
    }
}

#[test]
fn accepted_texts_keep_what_was_written() {
    for row in rows(
        r#"
        {"a": [1, -0, 1E2, 100.0, 9007199254740993], "b": null} => {"a":[1,-0,1E2,100.0,9007199254740993],"b":null}
        "tools\/call \u00e9\ud83d\ude00\n"          => "tools/call é😀\u000a"
        {"user.role":1,"user":{"role":2}}           => {"user.role":1,"user":{"role":2}}
        {}                                          => {}
        []                                          => []
        {"__proto__":1}                             => {"__proto__":1}
        "\u0000"                                    => "\u0000"
        "#,
    ) {
        let (text, expected) = row.split_once("=>").unwrap();
        assert_eq!(parse(text.trim().as_bytes()).unwrap().to_string(), expected.trim());
    }
}

#[test]
fn depth_and_numbers_are_bounded() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(parse(nested(64).as_bytes()).is_ok());
    assert!(parse(nested(65).as_bytes()).unwrap_err().what.contains("deeper"));
    assert!(parse("[".repeat(1_000_000).as_bytes()).is_err());
    assert!(parse("1".repeat(128).as_bytes()).is_ok());
    assert!(parse(format!("0.{}", "1".repeat(400)).as_bytes()).is_err());
}

#[test]
fn values_and_keys_are_bounded() {
    let list = |count: usize| format!("[{}0]", "0,".repeat(count - 1));
    // The list is a value, too.
    assert!(parse(list(super::reader::MOST - 1).as_bytes()).is_ok());
    let error = parse(list(super::reader::MOST).as_bytes()).unwrap_err();
    assert_eq!((error.status, error.what.as_str()), (400, "more than 250000 values and keys"));
    let object: Vec<String> = (0..super::reader::MOST / 2 + 1).map(|at| format!("\"k{at}\":{at}")).collect();
    assert!(parse(format!("{{{}}}", object.join(",")).as_bytes()).unwrap_err().what.starts_with("more than"));
}

#[test]
fn many_keys_take_linear_time() {
    let object = |count: usize| {
        let members: Vec<String> = (0..count).map(|at| format!("\"key{at}\":1")).collect();
        format!("{{{}}}", members.join(","))
    };
    let took = |count: usize| {
        let text = object(count);
        let start = std::time::Instant::now();
        parse(text.as_bytes()).unwrap();
        start.elapsed()
    };
    took(1000);
    // Quadratic would be a thousand times.
    assert!(took(60_000) < took(2000) * 30 * 20, "more than linear");
}

#[test]
fn pointers_find_only_the_nested_path() {
    let json = parse(br#"{"user":{"role":"a","tags":["x","y"]},"user.role":"b","a/b":{"~":1},"":2}"#).unwrap();
    for row in rows(
        r#"
        /user/role    => "a"
        /user.role    => "b"
        /user/tags/1  => "y"
        /user/tags/01 => -
        /user/tags/-  => -
        /user/tags/+1 => -
        /user/tags/2  => -
        /a~1b/~0      => 1
        /             => 2
        /nope         => -
        /user/role/x  => -
        "#,
    ) {
        let (pointer, expected) = row.split_once("=>").unwrap();
        let pointer = Pointer::parse(pointer.trim()).unwrap();
        let got = json.at(&pointer).map_or("-".to_owned(), Json::to_string);
        assert_eq!(got, expected.trim(), "{row}");
        assert_eq!(Pointer::parse(&pointer.to_string()), Ok(pointer));
    }
    assert_eq!(json.at(&Pointer::parse("").unwrap()), Some(&json));
    assert!(Pointer::parse("user").is_err());
    assert!(Pointer::parse("/a~2").is_err());
}

#[test]
fn a_key_that_is_only_there_in_another_case_is_refused() {
    let json = parse(br#"{"AMOUNT":1,"user":{"Role":2}}"#).unwrap();
    for pointer in ["/amount", "/user/role"] {
        let error = json.looked_at(&Pointer::parse(pointer).unwrap()).unwrap_err();
        assert_eq!(error.place, format!("body at {pointer}"));
    }
    assert_eq!(json.looked_at(&Pointer::parse("/other").unwrap()), Ok(None));
}

#[test]
fn numbers_equal_by_value() {
    let wanted = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    for (sent, rule, same) in [
        ("100", "100", true),
        ("100.0", "100", true),
        ("1e2", "100", true),
        ("-0", "0", true),
        ("0.10", "0.1", true),
        ("9007199254740993", "9007199254740992", false),
        ("100", "1000", false),
        ("-1", "1", false),
        ("\"100\"", "100", false),
        ("1e400", "1", false),
        ("[1,{\"a\":2.0}]", "[1,{\"a\":2}]", true),
        ("true", "true", true),
        ("{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}", true),
        ("{\"a\":1}", "{\"a\":1,\"b\":2}", false),
        ("null", "null", true),
    ] {
        assert_eq!(parse(sent.as_bytes()).unwrap().equals(&wanted(rule)), same, "{sent} {rule}");
    }
}

fn any_json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::Bool),
        "-?(0|[1-9][0-9]{0,9})(\\.[0-9]{1,5})?([eE][+-]?[0-9]{1,2})?".prop_map(Json::Number),
        ".{0,8}".prop_map(Json::String),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Json::List),
            proptest::collection::btree_map("[a-z/~\"\\\\é]{0,4}", inner, 0..12)
                .prop_map(|members| Json::Object(members.into_iter().filter(|(k, _)| !k.contains('É')).collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read(json in any_json()) {
        prop_assert_eq!(parse(json.to_string().as_bytes()), Ok(json));
    }

    /// What another strict parser refuses is refused here; what is accepted has the same value there.
    #[test]
    fn nothing_is_accepted_that_serde_json_refuses(text in "[\\[\\]{}\",:0-9eE.+\\-\\\\u \ntrufalsn]{0,16}") {
        if let Ok(json) = parse(text.as_bytes()) {
            let theirs: serde_json::Value = serde_json::from_str(&text).unwrap();
            prop_assert!(json.equals(&theirs), "{} {}", json, theirs);
        }
    }
}

#[test]
fn a_key_is_distinct_however_many_and_however_long() {
    let object = |keys: &[String]| {
        let members: Vec<String> = keys.iter().map(|key| format!("\"{key}\":1")).collect();
        format!("{{\"before\":{{\"k0\":1}},{}}}", members.join(","))
    };
    for count in [1, 2, 63, 64, 65, 66, 200] {
        let mut keys: Vec<String> = (0..count).map(|at| format!("k{at}")).collect();
        assert!(parse(object(&keys).as_bytes()).is_ok(), "{count}");
        for (again, what) in [
            ("k0".to_owned(), "twice"),
            ("K0".to_owned(), "upper and lower"),
            ("\\u006b0".to_owned(), "twice"),
            ("\\u004b0".to_owned(), "upper and lower"),
            ("\u{212a}0".to_owned(), "upper and lower"),
            (format!("k{}", count - 1), "twice"),
            ("BEFORE".to_owned(), "upper and lower"),
        ] {
            keys.push(again);
            let error = parse(object(&keys).as_bytes()).unwrap_err();
            assert!(error.what.contains(what), "{count} {keys:?}: {error}");
            // Behind keys that are long, escaped or beyond ASCII, too.
            for other in ["x".repeat(33), "\\n".to_owned(), "ß".to_owned()] {
                let mut keys = keys.clone();
                keys.insert(0, other.clone());
                assert!(parse(object(&keys).as_bytes()).is_err(), "{keys:?}");
                keys.swap(0, 1);
                assert!(parse(object(&keys).as_bytes()).is_err(), "{keys:?}");
            }
            keys.pop();
        }
    }
}
