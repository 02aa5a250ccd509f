//! Making commits durable: one task that syncs the log and tells everybody who waited for it.
//!
//! `fdatasync` of the WAL makes every frame in it durable, whoever committed it (what a checkpoint has
//! moved on was synced by SQLite before). It holds no lock, so the writer goes on meanwhile.
//!
//! INVARIANT: after one sync has failed none is believed any more: the kernel may have dropped the pages.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;

use crate::store::StoreError;

/// How long a commit that nobody waits for waits for others: with the sync itself, and one before it that
/// may be under way, it is on the disk within 50 ms.
const LINGER: Duration = Duration::from_millis(35);

/// ENFILE and EMFILE: the machine or the process has no file descriptor left. Syncing gives neither, opening does.
const NO_DESCRIPTOR: [i32; 2] = [23, 24];

/// What to do when the commit is durable, or cannot be made so.
pub(super) type Then = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

#[derive(Clone)]
pub(super) struct Syncer {
    waiting: mpsc::UnboundedSender<Option<Then>>,
    /// Somebody has asked since the last sync began: the next one covers whatever is committed now.
    asked: Arc<AtomicBool>,
    broken: Arc<AtomicBool>,
}

impl Syncer {
    pub(super) fn start(log: PathBuf) -> Syncer {
        let (waiting, mut queue) = mpsc::unbounded_channel::<Option<Then>>();
        let broken = Arc::new(AtomicBool::new(false));
        let asked = Arc::new(AtomicBool::new(false));
        let syncer = Syncer { waiting, asked: asked.clone(), broken: broken.clone() };
        tokio::spawn(async move {
            let (mut batch, mut log) = (Vec::new(), Log { path: log, file: None });
            while let Some(first) = queue.recv().await {
                collect(first, &mut queue, &mut batch).await;
                // Before the sync: who commits from here on asks again.
                asked.store(false, Ordering::SeqCst);
                let done = if broken.load(Ordering::Acquire) { Err(distrusted()) } else { sync(&mut log).await };
                if let Err(error) = &done
                    && !broken.swap(true, Ordering::AcqRel)
                {
                    tracing::error!(%error, "the store cannot be synced; nothing is recorded any more until a restart");
                }
                for then in batch.drain(..) {
                    then(done.clone());
                }
            }
        });
        syncer
    }

    /// Something was committed that is to be durable soon.
    pub(super) fn soon(&self) {
        if !self.asked.swap(true, Ordering::SeqCst) {
            let _ = self.waiting.send(None);
        }
    }

    /// Something was committed that counts only when it is durable.
    pub(super) fn now(&self, then: Then) {
        if let Err(unsent) = self.waiting.send(Some(then))
            && let Some(then) = unsent.0
        {
            then(Err(StoreError::Unavailable("the store is closing".to_owned())));
        }
    }

    /// Refuses once a sync has failed.
    pub(super) fn trusted(&self) -> Result<(), StoreError> {
        if self.broken.load(Ordering::Acquire) { Err(distrusted()) } else { Ok(()) }
    }
}

/// Takes what has come; while nobody waits, lingers for more.
async fn collect(first: Option<Then>, queue: &mut mpsc::UnboundedReceiver<Option<Then>>, batch: &mut Vec<Then>) {
    batch.extend(first);
    let until = tokio::time::Instant::now() + LINGER;
    loop {
        while let Ok(more) = queue.try_recv() {
            batch.extend(more);
        }
        if !batch.is_empty() {
            return;
        }
        match tokio::time::timeout_at(until, queue.recv()).await {
            Ok(Some(more)) => batch.extend(more),
            Ok(None) | Err(_) => return,
        }
    }
}

/// The log, kept open: where no descriptor is left it can still be synced.
struct Log {
    path: PathBuf,
    file: Option<File>,
}

impl Log {
    fn sync(&mut self) -> io::Result<()> {
        // SQLite takes the log away when it closes for good; another one may have its name since.
        let named = std::fs::metadata(&self.path)?;
        let is_it =
            |file: &File| file.metadata().is_ok_and(|kept| (kept.dev(), kept.ino()) == (named.dev(), named.ino()));
        let file = match self.file.take().filter(is_it) {
            Some(file) => file,
            None => File::open(&self.path)?,
        };
        file.sync_data()?;
        self.file = Some(file);
        Ok(())
    }
}

/// Where the log is a new file and no descriptor is left to open it, nothing was lost: the sync waits for one.
/// Who waits for the sync gives up by itself meanwhile.
async fn sync(log: &mut Log) -> Result<(), StoreError> {
    loop {
        let mut taken = Log { path: log.path.clone(), file: log.file.take() };
        let synced = tokio::task::spawn_blocking(move || {
            let done = taken.sync();
            (taken, done)
        });
        let done = match synced.await {
            Ok((kept, done)) => {
                *log = kept;
                done
            }
            Err(error) => return Err(StoreError::Unavailable(format!("fsync: {error}"))),
        };
        match done {
            Err(error) if error.raw_os_error().is_some_and(|code| NO_DESCRIPTOR.contains(&code)) => {
                tracing::warn!(%error, "the store cannot be synced yet");
                tokio::time::sleep(LINGER).await;
            }
            done => return done.map_err(|error| StoreError::Unavailable(format!("fsync: {error}"))),
        }
    }
}

fn distrusted() -> StoreError {
    StoreError::Unavailable("an earlier fsync failed: check the disk and restart".to_owned())
}
