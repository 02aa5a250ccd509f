//! QRY: queries, forms, multipart.

use crate::case::Must::{self, BeDenied, BeGated, BeHeld, BeRefused, BeSent, Get};
use crate::case::{Case, Probe, case};
use crate::variants::ask;

const FORM: &str = "application/x-www-form-urlencoded";

fn transfers(must: Must, queries: &[&str]) -> Vec<Probe> {
    queries.iter().flat_map(|query| ask("POST", format!("<plain>/v1/transfers?{query}")).must(must)).collect()
}

fn payments(must: Must, forms: &[&str]) -> Vec<Probe> {
    forms.iter().flat_map(|form| ask("POST", "<plain>/v1/payments").body(FORM, form).must(must)).collect()
}

fn multipart(must: Must, bodies: &[&str]) -> Vec<Probe> {
    bodies
        .iter()
        .flat_map(|body| {
            ask("POST", "<plain>/v1/payments")
                .body("multipart/form-data; boundary=b", body.replace('\n', "\r\n"))
                .must(must)
        })
        .collect()
}

pub fn cases() -> Vec<Case> {
    vec![
        case("QRY-01", "a name that a rule looks at, twice, or as a list: `amount[]`, `amount[0]`", "refused")
            .probes(transfers(Get(400), &["amount=1&amount=9999", "amount=9999&amount=1", "amount=1&amount[]=9999", "amount[]=1", "amount[0]=1&amount[1]=9999", "amount=1&x=2&amount=1", "amount=1&amount%5B%5D=9999", "amount[a]=1", "amount=1&amount"]))
            .probes(payments(Get(400), &["amount=1&amount=9999", "amount%5B%5D=1", "amount=1&amount%5B0%5D=9999"]))
            .probes(transfers(BeSent, &["amount=1", "x=1&amount=100&x=2"]))
            .probes(transfers(BeHeld, &["amount=101", "amount=9999&x=1", "x=1", "amount=", "amount", "amount=1x", "amount=1.5", "amount=%31e9"]))
            .tests(&["a_name_that_a_rule_looks_at_has_one_value_or_none"]),
        case("QRY-02", "a semicolon between pairs", "refused, where a rule looks at the query")
            .probes(transfers(Get(400), &["a=1;amount=9999", "amount=1;amount=9999", "amount=1;", ";amount=1", "amount=1;x"]))
            .probes(payments(Get(400), &["amount=1;amount=9999", "a=1;amount=1"])),
        case("QRY-03", "bad escapes: `%zz`, `%`, `%u0031`; `+` and `%20`, `%2B`", "refused; a plus is a space")
            .probes(transfers(Get(400), &["amount=%zz&b=1", "amount=1%", "amount=%u0031", "amount=1&b=%", "amount=1&b=%f", "amount=1&b=%ff"]))
            .probes(payments(Get(400), &["amount=%zz", "amount=1&b=%", "amount=%u0031"]))
            .probes(transfers(BeGated, &["amount=+1", "amount=1+", "amount=%2B1", "amount=%201"]))
            .probes(transfers(BeSent, &["amount=%31", "amount=1%30%30"])),
        case("QRY-05", "names that are escaped, or odd: `%61mount`, `amount%00`, `amount%20`, `Amount`", "decoded before a rule looks; odd ones are refused")
            .probes(transfers(BeHeld, &["%61mount=9999", "%61%6d%6f%75%6e%74=9999"]))
            .probes(transfers(BeSent, &["%61mount=1"]))
            .probes(transfers(Get(400), &["amount%00=1", "amount%20=1&amount=1", "Amount=9999&amount=1", "AMOUNT=1", "amount=1&+amount=9999", "amount=1&%20amount=9999", "amount%5b=1&amount=2", "amount=1&%61mount=9999"]))
            .probes(payments(Get(400), &["Amount=9999&amount=1", "amount%00=1&amount=2", "+amount=9999&amount=1"])),
        case("QRY-06", "`%3f` and `%23` in the path; a second `?`", "refused in the path; the second belongs to the query")
            .probes(crate::variants::paths(BeRefused, &["/v1/public/a%3fx", "/admin%3fx=1", "/v1/refunds/7%3f", "/v1/public/a%23x", "/%3f/admin"]))
            .probes(ask("GET", "<plain>/admin?x?y").must(BeDenied))
            .probes(ask("GET", "<plain>/v1/public/a?x?/../admin").must(BeSent))
            .probes(transfers(BeGated, &["?amount=1", "x=1?amount=1"])),
        case("QRY-07", "the same name in the query and in a form", "each is read in its own place; where they disagree the call is refused")
            .probes(ask("POST", "<plain>/v1/payments?amount=1").body(FORM, "amount=9999").must(BeGated))
            .probes(ask("POST", "<plain>/v1/payments?amount=9999").body(FORM, "amount=1").must(Get(400)))
            .probes(ask("POST", "<plain>/v1/payments?x=9999").body(FORM, "amount=1").must(BeSent)),
        case("QRY-08", "multipart: two parts of a name, `name*`, names without quotes, a file in a field's place", "refused; a plain field is read").probes(multipart(
            Get(400),
            &[
                "--b\nContent-Disposition: form-data; name=\"amount\"\n\n1\n--b\nContent-Disposition: form-data; name=\"amount\"\n\n9999\n--b--\n",
                "--b\nContent-Disposition: form-data; name=\"amount\"; name=\"x\"\n\n1\n--b--\n",
                "--b\nContent-Disposition: form-data; name=\"x\"; name*=utf-8''amount\n\n1\n--b--\n",
                "--b\nContent-Disposition: form-data; name=amount\n\n1\n--b--\n",
                "--b\nContent-Disposition: form-data; name='amount'\n\n1\n--b--\n",
                "--b\nContent-Disposition: form-data; name=\"amount\n\n1\n--b--\n",
                "preamble\n--b\nContent-Disposition: form-data; name=\"amount\"\n\n1\n--b--\n",
                "--b\nContent-Disposition: form-data; name=\"amount\"\n\n1\n--b--\nepilogue",
                "--b\nContent-Disposition: form-data; name=\"amount\"\nContent-Transfer-Encoding: base64\n\nMQ==\n--b--\n",
                "--b\nContent-Disposition: form-data; name=\"amount\"\n\n1\n",
                "--b\nContent-Disposition: form-data; name=\"Amount\"\n\n9999\n--b\nContent-Disposition: form-data; name=\"amount\"\n\n1\n--b--\n",
            ],
        ))
        .probes(multipart(BeGated, &["--b\nContent-Disposition: form-data; name=\"amount\"; filename=\"x\"\n\n1\n--b--\n", "--b\nContent-Disposition: form-data; name=\"amount\"\n\n9999\n--b--\n"]))
        .probes(multipart(BeSent, &["--b\nContent-Disposition: form-data; name=\"amount\"\n\n1\n--b--\n"]))
        .probes(ask("POST", "<plain>/v1/payments").body("multipart/form-data", "--b--").must(BeRefused))
        .probes(ask("POST", "<plain>/v1/payments").body("multipart/form-data; boundary=b; boundary=c", "--b--").must(BeRefused))
        .probes(ask("POST", "<plain>/v1/payments").body("multipart/mixed; boundary=b", "--b--").must(BeRefused)),
        case("QRY-10", "a huge upload on a held route", "413 above the limit; there is no approval of a part of a body")
            .probes(ask("POST", "<plain>/v1/payments").body(FORM, format!("amount=1&x={}", "y".repeat(1_100_000))).must_1(Get(413)))
            .tests(&["large_uploads_stream", "a_body_above_the_limit_is_413_and_nothing_is_recorded_as_sent"]),
    ]
}
