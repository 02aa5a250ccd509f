//! Projects and agents.

use schemars::JsonSchema;
use serde::Deserialize;

use super::gate::Hold;
use super::values::{At, Named};
use crate::config::{RiskTier, SourceType, Trust};

/// A list of names, or a map of names to settings.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename = "$shape", rename_all = "lowercase")]
#[schemars(rename = "Projects", untagged)]
pub(in crate::config) enum Projects {
    List(Vec<At<String>>),
    Map(Named<Project>),
}

impl Default for Projects {
    fn default() -> Projects {
        Projects::List(Vec::new())
    }
}

/// Settings of a project; `{}` for none.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Project {
    /// Calls with the project's key whose label belongs to no agent: `reject` (default), or `accept` them on the proxy.
    /// Their trust is `unregistered`.
    pub(in crate::config) unregistered: Option<At<Unregistered>>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum Unregistered {
    #[default]
    Reject,
    Accept,
}

/// A caller known by name; `{}` when all defaults suit.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Agent {
    /// The project it belongs to. Default `default`.
    pub(in crate::config) project: Option<At<String>>,
    /// What policies and permits call it. Default: made from its name.
    pub(in crate::config) fingerprint: Option<At<String>>,
    /// E-mail address of the person who answers for it.
    pub(in crate::config) owner: Option<At<String>>,
    /// `unregistered`, `new` (default), `active`, `established` or `verified`.
    pub(in crate::config) trust: Option<At<Trust>>,
    /// What it is built with, e.g. `python` or `langchain`: helps `hold: { timeout: auto }` to know its patience.
    pub(in crate::config) framework: Option<At<String>>,
    /// How much its mistakes can cost: raises the risk score of its calls.
    pub(in crate::config) risk_sensitivity: Option<At<RiskTier>>,
    /// `ai_agent` (default), `devops` or `automation`.
    pub(in crate::config) source_type: Option<At<SourceType>>,
    /// How long its waiting calls keep their connection.
    pub(in crate::config) hold: Option<At<Hold>>,
    /// `false`: decide and record, but let its calls pass without a permit. Default `true`.
    pub(in crate::config) enforce: Option<At<bool>>,
}
