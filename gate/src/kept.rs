//! Rules that people keep in the store: policies, namespaces and stop switches, beside those of the files.
//!
//! INVARIANT: what cannot be read any more does not vanish: until it is mended, everything needs a person.

use rules::config::load::{Finding, Findings};
use rules::config::{Approvals, Config, Place, Policy, PolicyDecision};
use rules::ruleset::{Overlay, Stop, StopMode, StopScope};
use serde::{Deserialize, Serialize};
use std::time::Duration;

use crate::clock::Timestamp;
use crate::id::RuleId;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleKind {
    Policy,
    Namespace,
    Stop,
}

impl RuleKind {
    /// The name that the store uses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            RuleKind::Policy => "policy",
            RuleKind::Namespace => "namespace",
            RuleKind::Stop => "stop",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<RuleKind> {
        [RuleKind::Policy, RuleKind::Namespace, RuleKind::Stop].into_iter().find(|kind| kind.as_str() == text)
    }
}

/// A rule as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptRule {
    pub id: RuleId,
    pub kind: RuleKind,
    /// Of a policy and a namespace their name; of a stop `gate`, `upstream:NAME` or `project:NAME`.
    pub name: String,
    /// JSON: a policy's keys, a [`Namespace`], a [`Switch`].
    pub data: String,
    /// Who wrote it last.
    pub by: String,
    pub created_at: Timestamp,
    pub changed_at: Timestamp,
}

/// Tiers of paths, by namespace: the first segment of a path, which is the upstream's name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Namespace {
    pub default_tier: PathTier,
    #[serde(default)]
    pub path_overrides: Vec<PathOverride>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PathOverride {
    /// Glob over `namespace/path`.
    pub pattern: String,
    pub tier: PathTier,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub required_approvals: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval_delay_seconds: Option<u64>,
}

/// What reaching a path asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PathTier {
    /// Nothing.
    Standard,
    /// One approval.
    Sensitive,
    /// Two approvals, and five minutes in which it can be cancelled.
    Critical,
}

/// A stop switch that is on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Switch {
    pub mode: SwitchMode,
    pub reason: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SwitchMode {
    Refuse,
    RequireApproval,
}

/// Most overrides of a namespace, and the longest delay and most approvals one may ask for.
const OVERRIDES: usize = 200;
const LONGEST_DELAY: u64 = 7 * 24 * 3600;
const MOST_APPROVALS: u32 = 20;

impl Namespace {
    /// What is wrong with it, in a sentence.
    ///
    /// # Errors
    /// It could never be met, or asks for what no path of this namespace has.
    pub fn check(&self, name: &str) -> Result<(), String> {
        if self.path_overrides.len() > OVERRIDES {
            return Err(format!("more than {OVERRIDES} overrides"));
        }
        for one in &self.path_overrides {
            let pattern = &one.pattern;
            if !pattern.strip_prefix(name).is_some_and(|rest| rest.starts_with('/')) {
                return Err(format!("the pattern {pattern:?} is of another namespace: begin it with `{name}/`"));
            }
            if one.required_approvals.is_some_and(|count| count > MOST_APPROVALS) {
                return Err(format!("{pattern:?} asks for more than {MOST_APPROVALS} approvals"));
            }
            if one.approval_delay_seconds.is_some_and(|delay| delay > LONGEST_DELAY) {
                return Err(format!("{pattern:?} asks for a delay of more than seven days"));
            }
            let asks = one.required_approvals.unwrap_or(0) > 0 || one.approval_delay_seconds.unwrap_or(0) > 0;
            if one.tier == PathTier::Standard && asks {
                return Err(format!("{pattern:?} is standard, where nobody is asked: make it sensitive"));
            }
            if one.tier != PathTier::Standard && one.required_approvals == Some(0) {
                return Err(format!("{pattern:?} asks for no approval: make it standard"));
            }
        }
        Ok(())
    }

    /// The first override that fits counts; the default is last.
    fn policies(&self, name: &str) -> Vec<Policy> {
        let overrides = self.path_overrides.iter().enumerate().map(|(place, one)| {
            let last = i64::try_from(self.path_overrides.len() - place).unwrap_or(i64::MAX);
            by_tier(
                format!("namespace {name}: {}", one.pattern),
                &one.pattern,
                last,
                one.tier,
                (one.required_approvals, one.approval_delay_seconds.map(Duration::from_secs)),
            )
        });
        let all = format!("{name}/*");
        let default = by_tier(format!("namespace {name}"), &all, 0, self.default_tier, (None, None));
        overrides.chain([default]).collect()
    }
}

