//! Calls that policy approves: sent once, with a permit, as the canonical request.

use std::sync::Arc;

use tokio::sync::Notify;

use crate::support::{house, house_of};
use crate::upstream::{Recorded, Step, Upstream, answer, ok};

#[tokio::test]
async fn a_released_call_carries_its_permit_and_the_exact_body() {
    let upstream = Upstream::answering("done").await;
    let house = house(&upstream).await;
    let answer = house
        .call(
            "POST",
            "/api/free?a=1",
            "content-type: application/json\r\nx-one: 1\r\nholdshort-permit: forged\r\n",
            r#"{"n":1}"#,
        )
        .await;
    assert_eq!((answer.status, answer.text().as_str()), (200, "done"));
    let intent = answer.header("holdshort-intent").unwrap().parse().unwrap();
    assert!(answer.header("holdshort-request").is_some());
    let call = upstream.only_call();
    assert_eq!(call.line, "POST /free?a=1 HTTP/1.1");
    assert_eq!(call.body, br#"{"n":1}"#);
    assert_eq!(call.header("content-length"), Some("7"));
    assert_eq!(call.header("x-one"), Some("1"));
    assert_eq!(call.header("content-digest"), Some(permit::digest::content_digest(br#"{"n":1}"#).as_str()));
    assert_eq!(call.header("holdshort-permit").unwrap().split('.').count(), 3);
    assert_eq!(call.header("expect"), None);
    assert!(!call.head().contains("hsk_"), "{}", call.head());
    assert_eq!(house.becomes(intent, "executed").await.outcome.unwrap().status, Some(200));
}

#[tokio::test]
async fn the_key_is_consumed_wherever_it_stands() {
    let upstream = Upstream::answering("done").await;
    let house = house(&upstream).await;
    let key = house.key.expose();
    for (path, header) in [
        ("/api/free".to_owned(), format!("holdshort-key: {key}\r\n")),
        ("/api/free".to_owned(), format!("authorization: Bearer {key}\r\n")),
        ("/api/free".to_owned(), format!("x-api-key: {key}\r\n")),
        ("/api/free".to_owned(), format!("proxy-authorization: Bearer {key}\r\n")),
        (format!("/k/{key}/api/free"), String::new()),
    ] {
        let request = format!("POST {path} HTTP/1.1\r\nhost: gate\r\n{header}content-length: 1\r\n\r\nx");
        let answer = house.client().await.request(&request).await;
        assert_eq!(answer.status, 200, "{header} {path}: {}", answer.text());
        let call = upstream.calls().pop().unwrap();
        assert_eq!(call.line, "POST /free HTTP/1.1");
        assert!(!call.head().contains("hsk_"), "{}", call.head());
    }
}

#[tokio::test]
async fn the_credentials_of_the_api_behind_are_passed_on() {
    let upstream = Upstream::answering("done").await;
    let house = house(&upstream).await;
    house.call("GET", "/api/free", "authorization: Bearer sk-of-the-api\r\n", "").await;
    assert_eq!(upstream.only_call().header("authorization"), Some("Bearer sk-of-the-api"));
}

#[tokio::test]
async fn what_the_operator_sets_and_removes_is_applied_last() {
    let upstream = Upstream::answering("done").await;
    let upstreams = format!(
        "  api:\n    url: {}/v2\n    at: /api\n    headers: {{ set: {{ authorization: Bearer real }}, remove: ['impersonate-*'] }}\n{}",
        upstream.url(),
        crate::support::ROUTES
    );
    let house = house_of(&upstreams, "").await;
    house.call("GET", "/api/free", "authorization: Bearer own\r\nimpersonate-user: root\r\n", "").await;
    let call = upstream.only_call();
    assert_eq!(call.line, "GET /v2/free HTTP/1.1");
    assert_eq!(call.header("authorization"), Some("Bearer real"));
    assert_eq!(call.header("impersonate-user"), None);
}

#[tokio::test]
async fn the_upstreams_own_answer_comes_back() {
    let headers = "content-type: application/json\r\nlocation: /free/1\r\nset-cookie: a=b; Path=/\r\nset-cookie: c=d\r\nconnection: x-hop\r\nx-hop: 1\r\n";
    let upstream = Upstream::sending(answer("404 Not Found", headers, r#"{"no":1}"#)).await;
    let house = house(&upstream).await;
    let answer = house.call("POST", "/api/free", "", "x").await;
    assert_eq!((answer.status, answer.text().as_str()), (404, r#"{"no":1}"#));
    assert_eq!(answer.header("location"), Some("/api/free/1"));
    assert_eq!(answer.header("x-hop"), None);
    let cookies: Vec<&str> =
        answer.headers.iter().filter(|(name, _)| name == "set-cookie").map(|(_, value)| value.as_str()).collect();
    assert_eq!(cookies, ["a=b; Path=/api/", "c=d"]);
}

#[tokio::test]
async fn a_streamed_answer_keeps_its_timing() {
    let go_on = Arc::new(Notify::new());
    let wait = go_on.clone();
    let upstream = Upstream::doing(move |_| {
        vec![
            Step::Send(b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n5\r\none\n\n\r\n".to_vec()),
            Step::Wait(wait.clone()),
            Step::Send(b"5\r\ntwo\n\n\r\n0\r\n\r\n".to_vec()),
        ]
    })
    .await;
    let house = house(&upstream).await;
    let mut client = house.client().await;
    client.send(house.ask("GET", "/api/free", "", "")).await;
    let so_far = client.until("one").await;
    assert!(so_far.starts_with("HTTP/1.1 200"), "interim answers are swallowed: {so_far}");
    assert!(!so_far.contains("two"));
    go_on.notify_one();
    let answer = client.answer().await;
    assert_eq!(answer.text(), "one\n\ntwo\n\n");
}

#[tokio::test]
async fn a_head_call_gets_no_body() {
    let upstream = Upstream::sending(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n".to_vec()).await;
    let house = house(&upstream).await;
    let mut client = house.client().await;
    client.send(house.ask("HEAD", "/api/free", "", "")).await;
    let answer = client.answer_to("HEAD").await;
    assert_eq!((answer.status, answer.header("content-length")), (200, Some("10")));
    client.send(house.ask("HEAD", "/api/free", "", "")).await;
    assert_eq!(client.answer_to("HEAD").await.status, 200, "the connection is kept");
}

#[tokio::test]
async fn upstream_connections_are_kept() {
    let upstream = Upstream::answering("done").await;
    let house = house(&upstream).await;
    let mut client = house.client().await;
    for _ in 0..3 {
        assert_eq!(client.request(house.ask("POST", "/api/free", "", "x")).await.status, 200);
    }
    assert!(upstream.calls().iter().all(|call| call.connection == 1), "{:?}", upstream.calls());
}

#[tokio::test]
async fn no_answer_after_writing_is_unknown_and_never_sent_again() {
    let mut upstream = Upstream::doing(|_| vec![Step::Close]).await;
    let house = house(&upstream).await;
    for (method, status) in [("POST", 409), ("PUT", 409), ("GET", 504)] {
        let answer = house.call(method, "/api/free", "", "").await;
        assert_eq!((answer.status, answer.code().as_str()), (status, "OUTCOME_UNKNOWN"), "{method}");
        assert_eq!(answer.header("x-should-retry"), Some("false"));
        let intent = answer.header("holdshort-intent").unwrap().parse().unwrap();
        house.becomes(intent, "unknown").await;
    }
    upstream.called(3).await;
    assert_eq!(upstream.calls().len(), 3);
}

#[tokio::test]
async fn an_upstream_that_is_not_there_got_nothing() {
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let upstreams = format!("  api:\n    url: http://{gone}\n    at: /api\n{}", crate::support::ROUTES);
    let house = house_of(&upstreams, "").await;
    let answer = house.call("POST", "/api/free", "", "x").await;
    assert_eq!((answer.status, answer.code().as_str()), (502, "UPSTREAM_UNREACHABLE"));
    let intent = answer.header("holdshort-intent").unwrap().parse().unwrap();
    house.becomes(intent, "failed").await;
}

#[tokio::test]
async fn an_answer_that_is_cut_off_is_cut_off_for_the_caller_and_recorded_so() {
    let upstream = Upstream::doing(|_| {
        vec![
            Step::Send(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 100\r\n\r\nhalf".to_vec()),
            Step::Close,
        ]
    })
    .await;
    let house = house(&upstream).await;
    let mut client = house.client().await;
    client.send(house.ask("POST", "/api/free", "", "x")).await;
    let all = client.rest().await;
    assert!(all.ends_with("half"), "{all}");
    let head = all.to_ascii_lowercase();
    let intent = head.lines().find_map(|line| line.strip_prefix("holdshort-intent: ")).unwrap().trim().parse().unwrap();
    let outcome = house.becomes(intent, "executed").await.outcome.unwrap();
    assert!(!outcome.delivered);
    assert_eq!(outcome.excerpt.as_deref(), Some("half[cut off by the upstream after 4 bytes]"));
}

#[tokio::test]
async fn switching_protocols_unasked_is_no_answer() {
    let upstream =
        Upstream::sending(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n".to_vec())
            .await;
    let house = house(&upstream).await;
    let answer = house.call("POST", "/api/free", "", "x").await;
    assert_eq!((answer.status, answer.code().as_str()), (502, "OUTCOME_UNKNOWN"));
}

#[tokio::test]
async fn a_pipelined_request_waits_for_its_turn() {
    let go_on = Arc::new(Notify::new());
    let wait = go_on.clone();
    let mut upstream = Upstream::doing(move |call| match call.line.contains("first") {
        true => vec![Step::Wait(wait.clone()), Step::Send(ok("one"))],
        false => vec![Step::Send(ok("two"))],
    })
    .await;
    let house = house(&upstream).await;
    let mut client = house.client().await;
    client.send(house.ask("POST", "/api/free?first", "", "x")).await;
    upstream.called(1).await;
    client.send(house.ask("POST", "/api/free?second", "", "x")).await;
    go_on.notify_one();
    assert_eq!(client.answer().await.text(), "one");
    assert_eq!(client.answer().await.text(), "two");
}

#[tokio::test]
async fn what_has_come_of_an_answer_is_delivered_while_the_rest_is_awaited() {
    const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n";
    let next = Arc::new(Notify::new());
    let steps = {
        let next = next.clone();
        move |_: &Recorded| {
            let wait = || Step::Wait(next.clone());
            let send = |bytes: &str| Step::Send(bytes.as_bytes().to_vec());
            vec![send(HEAD), wait(), send("first"), wait(), send("after")]
        }
    };
    let upstream = Upstream::doing(steps).await;
    let house = house(&upstream).await;
    // The second time with a request behind it, which must not keep the answer to the first.
    for behind in [false, true] {
        let mut client = house.client().await;
        let request = house.ask("POST", "/api/free", "", "a body");
        client.send(if behind { request.repeat(2) } else { request }).await;
        client.until("content-length: 10").await;
        next.notify_one();
        client.until("first").await;
        next.notify_one();
        client.until("firstafter").await;
    }
}
