//! What one signature costs, by algorithm: `cargo run --release -p holdshort-permit --example sign_cost`.
//! Prints the median and the spread of the rounds, in microseconds for one permit, on one thread.

#![allow(clippy::print_stdout, reason = "printing the table is what it is for")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use holdshort_permit::{
    Algorithm, Claims, Decision, KeyRing, KeySet, Presented, Verifier, content_digest, headers_digest,
};

const ROUNDS: usize = 21;
const ROUND: Duration = Duration::from_millis(50);
const NOW: i64 = 1_789_000_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let body = vec![b'x'; 1024];
    let claims = claims(&body);
    println!("{:<8} {:>10} {:>22} {:>10} {:>8}", "", "sign us", "(fastest..slowest)", "verify us", "bytes");
    for algorithm in [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256] {
        let ring = KeyRing::ephemeral(algorithm, NOW)?;
        let sign = measure(|| ring.sign(black_box(&claims)).is_ok());
        // The memory is full from the start: all is checked, and the permit can be presented again.
        let verifier = Verifier::new(KeySet::from_jwks(&ring.jwks(NOW))?, "payments").remember(0);
        let token = ring.sign(&claims)?;
        let request = Presented { method: "POST", target: &claims.target, body: &body };
        let verify = measure(|| verifier.verify(black_box(&token), &request, NOW).is_err());
        let spread = format!("({:.1}..{:.1})", sign.0, sign.2);
        println!("{:<8} {:>10.1} {spread:>22} {:>10.1} {:>8}", algorithm.name(), sign.1, verify.1, token.len());
    }
    let digest = measure(|| content_digest(black_box(&body)).is_empty());
    println!("content_digest of 1 KiB: {:.2} us", digest.1);
    Ok(())
}

/// Microseconds for one call in the fastest, the median and the slowest round.
fn measure(mut deed: impl FnMut() -> bool) -> (f64, f64, f64) {
    let mut rounds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let (start, mut calls) = (Instant::now(), 0_u32);
            while start.elapsed() < ROUND {
                black_box(deed());
                calls += 1;
            }
            start.elapsed().as_secs_f64() * 1e6 / f64::from(calls)
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    let at = |index: usize| rounds.get(index).copied().unwrap_or_default();
    (at(0), at(ROUNDS / 2), at(ROUNDS - 1))
}

fn claims(body: &[u8]) -> Claims {
    let headers = [("accept", &b"application/json"[..]), ("content-type", b"application/json")];
    Claims {
        iss: "https://gate.example.com".to_owned(),
        aud: "payments".to_owned(),
        sub: "billing".to_owned(),
        jti: "019a5c1e-7f3a-7cc2-9a55-3b1f2d6e8a90".to_owned(),
        iat: NOW,
        exp: NOW + 60,
        intent_id: "int_019a5c1e7f3a7cc29a553b1f2d6e8a90".to_owned(),
        action: "issue_refund".to_owned(),
        risk_tier: "medium".to_owned(),
        project: "support".to_owned(),
        htm: "POST".to_owned(),
        target: "/v1/refunds".to_owned(),
        content_digest: content_digest(body),
        headers: headers.iter().map(|(name, _)| (*name).to_owned()).collect(),
        headers_digest: headers_digest(headers),
        decision: Decision::Policy,
        policy: Some("small refunds".to_owned()),
        approved_by: Vec::new(),
        approved_at: None,
    }
}
