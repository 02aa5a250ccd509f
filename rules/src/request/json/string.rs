//! Strings as JSON writes them (RFC 8259 section 7): where they end, and what they mean.

use std::borrow::Cow;

const LONE: &str = "half of a surrogate pair";
const HEX: &str = "\"\\u\" without four hexadecimal digits";

/// Where a string ends: the place of its closing quote, and whether anything in it is escaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Scanned {
    pub(super) end: usize,
    pub(super) escaped: bool,
}

/// Reads on from behind the opening quote. Every escape is checked here, so that
/// [`unescaped`] has nothing left to refuse.
///
/// # Errors
/// What is wrong, and the byte at which it was found.
pub(super) fn scan(text: &[u8], start: usize) -> Result<Scanned, (&'static str, usize)> {
    let (mut at, mut escaped) = (start, false);
    loop {
        at += plain(text.get(at..).unwrap_or_default());
        match text.get(at) {
            Some(b'"') => return Ok(Scanned { end: at, escaped }),
            Some(b'\\') => {
                escaped = true;
                at += 1;
                let (_, length) = escape(text.get(at..).unwrap_or_default()).map_err(|what| (what, at))?;
                at += length;
            }
            Some(_) => return Err(("control character in a string", at)),
            None => return Err(("the JSON text ends within a string", at)),
        }
    }
}

/// What a string that [`scan`] accepted means.
pub(super) fn unescaped(written: &str) -> Cow<'_, str> {
    let mut parts = written.split_inclusive('\\');
    let first = parts.next().unwrap_or_default();
    let Some(start) = first.strip_suffix('\\') else { return written.into() };
    let mut text = String::with_capacity(written.len());
    text.push_str(start);
    let mut rest = written.get(first.len()..).unwrap_or_default();
    while let Ok((meant, length)) = escape(rest.as_bytes()) {
        text.push(meant);
        rest = rest.get(length..).unwrap_or_default();
        let Some((start, after)) = rest.split_once('\\') else { break };
        text.push_str(start);
        rest = after;
    }
    text.push_str(rest);
    text.into()
}

/// How many bytes at the start stand for themselves. Eight are looked at in one step: in each byte of
/// the word, the top bit tells whether the byte is a quote, a backslash or a control character.
fn plain(bytes: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const TOPS: u64 = 0x8080_8080_8080_8080;
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word & TOPS;
    let (words, tail) = bytes.as_chunks::<8>();
    let mut at = 0;
    for word in words {
        let word = u64::from_le_bytes(*word);
        let quotes = zeros(word ^ (ONES * u64::from(b'"')));
        let backslashes = zeros(word ^ (ONES * u64::from(b'\\')));
        let controls = word.wrapping_sub(ONES * 0x20) & !word & TOPS;
        // A borrow can only mark a byte behind one that is rightly marked: the first mark is always true.
        let stops = quotes | backslashes | controls;
        if stops != 0 {
            return at + stops.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    at + tail.iter().take_while(|byte| !matches!(byte, b'"' | b'\\' | 0..=0x1f)).count()
}

/// The character an escape means and its length, without the backslash.
fn escape(bytes: &[u8]) -> Result<(char, usize), &'static str> {
    let plain = match bytes.first() {
        Some(b'u') => return unicode(bytes),
        Some(b'n') => '\n',
        Some(b't') => '\t',
        Some(b'r') => '\r',
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(byte @ (b'"' | b'\\' | b'/')) => char::from(*byte),
        _ => return Err("not an escape that JSON has"),
    };
    Ok((plain, 1))
}

/// `uXXXX`, or both halves of a pair.
fn unicode(bytes: &[u8]) -> Result<(char, usize), &'static str> {
    let first = hex4(bytes.get(1..5))?;
    let (code, length) = match first {
        0xd800..=0xdbff => {
            if bytes.get(5..7) != Some(b"\\u") {
                return Err(LONE);
            }
            let second = hex4(bytes.get(7..11))?;
            if !(0xdc00..=0xdfff).contains(&second) {
                return Err(LONE);
            }
            (0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00), 11)
        }
        code => (code, 5),
    };
    Ok((char::from_u32(code).ok_or(LONE)?, length))
}

fn hex4(digits: Option<&[u8]>) -> Result<u32, &'static str> {
    let digit = |code, byte: &u8| Some(code << 4 | char::from(*byte).to_digit(16)?);
    digits.ok_or(HEX)?.iter().try_fold(0, digit).ok_or(HEX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_that_ends_a_plain_run_is_found_wherever_it_stands() {
        for length in 0..24 {
            for at in 0..length {
                for stop in (0..=0x1f).chain([b'"', b'\\']) {
                    let mut bytes = vec![b'a'; length];
                    bytes[at] = stop;
                    assert_eq!(plain(&bytes), at, "{stop:#x} at {at} of {length}");
                    // Neighbours that a borrow could mistake.
                    bytes[at + 1..].fill(stop + 1);
                    bytes[..at].fill(0xff);
                    assert_eq!(plain(&bytes), at, "{stop:#x} at {at} of {length}");
                }
            }
        }
        let all: Vec<u8> = (0x20..=0xff).filter(|byte| !matches!(byte, b'"' | b'\\')).collect();
        assert_eq!(plain(&all), all.len());
    }

    #[test]
    fn what_is_escaped_is_what_was_meant() {
        for (written, meant) in [
            ("", ""),
            ("plain", "plain"),
            ("\\u0041\\n", "A\n"),
            ("a\\\\b\\\"c", "a\\b\"c"),
            ("\\ud83d\\ude00é\\/", "😀é/"),
            ("\\\\u0041", "\\u0041"),
        ] {
            assert_eq!(unescaped(written), meant);
        }
    }
}
