//! What is done to the directory (agents, keys, people, teams, projects, sessions). Each deed is one
//! transaction: its rows and its audit event.
//!
//! INVARIANT: the event's text holds no secret and no hash of one; keys are named by id and by their
//! last characters.

use serde_json::{Value, json};

use crate::agent::AgentStatus;
use crate::clock::Timestamp;
use crate::id::{AgentId, KeyId, PersonId, RuleId, SessionId};
use crate::kept::RuleKind;
use crate::key::{KeyHash, KeyKind};
use crate::person::Role;

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    Person {
        id: PersonId,
        email: String,
    },
    /// The operator at the machine: the command line on the store.
    Operator,
    /// The gate itself.
    Gate,
    /// A caller, by fingerprint.
    Agent(String),
}

/// One deed. Texts are as they will be stored.
#[derive(Debug, Clone)]
pub enum Deed {
    AddProject {
        name: String,
        from_files: bool,
        key: Option<NewKey>,
    },
    AddAgent {
        agent: NewAgent,
        key: Option<NewKey>,
    },
    /// Files define this agent: gives it an id and a status, or takes over what files now say of the
    /// one with this id.
    AdoptAgent(NewAgent),
    SetAgentStatus {
        agent: AgentId,
        status: AgentStatus,
        reason: Option<String>,
    },
    /// An agent or a project keeps its [`LIVE_KEYS`] newest live keys; older ones are revoked with it.
    AddKey {
        kind: KeyKind,
        owner: KeyOwner,
        key: NewKey,
        label: Option<String>,
        expires_at: Option<Timestamp>,
    },
    RevokeKey {
        id: KeyId,
    },
    AddPerson {
        id: PersonId,
        email: String,
        name: String,
        role: Role,
        teams: Vec<String>,
    },
    /// Ends the person's sessions.
    SetPassword {
        person: PersonId,
        password_hash: String,
    },
    /// Ends the person's sessions. The last admin stays one.
    SetRole {
        person: PersonId,
        role: Role,
    },
    SetTeams {
        person: PersonId,
        teams: Vec<String>,
    },
    /// Ends the person's sessions. The last admin cannot be disabled.
    DisablePerson {
        person: PersonId,
        disabled: bool,
    },
    OpenSession {
        person: PersonId,
        session: NewSession,
    },
    CloseSession {
        id: SessionId,
    },
    /// A one-time link was made: its token's hash, for whom (`None`: the first admin), until when.
    OfferLink {
        token_hash: KeyHash,
        person: Option<PersonId>,
        expires_at: Timestamp,
    },
    /// Uses a link up, sets the password and signs in; where `first_admin` says so, makes that person.
    /// Refused when the link was used before, or an admin exists by now.
    UseLink {
        token_hash: KeyHash,
        person: PersonId,
        first_admin: Option<FirstAdmin>,
        password_hash: String,
        session: NewSession,
    },
    /// Other files are in force: by their digest, with what was in force before, if anything was.
    ChangeConfig {
        before: Option<String>,
        after: String,
    },
    /// A policy, a namespace or a stop switch: a new one, or other words of the one with this id.
    KeepRule {
        id: RuleId,
        kind: RuleKind,
        name: String,
        /// JSON.
        data: String,
        new: bool,
        by: String,
    },
    DropRule {
        id: RuleId,
        kind: RuleKind,
        name: String,
    },
    /// Of a person that exists; what strangers typed is not kept (people type passwords into the wrong field).
    SignInFailed {
        person: PersonId,
    },
}

/// How many keys of an agent or a project live at once: the one in use and the one it is rotated to.
pub const LIVE_KEYS: usize = 2;

/// A key as it is stored.
#[derive(Debug, Clone)]
pub struct NewKey {
    pub id: KeyId,
    pub hash: KeyHash,
    pub hint: String,
}

#[derive(Debug, Clone)]
pub struct NewSession {
    pub id: SessionId,
    pub token_hash: KeyHash,
    pub expires_at: Timestamp,
    pub browser: String,
}

/// The person that the first link makes.
#[derive(Debug, Clone)]
pub struct FirstAdmin {
    pub email: String,
    pub name: String,
}

