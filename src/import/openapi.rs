//! OpenAPI 3.0 and 3.1: each operation becomes a route.

use std::collections::HashMap;

use rules::config::RiskTier;
use serde_json::{Map, Value};

use super::words::{Actions, param_name};
use super::written::{Imported, Match, Param, Route};
use super::{tier, upstream_name};
use crate::cli::ImportArgs;
use crate::exit;

const METHODS: [&str; 7] = ["get", "head", "options", "post", "put", "patch", "delete"];
/// More in a title nobody reads; and what no title shows need not be taken out of a call.
const MOST_PARAMS: usize = 4;

pub(super) fn imported(text: &str, url: Option<&str>, args: &ImportArgs) -> anyhow::Result<Imported> {
    let document = parsed(text)?;
    let version = document.get("openapi").and_then(Value::as_str).unwrap_or_default();
    if !(version.starts_with("3.0") || version.starts_with("3.1")) {
        let found = match document.get("swagger") {
            Some(_) => "this is Swagger 2.0; convert it to OpenAPI 3 first".to_owned(),
            None => format!("`openapi: {version}`: versions 3.0 and 3.1 are read"),
        };
        return Err(exit::finding(found));
    }
    let info = |key: &str| document.pointer(&format!("/info/{key}")).and_then(Value::as_str).unwrap_or_default();
    let (url, url_remark) = address(&document, url)?;
    let mut reading =
        Reading { document: &document, actions: Actions::default(), taken: HashMap::new(), skipped: Vec::new() };
    let mut routes = Vec::new();
    let empty = Map::new();
    for (path, item) in document.get("paths").and_then(Value::as_object).unwrap_or(&empty) {
        reading.item(path, item, &mut routes);
    }
    let skipped = reading.skipped;
    Ok(Imported {
        remarks: vec![
            format!(
                "Imported from {} {} (OpenAPI {version}): {} routes.",
                info("title"),
                info("version"),
                routes.len()
            ),
            "The tiers are a guess: low for what reads, medium for what writes, high for what deletes, and one more \
             where a word says so. Go through them."
                .to_owned(),
            "Everything that no route names is rejected.".to_owned(),
        ],
        name: upstream_name(args, info("title"))?,
        url,
        url_remark,
        mcp: false,
        routes,
        skipped,
    })
}

fn parsed(text: &str) -> anyhow::Result<Value> {
    if text.trim_start().starts_with('{') {
        return serde_json::from_str(text).map_err(|error| exit::finding(format!("not JSON: {error}")));
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: 20_000_000,
            max_nodes: 5_000_000,
            max_total_scalar_bytes: 256 << 20,
            max_depth: 128,
        },
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let said = error.to_string();
        exit::finding(format!("neither YAML nor JSON: {}", said.lines().next().unwrap_or_default()))
    })
}

/// The first server's address, its variables at their defaults.
fn address(document: &Value, wanted: Option<&str>) -> anyhow::Result<(String, Option<String>)> {
    if let Some(url) = wanted {
        return match plain_url(url) {
            Some(url) => Ok((url, None)),
            None => Err(exit::finding(format!("--url {url:?}: a URL like https://api.example.com/v1"))),
        };
    }
    let server = document.pointer("/servers/0");
    let mut url = server.and_then(|server| server.get("url")).and_then(Value::as_str).unwrap_or_default().to_owned();
    let variables = server.and_then(|server| server.get("variables")).and_then(Value::as_object);
    for (name, variable) in variables.into_iter().flatten() {
        let value = variable.get("default").and_then(Value::as_str).unwrap_or_default();
        url = url.replace(&format!("{{{name}}}"), value);
    }
    if let Some(url) = plain_url(&url) {
        return Ok((url, None));
    }
    let path = if url.starts_with('/') && !url.starts_with("//") { url.as_str() } else { "" };
    let guess = plain_url(&format!("https://fill-in.example.com{path}"));
    let remark = format!("Fill in the address: the document says {url:?}.");
    Ok((guess.unwrap_or_else(|| "https://fill-in.example.com".to_owned()), Some(remark)))
}

/// As an upstream's URL is written: no user, query or dot segments.
fn plain_url(text: &str) -> Option<String> {
    let url = url::Url::parse(text).ok()?;
    let written = text.split_once("://").and_then(|(_, rest)| rest.find('/').and_then(|at| rest.get(at..)));
    let path = written.unwrap_or("/");
    let plain = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none()
        && url.port() != Some(0)
        && path == url.path()
        && !path.contains("//")
        && !path.contains(['%', ';', '{', '}']);
    plain.then(|| text.trim_end_matches('/').to_owned())
}

