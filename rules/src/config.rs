//! The configuration after checking: what the rest of the program sees. The raw document (serde,
//! unknown keys refused, positions kept) becomes this exactly once, in [`load`].
//!
//! Secrets that the files name (`${ENV}`, `file:`) are resolved by the caller through
//! [`load::Secrets`]; checking needs none.

pub(crate) mod cases;
mod check;
mod fault;
pub(crate) mod findings;
pub mod load;
mod merge;
mod node;
pub(crate) mod places;
mod raw;
mod reader;
mod route;
mod schema;
mod secrets;

pub use route::{GraphQlMatch, Match, McpMatch, Operation, Param, ParamSource, ParamType, Route};
pub use schema::schema;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use indexmap::IndexMap;
use ipnet::IpNet;
use schemars::JsonSchema;
use serde::Deserialize;

/// A span of time as the files write it: `90s`, `10m`, `1h30m`.
#[must_use]
pub fn duration(text: &str) -> Option<Duration> {
    raw::values::Duration::read(text).map(|read| read.0)
}

/// Everything an operator can set, with defaults filled in.
#[derive(Debug, Clone)]
pub struct Config {
    pub proxy: Proxy,
    pub admin: Admin,
    /// `sqlite:PATH` (relative to the configuration's folder). Empty: it stands in a secret that was not looked up.
    pub database: Secret,
    pub permit: Permit,
    pub record: Record,
    pub audit: Audit,
    pub hold: Hold,
    pub approval: ApprovalTimes,
    pub limits: Limits,
    /// `false`: decide and record, but let every call pass without a permit.
    pub enforce: bool,
    /// Always all four tiers; what the files leave out is `require_approval` by one person.
    pub risk_tiers: BTreeMap<RiskTier, TierPolicy>,
    /// What goes before them, field by field, for agents of a trust. Only what the files give.
    pub trust: BTreeMap<(Trust, RiskTier), TierPolicy>,
    pub risk: RiskWeights,
    /// Teams defined in files: name to e-mail addresses.
    pub teams: IndexMap<String, Vec<String>>,
    /// `default` is always among them.
    pub projects: Vec<Project>,
    pub agents: IndexMap<String, AgentEntry>,
    pub upstreams: IndexMap<String, Upstream>,
    /// In file order.
    pub policies: Vec<Policy>,
    /// SHA-256 (hex) of the sources' names and texts, before secrets.
    pub digest: String,
}

#[derive(Debug, Clone)]
pub struct Proxy {
    pub listen: Vec<SocketAddr>,
    pub tls: Option<TlsFiles>,
    /// Calls without a key: `reject` (default) or `allow` (they become the agent `anonymous`).
    pub anonymous: Anonymous,
    /// Whose `X-Forwarded-For` is believed. Nobody's by default.
    pub trusted_proxies: Vec<IpNet>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Anonymous {
    #[default]
    Reject,
    Allow,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    pub cert: String,
    pub key: String,
}

#[derive(Debug, Clone)]
pub struct Admin {
    pub listen: SocketAddr,
    /// How approvers reach the dashboard; also the permits' `iss`. Scheme, host, optional port; no path.
    pub url: String,
    /// A second address that offers only what agents may call.
    pub agents_listen: Option<SocketAddr>,
    pub tls: Option<TlsFiles>,
}

#[derive(Debug, Clone)]
pub struct Permit {
    pub algorithm: PermitAlgorithm,
    pub lifetime: Duration,
    /// Lower-case header name.
    pub header: String,
    /// Folder of the signing keys, relative to the configuration's folder. Default `keys`.
    pub keys: String,
    /// Signs the permits of declared intents (HS256). At least 32 bytes.
    pub execution_secret: Option<Secret>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
pub enum PermitAlgorithm {
    #[default]
    #[serde(rename = "ES256")]
    Es256,
    #[serde(rename = "EdDSA")]
    EdDsa,
    #[serde(rename = "RS256")]
    Rs256,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// `record: { sync: full }`: also what policy approves is fsynced before it is sent.
    pub sync_full: bool,
}

/// What proves the audit log to outsiders, and how long details are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audit {
    /// File of the latest signed checkpoint.
    pub checkpoint: String,
    /// How long what agents sent and got is kept.
    pub details_for: Duration,
}

/// How long a call is held before its agent is told `APPROVAL_PENDING`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldTimeout {
    /// By the table of what clients announce and stand.
    Auto,
    For(Duration),
}

#[derive(Debug, Clone, Copy)]
pub struct Hold {
    pub timeout: HoldTimeout,
}

#[derive(Debug, Clone, Copy)]
pub struct ApprovalTimes {
    pub expires_in: Duration,
    pub release_within: Duration,
    pub replay_for: Duration,
    pub denial_for: Duration,
}

