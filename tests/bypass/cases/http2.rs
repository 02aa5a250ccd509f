//! H2U: HTTP/2, upgrades, tunnels.

use crate::case::Must::{BeHarmless, BeRefused};
use crate::case::{Case, Must, Probe, Wire, case};
use crate::frames::Field;
use crate::variants::{known, raw};

/// An HTTP/2 request with further fields, on calls that would be sent, held and passed.
fn with_fields(must: Must, fields: &[(&[u8], &[u8])]) -> Vec<Probe> {
    let mut probes = Vec::new();
    for (name, value) in fields {
        for (ask, _) in known() {
            let Wire::Two { mut fields, body } = ask.two() else { unreachable!() };
            fields.push((name.to_vec(), value.to_vec()));
            probes.push(Probe { wire: Wire::Two { fields, body }, must });
        }
    }
    probes
}

/// Pseudo headers as they are, behind them the key.
fn pseudo(must: Must, all: &[&[(&str, &str)]]) -> Vec<Probe> {
    all.iter()
        .map(|fields| {
            let mut fields: Vec<Field> = fields.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
            fields.push((b"holdshort-key".to_vec(), b"<key>".to_vec()));
            Probe { wire: Wire::Two { fields, body: None }, must }
        })
        .collect()
}

/// Upgrades over HTTP/1.1, in front of a second request.
fn upgrades(must: Must, headers: &[&str]) -> Vec<Probe> {
    let mut probes = Vec::new();
    for header in headers {
        for path in ["/other", "/v1/public/a", "/v1/refunds/7", "/admin"] {
            let method = if path.contains("refunds") { "POST" } else { "GET" };
            let text = format!("{method} <plain>{path} HTTP/1.1\r\nHost: gate\r\nHoldshort-Key: <key>\r\n{header}\r\n");
            probes.extend(raw(must, &[&text]));
        }
    }
    probes
}

