//! Bodies are read whole, sent whole, and bounded.

use serde_json::Value;

use crate::support::{house, house_of};
use crate::upstream::Upstream;

#[tokio::test]
async fn bodies_of_every_size_arrive_unchanged() {
    let upstream = Upstream::answering("ok").await;
    let house = house_of(
        &format!("  api:\n    url: {}\n    at: /api\n{}", upstream.url(), crate::support::ROUTES),
        "limits: { body: 2MiB }",
    )
    .await;
    let mut client = house.client().await;
    for size in [0, 1, 65_535, 65_536, 65_537, 1024 * 1024, 1024 * 1024 + 1] {
        let body: String = ('a'..='z').cycle().take(size).collect();
        let answer = client.request(house.ask("POST", "/api/free", "content-type: text/plain\r\n", &body)).await;
        assert_eq!(answer.status, 200, "{size}: {}", answer.text());
        assert_eq!(upstream.calls().pop().unwrap().body, body.as_bytes(), "{size}");
        let chunked = format!(
            "POST /api/free HTTP/1.1\r\nhost: gate\r\nholdshort-key: {}\r\ntransfer-encoding: chunked\r\n\r\n{}0\r\n\r\n",
            house.key.expose(),
            if size == 0 { String::new() } else { format!("{size:x}\r\n{body}\r\n") }
        );
        let answer = client.request(chunked).await;
        assert_eq!(answer.status, 200, "{size} chunked: {}", answer.text());
        let call = upstream.calls().pop().unwrap();
        assert_eq!(call.body, body.as_bytes(), "{size} chunked");
        assert_eq!(call.header("content-length"), Some(size.to_string().as_str()), "{size} chunked");
        assert_eq!(call.header("transfer-encoding"), None);
    }
}

#[tokio::test]
async fn a_body_above_the_limit_is_refused_and_the_answer_arrives() {
    let upstream = Upstream::answering("ok").await;
    let house = house(&upstream).await;
    let body = "x".repeat(1024 * 1024 + 1);
    let answer = house.call("POST", "/api/free", "", &body).await;
    assert_eq!((answer.status, answer.code().as_str()), (413, "BODY_TOO_LARGE"));
    let chunked = format!(
        "POST /api/free HTTP/1.1\r\nhost: gate\r\nholdshort-key: {}\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
        house.key.expose(),
        body.len()
    );
    let answer = house.client().await.request(chunked).await;
    assert_eq!((answer.status, answer.code().as_str()), (413, "BODY_TOO_LARGE"));
    assert!(upstream.calls().is_empty());
}

#[tokio::test]
async fn whoever_asks_before_sending_is_told_to_go_on() {
    let upstream = Upstream::answering("ok").await;
    let house = house(&upstream).await;
    let mut client = house.client().await;
    for _ in 0..2 {
        let head = house.ask("POST", "/api/free", "expect: 100-continue\r\ncontent-length: 5\r\n", "");
        let go_on = client.request(head).await;
        assert_eq!(go_on.status, 100);
        let answer = client.request("hello").await;
        assert_eq!((answer.status, answer.text().as_str()), (200, "ok"), "and the connection is kept");
    }
    assert_eq!(upstream.calls().pop().unwrap().body, b"hello");
    // What would be too large is not even asked for.
    let head = house.ask("POST", "/api/free", "expect: 100-continue\r\ncontent-length: 99999999\r\n", "");
    assert_eq!(client.request(head).await.status, 413);
}

#[tokio::test]
async fn broken_chunks_are_refused() {
    let upstream = Upstream::answering("ok").await;
    let house = house(&upstream).await;
    let broken = house.ask("POST", "/api/free", "transfer-encoding: chunked\r\n", "") + "zz\r\nhello\r\n0\r\n\r\n";
    let answer = house.client().await.request(broken).await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "BAD_REQUEST"));
    assert!(upstream.calls().is_empty());
}

#[tokio::test]
async fn what_an_agent_has_on_its_way_at_once_is_bounded() {
    let upstream = Upstream::answering("ok").await;
    let house = house_of(
        &format!("  api:\n    url: {}\n    at: /api\n{}", upstream.url(), crate::support::ROUTES),
        "limits: { per_agent: { held_bytes: 100KiB } }",
    )
    .await;
    // Two connections that each have sent most of a body, and wait.
    let mut begun = Vec::new();
    for size in [60_000, 35_000] {
        let mut client = house.client().await;
        client.send(house.ask("POST", "/api/free", &format!("content-length: {}\r\n", size + 1), "")).await;
        client.send("x".repeat(size)).await;
        begun.push(client);
    }
    let body = "y".repeat(20_000);
    let mut refused = house.call("POST", "/api/free", "", &body).await;
    let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while refused.status == 200 && std::time::Instant::now() < until {
        // What the two have sent is on its way through the sockets.
        refused = house.call("POST", "/api/free", "", &body).await;
    }
    assert_eq!((refused.status, refused.code().as_str()), (429, "LIMITED"), "{}", refused.text());
    assert_eq!((refused.header("x-should-retry"), refused.header("retry-after")), (Some("true"), Some("5")));
    for client in &mut begun {
        assert_eq!(client.request("z").await.status, 200);
    }
    assert_eq!(house.call("POST", "/api/free", "", &body).await.status, 200, "what has ended is given back");
}

#[tokio::test]
async fn values_take_more_room_than_their_bytes_and_are_counted_so() {
    let upstream = Upstream::answering("ok").await;
    let house = house_of(
        &format!("  tools:\n    url: {}\n    at: /api\n    protocol: mcp\n    routes: [{{ match: {{ mcp: {{ tool: '*' }} }} }}]\n", upstream.url()),
        "limits: { per_agent: { held_bytes: 100KiB } }",
    )
    .await;
    let message = |list: String| {
        format!(
            "{{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"tools/call\",\"params\":{{\"name\":\"t\",\"arguments\":{{\"l\":{list}}}}}}}"
        )
    };
    let json = "content-type: application/json\r\n";
    let text = message(format!("\"{}\"", "0,".repeat(10_000)));
    let mut client = house.client().await;
    client.send(house.ask("POST", "/api/mcp", json, &text)).await;
    house.pending().await;
    let mut others = vec![client];
    // As many bytes.
    let answer = house.call("POST", "/api/mcp", json, &message(format!("[{}0]", "0,".repeat(10_000)))).await;
    let told = answer.json();
    assert_eq!((answer.status, &told["id"]), (200, &7.into()), "{told}");
    assert!(told["error"]["message"].as_str().unwrap().contains("takes more memory"), "{told}");
    // The room of held calls is full.
    let mut last = Value::Null;
    for n in 0..5 {
        let text = message(format!("\"{n}{}\"", "0,".repeat(10_000)));
        let mut client = house.client().await;
        client.send(house.ask("POST", "/api/mcp", &format!("{json}accept: text/event-stream\r\n"), &text)).await;
        let answer = client.until("\r\n\r\n").await;
        if !answer.contains("text/event-stream") {
            last = client.answer().await.json();
            break;
        }
        others.push(client);
    }
    assert_eq!((&last["id"], &last["result"]["isError"]), (&7.into(), &true.into()), "{last}");
    assert_eq!(last["result"]["structuredContent"]["status"], "limited", "{last}");
}
