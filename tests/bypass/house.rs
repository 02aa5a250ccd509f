//! One gate for all rows: per lane and profile a plain upstream, one that ignores case, an MCP server and
//! one that speaks GraphQL, all served by one recorder.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Mutex;

use crate::case::{Case, Finding, Profile};
use crate::harness::{Gate, free_address, upstream};
use crate::lane::Lane;
use crate::oracle::Oracle;

/// Rows are tried side by side on so many lanes per profile.
const WIDTH: usize = 4;

/// Relative to each plain upstream; what they protect is what [`Oracle`] looks for.
const ROUTES: &str = r#"
      - { action: read_public, match: GET /v1/public/**, risk_tier: low }
      - { action: mark, match: GET /marker/**, risk_tier: low }
      - { action: admin, match: [/admin/**, /v1/admin/**], risk_tier: critical }
      - { action: refund, match: "POST /v1/refunds/{id}", risk_tier: high, params: { amount: { from: /amount, type: decimal } } }
      - { action: make_user, match: POST /v1/users, risk_tier: high, params: { role: /user/role } }
      - { action: transfer, match: POST /v1/transfers, risk_tier: high, params: { amount: { from: query.amount, type: integer } } }
      - { action: pay, match: POST /v1/payments, risk_tier: high, params: { amount: { from: form.amount, type: integer } } }
      - { action: search, match: { method: GET, path: /v1/search, body: { /kind: export } }, risk_tier: high }
      - { action: gold, match: { path: /v1/tiers, headers: { x-tier: "gold*" } }, risk_tier: high }
"#;

const MCP_ROUTES: &str = r#"
      - { action: read_tool, match: { mcp: { tool: "read_*" } }, risk_tier: low }
      - { action: delete_tool, match: { mcp: { tool: "delete_*" } }, risk_tier: high, params: { amount: { from: /amount, type: integer } } }
"#;

const GRAPHQL_ROUTES: &str = r#"
      - { action: read_graph, match: { graphql: { operation: query } }, risk_tier: low }
      - { action: delete_user, match: { graphql: { operation: mutation, field: "delete*" } }, risk_tier: high }
"#;

const POLICIES: &str = r#"
policies:
  - { name: reads pass, action: [read_public, read_tool, read_graph, mark], decision: auto_approve }
  - { name: no admin, action: admin, decision: auto_deny, message: "Not executed: never." }
  - { name: small sums, action: [refund, transfer, pay], when: "params.amount <= 100", decision: auto_approve }
  - { name: plain users, action: make_user, when: 'params.role == "user"', decision: auto_approve }
"#;

pub struct House {
    lanes: Vec<Arc<Lane>>,
}

impl House {
    pub async fn open() -> House {
        let mut lanes = Vec::new();
        let mut upstreams = String::from("upstreams:\n");
        for profile in Profile::BOTH {
            for number in 0..WIDTH {
                let recorder = upstream().takes_chunks().run().await;
                let (letter, unmatched) = match profile {
                    Profile::Reject => ('r', "reject"),
                    Profile::Pass => ('p', "pass"),
                };
                let name = format!("{letter}{number}");
                let url = recorder.url();
                for (kind, keys, routes) in [
                    ("", format!("host: {name}.test, "), ROUTES),
                    ("i", "paths: { case: insensitive }, ".to_owned(), ROUTES),
                    ("m", "protocol: mcp, ".to_owned(), MCP_ROUTES),
                    ("g", String::new(), GRAPHQL_ROUTES),
                ] {
                    let _ = write!(
                        upstreams,
                        "  {kind}{name}:\n    <<: {{ url: \"{url}\", at: /{kind}{name}, {keys}unmatched: {unmatched} }}\n    routes:{routes}"
                    );
                }
                lanes.push((profile, name, recorder));
            }
        }
        let (proxy, admin) = (free_address(), free_address());
        let text = format!(
            "proxy: {{ listen: {proxy} }}\nadmin: {{ listen: {admin}, url: \"http://{admin}\" }}\n\
             database: sqlite:holdshort.db\nhold: {{ timeout: 60ms }}\n\
             limits: {{ held: 100000, per_agent: {{ held: 100000 }}, per_project: {{ held: 100000 }} }}\n{upstreams}{POLICIES}"
        );
        let gate = Arc::new(Gate::start(&text, proxy, admin).await);
        let agent = gate.agent("evil").await;
        let other = gate.agent("other").await;
        let reloading = Arc::new(Mutex::new(()));
        let (_, keys) = gate.dana().get("/.well-known/jwks.json").await;
        let lanes = lanes.into_iter().map(|(profile, name, recorder)| {
            let oracle = Oracle::new(&keys.to_string(), &gate.admin());
            Arc::new(Lane::new(
                profile,
                name,
                recorder,
                [&agent.key, &other.key],
                gate.clone(),
                oracle,
                reloading.clone(),
            ))
        });
        House { lanes: lanes.collect() }
    }

    /// Tries every row under both profiles.
    pub async fn try_all(&self, cases: Vec<Case>) -> Vec<Finding> {
        let cases: Arc<Vec<Case>> = Arc::new(cases);
        let tried = Arc::new(Mutex::new(Vec::new()));
        let next: [Arc<AtomicUsize>; 2] = Default::default();
        let mut workers = Vec::new();
        for lane in &self.lanes {
            let profile = usize::from(lane.profile == Profile::Pass);
            let (lane, cases, tried, next) = (lane.clone(), cases.clone(), tried.clone(), next[profile].clone());
            workers.push(tokio::spawn(async move {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let (held, failed) = lane.try_case(case).await;
                    tried.lock().await.push((case.id, profile, held, failed));
                }
            }));
        }
        for worker in workers {
            worker.await.unwrap();
        }
        let cases = Arc::into_inner(cases).expect("all workers are done");
        let mut findings: Vec<Finding> =
            cases.into_iter().map(|case| Finding { case, held: [0; 2], failed: Default::default() }).collect();
        for (id, profile, held, failed) in tried.lock().await.drain(..) {
            let finding = findings.iter_mut().find(|finding| finding.case.id == id).unwrap();
            finding.held[profile] = held;
            finding.failed[profile] = failed;
        }
        findings
    }
}