pub fn cases() -> Vec<Case> {
    vec![
        case("H2U-01", "an upgrade with a second request right behind it", "no byte behind the head is forwarded before the service switched and the route allows it; refused by default")
            .own(|lane| Box::pin(super::upstreams::an_upgrade_opens_no_tunnel(lane)))
            .tests(&["an_upgrade_is_refused_everywhere_else", "an_allowed_upgrade_is_a_tunnel_both_ways"]),
        case("H2U-02", "`Upgrade: h2c` with its settings, nominated or not", "the offer is not taken and not forwarded").probes(upgrades(
            BeHarmless,
            &[
                "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\nConnection: Upgrade, HTTP2-Settings\r\n",
                "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n",
                "Upgrade: H2C\r\nConnection: upgrade\r\n",
            ],
        )),
        case("H2U-03", "an Upgrade header without `Connection: upgrade`", "taken for an attempt: refused")
            .own(|lane| Box::pin(super::upstreams::an_upgrade_is_one_without_connection(lane))),
        case("H2U-04", "an HTTP/2 preface on a cleartext port", "HTTP/2 is spoken there, by the same reading: the rows of this table are sent over it")
            .probes(known().into_iter().map(|(ask, must)| Probe { wire: ask.two(), must }))
            .tests(&["calls_are_released_held_and_refused_over_http2"]),
        case("H2U-05", "HTTP/2 fields with CR, LF, NUL; names in upper case, with a colon or a space", "the stream ends, or it is refused").probes(with_fields(
            BeRefused,
            &[
                (b"x-a", b"b\r\nx-c: d"), (b"x-a", b"b\nc"), (b"x-a", b"b\0c"), (b"x-a", b"b\rc"), (b"X-A", b"b"), (b"x:a", b"b"), (b"x a", b"b"), (b"x-a\r\n", b"b"), (b"", b"b"),
                (b"x_a", b"b"), (b"Holdshort-Permit", b"x"), (b"holdshort_permit", b"x"), (b"x-a", b"b\x7f"), (b"x-a\0", b"b"), (b"x\xc3\xa9", b"b"),
            ],
        ))
        .probes(pseudo(BeRefused, &[
            &[(":method", "GET"), (":scheme", "http"), (":authority", "gate"), (":path", "<plain>/v1/public/a HTTP/1.1\r\nHost: x\r\n\r\nGET /admin")],
            &[(":method", "GET /admin HTTP/1.1\r\nX: "), (":scheme", "http"), (":authority", "gate"), (":path", "<plain>/v1/public/a")],
            &[(":method", "GET"), (":scheme", "http"), (":authority", "gate\r\nX: y"), (":path", "<plain>/v1/public/a")],
            &[(":method", "GET"), (":scheme", "http"), (":authority", "gate"), (":path", "<plain>/v1/public/a"), (":path", "<plain>/admin")],
            &[(":method", "GET"), (":scheme", "http"), (":authority", "gate"), ("x-a", "b"), (":path", "<plain>/v1/public/a")],
            &[(":method", "GET"), (":scheme", "http"), (":authority", "gate")],
            &[(":method", "GET"), (":scheme", "http"), (":authority", "gate"), (":path", "")],
            &[(":method", "GET"), (":scheme", "http"), (":authority", "gate"), (":path", "*")],
            &[(":method", "GET"), (":scheme", "http"), (":authority", "gate"), (":path", "x<plain>/v1/public/a")],
            &[(":method", "GET"), (":scheme", "http"), (":path", "<plain>/v1/public/a")],
            &[(":method", "GET"), (":scheme", "http"), (":authority", "gate"), (":path", "<plain>/v1/public/a"), (":admin", "x")],
            &[(":method", "GET"), (":scheme", "http"), (":authority", "gate"), (":path", "http://gate<plain>/v1/public/a")],
            &[(":method", "GET"), (":scheme", "http"), (":authority", "gate"), (":path", "<plain>/v1/public/a b")],
            &[(":status", "200"), (":method", "GET"), (":scheme", "http"), (":authority", "gate"), (":path", "<plain>/v1/public/a")],
        ])),
        case("H2U-06", "HTTP/2 with `transfer-encoding`, `connection`, `upgrade`, `te`; a length that is not the one of the data", "the stream ends, or it is refused")
            .probes(with_fields(BeRefused, &[
                (b"transfer-encoding", b"chunked"), (b"transfer-encoding", b"identity"), (b"connection", b"close"), (b"connection", b"holdshort-permit"), (b"upgrade", b"websocket"), (b"keep-alive", b"1"),
                (b"proxy-connection", b"close"), (b"te", b"gzip"), (b"content-length", b"1"), (b"content-length", b"99"), (b"content-length", b"x"), (b"content-length", b"+12"),
            ])),
        case("H2U-08", "CONNECT over HTTP/1 and 2, extended CONNECT", "405, or the stream ends")
            .probes(raw(BeRefused, &[
                "CONNECT gate:80 HTTP/1.1\r\nHost: gate:80\r\nHoldshort-Key: <key>\r\n\r\n",
                "CONNECT <plain>/v1/public/a HTTP/1.1\r\nHost: gate\r\nHoldshort-Key: <key>\r\n\r\n",
            ]))
            .probes(pseudo(BeRefused, &[
                &[(":method", "CONNECT"), (":authority", "gate:80")],
                &[(":method", "CONNECT"), (":scheme", "http"), (":authority", "gate"), (":path", "<plain>/v1/public/a"), (":protocol", "websocket")],
                &[(":method", "CONNECT"), (":scheme", "http"), (":authority", "gate"), (":path", "<plain>/other")],
            ])),
        case("H2U-09", "calls inside a WebSocket that a route allows", "such a route says `pass: true` and `upgrade: allow`: nothing in it is decided, and `check` says so; it cannot have an action")
            .tests(&["a_pass_route_may_upgrade", "an_upgrade_is_refused_where_the_route_does_not_allow_it"]),
        case("H2U-10", "thousands of streams opened and reset, endless CONTINUATION, a header bomb", "bounded per connection; others go on")
            .own(|lane| Box::pin(super::upstreams::floods_of_streams_end(lane))),
        case("H2U-11", "a held stream that the client resets, approved afterwards", "not sent: the approval waits for the same call, and expires").tests(&["a_reset_stream_is_noticed_and_the_others_go_on", "what_was_approved_while_nobody_waited_is_sent_when_the_same_call_comes_back", "what_was_approved_expires_when_nobody_comes_for_it"]),
        case("H2U-12", "answers that stream for hours; 1xx from the service", "streamed through as they come; 1xx of the service ends at the gate").tests(&["a_streamed_answer_keeps_its_timing", "the_answer_comes_as_it_is_sent", "what_passes_streams_over_http2"]),
    ]
}
