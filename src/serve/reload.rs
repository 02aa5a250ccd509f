//! Loading the configuration again while the gate runs: swapped whole when it is good, left alone when not.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use admin::ConfigStatus;
use async_trait::async_trait;
use gate::Gate;
use rules::config::Config;

use crate::configuration::Configuration;

/// Where the rules come from, and how the last loading went.
#[derive(Debug)]
pub(crate) struct Reloader {
    path: PathBuf,
    gate: Gate,
    status: Mutex<ConfigStatus>,
    /// One at a time, so that an older file never replaces a newer one.
    turn: tokio::sync::Mutex<()>,
}

impl Reloader {
    pub(crate) fn new(path: PathBuf, gate: Gate) -> Reloader {
        let status = ConfigStatus { digest: gate.rules().config().digest.clone(), loaded_at: gate.now(), error: None };
        Reloader { path, gate, status: Mutex::new(status), turn: tokio::sync::Mutex::new(()) }
    }

    async fn swap(&self) -> Result<ConfigStatus, String> {
        let new = Configuration::load(Some(&self.path)).map_err(|error| format!("{error:#}"))?;
        let running = self.gate.rules();
        if let Some(setting) = fixed_setting(running.config(), new.config()) {
            return Err(format!("{setting} cannot change while the gate runs: restart it"));
        }
        let digest = new.config().digest.clone();
        self.gate.swap_rules(new.rules).await.map_err(|error| error.to_string())?;
        Ok(ConfigStatus { digest, loaded_at: self.gate.now(), error: None })
    }
}

/// What was bound or opened at the start, where the new configuration says otherwise.
fn fixed_setting(old: &Config, new: &Config) -> Option<&'static str> {
    let listeners = |config: &Config| -> Vec<_> {
        config.upstreams.values().flat_map(|upstream| upstream.listen.iter().map(|listen| listen.address)).collect()
    };
    let checks = [
        ("proxy.listen", old.proxy.listen == new.proxy.listen),
        ("admin.listen", old.admin.listen == new.admin.listen),
        ("admin.url", old.admin.url == new.admin.url),
        ("admin.agents_listen", old.admin.agents_listen == new.admin.agents_listen),
        ("database", old.database == new.database),
        ("record", old.record == new.record),
        ("permit.algorithm", old.permit.algorithm == new.permit.algorithm),
        ("permit.keys", old.permit.keys == new.permit.keys),
        ("the addresses under `listen` of the upstreams", listeners(old) == listeners(new)),
    ];
    checks.into_iter().find(|(_, same)| !same).map(|(setting, _)| setting)
}

#[async_trait]
impl admin::Reload for Reloader {
    fn status(&self) -> ConfigStatus {
        self.status.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn reload(&self) -> Result<ConfigStatus, String> {
        let _turn = self.turn.lock().await;
        let loaded = self.swap().await;
        let mut status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        match loaded {
            Ok(new) => {
                tracing::info!(digest = %new.digest, "the configuration was loaded again");
                *status = new;
                Ok(status.clone())
            }
            Err(error) => {
                metrics::counter!("holdshort_reload_failures_total").increment(1);
                tracing::error!("the configuration was not loaded, the old rules stay: {error}");
                status.error = Some(error.clone());
                Err(error)
            }
        }
    }
}
