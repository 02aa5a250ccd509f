//! Room for what callers send: the memory that the requests of one agent, of one project and of all may take while
//! they are read, decided and sent.
//!
//! Without it, a thousand connections that each send a body slowly, or bodies of which much is to be read, would fill
//! the memory before anything is decided. What is held is counted by the gate, which knows for how long; as much again
//! (`limits.*.held_bytes`) may be on its way.
//!
//! INVARIANT: what a [`Room`] took is given back when it is dropped, whatever ends the call.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gate::{Agent, AgentId, Refusal};
use rules::Malformed;
use rules::config::Limits;

use crate::answer::Stop;

/// All that is on its way.
#[derive(Debug, Default)]
pub(crate) struct Rooms(Mutex<Taken>);

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_agent: HashMap<AgentId, usize>,
    by_project: HashMap<String, usize>,
}

/// What one call takes.
#[derive(Debug)]
pub(crate) struct Room {
    rooms: Arc<Rooms>,
    agent: Arc<Agent>,
    limits: Limits,
    taken: usize,
}

impl Rooms {
    pub(crate) fn enter(self: &Arc<Self>, agent: &Arc<Agent>, limits: &Limits) -> Room {
        Room { rooms: self.clone(), agent: agent.clone(), limits: *limits, taken: 0 }
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room {
    /// Takes more.
    ///
    /// # Errors
    /// There is none left for this caller, or there never will be for so much; nothing was taken.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), Stop> {
        if bytes == 0 {
            return Ok(());
        }
        let mut taken = self.rooms.taken();
        let own = taken.by_agent.get(&self.agent.id).copied().unwrap_or(0);
        let of_project = taken.by_project.get(&self.agent.project).copied().unwrap_or(0);
        for (taken, most, of) in [
            (own, self.limits.per_agent.held_bytes, "this agent"),
            (of_project, self.limits.per_project.held_bytes, "this project"),
            (taken.all, self.limits.held_bytes, "all agents"),
        ] {
            if self.taken.saturating_add(bytes) > most {
                let what = format!("this request takes more memory than the {most} bytes that {of} may have at once");
                return Err(Malformed::new(413, what, "body").into());
            }
            if taken.saturating_add(bytes) > most {
                let what = format!("what {of} has on its way at once takes more than {most} bytes of memory");
                return Err(Refusal::Limited { retry_after: Duration::from_secs(5), what }.into());
            }
        }
        taken.all += bytes;
        *taken.by_agent.entry(self.agent.id).or_default() += bytes;
        match taken.by_project.get_mut(&self.agent.project) {
            Some(of_project) => *of_project += bytes,
            None => drop(taken.by_project.insert(self.agent.project.clone(), bytes)),
        }
        self.taken += bytes;
        Ok(())
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if self.taken == 0 {
            return;
        }
        let mut taken = self.rooms.taken();
        taken.all = taken.all.saturating_sub(self.taken);
        if let Some(own) = taken.by_agent.get_mut(&self.agent.id) {
            *own = own.saturating_sub(self.taken);
            if *own == 0 {
                taken.by_agent.remove(&self.agent.id);
            }
        }
        if let Some(of_project) = taken.by_project.get_mut(&self.agent.project) {
            *of_project = of_project.saturating_sub(self.taken);
            if *of_project == 0 {
                taken.by_project.remove(&self.agent.project);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rules::config::Quota;

    use super::*;

    #[test]
    fn what_is_taken_is_bounded_for_each_and_given_back() {
        let rooms = Arc::new(Rooms::default());
        let limits = Limits {
            body: 0,
            head: 0,
            head_timeout: Duration::ZERO,
            stored_response: 0,
            held: 0,
            held_bytes: 40,
            per_agent: Quota { held: 0, held_bytes: 10 },
            per_project: Quota { held: 0, held_bytes: 25 },
        };
        let agent = |project: &str, name: &str| Arc::new(Agent::unregistered(project, name));
        let full = |room: &mut Room, bytes| matches!(room.grow(bytes), Err(Stop::Gate(Refusal::Limited { .. })));
        let never =
            |room: &mut Room, bytes| matches!(room.grow(bytes), Err(Stop::Malformed(Malformed { status: 413, .. })));
        let [one, two, three] = ["one", "two", "three"].map(|name| agent("support", name));
        let (mut a, mut again) = (rooms.enter(&one, &limits), rooms.enter(&one, &limits));
        assert!(never(&mut a, 11));
        a.grow(6).unwrap();
        assert!(never(&mut a, 5), "6 and 5 are more than one agent may have");
        again.grow(4).unwrap();
        assert!(full(&mut a, 1), "the agent has 10");
        let (mut b, mut c) = (rooms.enter(&two, &limits), rooms.enter(&three, &limits));
        b.grow(10).unwrap();
        assert!(full(&mut c, 6), "the project has 20 of 25");
        c.grow(5).unwrap();
        let others = agent("other", "one");
        let mut d = rooms.enter(&others, &limits);
        d.grow(10).unwrap();
        let mut e = rooms.enter(&agent("third", "one"), &limits);
        assert!(full(&mut e, 6), "all have 35 of 40");
        drop(a);
        again.grow(6).unwrap();
        drop((again, b, c, d, e));
        let taken = rooms.taken();
        assert_eq!((taken.all, taken.by_agent.len(), taken.by_project.len()), (0, 0, 0));
    }
}
