//! The gate itself: listeners, permit, times, limits.

use schemars::JsonSchema;
use serde::Deserialize;

use super::values::{Address, At, Duration, Network, OneOrMany, Origin, Size};
use crate::config::{Anonymous, PermitAlgorithm};

/// Where agents reach the gate.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Proxy {
    /// Address and port, or a list. Default `127.0.0.1:8080`.
    pub(in crate::config) listen: Option<OneOrMany<At<Address>>>,
    /// Serve TLS with this certificate. Without it the listeners speak plain HTTP.
    pub(in crate::config) tls: Option<At<Tls>>,
    /// Calls without a key: `reject` (the default, 401), or `allow`: they become the agent `anonymous`.
    pub(in crate::config) anonymous: Option<At<Anonymous>>,
    /// Proxies in front of the gate, as addresses or networks: their `X-Forwarded-For` says where a call came from.
    /// Default: none, and the header counts for nothing.
    pub(in crate::config) trusted_proxies: Option<OneOrMany<At<Network>>>,
}

/// A certificate chain and its key, as PEM files relative to the folder of the configuration.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Tls {
    /// PEM file with the certificate and its chain.
    pub(in crate::config) cert: At<String>,
    /// PEM file with the private key.
    pub(in crate::config) key: At<String>,
}

/// Where people and the API reach the gate.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Admin {
    /// Address and port. Default `127.0.0.1:8081`.
    pub(in crate::config) listen: Option<At<Address>>,
    /// How approvers reach the dashboard; also the `iss` of permits. Scheme, host and port only. Default: `http(s)://`
    /// and the address of `listen`.
    pub(in crate::config) url: Option<At<Origin>>,
    /// A second address that offers only what agents may call.
    pub(in crate::config) agents_listen: Option<At<Address>>,
    /// Serve TLS with this certificate.
    pub(in crate::config) tls: Option<At<Tls>>,
}

/// The signed permit that travels with a released request.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Permit {
    /// `ES256` (default), `EdDSA` or `RS256`.
    pub(in crate::config) algorithm: Option<At<PermitAlgorithm>>,
    /// How long a permit counts: 1s to 5m. Default `60s`.
    pub(in crate::config) lifetime: Option<At<Duration>>,
    /// The header that carries it. Default `Holdshort-Permit`. Every spelling of it that an agent sends is taken off.
    pub(in crate::config) header: Option<At<String>>,
    /// Folder of the signing keys, relative to the folder of the configuration. Default `keys`.
    pub(in crate::config) keys: Option<At<String>>,
    /// A secret of 32 bytes or more: permits of declared intents are then signed with HS256 and it, for services that
    /// verify them with the same secret. Permits of proxied calls never are. Write `${EXECUTION_SECRET}`.
    pub(in crate::config) execution_secret: Option<At<String>>,
}

/// What proves the audit log to outsiders, and how long details are kept.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Audit {
    /// File of the latest signed checkpoint, relative to the folder of the configuration; keep copies of it where
    /// nobody who runs the gate can change them. Default `holdshort.checkpoint`.
    pub(in crate::config) checkpoint: Option<At<String>>,
    /// How long what agents sent and got is kept: bodies, parameters, headers, paths, excerpts of answers; 1d to 3650d.
    /// Who decided what, and when, is kept for ever. Default `365d`.
    pub(in crate::config) details_for: Option<At<Duration>>,
}

/// How safely calls are recorded before they are sent.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Record {
    /// `group` (default): what policy approves reaches the disk within 50 ms of its recording. `full`: it is on the disk
    /// before the call is sent. What people decide is always on the disk first.
    pub(in crate::config) sync: Option<At<Sync>>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum Sync {
    #[default]
    Group,
    Full,
}

/// How long a waiting call keeps its connection.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Hold {
    /// `auto` (default): as long as that client is known to wait; or a duration up to 24h. Then the agent is told
    /// `APPROVAL_PENDING`, and its call stays pending.
    pub(in crate::config) timeout: At<HoldTime>,
}

#[derive(Debug, Clone, Copy, Default)]
pub(in crate::config) enum HoldTime {
    #[default]
    Auto,
    For(Duration),
}

/// How long approvals, releases, answers and denials count.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Approval {
    /// How long a call waits for people: 1s to 30d. Default `1h`.
    pub(in crate::config) expires_in: Option<At<Duration>>,
    /// How long an approved call waits for its agent to come back: 1s to 24h. Default `10m`.
    pub(in crate::config) release_within: Option<At<Duration>>,
    /// How long the answer of an executed call is kept for an agent that did not get it: 0s to 24h. Default `10m`.
    pub(in crate::config) replay_for: Option<At<Duration>>,
    /// How long a person's denial answers the same call again: 0s to 24h. Default `10m`.
    pub(in crate::config) denial_for: Option<At<Duration>>,
}

/// Sizes and numbers above which the gate refuses.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Limits {
    /// Largest request body on a route: up to 64MiB. Default `1MiB`.
    pub(in crate::config) body: Option<At<Size>>,
    /// Largest request head: 1KiB to 1MiB. Default `32KiB`.
    pub(in crate::config) head: Option<At<Size>>,
    /// How long a connection may take to deliver a request's head: 100ms to 10m. Default `15s`.
    pub(in crate::config) head_timeout: Option<At<Duration>>,
    /// Largest answer kept for an agent that is gone: up to 64MiB. Default `1MiB`.
    pub(in crate::config) stored_response: Option<At<Size>>,
    /// Calls held at once by the whole gate. Default 10000.
    pub(in crate::config) held: Option<At<u32>>,
    /// Memory that the requests of all held calls take; as much again may be on its way. Default `1GiB`.
    pub(in crate::config) held_bytes: Option<At<Size>>,
    /// The same for one agent. By default 1000 calls and `64MiB`.
    pub(in crate::config) per_agent: Option<At<Quota>>,
    /// The same for all agents of a project together. By default 10000 calls and `512MiB`.
    pub(in crate::config) per_project: Option<At<Quota>>,
}

/// What one agent or project may have. More is answered with 429.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Quota {
    /// Calls that are held, or wait for people without a caller.
    pub(in crate::config) held: Option<At<u32>>,
    /// Memory that the requests of held calls take; as much again may be read, decided and sent at one time. A request
    /// that takes more by itself is answered with 413.
    pub(in crate::config) held_bytes: Option<At<Size>>,
}