struct Reading<'d> {
    document: &'d Value,
    actions: Actions,
    /// Position of the route by what it matches.
    taken: HashMap<String, usize>,
    skipped: Vec<String>,
}

impl<'d> Reading<'d> {
    fn item(&mut self, path: &str, item: &'d Value, routes: &mut Vec<Route>) {
        let item = self.resolved(item);
        let Some(operations) = item.as_object() else { return };
        for method in METHODS {
            let Some(operation) = operations.get(method) else { continue };
            let upper = method.to_ascii_uppercase();
            match template(path) {
                Ok(template) => self.operation(path, &template, &upper, item, operation, routes),
                Err(why) => self.skipped.push(format!("{upper} {path}: {why}")),
            }
        }
        if operations.contains_key("trace") {
            self.skipped.push(format!("TRACE {path}: the gate never accepts TRACE"));
        }
    }

    fn operation(
        &mut self,
        path: &str,
        template: &Template,
        method: &str,
        item: &'d Value,
        operation: &'d Value,
        routes: &mut Vec<Route>,
    ) {
        let text = |key: &str| operation.get(key).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
        let fallback = format!("{method} {path}");
        let id = text("operationId").unwrap_or(&fallback);
        let (tier, word) = tier::of_operation(method, id, path);
        let title = text("summary").or(text("description")).map_or_else(|| id.to_owned(), first_sentence);
        // Two templates that differ by the names they capture match the same calls.
        let shape = format!("{method} {}", template.shape);
        if let Some(route) = self.taken.get(&shape).and_then(|at| routes.get_mut(*at)) {
            route.remarks.push(format!("also {method} {path}: {title}"));
            route.tier = route.tier.max(tier);
            return;
        }
        let (shown, params) = self.params(template, item, operation, tier);
        let mut remarks = Vec::new();
        if operation.get("deprecated").and_then(Value::as_bool) == Some(true) {
            remarks.push("deprecated".to_owned());
        }
        if template.loose {
            remarks.push(format!("The document has {path}: part of a segment cannot be captured, so it is `*` here."));
        }
        self.taken.insert(shape, routes.len());
        routes.push(Route {
            action: self.actions.take(id),
            matches: Match::Http { method: method.to_owned(), path: template.path.clone() },
            tier,
            tier_remark: word.map(|word| format!("\"{word}\"")),
            title,
            shown,
            remarks,
            params,
        });
    }

    /// What titles show, and what must be said of it. A parameter that may be missing would end every
    /// policy with people, so only those are taken that a good call always has.
    fn params(
        &self,
        template: &Template,
        item: &'d Value,
        operation: &'d Value,
        tier: RiskTier,
    ) -> (Vec<String>, Vec<Param>) {
        let mut shown: Vec<String> = template.captures.iter().map(|(_, name)| name.clone()).take(MOST_PARAMS).collect();
        let mut params = Vec::new();
        let given = [operation, item].into_iter().filter_map(|of| of.get("parameters")).filter_map(Value::as_array);
        for param in given.flatten().map(|param| self.resolved(param)) {
            let part = |key: &str| param.get(key).and_then(Value::as_str).unwrap_or_default();
            let kind = param.get("schema").and_then(|schema| self.scalar(schema));
            match part("in") {
                "path" => {
                    let captured = template.captures.iter().find(|(name, _)| name == part("name"));
                    if let (Some((_, name)), Some(kind @ ("integer" | "decimal" | "boolean"))) = (captured, kind)
                        && shown.contains(name)
                        && !params.iter().any(|known: &Param| known.name == *name)
                    {
                        params.push(Param { name: name.clone(), from: format!("path.{name}"), kind: Some(kind) });
                    }
                }
                "query" if param.get("required").and_then(Value::as_bool) == Some(true) => {
                    let name = param_name(part("name"));
                    if let Some(kind) = kind
                        && shown.len() < MOST_PARAMS
                        && !shown.contains(&name)
                        && !part("name").is_empty()
                    {
                        let typed = Some(kind).filter(|kind| *kind != "string");
                        params.push(Param { name: name.clone(), from: format!("query.{}", part("name")), kind: typed });
                        shown.push(name);
                    }
                }
                _ => {}
            }
        }
        if tier > RiskTier::Low {
            self.body(operation, &mut shown, &mut params);
        }
        (shown, params)
    }

