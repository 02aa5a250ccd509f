//! Where one row at a time is tried: its own upstreams, its own recorder.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Mutex;

use crate::case::{Case, Must, Probe, Profile, Wire};
use crate::frames::{Field, Frames, Heard};
use crate::harness::upstream::{Recorded, Upstream};
use crate::harness::{Gate, eventually};
use crate::oracle::Oracle;
use crate::wire::{self, Reply};

pub struct Lane {
    pub profile: Profile,
    name: String,
    pub recorder: Upstream,
    pub key: String,
    /// Of another agent.
    other: String,
    /// The configuration's file is one for all lanes.
    pub reloading: Arc<Mutex<()>>,
    pub gate: Arc<Gate>,
    oracle: Mutex<Oracle>,
    markers: AtomicUsize,
}

/// What came of one request.
struct Tried {
    replies: Vec<Reply>,
    /// Without the marker.
    calls: Vec<Recorded>,
}

impl Lane {
    pub fn new(
        profile: Profile,
        name: String,
        recorder: Upstream,
        [key, other]: [&str; 2],
        gate: Arc<Gate>,
        oracle: Oracle,
        reloading: Arc<Mutex<()>>,
    ) -> Lane {
        let (key, other) = (key.to_owned(), other.to_owned());
        let (oracle, markers) = (Mutex::new(oracle), AtomicUsize::new(0));
        Lane { profile, name, recorder, key, other, reloading, gate, oracle, markers }
    }

    pub fn proxy(&self) -> SocketAddr {
        self.gate.proxy
    }

    /// Puts in what differs by lane.
    pub fn fill(&self, bytes: &[u8]) -> Vec<u8> {
        let name = &self.name;
        let mut filled = bytes.to_vec();
        for (sign, meant) in [
            ("<plain>", format!("/{name}")),
            ("<fold>", format!("/i{name}")),
            ("<mcp>", format!("/m{name}")),
            ("<graph>", format!("/g{name}")),
            ("<host>", format!("{name}.test")),
            ("<key>", self.key.clone()),
            ("<other>", self.other.clone()),
        ] {
            while let Some(at) = filled.windows(sign.len()).position(|window| window == sign.as_bytes()) {
                filled.splice(at..at + sign.len(), meant.bytes());
            }
        }
        filled
    }

    /// How much of a row held, and what did not.
    pub async fn try_case(self: &Arc<Lane>, case: &Case) -> (usize, Vec<String>) {
        let (mut held, mut failed) = (0, Vec::new());
        for probe in &case.probes {
            match self.try_probe(probe).await {
                Ok(()) => held += 1,
                Err(what) => failed.push(format!("{:?}: {}\n    {what}", probe.must, shown(&probe.wire))),
            }
        }
        for own in &case.own {
            self.recorder.take_calls();
            match own(self.clone()).await {
                Ok(count) => held += count,
                Err(what) => failed.push(what),
            }
            self.recorder.take_calls();
        }
        (held, failed)
    }

    pub async fn try_probe(&self, probe: &Probe) -> Result<(), String> {
        let tried = self.send(&probe.wire).await?;
        let seen = || {
            let answers: Vec<String> =
                tried.replies.iter().map(|reply| format!("{} {}", reply.status, reply.code())).collect();
            format!("answered {answers:?}, forwarded {:?}", tried.calls)
        };
        let first = tried.replies.first();
        let (status, code) = first.map_or((0, String::new()), |reply| (reply.status, reply.code()));
        // Without a body there is no code to read.
        let says = |wanted: &str| code == wanted || code.is_empty() && first.is_some_and(|reply| reply.body.is_empty());
        let refused = matches!(status, 0 | 400 | 405 | 408 | 413 | 414 | 415 | 417 | 431 | 501 | 505);
        // gRPC says in trailers what became of a call, over HTTP/2 only, whose fields are not decoded here: its HTTP
        // status is always 200, and no body comes.
        let told_by_grpc = status == 200 && first.is_some_and(|reply| reply.head.is_empty() && reply.body.is_empty());
        let denied = status == 403 && says("BLOCKED_BY_POLICY");
        let nothing = tried.calls.is_empty();
        let permits = tried.calls.iter().filter(|call| call.header("holdshort-permit").is_some()).count();
        let once = status == 200 && tried.calls.len() == 1;
        let said = first.map_or(serde_json::Value::Null, Reply::json);
        let is_error = |said: &serde_json::Value| said["jsonrpc"] == "2.0" && said["error"]["code"].is_i64();
        // A batch that is refused is refused in all of its requests.
        let rpc_error = match said.as_array() {
            Some(all) => !all.is_empty() && all.iter().all(is_error),
            None => is_error(&said),
        };
        let tool_error = said["jsonrpc"] == "2.0" && said["result"]["isError"] == true;
        let waits = tool_error
            && said.to_string().to_lowercase().contains("not executed")
            && said.to_string().contains("again");
        let holds = match probe.must {
            Must::BeRefused => nothing && refused,
            Must::Get(wanted) => nothing && (status == wanted || told_by_grpc),
            Must::BeStopped => nothing && (refused || denied),
            Must::BeDenied => nothing && denied,
            Must::BeHeld => {
                nothing && status == 403 && says("APPROVAL_PENDING") && {
                    let intent = first.map_or(serde_json::Value::Null, Reply::json);
                    code.is_empty() || intent["intent_id"].as_str().is_some_and(|id| id.starts_with("int_"))
                }
            }
            Must::BeSent => once && permits == 1,
            Must::BeUnmatched if self.profile == Profile::Reject => nothing && status == 403 && says("NO_ROUTE"),
            Must::BeUnmatched => once && permits == 0,
            Must::BeGated => nothing && (refused || status == 403),
            Must::BePassed => once && permits == 0,
            Must::McpBeRefused => nothing && (refused || rpc_error),
            Must::McpBeHeld => nothing && waits,
            Must::McpBeUnmatched => {
                nothing && (refused || status == 403 || rpc_error || tool_error)
                    || self.profile == Profile::Pass && once && permits == 0
            }
            Must::BeHarmless => once || nothing && matches!(status, 0 | 400..500),
        };
        if holds { Ok(()) } else { Err(seen()) }
    }

