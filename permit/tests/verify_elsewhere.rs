//! The services of `docs/verify`, run as they stand there, and one behind `PermitLayer`: each gets its keys
//! from a key set that is served over HTTP, and requests with good and with forged permits over real sockets.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

#[path = "verify_elsewhere/service.rs"]
mod service;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use holdshort_permit::{Algorithm, Claims, Decision, IntentClaims, KeyRing, content_digest, headers_digest};
use serde_json::{Value, json};

use service::{Service, serve_key_set};

const ISSUER: &str = "http://gate.test";
const TARGET: &str = "//v1/refunds/%C3%A9?dry=0&dry=%31";
const BODY: &str = r#"{"amount":900,"customer_id":"c_1"}"#;

#[test]
fn an_axum_service_takes_permits_and_nothing_else() {
    tell_good_from_forged(Service::axum);
}

#[test]
fn the_python_service_takes_permits_and_nothing_else() {
    tell_good_from_forged(Service::python);
}

#[test]
fn the_node_service_takes_permits_and_nothing_else() {
    tell_good_from_forged(Service::node);
}

#[test]
#[ignore = "needs Go and its module proxy"]
fn the_go_service_takes_permits_and_nothing_else() {
    tell_good_from_forged(Service::go);
}

fn tell_good_from_forged(start: fn(&str, &str) -> Service) {
    let signers = Signers::new();
    let service = start(&serve_key_set(&signers.jwks()), ISSUER);
    let mut executed = 0;
    for algorithm in [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256] {
        let permit = signers.ring(algorithm).sign(&claims(algorithm.name())).unwrap();
        executed += 1;
        let answer = service.call(&Call::with(&permit));
        assert_eq!(answer.status, 200, "{algorithm}: {}", answer.body);
        assert_eq!(answer.body, json!({ "intent_id": "int_1", "executed": executed }), "{algorithm}");
        service.refuses("used again", &Call::with(&permit), "used before");
    }
    for (name, call, why) in forgeries(&signers) {
        service.refuses(&name, &call, why);
    }
    // None of those was executed, and none used up a permit of another.
    let answer = service.call(&Call::with(&signers.ring(Algorithm::Es256).sign(&claims("last")).unwrap()));
    assert_eq!(answer.body, json!({ "intent_id": "int_1", "executed": executed + 1 }));
}

