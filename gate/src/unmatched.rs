//! Calls that no route names, grouped into templates and counted: where rules are still to be written.
//!
//! An agent chooses the paths, so all of this is bounded: what looks like an id is one at once, a place with many
//! different words becomes a capture, and when there are too many places the rest of a path is not told apart. Kept in
//! this process only. No path is kept as it came: what is random in it could be a secret.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::clock::Timestamp;
use crate::gate::Gate;

mod segment;

/// More different words than this in one place are a capture.
const WORDS: usize = 20;
/// Tools have names that somebody chose.
const TOOLS: usize = 200;
/// Places in all trees together.
const PLACES: usize = 4000;
const DEEPEST: usize = 12;
/// Shown instead of a method that HTTP does not define, and of MCP's `tools/call`.
const OTHER: &str = "OTHER";
pub const TOOL_CALL: &str = "tools/call";

/// What became of a call that no route names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unrouted {
    /// `unmatched: reject`.
    Rejected,
    /// `unmatched: pass`, or `enforce: false`.
    Passed,
    /// `unmatched: require_approval`: there is an intent.
    Asked,
}

impl Unrouted {
    fn name(self) -> &'static str {
        match self {
            Unrouted::Rejected => "rejected",
            Unrouted::Passed => "passed",
            Unrouted::Asked => "asked",
        }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub rejected: u64,
    pub passed: u64,
    pub asked: u64,
}

impl Counts {
    #[must_use]
    pub fn all(&self) -> u64 {
        self.rejected + self.passed + self.asked
    }

    fn add(&mut self, did: Unrouted) {
        match did {
            Unrouted::Rejected => self.rejected += 1,
            Unrouted::Passed => self.passed += 1,
            Unrouted::Asked => self.asked += 1,
        }
    }
}

