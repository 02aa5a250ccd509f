//! Deeds done through the gate, on a real store in a file.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rules::config::load::{NoSecrets, Source, load};
use rules::config::{SourceType, Trust};

use super::*;
use crate::agent::{Agent, AgentStatus, LabelRefused, Principal};
use crate::clock::ManualClock;
use crate::deed::{Actor, NewAgent};
use crate::id::{AgentId, PersonId};
use crate::key::KeyKind;
use crate::person::{Role, SignInError};
use crate::store::sqlite::SqliteStore;

mod agents;
mod people;
mod sign_in;

const PASSWORD: &str = "correct horse battery";

/// A gate on a file of its own.
struct House {
    folder: tempfile::TempDir,
    clock: ManualClock,
    gate: Gate,
}

async fn house() -> House {
    house_with("").await
}

async fn house_with(yaml: &str) -> House {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::at(Timestamp(1_800_000_000_000_000));
    let gate = open(folder.path(), &clock, yaml).await.unwrap();
    House { folder, clock, gate }
}

async fn open(folder: &Path, clock: &ManualClock, yaml: &str) -> Result<Gate, GateError> {
    let store = SqliteStore::open(&folder.join("holdshort.db")).await?;
    let keys = permit::KeyRing::ephemeral(permit::Algorithm::EdDsa, 0)?;
    Gate::open(Arc::new(store), Arc::new(clock.clone()), keys, rules(yaml)).await
}

fn rules(yaml: &str) -> Arc<Ruleset> {
    let source = Source {
        name: "holdshort.yaml".to_owned(),
        text: format!("upstreams: {{ api: {{ url: http://127.0.0.1:1, at: /api }} }}\n{yaml}"),
    };
    let (config, _) = load(vec![source], &NoSecrets).unwrap_or_else(|findings| panic!("{findings:?}"));
    Arc::new(Ruleset::compile(Arc::new(config)).unwrap())
}

impl House {
    /// A second gate on the same store, as another process would have it.
    async fn second(&self, yaml: &str) -> Gate {
        open(self.folder.path(), &self.clock, yaml).await.unwrap()
    }

    async fn events(&self) -> Vec<(String, String, String)> {
        events(self.folder.path()).await
    }

    async fn kinds(&self) -> Vec<String> {
        self.events().await.into_iter().map(|(kind, ..)| kind).collect()
    }

    /// An agent with its key, in project `default`.
    async fn agent(&self, name: &str) -> (Arc<Agent>, MintedKey) {
        self.gate.add_agent(new_agent(name), &Actor::Operator).await.unwrap()
    }

    async fn person(&self, email: &str, role: Role) -> Arc<Person> {
        self.gate.add_person(email, "", role, vec![], &Actor::Operator).await.unwrap()
    }

    /// A person who has a password: `PASSWORD`.
    async fn member(&self, email: &str, role: Role) -> SignedIn {
        let person = self.person(email, role).await;
        let link = self.gate.offer_link(Some(person.id), &Actor::Operator).await.unwrap();
        self.gate.use_link(&link, "", "", PASSWORD, "Firefox").await.unwrap()
    }
}

/// Kind, actor, facts.
async fn events(folder: &Path) -> Vec<(String, String, String)> {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(folder.join("holdshort.db"));
    let mut conn = <sqlx::SqliteConnection as sqlx::Connection>::connect_with(&options).await.unwrap();
    sqlx::query_as("SELECT kind, actor, data FROM events ORDER BY seq").fetch_all(&mut conn).await.unwrap()
}

fn new_agent(name: &str) -> NewAgent {
    NewAgent {
        id: AgentId::new(Timestamp(1_800_000_000_000_000)),
        name: name.to_owned(),
        fingerprint: String::new(),
        project: "default".to_owned(),
        owner: None,
        framework: None,
        risk_sensitivity: None,
        trust: Trust::Established,
        source_type: SourceType::AiAgent,
    }
}

fn name_of(principal: Option<Principal>) -> Option<String> {
    principal.map(|principal| match principal {
        Principal::Agent(agent) => format!("agent {} {}", agent.fingerprint, agent.status.as_str()),
        Principal::Project(name) => format!("project {name}"),
        Principal::Person(person) => format!("person {}", person.email),
    })
}

async fn who(gate: &Gate, key: &MintedKey) -> Option<String> {
    name_of(gate.identify(&key.secret).await.unwrap())
}

/// The text of a refusal.
fn why<T: std::fmt::Debug, E: std::fmt::Display>(done: Result<T, E>) -> String {
    done.unwrap_err().to_string()
}