/// A call, and why it is refused: one of the words between bars.
fn forgeries(signers: &Signers) -> Vec<(String, Call, &'static str)> {
    let es256 = signers.ring(Algorithm::Es256);
    let good = es256.sign(&claims("good")).unwrap();
    let call = || Call::with(&good);
    let changed = |change: fn(&mut Claims)| {
        let mut claims = claims("changed");
        change(&mut claims);
        Call::with(&es256.sign(&claims).unwrap())
    };
    let forged = |header: Value, payload: Value| Call::with(&signers.forge(&header, &payload));
    let mut cases = vec![
        ("no permit", Call { permits: vec![], ..call() }, "no permit"),
        ("two permits", Call { permits: vec![good.clone(), good.clone()], ..call() }, "more than one"),
        ("a changed amount", Call { body: BODY.replace("900", "90000"), ..call() }, "content_digest differs"),
        ("other white space", Call { body: BODY.replace(':', ": "), ..call() }, "content_digest differs"),
        ("no body", Call { body: String::new(), ..call() }, "content_digest differs"),
        ("another path", Call { target: TARGET.replace("refunds", "charges"), ..call() }, "target differs"),
        ("a decoded path", Call { target: TARGET.replace("%31", "1"), ..call() }, "target differs"),
        ("a cleaned path", Call { target: TARGET.replace("//", "/"), ..call() }, "target differs"),
        ("no query", Call { target: TARGET.split('?').next().unwrap().to_owned(), ..call() }, "target differs"),
        ("another method", Call { method: "PUT", ..call() }, "htm differs"),
        ("a changed header", Call { content_type: "text/plain", ..call() }, "headers_digest differs"),
        ("expired", changed(|claims| (claims.iat, claims.exp) = (now() - 121, now() - 61)), "expired|\"exp\""),
        ("minted in the future", changed(|claims| (claims.iat, claims.exp) = (now() + 90, now() + 150)), "future|iat"),
        ("a long life", changed(|claims| claims.exp = claims.iat + 601), "lifetime|lives 601 seconds"),
        ("another audience", changed(|claims| claims.aud = "orders".to_owned()), "Audience|\"aud\"|for orders"),
        (
            "another issuer",
            changed(|claims| claims.iss = "http://other.test".to_owned()),
            "issuer|\"iss\"|from http://other",
        ),
        ("an intent permit", Call::with(&es256.sign_intent(&intent_claims()).unwrap()), "another kind|missing"),
        ("any JWT", forged(with(header(), "typ", json!("JWT")), payload()), "another kind"),
        ("an unknown key", forged(with(header(), "kid", json!("k9")), payload()), "unknown|no applicable key"),
        ("no key named", forged(with(header(), "kid", Value::Null), payload()), "unknown|names no key|Key ID|no kid"),
        ("a list of audiences", forged(header(), with(payload(), "aud", json!(["payments"]))), "aud|sequence"),
        ("exp as text", forged(header(), with(payload(), "exp", json!((now() + 60).to_string()))), "exp|malformed"),
        ("exp as a fraction", forged(header(), with(payload(), "exp", json!(now() as f64 + 59.5))), "exp|malformed"),
        ("iat as a fraction", forged(header(), with(payload(), "iat", json!(now() as f64 - 0.5))), "iat|malformed"),
        ("no digest", forged(header(), without(payload(), "content_digest")), "content_digest"),
        ("no jti", forged(header(), without(payload(), "jti")), "jti"),
        ("no list of headers", forged(header(), without(payload(), "headers")), "headers"),
        ("headers as text", forged(header(), with(payload(), "headers", json!("content-type"))), "headers|sequence"),
        ("no exp", forged(header(), without(payload(), "exp")), "exp"),
        ("no token", Call::with("permit"), "does not hold|malformed"),
    ];
    for name in ["jku", "jwk", "x5u", "x5c"] {
        let call = forged(with(header(), name, json!("https://attacker.test/keys")), payload());
        cases.push((name, call, "of its own|X.509"));
    }
    let mut cases: Vec<_> = cases.into_iter().map(|(name, call, why)| (name.to_owned(), call, why)).collect();

    // The key belongs to one algorithm; what the token says of itself changes nothing.
    for jwk in signers.jwks()["keys"].as_array().unwrap() {
        let named = |alg: &str| json!({ "typ": "permit+jwt", "alg": alg, "kid": jwk["kid"] });
        for alg in ["none", "None", "HS256"] {
            let unsigned = format!("{}.{}.", encode(&named(alg)), encode(&payload()));
            cases.push((format!("{alg}, unsigned"), Call::with(&unsigned), "does not hold|\"alg\"|algorithm is not"));
        }
        let raw = jwk.get("x").or_else(|| jwk.get("n")).unwrap().as_str().unwrap();
        for secret in [URL_SAFE_NO_PAD.decode(raw).unwrap(), jwk.to_string().into_bytes()] {
            let message = format!("{}.{}", encode(&named("HS256")), encode(&payload()));
            let key = jsonwebtoken::EncodingKey::from_secret(&secret);
            let signature = sign(&message, &key, jsonwebtoken::Algorithm::HS256);
            let call = Call::with(&format!("{message}.{signature}"));
            cases.push((
                format!("HS256 with the public key of {}", jwk["alg"]),
                call,
                "does not hold|algorithm is not",
            ));
        }
    }
    let parts: Vec<&str> = good.split('.').collect();
    let raised = [parts[0], &encode(&with(payload(), "action", json!("delete_all"))), parts[2]].join(".");
    cases.push(("a changed claim".to_owned(), Call::with(&raised), "does not hold|signature is wrong"));
    cases.push(("a cut signature".to_owned(), Call::with(&good[..good.len() - 4]), "does not hold|signature is wrong"));
    cases
}

