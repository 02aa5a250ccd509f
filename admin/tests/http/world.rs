//! A gate with an upstream, an agent, and people; requests to it as any of them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use gate::audit::checkpoint::LogKey;
use gate::deed::NewAgent;
use gate::store::sqlite::SqliteStore;
use gate::{
    Actor, Agent, AgentId, Call, Gate, Hold, IntentId, KeySecret, ManualClock, Person, Role, Submitted, Timestamp,
};
use holdshort_admin::{ConfigStatus, Options, Reload};
use http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, HOST, LOCATION, ORIGIN, SET_COOKIE};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use rules::Ruleset;
use rules::config::load::{NoSecrets, Source, load};
use rules::config::{SourceType, Trust};
use rules::request::{Head, HttpVersion, RawHead, Reading};
use rules::ruleset::Routed;
use serde_json::Value;
use tokio::sync::watch;
use tower::ServiceExt;

pub(crate) const URL: &str = "http://127.0.0.1:8081";
pub(crate) const PASSWORD: &str = "correct horse battery staple";
const PROXY: &str = "127.0.0.1:8080";

const RULES: &str = "
upstreams:
  payments:
    url: http://127.0.0.1:9000
    at: /payments
    projects: [default, other]
    routes:
      - action: issue_refund
        match: POST /v1/refunds
        risk_tier: high
        title: 'Refund {params.amount} to {params.customer_id}'
        params: { amount: { from: /amount, type: integer }, customer_id: /customer_id }
      - action: note
        match: POST /v1/notes
        risk_tier: medium
      - action: drop_customer
        match: DELETE /v1/customers/{id}
        risk_tier: critical
projects: [other]
teams: { finance: [dana@example.com] }
policies:
  - name: drops need a word
    action: drop_customer
    decision: require_approval
    approvals: { required: 1, confirm: '{params.id}' }
  - name: refunds need finance
    action: issue_refund
    decision: require_approval
    approvals: { required: 1, from: [finance] }
";

pub(crate) struct World {
    pub(crate) gate: Gate,
    router: Router,
    agents_router: Router,
    _folder: tempfile::TempDir,
    _ready: watch::Sender<bool>,
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {} {}", self.status, self.text))
    }

    pub(crate) fn code(&self) -> String {
        format!("{} {}", self.status.as_u16(), self.json()["error"]["code"].as_str().unwrap_or("-"))
    }

    pub(crate) fn location(&self) -> &str {
        self.headers.get(LOCATION).map_or("", |value| value.to_str().unwrap())
    }
}

struct Files;

#[async_trait::async_trait]
impl Reload for Files {
    fn status(&self) -> ConfigStatus {
        ConfigStatus { digest: "d1".into(), loaded_at: Timestamp(1_800_000_000_000_000), error: None }
    }

    async fn reload(&self) -> Result<ConfigStatus, String> {
        Err("holdshort.yaml:3:5: unknown key `upstream`".into())
    }
}

pub(crate) async fn world() -> World {
    world_with("").await
}

/// With more at the end of the configuration.
pub(crate) async fn world_with(more: &str) -> World {
    world_of(&format!("{RULES}{more}")).await
}

pub(crate) async fn world_of(rules: &str) -> World {
    let folder = tempfile::tempdir().unwrap();
    let clock = ManualClock::at(Timestamp(1_800_000_000_000_000));
    let store = SqliteStore::open(&folder.path().join("holdshort.db")).await.unwrap();
    let source = Source { name: "holdshort.yaml".into(), text: rules.to_owned() };
    let (config, _) = load(vec![source], &NoSecrets).unwrap_or_else(|findings| panic!("{findings:?}"));
    let rules = Arc::new(Ruleset::compile(Arc::new(config)).unwrap_or_else(|findings| panic!("{findings:?}")));
    let keys = permit::KeyRing::ephemeral(permit::Algorithm::EdDsa, 0).unwrap();
    let gate = Gate::open(Arc::new(store), Arc::new(clock.clone()), keys, rules).await.unwrap();
    let gate = gate.signing_checkpoints(LogKey::ephemeral("gate.example.com/log", 0).unwrap());
    let (ready, is_ready) = watch::channel(true);
    let options = Options {
        url: URL.into(),
        listen: "127.0.0.1:8081".parse().unwrap(),
        proxy_url: format!("http://{PROXY}"),
        reload: Arc::new(Files),
        metrics: Arc::new(|| "holdshort_up 1\n".to_owned()),
        ready: is_ready,
    };
    World {
        router: holdshort_admin::router(gate.clone(), options.clone()),
        agents_router: holdshort_admin::agents_router(gate.clone(), options),
        gate,
        _folder: folder,
        _ready: ready,
    }
}

/// Somebody who calls: with a key, or not.
pub(crate) struct As<'a> {
    world: &'a World,
    key: Option<String>,
    agents_side: bool,
}

impl World {
    pub(crate) async fn person(&self, email: &str, role: Role) -> (Arc<Person>, String) {
        let person = self.gate.add_person(email, "", role, Vec::new(), &Actor::Operator).await.unwrap();
        let token = self.gate.mint_token(person.id, None, &Actor::Operator).await.unwrap();
        (person, token.secret.expose().to_owned())
    }

    pub(crate) async fn agent(&self, name: &str, project: &str) -> (Arc<Agent>, KeySecret) {
        let new = NewAgent {
            id: AgentId::new(self.gate.now()),
            name: name.into(),
            fingerprint: name.into(),
            project: project.into(),
            owner: None,
            framework: None,
            risk_sensitivity: None,
            trust: Trust::Established,
            source_type: SourceType::AiAgent,
        };
        let (agent, key) = self.gate.add_agent(new, &Actor::Operator).await.unwrap();
        (agent, key.secret)
    }