#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Largest request body on a route, bytes. Default 1 MiB, at most 64 MiB.
    pub body: usize,
    /// Largest request head, bytes. Default 32 KiB.
    pub head: usize,
    /// How long a connection may take to deliver a request's head. Default 15 s.
    pub head_timeout: Duration,
    /// Largest upstream answer kept for a caller who is gone, bytes. Default 1 MiB.
    pub stored_response: usize,
    /// Calls held at once by the whole gate; more are answered 429.
    pub held: usize,
    /// Bytes of memory that the requests of held calls take, in the whole gate.
    pub held_bytes: usize,
    pub per_agent: Quota,
    pub per_project: Quota,
}

/// What one agent, or all agents of one project, may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Calls that are held, or wait for people without a caller; more are answered 429.
    pub held: usize,
    /// Bytes of memory that the requests of held calls take.
    pub held_bytes: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RiskTier {
    Low,
    #[default]
    Medium,
    High,
    Critical,
}

impl RiskTier {
    pub const ALL: [RiskTier; 4] = [RiskTier::Low, RiskTier::Medium, RiskTier::High, RiskTier::Critical];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            RiskTier::Low => "low",
            RiskTier::Medium => "medium",
            RiskTier::High => "high",
            RiskTier::Critical => "critical",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<RiskTier> {
        RiskTier::ALL.into_iter().find(|tier| tier.as_str() == text)
    }
}

/// How much an agent is trusted, least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Trust {
    Unregistered,
    #[default]
    New,
    Active,
    Established,
    Verified,
}

impl Trust {
    pub const ALL: [Trust; 5] = [Trust::Unregistered, Trust::New, Trust::Active, Trust::Established, Trust::Verified];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Trust::Unregistered => "unregistered",
            Trust::New => "new",
            Trust::Active => "active",
            Trust::Established => "established",
            Trust::Verified => "verified",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Trust> {
        Trust::ALL.into_iter().find(|trust| trust.as_str() == text)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SourceType {
    #[default]
    AiAgent,
    Devops,
    Automation,
}

impl SourceType {
    pub const ALL: [SourceType; 3] = [SourceType::AiAgent, SourceType::Devops, SourceType::Automation];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            SourceType::AiAgent => "ai_agent",
            SourceType::Devops => "devops",
            SourceType::Automation => "automation",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<SourceType> {
        SourceType::ALL.into_iter().find(|source| source.as_str() == text)
    }
}

/// What a tier does when no policy matched: a policy's keys.
#[derive(Debug, Clone, Default)]
pub struct TierPolicy {
    pub decision: Option<PolicyDecision>,
    pub message: Option<String>,
    pub approvals: Approvals,
}

/// Points for the risk score beside those that are built in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RiskWeights {
    /// By word of an action's name, in place of what is built in.
    pub words: IndexMap<String, i16>,
    /// By the text of the parameter `environment`.
    pub environments: IndexMap<String, i16>,
    pub amounts: Vec<AmountWeight>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AmountWeight {
    pub param: String,
    pub over: i64,
    pub points: i16,
}

#[derive(Debug, Clone)]
pub struct Project {
    pub name: String,
    /// `projects.unregistered: accept`: labels without an agent are let in on the proxy too.
    pub accept_unregistered: bool,
}

/// An agent defined in files. Its keys live in the store.
#[derive(Debug, Clone)]
pub struct AgentEntry {
    pub project: String,
    pub fingerprint: Option<String>,
    pub owner: Option<String>,
    pub trust: Trust,
    pub framework: Option<String>,
    pub risk_sensitivity: Option<RiskTier>,
    pub source_type: SourceType,
    pub hold: Option<HoldTimeout>,
    pub enforce: bool,
}

#[derive(Debug, Clone)]
pub struct Upstream {
    pub name: String,
    pub url: UpstreamUrl,
    /// Path mounts, canonical, without trailing slash (`/` itself is the empty string).
    pub at: Vec<String>,
    /// Host mounts, lower case, without port.
    pub host: Vec<String>,
    pub listen: Vec<UpstreamListener>,
    pub protocol: Protocol,
    /// MCP: descriptions of tools say where calls may wait for people.
    pub announce: bool,
    pub unmatched: Unmatched,
    pub enforce: bool,
    /// Projects whose agents reach it. Default: `default` only.
    pub projects: Vec<String>,
    /// Headers the gate sets on every request to it, applied last, masked everywhere. Lower-case names.
    pub headers_set: IndexMap<String, Secret>,
    /// Globs of header names taken off before that.
    pub headers_remove: Vec<String>,
    /// What is said to it of where calls came from.
    pub forwarding: Vec<Forwarding>,
    /// `preserve_host: true` sends the agent's Host on; default is the upstream's own.
    pub preserve_host: bool,
    /// HTTP/2 to the upstream (prior knowledge without TLS, ALPN with it).
    pub http2: bool,
    pub tls: UpstreamTls,
    pub connect_timeout: Duration,
    /// Longest wait for the head of the answer and between parts of its body.
    pub read_timeout: Duration,
    pub paths: Paths,
    pub hold: Option<HoldTimeout>,
    pub body_limit: Option<usize>,
    pub routes: Vec<Route>,
}

/// An upstream's address, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamUrl {
    pub tls: bool,
    /// Host name or IP literal without brackets.
    pub host: String,
    pub port: u16,
    /// Put in front of the path the agent asked for; canonical, without trailing slash.
    pub path: String,
}

impl UpstreamUrl {
    /// `https://host:port`: where it is, without the path.
    #[must_use]
    pub fn origin(&self) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        let host = &self.host;
        if host.contains(':') {
            format!("{scheme}://[{host}]:{}", self.port)
        } else {
            format!("{scheme}://{host}:{}", self.port)
        }
    }
}

