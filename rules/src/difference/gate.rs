//! The gate's own settings, tiers, people, projects and agents.

use super::compare::{Compared, added, missing, names, option, removed, span, text, word};
use super::policies::{Asked, approvals, decision_rank};
use super::{Change, Kind};
use crate::config::{AgentEntry, Anonymous, Config, HoldTimeout, PolicyDecision, RiskTier, TierPolicy};

pub(super) fn compare(old: &Config, new: &Config, changes: &mut Vec<Change>) {
    settings(old, new, changes);
    for tier in RiskTier::ALL {
        let nothing = TierPolicy::default();
        let of = |config: &Config| config.risk_tiers.get(&tier).cloned().unwrap_or_else(|| nothing.clone());
        self::tier(tier, &of(old), &of(new), changes);
    }
    teams(old, new, changes);
    projects(old, new, changes);
    agents(old, new, changes);
}

fn settings(old: &Config, new: &Config, changes: &mut Vec<Change>) {
    let mut gate = Compared::new("gate", "settings");
    gate.switch("enforce", old.enforce, new.enforce, true, "every call passes; decisions are only recorded");
    let anonymous = |config: &Config| word(&config.proxy.anonymous);
    gate.field("proxy.anonymous", anonymous(old), anonymous(new), || {
        (new.proxy.anonymous == Anonymous::Allow).then(|| "calls without a key are let in".to_owned())
    });
    let tls = |config: &Config| config.proxy.tls.is_some();
    gate.switch("proxy.tls", tls(old), tls(new), true, "agents' keys travel in the clear");
    let tls = |config: &Config| config.admin.tls.is_some();
    gate.switch("admin.tls", tls(old), tls(new), true, "people's sessions travel in the clear");
    gate.shown("proxy.listen", format!("{:?}", old.proxy.listen), format!("{:?}", new.proxy.listen));
    gate.shown("admin.listen", old.admin.listen.to_string(), new.admin.listen.to_string());
    gate.shown("admin.url", old.admin.url.clone(), new.admin.url.clone());
    gate.shown("permit.algorithm", format!("{:?}", old.permit.algorithm), format!("{:?}", new.permit.algorithm));
    gate.field("permit.lifetime", span(&old.permit.lifetime), span(&new.permit.lifetime), || {
        (new.permit.lifetime > old.permit.lifetime).then(|| "permits count for longer".to_owned())
    });
    gate.shown("permit.header", old.permit.header.clone(), new.permit.header.clone());
    gate.switch(
        "record.sync full",
        old.record.sync_full,
        new.record.sync_full,
        true,
        "what policy approves may be lost from the record when the machine dies",
    );
    gate.shown("hold.timeout", hold(Some(&old.hold.timeout)), hold(Some(&new.hold.timeout)));
    let (before, after) = (&old.approval, &new.approval);
    gate.shown("approval.expires_in", span(&before.expires_in), span(&after.expires_in));
    gate.field("approval.release_within", span(&before.release_within), span(&after.release_within), || {
        (after.release_within > before.release_within).then(|| "an approval can be used for longer".to_owned())
    });
    gate.shown("approval.replay_for", span(&before.replay_for), span(&after.replay_for));
    gate.field("approval.denial_for", span(&before.denial_for), span(&after.denial_for), || {
        (after.denial_for < before.denial_for).then(|| "a denial is remembered for a shorter time".to_owned())
    });
    gate.shown("limits", format!("{:?}", old.limits), format!("{:?}", new.limits));
    gate.finish(changes);
}

pub(super) fn hold(timeout: Option<&HoldTimeout>) -> String {
    option(timeout, |timeout| match timeout {
        HoldTimeout::Auto => "auto".to_owned(),
        HoldTimeout::For(time) => span(time),
    })
}

fn tier(tier: RiskTier, old: &TierPolicy, new: &TierPolicy, changes: &mut Vec<Change>) {
    let mut compared = Compared::new("tier", tier.as_str());
    let decision = |tier: &TierPolicy| tier.decision.unwrap_or(PolicyDecision::RequireApproval);
    compared.field("decision", word(&decision(old)), word(&decision(new)), || {
        (decision_rank(decision(new)) < decision_rank(decision(old)))
            .then(|| format!("what no policy names is decided by {}", word(&decision(new))))
    });
    compared.shown("message", text(old.message.as_ref()), text(new.message.as_ref()));
    // A tier is the last word: what it leaves out is the default, not another's.
    approvals(&mut compared, &old.approvals, &new.approvals, &Asked::by_default(), &Asked::by_default());
    compared.finish(changes);
}

