//! `holdshort explain`: why a call is decided as it is. A call that is made up needs no secrets and no network; for an
//! intent the gate is asked what it looked at then.

use std::io::IsTerminal as _;
use std::path::Path;

use gate::{Clock as _, SystemClock};
use rules::config::{Config, Excluded};
use rules::decision::{Caller, Decision, Requirement, Step, Verdict};
use rules::ruleset::{End, Explanation, Hit, Trial};
use serde_json::{Value, json};

use crate::api::Api;
use crate::cli::ExplainArgs;
use crate::configuration::{located, rules};
use crate::exit::{self, Exit};
use crate::output::{self, plain};
use crate::{note, say};

pub(crate) async fn run(path: Option<&Path>, args: ExplainArgs) -> anyhow::Result<Exit> {
    if args.call.starts_with("int_") {
        return intent(path, &args).await;
    }
    let rules = rules(&located(path)?)?;
    let config = rules.config();
    let at = match &args.at {
        None => SystemClock.now().0,
        Some(text) => {
            let read: Result<jiff::Timestamp, _> = text.parse();
            read.map_err(|_| exit::finding(format!("--at {text}: write a time such as 2026-11-21T09:30:00Z")))?
                .as_microsecond()
        }
    };
    let caller = caller(&args, config)?;
    let explanation = rules.explain(&trial(&args)?, caller.as_ref(), at);
    if args.api.json {
        output::json(&as_json(&explanation, config));
    } else {
        print(&explanation, config);
    }
    Ok(Exit::Done)
}

/// `None`: whoever the rules take it for.
fn caller(args: &ExplainArgs, config: &Config) -> anyhow::Result<Option<Caller>> {
    let entry = args.agent.as_deref().and_then(|name| Some((name, config.agents.get(name)?)));
    if let Some(project) = args.project.as_deref() {
        if let Some((name, entry)) = entry.filter(|(_, entry)| entry.project != project) {
            let (name, of) = (plain(name), plain(&entry.project));
            return Err(exit::finding(format!("--project: the agent {name} is in the project {of}")));
        }
        if !config.projects.iter().any(|known| known.name == project) {
            let known: Vec<&str> = config.projects.iter().map(|known| known.name.as_str()).collect();
            let (project, known) = (plain(project), plain(&known.join(", ")));
            return Err(exit::finding(format!("--project {project}: these files have the projects {known}")));
        }
    }
    if let Some((name, entry)) = entry {
        return Ok(Some(Caller::from_entry(name, entry)));
    }
    let project = args.project.as_deref();
    let Some(name) = args.agent.as_deref() else { return Ok(project.map(Caller::nobody_in_particular)) };
    let project = project.unwrap_or("default");
    note!(
        "the agent {} is not in these files: taken for a new one in the project {project} (--project says another)",
        plain(name)
    );
    let nobody = Caller::nobody_in_particular(project);
    Ok(Some(Caller { name: name.to_owned(), fingerprint: name.to_owned(), ..nobody }))
}

fn trial(args: &ExplainArgs) -> anyhow::Result<Trial> {
    let mut headers = Vec::with_capacity(args.headers.len() + 1);
    for header in &args.headers {
        let (name, value) = header
            .split_once(':')
            .ok_or_else(|| exit::finding(format!("-H {}: write `name: value`", plain(header))))?;
        headers.push((name.trim().to_owned(), value.trim().to_owned()));
    }
    let body = args.body.clone().unwrap_or_default();
    if !body.is_empty() && !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
        let json = body.trim_start().starts_with(['{', '[']);
        let kind = if json { "application/json" } else { "application/x-www-form-urlencoded" };
        headers.push(("content-type".to_owned(), kind.to_owned()));
    }
    let method = args.method.clone().unwrap_or_else(|| if args.body.is_some() { "POST" } else { "GET" }.to_owned());
    Ok(Trial { upstream: None, method, target: args.call.clone(), headers, body: body.into(), peer: args.client })
}

