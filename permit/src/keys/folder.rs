//! The folder of signing keys: one PKCS#8 PEM file for each key, mode 0600, whose name says the rest:
//!
//! ```text
//! ES256.1789000000.<kid>.pem                            made at 1789000000, signs
//! ES256.1789000000.<kid>.1789500000.1789503600.pem      retired at the second time, listed until the third
//! ```
//!
//! So that each change is one rename, and no second file can disagree. A key is written to a new file
//! that nobody else can read, synced, and only then given its name. Writers hold `.lock` alone, readers
//! together; the kernel drops the lock of a process that dies.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
#[cfg(unix)]
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::pair::Pair;
use super::{Algorithm, Key, KeyError, KeyInfo};

const UNFINISHED: &str = ".new-";

pub(super) struct Folder(PathBuf);

/// Proof that no other process writes to the folder meanwhile.
pub(super) struct Lock(#[expect(dead_code, reason = "held until dropped")] File);

impl Folder {
    /// Makes the folder where it is not there.
    pub(super) fn at(path: &Path) -> Result<Folder, KeyError> {
        let folder = Folder(path.to_owned());
        if !path.is_dir() {
            let mut builder = DirBuilder::new();
            builder.recursive(true);
            #[cfg(unix)]
            builder.mode(0o700);
            builder.create(path).map_err(|error| folder.writing(error))?;
        }
        // Whoever may write here could put a key of their own into the list.
        refuse_mode(path, 0o022, "can put keys into it", 0o700)?;
        Ok(folder)
    }

    /// Waits until this process is the only one that reads or writes keys.
    pub(super) fn lock(&self) -> Result<Lock, KeyError> {
        let file = self.lock_file().map_err(|error| self.writing(error))?;
        file.lock().map_err(|error| self.writing(error))?;
        Ok(Lock(file))
    }

    /// The keys, read while nobody writes.
    pub(super) fn read_shared(&self) -> Result<Vec<Key>, KeyError> {
        let lock = match self.lock_file() {
            Ok(file) => {
                file.lock_shared().map_err(|error| self.reading(error))?;
                Some(file)
            }
            // A folder that this process cannot write to (a mounted secret) is read as it is.
            Err(error) if matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem) => None,
            Err(error) => return Err(self.reading(error)),
        };
        let keys = self.keys();
        drop(lock);
        keys
    }

    /// The keys, read under the lock. Clears away what a process that died left unfinished.
    pub(super) fn read(&self, _: &Lock) -> Result<Vec<Key>, KeyError> {
        for entry in std::fs::read_dir(&self.0).map_err(|error| self.reading(error))? {
            let entry = entry.map_err(|error| self.reading(error))?;
            if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
                std::fs::remove_file(entry.path()).map_err(|error| self.writing(error))?;
            }
        }
        self.keys()
    }

    /// Makes a key and its file.
    pub(super) fn add(&self, _: &Lock, algorithm: Algorithm, created_at: i64) -> Result<Key, KeyError> {
        let (pair, document) = Pair::generate(algorithm)?;
        let key = Key::new(pair, created_at);
        let unfinished = self.0.join(format!("{UNFINISHED}{}", key.info.kid));
        let write = || -> io::Result<()> {
            let mut options = OpenOptions::new();
            options.write(true).create_new(true);
            #[cfg(unix)]
            options.mode(0o600);
            let mut file = options.open(&unfinished)?;
            file.write_all(pem(&document).as_bytes())?;
            file.sync_all()?;
            std::fs::rename(&unfinished, self.0.join(file_name(&key.info)))?;
            self.sync()
        };
        write().map_err(|error| self.writing(error))?;
        Ok(key)
    }

    pub(super) fn retire(&self, _: &Lock, info: &KeyInfo, at: i64, until: i64) -> Result<(), KeyError> {
        let retired = KeyInfo { retired_at: Some(at), listed_until: Some(until), ..info.clone() };
        std::fs::rename(self.0.join(file_name(info)), self.0.join(file_name(&retired)))
            .and_then(|()| self.sync())
            .map_err(|error| self.writing(error))
    }

    pub(super) fn remove(&self, _: &Lock, info: &KeyInfo) -> Result<(), KeyError> {
        std::fs::remove_file(self.0.join(file_name(info)))
            .and_then(|()| self.sync())
            .map_err(|error| self.writing(error))
    }

    fn keys(&self) -> Result<Vec<Key>, KeyError> {
        let mut keys = Vec::new();
        for entry in std::fs::read_dir(&self.0).map_err(|error| self.reading(error))? {
            let path = entry.map_err(|error| self.reading(error))?.path();
            if path.extension().is_some_and(|extension| extension == "pem") {
                keys.push(self.key(&path)?);
            }
        }
        Ok(keys)
    }

    fn key(&self, path: &Path) -> Result<Key, KeyError> {
        let broken = |why: String| KeyError::Broken(path.display().to_string(), why);
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let info = info(&name).ok_or_else(|| {
            broken("its name is not ALGORITHM.CREATED.KID.pem; move foreign files out of this folder".to_owned())
        })?;
        refuse_mode(path, 0o077, "can read the key", 0o600)?;
        let text = std::fs::read_to_string(path).map_err(|error| self.reading(error))?;
        let document = pem_contents(&text).ok_or_else(|| broken("no PEM block PRIVATE KEY (PKCS#8)".to_owned()))?;
        let pair = Pair::from_pkcs8(info.algorithm, &document).map_err(broken)?;
        if pair.thumbprint() != info.kid {
            return Err(broken(format!("its name says {}, its contents are {}", info.kid, pair.thumbprint())));
        }
        Ok(Key { info, pair })
    }

    fn lock_file(&self) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        options.mode(0o600);
        options.open(self.0.join(".lock"))
    }

    /// A rename counts once the folder is on disk.
    fn sync(&self) -> io::Result<()> {
        File::open(&self.0)?.sync_all()
    }

    fn reading(&self, error: io::Error) -> KeyError {
        KeyError::Read(self.0.display().to_string(), error)
    }

    fn writing(&self, error: io::Error) -> KeyError {
        KeyError::Write(self.0.display().to_string(), error)
    }
}

