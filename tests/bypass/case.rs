//! A row of the table, and what came of it.

use std::pin::Pin;
use std::sync::Arc;

use crate::lane::Lane;

/// What the upstream says of calls that no route names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Profile {
    /// P1: `unmatched: reject`.
    Reject,
    /// P2: `unmatched: pass`.
    Pass,
}

impl Profile {
    pub const BOTH: [Profile; 2] = [Profile::Reject, Profile::Pass];
}

/// What must come of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Must {
    /// Refused as unreadable or too large (or the connection closed); nothing is forwarded.
    BeRefused,
    /// Refused with exactly that status; nothing is forwarded.
    Get(u16),
    /// Refused, or decided as the resource that some server would take it for; nothing is forwarded.
    BeStopped,
    /// Denied by policy, as the protected resource; nothing is forwarded.
    BeDenied,
    /// An intent waits for people; nothing is forwarded.
    BeHeld,
    /// Sent once by policy, with a permit over exactly these bytes.
    BeSent,
    /// What no route names: P1 rejects, P2 forwards the canonical request once.
    BeUnmatched,
    /// Refused, denied or held; nothing is forwarded.
    BeGated,
    /// Forwarded once without a permit, whatever the profile: it holds a session together.
    BePassed,
    /// As [`Must::BeRefused`], or told as a JSON-RPC error.
    McpBeRefused,
    /// As [`Must::BeHeld`], told as a result.
    McpBeHeld,
    /// What no route names: gated, or forwarded without a permit where P2 lets it pass.
    McpBeUnmatched,
    /// Answered by the upstream once, whether by policy or unmatched; or rejected as unmatched.
    BeHarmless,
}

/// Bytes as they are written. `<plain>`, `<fold>`, `<mcp>`, `<graph>`, `<host>`, `<key>` and
/// `<other>` (the key of another agent) stand for what differs by lane.
#[derive(Debug, Clone)]
pub enum Wire {
    /// HTTP/1: all of it; a marker request follows on the same connection.
    One(Vec<u8>),
    /// HTTP/1 without a marker; our side of the connection ends behind it.
    Cut(Vec<u8>),
    /// HTTP/2: fields in order, names and values as they are, and the body.
    Two { fields: Vec<(Vec<u8>, Vec<u8>)>, body: Option<Vec<u8>> },
}

#[derive(Debug, Clone)]
pub struct Probe {
    pub wire: Wire,
    pub must: Must,
}

pub type Outcome = Pin<Box<dyn Future<Output = Result<usize, String>> + Send>>;
/// A check of its own: how many things it held, or what went wrong.
pub type Own = fn(Arc<Lane>) -> Outcome;

/// One row.
pub struct Case {
    pub id: &'static str,
    pub sent: &'static str,
    pub must: &'static str,
    pub probes: Vec<Probe>,
    pub own: Vec<Own>,
    /// Tests elsewhere in the tree that hold it.
    pub tests: Vec<&'static str>,
    /// Why nothing, or not all of it, applies here.
    pub absent: Option<&'static str>,
    /// What it waits for. It must fail until then.
    pub open: Option<&'static str>,
}

pub fn case(id: &'static str, sent: &'static str, must: &'static str) -> Case {
    Case { id, sent, must, probes: Vec::new(), own: Vec::new(), tests: Vec::new(), absent: None, open: None }
}

impl Case {
    pub fn probes(mut self, probes: impl IntoIterator<Item = Probe>) -> Case {
        self.probes.extend(probes);
        self
    }

    pub fn own(mut self, own: Own) -> Case {
        self.own.push(own);
        self
    }

    pub fn tests(mut self, names: &[&'static str]) -> Case {
        self.tests.extend(names);
        self
    }

    pub fn absent(mut self, why: &'static str) -> Case {
        self.absent = Some(why);
        self
    }

    #[allow(dead_code, reason = "there may be none that waits")]
    pub fn open(mut self, what: &'static str) -> Case {
        self.open = Some(what);
        self
    }

    pub fn runs(&self) -> bool {
        !(self.probes.is_empty() && self.own.is_empty())
    }

    pub fn is_held(&self) -> bool {
        self.runs() || !self.tests.is_empty() || self.absent.is_some() || self.open.is_some()
    }
}

/// What came of a row: per profile how many requests or checks held, and what did not.
pub struct Finding {
    pub case: Case,
    pub held: [usize; 2],
    pub failed: [Vec<String>; 2],
}

impl Finding {
    fn has_failed(&self) -> bool {
        self.failed.iter().any(|failed| !failed.is_empty())
    }

    pub fn complaints(&self) -> Vec<String> {
        let id = self.case.id;
        match (self.case.open, self.has_failed()) {
            (Some(_), true) => Vec::new(),
            (Some(_), false) if !self.case.runs() => Vec::new(),
            (Some(what), false) => vec![format!("{id} holds now: take its mark off ({what})")],
            (None, _) => ["P1", "P2"]
                .iter()
                .zip(&self.failed)
                .flat_map(|(profile, failed)| failed.iter().map(move |what| format!("{id} {profile}: {what}")))
                .collect(),
        }
    }
}
