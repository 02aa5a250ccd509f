//! An agent: a plain HTTP client with a key.

use std::net::SocketAddr;
use std::time::Duration;

use reqwest::Method;
use serde_json::Value;
use tokio::task::JoinHandle;

#[derive(Clone)]
pub struct Agent {
    pub id: String,
    pub key: String,
    pub proxy: SocketAddr,
    pub base: String,
    client: reqwest::Client,
}

/// What the agent got.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The error's code, as the envelope has it.
    pub fn code(&self) -> String {
        self.json().pointer("/error/code").and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    pub fn message(&self) -> String {
        self.json().pointer("/error/message").and_then(Value::as_str).unwrap_or_default().to_owned()
    }
}

/// A call that may be waiting.
pub struct Call {
    task: JoinHandle<Result<Answer, String>>,
}

impl Call {
    pub async fn answer(self) -> Answer {
        let answer = tokio::time::timeout(Duration::from_secs(60), self.task).await;
        answer.expect("no answer within 60 s").unwrap().expect("the call got no answer")
    }

    /// The agent gives up: closes the connection.
    pub async fn hang_up(self) {
        self.task.abort();
        let _ = self.task.await;
    }

    pub fn is_waiting(&self) -> bool {
        !self.task.is_finished()
    }
}

pub struct Request {
    builder: reqwest::RequestBuilder,
}

impl Request {
    pub fn header(mut self, name: &str, value: &str) -> Request {
        self.builder = self.builder.header(name, value);
        self
    }

    pub fn json(mut self, body: &Value) -> Request {
        self.builder = self.builder.json(body);
        self
    }

    pub fn body(mut self, body: impl Into<reqwest::Body>) -> Request {
        self.builder = self.builder.body(body);
        self
    }

    pub fn start(self) -> Call {
        Call { task: tokio::spawn(send(self.builder)) }
    }

    pub async fn send(self) -> Answer {
        self.start().answer().await
    }
}

async fn send(builder: reqwest::RequestBuilder) -> Result<Answer, String> {
    let answer = builder.send().await.map_err(|error| format!("{error:?}"))?;
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    let text = answer.text().await.map_err(|error| format!("{error:?}"))?;
    Ok(Answer { status, headers, text })
}

impl Agent {
    pub fn new(id: &str, key: &str, proxy: SocketAddr, base: &str) -> Agent {
        let client = super::client().pool_max_idle_per_host(0).build().unwrap();
        Agent { id: id.to_owned(), key: key.to_owned(), proxy, base: base.to_owned(), client }
    }

    /// A request with the agent's key in `Holdshort-Key`.
    pub fn request(&self, method: &str, path: &str) -> Request {
        self.anonymous(method, path).header("Holdshort-Key", &self.key)
    }

    /// The same without the key.
    pub fn anonymous(&self, method: &str, path: &str) -> Request {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        Request { builder: self.client.request(method, format!("http://{}{path}", self.proxy)) }
    }

    pub fn post(&self, path: &str, body: &Value) -> Request {
        self.request("POST", &format!("{}{path}", self.base)).json(body)
    }

    pub fn get(&self, path: &str) -> Request {
        self.request("GET", &format!("{}{path}", self.base))
    }

    pub fn delete(&self, path: &str) -> Request {
        self.request("DELETE", &format!("{}{path}", self.base))
    }
}
