//! The gate: the built binary, in a folder of its own, set up by its own command line.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use super::{Agent, Person, Upstream, eventually, free_address};

pub struct Builder {
    routes: Vec<String>,
    policies: Vec<String>,
    upstream: Option<(String, String)>,
    top: Vec<String>,
    nobody: bool,
}

pub fn holdshort() -> Builder {
    Builder { routes: Vec::new(), policies: Vec::new(), upstream: None, top: Vec::new(), nobody: false }
}

impl Builder {
    /// The service behind, mounted at `/up`.
    pub fn before(self, upstream: &Upstream) -> Builder {
        let url = upstream.url();
        self.before_url(&url)
    }

    pub fn before_url(mut self, url: &str) -> Builder {
        self.upstream = Some((url.to_owned(), "at: /up".to_owned()));
        self
    }

    /// Further keys of the upstream, in YAML's flow style, e.g. `unmatched: pass`.
    pub fn upstream_with(mut self, lines: &str) -> Builder {
        let (_, keys) = self.upstream.as_mut().expect("before(..) comes first");
        keys.push_str(", ");
        keys.push_str(lines);
        self
    }

    /// A route in YAML's flow style: `action: x, match: POST /charges`.
    pub fn route(mut self, route: &str) -> Builder {
        self.routes.push(format!("{{ {route} }}"));
        self
    }

    pub fn policy(mut self, policy: &str) -> Builder {
        self.policies.push(format!("{{ {policy} }}"));
        self
    }

    /// A line at the top of the file, e.g. `approval: { expires_in: 5s }`.
    pub fn with(mut self, line: &str) -> Builder {
        self.top.push(line.to_owned());
        self
    }

    /// Nobody has an account yet, not even dana.
    pub fn without_people(mut self) -> Builder {
        self.nobody = true;
        self
    }

    pub async fn run(self) -> Gate {
        let (url, keys) = self.upstream.expect("before(..) names the service");
        let (proxy, admin) = (free_address(), free_address());
        let mut text = format!(
            "proxy: {{ listen: {proxy} }}\nadmin: {{ listen: {admin}, url: \"http://{admin}\" }}\ndatabase: sqlite:holdshort.db\n"
        );
        for line in &self.top {
            text.push_str(line);
            text.push('\n');
        }
        text.push_str(&format!(
            "upstreams:\n  up: {{ url: \"{url}\", {keys}, routes: [ {} ] }}\n",
            self.routes.join(", ")
        ));
        if !self.policies.is_empty() {
            text.push_str(&format!("policies: [ {} ]\n", self.policies.join(", ")));
        }
        if self.nobody { Gate::start_empty(&text, proxy, admin).await } else { Gate::start(&text, proxy, admin).await }
    }
}

/// A running gate.
pub struct Gate {
    pub folder: TempDir,
    pub proxy: SocketAddr,
    pub admin_address: SocketAddr,
    child: Child,
    log: PathBuf,
    dana: Option<Person>,
    environment: Vec<(String, String)>,
}

