//! The routes of one upstream: which of them a request takes, and what action that is.
//!
//! Precedence is one comparison, [`Rank`], fixed when the rules are compiled: of all alternatives
//! that match, the first in that order decides.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::fmt;

use ipnet::IpNet;

use super::glob::Glob;
use super::params::{self, ParamRule, Source};
use super::path::{self, Narrows, Template};
use super::problem::Problems;
use super::table::{Key, PathTable};
use super::title::Title;
use super::view::{FormField, View};
use super::{Hit, Looks, Params};
use crate::config::{self, Operation, RiskTier};
use crate::decision::{Action, Step};
use crate::request::json::{Json, Pointer};
use crate::request::{Content, Malformed};

mod considered;
mod declared;
mod shadow;

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

/// One alternative of a route's `match`.
#[derive(Debug)]
pub(super) struct Rule {
    /// Position in `routes`.
    route: usize,
    /// As records and traces name it.
    name: String,
    method: Option<String>,
    template: Template,
    head: Vec<Named>,
    body: Vec<(Pointer, Wanted)>,
    form: Vec<(String, Glob)>,
    graphql: Option<GraphQl>,
    mcp: Option<Mcp>,
    /// The match says which path, and not any.
    names_path: bool,
}

/// A condition on the head.
#[derive(Debug)]
enum Named {
    Query(String, Glob),
    Header(String, Glob),
    /// One of these networks.
    Client(Vec<IpNet>),
}

#[derive(Debug)]
enum Wanted {
    Text(Glob),
    Value(serde_json::Value),
}

#[derive(Debug)]
struct GraphQl {
    operation: Option<Operation>,
    field: Option<Glob>,
}

#[derive(Debug)]
struct Mcp {
    tool: Option<Glob>,
    method: Option<Glob>,
    uri: Option<Glob>,
}

/// Which of two alternatives that both match is taken: the smaller one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    /// Literal before capture before `*` before `**`, segment by segment.
    path: Vec<Narrows>,
    /// A tool or GraphQL field named in full before a glob with a longer start before a shorter one before none.
    name: (bool, Reverse<usize>),
    /// A named method before any; `HEAD` itself before the `GET` it follows.
    method: u8,
    /// More conditions before fewer.
    conditions: Reverse<usize>,
    /// The higher tier.
    tier: Reverse<RiskTier>,
    /// Place in the files.
    order: (usize, usize),
}

