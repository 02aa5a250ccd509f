//! Against things nobody here wrote: boto3 with moto, the MCP TypeScript SDK with server-everything.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;
use tokio::process::{Child, Command};

use crate::harness::{Gate, eventually, free_address, holdshort, python, run_holdshort, tool};

fn client(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(name)
}

async fn listening(address: SocketAddr, what: &str) {
    eventually(what, || async {
        tokio::net::TcpStream::connect(address).await.map(drop).map_err(|error| error.to_string())
    })
    .await;
}

async fn output(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output().await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

/// moto's S3, and a gate whose listener belongs to one agent: boto3 takes neither a header nor a path.
async fn s3() -> (Child, SocketAddr, Gate, SocketAddr) {
    let moto = free_address();
    let server = Command::new(python())
        .args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &moto.port().to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let (proxy, admin, bound) = (free_address(), free_address(), free_address());
    let configuration = format!(
        r#"
proxy: {{ listen: {proxy} }}
admin: {{ listen: {admin}, url: "http://{admin}" }}
database: sqlite:holdshort.db
agents: {{ ops: {{ project: default }} }}
upstreams:
  s3:
    url: http://{moto}
    listen: {{ address: {bound}, agent: ops }}
    preserve_host: true
    routes:
      - {{ action: delete_bucket, match: "DELETE /{{bucket}}", risk_tier: critical, title: "Delete bucket {{params.bucket}}" }}
      - {{ action: read_s3, match: "GET /**", risk_tier: low }}
policies:
  - {{ name: reads, action: read_*, decision: auto_approve }}
"#
    );
    let gate = Gate::start(&configuration, proxy, admin).await;
    listening(moto, "moto").await;
    for bucket in ["ledger", "scratch"] {
        let made = crate::harness::client().build().unwrap().put(format!("http://{moto}/{bucket}")).send();
        assert!(made.await.unwrap().status().is_success());
    }
    (server, moto, gate, bound)
}

async fn buckets(moto: SocketAddr) -> String {
    let client = crate::harness::client().build().unwrap();
    client.get(format!("http://{moto}/")).send().await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn boto3_deletes_a_bucket_when_a_person_approves_and_only_then() {
    let (_server, moto, gate, bound) = s3().await;
    let delete = |bucket: &'static str| {
        let mut command = Command::new(python());
        command.arg(client("delete_bucket.py")).arg(format!("http://{bound}")).arg(bucket);
        tokio::spawn(async move { output(&mut command).await })
    };

    let scratch = delete("scratch");
    let waiting = gate.dana().next_pending().await;
    assert_eq!(waiting.intent["title"], "Delete bucket scratch");
    assert!(buckets(moto).await.contains("scratch"), "it waits");
    waiting.approve().await;
    assert_eq!(scratch.await.unwrap().trim(), "deleted 204");
    assert!(!buckets(moto).await.contains("scratch"));
    let intent = gate.dana().sees(waiting.id(), "executed").await;
    assert_eq!(intent["outcome"]["status"], 204, "executed once: a second deletion would have been a 404");

    let ledger = delete("ledger");
    gate.dana().next_pending().await.deny("that is the ledger").await;
    let said = ledger.await.unwrap();
    assert!(said.starts_with("refused") && said.contains("(DENIED)") && said.contains("that is the ledger"), "{said}");
    assert!(buckets(moto).await.contains("ledger"), "the bucket is still there");
    gate.verify_audit().await;
}

/// server-everything, which speaks `transport`.
async fn everything(transport: &str) -> (Child, SocketAddr) {
    let address = free_address();
    let server = Command::new("node")
        .arg(tool("node_modules").join("@modelcontextprotocol/server-everything/dist/index.js"))
        .arg(transport)
        .env("PORT", address.port().to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    listening(address, "server-everything").await;
    (server, address)
}

#[tokio::test]
async fn the_mcp_sdk_reads_of_approval_denial_and_policy_over_http_and_sse() {
    let (_server, address) = everything("sse").await;
    let gate = holdshort()
        .before_url(&format!("http://127.0.0.1:{}", address.port()))
        .upstream_with("protocol: mcp")
        .route("match: { mcp: { tool: echo } }, risk_tier: high")
        .route("action: structure, match: { mcp: { tool: get-structured-content } }, risk_tier: low")
        .policy(
            "name: no structure, action: structure, decision: auto_deny, message: 'Not executed: no weather today.'",
        )
        .run()
        .await;
    let agent = gate.agent("talker").await;
    let url = format!("http://{}/k/{}/up/sse", gate.proxy, agent.key);
    let call = |tool_name: &'static str, arguments: &'static str| {
        let mut command = Command::new("node");
        command.arg(client("call_tool.mjs")).arg(tool("node_modules")).arg(&url);
        command.args([tool_name, arguments, "sse"]);
        tokio::spawn(async move { output(&mut command).await })
    };
    let said = call("echo", r#"{"message":"hello"}"#);
    gate.dana().next_pending().await.approve().await;
    let said = said.await.unwrap();
    assert!(said.contains("tools true") && said.contains("result") && said.contains("hello"), "{said}");

    let denied = call("echo", r#"{"message":"goodbye"}"#);
    gate.dana().next_pending().await.deny("not today").await;
    let denied = denied.await.unwrap();
    assert!(denied.contains("error") && denied.contains("not today"), "{denied}");

    // The tool promises a structure of its results, and the SDK holds every one against it.
    let blocked = call("get-structured-content", r#"{"location":"Chicago"}"#).await.unwrap();
    assert!(blocked.contains("error") && blocked.contains("no weather today"), "{blocked}");
    assert_eq!(gate.dana().intents("executed").await.len(), 1);
    gate.verify_audit().await;
}

#[tokio::test]
async fn the_mcp_sdk_calls_a_tool_of_server_everything_when_a_person_approves() {
    let modules = tool("node_modules");
    let (_server, address) = everything("streamableHttp").await;
    let gate = holdshort()
        .before_url(&format!("http://127.0.0.1:{}", address.port()))
        .upstream_with("protocol: mcp")
        .route("match: { mcp: { tool: \"*\" } }, risk_tier: high, params: { message: /message }, title: \"Say {params.message}\"")
        .run()
        .await;
    let agent = gate.agent("talker").await;
    let url = format!("http://{}/k/{}/up/mcp", gate.proxy, agent.key);
    let call = |message: &str| {
        let mut command = Command::new("node");
        command
            .arg(client("call_tool.mjs"))
            .arg(&modules)
            .arg(&url)
            .arg("echo")
            .arg(format!("{{\"message\":\"{message}\"}}"));
        tokio::spawn(async move { output(&mut command).await })
    };

    let said = call("hello");
    let waiting = gate.dana().next_pending().await;
    assert_eq!(waiting.intent["action"], "echo");
    assert_eq!(waiting.intent["title"], "Say hello");
    waiting.approve().await;
    let said = said.await.unwrap();
    assert!(said.contains("tools true") && said.contains("result") && said.contains("hello"), "{said}");

    let denied = call("goodbye");
    gate.dana().next_pending().await.deny("not today").await;
    let denied = denied.await.unwrap();
    assert!(denied.contains("error") && denied.contains("not today"), "{denied}");
    let executed: Vec<Value> = gate.dana().intents("executed").await;
    assert_eq!(executed.len(), 1);
    let log = run_holdshort(gate.folder.path(), &["audit", "verify"]).await;
    assert!(log.status.success());
}
