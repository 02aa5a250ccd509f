//! Bytes that parsers read each in their own way, over real sockets: refused before anything of them is
//! acted on, with what is wrong and where, and with the end of the connection. Each case is sent whole
//! and in single bytes, to an upstream that rejects what no route names and to one that passes it,
//! because a bypass shows only on the second.

use crate::support::{House, house_of};
use crate::upstream::Upstream;

const BOTH: [&str; 2] = ["reject", "pass"];
const MARKER: &str = "GET /api/stream/marker HTTP/1.1^Host: gate^KEY^^";

async fn house(upstream: &Upstream, unmatched: &str) -> House {
    let routes = "    routes:\n      - { action: hold_it, match: POST /held, risk_tier: high }\n      - { action: free_it, match: POST /free, risk_tier: low, params: { amount: /amount } }\n      - { match: /stream/**, pass: true }\n";
    house_of(&format!("  api:\n    url: {}\n    at: /api\n    unmatched: {unmatched}\n{routes}", upstream.url()), "")
        .await
}

/// `^` is a line end, `KEY` the agent's; `\r`, `\n`, `\t`, `\0`, `\xHH` are those bytes.
fn bytes(house: &House, text: &str) -> Vec<u8> {
    let text = text.replace('^', "\r\n").replace("KEY", &format!("Holdshort-Key: {}", house.key.expose()));
    let mut bytes = Vec::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            bytes.extend(c.to_string().bytes());
            continue;
        }
        match chars.next().unwrap() {
            'r' => bytes.push(b'\r'),
            'n' => bytes.push(b'\n'),
            't' => bytes.push(b'\t'),
            '0' => bytes.push(0),
            'x' => bytes.push(u8::from_str_radix(&chars.by_ref().take(2).collect::<String>(), 16).unwrap()),
            other => bytes.push(other as u8),
        }
    }
    bytes
}

fn rows(table: &str) -> impl Iterator<Item = Vec<&str>> {
    table.lines().map(str::trim).filter(|line| !line.is_empty()).map(|line| {
        let mut parts: Vec<&str> = line.rsplitn(3, " | ").map(str::trim).collect();
        parts.reverse();
        parts
    })
}

/// Everything the gate says until it closes, or until so many answers have come.
async fn exchange(house: &House, sent: &[u8], whole: bool, answers: usize) -> Vec<(u16, String)> {
    let mut client = house.client().await;
    if whole {
        client.send(sent).await;
    } else {
        for byte in sent {
            if !client.try_send(&[*byte]).await {
                break;
            }
        }
    }
    let mut said = Vec::new();
    for _ in 0..answers {
        let answer = client.answer().await;
        said.push((answer.status, answer.text()));
    }
    said
}

