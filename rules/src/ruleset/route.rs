//! The routes of one upstream: which of them a request takes, and what action that is.
//!
//! Precedence is one comparison, [`Rank`], fixed when the rules are compiled: of all alternatives
//! that match, the first in that order decides.

use std::borrow::Cow;

use super::params::{self, ParamRule, Source};
use super::path;
use super::problem::Problems;
use super::table::{Key, PathTable};
use super::title::Title;
use super::view::View;
use super::{Hit, Looks, Params};
use crate::config::{self, RiskTier};
use crate::decision::{Action, Step};
use crate::request::{Content, Malformed};

mod considered;
mod declared;
mod rule;
mod shadow;

use rule::{Miss, Named, Rank, Rule, Wanted};

/// All routes of an upstream, ready to be asked.
#[derive(Debug)]
pub(super) struct Routes {
    routes: Vec<Route>,
    /// In order of precedence.
    rules: Vec<Rule>,
    table: PathTable,
    fold_case: bool,
}

#[derive(Debug)]
pub(super) struct Route {
    action: Option<String>,
    risk_tier: RiskTier,
    title: Option<Title>,
    params: Vec<ParamRule>,
    pub(super) pass: bool,
    pub(super) upgrade: bool,
    pub(super) hide: bool,
    hold: Option<config::HoldTimeout>,
}

/// What became of the rules.
#[derive(Debug)]
pub(super) enum Taken<'a> {
    Hit(Box<Hit>),
    Pass(&'a Route),
    Hidden,
    /// No rule matched.
    None(Vec<Step>),
}

impl Routes {
    pub(super) fn compile(upstream: &config::Upstream, problems: &mut Problems) -> Routes {
        let fold_case = upstream.paths.case_insensitive;
        let mut routes = Vec::with_capacity(upstream.routes.len());
        let mut ranked: Vec<(Rank, Rule)> = Vec::new();
        for (at, route) in upstream.routes.iter().enumerate() {
            for (alternative, given) in route.matches.iter().enumerate() {
                if let Some(rule) = problems.take(&route.place, Rule::compile(at, given)) {
                    ranked.push((rule.rank(route.risk_tier, (at, alternative)), rule));
                }
            }
            let params = route
                .params
                .iter()
                .filter_map(|(name, param)| problems.take(&route.place, ParamRule::compile(name, param)))
                .collect();
            let title = route.title.as_deref().and_then(|title| problems.take(&route.place, Title::compile(title)));
            routes.push(Route {
                action: route.action.clone(),
                risk_tier: route.risk_tier,
                title,
                params,
                pass: route.pass,
                upgrade: route.upgrade,
                hide: route.hide,
                hold: route.hold,
            });
        }
        ranked.sort_by(|(a, _), (b, _)| a.cmp(b));
        let mut table = PathTable::new(fold_case);
        let mut rules = Vec::with_capacity(ranked.len());
        for (at, (_, rule)) in ranked.into_iter().enumerate() {
            let key = Key { name: rule.one_name(), graphql: rule.graphql.is_some() };
            table.insert(&rule.template, key, at);
            rules.push(rule);
        }
        Routes { routes, rules, table, fold_case }
    }

    /// What rules that this method and path could take look at in a body.
    pub(super) fn looks(&self, method: &str, path: &str) -> Looks {
        let segments = path::segments(path);
        let mut looks = Looks { graphql: self.table.is_graphql(&segments), ..Looks::default() };
        for (rule, route) in self.candidates(method, &segments, None) {
            let params = |wanted: fn(&Source) -> bool| route.params.iter().any(|param| wanted(&param.source));
            let json = !rule.body.is_empty() || params(|source| matches!(source, Source::Json(_)));
            looks.json |= json;
            looks.form |= !rule.form.is_empty() || params(|source| matches!(source, Source::Form(_)));
            looks.other_json |=
                json && rule.head.iter().any(|named| matches!(named, Named::Header(name, _) if name == "content-type"));
        }
        looks
    }

    /// Whether a rule for GraphQL stands at this path, whatever its method.
    pub(super) fn is_graphql(&self, path: &str) -> bool {
        self.table.has_graphql() && self.table.is_graphql(&path::segments(path))
    }

