//! GraphQL over HTTP: which operation will run, its root fields, and their arguments with every
//! variable and default in its place.
//!
//! Servers take a request apart in ways of their own: from the query string or the body, from a text or
//! from a hash that somebody registered. Only one way is accepted here: the text of one document in a JSON
//! body, or a query (never a mutation) in the query string of a GET.
//!
//! INVARIANT: of what a server could run, nothing is left out: every selection counts, whatever its type
//! condition and its `@skip` or `@include` say.

use super::json::{self, Json, folded};
use super::media_type::MediaType;
use super::pairs::{self, Pair};
use super::{BodyFraming, Head, Malformed};
use crate::config::Operation;

mod document;
mod values;

/// Members of a request.
const MEMBERS: [&str; 4] = ["query", "operationName", "variables", "extensions"];
/// Names under which servers look up a document they keep.
const KEPT: [&str; 3] = ["documentId", "queryId", "doc_id"];
/// The same, where nothing else is asked for.
const ALSO_KEPT: [&str; 2] = ["id", "hash"];

/// The operation that will run.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    pub operation: Operation,
    pub name: Option<String>,
    /// At least one; those that differ in nothing stand here once.
    pub fields: Vec<Field>,
}

/// A field that is selected at the root.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    pub alias: Option<String>,
    pub name: String,
    /// An object; variables that were not given are left out.
    pub arguments: Json,
}

impl Field {
    /// What the answer calls it.
    fn key(&self) -> &str {
        self.alias.as_deref().unwrap_or(&self.name)
    }
}

/// `name`, or `alias: name`.
impl std::fmt::Display for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.alias {
            Some(alias) => write!(f, "{alias}: {}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// Whether a request could ask for an operation, as far as its head tells.
pub(crate) fn may_ask(head: &Head) -> bool {
    let asks = || {
        let pairs = pairs::split(head.query.as_deref()?, "query").ok()?;
        Some(named(&pairs, MEMBERS.iter().chain(&KEPT).chain(&ALSO_KEPT)).ok()?.is_some())
    };
    head.body_framing != BodyFraming::None || (head.query.is_some() && asks().unwrap_or(true))
}

/// Reads a request to a path that routes know as GraphQL. `None`: it asks for nothing, such as the page
/// of an explorer.
///
/// # Errors
/// It is no single operation in a document of its own, or two servers could run different ones.
pub(super) fn read(
    head: &Head,
    declared: impl FnOnce() -> Result<MediaType, Malformed>,
    body: &[u8],
) -> Result<Option<Call>, Malformed> {
    let pairs = pairs::split(head.query.as_deref().unwrap_or_default(), "query")?;
    let by_url = matches!(head.method.as_str(), "GET" | "HEAD");
    if by_url && body.is_empty() {
        return from_url(&pairs);
    }
    if let Some(name) = named(&pairs, MEMBERS.iter().chain(&KEPT))? {
        let what = "a GraphQL request stands in the query string or in the body, never in both";
        return Err(Malformed::bad(what, format!("query {name}")));
    }
    if body.is_empty() {
        // Named by an id in the query alone: a server that keeps operations would run it.
        return match named(&pairs, ALSO_KEPT.iter())? {
            Some(name) => Err(no_text(&format!("query {name}"))),
            None => Ok(None),
        };
    }
    if by_url {
        return Err(Malformed::bad("a GraphQL request with a body is a POST", "body"));
    }
    match declared()? {
        MediaType::Json => from_body(body).map(Some),
        _ => {
            let what = "a GraphQL request is sent as application/json; uploads in multipart are not accepted";
            Err(Malformed::new(415, what, "header content-type"))
        }
    }
}

fn from_url(pairs: &[Pair<'_>]) -> Result<Option<Call>, Malformed> {
    let Some(query) = pairs::one(pairs, "query", "query")? else {
        return match named(pairs, MEMBERS.iter().chain(&KEPT).chain(&ALSO_KEPT))? {
            Some(name) => Err(no_text(&format!("query {name}"))),
            None => Ok(None),
        };
    };
    if let Some(name) = named(pairs, KEPT.iter())? {
        return Err(no_text(&format!("query {name}")));
    }
    let parsed = |name: &str| -> Result<Option<Json>, Malformed> {
        let Some(text) = pairs::one(pairs, name, "query")?.filter(|text| !text.is_empty()) else { return Ok(None) };
        json::parse(text.as_bytes())
            .map(Some)
            .map_err(|error| Malformed { place: format!("query {name}, {}", error.place), ..error })
    };
    check_extensions(parsed("extensions")?.as_ref(), "query extensions")?;
    let name = pairs::one(pairs, "operationName", "query")?;
    let call = document::operation(query, name, variables(parsed("variables")?)?, "query query")?;
    if call.operation != Operation::Query {
        let what = format!("a {} is sent by POST", call.operation.as_str());
        return Err(Malformed::new(405, what, "query query"));
    }
    Ok(Some(call))
}

fn from_body(body: &[u8]) -> Result<Call, Malformed> {
    let members = match json::parse(body)? {
        Json::Object(members) => members,
        Json::List(_) => {
            return Err(Malformed::bad(
                "batches are not accepted: send each operation in a request of its own",
                "body",
            ));
        }
        _ => return Err(Malformed::bad("not a GraphQL request", "body")),
    };
    let (mut query, mut name, mut given) = (None, None, None);
    for (key, value) in members {
        match (key.as_str(), value) {
            ("query", Json::String(text)) => query = Some(text),
            ("operationName", Json::String(text)) => name = Some(text),
            ("operationName" | "extensions", Json::Null) => {}
            ("variables", value) => given = Some(value),
            ("extensions", value) => check_extensions(Some(&value), "body at /extensions")?,
            ("query" | "operationName", _) => {
                return Err(Malformed::bad("must be a string", format!("body at /{key}")));
            }
            // A server may look one up by it, and run another document than this one.
            (other, _) => {
                let what = format!("\"{}\" is no member of a GraphQL request", other.escape_debug());
                return Err(Malformed::bad(what, "body"));
            }
        }
    }
    let Some(query) = query else { return Err(no_text("body at /query")) };
    document::operation(&query, name.as_deref(), variables(given)?, "body at /query")
}

fn no_text(place: &str) -> Malformed {
    Malformed::bad("persisted queries are not accepted: send the text of the document as \"query\"", place)
}

fn variables(given: Option<Json>) -> Result<Vec<(String, Json)>, Malformed> {
    match given {
        None | Some(Json::Null) => Ok(Vec::new()),
        Some(Json::Object(members)) => Ok(members),
        Some(_) => Err(Malformed::bad("must be an object", "variables")),
    }
}

fn check_extensions(extensions: Option<&Json>, place: &str) -> Result<(), Malformed> {
    match extensions {
        None => Ok(()),
        Some(Json::Object(members)) if members.iter().all(|(key, _)| folded(key) != "persistedquery") => Ok(()),
        Some(Json::Object(_)) => Err(no_text(place)),
        Some(_) => Err(Malformed::bad("must be an object", place)),
    }
}

/// The first of these names that is there.
fn named<'n>(
    pairs: &[Pair<'_>],
    mut names: impl Iterator<Item = &'n &'static str>,
) -> Result<Option<&'static str>, Malformed> {
    names.try_fold(None, |found, name| Ok(found.or(pairs::one(pairs, name, "query")?.map(|_| *name))))
}

#[cfg(test)]
mod tests;
