//! `holdshort agents`: registering works on the store; pausing and the like is a person's deed, over the API.

use std::path::Path;

use gate::deed::NewAgent;
use gate::{Actor, AgentId, AgentStatus};
use rules::config::{SourceType, Trust};
use serde_json::json;

use crate::addresses;
use crate::api::Api;
use crate::cli::{AgentsCommand, OverApi};
use crate::exit::Exit;
use crate::say;
use crate::{exit, local, output};

mod setup;

pub(crate) async fn run(path: Option<&Path>, command: AgentsCommand) -> anyhow::Result<Exit> {
    match command {
        AgentsCommand::Add { name, project, fingerprint, owner, framework, trust, json } => {
            let (configuration, gate) = local::gate(path).await?;
            let trust = match trust.as_deref() {
                None => Trust::New,
                Some(word) => Trust::parse(word).filter(|trust| *trust != Trust::Unregistered).ok_or_else(|| {
                    exit::finding(format!("there is no trust {word:?}: verified, established, active or new"))
                })?,
            };
            let new = NewAgent {
                id: AgentId::new(gate.now()),
                fingerprint: fingerprint.unwrap_or_default(),
                project: project.unwrap_or_else(|| "default".to_owned()),
                name,
                owner,
                framework,
                risk_sensitivity: None,
                trust,
                source_type: SourceType::AiAgent,
            };
            let (agent, key) = gate.add_agent(new, &Actor::Operator).await?;
            let addresses = addresses::of_agent(configuration.config(), &agent.name, &agent.project);
            if json {
                let addresses: Vec<_> =
                    addresses.iter().map(|it| json!({ "upstream": it.upstream.name, "url": it.base })).collect();
                output::json(&json!({
                    "id": agent.id.to_string(), "name": agent.name, "fingerprint": agent.fingerprint,
                    "project": agent.project, "key_id": key.id.to_string(), "key": key.secret.expose(),
                    "addresses": addresses,
                }));
            } else {
                say!("agent       {} ({}, project {})", agent.name, agent.fingerprint, agent.project);
                say!("key         {}   (shown only now)", key.secret.expose());
                output::text(&setup::lines(&agent.name, key.secret.expose(), &addresses));
                if let Some(first) = addresses.first() {
                    say!("\nThen see, from where the agent runs, that it is so:");
                    let key = if first.bound_to.is_some() { "" } else { "HOLDSHORT_KEY=... " };
                    say!("  {key}holdshort doctor {} --direct {}", first.base, first.upstream.url.origin());
                }
            }
        }
        AgentsCommand::RotateKey { name, json } => {
            let (_, gate) = local::gate(path).await?;
            let agent = gate.directory().agent_named(&name).ok_or_else(|| {
                exit::finding(format!("there is no agent {name:?}; `holdshort agents list` has them"))
            })?;
            let key = gate.rotate_agent_key(agent.id, &Actor::Operator).await?;
            if json {
                output::json(&json!({
                    "id": agent.id.to_string(), "name": agent.name, "key_id": key.id.to_string(), "key": key.secret.expose(),
                }));
            } else {
                say!("agent  {}", agent.name);
                say!(
                    "key    {}   (shown only now; the one before stays good until the next rotation)",
                    key.secret.expose()
                );
            }
        }
        AgentsCommand::List { json } => {
            let (_, gate) = local::gate(path).await?;
            let agents = gate.directory().agents();
            if json {
                let rows: Vec<_> = agents
                    .iter()
                    .map(|agent| {
                        json!({
                            "id": agent.id.to_string(), "name": agent.name, "fingerprint": agent.fingerprint,
                            "project": agent.project, "status": status(agent.status), "trust": agent.trust.as_str(),
                            "owner": agent.owner, "framework": agent.framework,
                            "last_seen_at": agent.last_seen_at.map(|at| at.to_string()),
                        })
                    })
                    .collect();
                output::json(&json!({ "data": rows, "next_cursor": null }));
            } else {
                let rows: Vec<_> = agents
                    .iter()
                    .map(|agent| {
                        vec![
                            agent.name.clone(),
                            agent.fingerprint.clone(),
                            agent.project.clone(),
                            status(agent.status).to_owned(),
                            agent.trust.as_str().to_owned(),
                            agent.last_seen_at.map_or_else(|| "never".to_owned(), |at| at.to_string()),
                        ]
                    })
                    .collect();
                output::table(&["AGENT", "FINGERPRINT", "PROJECT", "STATUS", "TRUST", "LAST SEEN"], &rows);
            }
        }
        AgentsCommand::Pause(deed) => change(path, "pause", deed).await?,
        AgentsCommand::Resume(deed) => change(path, "resume", deed).await?,
        AgentsCommand::Revoke(deed) => change(path, "revoke", deed).await?,
    }
    Ok(Exit::Done)
}

async fn change(path: Option<&Path>, verb: &str, deed: OverApi) -> anyhow::Result<()> {
    let api = Api::new(path, &deed.api)?;
    let id = api.agent_id(&deed.id).await?;
    let answer = api.post(&format!("/api/agents/{id}/{verb}"), json!({ "reason": deed.reason })).await?;
    if deed.api.json {
        output::json(&answer);
    } else {
        let now = answer.get("status").and_then(|status| status.as_str()).unwrap_or("changed");
        say!("{} is {now}", output::plain(&deed.id));
    }
    Ok(())
}

pub(crate) fn status(status: AgentStatus) -> &'static str {
    match status {
        AgentStatus::Active => "active",
        AgentStatus::Paused => "paused",
        AgentStatus::Revoked => "revoked",
    }
}
