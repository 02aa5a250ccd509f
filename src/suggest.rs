//! `holdshort suggest`: routes for the calls that no route names yet, as a gate has counted them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use serde::Deserialize;

use crate::api::Api;
use crate::cli::SuggestArgs;
use crate::configuration::Configuration;
use crate::exit::Exit;
use crate::note;
use crate::output::{self, plain};

/// Of `GET /api/unmatched`.
#[derive(Debug, Clone, Deserialize)]
struct Calls {
    upstream: String,
    method: String,
    template: String,
    count: u64,
    rejected: u64,
    passed: u64,
    asked: u64,
}

pub(crate) async fn run(config: Option<&Path>, args: &SuggestArgs) -> anyhow::Result<Exit> {
    let answer = Api::new(config, &args.api)?.get("/api/unmatched").await?;
    if args.api.json {
        output::json(answer.get("data").unwrap_or(&answer));
        return Ok(Exit::Done);
    }
    let calls: Vec<Calls> = serde_json::from_value(answer.get("data").cloned().unwrap_or_default())?;
    let wanted = |calls: &Calls| args.upstream.as_ref().is_none_or(|name| calls.upstream == *name);
    let calls: Vec<Calls> = calls.into_iter().filter(wanted).collect();
    if calls.is_empty() {
        note!("every call that the gate has seen since it was started took a route");
        return Ok(Exit::Done);
    }
    // What it cannot read stands in the text as a placeholder.
    let known = Configuration::load_without_secrets(config).ok();
    let frame = |name: &str| {
        let upstream = known.as_ref()?.config().upstreams.get(name)?.clone();
        Some((format!("{}{}", upstream.url.origin(), upstream.url.path), upstream.at.first().cloned()))
    };
    output::text(&text(&calls, frame));
    Ok(Exit::Done)
}

/// A configuration that holds nothing but the routes, so that `check` can read it. `frame`: URL and mount of an upstream.
fn text(calls: &[Calls], frame: impl Fn(&str) -> Option<(String, Option<String>)>) -> String {
    let mut by_upstream: BTreeMap<&str, Vec<&Calls>> = BTreeMap::new();
    for calls in calls {
        by_upstream.entry(&calls.upstream).or_default().push(calls);
    }
    let mut out = String::from(
        "# Routes for calls that no route names yet. Take over those that agents shall make, under the upstream's own\n\
         # `routes`. Names and risk tiers are guesses: a tier decides who is asked.\n\nupstreams:\n",
    );
    for (name, calls) in by_upstream {
        let (url, at) = frame(name).unwrap_or_else(|| ("http://127.0.0.1:9".to_owned(), None));
        let at = at.filter(|at| !at.is_empty()).unwrap_or_else(|| format!("/{name}"));
        let mcp = calls.iter().any(|calls| calls.method == TOOL_CALL);
        let _ = write!(out, "  {}:\n    url: {}\n    at: {}\n", quoted(name), quoted(&url), quoted(&at));
        if mcp {
            out.push_str("    protocol: mcp\n");
        }
        out.push_str("    routes:\n");
        let mut names = BTreeSet::new();
        for calls in calls {
            let what = [(calls.rejected, "rejected"), (calls.passed, "passed"), (calls.asked, "put before people")];
            let what: Vec<String> =
                what.iter().filter(|(count, _)| *count > 0).map(|(count, did)| format!("{count} {did}")).collect();
            let plural = if calls.count == 1 { "call" } else { "calls" };
            let _ = writeln!(out, "      # {} {plural}: {}", calls.count, what.join(", "));
            if calls.method == OTHER {
                let _ = writeln!(out, "      # {} by methods that HTTP does not define", plain(&calls.template));
                continue;
            }
            let action = unique(action(calls), &mut names);
            let _ = writeln!(out, "      - action: {action}");
            let path = quoted(&format!("{} {}", calls.method, calls.template));
            let _ = match calls.method.as_str() {
                TOOL_CALL => writeln!(out, "        match: {{ mcp: {{ tool: {} }} }}", quoted(&calls.template)),
                _ => writeln!(out, "        match: {path}"),
            };
            let _ = writeln!(out, "        risk_tier: {}", tier(&calls.method));
        }
        if names.is_empty() {
            // A list needs an entry; this one changes nothing.
            out.push_str("      []\n");
        }
    }
    out
}

