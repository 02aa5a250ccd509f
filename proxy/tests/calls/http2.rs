//! The same over HTTP/2, by prior knowledge.

use std::time::Duration;

use crate::support::{House, house};
use crate::upstream::Upstream;

fn client() -> reqwest::Client {
    reqwest::Client::builder().http2_prior_knowledge().timeout(Duration::from_secs(20)).build().unwrap()
}

fn url(house: &House, path: &str) -> String {
    format!("http://{}{path}", house.address)
}

fn post(
    house: &House,
    client: &reqwest::Client,
    path: &str,
    body: impl Into<reqwest::Body>,
) -> reqwest::RequestBuilder {
    client.post(url(house, path)).header("holdshort-key", house.key.expose()).body(body)
}

#[tokio::test]
async fn calls_are_released_held_and_refused_over_http2() {
    let upstream = Upstream::answering("done").await;
    let house = house(&upstream).await;
    let client = client();
    let answer = post(&house, &client, "/api/free", "one").send().await.unwrap();
    assert_eq!((answer.version(), answer.status().as_u16()), (reqwest::Version::HTTP_2, 200));
    assert_eq!(answer.text().await.unwrap(), "done");
    let held = tokio::spawn(post(&house, &client, "/api/held", "two").send());
    let id = house.pending().await;
    house.approve(id).await;
    assert_eq!(held.await.unwrap().unwrap().text().await.unwrap(), "done");
    for call in upstream.calls() {
        assert_eq!(call.header("x-forwarded-host"), Some(house.address.to_string().as_str()));
        assert_eq!(call.header("x-forwarded-proto"), Some("http"));
        assert_eq!(call.header("x-forwarded-for"), Some("127.0.0.1"));
        assert_eq!(call.header("x-forwarded-prefix"), Some("/api"));
    }
    let refused = post(&house, &client, "/api/else", "three").send().await.unwrap();
    assert_eq!(refused.status(), 403);
    let bodies: Vec<_> = upstream.calls().iter().map(|call| call.body.clone()).collect();
    assert_eq!(bodies, [b"one".to_vec(), b"two".to_vec()]);
}

#[tokio::test]
async fn a_reset_stream_is_noticed_and_the_others_go_on() {
    let upstream = Upstream::answering("done").await;
    let house = house(&upstream).await;
    let client = client();
    let held = tokio::spawn(post(&house, &client, "/api/held", "x").send());
    let id = house.pending().await;
    held.abort();
    house.hung_up(id).await;
    house.becomes(id, "pending").await;
    assert_eq!(post(&house, &client, "/api/free", "y").send().await.unwrap().status(), 200);
    assert_eq!(upstream.only_call().body, b"y");
}

#[tokio::test]
async fn large_bodies_arrive_and_too_large_ones_are_told_so() {
    let upstream = Upstream::answering("done").await;
    let house = house(&upstream).await;
    let client = client();
    for size in [65_537, 1024 * 1024] {
        let body = vec![b'x'; size];
        assert_eq!(post(&house, &client, "/api/free", body).send().await.unwrap().status(), 200, "{size}");
        assert_eq!(upstream.calls().pop().unwrap().body.len(), size);
    }
    let answer = post(&house, &client, "/api/free", vec![b'x'; 3 * 1024 * 1024]).send().await.unwrap();
    assert_eq!(answer.status(), 413);
    assert_eq!(upstream.calls().len(), 2);
}

#[tokio::test]
async fn what_passes_streams_over_http2() {
    let upstream = Upstream::answering("done").await;
    let house = house(&upstream).await;
    let client = client();
    let answer =
        client.get(url(&house, "/api/stream/a")).header("holdshort-key", house.key.expose()).send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "done");
    let body = vec![b'x'; 2 * 1024 * 1024];
    assert_eq!(post(&house, &client, "/api/stream/up", body.clone()).send().await.unwrap().status(), 200);
    assert_eq!(upstream.calls().pop().unwrap().body.len(), body.len());
    assert!(upstream.calls().iter().all(|call| call.header("holdshort-permit").is_none()));
}
