//! Passwords: argon2id, 19 MiB, 2 passes, 1 lane (the first choice of OWASP's password storage sheet),
//! 16 bytes of salt, 32 of hash, kept as a PHC string.
//!
//! INVARIANT: at most half of the cores hash at a time, and few wait for their turn: a flood of
//! sign-ins cannot take the machine from the calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

/// Shortest password, in characters (NIST SP 800-63B asks for 8 at least; one factor deserves more).
const SHORTEST: usize = 12;
/// Longest, in bytes: hashing must not be a way to keep the gate busy.
const LONGEST: usize = 1024;
/// How many may wait for their turn.
const WAITING: usize = 16;

const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// What is compared with where there is no password, so that it takes as long. No password has it: it
/// is 32 zero bytes.
const NOBODYS: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Too many want to sign in at the same time, or the system gives no randomness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too busy to check passwords")]
pub(crate) struct Busy;

/// Where passwords are hashed.
#[derive(Debug)]
pub(crate) struct Passwords {
    turns: Arc<Semaphore>,
    waiting: AtomicUsize,
}

impl Default for Passwords {
    fn default() -> Passwords {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Passwords { turns: Arc::new(Semaphore::new((cores / 2).clamp(1, 4))), waiting: AtomicUsize::new(0) }
    }
}

impl Passwords {
    /// A new password's PHC string.
    pub(crate) async fn hash(&self, password: &str) -> Result<String, Busy> {
        let password = password.to_owned();
        self.in_turn(move || {
            let mut salt = [0_u8; 16];
            getrandom::fill(&mut salt).map_err(|_| Busy)?;
            let hash: PasswordHash = argon2()?.hash_password_with_salt(password.as_bytes(), &salt).map_err(|_| Busy)?;
            Ok(hash.to_string())
        })
        .await?
    }

    /// Whether it is the password of `hash`. Takes as long where there is none.
    pub(crate) async fn verify(&self, password: &str, hash: Option<String>) -> Result<bool, Busy> {
        let fits = password.len() <= LONGEST;
        let password = if fits { password.to_owned() } else { String::new() };
        self.in_turn(move || {
            let exists = hash.is_some() && fits;
            let hash = hash.unwrap_or_else(|| NOBODYS.to_owned());
            let Ok(parsed) = PasswordHash::new(&hash) else { return Ok(false) };
            Ok(argon2()?.verify_password(password.as_bytes(), &parsed).is_ok() && exists)
        })
        .await?
    }

    async fn in_turn<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Busy> {
        let _place = Place::take(&self.waiting).ok_or(Busy)?;
        let turn = self.turns.clone().acquire_owned().await.map_err(|_| Busy)?;
        // The turn goes along: a caller who hangs up does not make room while the work goes on.
        tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work()
        })
        .await
        .map_err(|_| Busy)
    }
}

/// A place in the line, given back when dropped.
struct Place<'a>(&'a AtomicUsize);

impl Place<'_> {
    fn take(waiting: &AtomicUsize) -> Option<Place<'_>> {
        let place = Place(waiting);
        // Dropping `place` takes it back also where the line was full.
        if waiting.fetch_add(1, Ordering::Relaxed) < WAITING { Some(place) } else { None }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Whether a password may be taken; for whom, so that it is not simply their name.
pub(crate) fn is_strong(password: &str, login: &str) -> bool {
    password.chars().count() >= SHORTEST
        && password.len() <= LONGEST
        && !password.eq_ignore_ascii_case(login)
        && password.chars().any(|one| !password.starts_with(one))
}

fn argon2() -> Result<Argon2<'static>, Busy> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|_| Busy)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_known_again_and_no_other_is() {
        let passwords = Passwords::default();
        let hash = passwords.hash("correct horse battery").await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert_ne!(hash, passwords.hash("correct horse battery").await.unwrap(), "salted");
        assert!(passwords.verify("correct horse battery", Some(hash.clone())).await.unwrap());
        assert!(!passwords.verify("correct horse batterz", Some(hash.clone())).await.unwrap());
        assert!(!passwords.verify("", Some(hash)).await.unwrap());
    }

    #[tokio::test]
    async fn nobody_has_no_password() {
        let passwords = Passwords::default();
        PasswordHash::new(NOBODYS).unwrap();
        assert!(!passwords.verify("correct horse battery", None).await.unwrap());
        assert!(!passwords.verify("x", Some("not a hash".to_owned())).await.unwrap());
        // Longer than is hashed: not the same as the empty one.
        let hash = passwords.hash("").await.unwrap();
        assert!(!passwords.verify(&"x".repeat(2000), Some(hash)).await.unwrap());
    }

    #[tokio::test]
    async fn a_crowd_is_sent_away() {
        let passwords = Passwords { turns: Arc::new(Semaphore::new(0)), waiting: AtomicUsize::new(0) };
        let mut waiting: Vec<_> = (0..WAITING).map(|_| Box::pin(passwords.verify("x", None))).collect();
        for one in &mut waiting {
            assert!(futures::poll!(one).is_pending());
        }
        assert_eq!(passwords.verify("x", None).await, Err(Busy));
        waiting.pop();
        assert!(futures::poll!(Box::pin(passwords.verify("x", None))).is_pending(), "a place was given back");
    }

    #[test]
    fn weak_passwords() {
        for (password, strong) in [
            ("correct horse", true),
            ("elf char lan", true),
            ("short", false),
            ("elf charlan", false),
            ("aaaaaaaaaaaaaaaa", false),
            ("Dana@Example.com", false),
        ] {
            assert_eq!(is_strong(password, "dana@example.com"), strong, "{password}");
        }
        assert!(!is_strong(&"xy".repeat(600), "dana"));
    }
}