#[cfg(unix)]
fn refuse_mode(path: &Path, refused: u32, able: &'static str, wanted: u32) -> Result<(), KeyError> {
    let shown = path.display().to_string();
    let mode = match std::fs::metadata(path) {
        Ok(metadata) => metadata.permissions().mode() & 0o7777,
        Err(error) => return Err(KeyError::Read(shown, error)),
    };
    if mode & refused == 0 { Ok(()) } else { Err(KeyError::Exposed { path: shown, mode, able, wanted }) }
}

#[cfg(not(unix))]
fn refuse_mode(path: &Path, _: u32, _: &'static str, _: u32) -> Result<(), KeyError> {
    let why = io::Error::new(ErrorKind::Unsupported, "signing keys are kept only where files have Unix modes");
    Err(KeyError::Read(path.display().to_string(), why))
}

fn file_name(info: &KeyInfo) -> String {
    let KeyInfo { kid, algorithm, created_at, retired_at, listed_until } = info;
    match (retired_at, listed_until) {
        (Some(retired_at), Some(until)) => format!("{algorithm}.{created_at}.{kid}.{retired_at}.{until}.pem"),
        _ => format!("{algorithm}.{created_at}.{kid}.pem"),
    }
}

fn info(name: &str) -> Option<KeyInfo> {
    let mut parts = name.strip_suffix(".pem")?.split('.');
    let algorithm = Algorithm::named(parts.next()?)?;
    let created_at = parts.next()?.parse().ok()?;
    let kid = parts.next()?.to_owned();
    let retired_at = parts.next().map(str::parse).transpose().ok()?;
    let listed_until = parts.next().map(str::parse).transpose().ok()?;
    let complete = parts.next().is_none() && retired_at.is_some() == listed_until.is_some();
    complete.then_some(KeyInfo { kid, algorithm, created_at, retired_at, listed_until })
}

/// RFC 7468.
fn pem(document: &[u8]) -> String {
    let encoded = STANDARD.encode(document);
    let mut text = String::from("-----BEGIN PRIVATE KEY-----\n");
    for (at, letter) in encoded.chars().enumerate() {
        if at > 0 && at % 64 == 0 {
            text.push('\n');
        }
        text.push(letter);
    }
    text.push_str("\n-----END PRIVATE KEY-----\n");
    text
}

fn pem_contents(text: &str) -> Option<Vec<u8>> {
    let (_, rest) = text.split_once("-----BEGIN PRIVATE KEY-----")?;
    let (body, _) = rest.split_once("-----END PRIVATE KEY-----")?;
    STANDARD.decode(body.split_ascii_whitespace().collect::<String>()).ok()
}
