//! Recorded intents decided again, by two configurations.
//!
//! What is read is what `holdshort intents list --json`, `intents show --json` and `GET /api/intents` print:
//! JSON documents one after another, each an intent, a list of them under `data`, or one under `data`.

use base64::Engine as _;
use bytes::Bytes;
use serde_json::Value;

use crate::cases::Ending;
use crate::config::{RiskTier, SourceType, Trust};
use crate::decision::{Caller, Decision, Verdict};
use crate::request::json;
use crate::ruleset::{End, Ruleset, Trial};

/// An intent as it was recorded.
#[derive(Debug, Clone)]
pub struct Recorded {
    pub id: String,
    caller: Caller,
    at: i64,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    Call(Trial),
    Declared {
        action: String,
        parameters: String,
        tier: Option<RiskTier>,
    },
    /// Not enough of it was kept.
    Unknown(&'static str),
}

/// One intent under both.
#[derive(Debug, Clone)]
pub struct Replayed {
    pub id: String,
    /// `POST /v1/refunds by billing`.
    pub what: String,
    /// `Err`: why it cannot be decided again.
    pub came: Result<(Came, Came), &'static str>,
}

/// What a configuration makes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Came {
    pub decision: Ending,
    pub action: Option<String>,
    pub risk_tier: Option<RiskTier>,
    /// `None`: the tier.
    pub policy: Option<String>,
    /// People who must approve.
    pub required: u32,
}

impl Replayed {
    #[must_use]
    pub fn differs(&self) -> bool {
        self.came.as_ref().is_ok_and(|(before, after)| before != after)
    }

    /// Less is asked for it than before.
    #[must_use]
    pub fn weaker(&self) -> bool {
        let rank = |came: &Came| match came.decision {
            Ending::Pass => 0,
            Ending::AutoApprove => 1,
            Ending::RequireApproval => 2,
            Ending::AutoDeny | Ending::NoRoute | Ending::Refused => 3,
        };
        self.came.as_ref().is_ok_and(|(before, after)| (rank(after), after.required) < (rank(before), before.required))
    }
}

/// # Errors
/// The text is no JSON, or holds something else than intents.
pub fn read_recorded(text: &str) -> Result<Vec<Recorded>, String> {
    let mut recorded = Vec::new();
    for (at, document) in serde_json::Deserializer::from_str(text).into_iter::<Value>().enumerate() {
        let document = document.map_err(|error| format!("document {}: {error}", at + 1))?;
        let intents: Vec<&Value> = match document.get("data") {
            Some(Value::Array(list)) => list.iter().collect(),
            Some(one @ Value::Object(_)) => vec![one],
            _ => vec![&document],
        };
        for intent in intents {
            let one = Recorded::read(intent).ok_or_else(|| {
                format!("document {}: not an intent as `holdshort intents list --json` prints it", at + 1)
            })?;
            recorded.push(one);
        }
    }
    Ok(recorded)
}

impl Recorded {
    fn read(intent: &Value) -> Option<Recorded> {
        let text = |pointer: &str| intent.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let fingerprint = text("/source")?;
        let created: jiff::Timestamp = text("/created_at")?.parse().ok()?;
        Some(Recorded {
            id: text("/id")?,
            caller: Caller {
                name: text("/agent/name").unwrap_or_else(|| fingerprint.clone()),
                project: text("/project").unwrap_or_else(|| "default".to_owned()),
                owner: text("/agent/owner"),
                framework: None,
                // Whom nothing is said of is trusted least.
                trust: text("/agent/trust").and_then(|word| Trust::parse(&word)).unwrap_or(Trust::Unregistered),
                source_type: text("/source_type").and_then(|word| SourceType::parse(&word)).unwrap_or_default(),
                risk_sensitivity: None,
                enforce: true,
                fingerprint,
            },
            at: created.as_microsecond(),
            what: what(intent)?,
        })
    }

    /// Decides it by both.
    #[must_use]
    pub fn replay(&self, old: &Ruleset, new: &Ruleset) -> Replayed {
        let call = match &self.what {
            What::Call(trial) => format!("{} {}", trial.method, trial.target),
            What::Declared { action, .. } => format!("{action} (declared)"),
            What::Unknown(_) => "a call".to_owned(),
        };
        let came = match &self.what {
            What::Unknown(why) => Err(*why),
            known => Ok((self.under(known, old, old), self.under(known, new, old))),
        };
        Replayed { id: self.id.clone(), what: format!("{call} by {}", self.caller.fingerprint), came }
    }

