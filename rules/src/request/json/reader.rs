//! The grammar of JSON (RFC 8259), read once from front to back in linear time and bounded depth.
//!
//! The reader checks everything and builds little: one flat list of [`Node`]s that say where in the
//! text each value stands.

use super::document::{Kind, Node};
use super::keys::Keys;
use super::string;

/// Deeper nesting is refused; real requests stay below ten.
const DEEPEST: usize = 64;
/// Values and keys of one text. Each takes room beside its bytes, and a text can hold one in two bytes.
pub(super) const MOST: usize = 250_000;
/// A longer number is no number that anybody computes with.
const LONGEST_NUMBER: usize = 128;

#[derive(Debug)]
pub(super) struct Reader<'a> {
    text: &'a str,
    /// The byte that is read next.
    pub(super) at: usize,
    pub(super) nodes: Vec<Node>,
    keys: Keys,
}

/// What is wrong, and the keys on the way to it, innermost first.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) what: &'static str,
    pub(super) path: Vec<String>,
}

/// Behind a pointer, because nearly every step succeeds.
type Step = Result<(), Box<Fault>>;

fn fault(what: &'static str) -> Box<Fault> {
    Box::new(Fault { what, path: Vec::new() })
}

impl Fault {
    fn below(mut self: Box<Fault>, key: String) -> Box<Fault> {
        self.path.push(key);
        self
    }
}

impl<'a> Reader<'a> {
    /// INVARIANT: the text is shorter than 4 GiB.
    pub(super) fn new(text: &'a str) -> Reader<'a> {
        // In what is really sent, a value or key takes some ten bytes.
        Reader { text, at: 0, nodes: Vec::with_capacity((text.len() / 8 + 8).min(MOST)), keys: Keys::default() }
    }

    pub(super) fn document(&mut self) -> Step {
        self.value(0)?;
        self.space();
        if self.at < self.text.len() {
            return Err(fault("something follows the JSON value"));
        }
        Ok(())
    }

    fn value(&mut self, depth: usize) -> Step {
        if self.nodes.len() >= MOST {
            return Err(fault("more than 250000 values and keys"));
        }
        self.space();
        let start = self.at;
        match self.peek() {
            Some(b'"') => self.string().map(|_| ()),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b'{') => self.nested(Kind::Object, depth + 1),
            Some(b'[') => self.nested(Kind::List, depth + 1),
            _ => {
                let kind = match () {
                    () if self.take("true") => Kind::True,
                    () if self.take("false") => Kind::False,
                    () if self.take("null") => Kind::Null,
                    () if self.peek().is_some() => return Err(fault("not a JSON value")),
                    () => return Err(fault("the JSON text ends too early")),
                };
                self.push(kind, start, self.at);
                Ok(())
            }
        }
    }

    /// A list or an object; what it holds follows its node.
    fn nested(&mut self, kind: Kind, depth: usize) -> Step {
        if depth > DEEPEST {
            return Err(fault("nested deeper than 64"));
        }
        let start = self.at;
        self.at += 1;
        let node = self.nodes.len();
        self.push(kind, start, start);
        if kind == Kind::Object {
            self.members(node, depth)?
        } else {
            self.items(depth)?
        }
        let (end, next) = (offset(self.at), offset(self.nodes.len()));
        if let Some(node) = self.nodes.get_mut(node) {
            (node.end, node.next) = (end, next);
        }
        Ok(())
    }

