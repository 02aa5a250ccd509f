//! The configuration as operators write it. The comments of the fields are their manual: they become the
//! descriptions of the JSON Schema that editors show.
//!
//! Nothing here is a default and nothing is checked against anything else: that is [`super::check`].

mod gate;
mod people;
mod policy;
mod route;
mod upstream;
pub(super) mod values;

use schemars::JsonSchema;
use serde::Deserialize;

pub(super) use gate::{Admin, Approval, Audit, Hold, HoldTime, Limits, Permit, Proxy, Quota, Record, Sync, Tls};
pub(super) use people::{Agent, Project, Projects, Unregistered};
pub(super) use policy::{AnySource, AnyTier, Approvals, Confirm, Policy, Risk, Schedule, Tier, Tiers, TrustTable};
pub(super) use route::{GraphQl, Match, Mcp, Param, Route, RouteMatch};
pub(super) use upstream::{Case, Headers, Listen, Slash, Upgrade, Upstream, UpstreamTls};
pub(super) use values::{At, Duration, Named, Network, OneOrMany, Size};

/// Configuration of a Holdshort gate: one file, or a folder of such files that are merged.
///
/// `${NAME}` and `${NAME:-default}` may stand in any text (`$${` is a plain `${`); a text that is wholly `file:PATH` is
/// replaced by that file (`file://...` is left as it is).
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "Holdshort configuration")]
pub(super) struct Config {
    /// Where agents reach the gate.
    pub(super) proxy: Option<At<Proxy>>,
    /// Where people and the API reach the gate.
    pub(super) admin: Option<At<Admin>>,
    /// The store: `sqlite:PATH`, relative to the folder of the configuration. Default `sqlite:holdshort.db`.
    pub(super) database: Option<At<String>>,
    /// The signed permit that travels with a released request.
    pub(super) permit: Option<At<Permit>>,
    /// How safely calls are recorded before they are sent.
    pub(super) record: Option<At<Record>>,
    /// What proves the audit log to outsiders, and how long details are kept.
    pub(super) audit: Option<At<Audit>>,
    /// How long a waiting call keeps its connection.
    pub(super) hold: Option<At<Hold>>,
    /// How long approvals, releases, answers and denials count.
    pub(super) approval: Option<At<Approval>>,
    /// Sizes and numbers above which the gate refuses.
    pub(super) limits: Option<At<Limits>>,
    /// `false`: decide and record, but let every call pass without a permit. Default `true`.
    pub(super) enforce: Option<At<bool>>,
    /// What happens to an action of this tier when no policy matched: the keys of a policy. Default for each tier:
    /// approval by one person.
    pub(super) risk_tiers: Option<At<Tiers>>,
    /// What the trust of the asking agent changes in that: tiers by trust, whose keys go before those of `risk_tiers`,
    /// field by field. It lowers or raises what policies leave open, never what they say.
    pub(super) trust: Option<At<TrustTable>>,
    /// Points for the risk score (0 to 100) beside those that are built in; policies see it as `risk.score`.
    pub(super) risk: Option<At<Risk>>,
    /// Teams by name: lists of e-mail addresses. A team defined here is changed only here.
    pub(super) teams: Option<At<Named<Vec<At<String>>>>>,
    /// Projects: a list of names, or a map of names to settings. `default` is always there.
    pub(super) projects: Option<At<Projects>>,
    /// Agents by name. Their keys are made by `holdshort agents add NAME` and live in the store.
    pub(super) agents: Option<At<Named<Agent>>>,
    /// The services behind the gate, by name.
    pub(super) upstreams: Option<At<Named<Upstream>>>,
    /// Rules on actions: checked in descending priority, the first that matches decides.
    pub(super) policies: Option<At<Vec<At<Policy>>>>,
}