/// A request to one of the services.
pub(crate) struct Call {
    pub(crate) permits: Vec<String>,
    pub(crate) method: &'static str,
    pub(crate) target: String,
    pub(crate) content_type: &'static str,
    pub(crate) body: String,
}

impl Call {
    fn with(permit: &str) -> Call {
        Call {
            permits: vec![permit.to_owned()],
            method: "POST",
            target: TARGET.to_owned(),
            content_type: "application/json",
            body: BODY.to_owned(),
        }
    }
}

/// The gate's keys, and one more that signs whatever it is given.
struct Signers {
    rings: Vec<KeyRing>,
    forge: jsonwebtoken::EncodingKey,
    forge_jwk: Value,
}

impl Signers {
    fn new() -> Signers {
        let algorithms = [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256];
        let rings = algorithms.map(|algorithm| KeyRing::ephemeral(algorithm, now()).unwrap()).into();
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        let forge_jwk =
            json!({ "kty": "EC", "crv": "P-256", "x": x, "y": y, "use": "sig", "alg": "ES256", "kid": "k" });
        let forge = jsonwebtoken::EncodingKey::from_ec_der(pair.to_pkcs8v1().unwrap().as_ref());
        Signers { rings, forge, forge_jwk }
    }

    fn ring(&self, algorithm: Algorithm) -> &KeyRing {
        self.rings.iter().find(|ring| ring.list()[0].algorithm == algorithm).unwrap()
    }

    fn jwks(&self) -> Value {
        let keys = self.rings.iter().map(|ring| ring.jwks(now())["keys"][0].clone());
        json!({ "keys": keys.chain([self.forge_jwk.clone()]).collect::<Vec<_>>() })
    }

    fn forge(&self, header: &Value, payload: &Value) -> String {
        let message = format!("{}.{}", encode(header), encode(payload));
        let signature = sign(&message, &self.forge, jsonwebtoken::Algorithm::ES256);
        format!("{message}.{signature}")
    }
}

fn sign(message: &str, key: &jsonwebtoken::EncodingKey, algorithm: jsonwebtoken::Algorithm) -> String {
    jsonwebtoken::crypto::sign(message.as_bytes(), key, algorithm).unwrap()
}

fn encode(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn header() -> Value {
    json!({ "typ": "permit+jwt", "alg": "ES256", "kid": "k" })
}

fn payload() -> Value {
    serde_json::to_value(claims("forged")).unwrap()
}

fn with(mut value: Value, name: &str, changed: Value) -> Value {
    value[name] = changed;
    value
}

fn without(mut value: Value, name: &str) -> Value {
    value.as_object_mut().unwrap().shift_remove(name);
    value
}

#[expect(clippy::disallowed_methods, reason = "the services outside compare with the machine's clock")]
fn now() -> i64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs().try_into().unwrap()
}

fn claims(jti: &str) -> Claims {
    let headers = [("content-type", &b"application/json"[..]), ("x-note", b"a"), ("x-note", b"b")];
    Claims {
        iss: ISSUER.to_owned(),
        aud: "payments".to_owned(),
        sub: "billing".to_owned(),
        jti: jti.to_owned(),
        iat: now(),
        exp: now() + 60,
        intent_id: "int_1".to_owned(),
        action: "issue_refund".to_owned(),
        risk_tier: "high".to_owned(),
        project: "support".to_owned(),
        htm: "POST".to_owned(),
        target: TARGET.to_owned(),
        content_digest: content_digest(BODY.as_bytes()),
        headers: holdshort_permit::header_names(headers),
        headers_digest: headers_digest(headers),
        decision: Decision::Human,
        policy: Some("refunds need finance".to_owned()),
        approved_by: vec!["usr_1".to_owned()],
        approved_at: Some(now() - 5),
    }
}

fn intent_claims() -> IntentClaims {
    let Claims { iss, aud, sub, jti, iat, exp, intent_id, action, risk_tier, project, decision, .. } = claims("intent");
    IntentClaims {
        iss,
        aud,
        sub,
        jti,
        iat,
        exp,
        intent_id,
        action,
        risk_tier,
        project,
        decision,
        policy: None,
        approved_by: Vec::new(),
        approved_at: None,
        intent_expires_at: None,
    }
}
