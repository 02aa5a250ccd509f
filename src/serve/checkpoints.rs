//! Signed checkpoints of the audit log, in a file that outsiders copy: every ten seconds while the log grows, and
//! soon after each approval.

use std::path::{Path, PathBuf};
use std::time::Duration;

use gate::Gate;
use gate::audit::checkpoint::Checkpoint;
use tokio::time::{Instant, timeout_at};

const EVERY: Duration = Duration::from_secs(10);
/// Approvals that come close together are in one checkpoint.
const TOGETHER: Duration = Duration::from_millis(200);

/// Writes checkpoints until it is dropped.
pub(super) async fn follow(gate: Gate, file: PathBuf) {
    look_at_the_last(&gate, &file).await;
    let mut written = None;
    loop {
        let due = Instant::now() + EVERY;
        match gate.audit_size().await {
            Ok(size) if written == Some(size) => {}
            _ => written = write(&gate, &file).await.or(written),
        }
        if timeout_at(due, gate.person_approved()).await.is_ok() {
            tokio::time::sleep(TOGETHER).await;
        }
    }
}

/// Signs what is on the disk now and replaces the file. Gives the number of events it is over.
pub(super) async fn write(gate: &Gate, file: &Path) -> Option<u64> {
    let written = match gate.checkpoint().await {
        Ok(note) => replace(file.to_owned(), note.clone()).await.map(|()| note),
        Err(error) => Err(anyhow::Error::from(error)),
    };
    match written {
        Ok(note) => {
            metrics::counter!("holdshort_checkpoints_total", "written" => "yes").increment(1);
            Checkpoint::open(&note, &gate.log_keys()).map(|checkpoint| checkpoint.size).ok()
        }
        Err(error) => {
            metrics::counter!("holdshort_checkpoints_total", "written" => "no").increment(1);
            tracing::warn!(file = %file.display(), "no checkpoint could be written: {error:#}");
            None
        }
    }
}

/// Whole or not at all: first under another name.
async fn replace(file: PathBuf, note: String) -> anyhow::Result<()> {
    let write = move || {
        let mut unfinished = file.clone().into_os_string();
        unfinished.push(".new");
        std::fs::write(&unfinished, note)?;
        std::fs::File::open(&unfinished)?.sync_all()?;
        std::fs::rename(&unfinished, &file)
    };
    Ok(tokio::task::spawn_blocking(write).await??)
}

/// A log that does not extend its last checkpoint was put back or changed: that is said, and the checkpoint is kept
/// for whoever looks into it.
async fn look_at_the_last(gate: &Gate, file: &Path) {
    let Ok(note) = std::fs::read_to_string(file) else { return };
    let kept = match Checkpoint::open(&note, &gate.log_keys()) {
        Ok(checkpoint) => gate.extends(&checkpoint).await.map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    let why = match kept {
        Ok(true) => return,
        Ok(false) => "the audit log does not extend its last checkpoint: was an older copy put back?".to_owned(),
        Err(why) => format!("the last checkpoint cannot be compared with the audit log: {why}"),
    };
    let mut aside = file.to_owned().into_os_string();
    aside.push(format!(".until-{}", gate.now().seconds()));
    metrics::counter!("holdshort_checkpoints_broken_total").increment(1);
    match std::fs::rename(file, &aside) {
        Ok(()) => tracing::error!(kept = %Path::new(&aside).display(), "{why}"),
        Err(error) => tracing::error!(file = %file.display(), "{why}; it could not be put aside: {error}"),
    }
}
