//! GraphQL: a document that is written from what was understood, with every argument in a variable, is
//! understood in the same way.

use rules::request::Content;
use rules::request::graphql::Call;
use rules::request::json::{Json, parse};

use crate::decide::content;

/// As deep as arguments still fit into another body.
const DEEPEST: usize = 60;

/// A document; behind a line `---` its variables as JSON.
pub fn graphql(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (document, variables) = text.split_once("\n---\n").unwrap_or((text, "null"));
    let variables = parse(variables.trim_end().as_bytes()).unwrap_or(Json::Null);
    let Some(call) = read(document, variables) else { return };
    assert!(!call.fields.is_empty(), "an operation without fields");
    let Some((document, variables)) = written(&call) else { return };
    let again = read(&document, variables.clone());
    assert_eq!(again.as_ref(), Some(&call), "{document} {variables}");
    if let Some(document) = literal(&call) {
        assert_eq!(read(&document, Json::Null).as_ref(), Some(&call), "{document}");
    }
}

/// The document with its arguments in it; `None` where a key is none of GraphQL.
fn literal(call: &Call) -> Option<String> {
    let fields: Option<Vec<String>> = call
        .fields
        .iter()
        .map(|field| {
            let arguments = value(&field.arguments)?;
            let arguments = arguments.strip_prefix('{')?.strip_suffix('}')?;
            Some(if arguments.is_empty() { field.to_string() } else { format!("{field}({arguments})") })
        })
        .collect();
    let name = call.name.as_deref().unwrap_or_default();
    Some(format!("{} {name} {{ {} }}", call.operation.as_str(), fields?.join("\n")))
}

fn value(json: &Json) -> Option<String> {
    let all = |items: Vec<Option<String>>| Some(items.into_iter().collect::<Option<Vec<_>>>()?.join(", "));
    let is_name = |key: &str| {
        key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && key.bytes().next().is_some_and(|byte| !byte.is_ascii_digit())
    };
    match json {
        Json::List(items) => Some(format!("[{}]", all(items.iter().map(value).collect())?)),
        Json::Object(members) => {
            let member =
                |(key, json): &(String, Json)| Some(format!("{key}: {}", value(json).filter(|_| is_name(key))?));
            Some(format!("{{{}}}", all(members.iter().map(member).collect())?))
        }
        // A longer number is refused; some line ends and controls stand in JSON alone.
        Json::Number(text) if text.len() > 100 => None,
        Json::String(text)
            if text.contains(|c: char| c.is_control() && c >= ' ' || "\u{2028}\u{2029}\u{feff}".contains(c)) =>
        {
            None
        }
        scalar => Some(scalar.to_string()),
    }
}

fn read(document: &str, variables: Json) -> Option<Call> {
    let members = [("query", Json::String(document.to_owned())), ("variables", variables)];
    let body = Json::Object(members.map(|(key, value)| (key.to_owned(), value)).into()).to_string();
    match content("/graphql", &[("content-type", "application/json")], body.as_bytes()) {
        Ok(Content::GraphQl(call)) => Some(call),
        Ok(other) => panic!("not read as GraphQL: {other:?}"),
        Err(_) => None,
    }
}

/// The document and its variables; `None` where they would be too deep for a body.
pub(crate) fn written(call: &Call) -> Option<(String, Json)> {
    if call.fields.iter().any(|field| depth(&field.arguments) > DEEPEST) {
        return None;
    }
    let (mut declared, mut fields, mut given) = (Vec::new(), Vec::new(), Vec::new());
    for field in &call.fields {
        let mut arguments = Vec::new();
        let Json::Object(members) = &field.arguments else { panic!("arguments are an object") };
        for (name, value) in members {
            let variable = format!("v{}", given.len());
            declared.push(format!("${variable}: X"));
            arguments.push(format!("{name}: ${variable}"));
            given.push((variable, value.clone()));
        }
        let arguments = if arguments.is_empty() { String::new() } else { format!("({})", arguments.join(", ")) };
        fields.push(format!("{field}{arguments}"));
    }
    let declared = if declared.is_empty() { String::new() } else { format!("({})", declared.join(", ")) };
    let name = call.name.as_deref().unwrap_or_default();
    let document = format!("{} {name}{declared} {{ {} }}", call.operation.as_str(), fields.join(" "));
    Some((document, Json::Object(given)))
}

fn depth(json: &Json) -> usize {
    match json {
        Json::List(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Json::Object(members) => 1 + members.iter().map(|(_, value)| depth(value)).max().unwrap_or(0),
        _ => 0,
    }
}
