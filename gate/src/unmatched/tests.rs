use super::*;

fn noted(calls: &[(&str, &str)]) -> Unmatched {
    let unmatched = Unmatched::default();
    for (at, (method, path)) in calls.iter().enumerate() {
        unmatched.note("api", method, path, Unrouted::Rejected, Timestamp(i64::try_from(at).unwrap()));
    }
    unmatched
}

fn shown(unmatched: &Unmatched) -> Vec<String> {
    let list = unmatched.list();
    list.iter().map(|calls| format!("{} {} {}", calls.counts.all(), calls.method, calls.template)).collect()
}

#[test]
fn calls_are_grouped_by_what_differs_in_their_paths() {
    let calls = [
        ("GET", "/v1/users/123"),
        ("GET", "/v1/users/124"),
        ("GET", "/v1/users/0b4b9dfa-5b83-4b9c-a4f3-2a1e3f4d5c6b/cards/7"),
        ("GET", "/v1/users"),
        ("GET", "/v1/users/"),
        ("GET", "/"),
        ("DELETE", "/v1/users/125"),
        ("GET", "/reports/2026-11-21"),
        ("BREW", "/pot"),
        ("tools/call", "send_mail"),
    ];
    assert_eq!(
        shown(&noted(&calls)),
        [
            "2 GET /v1/users",
            "2 GET /v1/users/{id}",
            "1 GET /",
            "1 OTHER /pot",
            "1 GET /reports/{date}",
            "1 DELETE /v1/users/{id}",
            "1 GET /v1/users/{id}/cards/{id2}",
            "1 tools/call send_mail",
        ]
    );
}

#[test]
fn a_place_with_many_words_is_learnt_to_be_a_value() {
    let names: Vec<String> = (0..WORDS as u32 + 5).map(|n| format!("/teams/{}/members", letters(n))).collect();
    let few: Vec<(&str, &str)> = names.iter().take(WORDS).map(|path| ("GET", path.as_str())).collect();
    assert_eq!(noted(&few).list().len(), WORDS);
    let all: Vec<(&str, &str)> = names.iter().map(|path| ("GET", path.as_str())).collect();
    assert_eq!(shown(&noted(&all)), [format!("{} GET /teams/{{id}}/members", WORDS + 5)]);
}

/// Texts that are words: no digits.
fn letters(number: u32) -> String {
    number.to_string().bytes().map(|digit| char::from(digit - b'0' + b'a')).collect()
}

#[test]
fn a_flood_of_paths_takes_no_more_room_than_a_few_thousand_places_and_every_call_is_counted() {
    let unmatched = Unmatched::default();
    let calls = 100_000_u32;
    for n in 0..calls {
        // Words at every depth, few enough in each place that none is learnt at once.
        let path: String = (0..14).map(|depth| format!("/{}", letters((n >> depth) % 19))).collect();
        let method = if n % 2 == 0 { "GET" } else { "POST" };
        unmatched.note("api", method, &path, Unrouted::Passed, Timestamp(i64::from(n)));
    }
    let seen = unmatched.seen.lock().unwrap();
    let places: usize = seen.trees.values().map(Place::size).sum();
    assert!(places <= PLACES + seen.trees.len(), "{places}");
    assert!(seen.places <= PLACES, "{}", seen.places);
    drop(seen);
    let counted: u64 = unmatched.list().iter().map(|calls| calls.counts.passed).sum();
    assert_eq!(counted, u64::from(calls));
}

#[test]
fn nothing_that_could_be_a_secret_is_kept() {
    let unmatched = noted(&[
        ("GET", "/reset/eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30.sig"),
        ("GET", "/hooks/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX1"),
        ("GET", "/k/sk_live_4eC39HqLyjWDarjtT1zdp7dc"),
    ]);
    let shown = format!("{:?}", unmatched);
    for secret in ["eyJ", "B0000", "XXXX", "4eC39"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}
