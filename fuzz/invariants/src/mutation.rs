//! Mutations of seeds, the same ones in every run: a test that fails today fails tomorrow.

/// What readers split at, escape, or are known to disagree on.
const WORDS: &[&[u8]] = &[
    b"%2e",
    b"%2f",
    b"%25",
    b"%00",
    b"%C0%AF",
    b"..",
    b"//",
    b"\\",
    b";",
    b"#",
    b"?",
    b"&",
    b"=",
    b"+",
    b"[]",
    b"\0",
    b"\r",
    b"\n",
    b"\r\n",
    b"\r\n\r\n",
    b"\n\n",
    b"\t",
    b" ",
    b":",
    b",",
    b"\"",
    b"\\u0000",
    b"\\ud800",
    b"{",
    b"}",
    b"[",
    b"]",
    b"null",
    b"1e400",
    b"-0",
    b"0x10",
    b"chunked",
    b"Content-Length: 3\r\n",
    b"--b",
    b"$v",
    b"...",
    b"\"\"\"",
    b"\xEF\xBB\xBF",
    b"\xE2\x80\xAE",
    b"\xE2\x80\x8B",
    b"\xCC\x80",
    b"\xFF",
    b"    ",
];
/// Longer ones are not made.
const LONGEST: usize = 4096;

/// Makes one text of others.
#[derive(Debug, Clone)]
pub struct Mutator {
    state: u64,
}

impl Mutator {
    #[must_use]
    pub fn new(seed: u64) -> Mutator {
        Mutator { state: seed.wrapping_mul(2).wrapping_add(1) }
    }

    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end.max(1) as u64).unwrap_or_default()
    }

    /// One to four changes of one of the seeds.
    #[must_use]
    pub fn mutate(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        let mut text = seeds[self.below(seeds.len())].clone();
        for _ in 0..=self.below(4) {
            self.change(&mut text, seeds);
        }
        text.truncate(LONGEST);
        text
    }

    fn change(&mut self, text: &mut Vec<u8>, seeds: &[Vec<u8>]) {
        let at = self.below(text.len() + 1);
        let end = at + self.below(16.min(text.len() - at) + 1);
        match self.below(8) {
            0 if at < text.len() => text[at] ^= 1 << self.below(8),
            1 if at < text.len() => text[at] = (self.next() & 0xFF) as u8,
            2 => drop(text.drain(at..end)),
            3 => {
                let part = text[at..end].to_vec();
                let times = 1 + self.below(4);
                text.splice(at..at, part.repeat(times));
            }
            4 => {
                let word = WORDS[self.below(WORDS.len())];
                text.splice(at..end, word.iter().copied());
            }
            5 => {
                let other = &seeds[self.below(seeds.len())];
                let from = self.below(other.len() + 1);
                let to = from + self.below(other.len() - from + 1);
                text.splice(at..at, other[from..to].iter().copied());
            }
            6 => text[at..end].reverse(),
            _ => {
                let word = WORDS[self.below(WORDS.len())];
                text.splice(at..at, word.iter().copied());
            }
        }
    }
}
