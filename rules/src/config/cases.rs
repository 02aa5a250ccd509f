//! Reads files of rule tests, by the machinery that reads the configuration: unknown keys are errors with
//! file, line and column, and one run shows all that is wrong.
//!
//! `${X}` is not replaced here: a test sees no secret.

mod raw;

use std::sync::Arc;

use bytes::Bytes;

use super::findings::{error, nearest};
use super::load::{Finding, Findings, Source};
use super::node::{self, Mark};
use super::raw::values::{At, Named, OneOrMany, Plain};
use super::reader::{Reader, place};
use super::{Config, SourceType, Trust};
use crate::cases::{Approvals, Case, Expect};
use crate::decision::Caller;
use crate::ruleset::Trial;

/// When a call without `at` is made: a Wednesday at noon, UTC (2026-01-07).
const NOON: i64 = 1_767_787_200_000_000;

/// The cases of these files, in order.
///
/// # Errors
/// What is wrong in them.
pub(crate) fn read(sources: Vec<Source>, config: &Config) -> Result<Vec<Case>, Findings> {
    let sources = Arc::new(sources);
    let mut writing = Writing { sources: &sources, config, findings: Vec::new() };
    let mut cases = Vec::new();
    for (file, source) in sources.iter().enumerate() {
        match node::parse(file, &source.name, &source.text) {
            Ok(Some(tree)) => {
                let reader = Reader::new(&sources);
                let raw: Option<raw::File> = reader.read(&tree);
                let faults = reader.finish();
                if faults.is_empty() {
                    cases.extend(raw.into_iter().flat_map(|raw| writing.file(raw)).collect::<Vec<_>>());
                }
                writing.findings.extend(faults);
            }
            Ok(None) => {}
            Err(fault) => writing.findings.push(*fault),
        }
    }
    let list = writing.findings;
    if list.is_empty() { Ok(cases) } else { Err(Findings { list, sources }) }
}

struct Writing<'a> {
    sources: &'a [Source],
    config: &'a Config,
    findings: Vec<Finding>,
}

