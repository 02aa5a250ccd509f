//! Which process is sending: each has a number and holds the lock of a file of that name. The kernel
//! drops the lock when the process dies, so nobody is taken for dead who is not.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use crate::store::StoreError;

#[derive(Debug)]
pub(super) struct Boot {
    pub(super) number: i64,
    store: PathBuf,
    #[expect(dead_code, reason = "holds the lock until dropped")]
    lock: File,
}

impl Boot {
    pub(super) fn begin(store: &Path) -> Result<Boot, StoreError> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|error| StoreError::Unavailable(format!("randomness: {error}")))?;
        let number = i64::from_le_bytes(random);
        let told =
            |error: std::io::Error| StoreError::Unavailable(format!("{}: {error}", file(store, number).display()));
        let lock = File::create_new(file(store, number)).map_err(told)?;
        lock.lock().map_err(told)?;
        Ok(Boot { number, store: store.to_owned(), lock })
    }

    /// Whether the process of that number is gone.
    pub(super) fn is_gone(&self, number: i64) -> bool {
        if number == self.number {
            return false;
        }
        let path = file(&self.store, number);
        let gone = match File::open(&path) {
            // Whatever else stands in the way of knowing: not known to be gone.
            Ok(lock) => match lock.try_lock() {
                Ok(()) => true,
                Err(TryLockError::WouldBlock | TryLockError::Error(_)) => false,
            },
            Err(error) => error.kind() == std::io::ErrorKind::NotFound,
        };
        if gone {
            let _ = std::fs::remove_file(path);
        }
        gone
    }
}

impl Drop for Boot {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(file(&self.store, self.number));
    }
}

fn file(store: &Path, number: i64) -> PathBuf {
    let mut name = store.as_os_str().to_owned();
    name.push(format!("-boot-{:016x}", number.cast_unsigned()));
    name.into()
}
