//! An MCP server over Streamable HTTP: each of its tools becomes a route.

use std::collections::HashSet;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

use super::words::{Actions, param_name};
use super::written::{Imported, Match, Param, Route};
use super::{tier, upstream_name};
use crate::cli::ImportArgs;
use crate::exit;

const PROTOCOL: &str = "2025-11-25";
const MOST_TOOLS: usize = 5_000;
const LARGEST_ANSWER: usize = 16 << 20;
const MOST_PARAMS: usize = 4;

pub(super) async fn imported(url: &str, headers: &[String], args: &ImportArgs) -> anyhow::Result<Imported> {
    let mut server = Server::new(url, headers)?;
    let hello = server.initialize().await?;
    let tools = server.tools().await;
    server.leave().await;
    let tools = tools?;
    let about = hello.get("serverInfo");
    let info = |key: &str| about.and_then(|info| info.get(key)).and_then(Value::as_str).unwrap_or_default();
    Ok(from_tools(url, [info("name"), info("version")], &tools, upstream_name(args, info("name"))?))
}

/// Pure: what the server said becomes routes.
pub(super) fn from_tools(url: &str, [title, version]: [&str; 2], tools: &[Value], name: String) -> Imported {
    let mut actions = Actions::default();
    let (mut routes, mut skipped, mut seen) = (Vec::new(), Vec::new(), HashSet::new());
    for tool in tools {
        let name = tool.get("name").and_then(Value::as_str).unwrap_or_default();
        let callable = !name.is_empty()
            && name.len() <= 256
            && name.trim() == name
            && name.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
        if !callable {
            skipped.push(format!("tool {name:?}: the gate accepts names of printable ASCII only"));
        } else if seen.insert(name.to_owned()) {
            routes.push(route(name, tool, &mut actions));
        }
    }
    Imported {
        remarks: vec![
            format!("Imported from the MCP server {title} {version}: {} tools.", routes.len()),
            "The tiers are a guess. What a server says of its tools (readOnlyHint) is a hint, not a promise: it never \
             lowers a tier below medium here. Lower it yourself where you trust the server."
                .to_owned(),
            "Tools that no route names are rejected.".to_owned(),
        ],
        name,
        url: url.trim_end_matches('/').to_owned(),
        url_remark: None,
        mcp: true,
        routes,
        skipped,
    }
}

fn route(name: &str, tool: &Value, actions: &mut Actions) -> Route {
    let hint = |key: &str| tool.pointer(&format!("/annotations/{key}")).and_then(Value::as_bool);
    let text = |pointer: &str| tool.pointer(pointer).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
    let (tier, tier_remark) = tier::of_tool(name, hint("destructiveHint") == Some(true));
    let mut remarks: Vec<String> = text("/description").map(str::to_owned).into_iter().collect();
    if hint("readOnlyHint") == Some(true) {
        remarks.push("It says that it only reads (readOnlyHint).".to_owned());
    }
    let (mut shown, mut params) = (Vec::new(), Vec::new());
    let properties = tool.pointer("/inputSchema/properties").and_then(Value::as_object);
    let required = tool.pointer("/inputSchema/required").and_then(Value::as_array).into_iter().flatten();
    for property in required.filter_map(Value::as_str).filter(|property| !property.is_empty()) {
        let kind = properties.and_then(|all| all.get(property)).and_then(|schema| schema.get("type"));
        let kind = match kind.and_then(Value::as_str) {
            Some("string") => None,
            Some("integer") => Some("integer"),
            Some("number") => Some("decimal"),
            Some("boolean") => Some("boolean"),
            _ => continue,
        };
        let plain = param_name(property);
        if shown.len() < MOST_PARAMS && !shown.contains(&plain) {
            let from = format!("/{}", property.replace('~', "~0").replace('/', "~1"));
            params.push(Param { name: plain.clone(), from, kind });
            shown.push(plain);
        }
    }
    let mut literal = name.replace('\\', "\\\\").replace('*', "\\*").replace('?', "\\?");
    if literal.starts_with("file:") {
        // A text that begins so would be read from that file; a glob may escape any of its characters.
        literal.insert(0, '\\');
    }
    Route {
        action: actions.take(name),
        matches: Match::Tool(literal),
        tier,
        tier_remark,
        title: text("/title").or(text("/annotations/title")).unwrap_or(name).to_owned(),
        shown,
        remarks,
        params,
    }
}

struct Server {
    url: String,
    client: reqwest::Client,
    headers: HeaderMap,
    next_id: u64,
}

