//! `holdshort demo`: a gate, a service behind it and an agent play the whole story, unabridged: real
//! sockets, real signatures, a real store in the demo's own folder.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use gate::deed::NewAgent;
use gate::{Actor, AgentId, Role};
use rules::config::{SourceType, Trust};
use serde_json::{Value, json};

use crate::cli::DemoArgs;
use crate::configuration::Configuration;
use crate::exit::Exit;
use crate::serve::Running;
use crate::{log, output};

mod acme;
mod stage;

use crate::say;
use stage::Stage;

pub(crate) async fn run(args: DemoArgs) -> anyhow::Result<Exit> {
    log::start_quietly();
    let stage = Stage::set(&args.dir)?;
    let acme = tokio::net::TcpListener::bind(stage.acme).await.context("opening Acme Pay")?;
    let running = Running::start(Configuration::load(Some(&stage.configuration()))?, Duration::from_secs(1)).await?;
    let http = reqwest::Client::builder().no_proxy().build()?;
    let jwks: Value = http.get(format!("http://{}/.well-known/jwks.json", stage.admin)).send().await?.json().await?;
    let ledger = acme::Ledger::default();
    let service = acme::service(&jwks, ledger.clone())?;
    let serving = tokio::spawn(async move { axum::serve(acme, service).await });

    let gate = running.gate();
    let agent = NewAgent {
        id: AgentId::new(gate.now()),
        name: "billing-agent".to_owned(),
        fingerprint: String::new(),
        project: "default".to_owned(),
        owner: None,
        framework: Some("python".to_owned()),
        risk_sensitivity: None,
        trust: Trust::New,
        source_type: SourceType::AiAgent,
    };
    let (agent, key) = gate.add_agent(agent, &Actor::Operator).await?;
    let you = gate.add_person("you@example.com", "You", Role::Admin, Vec::new(), &Actor::Operator).await?;
    let token = gate.mint_token(you.id, Some("demo".to_owned()), &Actor::Operator).await?;
    let link = format!("http://{}/link/{}", stage.admin, gate.offer_link(Some(you.id), &Actor::Operator).await?);

    let story = Story {
        http,
        pay: format!("http://{}/pay", stage.proxy),
        direct: format!("http://{}", stage.acme),
        admin: format!("http://{}", stage.admin),
        key: key.secret.expose().to_owned(),
        token: token.secret.expose().to_owned(),
        agent: agent.id,
        ledger,
        yes: args.yes,
        link,
    };
    let played = story.play(&running).await;
    let look_around = played.is_ok() && !args.yes && std::io::stdout().is_terminal();
    if look_around {
        say!("\nThe gate goes on running: http://{} (Ctrl-C ends it)", stage.admin);
        tokio::signal::ctrl_c().await?;
    }
    serving.abort();
    running.stop().await;
    played?;
    say!("\nAll of it is in {}: the configuration, the store, the signing keys.", stage.folder.display());
    say!("Next: holdshort init --upstream https://your.api.example   puts a gate in front of your own API.");
    Ok(Exit::Done)
}

/// The agent, the thief and the approver.
struct Story {
    http: reqwest::Client,
    pay: String,
    direct: String,
    admin: String,
    key: String,
    token: String,
    agent: AgentId,
    ledger: acme::Ledger,
    yes: bool,
    link: String,
}

/// A status and a JSON body, and how long they took.
struct Answer {
    status: u16,
    body: Value,
    took: Duration,
}

impl Answer {
    /// A text of the body, for showing.
    fn text(&self, pointer: &str) -> &str {
        self.body.pointer(pointer).and_then(Value::as_str).unwrap_or("-")
    }
}

