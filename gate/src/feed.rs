//! What happens, live: for dashboards, watchers and metrics. Lossy: who lags reads the store again.

use crate::id::IntentId;

/// Something changed. Carries names only; look it up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// An intent came into being or changed its state (the state's name) or its caller's link.
    Intent { id: IntentId, project: String, state: &'static str },
    /// Agents, keys, people, teams or projects changed.
    Directory,
    /// The rules were swapped, or a reload failed.
    Rules,
}
