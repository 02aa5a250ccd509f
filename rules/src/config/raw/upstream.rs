//! A service behind the gate.

use schemars::JsonSchema;
use serde::Deserialize;

use super::gate::Hold;
use super::route::Route;
use super::values::{Address, At, Duration, Named, OneOrMany, Plain, Size, WebUrl};
use crate::config::{Forwarding, Protocol, Unmatched};

/// A service behind the gate. At least one of `at`, `host` and `listen` says how agents reach it.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Upstream {
    /// Where it is: `http://` or `https://`. A path here is put in front of the path the agent asked for.
    pub(in crate::config) url: At<WebUrl>,
    /// Path under the proxy's address, or a list of such: `/payments`.
    pub(in crate::config) at: Option<OneOrMany<At<String>>>,
    /// Host name by which agents reach it on the proxy's address, or a list of such.
    pub(in crate::config) host: Option<OneOrMany<At<String>>>,
    /// A listener of its own, or a list: an address, or `{ address, agent }` whose every call is that agent's.
    pub(in crate::config) listen: Option<OneOrMany<At<Listen>>>,
    /// `http` (default), or `mcp`: handshake and discovery pass, `tools/call` is what routes match.
    pub(in crate::config) protocol: Option<At<Protocol>>,
    /// MCP: `true` has the descriptions in `tools/list` say which tools' calls may wait for a person. Default `false`.
    pub(in crate::config) announce: Option<At<bool>>,
    /// Calls that no route matches: `reject` (default), `require_approval`, or `pass` (no intent, no permit).
    pub(in crate::config) unmatched: Option<At<Unmatched>>,
    /// `false`: decide and record, but let its calls pass without a permit. Default `true`.
    pub(in crate::config) enforce: Option<At<bool>>,
    /// Projects whose agents may reach it: a name or a list. Default `default` only.
    pub(in crate::config) projects: Option<OneOrMany<At<String>>>,
    /// Headers changed on every request to it, last of all. Their values are masked wherever they would be shown.
    pub(in crate::config) headers: Option<At<Headers>>,
    /// What it is told of where calls came from, in place of anything the agent says: `x_forwarded` (default:
    /// `X-Forwarded-For`, `-Proto`, `-Host`, `-Prefix`), `forwarded` (RFC 7239), `via`; one, a list, or `[]` for nothing.
    pub(in crate::config) forwarding: Option<OneOrMany<At<Forwarding>>>,
    /// `true`: send the agent's own Host on. Default `false`: the Host is that of `url`.
    pub(in crate::config) preserve_host: Option<At<bool>>,
    /// `true`: HTTP/2 to the upstream, by ALPN with TLS and by prior knowledge without. Default `false`.
    pub(in crate::config) http2: Option<At<bool>>,
    /// How its certificate is verified.
    pub(in crate::config) tls: Option<At<UpstreamTls>>,
    /// How long the gate waits for it.
    pub(in crate::config) timeouts: Option<At<Timeouts>>,
    /// Sizes above which its calls are refused.
    pub(in crate::config) limits: Option<At<UpstreamLimits>>,
    /// How it reads paths; routes are matched the same way.
    pub(in crate::config) paths: Option<At<Paths>>,
    /// How long its waiting calls keep their connection.
    pub(in crate::config) hold: Option<At<Hold>>,
    /// Which requests are which action.
    pub(in crate::config) routes: Option<At<Vec<At<Route>>>>,
}

/// A listener of an upstream's own.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "$shape", rename_all = "lowercase")]
#[schemars(rename = "Listen", untagged)]
pub(in crate::config) enum Listen {
    Text(At<Address>),
    Map(BoundListen),
}

impl Default for Listen {
    fn default() -> Listen {
        Listen::Text(At::default())
    }
}

/// A listener that may be bound to one agent.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct BoundListen {
    /// Address and port.
    pub(in crate::config) address: At<Address>,
    /// Every call on it is this agent's, without a key: for clients that take neither a path nor a header.
    pub(in crate::config) agent: Option<At<String>>,
}

/// Headers changed on every request to the upstream.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Headers {
    /// Headers the gate sets, in place of any that the agent sent: `authorization: "Bearer ${API_KEY}"`.
    pub(in crate::config) set: Option<At<Named<Plain>>>,
    /// Headers taken off: a name, or a glob with one `*`, or a list of these.
    pub(in crate::config) remove: Option<OneOrMany<At<String>>>,
}

/// How the upstream's certificate is verified.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct UpstreamTls {
    /// PEM file with roots to trust for this upstream, relative to the folder of the configuration.
    pub(in crate::config) ca: Option<At<String>>,
    /// The name to verify in place of the host of `url`.
    pub(in crate::config) server_name: Option<At<String>>,
}

/// How long the gate waits for the upstream.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Timeouts {
    /// For the connection: 1ms to 5m. Default `5s`.
    pub(in crate::config) connect: Option<At<Duration>>,
    /// For the head of the answer, and between parts of its body: 1ms to 24h. Default `5m`.
    pub(in crate::config) read: Option<At<Duration>>,
}

/// Sizes above which calls are refused.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct UpstreamLimits {
    /// Largest request body on a route, up to 64MiB. Default: that of the gate.
    pub(in crate::config) body: Option<At<Size>>,
}

/// How the upstream reads paths.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Paths {
    /// `sensitive` (default) or `insensitive`: whether `/Users` and `/users` are two paths to it.
    pub(in crate::config) case: Option<At<Case>>,
    /// `%2F` in a path: `reject` (default), or `allow` where the upstream reads it as part of a segment.
    pub(in crate::config) encoded_slash: Option<At<Slash>>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum Case {
    #[default]
    Sensitive,
    Insensitive,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum Slash {
    #[default]
    Reject,
    Allow,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum Upgrade {
    #[default]
    Reject,
    Allow,
}