/// The trace that was kept when the intent was decided.
async fn intent(path: Option<&Path>, args: &ExplainArgs) -> anyhow::Result<Exit> {
    let id: String = url::form_urlencoded::byte_serialize(args.call.as_bytes()).collect();
    let answer = Api::new(path, &args.api)?.get(&format!("/api/intents/{id}")).await?;
    let intent = answer.get("data").filter(|data| data.is_object()).unwrap_or(&answer);
    let text = |pointer: &str| match intent.pointer(pointer) {
        Some(Value::String(text)) => plain(text),
        None | Some(Value::Null) => "-".to_owned(),
        Some(other) => plain(&other.to_string()),
    };
    if args.api.json {
        let kept =
            ["id", "status", "action", "risk_tier", "policy", "route", "parameters", "trace", "risk", "requirement"];
        let kept: serde_json::Map<String, Value> =
            kept.iter().map(|key| ((*key).to_owned(), intent.get(*key).cloned().unwrap_or(Value::Null))).collect();
        output::json(&Value::Object(kept));
        return Ok(Exit::Done);
    }
    say!("{} ({}), {}", text("/title"), text("/id"), text("/status"));
    say!("\nRules that were looked at");
    let trace = intent.get("trace").and_then(Value::as_array);
    let steps: Vec<Step> = trace
        .into_iter()
        .flatten()
        .map(|step| Step {
            what: step.get("what").and_then(Value::as_str).unwrap_or_default().to_owned(),
            matched: step.get("matched").and_then(Value::as_bool).unwrap_or_default(),
            detail: step.get("detail").and_then(Value::as_str).unwrap_or_default().to_owned(),
        })
        .collect();
    lines(&steps);
    if steps.is_empty() {
        say!("  nothing was kept: policy approved the call");
    }
    say!("\nAction {}, risk {}, score {}", text("/action"), text("/risk_tier"), text("/risk/score"));
    for reason in intent.pointer("/risk/reasons").and_then(Value::as_array).into_iter().flatten() {
        let points = reason.get("points").and_then(Value::as_i64).unwrap_or_default();
        say!("  {points:+} {}", plain(reason.get("why").and_then(Value::as_str).unwrap_or_default()));
    }
    say!(
        "Decided by {}",
        if text("/policy") == "-" { "the risk tier".to_owned() } else { format!("policy {}", text("/policy")) }
    );
    if let Some(requirement) = intent.get("requirement").filter(|given| given.is_object()) {
        say!("Asked for");
        recorded(requirement).iter().for_each(|line| say!("  {}", plain(line)));
    }
    for vote in intent.get("approvals").and_then(Value::as_array).into_iter().flatten() {
        let said = |key: &str| vote.get(key).and_then(Value::as_str).map(|text| plain(&text.replace('_', " ")));
        let comment = said("comment").map_or_else(String::new, |comment| format!(": {comment}"));
        say!("  {} said {}{comment}", said("by").unwrap_or_default(), said("verdict").unwrap_or_default());
    }
    Ok(Exit::Done)
}

fn print(explanation: &Explanation, config: &Config) {
    let Explanation { walk, path, routes, policies } = explanation;
    let trust = walk.caller.trust.as_str();
    say!("Agent {} (project {}, {trust})", plain(&walk.caller.name), plain(&walk.caller.project));
    if let (Some(upstream), Some(path)) = (&walk.upstream, path) {
        say!("Upstream {}, path {}", plain(upstream), plain(path));
    }
    section("Routes", routes);
    match &walk.end {
        End::Refused(why) => say!("\nRefused with {} before any rule: {}", why.status, plain(&why.to_string())),
        End::NoUpstream(why) => say!("\nNot for an upstream: {}", plain(why)),
        End::NoRoute => say!("\nRefused: no route, and the upstream rejects what has none (`unmatched`)"),
        End::Pass { protocol: true } => say!("\nPasses: it only holds an MCP session together"),
        End::Pass { protocol: false } => say!("\nPasses without an intent: nothing is decided, recorded or signed"),
        End::Decided { hit, decision } => decided(hit, decision, policies, &walk.caller, config),
    }
}

