//! What a verifier accepts and each thing that it refuses.

use crate::{Claims, Decision, IntentClaims, content_digest, headers_digest};

/// The permit of a refund of 900 that a person approved.
pub(crate) fn claims(now: i64) -> Claims {
    Claims {
        iss: "http://gate.test".to_owned(),
        aud: "payments".to_owned(),
        sub: "billing".to_owned(),
        jti: "prm_1".to_owned(),
        iat: now,
        exp: now + 60,
        intent_id: "int_1".to_owned(),
        action: "issue_refund".to_owned(),
        risk_tier: "high".to_owned(),
        project: "support".to_owned(),
        htm: "POST".to_owned(),
        target: "/v1/refunds?dry=0".to_owned(),
        content_digest: content_digest(BODY),
        headers: vec!["content-type".to_owned()],
        headers_digest: headers_digest([("content-type", &b"application/json"[..])]),
        decision: Decision::Human,
        policy: Some("refunds need finance".to_owned()),
        approved_by: vec!["usr_1".to_owned()],
        approved_at: Some(now - 5),
    }
}

pub(crate) const BODY: &[u8] = br#"{"amount":900,"customer_id":"c_1"}"#;

pub(crate) fn intent_claims(now: i64) -> IntentClaims {
    IntentClaims {
        iss: "http://gate.test".to_owned(),
        aud: "project:support".to_owned(),
        sub: "billing".to_owned(),
        jti: "prm_2".to_owned(),
        iat: now,
        exp: now + 300,
        intent_id: "int_2".to_owned(),
        action: "deploy".to_owned(),
        risk_tier: "medium".to_owned(),
        project: "support".to_owned(),
        decision: Decision::Policy,
        policy: None,
        approved_by: Vec::new(),
        approved_at: None,
    }
}
