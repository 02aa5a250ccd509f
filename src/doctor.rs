//! `holdshort doctor`: run where the agent runs, it tells whether the agent's calls go through the gate, and whether
//! anything goes around it.
//!
//! INVARIANT: without `--hold` nothing it sends can do harm: it asks for a path that nobody has, and leaves before
//! anybody could approve it. What is asked for with `--hold` is a real call, which a person may approve.

use std::path::Path;
use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

use crate::cli::DoctorArgs;
use crate::configuration::{Configuration, variable};
use crate::exit::{self, Exit};
use crate::{addresses, output, say};

/// Announced as this client's own limit, so that a call which is held is answered before.
const READ_TIMEOUT: Duration = Duration::from_secs(3);
/// Connecting, and each answer of which nothing more is expected than that it comes.
const PATIENCE: Duration = Duration::from_secs(5);

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Ok,
    /// Worth knowing.
    Note,
    /// Not as it should be.
    Bad,
    /// The gate, or what it needs, is not there.
    Dead,
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Verdict::Ok => "ok",
            Verdict::Note => "note",
            Verdict::Bad => "BAD",
            Verdict::Dead => "DEAD",
        }
    }
}

/// What was looked at, and what was found.
#[derive(Debug)]
struct Check {
    what: &'static str,
    verdict: Verdict,
    said: String,
}

fn check(what: &'static str, verdict: Verdict, said: impl Into<String>) -> Check {
    Check { what, verdict, said: said.into() }
}

/// An address that the agent uses, and where the service behind it is, as far as that is known.
struct Target {
    base: String,
    takes_key: bool,
    direct: Vec<String>,
}

pub(crate) async fn run(config: Option<&Path>, args: &DoctorArgs) -> anyhow::Result<Exit> {
    let doctor = Doctor {
        key: variable("HOLDSHORT_KEY"),
        http: Client::builder()
            .no_proxy()
            .connect_timeout(PATIENCE)
            .redirect(reqwest::redirect::Policy::none())
            .build()?,
    };
    let mut worst = Exit::Done;
    let mut rows = Vec::new();
    for target in targets(config, args)? {
        let checks = doctor.examine(&target, args).await?;
        for check in &checks {
            worst = match (check.verdict, worst) {
                (Verdict::Dead, _) | (_, Exit::Unavailable) => Exit::Unavailable,
                (Verdict::Bad, _) => Exit::Finding,
                _ => worst,
            };
        }
        let base = output::plain(&without_key(&target.base));
        if args.json {
            let told =
                checks.iter().map(|it| json!({ "check": it.what, "result": it.verdict.word(), "text": it.said }));
            rows.push(json!({ "address": base, "checks": told.collect::<Vec<_>>() }));
        } else {
            say!("{base}");
            for check in &checks {
                say!("  {:<5} {:<9} {}", check.verdict.word(), check.what, output::plain(&check.said));
            }
        }
    }
    if args.json {
        output::json(&json!({ "data": rows, "next_cursor": null }));
    }
    Ok(worst)
}

/// What was named, or all that the configuration has.
fn targets(config: Option<&Path>, args: &DoctorArgs) -> anyhow::Result<Vec<Target>> {
    if let Some(url) = &args.address {
        let base = http_url(url, "the address")?.trim_end_matches('/').to_owned();
        let direct = args.direct.iter().map(|url| http_url(url, "--direct")).collect::<anyhow::Result<_>>()?;
        return Ok(vec![Target { takes_key: !base.contains("/k/hsk_"), base, direct }]);
    }
    let configuration = Configuration::load_without_secrets(config)?;
    let targets: Vec<Target> = addresses::of(configuration.config())
        .into_iter()
        .map(|address| Target {
            takes_key: address.bound_to.is_none(),
            direct: vec![format!("{}{}", address.upstream.url.origin(), address.upstream.url.path)],
            base: address.base,
        })
        .collect();
    if targets.is_empty() {
        return Err(exit::finding("the configuration has no upstreams; name the address that the agent uses"));
    }
    Ok(targets)
}

fn http_url(text: &str, what: &str) -> anyhow::Result<String> {
    let url = url::Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    match url {
        Some(_) => Ok(text.to_owned()),
        None => Err(exit::finding(format!("{what} {text:?}: a URL like http://127.0.0.1:8080/payments"))),
    }
}

