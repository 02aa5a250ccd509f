//! GraphQL requests as text.

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::request::{BodyFraming, HttpVersion};

fn head(method: &str, query: Option<&str>) -> Head {
    Head {
        version: HttpVersion::Http11,
        method: method.to_owned(),
        host: "a".to_owned(),
        path: "/".to_owned(),
        query: query.map(str::to_owned),
        headers: Vec::<(String, Bytes)>::new(),
        expects_continue: false,
        upgrade: None,
        body_framing: BodyFraming::None,
        client: None,
    }
}

fn post(body: &str) -> Result<Call, Malformed> {
    read(&head("POST", None), || Ok(MediaType::Json), body.as_bytes()).map(|call| call.expect("no call"))
}

/// A body of these members.
fn request(query: &str, rest: &str) -> String {
    format!("{{\"query\":{}{rest}}}", Json::String(query.to_owned()))
}

fn get(query: &str) -> Result<Option<Call>, Malformed> {
    read(&head("GET", Some(query)), || panic!("there is no body"), b"")
}

/// `mutation Name | a: field{"x":1} | field{}`
fn line(call: &Call) -> String {
    let mut line = call.operation.as_str().to_owned();
    if let Some(name) = &call.name {
        line.push_str(&format!(" {name}"));
    }
    for field in &call.fields {
        line.push_str(&format!(" | {field}{}", field.arguments));
    }
    line
}

fn rows(table: &str) -> impl Iterator<Item = (&str, &str)> {
    table.lines().map(str::trim).filter(|row| row.contains(" => ")).map(|row| {
        let (text, expected) = row.rsplit_once(" => ").unwrap();
        (text.trim(), expected.trim())
    })
}