impl Server {
    fn new(url: &str, given: &[String]) -> anyhow::Result<Server> {
        let wrong = || exit::finding(format!("{url:?}: a URL like http://127.0.0.1:3001/mcp"));
        let parsed = url::Url::parse(url).map_err(|_| wrong())?;
        if !matches!(parsed.scheme(), "http" | "https") || !parsed.has_host() {
            return Err(wrong());
        }
        let mut headers = HeaderMap::new();
        headers.insert("accept", HeaderValue::from_static("application/json, text/event-stream"));
        for header in given {
            let bad = || exit::finding("--header: write `Name: value`");
            let (name, value) = header.split_once(':').ok_or_else(bad)?;
            let name = HeaderName::from_bytes(name.trim().as_bytes()).map_err(|_| bad())?;
            headers.insert(name, HeaderValue::from_str(value.trim()).map_err(|_| bad())?);
        }
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_secs(10))
            .timeout(Duration::from_secs(60))
            .build()?;
        Ok(Server { url: url.to_owned(), client, headers, next_id: 1 })
    }

    async fn initialize(&mut self) -> anyhow::Result<Value> {
        let hello = json!({
            "protocolVersion": PROTOCOL,
            "capabilities": {},
            "clientInfo": { "name": "holdshort-import", "version": env!("CARGO_PKG_VERSION") },
        });
        let result = self.ask("initialize", hello).await?;
        let version = result.get("protocolVersion").and_then(Value::as_str).unwrap_or(PROTOCOL);
        let version = HeaderValue::from_str(version).map_err(|_| self.strange("no protocol version"))?;
        self.headers.insert("mcp-protocol-version", version);
        let ready = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        self.send(&ready).await?;
        Ok(result)
    }

    async fn tools(&mut self) -> anyhow::Result<Vec<Value>> {
        let mut tools = Vec::new();
        let mut cursors = HashSet::new();
        let mut params = json!({});
        loop {
            let page = self.ask("tools/list", params).await?;
            tools.extend(page.get("tools").and_then(Value::as_array).into_iter().flatten().cloned());
            let Some(cursor) = page.get("nextCursor").and_then(Value::as_str) else { return Ok(tools) };
            if tools.len() > MOST_TOOLS || !cursors.insert(cursor.to_owned()) {
                return Err(self.strange("its list of tools does not end"));
            }
            params = json!({ "cursor": cursor });
        }
    }

    /// Ends the session; a server that has none does not mind.
    async fn leave(&self) {
        if self.headers.contains_key("mcp-session-id") {
            let _ = self.client.delete(&self.url).headers(self.headers.clone()).send().await;
        }
    }

    async fn ask(&mut self, method: &str, params: Value) -> anyhow::Result<Value> {
        let id = self.next_id;
        self.next_id += 1;
        let message = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        let mut answer = self.send(&message).await?;
        let streams = answer
            .headers()
            .get("content-type")
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.trim_start().to_ascii_lowercase().starts_with("text/event-stream"));
        let mut read: Vec<u8> = Vec::new();
        loop {
            let part = answer.chunk().await.map_err(|error| self.unreachable(&error))?;
            let ended = part.is_none();
            read.extend_from_slice(&part.unwrap_or_default());
            if read.len() > LARGEST_ANSWER {
                return Err(self.strange("its answer is too large"));
            }
            if streams || ended {
                let text = String::from_utf8_lossy(&read).replace("\r\n", "\n");
                let found = if streams { in_stream(&text, id) } else { serde_json::from_str(&text).ok() };
                if let Some(answer) = found {
                    return self.result(method, &answer);
                }
            }
            if ended {
                return Err(self.strange("its answer is no JSON-RPC message"));
            }
        }
    }

    async fn send(&mut self, message: &Value) -> anyhow::Result<reqwest::Response> {
        let sending = self.client.post(&self.url).headers(self.headers.clone()).json(message).send();
        let answer = sending.await.map_err(|error| self.unreachable(&error))?;
        if !answer.status().is_success() {
            return Err(exit::unavailable(format!("the MCP server at {} answered {}", self.url, answer.status())));
        }
        if let Some(session) = answer.headers().get("mcp-session-id") {
            self.headers.insert("mcp-session-id", session.clone());
        }
        Ok(answer)
    }

    fn result(&self, method: &str, answer: &Value) -> anyhow::Result<Value> {
        match answer.get("result") {
            Some(result) => Ok(result.clone()),
            None => {
                let said = answer.pointer("/error/message").and_then(Value::as_str).unwrap_or("nothing");
                Err(self.strange(&format!("{method} was answered with {}", crate::output::plain(said))))
            }
        }
    }

    fn unreachable(&self, error: &reqwest::Error) -> anyhow::Error {
        exit::unavailable(format!("the MCP server at {} does not answer: {error}", self.url))
    }

    fn strange(&self, what: &str) -> anyhow::Error {
        exit::finding(format!("the MCP server at {}: {what}", self.url))
    }
}

/// The answer to that request among the events of a stream, once it is whole.
fn in_stream(text: &str, id: u64) -> Option<Value> {
    // What follows the last empty line has not come in whole yet.
    let (whole, _) = text.rsplit_once("\n\n")?;
    whole.split("\n\n").find_map(|event| {
        let data: Vec<&str> = event.lines().filter_map(|line| line.strip_prefix("data:")).collect();
        let message: Value = serde_json::from_str(&data.join("\n")).ok()?;
        (message.get("id").and_then(Value::as_u64) == Some(id)).then_some(message)
    })
}
