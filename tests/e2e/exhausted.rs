//! No descriptors left, and bodies larger than memory should ever hold.

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::harness::{Agent, eventually, holdshort, upstream};

/// One request on a kept connection; status line and what came with it.
async fn ask(stream: &mut TcpStream, agent: &Agent, method: &str, path: &str) -> String {
    send(stream, agent, method, path).await;
    read(stream).await
}

async fn send(stream: &mut TcpStream, agent: &Agent, method: &str, path: &str) {
    let length = if method == "POST" { "content-length: 0\r\n" } else { "" };
    let head = format!("{method} /up{path} HTTP/1.1\r\nhost: gate\r\nholdshort-key: {}\r\n{length}\r\n", agent.key);
    stream.write_all(head.as_bytes()).await.unwrap();
}

async fn read(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let whole = async {
        loop {
            assert!(stream.read_buf(&mut answer).await.unwrap() > 0, "closed without an answer");
            let text = String::from_utf8_lossy(&answer).into_owned();
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let length = head
                .to_ascii_lowercase()
                .split("content-length: ")
                .nth(1)
                .map(|rest| rest.split("\r\n").next().unwrap().parse::<usize>().unwrap());
            if length.is_none_or(|length| body.len() >= length) {
                return text;
            }
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), whole).await.expect("no answer")
}

#[tokio::test]
async fn without_descriptors_it_refuses_what_it_cannot_send_and_goes_on_when_there_are_some() {
    let service = upstream().run().await;
    let gate = holdshort()
        .before(&service)
        .route("action: charge, match: POST /charges, risk_tier: high")
        .route("action: read, match: GET /**, risk_tier: low")
        .route("action: drop, match: DELETE /**, risk_tier: critical")
        .policy("name: reads, action: read, decision: auto_approve")
        .policy("name: no drops, action: drop, decision: auto_deny, message: \"Not executed: never.\"")
        .run()
        .await;
    let agent = gate.agent("x").await;
    let (mut one, mut two) =
        (TcpStream::connect(gate.proxy).await.unwrap(), TcpStream::connect(gate.proxy).await.unwrap());
    assert!(ask(&mut one, &agent, "DELETE", "/a").await.contains("BLOCKED_BY_POLICY"));
    assert!(ask(&mut two, &agent, "DELETE", "/a").await.contains("BLOCKED_BY_POLICY"));
    send(&mut two, &agent, "POST", "/charges").await;
    let waiting = gate.dana().next_pending().await;

    // Room for the store, a caller and an upstream, once the crowd has gone.
    gate.limit_descriptors(16);
    let mut crowd = Vec::new();
    for _ in 0..60 {
        crowd.push(TcpStream::connect(gate.proxy).await.unwrap());
    }
    eventually("the gate to run out of descriptors", || async {
        if gate.log().contains("cannot be accepted") { Ok(()) } else { Err("it accepts".to_owned()) }
    })
    .await;
    let read = ask(&mut one, &agent, "GET", "/a").await;
    assert!(read.contains("UPSTREAM_UNREACHABLE") || read.contains("UNAVAILABLE"), "{read}");
    assert!(ask(&mut one, &agent, "DELETE", "/a").await.contains("BLOCKED_BY_POLICY"), "a reject stays a reject");
    assert!(service.calls().is_empty());

    drop(crowd);
    eventually("the gate to accept again", || async {
        let answer = agent.get("/b").send().await;
        if answer.status == 200 { Ok(()) } else { Err(answer.text) }
    })
    .await;
    // Those of the crowd that were still waiting to be accepted come and go meanwhile.
    gate.limit_descriptors(200);
    waiting.approve().await;
    let answer = self::read(&mut two).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "who waited all the time is answered: {answer}");
    let methods: Vec<_> = service.calls().into_iter().map(|call| call.method).collect();
    assert_eq!(methods.iter().filter(|method| *method == "POST").count(), 1);
    gate.verify_audit().await;
}

const LARGE: usize = 200 << 20;
const ROOM: usize = 32 << 10;

/// Takes bodies without keeping them, and sends large ones.
async fn hoard(mut stream: TcpStream) -> Option<()> {
    let mut buffer = vec![0_u8; 1 << 16];
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.ok()?);
        }
        let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
        let length = head.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
        let mut left: usize = length.map_or(0, |length| length.parse().unwrap());
        while left > 0 {
            let most = left.min(buffer.len());
            left -= stream.read(&mut buffer[..most]).await.ok().filter(|count| *count > 0)?;
        }
        let answer = if head.starts_with("get /large") { LARGE } else { 2 };
        stream.write_all(format!("HTTP/1.1 200 OK\r\ncontent-length: {answer}\r\n\r\n").as_bytes()).await.ok()?;
        let mut left = answer;
        while left > 0 {
            let most = left.min(buffer.len());
            stream.write_all(&buffer[..most]).await.ok()?;
            left -= most;
        }
    }
}

#[tokio::test]
async fn large_bodies_that_pass_leave_the_memory_flat_both_ways() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let service = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(hoard(stream));
        }
    });
    let gate = holdshort().before_url(&url).route("match: /**, pass: true").run().await;
    let agent = gate.agent("x").await;
    assert_eq!(agent.get("/small").send().await.status, 200);
    assert_eq!(agent.post("/small", &json!({})).send().await.status, 200);
    let peak = || gate.proc_status("VmHWM").trim_end_matches(" kB").trim().parse::<usize>().unwrap();
    let before = peak();

    let part = vec![7_u8; 1 << 16];
    let mut up = TcpStream::connect(gate.proxy).await.unwrap();
    let head = |method: &str, length: usize| {
        format!(
            "{method} /up/large HTTP/1.1\r\nhost: gate\r\nholdshort-key: {}\r\ncontent-length: {length}\r\n\r\n",
            agent.key
        )
    };
    up.write_all(head("PUT", LARGE).as_bytes()).await.unwrap();
    for _ in 0..LARGE / part.len() {
        up.write_all(&part).await.unwrap();
    }
    assert!(read(&mut up).await.starts_with("HTTP/1.1 200"));

    let mut down = TcpStream::connect(gate.proxy).await.unwrap();
    down.write_all(head("GET", 0).replace("content-length: 0\r\n", "").as_bytes()).await.unwrap();
    let (mut got, mut buffer) = (0, vec![0_u8; 1 << 16]);
    while got < LARGE {
        let count = down.read(&mut buffer).await.unwrap();
        assert!(count > 0, "it ended after {got} bytes");
        got += count;
    }
    let grown = peak() - before;
    assert!(grown < ROOM, "the gate grew by {grown} KiB for 400 MiB that passed");
    service.abort();
}
