//! Routes: which requests of an upstream are which action, and what rules may look at.

use indexmap::IndexMap;
use ipnet::IpNet;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{HoldTimeout, Place, RiskTier};

#[derive(Debug, Clone)]
pub struct Route {
    /// `None`: an MCP route that takes the tool's name, or a `pass` route.
    pub action: Option<String>,
    pub matches: Vec<Match>,
    pub risk_tier: RiskTier,
    pub title: Option<String>,
    pub params: IndexMap<String, Param>,
    /// No action, no intent, no permit: the call streams through.
    pub pass: bool,
    pub upgrade: bool,
    /// MCP: left out of `tools/list`, and a call of it is refused.
    pub hide: bool,
    pub hold: Option<HoldTimeout>,
    /// Where the route stands, for findings and traces.
    pub place: Place,
}

/// One alternative of a route's `match`. All given parts must hold.
#[derive(Debug, Clone, Default)]
pub struct Match {
    /// Upper case; `None` is any method.
    pub method: Option<String>,
    /// Template relative to the mount; `None` is any path.
    pub path: Option<String>,
    /// Name to the glob that exactly one occurrence must match.
    pub query: IndexMap<String, String>,
    pub headers: IndexMap<String, String>,
    /// Networks in which the client's address must be; none is any.
    pub client: Vec<IpNet>,
    /// JSON pointer to the value wanted (a string is a glob over the string).
    pub body: IndexMap<String, serde_json::Value>,
    pub form: IndexMap<String, String>,
    pub graphql: Option<GraphQlMatch>,
    pub mcp: Option<McpMatch>,
}

/// A root field of a GraphQL operation.
#[derive(Debug, Clone, Default)]
pub struct GraphQlMatch {
    /// `None`: of any kind.
    pub operation: Option<Operation>,
    /// Glob over the field's name (never its alias).
    pub field: Option<String>,
}

/// What a GraphQL operation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    #[default]
    Query,
    Mutation,
    Subscription,
}

impl Operation {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Operation::Query => "query",
            Operation::Mutation => "mutation",
            Operation::Subscription => "subscription",
        }
    }
}

#[derive(Debug, Clone, Default)]
pub struct McpMatch {
    /// Glob over the tool's name of a `tools/call`.
    pub tool: Option<String>,
    /// Another JSON-RPC method, e.g. `resources/read`.
    pub method: Option<String>,
    pub uri: Option<String>,
}

#[derive(Debug, Clone)]
pub struct Param {
    pub from: ParamSource,
    /// `None`: string outside JSON; in JSON whatever scalar it is.
    pub kind: Option<ParamType>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParamSource {
    /// RFC 6901 pointer into the JSON body (MCP: into the tool's arguments; GraphQL: into the field's).
    Json(String),
    Path(String),
    Query(String),
    Header(String),
    Form(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ParamType {
    #[default]
    String,
    Integer,
    Decimal,
    Boolean,
    List,
    Object,
}
