//! The bytes of an HTTP/1.1 connection, looked at as they come in and before any parser mends them.
//!
//! [`Wire`] follows the requests of one connection one behind the other: request line, header block,
//! body by its length or in chunks, next request line. It takes RFC 9112 at its word and refuses what
//! parsers tolerate each in their own way: bare line feeds, folded lines, white space around names and
//! in targets, a second version, chunk extensions, trailers. What may stand in a head that is written
//! properly is for [`Head::read`](super::Head::read) to say.
//!
//! It keeps no text beyond one word and allocates nothing (but for an absolute target, which clients send
//! to forward proxies), and gives the same result however the bytes are cut into pieces.

use super::headers::{self, is_token};
use super::{Malformed, target};

mod absolute;
mod word;

use absolute::Absolute;
use word::Word;

/// Line ends, spaces, colon and version: what a head has beside what [`super::Reading::head_limit`] counts.
const AROUND: usize = 14;
const MOST_CHUNK_DIGITS: u8 = 16;

const HTTP_11: &[u8] = b"HTTP/1.1";
const HTTP_10: &[u8] = b"HTTP/1.0";

const NO_VERSION: &str = "white space in the target, or no HTTP version behind it";
const LINE: &str = "request line";
const TARGET: &str = "request target";
const HEADERS: &str = "headers";
const BODY: &str = "body";

/// The requests of one connection, as far as they have come.
#[derive(Debug, Clone)]
pub struct Wire {
    at: At,
    word: Word,
    version: Version,
    /// Of this head.
    size: usize,
    head_limit: usize,
    /// The method is HEAD: what answers it has no body.
    asks_for_head: bool,
    absolute: Option<Box<Absolute>>,
    headers: u8,
    host: bool,
    length: Option<u64>,
    chunked: bool,
}

/// Why a connection cannot be read on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    pub malformed: Malformed,
    /// So many bytes of the piece belong to requests before the refused one.
    pub sound: usize,
    /// The head of the refused request was whole before this piece: somebody may be reading its body.
    pub head_was_whole: bool,
    /// It is a HEAD request: its answer has no body.
    pub asks_for_head: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// Before a request. One empty line may stand there (RFC 9112 section 2.2).
    Start,
    StartLf,
    AfterEmptyLine,
    Method,
    Target,
    Version,
    LineLf,
    Name,
    /// White space before a value.
    Before(Field),
    Value(Field),
    ValueLf(Field),
    HeadLf,
    Length(u64),
    ChunkSize(u64, u8),
    ChunkLf(u64),
    Chunk(u64),
    ChunkEnd,
    ChunkEndLf,
    LastEnd,
    LastEndLf,
    Broken,
}

/// Headers that say where a request ends, and the host, which must be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Host,
    Length,
    Coding,
    Other,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    Http10,
    Http11,
}

impl Wire {
    /// `head_limit` is that of [`super::Reading`].
    #[must_use]
    pub fn new(head_limit: usize) -> Wire {
        Wire {
            at: At::Start,
            word: Word::default(),
            version: Version::Http11,
            size: 0,
            head_limit,
            asks_for_head: false,
            absolute: None,
            headers: 0,
            host: false,
            length: None,
            chunked: false,
        }
    }

    /// Whether all requests that have begun have come whole.
    #[must_use]
    pub fn is_between(&self) -> bool {
        self.at == At::Start
    }

    /// Looks at the next piece of the connection.
    ///
    /// # Errors
    /// The first thing in it that two parsers could read differently. Nothing can be read after it.
    pub fn read(&mut self, piece: &[u8]) -> Result<(), Refused> {
        let head_was_whole = self.in_body();
        let mut sound = 0;
        let mut rest = piece;
        while !rest.is_empty() {
            if self.at == At::Start {
                sound = piece.len() - rest.len();
            }
            match self.step(rest) {
                Ok(taken) => rest = rest.get(taken..).unwrap_or_default(),
                Err(malformed) => {
                    self.at = At::Broken;
                    let first = sound == 0;
                    let asks_for_head = self.asks_for_head;
                    return Err(Refused { malformed, sound, head_was_whole: head_was_whole && first, asks_for_head });
                }
            }
        }
        Ok(())
    }

    fn in_body(&self) -> bool {
        matches!(
            self.at,
            At::Length(_)
                | At::ChunkSize(..)
                | At::ChunkLf(_)
                | At::Chunk(_)
                | At::ChunkEnd
                | At::ChunkEndLf
                | At::LastEnd
                | At::LastEndLf
        )
    }

