//! Who is who, in memory: a snapshot that is swapped whole when a deed is done here or, in another
//! process, on the same store. Identifying a caller touches nothing else: one hash look-up, one time
//! noted, no lock, no allocation.
//!
//! Files go before the store. An agent they define has only its id, status, keys and dates from the
//! store; one they no longer define is refused as revoked until they do again (the store's status is
//! left alone). A project they no longer define is gone, its keys identify nobody and its agents are
//! refused. A team they define has exactly the members they give it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use rules::config::Config;
use uuid::Uuid;

use crate::agent::{Agent, AgentKey, AgentStatus, Principal, ProjectRecord};
use crate::clock::Timestamp;
use crate::deed::KeyOwner;
use crate::id::{AgentId, PersonId};
use crate::kept::KeptRule;
use crate::key::KeyHash;
use crate::person::{Person, Role, Token};

pub mod rows;

pub use rows::{DirectoryRows, Seen};

use rows::{AgentRow, KeyRow, PersonRow};

/// One consistent picture of agents, projects, people and teams, from files and store.
#[derive(Debug, Default)]
pub struct Directory {
    version: i64,
    holders: HashMap<KeyHash, Holder>,
    agents: BTreeMap<AgentId, Arc<Agent>>,
    /// By project, then by the fingerprint in lower case.
    fingerprints: HashMap<String, HashMap<String, Arc<Agent>>>,
    projects: BTreeMap<String, ProjectRecord>,
    people: BTreeMap<PersonId, Arc<Person>>,
    tokens: HashMap<PersonId, Vec<Token>>,
    teams: BTreeMap<String, Vec<String>>,
    file_teams: BTreeSet<String>,
    last_seen: HashMap<Uuid, LastSeen>,
    kept: Vec<KeptRule>,
}

#[derive(Debug)]
struct Holder {
    principal: Principal,
    expires_at: Option<Timestamp>,
    last_seen: Option<LastSeen>,
}

/// When somebody was last seen, Unix microseconds, 0 for never. Handed on from snapshot to snapshot.
type LastSeen = Arc<AtomicI64>;

impl Directory {
    /// Joins what the store holds with what the files define. What `before` knew of who was seen when
    /// goes on being counted.
    #[must_use]
    pub fn build(rows: DirectoryRows, config: &Config, before: Option<&Directory>) -> Directory {
        let mut made = Directory { version: rows.version, kept: rows.kept, ..Directory::default() };
        let keys = Keys::of(rows.keys);
        for row in rows.projects {
            let in_files = config.projects.iter().any(|project| project.name == row.name);
            if row.from_files && !in_files {
                continue;
            }
            let record = ProjectRecord {
                keys: shown(keys.of_projects.get(&row.name)),
                name: row.name.clone(),
                from_files: in_files,
                created_at: row.created_at,
            };
            made.hold(keys.of_projects.get(&row.name), &Principal::Project(row.name.clone()), None);
            made.projects.insert(row.name, record);
        }
        for row in rows.agents {
            let last_seen = made.last_seen_of(row.id.0, before);
            let keys = keys.of_agents.get(&row.id);
            let agent = Arc::new(agent_of(row, config, &made.projects, shown(keys)));
            // A revoked agent's key still says whose it was, so that its caller learns why it is refused.
            made.hold(keys, &Principal::Agent(agent.clone()), Some(&last_seen));
            let in_project = made.fingerprints.entry(agent.project.clone()).or_default();
            in_project.insert(agent.fingerprint.to_ascii_lowercase(), agent.clone());
            made.agents.insert(agent.id, agent);
        }
        made.add_people(rows.people, &rows.team_members, &keys, config, before);
        made
    }

