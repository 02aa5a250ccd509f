//! JSON-RPC messages as text.

use super::*;
use crate::request::{BodyFraming, HttpVersion};

fn head(headers: &[(&str, &str)]) -> Head {
    Head {
        version: HttpVersion::Http11,
        method: "POST".to_owned(),
        host: "a".to_owned(),
        path: "/".to_owned(),
        query: None,
        headers: headers.iter().map(|(n, v)| ((*n).to_owned(), bytes::Bytes::copy_from_slice(v.as_bytes()))).collect(),
        expects_continue: false,
        upgrade: None,
        body_framing: BodyFraming::None,
        client: None,
    }
}

fn rows(table: &str) -> impl Iterator<Item = &str> {
    table.lines().map(str::trim).filter(|line| !line.is_empty())
}

#[test]
fn what_is_no_single_message_is_refused() {
    for row in rows(
        r#"
        -32700 {"jsonrpc":"2.0","id":1,"method":"ping"
        -32700 {"jsonrpc":"2.0","method":"tools/list","Method":"tools/call","id":1}
        -32700 {"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","Name":"b"}}
        -32600 [{"jsonrpc":"2.0","id":1,"method":"tools/list"},{"jsonrpc":"2.0","id":2,"method":"tools/call"}]
        -32600 []
        -32600 1
        -32600 {}
        -32600 {"id":1,"method":"ping"}
        -32600 {"jsonrpc":"1.0","id":1,"method":"ping"}
        -32600 {"jsonrpc":2.0,"id":1,"method":"ping"}
        -32600 {"jsonrpc":"2.0","id":1}
        -32600 {"jsonrpc":"2.0","id":1,"METHOD":"ping"}
        -32600 {"jsonrpc":"2.0","id":1,"method":"ping","result":{}}
        -32600 {"jsonrpc":"2.0","id":1,"method":""}
        -32600 {"jsonrpc":"2.0","id":1,"method":7}
        -32600 {"jsonrpc":"2.0","id":1,"method":"tools/call "}
        -32600 {"jsonrpc":"2.0","id":1,"method":"tools/c\u200ball"}
        -32600 {"jsonrpc":"2.0","method":"tools/call","params":{"name":"a"}}
        -32600 {"jsonrpc":"2.0","method":"initialize"}
        -32600 {"jsonrpc":"2.0","id":null,"method":"tools/call","params":{"name":"a"}}
        -32600 {"jsonrpc":"2.0","id":1.5,"method":"ping"}
        -32600 {"jsonrpc":"2.0","id":[1],"method":"ping"}
        -32600 {"jsonrpc":"2.0","id":{},"method":"ping"}
        -32600 {"jsonrpc":"2.0","id":1,"method":"notifications/initialized"}
        -32602 {"jsonrpc":"2.0","id":1,"method":"tools/call"}
        -32602 {"jsonrpc":"2.0","id":1,"method":"tools/call","params":[]}
        -32602 {"jsonrpc":"2.0","id":1,"method":"tools/call","params":{}}
        -32602 {"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":7}}
        -32602 {"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a\u200b"}}
        -32602 {"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"ａ"}}
        -32602 {"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":" a"}}
        -32602 {"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":"{\"amount\":9999}"}}
        -32602 {"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":[1]}}
        -32600 {"jsonrpc":"2.0","id":1,"method":"ping","paramſ":{}}
        -32600 {"jsonrpc":"2.0","id":1,"method":"ping","Result":{}}
        -32602 {"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"URI":"file:///x"}}
        -32602 {"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","Argumentſ":{"n":1}}}
        "#,
    ) {
        let (code, body) = row.split_once(' ').unwrap();
        match Message::read(body.as_bytes(), &head(&[])) {
            Ok(message) => panic!("accepted: {row} as {message:?}"),
            Err(error) => {
                assert_eq!(error.rpc_code.map(|code| code.to_string()).as_deref(), Some(code), "{row}: {error}")
            }
        }
    }
}

#[test]
fn messages_are_read_after_unescaping() {
    let body = br#"{"jsonrpc":"2.0","id":"a","method":"tools\u002fcall",
        "params":{"name":"delete_file","arguments":{"path":"/x"},"_meta":{"progressToken":7}}}"#;
    let message = Message::read(body, &head(&[])).unwrap();
    assert_eq!(message.tool(), Some("delete_file"));
    assert_eq!(message.arguments().unwrap().to_string(), r#"{"path":"/x"}"#);
    assert_eq!(message.progress_token, Some(Json::Number("7".to_owned())));
    assert_eq!(message.id, Some(Json::String("a".to_owned())));
    assert!(!message.is_protocol());
}

