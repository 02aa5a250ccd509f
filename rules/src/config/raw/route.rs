//! Which requests are which action.

use schemars::JsonSchema;
use serde::Deserialize;

use super::gate::Hold;
use super::upstream::Upgrade;
use super::values::{At, Named, Network, OneOrMany, Plain, Source};
use crate::config::{Operation, ParamType, RiskTier};

/// A rule: these requests are this action.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Route {
    /// `snake_case` name of what the agent wants to do. An MCP route without it takes the tool's name.
    pub(in crate::config) action: Option<At<String>>,
    /// `METHOD /path`, or `/path` for any method, or a map, or a list of these: any one of them may hold.
    #[serde(rename = "match")]
    pub(in crate::config) matches: OneOrMany<At<RouteMatch>>,
    /// `low`, `medium` (default), `high` or `critical`.
    pub(in crate::config) risk_tier: Option<At<RiskTier>>,
    /// What approvers read first: `"Refund {params.amount|money:EUR} to {params.customer_id}"`.
    pub(in crate::config) title: Option<At<String>>,
    /// Parameters by name: what approvers see, and what conditions look at.
    pub(in crate::config) params: Option<At<Named<Param>>>,
    /// `true`: no action, no intent, no permit; the call streams through. Default `false`.
    pub(in crate::config) pass: Option<At<bool>>,
    /// `allow`: a `pass` route may switch protocols (WebSocket). Default `reject`.
    pub(in crate::config) upgrade: Option<At<Upgrade>>,
    /// `true`: the MCP tools it matches are left out of the list, and calls of them are refused. Default `false`.
    pub(in crate::config) hide: Option<At<bool>>,
    /// How long its waiting calls keep their connection.
    pub(in crate::config) hold: Option<At<Hold>>,
}

/// `METHOD /path`, `/path`, or a map of conditions that must all hold.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "$shape", rename_all = "lowercase")]
#[schemars(rename = "RouteMatch", untagged)]
pub(in crate::config) enum RouteMatch {
    Text(At<String>),
    Map(Box<Match>),
}

impl Default for RouteMatch {
    fn default() -> RouteMatch {
        RouteMatch::Text(At::default())
    }
}

/// Conditions that must all hold.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Match {
    /// HTTP method, or a list. Default: any. `GET` covers `HEAD`.
    pub(in crate::config) method: Option<OneOrMany<At<String>>>,
    /// Path under the mount, or a list: `{id}` captures a segment, `{rest**}` the rest, `*` is one segment, `**` any
    /// number of them.
    pub(in crate::config) path: Option<OneOrMany<At<String>>>,
    /// Query parameters: name to the glob that its one occurrence must match.
    pub(in crate::config) query: Option<At<Named<Plain>>>,
    /// Headers: name to the glob that its one occurrence must match.
    pub(in crate::config) headers: Option<At<Named<Plain>>>,
    /// Address or network of the client (`10.0.0.0/8`), or a list of such.
    pub(in crate::config) client: Option<OneOrMany<At<Network>>>,
    /// JSON body: pointer (`/customer/id`) to the value wanted; a text is a glob.
    #[schemars(with = "Option<std::collections::BTreeMap<String, Scalar>>")]
    pub(in crate::config) body: Option<At<Named<serde_json::Value>>>,
    /// Form body, URL-encoded or multipart: name to the glob that its one occurrence must match.
    pub(in crate::config) form: Option<At<Named<Plain>>>,
    /// Root field of a GraphQL operation. A path that such a match names takes nothing but GraphQL.
    pub(in crate::config) graphql: Option<At<GraphQl>>,
    /// JSON-RPC message to an MCP server.
    pub(in crate::config) mcp: Option<At<Mcp>>,
}

/// What a JSON body may be compared with.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
enum Scalar {
    Text(String),
    Number(f64),
    Boolean(bool),
}

/// A root field of a GraphQL operation. All root fields of a request must match the same route.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct GraphQl {
    /// `query`, `mutation` or `subscription`. Default: any.
    pub(in crate::config) operation: Option<At<Operation>>,
    /// Glob over the field's name; aliases make no difference.
    pub(in crate::config) field: Option<At<String>>,
}

/// A JSON-RPC message to an MCP server: a tool, or another method.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Mcp {
    /// Glob over the name of the tool that `tools/call` names.
    pub(in crate::config) tool: Option<At<String>>,
    /// Another method, e.g. `resources/read`.
    pub(in crate::config) method: Option<At<String>>,
    /// With `method`: glob over the URI it asks for.
    pub(in crate::config) uri: Option<At<String>>,
}

/// Where a parameter is taken from: `/json/pointer`, `path.x`, `query.x`, `header.x` or `form.x`; or a map that also
/// gives its type.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "$shape", rename_all = "lowercase")]
#[schemars(rename = "Param", untagged)]
pub(in crate::config) enum Param {
    Text(At<Source>),
    Map(TypedParam),
}

impl Default for Param {
    fn default() -> Param {
        Param::Text(At::default())
    }
}

/// A parameter with its type.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct TypedParam {
    /// `/json/pointer`, `path.x`, `query.x`, `header.x` or `form.x`.
    pub(in crate::config) from: At<Source>,
    /// `string` (the default outside JSON), `integer`, `decimal`, `boolean`, `list` or `object`. A JSON value without a
    /// type must be a scalar. A file of a multipart form is an `object` of `filename`, `content_type`, `size`, `digest`.
    #[serde(rename = "type")]
    pub(in crate::config) kind: Option<At<ParamType>>,
}