#[derive(Debug, Clone)]
pub struct NewAgent {
    pub id: AgentId,
    pub name: String,
    /// Empty: made from the name.
    pub fingerprint: String,
    pub project: String,
    pub owner: Option<String>,
    pub framework: Option<String>,
    pub risk_sensitivity: Option<rules::config::RiskTier>,
    pub trust: rules::config::Trust,
    pub source_type: rules::config::SourceType,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyOwner {
    Agent(AgentId),
    Project(String),
    Person(PersonId),
}

impl Deed {
    /// The event's name in the audit log.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Deed::AddProject { .. } => "project.added",
            Deed::AddAgent { .. } => "agent.added",
            Deed::AdoptAgent(_) => "agent.adopted",
            Deed::SetAgentStatus { status: AgentStatus::Active, .. } => "agent.resumed",
            Deed::SetAgentStatus { status: AgentStatus::Paused, .. } => "agent.paused",
            Deed::SetAgentStatus { status: AgentStatus::Revoked, .. } => "agent.revoked",
            Deed::AddKey { .. } => "key.added",
            Deed::RevokeKey { .. } => "key.revoked",
            Deed::AddPerson { .. } => "person.added",
            Deed::SetPassword { .. } => "person.password_set",
            Deed::SetRole { .. } => "person.role_set",
            Deed::SetTeams { .. } => "person.teams_set",
            Deed::DisablePerson { disabled: true, .. } => "person.disabled",
            Deed::DisablePerson { disabled: false, .. } => "person.enabled",
            Deed::OpenSession { .. } => "session.opened",
            Deed::CloseSession { .. } => "session.closed",
            Deed::OfferLink { .. } => "link.offered",
            Deed::UseLink { .. } => "link.used",
            Deed::ChangeConfig { .. } => "config.changed",
            Deed::KeepRule { kind: RuleKind::Policy, new: true, .. } => "policy.added",
            Deed::KeepRule { kind: RuleKind::Policy, .. } => "policy.changed",
            Deed::KeepRule { kind: RuleKind::Namespace, .. } => "namespace.set",
            Deed::KeepRule { kind: RuleKind::Stop, .. } => "stop.set",
            Deed::DropRule { kind: RuleKind::Policy, .. } => "policy.removed",
            Deed::DropRule { kind: RuleKind::Namespace, .. } => "namespace.removed",
            Deed::DropRule { kind: RuleKind::Stop, .. } => "stop.lifted",
            Deed::SignInFailed { .. } => "sign_in.failed",
        }
    }

    /// What the event is about: an id, or a project's name.
    #[must_use]
    pub fn subject(&self) -> Option<String> {
        Some(match self {
            Deed::AddProject { name, .. } => name.clone(),
            Deed::AddAgent { agent, .. } | Deed::AdoptAgent(agent) => agent.id.to_string(),
            Deed::SetAgentStatus { agent, .. } => agent.to_string(),
            Deed::AddKey { key, .. } => key.id.to_string(),
            Deed::RevokeKey { id } => id.to_string(),
            Deed::KeepRule { id, .. } | Deed::DropRule { id, .. } => id.to_string(),
            Deed::AddPerson { id, .. } => id.to_string(),
            Deed::SetPassword { person, .. }
            | Deed::SetRole { person, .. }
            | Deed::SetTeams { person, .. }
            | Deed::DisablePerson { person, .. }
            | Deed::OpenSession { person, .. }
            | Deed::UseLink { person, .. }
            | Deed::SignInFailed { person } => person.to_string(),
            Deed::CloseSession { id } => id.to_string(),
            Deed::ChangeConfig { .. } => return None,
            Deed::OfferLink { person, .. } => return person.map(|person| person.to_string()),
        })
    }

    /// The event's facts.
    #[must_use]
    pub fn data(&self) -> Value {
        match self {
            Deed::AddProject { name, from_files, key } => {
                json!({ "name": name, "from_files": from_files, "key": key.as_ref().map(NewKey::facts) })
            }
            Deed::AddAgent { agent, key } => {
                let mut facts = agent.facts();
                if let Some(facts) = facts.as_object_mut() {
                    facts.insert("key".to_owned(), json!(key.as_ref().map(NewKey::facts)));
                }
                facts
            }
            Deed::AdoptAgent(agent) => agent.facts(),
            Deed::SetAgentStatus { agent, status, reason } => {
                json!({ "agent": agent.to_string(), "status": status.as_str(), "reason": reason })
            }
            Deed::AddKey { kind, owner, key, label, expires_at } => json!({
                "kind": kind.as_str(),
                "owner": owner.name(),
                "key": key.facts(),
                "label": label,
                "expires_at": expires_at.map(|at| at.to_string()),
                "live_at_most": match kind { KeyKind::User => None, KeyKind::Agent | KeyKind::Project => Some(LIVE_KEYS) },
            }),
            Deed::RevokeKey { id } => json!({ "key": id.to_string() }),
            Deed::AddPerson { id, email, name, role, teams } => {
                json!({ "person": id.to_string(), "email": email, "name": name, "role": role.as_str(), "teams": teams })
            }
            Deed::SetPassword { person, .. } | Deed::SignInFailed { person } => json!({ "person": person.to_string() }),
            Deed::SetRole { person, role } => json!({ "person": person.to_string(), "role": role.as_str() }),
            Deed::SetTeams { person, teams } => json!({ "person": person.to_string(), "teams": teams }),
            Deed::DisablePerson { person, disabled } => json!({ "person": person.to_string(), "disabled": disabled }),
            Deed::OpenSession { person, session } => {
                json!({ "person": person.to_string(), "session": session.facts() })
            }
            Deed::CloseSession { id } => json!({ "session": id.to_string() }),
            Deed::ChangeConfig { before, after } => json!({ "before": before, "after": after }),
            Deed::OfferLink { person, expires_at, .. } => {
                json!({ "person": person.map(|person| person.to_string()), "expires_at": expires_at.to_string() })
            }
            Deed::KeepRule { id, kind, name, data, .. } => json!({
                "rule": id.to_string(),
                "kind": kind.as_str(),
                "name": name,
                // Always JSON; were it none, the text says what it was.
                "data": serde_json::from_str::<Value>(data).unwrap_or_else(|_| json!(data)),
            }),
            Deed::DropRule { id, kind, name } => json!({ "rule": id.to_string(), "kind": kind.as_str(), "name": name }),
            Deed::UseLink { person, first_admin, session, .. } => json!({
                "person": person.to_string(),
                "first_admin": first_admin.as_ref().map(|admin| json!({ "email": admin.email, "name": admin.name })),
                "session": session.facts(),
            }),
        }
    }
}

