//! What a permit says. Every claim that is not an `Option` or a list of people must be there and of
//! its type: a permit that lacks one is malformed, never "unrestricted".

use serde::{Deserialize, Serialize};

/// Claims of a request permit (`typ: permit+jwt`). Times are Unix seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The gate: its admin URL.
    pub iss: String,
    /// The upstream's name.
    pub aud: String,
    /// The agent's fingerprint.
    pub sub: String,
    /// Single use.
    pub jti: String,
    /// Minted at.
    pub iat: i64,
    /// Dead from then on.
    pub exp: i64,
    /// The call that was recorded, decided and claimed for this one sending.
    pub intent_id: String,
    /// The route's name for what is done, e.g. `issue_refund`.
    pub action: String,
    /// `low`, `medium`, `high` or `critical`.
    pub risk_tier: String,
    /// The project of the agent and the upstream.
    pub project: String,
    /// The request's method, as sent.
    pub htm: String,
    /// Path and query as sent.
    pub target: String,
    /// RFC 9530 value of the exact body ([`crate::content_digest`]).
    pub content_digest: String,
    /// The names that `headers_digest` covers ([`crate::header_names`]). Without them a service could not
    /// tell which of the headers it received are the approved ones.
    pub headers: Vec<String>,
    /// Digest of the headers that the approver was shown ([`crate::headers_digest`]).
    pub headers_digest: String,
    /// Who decided.
    pub decision: Decision,
    /// The policy that decided, or that asked for people.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub policy: Option<String>,
    /// Ids of the people who approved.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub approved_by: Vec<String>,
    /// When the last of them did.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub approved_at: Option<i64>,
}

/// Who decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    Policy,
    Human,
}

/// Claims of an intent permit (`typ: intent-permit+jwt`), which a declaring agent carries itself:
/// bound to no request; `aud` is `project:<name>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntentClaims {
    pub iss: String,
    /// `project:<name>`. Left out of tokens that a shared secret signs: common JWT libraries refuse an audience
    /// that they were not told of, and `project` says the same.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub aud: String,
    pub sub: String,
    pub jti: String,
    pub iat: i64,
    pub exp: i64,
    pub intent_id: String,
    pub action: String,
    pub risk_tier: String,
    pub project: String,
    pub decision: Decision,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub policy: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub approved_by: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub approved_at: Option<i64>,
    /// No permit of this intent outlives this second. All of them have one `jti`: a verifier remembers it
    /// until then, so that one intent is used once however often its permit was fetched.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub intent_expires_at: Option<i64>,
}
