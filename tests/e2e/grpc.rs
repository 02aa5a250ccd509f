//! gRPC: unary calls with bodies that no rule looks into, and a status that comes in trailers.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Body as _, Frame, Incoming};
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::harness::{Gate, holdshort};

/// A message in gRPC's framing, of bytes that are neither text nor JSON.
const MESSAGE: &[u8] = &[0, 0, 0, 0, 4, 0x0a, 0xff, 0x00, 0x80];
const ANSWER: &[u8] = &[0, 0, 0, 0, 2, 0x08, 0x01];

#[derive(Debug, Clone)]
struct Seen {
    path: String,
    headers: HeaderMap,
    body: Bytes,
}

/// A server of gRPC: answers with a message and `grpc-status: 7` in the trailers.
async fn server() -> (String, Arc<Mutex<Vec<Seen>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let all = seen.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let seen = all.clone();
            let service = hyper::service::service_fn(move |request: Request<Incoming>| {
                let seen = seen.clone();
                async move {
                    let (head, body) = request.into_parts();
                    let body = body.collect().await.unwrap().to_bytes();
                    seen.lock().unwrap().push(Seen { path: head.uri.path().to_owned(), headers: head.headers, body });
                    let mut trailers = HeaderMap::new();
                    trailers.insert("grpc-status", "7".parse().unwrap());
                    trailers.insert("grpc-message", "not yours".parse().unwrap());
                    trailers.insert("holdshort-intent", "forged".parse().unwrap());
                    let frames = [Frame::data(Bytes::from_static(ANSWER)), Frame::trailers(trailers)];
                    let frames = futures::stream::iter(frames.map(Ok::<_, Infallible>));
                    let answer = Response::builder().header("content-type", "application/grpc");
                    Ok::<_, Infallible>(answer.body(StreamBody::new(frames)).unwrap())
                }
            });
            tokio::spawn(
                hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), service),
            );
        }
    });
    (url, seen)
}

/// What a client of gRPC gets: HTTP status, message, trailers.
type Got = (u16, Bytes, Option<HeaderMap>);

async fn call(gate: &Gate, key: &str, path: &str) -> JoinHandle<Got> {
    let stream = TcpStream::connect(gate.proxy).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = Request::post(format!("http://{}/up{path}", gate.proxy))
        .header("content-type", "application/grpc+proto")
        .header("te", "trailers")
        .header("holdshort-key", key)
        .body(Full::new(Bytes::from_static(MESSAGE)))
        .unwrap();
    tokio::spawn(async move {
        let answer = sender.send_request(request).await.unwrap();
        let status = answer.status().as_u16();
        // "Trailers-Only": the status stands in the head, and nothing follows.
        let only = answer.headers().contains_key("grpc-status").then(|| answer.headers().clone());
        assert_eq!(only.is_some(), answer.body().is_end_stream());
        let body = answer.into_body().collect().await.unwrap();
        let trailers = only.or_else(|| body.trailers().cloned());
        (status, body.to_bytes(), trailers)
    })
}

fn expect(got: &Got) {
    let (status, body, trailers) = got;
    assert_eq!((*status, &body[..]), (200, ANSWER));
    let trailers = trailers.as_ref().expect("the trailers did not come");
    assert_eq!(
        (trailers["grpc-status"].as_bytes(), trailers["grpc-message"].as_bytes()),
        (&b"7"[..], &b"not yours"[..])
    );
}

#[tokio::test]
async fn unary_calls_pass_are_approved_by_policy_and_by_people_with_their_trailers() {
    let (url, seen) = server().await;
    let gate = holdshort()
        .before_url(&url)
        .upstream_with("http2: true")
        .route("match: POST /acme.Refunds/List, pass: true")
        .route("action: quote, match: POST /acme.Refunds/Quote, risk_tier: low")
        .route("action: refund, match: POST /acme.Refunds/Issue, risk_tier: high")
        .policy("name: quotes, action: quote, decision: auto_approve")
        .run()
        .await;
    let agent = gate.agent("x").await;
    let passed = call(&gate, &agent.key, "/acme.Refunds/List").await.await.unwrap();
    expect(&passed);
    let approved = call(&gate, &agent.key, "/acme.Refunds/Quote").await.await.unwrap();
    expect(&approved);
    assert!(!approved.2.as_ref().unwrap().contains_key("holdshort-intent"), "only the gate says that");

    let held = call(&gate, &agent.key, "/acme.Refunds/Issue").await;
    let waiting = gate.dana().next_pending().await;
    assert_eq!(seen.lock().unwrap().len(), 2, "nothing is sent before it is approved");
    waiting.approve().await;
    expect(&held.await.unwrap());
    gate.dana().sees(waiting.id(), "executed").await;

    let denied = call(&gate, &agent.key, "/acme.Refunds/Issue").await;
    gate.dana().next_pending().await.deny("not before the 1. of July: 50 %").await;
    let (status, body, head) = denied.await.unwrap();
    let head = head.expect("no status in the head");
    // Nothing but a head: a client of gRPC reads status and message there, and no body.
    assert_eq!((status, &body[..], head["grpc-status"].as_bytes()), (200, &b""[..], &b"7"[..]));
    assert_eq!(head["content-type"], "application/grpc+proto");
    let said = head["grpc-message"].to_str().unwrap();
    assert!(said.starts_with("Not executed. dana") && said.contains("not before the 1. of July: 50 %25"), "{said}");
    assert!(head.contains_key("holdshort-intent"));

    let refused = call(&gate, &agent.key, "/acme.Refunds/Delete").await.await.unwrap();
    assert_eq!(refused.2.unwrap()["grpc-status"], "7");
    let unknown = call(&gate, "nobody", "/acme.Refunds/Issue").await.await.unwrap();
    assert_eq!(unknown.2.unwrap()["grpc-status"], "16");
    let seen = seen.lock().unwrap().clone();
    let paths: Vec<_> = seen.iter().map(|call| call.path.as_str()).collect();
    assert_eq!(paths, ["/acme.Refunds/List", "/acme.Refunds/Quote", "/acme.Refunds/Issue"]);
    for call in &seen {
        assert_eq!(&call.body[..], MESSAGE);
        // Without it, some servers of gRPC answer nothing but an error.
        assert_eq!(call.headers["te"], "trailers", "{}", call.path);
    }
    assert!(!seen[0].headers.contains_key("holdshort-permit"));
    assert!(seen[1].headers.contains_key("holdshort-permit") && seen[2].headers.contains_key("holdshort-permit"));
    gate.verify_audit().await;
}
