//! From bytes to [`Json`], in linear time and bounded depth.

use std::borrow::Cow;
use std::collections::HashSet;

use super::{Json, folded};
use crate::request::Malformed;

/// Deeper nesting is refused; real requests stay below ten.
const DEEPEST: usize = 64;
/// A longer number is no number that anybody computes with.
const LONGEST_NUMBER: usize = 128;
/// Up to so many members, comparing each with each is faster than hashing.
const FEW: usize = 8;

/// Reads one JSON text.
///
/// # Errors
/// It is not JSON, or two parsers could read it differently; `place` names the pointer.
pub fn parse(body: &[u8]) -> Result<Json, Malformed> {
    let text = std::str::from_utf8(body)
        .map_err(|error| Malformed::bad(format!("not UTF-8 at byte {}", error.valid_up_to()), "body"))?;
    if text.starts_with('\u{feff}') {
        return Err(Malformed::bad("starts with a byte order mark", "body"));
    }
    let mut parser = Parser { text, at: 0 };
    parser.document().map_err(|fault| {
        let mut place = "body".to_owned();
        if !fault.path.is_empty() {
            place.push_str(" at ");
        }
        for key in fault.path.iter().rev() {
            place.push('/');
            place.extend(key.replace('~', "~0").replace('/', "~1").escape_debug());
        }
        Malformed::bad(fault.what, format!("{place}, byte {}", parser.at))
    })
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

/// What is wrong, and the keys on the way to it, innermost first.
struct Fault {
    what: String,
    path: Vec<String>,
}

impl From<&str> for Fault {
    fn from(what: &str) -> Fault {
        Fault { what: what.to_owned(), path: Vec::new() }
    }
}

impl Fault {
    fn below(mut self, key: impl Into<String>) -> Fault {
        self.path.push(key.into());
        self
    }
}

impl<'a> Parser<'a> {
    fn document(&mut self) -> Result<Json, Fault> {
        let value = self.value(0)?;
        self.space();
        if self.at < self.text.len() {
            return Err("something follows the JSON value".into());
        }
        Ok(value)
    }

    fn value(&mut self, depth: usize) -> Result<Json, Fault> {
        self.space();
        match self.peek() {
            Some(b'{') => self.object(depth + 1),
            Some(b'[') => self.list(depth + 1),
            Some(b'"') => Ok(Json::String(self.string()?.into_owned())),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ if self.take("true") => Ok(Json::Bool(true)),
            _ if self.take("false") => Ok(Json::Bool(false)),
            _ if self.take("null") => Ok(Json::Null),
            Some(_) => Err("not a JSON value".into()),
            None => Err("the JSON text ends too early".into()),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Json, Fault> {
        self.enter(depth)?;
        let mut keys = Keys::default();
        let mut members: Vec<(String, Json)> = Vec::new();
        self.space();
        if self.take("}") {
            return Ok(Json::Object(members));
        }
        loop {
            self.space();
            if self.peek() != Some(b'"') {
                return Err("a key in quotes is missing".into());
            }
            let key = self.string()?.into_owned();
            if let Err(what) = keys.admit(&key, &members) {
                return Err(Fault::from(what).below(key));
            }
            self.space();
            if !self.take(":") {
                return Err(Fault::from("\":\" is missing").below(key));
            }
            match self.value(depth) {
                Ok(value) => members.push((key, value)),
                Err(fault) => return Err(fault.below(key)),
            }
            self.space();
            if self.take("}") {
                return Ok(Json::Object(members));
            }
            if !self.take(",") {
                return Err("\",\" or \"}\" is missing".into());
            }
        }
    }

    fn list(&mut self, depth: usize) -> Result<Json, Fault> {
        self.enter(depth)?;
        let mut items = Vec::new();
        self.space();
        if self.take("]") {
            return Ok(Json::List(items));
        }
        loop {
            match self.value(depth) {
                Ok(item) => items.push(item),
                Err(fault) => return Err(fault.below(items.len().to_string())),
            }
            self.space();
            if self.take("]") {
                return Ok(Json::List(items));
            }
            if !self.take(",") {
                return Err("\",\" or \"]\" is missing".into());
            }
        }
    }

    /// Steps over the opening bracket.
    fn enter(&mut self, depth: usize) -> Result<(), Fault> {
        if depth > DEEPEST {
            return Err(Fault { what: format!("nested deeper than {DEEPEST}"), path: Vec::new() });
        }
        self.at += 1;
        Ok(())
    }

    /// RFC 8259 section 7; the opening quote is next.
    fn string(&mut self) -> Result<Cow<'a, str>, Fault> {
        self.at += 1;
        let start = self.at;
        let mut unescaped = String::new();
        let mut copied = start;
        loop {
            match self.peek() {
                Some(b'"') => {
                    let rest = self.text.get(copied..self.at).unwrap_or_default();
                    self.at += 1;
                    if copied == start {
                        return Ok(rest.into());
                    }
                    unescaped.push_str(rest);
                    return Ok(unescaped.into());
                }
                Some(b'\\') => {
                    unescaped.push_str(self.text.get(copied..self.at).unwrap_or_default());
                    self.at += 1;
                    unescaped.push(self.escape()?);
                    copied = self.at;
                }
                Some(0..=0x1f) => return Err("control character in a string".into()),
                Some(_) => self.at += 1,
                None => return Err("the JSON text ends within a string".into()),
            }
        }
    }

    /// What follows the backslash.
    fn escape(&mut self) -> Result<char, Fault> {
        let plain = match self.peek() {
            Some(b'u') => {
                self.at += 1;
                return self.unicode();
            }
            Some(b'n') => '\n',
            Some(b't') => '\t',
            Some(b'r') => '\r',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
            _ => return Err("not an escape that JSON has".into()),
        };
        self.at += 1;
        Ok(plain)
    }

    fn unicode(&mut self) -> Result<char, Fault> {
        const LONE: &str = "half of a surrogate pair";
        let first = self.hex4()?;
        let code = match first {
            0xd800..=0xdbff => {
                if !self.take("\\u") {
                    return Err(LONE.into());
                }
                let second = self.hex4()?;
                if !(0xdc00..=0xdfff).contains(&second) {
                    return Err(LONE.into());
                }
                0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)
            }
            code => code,
        };
        char::from_u32(code).ok_or_else(|| LONE.into())
    }

    fn hex4(&mut self) -> Result<u32, Fault> {
        let digits = self.text.get(self.at..self.at + 4).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
        let digits = digits.ok_or("\"\\u\" without four hexadecimal digits")?;
        self.at += 4;
        u32::from_str_radix(digits, 16).map_err(|_| "\"\\u\" without four hexadecimal digits".into())
    }

    /// RFC 8259 section 6.
    fn number(&mut self) -> Result<Json, Fault> {
        let start = self.at;
        self.take("-");
        let leading_zero = self.peek() == Some(b'0');
        let whole = self.digits();
        if whole == 0 || (leading_zero && whole > 1) {
            return Err("not a JSON number".into());
        }
        if self.take(".") && self.digits() == 0 {
            return Err("not a JSON number".into());
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            if self.digits() == 0 {
                return Err("not a JSON number".into());
            }
        }
        let text = self.text.get(start..self.at).unwrap_or_default();
        if text.len() > LONGEST_NUMBER {
            return Err("a number of too many digits".into());
        }
        Ok(Json::Number(text.to_owned()))
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

    fn take(&mut self, wanted: &str) -> bool {
        let there = self.text.as_bytes().get(self.at..).is_some_and(|rest| rest.starts_with(wanted.as_bytes()));
        if there {
            self.at += wanted.len();
        }
        there
    }
}

/// The keys of one object so far, as a parser that ignores case tells them apart.
#[derive(Default)]
struct Keys {
    /// Filled once there are more than [`FEW`].
    folded: HashSet<String>,
}

impl Keys {
    fn admit(&mut self, key: &str, members: &[(String, Json)]) -> Result<(), &'static str> {
        if key.contains('\0') {
            return Err("NUL in a key");
        }
        let distinct = if members.len() < FEW {
            members.iter().all(|(before, _)| !same_key(before, key))
        } else {
            if self.folded.is_empty() {
                self.folded.extend(members.iter().map(|(before, _)| folded(before).into_owned()));
            }
            self.folded.insert(folded(key).into_owned())
        };
        match distinct {
            true => Ok(()),
            false if members.iter().any(|(before, _)| before == key) => Err("the key stands there twice"),
            false => Err("another key differs from it in upper and lower case only"),
        }
    }
}

fn same_key(a: &str, b: &str) -> bool {
    if a.is_ascii() && b.is_ascii() { a.eq_ignore_ascii_case(b) } else { folded(a) == folded(b) }
}
