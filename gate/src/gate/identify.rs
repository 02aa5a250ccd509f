//! Who is calling: by key, by a project's label, or anonymously.

use std::sync::{Arc, Mutex, PoisonError};

use rules::config::{SourceType, Trust};

use super::Gate;
use crate::agent::{Agent, LabelRefused, Principal};
use crate::clock::Timestamp;
use crate::key::KeySecret;
use crate::store::StoreError;

/// The agent that calls without a key are, where `proxy.anonymous: allow`. Nobody can be registered under it.
pub const ANONYMOUS: &str = "anonymous";

/// How often per second an unknown key may make us ask the store. The snapshot follows the store within
/// a quarter of a second anyway, so that guessing keys costs a hash and no more.
const LOOK_UPS_PER_SECOND: u32 = 20;
const SECOND: i64 = 1_000_000;

/// Counts the look-ups of this second.
#[derive(Debug, Default)]
pub(crate) struct LookUps(Mutex<(i64, u32)>);

impl LookUps {
    /// Whether one more is allowed.
    fn take(&self, now: Timestamp) -> bool {
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (from, used) = *window;
        if now.0 < from || now.0 >= from.saturating_add(SECOND) {
            *window = (now.0, 1);
            return true;
        }
        *window = (from, used.saturating_add(1));
        used < LOOK_UPS_PER_SECOND
    }
}

impl Gate {
    /// Who presents a key. Looks into the store when the snapshot does not know it, so a key that was
    /// just made works at once (at most 20 such looks a second; beyond that an unknown key is nobody's).
    ///
    /// The key of a revoked agent still identifies it: its caller is told that it was revoked. The token
    /// of a disabled person does not.
    ///
    /// # Errors
    /// The store cannot be asked.
    pub async fn identify(&self, key: &KeySecret) -> Result<Option<Principal>, StoreError> {
        let hash = key.hash();
        let now = self.now();
        if let Some(principal) = self.inner.directory.load().holder(&hash, now) {
            return Ok(Some(principal));
        }
        if !self.inner.look_ups.take(now) {
            return Ok(None);
        }
        self.refresh_directory().await?;
        Ok(self.inner.directory.load().holder(&hash, now))
    }

    /// The agent of a listener that is bound to one, noted as seen. `None`: nobody has this name; then
    /// its calls are refused.
    #[must_use]
    pub fn bound_agent(&self, name: &str) -> Option<Arc<Agent>> {
        let directory = self.inner.directory.load();
        let agent = directory.agent_named(name)?;
        directory.note_seen(agent.id.0, self.now());
        Some(agent)
    }

    /// The agent of calls without a key, where `proxy.anonymous: allow`. In project `default`, trusted least.
    #[must_use]
    pub fn anonymous_agent(&self) -> Arc<Agent> {
        Arc::new(Agent::unregistered("default", ANONYMOUS))
    }

    /// The agent that a project's key names on the proxy (`Holdshort-Agent`).
    ///
    /// # Errors
    /// See [`LabelRefused`].
    pub fn labelled_agent(&self, project: &str, label: &str) -> Result<Arc<Agent>, LabelRefused> {
        let rules = self.rules();
        let accept = rules.config().projects.iter().any(|one| one.name == project && one.accept_unregistered);
        self.by_label(project, label, accept)
    }

    /// The agent that a project's key names where intents are declared (`source`): also one that nobody
    /// registered.
    ///
    /// # Errors
    /// See [`LabelRefused`].
    pub fn declaring_agent(&self, project: &str, label: &str) -> Result<Arc<Agent>, LabelRefused> {
        self.by_label(project, label, true)
    }

    /// INVARIANT: a label never raises. Whatever the named agent is registered with, what would make its
    /// calls pass more easily is left out.
    fn by_label(&self, project: &str, label: &str, accept_unregistered: bool) -> Result<Arc<Agent>, LabelRefused> {
        if !is_fingerprint(label) {
            return Err(LabelRefused::Malformed);
        }
        let directory = self.inner.directory.load();
        match directory.fingerprint(project, label) {
            Some(agent) if agent.has_live_key() => Err(LabelRefused::HasItsOwnKey),
            Some(agent) => {
                directory.note_seen(agent.id.0, self.now());
                Ok(Arc::new(Agent {
                    trust: Trust::Unregistered,
                    source_type: SourceType::AiAgent,
                    enforce: true,
                    ..(*agent).clone()
                }))
            }
            None if accept_unregistered => Ok(Arc::new(Agent::unregistered(project, label))),
            None => Err(LabelRefused::Unregistered),
        }
    }
}

/// Whether a text may stand for an agent: 1 to 128 visible ASCII characters, spaces inside. It travels in
/// headers and permits, and people compare it by eye.
pub(crate) fn is_fingerprint(text: &str) -> bool {
    (1..=128).contains(&text.len()) && text.trim() == text && text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn look_ups_are_counted_by_the_second() {
        let look_ups = LookUps::default();
        let start = Timestamp(5_000_000_000);
        for _ in 0..LOOK_UPS_PER_SECOND {
            assert!(look_ups.take(start));
        }
        assert!(!look_ups.take(start));
        assert!(!look_ups.take(Timestamp(start.0 + SECOND - 1)));
        assert!(look_ups.take(Timestamp(start.0 + SECOND)));
        assert!(look_ups.take(Timestamp(start.0 - SECOND)), "the clock was set back");
    }
}
