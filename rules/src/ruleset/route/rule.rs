//! One alternative of a route's `match`: what it asks of a request, and how narrow it is.

use std::cmp::Reverse;
use std::fmt;

use ipnet::IpNet;

use crate::config::{self, Operation, RiskTier};
use crate::request::json::{Json, Pointer};
use crate::request::{Content, Malformed};
use crate::ruleset::glob::Glob;
use crate::ruleset::params;
use crate::ruleset::path::{Narrows, Template};
use crate::ruleset::view::{FormField, View};

/// One alternative of a route's `match`.
#[derive(Debug)]
pub(in crate::ruleset) struct Rule {
    /// Position in `routes`.
    pub(super) route: usize,
    /// As records and traces name it.
    pub(super) name: String,
    pub(super) method: Option<String>,
    pub(super) template: Template,
    pub(super) head: Vec<Named>,
    pub(super) body: Vec<(Pointer, Wanted)>,
    pub(super) form: Vec<(String, Glob)>,
    pub(super) graphql: Option<GraphQl>,
    pub(super) mcp: Option<Mcp>,
    /// The match says which path, and not any.
    pub(super) names_path: bool,
}

/// A condition on the head.
#[derive(Debug)]
pub(super) enum Named {
    Query(String, Glob),
    Header(String, Glob),
    /// One of these networks.
    Client(Vec<IpNet>),
}

#[derive(Debug)]
pub(super) enum Wanted {
    Text(Glob),
    Value(serde_json::Value),
}

#[derive(Debug)]
pub(super) struct GraphQl {
    pub(super) operation: Option<Operation>,
    pub(super) field: Option<Glob>,
}

#[derive(Debug)]
pub(super) struct Mcp {
    pub(super) tool: Option<Glob>,
    pub(super) method: Option<Glob>,
    pub(super) uri: Option<Glob>,
}

/// Which of two alternatives that both match is taken: the smaller one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::ruleset) struct Rank {
    /// Literal before capture before `*` before `**`, segment by segment.
    pub(super) path: Vec<Narrows>,
    /// A tool or GraphQL field named in full before a glob with a longer start before a shorter one before none.
    pub(super) name: (bool, Reverse<usize>),
    /// A named method before any; `HEAD` itself before the `GET` it follows.
    pub(super) method: u8,
    /// More conditions before fewer.
    pub(super) conditions: Reverse<usize>,
    /// The higher tier.
    pub(super) tier: Reverse<RiskTier>,
    /// Place in the files.
    pub(super) order: (usize, usize),
}

/// Why an alternative was not taken, written out only where somebody reads it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Miss<'a> {
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

impl Rule {
    pub(super) fn compile(route: usize, given: &config::Match) -> Result<Rule, String> {
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

    pub(super) fn rank(&self, tier: RiskTier, order: (usize, usize)) -> Rank {
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

    pub(super) fn takes_method(&self, method: &str) -> bool {
        match self.method.as_deref() {
            None => true,
            Some(wanted) => wanted == method || (wanted == "GET" && method == "HEAD"),
        }
    }

    /// Which MCP tools or GraphQL fields the rule is for.
    pub(super) fn named(&self) -> Option<&Glob> {
        let tool = self.mcp.as_ref().and_then(|mcp| mcp.tool.as_ref());
        tool.or(self.graphql.as_ref().and_then(|graphql| graphql.field.as_ref()))
    }

    /// The tool or field, where it is exactly one.
    pub(super) fn one_name(&self) -> Option<&str> {
        match self.named()? {
            Glob::Literal(name) => Some(name),
            _ => None,
        }
    }

    /// Whether some call of this tool can match.
    pub(super) fn takes_tool(&self, tool: &str) -> bool {
        let Some(mcp) = &self.mcp else { return true };
        mcp.uri.is_none()
            && mcp.tool.as_ref().is_none_or(|glob| glob.matches(tool))
            && mcp.method.as_ref().is_none_or(|glob| glob.matches("tools/call"))
    }

    /// Whether neither the head nor the arguments of a call make a difference.
    pub(super) fn takes_every_call(&self) -> bool {
        self.head.is_empty() && self.body.is_empty() && self.form.is_empty()
    }

    pub(super) fn names_method(&self) -> bool {
        self.mcp.as_ref().is_some_and(|mcp| mcp.method.is_some())
    }

    pub(super) fn head_misses(&self, view: &mut View<'_>) -> Result<Option<Miss<'_>>, Malformed> {
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

    pub(super) fn body_misses(&self, view: &mut View<'_>) -> Result<Option<Miss<'_>>, Malformed> {
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
    pub(super) fn misses(&self, content: &Content) -> Option<Miss<'static>> {
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
    pub(super) fn misses(&self, view: &View<'_>) -> Option<Miss<'static>> {
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