fn by_tier(
    name: String,
    pattern: &str,
    priority: i64,
    tier: PathTier,
    (required, delay): (Option<u32>, Option<Duration>),
) -> Policy {
    let (usual, waits) = match tier {
        PathTier::Standard | PathTier::Sensitive => (1, Duration::ZERO),
        PathTier::Critical => (2, Duration::from_secs(300)),
    };
    Policy {
        paths: vec![pattern.to_owned()],
        priority,
        approvals: Approvals {
            required: Some(required.unwrap_or(usual)),
            delay: Some(delay.unwrap_or(waits)),
            ..Approvals::default()
        },
        ..any(
            name,
            if tier == PathTier::Standard { PolicyDecision::AutoApprove } else { PolicyDecision::RequireApproval },
        )
    }
}

/// A policy on everything.
fn any(name: String, decision: PolicyDecision) -> Policy {
    Policy {
        name,
        action: Vec::new(),
        agent: Vec::new(),
        upstream: Vec::new(),
        project: Vec::new(),
        paths: Vec::new(),
        source_type: None,
        risk_tier: None,
        trust: None,
        when: None,
        decision,
        message: None,
        priority: 0,
        approvals: Approvals::default(),
        schedule: None,
        enforce: true,
        place: Place::default(),
    }
}

/// A policy of somebody who adds it now: checked as one of the files, with the names of that configuration.
///
/// # Errors
/// What is wrong with it, in sentences.
pub fn read_policy(data: &str, known: &Config) -> Result<Policy, String> {
    let said = |findings: Findings| {
        let one = |finding: &Finding| match &finding.help {
            Some(help) => format!("{} ({help})", finding.message),
            None => finding.message.clone(),
        };
        findings.list.iter().map(one).collect::<Vec<_>>().join("; ")
    };
    let mut policies = rules::config::load::policies(&format!("[{data}]"), Some(known)).map_err(said)?;
    match (policies.pop(), policies.is_empty()) {
        (Some(policy), true) if policy.enforce => Ok(policy),
        (Some(_), true) => Err("`enforce: false` stands in files: here a policy counts or is not there".to_owned()),
        _ => Err("this is not one policy".to_owned()),
    }
}

/// The stop of a switch, with what agents read.
fn stop(rule: &KeptRule) -> Option<Stop> {
    let switch: Switch = serde_json::from_str(&rule.data).ok()?;
    let (scope, what) = match rule.name.split_once(':') {
        None if rule.name == "gate" => (StopScope::Gate, "all calls".to_owned()),
        Some(("upstream", name)) => (StopScope::Upstream(name.to_owned()), format!("calls to {name}")),
        Some(("project", name)) => (StopScope::Project(name.to_owned()), format!("calls of the project {name}")),
        _ => return None,
    };
    let who = rule.by.split_once(' ').map_or(rule.by.as_str(), |(_, email)| email);
    let reason = match switch.reason.trim() {
        "" => String::new(),
        reason => format!(": {}", reason.trim_end_matches('.')),
    };
    let message = format!("Not executed. {who} has stopped {what}{reason}. Wait until they are let through again.");
    let mode = match switch.mode {
        SwitchMode::Refuse => StopMode::Refuse,
        SwitchMode::RequireApproval => StopMode::RequireApproval,
    };
    Some(Stop { scope, mode, message })
}

/// What the rules need to know of all that is kept.
#[must_use]
pub fn overlay(kept: &[KeptRule]) -> Overlay {
    let mut overlay = Overlay::default();
    for rule in kept {
        let read = match rule.kind {
            RuleKind::Policy => {
                let read = rules::config::load::policies(&format!("[{}]", rule.data), None);
                read.map(|policies| overlay.policies.extend(policies)).is_ok()
            }
            RuleKind::Namespace => match serde_json::from_str::<Namespace>(&rule.data) {
                Ok(namespace) => {
                    overlay.policies.extend(namespace.policies(&rule.name));
                    true
                }
                Err(_) => false,
            },
            RuleKind::Stop => match stop(rule) {
                Some(stop) => {
                    overlay.stops.push(stop);
                    true
                }
                None => false,
            },
        };
        if !read {
            let (kind, name) = (rule.kind.as_str(), &rule.name);
            tracing::error!(
                kind,
                name,
                "a rule of the store cannot be read: everything needs a person until it is mended"
            );
            overlay.stops.push(unreadable());
        }
    }
    overlay
}

/// In place of what cannot be read.
pub(crate) fn unreadable() -> Stop {
    Stop {
        scope: StopScope::Gate,
        mode: StopMode::RequireApproval,
        message: "Not executed. A rule of this gate cannot be read; an operator must mend it.".to_owned(),
    }
}
