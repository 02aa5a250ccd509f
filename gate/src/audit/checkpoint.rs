//! Signed checkpoints: what a tree was at some time, as a C2SP signed note (<https://c2sp.org/tlog-checkpoint>,
//! <https://c2sp.org/signed-note>). Whoever keeps one can tell later whether the log still extends it.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use permit::{Algorithm, KeyError, KeyRing};
use sha2::{Digest as _, Sha256};

use super::hex;
use super::tree::Hash;

/// Ed25519, in key ids and verifier keys.
const ED25519_TYPE: u8 = 1;

/// A tree's size and root, of the log called `origin`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    pub origin: String,
    pub size: u64,
    pub root: Hash,
}

/// Why a text is no checkpoint to believe.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum CheckpointError {
    #[error("this is no signed checkpoint: {0}")]
    Malformed(&'static str),
    #[error("it bears no signature of {0}")]
    Unsigned(String),
    #[error("the signature of {0} does not belong to this text")]
    Forged(String),
}

impl Checkpoint {
    fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, STANDARD.encode(self.root))
    }

    /// Reads a note that one of the keys signed.
    ///
    /// # Errors
    /// It is no checkpoint, or none of the keys signed it.
    pub fn open(note: &str, keys: &[VerifierKey]) -> Result<Checkpoint, CheckpointError> {
        let malformed = CheckpointError::Malformed;
        let (text, signatures) = note.rsplit_once("\n\n").ok_or(malformed("no empty line before the signatures"))?;
        let text = format!("{text}\n");
        let mut lines = text.lines();
        let (origin, size, root) = (lines.next(), lines.next(), lines.next());
        let (Some(origin), Some(size), Some(root)) = (origin, size, root) else {
            return Err(malformed("it needs an origin, a size and a root"));
        };
        let number = size.parse().ok().filter(|number: &u64| number.to_string() == size);
        let root: Option<Hash> = STANDARD.decode(root).ok().and_then(|root| root.try_into().ok());
        let (Some(size), Some(root)) = (number, root) else {
            return Err(malformed("its size is no number, or its root no hash"));
        };
        let mut signed = false;
        for line in signatures.lines() {
            let (name, signature) =
                line.strip_prefix("\u{2014} ").and_then(|line| line.split_once(' ')).ok_or(malformed("a signature"))?;
            let signature = STANDARD.decode(signature).map_err(|_| malformed("a signature"))?;
            let (id, signature) = signature.split_at_checked(4).ok_or(malformed("a signature"))?;
            // Signatures of others, such as witnesses, are theirs.
            for key in keys.iter().filter(|key| key.name == name && key.id() == id) {
                let known = UnparsedPublicKey::new(&ED25519, key.key);
                known.verify(text.as_bytes(), signature).map_err(|_| CheckpointError::Forged(name.to_owned()))?;
                signed = true;
            }
        }
        let names = || keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        if signed {
            Ok(Checkpoint { origin: origin.to_owned(), size, root })
        } else {
            Err(CheckpointError::Unsigned(names()))
        }
    }
}

/// A public key with its name, as signed notes write it: `name+id+key`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    pub name: String,
    key: [u8; 32],
}

impl VerifierKey {
    fn id(&self) -> [u8; 4] {
        let hash = Sha256::new().chain_update(&self.name).chain_update([b'\n', ED25519_TYPE]).chain_update(self.key);
        let mut id = [0; 4];
        id.iter_mut().zip(hash.finalize()).for_each(|(to, from)| *to = from);
        id
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = [&[ED25519_TYPE], self.key.as_slice()].concat();
        write!(f, "{}+{}+{}", self.name, hex(&self.id()), STANDARD.encode(key))
    }
}

impl FromStr for VerifierKey {
    type Err = CheckpointError;

    fn from_str(text: &str) -> Result<VerifierKey, CheckpointError> {
        let wrong = CheckpointError::Malformed("a verifier key reads NAME+ID+KEY, with an Ed25519 key");
        let mut parts = text.trim().splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else { return Err(wrong) };
        let key = STANDARD.decode(key).ok().and_then(|key| key.strip_prefix(&[ED25519_TYPE])?.try_into().ok());
        let Some(key) = key else { return Err(wrong) };
        let key = VerifierKey { name: name.to_owned(), key };
        if hex(&key.id()) == id { Ok(key) } else { Err(CheckpointError::Malformed("the key's id is not its own")) }
    }
}

