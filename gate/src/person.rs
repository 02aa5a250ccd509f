//! People: accounts, roles, teams, sessions.

use crate::clock::Timestamp;
use crate::id::{KeyId, PersonId, SessionId};
use crate::key::KeyHash;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    Viewer,
    Approver,
    Admin,
}

impl Role {
    /// The name that the command line, the API, the store and the audit log use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Approver => "approver",
            Role::Admin => "admin",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Role> {
        [Role::Viewer, Role::Approver, Role::Admin].into_iter().find(|role| role.as_str() == text)
    }
}

/// A person who reads or decides.
#[derive(Debug, Clone)]
pub struct Person {
    pub id: PersonId,
    /// What they sign in with: an e-mail address, or a plain name where there is none. Unique, lower case.
    pub email: String,
    pub name: String,
    pub role: Role,
    /// Names of the teams, from files and store.
    pub teams: Vec<String>,
    pub disabled: bool,
    pub has_password: bool,
    pub created_at: Timestamp,
    pub last_seen_at: Option<Timestamp>,
}

/// A browser's sign-in. The cookie carries a random token; the store keeps its SHA-256.
#[derive(Debug, Clone)]
pub struct Session {
    pub id: SessionId,
    pub person: PersonId,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub last_seen_at: Timestamp,
    /// The browser, as it calls itself.
    pub browser: String,
}

impl Session {
    /// As the log names it beside a verdict.
    #[must_use]
    pub fn named(&self) -> String {
        format!("session {}", self.id)
    }
}

/// What is known of a personal token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    pub id: KeyId,
    /// Last four characters, to tell tokens apart.
    pub hint: String,
    pub label: Option<String>,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
}

/// A one-time link as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    pub token_hash: KeyHash,
    /// `None`: whoever uses it becomes the first admin.
    pub person: Option<PersonId>,
    pub expires_at: Timestamp,
    pub used_at: Option<Timestamp>,
}

/// Why somebody is not let in. Deliberately says little.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    #[error("e-mail or password is wrong")]
    Wrong,
    #[error("too many attempts: try again in {0} seconds")]
    Later(u64),
    #[error("this link was used, or is older than an hour: run `holdshort users link` for a new one")]
    Link,
    #[error("a password needs at least 12 characters")]
    Weak,
    #[error("{0}")]
    Invalid(String),
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
}

/// Reads what a person signs in with, and lower-cases it: an e-mail address, or a plain name of
/// letters, digits, dots, hyphens and underscores (a machine's account, a demo).
///
/// # Errors
/// It is neither, in a sentence.
pub(crate) fn login(text: &str) -> Result<String, String> {
    let text = text.trim();
    let ok = match text.split_once('@') {
        Some((local, domain)) => is_local_part(local) && is_domain(domain),
        None => is_plain_name(text),
    };
    if ok && text.len() <= 254 {
        Ok(text.to_ascii_lowercase())
    } else {
        Err(format!("not an e-mail address, nor a plain name of letters and digits: {:?}", shortened(text)))
    }
}

/// Whether a text may name a team or a project: 1 to 64 letters, digits, dots, hyphens, underscores.
pub(crate) fn is_plain_name(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.chars().all(|one| one.is_ascii_alphanumeric() || "._-".contains(one))
}

/// The unquoted form of RFC 5321, ASCII only: what looks alike cannot stand for somebody else.
fn is_local_part(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && !text.starts_with('.')
        && !text.ends_with('.')
        && !text.contains("..")
        && text.chars().all(|one| one.is_ascii_alphanumeric() || "!#$%&'*+/=?^_`{|}~.-".contains(one))
}

fn is_domain(text: &str) -> bool {
    text.split('.').all(|label| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|one| one.is_ascii_alphanumeric() || one == '-')
    })
}

pub(crate) fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins() {
        for (text, want) in [
            ("Dana@Example.com", Some("dana@example.com")),
            (" dana@example.com ", Some("dana@example.com")),
            ("dana+x@sub.example.com", Some("dana+x@sub.example.com")),
            ("dana@localhost", Some("dana@localhost")),
            ("Dana", Some("dana")),
            ("ci-bot.2", Some("ci-bot.2")),
            ("", None),
            ("dana@", None),
            ("@example.com", None),
            ("dana@@example.com", None),
            ("dana@exam ple.com", None),
            ("dana@example..com", None),
            ("dana@-example.com", None),
            ("da na", None),
            (".dana", None),
            ("dana.@example.com", None),
            ("d\u{430}na@example.com", None),
            ("dana\n@example.com", None),
            ("<dana@example.com>", None),
        ] {
            assert_eq!(login(text).ok().as_deref(), want, "{text:?}");
        }
        assert!(login(&format!("{}@example.com", "a".repeat(65))).is_err());
        assert!(login(&"a".repeat(65)).is_err());
    }
}
