//! Checking the log: the tree is computed again from the events, and the states again by `after`.

use std::collections::HashMap;

use super::tree::{Tree, leaf};
use super::{AuditEntry, AuditReport, leaf_text};
use crate::id::IntentId;
use crate::intent::facts::Facts;
use crate::intent::{Event, IntentFilter, State, What};
use crate::store::{Store, StoreError};

const PAGE: u32 = 1000;
/// Problems told before giving up: a log that is wrong from some place on is wrong everywhere after.
const TOLD: usize = 100;

/// Verifies a store's log against its tree and its intents.
///
/// # Errors
/// The store cannot be read.
pub async fn verify(store: &dyn Store) -> Result<AuditReport, StoreError> {
    // What is appended while this reads is left for the next time.
    let kept = store.tree().await?;
    let mut check = Check::default();
    let mut next = 0;
    while next < kept.size() {
        let limit = u32::try_from(kept.size() - next).unwrap_or(PAGE).min(PAGE);
        let entries = store.audit(next, limit).await?;
        let leaves = store.leaves(next, limit).await?;
        if entries.is_empty() {
            break;
        }
        for (entry, kept) in entries.iter().zip(leaves) {
            check.entry(entry, kept);
            next = entry.seq + 1;
        }
    }
    if check.tree.size() < kept.size() {
        let missing = kept.size() - check.tree.size();
        check.tell(format!("the log ends after {} events: {missing} are missing", check.tree.size()));
    }
    let beyond = store.audit(kept.size(), 1).await?;
    if let Some(entry) = beyond.first()
        && store.tree().await?.size() <= entry.seq
    {
        check.tell(format!("event {} stands beyond the end of the tree", entry.seq));
    }
    if check.tree.root() != kept.root() {
        check.tell("the root computed from the events is not the one that was kept".to_owned());
    }
    check.states(store).await?;
    Ok(AuditReport { events: check.tree.size(), root: hex(&check.tree.root()), problems: check.problems })
}

#[derive(Default)]
struct Check {
    tree: Tree,
    lives: HashMap<IntentId, (State, u64)>,
    problems: Vec<String>,
}

impl Check {
    fn tell(&mut self, problem: String) {
        if self.problems.len() < TOLD {
            self.problems.push(problem);
        }
    }

    fn entry(&mut self, entry: &AuditEntry, kept: super::tree::Hash) {
        let place = self.tree.size();
        if entry.seq != place {
            self.tell(format!("event {place} is missing: event {} follows", entry.seq));
        }
        let text = leaf_text(entry.seq, entry.at, &entry.kind, &entry.actor, entry.subject.as_deref(), &entry.data);
        let hash = leaf(text.as_bytes());
        if hash != kept {
            self.tell(format!("event {}: its text is not the one that was hashed", entry.seq));
        }
        self.tree.push(hash);
        if let Err(problem) = self.replay(entry) {
            self.tell(format!("event {}: {problem}", entry.seq));
        }
    }

    fn replay(&mut self, entry: &AuditEntry) -> Result<(), String> {
        if !entry.kind.starts_with("intent.") {
            return Ok(());
        }
        let subject = entry.subject.as_deref().ok_or("it is about no intent")?;
        let id: IntentId = subject.parse().map_err(|_| format!("it is about {subject:?}"))?;
        if entry.kind == What::SUBMITTED {
            let facts: Facts<'_> = serde_json::from_str(&entry.data).map_err(|error| error.to_string())?;
            if self.lives.insert(id, (facts.state(entry.at)?, 0)).is_some() {
                return Err(format!("{id} was submitted before"));
            }
            return Ok(());
        }
        let what: What = serde_json::from_str(&entry.data).map_err(|error| error.to_string())?;
        if what.kind() != entry.kind {
            return Err(format!("it is called {} and says {}", entry.kind, what.kind()));
        }
        let (state, version) = self.lives.remove(&id).ok_or_else(|| format!("{id} was never submitted"))?;
        let after = state.after(&Event { at: entry.at, what }).map_err(|error| error.to_string())?;
        self.lives.insert(id, (after, version + 1));
        Ok(())
    }

    /// The rows say what the events led to.
    async fn states(&mut self, store: &dyn Store) -> Result<(), StoreError> {
        let mut filter = IntentFilter { limit: Some(200), ..IntentFilter::default() };
        loop {
            let page = match store.intents(&filter).await {
                Err(StoreError::Broken(what)) => {
                    self.tell(what);
                    return Ok(());
                }
                page => page?,
            };
            for stored in page.items {
                let (id, version) = (stored.row.id, stored.row.version.cast_unsigned());
                match self.lives.remove(&id) {
                    // It has moved on since its events were read.
                    Some((_, replayed)) if version > replayed => {}
                    Some((state, _)) if state == stored.intent.state => {}
                    Some((state, _)) => {
                        let now = &stored.intent.state;
                        self.tell(format!(
                            "{id} is {} and its events say {}: {now:?}, {state:?}",
                            now.name(),
                            state.name()
                        ));
                    }
                    None if stored.row.n.cast_unsigned() >= self.tree.size() => {}
                    None => self.tell(format!("{id} has no events")),
                }
            }
            match page.next {
                Some(next) => filter.cursor = Some(next),
                None => break,
            }
        }
        let mut gone: Vec<IntentId> = self.lives.drain().map(|(id, _)| id).collect();
        gone.sort_unstable();
        for id in gone {
            self.tell(format!("{id} has events and no row"));
        }
        Ok(())
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