/// What signs the checkpoints of a log, and nothing else: Ed25519 keys in a folder of their own.
#[derive(Debug)]
pub struct LogKey {
    origin: String,
    keys: KeyRing,
}

impl LogKey {
    /// Opens the folder, and makes the first key where there is none. `origin` names the log: no spaces, no `+`.
    ///
    /// # Errors
    /// The folder cannot be read or written, or lets others read a key.
    pub fn open(folder: &Path, origin: &str, now: i64) -> Result<LogKey, KeyError> {
        Ok(LogKey { origin: origin.to_owned(), keys: KeyRing::open(folder, Algorithm::EdDsa, now)? })
    }

    /// A key in memory only.
    ///
    /// # Errors
    /// It cannot be generated.
    pub fn ephemeral(origin: &str, now: i64) -> Result<LogKey, KeyError> {
        Ok(LogKey { origin: origin.to_owned(), keys: KeyRing::ephemeral(Algorithm::EdDsa, now)? })
    }

    /// The key that others verify with. Older ones, before a rotation, come after it.
    #[must_use]
    pub fn verifiers(&self) -> Vec<VerifierKey> {
        self.keys.ed25519().into_iter().map(|key| VerifierKey { name: self.origin.clone(), key }).collect()
    }

    /// Signs what a tree is now.
    ///
    /// # Errors
    /// The signature cannot be made.
    pub fn sign(&self, size: u64, root: Hash) -> Result<String, KeyError> {
        let text = Checkpoint { origin: self.origin.clone(), size, root }.text();
        let signature = self.keys.sign_bytes(text.as_bytes())?;
        let id = self.verifiers().first().map(VerifierKey::id).ok_or(KeyError::Sign)?;
        let signature = STANDARD.encode([id.as_slice(), &signature].concat());
        Ok(format!("{text}\n\u{2014} {} {signature}\n", self.origin))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed() -> (LogKey, String) {
        let key = LogKey::ephemeral("gate.example.com/log", 0).unwrap();
        let note = key.sign(17, [7; 32]).unwrap();
        (key, note)
    }

    #[test]
    fn a_checkpoint_is_read_with_the_key_that_signed_it() {
        let (key, note) = signed();
        let read = Checkpoint::open(&note, &key.verifiers()).unwrap();
        assert_eq!(read, Checkpoint { origin: "gate.example.com/log".to_owned(), size: 17, root: [7; 32] });
        let written: VerifierKey = key.verifiers()[0].to_string().parse().unwrap();
        assert_eq!(key.verifiers(), [written], "the key goes through its text form");
        let with_witness = format!("{note}\u{2014} witness.example.com AAAAAAAAAAAA\n");
        assert_eq!(Checkpoint::open(&with_witness, &key.verifiers()), Ok(read), "others may sign, too");
    }

    /// Keys that others made: of Go's checksum database, and of its package `note`.
    #[test]
    fn keys_of_others_are_read_and_written_as_they_were() {
        for text in [
            "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8",
            "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        ] {
            assert_eq!(text.parse::<VerifierKey>().map(|key| key.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn whatever_was_changed_is_not_believed() {
        let (key, note) = signed();
        let (other, _) = signed();
        let forged = Err(CheckpointError::Forged("gate.example.com/log".to_owned()));
        assert_eq!(Checkpoint::open(&note.replace("\n17\n", "\n18\n"), &key.verifiers()), forged);
        assert!(matches!(Checkpoint::open(&note, &other.verifiers()), Err(CheckpointError::Unsigned(_))));
        assert!(matches!(Checkpoint::open(&note, &[]), Err(CheckpointError::Unsigned(_))));
        for (from, to) in [("\n17\n", "\n017\n"), ("\n17\n", "\n"), ("\n\n", "\n"), ("\u{2014} ", "- ")] {
            let broken = Checkpoint::open(&note.replace(from, to), &key.verifiers());
            assert!(matches!(broken, Err(CheckpointError::Malformed(_))), "{from:?} -> {to:?}: {broken:?}");
        }
        for text in ["", "a+b", "a+00000000+AQ==", "gate+00000000+AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
            assert!(text.parse::<VerifierKey>().is_err(), "{text:?}");
        }
    }
}
