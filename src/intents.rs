//! `holdshort intents`: what people do with calls, over the API.

use std::path::Path;

use futures::StreamExt as _;
use serde_json::{Value, json};

use crate::api::Api;
use crate::cli::{IntentsCommand, OverApi};
use crate::exit::Exit;
use crate::output;
use crate::{note, say};

pub(crate) async fn run(path: Option<&Path>, command: IntentsCommand) -> anyhow::Result<Exit> {
    match command {
        IntentsCommand::List { status, action, limit, api: args } => {
            let api = Api::new(path, &args)?;
            let mut query = vec![format!("limit={limit}")];
            query.extend(status.map(|status| format!("status={}", encoded(&status))));
            query.extend(action.map(|action| format!("action={}", encoded(&action))));
            let answer = api.get(&format!("/api/intents?{}", query.join("&"))).await?;
            if args.json { output::json(&answer) } else { list(&answer) }
        }
        IntentsCommand::Show { id, api: args } => {
            let api = Api::new(path, &args)?;
            let answer = api.get(&format!("/api/intents/{}", encoded(&id))).await?;
            if args.json { output::json(&answer) } else { show(intent_of(&answer)) }
        }
        IntentsCommand::Approve(deed) => decide(path, "approve", deed).await?,
        IntentsCommand::Deny(deed) => decide(path, "deny", deed).await?,
        IntentsCommand::Watch { api: args } => watch(&Api::new(path, &args)?, args.json).await?,
    }
    Ok(Exit::Done)
}

/// Looks at the call first, so that the verdict is bound to what was just read.
async fn decide(path: Option<&Path>, verb: &str, deed: OverApi) -> anyhow::Result<()> {
    let api = Api::new(path, &deed.api)?;
    let at = format!("/api/intents/{}", encoded(&deed.id));
    let seen = api.get(&at).await?;
    let digest = intent_of(&seen).pointer("/digest").cloned().unwrap_or(Value::Null);
    let mut body = match verb {
        "approve" => json!({ "comment": deed.reason, "confirmation": deed.confirmation }),
        _ => json!({ "reason": deed.reason }),
    };
    if let (Some(fields), false) = (body.as_object_mut(), digest.is_null()) {
        fields.retain(|_, value| !value.is_null());
        fields.insert("digest".to_owned(), digest);
    }
    let answer = api.post(&format!("{at}/{verb}"), body).await?;
    if deed.api.json {
        output::json(&answer);
    } else {
        let intent = intent_of(&answer);
        say!("{} is {}", text(intent, "/id"), text(intent, "/status"));
    }
    Ok(())
}

async fn watch(api: &Api, json: bool) -> anyhow::Result<()> {
    let mut stream = api.events().await?.bytes_stream();
    let mut buffer = String::new();
    note!("watching; Ctrl-C ends it");
    if !json {
        let pending = api.get("/api/intents?status=pending&limit=50").await?;
        let mut waiting: Vec<&Value> = pending.get("data").and_then(Value::as_array).into_iter().flatten().collect();
        waiting.reverse();
        waiting.into_iter().for_each(line);
    }
    while let Some(part) = stream.next().await {
        if output::is_unread() {
            break;
        }
        buffer.push_str(&String::from_utf8_lossy(&part?));
        while let Some(end) = buffer.find("\n\n") {
            let event: String = buffer.drain(..end + 2).collect();
            let data: String =
                event.lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim_start).collect();
            let Ok(news) = serde_json::from_str::<Value>(&data) else { continue };
            if json {
                say!("{news}");
                continue;
            }
            let Some(id) = news.get("id").and_then(Value::as_str).filter(|id| id.starts_with("int_")) else { continue };
            let seen = api.get(&format!("/api/intents/{}", encoded(id))).await?;
            line(intent_of(&seen));
        }
    }
    Ok(())
}

/// One call in one line of [`watch`].
fn line(intent: &Value) {
    let [id, status, tier, title] = ["/id", "/status", "/risk_tier", "/title"].map(|pointer| text(intent, pointer));
    say!("{id}  {status:<10} {tier:<8} {title}");
}

/// A single intent stands under `data` where the answer has an envelope.
fn intent_of(answer: &Value) -> &Value {
    answer.get("data").filter(|data| data.is_object()).unwrap_or(answer)
}

fn text(value: &Value, pointer: &str) -> String {
    match value.pointer(pointer) {
        Some(Value::String(text)) => output::plain(text),
        None | Some(Value::Null) => "-".to_owned(),
        Some(other) => output::plain(&other.to_string()),
    }
}

fn list(answer: &Value) {
    let rows: Vec<Vec<String>> = answer
        .get("data")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(|intent| {
            ["/id", "/status", "/risk_tier", "/action", "/agent/name", "/created_at", "/title"]
                .iter()
                .map(|pointer| text(intent, pointer))
                .collect()
        })
        .collect();
    output::table(&["INTENT", "STATUS", "RISK", "ACTION", "AGENT", "ASKED AT", "TITLE"], &rows);
}

fn show(intent: &Value) {
    say!("{}", text(intent, "/title"));
    for (name, pointer) in [
        ("intent", "/id"),
        ("status", "/status"),
        ("action", "/action"),
        ("risk", "/risk_tier"),
        ("agent", "/agent/name"),
        ("asked at", "/created_at"),
        ("expires at", "/expires_at"),
        ("policy", "/policy"),
        ("method", "/request/method"),
        ("target", "/request/target"),
        ("digest", "/digest"),
        ("parameters", "/parameters"),
        ("body", "/request/body"),
        ("approvals", "/approvals"),
        ("outcome", "/outcome"),
    ] {
        say!("  {name:<11} {}", text(intent, pointer));
    }
}

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
