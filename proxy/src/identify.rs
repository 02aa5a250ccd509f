//! Who calls: finds the key, takes it off the request, and asks the gate whose it is.
//!
//! INVARIANT: whatever has the form of our key is taken off the head, wherever a key may stand, before
//! anything else looks at the head. It is never forwarded, logged or shown.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use gate::agent::LabelRefused;
use gate::{Agent, Gate, KeyKind, KeySecret, Principal, Refusal};
use rules::config::{Anonymous, Config};
use rules::request::Head;

use crate::answer::Stop;

/// Headers in which SDKs send a key of the API behind; ours may stand there instead.
const SHARED: [&str; 3] = ["authorization", "x-api-key", "proxy-authorization"];
const OWN: &str = "holdshort-key";
const LABEL: &str = "holdshort-agent";
const PATH: &str = "/k/";

/// What the request says of its caller.
#[derive(Debug)]
pub(crate) struct Presented {
    key: Option<KeySecret>,
    /// `Holdshort-Agent`, which goes with a project's key.
    label: Option<String>,
}

/// Takes every key off the head.
///
/// # Errors
/// Two different keys, or one that is mistyped.
pub(crate) fn take(head: &mut Head) -> Result<Presented, Stop> {
    let mut found: Option<String> = None;
    let mut differ = false;
    let mut present = |text: &str| match &found {
        Some(first) => differ |= first != text,
        None => found = Some(text.to_owned()),
    };
    // In the order of precedence; it decides nothing but the key that a mistake is reported about.
    for (name, value) in &head.headers {
        if name == OWN {
            present(std::str::from_utf8(value).unwrap_or_default().trim());
        }
    }
    let mut consumed = false;
    for (name, value) in &head.headers {
        if SHARED.contains(&name.as_str())
            && let Some(key) = ours(value)
        {
            consumed = true;
            present(&key);
        }
    }
    if let Some(rest) = head.path.strip_prefix(PATH) {
        let (key, below) = rest.split_once('/').unwrap_or((rest, ""));
        if KeySecret::looks_like_ours(key) {
            present(key);
            head.path = format!("/{below}");
        }
    }
    if differ {
        return Err(Stop::KeysDisagree);
    }
    let label = head.header(LABEL).map(|value| String::from_utf8_lossy(value).trim().to_owned());
    if found.is_some() || label.is_some() {
        head.headers.retain(|(name, value)| {
            !(name == OWN || name == LABEL || consumed && SHARED.contains(&name.as_str()) && ours(value).is_some())
        });
    }
    let key = match found {
        None => None,
        Some(text) => match KeySecret::parse(&text) {
            Ok((KeyKind::User, _)) => return Err(Stop::Unauthorized("A person's token is no agent key.")),
            Ok((_, key)) => Some(key),
            Err(gate::key::NotAKey::Checksum) => return Err(Stop::Unauthorized("The key is mistyped or cut off.")),
            Err(gate::key::NotAKey::Foreign) => return Err(Stop::Unauthorized("That is no key of this gate.")),
        },
    };
    Ok(Presented { key, label })
}

/// The key of ours in the value of a header that may also carry other credentials.
fn ours(value: &Bytes) -> Option<String> {
    let text = std::str::from_utf8(value).ok()?.trim();
    if KeySecret::looks_like_ours(text) {
        return Some(text.to_owned());
    }
    let (scheme, credentials) = text.split_once(' ')?;
    let credentials = credentials.trim();
    if scheme.eq_ignore_ascii_case("basic") {
        let plain = String::from_utf8(STANDARD.decode(credentials).ok()?).ok()?;
        let (user, password) = plain.split_once(':').unwrap_or((&plain, ""));
        return [user, password].into_iter().find(|part| KeySecret::looks_like_ours(part)).map(str::to_owned);
    }
    // Bearer, token, and whatever scheme else: our key must not reach the API behind.
    KeySecret::looks_like_ours(credentials).then(|| credentials.to_owned())
}

/// Whose call it is.
///
/// # Errors
/// Nobody's, or the store cannot be asked.
pub(crate) async fn caller(
    gate: &Gate,
    config: &Config,
    presented: Presented,
    bound_agent: Option<&str>,
) -> Result<Arc<Agent>, Stop> {
    let Some(key) = presented.key else {
        return match (bound_agent, config.proxy.anonymous) {
            (Some(name), _) => {
                gate.bound_agent(name).ok_or(Stop::Unauthorized("The agent of this listener is not registered."))
            }
            (None, Anonymous::Allow) => Ok(gate.anonymous_agent()),
            (None, Anonymous::Reject) => Err(Stop::Unauthorized("The request carries no key.")),
        };
    };
    match gate.identify(&key).await {
        Ok(Some(Principal::Agent(agent))) => Ok(agent),
        Ok(Some(Principal::Project(project))) => {
            let label = presented.label.filter(|label| !label.is_empty()).ok_or(Stop::Unauthorized(
                "A project's key needs the header Holdshort-Agent, which names the agent.",
            ))?;
            gate.labelled_agent(&project, &label).map_err(|refused| Stop::Unauthorized(why(&refused)))
        }
        Ok(Some(Principal::Person(_))) => Err(Stop::Unauthorized("A person's token is no agent key.")),
        Ok(None) => Err(Stop::Unauthorized("The key is unknown, revoked or expired.")),
        Err(error) => {
            tracing::warn!(%error, "a key cannot be looked up");
            let why = "the store cannot be asked who this is".to_owned();
            Err(Stop::Gate(Refusal::Unavailable { intent: None, why }))
        }
    }
}

fn why(refused: &LabelRefused) -> &'static str {
    match refused {
        LabelRefused::Malformed => "Holdshort-Agent holds no name of an agent.",
        LabelRefused::HasItsOwnKey => {
            "The agent named in Holdshort-Agent has a key of its own, and a project's key cannot speak for it."
        }
        LabelRefused::Unregistered => "No agent of this name is registered in the project of the key.",
    }
}

#[cfg(test)]
mod tests;
