//! Clients that send a call again while its first try is pending, on new connections and without a key.

use std::sync::Arc;

use tokio::sync::Notify;

use crate::client::{Answer, Client};
use crate::support::{House, house};
use crate::upstream::{Step, Upstream, ok};

async fn post(house: &House) -> Client {
    let mut client = house.client().await;
    client.send(house.ask("POST", "/api/held", "user-agent: PyGithub/Python\r\n", r#"{"title":"one issue"}"#)).await;
    client
}

fn told_to_wait(answer: &Answer) {
    assert_eq!((answer.status, answer.code().as_str()), (403, "APPROVAL_PENDING"), "{}", answer.text());
    assert_eq!(answer.header("retry-after"), None, "PyGithub would send it ten times more");
}

#[tokio::test]
async fn eleven_posts_of_which_ten_hang_up_are_executed_once_and_answered_once() {
    let upstream = Upstream::answering("number 7").await;
    let house = house(&upstream).await;
    let mut id = None;
    for _ in 0..10 {
        let client = post(&house).await;
        let pending = house.pending().await;
        assert_eq!(*id.get_or_insert(pending), pending, "every try is the same call");
        drop(client);
        house.hung_up(pending).await;
    }
    let mut last = post(&house).await;
    let pending = house.pending().await;
    assert_eq!(id, Some(pending));
    house.approve(pending).await;
    let answer = last.answer().await;
    assert_eq!((answer.status, answer.text().as_str()), (200, "number 7"));
    upstream.only_call();
    assert_eq!(house.intents().await, 1);
    assert!(house.becomes(pending, "executed").await.outcome.unwrap().delivered);
}

#[tokio::test]
async fn eleven_posts_that_outrun_the_closing_of_those_before_are_executed_once_and_answered_once() {
    let upstream = Upstream::answering("number 7").await;
    let house = house(&upstream).await;
    let mut before = post(&house).await;
    let id = house.pending().await;
    for _ in 0..10 {
        // The connection before it is still open: the newest has the call, the older one is told so.
        let next = post(&house).await;
        let answer = before.answer().await;
        told_to_wait(&answer);
        assert_eq!(answer.header("holdshort-intent"), Some(id.to_string().as_str()));
        before = next;
    }
    house.approve(id).await;
    assert_eq!(before.answer().await.text(), "number 7");
    upstream.only_call();
    assert_eq!(house.intents().await, 1);
}

#[tokio::test]
async fn a_resend_that_arrives_while_the_first_is_being_executed_gets_its_answer_and_nothing_is_sent_twice() {
    let go_on = Arc::new(Notify::new());
    let wait = go_on.clone();
    let mut upstream = Upstream::doing(move |_| vec![Step::Wait(wait.clone()), Step::Send(ok("number 7"))]).await;
    let house = house(&upstream).await;
    let first = post(&house).await;
    let id = house.pending().await;
    house.approve(id).await;
    upstream.called(1).await;
    // The first one has given up; the gate cannot know it yet when the next one comes.
    let mut second = post(&house).await;
    drop(first);
    house.waits(id).await;
    go_on.notify_one();
    let answer = second.answer().await;
    assert_eq!(upstream.calls().len(), 1);
    assert_eq!(house.intents().await, 1);
    // Whether the answer was still written to the first connection is up to the network; it is one or the other.
    match answer.status {
        200 => assert_eq!((answer.text().as_str(), answer.header("holdshort-replayed")), ("number 7", Some("true"))),
        _ => assert_eq!((answer.status, answer.code().as_str()), (403, "ALREADY_EXECUTED")),
    }
}