    /// A call of an agent, held.
    pub(crate) async fn held(&self, agent: &Arc<Agent>, method: &str, path: &str, body: &str) -> Hold {
        let rules = self.gate.rules();
        let target = format!("/payments{path}");
        let length = body.len().to_string();
        let headers: Vec<(&[u8], &[u8])> = vec![
            (b"host", PROXY.as_bytes()),
            (b"content-type", b"application/json"),
            (b"content-length", length.as_bytes()),
        ];
        let raw = RawHead {
            version: HttpVersion::Http11,
            method,
            target: target.as_bytes(),
            authority: None,
            headers: &headers,
        };
        let reading = Reading { permit_header: "holdshort-permit".into(), head_limit: 32 * 1024 };
        let head = Head::read(&raw, &reading).unwrap();
        let listener: SocketAddr = PROXY.parse().unwrap();
        let mounted = rules.mount(listener, &head).unwrap();
        let request = rules::Request::new(head, &mounted, body.to_owned().into()).unwrap();
        let Ok(Routed::Action(hit)) = rules.route(&request) else { panic!("no route") };
        let call =
            Call { agent: agent.clone(), request: Arc::new(request), hit, rules, patience: Duration::from_secs(50) };
        match self.gate.submit(call).await {
            Submitted::Held(hold) => hold,
            other => panic!("not held: {other:?}"),
        }
    }

    pub(crate) async fn digest(&self, id: IntentId) -> String {
        self.gate.intent(id).await.unwrap().unwrap().request.unwrap().digest
    }

    pub(crate) async fn state(&self, id: IntentId) -> &'static str {
        self.gate.intent(id).await.unwrap().unwrap().state.name()
    }

    pub(crate) fn with(&self, key: &str) -> As<'_> {
        As { world: self, key: Some(key.to_owned()), agents_side: false }
    }

    pub(crate) fn nobody(&self) -> As<'_> {
        As { world: self, key: None, agents_side: false }
    }

    pub(crate) fn agents_side(&self, key: &str) -> As<'_> {
        As { world: self, key: Some(key.to_owned()), agents_side: true }
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        read(self.router.clone().oneshot(request).await.unwrap()).await
    }

    pub(crate) fn router(&self) -> Router {
        self.router.clone()
    }

    /// Signs a person in through their one-time link, as a browser does.
    pub(crate) async fn browser(&self, email: &str, role: Role) -> Browser<'_> {
        let person = self.gate.add_person(email, "", role, Vec::new(), &Actor::Operator).await.unwrap();
        let token = self.gate.offer_link(Some(person.id), &Actor::Operator).await.unwrap();
        let mut browser = Browser { world: self, cookie: String::new(), csrf: String::new() };
        let answer = browser.post(&format!("/link/{token}"), &[("password", PASSWORD)]).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
        browser.take_cookie(&answer);
        browser.open("/").await;
        browser
    }
}

async fn read(response: axum::response::Response) -> Answer {
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    Answer { status: parts.status, headers: parts.headers, text: String::from_utf8_lossy(&bytes).into_owned() }
}

impl As<'_> {
    pub(crate) async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let mut request = Request::builder().method(method).uri(path).header(HOST, "127.0.0.1:8081");
        if let Some(key) = &self.key {
            request = request.header(AUTHORIZATION, format!("Bearer {key}"));
        }
        let body = match body {
            Some(body) => {
                request = request.header(CONTENT_TYPE, "application/json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        let router = if self.agents_side { &self.world.agents_router } else { &self.world.router };
        read(router.clone().oneshot(request.body(body).unwrap()).await.unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, None).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Answer {
        self.ask(Method::PUT, path, Some(body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.ask(Method::DELETE, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.ask(Method::POST, path, Some(body)).await
    }
}

/// A browser with its cookie, and the token of the last page it saw.
pub(crate) struct Browser<'a> {
    world: &'a World,
    pub(crate) cookie: String,
    pub(crate) csrf: String,
}

impl Browser<'_> {
    pub(crate) fn take_cookie(&mut self, answer: &Answer) {
        if let Some(value) = answer.headers.get(SET_COOKIE) {
            self.cookie = value.to_str().unwrap().split(';').next().unwrap().to_owned();
        }
    }

    pub(crate) async fn open(&mut self, path: &str) -> Answer {
        let request = self.request(Method::GET, path).body(Body::empty()).unwrap();
        let answer = self.world.send(request).await;
        if let Some(token) = field(&answer.text, "csrf") {
            self.csrf = token;
        }
        answer
    }

    /// Posts a form as our own page does, without the token.
    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let request = self.request(Method::POST, path).header(ORIGIN, URL).header("sec-fetch-site", "same-origin");
        self.world.send(form(request, fields)).await
    }

    /// Posts a form of the page that was opened last.
    pub(crate) async fn submit(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let mut all = vec![("csrf", self.csrf.as_str())];
        all.extend_from_slice(fields);
        self.post(path, &all).await
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> http::request::Builder {
        let request = Request::builder().method(method).uri(path).header(HOST, "127.0.0.1:8081");
        if self.cookie.is_empty() { request } else { request.header(COOKIE, &self.cookie) }
    }
}

pub(crate) fn form(request: http::request::Builder, fields: &[(&str, &str)]) -> Request<Body> {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(Body::from(body)).unwrap()
}

/// The value of a hidden field.
pub(crate) fn field(html: &str, name: &str) -> Option<String> {
    let (_, rest) = html.split_once(&format!("name=\"{name}\" value=\""))?;
    rest.split('"').next().map(str::to_owned)
}
