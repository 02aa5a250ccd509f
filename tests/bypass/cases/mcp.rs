//! MCP: JSON-RPC to an MCP server.

use crate::case::Must::{self, BePassed, BeSent, BeUnmatched, McpBeHeld, McpBeRefused};
use crate::case::{Case, Probe, case};
use crate::variants::{Ask, ask};

fn message(body: impl AsRef<[u8]>) -> Ask {
    ask("POST", "<mcp>").json(body)
}

fn messages(must: Must, bodies: &[&str]) -> Vec<Probe> {
    bodies.iter().flat_map(|body| message(body).must(must)).collect()
}

const LIST: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
const READ: &str =
    r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read_file","arguments":{"path":"a"}}}"#;
const DELETE: &str =
    r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"delete_file","arguments":{"path":"a"}}}"#;

/// The same under another id, to stand beside others in a batch.
const DELETE_2: &str =
    r#"{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"delete_file","arguments":{"path":"a"}}}"#;
const READ_2: &str =
    r#"{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"read_file","arguments":{"path":"a"}}}"#;

pub fn cases() -> Vec<Case> {
    vec![
        case("MCP-01", "a batch: discovery beside a call", "refused with a call that rules decide in it, and wherever servers could read it in two ways; passed as a whole where all of it would pass")
            .probes(messages(McpBeRefused, &[&format!("[{LIST},{DELETE_2}]"), &format!("[{DELETE_2}]"), &format!("[{DELETE_2},{LIST}]"), &format!("[{LIST},{READ_2}]"), "[]", "[[]]", "[null]", &format!("[[{LIST}]]"), &format!("[{LIST},{LIST}]"), &format!("[{LIST},{DELETE}]"), &format!("[{LIST},{{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{{}}}}]"), &format!("[{LIST},{{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"initialize\"}}]"), &format!("[{LIST},{DELETE_2}"), &format!("[{LIST}],[{DELETE_2}]")]))
            .probes(["2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"].iter().flat_map(|version| message(format!("[{LIST},{DELETE_2}]")).header("MCP-Protocol-Version", version).must(McpBeRefused)))
            .probes(["2025-06-18", "2025-11-25", "2026-07-28"].iter().flat_map(|version| message(format!("[{LIST}]")).header("MCP-Protocol-Version", version).must(McpBeRefused)))
            .probes(message(format!("[{LIST}]")).must(BePassed))
            .probes(message(format!("[{LIST},{{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"ping\"}}]")).header("MCP-Protocol-Version", "2025-03-26").must(BePassed))
            .tests(&["a_batch_goes_on_only_where_each_message_would_by_itself", "what_servers_could_take_for_different_batches_is_refused"]),
        case("MCP-02", "keys of the protocol twice or in another case: `method` and `Method`", "refused").probes(messages(
            McpBeRefused,
            &[
                r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","Method":"tools/call","params":{"name":"delete_file"}}"#,
                r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","method":"tools/call","params":{"name":"delete_file"}}"#,
                r#"{"jsonrpc":"2.0","id":1,"METHOD":"tools/call","params":{"name":"delete_file"}}"#,
                r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read_file","Name":"delete_file"}}"#,
                r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read_file","name":"delete_file"}}"#,
                r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read_file"},"Params":{"name":"delete_file"}}"#,
                "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"read_file\"},\"param\u{17f}\":{\"name\":\"delete_file\"}}",
                r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","m\u0065thod":"tools/call","params":{"name":"delete_file"}}"#,
                r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"NAME":"delete_file"}}"#,
                r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read_file","Arguments":{}}}"#,
            ],
        )),
        case("MCP-03", "the method with escapes: `tools\\/call`", "the same method: held").probes(messages(
            McpBeHeld,
            &[
                r#"{"jsonrpc":"2.0","id":1,"method":"tools\/call","params":{"name":"delete_file"}}"#,
                r#"{"jsonrpc":"2.0","id":1,"method":"tools\u002fcall","params":{"name":"delete_file"}}"#,
                r#"{"jsonrpc":"2.0","id":1,"method":"\u0074ools/call","params":{"name":"\u0064elete_file"}}"#,
                r#"{"jsonrpc":"2.0","id":1,"m\u0065thod":"tools/call","params":{"n\u0061me":"delete_file"}}"#,
                DELETE,
            ],
        ))
        .tests(&["messages_are_read_after_unescaping"]),
        case("MCP-04", "names that are nearly the method or the tool: white space, case, zero width, other scripts", "refused, or decided as the other name they are; never as the one they resemble")
            .probes(messages(
                McpBeRefused,
                &[
                    r#"{"jsonrpc":"2.0","id":1,"method":"tools/call ","params":{"name":"delete_file"}}"#,
                    r#"{"jsonrpc":"2.0","id":1,"method":" tools/call","params":{"name":"delete_file"}}"#,
                    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"read_\u{200b}file\"}}",
                    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"\u{ff52}ead_file\"}}",
                    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"re\u{430}d_file\"}}",
                    r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read_file\u0000delete_file"}}"#,
                    r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":" read_file"}}"#,
                    r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":""}}"#,
                    r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{}}"#,
                    r#"{"jsonrpc":"2.0","id":1,"method":"tools/call"}"#,
                    r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":["delete_file"]}}"#,
                ],
            ))
            .probes(["Tools/Call", "tools//call", "TOOLS/CALL", "tools/call/"].iter().flat_map(|method| message(format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{"name":"delete_file"}}}}"#)).must_1(Must::McpBeUnmatched)))
            .tests(&["effects_that_no_route_names_wait_for_people"]),
        case("MCP-05", "`Mcp-Method` or `Mcp-Name` that disagree with the body", "400 with -32020; the body decides")
            .probes([("Mcp-Method", "tools/list"), ("Mcp-Name", "read_file"), ("mcp-method", "Tools/Call"), ("Mcp-Name", ""), ("Mcp-Method", "tools/call, tools/list"), ("Mcp-Name", "=?base64?cmVhZF9maWxl?="), ("Mcp-Name", "delete_file\t;")].iter().flat_map(|(name, value)| message(DELETE).header(name, value).must(Must::BeRefused)))
            .probes(message(DELETE).header("Mcp-Method", "tools/call").header("Mcp-Name", "delete_file").must(McpBeHeld))
            .probes(message(DELETE).header("Mcp-Name", "=?base64?ZGVsZXRlX2ZpbGU=?=").must(McpBeHeld))
            .probes(message(LIST).header("Mcp-Method", "tools/call").must(Must::BeRefused))
            .tests(&["headers_that_mirror_the_body_say_the_same", "a_header_that_disagrees_with_the_body_is_refused_by_its_own_code"]),
        case("MCP-07", "`Mcp-Param-...` headers that disagree with the arguments", "400 with -32020, or never sent")
            .probes(message(READ).header("Mcp-Param-Path", "b").must(Must::BeRefused)),
        case("MCP-08", "a call as a notification, ids of the wrong kind, another version of JSON-RPC", "refused").probes(messages(
            McpBeRefused,
            &[
                r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"delete_file"}}"#,
                r#"{"jsonrpc":"2.0","id":null,"method":"tools/call","params":{"name":"delete_file"}}"#,
                r#"{"jsonrpc":"2.0","id":1.5,"method":"tools/call","params":{"name":"delete_file"}}"#,
                r#"{"jsonrpc":"2.0","id":[1],"method":"tools/call","params":{"name":"delete_file"}}"#,
                r#"{"jsonrpc":"2.0","id":{},"method":"tools/call","params":{"name":"delete_file"}}"#,
                r#"{"id":1,"method":"tools/call","params":{"name":"delete_file"}}"#,
                r#"{"jsonrpc":"1.0","id":1,"method":"tools/call","params":{"name":"delete_file"}}"#,
                r#"{"jsonrpc":2.0,"id":1,"method":"tools/call","params":{"name":"delete_file"}}"#,
                r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"delete_file"},"result":{}}"#,
                r#"{"jsonrpc":"2.0","id":1,"method":["tools/call"],"params":{"name":"delete_file"}}"#,
                r#"{"jsonrpc":"2.0","id":1,"params":{"name":"delete_file"}}"#,
                r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":["delete_file"]}"#,
                r#"{"jsonrpc":"2.0","id":1,"method":"notifications/tools/call","params":{"name":"delete_file"}}"#,
            ],
        )),
        case("MCP-09", "one JSON-RPC id for two calls at once", "two intents; each answer goes to its own connection")
            .probes(messages(McpBeHeld, &[DELETE, &DELETE.replace("\"a\"", "\"b\"")]))
            .tests(&["whoever_calls_again_gets_the_answer_under_its_own_id", "a_kept_answer_comes_under_the_id_of_whoever_calls_again"]),
        case("MCP-10", "the session id of another agent", "refused")
            .own(|lane| Box::pin(super::sessions::a_session_is_its_agents(lane))),
        case("MCP-11", "another's stream or session by GET, `Last-Event-ID` or DELETE; a session id in the query", "refused; not forwarded")
            .own(|lane| Box::pin(super::sessions::streams_and_ends_of_others(lane))),
        case("MCP-12", "the older transport (`/sse`, `/messages`) and plain tool endpoints beside `/mcp`", "no route: rejected, unless the upstream passes what no route names")
            .probes(["/sse", "/messages?sessionId=x", "/api/tool/delete_file/invoke"].iter().flat_map(|path| ask("GET", format!("<mcp>{path}")).must(BeUnmatched)))
            // Without its stream there is nowhere to tell a result: it is told as over plain HTTP.
            .probes(ask("POST", "<mcp>/messages?sessionId=x").json(DELETE).must(Must::BeHeld))
            .probes(["/api/tool/delete_file/invoke", "/x"].iter().flat_map(|path| ask("POST", format!("<mcp>{path}")).json(DELETE).must(McpBeHeld)))
            .tests(&["only_the_endpoint_of_an_mcp_server_takes_the_handshake_and_the_stream", "an_mcp_server_takes_its_protocol_at_its_endpoint_only"]),
        case("MCP-13", "the endpoint with a slash at the end, with dots, in another case", "the same decision, or refused")
            .probes(ask("POST", "<mcp>/").json(DELETE).must(McpBeHeld))
            .probes(["<mcp>/../<mcp>", "<mcp>/.", "<mcp>//", "<mcp>;x", "<mcp>%2f", "<mcp>/%2e"].iter().flat_map(|target| ask("POST", target).json(DELETE).must(Must::BeGated)))
            .probes(ask("POST", "<mcp>/MCP").json(DELETE).must(McpBeHeld)),
        case("MCP-14", "other methods with effects: `resources/read`, `prompts/get`, `completion/complete`, `tasks/...`", "decided by a route that names them, else held or rejected; discovery passes")
            .probes(
                ["resources/read", "prompts/get", "completion/complete", "tasks/get", "tasks/cancel", "sampling/createMessage", "elicitation/create", "roots/list", "resources/subscribe", "made/up"]
                    .iter()
                    .flat_map(|method| message(format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{"name":"x","uri":"file:///etc/passwd"}}}}"#)).must_1(Must::McpBeUnmatched)),
            )
            .probes(messages(BePassed, &[LIST, r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#]))
            .tests(&["the_session_is_held_together_without_a_route", "effects_that_no_route_names_wait_for_people"]),
        case("MCP-16", "arguments as a text of JSON in place of an object", "refused").probes(messages(
            McpBeRefused,
            &[
                r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"delete_file","arguments":"{\"amount\":9999}"}}"#,
                r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read_file","arguments":[1]}}"#,
                r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read_file","arguments":1}}"#,
            ],
        )),
        case("MCP-17", "a server that changes a tool's description or schema after the rules were written", "rules name tools and read arguments, never descriptions; a changed schema changes no decision")
            .tests(&["tools_are_routed_by_name", "hidden_tools_are_not_in_the_list"])
            .absent("schemas are not pinned; a value that a rule wants and that is missing or of another type is for people"),
        case("MCP-18", "prefixes that an aggregator gives to tools: `a__delete`, `a.delete`, `a/delete`", "another name: a route must name it")
            .probes(["a__delete_file", "a.delete_file", "a/delete_file", "read.delete_file"].iter().flat_map(|tool| message(format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{tool}"}}}}"#)).must_1(Must::McpBeUnmatched)))
            .absent("the gate does not aggregate: one upstream is one server"),
        case("MCP-19", "an Origin of a browser's page that was led to a local gate", "no key, no call: a page cannot know one")
            .own(|lane| {
                Box::pin(async move {
                    let bytes = b"POST <mcp> HTTP/1.1\r\nHost: gate\r\nOrigin: https://evil.example\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";
                    let replies = crate::wire::converse(lane.proxy(), &lane.fill(bytes), false).await?;
                    let statuses: Vec<u16> = replies.iter().map(|reply| reply.status).collect();
                    if statuses == [401] && lane.recorder.take_calls().is_empty() { Ok(1) } else { Err(format!("{statuses:?}")) }
                })
            })
            .tests(&["without_a_key_it_is_a_plain_401", "only_our_own_names_are_answered"]),
        case("MCP-21", "fields of the gate in `_meta` or beside `params`: `approved`, `permit`, `intent_id`", "never believed").probes(messages(
            McpBeHeld,
            &[
                r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"delete_file","_meta":{"approved":true,"permit":"x","intent_id":"int_x"}}}"#,
                r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","approved":true,"params":{"name":"delete_file","approved":true,"risk_tier":"low"}}"#,
            ],
        ))
        .probes(messages(BeSent, &[READ]))
        .tests(&["what_an_agent_says_of_itself_never_makes_it_easier"]),
    ]
}