    /// Takes what belongs together off the start of `rest`, which is not empty, and says how many bytes.
    fn step(&mut self, rest: &[u8]) -> Result<usize, Malformed> {
        let Some(&byte) = rest.first() else { return Ok(0) };
        let taken = match self.at {
            At::Start | At::AfterEmptyLine | At::Method | At::Target | At::Version | At::LineLf | At::StartLf => {
                self.request_line(rest, byte)?
            }
            At::Name | At::Before(_) | At::Value(_) | At::ValueLf(_) | At::HeadLf => self.header(rest, byte)?,
            _ => return self.body(rest, byte),
        };
        self.size += taken;
        if self.size > self.head_limit + AROUND {
            return Err(Malformed::new(431, format!("the head is larger than {} bytes", self.head_limit), HEADERS));
        }
        Ok(taken)
    }

    fn request_line(&mut self, rest: &[u8], byte: u8) -> Result<usize, Malformed> {
        match self.at {
            At::Start if byte == b'\r' => {
                self.at = At::StartLf;
                Ok(1)
            }
            At::StartLf => self.expect(byte, b'\n', At::AfterEmptyLine, "a carriage return without a line feed", LINE),
            At::Start | At::AfterEmptyLine => {
                if !is_token(byte) {
                    return Err(Malformed::bad("no method begins like this", LINE));
                }
                self.begin();
                self.at = At::Method;
                Ok(0)
            }
            At::Method => {
                let taken = run(rest, is_token);
                self.word.push(rest.get(..taken).unwrap_or_default());
                if let Some(&next) = rest.get(taken) {
                    if next != b' ' {
                        return Err(Malformed::bad("the method is not a token", "request method"));
                    }
                    if self.word.is("CONNECT") {
                        return Err(Malformed::new(405, "CONNECT is not accepted here", "request method"));
                    }
                    self.asks_for_head = self.word.get() == Some(b"HEAD");
                    self.word.clear();
                    self.at = At::Target;
                    return Ok(taken + 1);
                }
                Ok(taken)
            }
            At::Target => {
                let taken = run(rest, target::may_be_sent);
                let part = rest.get(..taken).unwrap_or_default();
                if self.word.length == 0 && !part.is_empty() {
                    self.absolute = Absolute::begin(part);
                }
                if let Some(absolute) = &mut self.absolute {
                    absolute.target(part);
                }
                self.word.push(if taken > 0 { b"/" } else { b"" });
                match rest.get(taken) {
                    None => Ok(taken),
                    Some(b' ') if self.word.length > 0 => {
                        self.word.clear();
                        self.at = At::Version;
                        Ok(taken + 1)
                    }
                    Some(b' ') => Err(Malformed::bad("more than one space before the target", LINE)),
                    Some(b'\r' | b'\n') => Err(Malformed::bad("the line has no HTTP version", LINE)),
                    Some(&byte) => Err(Malformed::bad(target::why_not(byte), TARGET)),
                }
            }
            At::Version => {
                let taken = run(rest, |byte| byte > b' ' && byte < 0x7f);
                self.word.push(rest.get(..taken).unwrap_or_default());
                self.version = self.spoken_version()?;
                let Some(&next) = rest.get(taken) else { return Ok(taken) };
                if self.word.length == 0 {
                    return Err(Malformed::bad(NO_VERSION, LINE));
                }
                if usize::from(self.word.length) < HTTP_11.len() {
                    return Err(Malformed::bad("an HTTP version that is not spoken here", LINE));
                }
                match next {
                    b'\r' => {
                        self.word.clear();
                        self.at = At::LineLf;
                        Ok(taken + 1)
                    }
                    b'\n' => Err(bare_lf(LINE)),
                    _ => Err(Malformed::bad("something follows the HTTP version", LINE)),
                }
            }
            _ => self.expect(byte, b'\n', At::Name, "a carriage return without a line feed", LINE),
        }
    }

    /// Refuses at the first byte that differs, as parsers behind do: none may refuse before.
    fn spoken_version(&self) -> Result<Version, Malformed> {
        let word = self.word.start();
        if HTTP_11.starts_with(word) {
            return Ok(Version::Http11);
        }
        if HTTP_10.starts_with(word) {
            return Ok(Version::Http10);
        }
        if !word.starts_with(b"HTTP/") {
            return Err(Malformed::bad(NO_VERSION, LINE));
        }
        if word.starts_with(HTTP_11) || word.starts_with(HTTP_10) {
            return Err(Malformed::bad("something follows the HTTP version", LINE));
        }
        Err(Malformed::bad("an HTTP version that is not spoken here", LINE))
    }

