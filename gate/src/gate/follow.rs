//! Keeping the directory: deeds done here show at once, those of other processes within a quarter of a
//! second; what files define is brought into the store; who was seen when is written down now and then.

use std::sync::{Arc, Weak};
use std::time::Duration;

use rules::config::Config;

use super::agents::slug;
use super::identify::ANONYMOUS;
use super::{Gate, GateError, Inner};
use crate::clock::Timestamp;
use crate::deed::{Actor, Deed, NewAgent};
use crate::directory::{Directory, DirectoryRows};
use crate::feed::News;
use crate::id::AgentId;
use crate::store::StoreError;

/// How far the snapshot may be behind what other processes do.
const BEHIND: Duration = Duration::from_millis(250);
/// How long a sign of life may be known to this process only, in rounds of [`BEHIND`]: 30 s.
const ROUNDS_PER_NOTE: u32 = 120;
/// How often another process may change what files define while we bring it in.
const ROUNDS: usize = 4;

// Deeds.
impl Gate {
    /// Does a deed and makes it known. Done is done: where only the reading back fails, the next round does it.
    pub(crate) async fn record(&self, deed: Deed, by: &Actor) -> Result<(), StoreError> {
        self.inner.store.record(deed, by, self.now()).await?;
        if let Err(error) = self.refresh_directory().await {
            tracing::warn!(%error, "the directory could not be read again");
        }
        Ok(())
    }
}

// The snapshot.
impl Gate {
    /// Swaps in what the store holds, where it changed.
    pub(crate) async fn refresh_directory(&self) -> Result<(), StoreError> {
        // One at a time: an older picture must not replace a newer one.
        let turn = self.inner.refreshing.lock().await;
        if self.inner.store.directory_version().await? == self.inner.directory.load().version() {
            return Ok(());
        }
        self.swap_directory(turn).await
    }

    /// Swaps in what the store holds and the current files say, changed or not.
    pub(crate) async fn reload_directory(&self) -> Result<(), StoreError> {
        let turn = self.inner.refreshing.lock().await;
        self.swap_directory(turn).await
    }

    async fn swap_directory(&self, turn: tokio::sync::MutexGuard<'_, ()>) -> Result<(), StoreError> {
        let rows = self.inner.store.directory().await?;
        let before = self.inner.directory.load_full();
        let directory = Directory::build(rows, self.rules().config(), Some(&before));
        let changed = directory.kept() != before.kept();
        if changed {
            // From now on calls are decided by them: those that wait are looked at after that.
            self.inner.rules.store(Gate::with_kept(&self.inner.files.load(), directory.kept()));
        }
        self.inner.directory.store(Arc::new(directory));
        drop(turn);
        if changed {
            self.enforce_stops().await;
            let _ = self.inner.feed.send(News::Rules);
        }
        self.enforce_changes(&before).await;
        let _ = self.inner.feed.send(News::Directory);
        Ok(())
    }

    /// Starts noticing what other processes do and writing down who was seen. Ends with the last gate.
    pub(crate) fn follow_directory(&self) {
        let inner: Weak<Inner> = Arc::downgrade(&self.inner);
        tokio::spawn(async move {
            let mut rounds = tokio::time::interval(BEHIND);
            rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            let (mut round, mut answers) = (0_u32, true);
            loop {
                rounds.tick().await;
                let Some(inner) = inner.upgrade() else { return };
                let gate = Gate { inner };
                let done = gate.refresh_directory().await;
                if let Err(error) = &done
                    && answers
                {
                    tracing::warn!(%error, "the directory cannot be read; the last picture of it stays");
                }
                answers = done.is_ok();
                round = round.wrapping_add(1);
                if round.is_multiple_of(ROUNDS_PER_NOTE)
                    && let Err(error) = gate.write_down_seen().await
                {
                    tracing::warn!(%error, "who was seen when could not be written down");
                }
            }
        });
    }

    /// Writes down who was seen since the last time. Also the last thing before the end.
    ///
    /// # Errors
    /// The store cannot be written; nothing is lost, it is tried again.
    pub async fn write_down_seen(&self) -> Result<(), StoreError> {
        let mut seen = self.inner.directory.load().seen();
        seen.sessions = self.inner.sessions_seen.all();
        if seen.is_empty() {
            return Ok(());
        }
        let sessions = seen.sessions.clone();
        self.inner.store.note_seen(seen).await?;
        self.inner.sessions_seen.written(&sessions);
        self.reload_directory().await
    }
}

// The files.
impl Gate {
    /// Gives projects and agents of the files what the store must know of them (ids, statuses).
    ///
    /// # Errors
    /// A name or fingerprint of the files is taken by what was added in the store.
    pub(crate) async fn bring_files_in(&self, config: &Config) -> Result<(), GateError> {
        let mut taken = "";
        for _ in 0..ROUNDS {
            let rows = self.inner.store.directory().await?;
            let missing = missing(&rows, config, self.now()).map_err(GateError::Conflict)?;
            if missing.is_empty() {
                return Ok(());
            }
            for deed in missing {
                match self.inner.store.record(deed, &Actor::Gate, self.now()).await {
                    Ok(()) => {}
                    // Perhaps another process brings the same files in: look again.
                    Err(StoreError::Taken(what)) => taken = what,
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Err(GateError::Conflict(format!("the configuration defines {taken}, and it is taken: rename one of the two")))
    }
}

/// What is to be done so that the store knows what files define.
fn missing(rows: &DirectoryRows, config: &Config, now: Timestamp) -> Result<Vec<Deed>, String> {
    let mut deeds = Vec::new();
    for project in &config.projects {
        if !rows.projects.iter().any(|row| row.name == project.name) {
            deeds.push(Deed::AddProject { name: project.name.clone(), from_files: true, key: None });
        }
    }
    for (name, entry) in &config.agents {
        let fingerprint = entry.fingerprint.clone().unwrap_or_else(|| slug(name));
        if name.eq_ignore_ascii_case(ANONYMOUS) || fingerprint.eq_ignore_ascii_case(ANONYMOUS) {
            return Err(format!("agents.{name}: `{ANONYMOUS}` stands for callers without a key: choose another name"));
        }
        let mut known = rows.agents.iter().filter(|row| row.name.eq_ignore_ascii_case(name));
        let row = known.clone().find(|row| row.from_files).or_else(|| known.find(|row| row.project == entry.project));
        let wanted = NewAgent {
            id: row.map_or_else(|| AgentId::new(now), |row| row.id),
            name: name.clone(),
            fingerprint,
            project: entry.project.clone(),
            owner: entry.owner.clone(),
            framework: entry.framework.clone(),
            risk_sensitivity: entry.risk_sensitivity,
            trust: entry.trust,
            source_type: entry.source_type,
        };
        let stands = row.is_some_and(|row| {
            row.from_files
                && row.name == wanted.name
                && row.fingerprint == wanted.fingerprint
                && row.project == wanted.project
                && row.owner == wanted.owner
                && row.framework == wanted.framework
                && row.risk_sensitivity == wanted.risk_sensitivity
                && row.trust == wanted.trust
                && row.source_type == wanted.source_type
        });
        if !stands {
            deeds.push(Deed::AdoptAgent(wanted));
        }
    }
    Ok(deeds)
}
