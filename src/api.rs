//! The admin API, as a person uses it from the command line.

use std::path::Path;
use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::cli::ApiArgs;
use crate::configuration::{self, Configuration, variable};
use crate::exit;

/// Where the admin is and who asks.
#[derive(Debug)]
pub(crate) struct Api {
    url: String,
    token: String,
    client: reqwest::Client,
}

impl Api {
    pub(crate) fn new(config: Option<&Path>, args: &ApiArgs) -> anyhow::Result<Api> {
        let token = variable("HOLDSHORT_TOKEN").ok_or_else(|| {
            exit::finding(
                "set HOLDSHORT_TOKEN to your personal token; `holdshort users token NAME` makes one on the gate's machine",
            )
        })?;
        Api::with(config, args, token)
    }

    /// As an agent or a project.
    pub(crate) fn with_key(config: Option<&Path>, args: &ApiArgs) -> anyhow::Result<Api> {
        let key = variable("HOLDSHORT_KEY").ok_or_else(|| {
            exit::finding("set HOLDSHORT_KEY to an agent's or a project's key; `holdshort agents add NAME` makes one")
        })?;
        Api::with(config, args, key)
    }

    fn with(config: Option<&Path>, args: &ApiArgs, token: String) -> anyhow::Result<Api> {
        let url = match &args.url {
            Some(url) => url.clone(),
            None if configuration::is_nothing(config) => "http://127.0.0.1:8081".to_owned(),
            // A configuration that is broken does not say where its gate is: another gate could be at the default.
            None => Configuration::load_without_secrets(config)?.config().admin.url.clone(),
        };
        let client = reqwest::Client::builder().no_proxy().connect_timeout(Duration::from_secs(5)).build()?;
        Ok(Api { url: url.trim_end_matches('/').to_owned(), token, client })
    }

    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.call(Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> anyhow::Result<Value> {
        self.call(Method::POST, path, Some(body)).await
    }

    /// An agent's id from its id or name.
    pub(crate) async fn agent_id(&self, id_or_name: &str) -> anyhow::Result<String> {
        if id_or_name.starts_with("agt_") {
            return Ok(id_or_name.to_owned());
        }
        let agents = self.get("/api/agents").await?;
        let found = agents.get("data").and_then(Value::as_array).into_iter().flatten().find(|agent| {
            ["name", "fingerprint"].iter().any(|key| agent.get(key).and_then(Value::as_str) == Some(id_or_name))
        });
        found
            .and_then(|agent| agent.get("id"))
            .and_then(Value::as_str)
            .map(str::to_owned)
            .ok_or_else(|| exit::finding(format!("there is no agent {id_or_name:?}; `holdshort agents list` has them")))
    }

    /// The lines of the live feed, one JSON object each.
    pub(crate) async fn events(&self) -> anyhow::Result<reqwest::Response> {
        let answer = self
            .client
            .get(format!("{}/api/events", self.url))
            .bearer_auth(&self.token)
            .send()
            .await
            .map_err(|error| self.unreachable(&error))?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let status = answer.status();
        Err(refused(status, &answer.json().await.unwrap_or_default()))
    }

    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> anyhow::Result<Value> {
        let mut request = self
            .client
            .request(method, format!("{}{path}", self.url))
            .bearer_auth(&self.token)
            .timeout(Duration::from_secs(60));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.map_err(|error| self.unreachable(&error))?;
        let status = answer.status();
        let value: Value = answer.json().await.unwrap_or_default();
        if status.is_success() { Ok(value) } else { Err(refused(status, &value)) }
    }

    fn unreachable(&self, error: &reqwest::Error) -> anyhow::Error {
        exit::unavailable(format!("the gate's admin at {} does not answer: {error} (--url says where it is)", self.url))
    }
}

fn refused(status: StatusCode, answer: &Value) -> anyhow::Error {
    let part = |pointer: &str| answer.pointer(pointer).and_then(Value::as_str);
    let text = match (part("/error/code"), part("/error/message")) {
        (Some(code), Some(message)) => format!("{code}: {}", crate::output::plain(message)),
        _ => format!("the gate answered {status}"),
    };
    if status.is_server_error() { exit::unavailable(text) } else { exit::finding(text) }
}
