//! The routes of one upstream. A route is the same where it matches the same; else where it is for the same
//! action.

use super::Change;
use super::compare::{Compared, added, option, removed, text};
use super::gate::hold;
use super::overlap::{globs_meet, matches_meet};
use crate::config::{Config, Match, Operation, Param, PolicyDecision, RiskTier, Route, Unmatched, Upstream};

pub(super) fn compare(old: &Upstream, new: &Upstream, old_all: &Config, new_all: &Config, changes: &mut Vec<Change>) {
    let mut left: Vec<&Route> = old.routes.iter().collect();
    let mut pairs: Vec<(Option<&Route>, &Route)> = new.routes.iter().map(|route| (None, route)).collect();
    let same: [fn(&Route, &Route) -> bool; 2] =
        [|a, b| matched(&a.matches) == matched(&b.matches), |a, b| a.action.is_some() && a.action == b.action];
    for same in same {
        for (before, after) in pairs.iter_mut().filter(|(before, _)| before.is_none()) {
            if let Some(at) = left.iter().position(|old| same(old, after)) {
                *before = Some(left.remove(at));
            }
        }
    }
    for (before, after) in pairs {
        match before {
            None => changes.push(added("route", &named(new, after), shown(after), opens(after, old, new_all))),
            Some(before) => changed(before, after, [old, new], [old_all, new_all], changes),
        }
    }
    for route in left {
        changes.push(removed("route", &named(old, route), shown(route), falls_open(route, new)));
    }
}

fn named(upstream: &Upstream, route: &Route) -> String {
    let name = match &route.action {
        Some(action) => action.clone(),
        None => matched(&route.matches),
    };
    format!("{}: {name}", upstream.name)
}

fn shown(route: &Route) -> String {
    let what = if route.pass {
        "pass"
    } else if route.hide {
        "hidden"
    } else {
        route.risk_tier.as_str()
    };
    format!("{}, {what}", matched(&route.matches))
}

fn matched(matches: &[Match]) -> String {
    matches.iter().map(one_match).collect::<Vec<_>>().join(" or ")
}

fn one_match(given: &Match) -> String {
    // Taken apart whole: a kind of condition that is added to matches must be compared here, too.
    let Match { method, path, query, headers, body, form, graphql, mcp, client } = given;
    let mut text = String::new();
    if let Some(mcp) = mcp {
        text = format!("tool {}", mcp.tool.as_deref().unwrap_or("*"));
        for (name, value) in [("method", &mcp.method), ("uri", &mcp.uri)] {
            if let Some(value) = value {
                text = format!("{text} {name} {value}");
            }
        }
    }
    if let Some(graphql) = graphql {
        let operation = graphql.operation.map_or("any operation", Operation::as_str);
        text = format!("graphql {operation} {}", graphql.field.as_deref().unwrap_or("*"));
    }
    if mcp.is_none() || method.is_some() || path.is_some() {
        text = format!("{text} {} {}", method.as_deref().unwrap_or("ANY"), path.as_deref().unwrap_or("/**"));
    }
    for (kind, named) in [("query", query), ("header", headers), ("form", form)] {
        for (name, value) in named {
            text = format!("{text} {kind} {name}={value}");
        }
    }
    for network in client {
        text = format!("{text} client {network}");
    }
    for (pointer, value) in body {
        text = format!("{text} body {pointer}={value}");
    }
    text.trim_start().to_owned()
}

fn meet(a: &Route, b: &Route) -> bool {
    a.matches.iter().any(|a| b.matches.iter().any(|b| matches_meet(a, b)))
}

/// Why a route that was not there before lets more through.
fn opens(route: &Route, before: &Upstream, all: &Config) -> Option<String> {
    if before.unmatched == Unmatched::Pass && !before.routes.iter().any(|old| meet(old, route)) {
        return None;
    }
    if route.hide {
        return None;
    }
    if route.pass {
        return Some("its calls pass without a record".to_owned());
    }
    // Calls of a stricter route that is asked after it are now this one's.
    if let Some(old) =
        before.routes.iter().find(|old| !old.pass && meet(old, route) && (old.hide || old.risk_tier > route.risk_tier))
    {
        return Some(format!("it can take calls of {}, which is stricter", named(before, old)));
    }
    approved_by(route, all).map(|who| format!("{who} approves it without people"))
}