    /// A new head.
    fn begin(&mut self) {
        *self = Wire::new(self.head_limit);
    }

    fn header(&mut self, rest: &[u8], byte: u8) -> Result<usize, Malformed> {
        match self.at {
            At::Name => self.name(rest, byte),
            At::Before(field) => {
                let taken = run(rest, |byte| matches!(byte, b' ' | b'\t'));
                if taken < rest.len() {
                    self.at = At::Value(field);
                }
                Ok(taken)
            }
            At::Value(field) => {
                let taken = run(rest, may_be_in_a_value);
                if field != Field::Other {
                    self.value(field, rest.get(..taken).unwrap_or_default())?;
                }
                match rest.get(taken) {
                    None => Ok(taken),
                    Some(b'\r') => {
                        self.at = At::ValueLf(field);
                        Ok(taken + 1)
                    }
                    Some(b'\n') => Err(bare_lf(field.place())),
                    Some(_) => Err(Malformed::bad("control character in a value", field.place())),
                }
            }
            At::ValueLf(field) => {
                let taken =
                    self.expect(byte, b'\n', At::Name, "a carriage return without a line feed", field.place())?;
                self.header_is_whole(field)?;
                Ok(taken)
            }
            _ => {
                let taken = self.expect(byte, b'\n', At::Start, "a carriage return without a line feed", HEADERS)?;
                self.at = self.what_follows()?;
                Ok(taken)
            }
        }
    }

    fn name(&mut self, rest: &[u8], byte: u8) -> Result<usize, Malformed> {
        let taken = run(rest, is_token);
        if self.word.length == 0 && taken == 0 {
            return match byte {
                b'\r' => {
                    self.at = At::HeadLf;
                    Ok(1)
                }
                b'\n' => Err(bare_lf(HEADERS)),
                b' ' | b'\t' => Err(Malformed::bad("a line begins with white space", HEADERS)),
                b':' => Err(Malformed::bad("a header without a name", HEADERS)),
                _ => Err(Malformed::bad("not a header name", HEADERS)),
            };
        }
        self.word.push(rest.get(..taken).unwrap_or_default());
        let Some(&next) = rest.get(taken) else { return Ok(taken) };
        if next != b':' {
            let name = self.word.get().unwrap_or(b"headers").escape_ascii().to_string().to_ascii_lowercase();
            return Err(match next {
                b' ' | b'\t' => Malformed::bad("white space before the colon", format!("header {name}")),
                b'\r' | b'\n' => Malformed::bad("a line without a colon", HEADERS),
                _ => Malformed::bad("not a header name", HEADERS),
            });
        }
        let field = match self.word.get() {
            Some(name) if name.eq_ignore_ascii_case(b"host") => Field::Host,
            Some(name) if name.eq_ignore_ascii_case(b"content-length") => Field::Length,
            Some(name) if name.eq_ignore_ascii_case(b"transfer-encoding") => Field::Coding,
            _ => Field::Other,
        };
        self.word.clear();
        self.at = At::Before(field);
        Ok(taken + 1)
    }

    fn value(&mut self, field: Field, part: &[u8]) -> Result<(), Malformed> {
        if field == Field::Host {
            let of_a_host = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._:[] \t".contains(byte);
            if !part.iter().all(of_a_host) {
                return Err(Malformed::bad("not a host", field.place()));
            }
            if let Some(absolute) = &mut self.absolute {
                absolute.host(part);
            }
            return Ok(());
        }
        self.word.push(part);
        Ok(())
    }

    fn header_is_whole(&mut self, field: Field) -> Result<(), Malformed> {
        self.headers = self.headers.saturating_add(1);
        if usize::from(self.headers) > super::head::MOST_HEADERS {
            return Err(Malformed::new(431, format!("more than {} headers", super::head::MOST_HEADERS), HEADERS));
        }
        let twice = match field {
            Field::Host => std::mem::replace(&mut self.host, true),
            Field::Length => self.length.is_some(),
            Field::Coding => self.chunked,
            Field::Other => false,
        };
        if twice {
            return Err(Malformed::bad("sent more than once", field.place()));
        }
        let word = self.word.get().map(headers::trim);
        match field {
            Field::Length => {
                let length = word.and_then(|word| std::str::from_utf8(word).ok());
                self.length = Some(super::head::content_length(length.unwrap_or_default())?);
            }
            Field::Coding => {
                if !word.is_some_and(|word| word.eq_ignore_ascii_case(b"chunked")) {
                    return Err(Malformed::bad(super::head::ONLY_CHUNKED, field.place()));
                }
                self.chunked = true;
            }
            Field::Host | Field::Other => {}
        }
        self.word.clear();
        Ok(())
    }

