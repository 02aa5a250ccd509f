//! Parameters: what an action is about, taken from the request and typed before any rule sees it.

use std::borrow::Cow;

use indexmap::IndexMap;
use rust_decimal::Decimal;

use super::view::View;
use crate::config::{self, ParamSource, ParamType};
use crate::request::json::{Json, Pointer, same_number};
use crate::request::{Content, Malformed};

/// Extracted parameters, in the route's order.
pub type Params = IndexMap<String, ParamValue>;

#[derive(Debug, Clone, PartialEq)]
pub enum ParamValue {
    Null,
    Bool(bool),
    Integer(i64),
    Decimal(Decimal),
    String(String),
    List(Vec<ParamValue>),
    Object(Vec<(String, ParamValue)>),
}

impl ParamValue {
    /// The value a JSON value is.
    ///
    /// # Errors
    /// A number that cannot be kept exactly, or NUL in a string, where servers written in C stop reading.
    pub fn from_json(json: &Json) -> Result<ParamValue, String> {
        Ok(match json {
            Json::Null => ParamValue::Null,
            Json::Bool(value) => ParamValue::Bool(*value),
            Json::Number(text) => match integer(text) {
                Some(value) => ParamValue::Integer(value),
                None => ParamValue::Decimal(decimal(text).ok_or("a number that cannot be compared exactly")?),
            },
            Json::String(text) => string(text)?,
            Json::List(items) => ParamValue::List(items.iter().map(Self::from_json).collect::<Result<_, _>>()?),
            Json::Object(members) => ParamValue::Object(
                members
                    .iter()
                    .map(|(key, value)| Ok((key.clone(), Self::from_json(value)?)))
                    .collect::<Result<_, String>>()?,
            ),
        })
    }
}

/// As it is shown to people: strings without quotes, structures as JSON.
impl std::fmt::Display for ParamValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ParamValue::String(text) => f.write_str(text),
            other => write!(f, "{}", other.to_json()),
        }
    }
}

impl ParamValue {
    /// The value as JSON, numbers exact.
    #[must_use]
    pub fn to_json(&self) -> Json {
        match self {
            ParamValue::Null => Json::Null,
            ParamValue::Bool(value) => Json::Bool(*value),
            ParamValue::Integer(value) => Json::Number(value.to_string()),
            ParamValue::Decimal(value) => Json::Number(value.to_string()),
            ParamValue::String(text) => Json::String(text.clone()),
            ParamValue::List(items) => Json::List(items.iter().map(ParamValue::to_json).collect()),
            ParamValue::Object(members) => {
                Json::Object(members.iter().map(|(key, value)| (key.clone(), value.to_json())).collect())
            }
        }
    }

    /// What kind of value it is, in words.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            ParamValue::Null => "null",
            ParamValue::Bool(_) => "a boolean",
            ParamValue::Integer(_) => "an integer",
            ParamValue::Decimal(_) => "a decimal",
            ParamValue::String(_) => "a string",
            ParamValue::List(_) => "a list",
            ParamValue::Object(_) => "an object",
        }
    }
}

/// Where one parameter comes from and what it must be.
#[derive(Debug)]
pub(super) struct ParamRule {
    pub(super) name: String,
    pub(super) source: Source,
    pub(super) kind: Option<ParamType>,
}

#[derive(Debug)]
pub(super) enum Source {
    Json(Pointer),
    Path(String),
    Query(String),
    Header(String),
    Form(String),
}

impl ParamRule {
    /// # Errors
    /// The pointer is none.
    pub(super) fn compile(name: &str, param: &config::Param) -> Result<ParamRule, String> {
        let source = match &param.from {
            ParamSource::Json(pointer) => Source::Json(Pointer::parse(pointer)?),
            ParamSource::Path(name) => Source::Path(name.clone()),
            ParamSource::Query(name) => Source::Query(name.clone()),
            ParamSource::Header(name) => Source::Header(name.to_ascii_lowercase()),
            ParamSource::Form(name) => Source::Form(name.clone()),
        };
        Ok(ParamRule { name: name.to_owned(), source, kind: param.kind })
    }

    /// The typed value, or why there is none.
    ///
    /// # Errors
    /// What it looks at can be read in more than one way.
    fn read(&self, view: &mut View<'_>, captures: &[(&str, String)]) -> Result<Result<ParamValue, String>, Malformed> {
        let text: Cow<'_, str> = match &self.source {
            Source::Json(pointer) => {
                return Ok(match view.body(pointer)? {
                    Some(json) => from_json(&json, self.kind),
                    None => Err("missing".to_owned()),
                });
            }
            Source::Path(name) => match captures.iter().find(|(capture, _)| capture == name) {
                Some((_, value)) => value.as_str().into(),
                None => return Ok(Err("missing".to_owned())),
            },
            Source::Query(name) => match view.query(name)? {
                Some(value) => value.to_owned().into(),
                None => return Ok(Err("missing".to_owned())),
            },
            Source::Header(name) => match view.header(name)? {
                Some(value) => value.to_owned().into(),
                None => return Ok(Err("missing".to_owned())),
            },
            Source::Form(name) => match view.form(name)? {
                Some(value) => value.to_owned().into(),
                None => return Ok(Err("missing".to_owned())),
            },
        };
        Ok(from_text(&text, self.kind))
    }
}

