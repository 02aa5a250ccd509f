//! Calls that people decide, on the open connection.

use std::sync::Arc;

use gate::{Actor, AgentStatus, Verdict};
use tokio::sync::Notify;

use crate::support::{house, house_of};
use crate::upstream::{Step, Upstream, ok};

#[tokio::test]
async fn a_held_call_is_answered_after_approval() {
    let upstream = Upstream::answering("done").await;
    let house = house(&upstream).await;
    let mut client = house.client().await;
    client.send(house.ask("POST", "/api/held", "", "refund")).await;
    let id = house.pending().await;
    assert!(upstream.calls().is_empty(), "nothing is sent before people agree");
    house.approve(id).await;
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.text().as_str()), (200, "done"));
    assert_eq!(answer.header("holdshort-intent"), Some(id.to_string().as_str()));
    let call = upstream.only_call();
    assert_eq!(call.body, b"refund");
    assert!(call.header("holdshort-permit").is_some());
    let intent = house.becomes(id, "executed").await;
    assert!(intent.outcome.unwrap().delivered);
    assert_eq!(client.request(house.ask("GET", "/api/free", "", "")).await.status, 200, "the connection is kept");
}

#[tokio::test]
async fn what_people_approve_goes_over_a_fresh_connection() {
    let upstream = Upstream::answering("done").await;
    let house = house(&upstream).await;
    assert_eq!(house.call("GET", "/api/free", "", "").await.status, 200);
    let mut client = house.client().await;
    client.send(house.ask("POST", "/api/held", "", "x")).await;
    house.approve(house.pending().await).await;
    assert_eq!(client.answer().await.status, 200);
    let connections: Vec<usize> = upstream.calls().iter().map(|call| call.connection).collect();
    assert_eq!(connections, [1, 2]);
}

#[tokio::test]
async fn a_denied_call_never_reaches_the_upstream() {
    let upstream = Upstream::answering("done").await;
    let house = house(&upstream).await;
    for (verdict, text, code) in
        [(Verdict::Deny, "wrong amount", "DENIED"), (Verdict::RequestChanges, "split it", "CHANGES_REQUESTED")]
    {
        let mut client = house.client().await;
        client.send(house.ask("POST", "/api/held", "", code)).await;
        let id = house.pending().await;
        house.verdict(id, verdict, Some(text)).await;
        let answer = client.answer().await;
        assert_eq!((answer.status, answer.code().as_str()), (403, code));
        assert!(answer.json()["detail"].as_str().unwrap().contains(text));
        assert_eq!(answer.json()["approval_url"], format!("http://gate.test:8081/intents/{id}"));
        assert_eq!(answer.header("x-should-retry"), Some("false"));
    }
    assert!(upstream.calls().is_empty());
}

#[tokio::test]
async fn when_patience_ends_the_agent_is_told_to_come_back_and_the_same_call_attaches() {
    let upstream = Upstream::answering("done").await;
    let house = house_of(
        &format!("  api:\n    url: {}\n    at: /api\n{}", upstream.url(), crate::support::ROUTES),
        "hold: { timeout: 300ms }",
    )
    .await;
    let answer = house.call("POST", "/api/held", "", "x").await;
    assert_eq!((answer.status, answer.code().as_str()), (403, "APPROVAL_PENDING"));
    assert_eq!(answer.header("retry-after"), None);
    let id = answer.header("holdshort-intent").unwrap().parse().unwrap();
    house.becomes(id, "pending").await;
    house.approve(id).await;
    let answer = house.call("POST", "/api/held", "", "x").await;
    assert_eq!((answer.status, answer.text().as_str()), (200, "done"));
    assert_eq!(answer.header("holdshort-intent"), Some(id.to_string().as_str()));
    assert_eq!(upstream.calls().len(), 1);
}

#[tokio::test]
async fn a_caller_who_hangs_up_is_noticed_and_the_intent_lives_on() {
    let upstream = Upstream::answering("done").await;
    let house = house(&upstream).await;
    let mut client = house.client().await;
    client.send(house.ask("POST", "/api/held", "", "x")).await;
    let id = house.pending().await;
    drop(client);
    house.hung_up(id).await;
    house.becomes(id, "pending").await;
    let mut client = house.client().await;
    client.send(house.ask("POST", "/api/held", "", "x")).await;
    assert_eq!(house.pending().await, id, "the same call attaches");
    house.approve(id).await;
    assert_eq!(client.answer().await.status, 200);
    assert_eq!(upstream.calls().len(), 1);
}

#[tokio::test]
async fn a_pipelined_request_is_not_taken_for_a_hang_up() {
    let upstream = Upstream::answering("done").await;
    let house = house(&upstream).await;
    let mut client = house.client().await;
    client.send(house.ask("POST", "/api/held", "", "x")).await;
    let id = house.pending().await;
    client.send(house.ask("GET", "/api/free", "", "")).await;
    house.approve(id).await;
    assert_eq!(client.answer().await.header("holdshort-intent"), Some(id.to_string().as_str()));
    assert_eq!(client.answer().await.status, 200);
}

#[tokio::test]
async fn a_caller_who_hangs_up_behind_a_pipelined_request_is_noticed() {
    let upstream = Upstream::answering("done").await;
    let house = house(&upstream).await;
    let next = house.ask("GET", "/api/free", "", "");
    // A byte, a request, several: sent with the held call, or after it.
    for (at, behind) in ["G", &next, &next.repeat(3)].into_iter().enumerate() {
        for early in [true, false] {
            let mut client = house.client().await;
            let held = house.ask("POST", "/api/held", "", &format!("{at}{early}"));
            client.send(if early { held.clone() + behind } else { held }).await;
            let id = house.pending().await;
            if !early {
                client.send(behind).await;
            }
            drop(client);
            house.hung_up(id).await;
            house.verdict(id, Verdict::Deny, Some("no")).await;
            house.becomes(id, "denied").await;
        }
    }
    assert!(upstream.calls().is_empty(), "{:?}", upstream.calls());
}

