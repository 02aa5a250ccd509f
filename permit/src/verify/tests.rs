//! What a verifier accepts and each thing that it refuses.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::*;
use crate::{Algorithm, Decision, HmacSigner, KeyRing};

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
        intent_expires_at: None,
    }
}

const NOW: i64 = 1_789_000_000;
const REQUEST: Presented<'static> = Presented { method: "POST", target: "/v1/refunds?dry=0", body: BODY };
const SECRET: [u8; 32] = [9; 32];

fn ring(algorithm: Algorithm) -> KeyRing {
    KeyRing::ephemeral(algorithm, NOW).unwrap()
}

fn verifier(ring: &KeyRing) -> Verifier {
    Verifier::new(KeySet::from_jwks(&ring.jwks(NOW)).unwrap(), "payments").issuer("http://gate.test")
}

/// A permit with some claims changed, correctly signed.
fn permit_with(change: impl FnOnce(&mut Claims)) -> (Verifier, String) {
    let ring = ring(Algorithm::Es256);
    let mut claims = claims(NOW);
    change(&mut claims);
    (verifier(&ring), ring.sign(&claims).unwrap())
}

fn refused(outcome: Result<Verified, Refused>) -> Refused {
    outcome.map(|verified| verified.claims).unwrap_err()
}

/// A token of any header and payload, signed by jsonwebtoken with a key of its own.
struct Forge {
    pem: jsonwebtoken::EncodingKey,
    jwks: Value,
}

impl Forge {
    fn new() -> Forge {
        use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
        let jwk = json!({
            "kty": "EC", "crv": "P-256", "kid": "k", "alg": "ES256",
            "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y),
        });
        let pem = jsonwebtoken::EncodingKey::from_ec_der(pair.to_pkcs8v1().unwrap().as_ref());
        Forge { pem, jwks: json!({ "keys": [jwk] }) }
    }

    fn token(&self, header: &Value, payload: &Value) -> String {
        let message = format!("{}.{}", encode(header), encode(payload));
        let signature =
            jsonwebtoken::crypto::sign(message.as_bytes(), &self.pem, jsonwebtoken::Algorithm::ES256).unwrap();
        format!("{message}.{signature}")
    }

    fn verify(&self, header: &Value, payload: &Value) -> Result<Verified, Refused> {
        let verifier = Verifier::new(KeySet::from_jwks(&self.jwks).unwrap(), "payments");
        verifier.verify(&self.token(header, payload), &REQUEST, NOW)
    }
}