/// All parameters of a call, and what is wrong with the others.
///
/// # Errors
/// What a parameter looks at can be read in more than one way.
pub(super) fn extract(
    rules: &[ParamRule],
    captures: &[(&str, String)],
    view: &mut View<'_>,
) -> Result<(Params, Vec<String>), Malformed> {
    let mut params = Params::with_capacity(rules.len() + captures.len());
    let mut defects = Vec::new();
    for rule in rules {
        match rule.read(view, captures)? {
            Ok(value) => {
                params.insert(rule.name.clone(), value);
            }
            Err(why) => defects.push(format!("parameter {}: {why}", rule.name)),
        }
    }
    let ruled = |name: &str| rules.iter().any(|rule| rule.name == name);
    for (name, value) in captures.iter().filter(|(name, _)| !ruled(name)) {
        match string(value) {
            Ok(value) => {
                params.insert((*name).to_owned(), value);
            }
            Err(why) => defects.push(format!("parameter {name}: {why}")),
        }
    }
    if let Content::Mcp(message) = view.content()
        && let Some(Json::Object(arguments)) = message.arguments()
    {
        for (name, json) in arguments.iter().filter(|(name, _)| !ruled(name)) {
            match ParamValue::from_json(json) {
                Ok(value) => {
                    params.entry(name.clone()).or_insert(value);
                }
                Err(why) => defects.push(format!("parameter {}: {why}", name.escape_debug())),
            }
        }
    }
    Ok((params, defects))
}

pub(super) fn from_json(json: &Json, kind: Option<ParamType>) -> Result<ParamValue, String> {
    let value = ParamValue::from_json(json)?;
    let fits = matches!(
        (&value, kind),
        (ParamValue::String(_), None | Some(ParamType::String))
            | (ParamValue::Integer(_), None | Some(ParamType::Integer))
            | (ParamValue::Decimal(_), None | Some(ParamType::Decimal))
            | (ParamValue::Bool(_), None | Some(ParamType::Boolean))
            | (ParamValue::Null, None)
            | (ParamValue::List(_), Some(ParamType::List))
            | (ParamValue::Object(_), Some(ParamType::Object))
    );
    match (value, kind) {
        (value, _) if fits => Ok(value),
        (ParamValue::Integer(value), Some(ParamType::Decimal)) => Ok(ParamValue::Decimal(value.into())),
        (value, Some(kind)) => Err(format!("is {}, not {}", value.kind(), word(kind))),
        (value, None) => Err(format!("is {}, and the route gives it no type", value.kind())),
    }
}

fn from_text(text: &str, kind: Option<ParamType>) -> Result<ParamValue, String> {
    let other = |kind| format!("is not {}", word(kind));
    match kind.unwrap_or(ParamType::String) {
        ParamType::String => string(text),
        kind @ ParamType::Integer => integer(text).map(ParamValue::Integer).ok_or_else(|| other(kind)),
        kind @ ParamType::Decimal => decimal(text).map(ParamValue::Decimal).ok_or_else(|| other(kind)),
        kind @ ParamType::Boolean => match text {
            "true" => Ok(ParamValue::Bool(true)),
            "false" => Ok(ParamValue::Bool(false)),
            _ => Err(other(kind)),
        },
        kind @ (ParamType::List | ParamType::Object) => Err(other(kind)),
    }
}

fn string(text: &str) -> Result<ParamValue, String> {
    if text.contains('\0') { Err("has a NUL".to_owned()) } else { Ok(ParamValue::String(text.to_owned())) }
}

/// Digits with an optional minus, nothing else: `1e2`, `+1` and `007` are other things elsewhere.
fn integer(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
    if plain { text.parse().ok() } else { None }
}

/// A decimal that loses no digit.
fn decimal(text: &str) -> Option<Decimal> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let whole = digits.split(['.', 'e', 'E']).next().unwrap_or_default();
    if whole.is_empty() || (whole.len() > 1 && whole.starts_with('0')) {
        return None;
    }
    let scientific = text.contains(['e', 'E']);
    let value = if scientific { Decimal::from_scientific(text) } else { Decimal::from_str_exact(text) }.ok()?;
    same_number(text, &value.to_string()).then_some(value)
}

fn word(kind: ParamType) -> &'static str {
    match kind {
        ParamType::String => "a string",
        ParamType::Integer => "an integer",
        ParamType::Decimal => "a decimal",
        ParamType::Boolean => "a boolean",
        ParamType::List => "a list",
        ParamType::Object => "an object",
    }
}
