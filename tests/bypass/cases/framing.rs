//! FRM: where a request ends, over HTTP/1.

use crate::case::Must::{BeRefused, BeSent, BeUnmatched, Get};
use crate::case::{Case, Must, Probe, Wire, case};
use crate::variants::{ask, raw};

const BODY: &str = r#"{"amount":1}"#;
/// Behind a broken head, in case somebody takes it for a body and what follows for a request.
const CHUNKS: &str = "c\r\n{\"amount\":1}\r\n0\r\n\r\n";

/// Headers on calls that would be sent, held or passed; behind them what could be taken for a body.
fn framed(must: Must, headers: &[&str]) -> Vec<Probe> {
    let mut probes = Vec::new();
    for header in headers {
        for (method, path) in [
            ("POST", "/v1/refunds/7"),
            ("POST", "/other"),
            ("GET", "/v1/public/a"),
            ("GET", "/other"),
            ("PUT", "/other"),
        ] {
            for body in ["", CHUNKS, BODY, "0\r\n\r\nGET <plain>/admin HTTP/1.1\r\nHost: gate\r\nX: "] {
                let text = format!(
                    "{method} <plain>{path} HTTP/1.1\r\nHost: gate\r\nHoldshort-Key: <key>\r\nContent-Type: application/json\r\n{header}\r\n{body}"
                );
                probes.push(Probe { wire: Wire::One(text.into_bytes()), must });
            }
        }
    }
    probes
}

/// A body in chunks, on the route that reads it.
fn chunked(must: Must, bodies: &[&str]) -> Vec<Probe> {
    let mut probes = Vec::new();
    for body in bodies {
        for path in ["/v1/refunds/7", "/v1/users"] {
            let text = format!(
                "POST <plain>{path} HTTP/1.1\r\nHost: gate\r\nHoldshort-Key: <key>\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n{body}"
            );
            probes.push(Probe { wire: Wire::One(text.into_bytes()), must });
        }
    }
    probes
}