/// Why an alternative was not taken, written out only where somebody reads it.
#[derive(Debug, Clone, Copy)]
enum Miss<'a> {
    Query(&'a str),
    Header(&'a str),
    Client,
    Body(&'a Pointer),
    Form(&'a str),
    Operation,
    Field,
    Tool,
    Method,
    Uri,
}

impl fmt::Display for Miss<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Miss::Query(name) => write!(f, "query {name} differs"),
            Miss::Header(name) => write!(f, "header {name} differs"),
            Miss::Client => f.write_str("another client address"),
            Miss::Body(pointer) => write!(f, "body at {pointer} differs"),
            Miss::Form(name) => write!(f, "form {name} differs"),
            Miss::Operation => f.write_str("another operation"),
            Miss::Field => f.write_str("another field"),
            Miss::Tool => f.write_str("another tool"),
            Miss::Method => f.write_str("another method"),
            Miss::Uri => f.write_str("another uri"),
        }
    }
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

impl Rule {
    fn compile(route: usize, given: &config::Match) -> Result<Rule, String> {
        let template = Template::parse(given.path.as_deref().unwrap_or("/**"))?;
        let glob = |(name, glob): (&String, &String)| (name.clone(), Glob::compile(glob));
        let query = given.query.iter().map(glob).map(|(name, glob)| Named::Query(name, glob));
        let headers = given.headers.iter().map(glob).map(|(name, glob)| Named::Header(name.to_ascii_lowercase(), glob));
        let client = (!given.client.is_empty()).then(|| Named::Client(given.client.clone()));
        let mut body = Vec::with_capacity(given.body.len());
        for (pointer, value) in &given.body {
            let wanted = match value {
                serde_json::Value::String(text) => Wanted::Text(Glob::compile(text)),
                value => Wanted::Value(value.clone()),
            };
            body.push((Pointer::parse(pointer)?, wanted));
        }
        let compiled = |text: &Option<String>| text.as_deref().map(Glob::compile);
        let mcp = given.mcp.as_ref().map(|mcp| Mcp {
            tool: compiled(&mcp.tool),
            method: compiled(&mcp.method),
            uri: compiled(&mcp.uri),
        });
        let graphql = given
            .graphql
            .as_ref()
            .map(|graphql| GraphQl { operation: graphql.operation, field: compiled(&graphql.field) });
        Ok(Rule {
            route,
            name: name_of(given),
            method: given.method.clone(),
            template,
            head: query.chain(headers).chain(client).collect(),
            body,
            form: given.form.iter().map(glob).collect(),
            graphql,
            mcp,
            names_path: given.path.as_deref().is_some_and(|path| path != "/**"),
        })
    }

    fn rank(&self, tier: RiskTier, order: (usize, usize)) -> Rank {
        let name = match self.named() {
            Some(Glob::Literal(name)) => (false, Reverse(name.len())),
            Some(glob) => (true, Reverse(glob.prefix().len() + 1)),
            // Of any field: still before what does not name GraphQL.
            None if self.graphql.is_some() => (true, Reverse(1)),
            None => (true, Reverse(0)),
        };
        let of_mcp = self.mcp.as_ref().map_or(0, |mcp| {
            usize::from(mcp.tool.is_some()) + usize::from(mcp.method.is_some()) + usize::from(mcp.uri.is_some())
        });
        let of_graphql = self
            .graphql
            .as_ref()
            .map_or(0, |graphql| usize::from(graphql.operation.is_some()) + usize::from(graphql.field.is_some()));
        Rank {
            path: self.template.specificity(),
            name,
            method: match self.method.as_deref() {
                Some("HEAD") => 0,
                Some(_) => 1,
                None => 2,
            },
            conditions: Reverse(self.head.len() + self.body.len() + self.form.len() + of_mcp + of_graphql),
            tier: Reverse(tier),
            order,
        }
    }

    fn takes_method(&self, method: &str) -> bool {
        match self.method.as_deref() {
            None => true,
            Some(wanted) => wanted == method || (wanted == "GET" && method == "HEAD"),
        }
    }

    /// Which MCP tools or GraphQL fields the rule is for.
    fn named(&self) -> Option<&Glob> {
        let tool = self.mcp.as_ref().and_then(|mcp| mcp.tool.as_ref());
        tool.or(self.graphql.as_ref().and_then(|graphql| graphql.field.as_ref()))
    }

    /// The tool or field, where it is exactly one.
    fn one_name(&self) -> Option<&str> {
        match self.named()? {
            Glob::Literal(name) => Some(name),
            _ => None,
        }
    }

    /// Whether some call of this tool can match.
    fn takes_tool(&self, tool: &str) -> bool {
        let Some(mcp) = &self.mcp else { return true };
        mcp.uri.is_none()
            && mcp.tool.as_ref().is_none_or(|glob| glob.matches(tool))
            && mcp.method.as_ref().is_none_or(|glob| glob.matches("tools/call"))
    }

    /// Whether neither the head nor the arguments of a call make a difference.
    fn takes_every_call(&self) -> bool {
        self.head.is_empty() && self.body.is_empty() && self.form.is_empty()
    }

    fn names_method(&self) -> bool {
        self.mcp.as_ref().is_some_and(|mcp| mcp.method.is_some())
    }

    fn head_misses(&self, view: &mut View<'_>) -> Result<Option<Miss<'_>>, Malformed> {
        for named in &self.head {
            let (value, glob, miss) = match named {
                Named::Query(name, glob) => (view.query(name)?, glob, Miss::Query(name)),
                Named::Header(name, glob) => (view.header(name)?, glob, Miss::Header(name)),
                Named::Client(networks) => {
                    let is_there = |client| networks.iter().any(|network| network.contains(&client));
                    if !view.head.client.is_some_and(is_there) {
                        return Ok(Some(Miss::Client));
                    }
                    continue;
                }
            };
            if !value.is_some_and(|value| glob.matches(value)) {
                return Ok(Some(miss));
            }
        }
        Ok(None)
    }

    fn body_misses(&self, view: &mut View<'_>) -> Result<Option<Miss<'_>>, Malformed> {
        if let Some(mcp) = &self.mcp
            && let Some(miss) = mcp.misses(view.content())
        {
            return Ok(Some(miss));
        }
        if let Some(graphql) = &self.graphql
            && let Some(miss) = graphql.misses(view)
        {
            return Ok(Some(miss));
        }
        for (pointer, wanted) in &self.body {
            let holds = view.body(pointer)?.is_some_and(|value| match (wanted, value.as_ref()) {
                (Wanted::Text(glob), Json::String(text)) => glob.matches(text),
                (Wanted::Text(_), _) => false,
                (Wanted::Value(wanted), value) => value.equals(wanted),
            });
            if !holds {
                view.check_lists(pointer)?;
                return Ok(Some(Miss::Body(pointer)));
            }
        }
        for (name, glob) in &self.form {
            match view.form(name)? {
                Some(FormField::Text(value)) if glob.matches(value) => {}
                Some(FormField::File(_)) => return Err(params::a_file(name)),
                _ => return Ok(Some(Miss::Form(name))),
            }
        }
        Ok(None)
    }
}

impl Mcp {
    fn misses(&self, content: &Content) -> Option<Miss<'static>> {
        let Content::Mcp(message) = content else { return Some(Miss::Method) };
        let holds = |glob: &Option<Glob>, value: Option<&str>| {
            glob.as_ref().is_none_or(|glob| value.is_some_and(|value| glob.matches(value)))
        };
        if !holds(&self.tool, message.tool()) {
            return Some(Miss::Tool);
        }
        if !holds(&self.method, message.method.as_deref()) {
            return Some(Miss::Method);
        }
        if !holds(&self.uri, message.uri()) {
            return Some(Miss::Uri);
        }
        None
    }
}

impl GraphQl {
    fn misses(&self, view: &View<'_>) -> Option<Miss<'static>> {
        let (Content::GraphQl(call), Some(field)) = (view.content(), view.field()) else {
            return Some(Miss::Operation);
        };
        if self.operation.is_some_and(|operation| operation != call.operation) {
            return Some(Miss::Operation);
        }
        let holds = self.field.as_ref().is_none_or(|glob| glob.matches(&field.name));
        (!holds).then_some(Miss::Field)
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

fn name_of(given: &config::Match) -> String {
    if let Some(graphql) = &given.graphql {
        let operation = graphql.operation.map_or("graphql", Operation::as_str);
        return format!("{operation} {}", graphql.field.as_deref().unwrap_or("*"));
    }
    let mut name = match &given.mcp {
        Some(mcp) => match (&mcp.method, &mcp.tool) {
            (Some(method), _) => method.clone(),
            (None, tool) => format!("tools/call {}", tool.as_deref().unwrap_or("*")),
        },
        None => format!("{} {}", given.method.as_deref().unwrap_or("ANY"), given.path.as_deref().unwrap_or("/**")),
    };
    if let Some(uri) = given.mcp.as_ref().and_then(|mcp| mcp.uri.as_deref()) {
        name = format!("{name} {uri}");
    }
    name
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
