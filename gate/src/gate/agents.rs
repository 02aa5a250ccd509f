//! Registered agents: adding them, their keys, their status.

use std::sync::Arc;

use super::identify::{ANONYMOUS, is_fingerprint};
use super::{Gate, GateError, MintedKey, refused};
use crate::agent::{Agent, AgentStatus};
use crate::deed::{Actor, Deed, KeyOwner, NewAgent};
use crate::directory::Directory;
use crate::id::AgentId;
use crate::key::KeyKind;
use crate::person::shortened;

/// How often a fingerprint made from a name is tried again when another process took it meanwhile.
const TRIES: usize = 5;

impl Gate {
    /// Registers an agent (or gives one that files define its first key). Without a fingerprint one is
    /// made from the name.
    ///
    /// # Errors
    /// Name or fingerprint taken, no such project.
    pub async fn add_agent(&self, agent: NewAgent, by: &Actor) -> Result<(Arc<Agent>, MintedKey), GateError> {
        let (agent, minted) = self.add(agent, true, by).await?;
        match minted {
            Some(minted) => Ok((agent, minted)),
            None => Err(GateError::Invalid("no key was made".to_owned())),
        }
    }

    /// Registers an agent that has no key of its own: the project's key names it by its fingerprint. Its status is
    /// enforced; trust and kind count for nothing, because whoever has the project's key can say that it is this one.
    ///
    /// # Errors
    /// Name or fingerprint taken, no such project.
    pub async fn add_agent_without_key(&self, agent: NewAgent, by: &Actor) -> Result<Arc<Agent>, GateError> {
        if let Some(known) = self.directory().agent_named(&agent.name).filter(|known| known.from_files) {
            return Err(GateError::Conflict(format!("files define the agent {}: it is registered", known.name)));
        }
        Ok(self.add(agent, false, by).await?.0)
    }

    async fn add(
        &self,
        agent: NewAgent,
        with_key: bool,
        by: &Actor,
    ) -> Result<(Arc<Agent>, Option<MintedKey>), GateError> {
        check_name(&agent.name)?;
        if agent.fingerprint.is_empty() {
            let mut tries = 1;
            loop {
                let fingerprint = free_fingerprint(&self.directory(), &agent.project, &agent.name);
                match self.register(NewAgent { fingerprint, ..agent.clone() }, with_key, by).await {
                    // Perhaps only the fingerprint we made was taken meanwhile.
                    Err(GateError::Conflict(_)) if tries < TRIES && !self.name_is_taken(&agent) => tries += 1,
                    done => return done,
                }
                self.refresh_directory().await?;
            }
        }
        if !is_fingerprint(&agent.fingerprint) || agent.fingerprint.eq_ignore_ascii_case(ANONYMOUS) {
            return Err(GateError::Invalid(format!(
                "not a fingerprint: {:?}; use up to 128 visible ASCII characters, other than `{ANONYMOUS}`",
                shortened(&agent.fingerprint)
            )));
        }
        self.register(agent, with_key, by).await
    }

    async fn register(
        &self,
        agent: NewAgent,
        with_key: bool,
        by: &Actor,
    ) -> Result<(Arc<Agent>, Option<MintedKey>), GateError> {
        let directory = self.directory();
        if let Some(known) = directory.agent_named(&agent.name).filter(|known| known.from_files) {
            return self.first_key(known, &agent, by).await.map(|(agent, minted)| (agent, Some(minted)));
        }
        if self.name_is_taken(&agent) {
            return Err(GateError::Conflict(format!(
                "there is an agent {} in project {} already; `agents rotate-key` makes a new key for it",
                agent.name, agent.project
            )));
        }
        if directory.fingerprint(&agent.project, &agent.fingerprint).is_some() {
            return Err(GateError::Conflict(format!(
                "the fingerprint {} is taken in project {}",
                agent.fingerprint, agent.project
            )));
        }
        if directory.project(&agent.project).is_none() {
            return Err(GateError::NotFound(format!("project {:?}", shortened(&agent.project))));
        }
        let (minted, key) = match with_key {
            true => self.mint(KeyKind::Agent).map(|(minted, key)| (Some(minted), Some(key)))?,
            false => (None, None),
        };
        let id = agent.id;
        let what = format!("project {:?}", agent.project);
        self.record(Deed::AddAgent { agent, key }, by).await.map_err(|error| refused(error, &what))?;
        Ok((self.known_agent(id)?, minted))
    }

