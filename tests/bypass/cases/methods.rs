//! MTH: methods.

use crate::case::Must::{BeDenied, BeHeld, BeRefused, BeSent, BeUnmatched};
use crate::case::{Case, case};
use crate::variants::{ask, raw, refused};

pub fn cases() -> Vec<Case> {
    vec![
        case("MTH-01", "headers that name another method: `X-HTTP-Method-Override: DELETE`", "refused").probes(refused(&[
            ("X-HTTP-Method-Override", "DELETE"),
            ("X-HTTP-Method", "DELETE"),
            ("X-Method-Override", "DELETE"),
            ("X-HTTP-Override", "DELETE"),
            ("x-http-method-override", "POST"),
            ("X_HTTP_Method_Override", "DELETE"),
        ])),
        case("MTH-02", "a method named in the query or the body: `_method=DELETE`", "decided as the method that was sent: still held")
            .probes(ask("POST", "<plain>/v1/refunds/7?_method=GET").json(r#"{"amount":9999}"#).must(BeHeld))
            .probes(ask("POST", "<plain>/v1/refunds/7").json(r#"{"amount":9999,"_method":"GET"}"#).must(BeHeld))
            .probes(ask("POST", "<plain>/v1/refunds/7").json(r#"{"amount":1,"_method":"DELETE"}"#).must(BeSent))
            .probes(ask("GET", "<plain>/v1/public/a?_method=DELETE").must(BeSent))
            .absent("whether a service takes a method out of a parameter is for the rule's author to know; what it says is shown to the approver"),
        case("MTH-03", "methods in lower case, unknown ones, one of 300 bytes, one with NUL", "another case or no token is refused; unknown ones are unmatched")
            .probes(
                ["get", "Get", "post", "Post", "gET", "G\u{0}T", "PO ST", "P(ST", "POST:", &"A".repeat(300)]
                    .iter()
                    .flat_map(|method| ["/v1/public/a", "/v1/refunds/7", "/other"].map(|path| ask(method, format!("<plain>{path}"))))
                    .flat_map(|ask| ask.must(BeRefused)),
            )
            .probes(
                ["M-SEARCH", "PROPFIND", "FOO", "LINK", "PURGE"]
                    .iter()
                    .flat_map(|method| ask(method, "<plain>/v1/refunds/7").must(BeUnmatched)),
            )
            .probes(["FOO", "PROPFIND", "M-SEARCH"].iter().flat_map(|method| ask(method, "<plain>/admin/keys").must(BeDenied))),
        case("MTH-04", "HEAD and OPTIONS where GET is ruled", "HEAD goes by GET's rule; OPTIONS is a method of its own")
            .probes(ask("HEAD", "<plain>/v1/public/a").must_1(BeSent))
            .probes(ask("HEAD", "<plain>/admin/keys").must_1(BeDenied))
            .probes(ask("OPTIONS", "<plain>/v1/public/a").must(BeUnmatched))
            .probes(ask("OPTIONS", "<plain>/admin").must(BeDenied)),
        case("MTH-05", "GET with a body, on a route that looks into it", "the body is part of the call, and of its permit")
            .probes(ask("GET", "<plain>/v1/search").json(r#"{"kind":"export"}"#).must(BeHeld))
            .probes(ask("GET", "<plain>/v1/search").json(r#"{"kind":"list"}"#).must(BeUnmatched))
            .probes(ask("GET", "<plain>/v1/search").body("text/plain", r#"{"kind":"export"}"#).must(crate::case::Must::Get(415)))
            .probes(ask("GET", "<plain>/v1/public/a").json(r#"{"kind":"export"}"#).must(BeSent)),
        case("MTH-06", "TRACE and TRACK, which would give the permit back", "405")
            .probes(["TRACE", "TRACK", "CONNECT"].iter().flat_map(|method| {
                ["/v1/public/a", "/admin", "/other"].into_iter().flat_map(move |path| ask(method, format!("<plain>{path}")).must(BeRefused))
            }))
            .probes(raw(BeRefused, &["CONNECT gate:443 HTTP/1.1\r\nHost: gate\r\nHoldshort-Key: <key>\r\n\r\n"])),
    ]
}