    /// Whether a rule for MCP names this path.
    pub(super) fn is_mcp_path(&self, path: &str) -> bool {
        let segments = path::segments(path);
        let names = |rule: &Rule| rule.mcp.is_some() && rule.names_path;
        self.rules.iter().any(|rule| names(rule) && rule.template.captures(&segments, self.fold_case).is_some())
    }

    /// Whether a call can be decided without its body, because no action can come of it.
    /// What cannot be read is left to [`Routes::take`], which says so.
    pub(super) fn can_stream(&self, path: &str, view: &mut View<'_>) -> Option<bool> {
        for (rule, route) in self.candidates(&view.head.method, &path::segments(path), None) {
            if rule.graphql.is_some() {
                // What asks for an operation is not asked here.
                continue;
            }
            match rule.head_misses(view) {
                Ok(Some(_)) => {}
                Ok(None) => return Some(route.pass && rule.body.is_empty() && rule.form.is_empty()),
                Err(_) => return Some(false),
            }
        }
        None
    }

    pub(super) fn hides_tools(&self) -> bool {
        self.routes.iter().any(|route| route.hide)
    }

    /// Whether no call of this tool could be taken by a rule before one that hides it.
    pub(super) fn hides(&self, path: &str, tool: &str) -> bool {
        self.candidates("POST", &path::segments(path), Some(tool))
            .filter(|(rule, _)| rule.takes_tool(tool))
            .find(|(rule, route)| !route.hide || rule.takes_every_call())
            .is_some_and(|(_, route)| route.hide)
    }