impl Story {
    async fn play(&self, running: &Running) -> anyhow::Result<()> {
        say!("An agent wants to use Acme Pay. It has the gate's address and a key of the gate's, nothing else.\n");

        let read = self.agent_calls(self.http.get(self.at("/v1/payments"))).await?;
        self.step(1, "the agent reads payments: policy `reads pass` allows it", &read, 200)?;

        let small = self.refund(4200, "ada").await?;
        self.step(2, "it refunds 42.00 EUR: policy `small refunds` approves, with a permit", &small, 200)?;

        let large = self.large_refund().await?;
        let by = large.body.get("approved_by").map(Value::to_string).unwrap_or_default();
        self.step(3, "it refunds 990.00 EUR: held until a person approved; Acme Pay verified the permit", &large, 200)?;
        say!("     Acme Pay read in the permit: decision {}, approved by {by}", large.text("/decision"));

        let permit = self.ledger.last_permit().context("Acme Pay saw no permit")?;
        let again = self.thief(Some(&permit), 99000).await?;
        self.step(4, "a thief presents the permit that Acme Pay saw a second time", &again, 401)?;

        let around = self.thief(None, 99000).await?;
        self.step(5, "somebody calls Acme Pay straight, past the gate", &around, 401)?;

        let fresh = self.fresh_permit().await?;
        let changed = self.thief(Some(&fresh), 1).await?;
        self.step(6, "a stolen permit with another amount", &changed, 401)?;

        let delete = self.agent_calls(self.http.delete(self.at("/v1/customers/ada"))).await?;
        self.step(7, "the agent wants to delete a customer: policy denies. What the agent reads:", &delete, 403)?;
        say!("     {}", delete.text("/error/message"));

        let pause = format!("{}/api/agents/{}/pause", self.admin, self.agent);
        let paused = self.person_calls(self.http.post(pause).json(&json!({ "reason": "demo" }))).await?;
        ensure!(paused.status == 200, "pausing the agent: {} {}", paused.status, paused.body);
        let refused = self.agent_calls(self.http.get(self.at("/v1/payments"))).await?;
        self.step(8, "the agent is paused; its next call", &refused, 403)?;

        let start = Instant::now();
        let report = running.gate().verify_audit(None).await?;
        ensure!(report.problems.is_empty(), "the audit log does not verify: {:?}", report.problems);
        say!(
            "  9. the audit log verifies: {} events, and the state is what they say   {} ms",
            report.events,
            start.elapsed().as_millis()
        );
        say!("     root {}", report.root);
        Ok(())
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.pay)
    }

    fn step(&self, number: u8, what: &str, answer: &Answer, wanted: u16) -> anyhow::Result<()> {
        say!(" {number:>2}. {what}   {} in {} ms", answer.status, answer.took.as_millis());
        if answer.status == 401 {
            say!("     Acme Pay says: {}", output::plain(answer.text("/detail")));
        }
        if answer.status != wanted {
            bail!("step {number} should have been answered {wanted}, and was {}: {}", answer.status, answer.body);
        }
        Ok(())
    }

    async fn agent_calls(&self, request: reqwest::RequestBuilder) -> anyhow::Result<Answer> {
        answer(request.header("Holdshort-Key", &self.key)).await
    }

    async fn person_calls(&self, request: reqwest::RequestBuilder) -> anyhow::Result<Answer> {
        answer(request.bearer_auth(&self.token)).await
    }

    async fn refund(&self, amount: u32, customer: &str) -> anyhow::Result<Answer> {
        let order = json!({ "amount": amount, "customer": customer, "reason": "damaged on arrival" });
        self.agent_calls(self.http.post(self.at("/v1/refunds")).json(&order)).await
    }

    /// Sends the refund that waits, and gets it approved while it does.
    async fn large_refund(&self) -> anyhow::Result<Answer> {
        let call = self.refund(99000, "bob");
        tokio::pin!(call);
        let waiting = tokio::select! {
            early = &mut call => bail!("the large refund was answered without a person: {}", early?.body),
            waiting = self.waiting() => waiting?,
        };
        let id = waiting.get("id").and_then(Value::as_str).context("an intent without id")?.to_owned();
        say!("     waiting: {}", output::plain(waiting.get("title").and_then(Value::as_str).unwrap_or("-")));
        if self.yes {
            let url = format!("{}/api/intents/{id}/approve", self.admin);
            let digest = waiting.pointer("/request/digest").cloned().unwrap_or_default();
            let approve = json!({ "comment": "demo --yes", "digest": digest });
            let approved = self.person_calls(self.http.post(url).json(&approve)).await?;
            ensure!(approved.status == 200, "approving: {} {}", approved.status, approved.body);
        } else {
            say!("     sign in and approve it:  {}", self.link);
            say!("     (it waits up to 15 minutes; `demo --yes` approves by itself)");
        }
        let answer = call.await?;
        ensure!(answer.status == 200, "you decided otherwise, and the agent read: {}", answer.body);
        Ok(answer)
    }

    /// The intent that waits, as soon as it does.
    async fn waiting(&self) -> anyhow::Result<Value> {
        for _ in 0..200 {
            let list = format!("{}/api/intents?status=pending", self.admin);
            let answer = self.person_calls(self.http.get(list)).await?;
            if let Some(first) = answer.body.pointer("/data/0/id").and_then(Value::as_str) {
                let one = self.person_calls(self.http.get(format!("{}/api/intents/{first}", self.admin))).await?;
                return Ok(one.body.get("data").cloned().unwrap_or(one.body));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bail!("the large refund is not waiting")
    }

    /// A permit of a small refund, as the thief overhears it.
    async fn fresh_permit(&self) -> anyhow::Result<String> {
        self.refund(100, "ada").await?;
        self.ledger.last_permit().context("Acme Pay saw no permit")
    }

    async fn thief(&self, permit: Option<&str>, amount: u32) -> anyhow::Result<Answer> {
        let order = json!({ "amount": amount, "customer": "bob", "reason": "damaged on arrival" });
        let mut request = self.http.post(format!("{}/v1/refunds", self.direct)).json(&order);
        if let Some(permit) = permit {
            request = request.header("Holdshort-Permit", permit);
        }
        answer(request).await
    }
}

async fn answer(request: reqwest::RequestBuilder) -> anyhow::Result<Answer> {
    let start = Instant::now();
    let response = request.send().await?;
    let status = response.status().as_u16();
    let body = response.text().await?;
    let body = serde_json::from_str(&body).unwrap_or(Value::String(body));
    Ok(Answer { status, body, took: start.elapsed() })
}
