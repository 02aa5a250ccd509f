//! Callers that take their time: heads and bodies have a total deadline, waiting calls have none.

use crate::client::Client;
use crate::support::{House, house_of};
use crate::upstream::Upstream;

async fn hasty(upstream: &Upstream) -> House {
    let upstreams = format!("  api:\n    url: {}\n    at: /api\n{}", upstream.url(), crate::support::ROUTES);
    house_of(&upstreams, "limits: { head_timeout: 300ms }").await
}

/// Sends the bytes one by one until the connection is closed.
async fn trickle(house: &House, start: &str, again: &str) {
    let mut client = house.client().await;
    client.send(start).await;
    assert!(client.trickle(again).await, "{start:?} is waited for without end");
}

#[tokio::test]
async fn a_head_that_trickles_in_is_cut_off() {
    let upstream = Upstream::answering("ok").await;
    let house = hasty(&upstream).await;
    trickle(&house, "", "G").await;
    trickle(&house, "GET /api/free HTTP/1.1\r\nhost: gate\r\n", "x: y\r\n").await;
    // HTTP/2: half a preface, and a whole one with a frame that never ends.
    trickle(&house, "PRI * HTTP/2.0\r\n", "").await;
    let settings = "\0\0\0\x04\0\0\0\0\0";
    trickle(&house, &format!("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n{settings}"), "\0\0\x08\x06\0\0\0\0\0ABCDEFGH").await;
    assert!(upstream.calls().is_empty());
}

#[tokio::test]
async fn a_held_call_and_a_kept_connection_outlive_the_deadline() {
    let upstream = Upstream::answering("ok").await;
    let house = hasty(&upstream).await;
    let mut client = house.client().await;
    client.send(house.ask("POST", "/api/held", "", "x")).await;
    let id = house.pending().await;
    // A connection that is refused for its slowness shows that the time has passed.
    let mut slow: Client = house.client().await;
    slow.rest().await;
    house.approve(id).await;
    assert_eq!(client.answer().await.status, 200);
    let mut slow: Client = house.client().await;
    slow.rest().await;
    assert_eq!(client.request(house.ask("GET", "/api/free", "", "")).await.status, 200);
}