const REFUSED: &str = r#"
    GET /api/v1/public /../admin HTTP/1.1^Host: gate^KEY^^      | 400 | white space in the target, or no HTTP version behind it (request line)
    GET /api/v1\tx HTTP/1.1^Host: gate^KEY^^                    | 400 | white space (request target)
    GET /api/v1\x01 HTTP/1.1^Host: gate^KEY^^                   | 400 | control character (request target)
    GET /api/v1\0 HTTP/1.1^Host: gate^KEY^^                     | 400 | control character (request target)
    GET /api/v1<x> HTTP/1.1^Host: gate^KEY^^                    | 400 | must be percent-encoded (request target)
    GET /api/v1\x22 HTTP/1.1^Host: gate^KEY^^                   | 400 | must be percent-encoded (request target)
    GET /api/v1\xc3\xa4 HTTP/1.1^Host: gate^KEY^^               | 400 | must be percent-encoded (request target)
    GET /api/v1\xff HTTP/1.1^Host: gate^KEY^^                   | 400 | must be percent-encoded (request target)
    GET /api/v1#/../admin HTTP/1.1^Host: gate^KEY^^             | 400 | fragments are not sent to servers (request target)
    GET /api/v1?x=1#/../admin HTTP/1.1^Host: gate^KEY^^         | 400 | fragments are not sent to servers (request target)
    GET /api/v1 HTTP/1.1 HTTP/1.1^Host: gate^KEY^^              | 400 | something follows the HTTP version (request line)
    GET /api/v1 HTTP/1.1\tHTTP/0.9^Host: gate^KEY^^             | 400 | something follows the HTTP version (request line)
    GET /api/v1 HTTP/1.1 ^Host: gate^KEY^^                      | 400 | something follows the HTTP version (request line)
    GET  /api/v1 HTTP/1.1^Host: gate^KEY^^                      | 400 | more than one space before the target (request line)
    GET\t/api/v1 HTTP/1.1^Host: gate^KEY^^                      | 400 | the method is not a token (request method)
    GET /api/v1^^                                               | 400 | the line has no HTTP version (request line)
    GET /api/v1 HTTP/1.2^Host: gate^KEY^^                       | 400 | an HTTP version that is not spoken here (request line)
    GET /api/v1 HTTP/3.0^Host: gate^KEY^^                       | 400 | an HTTP version that is not spoken here (request line)
    GET /api/v1 HTTP/2.0^Host: gate^KEY^^                       | 400 | an HTTP version that is not spoken here (request line)
    GET /api/v1 http/1.1^Host: gate^KEY^^                       | 400 | white space in the target, or no HTTP version behind it (request line)
    GET /api/v1\rPOST /api/held HTTP/1.1^Host: gate^KEY^^       | 400 | the line has no HTTP version (request line)
    ^^GET /api/v1 HTTP/1.1^Host: gate^KEY^^                     | 400 | no method begins like this (request line)
    \nGET /api/v1 HTTP/1.1^Host: gate^KEY^^                     | 400 | no method begins like this (request line)
    CONNECT gate:80 HTTP/1.1^Host: gate:80^KEY^^                | 405 | CONNECT is not accepted here (request method)
    \x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03                | 400 | no method begins like this (request line)

    GET /api/v1 HTTP/1.1\nHost: gate^KEY^^                      | 400 | a line feed without a carriage return (request line)
    GET /api/v1 HTTP/1.1^Host: gate\nKEY^^                      | 400 | a line feed without a carriage return (header host)
    GET /api/v1 HTTP/1.1^Host: gate^KEY^\n                      | 400 | a line feed without a carriage return (headers)
    GET /api/v1 HTTP/1.1^Host: gate^KEY^X: a\rY: b^^            | 400 | a carriage return without a line feed (headers)
    GET /api/v1 HTTP/1.1^Host: gate^KEY^X: a\0^^                | 400 | control character in a value (headers)
    GET /api/v1 HTTP/1.1^Host: gate^KEY^X: a^ folded^^          | 400 | a line begins with white space (headers)
    GET /api/v1 HTTP/1.1^ Host: gate^KEY^^                      | 400 | a line begins with white space (headers)
    GET /api/v1 HTTP/1.1^Host: gate^KEY^Holdshort-Permit : x^^  | 400 | white space before the colon (header holdshort-permit)
    GET /api/v1 HTTP/1.1^Host: gate^KEY^: x^^                   | 400 | a header without a name (headers)
    GET /api/v1 HTTP/1.1^Host: gate^KEY^X(: x^^                 | 400 | not a header name (headers)
    GET /api/v1 HTTP/1.1^Host: gate^Host: gate^KEY^^            | 400 | sent more than once (header host)
    GET /api/v1 HTTP/1.1^Host: a@gate^KEY^^                     | 400 | not a host (header host)

    POST /api/v1 HTTP/1.1^Host: gate^KEY^Content-Length: 1^Transfer-Encoding: chunked^^0^^    | 400 | both content-length and transfer-encoding (header transfer-encoding)
    POST /api/v1 HTTP/1.1^Host: gate^KEY^Content-Length: 3^Content-Length: 3^^abc             | 400 | sent more than once (header content-length)
    POST /api/v1 HTTP/1.1^Host: gate^KEY^Content-Length: 3, 3^^abc                            | 400 | not a number of bytes (header content-length)
    POST /api/v1 HTTP/1.1^Host: gate^KEY^Content-Length: +3^^abc                              | 400 | not a number of bytes (header content-length)
    POST /api/v1 HTTP/1.1^Host: gate^KEY^Transfer-Encoding: gzip, chunked^^0^^                | 400 | the only transfer-encoding accepted is \"chunked\" (header transfer-encoding)
    POST /api/v1 HTTP/1.1^Host: gate^KEY^Transfer-Encoding: \x0bchunked^^0^^                  | 400 | control character in a value (header transfer-encoding)
    POST /api/v1 HTTP/1.0^Host: gate^KEY^Transfer-Encoding: chunked^^0^^                      | 400 | transfer-encoding belongs to HTTP/1.1 (header transfer-encoding)
"#;

#[tokio::test]
async fn malformed_heads_are_refused_with_what_is_wrong_and_where() {
    for unmatched in BOTH {
        let upstream = Upstream::answering("ok").await;
        let house = house(&upstream, unmatched).await;
        for row in rows(REFUSED) {
            // With a marker behind, which must not be answered any more.
            let sent = bytes(&house, &format!("{}{MARKER}", row[0]));
            for whole in [true, false] {
                let said = exchange(&house, &sent, whole, 1).await;
                let (status, body) = &said[0];
                assert_eq!(status.to_string(), row[1], "{unmatched} {whole}: {}: {body}", row[0]);
                assert!(body.contains(row[2]), "{unmatched} {whole}: {}: {body}", row[0]);
            }
        }
        assert!(upstream.calls().is_empty(), "{unmatched}: {:?}", upstream.calls());
    }
}

const BROKEN_BODIES: &str = r#"
    0x5^hello^0^^               | a chunk size that is not hexadecimal (body)
    +5^hello^0^^                | a chunk without a size (body)
    5 ^hello^0^^                | a chunk size that is not hexadecimal (body)
    5;a=b^hello^0^^             | chunk extensions are not accepted (body)
    00000000000000005^hello^0^^ | a chunk size of more than 16 digits (body)
    5\nhello^0^^                | a line feed without a carriage return (size of a chunk)
    5^helloX0^^                 | a chunk is longer than its size (body)
    5^hello0^^                  | a chunk is longer than its size (body)
    5^hello^0^X: y^^            | trailers are not accepted (body)
    5^hello^0^GET /api/held HTTP/1.1^^ | trailers are not accepted (body)
"#;

#[tokio::test]
async fn broken_bodies_are_refused_wherever_the_head_has_got_to() {
    for unmatched in BOTH {
        let upstream = Upstream::answering("ok").await;
        let house = house(&upstream, unmatched).await;
        for row in rows(BROKEN_BODIES) {
            for path in ["/api/free", "/api/held", "/api/v1", "/api/stream/x"] {
                let head = format!(
                    "POST {path} HTTP/1.1^Host: gate^KEY^Content-Type: application/json^Transfer-Encoding: chunked^^"
                );
                let sent = bytes(&house, &format!("{head}{}{MARKER}", row[0]));
                for whole in [true, false] {
                    let said = exchange(&house, &sent, whole, 1).await;
                    let (status, body) = &said[0];
                    let context = format!("{unmatched} {whole}: {path}: {}: {status} {body}", row[0]);
                    // Without a route, the answer does not wait for the body.
                    let unrouted = path == "/api/v1" && unmatched == "reject" && !whole;
                    assert!(*status == 400 && body.contains(row[1]) || unrouted && *status == 403, "{context}");
                }
            }
        }
        assert!(upstream.calls().is_empty(), "{unmatched}: {:?}", upstream.calls());
    }
}

#[tokio::test]
async fn what_came_before_is_answered_and_what_comes_after_is_not() {
    for unmatched in BOTH {
        let upstream = Upstream::answering("ok").await;
        let house = house(&upstream, unmatched).await;
        let good = "POST /api/stream/one HTTP/1.1^Host: gate^KEY^Content-Length: 3^^abc";
        let chunked = "POST /api/stream/two HTTP/1.1^Host: gate^KEY^Transfer-Encoding: chunked^^3^abc^0^^";
        let bad = "GET /api/stream/a b HTTP/1.1^Host: gate^KEY^^";
        let sent = bytes(&house, &format!("{good}{chunked}{bad}{MARKER}"));
        for whole in [true, false] {
            let said: Vec<u16> =
                exchange(&house, &sent, whole, 3).await.into_iter().map(|(status, _)| status).collect();
            assert_eq!(said, [200, 200, 400], "{unmatched} {whole}");
        }
        let lines: Vec<String> = upstream.calls().into_iter().map(|call| call.line).collect();
        let both = ["POST /stream/one HTTP/1.1", "POST /stream/two HTTP/1.1"];
        assert_eq!(lines, [both, both].concat(), "{unmatched}");
    }
}

#[tokio::test]
async fn proper_requests_in_rare_spellings_go_on_and_the_connection_is_kept() {
    for unmatched in BOTH {
        let upstream = Upstream::answering("ok").await;
        let house = house(&upstream, unmatched).await;
        for request in [
            "^GET /api/stream/x HTTP/1.1^Host: gate^KEY^^",
            "GET /api/stream/x?a=[{|}]`&b=%20 HTTP/1.1^host:gate^KEY^^",
            "POST /api/stream/x HTTP/1.1^Host: gate \\t^KEY^TRANSFER-ENCODING: Chunked^^3^abc^0A^0123456789^000^^",
            "GET http://gate/api/stream/x HTTP/1.1^Host: gate^KEY^^",
            "GET /api/stream/x HTTP/1.1^Host: gate^KEY^Y:^^",
            "POST /api/stream/x HTTP/1.1^Host: gate^KEY^Content-Length: 7^^\\r\\n\\0 \\n^",
        ] {
            for whole in [true, false] {
                let before = upstream.calls().len();
                let sent = bytes(&house, &format!("{request}{MARKER}"));
                let said = exchange(&house, &sent, whole, 2).await;
                assert_eq!((said[0].0, said[1].0), (200, 200), "{unmatched} {whole}: {request}: {said:?}");
                assert_eq!(upstream.calls().len(), before + 2, "{request}");
            }
        }
    }
}

#[tokio::test]
async fn a_held_call_is_not_lost_to_what_is_sent_behind_it() {
    let upstream = Upstream::answering("done").await;
    let house = house(&upstream, "reject").await;
    let mut client = house.client().await;
    client.send(bytes(&house, "POST /api/held HTTP/1.1^Host: gate^KEY^Content-Length: 0^^")).await;
    let intent = house.pending().await;
    client.send(bytes(&house, "GET /api/stream/a b HTTP/1.1^Host: gate^KEY^^")).await;
    house.approve(intent).await;
    assert_eq!(client.answer().await.status, 200);
    assert_eq!(client.answer().await.status, 400);
    assert_eq!(upstream.only_call().line, "POST /held HTTP/1.1");
}

#[tokio::test]
async fn hanging_up_is_noticed_also_after_malformed_bytes() {
    let upstream = Upstream::answering("done").await;
    let house = house(&upstream, "reject").await;
    let mut client = house.client().await;
    client.send(bytes(&house, "POST /api/held HTTP/1.1^Host: gate^KEY^Content-Length: 0^^")).await;
    let intent = house.pending().await;
    client.send(bytes(&house, "\\0")).await;
    drop(client);
    house.hung_up(intent).await;
    assert!(upstream.calls().is_empty());
}

#[tokio::test]
async fn a_refusal_is_a_problem_that_is_found_again_by_its_id() {
    let upstream = Upstream::answering("ok").await;
    let house = house(&upstream, "pass").await;
    let mut client = house.client().await;
    let answer = client.request(bytes(&house, "GET /api/v1 x HTTP/1.1^Host: gate^KEY^^")).await;
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert_eq!(answer.header("connection"), Some("close"));
    assert_eq!(answer.code(), "BAD_REQUEST");
    let id = answer.header("holdshort-request").unwrap();
    assert_eq!(house.gate.refusals(Some(id), None, 10).len(), 1);
    assert_eq!(client.rest().await, "");
}
