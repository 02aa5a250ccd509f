//! `holdshort audit prove` and `audit check`: evidence for somebody who trusts neither operator nor database.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gate::audit::evidence::{Evidence, EvidenceError, ProvenEvent, Shown};
use gate::{IntentId, State, Timestamp};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{parsed, read, signing, unavailable};
use crate::exit::Exit;
use crate::{exit, note, output, say};

pub(super) async fn prove(path: Option<&Path>, intent: &str) -> anyhow::Result<Exit> {
    let id: IntentId = intent.parse().map_err(|_| exit::finding(format!("{intent} is no intent's id (int_...)")))?;
    let gate = signing(path).await?;
    match gate.evidence(id).await.map_err(unavailable)? {
        Some(evidence) => {
            say!("{}", serde_json::to_string_pretty(&evidence)?);
            Ok(Exit::Done)
        }
        None => Err(exit::finding(format!("there is no intent {id} in this store"))),
    }
}

/// What was checked with which key.
struct Checked {
    evidence: Evidence,
    shown: Shown,
    /// The key came from outside the file.
    vouched: bool,
    /// The body that was sent is this one.
    body: Option<bool>,
}

pub(super) fn check(file: &Path, key: Option<&str>, body: Option<&Path>, json: bool) -> anyhow::Result<Exit> {
    let checked = match examined(file, key, body) {
        Ok(checked) => checked,
        Err(error) => {
            if json && error.downcast_ref::<EvidenceError>().is_some() {
                output::json(&json!({ "verified": false, "problem": error.to_string() }));
                return Ok(Exit::Finding);
            }
            return Err(error.context("the evidence does NOT hold"));
        }
    };
    let good = checked.body != Some(false);
    if json {
        output::json(&checked.object(good));
    } else {
        checked.print();
    }
    Ok(if good { Exit::Done } else { Exit::Finding })
}

fn examined(file: &Path, key: Option<&str>, body: Option<&Path>) -> anyhow::Result<Checked> {
    let evidence: Evidence = serde_json::from_str(&read(file)?)
        .map_err(|error| exit::finding(format!("{} is no evidence of this format: {error}", file.display())))?;
    let shown = evidence.check(&[parsed(key.unwrap_or(&evidence.key))?])?;
    let body = match body {
        None => None,
        Some(body) => {
            let bytes = std::fs::read(body)
                .map_err(|error| exit::unavailable(format!("reading {}: {error}", body.display())))?;
            // RFC 9530.
            let digest = format!("sha-256=:{}:", STANDARD.encode(Sha256::digest(&bytes)));
            Some(shown.content_digest.as_deref() == Some(digest.as_str()))
        }
    };
    Ok(Checked { vouched: key.is_some(), evidence, shown, body })
}

impl Checked {
    fn object(&self, good: bool) -> Value {
        let events: Vec<Value> = self
            .evidence
            .events
            .iter()
            .map(|event| {
                let facts = facts(event);
                let at = Timestamp(event.at).to_string();
                json!({ "seq": event.seq, "at": at, "kind": event.kind, "actor": event.actor, "facts": facts })
            })
            .collect();
        json!({
            "verified": good,
            "key_vouched_for": self.vouched,
            "body_matches": self.body,
            "intent": self.evidence.intent,
            "state": self.shown.state.as_ref().map(State::name),
            "pruned": self.shown.state.is_none(),
            "log": { "origin": self.shown.checkpoint.origin, "size": self.shown.checkpoint.size },
            "events": events,
        })
    }

    fn print(&self) {
        let checkpoint = &self.shown.checkpoint;
        say!("{}: {}", self.evidence.intent, self.shown.state.as_ref().map_or("pruned", State::name));
        let rows: Vec<Vec<String>> = self.evidence.events.iter().map(line).collect();
        output::table(&["SEQ", "AT", "EVENT", "BY", ""], &rows);
        say!();
        say!("verified: each event stands in the log {} of {} events", checkpoint.origin, checkpoint.size);
        if self.shown.state.is_none() {
            say!("the details of some events were pruned: who did what and when is proven, the rest is gone");
        }
        match self.body {
            Some(true) => say!("the body is the one that was approved and sent"),
            Some(false) => note!("the body is NOT the one that was sent"),
            None => {}
        }
        if !self.vouched {
            note!("signed by the key that the file itself names: compare it with the gate's own (--key)");
            note!("  {}", self.evidence.key);
        }
    }
}

/// Of a pruned event: null.
fn facts(event: &ProvenEvent) -> Value {
    event.data.as_deref().and_then(|data| serde_json::from_str(data).ok()).unwrap_or_default()
}

/// An event, with what people ask first.
fn line(event: &ProvenEvent) -> Vec<String> {
    let facts = facts(event);
    let text = |pointer: &str| match facts.pointer(pointer) {
        Some(Value::String(text)) => Some(text.clone()),
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    let told = match event.kind.as_str() {
        "intent.submitted" => [text("/request/method"), text("/request/target"), text("/request/content_digest")]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(" "),
        "intent.executed" => text("/status").map(|status| format!("answered {status}")).unwrap_or_default(),
        _ => text("/comment").or_else(|| text("/why")).or_else(|| text("/guidance")).unwrap_or_default(),
    };
    vec![event.seq.to_string(), Timestamp(event.at).to_string(), event.kind.clone(), event.actor.clone(), told]
}
