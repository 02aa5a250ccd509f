//! PTH: the request target.

use crate::case::Must::{BeDenied, BeHarmless, BeHeld, BeRefused, BeSent, BeStopped, BeUnmatched};
use crate::case::{Case, Probe, Wire, case};
use crate::variants::{FOLD, PLAIN, ask, paths, paths_at, raw};

pub fn cases() -> Vec<Case> {
    vec![
        case("PTH-01", "dot segments that lead out of a public folder: `/v1/public/../admin/keys`", "refused").probes(paths(
            BeRefused,
            &[
                "/v1/public/../admin/keys",
                "/v1/public/../../admin",
                "/v1/public/./../admin",
                "/v1/public/..",
                "/v1/public/.",
                "/./admin/keys",
                "/v1/../admin/keys",
                "/v1/public/x/../../../admin/keys",
            ],
        )),
        case("PTH-02", "dots that are escaped, one or both: `%2e%2e`, `.%2e`, `%2E.`", "refused").probes(paths(
            BeRefused,
            &[
                "/v1/public/%2e%2e/admin",
                "/v1/public/.%2e/admin",
                "/v1/public/%2E./admin",
                "/v1/public/%2e/admin",
                "/%2e%2e/admin",
                "/v1/public/%2e%2e",
            ],
        )),
        case("PTH-03", "a slash that is escaped, with and without dots", "refused, unless the upstream opts in").probes(paths(
            BeRefused,
            &["/v1/public%2f..%2fadmin", "/v1/public/..%2fadmin", "/v1%2fadmin", "/%2fadmin", "/admin%2fkeys", "/v1/refunds%2f7"],
        ))
        .tests(&["escaped_slashes_need_an_upstream_that_wants_them"]),
        case("PTH-04", "backslashes, bare and escaped", "refused").probes(paths(
            BeRefused,
            &["/v1/public\\..\\admin", "/v1/public%5c..%5cadmin", "/v1\\admin", "/\\admin", "/admin\\keys", "/v1/public/..%5cadmin"],
        )),
        case("PTH-05", "escapes that are escaped again: `%252e`, `%252f`", "refused").probes(paths(
            BeRefused,
            &["/%252e%252e/admin", "/v1%252fadmin", "/%2561dmin/keys", "/a%25252fb", "/v1/public/%252e%252e/admin"],
        )),
        case("PTH-06", "path parameters: `..;/`, `;x=y`, escaped semicolons before dots", "refused").probes(paths(
            BeRefused,
            &["/v1/public/..;/admin", "/v1/public;x/admin", "/admin;/keys", "/v1/refunds/7;a=b", "/;/admin", "/v1/public/..;a=b/admin"],
        ))
        .probes(paths(BeStopped, &["/admin/%3b/keys"])),
        case("PTH-08", "empty segments: `//admin`, `/v1//refunds/7`", "refused").probes(paths(
            BeRefused,
            &["//admin/keys", "/v1//refunds/7", "/v1/refunds//7", "///admin", "/admin//", "/v1/public//admin"],
        ))
        // In front of the mount, too.
        .probes(raw(BeRefused, &["GET /<plain>/v1/public/a HTTP/1.1\r\nHost: gate\r\nHoldshort-Key: <key>\r\n\r\n"])),
        case("PTH-09", "a slash at the end of a held or denied path", "decided as without it")
            .probes(paths(BeHeld, &["/v1/refunds/7/"]))
            .probes(paths(BeDenied, &["/admin/", "/admin/keys/", "/v1/admin/"])),
        case(
            "PTH-10",
            "another case: `/V1/Refunds/7`, `/ADMIN`",
            "another path, where the service tells them apart; the same one, where the upstream says `case: insensitive`",
        )
        .probes(ask("POST", "<plain>/V1/Refunds/7").json(r#"{"amount":9999}"#).must(BeUnmatched))
        .probes(paths_at(FOLD, BeHeld, &["/V1/Refunds/7", "/v1/REFUNDS/7/"]))
        .probes(paths_at(FOLD, BeDenied, &["/ADMIN", "/Admin/Keys", "/V1/aDmin/x"]))
        .tests(&["case_is_ignored_where_the_upstream_ignores_it"]),
        case("PTH-11", "another case and escapes together: `/%41dmin/keys`", "decided as the plain spelling")
            .probes(paths_at(FOLD, BeDenied, &["/%41dmin/keys", "/%41%44MIN/keys", "/V1/%41dmin"]))
            .probes(paths_at(FOLD, BeHeld, &["/V1/%52efunds/7", "/%561/r%45funds/7"])),
        case("PTH-12", "letters that need no escape, escaped: `/v1/%72efunds/7`", "decided as the plain spelling, and sent in it")
            .probes(paths(BeHeld, &["/v1/%72efunds/7", "/v1/%72%65%66unds/7", "/%761/refunds/%37"]))
            .probes(paths(BeDenied, &["/%61dmin/keys", "/admi%6e", "/%61%64%6d%69%6e/x"]))
            .probes(ask("GET", "<plain>/v1/%70ublic/%61").must(BeSent)),
        case("PTH-13", "NUL in the target, bare and escaped", "refused")
            .probes(paths(BeRefused, &["/admin%00.json", "/v1/public/a%00", "/%00/admin"]))
            .probes(raw(BeRefused, &["GET <plain>/v1/public/a\0b HTTP/1.1\r\nHost: gate\r\nHoldshort-Key: <key>\r\n\r\n"])),
        case("PTH-14", "line ends behind a path: `%0a`, `%0d%0a`", "refused").probes(paths(
            BeRefused,
            &["/admin/keys%0a", "/admin%0d%0aX:%20y", "/v1/refunds/7%0a", "/v1/public/a%0d", "/admin%0a", "/admin%09", "/admin%7f"],
        ))
        .tests(&["globs_are_anchored_and_know_three_signs"]),
        case(
            "PTH-16",
            "a fragment: `/v1/public#/../admin`",
            "refused; over HTTP/2 it is cut off before anything sees the target, and what is left is decided and sent",
        )
        .probes(paths(BeRefused, FRAGMENTS).into_iter().filter(|probe| matches!(probe.wire, Wire::One(_))))
        .probes(paths(BeHarmless, FRAGMENTS).into_iter().filter(|probe| matches!(probe.wire, Wire::Two { .. }))),
        case("PTH-18", "absolute targets whose host is not the one of the Host header", "refused; where both agree, decided as the plain target")
            .probes(raw(
                BeRefused,
                &[
                    "GET http://other<plain>/v1/public/a HTTP/1.1\r\nHost: gate\r\nHoldshort-Key: <key>\r\n\r\n",
                    "GET http://<host>/v1/public/a HTTP/1.1\r\nHost: gate\r\nHoldshort-Key: <key>\r\n\r\n",
                    "GET http://gate@other<plain>/v1/public/a HTTP/1.1\r\nHost: gate\r\nHoldshort-Key: <key>\r\n\r\n",
                    "GET http://x@gate<plain>/v1/public/a HTTP/1.1\r\nHost: gate\r\nHoldshort-Key: <key>\r\n\r\n",
                    "GET http://gate:81<plain>/v1/public/a HTTP/1.1\r\nHost: gate\r\nHoldshort-Key: <key>\r\n\r\n",
                    "GET http:<plain>/v1/public/a HTTP/1.1\r\nHost: gate\r\nHoldshort-Key: <key>\r\n\r\n",
                    "GET gopher://gate<plain>/v1/public/a HTTP/1.1\r\nHost: gate\r\nHoldshort-Key: <key>\r\n\r\n",
                    "GET http:///admin HTTP/1.1\r\nHost: gate\r\nHoldshort-Key: <key>\r\n\r\n",
                ],
            ))
            .probes(raw(BeStopped, &["GET HTTP://GATE:80<plain>/admin HTTP/1.1\r\nHost: gate\r\nHoldshort-Key: <key>\r\n\r\n"]))
            .probes(raw(BeSent, &["GET http://gate<plain>/v1/public/a HTTP/1.1\r\nHost: gate\r\nHoldshort-Key: <key>\r\n\r\n"])),
        case("PTH-20", "`*` as the target, of OPTIONS and others", "refused").probes(raw(
            BeRefused,
            &[
                "OPTIONS * HTTP/1.1\r\nHost: gate\r\nHoldshort-Key: <key>\r\n\r\n",
                "GET * HTTP/1.1\r\nHost: gate\r\nHoldshort-Key: <key>\r\n\r\n",
                "OPTIONS * HTTP/1.1\r\nHost: <host>\r\nHoldshort-Key: <key>\r\n\r\n",
                "OPTIONS http://gate HTTP/1.0\r\nHost: other\r\nHoldshort-Key: <key>\r\n\r\n",
            ],
        )),
        case("PTH-21", "spaces and tabs inside the target", "refused, never escaped").probes(raw(
            BeRefused,
            &[
                "GET <plain>/v1/public /../admin HTTP/1.1\r\nHost: gate\r\nHoldshort-Key: <key>\r\n\r\n",
                "GET <plain>/v1/public/a\tb HTTP/1.1\r\nHost: gate\r\nHoldshort-Key: <key>\r\n\r\n",
                "GET <plain>/v1/public/a  HTTP/1.1\r\nHost: gate\r\nHoldshort-Key: <key>\r\n\r\n",
                "GET  <plain>/v1/public/a HTTP/1.1\r\nHost: gate\r\nHoldshort-Key: <key>\r\n\r\n",
                "GET\t<plain>/v1/public/a HTTP/1.1\r\nHost: gate\r\nHoldshort-Key: <key>\r\n\r\n",
                "GET <plain>/other x HTTP/1.1\r\nHost: gate\r\nHoldshort-Key: <key>\r\n\r\n",
                "GET <plain>/other?a b HTTP/1.1\r\nHost: gate\r\nHoldshort-Key: <key>\r\n\r\n",
                "GET <plain>/other\"x HTTP/1.1\r\nHost: gate\r\nHoldshort-Key: <key>\r\n\r\n",
            ],
        )),
        case("PTH-22", "two versions in the request line", "refused").probes(raw(
            BeRefused,
            &[
                "GET <plain>/v1/public/a HTTP/1.1 HTTP/1.1\r\nHost: gate\r\nHoldshort-Key: <key>\r\n\r\n",
                "GET <plain>/v1/public/a HTTP/1.1\tHTTP/0.9\r\nHost: gate\r\nHoldshort-Key: <key>\r\n\r\n",
                "GET <plain>/other HTTP/1.0 HTTP/1.1\r\nHost: gate\r\nHoldshort-Key: <key>\r\n\r\n",
                "GET <plain>/v1/public/a HTTP/1.1 \r\nHost: gate\r\nHoldshort-Key: <key>\r\n\r\n",
            ],
        )),
        case("PTH-23", "64 KiB of path, thousands of segments, templates with several `**`", "refused by size; matching stays linear")
            .probes(paths_at(PLAIN, BeRefused, &[&format!("/v1/public/{}", "a".repeat(9000)), &"/a".repeat(300)]))
            .probes([
                format!("GET <plain>/{} HTTP/1.1\r\nHost: gate\r\nHoldshort-Key: <key>\r\n\r\n", "a".repeat(65_000)),
                format!("GET <plain>{} HTTP/1.1\r\nHost: gate\r\nHoldshort-Key: <key>\r\n\r\n", "/a".repeat(10_000)),
            ].iter().flat_map(|text| raw(BeRefused, &[text])))
            .tests(&["hostile_templates_and_paths_take_bounded_time", "paths_are_bounded"]),
        case("PTH-24", "characters that a template parser may stumble over: `*`, `{id}`, `a,b`, `:`, `$`", "still under the rule for the prefix")
            .probes(paths(BeHeld, &[
                "/v1/refunds/*", "/v1/refunds/**", "/v1/refunds/{id}", "/v1/refunds/%7Bid%7D", "/v1/refunds/a,b", "/v1/refunds/:id",
                "/v1/refunds/$", "/v1/refunds/a=b", "/v1/refunds/a@b", "/v1/refunds/(a)", "/v1/refunds/!'", "/v1/refunds/[0]", "/v1/refunds/%C3%A9",
                "/v1/refunds/~", "/v1/refunds/+", "/v1/refunds/a%20b", "/v1/refunds/...", "/v1/refunds/%25",
            ]))
            .probes(paths(BeDenied, &["/admin/*", "/admin/{x}", "/admin/a,b", "/admin/$", "/admin/%25", "/admin/[0]"]))
            .tests(&["everything_under_a_prefix_matches_its_rest_rule"]),
        case("PTH-25", "dot segments above the root", "refused")
            .probes(paths(BeRefused, &["/../admin", "/../../admin", "/../../../../../../admin", "/.."]))
            .probes(raw(BeRefused, &["GET /../..<plain>/v1/public/a HTTP/1.1\r\nHost: gate\r\nHoldshort-Key: <key>\r\n\r\n"])),
        case("PTH-27", "a suffix that some frameworks take for a format: `.json`", "no other path than it says: held under the rule, or unmatched")
            .probes(paths(BeHeld, &["/v1/refunds/7.json"]))
            .probes(ask("POST", "<plain>/v1/refunds.json").json(r#"{"amount":9999}"#).must(BeUnmatched))
            .probes(ask("GET", "<plain>/admin.json").must(BeUnmatched)),
        case("PTH-28", "some hundred generated spellings of the protected paths, read by four kinds of servers", "whatever one of them would serve as the protected path is refused, held or denied")
            .probes(generated())
            .tests(&["an_accepted_path_means_one_thing", "targets_with_two_readings_are_refused", "spellings_of_a_protected_path_reach_nothing"]),
    ]
}

const FRAGMENTS: &[&str] = &["/v1/public/a#/../admin", "/admin/keys#/../v1/public", "/admin#", "/v1/refunds/7#x"];

/// Each way to write one part of a protected path, at each place of it.
fn generated() -> Vec<Probe> {
    let mut probes = Vec::new();
    let parts = [
        "/", "%2f", "//", "/./", "/%2e/", "/x/../", "/;/", "/;a=b/", "\\", "%5c", "/%00/", "/%20/", "/%0a/", "/.;/",
        "/%252f/",
    ];
    for part in parts {
        for path in [
            format!("/admin{part}keys"),
            format!("{part}admin"),
            format!("/admin{part}"),
            format!("/v1{part}admin"),
            format!("/v1/public{part}..{part}admin"),
            format!("/v1/public{part}%2e%2e{part}..{part}admin"),
        ] {
            for mount in [PLAIN, FOLD] {
                for method in ["GET", "POST"] {
                    // What the oracle says of what is forwarded is the judgement.
                    let ask = ask(method, format!("{mount}{path}"));
                    probes.push(Probe { wire: ask.one("HTTP/1.1", false, true), must: BeHarmless });
                    probes.push(Probe { wire: ask.two(), must: BeHarmless });
                }
            }
        }
    }
    probes
}
