//! HST: host, authority, forwarding headers.

use crate::case::Must::{BeDenied, BeRefused, BeSent};
use crate::case::{Case, Probe, Wire, case};
use crate::variants::{ask, ignored, lines, raw, refused};

fn with_host(host: &str, path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\n{host}Holdshort-Key: <key>\r\n\r\n")
}

pub fn cases() -> Vec<Case> {
    let bad = [
        "",
        "Host: \r\n",
        "Host: a b\r\n",
        "Host: a/b\r\n",
        "Host: a@b\r\n",
        "Host: a:99999\r\n",
        "Host: a:0\r\n",
        "Host: a:b\r\n",
        "Host: a,b\r\n",
        "Host: a?b\r\n",
        "Host: a#b\r\n",
        "Host: [::1\r\n",
        "Host: a..b\r\n",
        "Host: a\\b\r\n",
        "Host: http://gate\r\n",
        "Host: gate:80:80\r\n",
        "Host: gate%00\r\n",
        "Host: g\u{e4}te\r\n",
        "Host: .\r\n",
    ];
    let bad: Vec<Probe> = bad
        .iter()
        .flat_map(|host| ["<plain>/v1/public/a", "<plain>/other", "<plain>/admin"].map(|path| with_host(host, path)))
        .flat_map(|text| raw(BeRefused, &[&text]))
        .collect();
    vec![
        case("HST-01", "no Host, an empty one, or one that is no host: `a b`, `a/b`, `a@b`, `a:99999`", "refused")
            .probes(bad),
        case("HST-02", "two Host headers, the same or different", "refused").probes(
            [
                "Host: gate\r\nHost: gate\r\n",
                "Host: gate\r\nHost: other\r\n",
                "Host: other\r\nHost: gate\r\n",
                "Host: gate\r\nhOST: <host>\r\n",
            ]
            .iter()
            .flat_map(|host| ["<plain>/v1/public/a", "<plain>/other"].map(|path| with_host(host, path)))
            .flat_map(|text| raw(BeRefused, &[&text])),
        ),
        case(
            "HST-03",
            "other case, a dot at the end, the scheme's port, leading zeros of a port",
            "one host, the same rules",
        )
        .probes(
            ["<host>", "<host>.", "<host>:80", "<host>:443", "<host>:0443", "<host>.:80", "<host>:"]
                .iter()
                .flat_map(|host| {
                    [
                        (ask("GET", "/admin/keys").header("Host", host), BeDenied),
                        (ask("GET", "/v1/public/a").header("Host", host), BeSent),
                    ]
                })
                .flat_map(|(ask, must)| ask.must(must)),
        )
        .own(|lane| {
            Box::pin(async move {
                let host = String::from_utf8(lane.fill(b"<host>")).unwrap().to_uppercase();
                let ask = ask("GET", "/admin/keys").header("Host", host);
                for probe in ask.must(BeDenied) {
                    lane.try_probe(&probe).await?;
                }
                Ok(5)
            })
        }),
        case("HST-05", "HTTP/2 whose `:authority` and `host` differ", "refused").probes(two_hosts()),
        case(
            "HST-07",
            "`X-Forwarded-Host`, `X-Host`, `Forwarded: host=`, `X-Original-Host`",
            "no rule reads them, no service gets them",
        )
        .probes(ignored(&[
            ("X-Forwarded-Host", "admin"),
            ("X-Host", "admin"),
            ("Forwarded", "host=admin"),
            ("X-Original-Host", "admin"),
            ("X-Forwarded-Server", "admin"),
        ])),
        case(
            "HST-08",
            "`X-Original-URL`, `X-Rewrite-URL`, `X-Forwarded-Uri`, `-Prefix`, `-Method`, `X-Envoy-Original-Path`",
            "the real target is decided on; no service gets them",
        )
        .probes(ignored(&[
            ("X-Original-URL", "/admin"),
            ("X-Rewrite-URL", "/admin"),
            ("X-Forwarded-Uri", "/admin"),
            ("X-Forwarded-Prefix", "/admin"),
            ("X-Forwarded-Method", "DELETE"),
            ("X-Envoy-Original-Path", "/admin"),
            ("X-Original-Method", "DELETE"),
            ("X-Forwarded-Path", "/admin"),
            ("X-Envoy-Decorator-Operation", "x"),
        ])),
        case("HST-09", "`X-Forwarded-For: 127.0.0.1`", "the peer's address counts; the header is written anew")
            .probes(ignored(&[
                ("X-Forwarded-For", "127.0.0.1"),
                ("X-Real-IP", "127.0.0.1"),
                ("True-Client-IP", "::1"),
                ("Forwarded", "for=127.0.0.1"),
            ]))
            .tests(&["the_upstream_request_is_built_from_the_canonical_one"]),
        case(
            "HST-10",
            "long and odd chains of forwarded addresses, `X_Forwarded_For`",
            "the peer's address counts; a spelling with an underscore is refused",
        )
        .probes(ignored(&[
            ("X-Forwarded-For", "1.2.3.4, ::ffff:127.0.0.1, [::1]:80, unknown"),
            ("X-Forwarded-For", &"10.0.0.1, ".repeat(200)),
        ]))
        .probes(refused(&[
            ("X_Forwarded_For", "127.0.0.1"),
            ("X-Forwarded_For", "127.0.0.1"),
            ("x_real_ip", "::1"),
        ])),
        case("HST-11", "a TLS name that is not the Host", "decided by the Host alone")
            .tests(&["calls_go_over_tls_on_both_sides"]),
        case(
            "HST-12",
            "control headers of frameworks: `x-middleware-subrequest`, `X-Forwarded-Proto`",
            "no service gets them; the gate sets its own",
        )
        .probes(ignored(&[
            ("x-middleware-subrequest", "middleware:middleware"),
            ("x-middleware-rewrite", "/admin"),
            ("X-Forwarded-Proto", "https"),
            ("X-Forwarded-Port", "443"),
            ("X-Forwarded-User", "root"),
            ("X-Remote-User", "root"),
            ("x-envoy-internal", "true"),
            ("X-Accel-Redirect", "/admin"),
            ("X-Sendfile", "/etc/passwd"),
            ("Via", "1.1 x"),
            ("Proxy", "http://127.0.0.1"),
        ]))
        .probes(lines(BeRefused, &[b"X_Middleware_Subrequest: x", b"X-Forwarded_Proto: https"])),
    ]
}

fn two_hosts() -> Vec<Probe> {
    let mut probes = Vec::new();
    for (authority, host) in [
        ("gate", "other"),
        ("other", "gate"),
        ("gate", "gate:81"),
        ("<host>", "gate"),
        ("gate", ""),
        ("", "gate@other"),
    ] {
        for path in ["<plain>/v1/public/a", "<plain>/other", "/v1/public/a"] {
            let fields = [
                (":method", "GET"),
                (":scheme", "http"),
                (":authority", authority),
                (":path", path),
                ("host", host),
                ("holdshort-key", "<key>"),
            ];
            let fields = fields.map(|(name, value)| (name.into(), value.into())).to_vec();
            probes.push(Probe { wire: Wire::Two { fields, body: None }, must: BeRefused });
        }
    }
    probes
}
