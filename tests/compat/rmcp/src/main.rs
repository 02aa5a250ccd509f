//! The driver for Rust's MCP SDK; see `drivers/base.py` for the orders. It sets a URL and nothing else: the key stands
//! in it. `rmcp` has no timer of its own, so a program that wants one drops the call.

use std::time::{Duration, Instant};

use rmcp::model::CallToolRequestParams;
use rmcp::service::{RoleClient, RunningService};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::ServiceExt as _;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};

type Client = RunningService<RoleClient, ()>;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    println!("{}", json!({ "ready": true }));
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut open: Option<(String, Client)> = None;
    while let Ok(Some(line)) = lines.next_line().await {
        let order: Value = serde_json::from_str(&line).expect("an order is JSON");
        let began = Instant::now();
        let mut saw = match client(&mut open, &order).await {
            Ok(client) => call(client, &order).await,
            Err(error) => json!({ "text": error, "status": null, "error": "ClientInitializeError" }),
        };
        saw["seconds"] = json!((began.elapsed().as_secs_f64() * 10.0).round() / 10.0);
        println!("{saw}");
    }
}

async fn client<'a>(open: &'a mut Option<(String, Client)>, order: &Value) -> Result<&'a Client, String> {
    let url = order["keyed_url"].as_str().expect("a URL");
    if open.as_ref().is_none_or(|(known, _)| known != url) {
        let transport = StreamableHttpClientTransport::from_uri(url);
        let client = ().serve(transport).await.map_err(|error| error.to_string())?;
        *open = Some((url.to_owned(), client));
    }
    Ok(&open.as_ref().expect("it was just made").1)
}

async fn call(client: &Client, order: &Value) -> Value {
    let Some(marker) = order["marker"].as_str() else {
        return json!({ "text": "connected", "status": null, "error": null });
    };
    let arguments = json!({ "message": marker }).as_object().cloned().unwrap_or_default();
    let call = client.call_tool(CallToolRequestParams::new("echo").with_arguments(arguments));
    let done = match order["timeout"].as_f64() {
        None => call.await,
        Some(seconds) => match tokio::time::timeout(Duration::from_secs_f64(seconds), call).await {
            Ok(done) => done,
            Err(elapsed) => return json!({ "text": elapsed.to_string(), "status": null, "error": "Elapsed" }),
        },
    };
    match done {
        Ok(result) => {
            let result = serde_json::to_value(result).expect("a result is JSON");
            let error = result["isError"].as_bool().unwrap_or_default().then_some("isError");
            json!({ "text": result["content"][0]["text"], "status": null, "error": error })
        }
        Err(error) => json!({ "text": error.to_string(), "status": null, "error": "ServiceError" }),
    }
}
