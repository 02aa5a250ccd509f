//! What lists of tools say, and what the gate learns from them.

use serde_json::{Value, json};

use crate::mcp::{call, events, list, names};
use crate::support::{House, house_of};
use crate::upstream::{Recorded, Step, Upstream, answer};

/// Two pages of tools; `refund` has a schema of its results, and a number that is not one of a machine's.
fn page(call: &Recorded) -> String {
    let asked: Value = serde_json::from_slice(&call.body).unwrap();
    let id = &asked["id"];
    match asked["params"]["cursor"].as_str() {
        None => format!(
            r#"{{"jsonrpc":"2.0","id":{id},"result":{{"tools":[{{"name":"look","description":"Looks.","inputSchema":{{"maximum":123456789012345678901234567890}}}},{{"name":"refund","description":"Pays back. ","outputSchema":{{"type":"object","required":["paid"]}}}}],"nextCursor":"2"}}}}"#
        ),
        Some(_) => {
            format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"tools":[{{"name":"wire"}},{{"name":"secret"}}]}}}}"#)
        }
    }
}

async fn server(streaming: bool) -> Upstream {
    Upstream::doing(move |call| {
        let page = page(call);
        vec![Step::Send(match streaming {
            true => answer("200 OK", "content-type: text/event-stream\r\n", &format!("data: {page}\n\n")),
            false => answer("200 OK", "content-type: application/json\r\n", &page),
        })]
    })
    .await
}

async fn house(upstream: &Upstream, more: &str) -> House {
    let routes = "    routes:\n      - { action: hold_it, match: { mcp: { tool: refund } }, params: { n: { from: /n, type: integer } }, risk_tier: high }\n      - { action: free_it, match: { mcp: { tool: look } }, params: { n: { from: /n, type: integer } } }\n      - { action: wire_it, match: { mcp: { tool: wire } } }\n      - { match: { mcp: { tool: secret } }, hide: true }\n";
    let upstreams = format!("  tools:\n    url: {}\n    at: /mcp\n    protocol: mcp\n{more}{routes}", upstream.url());
    house_of(&upstreams, "").await
}

async fn tools(house: &House, cursor: Option<&str>) -> Value {
    let mut request = list(house, "tools/list");
    if let Some(cursor) = cursor {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": { "cursor": cursor } });
        request = house.ask(
            "POST",
            "/mcp",
            "content-type: application/json\r\naccept: application/json, text/event-stream\r\n",
            &body.to_string(),
        );
    }
    let answer = house.client().await.request(request).await;
    if answer.header("content-type") == Some("text/event-stream") {
        events(&answer.text()).remove(0)
    } else {
        answer.json()
    }
}

fn description<'v>(list: &'v Value, tool: &str) -> &'v str {
    let tools = list["result"]["tools"].as_array().unwrap();
    let found = tools.iter().find(|found| found["name"] == tool);
    found.unwrap_or_else(|| panic!("no {tool}: {list}"))["description"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn tools_whose_calls_wait_say_so_on_every_page_and_in_streams_too() {
    for streaming in [false, true] {
        let upstream = server(streaming).await;
        let house = house(&upstream, "    announce: true\n").await;
        let first = tools(&house, None).await;
        assert_eq!(description(&first, "look"), "Looks.", "policy lets it pass whatever it is called with");
        let said = description(&first, "refund");
        assert!(said.starts_with("Pays back.\n\nCalls of this tool may wait until a person"), "{said}");
        assert_eq!(first["result"]["nextCursor"], "2");
        let second = tools(&house, Some("2")).await;
        assert_eq!(names(&second), ["wire"], "what is hidden is hidden on later pages");
        assert!(description(&second, "wire").starts_with("Calls of this tool may wait"));
    }
}

#[tokio::test]
async fn a_list_that_need_not_be_changed_passes_byte_for_byte() {
    let upstream = server(false).await;
    let house = house(&upstream, "").await;
    let answer = house.client().await.request(list(&house, "tools/list")).await;
    assert_eq!(answer.text(), page(&upstream.only_call()));
}

#[tokio::test]
async fn a_refusal_does_not_break_the_schema_that_a_tool_promises() {
    let upstream = server(false).await;
    let house = house(&upstream, "").await;
    let node = "user-agent: node\r\n";
    // The TypeScript SDK 1.x holds it against the schema: as long as no list has been seen, it is left out for it.
    for (tool, headers, structured) in [("gone", "", true), ("gone", node, false), ("wire", node, false)] {
        let message = refused(&house, tool, headers).await;
        assert_eq!(message["result"]["structuredContent"].is_object(), structured, "{tool} {headers}: {message}");
    }
    tools(&house, None).await;
    tools(&house, Some("2")).await;
    for (tool, headers, structured) in [("refund", node, false), ("refund", "", false), ("wire", node, true)] {
        let message = refused(&house, tool, headers).await;
        assert_eq!(message["result"]["structuredContent"].is_object(), structured, "{tool} {headers}: {message}");
        let told = &message["result"][if structured { "structuredContent" } else { "_meta" }];
        let told = if structured { told } else { &told["holdshort/refusal"] };
        assert!(told["status"].is_string(), "{message}");
    }
}

/// What a call is told that is not let through: paused, so that nobody need decide.
async fn refused(house: &House, tool: &str, headers: &str) -> Value {
    let paused = gate::AgentStatus::Paused;
    house.gate.set_agent_status(house.agent, paused, None, &gate::Actor::Operator).await.unwrap();
    let answer = house.client().await.request(call(house, 3, tool, headers)).await;
    house.gate.set_agent_status(house.agent, gate::AgentStatus::Active, None, &gate::Actor::Operator).await.unwrap();
    let message = answer.json();
    assert_eq!((answer.status, &message["result"]["isError"]), (200, &json!(true)), "{message}");
    message
}
