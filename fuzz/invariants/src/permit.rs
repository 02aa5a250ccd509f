//! Permits: the one that was signed is accepted for its request, and nothing else is.

use std::sync::LazyLock;

use ::permit::{Algorithm, Claims, Decision, KeyRing, KeySet, Presented, Verifier, content_digest, headers_digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

const NOW: i64 = 1_789_000_000;
const METHOD: &str = "POST";
const TARGET: &str = "/v1/refunds?dry=0";
const BODY: &[u8] = br#"{"amount":900}"#;

struct Signed {
    keys: String,
    token: String,
}

static SIGNED: LazyLock<Signed> = LazyLock::new(|| {
    let ring = KeyRing::ephemeral(Algorithm::Es256, NOW).expect("a key");
    let claims = Claims {
        iss: "http://gate.test".to_owned(),
        aud: "payments".to_owned(),
        sub: "billing".to_owned(),
        jti: "prm_1".to_owned(),
        iat: NOW,
        exp: NOW + 60,
        intent_id: "int_1".to_owned(),
        action: "issue_refund".to_owned(),
        risk_tier: "high".to_owned(),
        project: "support".to_owned(),
        htm: METHOD.to_owned(),
        target: TARGET.to_owned(),
        content_digest: content_digest(BODY),
        headers: Vec::new(),
        headers_digest: headers_digest([]),
        decision: Decision::Human,
        policy: None,
        approved_by: vec!["usr_1".to_owned()],
        approved_at: Some(NOW - 5),
    };
    Signed { keys: ring.jwks(NOW).to_string(), token: ring.sign(&claims).expect("a permit") }
});

/// The bytes are a token; a list of edits, three bytes each, of the signed one; its header, its payload, its
/// signature; and the method, the target or the body of a request.
pub fn permit(bytes: &[u8]) {
    let signed = &SIGNED.token;
    let text = String::from_utf8_lossy(bytes);
    assert!(accepts(signed, METHOD, TARGET, BODY), "the signed permit");

    never(&text);
    never(&edited(signed, bytes));
    let parts: Vec<&str> = signed.split('.').collect();
    let part = URL_SAFE_NO_PAD.encode(bytes);
    never(&format!("{part}.{}.{}", parts[1], parts[2]));
    never(&format!("{}.{part}.{}", parts[0], parts[2]));
    never(&format!("{}.{}.{part}", parts[0], parts[1]));
    never(&format!("{signed}{text}"));

    let other = |same: bool, accepted: bool| assert_eq!(accepted, same, "a permit for another request");
    other(text == METHOD, accepts(signed, &text, TARGET, BODY));
    other(text == TARGET, accepts(signed, METHOD, &text, BODY));
    other(bytes == BODY, accepts(signed, METHOD, TARGET, bytes));
}

fn never(token: &str) {
    assert!(token == SIGNED.token || !accepts(token, METHOD, TARGET, BODY), "accepted: {token}");
}

/// By a verifier that has seen no permit yet.
fn accepts(token: &str, method: &str, target: &str, body: &[u8]) -> bool {
    let keys: KeySet = SIGNED.keys.parse().expect("a key set");
    let verifier = Verifier::new(keys, "payments").issuer("http://gate.test");
    let request = Presented { method, target, body };
    let accepted = verifier.verify(token, &request, NOW).is_ok();
    assert!(verifier.verify(token, &request, NOW).is_err(), "used twice: {token}");
    accepted
}

/// Each edit: where (two bytes), and the character that stands there afterwards.
fn edited(token: &str, edits: &[u8]) -> String {
    const CHARACTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \0";
    let mut token = token.as_bytes().to_vec();
    for edit in edits.chunks_exact(3) {
        let at = usize::from(u16::from_be_bytes([edit[0], edit[1]])) % token.len();
        token[at] = CHARACTERS[usize::from(edit[2]) % CHARACTERS.len()];
    }
    String::from_utf8(token).expect("ASCII")
}