fn decided(hit: &Hit, decision: &Decision, policies: &[Step], caller: &Caller, config: &Config) {
    let action = &hit.action;
    say!("\nAction {}, risk {}: {}", action.name, action.risk_tier.as_str(), plain(&action.title));
    for (name, value) in &action.params {
        say!("  {} = {} ({})", plain(name), plain(&value.to_string()), value.kind());
    }
    for defect in &hit.defects {
        say!("  {}: no rule may approve this call", plain(defect));
    }
    section("Policies", policies);
    say!("\nRisk {} of 100", decision.risk.score);
    for reason in &decision.risk.reasons {
        say!("  {:+} {}", reason.points, plain(&reason.why));
    }
    let by = decision
        .policy
        .as_ref()
        .map_or_else(|| "the risk tier".to_owned(), |policy| format!("policy {}", plain(policy)));
    match &decision.verdict {
        Verdict::Approve => say!("\nPasses: approved by {by}"),
        Verdict::Deny { message, .. } => say!("\nDenied by {by}: {}", plain(message)),
        Verdict::Require(requirement) => {
            say!("\nWaits for people, by {by}");
            for line in asked(requirement, caller, config) {
                say!("  {}", plain(&line));
            }
        }
    }
    if let Some(failed) = &decision.failed {
        say!("The condition of policy {} has no value for this call", plain(failed));
    }
    if decision.observed {
        say!("Not enforced (`enforce: false`): the call would be let pass, without a permit");
    }
}

/// As the configuration writes it.
fn span(seconds: u64) -> String {
    match seconds {
        1.. if seconds.is_multiple_of(3600) => format!("{}h", seconds / 3600),
        1.. if seconds.is_multiple_of(60) => format!("{}m", seconds / 60),
        _ => format!("{seconds}s"),
    }
}

fn number(count: u64) -> String {
    if count == 1 { "1 approval".to_owned() } else { format!("{count} approvals by different people") }
}

/// What an intent keeps of its requirement, in lines.
fn recorded(requirement: &Value) -> Vec<String> {
    let names = |list: &Value| -> Vec<String> {
        let names = list.as_array().into_iter().flatten().filter_map(Value::as_str);
        names.map(str::to_owned).collect()
    };
    let required = number(requirement.get("required").and_then(Value::as_u64).unwrap_or(1));
    let groups = requirement.get("all_of").and_then(Value::as_array).into_iter().flatten().map(names);
    let from = requirement.get("from").map(names).filter(|from| !from.is_empty());
    let mut lines: Vec<String> =
        groups.chain(from).map(|group| format!("{required} from {}", group.join(", "))).collect();
    if lines.is_empty() {
        lines.push(format!("{required} by anybody who may approve"));
    }
    lines.extend(requirement.get("confirm").and_then(Value::as_str).map(|text| format!("they type: {text}")));
    if let Some(delay @ 1..) = requirement.get("delay").and_then(Value::as_u64) {
        lines.push(format!("sent {} after the last approval", span(delay)));
    }
    lines
}

/// Who could approve, in lines.
fn asked(requirement: &Requirement, caller: &Caller, config: &Config) -> Vec<String> {
    let mut lines = Vec::new();
    let number = |count: u32| number(count.into());
    if requirement.from.is_empty() && requirement.all_of.is_empty() {
        lines.push(format!("{} by anybody who may approve", number(requirement.required)));
    } else {
        for group in requirement.all_of.iter().chain(Some(&requirement.from).filter(|from| !from.is_empty())) {
            lines.push(format!("{} from {}", number(requirement.required), group.join(", ")));
            lines.extend(group.iter().filter(|name| !name.contains('@')).map(|team| match config.teams.get(team) {
                Some(members) => format!("  {team}: {}", members.join(", ")),
                None => format!("  {team}: as the store says"),
            }));
        }
    }
    for excluded in &requirement.not {
        lines.push(match (excluded, &caller.owner) {
            (Excluded::Owner, Some(owner)) => format!("not the agent's owner, {owner}"),
            (Excluded::Owner, None) => "not the agent's owner (it has none)".to_owned(),
            (Excluded::Requester, _) => "not the one who asked".to_owned(),
        });
    }
    lines.extend(requirement.confirm.as_ref().map(|text| format!("they type: {text}")));
    if !requirement.delay.is_zero() {
        lines.push(format!("sent {} after the last approval", span(requirement.delay.as_secs())));
    }
    lines.push(format!("waits for at most {}", span(requirement.expires_in.as_secs())));
    lines
}

