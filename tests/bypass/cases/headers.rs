//! HDR: the shape of headers, and headers of one hop.

use crate::case::Must::{BeHeld, BeRefused, BeSent, BeUnmatched, Get};
use crate::case::{Case, Probe, case};
use crate::variants::{ask, ignored, known, lines, refused};

pub fn cases() -> Vec<Case> {
    vec![
        case("HDR-01", "a permit of the client's own: `Holdshort-Permit: <jwt>`", "taken off: the service sees none, or exactly the gate's").probes(ignored(&[
            ("Holdshort-Permit", "eyJhbGciOiJub25lIn0.e30."),
            ("holdshort-permit", ""),
            ("HOLDSHORT-PERMIT", "x"),
        ])),
        case("HDR-02", "spellings of the permit header: underscore, dot, a space or tab before the colon", "refused")
            .probes(refused(&[("Holdshort_Permit", "x"), ("holdshort.permit", "x"), ("HOLDSHORT_permit", "x"), ("Holdshort.Permit", "x")]))
            .probes(lines(BeRefused, &[b"Holdshort-Permit : x", b"Holdshort-Permit\t: x", b"Holdshort-Permit\x0b: x", b"\x0bHoldshort-Permit: x", b"Holdshort-Permit\0: x"])),
        case("HDR-04", "a Connection header that nominates the permit", "refused: the next hop would take the gate's permit off").probes(refused_1(&[
            ("Connection", "close, Holdshort-Permit"),
            ("Connection", "holdshort-permit"),
            ("connection", "keep-alive,\tHOLDSHORT-PERMIT"),
        ])),
        case("HDR-06", "a Connection header that nominates others: `Authorization`, `Content-Length`, `Host`", "refused").probes(refused_1(&[
            ("Connection", "Authorization"),
            ("Connection", "Content-Length"),
            ("Connection", "Host"),
            ("Connection", "close, Content-Type"),
            ("Connection", "X-Forwarded-For"),
            ("Connection", "Transfer-Encoding"),
            ("Connection", "x y"),
            ("Connection", "\"close\""),
        ])),
        case("HDR-07", "space before the colon, folded lines, bare CR, bare LF, NUL in a value", "refused").probes(lines(
            BeRefused,
            &[
                b"X-A : b", b"X-A\t: b", b" X-A: b", b"\tX-A: b", b"X-A: b\r\n c", b"X-A: b\r\n\tc", b"X-A: b\rX-B: c", b"X-A: b\r", b"X-A: b\nX-B: c", b"X-A: b\n",
                b"X-A: b\0c", b"X-A: b\x01", b"X-A: b\x7f", b"X-A", b"X-A\r\n: b", b"X-A: b\n\nGET /<plain>/x HTTP/1.1\r\nX: y",
            ],
        )),
        case("HDR-08", "a header without a name; names with `(`, `[`, letters beyond ASCII", "refused").probes(lines(
            BeRefused,
            &[b": x", b" : x", b"X(: x", b"X[0]: x", b"X\xc3\xa9: x", b"X\xff: x", b"X@Y: x", b"X/Y: x", b"\"X\": x", b"X{}: x", b"X;Y: x", b"X,Y: x"],
        )),
        case("HDR-09", "headers that count once, sent twice: `Authorization`, `Content-Type`, `Idempotency-Key`, `Mcp-Method` and others", "refused").probes(twice(&[
            "Authorization", "Content-Type", "Content-Encoding", "X-Api-Key", "X-Agent-Key", "Idempotency-Key", "Mcp-Method", "Mcp-Session-Id", "Mcp-Name",
            "User-Agent", "Origin", "Range", "If-Range", "Last-Event-Id", "Content-Digest", "Proxy-Authorization", "Referer", "Date", "Digest",
        ])),
        case("HDR-10", "bytes from 0x80 on in a header that a rule looks at", "the rule decides, or the call is refused; it is never taken for a call that the rule is not for")
            .probes(ask("GET", "<plain>/v1/tiers").header("X-Tier", "gold").must(BeHeld))
            .probes(ask("GET", "<plain>/v1/tiers").header("X-Tier", b"gold\x80").must(Get(400)))
            .probes(ask("GET", "<plain>/v1/tiers").header("X-Tier", b"\xffgold").must(Get(400)))
            .probes(ask("GET", "<plain>/v1/tiers").header("X-Tier", "gold").header("X-Tier", "iron").must(Get(400)))
            .probes(ask("GET", "<plain>/v1/tiers").header("X-Tier", "iron").header("x-tier", "gold").must(Get(400)))
            .probes(ask("GET", "<plain>/v1/tiers").header("X-Tier", "iron").must(BeUnmatched)),
        case("HDR-11", "hundreds of headers, a megabyte of them, one of 100 KB, thousands of cookies", "431, before much is kept").probes(large()).tests(&["size_and_number_of_headers_are_bounded"]),
        case("HDR-12", "a cookie in several HTTP/2 fields, and in one", "one header, for rules and service; several over HTTP/1 are refused")
            .own(|lane| {
                Box::pin(async move {
                    let ask = ask("GET", "<plain>/other").header("cookie", "a=1").header("cookie", "b=2").header("cookie", "c=3");
                    let probe = Probe { wire: ask.two(), must: BeUnmatched };
                    lane.try_probe(&probe).await?;
                    Ok(1)
                })
            })
            .probes(known().into_iter().flat_map(|(ask, _)| ask.header("Cookie", "a=1").header("Cookie", "b=2").must_1(BeRefused))),
        case("HDR-13", "line ends in what the gate itself writes into headers: names of agents, actions, policies", "refused where they are defined").tests(&["reason_phrases_are_one_line_of_ascii", "what_is_no_url_and_what_would_break_out_of_the_text_is_refused", "each_is_refused_with_these_words"]),
        case("HDR-14", "`Range`, `If-Match`, `If-None-Match` on a held call", "part of the call: shown, bound and sent unchanged")
            .probes(ask("POST", "<plain>/v1/refunds/7").header("Range", "bytes=0-0").header("If-Match", "\"x\"").json(r#"{"amount":9999}"#).must(BeHeld))
            .probes(ask("POST", "<plain>/v1/refunds/7").header("If-None-Match", "*").json(r#"{"amount":1}"#).must(BeSent))
            .tests(&["an_approved_charge_is_sent_once_exactly_as_shown_with_a_permit"]),
        case("HDR-15", "the agent's own key, wherever it stands, on a route whose credentials the gate sets", "never reaches the service").tests(&["the_gate_sets_the_apis_own_key_and_the_agents_is_never_forwarded", "the_key_is_consumed_wherever_it_stands"]),
    ]
}

/// Over HTTP/1.1 alone.
fn refused_1(headers: &[(&str, &str)]) -> Vec<Probe> {
    let both = headers.iter().flat_map(|(name, value)| known().map(|(ask, _)| ask.header(name, value)));
    both.flat_map(|ask| ask.must_1(BeRefused)).chain(refused(headers)).collect()
}

fn twice(names: &[&str]) -> Vec<Probe> {
    let mut probes = Vec::new();
    for name in names {
        for (first, second) in [("a/b", "a/b"), ("a/b", "c/d")] {
            let other = name.to_uppercase();
            for (method, path) in
                [("GET", "/v1/public/a"), ("POST", "/v1/refunds/7"), ("GET", "/other"), ("GET", "/admin")]
            {
                let ask = ask(method, format!("<plain>{path}")).header(name, first).header(&other, second);
                probes.extend(ask.must(BeRefused));
            }
        }
    }
    probes
}

fn large() -> Vec<Probe> {
    let many = |count: usize, name: fn(usize) -> String, value: &str| {
        (0..count).fold(ask("GET", "<plain>/v1/public/a"), |ask, at| ask.header(&name(at), value))
    };
    let all = [
        many(257, |at| format!("X-{at}"), "y"),
        many(130, |at| format!("X-{at}"), "y"),
        many(100, |at| format!("X-{at}"), &"y".repeat(10_000)),
        many(1, |_| "X-Long".to_owned(), &"y".repeat(100_000)),
        many(1, |_| "Cookie".to_owned(), &"a=b; ".repeat(10_000)),
        many(1, |at| format!("X-{at}-{}", "z".repeat(40_000)), "y"),
    ];
    all.iter()
        .flat_map(|ask| [ask.one("HTTP/1.1", false, true), ask.two()])
        .map(|wire| Probe { wire, must: BeRefused })
        .collect()
}
