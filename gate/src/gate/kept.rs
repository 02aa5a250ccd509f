//! Keeping rules in the store, and putting them beside those of the files. What changes counts at once, here and, a
//! quarter of a second later, in other processes on the same store.

use std::sync::Arc;

use rules::Ruleset;
use rules::config::Policy;

use super::holds::Signal;
use super::{Gate, GateError, refused};
use crate::deed::{Actor, Deed};
use crate::id::RuleId;
use crate::kept::{self, KeptRule, Namespace, RuleKind, Switch};
use crate::refusal::Refusal;

impl Gate {
    /// Policies, namespaces and stop switches of the store, in the order they were made.
    #[must_use]
    pub fn kept_rules(&self, kind: RuleKind) -> Vec<KeptRule> {
        self.directory().kept().iter().filter(|rule| rule.kind == kind).cloned().collect()
    }

    #[must_use]
    pub fn kept_rule(&self, id: RuleId) -> Option<KeptRule> {
        self.directory().kept().iter().find(|rule| rule.id == id).cloned()
    }

    /// Adds a policy, or changes the one with this id.
    ///
    /// # Errors
    /// It is none, or its name is taken.
    pub async fn keep_policy(&self, id: Option<RuleId>, data: String, by: &Actor) -> Result<KeptRule, GateError> {
        let rules = self.rules();
        let policy = kept::read_policy(&data, rules.config()).map_err(GateError::Invalid)?;
        let name = policy.name.clone();
        let taken = rules.config().policies.iter().any(|known| known.name == name)
            || self.kept_rules(RuleKind::Policy).iter().any(|known| known.name == name && Some(known.id) != id);
        if taken {
            return Err(GateError::Conflict(format!("there is a policy {name:?} already")));
        }
        if let Some(id) = id {
            self.kept_rule(id)
                .filter(|rule| rule.kind == RuleKind::Policy)
                .ok_or_else(|| GateError::NotFound("such policy".to_owned()))?;
        }
        self.may_be_added(policy)?;
        self.keep(id, RuleKind::Policy, name, data, by).await
    }

    /// Conditions and templates are only known to be good when they are compiled.
    fn may_be_added(&self, policy: Policy) -> Result<(), GateError> {
        let overlay = rules::ruleset::Overlay { policies: vec![policy], stops: Vec::new() };
        match self.inner.files.load().with(overlay) {
            Ok(_) => Ok(()),
            Err(findings) => {
                let said: Vec<String> = findings.list.iter().map(|finding| finding.message.clone()).collect();
                Err(GateError::Invalid(said.join("; ")))
            }
        }
    }

    /// Says what the paths of a namespace need, in place of what was said before.
    ///
    /// # Errors
    /// It could never be met.
    pub async fn set_namespace(&self, name: &str, namespace: &Namespace, by: &Actor) -> Result<KeptRule, GateError> {
        if !crate::person::is_plain_name(name) {
            return Err(GateError::Invalid(format!("{name:?} is no namespace's name")));
        }
        namespace.check(name).map_err(GateError::Invalid)?;
        let known = self.named_rule(RuleKind::Namespace, name).map(|rule| rule.id);
        let data = serde_json::to_string(namespace).map_err(|error| GateError::Invalid(error.to_string()))?;
        self.keep(known, RuleKind::Namespace, name.to_owned(), data, by).await
    }

    #[must_use]
    pub fn named_rule(&self, kind: RuleKind, name: &str) -> Option<KeptRule> {
        self.directory().kept().iter().find(|rule| rule.kind == kind && rule.name == name).cloned()
    }

    /// Puts a stop switch on: `gate`, `upstream:NAME` or `project:NAME`. Who waits and is refused hears of it at once.
    ///
    /// # Errors
    /// There is nothing of that name.
    pub async fn stop(&self, scope: &str, switch: &Switch, by: &Actor) -> Result<KeptRule, GateError> {
        let there = match scope.split_once(':') {
            None => scope == "gate",
            Some(("upstream", name)) => self.rules().config().upstreams.contains_key(name),
            Some(("project", name)) => self.directory().project(name).is_some(),
            Some(_) => false,
        };
        if !there {
            return Err(GateError::NotFound(format!(
                "{scope:?} to stop: it is `gate`, `upstream:NAME` or `project:NAME`"
            )));
        }
        if switch.reason.len() > 1000 {
            return Err(GateError::Invalid("the reason is longer than 1000 bytes".to_owned()));
        }
        let known = self.named_rule(RuleKind::Stop, scope).map(|rule| rule.id);
        let data = serde_json::to_string(switch).map_err(|error| GateError::Invalid(error.to_string()))?;
        self.keep(known, RuleKind::Stop, scope.to_owned(), data, by).await
    }

    /// Takes a policy, a namespace or a stop switch away.
    ///
    /// # Errors
    /// It is not there.
    pub async fn drop_rule(&self, id: RuleId, kind: RuleKind, by: &Actor) -> Result<(), GateError> {
        let missing = || GateError::NotFound(format!("such {}", kind.as_str()));
        let rule = self.kept_rule(id).filter(|rule| rule.kind == kind).ok_or_else(missing)?;
        let deed = Deed::DropRule { id, kind, name: rule.name };
        self.record(deed, by).await.map_err(|error| refused(error, &format!("such {}", kind.as_str())))
    }

    async fn keep(
        &self,
        known: Option<RuleId>,
        kind: RuleKind,
        name: String,
        data: String,
        by: &Actor,
    ) -> Result<KeptRule, GateError> {
        let id = known.unwrap_or_else(|| RuleId::new(self.now()));
        let deed = Deed::KeepRule { id, kind, name, data, new: known.is_none(), by: by.to_string() };
        self.record(deed, by).await.map_err(|error| refused(error, &format!("such {}", kind.as_str())))?;
        self.kept_rule(id).ok_or_else(|| GateError::NotFound(format!("such {}", kind.as_str())))
    }

    /// The rules of the files with what is kept beside them. What cannot be put there makes everything need a person.
    pub(super) fn with_kept(files: &Arc<Ruleset>, kept: &[KeptRule]) -> Arc<Ruleset> {
        let overlay = kept::overlay(kept);
        if overlay.is_empty() {
            return files.clone();
        }
        let stops = overlay.stops.clone();
        match files.with(overlay) {
            Ok(rules) => Arc::new(rules),
            Err(findings) => {
                tracing::error!(%findings, "policies of the store cannot be used: everything needs a person");
                let stops = stops.into_iter().chain([kept::unreadable()]).collect();
                Arc::new(files.stopped(stops))
            }
        }
    }

    /// Tells those who wait for what is stopped now. Their intents stay: nobody said no to them.
    pub(super) async fn enforce_stops(&self) {
        let rules = self.rules();
        for id in self.inner.holds.intents(None) {
            let Ok(Some(stored)) = self.inner.store.intent(id).await else { continue };
            let intent = &stored.intent;
            if let Some(stop) = rules.refused(intent.upstream.as_deref(), &intent.project) {
                self.inner.holds.tell(id, Signal::Refused(Refusal::Stopped { message: stop.message.clone() }));
            }
        }
    }
}
