//! Keys that callers present: `hsk_agent_...`, `hsk_project_...`, `hsk_user_...`.
//!
//! 256 random bits in base62 (43 characters) and a checksum (6 characters), so that a mistyped or
//! truncated key is told from an unknown one without asking the store. Stored as SHA-256; shown once.

/// Whose key it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyKind {
    Agent,
    Project,
    User,
}

/// A key's text, as shown once or as presented. `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct KeySecret(String);

/// SHA-256 of a key's text.
pub type KeyHash = [u8; 32];

/// What a text with our prefix turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAKey {
    #[error("not one of our keys")]
    Foreign,
    #[error("mistyped or cut off")]
    Checksum,
}

impl KeyKind {
    #[must_use]
    pub fn prefix(self) -> &'static str {
        match self {
            KeyKind::Agent => "hsk_agent_",
            KeyKind::Project => "hsk_project_",
            KeyKind::User => "hsk_user_",
        }
    }
}

impl KeySecret {
    /// A new key.
    ///
    /// # Errors
    /// The system gives no randomness.
    pub fn generate(kind: KeyKind) -> Result<KeySecret, getrandom::Error> {
        let _ = kind;
        todo!()
    }

    /// Reads what a caller presented. Does not look it up.
    ///
    /// # Errors
    /// It has not our form.
    pub fn parse(text: &str) -> Result<(KeyKind, KeySecret), NotAKey> {
        let _ = text;
        todo!()
    }

    /// Whether a header's value is meant for us: has one of our prefixes.
    #[must_use]
    pub fn looks_like_ours(text: &str) -> bool {
        text.starts_with("hsk_")
    }

    #[must_use]
    pub fn hash(&self) -> KeyHash {
        todo!()
    }

    /// The text, for showing once.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for KeySecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("\"......\"")
    }
}