#[test]
fn the_session_is_held_together_without_a_route() {
    for (body, protocol) in [
        (r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}"#, true),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#, true),
        (r#"{"jsonrpc":"2.0","id":1,"method":"server/discover"}"#, true),
        (r#"{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{"notifications":{}}}"#, true),
        (r#"{"jsonrpc":"2.0","id":1,"method":"resources/subscribe","params":{"uri":"x"}}"#, false),
        (r#"{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{}}"#, false),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tasks/result","params":{"taskId":"t"}}"#, false),
        (r#"{"jsonrpc":"2.0","id":1,"method":"sampling/createMessage","params":{}}"#, false),
        (r#"{"jsonrpc":"2.0","method":"notifications/cancelled"}"#, true),
        (r#"{"jsonrpc":"2.0","id":1,"result":{}}"#, true),
        (r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":""}}"#, true),
        (r#"{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"file:///etc/passwd"}}"#, false),
        (r#"{"jsonrpc":"2.0","id":1,"method":"prompts/get","params":{"name":"x"}}"#, false),
        (r#"{"jsonrpc":"2.0","id":1,"method":"Tools/Call"}"#, false),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools//call"}"#, false),
        (r#"{"jsonrpc":"2.0","id":1,"method":"something/new"}"#, false),
    ] {
        let message = Message::read(body.as_bytes(), &head(&[])).unwrap();
        assert_eq!(message.is_protocol(), protocol, "{body}");
    }
}

#[test]
fn headers_that_mirror_the_body_say_the_same() {
    const CALL: &str = r#"{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"delete file"}}"#;
    const READ: &str = r#"{"jsonrpc":"2.0","id":5,"method":"resources/read","params":{"uri":"file:///x"}}"#;
    let read = |body: &str, headers: &[(&str, &str)]| Message::read(body.as_bytes(), &head(headers));
    assert!(read(CALL, &[("mcp-method", "tools/call"), ("mcp-name", "delete file")]).is_ok());
    assert!(read(CALL, &[("mcp-name", "=?base64?ZGVsZXRlIGZpbGU=?=")]).is_ok());
    assert!(read(READ, &[("mcp-method", "resources/read"), ("mcp-name", "file:///x")]).is_ok());
    for (body, headers) in [
        (CALL, ("mcp-method", "tools/list")),
        (CALL, ("mcp-name", "safe")),
        (CALL, ("mcp-name", "=?base64?c2FmZQ==?=")),
        (CALL, ("mcp-name", "=?base64?!?=")),
        (CALL, ("mcp-method", "Tools/Call")),
        (READ, ("mcp-name", "file:///y")),
        (r#"{"jsonrpc":"2.0","id":5,"result":{}}"#, ("mcp-method", "tools/list")),
        (r#"{"jsonrpc":"2.0","id":5,"method":"ping"}"#, ("mcp-name", "x")),
    ] {
        let error = read(body, &[headers]).unwrap_err();
        assert_eq!((error.status, error.rpc_code), (400, Some(-32020)), "{headers:?}");
        assert_eq!(error.rpc_id, Some(Json::Number("5".to_owned())));
    }
}

#[test]
fn mirrored_arguments_say_the_same() {
    let read = |arguments: &str, header: (&str, &str)| {
        let body = format!(
            "{{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"tools/call\",\"params\":{{\"name\":\"x\"{arguments}}}}}"
        );
        Message::read(body.as_bytes(), &head(&[header])).map_err(|error| (error.status, error.rpc_code))
    };
    let all = r#","arguments":{"region":"eu","team_id":7,"dry":true,"note":" é","in":{"zone":"b","list":["c"]},"no":null,
        "a":"x","b":"y"}"#;
    for (header, value) in [
        ("mcp-param-region", "eu"),
        ("mcp-param-team-id", "7"),
        ("mcp-param-teamid", "7.0"),
        ("mcp-param-dry", "true"),
        ("mcp-param-note", "=?base64?IMOp?="),
        ("mcp-param-zone", "b"),
        // Which argument a header of another name mirrors, only the tool's schema says.
        ("mcp-param-place", "eu"),
    ] {
        assert!(read(all, (header, value)).is_ok(), "{header}: {value}");
    }
    for (header, value) in [
        ("mcp-param-region", "us"),
        ("mcp-param-region", "b"),
        ("mcp-param-region", "EU"),
        ("mcp-param-region", "=?base64?ZXU?="),
        ("mcp-param-region", "=?base64?!?="),
        ("mcp-param-team-id", "8"),
        ("mcp-param-team-id", "seven"),
        ("mcp-param-dry", "false"),
        ("mcp-param-dry", "True"),
        ("mcp-param-a", "y"),
        ("mcp-param-place", "us"),
        ("mcp-param-place", "c"),
        ("mcp-param-no", "null"),
        ("mcp-param-", "us"),
    ] {
        assert_eq!(read(all, (header, value)).unwrap_err(), (400, Some(-32020)), "{header}: {value}");
    }
    assert!(read("", ("mcp-param-region", "eu")).is_err());
    let list = br#"{"jsonrpc":"2.0","id":5,"method":"tools/list","params":{"region":"eu"}}"#;
    assert!(Message::read(list, &head(&[("mcp-param-region", "eu")])).is_err(), "it mirrors arguments of tools alone");
    let task = br#"{"jsonrpc":"2.0","id":5,"method":"tasks/get","params":{"taskId":"t_1"}}"#;
    assert!(Message::read(task, &head(&[("mcp-name", "t_1")])).is_ok());
    assert!(Message::read(task, &head(&[("mcp-name", "t_2")])).is_err());
}

/// What a body is read as: the methods of its messages, or why not and for which ids.
fn batch(body: &str, revision: &str) -> String {
    let headers = [("mcp-protocol-version", revision)];
    let head = if revision.is_empty() { head(&[]) } else { head(&headers) };
    match content(body.as_bytes(), &head) {
        Ok(Content::McpBatch(messages)) => {
            let method = |message: &Message| message.method.clone().unwrap_or_else(|| "answer".to_owned());
            messages.iter().map(method).collect::<Vec<_>>().join(" ")
        }
        Ok(other) => panic!("{other:?}"),
        Err(error) => {
            assert_eq!(error.status, 400, "{body}");
            let ids = match &error.rpc_id {
                Some(Json::List(ids)) => ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
                // It is not known to be a batch.
                other => format!("{other:?}"),
            };
            format!("{}, {}, {} [{ids}]", error.rpc_code.unwrap(), error.what, error.place)
        }
    }
}

#[test]
fn a_batch_is_read_in_the_one_revision_that_has_them() {
    const LIST: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    for revision in ["", "2025-03-26"] {
        assert_eq!(batch(&format!("[{LIST}]"), revision), "tools/list", "{revision}");
    }
    for revision in ["2024-11-05", "2025-06-18", "2025-11-25", "2026-07-28", "2025-03-26 ", "x"] {
        let refused = batch(&format!("[{LIST}]"), revision);
        assert!(refused.contains("knows no batches") && refused.ends_with("body [1]"), "{revision}: {refused}");
    }
}

#[test]
fn what_servers_could_take_for_different_batches_is_refused() {
    for row in rows(
        r#"
        [{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","id":"1","method":"tools/list"}] => ping tools/list
        [{"jsonrpc":"2.0","method":"notifications/initialized"},{"jsonrpc":"2.0","id":1,"method":"ping"}] => notifications/initialized ping
        [{"jsonrpc":"2.0","id":1,"result":{}},{"jsonrpc":"2.0","id":2,"error":{}}] => answer answer
        [] => -32600, an empty batch, body []
        [[]] => -32600, a batch within a batch, body []
        [{"jsonrpc":"2.0","id":1,"method":"ping"},[{"jsonrpc":"2.0","id":2,"method":"ping"}]] => -32600, a batch within a batch, body [1]
        [1] => -32600, not a JSON-RPC message, message 0 of the batch, body []
        [{"jsonrpc":"2.0","id":1,"method":"ping"},{"id":2,"method":"ping"}] => -32600, "jsonrpc" must be "2.0", message 1 of the batch, body at /jsonrpc [1 2]
        [{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","id":1,"method":"tools/list"}] => -32600, two messages of a batch have the same id, body [1]
        [{"jsonrpc":"2.0","id":1,"result":{}},{"jsonrpc":"2.0","id":1,"result":{}}] => -32600, two messages of a batch have the same id, body []
        [{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","id":2,"result":{}}] => -32600, requests and answers in one batch, body [1]
        [{"jsonrpc":"2.0","id":2,"result":{}},{"jsonrpc":"2.0","method":"notifications/initialized"}] => -32600, requests and answers in one batch, body []
        [{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}] => -32600, initialize is not part of a batch, body [1]
        [{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":7}},{"jsonrpc":"2.0","id":null,"method":"ping"}] => -32602, must be a name in printable ASCII, message 0 of the batch, body at /params/name [1]
        [{"jsonrpc":"2.0","id":1,"method":"ping","Method":"tools/call"}] => -32700, another key differs from it in upper and lower case only, body at /0/Method, byte 49 [None]
        "#,
    ) {
        let (body, expected) = row.split_once(" => ").unwrap();
        assert_eq!(batch(body, ""), expected, "{body}");
    }
    let many = |count: usize| {
        let all: Vec<_> =
            (0..count).map(|id| format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"ping\"}}")).collect();
        batch(&format!("[{}]", all.join(",")), "")
    };
    assert!(many(100).starts_with("ping"));
    assert!(many(101).contains("more than 100 messages"));
}

#[test]
fn headers_that_mirror_one_message_must_hold_for_each_of_a_batch() {
    let body = br#"[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","id":2,"method":"tools/list"}]"#;
    let error = content(body, &head(&[("mcp-method", "ping")])).unwrap_err();
    assert_eq!((error.rpc_code, error.rpc_id.unwrap().to_string().as_str()), (Some(-32020), "[1,2]"));
}