    /// Sends a request and its marker; what any kind of upstream could have made of what was forwarded is judged.
    async fn send(&self, wire: &Wire) -> Result<Tried, String> {
        self.recorder.take_calls();
        let number = self.markers.fetch_add(1, Ordering::Relaxed);
        let marker = format!("/marker/{number}");
        let bytes_before = self.recorder.bytes();
        let (mut replies, over) = match wire {
            Wire::One(bytes) => {
                let mut bytes = self.fill(bytes);
                let tail = format!(
                    "GET /{}{marker} HTTP/1.1\r\nHost: gate\r\nHoldshort-Key: {}\r\nConnection: close\r\n\r\n",
                    self.name, self.key
                );
                bytes.extend(tail.into_bytes());
                let replies = wire::converse(self.proxy(), &bytes, false).await?;
                let over = replies.first().is_none_or(Reply::ends_the_connection);
                (replies, over)
            }
            Wire::Cut(bytes) => (wire::converse(self.proxy(), &self.fill(bytes), true).await?, true),
            Wire::Two { fields, body } => self.send_frames(fields, body.as_deref(), &marker).await?,
        };
        let mut calls = self.recorder.take_calls();
        let marked = calls.last().is_some_and(|call| call.target == marker);
        if marked {
            let call = calls.pop().expect("there is a last one");
            if call.method != "GET" || !call.body.is_empty() || call.headers.len() > 8 {
                return Err(format!("the marker was changed: {call:?}"));
            }
        }
        let answered = replies.len() == 2 && replies[1].status == 200;
        if (replies.len() > 1 || !over) && !(answered && marked) || over && marked && replies.len() < 2 {
            return Err(format!("the marker went astray: answers {replies:?}, forwarded {calls:?}"));
        }
        replies.truncate(1);
        if calls.is_empty() && !marked && self.recorder.bytes() != bytes_before {
            return Err("some bytes were forwarded that are no request".to_owned());
        }
        eventually("the upstream's connections to hold whole requests only", || async {
            match self.recorder.loose_bytes() {
                0 => Ok(()),
                loose => Err(format!("{loose} bytes more")),
            }
        })
        .await;
        let mut oracle = self.oracle.lock().await;
        for call in &calls {
            oracle.judge(call)?;
        }
        Ok(Tried { replies, calls })
    }

    async fn send_frames(
        &self,
        fields: &[Field],
        body: Option<&[u8]>,
        marker: &str,
    ) -> Result<(Vec<Reply>, bool), String> {
        let mut frames = Frames::open(self.proxy()).await;
        let fields: Vec<Field> = fields.iter().map(|(name, value)| (self.fill(name), self.fill(value))).collect();
        let stream = frames.send(&fields, body).await;
        let mut replies = Vec::new();
        match frames.heard(stream).await? {
            Heard::Reply(reply) => replies.push(reply),
            Heard::Reset => {}
            Heard::Over => return Ok((replies, true)),
        }
        let stream = frames.send(&self.marker_fields(marker), None).await;
        match frames.heard(stream).await? {
            Heard::Reply(reply) => {
                // Where the first was reset, the marker's answer still is the second.
                replies.resize(1, Reply::default());
                replies.push(reply);
                Ok((replies, false))
            }
            Heard::Reset => Err("the marker was reset".to_owned()),
            Heard::Over => Ok((replies, true)),
        }
    }

    fn marker_fields(&self, marker: &str) -> Vec<Field> {
        [
            (":method", "GET"),
            (":scheme", "http"),
            (":authority", "gate"),
            (":path", &format!("/{}{marker}", self.name)),
            ("holdshort-key", &self.key),
        ]
        .map(|(name, value)| (name.into(), value.into()))
        .to_vec()
    }
}

fn shown(wire: &Wire) -> String {
    let bytes = match wire {
        Wire::One(bytes) => bytes.escape_ascii().to_string(),
        Wire::Cut(bytes) => format!("{} (cut)", bytes.escape_ascii()),
        Wire::Two { fields, body } => {
            let fields: Vec<String> = fields
                .iter()
                .map(|(name, value)| format!("{}: {}", name.escape_ascii(), value.escape_ascii()))
                .collect();
            let body = body.as_ref().map(|body| body.escape_ascii().to_string());
            format!("HTTP/2 {} {}", fields.join("; "), body.unwrap_or_default())
        }
    };
    bytes.chars().take(400).collect()
}
