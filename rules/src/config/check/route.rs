//! Routes: what they match, what they are called, what they take out of the request.

use indexmap::IndexMap;

use super::{Checker, is_token};
use crate::config::node::{Mark, shortened};
use crate::config::raw::values::{Plain, pointer};
use crate::config::raw::{self, At, Named};
use crate::config::{GraphQlMatch, Match, McpMatch, Operation, Param, Protocol, Route};
use crate::ruleset::faulty;

impl Checker<'_> {
    pub(super) fn routes(&mut self, raw: Option<At<Vec<At<raw::Route>>>>, protocol: Protocol) -> Vec<Route> {
        raw.map(|at| at.value).unwrap_or_default().into_iter().map(|at| self.route(at, protocol)).collect()
    }

    fn route(&mut self, at: At<raw::Route>, protocol: Protocol) -> Route {
        let At { value: raw, mark } = at;
        let pass = raw.pass.as_ref().is_some_and(|at| at.value);
        let hide = raw.hide.as_ref().is_some_and(|at| at.value);
        if raw.matches.as_slice().is_empty() {
            self.error(
                "empty-match",
                mark,
                "this route matches nothing",
                Some("write `match: /**` to match everything"),
            );
        }
        let matches: Vec<Match> =
            raw.matches.as_slice().iter().flat_map(|given| self.alternatives(given, protocol)).collect();
        let tools = !matches.is_empty() && matches.iter().all(|m| m.mcp.is_some());
        if pass {
            self.pass_only(&raw);
        } else if let Some(action) = &raw.action {
            self.action(action);
        } else if !(hide || protocol == Protocol::Mcp && tools) {
            let help = "add `action: what_the_agent_does`, or `pass: true` to let it through without one";
            self.error("missing-key", mark, "this route names no action", Some(help));
        }
        if let Some(upgrade) = raw.upgrade.as_ref().filter(|at| at.value == raw::Upgrade::Allow && !pass) {
            let help = "only a route with `pass: true` may switch protocols";
            self.error("contradiction", upgrade.mark, "`upgrade: allow` needs `pass: true`", Some(help));
        }
        if hide && !tools {
            let help = "`hide` is for routes that match `mcp: { tool: ... }`";
            let mark = raw.hide.as_ref().map_or(mark, |at| at.mark);
            self.error("contradiction", mark, "`hide` needs a match on an MCP tool", Some(help));
        }
        if let Some(title) = &raw.title {
            self.filled_in(&title.value, title.mark);
        }
        let params = self.params(raw.params);
        Route {
            action: raw.action.map(|at| at.value),
            matches,
            risk_tier: raw.risk_tier.map(|at| at.value).unwrap_or_default(),
            title: raw.title.map(|at| at.value),
            params,
            pass,
            upgrade: raw.upgrade.is_some_and(|at| at.value == raw::Upgrade::Allow),
            hide,
            hold: raw.hold.map(|hold| self.hold(&hold)),
            place: self.place(mark),
        }
    }

    /// A text with parameters in it.
    pub(super) fn filled_in(&mut self, text: &str, mark: Mark) {
        if let Some(wrong) = faulty::template(text) {
            let help = "`{params.NAME}`, with `|money:EUR` or `|date` where that reads better";
            self.error("bad-template", mark, wrong, Some(help));
        }
    }

    /// A route that passes makes no intent: what an intent would carry has no effect there.
    fn pass_only(&mut self, raw: &raw::Route) {
        let keys = [
            ("action", raw.action.as_ref().map(|at| at.mark)),
            ("risk_tier", raw.risk_tier.as_ref().map(|at| at.mark)),
            ("title", raw.title.as_ref().map(|at| at.mark)),
            ("params", raw.params.as_ref().map(|at| at.mark)),
            ("hold", raw.hold.as_ref().map(|at| at.mark)),
            ("hide", raw.hide.as_ref().map(|at| at.mark)),
        ];
        for (key, mark) in keys {
            if let Some(mark) = mark {
                let help = "a call that passes is not recorded, decided or held: take one of the two out";
                self.error("contradiction", mark, format!("`{key}` has no effect beside `pass: true`"), Some(help));
            }
        }
    }

    fn action(&mut self, at: &At<String>) {
        let snake = at.value.len() <= 100
            && at.value.starts_with(|c: char| c.is_ascii_lowercase())
            && at.value.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        if !snake {
            let mut words = String::new();
            for c in at.value.chars().take(100) {
                match c {
                    'A'..='Z' => {
                        if !words.is_empty() && !words.ends_with('_') {
                            words.push('_');
                        }
                        words.push(c.to_ascii_lowercase());
                    }
                    'a'..='z' | '0'..='9' => words.push(c),
                    _ if !words.is_empty() && !words.ends_with('_') => words.push('_'),
                    _ => {}
                }
            }
            let message = format!("`{}` is not the name of an action", shortened(&at.value));
            let help = match words.trim_matches('_') {
                words if !words.starts_with(|c: char| c.is_ascii_lowercase()) || *words == at.value => {
                    "actions are named in `snake_case`, such as `issue_refund`".to_owned()
                }
                words => format!("actions are named in `snake_case`: `{words}`"),
            };
            self.error("bad-name", at.mark, message, Some(&help));
        }
    }

    fn alternatives(&mut self, at: &At<raw::RouteMatch>, protocol: Protocol) -> Vec<Match> {
        match &at.value {
            raw::RouteMatch::Text(text) => {
                let given = text.value.trim();
                let (method, path) = match given.split_once(char::is_whitespace) {
                    Some((method, path)) => (Some(method), path.trim_start()),
                    None => (None, given),
                };
                let method = method.map(|method| self.method(method, text.mark));
                self.template(path, text.mark);
                vec![Match { method, path: Some(path.to_owned()), ..Match::default() }]
            }
            raw::RouteMatch::Map(map) => self.conditions(map, at.mark, protocol),
        }
    }

    fn conditions(&mut self, raw: &raw::Match, mark: Mark, protocol: Protocol) -> Vec<Match> {
        let methods: Vec<Option<String>> = match &raw.method {
            None => vec![None],
            Some(many) => many.as_slice().iter().map(|at| Some(self.method(&at.value, at.mark))).collect(),
        };
        let paths: Vec<Option<String>> = match &raw.path {
            None => vec![None],
            Some(many) => many
                .as_slice()
                .iter()
                .map(|at| {
                    self.template(&at.value, at.mark);
                    Some(at.value.clone())
                })
                .collect(),
        };
        if methods.len().saturating_mul(paths.len()) > 400 {
            self.error(
                "too-many",
                mark,
                "more than 400 methods and paths in one match",
                Some("use a template or a glob"),
            );
            return Vec::new();
        }
        let body = raw.body.as_ref().map(|at| self.body(&at.value)).unwrap_or_default();
        let base = Match {
            method: None,
            path: None,
            query: named(raw.query.as_ref(), |name| name.to_owned()),
            headers: self.header_conditions(raw.headers.as_ref()),
            client: super::networks(raw.client.as_ref()),
            body,
            form: named(raw.form.as_ref(), |name| name.to_owned()),
            graphql: raw.graphql.as_ref().map(|at| self.graphql(at, protocol)),
            mcp: raw.mcp.as_ref().map(|at| self.mcp(at, protocol)),
        };
        let given = raw.method.is_some()
            || raw.path.is_some()
            || base.mcp.is_some()
            || base.graphql.is_some()
            || !base.client.is_empty()
            || !(base.query.is_empty() && base.headers.is_empty() && base.body.is_empty() && base.form.is_empty());
        if !given || methods.is_empty() || paths.is_empty() {
            self.error("empty-match", mark, "this match has no condition", Some("write `/**` to match everything"));
        }
        if base.mcp.is_some() && !base.form.is_empty() {
            self.error("contradiction", mark, "an MCP message has no form", None);
        } else if base.graphql.is_some() && !base.form.is_empty() {
            self.error("contradiction", mark, "a GraphQL request has no form", None);
        } else if !base.body.is_empty() && !base.form.is_empty() {
            self.error("contradiction", mark, "a body is JSON or a form, never both", None);
        }
        if let Some(GraphQlMatch { operation: Some(operation), .. }) = base.graphql
            && operation != Operation::Query
            && methods.iter().flatten().any(|method| method == "GET" || method == "HEAD")
        {
            let message = format!("a {} is never taken from a GET", operation.as_str());
            self.error("contradiction", mark, message, Some("take `GET` out, or the `operation`"));
        }
        let mut all = Vec::new();
        for method in &methods {
            for path in &paths {
                all.push(Match { method: method.clone(), path: path.clone(), ..base.clone() });
            }
        }
        all
    }

    fn method(&mut self, method: &str, mark: Mark) -> String {
        let upper = method.to_ascii_uppercase();
        if !is_token(method) {
            let help = "`METHOD /path`, or `/path` for any method";
            self.error("bad-method", mark, format!("`{}` is not an HTTP method", shortened(method)), Some(help));
        } else if upper != method {
            let help = format!("did you mean `{upper}`?");
            self.error("bad-method", mark, "HTTP methods are written in capitals", Some(&help));
        } else if upper == "CONNECT" || upper == "TRACE" {
            self.error("bad-method", mark, format!("the gate refuses {upper} altogether"), None);
        }
        upper
    }

    /// `/v1/{id}/lines/*`, `/files/{path**}`, `/**`.
    fn template(&mut self, path: &str, mark: Mark) {
        if let Err((message, help)) = template(path) {
            self.error("bad-path", mark, message, help.as_deref());
        }
    }

    fn header_conditions(&mut self, raw: Option<&At<Named<Plain>>>) -> IndexMap<String, String> {
        for (name, _) in raw.map(|at| at.value.0.as_slice()).unwrap_or_default() {
            if !is_token(&name.value) {
                self.error("bad-header", name.mark, format!("`{}` is not a header name", shortened(&name.value)), None);
            }
        }
        named(raw, str::to_ascii_lowercase)
    }

    fn body(&mut self, raw: &Named<serde_json::Value>) -> IndexMap<String, serde_json::Value> {
        let mut body = IndexMap::new();
        for (name, value) in &raw.0 {
            if !pointer(&name.value) || name.value.is_empty() {
                let help = match name.value.as_str() {
                    text if text.is_empty() || text.contains(['/', '~']) => "such as `/customer/id`".to_owned(),
                    text => format!("did you mean `/{}`?", shortened(text).replace('.', "/")),
                };
                let message = format!("`{}` is not a JSON pointer", shortened(&name.value));
                self.error("bad-pointer", name.mark, message, Some(&help));
            }
            if value.value.is_array() || value.value.is_object() || value.value.is_null() {
                let help = "name the member: `/customer/id: c_1`";
                self.error("wrong-type", value.mark, "expected a text, a number, `true` or `false`", Some(help));
            }
            body.insert(name.value.clone(), value.value.clone());
        }
        body
    }

    fn mcp(&mut self, at: &At<raw::Mcp>, protocol: Protocol) -> McpMatch {
        let raw = &at.value;
        if protocol != Protocol::Mcp {
            let help = "add `protocol: mcp` to the upstream";
            self.error("contradiction", at.mark, "`mcp` matches only on an upstream that speaks MCP", Some(help));
        }
        match (&raw.tool, &raw.method) {
            (Some(_), Some(method)) => {
                let help = "`tool` is for `tools/call`; `method` is for every other message";
                self.error("contradiction", method.mark, "a match has a `tool` or a `method`, not both", Some(help));
            }
            (None, None) => {
                let help = "add `tool: \"*\"`, or `method: resources/read`";
                self.error("empty-match", at.mark, "this match names no tool and no method", Some(help));
            }
            (None, Some(method)) if method.value == "tools/call" => {
                let help = "write `mcp: { tool: \"*\" }`";
                self.error("contradiction", method.mark, "`tools/call` is matched by its tool", Some(help));
            }
            _ => {}
        }
        if let (Some(uri), None) = (&raw.uri, &raw.method) {
            self.error("contradiction", uri.mark, "`uri` needs a `method`, such as `resources/read`", None);
        }
        let text = |at: &Option<At<String>>| at.as_ref().map(|at| at.value.clone());
        McpMatch { tool: text(&raw.tool), method: text(&raw.method), uri: text(&raw.uri) }
    }

    fn graphql(&mut self, at: &At<raw::GraphQl>, protocol: Protocol) -> GraphQlMatch {
        let raw = &at.value;
        if protocol == Protocol::Mcp {
            let help = "give the GraphQL service an upstream of its own";
            self.error("contradiction", at.mark, "an upstream that speaks MCP has no GraphQL", Some(help));
        }
        if raw.operation.is_none() && raw.field.is_none() {
            let help = "add `operation: mutation`, or `field: \"*\"` for every operation";
            self.error("empty-match", at.mark, "this match names no operation and no field", Some(help));
        }
        GraphQlMatch {
            operation: raw.operation.as_ref().map(|at| at.value),
            field: raw.field.as_ref().map(|at| at.value.clone()),
        }
    }

    fn params(&mut self, raw: Option<At<Named<raw::Param>>>) -> IndexMap<String, Param> {
        let mut params = IndexMap::new();
        for (name, at) in raw.map(|at| at.value.0).unwrap_or_default() {
            let good = name.value.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                && name.value.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            if !good {
                let message = format!("`{}` is not the name of a parameter", shortened(&name.value));
                let help = "letters, digits and `_`: conditions call it `params.NAME`";
                self.error("bad-name", name.mark, message, Some(help));
            }
            let param = match at.value {
                raw::Param::Text(from) => Param { from: from.value.0, kind: None },
                raw::Param::Map(typed) => Param { from: typed.from.value.0, kind: typed.kind.map(|at| at.value) },
            };
            params.insert(name.value, param);
        }
        params
    }
}