/// As the gate counts them.
const OTHER: &str = "OTHER";
const TOOL_CALL: &str = gate::unmatched::TOOL_CALL;

/// YAML reads JSON's texts.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn tier(method: &str) -> &'static str {
    match method {
        "GET" | "HEAD" | "OPTIONS" => "low",
        "DELETE" => "high",
        _ => "medium",
    }
}

/// A verb, and the words of the path.
fn action(calls: &Calls) -> String {
    let verb = match calls.method.as_str() {
        "GET" => "read",
        "HEAD" => "head",
        "OPTIONS" => "ask_options_of",
        "POST" => "create",
        "PUT" => "replace",
        "PATCH" => "update",
        "DELETE" => "delete",
        _ => "call",
    };
    let is_version = |word: &str| word.strip_prefix('v').is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit()));
    let words =
        calls.template.split('/').filter(|word| !word.is_empty() && !word.starts_with('{') && !is_version(word));
    let mut name = verb.to_owned();
    for word in words {
        name.push('_');
        name.extend(word.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }));
    }
    if name == verb {
        name.push_str("_root");
    }
    while name.contains("__") {
        name = name.replace("__", "_");
    }
    name.trim_matches('_').to_owned()
}

fn unique(name: String, taken: &mut BTreeSet<String>) -> String {
    let all = (1..).map(|n| if n == 1 { name.clone() } else { format!("{name}_{n}") });
    let free = all.into_iter().find(|name| !taken.contains(name)).unwrap_or_default();
    taken.insert(free.clone());
    free
}

#[cfg(test)]
mod tests {
    use rules::config::load::{NoSecrets, Source, load};

    use super::*;

    fn calls(upstream: &str, method: &str, template: &str) -> Calls {
        let (upstream, method, template) = (upstream.to_owned(), method.to_owned(), template.to_owned());
        Calls { upstream, method, template, count: 3, rejected: 2, passed: 1, asked: 0 }
    }

    #[test]
    fn what_is_suggested_is_a_configuration_that_names_these_calls() {
        let seen = [
            calls("pay", "GET", "/v1/users/{id}"),
            calls("pay", "GET", "/v1/users"),
            calls("pay", "POST", "/v1/users/{id}/cards/{id2}"),
            calls("pay", "DELETE", "/v1/users/{id}"),
            calls("pay", "GET", "/reports/{date}"),
            calls("pay", "PATCH", "/a/b/{rest**}"),
            calls("pay", "GET", "/"),
            calls("pay", "OTHER", "/pot"),
            calls("files", "tools/call", "send-mail"),
            calls("odd", "OTHER", "/x"),
        ];
        let text = text(&seen, |name| {
            (name == "pay").then(|| ("https://pay.example:443/base".to_owned(), Some("/payments".to_owned())))
        });
        let source = Source { name: "suggested.yaml".to_owned(), text: text.clone() };
        let (config, _) = load(vec![source], &NoSecrets).unwrap_or_else(|findings| panic!("{text}\n{findings}"));
        rules::Ruleset::compile(std::sync::Arc::new(config.clone())).unwrap_or_else(|why| panic!("{text}\n{why:?}"));
        let pay: Vec<_> = config.upstreams["pay"].routes.iter().map(|route| route.action.clone().unwrap()).collect();
        assert_eq!(
            pay,
            [
                "read_users",
                "read_users_2",
                "create_users_cards",
                "delete_users",
                "read_reports",
                "update_a_b",
                "read_root"
            ]
        );
        assert_eq!(
            (config.upstreams["pay"].at.as_slice(), config.upstreams["pay"].url.path.as_str()),
            (&["/payments".to_owned()][..], "/base")
        );
        assert!(text.contains("# 3 calls: 2 rejected, 1 passed\n"), "{text}");
        assert!(text.contains("# /pot by methods that HTTP does not define"), "{text}");
    }
}
