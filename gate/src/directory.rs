//! Who is who, in memory: a snapshot that is swapped whole when a deed is done here or, in another
//! process, on the same store. Identifying a caller touches nothing else.

use std::sync::Arc;

use crate::agent::{Agent, Principal, ProjectRecord};
use crate::id::{AgentId, PersonId};
use crate::key::KeyHash;
use crate::person::Person;

/// What the store holds of it.
#[derive(Debug, Clone, Default)]
pub struct DirectoryRows {}

/// One consistent picture of agents, projects, people and teams, from files and store.
#[derive(Debug, Default)]
pub struct Directory {}

impl Directory {
    /// Joins what the store holds with what the files define.
    #[must_use]
    pub fn build(rows: DirectoryRows, config: &rules::config::Config) -> Directory {
        let _ = (rows, config);
        Directory {}
    }

    /// The holder of a key, or `None` when nobody has it (or it was revoked or has expired).
    #[must_use]
    pub fn holder(&self, hash: &KeyHash, now: crate::clock::Timestamp) -> Option<Principal> {
        let _ = (hash, now);
        todo!()
    }

    #[must_use]
    pub fn agents(&self) -> Vec<Arc<Agent>> {
        todo!()
    }

    #[must_use]
    pub fn agent(&self, id: AgentId) -> Option<Arc<Agent>> {
        let _ = id;
        todo!()
    }

    #[must_use]
    pub fn agent_named(&self, name: &str) -> Option<Arc<Agent>> {
        let _ = name;
        todo!()
    }

    #[must_use]
    pub fn fingerprint(&self, project: &str, fingerprint: &str) -> Option<Arc<Agent>> {
        let _ = (project, fingerprint);
        todo!()
    }

    #[must_use]
    pub fn projects(&self) -> Vec<ProjectRecord> {
        todo!()
    }

    #[must_use]
    pub fn people(&self) -> Vec<Arc<Person>> {
        todo!()
    }

    #[must_use]
    pub fn person(&self, id: PersonId) -> Option<Arc<Person>> {
        let _ = id;
        todo!()
    }

    #[must_use]
    pub fn person_by_email(&self, email: &str) -> Option<Arc<Person>> {
        let _ = email;
        todo!()
    }

    /// Team names with their members' e-mail addresses.
    #[must_use]
    pub fn teams(&self) -> Vec<(String, Vec<String>)> {
        todo!()
    }
}
