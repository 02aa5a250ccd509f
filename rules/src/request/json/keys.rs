//! Which keys an object already has, so that none stands there twice.
//!
//! Keys count as the same when they differ in upper and lower case only: there are servers that
//! ignore case, and they would take one for the other.
//!
//! INVARIANT: whatever keys a caller chooses, admitting one takes time that does not grow with the
//! number of keys before it.

use std::collections::HashSet;

use super::folded;

/// Up to so many keys of one object are compared one by one: it costs less than hashing.
const MOST: usize = 64;
/// Longer keys are hashed, so that comparing stays cheap.
const LONGEST: usize = 32;

/// The keys of all objects that are open, innermost last.
#[derive(Debug, Default)]
pub(super) struct Keys {
    open: Vec<Brief>,
}

/// The keys of one object so far.
#[derive(Debug)]
pub(super) struct OfObject {
    /// Where they start in [`Keys::open`].
    start: usize,
    /// All of them, folded, once comparing one by one will not do.
    folded: Option<HashSet<String>>,
}

/// A short key in ASCII, without escapes.
#[derive(Debug, Clone, Copy)]
struct Brief {
    /// Differs only where the keys differ in more than case.
    mark: u32,
    start: usize,
    end: usize,
}

impl Keys {
    pub(super) fn open(&self) -> OfObject {
        OfObject { start: self.open.len(), folded: None }
    }

    pub(super) fn close(&mut self, object: OfObject) {
        self.open.truncate(object.start);
    }

    /// Whether a key that stands at `start..end` of the text as it is meant is new.
    pub(super) fn admit(&mut self, object: &mut OfObject, text: &[u8], start: usize, end: usize) -> bool {
        let key = text.get(start..end).unwrap_or_default();
        let before = self.open.get(object.start..).unwrap_or_default();
        if object.folded.is_some() || key.len() > LONGEST || before.len() == MOST || !key.is_ascii() {
            return self.admit_folded(object, text, &String::from_utf8_lossy(key));
        }
        let mark = mark(key);
        let same = |brief: &Brief| {
            brief.mark == mark && text.get(brief.start..brief.end).unwrap_or_default().eq_ignore_ascii_case(key)
        };
        if before.iter().any(same) {
            return false;
        }
        self.open.push(Brief { mark, start, end });
        true
    }

    /// Like [`Keys::admit`], of a key in whatever characters.
    pub(super) fn admit_folded(&self, object: &mut OfObject, text: &[u8], key: &str) -> bool {
        let before = self.open.get(object.start..).unwrap_or_default();
        let all = object.folded.get_or_insert_with(|| {
            let brief = |brief: &Brief| String::from_utf8_lossy(text.get(brief.start..brief.end).unwrap_or_default());
            before.iter().map(|key| folded(&brief(key)).into_owned()).collect()
        });
        all.insert(folded(key).into_owned())
    }
}

/// Length, first and last byte. Setting one bit makes both cases of a letter the same.
fn mark(key: &[u8]) -> u32 {
    let byte = |byte: Option<&u8>| u32::from(byte.copied().unwrap_or_default() | 0x20);
    let length = u32::try_from(key.len()).unwrap_or(u32::MAX);
    length << 16 | byte(key.first()) << 8 | byte(key.last())
}