    fn add_people(
        &mut self,
        people: Vec<PersonRow>,
        members: &[(String, PersonId)],
        keys: &Keys,
        config: &Config,
        before: Option<&Directory>,
    ) {
        for (team, emails) in &config.teams {
            self.teams.insert(team.clone(), emails.iter().map(|email| email.to_ascii_lowercase()).collect());
            self.file_teams.insert(team.clone());
        }
        let emails: HashMap<PersonId, &str> = people.iter().map(|row| (row.id, row.email.as_str())).collect();
        for (team, person) in members {
            if let Some(email) = emails.get(person)
                && !self.file_teams.contains(team)
            {
                self.teams.entry(team.clone()).or_default().push((*email).to_owned());
            }
        }
        for row in people {
            let last_seen = self.last_seen_of(row.id.0, before);
            let teams = self.teams.iter().filter(|(_, emails)| emails.contains(&row.email));
            let person = Arc::new(Person {
                teams: teams.map(|(team, _)| team.clone()).collect(),
                id: row.id,
                email: row.email,
                name: row.name,
                role: row.role,
                disabled: row.disabled,
                has_password: row.has_password,
                created_at: row.created_at,
                last_seen_at: row.last_seen_at,
            });
            let keys = keys.of_people.get(&person.id);
            if !person.disabled {
                self.hold(keys, &Principal::Person(person.clone()), Some(&last_seen));
            }
            self.tokens.insert(person.id, keys.into_iter().flatten().map(token_of).collect());
            self.people.insert(person.id, person);
        }
    }

    fn hold(&mut self, keys: Option<&Vec<KeyRow>>, principal: &Principal, last_seen: Option<&LastSeen>) {
        for key in keys.into_iter().flatten().filter(|key| key.revoked_at.is_none()) {
            let holder =
                Holder { principal: principal.clone(), expires_at: key.expires_at, last_seen: last_seen.cloned() };
            self.holders.insert(key.hash, holder);
        }
    }

    fn last_seen_of(&mut self, id: Uuid, before: Option<&Directory>) -> LastSeen {
        let known = before.and_then(|before| before.last_seen.get(&id)).cloned().unwrap_or_default();
        self.last_seen.insert(id, known.clone());
        known
    }

    /// The holder of a key, or `None` when nobody has it (or it was revoked or has expired). Notes that
    /// they were seen.
    #[must_use]
    pub fn holder(&self, hash: &KeyHash, now: Timestamp) -> Option<Principal> {
        let holder = self.holders.get(hash).filter(|holder| holder.expires_at.is_none_or(|end| now < end))?;
        if let Some(last_seen) = &holder.last_seen {
            last_seen.fetch_max(now.0, Ordering::Relaxed);
        }
        Some(holder.principal.clone())
    }

    /// Notes that somebody was seen who came without a key (a bound listener, a label, a session).
    pub(crate) fn note_seen(&self, id: Uuid, now: Timestamp) {
        if let Some(last_seen) = self.last_seen.get(&id) {
            last_seen.fetch_max(now.0, Ordering::Relaxed);
        }
    }

    /// Who was seen later than the store knows.
    pub(crate) fn seen(&self) -> Seen {
        let later = |id: Uuid, stored: Option<Timestamp>| {
            let at = Timestamp(self.last_seen.get(&id)?.load(Ordering::Relaxed));
            (at > stored.unwrap_or(Timestamp(0))).then_some(at)
        };
        let agents = self.agents.values().filter_map(|agent| Some((agent.id, later(agent.id.0, agent.last_seen_at)?)));
        let people =
            self.people.values().filter_map(|person| Some((person.id, later(person.id.0, person.last_seen_at)?)));
        Seen { agents: agents.collect(), people: people.collect(), sessions: Vec::new() }
    }

    /// Which state of the store this shows.
    pub(crate) fn version(&self) -> i64 {
        self.version
    }

    /// In the order they were registered.
    #[must_use]
    pub fn agents(&self) -> Vec<Arc<Agent>> {
        self.agents.values().cloned().collect()
    }

    #[must_use]
    pub fn agent(&self, id: AgentId) -> Option<Arc<Agent>> {
        self.agents.get(&id).cloned()
    }

    /// By name. One that files define goes first (their names are unique over all projects); of others
    /// the only one, `None` when several projects have one.
    #[must_use]
    pub fn agent_named(&self, name: &str) -> Option<Arc<Agent>> {
        let mut found = self.agents.values().filter(|agent| agent.name == name);
        if let Some(agent) = found.clone().find(|agent| agent.from_files) {
            return Some(agent.clone());
        }
        let first = found.next()?;
        if found.next().is_some() { None } else { Some(first.clone()) }
    }

    /// By fingerprint, whatever the case of its letters.
    #[must_use]
    pub fn fingerprint(&self, project: &str, fingerprint: &str) -> Option<Arc<Agent>> {
        self.fingerprints.get(project)?.get(&fingerprint.to_ascii_lowercase()).cloned()
    }

    /// By name.
    #[must_use]
    pub fn projects(&self) -> Vec<ProjectRecord> {
        self.projects.values().cloned().collect()
    }

