//! Policies, tiers and what approval asks for.

use std::fmt::Formatter;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};

use super::values::{At, Duration, Named, OneOrMany, Window};
use crate::config::{Excluded, Outside, PolicyDecision, Trust};

/// A rule on actions. All its conditions must hold.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Policy {
    /// What people call it; stands in records and permits.
    pub(in crate::config) name: At<String>,
    /// Glob on the action, or a list. Default: any.
    pub(in crate::config) action: Option<OneOrMany<At<String>>>,
    /// Glob on the agent's fingerprint, or a list. Default: any.
    pub(in crate::config) agent: Option<OneOrMany<At<String>>>,
    /// Glob on the upstream's name, or a list. Default: any.
    pub(in crate::config) upstream: Option<OneOrMany<At<String>>>,
    /// Glob on the project's name, or a list. Default: any.
    pub(in crate::config) project: Option<OneOrMany<At<String>>>,
    /// `any` (default), `ai_agent`, `devops` or `automation`.
    pub(in crate::config) source_type: Option<At<AnySource>>,
    /// `any` (default), `low`, `medium`, `high` or `critical`.
    pub(in crate::config) risk_tier: Option<At<AnyTier>>,
    /// The least trust for which it holds.
    pub(in crate::config) trust: Option<At<Trust>>,
    /// CEL expression over `params`, `request`, `agent`, `risk` and `now`: `params.amount <= 100`.
    pub(in crate::config) when: Option<At<String>>,
    /// `auto_approve`, `auto_deny` or `require_approval`.
    pub(in crate::config) decision: At<Option<PolicyDecision>>,
    /// What a denied agent reads.
    pub(in crate::config) message: Option<At<String>>,
    /// Higher is checked first. Default 0. At equal priority deny comes before require before approve.
    pub(in crate::config) priority: Option<At<i64>>,
    /// What approval asks for; what is not given here comes from the risk tier.
    pub(in crate::config) approvals: Option<At<Approvals>>,
    /// Times at which the policy does not do what it says.
    pub(in crate::config) schedule: Option<At<Schedule>>,
    /// `false`: record that it matched, and walk on. Default `true`.
    pub(in crate::config) enforce: Option<At<bool>>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum AnySource {
    #[default]
    Any,
    AiAgent,
    Devops,
    Automation,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum AnyTier {
    #[default]
    Any,
    Low,
    Medium,
    High,
    Critical,
}

/// What happens to an action of each tier when no policy matched.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Tiers {
    /// Harmless: reads.
    pub(in crate::config) low: Option<At<Tier>>,
    /// The default of a route.
    pub(in crate::config) medium: Option<At<Tier>>,
    /// Costly to undo.
    pub(in crate::config) high: Option<At<Tier>>,
    /// Cannot be undone.
    pub(in crate::config) critical: Option<At<Tier>>,
}

/// Points for the risk score, each from -100 to 100.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Risk {
    /// By word of an action's name, which `_` parts: in place of the points that are built in for that word.
    pub(in crate::config) words: Option<At<Named<i64>>>,
    /// By the text of the parameter `environment`.
    pub(in crate::config) environments: Option<At<Named<i64>>>,
    /// By how large a parameter is. Each that fits counts.
    pub(in crate::config) amounts: Option<At<Vec<At<Amount>>>>,
}

/// Points for a parameter that is larger than a number.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Amount {
    /// The parameter's name.
    pub(in crate::config) param: At<String>,
    /// It counts when the parameter is a number larger than this.
    pub(in crate::config) over: At<i64>,
    /// How many points it adds.
    pub(in crate::config) points: At<i64>,
}

/// Tiers by the trust of the agent that asks.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct TrustTable {
    /// A label without a registration, and callers without a key.
    pub(in crate::config) unregistered: Option<At<Tiers>>,
    /// The trust of an agent that was given none.
    pub(in crate::config) new: Option<At<Tiers>>,
    /// An agent that has worked for a while.
    pub(in crate::config) active: Option<At<Tiers>>,
    /// An agent that has worked well for long.
    pub(in crate::config) established: Option<At<Tiers>>,
    /// An agent whose doings were looked through.
    pub(in crate::config) verified: Option<At<Tiers>>,
}

/// What happens to an action of this tier when no policy matched.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Tier {
    /// `auto_approve`, `auto_deny` or `require_approval` (default).
    pub(in crate::config) decision: Option<At<Option<PolicyDecision>>>,
    /// What a denied agent reads.
    pub(in crate::config) message: Option<At<String>>,
    /// What approval asks for; a policy's own approvals go before it, field by field.
    pub(in crate::config) approvals: Option<At<Approvals>>,
}

/// What approval asks for.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Approvals {
    /// How many people must approve: 1 to 20. Default 1.
    pub(in crate::config) required: Option<At<u32>>,
    /// Teams or e-mail addresses that may decide: a name or a list. Default: every approver.
    pub(in crate::config) from: Option<OneOrMany<At<String>>>,
    /// Groups that must each give `required` approvals: a list of names, or of lists of names.
    pub(in crate::config) all_of: Option<At<Vec<OneOrMany<At<String>>>>>,
    /// Who may not: `owner` (of the agent) or `requester`, or both.
    pub(in crate::config) not: Option<OneOrMany<At<Excluded>>>,
    /// How long an approved call still waits and can be cancelled: 0s to 7d. Default `0s`.
    pub(in crate::config) delay: Option<At<Duration>>,
    /// How long the call waits for people: 1s to 30d. Default: `approval.expires_in`.
    pub(in crate::config) expires_in: Option<At<Duration>>,
    /// What must be typed to approve: `true` the action's name, a template its text, `false` nothing.
    pub(in crate::config) confirm: Option<At<Confirm>>,
}

/// `true`, `false`, or a template.
#[derive(Debug, Default)]
pub(in crate::config) enum Confirm {
    #[default]
    No,
    Action,
    Template(String),
}

impl<'de> Deserialize<'de> for Confirm {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Confirm, D::Error> {
        struct Words;
        impl Visitor<'_> for Words {
            type Value = Confirm;

            fn expecting(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
                f.write_str("`true`, `false` or a text to type")
            }

            fn visit_bool<E>(self, value: bool) -> Result<Confirm, E> {
                Ok(if value { Confirm::Action } else { Confirm::No })
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Confirm, E> {
                let word = text.trim().to_ascii_lowercase();
                if ["yes", "no", "on", "off", "true", "false", ""].contains(&word.as_str()) {
                    return Err(E::custom("expected `true`, `false` or a text to type"));
                }
                Ok(Confirm::Template(text.to_owned()))
            }
        }
        deserializer.deserialize_any(Words)
    }
}

impl JsonSchema for Confirm {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Confirm".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["boolean", "string"], "minLength": 1 })
    }
}

/// Times at which a policy does not do what it says.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::config) struct Schedule {
    /// IANA name, e.g. `Europe/Berlin`. Default `UTC`.
    pub(in crate::config) timezone: Option<At<String>>,
    /// `true`: Saturday and Sunday are blocked. Default `false`.
    pub(in crate::config) block_weekends: Option<At<bool>>,
    /// `[from, to]` in hours from 0 to 24, `to` excluded: `[0, 6]`, or `[22, 6]` over midnight.
    pub(in crate::config) block_hours: Option<At<(u8, u8)>>,
    /// The other way to say it: all times but these are blocked. `[Mon-Fri 08:00-18:00]`.
    pub(in crate::config) allow: Option<OneOrMany<At<Window>>>,
    /// In blocked time: `deny` (default), or `skip`: the policy does not match.
    pub(in crate::config) outside: Option<At<Outside>>,
}
