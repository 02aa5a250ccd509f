//! Whether two calls are the same: a keyed hash over all that is asked and by whom, so that the store
//! compares credentials without holding them.
//!
//! The same agent, route, method, target, body bytes, and all end-to-end headers but the volatile ones;
//! of a tool's call its name and arguments. Where the agent gives an `Idempotency-Key`, that key (by
//! agent and route) is the call, and what was asked is kept beside it to tell misuse.

use hmac::{Hmac, KeyInit as _, Mac as _};
use rules::Request;
use sha2::Sha256;

use crate::call::Call;
use crate::shown::{content, is_volatile};
use crate::store::CallKey;

/// The names of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SameCall {
    pub(crate) call: CallKey,
    /// What is asked, where an idempotency key names the call.
    pub(crate) content: Option<CallKey>,
}

/// Names calls, with the store's secret.
#[derive(Clone)]
pub(crate) struct Namer(Hmac<Sha256>);

impl std::fmt::Debug for Namer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Namer")
    }
}

impl Namer {
    pub(crate) fn new(secret: &[u8; 32]) -> Option<Namer> {
        Hmac::new_from_slice(secret).ok().map(Namer)
    }

    pub(crate) fn name(&self, call: &Call) -> SameCall {
        let request = &call.request;
        let agent = [call.agent.project.as_bytes(), call.agent.fingerprint.as_bytes(), call.hit.route.as_bytes()];
        let upstream = request.upstream.config.name.as_bytes();
        match request.head.header("idempotency-key") {
            Some(key) => SameCall {
                call: self.hash(b"key", agent.into_iter().chain([upstream, key])),
                content: Some(self.hash(b"content", asked(request).iter().map(String::as_bytes))),
            },
            None => {
                let asked = asked(request);
                let headers = headers(request);
                let parts = agent.into_iter().chain([upstream]).chain(asked.iter().map(String::as_bytes));
                SameCall { call: self.hash(b"call", parts.chain(headers.iter().map(Vec::as_slice))), content: None }
            }
        }
    }

    /// The name of a declared intent for who knows its handle.
    pub(crate) fn handle(&self, handle: &str) -> CallKey {
        self.hash(b"handle", std::iter::once(handle.as_bytes()))
    }

    /// A seal over a text for one purpose.
    pub(crate) fn seal(&self, purpose: &str, text: &[u8]) -> CallKey {
        self.hash(b"seal", [purpose.as_bytes(), text].into_iter())
    }

    /// Whether it is that seal; how much of it is right cannot be told from the time it takes.
    pub(crate) fn is_seal(&self, purpose: &str, text: &[u8], seal: &[u8]) -> bool {
        let expected = self.seal(purpose, text);
        let difference = |(a, b): (&u8, &u8)| a ^ b;
        seal.len() == expected.len() && expected.iter().zip(seal).map(difference).fold(0, |all, one| all | one) == 0
    }

    fn hash<'a>(&self, kind: &[u8], parts: impl Iterator<Item = &'a [u8]>) -> CallKey {
        let mut hash = self.0.clone();
        hash.update(kind);
        for part in parts {
            // Lengths keep "ab" "c" apart from "a" "bc".
            hash.update(&part.len().to_be_bytes());
            hash.update(part);
        }
        hash.finalize().into_bytes().into()
    }
}

fn asked(request: &Request) -> [String; 3] {
    [request.head.method.clone(), request.target.clone(), content(request).into_owned()]
}

/// Names and values of the headers that count, sorted by name.
fn headers(request: &Request) -> Vec<Vec<u8>> {
    let mut counting: Vec<(&str, &[u8])> = request
        .head
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), &**value))
        .filter_map(|(name, value)| match signer(name, value) {
            Some(signer) => Some((name, signer)),
            None if is_volatile(name, value, request) => None,
            None => Some((name, value)),
        })
        .collect();
    counting.sort_by_key(|(name, _)| *name);
    counting.into_iter().flat_map(|(name, value)| [name.as_bytes().to_vec(), value.to_vec()]).collect()
}

/// Of a SigV4 signature the access key: the rest changes with the date.
fn signer<'a>(name: &str, value: &'a [u8]) -> Option<&'a [u8]> {
    if name != "authorization" {
        return None;
    }
    let rest = value.strip_prefix(b"AWS4-HMAC-SHA256")?;
    let at = rest.windows(11).position(|window| window == b"Credential=")?;
    rest.get(at + 11..)?.split(|byte| *byte == b'/').next()
}