    /// How the body is delimited (RFC 9112 section 6.3), without any of its choices.
    fn what_follows(&self) -> Result<At, Malformed> {
        if let Some(absolute) = &self.absolute {
            absolute.agrees(self.host)?;
        }
        match (self.chunked, self.length) {
            (true, Some(_)) => Err(Malformed::bad("both content-length and transfer-encoding", Field::Coding.place())),
            (true, None) if self.version == Version::Http10 => {
                Err(Malformed::bad("transfer-encoding belongs to HTTP/1.1", Field::Coding.place()))
            }
            (true, None) => Ok(At::ChunkSize(0, 0)),
            (false, Some(length @ 1..)) => Ok(At::Length(length)),
            (false, Some(0) | None) => Ok(At::Start),
        }
    }

    fn body(&mut self, rest: &[u8], byte: u8) -> Result<usize, Malformed> {
        match self.at {
            At::Length(left) => {
                let taken = most(left, rest);
                let left = left - taken as u64;
                self.at = if left == 0 { At::Start } else { At::Length(left) };
                Ok(taken)
            }
            At::Chunk(left) => {
                let taken = most(left, rest);
                let left = left - taken as u64;
                self.at = if left == 0 { At::ChunkEnd } else { At::Chunk(left) };
                Ok(taken)
            }
            At::ChunkSize(size, digits) => {
                let value = char::from(byte).to_digit(16);
                self.at = match (value, byte) {
                    (Some(_), _) if digits == MOST_CHUNK_DIGITS => {
                        return Err(Malformed::bad("a chunk size of more than 16 digits", BODY));
                    }
                    (Some(value), _) => At::ChunkSize(size << 4 | u64::from(value), digits + 1),
                    (None, _) if digits == 0 => return Err(Malformed::bad("a chunk without a size", BODY)),
                    (None, b'\r') => At::ChunkLf(size),
                    (None, b'\n') => return Err(bare_lf("size of a chunk")),
                    (None, b';') => return Err(Malformed::bad("chunk extensions are not accepted", BODY)),
                    (None, _) => return Err(Malformed::bad("a chunk size that is not hexadecimal", BODY)),
                };
                Ok(1)
            }
            At::ChunkLf(size) => {
                let next = if size == 0 { At::LastEnd } else { At::Chunk(size) };
                self.expect(byte, b'\n', next, "a carriage return without a line feed", "size of a chunk")
            }
            At::ChunkEnd => self.expect(byte, b'\r', At::ChunkEndLf, "a chunk is longer than its size", BODY),
            At::ChunkEndLf => {
                self.expect(byte, b'\n', At::ChunkSize(0, 0), "a carriage return without a line feed", BODY)
            }
            At::LastEnd => self.expect(byte, b'\r', At::LastEndLf, "trailers are not accepted", BODY),
            At::LastEndLf => self.expect(byte, b'\n', At::Start, "a carriage return without a line feed", BODY),
            _ => Err(Malformed::bad("what came before it was refused", "connection")),
        }
    }

    fn expect(&mut self, byte: u8, wanted: u8, next: At, what: &str, place: &str) -> Result<usize, Malformed> {
        if byte != wanted {
            return Err(Malformed::bad(what, place));
        }
        self.at = next;
        Ok(1)
    }
}

impl Field {
    fn place(self) -> &'static str {
        match self {
            Field::Host => "header host",
            Field::Length => "header content-length",
            Field::Coding => "header transfer-encoding",
            Field::Other => HEADERS,
        }
    }
}

/// How many bytes at the start are of that kind.
fn run(bytes: &[u8], kind: impl Fn(u8) -> bool) -> usize {
    bytes.iter().position(|byte| !kind(*byte)).unwrap_or(bytes.len())
}

fn most(left: u64, rest: &[u8]) -> usize {
    usize::try_from(left).unwrap_or(usize::MAX).min(rest.len())
}

/// RFC 9110 section 5.5.
fn may_be_in_a_value(byte: u8) -> bool {
    byte >= b' ' && byte != 0x7f || byte == b'\t'
}

fn bare_lf(place: &str) -> Malformed {
    Malformed::bad("a line feed without a carriage return", place)
}

#[cfg(test)]
mod tests;