fn teams(old: &Config, new: &Config, changes: &mut Vec<Change>) {
    for (name, members) in &new.teams {
        match old.teams.get(name) {
            None => changes.push(added("team", name, names(members), None)),
            Some(before) => {
                let mut compared = Compared::new("team", name);
                compared.field("members", names(before), names(members), || {
                    let more = missing(before, members);
                    (!more.is_empty()).then(|| format!("{} can approve, too", names(&more)))
                });
                compared.finish(changes);
            }
        }
    }
    for (name, members) in old.teams.iter().filter(|(name, _)| !new.teams.contains_key(*name)) {
        changes.push(removed("team", name, names(members), None));
    }
}

fn projects(old: &Config, new: &Config, changes: &mut Vec<Change>) {
    let find = |config: &Config, name: &str| config.projects.iter().find(|project| project.name == name).cloned();
    for project in &new.projects {
        let before = find(old, &project.name);
        let accepts = before.as_ref().is_some_and(|before| before.accept_unregistered);
        let why = "labels without an agent are let in";
        match before {
            None => changes.push(added(
                "project",
                &project.name,
                String::new(),
                project.accept_unregistered.then(|| why.to_owned()),
            )),
            Some(_) => {
                let mut compared = Compared::new("project", &project.name);
                compared.switch("unregistered accept", accepts, project.accept_unregistered, false, why);
                compared.finish(changes);
            }
        }
    }
    for project in old.projects.iter().filter(|project| find(new, &project.name).is_none()) {
        changes.push(removed("project", &project.name, String::new(), None));
    }
}

fn agents(old: &Config, new: &Config, changes: &mut Vec<Change>) {
    for (name, agent) in &new.agents {
        match old.agents.get(name) {
            None => {
                let open = (!agent.enforce).then(|| "its calls pass; decisions are only recorded".to_owned());
                changes.push(added("agent", name, format!("{}, trust {}", agent.project, agent.trust.as_str()), open));
            }
            Some(before) => self::agent(name, before, agent, changes),
        }
    }
    for (name, agent) in old.agents.iter().filter(|(name, _)| !new.agents.contains_key(*name)) {
        changes.push(Change { kind: Kind::Removed, ..added("agent", name, agent.project.clone(), None) });
    }
}

fn agent(name: &str, old: &AgentEntry, new: &AgentEntry, changes: &mut Vec<Change>) {
    let mut agent = Compared::new("agent", name);
    agent.field("trust", old.trust.as_str().to_owned(), new.trust.as_str().to_owned(), || {
        (new.trust > old.trust).then(|| "it is trusted more".to_owned())
    });
    agent.switch("enforce", old.enforce, new.enforce, true, "its calls pass; decisions are only recorded");
    agent.field("project", old.project.clone(), new.project.clone(), || {
        Some("it reaches other upstreams, under other policies".to_owned())
    });
    agent.field("fingerprint", text(old.fingerprint.as_ref()), text(new.fingerprint.as_ref()), || {
        Some("policies that name it by its fingerprint no longer do".to_owned())
    });
    agent.field("source_type", word(&old.source_type), word(&new.source_type), || {
        Some("policies for its kind of caller no longer apply".to_owned())
    });
    agent.field("owner", text(old.owner.as_ref()), text(new.owner.as_ref()), || {
        Some("`not: [owner]` keeps somebody else out".to_owned())
    });
    let sensitivity = |agent: &AgentEntry| option(agent.risk_sensitivity.as_ref(), word);
    agent.field("risk_sensitivity", sensitivity(old), sensitivity(new), || {
        (new.risk_sensitivity < old.risk_sensitivity).then(|| "what it declares is taken for less of a risk".to_owned())
    });
    agent.shown("framework", text(old.framework.as_ref()), text(new.framework.as_ref()));
    agent.shown("hold", hold(old.hold.as_ref()), hold(new.hold.as_ref()));
    agent.finish(changes);
}