#[derive(Debug, Clone, Default)]
pub struct UpstreamTls {
    /// PEM file of extra roots for this upstream.
    pub ca: Option<String>,
    /// Name to verify instead of the URL's host.
    pub server_name: Option<String>,
}

#[derive(Debug, Clone)]
pub struct UpstreamListener {
    pub address: SocketAddr,
    /// Every call on it is this agent's.
    pub agent: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    #[default]
    Http,
    Mcp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unmatched {
    #[default]
    Reject,
    RequireApproval,
    Pass,
}

/// A header, or a family of them, that tells an upstream where a call came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Forwarding {
    /// `X-Forwarded-For`, `-Proto`, `-Host` and `-Prefix`.
    #[default]
    XForwarded,
    /// `Forwarded` (RFC 7239).
    Forwarded,
    /// `Via` (RFC 9110 section 7.6.3).
    Via,
}

#[derive(Debug, Clone, Copy, Default)]
pub struct Paths {
    pub case_insensitive: bool,
    pub allow_encoded_slash: bool,
}

#[derive(Debug, Clone)]
pub struct Policy {
    pub name: String,
    /// Globs; empty means any. Same for the next three.
    pub action: Vec<String>,
    pub agent: Vec<String>,
    pub upstream: Vec<String>,
    pub project: Vec<String>,
    /// Globs on `upstream/path` of a call, or on the parameter `path` of what is declared; not written in files.
    pub paths: Vec<String>,
    pub source_type: Option<SourceType>,
    pub risk_tier: Option<RiskTier>,
    /// Least trust for which it holds.
    pub trust: Option<Trust>,
    /// CEL source.
    pub when: Option<String>,
    pub decision: PolicyDecision,
    pub message: Option<String>,
    pub priority: i64,
    pub approvals: Approvals,
    pub schedule: Option<Schedule>,
    /// `false`: record that it matched and walk on.
    pub enforce: bool,
    pub place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PolicyDecision {
    AutoApprove,
    AutoDeny,
    RequireApproval,
}

/// What approval asks for; unset fields come from the tier, then from defaults.
#[derive(Debug, Clone, Default)]
pub struct Approvals {
    pub required: Option<u32>,
    /// Team names or e-mail addresses; unset or empty means any approver.
    pub from: Option<Vec<String>>,
    /// Groups that must each give `required` votes.
    pub all_of: Option<Vec<Vec<String>>>,
    pub not: Option<Vec<Excluded>>,
    pub delay: Option<Duration>,
    pub expires_in: Option<Duration>,
    pub confirm: Option<Confirm>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Excluded {
    #[default]
    Owner,
    Requester,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Confirm {
    /// `confirm: false`: switches off what the tier asks.
    No,
    /// The action's name must be typed.
    Action,
    /// The text of this template must be typed.
    Template(String),
}

#[derive(Debug, Clone)]
pub struct Schedule {
    /// IANA name. Default `UTC`.
    pub timezone: String,
    pub block_weekends: bool,
    /// `[from, to)` in hours; may wrap midnight.
    pub block_hours: Option<(u8, u8)>,
    /// When given, all other times are blocked.
    pub allow: Vec<AllowedTime>,
    pub outside: Outside,
}

/// `Mon-Fri 08:00-18:00`: days as Monday = 0 .. Sunday = 6, minutes since midnight, end exclusive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedTime {
    pub days: Vec<u8>,
    pub from_minute: u16,
    pub to_minute: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outside {
    #[default]
    Deny,
    Skip,
}

/// A text that must not be shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    #[must_use]
    pub fn new(text: String) -> Secret {
        Secret(text)
    }

    /// The text itself, for the one place that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("\"......\"")
    }
}

/// Where something stands in the files.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Place {
    pub file: String,
    /// From 1.
    pub line: u32,
    /// From 1.
    pub column: u32,
}
