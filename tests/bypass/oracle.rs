//! Judges what the recording service got: whatever any kind of server would have made of it must be what the
//! gate decided. A call with a permit must be the one the permit is for; a call without one must be nothing
//! that a rule protects.

use std::collections::BTreeMap;

use permit::{Decision, KeySet, Presented, Verifier};
use serde::Deserialize as _;
use serde_json::Value;

use crate::harness::upstream::Recorded;
use crate::server::SERVERS;

/// What the fixture's rules protect.
#[derive(Debug, PartialEq, Eq)]
enum Protected {
    /// Denied always.
    Admin,
    /// Sent by policy up to 100.
    Refund,
    /// Sent by policy up to 100, in the query.
    Transfer,
    /// Sent by policy where the role is `user`.
    Role,
}

pub struct Oracle {
    keys: String,
    issuer: String,
    /// By the upstream's name.
    verifiers: BTreeMap<String, Verifier>,
}

impl Oracle {
    pub fn new(keys: &str, issuer: &str) -> Oracle {
        Oracle { keys: keys.to_owned(), issuer: issuer.to_owned(), verifiers: BTreeMap::new() }
    }

    /// # Errors
    /// The call is one that the gate did not decide on.
    pub fn judge(&mut self, call: &Recorded) -> Result<(), String> {
        shape(call)?;
        let permit = self.permit(call)?;
        let body = &call.body;
        if call.header("x-forwarded-prefix").is_some_and(|mount| mount.starts_with("/m")) {
            return tool_is_decided(body, permit.is_some());
        }
        if call.header("x-forwarded-prefix").is_some_and(|mount| mount.starts_with("/g")) {
            let text = format!("{} {}", percent(&call.target), String::from_utf8_lossy(body));
            let by_people = permit.is_some_and(|(_, by)| by == Decision::Human);
            return if !by_people && text.contains("delete") {
                Err(format!("nobody decided on {text}"))
            } else {
                Ok(())
            };
        }
        for server in SERVERS {
            // A service that ignores case must be declared so; those mounts are named `i...`.
            if server.folds_case && !call.header("x-forwarded-prefix").is_some_and(|mount| mount.starts_with("/i")) {
                continue;
            }
            let Some(path) = server.serves(&call.target) else { continue };
            let method = &call.method;
            let Some(protected) = protects(method, &path) else { continue };
            let what = || format!("a {} service would have served {method} {path}", server.name);
            let Some((action, by)) = &permit else { return Err(format!("{}, without a permit", what())) };
            match protected {
                Protected::Admin => return Err(format!("{}, which is always denied", what())),
                Protected::Refund if action != "refund" => return Err(format!("{} as {action}", what())),
                Protected::Transfer if action != "transfer" => return Err(format!("{} as {action}", what())),
                Protected::Transfer if *by == Decision::Policy => query_is_small(&call.target)?,
                Protected::Role if action != "make_user" => return Err(format!("{} as {action}", what())),
                Protected::Refund if *by == Decision::Policy => amounts_are_small(body)?,
                Protected::Role if *by == Decision::Policy => role_is_user(body)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// The permit's action and who decided, verified over what was recorded.
    fn permit(&mut self, call: &Recorded) -> Result<Option<(String, Decision)>, String> {
        let Some(token) = call.header("holdshort-permit") else { return Ok(None) };
        let payload = token.split('.').nth(1).ok_or("a permit that is no token")?;
        let payload = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, payload);
        let claims: Value = serde_json::from_slice(&payload.map_err(|error| error.to_string())?).unwrap();
        let audience = claims["aud"].as_str().unwrap_or_default().to_owned();
        let (keys, issuer) = (&self.keys, &self.issuer);
        let verifier = self.verifiers.entry(audience.clone()).or_insert_with(|| {
            Verifier::new(keys.parse::<KeySet>().unwrap(), audience).issuer(issuer).remember(100_000)
        });
        let request = Presented { method: &call.method, target: &call.target, body: &call.body };
        let verified = verifier
            .verify(token, &request, claims["iat"].as_i64().unwrap_or_default())
            .map_err(|refused| format!("the permit is not for what was recorded: {refused}: {call:?}"))?;
        verified
            .check_headers(call.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())))
            .map_err(|refused| format!("the permit's headers are not those recorded: {refused}: {call:?}"))?;
        Ok(Some((verified.claims.action, verified.claims.decision)))
    }
}

