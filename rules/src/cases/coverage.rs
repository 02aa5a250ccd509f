//! Which routes and policies no test hits.

use std::collections::HashSet;

use super::Report;
use crate::config::{Config, Place};
use crate::ruleset::End;

#[derive(Debug, Clone)]
pub struct Coverage {
    pub routes: usize,
    pub policies: usize,
    pub missed_routes: Vec<Missed>,
    pub missed_policies: Vec<Missed>,
}

#[derive(Debug, Clone)]
pub struct Missed {
    /// `payments: issue_refund`, or a policy's name.
    pub name: String,
    pub place: Place,
}

impl Coverage {
    /// A policy counts as hit where it decided, or would have were it enforced.
    #[must_use]
    pub fn of<'r>(config: &Config, reports: impl IntoIterator<Item = &'r Report>) -> Coverage {
        let mut routes: HashSet<(&str, usize)> = HashSet::new();
        let mut policies: HashSet<&str> = HashSet::new();
        for report in reports {
            if let (Some(upstream), Some(route)) = (report.walk.upstream.as_deref(), report.walk.route) {
                routes.insert((upstream, route));
            }
            if let End::Decided { decision, .. } = &report.walk.end {
                policies.extend(decision.policy.as_deref());
                let matched = decision.trace.iter().filter(|step| step.matched);
                policies.extend(matched.filter_map(|step| step.what.strip_prefix("policy ")));
            }
        }
        let all = config.upstreams.values().flat_map(|upstream| {
            upstream.routes.iter().enumerate().map(move |(at, route)| (upstream.name.as_str(), at, route))
        });
        let missed_routes = all.filter(|(upstream, at, _)| !routes.contains(&(*upstream, *at)));
        let missed_policies = config.policies.iter().filter(|policy| !policies.contains(policy.name.as_str()));
        Coverage {
            routes: config.upstreams.values().map(|upstream| upstream.routes.len()).sum(),
            policies: config.policies.len(),
            missed_routes: missed_routes
                .map(|(upstream, _, route)| Missed {
                    name: format!("{upstream}: {}", shown(route)),
                    place: route.place.clone(),
                })
                .collect(),
            missed_policies: missed_policies
                .map(|policy| Missed { name: policy.name.clone(), place: policy.place.clone() })
                .collect(),
        }
    }
}

fn shown(route: &crate::config::Route) -> String {
    let first = route.matches.first();
    match (&route.action, first) {
        (Some(action), _) => action.clone(),
        (None, Some(matched)) => match &matched.mcp {
            Some(mcp) => format!("tool {}", mcp.tool.as_deref().unwrap_or("*")),
            None => {
                format!("{} {}", matched.method.as_deref().unwrap_or("ANY"), matched.path.as_deref().unwrap_or("/**"))
            }
        },
        (None, None) => "a route".to_owned(),
    }
}
