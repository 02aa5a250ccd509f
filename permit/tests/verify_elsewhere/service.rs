//! A service behind permits, most of them processes of their own, and the key set that it fetches.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::{Extension, Json, Router};
use holdshort_permit::{KeySet, PermitLayer, Verified, Verifier};
use serde_json::{Value, json};

use super::Call;

pub(crate) struct Service {
    address: String,
    _running: Running,
}

/// What ends with the service.
enum Running {
    Process(Child, #[expect(dead_code, reason = "removed when dropped")] Option<tempfile::TempDir>),
    #[expect(dead_code, reason = "its tasks end when dropped")]
    Tasks(tokio::runtime::Runtime),
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Value,
}

impl Service {
    /// In this process, as README.md shows it.
    pub(crate) fn axum(jwks: &str, issuer: &str) -> Service {
        let jwks = jwks.to_owned();
        let verifier = Verifier::new(KeySet::default(), "payments").issuer(issuer).keys_from(move || {
            let url = jwks.clone();
            async move { Ok(tokio::task::spawn_blocking(move || fetch(&url)).await?) }
        });
        let executed = Arc::new(AtomicUsize::new(0));
        let handler = move |Extension(permit): Extension<Verified>| async move {
            let executed = executed.fetch_add(1, Ordering::SeqCst) + 1;
            Json(json!({ "intent_id": permit.claims.intent_id, "executed": executed }))
        };
        let app = Router::new().fallback(handler).layer(PermitLayer::new(verifier).check_headers());
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        runtime.spawn(async move { axum::serve(listener, app).await });
        Service { address, _running: Running::Tasks(runtime) }
    }

    pub(crate) fn python(jwks: &str, issuer: &str) -> Service {
        let mut command = Command::new(tool("venv/bin/python"));
        command.arg("-B").arg(example("python/service.py"));
        Service::start(command, jwks, issuer, None)
    }

    pub(crate) fn node(jwks: &str, issuer: &str) -> Service {
        // Node looks for packages beside the file that imports them.
        let folder = tempfile::tempdir().unwrap();
        for file in ["service.mjs", "permit.mjs"] {
            std::fs::copy(example("node").join(file), folder.path().join(file)).unwrap();
        }
        tool("node_modules/jose");
        std::os::unix::fs::symlink(tool("node_modules"), folder.path().join("node_modules")).unwrap();
        let mut command = Command::new("node");
        command.arg(folder.path().join("service.mjs"));
        Service::start(command, jwks, issuer, Some(folder))
    }

    pub(crate) fn go(jwks: &str, issuer: &str) -> Service {
        let folder = tempfile::tempdir().unwrap();
        for file in ["go.mod", "permit.go", "service.go"] {
            std::fs::copy(example("go").join(file), folder.path().join(file)).unwrap();
        }
        for arguments in [&["mod", "tidy"][..], &["build", "-o", "service", "."]] {
            let done = Command::new("go").args(arguments).current_dir(&folder).status().expect("running go");
            assert!(done.success(), "go {arguments:?}");
        }
        Service::start(Command::new(folder.path().join("service")), jwks, issuer, Some(folder))
    }

    fn start(mut command: Command, jwks: &str, issuer: &str, folder: Option<tempfile::TempDir>) -> Service {
        command.args(["--jwks", jwks, "--issuer", issuer, "--audience", "payments", "--port", "0", "--check-headers"]);
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("starting the service");
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on ").map(str::to_owned);
        let running = Running::Process(process, folder);
        let address = address.unwrap_or_else(|| panic!("the service did not start: {line:?}"));
        Service { address, _running: running }
    }

    pub(crate) fn call(&self, call: &Call) -> Answer {
        let mut request = format!("{} {} HTTP/1.1\r\nHost: {}\r\n", call.method, call.target, self.address);
        for permit in &call.permits {
            request += &format!("Holdshort-Permit: {permit}\r\n");
        }
        request += &format!(
            "X-Note: a\r\nContent-Type: \t{} \r\nX-Note: b\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{}",
            call.content_type,
            call.body.len(),
            call.body
        );
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").expect("an answer");
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head: head.to_lowercase(), body: read_json(body) }
    }

    /// The call is answered 401 for one of the reasons between bars.
    pub(crate) fn refuses(&self, name: &str, call: &Call, why: &str) {
        let answer = self.call(call);
        assert_eq!(answer.status, 401, "{name}: {}", answer.body);
        assert!(answer.head.contains("content-type: application/problem+json"), "{name}: {}", answer.head);
        let detail = answer.body["detail"].as_str().unwrap();
        assert!(why.split('|').any(|word| detail.contains(word)), "{name}: refused because {detail:?}, not {why:?}");
    }
}

/// A body with a length, or in one piece of a chunked one.
fn read_json(body: &str) -> Value {
    let (start, end) = (body.find('{').unwrap_or(0), body.rfind('}').map_or(0, |at| at + 1));
    serde_json::from_str(&body[start..end]).unwrap_or_else(|error| panic!("{error}: {body:?}"))
}

/// A GET as plain as can be.
fn fetch(url: &str) -> Value {
    let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    read_json(answer.split_once("\r\n\r\n").unwrap().1)
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Running::Process(process, _) = self {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// Serves a key set as the gate does; returns its URL.
pub(crate) fn serve_key_set(jwks: &Value) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let body = jwks.to_string();
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let request = BufReader::new(&stream).lines().map_while(Result::ok);
            // Up to the empty line that ends the head.
            request.take_while(|line| !line.is_empty()).for_each(drop);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    format!("http://{address}/.well-known/jwks.json")
}

fn example(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/verify").join(path)
}

#[expect(clippy::disallowed_methods, reason = "where the tools are is told to the test by who runs it")]
fn tool(path: &str) -> PathBuf {
    let default = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/test-tools");
    let folder = std::env::var_os("HOLDSHORT_TEST_TOOLS").map_or_else(default, PathBuf::from);
    // Not canonical: python finds its environment by the path that it is called by.
    let tool = folder.join(path);
    assert!(tool.exists(), "{} is not there: run `cargo xtask test`, which installs what tests use", tool.display());
    std::path::absolute(tool).unwrap()
}
