//! What the routes say of an action that an agent declares instead of sending the call: its tier, its
//! title, and what its parameters must be.
//!
//! INVARIANT: the tier is the highest of all routes of that action; what the agent asks for can only
//! raise it.

use super::{Route, Routes, Rule, default_title, snake_case};
use crate::config::{ParamType, RiskTier};
use crate::decision::{Action, Step};
use crate::request::json::Json;
use crate::ruleset::glob::Glob;
use crate::ruleset::params::{ParamRule, ParamValue, Params, Source, from_json};
use crate::ruleset::{Declared, Ruleset, Upstream};

impl Ruleset {
    /// Reduces a declaration to what policies decide about. `otherwise` is the tier of an action that no
    /// route names, `asked` the one the agent wants.
    ///
    /// # Errors
    /// The name is none, or a parameter cannot be kept exactly.
    pub fn declared(
        &self,
        name: &str,
        given: &Json,
        otherwise: RiskTier,
        asked: Option<RiskTier>,
    ) -> Result<Declared, String> {
        if !is_action(name) {
            return Err("`action` is named in snake_case, such as `issue_refund`".to_owned());
        }
        let Json::Object(members) = given else { return Err("`parameters` is not an object".to_owned()) };
        let mut params = Params::with_capacity(members.len());
        for (key, json) in members {
            let value =
                ParamValue::from_json(json).map_err(|why| format!("parameter {}: {why}", key.escape_debug()))?;
            params.insert(key.clone(), value);
        }
        let routes: Vec<(&Rule, &Route)> =
            self.upstreams.iter().flat_map(|upstream| upstream.routes.named(name)).collect();
        let given_tier = routes.iter().map(|(_, route)| route.risk_tier).max();
        let risk_tier = given_tier.unwrap_or(otherwise).max(asked.unwrap_or(RiskTier::Low));
        // Of several routes the one that the parameters fit best says what they must be.
        let fitted = routes.iter().map(|(rule, route)| (fit(&route.params, members), *rule, *route));
        let best = fitted.min_by_key(|((_, defects), _, _)| defects.len());
        let (title, defects, detail) = match best {
            Some(((typed, defects), rule, route)) => {
                for (name, value) in typed {
                    match value {
                        Some(value) => drop(params.insert(name, value)),
                        // Of another type: to a rule it is not there.
                        None => drop(params.shift_remove(&name)),
                    }
                }
                let title = route.title.as_ref().map_or_else(|| default_title(name), |title| title.render(&params));
                (title, defects, format!("as route {}: {}", rule.name, risk_tier.as_str()))
            }
            None => (default_title(name), Vec::new(), format!("no route names it: {}", risk_tier.as_str())),
        };
        Ok(Declared {
            action: Action { name: name.to_owned(), risk_tier, title, params },
            upstreams: self.upstreams_of(name),
            trace: vec![Step { what: "declared".to_owned(), matched: true, detail }],
            defects,
        })
    }
}

impl Ruleset {
    /// Whose routes name an action.
    #[must_use]
    pub fn upstreams_of(&self, action: &str) -> Vec<String> {
        let named = |upstream: &&std::sync::Arc<Upstream>| upstream.routes.named(action).next().is_some();
        self.upstreams.iter().filter(named).map(|upstream| upstream.config.name.clone()).collect()
    }
}

impl Routes {
    /// The routes of an action. A route without a name of its own has its tool's.
    fn named(&self, action: &str) -> impl Iterator<Item = (&Rule, &Route)> {
        let rules = self.rules.iter().filter_map(|rule| self.routes.get(rule.route).map(|route| (rule, route)));
        rules.filter(move |(rule, route)| {
            !route.pass
                && match (&route.action, rule.mcp.as_ref().and_then(|mcp| mcp.tool.as_ref())) {
                    (Some(name), _) => name == action,
                    (None, Some(Glob::Literal(tool))) => snake_case(tool) == action,
                    (None, Some(glob)) => glob.matches(action),
                    (None, None) => false,
                }
        })
    }
}

type Typed = Vec<(String, Option<ParamValue>)>;

/// The parameters that a route names, typed (`None`: of another type), and what is wrong with them.
fn fit(rules: &[ParamRule], members: &[(String, Json)]) -> (Typed, Vec<String>) {
    let (mut typed, mut defects) = (Vec::with_capacity(rules.len()), Vec::new());
    for rule in rules {
        // Whatever does not come from JSON is text where a route gives it no type.
        let kind = rule.kind.or(match rule.source {
            Source::Json(_) => None,
            _ => Some(ParamType::String),
        });
        let value = match members.iter().find(|(key, _)| *key == rule.name) {
            Some((_, json)) => from_json(json, kind),
            None => Err("missing".to_owned()),
        };
        match value {
            Ok(value) => typed.push((rule.name.clone(), Some(value))),
            Err(why) => {
                defects.push(format!("parameter {}: {why}", rule.name));
                typed.push((rule.name.clone(), None));
            }
        }
    }
    (typed, defects)
}

/// As the configuration wants them: an action that is spelled otherwise would pass by its policies.
fn is_action(name: &str) -> bool {
    name.len() <= 100
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

#[cfg(test)]
mod tests;