    /// The first rule in order of precedence that matches. Of a GraphQL call all root fields must take the
    /// same route.
    ///
    /// # Errors
    /// What a rule looks at can be read in more than one way.
    pub(super) fn take(&self, path: &str, view: &mut View<'_>) -> Result<Taken<'_>, Malformed> {
        let segments = path::segments(path);
        let mut trace = Vec::new();
        let call = if let Content::GraphQl(call) = view.content() { Some(call) } else { None };
        let Some(call) = call else {
            let Some((rule, route)) = self.first(&segments, view, &mut trace)? else { return Ok(Taken::None(trace)) };
            return match Self::without_action(route) {
                Some(taken) => Ok(taken),
                None => {
                    let (params, defects) = self.params(&segments, rule, route, view)?;
                    Ok(Taken::Hit(Box::new(hit(rule, route, view, trace, params, defects))))
                }
            };
        };
        let mut taken: Option<Option<(&Rule, &Route)>> = None;
        let (mut each, mut defects) = (Vec::with_capacity(call.fields.len()), Vec::new());
        for field in &call.fields {
            view.look_at(field);
            let found = self.first(&segments, view, &mut trace)?;
            let at = |found: &Option<(&Rule, &Route)>| found.map(|(rule, _)| rule.route);
            match &taken {
                Some(before) if at(before) != at(&found) => {
                    let what = "its root fields take different routes: send each in a request of its own";
                    return Err(Malformed::bad(what, format!("{} {field}", call.operation.as_str())));
                }
                Some(_) => {}
                None => taken = Some(found),
            }
            if let Some((rule, route)) = found.filter(|(_, route)| !route.pass && !route.hide) {
                let (params, of_field) = self.params(&segments, rule, route, view)?;
                each.push(params);
                defects.extend(of_field);
            }
        }
        let Some((rule, route)) = taken.flatten() else { return Ok(Taken::None(trace)) };
        if let Some(taken) = Self::without_action(route) {
            return Ok(taken);
        }
        let mut params = params::together(&each, &mut defects);
        params::show_operation(call, &mut params);
        let mut hit = hit(rule, route, view, trace, params, defects);
        if call.fields.len() > 1 {
            hit.action.title.push_str(&format!(" ({} root fields)", call.fields.len()));
        }
        Ok(Taken::Hit(Box::new(hit)))
    }

    fn without_action<'a>(route: &'a Route) -> Option<Taken<'a>> {
        match route {
            Route { hide: true, .. } => Some(Taken::Hidden),
            Route { pass: true, .. } => Some(Taken::Pass(route)),
            _ => None,
        }
    }

    fn first(
        &self,
        segments: &[Cow<'_, str>],
        view: &mut View<'_>,
        trace: &mut Vec<Step>,
    ) -> Result<Option<(&Rule, &Route)>, Malformed> {
        /// Nobody reads on after so many lines.
        const LONGEST_TRACE: usize = 20;
        let message = if let Content::Mcp(message) = view.content() { Some(message) } else { None };
        let name = message.and_then(|message| message.tool()).or(view.field().map(|field| field.name.as_str()));
        for (rule, route) in self.candidates(&view.head.method, segments, name) {
            // What only holds a session together is for routes that name its method.
            if message.is_some_and(|message| message.is_protocol()) && !rule.names_method() {
                continue;
            }
            let miss = match rule.head_misses(view)? {
                None => rule.body_misses(view)?,
                miss => miss,
            };
            match miss {
                None => return Ok(Some((rule, route))),
                Some(miss) if trace.len() < LONGEST_TRACE => {
                    trace.push(Step { what: format!("route {}", rule.name), matched: false, detail: miss.to_string() });
                }
                Some(_) => {}
            }
        }
        Ok(None)
    }

    fn params(
        &self,
        segments: &[Cow<'_, str>],
        rule: &Rule,
        route: &Route,
        view: &mut View<'_>,
    ) -> Result<(Params, Vec<String>), Malformed> {
        let captures = rule.template.captures(segments, self.fold_case).unwrap_or_default();
        params::extract(&route.params, &captures, view)
    }

    /// Which route [`Routes::take`] takes, by its position in the configuration.
    ///
    /// # Errors
    /// As there.
    pub(super) fn position(&self, path: &str, view: &mut View<'_>) -> Result<Option<usize>, Malformed> {
        let segments = path::segments(path);
        // All root fields take the same route, or [`Routes::take`] refuses the call.
        if let Content::GraphQl(call) = view.content()
            && let Some(field) = call.fields.first()
        {
            view.look_at(field);
        }
        Ok(self.first(&segments, view, &mut Vec::new())?.map(|(rule, _)| rule.route))
    }

    fn candidates(
        &self,
        method: &str,
        path: &[Cow<'_, str>],
        name: Option<&str>,
    ) -> impl Iterator<Item = (&Rule, &Route)> {
        let rules = self.table.find(path, name).into_iter().filter_map(|at| self.rules.get(at));
        rules
            .filter(move |rule| rule.takes_method(method))
            .filter_map(|rule| self.routes.get(rule.route).map(|route| (rule, route)))
    }
}

fn hit(rule: &Rule, route: &Route, view: &View<'_>, mut trace: Vec<Step>, params: Params, defects: Vec<String>) -> Hit {
    let tool = if let Content::Mcp(message) = view.content() { message.name.as_deref() } else { None };
    let name = match (&route.action, tool) {
        (Some(action), _) => action.clone(),
        (None, Some(name)) => snake_case(name),
        (None, None) => snake_case(&rule.name),
    };
    trace.push(Step { what: ["route ", &rule.name].concat(), matched: true, detail: name.clone() });
    let title = match &route.title {
        Some(title) => title.render(&params),
        None => default_title(&name),
    };
    Hit {
        action: Action { name, risk_tier: route.risk_tier, title, params },
        route: rule.name.clone(),
        hold: route.hold,
        trace,
        defects,
    }
}

/// An action's name from another name: `deleteFile`, `delete-file` and `Delete File` are `delete_file`.
pub(super) fn snake_case(name: &str) -> String {
    let mut action = String::with_capacity(name.len() + 4);
    let mut before = ' ';
    for c in name.chars() {
        let starts_word = c.is_ascii_uppercase() && (before.is_ascii_lowercase() || before.is_ascii_digit());
        if (starts_word || !c.is_ascii_alphanumeric()) && !action.is_empty() && !action.ends_with('_') {
            action.push('_');
        }
        if c.is_ascii_alphanumeric() {
            action.push(c.to_ascii_lowercase());
        }
        before = c;
    }
    action.truncate(action.trim_end_matches('_').len());
    if action.is_empty() { "unnamed".to_owned() } else { action }
}

/// `issue_refund` reads "Issue refund".
pub(super) fn default_title(action: &str) -> String {
    let mut title = action.replace('_', " ");
    if let Some(first) = title.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    title
}

#[cfg(test)]
mod tests;