    /// An agent of the files is registered already; what it lacks is a key.
    async fn first_key(
        &self,
        known: Arc<Agent>,
        wanted: &NewAgent,
        by: &Actor,
    ) -> Result<(Arc<Agent>, MintedKey), GateError> {
        let name = &known.name;
        if wanted.project != known.project && wanted.project != "default" {
            return Err(GateError::Conflict(format!("files define the agent {name} in project {}", known.project)));
        }
        if known.has_live_key() {
            return Err(GateError::Conflict(format!(
                "the agent {name} has a key already; `agents rotate-key {name}` makes a second one"
            )));
        }
        let minted = self.rotate_agent_key(known.id, by).await?;
        Ok((self.known_agent(known.id)?, minted))
    }

    fn name_is_taken(&self, agent: &NewAgent) -> bool {
        let same = |known: &Arc<Agent>| known.project == agent.project && known.name.eq_ignore_ascii_case(&agent.name);
        self.directory().agents().iter().any(same)
    }

    /// A second key; the oldest of more than two live keys is revoked.
    ///
    /// # Errors
    /// There is no such agent, or it was revoked.
    pub async fn rotate_agent_key(&self, agent: AgentId, by: &Actor) -> Result<MintedKey, GateError> {
        if self.agent_now(agent).await?.status == AgentStatus::Revoked {
            return Err(GateError::Conflict("a revoked agent gets no key: register a new one".to_owned()));
        }
        let (minted, key) = self.mint(KeyKind::Agent)?;
        let owner = KeyOwner::Agent(agent);
        let deed = Deed::AddKey { kind: KeyKind::Agent, owner, key, label: None, expires_at: None };
        self.record(deed, by).await.map_err(|error| refused(error, &format!("agent {agent}")))?;
        Ok(minted)
    }

    /// Pauses, resumes or revokes; at once, also for calls already held.
    ///
    /// # Errors
    /// There is no such agent; a revoked agent stays revoked.
    pub async fn set_agent_status(
        &self,
        agent: AgentId,
        status: AgentStatus,
        reason: Option<String>,
        by: &Actor,
    ) -> Result<Arc<Agent>, GateError> {
        self.agent_now(agent).await?;
        let deed = Deed::SetAgentStatus { agent, status, reason };
        self.record(deed, by).await.map_err(|error| refused(error, &format!("agent {agent}")))?;
        self.known_agent(agent)
    }

    /// The agent, also when another process has just added it.
    async fn agent_now(&self, id: AgentId) -> Result<Arc<Agent>, GateError> {
        if self.directory().agent(id).is_none() {
            self.refresh_directory().await?;
        }
        self.known_agent(id)
    }

    fn known_agent(&self, id: AgentId) -> Result<Arc<Agent>, GateError> {
        self.directory().agent(id).ok_or_else(|| GateError::NotFound(format!("agent {id}")))
    }
}

fn check_name(name: &str) -> Result<(), GateError> {
    let ok = (1..=100).contains(&name.len()) && name.trim() == name && !name.chars().any(char::is_control);
    if ok && !name.eq_ignore_ascii_case(ANONYMOUS) {
        return Ok(());
    }
    Err(GateError::Invalid(format!(
        "not an agent's name: {:?}; use 1 to 100 bytes without line breaks, other than `{ANONYMOUS}`",
        shortened(name)
    )))
}

/// A fingerprint from a name: lower case, what is not a letter or digit becomes one hyphen.
pub(super) fn slug(name: &str) -> String {
    let mut slug = String::new();
    for one in name.chars() {
        if one.is_ascii_alphanumeric() {
            slug.push(one.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() || slug == ANONYMOUS {
        format!("agent-{slug}").trim_end_matches('-').to_owned()
    } else {
        slug.to_owned()
    }
}

fn free_fingerprint(directory: &Directory, project: &str, name: &str) -> String {
    let slug = slug(name);
    let mut free = slug.clone();
    let mut next = 2_u64;
    while directory.fingerprint(project, &free).is_some() {
        free = format!("{slug}-{next}");
        next += 1;
    }
    free
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_from_names() {
        for (name, want) in [
            ("billing", "billing"),
            ("Billing Bot #2", "billing-bot-2"),
            ("--x--", "x"),
            ("Überweisung", "berweisung"),
            ("请求", "agent"),
            ("Anonymous!", "agent-anonymous"),
        ] {
            assert_eq!(slug(name), want);
            assert!(is_fingerprint(&slug(name)));
        }
    }
}