impl Writing<'_> {
    fn error(&mut self, code: &'static str, mark: Mark, message: impl Into<String>, help: Option<String>) {
        self.findings.push(error(code, place(self.sources, mark), message.into(), help));
    }

    fn file(&mut self, file: raw::File) -> Vec<Case> {
        let raw::File { agent, at, tests } = file;
        let everyone = agent.and_then(|agent| self.caller(agent));
        let at = at.map(|at| at.value);
        tests.value.into_iter().map(|test| self.case(test, everyone.as_ref(), at)).collect()
    }

    fn case(&mut self, test: At<raw::Test>, everyone: Option<&Caller>, always: Option<raw::Instant>) -> Case {
        let At { value: raw::Test { name, request, agent, at, expect }, mark } = test;
        let caller = match agent {
            Some(agent) => self.caller(agent),
            None => everyone.cloned(),
        };
        let at = at.map(|at| at.value).or(always).map_or(NOON, |at| at.0);
        Case {
            name: name.value,
            place: place(self.sources, mark),
            trial: self.trial(request),
            caller,
            at,
            expect: self.expect(expect),
        }
    }

    fn caller(&mut self, agent: At<raw::Agent>) -> Option<Caller> {
        let given = match agent.value {
            raw::Agent::Text(name) => {
                let found = self.config.agents.get(&name.value);
                if found.is_none() {
                    let known = self.config.agents.keys().map(String::as_str);
                    let help = nearest(&name.value, known).map_or_else(
                        || "say what there is to know of it: `agent: { fingerprint: ..., trust: ... }`".to_owned(),
                        |near| format!("did you mean `{near}`?"),
                    );
                    let message = format!("the configuration defines no agent `{}`", node::shortened(&name.value));
                    self.error("unknown-agent", name.mark, message, Some(help));
                }
                return found.map(|entry| Caller::from_entry(&name.value, entry));
            }
            raw::Agent::Map(given) => *given,
        };
        if let Some(project) = &given.project
            && !self.config.projects.iter().any(|known| known.name == project.value)
        {
            let help = nearest(&project.value, self.config.projects.iter().map(|project| project.name.as_str()))
                .map(|near| format!("did you mean `{near}`?"));
            let message = format!("the configuration defines no project `{}`", node::shortened(&project.value));
            self.error("unknown-project", project.mark, message, help);
        }
        let text = |at: Option<At<String>>| at.map(|at| at.value);
        let mut caller = Caller::nobody_in_particular(&text(given.project).unwrap_or_else(|| "default".to_owned()));
        if let Some(fingerprint) = text(given.fingerprint) {
            caller.name.clone_from(&fingerprint);
            caller.fingerprint = fingerprint;
        }
        Some(Caller {
            owner: text(given.owner),
            framework: text(given.framework),
            trust: given.trust.map_or(Trust::default(), |at| at.value),
            source_type: given.source_type.map_or(SourceType::default(), |at| at.value),
            risk_sensitivity: given.risk_sensitivity.map(|at| at.value),
            ..caller
        })
    }

    fn trial(&mut self, request: At<raw::Request>) -> Trial {
        let mark = request.mark;
        let call = match request.value {
            raw::Request::Text(text) => {
                let (method, target) = text.value.trim().split_once(char::is_whitespace).unwrap_or(("", ""));
                let target = target.trim_start();
                if !(target.starts_with('/') || target.contains("://")) {
                    let help = "write `POST /path`, or a map with `method`, `path` and `body`".to_owned();
                    self.error("bad-value", text.mark, "expected a method and a path", Some(help));
                }
                return Trial { method: method.to_owned(), target: target.to_owned(), ..Trial::default() };
            }
            raw::Request::Map(call) => *call,
        };
        if let Some(upstream) = &call.upstream
            && !self.config.upstreams.contains_key(&upstream.value)
        {
            let help = nearest(&upstream.value, self.config.upstreams.keys().map(String::as_str))
                .map(|near| format!("did you mean `{near}`?"));
            let message = format!("the configuration defines no upstream `{}`", node::shortened(&upstream.value));
            self.error("unknown-upstream", upstream.mark, message, help);
        }
        self.one_of(&call, mark);
        let peer = call.client.as_ref().and_then(|client| {
            let address = client.value.trim().parse().ok();
            if address.is_none() {
                self.error("bad-value", client.mark, "expected an IP address, such as `192.0.2.7`", None);
            }
            address
        });
        let target = match (&call.path, &call.url) {
            (Some(path), _) => path.value.clone(),
            (None, Some(url)) => url.value.clone(),
            (None, None) => "/".to_owned(),
        };
        let mut headers: Vec<(String, String)> =
            call.headers.map(|at| pairs(at.value)).unwrap_or_default().into_iter().collect();
        let mut given_type = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        let mut typed = |media_type: &str| {
            if !std::mem::replace(&mut given_type, true) {
                headers.push(("content-type".to_owned(), media_type.to_owned()));
            }
        };
        let body = if let Some(body) = call.body {
            typed("application/json");
            Some(body.value.0)
        } else if let Some(json) = call.json {
            typed("application/json");
            Some(json.value)
        } else if let Some(form) = call.form {
            typed("application/x-www-form-urlencoded");
            let pairs = pairs(form.value);
            Some(url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish())
        } else if let Some(text) = call.text {
            typed("text/plain; charset=utf-8");
            Some(text.value)
        } else if let Some(tool) = call.tool {
            typed("application/json");
            let name = serde_json::Value::from(tool.value);
            let arguments = call.arguments.map_or_else(|| "{}".to_owned(), |at| at.value.0);
            Some(format!(
                r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":{name},"arguments":{arguments}}}}}"#
            ))
        } else {
            None
        };
        let usual = if body.is_some() { "POST" } else { "GET" };
        Trial {
            upstream: call.upstream.map(|at| at.value),
            method: call.method.map_or_else(|| usual.to_owned(), |at| at.value),
            target,
            headers,
            body: Bytes::from(body.unwrap_or_default()),
            peer,
        }
    }

    /// Contradictions within a request.
    fn one_of(&mut self, call: &raw::Call, mark: Mark) {
        let path = call.path.as_ref().map(|at| at.mark);
        let url = call.url.as_ref();
        match (path, url) {
            (Some(_), Some(url)) => {
                self.error("contradiction", url.mark, "`path` and `url` say the same thing twice", None);
            }
            (None, None) if call.tool.is_none() || call.upstream.is_none() => {
                let help = "write `path: /v1/...`; a `tool` with its `upstream` needs none".to_owned();
                self.error("missing-key", mark, "this request has no path", Some(help));
            }
            _ => {}
        }
        if let Some(path) = call.path.as_ref().filter(|path| !path.value.starts_with('/')) {
            self.error("bad-value", path.mark, "expected a path that starts with `/`", None);
        }
        if let (Some(url), Some(upstream)) = (url, &call.upstream) {
            let message = format!("`url` says where it goes, and so does `upstream: {}`", upstream.value);
            self.error("contradiction", url.mark, message, Some("take one of them out".to_owned()));
        }
        if let Some(url) = url.filter(|url| !url.value.contains("://")) {
            self.error("bad-value", url.mark, "expected a URL with `http://` or `https://`", None);
        }
        let bodies = [
            call.body.as_ref().map(|at| ("body", at.mark)),
            call.json.as_ref().map(|at| ("json", at.mark)),
            call.form.as_ref().map(|at| ("form", at.mark)),
            call.text.as_ref().map(|at| ("text", at.mark)),
            call.tool.as_ref().map(|at| ("tool", at.mark)),
        ];
        let mut bodies = bodies.into_iter().flatten();
        if let (Some((first, _)), Some((second, mark))) = (bodies.next(), bodies.next()) {
            let message = format!("a request has one body: `{first}` or `{second}`");
            self.error("contradiction", mark, message, None);
        }
        if let (None, Some(arguments)) = (&call.tool, &call.arguments) {
            self.error("contradiction", arguments.mark, "`arguments` belong to a `tool`", None);
        }
    }

    fn expect(&mut self, at: At<raw::Expect>) -> Expect {
        let At { value: raw, mark } = at;
        let text = |at: Option<At<String>>| at.map(|at| at.value);
        let (risk_at_least, risk_at_most) = match raw.risk.map(|at| at.value) {
            None => (None, None),
            Some(raw::Risk::Text(exactly)) => (Some(exactly.value), Some(exactly.value)),
            Some(raw::Risk::Map(bounds)) => (bounds.at_least.map(|at| at.value), bounds.at_most.map(|at| at.value)),
        };
        let params = raw.params.map(|at| at.value.0).unwrap_or_default();
        let expect = Expect {
            action: text(raw.action),
            decision: raw.decision.and_then(|at| at.value),
            policy: text(raw.policy),
            upstream: text(raw.upstream),
            risk_tier: raw.risk_tier.map(|at| at.value),
            title: text(raw.title),
            message: text(raw.message),
            risk_at_least,
            risk_at_most,
            params: params.into_iter().map(|(name, value)| (name.value, value.value.0)).collect(),
            approvals: raw.approvals.map(|at| approvals(at.value)).unwrap_or_default(),
        };
        if expect == Expect::default() {
            let help = "name at least the `decision`".to_owned();
            self.error("empty-expectation", mark, "this test expects nothing", Some(help));
        }
        expect
    }
}

fn pairs(named: Named<Plain>) -> Vec<(String, String)> {
    named.0.into_iter().map(|(name, value)| (name.value, value.value.0)).collect()
}

fn approvals(raw: raw::Approvals) -> Approvals {
    let names = |given: OneOrMany<At<String>>| given.as_slice().iter().map(|at| at.value.clone()).collect::<Vec<_>>();
    Approvals {
        required: raw.required.map(|at| at.value),
        from: raw.from.map(names),
        all_of: raw.all_of.map(|at| at.value.into_iter().map(names).collect()),
        not: raw.not.map(|given| given.as_slice().iter().map(|at| at.value).collect()),
        delay: raw.delay.map(|at| at.value.0),
        expires_in: raw.expires_in.map(|at| at.value.0),
        confirm: raw.confirm.map(|at| Some(at.value.0).filter(|text| text != "false")),
    }
}
