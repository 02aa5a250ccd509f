//! `holdshort users` and `holdshort teams`.

use std::path::Path;
use std::sync::Arc;

use gate::{Actor, Gate, Person, Role};
use serde_json::json;

use crate::cli::{RoleArg, TeamsCommand, UsersCommand};
use crate::exit::Exit;
use crate::say;
use crate::{exit, local, output};

pub(crate) async fn run(path: Option<&Path>, command: UsersCommand) -> anyhow::Result<Exit> {
    let (configuration, gate) = local::gate(path).await?;
    let link = |token: &str| format!("{}/link/{token}", configuration.config().admin.url);
    match command {
        UsersCommand::Add { name, role, teams, json } => {
            let role = match role {
                RoleArg::Admin => Role::Admin,
                RoleArg::Approver => Role::Approver,
                RoleArg::Viewer => Role::Viewer,
            };
            let person = gate.add_person(&name, &name, role, teams, &Actor::Operator).await?;
            let token = gate.mint_token(person.id, Some("command line".to_owned()), &Actor::Operator).await?;
            let link = link(&gate.offer_link(Some(person.id), &Actor::Operator).await?);
            if json {
                output::json(&json!({
                    "id": person.id.to_string(), "email": person.email, "role": role_word(person.role),
                    "teams": person.teams, "token": token.secret.expose(), "link": link,
                }));
            } else {
                say!("user   {} ({})", person.email, role_word(person.role));
                say!("token  {}   (shown only now; for HOLDSHORT_TOKEN)", token.secret.expose());
                say!("link   {link}   (signs in once, within an hour)");
            }
        }
        UsersCommand::Token { name, json } => {
            let person = find(&gate, &name)?;
            let token = gate.mint_token(person.id, Some("command line".to_owned()), &Actor::Operator).await?;
            if json {
                output::json(
                    &json!({ "id": person.id.to_string(), "email": person.email, "token": token.secret.expose() }),
                );
            } else {
                say!("token  {}   (shown only now; for HOLDSHORT_TOKEN)", token.secret.expose());
            }
        }
        UsersCommand::Link { name, json } => {
            let person = name.as_deref().map(|name| find(&gate, name)).transpose()?;
            let token = gate.offer_link(person.as_ref().map(|person| person.id), &Actor::Operator).await?;
            if json {
                output::json(&json!({ "id": person.map(|person| person.id.to_string()), "link": link(&token) }));
            } else {
                say!("{}   (signs in once, within an hour)", link(&token));
            }
        }
        UsersCommand::Disable { name, json } => {
            let person = find(&gate, &name)?;
            gate.disable_person(person.id, true, &Actor::Operator).await?;
            if json {
                output::json(&json!({ "id": person.id.to_string(), "email": person.email, "disabled": true }));
            } else {
                say!("{} is disabled: tokens, sessions and votes no longer count", person.email);
            }
        }
        UsersCommand::List { json } => {
            let people = gate.directory().people();
            if json {
                let rows: Vec<_> = people
                    .iter()
                    .map(|person| {
                        json!({
                            "id": person.id.to_string(), "email": person.email, "role": role_word(person.role),
                            "teams": person.teams, "disabled": person.disabled,
                        })
                    })
                    .collect();
                output::json(&json!({ "data": rows, "next_cursor": null }));
            } else {
                let rows: Vec<_> = people
                    .iter()
                    .map(|person| {
                        let state = if person.disabled { "disabled" } else { "active" };
                        vec![
                            person.email.clone(),
                            role_word(person.role).to_owned(),
                            person.teams.join(", "),
                            state.to_owned(),
                        ]
                    })
                    .collect();
                output::table(&["USER", "ROLE", "TEAMS", "STATE"], &rows);
            }
        }
    }
    Ok(Exit::Done)
}

pub(crate) async fn teams(path: Option<&Path>, command: &TeamsCommand) -> anyhow::Result<Exit> {
    let (_, gate) = local::gate(path).await?;
    let TeamsCommand::List { json } = command;
    let teams = gate.directory().teams();
    if *json {
        let rows: Vec<_> = teams.iter().map(|(name, members)| json!({ "name": name, "members": members })).collect();
        output::json(&json!({ "data": rows, "next_cursor": null }));
    } else {
        let rows: Vec<_> = teams.iter().map(|(name, members)| vec![name.clone(), members.join(", ")]).collect();
        output::table(&["TEAM", "MEMBERS"], &rows);
    }
    Ok(Exit::Done)
}

fn find(gate: &Gate, name: &str) -> anyhow::Result<Arc<Person>> {
    gate.directory()
        .person_by_email(name)
        .ok_or_else(|| exit::finding(format!("there is no user {name:?}; `holdshort users list` has them")))
}

fn role_word(role: Role) -> &'static str {
    match role {
        Role::Admin => "admin",
        Role::Approver => "approver",
        Role::Viewer => "viewer",
    }
}
