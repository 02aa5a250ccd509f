//! Rule tests as they are written. The comments of the fields are their reference.

use std::fmt::Formatter;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};

use crate::cases::Ending;
use crate::config::raw::values::{At, Duration, Named, OneOrMany, Plain};
use crate::config::{Excluded, RiskTier, SourceType, Trust};

/// A file of rule tests.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    /// Who calls, where a test does not say it.
    #[serde(default)]
    pub(super) agent: Option<At<Agent>>,
    /// When, where a test does not say it.
    #[serde(default)]
    pub(super) at: Option<At<Instant>>,
    pub(super) tests: At<Vec<At<Test>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Test {
    pub(super) name: At<String>,
    pub(super) request: At<Request>,
    #[serde(default)]
    pub(super) agent: Option<At<Agent>>,
    #[serde(default)]
    pub(super) at: Option<At<Instant>>,
    pub(super) expect: At<Expect>,
}

/// `METHOD /path`, or a map.
#[derive(Debug, Deserialize)]
#[serde(rename = "$shape", rename_all = "lowercase")]
pub(super) enum Request {
    Text(At<String>),
    Map(Box<Call>),
}

impl Default for Request {
    fn default() -> Request {
        Request::Map(Box::default())
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Call {
    /// The upstream that `path` is a path of. Without it: the gate's own path.
    pub(super) upstream: Option<At<String>>,
    /// Default `GET`, with a body `POST`.
    pub(super) method: Option<At<String>>,
    pub(super) path: Option<At<String>>,
    /// Instead of `path`: a URL of the gate, or one of an upstream.
    pub(super) url: Option<At<String>>,
    pub(super) headers: Option<At<Named<Plain>>>,
    /// Sent as JSON.
    pub(super) body: Option<At<JsonText>>,
    /// JSON text, sent as it is written.
    pub(super) json: Option<At<String>>,
    /// Sent as `application/x-www-form-urlencoded`.
    pub(super) form: Option<At<Named<Plain>>>,
    /// Sent as it is written, with the media type of `headers`, else `text/plain`.
    pub(super) text: Option<At<String>>,
    /// An MCP `tools/call` of this tool.
    pub(super) tool: Option<At<String>>,
    pub(super) arguments: Option<At<JsonText>>,
    /// The address that calls the gate, for routes that ask for one; `x-forwarded-for` counts where it is a trusted proxy.
    pub(super) client: Option<At<String>>,
}

/// The name of an agent of the configuration, or what there is to know of one.
#[derive(Debug, Deserialize)]
#[serde(rename = "$shape", rename_all = "lowercase")]
pub(super) enum Agent {
    Text(At<String>),
    Map(Box<Somebody>),
}

impl Default for Agent {
    fn default() -> Agent {
        Agent::Map(Box::default())
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Somebody {
    pub(super) fingerprint: Option<At<String>>,
    pub(super) project: Option<At<String>>,
    pub(super) owner: Option<At<String>>,
    pub(super) framework: Option<At<String>>,
    pub(super) trust: Option<At<Trust>>,
    pub(super) source_type: Option<At<SourceType>>,
    pub(super) risk_sensitivity: Option<At<RiskTier>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Expect {
    pub(super) action: Option<At<String>>,
    pub(super) decision: Option<At<Option<Ending>>>,
    /// Its name; `none`: the risk tier decided.
    pub(super) policy: Option<At<String>>,
    pub(super) upstream: Option<At<String>>,
    pub(super) risk_tier: Option<At<RiskTier>>,
    pub(super) title: Option<At<String>>,
    /// A part of what a refused agent reads.
    pub(super) message: Option<At<String>>,
    /// The score: a number, or its bounds.
    pub(super) risk: Option<At<Risk>>,
    /// Parameters by name; those that are not named may have any value.
    pub(super) params: Option<At<Named<JsonText>>>,
    pub(super) approvals: Option<At<Approvals>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename = "$shape", rename_all = "lowercase")]
pub(super) enum Risk {
    Text(At<u8>),
    Map(Bounds),
}

impl Default for Risk {
    fn default() -> Risk {
        Risk::Map(Bounds::default())
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Bounds {
    pub(super) at_least: Option<At<u8>>,
    pub(super) at_most: Option<At<u8>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Approvals {
    pub(super) required: Option<At<u32>>,
    pub(super) from: Option<OneOrMany<At<String>>>,
    pub(super) all_of: Option<At<Vec<OneOrMany<At<String>>>>>,
    pub(super) not: Option<OneOrMany<At<Excluded>>>,
    pub(super) delay: Option<At<Duration>>,
    pub(super) expires_in: Option<At<Duration>>,
    /// The text to type; `false`: none.
    pub(super) confirm: Option<At<Plain>>,
}

/// A YAML value as JSON text, its numbers as they are written.
#[derive(Debug, Clone, Default)]
pub(super) struct JsonText(pub(super) String);

impl<'de> Deserialize<'de> for JsonText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<JsonText, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = JsonText;

            fn expecting(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
                f.write_str("a value")
            }

            fn visit_str<E>(self, text: &str) -> Result<JsonText, E> {
                Ok(JsonText(text.to_owned()))
            }
        }
        deserializer.deserialize_newtype_struct("$json", Text)
    }
}

/// Unix microseconds, from `2026-11-18T10:00:00Z` or `2026-11-18T10:00[Europe/Berlin]`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Instant(pub(super) i64);

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Instant, D::Error> {
        let text = String::deserialize(deserializer).unwrap_or_default();
        let text = text.trim();
        let zoned = || text.parse::<jiff::Zoned>().map(|zoned| zoned.timestamp());
        text.parse::<Timestamp>().or_else(|_| zoned()).map(|at| Instant(at.as_microsecond())).map_err(|_| {
            de::Error::custom(
                "expected a time such as `2026-11-18T10:00:00Z`\nor of a place: `2026-11-18T10:00[Europe/Berlin]`",
            )
        })
    }
}