fn named(raw: Option<&At<Named<Plain>>>, key: impl Fn(&str) -> String) -> IndexMap<String, String> {
    let entries = raw.map(|at| at.value.0.as_slice()).unwrap_or_default();
    entries.iter().map(|(name, value)| (key(&name.value), value.value.0.clone())).collect()
}

type Wrong = (String, Option<String>);

fn template(path: &str) -> Result<(), Wrong> {
    let wrong = |message: String, help: Option<&str>| Err((message, help.map(str::to_owned)));
    if !path.starts_with('/') {
        let message = format!("`{}` is not a path", shortened(path));
        let method = !path.is_empty() && path.bytes().all(|b| b.is_ascii_uppercase());
        let help = if method { format!("for every path: `{path} /**`") } else { "paths begin with `/`".to_owned() };
        return Err((message, Some(help)));
    }
    if let Some((before, _)) = path.split_once('?').or_else(|| path.split_once('#')) {
        let help = format!("write `{{ path: {}, query: {{ name: value }} }}`", shortened(before));
        return Err(("a path has no `?` or `#`".to_owned(), Some(help)));
    }
    if path.contains(char::is_whitespace) {
        return wrong("a path has no spaces".to_owned(), None);
    }
    let mut names: Vec<&str> = Vec::new();
    let segments: Vec<&str> = path.strip_suffix('/').unwrap_or(path).split('/').skip(1).collect();
    for segment in segments {
        if segment.is_empty() || segment == "." || segment == ".." {
            return wrong("no request has such a path: empty and dot segments are refused".to_owned(), None);
        }
        let capture = segment.strip_prefix('{').and_then(|inner| inner.strip_suffix('}'));
        if let Some(capture) = capture {
            let name = capture.strip_suffix("**").unwrap_or(capture);
            let good = !name.is_empty()
                && !name.starts_with(|c: char| c.is_ascii_digit())
                && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            if !good {
                let help = "`{id}` captures one segment, `{rest**}` all that follow";
                return wrong(format!("`{}` is not a capture", shortened(segment)), Some(help));
            }
            if names.contains(&name) {
                return wrong(format!("`{{{name}}}` is captured twice"), Some("give each capture a name of its own"));
            }
            names.push(name);
        } else if segment.contains(['{', '}']) || (segment.contains('*') && segment != "*" && segment != "**") {
            let help = "`{id}` or `*` stand for one whole segment, `**` for any number of them";
            return wrong(format!("`{}` mixes text and wildcard in one segment", shortened(segment)), Some(help));
        } else if segment.contains(['%', '\\', ';']) {
            let help = "routes are matched on decoded paths; write the character itself";
            return wrong(format!("`{}` cannot stand in a path", shortened(segment)), Some(help));
        }
    }
    Ok(())
}