/// What no request of the gate may look like.
fn shape(call: &Recorded) -> Result<(), String> {
    let bad = |what: &str| Err(format!("{what}: {call:?}"));
    if !call.target.starts_with('/') || call.target.contains(['#', '\\', ' ', '\0']) {
        return bad("a target in another form");
    }
    if !call.method.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-') {
        return bad("a method in another spelling");
    }
    let once = ["host", "content-length", "content-type", "authorization", "x-forwarded-host", "x-forwarded-for"];
    for (name, value) in &call.headers {
        if once.contains(&name.as_str()) && call.headers.iter().filter(|(other, _)| other == name).count() > 1 {
            return bad("a header twice");
        }
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            return bad("a header name in another spelling");
        }
        if name.starts_with("holdshort-") && name != "holdshort-permit" || value.contains("hsk_") {
            return bad("something of the gate's own");
        }
        if matches!(name.as_str(), "connection" | "upgrade" | "te" | "trailer" | "keep-alive" | "expect" | "forwarded")
            || ["x-original-", "x-rewrite-", "x-http-method", "x-middleware-", "x-envoy-", "x-method-"]
                .iter()
                .any(|start| name.starts_with(start))
        {
            return bad("a header that ends at the gate");
        }
    }
    if call.chunked && call.headers.iter().any(|(name, _)| name == "content-length") {
        return bad("framed twice");
    }
    Ok(())
}

fn protects(method: &str, path: &str) -> Option<Protected> {
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    match (method, &segments[..]) {
        (_, ["admin", ..] | ["v1", "admin", ..]) => Some(Protected::Admin),
        ("POST", ["v1", "refunds", _]) => Some(Protected::Refund),
        ("POST", ["v1", "transfers"]) => Some(Protected::Transfer),
        ("POST", ["v1", "users"]) => Some(Protected::Role),
        _ => None,
    }
}

/// Every pair of an object, repeated keys too, as each kind of parser could pick one.
struct Pairs(Vec<(String, Value)>);

impl<'de> serde::Deserialize<'de> for Pairs {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Pairs, D::Error> {
        struct Visit;
        impl<'de> serde::de::Visitor<'de> for Visit {
            type Value = Pairs;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Visit)
    }
}

/// The values that some parser gives for a key: the first, the last, or one in another case.
fn readings(body: &[u8], key: &str) -> Result<Vec<Value>, String> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let Pairs(pairs) = Pairs::deserialize(&mut reader).map_err(|error| format!("a body that is no object: {error}"))?;
    reader.end().map_err(|error| format!("a body with something behind it: {error}"))?;
    Ok(pairs.into_iter().filter(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| value).collect())
}

fn amounts_are_small(body: &[u8]) -> Result<(), String> {
    let shown = || String::from_utf8_lossy(body).into_owned();
    let amounts = readings(body, "amount")?;
    if amounts.is_empty() || !amounts.iter().all(|amount| amount.as_f64().is_some_and(|amount| amount <= 100.0)) {
        return Err(format!("policy let another amount through: {}", shown()));
    }
    Ok(())
}

fn role_is_user(body: &[u8]) -> Result<(), String> {
    let users = readings(body, "user")?;
    let roles: Vec<Value> =
        users.iter().flat_map(|user| readings(user.to_string().as_bytes(), "role").unwrap_or_default()).collect();
    if roles.is_empty() || !roles.iter().all(|role| role == "user") {
        return Err(format!("policy let another role through: {}", String::from_utf8_lossy(body)));
    }
    Ok(())
}

/// Every amount that some framework finds in the query: split at `&` or `;`, names without case, index and space.
fn query_is_small(target: &str) -> Result<(), String> {
    let query = target.split_once('?').map_or("", |(_, query)| query);
    let decoded = |text: &str| percent(&text.replace('+', " "));
    let amounts: Vec<String> = query
        .split(['&', ';'])
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .filter(|(name, _)| {
            decoded(name).split(['[', '\0']).next().is_some_and(|name| name.trim().eq_ignore_ascii_case("amount"))
        })
        .map(|(_, value)| decoded(value))
        .collect();
    let small = |amount: &String| amount.trim().parse::<f64>().is_ok_and(|amount| amount <= 100.0);
    if !amounts.is_empty() && amounts.iter().all(small) {
        Ok(())
    } else {
        Err(format!("policy let another amount through: {target}"))
    }
}

fn percent(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let escaped =
            (*first == b'%').then(|| tail.get(..2)).flatten().and_then(|digits| std::str::from_utf8(digits).ok());
        match escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// However the message is read, what is called is no tool that waits for people.
fn tool_is_decided(body: &[u8], permitted: bool) -> Result<(), String> {
    if permitted || body.is_empty() {
        return Ok(());
    }
    // A batch: a server carries out each of its messages.
    if body.trim_ascii_start().starts_with(b"[") {
        let messages: Vec<Box<serde_json::value::RawValue>> =
            serde_json::from_slice(body).map_err(|error| format!("a body that is no batch: {error}"))?;
        return messages.iter().try_for_each(|message| tool_is_decided(message.get().as_bytes(), permitted));
    }
    let methods = readings(body, "method")?;
    let names: Vec<Value> = readings(body, "params")?
        .iter()
        .flat_map(|params| readings(params.to_string().as_bytes(), "name").unwrap_or_default())
        .collect();
    let calls = methods.iter().any(|method| method == "tools/call");
    if calls
        && names.iter().any(|name| name.as_str().is_some_and(|name| name.trim().to_lowercase().starts_with("delete_")))
    {
        return Err(format!(
            "a tool that waits for people was called without a permit: {}",
            String::from_utf8_lossy(body)
        ));
    }
    Ok(())
}