#[tokio::test]
async fn what_is_sent_behind_a_held_call_is_kept_in_bounds_and_in_order() {
    let upstream = Upstream::answering("done").await;
    let house = house(&upstream).await;
    let next = house.ask("GET", "/api/free", "", "");
    let mut client = house.client().await;
    client.send(house.ask("POST", "/api/held", "", "x")).await;
    let id = house.pending().await;
    for _ in 0..20 {
        client.send(&next).await;
    }
    house.approve(id).await;
    assert_eq!(client.answer().await.header("holdshort-intent"), Some(id.to_string().as_str()));
    for _ in 0..20 {
        assert_eq!(client.answer().await.status, 200);
    }
    // Nobody who means it sends so much before the answer.
    let mut client = house.client().await;
    client.send(house.ask("POST", "/api/held", "", "y")).await;
    let id = house.pending().await;
    client.try_send(next.repeat(300).as_bytes()).await;
    house.hung_up(id).await;
    assert_eq!(client.rest().await, "");
}

#[tokio::test]
async fn an_answer_whose_caller_is_gone_is_kept_for_the_same_call() {
    let go_on = Arc::new(Notify::new());
    let wait = go_on.clone();
    let mut upstream = Upstream::doing(move |_| vec![Step::Wait(wait.clone()), Step::Send(ok("done"))]).await;
    let house = house(&upstream).await;
    let mut client = house.client().await;
    client.send(house.ask("POST", "/api/held", "", "x")).await;
    let id = house.pending().await;
    house.approve(id).await;
    upstream.called(1).await;
    drop(client);
    house.hung_up(id).await;
    go_on.notify_one();
    let intent = house.becomes(id, "executed").await;
    assert!(!intent.outcome.unwrap().delivered);
    let answer = house.call("POST", "/api/held", "", "x").await;
    assert_eq!((answer.status, answer.text().as_str()), (200, "done"));
    assert_eq!(answer.header("holdshort-replayed"), Some("true"));
    assert_eq!(upstream.calls().len(), 1, "executed once");
}

/// Or the next same call would get the answer of this one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_was_taken_whole_is_delivered_however_soon_its_caller_hangs_up() {
    let upstream = Upstream::answering("done").await;
    let house = house(&upstream).await;
    for n in 0..60 {
        let mut client = house.client().await;
        client.send(house.ask("POST", "/api/held", "", &n.to_string())).await;
        let id = house.pending().await;
        house.approve(id).await;
        assert_eq!(client.answer().await.status, 200);
        drop(client);
        let intent = house.becomes(id, "executed").await;
        assert!(intent.outcome.unwrap().delivered, "call {n}");
    }
}

#[tokio::test]
async fn an_approved_call_whose_upstream_is_not_there_stays_approved() {
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let upstreams = format!("  api:\n    url: http://{gone}\n    at: /api\n{}", crate::support::ROUTES);
    let house = house_of(&upstreams, "").await;
    let mut client = house.client().await;
    client.send(house.ask("POST", "/api/held", "", "x")).await;
    let id = house.pending().await;
    house.approve(id).await;
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.code().as_str()), (502, "UPSTREAM_UNREACHABLE"));
    house.becomes(id, "approved").await;
}

#[tokio::test]
async fn an_approved_call_without_an_answer_is_blocked_until_somebody_settles_it() {
    let upstream = Upstream::doing(|_| vec![Step::Close]).await;
    let house = house(&upstream).await;
    let mut client = house.client().await;
    client.send(house.ask("POST", "/api/held", "", "x")).await;
    let id = house.pending().await;
    house.approve(id).await;
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.code().as_str()), (409, "OUTCOME_UNKNOWN"));
    house.becomes(id, "unknown").await;
    let again = house.call("POST", "/api/held", "", "x").await;
    assert_eq!((again.status, again.code().as_str()), (409, "OUTCOME_UNKNOWN"));
    assert_eq!(upstream.calls().len(), 1);
}

#[tokio::test]
async fn revoking_an_agent_ends_what_it_holds() {
    let upstream = Upstream::answering("done").await;
    let house = house(&upstream).await;
    let mut client = house.client().await;
    client.send(house.ask("POST", "/api/held", "", "x")).await;
    house.pending().await;
    house.gate.set_agent_status(house.agent, AgentStatus::Revoked, None, &Actor::Operator).await.unwrap();
    assert_eq!(client.answer().await.status, 403);
    assert!(upstream.calls().is_empty());
}

#[tokio::test]
async fn draining_tells_held_callers_to_come_back() {
    let upstream = Upstream::answering("done").await;
    let mut house = house(&upstream).await;
    let mut client = house.client().await;
    client.send(house.ask("POST", "/api/held", "", "x")).await;
    let id = house.pending().await;
    let drained = house.stop();
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "UNAVAILABLE"));
    assert_eq!(answer.header("x-should-retry"), Some("true"));
    assert!(answer.header("retry-after").is_some());
    drained.await.unwrap();
    assert!(tokio::net::TcpStream::connect(house.address).await.is_err());
    house.becomes(id, "pending").await;
    assert!(upstream.calls().is_empty());
}
