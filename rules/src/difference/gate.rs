//! The gate's own settings, tiers, people, projects and agents.

use indexmap::IndexMap;

use super::compare::{Compared, added, missing, names, option, removed, shown, span, text, word};
use super::policies::{Asked, approvals, decision_rank};
use super::{Change, Kind};
use crate::config::{
    AgentEntry, AmountWeight, Anonymous, Config, HoldTimeout, Limits, PolicyDecision, Quota, RiskTier, RiskWeights,
    TierPolicy, TlsFiles, Trust,
};

pub(super) fn compare(old: &Config, new: &Config, changes: &mut Vec<Change>) {
    settings(old, new, changes);
    for tier in RiskTier::ALL {
        let nothing = TierPolicy::default();
        let of = |config: &Config| config.risk_tiers.get(&tier).cloned().unwrap_or_else(|| nothing.clone());
        self::tier(tier.as_str(), &of(old), &of(new), changes);
    }
    for trust in Trust::ALL {
        for tier in RiskTier::ALL {
            let nothing = TierPolicy::default();
            let of = |config: &Config| config.trust.get(&(trust, tier)).cloned().unwrap_or_else(|| nothing.clone());
            self::tier(&format!("{} of {} agents", tier.as_str(), trust.as_str()), &of(old), &of(new), changes);
        }
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
    let trusted = |config: &Config| config.proxy.trusted_proxies.clone();
    gate.field("proxy.trusted_proxies", shown(&trusted(old)), shown(&trusted(new)), || {
        let before = trusted(old);
        let more: Vec<_> = trusted(new).into_iter().filter(|new| !before.iter().any(|old| old.contains(new))).collect();
        (!more.is_empty()).then(|| format!("{} can say where a call comes from", shown(&more)))
    });
    tls(&mut gate, "proxy.tls", [&old.proxy.tls, &new.proxy.tls], "agents' keys travel in the clear");
    tls(&mut gate, "admin.tls", [&old.admin.tls, &new.admin.tls], "people's sessions travel in the clear");
    gate.shown("proxy.listen", format!("{:?}", old.proxy.listen), format!("{:?}", new.proxy.listen));
    gate.shown("admin.listen", old.admin.listen.to_string(), new.admin.listen.to_string());
    let agents_listen = |config: &Config| option(config.admin.agents_listen.as_ref(), ToString::to_string);
    gate.shown("admin.agents_listen", agents_listen(old), agents_listen(new));
    gate.shown("admin.url", old.admin.url.clone(), new.admin.url.clone());
    gate.shown("permit.algorithm", format!("{:?}", old.permit.algorithm), format!("{:?}", new.permit.algorithm));
    gate.field("permit.lifetime", span(&old.permit.lifetime), span(&new.permit.lifetime), || {
        (new.permit.lifetime > old.permit.lifetime).then(|| "permits count for longer".to_owned())
    });
    gate.shown("permit.header", old.permit.header.clone(), new.permit.header.clone());
    gate.field("permit.keys", old.permit.keys.clone(), new.permit.keys.clone(), || {
        Some("permits are signed with other keys".to_owned())
    });
    // Only that it changed is shown.
    if old.permit.execution_secret != new.permit.execution_secret {
        let shown = |set: bool| if set { "..." } else { "-" }.to_owned();
        let (before, after) = (old.permit.execution_secret.is_some(), new.permit.execution_secret.is_some());
        let after = if before && after { "... (another one)".to_owned() } else { shown(after) };
        gate.field("permit.execution_secret", shown(before), after, || {
            let why = "whoever knows the secret can sign permits of declared intents";
            new.permit.execution_secret.is_some().then(|| why.to_owned())
        });
    }
    // The address can hold a password: only that it changed is shown.
    if old.database != new.database {
        gate.field("database", "...".to_owned(), "... (another one)".to_owned(), || {
            Some("what was recorded, denied or revoked in the old one is not known to the new".to_owned())
        });
    }
    gate.switch(
        "record.sync full",
        old.record.sync_full,
        new.record.sync_full,
        true,
        "what policy approves may be lost from the record when the machine dies",
    );
    gate.field("audit.checkpoint", old.audit.checkpoint.clone(), new.audit.checkpoint.clone(), || {
        Some("whoever copies the old file sees no later checkpoint".to_owned())
    });
    gate.field("audit.details_for", span(&old.audit.details_for), span(&new.audit.details_for), || {
        (new.audit.details_for < old.audit.details_for)
            .then(|| "details of older calls are deleted for good".to_owned())
    });
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
    risk(&mut gate, &old.risk, &new.risk);
    limits(&mut gate, &old.limits, &new.limits);
    gate.finish(changes);
}

/// Fewer points can let a call pass by a policy that asks for `risk.score`.
fn risk(gate: &mut Compared, old: &RiskWeights, new: &RiskWeights) {
    // Taken apart whole: a weight that is added must be compared here, too.
    let RiskWeights { words, environments, amounts } = old;
    let fewer = |old: &IndexMap<String, i16>, new: &IndexMap<String, i16>| {
        let of = |map: &IndexMap<String, i16>, name: &String| map.get(name).copied().unwrap_or(0);
        let lower = old.keys().chain(new.keys()).any(|name| of(new, name) < of(old, name));
        lower.then(|| "it gives fewer points".to_owned())
    };
    let said = |map: &IndexMap<String, i16>| map.iter().map(|(name, points)| format!("{name} {points}")).collect();
    let list = |parts: Vec<String>| if parts.is_empty() { "-".to_owned() } else { parts.join(", ") };
    gate.field("risk.words", list(said(words)), list(said(&new.words)), || fewer(words, &new.words));
    gate.field("risk.environments", list(said(environments)), list(said(&new.environments)), || {
        fewer(environments, &new.environments)
    });
    let amount = |it: &AmountWeight| format!("{} over {}: {}", it.param, it.over, it.points);
    let said = |amounts: &[AmountWeight]| list(amounts.iter().map(amount).collect());
    gate.field("risk.amounts", said(amounts), said(&new.amounts), || {
        let gone = amounts.iter().any(|before| !new.amounts.contains(before));
        gone.then(|| "a threshold is gone or another one".to_owned())
    });
}

fn limits(gate: &mut Compared, old: &Limits, new: &Limits) {
    // Taken apart whole: a limit that is added must be compared here, too.
    let Limits { body, head, head_timeout, stored_response, held, held_bytes, per_agent, per_project } = old;
    gate.shown("limits.body", body.to_string(), new.body.to_string());
    gate.shown("limits.head", head.to_string(), new.head.to_string());
    gate.shown("limits.head_timeout", span(head_timeout), span(&new.head_timeout));
    gate.shown("limits.stored_response", stored_response.to_string(), new.stored_response.to_string());
    gate.shown("limits.held", held.to_string(), new.held.to_string());
    gate.shown("limits.held_bytes", held_bytes.to_string(), new.held_bytes.to_string());
    for (name, old, new) in [("per_agent", per_agent, &new.per_agent), ("per_project", per_project, &new.per_project)] {
        let Quota { held, held_bytes } = old;
        gate.shown(&format!("limits.{name}.held"), held.to_string(), new.held.to_string());
        gate.shown(&format!("limits.{name}.held_bytes"), held_bytes.to_string(), new.held_bytes.to_string());
    }
}

fn tls(gate: &mut Compared, name: &str, [old, new]: [&Option<TlsFiles>; 2], why: &str) {
    let files = |tls: &Option<TlsFiles>| option(tls.as_ref(), |tls| format!("{} with {}", tls.cert, tls.key));
    gate.field(name, files(old), files(new), || new.is_none().then(|| why.to_owned()));
}

pub(super) fn hold(timeout: Option<&HoldTimeout>) -> String {
    option(timeout, |timeout| match timeout {
        HoldTimeout::Auto => "auto".to_owned(),
        HoldTimeout::For(time) => span(time),
    })
}

fn tier(name: &str, old: &TierPolicy, new: &TierPolicy, changes: &mut Vec<Change>) {
    let mut compared = Compared::new("tier", name);
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
