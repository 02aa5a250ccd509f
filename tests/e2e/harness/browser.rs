//! A person's browser: a real Chromium, led through `tests/clients/browser.mjs`.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::tool;

pub struct Browser {
    commands: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    child: Child,
}

impl Browser {
    pub async fn open(url: &str) -> Browser {
        Browser::with(&json!({}), url).await
    }

    /// In which no script runs.
    pub async fn without_javascript(url: &str) -> Browser {
        Browser::with(&json!({ "javaScriptEnabled": false }), url).await
    }

    /// Options are those of a Playwright context.
    pub async fn with(options: &Value, url: &str) -> Browser {
        let modules = tool("node_modules");
        let mut child = Command::new("node")
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/browser.mjs"))
            .arg(modules)
            .arg(chromium())
            .arg(options.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let commands = child.stdin.take().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut browser = Browser { commands, answers, child };
        assert_eq!(browser.answer("starting the browser").await, json!({ "ready": true }));
        browser.go(url).await;
        browser
    }

    /// Ends it, and sees that it takes its temporary files away.
    pub async fn close(self) {
        let Browser { commands, mut child, .. } = self;
        drop(commands);
        let ended = tokio::time::timeout(Duration::from_secs(30), child.wait()).await;
        assert!(ended.expect("the browser does not end").unwrap().success());
    }

    async fn answer(&mut self, what: &str) -> Value {
        let line = tokio::time::timeout(Duration::from_secs(60), self.answers.next_line()).await;
        let line = line.unwrap_or_else(|_| panic!("the browser says nothing ({what})")).unwrap();
        let line = line.unwrap_or_else(|| panic!("the browser has ended ({what})"));
        serde_json::from_str(&line).unwrap()
    }

    async fn told(&mut self, command: Value) -> Value {
        let what = command.to_string();
        self.commands.write_all(format!("{what}\n").as_bytes()).await.unwrap();
        let answer = self.answer(&what).await;
        assert!(answer.get("failed").is_none(), "{what}: {}", answer["failed"].as_str().unwrap());
        answer["done"].clone()
    }

    /// Opens an address; the status that came back.
    pub async fn go(&mut self, url: &str) -> u64 {
        self.told(json!({ "do": "open", "url": url })).await.as_u64().unwrap()
    }

    pub async fn fill(&mut self, label: &str, text: &str) {
        self.told(json!({ "do": "fill", "label": label, "text": text })).await;
    }

    pub async fn press(&mut self, button: &str) {
        self.told(json!({ "do": "press", "button": button })).await;
    }

    pub async fn follow(&mut self, text: &str) {
        self.told(json!({ "do": "follow", "text": text })).await;
    }

    /// Waits until a text can be seen.
    pub async fn sees(&mut self, text: &str) {
        self.told(json!({ "do": "sees", "text": text })).await;
    }

    /// Waits until a text cannot be seen.
    pub async fn lacks(&mut self, text: &str) {
        self.told(json!({ "do": "lacks", "text": text })).await;
    }

    /// Puts something else into the hidden fields of this name.
    pub async fn forge(&mut self, field: &str, value: &str) {
        self.told(json!({ "do": "forge", "field": field, "value": value })).await;
    }

    pub async fn text(&mut self) -> String {
        self.told(json!({ "do": "text" })).await.as_str().unwrap().to_owned()
    }

    /// How often another page was loaded, or this one again.
    pub async fn loads(&mut self) -> u64 {
        self.told(json!({ "do": "loads" })).await.as_u64().unwrap()
    }

    /// By how many pixels the page is wider than the window.
    pub async fn overflow(&mut self) -> i64 {
        self.told(json!({ "do": "overflow" })).await.as_i64().unwrap()
    }

    /// What the browser wrote to its console as errors, e.g. that the page's own policy forbade something.
    pub async fn complaints(&mut self) -> Value {
        self.told(json!({ "do": "complaints" })).await
    }
}

#[expect(clippy::disallowed_methods, reason = "the browser is looked for where the shell would")]
fn chromium() -> PathBuf {
    let names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let mut all = names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    all.find(|file| file.is_file()).expect("no Chromium: run `cargo xtask test`, which installs it")
}
