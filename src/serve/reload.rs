//! Loading the configuration again while the gate runs: swapped whole when it is good, left alone when not.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use admin::ConfigStatus;
use async_trait::async_trait;
use gate::Gate;
use rules::config::Config;

use super::files::Stamp;
use crate::configuration::Configuration;

/// Where the rules come from, and how the last loading went.
#[derive(Debug)]
pub(crate) struct Reloader {
    path: PathBuf,
    folder: PathBuf,
    gate: Gate,
    status: Mutex<ConfigStatus>,
    files: Mutex<Files>,
    /// One at a time, so that an older file never replaces a newer one.
    turn: tokio::sync::Mutex<()>,
}

/// What was read last.
#[derive(Debug)]
struct Files {
    /// What the configuration names beside its own files.
    named: BTreeSet<PathBuf>,
    /// As they were when they were read, for better or worse.
    stamp: Stamp,
    /// What is in force.
    content: [u8; 32],
}

/// Why the files are loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Because {
    /// Somebody says so.
    Asked,
    /// They look different: perhaps nothing in them is.
    Changed,
}

impl Reloader {
    /// Of what `started` was read from.
    pub(crate) fn new(started: &Configuration, gate: Gate) -> Reloader {
        let status = ConfigStatus { digest: gate.rules().config().digest.clone(), loaded_at: gate.now(), error: None };
        gauge(&status);
        let (path, folder) = (started.path.clone(), started.folder.clone());
        // Nothing is watched yet that could have changed since it was read: the first look compares the contents.
        let files = Files {
            named: BTreeSet::new(),
            stamp: Stamp::of(&PathBuf::new(), &BTreeSet::new()),
            content: started.content,
        };
        let (status, files) = (Mutex::new(status), Mutex::new(files));
        Reloader { path, folder, gate, status, files, turn: tokio::sync::Mutex::new(()) }
    }

    /// How the files looked when they were read last.
    pub(super) fn loaded(&self) -> Stamp {
        self.files.lock().unwrap_or_else(PoisonError::into_inner).stamp.clone()
    }

    /// How they look now.
    pub(super) async fn stamp(&self) -> Stamp {
        let named = self.files.lock().unwrap_or_else(PoisonError::into_inner).named.clone();
        let (path, before) = (self.path.clone(), self.loaded());
        tokio::task::spawn_blocking(move || Stamp::of(&path, &named)).await.unwrap_or(before)
    }

    /// Loads what has changed.
    pub(super) async fn files_changed(&self) -> Result<ConfigStatus, String> {
        self.load(Because::Changed).await
    }

    async fn load(&self, because: Because) -> Result<ConfigStatus, String> {
        let _turn = self.turn.lock().await;
        let loaded = self.swap(because).await;
        let mut status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        match loaded {
            Ok(Some(new)) => {
                metrics::counter!("holdshort_reloads_total").increment(1);
                tracing::info!(digest = %new.digest, "the configuration was loaded again");
                *status = new;
            }
            Ok(None) => {
                if status.error.take().is_some() {
                    tracing::info!(digest = %status.digest, "the configuration is again the one in force");
                }
            }
            Err(error) => {
                metrics::counter!("holdshort_reload_failures_total").increment(1);
                tracing::error!("the configuration was not loaded, the old rules stay: {error}");
                status.error = Some(error);
            }
        }
        gauge(&status);
        match &status.error {
            None => Ok(status.clone()),
            Some(error) => Err(error.clone()),
        }
    }

    /// `None`: it is what is in force already.
    async fn swap(&self, because: Because) -> Result<Option<ConfigStatus>, String> {
        let (path, folder) = (self.path.clone(), self.folder.clone());
        let before = self.files.lock().unwrap_or_else(PoisonError::into_inner).named.clone();
        // Reading, checking and compiling takes its time: not on the threads that serve.
        let read = move || {
            let mut named = BTreeSet::new();
            // Taken first: what changes while it is read looks changed afterwards.
            let mut stamp = Stamp::of(&path, &before);
            let mut loaded = Configuration::load_noting(&path, &mut named);
            if named != before {
                // Some were not in that picture: with all of them in it, once more.
                stamp = Stamp::of(&path, &named);
                loaded = Configuration::load_noting(&path, &mut BTreeSet::new());
            }
            let usable = |new: &Configuration| proxy::Proxy::check(&new.rules, &folder).map_err(anyhow::Error::from);
            (named, stamp, loaded.and_then(|new| usable(&new).map(|()| new)).map_err(|error| format!("{error:#}")))
        };
        let (named, stamp, loaded) =
            tokio::task::spawn_blocking(read).await.map_err(|error| format!("reading it broke off: {error}"))?;
        let in_force = {
            let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
            (files.named, files.stamp) = (named, stamp);
            files.content
        };
        let new = loaded?;
        if because == Because::Changed && new.content == in_force {
            return Ok(None);
        }
        let fixed = fixed_settings(self.gate.rules().config(), new.config());
        if !fixed.is_empty() {
            return Err(format!("{} cannot change while the gate runs: restart it", fixed.join(", ")));
        }
        let digest = new.config().digest.clone();
        self.gate.swap_rules(new.rules).await.map_err(|error| error.to_string())?;
        self.files.lock().unwrap_or_else(PoisonError::into_inner).content = new.content;
        Ok(Some(ConfigStatus { digest, loaded_at: self.gate.now(), error: None }))
    }
}

fn gauge(status: &ConfigStatus) {
    metrics::gauge!("holdshort_config_refused").set(if status.error.is_some() { 1.0 } else { 0.0 });
}

/// What was bound or opened at the start, where the new configuration says otherwise.
fn fixed_settings(old: &Config, new: &Config) -> Vec<&'static str> {
    let listeners = |config: &Config| -> BTreeSet<_> {
        config.upstreams.values().flat_map(|upstream| upstream.listen.iter().map(|listen| listen.address)).collect()
    };
    let checks = [
        ("proxy.listen", old.proxy.listen == new.proxy.listen),
        ("proxy.tls", old.proxy.tls == new.proxy.tls),
        ("admin.listen", old.admin.listen == new.admin.listen),
        ("admin.url", old.admin.url == new.admin.url),
        ("admin.agents_listen", old.admin.agents_listen == new.admin.agents_listen),
        ("admin.tls", old.admin.tls == new.admin.tls),
        ("database", old.database == new.database),
        ("record", old.record == new.record),
        ("audit.checkpoint", old.audit.checkpoint == new.audit.checkpoint),
        ("permit.algorithm", old.permit.algorithm == new.permit.algorithm),
        ("permit.keys", old.permit.keys == new.permit.keys),
        ("limits.head_timeout", old.limits.head_timeout == new.limits.head_timeout),
        ("the addresses under `listen` of the upstreams", listeners(old) == listeners(new)),
    ];
    checks.into_iter().filter(|(_, same)| !same).map(|(setting, _)| setting).collect()
}

#[async_trait]
impl admin::Reload for Reloader {
    fn status(&self) -> ConfigStatus {
        self.status.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn reload(&self) -> Result<ConfigStatus, String> {
        self.load(Because::Asked).await
    }
}
