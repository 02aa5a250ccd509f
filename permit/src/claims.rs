//! What a permit says.

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
    pub iat: i64,
    pub exp: i64,
    pub intent_id: String,
    pub action: String,
    pub risk_tier: String,
    pub project: String,
    pub htm: String,
    /// Path and query as sent.
    pub target: String,
    /// RFC 9530 value of the exact body.
    pub content_digest: String,
    pub headers_digest: String,
    pub decision: Decision,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub policy: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub approved_by: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub approved_at: Option<i64>,
}

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
}
