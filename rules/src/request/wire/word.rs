//! The little that is kept of the text of a head: enough to know the words that matter.

/// The longest word that has a meaning is `transfer-encoding`.
const WORD: usize = 24;

/// The start of a method, a version, a header's name, or the value of one that delimits the body.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Word {
    bytes: [u8; WORD],
    /// Of the whole word, also where it does not fit.
    pub(super) length: u8,
}

impl Word {
    pub(super) fn clear(&mut self) {
        self.length = 0;
    }

    pub(super) fn push(&mut self, part: &[u8]) {
        let from = usize::from(self.length);
        for (place, byte) in self.bytes.iter_mut().skip(from).zip(part) {
            *place = *byte;
        }
        self.length = u8::try_from(from.saturating_add(part.len())).unwrap_or(u8::MAX);
    }

    /// `None` where it is longer than any that is known.
    pub(super) fn get(&self) -> Option<&[u8]> {
        self.bytes.get(..usize::from(self.length))
    }

    /// All of it, or as much as was kept.
    pub(super) fn start(&self) -> &[u8] {
        self.get().unwrap_or(&self.bytes)
    }

    pub(super) fn is(&self, word: &str) -> bool {
        self.get().is_some_and(|it| it.eq_ignore_ascii_case(word.as_bytes()))
    }
}