    fn under(&self, what: &What, rules: &Ruleset, recorded_by: &Ruleset) -> Came {
        // What files say of an agent today counts, not what they said then.
        let entry = rules.config().agents.get(&self.caller.name).filter(|entry| entry.project == self.caller.project);
        let caller = entry.map_or_else(
            || self.caller.clone(),
            |entry| Caller {
                fingerprint: self.caller.fingerprint.clone(),
                ..Caller::from_entry(&self.caller.name, entry)
            },
        );
        match what {
            What::Call(trial) => {
                let trial = below(trial, recorded_by);
                let walk = rules.walk(&trial, Some(&caller), self.at);
                match &walk.end {
                    End::Decided { hit, decision } => Came::of(decision, &hit.action.name, hit.action.risk_tier),
                    _ => Came::without(Ending::of(&walk)),
                }
            }
            What::Declared { action, parameters, tier } => {
                let otherwise = caller.risk_sensitivity.unwrap_or_default();
                let declared = json::parse(parameters.as_bytes())
                    .map_err(|error| error.to_string())
                    .and_then(|given| rules.declared(action, &given, otherwise, *tier));
                let Ok(declared) = declared else { return Came::without(Ending::Refused) };
                let decide = |upstream: Option<&str>| {
                    rules.decide(&declared.action, upstream, &caller, None, &declared.defects, self.at)
                };
                // As a call to each of the upstreams would be decided; the strictest word counts.
                let mut decisions = declared.upstreams.iter().map(|upstream| decide(Some(upstream)));
                let decision = match decisions.next() {
                    Some(first) => decisions.fold(first, Decision::stricter),
                    None => decide(None),
                };
                Came::of(&decision, &declared.action.name, declared.action.risk_tier)
            }
            What::Unknown(_) => Came::without(Ending::Refused),
        }
    }
}

impl Came {
    fn of(decision: &Decision, action: &str, risk_tier: RiskTier) -> Came {
        let (ending, required) = match &decision.verdict {
            Verdict::Approve => (Ending::AutoApprove, 0),
            Verdict::Require(requirement) => (Ending::RequireApproval, requirement.required),
            Verdict::Deny { .. } => (Ending::AutoDeny, 0),
        };
        Came {
            // What is only recorded passes, whatever was decided.
            decision: if decision.observed { Ending::Pass } else { ending },
            action: Some(action.to_owned()),
            risk_tier: Some(risk_tier),
            policy: decision.policy.clone(),
            required,
        }
    }

    fn without(decision: Ending) -> Came {
        Came { decision, action: None, risk_tier: None, policy: None, required: 0 }
    }
}

fn what(intent: &Value) -> Option<What> {
    let text = |pointer: &str| intent.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let Some(request) = intent.get("request").filter(|request| request.is_object()) else {
        let parameters = intent.get("parameters").map_or_else(|| "{}".to_owned(), Value::to_string);
        let tier = text("/risk_tier").and_then(|word| RiskTier::parse(&word));
        return Some(What::Declared { action: text("/action")?, parameters, tier });
    };
    let size = request.get("size").and_then(Value::as_u64).unwrap_or(0);
    let body = match text("/request/body") {
        None if size > 0 => return Some(What::Unknown("its body is not kept in the record")),
        None => Vec::new(),
        Some(body) if text("/request/body_encoding").as_deref() == Some("base64") => {
            base64::engine::general_purpose::STANDARD.decode(body).ok()?
        }
        Some(body) => body.into_bytes(),
    };
    if request.get("truncated").and_then(Value::as_bool) == Some(true) {
        return Some(What::Unknown("its body is not wholly in the record"));
    }
    // Those that the gate makes itself, from host and body.
    let made = ["host", "content-length", "transfer-encoding", "connection"];
    let named = |header: &Value| {
        let part = |key: &str| header.get(key).and_then(Value::as_str).map(str::to_owned);
        let name = part("name")?;
        (!made.contains(&name.to_ascii_lowercase().as_str())).then_some(())?;
        Some((name, part("value")?))
    };
    let headers = request.get("headers").and_then(Value::as_array).into_iter().flatten();
    let mut headers: Vec<(String, String)> = headers.filter_map(named).collect();
    if let Some(media_type) = text("/request/content_type")
        && !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"))
    {
        headers.push(("content-type".to_owned(), media_type));
    }
    Some(What::Call(Trial {
        upstream: text("/upstream"),
        method: text("/request/method")?,
        target: text("/request/target")?,
        headers,
        body: Bytes::from(body),
        peer: None,
    }))
}

/// The record has the path as it was sent: what the upstream's own URL put in front comes off again.
fn below(trial: &Trial, recorded_by: &Ruleset) -> Trial {
    let base = trial.upstream.as_ref().and_then(|name| recorded_by.config().upstreams.get(name));
    let path = base.map_or("", |upstream| upstream.url.path.as_str());
    let rest = trial.target.strip_prefix(path).filter(|rest| rest.is_empty() || rest.starts_with(['/', '?']));
    let target = match rest {
        Some(rest) if rest.starts_with('/') => rest.to_owned(),
        Some(rest) => format!("/{rest}"),
        None => trial.target.clone(),
    };
    Trial { target, ..trial.clone() }
}