#[test]
fn root_fields_are_found_wherever_the_document_puts_them() {
    for (document, expected) in rows(
        r#"
        { me }                                                        => query | me{}
        query { me { refund(id: 1) { id } } }                         => query | me{}
        mutation Purge { deleteUser(id: 7) { id } }                   => mutation Purge | deleteUser{"id":7}
        mutation{a:refund(id:1){id}b:refund(id:2){id}}                => mutation | a: refund{"id":1} | b: refund{"id":2}
        mutation { safe: deleteUser(id: 1) }                          => mutation | safe: deleteUser{"id":1}
        mutation { deleteUser: safe }                                 => mutation | deleteUser: safe{}
        mutation { ...F } fragment F on Mutation { deleteUser(id: 1) } => mutation | deleteUser{"id":1}
        mutation { ...A } fragment A on X { ...B } fragment B on Y { z } => mutation | z{}
        mutation { ... on Mutation { a } ... { b } ... @include(if: false) { c } } => mutation | a{} | b{} | c{}
        query { a @skip(if: true) ...F @include(if: false) } fragment F on Query { b } => query | a{} | b{}
        mutation { ...F ...F a } fragment F on M { a b }              => mutation | a{} | b{}
        mutation { ...F b } fragment F on M { a ...F }                => mutation | a{} | b{}
        mutation { __typename deleteUser }                            => mutation | deleteUser{}
        mutation { x: __typename ...F } fragment F on M { a }         => mutation | a{}
        query { __typename }                                          => query | __typename{}
        query { __schema { types { name } } refund }                  => query | __schema{} | refund{}
        subscription { orders }                                       => subscription | orders{}
        query on { on }                                               => query on | on{}
        mutation { query }                                            => mutation | query{}
        mutation { a, , , b }                                         => mutation | a{} | b{}
        "#,
    ) {
        assert_eq!(line(&post(&request(document, "")).unwrap()), expected, "{document}");
    }
    for (document, expected) in [
        ("# query { a }\nmutation { b }", "mutation | b{}"),
        ("query { a # }\r\n b }", "query | a{} | b{}"),
        ("query { a(x: \"# }\") }", r##"query | a{"x":"# }"}"##),
        (
            "query { a(x: \"\"\"\n  # one\n    two \\\"\"\" }\n  \"\"\") }",
            "query | a{\"x\":\"# one\\u000a  two \\\"\\\"\\\" }\"}",
        ),
    ] {
        assert_eq!(line(&post(&request(document, "")).unwrap()), expected, "{document}");
    }
}

#[test]
fn arguments_are_resolved() {
    for (text, expected) in rows(
        r#"
        a(i: -0, f: 1.50e3, b: true, n: null, e: RED, s: "x\u00e9\n")   ¶ => {"i":-0,"f":1.50e3,"b":true,"n":null,"e":"RED","s":"xé\u000a"}
        a(o: {x: [1, {y: "z"}], e: []})                                 ¶ => {"o":{"x":[1,{"y":"z"}],"e":[]}}
        ($x: Int) a(v: $x)                                              ¶ {"x": 7} => {"v":7}
        ($x: Int = 5) a(v: $x)                                          ¶ => {"v":5}
        ($x: Int = 5) a(v: $x)                                          ¶ {"x": 9} => {"v":9}
        ($x: Int = 5) a(v: $x)                                          ¶ {"x": null} => {"v":null}
        ($x: Int) a(v: $x, w: 1)                                        ¶ => {"w":1}
        ($x: Int) a(o: {x: $x, y: 1}, l: [$x])                          ¶ => {"o":{"y":1},"l":[null]}
        ($x: In! = {amount: 1.0, to: ["a"]}) a(in: $x)                  ¶ => {"in":{"amount":1.0,"to":["a"]}}
        ($x: [In!]!) a(in: [$x, {deep: $x}])                            ¶ {"x": {"n": 9007199254740993}} => {"in":[{"n":9007199254740993},{"deep":{"n":9007199254740993}}]}
        a(v: 1)                                                         ¶ {"unused": 1} => {"v":1}
        "#,
    ) {
        let (document, variables) = text.split_once('¶').unwrap();
        let (declared, field) = match document.split_once(") ") {
            Some((declared, field)) if declared.starts_with('(') => (format!("{declared})"), field),
            _ => (String::new(), document),
        };
        let variables = match variables.trim() {
            "" => String::new(),
            given => format!(",\"variables\":{given}"),
        };
        let call = post(&request(&format!("query Q{declared} {{ {field} }}"), &variables)).unwrap();
        assert_eq!(call.fields[0].arguments.to_string(), expected, "{text}");
    }
}

#[test]
fn the_operation_that_runs_is_the_one_that_is_named() {
    const TWO: &str = "query A { read } mutation B { destroy }";
    for (rest, expected) in [
        (r#","operationName":"A""#, "query A | read{}"),
        (r#","operationName":"B""#, "mutation B | destroy{}"),
        (r#","operationName":"C""#, "names no operation"),
        (r#","operationName":"a""#, "names no operation"),
        ("", "several operations"),
        (r#","operationName":null"#, "several operations"),
        (r#","operationName":"""#, "several operations"),
        (r#","operationName":7"#, "must be a string"),
        (r#","operationName":"A","operationName":"B""#, "twice"),
        (r#","operationName":"A","operationname":"B""#, "upper and lower case"),
        (r#","operationname":"B""#, "no member"),
    ] {
        match post(&request(TWO, rest)) {
            Ok(call) => assert_eq!(line(&call), expected, "{rest}"),
            Err(error) => assert!(error.what.contains(expected) && error.status == 400, "{rest}: {error}"),
        }
    }
    assert_eq!(line(&post(&request("mutation B { x }", r#","operationName":"""#)).unwrap()), "mutation B | x{}");
    assert!(post(&request("mutation { x }", r#","operationName":"B""#)).is_err());
}

#[test]
fn what_two_servers_could_run_differently_is_refused() {
    for (body, status, what) in [
        (r#"[{"query":"{a}"},{"query":"mutation{b}"}]"#, 400, "batches"),
        (r#""{a}""#, 400, "not a GraphQL request"),
        (r#"{"query":"query($amount:Int=5){a(x:$amount)}","variables":{"AMOUNT":9}}"#, 400, "case"),
        ("{}", 400, "persisted"),
        (r#"{"query":null}"#, 400, "must be a string"),
        (r#"{"query":"{a}","query":"mutation{b}"}"#, 400, "twice"),
        (r#"{"query":"{a}","Query":"mutation{b}"}"#, 400, "upper and lower case"),
        (r#"{"query":"{a}","id":"x"}"#, 400, "no member"),
        (r#"{"query":"{a}","documentId":"x"}"#, 400, "no member"),
        (r#"{"extensions":{"persistedQuery":{"version":1,"sha256Hash":"00"}}}"#, 400, "persisted"),
        (r#"{"query":"{a}","extensions":{"persistedQuery":{"sha256Hash":"00"}}}"#, 400, "persisted"),
        (r#"{"query":"{a}","extensions":{"PersistedQuery":{}}}"#, 400, "persisted"),
        (r#"{"query":"{a}","extensions":[]}"#, 400, "must be an object"),
        (r#"{"query":"{a}","variables":"{}"}"#, 400, "must be an object"),
        (r#"{"query":"{a}","variables":[{}]}"#, 400, "must be an object"),
        (r#"{"query":"{a}","variables":{"x":1,"x":2}}"#, 400, "twice"),
        (r#"{"query":""}"#, 400, "not a GraphQL document"),
        (r#"{"query":"{a}"}}"#, 400, "follows"),
    ] {
        let error = post(body).unwrap_err();
        assert!(error.status == status && error.what.contains(what), "{body}: {error}");
    }
    for (document, what) in rows(
        r#"
        mutation { a                                    => not a GraphQL document
        mutation { }                                    => not a GraphQL document
        mutation                                        => not a GraphQL document
        mutation { a(x: ) }                             => not a GraphQL document
        mutation { a(x: 1 }                             => not a GraphQL document
        mutation { a(x: {y}) }                          => incomplete
        mutation { a(x: 0x10) }                         => not a GraphQL document
        mutation { a(x: 01) }                           => not a GraphQL document
        mutation { a(x: "\ud800") }                     => not a GraphQL document
        mutation { a(x: 'y') }                          => not a GraphQL document
        mutation { a } }                                => not a GraphQL document
        mutation { a } mutation { b }                   => needs a name
        mutation A { a } mutation A { b }               => two operations
        { a } query B { b }                             => needs a name
        fragment F on M { a }                           => no operation
        type Query { a: Int }                           => operations and fragments
        mutation { a } type X { a: Int }                => operations and fragments
        mutation { ...F }                               => is not there
        mutation { ...F } fragment F on M {a} fragment F on M {b} => stands there twice
        mutation { ...F(x: 1) } fragment F on M {a}     => not a GraphQL document
        mutation { x: a x: b }                          => two different fields
        mutation { a(i: 1) a(i: 2) }                    => two different fields
        mutation { a: b a }                             => two different fields
        mutation { a(x: 1, x: 2) }                      => stands there twice
        mutation { a(x: 1, X: 2) }                      => stands there twice
        mutation { a(o: {x: 1, x: 2}) }                 => stands there twice
        mutation { a(x: $y) }                           => is not declared
        mutation M($x: Int) { a(x: $X) }                => is not declared
        mutation M($x: Int, $x: Int) { a(x: $x) }       => declared twice
        mutation M($x: Int = $y) { a(x: $x) }           => not a GraphQL document
        mutation M($x: Int, $y: Int = $x) { a(x: $y) }  => not a GraphQL document
        "#,
    ) {
        let error = post(&request(document, "")).unwrap_err();
        assert!(error.status == 400 && error.what.contains(what), "{document}: {error}");
        assert!(error.place.starts_with("body at /query"), "{error}");
    }
    for document in ["{ a #\r b }", "{ a #\u{2028} b }", "\u{feff}{ a }", "{ a\u{feff} }", "{ a\0 }", "{ a #\u{7} \n}"]
    {
        assert!(post(&request(document, "")).is_err(), "{}", document.escape_debug());
    }
}

#[test]
fn the_query_string_holds_a_query_or_nothing() {
    for (query, expected) in rows(
        r#"
        query=%7Bme%7D                                                => query | me{}
        query=query+A($x:Int)%7Bme(x:$x)%7D&variables=%7B%22x%22%3A1%7D => query A | me{"x":1}
        query=query+A%7Ba%7Dmutation+B%7Bb%7D&operationName=A         => query A | a{}
        query=%7Bme%7D&variables=&other=1                             => query | me{}
        query=mutation%7BdeleteUser%7D                                => 405
        query=subscription%7Borders%7D                                => 405
        query=query+A%7Ba%7Dmutation+B%7Bb%7D&operationName=B         => 405
        query=query+A%7Ba%7Dmutation+B%7Bb%7D                         => 400
        query=%7Bme%7D&query=mutation%7Bx%7D                          => 400
        query=%7Bme%7D&Query=mutation%7Bx%7D                          => 400
        query=%7Bme%7D&documentId=7                                   => 400
        query=%7Bme%7D&extensions=%7B%22persistedQuery%22%3A%7B%7D%7D => 400
        query=%7Bme%7D&variables=%5B%5D                               => 400
        query=%7Bme%7D&variables=x                                    => 400
        extensions=%7B%22persistedQuery%22%3A%7B%7D%7D                => 400
        id=7                                                          => 400
        documentId=7                                                  => 400
        operationName=A                                               => 400
        Query=%7Bme%7D                                                => 400
        query=                                                        => 400
        page=1                                                        => none
        "#,
    ) {
        let got = match get(query) {
            Ok(Some(call)) => line(&call),
            Ok(None) => "none".to_owned(),
            Err(error) => error.status.to_string(),
        };
        assert_eq!(got, expected, "{query}");
        assert!(may_ask(&head("GET", Some(query))) || got == "none", "{query}");
    }
    assert_eq!(read(&head("GET", None), || panic!("no body"), b""), Ok(None));
}

#[test]
fn a_request_stands_in_one_place() {
    let body = br#"{"query":"{a}"}"#;
    let with = |method: &str, query: &str, body: &[u8]| {
        read(&head(method, (!query.is_empty()).then_some(query)), || Ok(MediaType::Json), body)
            .map(|call| call.is_some())
    };
    assert_eq!(with("POST", "", body), Ok(true));
    assert_eq!(with("POST", "trace=1", body), Ok(true));
    assert_eq!(with("POST", "id=1", body), Ok(true), "a name of the service's own");
    assert_eq!(with("PUT", "", body), Ok(true));
    assert_eq!(with("POST", "", b""), Ok(false));
    for (method, query, body) in [
        ("POST", "query=mutation%7Bb%7D", body.as_slice()),
        ("POST", "query=mutation%7Bb%7D", b""),
        ("PATCH", "query=mutation%7Bb%7D", b""),
        ("POST", "Query=mutation%7Bb%7D", body),
        ("POST", "operationName=B", body),
        ("POST", "variables=%7B%7D", body),
        ("POST", "extensions=%7B%7D", body),
        ("POST", "documentId=1", body),
        ("POST", "a=1;query=x", body),
        ("GET", "", body),
        ("HEAD", "", body),
        ("GET", "query=%7Ba%7D", body),
    ] {
        assert_eq!(with(method, query, body).unwrap_err().status, 400, "{method} {query}");
    }
    for (media, status) in [
        (MediaType::Multipart { boundary: "x".to_owned() }, 415),
        (MediaType::Form, 415),
        (MediaType::OtherJson, 415),
        (MediaType::Other, 415),
    ] {
        let error = read(&head("POST", None), || Ok(media.clone()), body).unwrap_err();
        assert_eq!(error.status, status, "{media:?}");
    }
}

#[test]
fn depth_tokens_fields_and_values_are_bounded() {
    let nested = |depth: usize| format!("{}a{}", "{a".repeat(depth), "}".repeat(depth));
    assert!(post(&request(&nested(60), "")).is_ok());
    assert!(post(&request(&nested(70), "")).is_err());
    assert!(post(&request(&"{a".repeat(400_000), "")).is_err());
    let lists = |depth: usize| format!("{{a(x: {}{})}}", "[".repeat(depth), "]".repeat(depth));
    assert!(post(&request(&lists(60), "")).is_ok());
    assert!(post(&request(&lists(70), "")).is_err());
    assert!(post(&request(&lists(400_000), "")).is_err());
    let fields = |count: usize| {
        let fields: Vec<String> = (0..count).map(|at| format!("f{at}: f")).collect();
        format!("{{{}}}", fields.join(" "))
    };
    assert!(post(&request(&fields(50), "")).is_ok());
    assert!(post(&request(&fields(51), "")).unwrap_err().what.contains("more than 50"));
    assert!(post(&request(&format!("{{{}}}", "a ".repeat(15_000)), "")).unwrap_err().what.contains("limit"));
    assert!(post(&request(&format!("{{a(x: {})}}", "1".repeat(129)), "")).is_err());
    // Fragments that double at each step are entered once.
    let mut doubling = "{...F0 ...F0}".to_owned();
    for at in 0..500 {
        doubling.push_str(&format!("fragment F{at} on Q {{...F{next} ...F{next}}}", next = at + 1));
    }
    doubling.push_str("fragment F500 on Q {a}");
    assert_eq!(line(&post(&request(&doubling, "")).unwrap()), "query | a{}");
    // A large variable that is named often would fill the memory.
    let often = format!("query($v:String){{a(x:[{}])}}", "$v ".repeat(5000));
    let large = format!(",\"variables\":{{\"v\":\"{}\"}}", "x".repeat(500_000));
    assert!(post(&request(&often, &large)).unwrap_err().what.contains("many times as large"));
    let once = post(&request("query($v:String){a(x:$v)}", &large)).unwrap();
    assert!(once.fields[0].arguments.to_string().len() > 500_000);
}

/// Pieces of documents, so that they often make one.
fn any_document() -> impl Strategy<Value = String> {
    let piece = proptest::sample::select(vec![
        "query",
        "mutation",
        "subscription",
        "fragment",
        "on",
        "A",
        "B",
        "F",
        "{",
        "}",
        "{",
        "}",
        "(",
        ")",
        "[",
        "]",
        ":",
        "$x",
        "=",
        "!",
        "@skip(if: true)",
        "...",
        "...F",
        "...on A",
        "a",
        "b",
        "b: a",
        "1",
        "-1.5e3",
        "\"s\"",
        "\"\"\"b\"\"\"",
        "null",
        "true",
        "# c\n",
        ",",
        "\n",
        "($x: Int = 1)",
        "(x: $x)",
        "fragment F on A { b }",
        "\"\\u0041\"",
        "\"\\",
        "é",
    ]);
    proptest::collection::vec(piece, 0..14).prop_map(|pieces| pieces.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn no_text_makes_it_panic(text in ".{0,40}", document in any_document()) {
        let _ = post(&request(&text, ""));
        let _ = post(&request(&document, ""));
        let _ = post(&request(&format!("mutation ($x: Int = 1) {{ a {document} }}"), ""));
    }

    /// Aliases, comments, commas, fragments and the order of members change nothing of what is called.
    #[test]
    fn spelling_does_not_change_the_call(
        noise in "[ ,\t\n]{0,3}(# ?[a-z{}]{0,5}\n)?",
        wrap in 0..4_u8,
        id in 0..1000_u32,
        literal in any::<bool>(),
    ) {
        let (declared, value, variables) = match literal {
            true => (String::new(), id.to_string(), String::new()),
            false => ("($i: Int)".to_owned(), "$i".to_owned(), format!("\"variables\":{{\"i\":{id}}},")),
        };
        let field = format!("deleteUser{noise}(id{noise}:{noise}{value}){{id}}");
        let (inside, after) = match wrap {
            0 => (field, String::new()),
            1 => (format!("... on{noise} M{{{field}}}"), String::new()),
            2 => ("...F".to_owned(), format!("fragment F on M{noise}{{{field}}}")),
            _ => ("...@include(if:true){...F}".to_owned(), format!("fragment F on M{{{field}}}")),
        };
        let document = format!("{noise}mutation{noise} {declared}{{{noise}{inside}{noise}}}{noise}{after}");
        let body = format!("{{{variables}\"query\":{}}}", Json::String(document));
        let call = post(&body).unwrap();
        prop_assert_eq!(line(&call), format!("mutation | deleteUser{{\"id\":{id}}}"));
    }
}