pub fn cases() -> Vec<Case> {
    vec![
        case("FRM-01", "both Content-Length and Transfer-Encoding, in either order", "refused, and the connection closed").probes(framed(
            BeRefused,
            &[
                "Content-Length: 12\r\nTransfer-Encoding: chunked\r\n",
                "Transfer-Encoding: chunked\r\nContent-Length: 12\r\n",
                "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
                "Transfer-Encoding: chunked\r\ncontent-length: 5\r\nX: y\r\n",
                "Content-Length: 12\r\nTransfer-Encoding: identity\r\n",
            ],
        )),
        case("FRM-02", "lists of transfer codings, unknown ones, one of the right sound", "refused, unless it is exactly `chunked`").probes(framed(
            BeRefused,
            &[
                "Transfer-Encoding: chunked, identity\r\n", "Transfer-Encoding: identity, chunked\r\n", "Transfer-Encoding: gzip, chunked\r\n", "Transfer-Encoding: chunked, chunked\r\n",
                "Transfer-Encoding: xchunked\r\n", "Transfer-Encoding: , chunked\r\n", "Transfer-Encoding: chunked,\r\n", "Transfer-Encoding: \r\n", "Transfer-Encoding: identity\r\n",
                "Transfer-Encoding: \"chunked\"\r\n", "Transfer-Encoding: chunked chunked\r\n", "Transfer-Encoding: x\r\n", "Transfer-Encoding: deflate\r\n",
            ],
        ))
        .probes(ask("POST", "<plain>/v1/refunds/7").json(BODY).must(BeSent)),
        case("FRM-03", "two Transfer-Encoding lines; tab, vertical tab or a parameter in one", "refused").probes(framed(
            BeRefused,
            &[
                "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "Transfer-Encoding: chunked;ext=val\r\n",
                "Transfer-Encoding: \x0bchunked\r\n", "Transfer-Encoding: chunked\x0b\r\n", "Transfer-Encoding : chunked\r\n", "Transfer-Encoding\t: chunked\r\n", "Transfer-Encoding: chunked\0\r\n",
                "Transfer_Encoding: chunked\r\n", "Transfer-Encoding: chunked\r\nTransfer-encoding: x\r\n", " Transfer-Encoding: chunked\r\n", "X: y\r\n Transfer-Encoding: chunked\r\n",
            ],
        )),
        case("FRM-04", "HTTP/1.0 with Transfer-Encoding, or a POST without a length", "refused").probes(raw(
            BeRefused,
            &[
                "POST <plain>/v1/refunds/7 HTTP/1.0\r\nHost: gate\r\nHoldshort-Key: <key>\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nc\r\n{\"amount\":1}\r\n0\r\n\r\n",
                "POST <plain>/other HTTP/1.0\r\nHost: gate\r\nHoldshort-Key: <key>\r\nTransfer-Encoding: chunked\r\n\r\nc\r\n{\"amount\":1}\r\n0\r\n\r\n",
                "POST <plain>/v1/refunds/7 HTTP/1.0\r\nHost: gate\r\nHoldshort-Key: <key>\r\nContent-Type: application/json\r\n\r\n{\"amount\":1}",
                "POST <plain>/other HTTP/1.0\r\nHost: gate\r\nHoldshort-Key: <key>\r\n\r\nhello",
                "PUT <plain>/other HTTP/1.0\r\nHost: gate\r\nHoldshort-Key: <key>\r\n\r\nhello",
                "PATCH <plain>/other HTTP/1.0\r\nHost: gate\r\nHoldshort-Key: <key>\r\nConnection: keep-alive\r\n\r\nhello",
            ],
        )),
        case("FRM-05", "lengths that are no number: negative, empty, a fraction, a list, hexadecimal, twice", "refused").probes(framed(
            BeRefused,
            &[
                "Content-Length: -1\r\n", "Content-Length: \r\n", "Content-Length: 1.5\r\n", "Content-Length: 5 5\r\n", "Content-Length: 5,5\r\n", "Content-Length: 0x5\r\n",
                "Content-Length: 1e1\r\n", "Content-Length: +12\r\n", "Content-Length: 12\r\nContent-Length: 12\r\n", "Content-Length: 12\r\nContent-Length: 13\r\n",
                "Content-Length: 99999999999999999999\r\n", "Content-Length: 12;x\r\n", "Content-Length: \"12\"\r\n", "Content-Length : 12\r\n", "Content_Length: 12\r\n",
                "Content-Length: 12\r\ncontent-length: 0\r\n", "Content-Length: 1_2\r\n", "Content-Length: 12a\r\n", "Content-Length: \x0b12\r\n",
            ],
        )),
        case("FRM-07", "a length larger than what is sent, and then the end; one smaller than what is sent", "nothing is forwarded; the surplus is the next request, decided by itself")
            .probes([100, 13].iter().flat_map(|length| ["/v1/refunds/7", "/v1/users"].map(move |path| Probe {
                wire: Wire::Cut(format!("POST <plain>{path} HTTP/1.1\r\nHost: gate\r\nHoldshort-Key: <key>\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{BODY}").into_bytes()),
                must: BeRefused,
            })))
            .own(|lane| {
                Box::pin(async move {
                    // The surplus is no request: it is refused, and what came before it is done once.
                    let bytes = format!("POST <plain>/v1/refunds/7 HTTP/1.1\r\nHost: gate\r\nHoldshort-Key: <key>\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n{BODY}surplus\r\n\r\n");
                    let replies = crate::wire::converse(lane.proxy(), &lane.fill(bytes.as_bytes()), false).await?;
                    let statuses: Vec<u16> = replies.iter().map(|reply| reply.status).collect();
                    let calls = lane.recorder.take_calls();
                    if statuses.first() == Some(&200) && !statuses[1..].contains(&200) && calls.len() == 1 && calls[0].body == BODY.as_bytes() {
                        return Ok(1);
                    }
                    Err(format!("{statuses:?} {calls:?}"))
                })
            }),
        case("FRM-08", "a held or denied call pipelined behind an allowed one, in one segment", "decided by itself")
            .own(|lane| {
                Box::pin(async move {
                    let small = ask("POST", "<plain>/v1/refunds/7").json(BODY);
                    let public = ask("GET", "<plain>/v1/public/a");
                    let large = ask("POST", "<plain>/v1/refunds/8").json(r#"{"amount":9999}"#);
                    let admin = ask("GET", "<plain>/admin/keys").header("Connection", "close");
                    let mut bytes = Vec::new();
                    for (ask, chunked) in [(&public, false), (&small, true), (&large, false), (&small, false), (&large, true), (&public, false), (&admin, false)] {
                        let Wire::One(part) = ask.one("HTTP/1.1", chunked, true) else { unreachable!() };
                        bytes.extend(lane.fill(&part));
                    }
                    let replies = crate::wire::converse(lane.proxy(), &bytes, false).await?;
                    let said: Vec<(u16, String)> = replies.iter().map(|reply| (reply.status, reply.code())).collect();
                    let (ok, held, denied) = ((200, String::new()), (403, "APPROVAL_PENDING".to_owned()), (403, "BLOCKED_BY_POLICY".to_owned()));
                    let wanted = [ok.clone(), ok.clone(), held.clone(), ok.clone(), held, ok, denied];
                    let calls = lane.recorder.take_calls();
                    if said == wanted && calls.len() == 4 { Ok(7) } else { Err(format!("{said:?} {calls:?}")) }
                })
            })
            .tests(&["what_is_pipelined_behind_a_held_call_is_decided_on_its_own", "a_pipelined_request_waits_for_its_turn"]),
        case("FRM-10", "sizes of chunks: `0x5`, `+5`, 17 digits, bare line feeds, data without its end; extensions", "refused; the service gets a length, never the agent's chunks")
            .probes(chunked(
                BeRefused,
                &[
                    "0xc\r\n{\"amount\":1}\r\n0\r\n\r\n", "+c\r\n{\"amount\":1}\r\n0\r\n\r\n", "-c\r\n{\"amount\":1}\r\n0\r\n\r\n", "c \r\n{\"amount\":1}\r\n0\r\n\r\n", " c\r\n{\"amount\":1}\r\n0\r\n\r\n",
                    "\r\nc\r\n{\"amount\":1}\r\n0\r\n\r\n", "g\r\n{\"amount\":1}\r\n0\r\n\r\n", "fffffffffffffffff\r\n{\"amount\":1}\r\n0\r\n\r\n", "1000000000000000c\r\n{\"amount\":1}\r\n0\r\n\r\n",
                    "c\n{\"amount\":1}\r\n0\r\n\r\n", "c\r{\"amount\":1}\r\n0\r\n\r\n", "c\r\n{\"amount\":1}0\r\n\r\n", "c\r\n{\"amount\":1}\n0\r\n\r\n", "c\r\n{\"amount\":1}\r\n0\n\r\n", "c\r\n{\"amount\":1}\r\n0\r\n\n",
                    "c\r\n{\"amount\":1}XX0\r\n\r\n", "c;a=b\nX\r\n{\"amount\":1}\r\n0\r\n\r\n", "c;a\rb\r\n{\"amount\":1}\r\n0\r\n\r\n", "c_\r\n{\"amount\":1}\r\n0\r\n\r\n", "\tc\r\n{\"amount\":1}\r\n0\r\n\r\n",
                ],
            ))
            .probes(chunked_sent(&["c\r\n{\"amount\":1}\r\n0\r\n\r\n", "C\r\n{\"amount\":1}\r\n0\r\n\r\n", "00c\r\n{\"amount\":1}\r\n0\r\n\r\n"]))
            .tests(&["broken_chunks_are_refused", "bodies_whose_framing_is_broken_end_the_connection"]),
        case("FRM-12", "bodies where none is expected: on GET and OPTIONS; bytes behind `Content-Length: 0`", "read, counted and bound; what is behind a length is the next request")
            .probes(ask("GET", "<plain>/v1/public/a").body("text/plain", "GET /admin HTTP/1.1\r\nHost: gate\r\n\r\n").must(BeSent))
            .probes(ask("OPTIONS", "<plain>/other").body("text/plain", "GET /admin HTTP/1.1\r\nHost: gate\r\n\r\n").must(BeUnmatched))
            .probes(ask("HEAD", "<plain>/v1/public/a").body("text/plain", "GET /admin HTTP/1.1\r\n\r\n").must_1(BeSent))
            .probes(ask("DELETE", "<plain>/other").body("text/plain", "x").must(BeUnmatched))
            .own(|lane| {
                Box::pin(async move {
                    let bytes = b"POST <plain>/other HTTP/1.1\r\nHost: gate\r\nHoldshort-Key: <key>\r\nContent-Length: 0\r\n\r\nGET <plain>/admin HTTP/1.1\r\nHost: gate\r\nHoldshort-Key: <key>\r\nConnection: close\r\n\r\n";
                    let replies = crate::wire::converse(lane.proxy(), &lane.fill(bytes), false).await?;
                    let calls = lane.recorder.take_calls();
                    let second = replies.get(1).map(crate::wire::Reply::code);
                    let empty = calls.iter().all(|call| call.body.is_empty() && call.target == "/other");
                    if second.as_deref() == Some("BLOCKED_BY_POLICY") && empty { Ok(1) } else { Err(format!("{replies:?} {calls:?}")) }
                })
            }),
        case("FRM-13", "`Expect: 100-continue`, an unknown expectation, two of them, an odd spelling", "the gate answers it and never forwards it on a route; others are refused")
            .probes(expecting(BeSent, &["Expect: 100-continue\r\n", "expect: 100-Continue\r\n"]))
            .probes(expecting(BeRefused, &["Expect: x\r\n", "Expect: 100-continue\r\nExpect: 100-continue\r\n", "Expect: 100-continue, x\r\n", "Expect: 100-continue;q=1\r\n", "Expect : 100-continue\r\n", "Expect: \r\n", "Expect: 200-ok\r\n"]))
            .tests(&["expect_100_continue_is_answered_by_the_gate", "whoever_asks_before_sending_is_told_to_go_on"]),
        case("FRM-14", "a service that answers early, with 1xx first, or with an unasked 101", "the answer is this caller's alone; 101 unasked is 502").tests(&["switching_protocols_unasked_is_no_answer", "each_approved_call_has_a_connection_to_the_upstream_of_its_own", "what_people_approve_goes_over_a_fresh_connection"]),
        case("FRM-15", "a service whose answer could be read as two: surplus bytes, both framings, a bad length", "502 or cut; that connection is not used again")
            .own(|lane| Box::pin(super::upstreams::double_answers_reach_nobody_else(lane))),
        case("FRM-16", "HTTP/0.9, HTTP/1.2, HTTP/3.0, lower case, line ends before the request line", "refused").probes(raw(
            BeRefused,
            &[
                "GET <plain>/v1/public/a\r\n\r\n", "GET <plain>/v1/public/a HTTP/1.2\r\nHost: gate\r\nHoldshort-Key: <key>\r\n\r\n", "GET <plain>/v1/public/a HTTP/3.0\r\nHost: gate\r\nHoldshort-Key: <key>\r\n\r\n",
                "GET <plain>/v1/public/a HTTP/2.0\r\nHost: gate\r\nHoldshort-Key: <key>\r\n\r\n", "GET <plain>/v1/public/a http/1.1\r\nHost: gate\r\nHoldshort-Key: <key>\r\n\r\n",
                "GET <plain>/v1/public/a HTTP/1\r\nHost: gate\r\nHoldshort-Key: <key>\r\n\r\n", "GET <plain>/v1/public/a HTTP/1.10\r\nHost: gate\r\nHoldshort-Key: <key>\r\n\r\n",
                "GET <plain>/v1/public/a HTTP/01.1\r\nHost: gate\r\nHoldshort-Key: <key>\r\n\r\n", "GET <plain>/v1/public/a HTTP/0.9\r\nHost: gate\r\nHoldshort-Key: <key>\r\n\r\n",
                "GET <plain>/v1/public/a HTTPS/1.1\r\nHost: gate\r\nHoldshort-Key: <key>\r\n\r\n", "\r\n\r\n\r\n\r\nGET <plain>/v1/public/a HTTP/1.1\r\nHost: gate\r\nHoldshort-Key: <key>\r\n\r\n",
                "\n\nGET <plain>/v1/public/a HTTP/1.1\r\nHost: gate\r\nHoldshort-Key: <key>\r\n\r\n", " GET <plain>/v1/public/a HTTP/1.1\r\nHost: gate\r\nHoldshort-Key: <key>\r\n\r\n",
                "XGET <plain>/v1/public/a HTTP/1.1\nHost: gate\nHoldshort-Key: <key>\n\n", "\0GET <plain>/v1/public/a HTTP/1.1\r\nHost: gate\r\nHoldshort-Key: <key>\r\n\r\n",
            ],
        )),
        case("FRM-17", "a head or a body that trickles in", "408, or closed, after a deadline over the whole").tests(&["a_head_that_trickles_in_is_cut_off", "a_held_call_and_a_kept_connection_outlive_the_deadline", "it_is_missed_once_it_has_passed"]),
        case("FRM-18", "a bare carriage return that begins a second request line", "refused").probes(raw(
            BeRefused,
            &[
                "GET <plain>/v1/public/a\rPOST <plain>/v1/refunds/7 HTTP/1.1\r\nHost: gate\r\nHoldshort-Key: <key>\r\n\r\n",
                "GET <plain>/v1/public/a HTTP/1.1\rX: y\r\nHost: gate\r\nHoldshort-Key: <key>\r\n\r\n",
                "GET\r<plain>/v1/public/a HTTP/1.1\r\nHost: gate\r\nHoldshort-Key: <key>\r\n\r\n",
                "GET <plain>/v1/public/a\rb HTTP/1.1\r\nHost: gate\r\nHoldshort-Key: <key>\r\n\r\n",
                "GET <plain>/other\rb HTTP/1.1\r\nHost: gate\r\nHoldshort-Key: <key>\r\n\r\n",
                "GET <plain>/other HTTP/1.1\r\nHost: gate\r\r\nHoldshort-Key: <key>\r\n\r\n",
            ],
        )),
        case("FRM-19", "one byte more than the gate reads: by length, in chunks, over HTTP/2", "413; nothing is forwarded, nothing is decided on a part").probes(too_large()).tests(&["a_body_above_the_limit_is_413_and_nothing_is_recorded_as_sent", "large_bodies_arrive_and_too_large_ones_are_told_so"]),
    ]
}

fn chunked_sent(bodies: &[&str]) -> Vec<Probe> {
    bodies
        .iter()
        .map(|body| Probe {
            wire: Wire::One(
                format!("POST <plain>/v1/refunds/7 HTTP/1.1\r\nHost: gate\r\nHoldshort-Key: <key>\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n{body}")
                    .into_bytes(),
            ),
            must: BeSent,
        })
        .collect()
}

fn expecting(must: Must, headers: &[&str]) -> Vec<Probe> {
    headers
        .iter()
        .map(|header| Probe {
            wire: Wire::One(
                format!("POST <plain>/v1/refunds/7 HTTP/1.1\r\nHost: gate\r\nHoldshort-Key: <key>\r\nContent-Type: application/json\r\n{header}Content-Length: 12\r\n\r\n{BODY}")
                    .into_bytes(),
            ),
            must,
        })
        .collect()
}

pub fn too_large() -> Vec<Probe> {
    const LIMIT: usize = 1024 * 1024;
    let body = |size: usize| format!("{{\"amount\":1,\"x\":\"{}\"}}", "y".repeat(size - 19));
    let ask = |size| ask("POST", "<plain>/v1/refunds/7").json(body(size));
    let mut probes = vec![Probe { wire: ask(LIMIT).one("HTTP/1.1", false, true), must: BeSent }];
    probes.push(Probe { wire: ask(LIMIT).one("HTTP/1.1", true, true), must: BeSent });
    for wire in [ask(LIMIT + 1).one("HTTP/1.1", false, true), ask(LIMIT + 1).one("HTTP/1.1", true, true)] {
        probes.push(Probe { wire, must: Get(413) });
    }
    probes
}
