//! A JSON text that was read whole and is looked into only where a rule points.
//!
//! Most values of a body are never looked at. So they stay where they are: the text is kept, and
//! beside it one flat list that says where each value starts, ends, and is followed by the next.

use std::borrow::Cow;

use bytes::Bytes;

use super::pointer::{Pointer, index};
use super::reader::{Fault, Reader};
use super::{Json, folded, string};
use crate::request::Malformed;

/// One JSON text, valid and without any ambiguity.
///
/// INVARIANT: made only by [`Document::read`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document<T = Bytes> {
    text: T,
    /// In order of the text. An object's members are a key and a value each.
    nodes: Vec<Node>,
}

/// Where one value stands; of a string, what is between its quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) start: u32,
    pub(super) end: u32,
    /// The node behind this value and all it holds.
    pub(super) next: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Null,
    True,
    False,
    Number,
    /// A string that means what is written.
    Plain,
    /// A string with escapes.
    Escaped,
    List,
    Object,
}

impl Node {
    /// What a string or number says.
    pub(super) fn text(self, whole: &[u8]) -> Cow<'_, str> {
        let written = whole.get(self.start as usize..self.end as usize).unwrap_or_default();
        let written = std::str::from_utf8(written).unwrap_or_default();
        if self.kind == Kind::Escaped { string::unescaped(written) } else { written.into() }
    }
}

impl<T: AsRef<[u8]>> Document<T> {
    /// Reads one JSON text.
    ///
    /// # Errors
    /// It is not JSON, or two parsers could read it differently; `place` names the pointer.
    pub fn read(body: T) -> Result<Document<T>, Malformed> {
        let text = std::str::from_utf8(body.as_ref())
            .map_err(|error| Malformed::bad(format!("not UTF-8 at byte {}", error.valid_up_to()), "body"))?;
        if text.starts_with('\u{feff}') {
            return Err(Malformed::bad("starts with a byte order mark", "body"));
        }
        if u32::try_from(text.len()).is_err() {
            return Err(Malformed::new(413, "larger than any JSON text that is read", "body"));
        }
        let mut reader = Reader::new(text);
        match reader.document() {
            Ok(()) => Ok(Document { nodes: reader.nodes, text: body }),
            Err(fault) => Err(malformed(&fault, reader.at)),
        }
    }

    /// Bytes of memory it takes beside its text.
    pub(crate) fn weight(&self) -> usize {
        self.nodes.capacity() * size_of::<Node>()
    }

    /// The whole text as values.
    #[must_use]
    pub fn to_json(&self) -> Json {
        self.value(0)
    }

    /// The value an RFC 6901 pointer names, for a rule: a key that is only there in another case is
    /// refused, because servers that ignore case would take it for the one the rule looks at.
    ///
    /// # Errors
    /// Such a key.
    pub fn looked_at(&self, pointer: &Pointer) -> Result<Option<Json>, Malformed> {
        let mut at = 0;
        for token in pointer.tokens() {
            match self.step(at, token) {
                Some(next) => at = next,
                None => {
                    let wanted = folded(token);
                    return match self.members(at).find(|(key, _)| folded(key) == wanted) {
                        Some((key, _)) => Err(pointer.misspelled(&key, token)),
                        None => Ok(None),
                    };
                }
            }
        }
        Ok(Some(self.value(at)))
    }

    /// Whether a list stands where the pointer names a key.
    #[must_use]
    pub fn meets_list(&self, pointer: &Pointer) -> bool {
        let mut at = 0;
        for token in pointer.tokens() {
            match self.step(at, token) {
                Some(next) => at = next,
                None => {
                    let list = self.nodes.get(at).is_some_and(|node| node.kind == Kind::List);
                    return list && index(token).is_none();
                }
            }
        }
        false
    }

    fn step(&self, at: usize, token: &str) -> Option<usize> {
        match self.nodes.get(at)?.kind {
            Kind::Object => self.members(at).find(|(key, _)| key == token).map(|(_, value)| value),
            Kind::List => self.items(at).nth(index(token)?),
            _ => None,
        }
    }

    /// Of an object: each key, and where its value is.
    fn members(&self, at: usize) -> impl Iterator<Item = (Cow<'_, str>, usize)> {
        let object = self.nodes.get(at).filter(|node| node.kind == Kind::Object);
        let end = object.map_or(0, |node| node.next as usize);
        let mut key = at + 1;
        std::iter::from_fn(move || {
            let here = key;
            if here >= end {
                return None;
            }
            key = self.nodes.get(here + 1)?.next as usize;
            Some((self.nodes.get(here)?.text(self.text.as_ref()), here + 1))
        })
    }

    /// Of a list: where each item is.
    fn items(&self, at: usize) -> impl Iterator<Item = usize> {
        let list = self.nodes.get(at).filter(|node| node.kind == Kind::List);
        let end = list.map_or(0, |node| node.next as usize);
        let mut item = at + 1;
        std::iter::from_fn(move || {
            let here = item;
            if here >= end {
                return None;
            }
            item = self.nodes.get(here)?.next as usize;
            Some(here)
        })
    }

    fn value(&self, at: usize) -> Json {
        let Some(node) = self.nodes.get(at) else { return Json::Null };
        match node.kind {
            Kind::Null => Json::Null,
            Kind::True => Json::Bool(true),
            Kind::False => Json::Bool(false),
            Kind::Number => Json::Number(node.text(self.text.as_ref()).into_owned()),
            Kind::Plain | Kind::Escaped => Json::String(node.text(self.text.as_ref()).into_owned()),
            Kind::List => Json::List(self.items(at).map(|item| self.value(item)).collect()),
            Kind::Object => {
                Json::Object(self.members(at).map(|(key, value)| (key.into_owned(), self.value(value))).collect())
            }
        }
    }
}

fn malformed(fault: &Fault, at: usize) -> Malformed {
    let mut place = "body".to_owned();
    if !fault.path.is_empty() {
        place.push_str(" at ");
    }
    for key in fault.path.iter().rev() {
        place.push('/');
        place.extend(key.replace('~', "~0").replace('/', "~1").escape_debug());
    }
    Malformed::bad(fault.what, format!("{place}, byte {at}"))
}