impl NewKey {
    fn facts(&self) -> Value {
        json!({ "id": self.id.to_string(), "hint": self.hint })
    }
}

impl NewSession {
    fn facts(&self) -> Value {
        json!({ "id": self.id.to_string(), "expires_at": self.expires_at.to_string(), "browser": self.browser })
    }
}

impl NewAgent {
    fn facts(&self) -> Value {
        json!({
            "agent": self.id.to_string(),
            "name": self.name,
            "fingerprint": self.fingerprint,
            "project": self.project,
            "owner": self.owner,
            "framework": self.framework,
            "risk_sensitivity": self.risk_sensitivity.map(rules::config::RiskTier::as_str),
            "trust": self.trust.as_str(),
            "source_type": self.source_type.as_str(),
        })
    }
}

impl KeyOwner {
    fn name(&self) -> String {
        match self {
            KeyOwner::Agent(id) => id.to_string(),
            KeyOwner::Project(name) => name.clone(),
            KeyOwner::Person(id) => id.to_string(),
        }
    }
}

impl std::fmt::Display for Actor {
    /// As the audit log names who did it: one line.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let one_line = |text: &str| text.replace(char::is_control, " ");
        match self {
            Actor::Person { id, email } => write!(f, "{id} {}", one_line(email)),
            Actor::Operator => f.write_str("operator"),
            Actor::Gate => f.write_str("gate"),
            Actor::Agent(fingerprint) => write!(f, "agent {}", one_line(fingerprint)),
        }
    }
}
