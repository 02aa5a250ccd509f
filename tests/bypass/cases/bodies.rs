//! BDY: kind and coding of bodies.

use crate::case::Must::{self, BeHarmless, BeHeld, BeRefused, BeSent, Get};
use crate::case::{Case, Probe, case};
use crate::variants::{ask, lines};

const REFUNDS: &str = "<plain>/v1/refunds/7";
const LARGE: &str = r#"{"amount":9999}"#;

/// The large refund with further headers.
fn coded(must: Must, headers: &[(&str, &str)]) -> Vec<Probe> {
    headers.iter().flat_map(|(name, value)| ask("POST", REFUNDS).header(name, value).json(LARGE).must(must)).collect()
}

/// The large refund under other names of its type.
fn typed(must: Must, kinds: &[&str]) -> Vec<Probe> {
    kinds.iter().flat_map(|kind| ask("POST", REFUNDS).body(kind, LARGE).must(must)).collect()
}

pub fn cases() -> Vec<Case> {
    vec![
        case("BDY-01", "a compressed body where a rule looks into it", "415")
            .probes(ask("POST", REFUNDS).header("Content-Encoding", "gzip").json(b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xabVJ\xcc\xcd/\xcd+Q\xb2\xb2\xb4\xb4\xac\x05\0\xe3\xa9`\xd6\x0f\0\0\0").must(Get(415)))
            .probes(coded(Get(415), &[("Content-Encoding", "gzip"), ("content-encoding", "GZIP")])),
        case("BDY-02", "`br`, `zstd`, `deflate`, lists of codings, unknown ones", "415").probes(coded(
            Get(415),
            &["br", "zstd", "deflate", "gzip, gzip", "identity, gzip", "x-gzip", "compress", "foo", "identity, identity", "gzip;q=1", "aes128gcm", " gzip", "identity gzip"].map(|coding| ("Content-Encoding", coding)),
        )),
        case("BDY-03", "codings in a second line or as a transfer coding; plain bytes that say they are compressed", "refused")
            .probes(ask("POST", REFUNDS).header("Content-Encoding", "identity").header("Content-Encoding", "gzip").json(LARGE).must(BeRefused))
            .probes(ask("POST", REFUNDS).header("Content-Encoding", "gzip").header("content-encoding", "gzip").json(LARGE).must(BeRefused))
            .probes(coded(BeRefused, &[("Content-Encoding", "")]))
            .probes(lines(BeRefused, &[b"Transfer-Encoding: gzip, chunked", b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked", b"Content_Encoding: gzip"])),
        case("BDY-04", "the type in another case, with white space, an empty or a charset parameter", "read as JSON, and gated the same").probes(typed(
            BeHeld,
            &["Application/JSON", " application/json", "application/json;", "application/json ; charset=UTF-8", "APPLICATION/JSON;CHARSET=\"utf-8\"", "application/json; charset=us-ascii", "application/json;;", "application/json; profile=x", "\tapplication/json\t"],
        )),
        case("BDY-05", "JSON without a type, as plain text, as a form, under a mended name", "415, never a body that no rule sees")
            .probes(typed(Get(415), &["text/plain", "application/x-www-form-urlencoded", "text/json", "application/javascript", "*/*", "json", "application/", "/json", "application/json/x", "application /json", "text/html", "application/octet-stream", "multipart/mixed; boundary=x"]))
            .probes(ask("POST", REFUNDS).body("", LARGE).must(Get(415)))
            .probes(typed(BeRefused, &["", "application/x-www-form-urlencoded;/json", "multipart/form-data; boundary=x", "application/json x", "application/json=x"])),
        case("BDY-06", "two Content-Type headers, or two types in one", "refused")
            .probes(typed(BeRefused, &["a/b, application/json", "application/json, application/json", "application/json,text/plain", "text/plain; a=\"b, application/json\", application/json"]))
            .probes(ask("POST", REFUNDS).header("Content-Type", "application/json").json(LARGE).must(BeRefused))
            .probes(ask("POST", REFUNDS).header("Content-Type", "text/plain").json(LARGE).must(BeRefused)),
        case("BDY-07", "other charsets: utf-16, utf-7, two of them, EBCDIC", "415").probes(typed(
            Get(415),
            &["application/json; charset=utf-16", "application/json; charset=utf-7", "application/json; charset=utf-8; charset=utf-7", "application/json; charset=\"ibm037\"", "application/json;charset=utf-8;CHARSET=utf-16", "application/json; charset=", "application/json; charset*=utf-16''x", "application/json; charset*0=utf-; charset*1=16", "application/json; charset=latin1", "application/json; charset='utf-8'"],
        )),
        case("BDY-09", "a byte order mark, a record separator, a guard prefix, two documents, lines of JSON", "refused").probes(
            ["\u{feff}{\"amount\":1}", "\x1e{\"amount\":1}\n", ")]}',\n{\"amount\":1}", "{\"amount\":1}{\"amount\":9999}", "{\"amount\":1}\n{\"amount\":9999}\n", "while(1);{\"amount\":1}", "\0{\"amount\":1}", "{\"amount\":1}\u{feff}"]
                .iter()
                .flat_map(|body| ask("POST", REFUNDS).json(body).must(Get(400))),
        ),
        case("BDY-10", "JSON of another meaning: patch, merge-patch, vendor types", "415, unless the route names the type")
            .probes(typed(Get(415), &["application/json-patch+json", "application/merge-patch+json", "application/vnd.x+json", "application/ld+json", "application/problem+json", "image/svg+json", "application/json+x", "application/jsonml+json", "application/json5", "application/x-ndjson", "application/json-seq"]))
            .tests(&["a_rule_that_names_the_content_type_knows_its_json"]),
        case("BDY-11", "XML, YAML, MessagePack, CBOR, protobuf, gRPC where a rule wants JSON", "415").probes(typed(
            Get(415),
            &["application/xml", "text/xml", "application/soap+xml", "application/yaml", "text/yaml", "application/msgpack", "application/x-msgpack", "application/cbor", "application/protobuf", "application/x-protobuf", "application/grpc", "application/grpc-web-text", "text/csv", "application/bson"],
        )),
        case("BDY-12", "a body of exactly the limit, and one byte more; chunks without end", "read, and 413")
            .probes(super::framing::too_large())
            .tests(&["a_body_above_the_limit_is_refused_and_the_answer_arrives", "bodies_of_every_size_and_framing_arrive_whole"]),
        case("BDY-13", "a digest of the client's own that is not the one of the body", "refused; the gate's own digest takes its place")
            .probes(ask("POST", REFUNDS).header("Content-Digest", "sha-256=:AAAA:").json(r#"{"amount":1}"#).must(Get(400)))
            .probes(ask("POST", REFUNDS).header("Content-Digest", "x").json(r#"{"amount":1}"#).must(BeHarmless))
            .probes(ask("GET", "<plain>/v1/public/a").header("Content-Digest", "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:").must(BeSent))
            .tests(&["digests_that_clients_send_are_checked"]),
    ]
}
