//! Teams, projects, agents.

use indexmap::IndexMap;

use super::{Checker, is_email};
use crate::config::node::shortened;
use crate::config::raw::{self, At, Named};
use crate::config::{AgentEntry, Project};

impl Checker<'_> {
    pub(super) fn teams(&mut self, raw: Option<At<Named<Vec<At<String>>>>>) -> IndexMap<String, Vec<String>> {
        let mut teams = IndexMap::new();
        for (name, members) in raw.map(|at| at.value.0).unwrap_or_default() {
            self.name("a team", &name);
            let mut emails: Vec<String> = Vec::new();
            for member in members.value {
                let email = member.value.to_lowercase();
                if !is_email(&email) {
                    let message = format!("`{}` is not an e-mail address", shortened(&member.value));
                    self.error("bad-email", member.mark, message, None);
                }
                if !emails.contains(&email) {
                    emails.push(email);
                }
            }
            if emails.is_empty() {
                let message = format!("nobody is in the team `{}`: what it must approve expires", name.value);
                self.warning("empty-team", name.mark, message, None);
            }
            teams.insert(name.value, emails);
        }
        teams
    }

    pub(super) fn projects(&mut self, raw: Option<At<raw::Projects>>) -> Vec<Project> {
        let mut projects: IndexMap<String, Project> = IndexMap::new();
        let given: Vec<(At<String>, raw::Project)> = match raw.map(|at| at.value).unwrap_or_default() {
            raw::Projects::List(names) => names.into_iter().map(|name| (name, raw::Project::default())).collect(),
            raw::Projects::Map(named) => named.0.into_iter().map(|(name, at)| (name, at.value)).collect(),
        };
        for (name, settings) in given {
            self.name("a project", &name);
            let accept = settings.unregistered.is_some_and(|at| at.value == raw::Unregistered::Accept);
            let project = Project { name: name.value.clone(), accept_unregistered: accept };
            if projects.insert(name.value.clone(), project).is_some() {
                let message = format!("the project `{}` is listed twice", shortened(&name.value));
                self.error("defined-twice", name.mark, message, Some("keep one of them"));
            }
        }
        projects
            .entry("default".to_owned())
            .or_insert_with(|| Project { name: "default".to_owned(), accept_unregistered: false });
        projects.into_values().collect()
    }

    pub(super) fn agents(&mut self, raw: Option<At<Named<raw::Agent>>>) -> IndexMap<String, AgentEntry> {
        let mut agents = IndexMap::new();
        let mut fingerprints: IndexMap<String, String> = IndexMap::new();
        for (name, at) in raw.map(|at| at.value.0).unwrap_or_default() {
            self.name("an agent", &name);
            let raw = at.value;
            if let Some(project) = &raw.project {
                let known = self.names.projects.clone();
                self.refer("project", "projects", project, &known);
            }
            if let Some(owner) = &raw.owner
                && !is_email(&owner.value)
            {
                let message = format!("`{}` is not an e-mail address", shortened(&owner.value));
                self.error("bad-email", owner.mark, message, None);
            }
            if let Some(fingerprint) = &raw.fingerprint {
                self.fingerprint(&name.value, fingerprint, &mut fingerprints);
            }
            let entry = AgentEntry {
                project: raw.project.map_or_else(|| "default".to_owned(), |at| at.value),
                fingerprint: raw.fingerprint.map(|at| at.value),
                owner: raw.owner.map(|at| at.value.to_lowercase()),
                trust: raw.trust.map(|at| at.value).unwrap_or_default(),
                framework: raw.framework.map(|at| at.value),
                risk_sensitivity: raw.risk_sensitivity.map(|at| at.value),
                source_type: raw.source_type.map(|at| at.value).unwrap_or_default(),
                hold: raw.hold.map(|hold| self.hold(&hold)),
                enforce: raw.enforce.is_none_or(|enforce| enforce.value),
            };
            agents.insert(name.value, entry);
        }
        agents
    }

    fn fingerprint(&mut self, agent: &str, at: &At<String>, known: &mut IndexMap<String, String>) {
        let good = !at.value.is_empty() && at.value.len() <= 200 && at.value.chars().all(|c| c.is_ascii_graphic());
        if !good {
            let help = "1 to 200 printable ASCII characters without spaces";
            self.error("bad-name", at.mark, "this cannot be a fingerprint", Some(help));
        }
        if let Some(other) = known.insert(at.value.clone(), agent.to_owned()) {
            let message = format!("the agent `{other}` has this fingerprint already");
            self.error("defined-twice", at.mark, message, Some("each agent has its own"));
        }
    }
}