/// What is printed never has a key in it.
fn without_key(base: &str) -> String {
    match base.split_once("/k/") {
        Some((start, rest)) => format!("{start}/k/.../{}", rest.split_once('/').map_or("", |(_, rest)| rest)),
        None => base.to_owned(),
    }
}

/// What came back of a call.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Value,
}

impl Answer {
    fn is_the_gates(&self) -> bool {
        self.headers.contains_key("holdshort-request")
    }

    /// The code of an answer that the gate made itself.
    fn code(&self) -> Option<&str> {
        let kind = self.headers.get("content-type")?.to_str().ok()?;
        (self.is_the_gates() && kind.starts_with("application/problem+json"))
            .then(|| self.body.pointer("/error/code").and_then(Value::as_str))?
    }

    fn message(&self) -> &str {
        self.body.pointer("/error/message").and_then(Value::as_str).unwrap_or_default()
    }
}

struct Doctor {
    key: Option<String>,
    http: Client,
}

impl Doctor {
    async fn examine(&self, target: &Target, args: &DoctorArgs) -> anyhow::Result<Vec<Check>> {
        let mut checks = Vec::new();
        if target.takes_key && self.key.is_none() {
            checks.push(check("key", Verdict::Bad, "set HOLDSHORT_KEY to the agent's key; calls are made without one"));
        }
        let path = format!("/holdshort-doctor-{:016x}", getrandom::u64()?);
        let with_key = if target.takes_key { self.key.as_deref() } else { None };
        let first = self.call(target, Method::GET, &path, None, with_key, READ_TIMEOUT + PATIENCE).await;
        let alive = match first {
            Ok(answer) => reached(&answer, &mut checks),
            Err(error) => {
                checks.push(unreached(&error));
                false
            }
        };
        if alive {
            if with_key.is_some() {
                checks.extend(self.nobody(target, &path).await);
            }
            checks.push(self.hold(target, args, with_key).await?);
        }
        for direct in &target.direct {
            checks.push(self.around(direct).await);
        }
        Ok(checks)
    }

    async fn call(
        &self,
        target: &Target,
        method: Method,
        path: &str,
        body: Option<&str>,
        key: Option<&str>,
        within: Duration,
    ) -> Result<Answer, reqwest::Error> {
        let mut request = self
            .http
            .request(method, format!("{}{path}", target.base))
            .header("user-agent", "holdshort-doctor")
            .header("x-stainless-read-timeout", READ_TIMEOUT.as_secs().to_string())
            .timeout(within);
        if let Some(key) = key {
            request = request.header("holdshort-key", key);
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_owned());
        }
        let answer = request.send().await?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        Ok(Answer { status, headers, body: answer.json().await.unwrap_or_default() })
    }

    /// Whether a call without the key is refused.
    async fn nobody(&self, target: &Target, path: &str) -> Option<Check> {
        let answer = self.call(target, Method::GET, path, None, None, READ_TIMEOUT + PATIENCE).await.ok()?;
        Some(if answer.status == StatusCode::UNAUTHORIZED {
            check("stranger", Verdict::Ok, "a call without the key is refused (401)")
        } else {
            check(
                "stranger",
                Verdict::Note,
                "a call without the key is let in: by `proxy.anonymous: allow`, or a listener that is bound to an agent",
            )
        })
    }

    /// Plays the call that was named, which a rule should hold.
    async fn hold(&self, target: &Target, args: &DoctorArgs, key: Option<&str>) -> anyhow::Result<Check> {
        let Some(named) = &args.hold else {
            let said = "not tried: it takes a real call. --hold 'POST /v1/refunds' -d '{...}' names one that people must approve; deny it then";
            return Ok(check("hold", Verdict::Note, said));
        };
        let (method, path) = named
            .split_once(' ')
            .and_then(|(method, path)| Some((Method::from_bytes(method.as_bytes()).ok()?, path.trim())))
            .filter(|(_, path)| path.starts_with('/'))
            .ok_or_else(|| {
                exit::finding(format!("--hold {named:?}: a method and a path, such as 'POST /v1/refunds'"))
            })?;
        let within = Duration::from_secs(args.wait);
        Ok(match self.call(target, method, path, args.data.as_deref(), key, within).await {
            Ok(answer) => match answer.code() {
                Some("APPROVAL_PENDING") => {
                    let card = answer.body.get("approval_url").and_then(Value::as_str).unwrap_or("the dashboard");
                    check("hold", Verdict::Ok, format!("held, and answered in time ({card}): {}", answer.message()))
                }
                Some(code) => check("hold", Verdict::Bad, format!("not held, but {code}: {}", answer.message())),
                None => check(
                    "hold",
                    Verdict::Bad,
                    format!(
                        "not held: it was answered {} by the service. `holdshort explain` says why",
                        answer.status.as_u16()
                    ),
                ),
            },
            Err(error) if error.is_timeout() => check(
                "hold",
                Verdict::Ok,
                format!(
                    "held for {} s and on, as `hold.timeout` is set; this call has left, and waits as a card",
                    args.wait
                ),
            ),
            Err(error) => unreached(&error),
        })
    }

    /// Whether the service can be reached without the gate.
    async fn around(&self, direct: &str) -> Check {
        let close = "let only the gate's machine connect to it, and have it verify the permit (Holdshort-Permit)";
        match self.http.get(direct).header("user-agent", "holdshort-doctor").timeout(PATIENCE).send().await {
            Ok(answer) if [401, 403, 407].contains(&answer.status().as_u16()) => check(
                "around",
                Verdict::Note,
                format!(
                    "{direct} is reached from here and refuses without credentials ({}). An agent that holds the API's own key goes around the gate: let the gate set the key (`headers.set`), or {close}",
                    answer.status().as_u16()
                ),
            ),
            Ok(answer) => check(
                "around",
                Verdict::Bad,
                format!(
                    "{direct} is reached from here, past the gate (it answered {}): {close}",
                    answer.status().as_u16()
                ),
            ),
            Err(error) if error.is_connect() => {
                check("around", Verdict::Ok, format!("{direct} cannot be reached from here"))
            }
            Err(_) => check(
                "around",
                Verdict::Bad,
                format!("{direct} takes connections from here, past the gate, and gave no answer to be read: {close}"),
            ),
        }
    }
}