impl Gate {
    pub async fn start(text: &str, proxy: SocketAddr, admin: SocketAddr) -> Gate {
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join("holdshort.yaml"), text).unwrap();
        let dana = add_user(folder.path(), admin, "dana@example.com", "admin", &[]).await;
        Gate::run(folder, proxy, admin, Some(dana)).await
    }

    async fn start_empty(text: &str, proxy: SocketAddr, admin: SocketAddr) -> Gate {
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join("holdshort.yaml"), text).unwrap();
        Gate::run(folder, proxy, admin, None).await
    }

    async fn run(folder: TempDir, proxy: SocketAddr, admin: SocketAddr, dana: Option<Person>) -> Gate {
        let log = folder.path().join("serve.log");
        let child = serve(folder.path(), &log, &[]);
        let mut gate = Gate { folder, proxy, admin_address: admin, child, log, dana, environment: Vec::new() };
        gate.ready().await;
        gate
    }

    /// Where it runs: configuration, store, keys.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn admin(&self) -> String {
        format!("http://{}", self.admin_address)
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    async fn ready(&mut self) {
        let url = format!("{}/readyz", self.admin());
        let client = super::client().build().unwrap();
        let log = self.log.clone();
        let child = &mut self.child;
        let ended = async { child.wait().await.unwrap() };
        let ready = eventually("the gate to be ready", || async {
            match client.get(&url).send().await {
                Ok(answer) if answer.status() == 200 => Ok(()),
                Ok(answer) => Err(format!("/readyz says {}", answer.status())),
                Err(error) => Err(error.to_string()),
            }
        });
        tokio::select! {
            () = ready => {}
            status = ended => panic!("serve ended ({status}): {}", std::fs::read_to_string(&log).unwrap_or_default()),
        }
    }

    /// Registers an agent by the command line, beside the running gate.
    pub async fn agent(&self, name: &str) -> Agent {
        let added = json_of(run_holdshort(self.folder.path(), &["agents", "add", name, "--json"]).await);
        let text = |key: &str| added[key].as_str().unwrap_or_else(|| panic!("no {key}: {added}")).to_owned();
        Agent::new(&text("id"), &text("key"), self.proxy, "/up")
    }

    /// The first admin.
    pub fn dana(&self) -> Person {
        self.dana.clone().expect("this gate was started without people")
    }

    /// The one-time link that the first start prints.
    pub async fn sign_in_link(&self) -> String {
        eventually("the sign-in link", || async {
            let log = self.log();
            let link = log.split_whitespace().find(|word| word.contains("/link/")).map(str::to_owned);
            link.ok_or(log)
        })
        .await
    }

    pub async fn person(&self, email: &str, role: &str, teams: &[&str]) -> Person {
        add_user(self.folder.path(), self.admin_address, email, role, teams).await
    }

    /// SIGKILL: nothing is told, nothing is flushed.
    pub async fn kill(&mut self) {
        self.child.start_kill().unwrap();
        self.child.wait().await.unwrap();
    }

    /// SIGTERM.
    pub fn terminate(&self) {
        self.signal("-TERM");
    }

    pub fn signal(&self, signal: &str) {
        let pid = self.child.id().expect("it runs").to_string();
        assert!(std::process::Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    pub async fn ended(&mut self) -> std::process::ExitStatus {
        tokio::time::timeout(Duration::from_secs(60), self.child.wait()).await.expect("it goes on running").unwrap()
    }

    pub async fn restart(&mut self) {
        self.child = serve(self.folder.path(), &self.log, &self.environment);
        self.ready().await;
    }

    /// As [`Gate::restart`], on a disk whose syncs a test can make fail or hang (`disk.c`).
    pub async fn restart_on_bad_disk(&mut self) {
        let shim = self.folder.path().join("disk.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e/harness/disk.c");
        let built = Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&shim).arg(source).status().await;
        assert!(built.unwrap().success(), "cc, which building needs anyway, cannot compile disk.c");
        self.environment = vec![("LD_PRELOAD".to_owned(), shim.to_str().unwrap().to_owned())];
        self.restart().await;
    }

    pub fn pid(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// A line of `/proc/PID/status`.
    pub fn proc_status(&self, name: &str) -> String {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.unwrap_or_else(|| panic!("no {name}: {status}")).trim().to_owned()
    }

    /// No more file descriptors than it has now, and a few.
    pub fn limit_descriptors(&self, more: usize) {
        let open = std::fs::read_dir(format!("/proc/{}/fd", self.pid())).unwrap().count();
        self.limit(&format!("--nofile={}:", open + more));
    }

    /// As [`Gate::restart`]; no file of the process may then grow beyond so many bytes, as on a full disk.
    pub async fn restart_limited(&mut self, bytes: u64) {
        self.restart().await;
        self.limit_files(&format!("{bytes}:unlimited"));
    }

    /// There is room again.
    pub fn lift_limit(&self) {
        self.limit_files("unlimited:unlimited");
    }

    fn limit_files(&self, limit: &str) {
        self.limit(&format!("--fsize={limit}"));
    }

    fn limit(&self, limit: &str) {
        let done = std::process::Command::new("prlimit").args(["--pid", &self.pid().to_string(), limit]).status();
        assert!(done.unwrap().success(), "prlimit (util-linux) could not set the limit");
    }

    /// The audit log verifies and the state is what the events say.
    pub async fn verify_audit(&self) {
        let output = run_holdshort(self.folder.path(), &["audit", "verify"]).await;
        assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        let _ = self.child.start_kill();
        if std::thread::panicking() {
            eprintln!("--- log of the gate ---\n{}", self.log());
        }
    }
}

fn serve(folder: &Path, log: &Path, environment: &[(String, String)]) -> Child {
    let log = std::fs::OpenOptions::new().create(true).append(true).open(log).unwrap();
    Command::new(env!("CARGO_BIN_EXE_holdshort"))
        .args(["serve", "--drain", "5"])
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

/// Runs the binary in a folder.
pub async fn run_holdshort(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_holdshort"))
        .args(args)
        .current_dir(folder)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .unwrap()
}

async fn add_user(folder: &Path, admin: SocketAddr, email: &str, role: &str, teams: &[&str]) -> Person {
    let mut args = vec!["users", "add", email, "--role", role, "--json"];
    for team in teams {
        args.extend(["--team", team]);
    }
    let added = json_of(run_holdshort(folder, &args).await);
    Person::new(added["token"].as_str().unwrap_or_else(|| panic!("no token: {added}")), &format!("http://{admin}"))
}

fn json_of(output: Output) -> Value {
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("not JSON: {}", text(&output.stdout)))
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
