//! `holdshort signing-keys`: the keys that sign permits.

use std::path::Path;

use gate::{Clock as _, SystemClock};
use permit::KeyRing;
use serde_json::json;

use crate::cli::SigningKeysCommand;
use crate::configuration::Configuration;
use crate::exit::Exit;
use crate::output;
use crate::say;

pub(crate) fn run(path: Option<&Path>, command: &SigningKeysCommand) -> anyhow::Result<Exit> {
    let configuration = Configuration::load_without_secrets(path)?;
    let folder = configuration.resolve(&configuration.config().permit.keys);
    let now = SystemClock.now().seconds();
    match command {
        SigningKeysCommand::List { json } => {
            let keys = KeyRing::open(&folder, configuration.algorithm(), now)?.list();
            if *json {
                let rows: Vec<_> = keys
                    .iter()
                    .map(|key| {
                        json!({ "kid": key.kid, "alg": key.algorithm.name(), "created_at": key.created_at, "retired_at": key.retired_at })
                    })
                    .collect();
                output::json(&json!({ "data": rows, "next_cursor": null }));
            } else {
                let instant = |at: i64| gate::Timestamp(at * 1_000_000).to_string();
                let rows: Vec<_> = keys
                    .iter()
                    .map(|key| {
                        let use_ =
                            key.retired_at.map_or_else(|| "signs".to_owned(), |at| format!("retired {}", instant(at)));
                        vec![key.kid.clone(), key.algorithm.name().to_owned(), instant(key.created_at), use_]
                    })
                    .collect();
                output::table(&["KEY", "ALGORITHM", "MADE", "USE"], &rows);
            }
        }
        SigningKeysCommand::Rotate { json } => {
            // Verifiers allow 60 s of clock difference, and cache key sets for a while.
            let lifetime = i64::try_from(configuration.config().permit.lifetime.as_secs()).unwrap_or(3600);
            let key = KeyRing::rotate(&folder, configuration.algorithm(), now, lifetime + 3600)?;
            if *json {
                output::json(&json!({ "kid": key.kid, "alg": key.algorithm.name(), "created_at": key.created_at }));
            } else {
                say!("{} signs from now on; a running gate takes note within seconds", key.kid);
            }
        }
    }
    Ok(Exit::Done)
}
