//! A gate with one upstream, one agent and one admin, served by the proxy in this process.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use gate::deed::NewAgent;
use gate::store::sqlite::SqliteStore;
use gate::{
    Actor, AgentId, Clock, Gate, IntentFilter, IntentId, KeySecret, Person, Role, SystemClock, Verdict, VerdictWith,
};
use holdshort_proxy::Proxy;
use rules::Ruleset;
use rules::config::load::{NoSecrets, Source, load};
use rules::config::{SourceType, Trust};
use tokio::sync::oneshot;

use crate::client::{Answer, Client};
use crate::upstream::Upstream;

pub struct House {
    pub gate: Gate,
    pub address: SocketAddr,
    pub addresses: Vec<SocketAddr>,
    pub key: KeySecret,
    pub agent: AgentId,
    pub admin: Arc<Person>,
    stop: Option<oneshot::Sender<()>>,
    served: Option<tokio::task::JoinHandle<()>>,
    _folder: tempfile::TempDir,
}

/// `POST /held` needs a person, `POST /free` and `GET /free` are approved by policy, `/no` is denied,
/// `/stream` passes.
pub const ROUTES: &str = r"
    routes:
      - { action: hold_it, match: POST /held, risk_tier: high }
      - { action: free_it, match: [POST /free, GET /free, PUT /free], risk_tier: low }
      - { action: drop_it, match: POST /no, risk_tier: low }
      - { match: /stream/**, pass: true }
";

pub const POLICIES: &str = r"
policies:
  - { name: frees, action: free_*, decision: auto_approve }
  - { name: no drops, action: drop_*, decision: auto_deny, message: 'Not executed: nothing is dropped here.' }
";

pub async fn house(upstream: &Upstream) -> House {
    house_of(&format!("  api:\n    url: {}\n    at: /api\n{ROUTES}", upstream.url()), "").await
}

/// A house with these upstreams and further top-level keys.
pub async fn house_of(upstreams: &str, more: &str) -> House {
    house_in(tempfile::tempdir().unwrap(), "proxy: { listen: 127.0.0.1:0 }", upstreams, more).await
}

/// The same, with this `proxy` key and files in this folder.
pub async fn house_in(folder: tempfile::TempDir, proxy: &str, upstreams: &str, more: &str) -> House {
    open(folder, proxy, upstreams, more, Arc::new(SystemClock)).await
}

/// A house that goes by this clock.
pub async fn house_at(clock: Arc<dyn Clock>, upstreams: &str) -> House {
    open(tempfile::tempdir().unwrap(), "proxy: { listen: 127.0.0.1:0 }", upstreams, "", clock).await
}

/// The rules of a house.
pub fn rules_of(proxy: &str, upstreams: &str, more: &str) -> Arc<Ruleset> {
    let text = format!(
        "{proxy}\nadmin: {{ listen: 127.0.0.1:1, url: http://gate.test:8081 }}\n{more}\nupstreams:\n{upstreams}\n{POLICIES}"
    );
    let sources = vec![Source { name: "holdshort.yaml".into(), text: text.clone() }];
    let (config, _) = load(sources, &NoSecrets).unwrap_or_else(|findings| panic!("{text}\n{findings:?}"));
    Arc::new(Ruleset::compile(Arc::new(config)).unwrap())
}

async fn open(folder: tempfile::TempDir, proxy: &str, upstreams: &str, more: &str, clock: Arc<dyn Clock>) -> House {
    let rules = rules_of(proxy, upstreams, more);
    let store = Arc::new(SqliteStore::open(&folder.path().join("holdshort.db")).await.unwrap());
    let keys = permit::KeyRing::ephemeral(permit::Algorithm::Es256, 0).unwrap();
    let gate = Gate::open(store, clock, keys, rules).await.unwrap();
    let new = NewAgent {
        id: AgentId::new(gate.now()),
        name: "billing".into(),
        fingerprint: "billing".into(),
        project: "default".into(),
        owner: None,
        framework: None,
        risk_sensitivity: None,
        trust: Trust::Established,
        source_type: SourceType::AiAgent,
    };
    let (agent, key) = gate.add_agent(new, &Actor::Operator).await.unwrap();
    let admin = gate.add_person("dana@example.com", "Dana", Role::Admin, Vec::new(), &Actor::Operator).await.unwrap();
    let mut proxy = Proxy::new(gate.clone(), folder.path()).unwrap();
    proxy.bind().unwrap();
    let addresses = proxy.local_addrs();
    let address = addresses[0];
    let (stop, stopped) = oneshot::channel::<()>();
    let until = async move {
        let _ = stopped.await;
    };
    let served = tokio::spawn(proxy.serve(until, Duration::from_millis(200)));
    House {
        gate,
        address,
        addresses,
        key: key.secret,
        agent: agent.id,
        admin,
        stop: Some(stop),
        served: Some(served),
        _folder: folder,
    }
}

impl House {
    pub async fn client(&self) -> Client {
        Client::connect(self.address).await
    }

    /// A request of the agent, as bytes.
    pub fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> String {
        let length = if body.is_empty() { String::new() } else { format!("content-length: {}\r\n", body.len()) };
        format!(
            "{method} {path} HTTP/1.1\r\nhost: gate.test\r\nholdshort-key: {}\r\n{headers}{length}\r\n{body}",
            self.key.expose()
        )
    }

    /// The key of another agent.
    pub async fn another_agent(&self, name: &str) -> KeySecret {
        let new = NewAgent {
            id: AgentId::new(self.gate.now()),
            name: name.into(),
            fingerprint: name.into(),
            project: "default".into(),
            owner: None,
            framework: None,
            risk_sensitivity: None,
            trust: Trust::Established,
            source_type: SourceType::AiAgent,
        };
        self.gate.add_agent(new, &Actor::Operator).await.unwrap().1.secret
    }

    /// How many intents there are.
    pub async fn intents(&self) -> usize {
        self.gate.intents(&IntentFilter::default()).await.unwrap().items.len()
    }

    /// One request on a connection of its own.
    pub async fn call(&self, method: &str, path: &str, headers: &str, body: &str) -> Answer {
        let mut client = self.client().await;
        client.send(self.ask(method, path, headers, body)).await;
        client.answer_to(method).await
    }

    /// The one intent that waits, once there is one whose caller is connected.
    pub async fn pending(&self) -> IntentId {
        let filter = IntentFilter { states: vec!["pending".into()], ..IntentFilter::default() };
        let look = async {
            loop {
                let found = self.gate.intents(&filter).await.unwrap().items;
                if let Some(intent) = found.iter().find(|intent| intent.caller.connected) {
                    return intent.id;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), look).await.expect("no intent is pending")
    }

    /// Waits until a connection waits for the intent.
    pub async fn waits(&self, id: IntentId) {
        let look = async {
            while !self.gate.intent(id).await.unwrap().unwrap().caller.connected {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), look).await.expect("nobody waits for it");
    }

    pub async fn approve(&self, id: IntentId) {
        self.verdict(id, Verdict::Approve, None).await;
    }

    pub async fn verdict(&self, id: IntentId, verdict: Verdict, text: Option<&str>) {
        let with = VerdictWith { text: text.map(str::to_owned), ..VerdictWith::default() };
        self.gate.decide(id, &self.admin, verdict, with).await.unwrap();
    }

    /// Waits until the intent is in that state.
    pub async fn becomes(&self, id: IntentId, state: &str) -> gate::Intent {
        let look = async {
            loop {
                let intent = self.gate.intent(id).await.unwrap().unwrap();
                if intent.state.name() == state {
                    return intent;
                }
                tokio::task::yield_now().await;
            }
        };
        match tokio::time::timeout(Duration::from_secs(10), look).await {
            Ok(intent) => intent,
            Err(_) => panic!("it is {:?}", self.gate.intent(id).await.unwrap().unwrap().state),
        }
    }

    /// Waits until the caller's connection is known to be gone.
    pub async fn hung_up(&self, id: IntentId) {
        let look = async {
            while self.gate.intent(id).await.unwrap().unwrap().caller.connected {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), look).await.expect("the hang-up is not noticed");
    }

    /// Stops serving; gives the task that drains.
    pub fn stop(&mut self) -> tokio::task::JoinHandle<()> {
        let _ = self.stop.take().unwrap().send(());
        self.served.take().unwrap()
    }
}
