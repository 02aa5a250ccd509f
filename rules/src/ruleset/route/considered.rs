//! Which routes were looked at for a call, and the value for which each was not taken: for people, never on the way of a
//! call that policy approves.

use super::{Miss, Route, Routes, Rule, path};
use crate::config::findings::shortened;
use crate::decision::Step;
use crate::request::{Content, Malformed};
use crate::ruleset::view::{FormField, View};

/// Nobody reads on after so many lines.
const MOST: usize = 20;

impl Routes {
    /// With `all` every alternative in order of precedence; else those that the path and method could take, up to the one
    /// that was taken.
    pub(in crate::ruleset) fn considered(&self, at: &str, view: &mut View<'_>, all: bool) -> Vec<Step> {
        let segments = path::segments(at);
        let content = view.content();
        // All root fields of one operation take the same route.
        if let Content::GraphQl(call) = content
            && let Some(field) = call.fields.first()
        {
            view.look_at(field);
        }
        let mut steps = Vec::new();
        let mut taken: Option<&str> = None;
        for rule in &self.rules {
            let Some(route) = self.routes.get(rule.route) else { continue };
            let elsewhere = if rule.template.captures(&segments, self.fold_case).is_none() {
                Some(format!("path is {at}"))
            } else if !rule.takes_method(&view.head.method) {
                Some(format!("method is {}", view.head.method))
            } else {
                None
            };
            if !all && (elsewhere.is_some() || steps.len() == MOST) {
                continue;
            }
            let holds_session =
                matches!(content, Content::Mcp(message) if message.is_protocol()) && !rule.names_method();
            let why = match elsewhere {
                Some(why) => Some(why),
                None if holds_session => Some("the message only holds the session together".to_owned()),
                None => rule.misses(view).unwrap_or_else(|refused| Some(refused.to_string())),
            };
            let (matched, detail) = match (why, taken) {
                (Some(why), _) => (false, why),
                (None, Some(first)) => (false, format!("would match; {first} goes first")),
                (None, None) => (true, becomes(rule, route)),
            };
            steps.push(Step { what: format!("route {}", rule.name), matched, detail });
            if matched {
                taken = Some(&rule.name);
                if !all {
                    break;
                }
            }
        }
        steps
    }
}

impl Rule {
    fn misses(&self, view: &mut View<'_>) -> Result<Option<String>, Malformed> {
        let miss = match self.head_misses(view)? {
            None => self.body_misses(view)?,
            miss => miss,
        };
        miss.map(|miss| miss.value(view)).transpose()
    }
}

fn becomes(rule: &Rule, route: &Route) -> String {
    match &route.action {
        _ if route.hide => "hidden: the call is refused".to_owned(),
        _ if route.pass => "passes without an action".to_owned(),
        Some(action) => action.clone(),
        None => format!("an action named after {}", rule.name),
    }
}

impl Miss<'_> {
    /// The value that was found where another one is wanted.
    fn value(self, view: &mut View<'_>) -> Result<String, Malformed> {
        let found = |what: String, value: Option<&str>| match value {
            Some(value) => format!("{what} is {}", shortened(value)),
            None => format!("{what} is missing"),
        };
        Ok(match self {
            Miss::Query(name) => found(format!("query {name}"), view.query(name)?),
            // What may be a key is not shown.
            Miss::Header("authorization" | "cookie" | "proxy-authorization" | "x-api-key") => self.to_string(),
            Miss::Header(name) => found(format!("header {name}"), view.header(name)?),
            Miss::Client => {
                let client = view.head.client.map(|client| client.to_string());
                found("client address".to_owned(), client.as_deref())
            }
            Miss::Body(pointer) => {
                let value = view.body(pointer)?.map(|value| value.to_string());
                found(format!("body at {pointer}"), value.as_deref())
            }
            Miss::Form(name) => match view.form(name)? {
                Some(FormField::Text(value)) => found(format!("form {name}"), Some(value)),
                Some(FormField::File(_)) => format!("form {name} is a file"),
                None => found(format!("form {name}"), None),
            },
            Miss::Operation => match view.content() {
                Content::GraphQl(call) => format!("operation is {}", call.operation.as_str()),
                _ => "it is no GraphQL operation".to_owned(),
            },
            Miss::Field => found("field".to_owned(), view.field().map(|field| field.name.as_str())),
            Miss::Tool | Miss::Method | Miss::Uri => match view.content() {
                Content::Mcp(message) => match self {
                    Miss::Tool => found("tool".to_owned(), message.tool()),
                    Miss::Uri => found("uri".to_owned(), message.uri()),
                    _ => found("method".to_owned(), message.method.as_deref()),
                },
                _ => "it is no MCP message".to_owned(),
            },
        })
    }
}