fn section(title: &str, steps: &[Step]) {
    if !steps.is_empty() {
        say!("\n{title}");
        lines(steps);
    }
}

fn lines(steps: &[Step]) {
    let colour = std::io::stdout().is_terminal() && crate::configuration::variable("NO_COLOR").is_none();
    let width = steps.iter().map(|step| step.what.chars().count()).max().unwrap_or_default().min(60);
    for step in steps {
        let sign = match (step.matched, colour) {
            (true, true) => "\u{1b}[32m✓\u{1b}[0m",
            (false, true) => "\u{1b}[31m✗\u{1b}[0m",
            (true, false) => "✓",
            (false, false) => "✗",
        };
        say!("  {sign} {:<width$}  {}", plain(&step.what), plain(&step.detail));
    }
}

fn as_json(explanation: &Explanation, config: &Config) -> Value {
    let Explanation { walk, path, routes, policies } = explanation;
    let steps = |steps: &[Step]| -> Value {
        steps.iter().map(|step| json!({ "what": step.what, "matched": step.matched, "detail": step.detail })).collect()
    };
    let mut whole = json!({
        "agent": walk.caller.name,
        "project": walk.caller.project,
        "trust": walk.caller.trust.as_str(),
        "upstream": walk.upstream,
        "path": path,
        "routes": steps(routes),
        "policies": steps(policies),
    });
    let (end, more) = match &walk.end {
        End::Refused(why) => ("refused", json!({ "status": why.status, "why": why.to_string() })),
        End::NoUpstream(why) => ("no_upstream", json!({ "why": why })),
        End::NoRoute => ("no_route", json!({})),
        End::Pass { .. } => ("pass", json!({})),
        End::Decided { hit, decision } => {
            let params: serde_json::Map<String, Value> = hit
                .action
                .params
                .iter()
                .map(|(name, value)| {
                    let text = value.to_json().to_string();
                    (name.clone(), serde_json::from_str(&text).unwrap_or(Value::String(text)))
                })
                .collect();
            let reasons: Value = decision
                .risk
                .reasons
                .iter()
                .map(|reason| json!({ "points": reason.points, "why": reason.why }))
                .collect();
            let (word, requirement) = match &decision.verdict {
                Verdict::Approve => ("auto_approve", Value::Null),
                Verdict::Deny { message, .. } => ("auto_deny", json!({ "message": message })),
                Verdict::Require(asks) => (
                    "require_approval",
                    json!({
                        "required": asks.required,
                        "from": asks.from,
                        "all_of": asks.all_of,
                        "not": asks.not.iter().map(|who| if *who == Excluded::Owner { "owner" } else { "requester" }).collect::<Vec<_>>(),
                        "confirm": asks.confirm,
                        "delay": asks.delay.as_secs(),
                        "expires_in": asks.expires_in.as_secs(),
                        "who": asked(asks, &walk.caller, config),
                    }),
                ),
            };
            let more = json!({
                "action": hit.action.name,
                "risk_tier": hit.action.risk_tier.as_str(),
                "title": hit.action.title,
                "route": hit.route,
                "parameters": params,
                "defects": hit.defects,
                "risk": { "score": decision.risk.score, "reasons": reasons },
                "decision": word,
                "policy": decision.policy,
                "failed": decision.failed,
                "observed": decision.observed,
                "detail": requirement,
            });
            ("decided", more)
        }
    };
    if let (Some(whole), Value::Object(more)) = (whole.as_object_mut(), more) {
        whole.insert("end".to_owned(), Value::from(end));
        whole.extend(more);
    }
    whole
}