/// What approves the action of a route without people: its tier, or a policy.
fn approved_by(route: &Route, all: &Config) -> Option<String> {
    let tier = all.risk_tiers.get(&route.risk_tier).and_then(|tier| tier.decision);
    if tier == Some(PolicyDecision::AutoApprove) {
        return Some(format!("tier {}", route.risk_tier.as_str()));
    }
    let action = route.action.as_deref().unwrap_or("*");
    let policy = all.policies.iter().find(|policy| {
        policy.enforce
            && policy.decision == PolicyDecision::AutoApprove
            && policy.risk_tier.is_none_or(|only| only == route.risk_tier)
            && (policy.action.is_empty() || policy.action.iter().any(|glob| globs_meet(glob, action)))
    })?;
    Some(format!("policy \"{}\"", policy.name))
}

/// What takes the calls of a route that is gone, where that is less strict.
fn falls_open(route: &Route, new: &Upstream) -> Option<String> {
    if route.pass {
        return None;
    }
    let other = new.routes.iter().find(|other| {
        meet(route, other) && (other.pass || !other.hide && (route.hide || other.risk_tier < route.risk_tier))
    });
    if let Some(other) = other {
        return Some(format!("its calls can fall to {}, which is less strict", named(new, other)));
    }
    match new.unmatched {
        Unmatched::Pass => Some("its calls pass".to_owned()),
        Unmatched::RequireApproval if route.hide => Some("its tools are no longer hidden".to_owned()),
        Unmatched::RequireApproval if route.risk_tier > RiskTier::High => {
            Some("its calls are now of tier high".to_owned())
        }
        Unmatched::RequireApproval | Unmatched::Reject => None,
    }
}

fn changed(old: &Route, new: &Route, upstreams: [&Upstream; 2], configs: [&Config; 2], changes: &mut Vec<Change>) {
    let ([old_upstream, new_upstream], [old_all, new_all]) = (upstreams, configs);
    let mut route = Compared::new("route", &named(new_upstream, new));
    route.field("match", matched(&old.matches), matched(&new.matches), || {
        let others = Upstream {
            routes: old_upstream.routes.iter().filter(|other| other.place != old.place).cloned().collect(),
            ..old_upstream.clone()
        };
        opens(new, &others, new_all).or_else(|| falls_open(old, new_upstream))
    });
    route.field("action", text(old.action.as_ref()), text(new.action.as_ref()), || {
        other_policies(old, new, old_all, new_all)
    });
    route.field("risk_tier", old.risk_tier.as_str().to_owned(), new.risk_tier.as_str().to_owned(), || {
        (new.risk_tier < old.risk_tier).then(|| "a lower tier".to_owned())
    });
    route.switch("pass", old.pass, new.pass, false, "its calls pass without a record");
    route.switch("upgrade", old.upgrade, new.upgrade, false, "a connection may switch protocols");
    route.switch("hide", old.hide, new.hide, true, "its tools are no longer hidden");
    for (name, param) in &old.params {
        let now = new.params.get(name);
        route.field(&format!("params.{name}"), source(Some(param)), source(now), || {
            let looked_at = format!("params.{name}");
            let by = new_all
                .policies
                .iter()
                .find(|policy| policy.when.as_ref().is_some_and(|when| when.contains(&looked_at)))?;
            now.map(|_| format!("policy \"{}\" looks at another value", by.name))
        });
    }
    for (name, param) in new.params.iter().filter(|(name, _)| !old.params.contains_key(*name)) {
        route.shown(&format!("params.{name}"), source(None), source(Some(param)));
    }
    route.shown("title", text(old.title.as_ref()), text(new.title.as_ref()));
    route.shown("hold", hold(old.hold.as_ref()), hold(new.hold.as_ref()));
    route.finish(changes);
}

fn source(param: Option<&Param>) -> String {
    option(param, |param| match param.kind {
        Some(kind) => format!("{:?} {kind:?}", param.from),
        None => format!("{:?}", param.from),
    })
}

/// Policies name actions: under another name others decide.
fn other_policies(old: &Route, new: &Route, old_all: &Config, new_all: &Config) -> Option<String> {
    let names = |globs: &[String], route: &Route| {
        let action = route.action.as_deref().unwrap_or("*");
        globs.iter().any(|glob| globs_meet(glob, action))
    };
    let lost = old_all.policies.iter().find(|policy| {
        policy.decision != PolicyDecision::AutoApprove && names(&policy.action, old) && !names(&policy.action, new)
    });
    if let Some(policy) = lost {
        return Some(format!("policy \"{}\" no longer decides it", policy.name));
    }
    let gained = new_all.policies.iter().find(|policy| {
        policy.decision == PolicyDecision::AutoApprove && names(&policy.action, new) && !names(&policy.action, old)
    });
    gained.map(|policy| format!("policy \"{}\" approves it", policy.name))
}
