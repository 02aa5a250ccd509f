//! Parameters: what an action is about, taken from the request and typed before any rule sees it.

use std::borrow::Cow;

use indexmap::IndexMap;
use indexmap::map::Entry;
use rust_decimal::Decimal;

use super::view::{FormField, View};
use crate::config::{self, ParamSource, ParamType};
use crate::request::graphql::Call;
use crate::request::json::{Json, Pointer, same_number};
use crate::request::multipart::{File, Part, Value};
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
            Source::Form(name) => match (view.form(name)?, self.kind) {
                (Some(FormField::File(file)), Some(ParamType::Object)) => return Ok(Ok(of_file(file))),
                (Some(FormField::File(_)), _) => return Err(a_file(name)),
                (Some(FormField::Text(value)), _) => value.to_owned().into(),
                (None, _) => return Ok(Err("missing".to_owned())),
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
    let arguments = match view.content() {
        Content::Mcp(message) => message.arguments(),
        Content::GraphQl(_) => view.field().map(|field| &field.arguments),
        _ => None,
    };
    if let Some(Json::Object(arguments)) = arguments {
        for (name, json) in arguments.iter().filter(|(name, _)| !ruled(name)) {
            match ParamValue::from_json(json) {
                Ok(value) => {
                    params.entry(name.clone()).or_insert(value);
                }
                Err(why) => defects.push(format!("parameter {}: {why}", name.escape_debug())),
            }
        }
    }
    if let Content::Multipart(parts) = view.content() {
        show_parts(parts, rules, &mut params);
    }
    Ok((params, defects))
}

/// Of several root fields that take one route: what they agree on stays as it is; where they differ, each
/// one's value stands in a list, and no policy may take that for the value.
pub(super) fn together(each: &[Params], defects: &mut Vec<String>) -> Params {
    let mut together = Params::new();
    for name in each.iter().flat_map(Params::keys) {
        if together.contains_key(name) {
            continue;
        }
        let values: Vec<Option<&ParamValue>> = each.iter().map(|params| params.get(name)).collect();
        let value = match values.as_slice() {
            [Some(first), rest @ ..] if rest.iter().all(|value| *value == Some(*first)) => (*first).clone(),
            _ => {
                defects.push(format!("parameter {}: the root fields give it several values", name.escape_debug()));
                ParamValue::List(values.into_iter().map(|value| value.cloned().unwrap_or(ParamValue::Null)).collect())
            }
        };
        together.insert(name.clone(), value);
    }
    together
}

/// Shows people what a GraphQL call is. The dot keeps it apart from arguments.
pub(super) fn show_operation(call: &Call, params: &mut Params) {
    let operation = match &call.name {
        Some(name) => format!("{} {name}", call.operation.as_str()),
        None => call.operation.as_str().to_owned(),
    };
    let fields = call.fields.iter().map(|field| ParamValue::String(field.to_string())).collect();
    params.insert("graphql.operation".to_owned(), ParamValue::String(operation));
    params.insert("graphql.fields".to_owned(), ParamValue::List(fields));
}

/// A file as a parameter: what is known without looking into it.
fn of_file(file: &File) -> ParamValue {
    let text = |text: &str| ParamValue::String(text.to_owned());
    let content_type = file.content_type.as_deref().map_or(ParamValue::Null, text);
    let size = i64::try_from(file.size).map_or(ParamValue::Null, ParamValue::Integer);
    ParamValue::Object(vec![
        ("filename".to_owned(), text(&file.filename)),
        ("content_type".to_owned(), content_type),
        ("size".to_owned(), size),
        ("digest".to_owned(), text(&file.digest)),
    ])
}

/// A rule wants a field's text: servers differ on whether a part with a file name is such a field.
pub(super) fn a_file(name: &str) -> Malformed {
    Malformed::bad("a file, where a rule looks for a field", format!("form {name}"))
}

/// Shows people the parts that no parameter names. The dot keeps them apart from what rules look at.
fn show_parts(parts: &[Part], rules: &[ParamRule], params: &mut Params) {
    /// Longer fields are in the body that people are shown, or are told by their digest.
    const LONGEST: usize = 1000;
    let ruled = |name: &str| rules.iter().any(|rule| matches!(&rule.source, Source::Form(form) if form == name));
    for part in parts.iter().filter(|part| !ruled(&part.name)) {
        let value = match &part.value {
            Value::Text(text) if text.len() <= LONGEST => ParamValue::String(text.replace('\0', "\u{fffd}")),
            Value::Text(text) => ParamValue::String(format!("{} bytes of text", text.len())),
            Value::File(file) => of_file(file),
        };
        match params.entry(format!("form.{}", part.name)) {
            Entry::Vacant(place) => drop(place.insert(value)),
            Entry::Occupied(mut place) => match place.get_mut() {
                ParamValue::List(values) => values.push(value),
                single => {
                    let first = std::mem::replace(single, ParamValue::Null);
                    *single = ParamValue::List(vec![first, value]);
                }
            },
        }
    }
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
