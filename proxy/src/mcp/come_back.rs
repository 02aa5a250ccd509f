//! Texts that bring a client back to the intent it waits for: the `requestState` of an `input_required` result
//! (MCP 2026-07-28, SEP-2322), and the id of the last event of a stream that was closed on it (2025-11-25, SEP-1699).
//!
//! INVARIANT: what is read here was sealed by a gate on this store, for this agent, this upstream and this purpose,
//! and not long ago. To which call it belongs is in the intent that it names: [`gate::Gate::resume`] compares.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use gate::{Agent, Gate, IntentId, Timestamp};
use rules::Malformed;
use rules::request::json::{self, Json};
use serde_json::{Value, json};

/// Clients come back within a second; a text that is older was kept by somebody.
const GOOD_FOR: Duration = Duration::from_secs(120);
const INVALID_PARAMS: i32 = -32602;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum For {
    Round,
    Poll,
}

impl For {
    fn prefix(self) -> &'static str {
        match self {
            For::Round => "holdshort-round.",
            For::Poll => "holdshort-poll.",
        }
    }
}

/// What such a text says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ComeBack {
    pub(crate) intent: IntentId,
    /// How many times the client was sent back.
    pub(crate) round: u32,
    /// When its patience is over, where an operator has set it.
    pub(crate) until: Option<Timestamp>,
    /// The JSON-RPC id that is answered.
    pub(crate) id: Value,
}

impl ComeBack {
    pub(crate) fn sealed(&self, purpose: For, gate: &Gate, agent: &Agent, upstream: &str) -> String {
        let text = json!({
            "agent": who(agent),
            "upstream": upstream,
            "intent": self.intent.to_string(),
            "round": self.round,
            "until": self.until.map(|until| until.0),
            "good_until": gate.now().plus(GOOD_FOR).0,
            "id": self.id,
        });
        let text = URL_SAFE_NO_PAD.encode(text.to_string());
        let seal = URL_SAFE_NO_PAD.encode(gate.seal(purpose.prefix(), text.as_bytes()));
        format!("{}{text}.{seal}", purpose.prefix())
    }

    /// `Err` says what is wrong with it.
    pub(crate) fn read(
        sealed: &str,
        purpose: For,
        gate: &Gate,
        agent: &Agent,
        upstream: &str,
    ) -> Result<ComeBack, &'static str> {
        let forged = "it was not made by this gate";
        let (text, seal) = sealed.strip_prefix(purpose.prefix()).and_then(|rest| rest.split_once('.')).ok_or(forged)?;
        let decoded = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| forged);
        if !gate.is_seal(purpose.prefix(), text.as_bytes(), &decoded(seal)?) {
            return Err(forged);
        }
        let text: Value = serde_json::from_slice(&decoded(text)?).map_err(|_| forged)?;
        let said = |name: &str| text.get(name).and_then(Value::as_str);
        if said("agent") != Some(&who(agent)) || said("upstream") != Some(upstream) {
            return Err("it was made for another agent or service");
        }
        let instant = |name: &str| text.get(name).and_then(Value::as_i64).map(Timestamp);
        if instant("good_until").is_none_or(|until| gate.now() > until) {
            return Err("it is too old");
        }
        let intent = said("intent").and_then(|intent| intent.parse().ok()).ok_or(forged)?;
        let round = text.get("round").and_then(Value::as_u64).and_then(|round| u32::try_from(round).ok());
        let id = text.get("id").cloned().unwrap_or(Value::Null);
        Ok(ComeBack { intent, round: round.ok_or(forged)?, until: instant("until"), id })
    }
}

fn who(agent: &Agent) -> String {
    format!("{}/{}", agent.project, agent.fingerprint)
}

/// Takes a `requestState` of a gate off a message; one of the server's own stays. The id of the message comes along.
pub(crate) fn take(body: &Bytes) -> Option<(Bytes, String, Option<Json>)> {
    let prefix = For::Round.prefix();
    // Few calls have one: the rest is not read twice.
    if !body.windows(prefix.len()).any(|window| window == prefix.as_bytes()) {
        return None;
    }
    let mut message = json::parse(body).ok()?;
    let id = message.member("id").filter(|id| matches!(id, Json::String(_) | Json::Number(_))).cloned();
    let Json::Object(members) = &mut message else { return None };
    let (_, params) = members.iter_mut().find(|(key, _)| key == "params")?;
    let Json::Object(params) = params else { return None };
    let at = params.iter().position(
        |(key, value)| matches!(value, Json::String(text) if key == "requestState" && text.starts_with(prefix)),
    )?;
    let (_, Json::String(state)) = params.remove(at) else { return None };
    Some((Bytes::from(message.to_string()), state, id))
}

/// Why a message with such a text is refused.
pub(crate) fn refused(what: &str, id: Option<Json>) -> Malformed {
    let what = format!("requestState cannot be taken up: {what}; send the call again without it");
    Malformed {
        rpc_code: Some(INVALID_PARAMS),
        rpc_id: id,
        ..Malformed::new(400, what, "body at /params/requestState")
    }
}

/// Whether a GET asks for the rest of a stream that the gate closed.
pub(crate) fn polled(last_event_id: &str) -> bool {
    last_event_id.starts_with(For::Poll.prefix())
}

/// The result that has a client send its call again.
pub(crate) fn round(id: &Value, state: &str) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "result": { "resultType": "input_required", "requestState": state } })
}

/// The last event of a stream that goes on when the client asks for it.
pub(crate) fn closing(event_id: &str, again_after: Duration) -> Bytes {
    Bytes::from(format!("id: {event_id}\nretry: {}\ndata:\n\n", again_after.as_millis()))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::take;

    #[test]
    fn only_a_state_of_the_gate_is_taken_off_and_all_else_stays() {
        let taken = |params: &str| {
            let body = format!(r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{params}}}"#);
            take(&Bytes::from(body)).map(|(body, state, _)| (String::from_utf8(body.to_vec()).unwrap(), state))
        };
        let (body, state) =
            taken(r#"{"name":"pay","requestState":"holdshort-round.x.y","arguments":{"n":1.50,"to":"Zoë\n"}}"#)
                .unwrap();
        assert_eq!(state, "holdshort-round.x.y");
        assert_eq!(
            body,
            r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"pay","arguments":{"n":1.50,"to":"Zoë\u000a"}}}"#
        );
        for other in [
            r#"{"name":"pay","requestState":"the server's own"}"#,
            r#"{"name":"pay","arguments":{"requestState":"holdshort-round.x.y"}}"#,
            r#"{"name":"pay","arguments":{"note":"holdshort-round.x.y"}}"#,
            r#"["holdshort-round.x.y"]"#,
        ] {
            assert_eq!(taken(other), None, "{other}");
        }
    }
}
