//! `holdshort projects`.

use std::path::Path;

use gate::Actor;
use serde_json::json;

use crate::cli::ProjectsCommand;
use crate::exit::Exit;
use crate::say;
use crate::{local, output};

pub(crate) async fn run(path: Option<&Path>, command: ProjectsCommand) -> anyhow::Result<Exit> {
    let (_, gate) = local::gate(path).await?;
    match command {
        ProjectsCommand::Add { name, json } => {
            let key = gate.add_project(&name, &Actor::Operator).await?;
            show_key(&name, &key, json);
        }
        ProjectsCommand::RotateKey { name, json } => {
            let key = gate.rotate_project_key(&name, &Actor::Operator).await?;
            show_key(&name, &key, json);
        }
        ProjectsCommand::List { json } => {
            let projects = gate.projects();
            if json {
                let rows: Vec<_> = projects
                    .iter()
                    .map(|project| {
                        let live = project.keys.iter().filter(|key| key.revoked_at.is_none()).count();
                        json!({ "id": project.name, "name": project.name, "keys": live, "created_at": project.created_at.to_string() })
                    })
                    .collect();
                output::json(&json!({ "data": rows, "next_cursor": null }));
            } else {
                let rows: Vec<_> = projects
                    .iter()
                    .map(|project| {
                        let live = project.keys.iter().filter(|key| key.revoked_at.is_none()).count();
                        let home = if project.from_files { "files" } else { "store" };
                        vec![project.name.clone(), live.to_string(), home.to_owned()]
                    })
                    .collect();
                output::table(&["PROJECT", "KEYS", "DEFINED IN"], &rows);
            }
        }
    }
    Ok(Exit::Done)
}

fn show_key(name: &str, key: &gate::gate::MintedKey, json: bool) {
    if json {
        output::json(&json!({ "id": name, "key_id": key.id.to_string(), "key": key.secret.expose() }));
    } else {
        say!("project {name}");
        say!("key     {}   (shown only now)", key.secret.expose());
    }
}