    fn members(&mut self, object: usize, depth: usize) -> Step {
        self.space();
        if self.take_byte(b'}') {
            return Ok(());
        }
        let mut keys = self.keys.open();
        loop {
            self.space();
            if self.peek() != Some(b'"') {
                return Err(fault("a key in quotes is missing"));
            }
            let key = self.string()?;
            let new = if key.kind == Kind::Escaped {
                let meant = self.meant(key);
                if meant.contains('\0') {
                    return Err(fault("NUL in a key").below(meant));
                }
                self.keys.admit_folded(&mut keys, self.text.as_bytes(), &meant)
            } else {
                self.keys.admit(&mut keys, self.text.as_bytes(), key.start as usize, key.end as usize)
            };
            if !new {
                return Err(self.second(object, key));
            }
            self.space();
            if !self.take_byte(b':') {
                return Err(fault("\":\" is missing").below(self.meant(key)));
            }
            self.value(depth).map_err(|fault| fault.below(self.meant(key)))?;
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => break,
                _ => return Err(fault("\",\" or \"}\" is missing")),
            }
        }
        self.at += 1;
        self.keys.close(keys);
        Ok(())
    }

    fn items(&mut self, depth: usize) -> Step {
        self.space();
        if self.take_byte(b']') {
            return Ok(());
        }
        for count in 0_usize.. {
            self.value(depth).map_err(|fault| fault.below(count.to_string()))?;
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => break,
                _ => return Err(fault("\",\" or \"]\" is missing")),
            }
        }
        self.at += 1;
        Ok(())
    }

    /// The opening quote is next.
    fn string(&mut self) -> Result<Node, Box<Fault>> {
        let start = self.at + 1;
        match string::scan(self.text.as_bytes(), start) {
            Ok(scanned) => {
                self.at = scanned.end + 1;
                let kind = if scanned.escaped { Kind::Escaped } else { Kind::Plain };
                Ok(self.push(kind, start, scanned.end))
            }
            Err((what, at)) => {
                self.at = at;
                Err(fault(what))
            }
        }
    }

    /// RFC 8259 section 6.
    fn number(&mut self) -> Step {
        let start = self.at;
        self.take_byte(b'-');
        let leading_zero = self.peek() == Some(b'0');
        let whole = self.digits();
        if whole == 0 || (leading_zero && whole > 1) {
            return Err(fault("not a JSON number"));
        }
        if self.take_byte(b'.') && self.digits() == 0 {
            return Err(fault("not a JSON number"));
        }
        if self.take_byte(b'e') || self.take_byte(b'E') {
            let _ = self.take_byte(b'+') || self.take_byte(b'-');
            if self.digits() == 0 {
                return Err(fault("not a JSON number"));
            }
        }
        if self.at - start > LONGEST_NUMBER {
            return Err(fault("a number of too many digits"));
        }
        self.push(Kind::Number, start, self.at);
        Ok(())
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        self.at - start
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take_byte(&mut self, wanted: u8) -> bool {
        let there = self.peek() == Some(wanted);
        self.at += usize::from(there);
        there
    }

    fn take(&mut self, wanted: &str) -> bool {
        let there = self.text.as_bytes().get(self.at..).is_some_and(|rest| rest.starts_with(wanted.as_bytes()));
        if there {
            self.at += wanted.len();
        }
        there
    }

    fn push(&mut self, kind: Kind, start: usize, end: usize) -> Node {
        let next = offset(self.nodes.len() + 1);
        let node = Node { kind, start: offset(start), end: offset(end), next };
        self.nodes.push(node);
        node
    }

    fn meant(&self, key: Node) -> String {
        key.text(self.text.as_bytes()).into_owned()
    }

    /// Why the last key of an object, which is not its first of that name, is refused.
    fn second(&self, object: usize, key: Node) -> Box<Fault> {
        let key = self.meant(key);
        let mut at = object + 1;
        let mut again = 0;
        while let Some(before) = self.nodes.get(at) {
            again += usize::from(before.text(self.text.as_bytes()) == key);
            let Some(value) = self.nodes.get(at + 1) else { break };
            at = value.next as usize;
        }
        let what = match again {
            2.. => "the key stands there twice",
            _ => "another key differs from it in upper and lower case only",
        };
        fault(what).below(key)
    }
}

/// Texts are shorter than what 32 bits count, and have fewer values than bytes.
fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
