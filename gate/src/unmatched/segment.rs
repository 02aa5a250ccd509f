//! Which segments of a path are values rather than words.

/// What a route would call the segment, where it looks like a value: `id` or `date`. `None`: a word.
pub(super) fn kind(segment: &str) -> Option<&'static str> {
    let bytes = segment.as_bytes();
    if is_date(bytes) {
        return Some("date");
    }
    let digits = bytes.iter().filter(|byte| byte.is_ascii_digit()).count();
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(byte);
    let hex = bytes.iter().all(u8::is_ascii_hexdigit);
    // From letter to digit and back: names have few of these, random texts many.
    let turns = bytes.windows(2).filter(|pair| matches!(pair, [a, b] if turn(*a, *b))).count();
    let value = bytes.len() > 40
        || digits > 0 && bytes.iter().all(|byte| byte.is_ascii_digit() || b"-.+".contains(byte))
        || hex && digits > 0 && bytes.len() >= 8
        || hex && bytes.len() >= 16
        || digits > 0 && bytes.len() >= 20
        || turns >= 3 && bytes.len() >= 10
        // What could not stand in a route as it is: escapes, addresses, wildcards.
        || !bytes.iter().all(plain);
    value.then_some("id")
}

fn turn(a: u8, b: u8) -> bool {
    a.is_ascii_digit() && b.is_ascii_alphabetic() || a.is_ascii_alphabetic() && b.is_ascii_digit()
}

/// `2026-11-21`, also with a time behind it.
fn is_date(bytes: &[u8]) -> bool {
    let Some((date, rest)) = bytes.split_at_checked(10) else { return false };
    let shape = date.iter().enumerate().all(|(at, byte)| match at {
        4 | 7 => *byte == b'-',
        _ => byte.is_ascii_digit(),
    });
    shape && (rest.is_empty() || rest.first() == Some(&b'T'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_told_from_words() {
        let words = "v1 v2beta1 users oauth2callback s3 api.json _search well-known create-refund_now ab12 Users ~me face \
                     version-2 utf8 sha256 en-US";
        let values = "1 123 00042 3.14 -1 c0ffee12 0b4b9dfa-5b83-4b9c-a4f3-2a1e3f4d5c6b 5f2b3c4d deadbeefdeadbeef \
                      cus_9s6XKzkNRiz8i3 int_01HF7YAT3WJ0 a%20b me@example.com {x} * eyJhbGciOiJIUzI1NiIsInR5cCI6 \
                      xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx a:b";
        for word in words.split_whitespace() {
            assert_eq!(kind(word), None, "{word}");
        }
        for value in values.split_whitespace() {
            assert_eq!(kind(value), Some("id"), "{value}");
        }
        for date in ["2026-11-21", "2026-11-21T10:00:00Z"] {
            assert_eq!(kind(date), Some("date"), "{date}");
        }
    }
}
