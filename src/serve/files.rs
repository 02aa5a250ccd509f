//! Watching the configuration's files while the gate runs.
//!
//! They are looked at four times a second, through symbolic links: that notices a swapped folder behind a link (as
//! Kubernetes does it), a renamed file, and a network file system, which a notification of the kernel would not tell of;
//! and it costs nothing for the database that is written beside them. What has changed is loaded once it has been the
//! same for one interval, so that a file that is being written is not read half.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;

use super::reload::Reloader;
use crate::configuration::files;

const LOOKED_AT_EVERY: Duration = Duration::from_millis(250);

/// What tells one state of the files from another, without reading them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stamp(Vec<(PathBuf, Option<Marks>)>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Marks {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    pub(super) fn of(path: &Path, named: &BTreeSet<PathBuf>) -> Stamp {
        let own = files(path).unwrap_or_default();
        let all = own.into_iter().chain(named.iter().cloned());
        Stamp(all.map(|file| (Marks::of(&file), file)).map(|(marks, file)| (file, marks)).collect())
    }
}

impl Marks {
    fn of(file: &Path) -> Option<Marks> {
        let data = std::fs::metadata(file).ok()?;
        Some(Marks {
            device: data.dev(),
            inode: data.ino(),
            size: data.size(),
            modified: (data.mtime(), data.mtime_nsec()),
            changed: (data.ctime(), data.ctime_nsec()),
        })
    }
}

/// Which state of the files is in force, and which one was seen last.
#[derive(Debug)]
pub(super) struct Rest {
    settled: Stamp,
    seen: Stamp,
}

impl Rest {
    /// `loaded` was taken before the files were read.
    pub(super) fn after(loaded: Stamp) -> Rest {
        Rest { seen: loaded.clone(), settled: loaded }
    }

    /// Whether the files have changed since they were settled, and have come to rest.
    pub(super) fn is_new(&mut self, now: Stamp) -> bool {
        let rests = now == self.seen;
        self.seen = now;
        if !rests || self.seen == self.settled {
            return false;
        }
        self.settled.clone_from(&self.seen);
        true
    }

    /// Something more was read that is to be watched: its state is the one it was read in.
    pub(super) fn settle(&mut self, now: Stamp) {
        self.settled = now.clone();
        self.seen = now;
    }
}

/// Loads the configuration again whenever its files have changed. Never ends.
pub(super) async fn follow(reloader: Arc<Reloader>) {
    let mut rest = Rest::after(reloader.loaded());
    let mut looks = tokio::time::interval(LOOKED_AT_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        if rest.is_new(reloader.stamp().await) {
            // What goes wrong has been said where it is seen.
            let _ = reloader.files_changed().await;
            rest.settle(reloader.loaded());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(size: u64) -> Stamp {
        let marks = Marks { device: 1, inode: 2, size, modified: (0, 0), changed: (0, 0) };
        Stamp(vec![(PathBuf::from("a.yaml"), Some(marks))])
    }

    #[test]
    fn a_file_is_loaded_once_when_it_rests_and_never_while_it_changes() {
        let mut rest = Rest::after(stamp(0));
        let looks = [0, 0, 1, 2, 3, 3, 3, 3, 0, 0, 0, 4, 0, 0];
        let loaded: Vec<bool> = looks.into_iter().map(|size| rest.is_new(stamp(size))).collect();
        let at: Vec<usize> = loaded.iter().enumerate().filter(|(_, new)| **new).map(|(at, _)| at).collect();
        assert_eq!(at, [5, 9], "3 when it rested, 0 when it was back");
    }

    #[test]
    fn a_file_that_appears_vanishes_or_is_swapped_behind_a_link_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let mut states = Vec::new();
        let mut look = || states.push(Stamp::of(path, &BTreeSet::from([path.join("secret")])));
        for version in ["one", "two"] {
            std::fs::create_dir(path.join(version)).unwrap();
            std::fs::write(path.join(version).join("a.yaml"), "same").unwrap();
        }
        let link = |to: &str| {
            std::os::unix::fs::symlink(to, path.join("..data_tmp")).unwrap();
            std::fs::rename(path.join("..data_tmp"), path.join("..data")).unwrap();
        };
        look();
        link("one");
        std::os::unix::fs::symlink("..data/a.yaml", path.join("a.yaml")).unwrap();
        look();
        link("two");
        look();
        std::fs::write(path.join("b.yml"), "").unwrap();
        look();
        std::fs::write(path.join("secret"), "x").unwrap();
        look();
        std::fs::remove_file(path.join("b.yml")).unwrap();
        look();
        for (at, pair) in states.windows(2).enumerate() {
            assert_ne!(pair[0], pair[1], "change {at}");
        }
        std::fs::write(path.join("holdshort.db"), "x").unwrap();
        assert_eq!(Stamp::of(path, &BTreeSet::from([path.join("secret")])), states[5], "the database is not watched");
    }
}