/// What the answer to a path that nobody has tells of the gate; false: no further call makes sense.
fn reached(answer: &Answer, checks: &mut Vec<Check>) -> bool {
    if !answer.is_the_gates() {
        let said = format!(
            "what answers there ({}) is not the gate: the agent's address leads around it",
            answer.status.as_u16()
        );
        checks.push(check("gate", Verdict::Bad, said));
        return false;
    }
    checks.push(check("gate", Verdict::Ok, "reached"));
    let known = |verdict, said: String| check("agent", verdict, said);
    let (check, alive) = match answer.code() {
        Some("UNAUTHORIZED") => (known(Verdict::Bad, answer.message().to_owned()), false),
        Some("AGENT_PAUSED" | "AGENT_REVOKED") => (known(Verdict::Bad, answer.message().to_owned()), false),
        Some("UNAVAILABLE" | "INTERNAL" | "LIMITED") => (known(Verdict::Dead, answer.message().to_owned()), false),
        Some("NO_ROUTE") => {
            (known(Verdict::Ok, "known, and refused a path that no route names (nothing was sent)".into()), true)
        }
        Some("APPROVAL_PENDING") => (
            known(
                Verdict::Ok,
                "known; a path that no route names is held for people (a card in the dashboard: deny it)".into(),
            ),
            true,
        ),
        Some(code) => (known(Verdict::Ok, format!("known; a path that nobody has is answered {code}")), true),
        None => (
            known(
                Verdict::Ok,
                format!("known; what no route names passes to the service, which answered {}", answer.status.as_u16()),
            ),
            true,
        ),
    };
    checks.push(check);
    alive
}

fn unreached(error: &reqwest::Error) -> Check {
    let why =
        if error.is_timeout() { "does not answer".to_owned() } else { format!("cannot be reached: {}", root(error)) };
    check(
        "gate",
        Verdict::Dead,
        format!("{why}. Does `holdshort serve` run, and does this machine reach that address?"),
    )
}

/// The innermost cause, without the URL that may have a key in it.
fn root(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    if std::ptr::addr_eq(cause, error) { "no connection".to_owned() } else { cause.to_string() }
}

#[cfg(test)]
mod tests {
    use super::without_key;

    #[test]
    fn what_is_printed_has_no_key_in_it() {
        assert_eq!(without_key("http://gate:8080/k/hsk_agent_secret/pay"), "http://gate:8080/k/.../pay");
        assert_eq!(without_key("http://gate:8080/k/hsk_agent_secret"), "http://gate:8080/k/.../");
        assert_eq!(without_key("http://gate:8080/pay"), "http://gate:8080/pay");
    }
}