/// Calls of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnmatchedCalls {
    pub upstream: String,
    /// As HTTP defines it, `OTHER`, or [`TOOL_CALL`].
    pub method: String,
    /// As a route would say it: `/v1/users/{id}`; of a tool call the tool's name.
    pub template: String,
    pub counts: Counts,
    pub last_at: Timestamp,
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Unmatched {
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    /// By upstream and method.
    trees: BTreeMap<(String, &'static str), Place>,
    places: usize,
}

/// One segment of paths, or the end of some.
#[derive(Debug, Default)]
struct Place {
    words: BTreeMap<String, Place>,
    /// Any segment; its name.
    capture: Option<(&'static str, Box<Place>)>,
    /// It is the capture of a place whose words were too many.
    is_learnt: bool,
    ends: Tally,
    /// What goes on below without being told apart.
    below: Tally,
}

#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    counts: Counts,
    last_at: Option<Timestamp>,
}

impl Tally {
    fn add(&mut self, did: Unrouted, at: Timestamp) {
        self.counts.add(did);
        self.last_at = Some(at);
    }

    fn join(&mut self, other: Tally) {
        self.counts.rejected += other.counts.rejected;
        self.counts.passed += other.counts.passed;
        self.counts.asked += other.counts.asked;
        self.last_at = self.last_at.max(other.last_at);
    }
}

impl Place {
    /// How many places there are in and below it.
    fn size(&self) -> usize {
        let captured = self.capture.as_ref().map_or(0, |(_, place)| place.size());
        1 + captured + self.words.values().map(Place::size).sum::<usize>()
    }

    fn join(&mut self, other: Place) {
        self.is_learnt |= other.is_learnt;
        self.ends.join(other.ends);
        self.below.join(other.below);
        for (word, place) in other.words {
            self.words.entry(word).or_default().join(place);
        }
        if let Some((name, place)) = other.capture {
            self.capture(name).join(*place);
        }
        if self.words.len() > WORDS {
            self.learn();
        }
    }

    fn capture(&mut self, name: &'static str) -> &mut Place {
        &mut self.capture.get_or_insert_with(|| (name, Box::default())).1
    }

    /// So many words in one place are values.
    fn learn(&mut self) {
        let words = std::mem::take(&mut self.words);
        let capture = self.capture("id");
        capture.is_learnt = true;
        words.into_values().for_each(|word| capture.join(word));
    }

    /// Counts a call of which these segments are left.
    fn note(&mut self, segments: &[&str], depth: usize, most: usize, room: &mut usize, did: Unrouted, at: Timestamp) {
        let Some((segment, rest)) = segments.split_first() else { return self.ends.add(did, at) };
        let next = if depth < DEEPEST { self.next(segment, most, room) } else { None };
        match next {
            Some(next) => next.note(rest, depth + 1, most, room, did, at),
            None => self.below.add(did, at),
        }
    }

    /// The place of the next segment; `None`: there is no room for it.
    fn next(&mut self, segment: &str, most: usize, room: &mut usize) -> Option<&mut Place> {
        let kind = segment::kind(segment);
        if kind.is_none() && self.words.contains_key(segment) {
            return self.words.get_mut(segment);
        }
        if kind.is_none() && self.words.len() >= most {
            let before = self.size();
            self.learn();
            *room = (*room + before).saturating_sub(self.size());
        }
        // Where words have turned out to be values, all that come are.
        let word = kind.is_none() && self.capture.as_ref().is_none_or(|(_, place)| !place.is_learnt);
        if !word && self.capture.is_some() {
            return Some(self.capture("id"));
        }
        *room = room.checked_sub(1)?;
        if word { Some(self.words.entry(segment.to_owned()).or_default()) } else { Some(self.capture(kind?)) }
    }

    fn list(&self, path: &mut Vec<String>, found: &mut Vec<(String, Tally)>) {
        if self.ends.last_at.is_some() {
            found.push((format!("/{}", path.join("/")), self.ends));
        }
        if self.below.last_at.is_some() {
            let start: String = path.iter().map(|segment| format!("/{segment}")).collect();
            found.push((format!("{start}/{{rest**}}"), self.below));
        }
        for (word, place) in &self.words {
            path.push(word.clone());
            place.list(path, found);
            path.pop();
        }
        if let Some((name, place)) = &self.capture {
            let start = format!("{{{name}");
            let before = path.iter().filter(|segment| segment.starts_with(&start)).count();
            path.push(if before == 0 { format!("{start}}}") } else { format!("{start}{}}}", before + 1) });
            place.list(path, found);
            path.pop();
        }
    }
}

impl Unmatched {
    fn note(&self, upstream: &str, method: &str, path: &str, did: Unrouted, at: Timestamp) {
        const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", TOOL_CALL];
        let method = METHODS.into_iter().find(|known| *known == method).unwrap_or(OTHER);
        let most = if method == TOOL_CALL { TOOLS } else { WORDS };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let Seen { trees, places } = &mut *seen;
        let mut room = PLACES.saturating_sub(*places);
        let before = room;
        let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).take(DEEPEST + 1).collect();
        let tree = trees.entry((upstream.to_owned(), method)).or_default();
        tree.note(&segments, 0, most, &mut room, did, at);
        *places = (*places + before).saturating_sub(room);
    }

    fn list(&self) -> Vec<UnmatchedCalls> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all = Vec::new();
        for ((upstream, method), tree) in &seen.trees {
            let mut found = Vec::new();
            tree.list(&mut Vec::new(), &mut found);
            all.extend(found.into_iter().filter_map(|(template, tally)| {
                let tool = *method == TOOL_CALL;
                Some(UnmatchedCalls {
                    upstream: upstream.clone(),
                    method: (*method).to_owned(),
                    template: if tool { template.trim_start_matches('/').to_owned() } else { template },
                    counts: tally.counts,
                    last_at: tally.last_at?,
                })
            }));
        }
        all.sort_by(|a, b| b.counts.all().cmp(&a.counts.all()).then_with(|| a.template.cmp(&b.template)));
        all
    }
}

impl Gate {
    /// Counts a call that no route names. `path`: below the mount; of a tool call the tool's name.
    pub fn note_unmatched(&self, upstream: &str, method: &str, path: &str, did: Unrouted) {
        let labels = [("upstream", upstream.to_owned()), ("did", did.name().to_owned())];
        metrics::counter!("holdshort_unmatched_total", &labels).increment(1);
        self.inner.unmatched.note(upstream, method, path, did, self.now());
    }

    /// What no route names, since this process began, the most frequent first.
    #[must_use]
    pub fn unmatched(&self) -> Vec<UnmatchedCalls> {
        self.inner.unmatched.list()
    }
}

#[cfg(test)]
mod tests;
