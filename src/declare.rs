//! `holdshort gate`: a step of a pipeline asks before it acts. Declares an intent with an agent's or a project's key,
//! waits for people, and prints the permit.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use crate::api::Api;
use crate::cli::{GateArgs, Outcome};
use crate::exit::{self, Exit};
use crate::output;
use crate::{note, say};

/// How long one look waits; shorter than what stands between would cut off.
const LOOK: u64 = 25;
/// Between two looks that do not wait by themselves, or failed.
const AGAIN: Duration = Duration::from_secs(1);

pub(crate) async fn run(path: Option<&Path>, args: GateArgs) -> anyhow::Result<Exit> {
    let api = Api::with_key(path, &args.api)?;
    if let (Some(outcome), Some(permit)) = (args.report, &args.permit) {
        return report(&api, permit, outcome).await;
    }
    let until = Instant::now() + Duration::from_secs(args.timeout);
    let intent = match (&args.intent, &args.action) {
        (Some(id), _) => api.get(&format!("/api/intents/{id}")).await?,
        (None, Some(action)) => {
            let answer = api.post("/api/intents", declaration(action, &args)?).await?;
            let mut intent = answer.get("data").cloned().unwrap_or_default();
            if let (Some(fields), Some(decision)) = (intent.as_object_mut(), answer.get("decision")) {
                fields.insert("decision".to_owned(), decision.clone());
            }
            intent
        }
        (None, None) => return Err(exit::finding("name an action, or an intent with --intent")),
    };
    let id = text(&intent, "id").to_owned();
    if text(&intent, "status") == "pending" {
        note!("{} waits for people: {}", id, text(&intent, "approval_url"));
    }
    let settled = if args.wait { wait(&api, intent, &id, until).await? } else { intent };
    Ok(told(&settled, &id, args.api.json))
}

/// What is asked. A value is text; after `:=` it is JSON.
fn declaration(action: &str, args: &GateArgs) -> anyhow::Result<Value> {
    let mut body = Map::from_iter([
        ("action".to_owned(), json!(action)),
        ("source_type".to_owned(), json!(args.source_type)),
        ("parameters".to_owned(), Value::Object(pairs(&args.params)?)),
        ("approvers".to_owned(), json!(args.approvers)),
    ]);
    for (key, value) in [("source", &args.source), ("risk_tier", &args.risk_tier), ("expires_in", &args.expires_in)] {
        if let Some(value) = value {
            body.insert(key.to_owned(), json!(value));
        }
    }
    if !args.context.is_empty() {
        body.insert("metadata".to_owned(), Value::Object(pairs(&args.context)?));
    }
    Ok(Value::Object(body))
}

fn pairs(given: &[String]) -> anyhow::Result<Map<String, Value>> {
    let mut pairs = Map::new();
    for one in given {
        let wrong = || exit::finding(format!("{one:?} is not NAME=TEXT or NAME:=JSON"));
        let (name, value) = one.split_once('=').ok_or_else(wrong)?;
        let (name, value) = match name.strip_suffix(':') {
            Some(name) => (name, serde_json::from_str(value).map_err(|_| wrong())?),
            None => (name, json!(value)),
        };
        if name.is_empty() || pairs.insert(name.to_owned(), value).is_some() {
            return Err(exit::finding(format!("{name:?} is given twice, or is no name")));
        }
    }
    Ok(pairs)
}

/// Looks until it is decided and, where a delay follows, may be done; or the time is over.
async fn wait(api: &Api, mut intent: Value, id: &str, until: Instant) -> anyhow::Result<Value> {
    loop {
        let status = text(&intent, "status");
        let open = status == "pending" || (status == "approved" && text(&intent, "permit_token").is_empty());
        let left = until.saturating_duration_since(Instant::now());
        if !open || left.is_zero() {
            return Ok(intent);
        }
        if status == "approved" {
            tokio::time::sleep(AGAIN.min(left)).await;
        }
        let seconds = LOOK.min(left.as_secs().max(1));
        match api.get(&format!("/api/intents/{id}?wait={seconds}")).await {
            Ok(seen) => intent = seen,
            // The gate restarts, or the network does: what was asked goes on waiting.
            Err(error) if exit::of(&error) == Exit::Unavailable => {
                note!("{error:#}; asking again");
                tokio::time::sleep(AGAIN.min(left)).await;
            }
            Err(error) => return Err(error),
        }
    }
}

/// The permit on standard output, and nothing else there.
fn told(intent: &Value, id: &str, json: bool) -> Exit {
    let (status, permit) = (text(intent, "status"), text(intent, "permit_token"));
    let reason = [intent.get("reason"), intent.pointer("/resolved/why")].into_iter().flatten().find_map(Value::as_str);
    if json {
        let permit = if permit.is_empty() { Value::Null } else { json!(permit) };
        output::json(&json!({ "id": id, "status": status, "permit": permit, "reason": reason }));
    }
    match status {
        "approved" if !permit.is_empty() => {
            if !json {
                say!("{permit}");
            }
            Exit::Done
        }
        "pending" | "approved" => {
            note!("{id} is {status}; `holdshort gate --intent {id} --wait` goes on waiting");
            Exit::Pending
        }
        other => {
            let reason = reason.map(|reason| format!(": {}", output::plain(reason))).unwrap_or_default();
            note!("not allowed: {id} is {}{reason}", other.replace('_', " "));
            Exit::Finding
        }
    }
}

/// Says what came of what a permit allowed.
async fn report(api: &Api, permit: &str, outcome: Outcome) -> anyhow::Result<Exit> {
    let seen = api.post("/api/permits/validate", json!({ "permit_token": permit })).await?;
    let id = text(&seen, "permit_id");
    if id.is_empty() {
        return Err(exit::finding(format!("this permit is worth nothing: {}", text(&seen, "error"))));
    }
    let status = match outcome {
        Outcome::Completed => "completed",
        Outcome::Failed => "failed",
    };
    let intent = api.post("/api/executions", json!({ "permit_id": id, "status": status })).await?;
    note!("{} is {}", text(&intent, "id"), text(&intent, "status"));
    Ok(Exit::Done)
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_text_unless_they_say_json() {
        let given = ["version=2", "count:=2", "url=https://x/?a=b", "on:=true", "empty="].map(str::to_owned);
        let wanted = json!({"version": "2", "count": 2, "url": "https://x/?a=b", "on": true, "empty": ""});
        assert_eq!(Value::Object(pairs(&given).unwrap()), wanted);
        for wrong in [vec!["x"], vec!["=x"], vec!["a=1", "a=2"], vec!["a:=x"]] {
            let wrong: Vec<String> = wrong.into_iter().map(str::to_owned).collect();
            assert!(pairs(&wrong).is_err(), "{wrong:?}");
        }
    }
}
