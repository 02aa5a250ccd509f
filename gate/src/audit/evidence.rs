//! The evidence of one intent: its events, each proven to stand in a log whose checkpoint is signed. Checked
//! without the gate, by [`Evidence::check`] or by anybody who reads the documented format.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::checkpoint::{Checkpoint, VerifierKey};
use super::tree::Hash;
use super::{AuditEntry, Seal, hex, proof};
use crate::clock::Timestamp;
use crate::id::IntentId;
use crate::intent::facts::Facts;
use crate::intent::{Event, State, What};

/// The one version of the format.
pub const FORMAT: &str = "holdshort.evidence.v1";

/// As the file holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    format: String,
    pub intent: String,
    /// A C2SP signed note: the log's name, its size, its root.
    pub checkpoint: String,
    /// The key that signed it. Whoever checks must know it from elsewhere.
    pub key: String,
    pub events: Vec<ProvenEvent>,
}

/// One event, and the way from its leaf to the root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProvenEvent {
    pub seq: u64,
    /// Unix microseconds.
    pub at: i64,
    pub kind: String,
    pub actor: String,
    pub subject: String,
    /// Hex of 16 bytes; absent, with the facts, once these were pruned.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub salt: Option<String>,
    /// The facts, as the exact text that was committed to.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub data: Option<String>,
    /// Hex: `SHA-256(salt || data)`.
    pub commitment: String,
    /// Base64 of the siblings' hashes, nearest first.
    pub proof: Vec<String>,
}

/// What a file of evidence shows, once it was checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    pub checkpoint: Checkpoint,
    /// `digest` of what was asked, where it was a call.
    pub content_digest: Option<String>,
    /// Where the events lead. `None`: the facts of some were pruned; who did what when is proven, no more.
    pub state: Option<State>,
}

/// What in a file does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct EvidenceError(String);

impl ProvenEvent {
    pub(crate) fn of(entry: &AuditEntry, path: &[Hash]) -> ProvenEvent {
        ProvenEvent {
            seq: entry.seq,
            at: entry.at.0,
            kind: entry.kind.clone(),
            actor: entry.actor.clone(),
            subject: entry.subject.clone().unwrap_or_default(),
            salt: match &entry.seal {
                Seal::Whole(salt) => Some(hex(salt)),
                Seal::Pruned(_) => None,
            },
            // What is left of pruned facts is committed to by nothing.
            data: matches!(entry.seal, Seal::Whole(_)).then(|| entry.data.clone()),
            commitment: hex(&entry.commitment()),
            proof: path.iter().map(|hash| STANDARD.encode(hash)).collect(),
        }
    }

    fn entry(&self) -> Option<AuditEntry> {
        let (seal, data) = match (&self.salt, &self.data) {
            (Some(salt), Some(data)) => (Seal::Whole(unhex(salt)?), data.clone()),
            (None, None) => (Seal::Pruned(unhex(&self.commitment)?), String::new()),
            _ => return None,
        };
        let (kind, actor) = (self.kind.clone(), self.actor.clone());
        let subject = Some(self.subject.clone());
        // A line feed in a value would let one leaf read as another.
        let lines = [&self.kind, &self.actor, &self.subject].iter().all(|text| !text.contains('\n'));
        lines.then_some(AuditEntry { seq: self.seq, at: Timestamp(self.at), kind, actor, subject, data, seal })
    }
}

impl Evidence {
    pub(crate) fn new(intent: IntentId, checkpoint: String, key: String, events: Vec<ProvenEvent>) -> Evidence {
        Evidence { format: FORMAT.to_owned(), intent: intent.to_string(), checkpoint, key, events }
    }

    /// Checks everything that can be checked without the gate: the checkpoint's signature, each event's place in the
    /// log, and that the events are the life of one intent.
    ///
    /// # Errors
    /// The first thing that does not hold.
    pub fn check(&self, keys: &[VerifierKey]) -> Result<Shown, EvidenceError> {
        let wrong = |what: String| Err(EvidenceError(what));
        if self.format != FORMAT {
            return wrong(format!("its format is {:?}, not {FORMAT:?}", self.format));
        }
        let checkpoint =
            Checkpoint::open(&self.checkpoint, keys).map_err(|error| EvidenceError(format!("checkpoint: {error}")))?;
        let mut life = Life::default();
        let mut before = None;
        for event in &self.events {
            let named = |what: &str| EvidenceError(format!("event {} ({}): {what}", event.seq, event.kind));
            if event.subject != self.intent {
                return Err(named("it is about something else"));
            }
            if before.is_some_and(|before| event.seq <= before) {
                return Err(named("it stands before an earlier one"));
            }
            before = Some(event.seq);
            let entry = event.entry().ok_or_else(|| named("a value cannot be read"))?;
            if hex(&entry.commitment()) != event.commitment {
                return Err(named("its facts are not those that were committed to"));
            }
            let path: Option<Vec<Hash>> =
                event.proof.iter().map(|hash| STANDARD.decode(hash).ok()?.try_into().ok()).collect();
            let path = path.ok_or_else(|| named("a hash of its proof cannot be read"))?;
            if proof::root(entry.leaf(), entry.seq, checkpoint.size, &path) != Some(checkpoint.root) {
                return Err(named("it does not stand in the log that the checkpoint is of"));
            }
            life.step(&entry).map_err(|what| named(&what))?;
        }
        if before.is_none() {
            return wrong("it holds no events".to_owned());
        }
        let Life { state, content_digest, .. } = life;
        Ok(Shown { checkpoint, content_digest, state })
    }
}

/// An intent as its events tell it.
#[derive(Default)]
struct Life {
    begun: bool,
    /// `None` before the first event, and from the first on whose facts are gone.
    state: Option<State>,
    content_digest: Option<String>,
}

impl Life {
    fn step(&mut self, entry: &AuditEntry) -> Result<(), String> {
        let first = !std::mem::replace(&mut self.begun, true);
        if first != (entry.kind == What::SUBMITTED) {
            return Err(if first { "the first event is missing" } else { "it was submitted before" }.to_owned());
        }
        if matches!(entry.seal, Seal::Pruned(_)) {
            self.state = None;
        } else if first {
            let facts: Facts<'_> = serde_json::from_str(&entry.data).map_err(|error| error.to_string())?;
            self.content_digest = facts.request.as_ref().map(|request| request.content_digest.to_string());
            self.state = Some(facts.state(entry.at)?);
        } else {
            let what: What = serde_json::from_str(&entry.data).map_err(|error| error.to_string())?;
            if what.kind() != entry.kind {
                return Err(format!("it says {}", what.kind()));
            }
            if let Some(state) = self.state.take() {
                let event = Event { at: entry.at, what };
                self.state = Some(state.after(&event).map_err(|error| error.to_string())?);
            }
        }
        Ok(())
    }
}

fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let bytes: Option<Vec<u8>> = pairs.iter().map(|[high, low]| Some(digit(high)? << 4 | digit(low)?)).collect();
    if rest.is_empty() { bytes?.try_into().ok() } else { None }
}
