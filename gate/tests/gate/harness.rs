//! A gate on a store of its own, with a clock that is moved by hand.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gate::agent::{Agent, AgentStatus};
use gate::call::{Call, Submitted};
use gate::hold::{Hold, Wake};
use gate::intent::{Intent, IntentFilter, State};
use gate::refusal::Refusal;
use gate::release::{Released, Sent};
use gate::store::sqlite::SqliteStore;
use gate::{Actor, AgentId, DecideError, Gate, IntentId, ManualClock, Person, Role, Timestamp, Verdict, VerdictWith};
use rules::config::load::{NoSecrets, Source, load};
use rules::config::{SourceType, Trust};
use rules::request::{Head, HttpVersion, RawHead, Reading};
use rules::ruleset::Routed;
use rules::{Request, Ruleset};

/// Reads pass, `POST /refunds` needs one person, `POST /transfers` two, `POST /late` waits a minute after
/// the verdict, `DELETE` is denied.
pub const RULES: &str = r#"
upstreams:
  payments:
    url: http://127.0.0.1:9
    at: /payments
    routes:
      - { action: read, match: GET /**, risk_tier: low }
      - { action: refund, match: POST /refunds, risk_tier: high, params: { amount: { from: /amount, type: integer } } }
      - { action: transfer, match: POST /transfers, risk_tier: high }
      - { action: late, match: POST /late, risk_tier: high }
      - { action: sure, match: POST /sure, risk_tier: high }
      - { action: charge, match: POST /charges, risk_tier: low }
      - { action: drop_all, match: DELETE /**, risk_tier: critical }
policies:
  - { name: reads pass, action: read, decision: auto_approve }
  - { name: charges pass, action: charge, decision: auto_approve }
  - { name: no drops, action: drop_*, decision: auto_deny, message: "Not executed: never." }
  - { name: refunds, action: refund, decision: require_approval, approvals: { required: 1, expires_in: 30m } }
  - { name: transfers, action: transfer, decision: require_approval, approvals: { required: 2 } }
  - { name: late, action: late, decision: require_approval, approvals: { required: 1, delay: 1m } }
  - { name: sure, action: sure, decision: require_approval, approvals: { required: 1, confirm: true } }
"#;

pub const START: Timestamp = Timestamp(1_795_000_000_000_000);

pub fn rules(text: &str) -> Arc<Ruleset> {
    let source = Source { name: "gate.yaml".to_owned(), text: text.to_owned() };
    let (config, _) = load(vec![source], &NoSecrets).unwrap_or_else(|findings| panic!("{findings}"));
    Arc::new(Ruleset::compile(Arc::new(config)).unwrap_or_else(|findings| panic!("{findings:?}")))
}

pub struct House {
    pub gate: Gate,
    pub clock: ManualClock,
    pub agent: Arc<Agent>,
    pub path: PathBuf,
    pub folder: Arc<tempfile::TempDir>,
}

pub async fn house() -> House {
    house_with(RULES).await
}

pub async fn house_with(text: &str) -> House {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let path = folder.path().join("holdshort.db");
    let clock = ManualClock::at(START);
    let agent = agent("billing");
    let gate = open(&path, &clock, text).await;
    House { gate, clock, agent, path, folder }
}

pub async fn open(path: &std::path::Path, clock: &ManualClock, text: &str) -> Gate {
    let store = SqliteStore::open(path).await.unwrap();
    let keys = permit::KeyRing::ephemeral(permit::Algorithm::EdDsa, START.seconds()).unwrap();
    Gate::open(Arc::new(store), Arc::new(clock.clone()), keys, rules(text)).await.unwrap()
}

pub fn agent(name: &str) -> Arc<Agent> {
    Arc::new(Agent {
        id: AgentId::new(START),
        name: name.to_owned(),
        fingerprint: name.to_owned(),
        project: "default".to_owned(),
        owner: Some("olga@example.com".to_owned()),
        framework: None,
        risk_sensitivity: None,
        trust: Trust::Active,
        source_type: SourceType::AiAgent,
        status: AgentStatus::Active,
        hold: None,
        enforce: true,
        from_files: false,
        created_at: START,
        last_seen_at: None,
        keys: Vec::new(),
    })
}

/// `METHOD target`, header lines, an empty line, the body.
pub fn request(rules: &Ruleset, text: &str) -> Request {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let mut lines = head.lines().map(str::trim);
    let (method, target) = lines.next().unwrap().split_once(' ').unwrap();
    let target = format!("/payments{target}");
    let mut headers: Vec<(&[u8], &[u8])> = vec![(b"host", b"gate.example")];
    headers.extend(lines.map(|line| line.split_once(": ").unwrap()).map(|(n, v)| (n.as_bytes(), v.as_bytes())));
    let length = body.len().to_string();
    if !body.is_empty() {
        headers.push((b"content-length", length.as_bytes()));
        headers.push((b"content-type", b"application/json"));
    }
    let target = target.as_bytes();
    let raw = RawHead { version: HttpVersion::Http11, method, target, authority: None, headers: &headers };
    let reading = Reading { permit_header: "holdshort-permit".to_owned(), head_limit: 32 * 1024 };
    let head = Head::read(&raw, &reading).unwrap();
    let mounted = rules.mount("127.0.0.1:8080".parse().unwrap(), &head).expect("no mount");
    Request::new(head, &mounted, Bytes::copy_from_slice(body.as_bytes())).unwrap()
}

impl House {
    pub fn call(&self, text: &str) -> Call {
        self.call_of(&self.agent, text)
    }

    pub fn call_of(&self, agent: &Arc<Agent>, text: &str) -> Call {
        let rules = self.gate.rules();
        let request = request(&rules, text);
        let Ok(Routed::Action(hit)) = rules.route(&request) else { panic!("no action: {text}") };
        Call { agent: agent.clone(), request: Arc::new(request), hit, rules, patience: Duration::from_secs(50) }
    }

    pub async fn submit(&self, text: &str) -> Submitted {
        self.gate.submit(self.call(text)).await
    }

    pub async fn held(&self, text: &str) -> Hold {
        match self.submit(text).await {
            Submitted::Held(hold) => hold,
            other => panic!("{text}: {other:?}"),
        }
    }

    pub async fn released(&self, text: &str) -> Released {
        match self.submit(text).await {
            Submitted::Released(released) => released,
            other => panic!("{text}: {other:?}"),
        }
    }

    pub async fn refused(&self, text: &str) -> Refusal {
        match self.submit(text).await {
            Submitted::Refused(refusal) => refusal,
            other => panic!("{text}: {other:?}"),
        }
    }

    pub async fn person(&self, name: &str, role: Role) -> Arc<Person> {
        let email = format!("{name}@example.com");
        self.gate.add_person(&email, name, role, Vec::new(), &Actor::Operator).await.unwrap()
    }

    pub async fn approver(&self, name: &str) -> Arc<Person> {
        self.person(name, Role::Approver).await
    }

    pub async fn approve(&self, id: IntentId, by: &Person) -> Result<Intent, DecideError> {
        self.gate.decide(id, by, Verdict::Approve, VerdictWith::default()).await
    }

    pub async fn deny(&self, id: IntentId, by: &Person, why: &str) -> Result<Intent, DecideError> {
        let with = VerdictWith { text: Some(why.to_owned()), ..VerdictWith::default() };
        self.gate.decide(id, by, Verdict::Deny, with).await
    }

    pub async fn intent(&self, id: IntentId) -> Intent {
        self.gate.intent(id).await.unwrap().unwrap()
    }

    pub async fn state(&self, id: IntentId) -> State {
        self.intent(id).await.state
    }

    /// Waits until an intent is in a state.
    pub async fn becomes(&self, id: IntentId, name: &str) -> State {
        let mut last = None;
        for _ in 0..1000 {
            let state = self.state(id).await;
            if state.name() == name {
                return state;
            }
            last = Some(state);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("{id} never became {name}: {last:?}");
    }

    pub async fn all(&self) -> Vec<Intent> {
        self.gate.intents(&IntentFilter::default()).await.unwrap().items
    }

    /// The kinds of an intent's events, without their prefix.
    pub async fn life(&self, id: IntentId) -> Vec<String> {
        let log = self.gate.audit_of(id).await.unwrap();
        log.iter().map(|entry| entry.kind.trim_start_matches("intent.").to_owned()).collect()
    }

    pub async fn verifies(&self) {
        let report = self.gate.verify_audit(None).await.unwrap();
        assert!(report.problems.is_empty(), "{:?}", report.problems);
    }
}

/// Holds, is approved, and connects at once.
pub async fn claimed(hold: &mut Hold) -> Result<Released, Refusal> {
    match hold.wake().await {
        Wake::Connect(approved) => approved.claim().await,
        other => panic!("{other:?}"),
    }
}

pub fn sent(delivered: bool, answer: Option<gate::StoredAnswer>) -> Sent {
    Sent { status: 200, duration: Duration::from_millis(7), excerpt: Some("{}".to_owned()), delivered, answer }
}

pub fn answer(intent: IntentId) -> gate::StoredAnswer {
    gate::StoredAnswer {
        intent,
        status: 200,
        headers: vec![("content-type".to_owned(), b"application/json".to_vec())],
        body: Bytes::from_static(b"{\"id\":1}"),
    }
}
