//! What was asked and decided, as the first event of an intent keeps it.
//!
//! Small on purpose: this text is written for every call. What policy approved is kept without trace,
//! headers and body; their digests are there.

use std::borrow::Cow;
use std::time::Duration;

use rules::config::{Excluded, RiskTier, SourceType};
use rules::decision::{Requirement, Risk, RiskReason, Step};
use rules::ruleset::{ParamValue, Params};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::clock::Timestamp;
use crate::declaration::DeclaredBy;
use crate::id::AgentId;
use crate::intent::{IntentAgent, IntentRequest, Resolution, State};

type Text<'a> = Cow<'a, str>;

/// Bytes that most facts fit into.
const USUAL: usize = 1024;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Facts<'a> {
    /// The state it came in with.
    pub(crate) enters: Text<'a>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) expires_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) releases_at: Option<Timestamp>,
    /// The next time when it may not be released.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) blocked_from: Option<Timestamp>,
    /// Of a denial by policy: its message.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) why: Option<Text<'a>>,
    #[serde(skip_serializing_if = "is_false", default)]
    pub(crate) observed: bool,
    /// What would have been decided where `observed`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) would: Option<Text<'a>>,
    /// Policies that are not enforced, and what they would have decided.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub(crate) recorded: Vec<(Text<'a>, Text<'a>)>,
    /// Whose key declared it; none: it came as a call.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) declared_by: Option<Text<'a>>,
    pub(crate) project: Text<'a>,
    pub(crate) action: Text<'a>,
    #[serde(skip_serializing_if = "str::is_empty", default)]
    pub(crate) title: Text<'a>,
    pub(crate) risk_tier: Text<'a>,
    pub(crate) source_type: Text<'a>,
    pub(crate) agent: AgentFacts<'a>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) upstream: Option<Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) route: Option<Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) policy: Option<Text<'a>>,
    #[serde(skip_serializing_if = "ParamFacts::is_empty", default)]
    pub(crate) params: ParamFacts<'a>,
    #[serde(skip_serializing_if = "is_zero", default)]
    pub(crate) score: u8,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub(crate) reasons: Vec<(i16, Text<'a>)>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) request: Option<RequestFacts<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub(crate) trace: Vec<(Text<'a>, bool, Text<'a>)>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) requirement: Option<RequirementFacts>,
    pub(crate) config: Text<'a>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) metadata: Option<Value>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct AgentFacts<'a> {
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) id: Option<AgentId>,
    pub(crate) name: Text<'a>,
    pub(crate) fingerprint: Text<'a>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) owner: Option<Text<'a>>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct RequestFacts<'a> {
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) origin: Option<Text<'a>>,
    pub(crate) method: Text<'a>,
    pub(crate) target: Text<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub(crate) headers: Vec<(Text<'a>, Text<'a>)>,
    pub(crate) content_digest: Text<'a>,
    pub(crate) headers_digest: Text<'a>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) content_type: Option<Text<'a>>,
    pub(crate) size: usize,
    pub(crate) digest: Text<'a>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct RequirementFacts {
    required: u32,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    from: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    all_of: Vec<Vec<String>>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    not: Vec<String>,
    /// Microseconds, as the next.
    delay: u64,
    expires_in: u64,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    confirm: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_false(value: &bool) -> bool {
    !value
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(value: &u8) -> bool {
    *value == 0
}

impl Facts<'_> {
    /// The state that the first event leads to.
    pub(crate) fn state(&self, at: Timestamp) -> Result<State, String> {
        match (&*self.enters, self.expires_at, self.releases_at) {
            ("pending", Some(expires_at), None) => Ok(State::Pending { expires_at }),
            ("approved", Some(expires_at), Some(releases_at)) => Ok(State::Approved { at, releases_at, expires_at }),
            ("executing", None, None) => Ok(State::Executing { at }),
            ("denied", None, None) => {
                Ok(State::Denied(Resolution { by: None, at, why: self.why.as_deref().map(str::to_owned) }))
            }
            (enters, expires_at, releases_at) => {
                Err(format!("submitted as {enters}, expiring {expires_at:?}, released {releases_at:?}"))
            }
        }
    }

    pub(crate) fn risk_tier(&self) -> Result<RiskTier, String> {
        RiskTier::parse(&self.risk_tier).ok_or_else(|| format!("risk tier {:?}", self.risk_tier))
    }

    pub(crate) fn source_type(&self) -> Result<SourceType, String> {
        SourceType::parse(&self.source_type).ok_or_else(|| format!("source type {:?}", self.source_type))
    }

    pub(crate) fn declared_by(&self) -> Result<Option<DeclaredBy>, String> {
        let read = |text: &Text<'_>| DeclaredBy::parse(text).ok_or_else(|| format!("declared by {text:?}"));
        self.declared_by.as_ref().map(read).transpose()
    }

    pub(crate) fn risk(&self) -> Risk {
        let reason = |(points, why): &(i16, Text<'_>)| RiskReason { points: *points, why: why.to_string() };
        Risk { score: self.score, reasons: self.reasons.iter().map(reason).collect() }
    }

    pub(crate) fn trace(&self) -> Vec<Step> {
        let step = |(what, matched, detail): &(Text<'_>, bool, Text<'_>)| Step {
            what: what.to_string(),
            matched: *matched,
            detail: detail.to_string(),
        };
        self.trace.iter().map(step).collect()
    }

    /// As the log keeps them.
    pub(crate) fn text(&self) -> String {
        let mut text = Vec::with_capacity(USUAL);
        // Texts and numbers always serialize, and to UTF-8.
        let _ = serde_json::to_writer(&mut text, self);
        String::from_utf8(text).unwrap_or_default()
    }
}

impl AgentFacts<'_> {
    pub(crate) fn read(&self) -> IntentAgent {
        IntentAgent {
            id: self.id,
            name: self.name.to_string(),
            fingerprint: self.fingerprint.to_string(),
            owner: self.owner.as_deref().map(str::to_owned),
        }
    }
}