fn encode(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn header() -> Value {
    json!({ "typ": "permit+jwt", "alg": "ES256", "kid": "k" })
}

fn payload() -> Value {
    serde_json::to_value(claims(NOW)).unwrap()
}

fn with(mut value: Value, name: &str, changed: Value) -> Value {
    value[name] = changed;
    value
}

#[test]
fn a_permit_passes_once_with_its_own_request() {
    for algorithm in [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256] {
        let ring = ring(algorithm);
        let verifier = verifier(&ring);
        let token = ring.sign(&claims(NOW)).unwrap();
        assert_eq!(verifier.verify(&token, &REQUEST, NOW).unwrap().claims, claims(NOW));
        assert_eq!(refused(verifier.verify(&token, &REQUEST, NOW)), Refused::Used);
    }
    assert!(Forge::new().verify(&header(), &payload()).is_ok());
}

#[test]
fn another_request_is_refused_and_does_not_use_the_permit_up() {
    let (verifier, token) = permit_with(|_| ());
    let cases = [
        ("htm", Presented { method: "PUT", ..REQUEST }),
        ("htm", Presented { method: "post", ..REQUEST }),
        ("target", Presented { target: "/v1/refunds", ..REQUEST }),
        ("target", Presented { target: "/v1/refunds?dry=1", ..REQUEST }),
        ("target", Presented { target: "/v1/refunds/?dry=0", ..REQUEST }),
        ("content_digest", Presented { body: br#"{"amount":90000,"customer_id":"c_1"}"#, ..REQUEST }),
        ("content_digest", Presented { body: b"", ..REQUEST }),
    ];
    for (what, request) in cases {
        assert_eq!(refused(verifier.verify(&token, &request, NOW)), Refused::Differs(what));
    }
    assert!(verifier.verify(&token, &REQUEST, NOW).is_ok());
}

#[test]
fn a_permit_for_others_or_from_others_is_refused() {
    let (verifier, token) = permit_with(|claims| claims.aud = "orders".to_owned());
    assert_eq!(refused(verifier.verify(&token, &REQUEST, NOW)), Refused::Audience("orders".to_owned()));
    let (verifier, token) = permit_with(|claims| claims.iss = "http://other.test".to_owned());
    assert_eq!(refused(verifier.verify(&token, &REQUEST, NOW)), Refused::Issuer("http://other.test".to_owned()));
}

#[test]
fn times_are_checked_with_a_minute_of_leeway() {
    let (verifier, token) = permit_with(|_| ());
    assert_eq!(refused(verifier.verify(&token, &REQUEST, NOW + 120)), Refused::Expired);
    assert_eq!(refused(verifier.verify(&token, &REQUEST, NOW - 61)), Refused::NotYet);
    assert!(verifier.verify(&token, &REQUEST, NOW + 119).is_ok());
    let (verifier, token) = permit_with(|_| ());
    assert!(verifier.verify(&token, &REQUEST, NOW - 60).is_ok());
    let (verifier, token) = permit_with(|_| ());
    assert_eq!(refused(verifier.leeway(0).verify(&token, &REQUEST, NOW + 60)), Refused::Expired);
}

#[test]
fn a_lifetime_that_no_gate_gives_is_refused() {
    for (exp, lifetime) in [(NOW, 0), (NOW - 1, -1), (NOW + 601, 601), (i64::MAX, i64::MAX - NOW)] {
        let (verifier, token) = permit_with(|claims| claims.exp = exp);
        assert_eq!(refused(verifier.verify(&token, &REQUEST, NOW)), Refused::Lifetime(lifetime));
    }
    let (verifier, token) = permit_with(|claims| (claims.iat, claims.exp) = (i64::MIN, i64::MAX));
    assert_eq!(refused(verifier.verify(&token, &REQUEST, NOW)), Refused::Lifetime(i64::MAX));
    let (verifier, token) = permit_with(|claims| claims.exp = NOW + 601);
    assert!(verifier.longest_lifetime(601).verify(&token, &REQUEST, NOW).is_ok());
}

#[test]
fn what_was_minted_before_the_service_started_is_refused_when_asked() {
    let (verifier, token) = permit_with(|_| ());
    assert_eq!(refused(verifier.minted_since(NOW + 1).verify(&token, &REQUEST, NOW + 1)), Refused::Expired);
}

#[test]
fn a_claim_that_is_missing_or_of_another_type_is_malformed() {
    let forge = Forge::new();
    let required = [
        "iss",
        "aud",
        "sub",
        "jti",
        "iat",
        "exp",
        "intent_id",
        "action",
        "risk_tier",
        "project",
        "htm",
        "target",
        "content_digest",
        "headers",
        "headers_digest",
        "decision",
    ];
    for name in required {
        let mut lacking = payload();
        lacking.as_object_mut().unwrap().shift_remove(name);
        let why = refused(forge.verify(&header(), &lacking));
        assert!(matches!(&why, Refused::Malformed(text) if text.contains(name)), "{name}: {why}");
        for wrong in [Value::Null, json!({}), json!([1]), json!(1.5), json!(true)] {
            let why = refused(forge.verify(&header(), &with(payload(), name, wrong.clone())));
            assert!(matches!(why, Refused::Malformed(_)), "{name}: {wrong}: {why}");
        }
    }
    for time in ["iat", "exp"] {
        for wrong in [json!("1789000000"), json!(1.789e9), json!(u64::MAX), json!([NOW])] {
            let why = refused(forge.verify(&header(), &with(payload(), time, wrong.clone())));
            assert!(matches!(why, Refused::Malformed(_)), "{time}: {wrong}: {why}");
        }
    }
    let why = refused(forge.verify(&header(), &with(payload(), "aud", json!(["payments"]))));
    assert!(matches!(why, Refused::Malformed(_)), "{why}");
    for jti in [String::new(), "x".repeat(257)] {
        let why = refused(forge.verify(&header(), &with(payload(), "jti", json!(jti))));
        assert_eq!(why, Refused::Malformed("jti".to_owned()));
    }
}

#[test]
fn a_claim_that_stands_twice_is_malformed() {
    let forge = Forge::new();
    let text = payload().to_string().replacen('{', &format!(r#"{{"exp":{},"#, NOW + 61), 1);
    let message = format!("{}.{}", encode(&header()), URL_SAFE_NO_PAD.encode(text));
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &forge.pem, jsonwebtoken::Algorithm::ES256);
    let verifier = Verifier::new(KeySet::from_jwks(&forge.jwks).unwrap(), "payments");
    let why = refused(verifier.verify(&format!("{message}.{}", signature.unwrap()), &REQUEST, NOW));
    assert!(matches!(&why, Refused::Malformed(text) if text.contains("duplicate")), "{why}");
}

#[test]
fn what_is_no_token_is_malformed() {
    let (verifier, token) = permit_with(|_| ());
    let extra = format!("{token}.x");
    let cases = ["", "a", "a.b", "..", "!.!.!", "e30.e30.e30", &extra, &token[1..], &"x".repeat(16 * 1024 + 1)];
    for case in cases {
        let why = refused(verifier.verify(case, &REQUEST, NOW));
        assert!(matches!(why, Refused::Malformed(_) | Refused::Kind), "{case}: {why}");
    }
    assert_eq!(
        refused(verifier.verify("e30.e30.e30", &REQUEST, NOW)),
        Refused::Malformed("header: missing field `alg` at line 1 column 2".to_owned())
    );
    assert_eq!(
        refused(verifier.verify(&"x".repeat(16 * 1024 + 1), &REQUEST, NOW)),
        Refused::Malformed("too long".to_owned())
    );
}

#[test]
fn a_changed_token_has_a_wrong_signature() {
    let (verifier, token) = permit_with(|_| ());
    let parts: Vec<&str> = token.split('.').collect();
    let raised = encode(&with(payload(), "action", json!("delete_everything")));
    assert_eq!(refused(verifier.verify(&[parts[0], &raised, parts[2]].join("."), &REQUEST, NOW)), Refused::Signature);
    let unsigned = [parts[0], parts[1], ""].join(".");
    assert_eq!(refused(verifier.verify(&unsigned, &REQUEST, NOW)), Refused::Signature);
    let zeros = [parts[0], parts[1], &URL_SAFE_NO_PAD.encode([0; 64])].join(".");
    assert_eq!(refused(verifier.verify(&zeros, &REQUEST, NOW)), Refused::Signature);
    // A stranger's key under the gate's `kid`.
    let (stranger, kid) = (Forge::new(), decode_header(&token)["kid"].clone());
    let forged = stranger.token(&with(header(), "kid", kid), &payload());
    assert_eq!(refused(verifier.verify(&forged, &REQUEST, NOW)), Refused::Signature);
}

fn decode_header(token: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap()).unwrap()
}

#[test]
fn the_algorithm_is_the_keys_never_the_tokens() {
    let (verifier, token) = permit_with(|_| ());
    let kid = decode_header(&token)["kid"].clone();
    for alg in ["none", "None", "", "HS256", "RS256", "EdDSA", "ES384", "PS256"] {
        let header = json!({ "typ": "permit+jwt", "alg": alg, "kid": kid });
        for signature in ["", "AAAA"] {
            let forged = format!("{}.{}.{signature}", encode(&header), encode(&payload()));
            assert_eq!(refused(verifier.verify(&forged, &REQUEST, NOW)), Refused::Algorithm, "{alg}");
        }
    }
}

#[test]
fn hs256_with_a_public_key_as_the_secret_is_refused() {
    for algorithm in [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256] {
        let ring = ring(algorithm);
        let jwk = ring.jwks(NOW)["keys"][0].clone();
        let member = if algorithm == Algorithm::Rs256 { "n" } else { "x" };
        let secrets = [
            URL_SAFE_NO_PAD.decode(jwk[member].as_str().unwrap()).unwrap(),
            jwk.to_string().into_bytes(),
            ring.jwks(NOW).to_string().into_bytes(),
        ];
        for secret in secrets {
            for kid in [jwk["kid"].clone(), Value::Null] {
                let header = json!({ "typ": "permit+jwt", "alg": "HS256", "kid": kid });
                let message = format!("{}.{}", encode(&header), encode(&payload()));
                let key = jsonwebtoken::EncodingKey::from_secret(&secret);
                let signature =
                    jsonwebtoken::crypto::sign(message.as_bytes(), &key, jsonwebtoken::Algorithm::HS256).unwrap();
                let verifier = verifier(&ring).accept_shared_secret("support", &SECRET).unwrap();
                let why = refused(verifier.verify(&format!("{message}.{signature}"), &REQUEST, NOW));
                let expected = if kid.is_null() { Refused::Malformed("no kid".to_owned()) } else { Refused::Algorithm };
                assert_eq!(why, expected);
            }
        }
    }
}

#[test]
fn a_header_that_brings_its_own_key_is_refused() {
    let forge = Forge::new();
    for name in ["jku", "x5u", "jwk", "x5c", "crit"] {
        for value in [json!("https://attacker.test/jwks.json"), json!([]), forge.jwks["keys"][0].clone()] {
            let why = refused(forge.verify(&with(header(), name, value), &payload()));
            assert!(matches!(&why, Refused::Malformed(text) if text.contains("of its own")), "{name}: {why}");
        }
    }
}

#[test]
fn another_kind_or_key_is_refused() {
    let forge = Forge::new();
    for typ in [json!("JWT"), json!("intent-permit+jwt"), json!("PERMIT+JWT"), json!("application/permit+jwt")] {
        assert_eq!(refused(forge.verify(&with(header(), "typ", typ), &payload())), Refused::Kind);
    }
    let mut untyped = header();
    untyped.as_object_mut().unwrap().shift_remove("typ");
    assert_eq!(refused(forge.verify(&untyped, &payload())), Refused::Kind);
    let unknown = refused(forge.verify(&with(header(), "kid", json!("k2")), &payload()));
    assert_eq!(unknown, Refused::UnknownKey("k2".to_owned()));
    let unnamed = refused(forge.verify(&with(header(), "kid", Value::Null), &payload()));
    assert_eq!(unnamed, Refused::Malformed("no kid".to_owned()));
}

#[test]
fn a_key_set_gives_only_signing_keys_of_the_three_algorithms() {
    let good = ring(Algorithm::Es256).jwks(NOW)["keys"][0].clone();
    let rsa = ring(Algorithm::Rs256).jwks(NOW)["keys"][0].clone();
    let unusable = [
        json!({ "kty": "oct", "k": "AAAA", "kid": "s", "alg": "HS256" }),
        with(good.clone(), "use", json!("enc")),
        with(good.clone(), "alg", json!("ES384")),
        with(good.clone(), "crv", json!("P-384")),
        with(good.clone(), "kid", Value::Null),
        with(good.clone(), "x", json!("!")),
        with(rsa, "alg", json!("RS512")),
        json!("key"),
    ];
    for key in &unusable {
        let outcome = KeySet::from_jwks(&json!({ "keys": [key] }));
        assert_eq!(outcome.map(|_| ()), Err(KeySetError::Empty), "{key}");
    }
    for text in ["", "[]", "{}", r#"{"keys":{}}"#] {
        assert!(matches!(text.parse::<KeySet>(), Err(KeySetError::Unreadable(_))), "{text}");
    }
    assert!(KeySet::from_jwks(&json!({ "keys": [unusable[0], good] })).is_ok());
}

#[test]
fn a_used_permit_is_remembered_until_it_is_dead_and_a_full_memory_refuses() {
    let ring = ring(Algorithm::EdDsa);
    let verifier = verifier(&ring).remember(2);
    let permit = |jti: &str, iat| ring.sign(&Claims { jti: jti.to_owned(), ..claims(iat) }).unwrap();
    let (a, b, c) = (permit("a", NOW), permit("b", NOW + 1), permit("c", NOW + 1));
    assert!(verifier.verify(&a, &REQUEST, NOW + 1).is_ok());
    assert!(verifier.verify(&b, &REQUEST, NOW + 1).is_ok());
    assert_eq!(refused(verifier.verify(&c, &REQUEST, NOW + 1)), Refused::Full);
    assert_eq!(refused(verifier.verify(&a, &REQUEST, NOW + 119)), Refused::Used);
    // `a` is dead now, and makes room.
    assert!(verifier.verify(&c, &REQUEST, NOW + 120).is_ok());
    assert_eq!(refused(verifier.verify(&b, &REQUEST, NOW + 120)), Refused::Used);
    // The clock is set back: what was forgotten does not pass again.
    assert_eq!(refused(verifier.verify(&a, &REQUEST, NOW)), Refused::Expired);
}

#[test]
fn of_many_simultaneous_uses_one_passes() {
    let (verifier, token) = permit_with(|_| ());
    let passed = std::thread::scope(|scope| {
        let uses: Vec<_> = (0..8).map(|_| scope.spawn(|| verifier.verify(&token, &REQUEST, NOW).is_ok())).collect();
        uses.into_iter().map(|one| usize::from(one.join().unwrap())).sum::<usize>()
    });
    assert_eq!(passed, 1);
}

#[test]
fn approved_headers_are_checked_by_name() {
    let (verifier, token) = permit_with(|_| ());
    let verified = verifier.verify(&token, &REQUEST, NOW).unwrap();
    let check = |headers: &[(&str, &str)]| {
        verified.check_headers(headers.iter().map(|(name, value)| (*name, value.as_bytes())))
    };
    assert_eq!(check(&[("Content-Type", "application/json"), ("via", "1.1 gate")]), Ok(()));
    let differs = Err(Refused::Differs("headers_digest"));
    assert_eq!(check(&[("content-type", "text/plain")]), differs);
    assert_eq!(check(&[]), differs);
    assert_eq!(check(&[("content-type", "application/json"), ("content-type", "application/json")]), differs);
}

#[test]
fn intent_permits_are_refused_unless_enabled() {
    let ring = ring(Algorithm::Es256);
    let token = ring.sign_intent(&intent_claims(NOW)).unwrap();
    assert_eq!(verifier(&ring).verify_intent(&token, NOW), Err(Refused::Kind));
    assert_eq!(refused(verifier(&ring).verify(&token, &REQUEST, NOW)), Refused::Kind);

    let accepting = verifier(&ring).accept_intent_permits("support");
    assert_eq!(refused(accepting.verify(&token, &REQUEST, NOW)), Refused::Kind);
    assert_eq!(accepting.verify_intent(&token, NOW), Ok(intent_claims(NOW)));
    assert_eq!(accepting.verify_intent(&token, NOW), Err(Refused::Used));
    let request_permit = ring.sign(&claims(NOW)).unwrap();
    assert_eq!(accepting.verify_intent(&request_permit, NOW), Err(Refused::Kind));
    let elsewhere = verifier(&ring).accept_intent_permits("other");
    assert_eq!(elsewhere.verify_intent(&token, NOW), Err(Refused::Audience("project:support".to_owned())));
    assert_eq!(elsewhere.verify_intent(&token, NOW + 360), Err(Refused::Audience("project:support".to_owned())));
    assert_eq!(
        verifier(&ring).accept_intent_permits("support").verify_intent(&token, NOW + 360),
        Err(Refused::Expired)
    );
}

#[test]
fn intent_permits_with_a_shared_secret_are_refused_unless_enabled() {
    let ring = ring(Algorithm::Es256);
    let token = HmacSigner::new(&SECRET).unwrap().sign_intent(&intent_claims(NOW)).unwrap();
    let public_only = verifier(&ring).accept_intent_permits("support");
    assert_eq!(public_only.verify_intent(&token, NOW), Err(Refused::Malformed("no kid".to_owned())));

    let accepting = || verifier(&ring).accept_shared_secret("support", &SECRET).unwrap();
    assert_eq!(accepting().verify_intent(&token, NOW), Ok(intent_claims(NOW)));
    assert_eq!(accepting().verify_intent(&ring.sign_intent(&intent_claims(NOW)).unwrap(), NOW), Ok(intent_claims(NOW)));
    let stranger = HmacSigner::new(&[8; 32]).unwrap().sign_intent(&intent_claims(NOW)).unwrap();
    assert_eq!(accepting().verify_intent(&stranger, NOW), Err(Refused::Signature));
    assert!(matches!(verifier(&ring).accept_shared_secret("support", b"short"), Err(KeyError::ShortSecret(5))));
}

#[test]
fn a_token_of_either_kind_can_be_looked_at_without_its_request() {
    let ring = ring(Algorithm::Rs256);
    let keys = KeySet::from_jwks(&ring.jwks(NOW)).unwrap();
    assert_eq!(keys.open(&ring.sign(&claims(0)).unwrap()), Ok(Opened::Request(claims(0))));
    assert_eq!(keys.open(&ring.sign_intent(&intent_claims(0)).unwrap()), Ok(Opened::Intent(intent_claims(0))));
    let forge = Forge::new();
    assert_eq!(keys.open(&forge.token(&header(), &payload())), Err(Refused::UnknownKey("k".to_owned())));
    assert_eq!(keys.open(&forge.token(&with(header(), "typ", json!("JWT")), &payload())), Err(Refused::Kind));
}

/// A source of key sets that counts how often it was asked.
fn counted(answers: Vec<Option<Value>>) -> (Verifier, std::sync::Arc<std::sync::atomic::AtomicUsize>) {
    let asked = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = std::sync::Arc::clone(&asked);
    let verifier = Verifier::new(KeySet::default(), "payments").keys_from(move || {
        let answer = answers.get(count.fetch_add(1, std::sync::atomic::Ordering::SeqCst)).cloned().flatten();
        async move { answer.ok_or_else(|| "unreachable".into()) }
    });
    (verifier, asked)
}

#[tokio::test]
async fn an_unknown_key_is_fetched_at_most_once_a_minute() {
    let (old, new) = (ring(Algorithm::Es256), ring(Algorithm::Es256));
    let both = json!({ "keys": [new.jwks(NOW)["keys"][0], old.jwks(NOW)["keys"][0]] });
    let (verifier, asked) = counted(vec![None, Some(old.jwks(NOW)), Some(both)]);
    let asked = || asked.load(std::sync::atomic::Ordering::SeqCst);
    let permit = |ring: &KeyRing, jti: &str, at| ring.sign(&Claims { jti: jti.to_owned(), ..claims(at) }).unwrap();
    let unknown = |outcome| matches!(refused(outcome), Refused::UnknownKey(_));

    // Nothing to be had: refused, and not asked again within the minute.
    assert!(unknown(verifier.verify_refreshing(&permit(&old, "1", NOW), &REQUEST, NOW).await));
    assert!(unknown(verifier.verify_refreshing(&permit(&old, "1", NOW), &REQUEST, NOW + 59).await));
    assert_eq!(asked(), 1);
    assert!(verifier.verify_refreshing(&permit(&old, "1", NOW), &REQUEST, NOW + 60).await.is_ok());
    assert_eq!(asked(), 2);
    // A rotation within the minute after: refused until the minute is over.
    assert!(unknown(verifier.verify_refreshing(&permit(&new, "2", NOW + 60), &REQUEST, NOW + 61).await));
    assert!(verifier.verify_refreshing(&permit(&new, "2", NOW + 60), &REQUEST, NOW + 120).await.is_ok());
    assert_eq!(asked(), 3);
    assert!(verifier.verify_refreshing(&permit(&old, "3", NOW + 120), &REQUEST, NOW + 120).await.is_ok());
    assert_eq!(asked(), 3);
}

#[tokio::test]
async fn a_withdrawn_key_is_gone_after_ten_minutes_and_an_unreachable_gate_changes_nothing() {
    let (old, new) = (ring(Algorithm::Es256), ring(Algorithm::Es256));
    let (verifier, asked) = counted(vec![Some(old.jwks(NOW)), None, Some(json!({ "keys": [] })), Some(new.jwks(NOW))]);
    let permit = |jti: &str, at| old.sign(&Claims { jti: jti.to_owned(), ..claims(at) }).unwrap();
    let at = |seconds: i64| NOW + seconds;
    assert!(verifier.verify_refreshing(&permit("1", at(0)), &REQUEST, at(0)).await.is_ok());
    assert!(verifier.verify_refreshing(&permit("2", at(599)), &REQUEST, at(599)).await.is_ok());
    assert_eq!(asked.load(std::sync::atomic::Ordering::SeqCst), 1);
    assert!(verifier.verify_refreshing(&permit("3", at(600)), &REQUEST, at(600)).await.is_ok());
    assert!(verifier.verify_refreshing(&permit("4", at(660)), &REQUEST, at(660)).await.is_ok());
    assert_eq!(asked.load(std::sync::atomic::Ordering::SeqCst), 3);
    let later = verifier.verify_refreshing(&permit("5", at(1260)), &REQUEST, at(1260)).await;
    assert!(matches!(refused(later), Refused::UnknownKey(_)));
}

#[tokio::test]
async fn simultaneous_permits_of_a_new_key_wait_for_one_fetch() {
    let ring = ring(Algorithm::Es256);
    let jwks = ring.jwks(NOW);
    let verifier = Verifier::new(KeySet::default(), "payments").keys_from(move || {
        let jwks = jwks.clone();
        async move {
            for _ in 0..5 {
                tokio::task::yield_now().await;
            }
            Ok(jwks)
        }
    });
    let permits: Vec<String> =
        (0..3).map(|jti| ring.sign(&Claims { jti: jti.to_string(), ..claims(NOW) }).unwrap()).collect();
    let (a, b, c) = tokio::join!(
        verifier.verify_refreshing(&permits[0], &REQUEST, NOW),
        verifier.verify_refreshing(&permits[1], &REQUEST, NOW),
        verifier.verify_refreshing(&permits[2], &REQUEST, NOW),
    );
    assert!(a.is_ok() && b.is_ok() && c.is_ok());
}
