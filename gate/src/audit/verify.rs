//! Checking the log: the tree is computed again from the events, and the states again by `after`.

use std::collections::HashMap;

use super::checkpoint::Checkpoint;
use super::tree::Tree;
use super::{AuditEntry, AuditReport, hex};
use crate::approval::{Approval, tally};
use crate::id::IntentId;
use crate::intent::facts::Facts;
use crate::intent::{Event, IntentFilter, State, What};
use crate::store::{Store, StoreError, Stored};

const PAGE: u32 = 1000;
/// Problems told before giving up: a log that is wrong from some place on is wrong everywhere after.
const TOLD: usize = 100;
/// How often a row that moves while it is checked is read again.
const LOOKS: usize = 16;

/// Verifies a store's log against its tree and its intents, and that it extends an earlier checkpoint.
///
/// # Errors
/// The store cannot be read.
pub async fn verify(store: &dyn Store, earlier: Option<&Checkpoint>) -> Result<AuditReport, StoreError> {
    let mut check = Check { earlier: earlier.cloned(), ..Check::default() };
    // What is appended while this reads is left for the next time.
    let kept = store.tree().await?;
    check.read(store, kept.size()).await?;
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
    if let Some(earlier) = &earlier
        && check.tree.size() < earlier.size
    {
        check.tell(format!(
            "the checkpoint was over {} events, and the log has {}: events were taken away",
            earlier.size,
            check.tree.size()
        ));
    }
    if check.tree.root() != kept.root() {
        check.tell("the root computed from the events is not the one that was kept".to_owned());
    }
    let (events, root) = (check.tree.size(), hex(&check.tree.root()));
    check.rows(store).await?;
    Ok(AuditReport { events, root, problems: check.problems })
}

#[derive(Default)]
struct Check {
    tree: Tree,
    earlier: Option<Checkpoint>,
    /// Where to read on.
    next: u64,
    lives: HashMap<IntentId, Life>,
    problems: Vec<String>,
}

/// An intent as its events tell it.
struct Life {
    state: State,
    version: u64,
    votes: Vec<Approval>,
    cleared: bool,
    /// Its row was found.
    seen: bool,
}

impl Check {
    fn tell(&mut self, problem: String) {
        if self.problems.len() < TOLD {
            self.problems.push(problem);
        }
    }

    /// Reads the log on, up to an end.
    async fn read(&mut self, store: &dyn Store, end: u64) -> Result<(), StoreError> {
        while self.next < end {
            let (next, left) = (self.next, end - self.next);
            let limit = u32::try_from(left).unwrap_or(PAGE).min(PAGE);
            let entries = store.audit(next, limit).await?;
            let leaves = store.leaves(next, limit).await?;
            if entries.is_empty() {
                break;
            }
            for (entry, kept) in entries.iter().zip(leaves) {
                self.entry(entry, kept);
                self.next = entry.seq + 1;
            }
        }
        Ok(())
    }

    /// Where the tree is as large as it was then, it must be the same.
    fn compare(&mut self) {
        if let Some(earlier) = &self.earlier
            && earlier.size == self.tree.size()
            && earlier.root != self.tree.root()
        {
            let size = earlier.size;
            self.tell(format!("the first {size} events are not those that the checkpoint was over"));
        }
    }

    fn entry(&mut self, entry: &AuditEntry, kept: super::tree::Hash) {
        let place = self.tree.size();
        if entry.seq != place {
            self.tell(format!("event {place} is missing: event {} follows", entry.seq));
        }
        let hash = entry.leaf();
        if hash != kept {
            self.tell(format!("event {}: its text is not the one that was hashed", entry.seq));
        }
        self.tree.push(hash);
        self.compare();
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
            let state = facts.state(entry.at)?;
            let life = Life { state, version: 0, votes: Vec::new(), cleared: false, seen: false };
            if self.lives.insert(id, life).is_some() {
                return Err(format!("{id} was submitted before"));
            }
            return Ok(());
        }
        let what: What = serde_json::from_str(&entry.data).map_err(|error| error.to_string())?;
        if what.kind() != entry.kind {
            return Err(format!("it is called {} and says {}", entry.kind, what.kind()));
        }
        let life = self.lives.get_mut(&id).ok_or_else(|| format!("{id} was never submitted"))?;
        let event = Event { at: entry.at, what };
        life.state = life.state.clone().after(&event).map_err(|error| error.to_string())?;
        life.version += 1;
        life.cleared |= matches!(event.what, What::DenialCleared { .. });
        tally(&mut life.votes, &event);
        Ok(())
    }

    /// The rows say what the events led to, neither less nor more. Each is read before the log is read on,
    /// so that no row may be further than its events; one that is behind has moved on and is read again.
    async fn rows(&mut self, store: &dyn Store) -> Result<(), StoreError> {
        let mut filter = IntentFilter { limit: Some(200), ..IntentFilter::default() };
        let mut again = Vec::new();
        loop {
            let page = match store.intents(&filter).await {
                Err(StoreError::Broken(what)) => {
                    self.tell(what);
                    return Ok(());
                }
                page => page?,
            };
            self.read(store, store.tree().await?.size()).await?;
            again.extend(page.items.into_iter().filter_map(|stored| self.row(&stored)));
            match page.next {
                Some(next) => filter.cursor = Some(next),
                None => break,
            }
        }
        let mut unseen: Vec<IntentId> =
            self.lives.iter().filter(|(_, life)| !life.seen).map(|(id, _)| *id).chain(again).collect();
        unseen.sort_unstable();
        for id in unseen {
            if let Some(problem) = self.at_rest(store, id).await? {
                self.tell(problem);
            }
        }
        Ok(())
    }

    /// An intent has few events: its row is read at rest soon.
    async fn at_rest(&mut self, store: &dyn Store, id: IntentId) -> Result<Option<String>, StoreError> {
        for _ in 0..LOOKS {
            let stored = match store.intent(id).await {
                Err(StoreError::Broken(what)) => return Ok(Some(what)),
                stored => stored?,
            };
            self.read(store, store.tree().await?.size()).await?;
            match stored {
                Some(stored) if self.row(&stored).is_some() => {}
                Some(_) => return Ok(None),
                None => return Ok(Some(format!("{id} has events and no row"))),
            }
        }
        Ok(Some(format!("{id} is behind its events")))
    }

    /// Compares a row with its events; gives its id back where the events are further by now.
    fn row(&mut self, stored: &Stored) -> Option<IntentId> {
        let (id, version) = (stored.row.id, stored.row.version.cast_unsigned());
        let Some(life) = self.lives.get_mut(&id) else {
            self.tell(format!("{id} has no events"));
            return None;
        };
        life.seen = true;
        if version < life.version {
            return Some(id);
        }
        let intent = &stored.intent;
        let problem = if version > life.version {
            format!("{id} is further than its events: version {version}, {} events after its first", life.version)
        } else if intent.state != life.state {
            let (now, told) = (&intent.state, &life.state);
            format!("{id} is {} and its events say {}: {now:?}, {told:?}", now.name(), told.name())
        } else if intent.approvals != life.votes || stored.cleared != life.cleared {
            format!("{id} has votes that its events do not tell: {:?}, {:?}", intent.approvals, life.votes)
        } else {
            return None;
        };
        self.tell(problem);
        None
    }
}