    #[must_use]
    pub fn project(&self, name: &str) -> Option<&ProjectRecord> {
        self.projects.get(name)
    }

    /// In the order they were added.
    #[must_use]
    pub fn people(&self) -> Vec<Arc<Person>> {
        self.people.values().cloned().collect()
    }

    #[must_use]
    pub fn person(&self, id: PersonId) -> Option<Arc<Person>> {
        self.people.get(&id).cloned()
    }

    #[must_use]
    pub fn person_by_email(&self, email: &str) -> Option<Arc<Person>> {
        let email = email.trim().to_ascii_lowercase();
        self.people.values().find(|person| person.email == email).cloned()
    }

    /// A person's tokens, oldest first, revoked and expired ones too.
    #[must_use]
    pub fn tokens(&self, person: PersonId) -> &[Token] {
        self.tokens.get(&person).map(Vec::as_slice).unwrap_or_default()
    }

    /// Team names with their members' e-mail addresses.
    #[must_use]
    pub fn teams(&self) -> Vec<(String, Vec<String>)> {
        self.teams.iter().map(|(team, emails)| (team.clone(), emails.clone())).collect()
    }

    /// Whether files define the team: then it is changed only there.
    #[must_use]
    pub fn team_is_from_files(&self, team: &str) -> bool {
        self.file_teams.contains(team)
    }

    /// Rules of the store, in the order they were made.
    #[must_use]
    pub fn kept(&self) -> &[KeptRule] {
        &self.kept
    }

    /// Whether somebody can manage the gate.
    #[must_use]
    pub fn has_admin(&self) -> bool {
        self.people.values().any(|person| person.role == Role::Admin && !person.disabled)
    }
}

/// An agent as files and store together say.
fn agent_of(row: AgentRow, config: &Config, projects: &BTreeMap<String, ProjectRecord>, keys: Vec<AgentKey>) -> Agent {
    let entry = config.agents.get(&row.name).filter(|entry| row.from_files && entry.project == row.project);
    let known = projects.contains_key(&row.project) && (entry.is_some() || !row.from_files);
    Agent {
        id: row.id,
        fingerprint: row.fingerprint,
        project: row.project,
        owner: entry.map_or(row.owner, |entry| entry.owner.clone()),
        framework: entry.map_or(row.framework, |entry| entry.framework.clone()),
        risk_sensitivity: entry.map_or(row.risk_sensitivity, |entry| entry.risk_sensitivity),
        trust: entry.map_or(row.trust, |entry| entry.trust),
        source_type: entry.map_or(row.source_type, |entry| entry.source_type),
        status: if known { row.status } else { AgentStatus::Revoked },
        hold: entry.and_then(|entry| entry.hold),
        enforce: entry.is_none_or(|entry| entry.enforce),
        from_files: entry.is_some(),
        name: row.name,
        created_at: row.created_at,
        last_seen_at: row.last_seen_at,
        keys,
    }
}

fn shown(keys: Option<&Vec<KeyRow>>) -> Vec<AgentKey> {
    keys.into_iter()
        .flatten()
        .map(|key| AgentKey {
            id: key.id,
            hint: key.hint.clone(),
            created_at: key.created_at,
            revoked_at: key.revoked_at,
        })
        .collect()
}

fn token_of(key: &KeyRow) -> Token {
    Token {
        id: key.id,
        hint: key.hint.clone(),
        label: key.label.clone(),
        created_at: key.created_at,
        expires_at: key.expires_at,
        revoked_at: key.revoked_at,
    }
}

/// Keys by owner, oldest first.
#[derive(Default)]
struct Keys {
    of_agents: HashMap<AgentId, Vec<KeyRow>>,
    of_projects: HashMap<String, Vec<KeyRow>>,
    of_people: HashMap<PersonId, Vec<KeyRow>>,
}

impl Keys {
    fn of(rows: Vec<KeyRow>) -> Keys {
        let mut keys = Keys::default();
        for row in rows {
            match &row.owner {
                KeyOwner::Agent(id) => keys.of_agents.entry(*id).or_default().push(row),
                KeyOwner::Project(name) => keys.of_projects.entry(name.clone()).or_default().push(row),
                KeyOwner::Person(id) => keys.of_people.entry(*id).or_default().push(row),
            }
        }
        keys
    }
}