impl RequestFacts<'_> {
    pub(crate) fn read(&self, body: Option<bytes::Bytes>) -> IntentRequest {
        IntentRequest {
            origin: self.origin.as_deref().map(str::to_owned),
            method: self.method.to_string(),
            target: self.target.to_string(),
            headers: self.headers.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect(),
            content_digest: self.content_digest.to_string(),
            headers_digest: self.headers_digest.to_string(),
            content_type: self.content_type.as_deref().map(str::to_owned),
            size: self.size,
            body,
            digest: self.digest.to_string(),
        }
    }
}

impl RequirementFacts {
    pub(crate) fn of(requirement: &Requirement) -> RequirementFacts {
        let micros = |span: Duration| u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        RequirementFacts {
            required: requirement.required,
            from: requirement.from.clone(),
            all_of: requirement.all_of.clone(),
            not: requirement.not.iter().map(|who| excluded(*who).to_owned()).collect(),
            delay: micros(requirement.delay),
            expires_in: micros(requirement.expires_in),
            confirm: requirement.confirm.clone(),
        }
    }

    pub(crate) fn read(&self) -> Result<Requirement, String> {
        let who = |text: &String| {
            [Excluded::Owner, Excluded::Requester]
                .into_iter()
                .find(|who| excluded(*who) == text)
                .ok_or_else(|| format!("excluded {text:?}"))
        };
        Ok(Requirement {
            required: self.required,
            from: self.from.clone(),
            all_of: self.all_of.clone(),
            not: self.not.iter().map(who).collect::<Result<_, _>>()?,
            delay: Duration::from_micros(self.delay),
            expires_in: Duration::from_micros(self.expires_in),
            confirm: self.confirm.clone(),
        })
    }
}

fn excluded(who: Excluded) -> &'static str {
    match who {
        Excluded::Owner => "owner",
        Excluded::Requester => "requester",
    }
}

/// Parameters as the log keeps them: decimals with their digits, and objects marked, so that one that looks
/// like a decimal is none. Written straight from the parameters, without a tree of values between.
#[derive(Debug, Clone, Default)]
pub(crate) struct ParamFacts<'a>(Cow<'a, Params>);

impl<'a> ParamFacts<'a> {
    pub(crate) fn of(params: &'a Params) -> ParamFacts<'a> {
        ParamFacts(Cow::Borrowed(params))
    }

    pub(crate) fn read(&self) -> Params {
        Params::clone(&self.0)
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for ParamFacts<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.0.iter().map(|(name, value)| (name, ParamText(value))))
    }
}

impl<'de> Deserialize<'de> for ParamFacts<'_> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let values = Map::<String, Value>::deserialize(from)?;
        Ok(ParamFacts(Cow::Owned(values.iter().map(|(name, value)| (name.clone(), param(value))).collect())))
    }
}

struct ParamText<'a>(&'a ParamValue);

impl Serialize for ParamText<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            ParamValue::Null => to.serialize_unit(),
            ParamValue::Bool(value) => to.serialize_bool(*value),
            ParamValue::Integer(value) => to.serialize_i64(*value),
            ParamValue::Decimal(value) => to.collect_map([("decimal", value.to_string())]),
            ParamValue::String(value) => to.serialize_str(value),
            ParamValue::List(values) => to.collect_seq(values.iter().map(ParamText)),
            ParamValue::Object(fields) => to.collect_map([("object", FieldsText(fields))]),
        }
    }
}

struct FieldsText<'a>(&'a [(String, ParamValue)]);

impl Serialize for FieldsText<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.0.iter().map(|(name, value)| (name, ParamText(value))))
    }
}

fn param(value: &Value) -> ParamValue {
    match value {
        Value::Null => ParamValue::Null,
        Value::Bool(value) => ParamValue::Bool(*value),
        Value::Number(number) => {
            number.as_i64().map_or_else(|| ParamValue::String(number.to_string()), ParamValue::Integer)
        }
        Value::String(text) => ParamValue::String(text.clone()),
        Value::Array(values) => ParamValue::List(values.iter().map(param).collect()),
        Value::Object(fields) => match (fields.get("decimal"), fields.get("object")) {
            (Some(Value::String(digits)), None) => {
                digits.parse().map_or_else(|_| ParamValue::String(digits.clone()), ParamValue::Decimal)
            }
            (None, Some(Value::Object(fields))) => {
                ParamValue::Object(fields.iter().map(|(name, value)| (name.clone(), param(value))).collect())
            }
            _ => ParamValue::Null,
        },
    }
}
