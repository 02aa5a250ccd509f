//! Bodies are read whole, sent whole, and bounded.

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
