//! JSONTestSuite: what must be accepted is, but for what RFC 7493 or our bounds refuse; what must be refused is.

use crate::request::json::parse;
use crate::request::target::hex_pair;

const SUITE: &str = include_str!("suite.txt");

/// What the suite wants accepted and is refused all the same, and why.
const STRICTER: [(&str, &str); 3] = [
    ("y_object_duplicated_key", "RFC 7493, section 2.3: some parsers take the first, some the last"),
    ("y_object_duplicated_key_and_value", "RFC 7493, section 2.3"),
    ("y_object_escaped_null_in_key", "servers written in C end a key at NUL"),
];

fn bytes(text: &str) -> Vec<u8> {
    let mut bytes = text.bytes().enumerate();
    let mut decoded = Vec::new();
    while let Some((at, byte)) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                bytes.nth(1);
                hex_pair(text.as_bytes(), at + 1).unwrap()
            }
            byte => byte,
        });
    }
    decoded
}

fn repeated(text: &str) -> Vec<u8> {
    let piece = |piece: &str| {
        let (times, piece) = piece.split_once('*').unwrap();
        bytes(piece).repeat(times.parse().unwrap())
    };
    text.split(' ').flat_map(piece).collect()
}

#[test]
fn the_suite_is_read_as_its_table_says() {
    let mut counts = [0, 0, 0];
    let mut stricter = Vec::new();
    for row in SUITE.lines().filter(|row| row.contains('¶')).filter(|row| !row.starts_with('#')) {
        let [name, text, expected] = row.split('¶').collect::<Vec<_>>()[..] else { panic!("{row}") };
        let (name, text) = match name.trim().strip_suffix(" (repeated)") {
            Some(name) => (name, repeated(text)),
            None => (name.trim(), bytes(text)),
        };
        let outcome = parse(&text).map_or_else(|error| error.what, |_| "accept".to_owned());
        assert_eq!(outcome, expected.trim(), "{name}");
        match (&name[..2], outcome.as_str()) {
            ("n_", "accept") => panic!("{name} is accepted"),
            ("y_", "accept") => counts[0] += 1,
            ("y_", _) => stricter.push(name),
            ("n_", _) => counts[1] += 1,
            ("i_", _) => counts[2] += 1,
            _ => panic!("{name}"),
        }
    }
    assert_eq!(stricter, STRICTER.map(|(name, _)| name));
    assert_eq!(counts, [92, 188, 35]);
}