    /// Of a body that is always there and always of one kind; a route that looks into JSON refuses others.
    fn body(&self, operation: &'d Value, shown: &mut Vec<String>, params: &mut Vec<Param>) {
        let Some(body) = operation.get("requestBody").map(|body| self.resolved(body)) else { return };
        let content = body.get("content").and_then(Value::as_object);
        let (Some(true), Some(content)) = (body.get("required").and_then(Value::as_bool), content) else { return };
        let mut kinds = content.iter();
        let (Some((media_type, given)), None) = (kinds.next(), kinds.next()) else { return };
        let from: fn(&str) -> String = match media_type.as_str() {
            "application/json" => |name| format!("/{}", name.replace('~', "~0").replace('/', "~1")),
            "application/x-www-form-urlencoded" => |name| format!("form.{name}"),
            _ => return,
        };
        let Some(schema) = given.get("schema").map(|schema| self.resolved(schema)) else { return };
        let properties = schema.get("properties").and_then(Value::as_object);
        let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
        for name in required.filter_map(Value::as_str) {
            let kind = properties.and_then(|all| all.get(name)).and_then(|schema| self.scalar(schema));
            let plain = param_name(name);
            if let Some(kind) = kind
                && shown.len() < MOST_PARAMS
                && !shown.contains(&plain)
                && !name.is_empty()
            {
                let typed = Some(kind).filter(|kind| *kind != "string");
                params.push(Param { name: plain.clone(), from: from(name), kind: typed });
                shown.push(plain);
            }
        }
    }

    /// Our word for a schema of one scalar type.
    fn scalar(&self, schema: &'d Value) -> Option<&'static str> {
        let schema = self.resolved(schema);
        if schema.get("nullable").and_then(Value::as_bool) == Some(true) {
            return None;
        }
        match schema.get("type").and_then(Value::as_str)? {
            "string" => Some("string"),
            "integer" => Some("integer"),
            "number" => Some("decimal"),
            "boolean" => Some("boolean"),
            _ => None,
        }
    }

    /// What a `$ref` within the document stands for.
    fn resolved(&self, value: &'d Value) -> &'d Value {
        let mut value = value;
        for _ in 0..8 {
            let Some(at) = value.get("$ref").and_then(Value::as_str).and_then(|at| at.strip_prefix('#')) else { break };
            let Some(found) = self.document.pointer(at) else { break };
            value = found;
        }
        value
    }
}

/// Of a text in HTML or Markdown, without its tags.
fn first_sentence(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text.trim();
    while let Some((before, after)) = rest.split_once('<') {
        plain.push_str(before);
        // A tag begins with a letter or a slash; anything else is a sign of its own.
        match after.split_once('>').filter(|(tag, _)| tag.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')) {
            Some((_, after)) => rest = after,
            None => {
                plain.push('<');
                rest = after;
            }
        }
    }
    plain.push_str(rest);
    let line = plain.trim().lines().next().unwrap_or_default();
    line.split_once(". ").map_or(line, |(sentence, _)| sentence).to_owned()
}

struct Template {
    path: String,
    /// Without the names of the captures.
    shape: String,
    /// As in the document, and as here.
    captures: Vec<(String, String)>,
    /// Some segment is only partly a parameter.
    loose: bool,
}

fn template(path: &str) -> Result<Template, &'static str> {
    let mut template = Template { path: String::new(), shape: String::new(), captures: Vec::new(), loose: false };
    let Some(rest) = path.strip_prefix('/') else { return Err("its path does not begin with a slash") };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    if rest.is_empty() {
        return Ok(Template { path: "/".to_owned(), shape: "/".to_owned(), ..template });
    }
    for segment in rest.split('/') {
        let (part, shape) = match segment.strip_prefix('{').and_then(|inner| inner.strip_suffix('}')) {
            Some(name) if !name.contains(['{', '}']) => {
                let mut plain = param_name(name);
                while template.captures.iter().any(|(_, known)| *known == plain) {
                    plain.push_str("_2");
                }
                template.captures.push((name.to_owned(), plain.clone()));
                (format!("{{{plain}}}"), "{}")
            }
            _ if segment.contains('{') => {
                template.loose = true;
                ("*".to_owned(), "*")
            }
            _ if segment.is_empty() || segment == "." || segment == ".." => {
                return Err("no request that the gate accepts has empty or dot segments");
            }
            _ if segment.chars().all(|c| c.is_ascii_alphanumeric() || "-._~!$&'()+,=:@".contains(c)) => {
                (segment.to_owned(), segment)
            }
            _ => return Err("a segment has characters that a path does not have"),
        };
        template.path.push('/');
        template.path.push_str(&part);
        template.shape.push('/');
        template.shape.push_str(shape);
    }
    Ok(template)
}
