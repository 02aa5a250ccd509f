//! `holdshort permit verify`: what a service behind the gate checks, by hand.

use gate::{Clock as _, SystemClock};
use permit::{KeySet, Opened, Refused};
use serde_json::json;

use crate::cli::PermitCommand;
use crate::exit::Exit;
use crate::{exit, output};
use crate::{note, say};

pub(crate) async fn run(command: PermitCommand) -> anyhow::Result<Exit> {
    let PermitCommand::Verify { token, jwks, audience, json } = command;
    let keys = if jwks.starts_with("http://") || jwks.starts_with("https://") {
        let answer = reqwest::Client::builder().no_proxy().build()?.get(&jwks).send().await;
        let text = match answer.and_then(reqwest::Response::error_for_status) {
            Ok(answer) => answer.text().await,
            Err(error) => Err(error),
        };
        text.map_err(|error| exit::unavailable(format!("fetching the key set: {error}")))?
    } else {
        std::fs::read_to_string(&jwks).map_err(|error| exit::finding(format!("reading the key set {jwks}: {error}")))?
    };
    let keys = keys.parse::<KeySet>().map_err(|error| exit::finding(format!("the key set {jwks}: {error}")))?;
    let now = SystemClock.now().seconds();
    let held =
        keys.open(token.trim()).and_then(|opened| match opened {
            Opened::Request(claims) => check(&claims.aud, claims.iat, claims.exp, audience.as_deref(), now)
                .map(|()| serde_json::to_value(&claims)),
            Opened::Intent(claims) => check(&claims.aud, claims.iat, claims.exp, audience.as_deref(), now)
                .map(|()| serde_json::to_value(&claims)),
        });
    match held {
        Ok(claims) => {
            let claims = claims?;
            if json {
                output::json(&json!({ "valid": true, "claims": claims }));
            } else {
                say!("valid: signature, kind, times{}", if audience.is_some() { " and audience" } else { "" });
                say!("(whether it is for a certain request and was not used before only the service can tell)");
                say!("{claims:#}");
            }
            Ok(Exit::Done)
        }
        Err(refused) => {
            if json {
                output::json(&json!({ "valid": false, "error": refused.to_string() }));
            } else {
                note!("not valid: {refused}");
            }
            Ok(Exit::Finding)
        }
    }
}

/// Times, with the minute of clock difference that services allow too, and whom it is for.
fn check(aud: &str, iat: i64, exp: i64, wanted: Option<&str>, now: i64) -> Result<(), Refused> {
    const LEEWAY: i64 = 60;
    if iat > now.saturating_add(LEEWAY) {
        return Err(Refused::NotYet);
    }
    if now >= exp.saturating_add(LEEWAY) {
        return Err(Refused::Expired);
    }
    match wanted {
        Some(wanted) if wanted != aud => Err(Refused::Audience(aud.to_owned())),
        _ => Ok(()),
    }
}
