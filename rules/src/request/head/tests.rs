//! Heads as text: what is accepted in which spelling, and what is refused with which status.

use proptest::prelude::*;

use super::*;

fn reading() -> Reading {
    Reading { permit_header: "holdshort-permit".to_owned(), head_limit: 32 * 1024 }
}

/// `\t`, `\0`, `\r`, `\n`, `\xHH` in a table become those bytes.
fn bytes(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            bytes.extend(c.to_string().bytes());
            continue;
        }
        match chars.next().unwrap() {
            't' => bytes.push(b'\t'),
            '0' => bytes.push(0),
            'r' => bytes.push(b'\r'),
            'n' => bytes.push(b'\n'),
            'x' => bytes.push(u8::from_str_radix(&chars.by_ref().take(2).collect::<String>(), 16).unwrap()),
            other => bytes.push(other as u8),
        }
    }
    bytes
}

/// First line: version, method, target; `:authority: x` is the pseudo-header.
fn read(text: &str) -> Result<Head, Malformed> {
    let mut lines = text.split(" | ");
    let first: Vec<&str> = lines.next().unwrap().trim().splitn(3, ' ').collect();
    let version = match first[0] {
        "1.0" => HttpVersion::Http10,
        "1.1" => HttpVersion::Http11,
        "2" => HttpVersion::Http2,
        other => panic!("{other}"),
    };
    let mut authority = None;
    let mut headers = Vec::new();
    for line in lines {
        match line.strip_prefix(":authority: ") {
            Some(value) => authority = Some(value.trim()),
            None => {
                let (name, value) = line.split_once(':').unwrap();
                headers.push((bytes(name), bytes(value)));
            }
        }
    }
    let headers: Vec<(&[u8], &[u8])> = headers.iter().map(|(n, v)| (n.as_slice(), v.as_slice())).collect();
    let method = String::from_utf8(bytes(first[1])).unwrap();
    let target = bytes(first.get(2).unwrap_or(&""));
    let raw = RawHead { version, method: &method, target: &target, authority, headers: &headers };
    Head::read(&raw, &reading())
}

fn rows(table: &str) -> impl Iterator<Item = &str> {
    table.lines().map(str::trim).filter(|line| !line.is_empty())
}

#[test]
fn refused_heads() {
    for row in rows(
        r"
        405  1.1 TRACE / | host: a
        405  1.1 TRACK / | host: a
        405  1.1 CONNECT / | host: a
        400  1.1 get / | host: a
        400  1.1 Get / | host: a
        400  1.1 POST\0 / | host: a
        400  1.1 P(ST / | host: a
        400  1.1 ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJ / | host: a

        400  1.1 GET /
        400  1.1 GET / | host:
        400  1.1 GET / | host: a | host: a
        400  1.1 GET / | host: a | Host: b
        400  1.1 GET / | host: a b
        400  1.1 GET / | host: a/b
        400  1.1 GET / | host: u@a
        400  1.1 GET / | host: a:99999
        400  1.1 GET / | host: a:0
        400  1.1 GET / | host: a:8x
        400  1.1 GET / | host: a, b
        400  1.1 GET / | host: a..b
        400  1.1 GET / | host: .
        400  1.1 GET / | host: a%2eb
        400  1.1 GET / | host: [::1
        400  1.1 GET / | host: [::1]x
        400  1.1 GET / | host: [::zz]
        400  1.1 GET / | :authority: a | host: a
        400  2 GET / | :authority: a | host: b
        400  2 GET /

        400  1.1 GET http://b/x | host: a
        400  1.1 GET http://a@b/x | host: b
        400  1.1 GET ftp://a/x | host: a
        400  2 GET http://a/x | :authority: a
        400  1.1 OPTIONS * | host: a
        400  1.1 GET * | host: a
        400  1.1 GET x | host: a
        400  1.1 GET  | host: a

        400  1.1 POST / | host: a | content-length: 5 | transfer-encoding: chunked
        400  1.1 POST / | host: a | transfer-encoding: chunked, identity
        400  1.1 POST / | host: a | transfer-encoding: identity, chunked
        400  1.1 POST / | host: a | transfer-encoding: gzip, chunked
        400  1.1 POST / | host: a | transfer-encoding: chunked, chunked
        400  1.1 POST / | host: a | transfer-encoding: xchunked
        400  1.1 POST / | host: a | transfer-encoding: , chunked
        400  1.1 POST / | host: a | transfer-encoding: chunked;ext=val
        400  1.1 POST / | host: a | transfer-encoding: \x0bchunked
        400  1.1 POST / | host: a | transfer-encoding: identity | transfer-encoding: chunked
        400  1.1 POST / | host: a | transfer-encoding: chunked | transfer-encoding: chunked
        400  1.1 POST / | host: a | transfer-encoding:
        400  1.0 POST / | host: a | transfer-encoding: chunked
        400  2 POST / | :authority: a | transfer-encoding: chunked
        400  1.0 POST / | host: a
        400  1.1 POST / | host: a | content-length: -1
        400  1.1 POST / | host: a | content-length: +1
        400  1.1 POST / | host: a | content-length:
        400  1.1 POST / | host: a | content-length: 1.5
        400  1.1 POST / | host: a | content-length: 5 5
        400  1.1 POST / | host: a | content-length: 5,5
        400  1.1 POST / | host: a | content-length: 0x5
        400  1.1 POST / | host: a | content-length: 1e1
        400  1.1 POST / | host: a | content-length: 5 | content-length: 5
        400  1.1 POST / | host: a | content-length: 99999999999999999999

        400  1.1 GET / | host: a | :x
        400  1.1 GET / | host: a | x(y: 1
        400  1.1 GET / | host: a | x y: 1
        400  1.1 GET / | host: a | x-y : 1
        400  1.1 GET / | host: a | x-y\t: 1
        400  1.1 GET / | host: a | x_y: 1
        400  1.1 GET / | host: a | X_Forwarded_For: 1
        400  1.1 GET / | host: a | xé: 1
        400  1.1 GET / | host: a | x: a\0b
        400  1.1 GET / | host: a | x: a\r\n b
        400  1.1 GET / | host: a | x: a\rb
        400  1.1 GET / | host: a | x: a\x7fb

        400  1.1 GET / | host: a | holdshort_permit: x
        400  1.1 GET / | host: a | Holdshort.Permit: x
        400  1.1 GET / | host: a | holdshort-permit : x
        400  1.1 GET / | host: a | connection: close, Holdshort-Permit
        400  1.1 GET / | host: a | connection: authorization
        400  1.1 GET / | host: a | connection: content-length
        400  1.1 GET / | host: a | connection: close | connection: x-secret
        400  2 GET / | :authority: a | connection: close
        400  2 GET / | :authority: a | keep-alive: 1
        400  2 GET / | :authority: a | upgrade: websocket
        400  2 GET / | :authority: a | te: gzip

        400  1.1 GET / | host: a | x-http-method-override: DELETE
        400  1.1 GET / | host: a | X-HTTP-Method: DELETE
        400  1.1 GET / | host: a | X-Method-Override: DELETE

        400  1.1 GET / | host: a | authorization: a | Authorization: b
        400  1.1 GET / | host: a | content-type: a/b | content-type: a/b
        400  1.1 GET / | host: a | content-type: a/b, application/json
        400  1.1 GET / | host: a | content-encoding: a | content-encoding: b
        400  1.1 GET / | host: a | idempotency-key: a | idempotency-key: b
        400  1.1 GET / | host: a | holdshort-key: a | holdshort-key: b
        400  1.1 GET / | host: a | mcp-method: a | mcp-method: a
        400  1.1 GET / | host: a | mcp-session-id: a | mcp-session-id: b
        400  1.1 GET / | host: a | mcp-param-x: a | mcp-param-x: b
        400  1.1 GET / | host: a | x-api-key: a | x-api-key: a
        400  1.1 GET / | host: a | cookie: a=1 | cookie: b=2
        400  1.1 GET / | host: a | expect: 100-continue | expect: 100-continue
        400  1.1 GET / | host: a | upgrade: websocket | upgrade: x
        417  1.1 GET / | host: a | expect: x
        417  1.1 GET / | host: a | expect: 100-continue, x
        ",
    ) {
        let (status, head) = row.split_once(' ').unwrap();
        match read(head.trim()) {
            Err(malformed) => assert_eq!(malformed.status.to_string(), status, "{row}: {malformed}"),
            Ok(head) => panic!("accepted: {row}\n{head:?}"),
        }
    }
}

/// `canonical host`, what is kept of the headers, other facts.
#[test]
fn accepted_heads() {
    for row in rows(
        r"
        1.1 GET / | host: API.Example.com       => api.example.com
        1.1 GET / | host: api.example.com.      => api.example.com
        1.1 GET / | host: api.example.com:443   => api.example.com
        1.1 GET / | host: api.example.com:0443  => api.example.com
        1.1 GET / | host: api.example.com:      => api.example.com
        1.1 GET / | host: a:08080               => a:8080
        1.1 GET / | host: [2001:DB8:0::1]:8080  => [2001:db8::1]:8080
        1.1 GET http://A/x | host: a:80         => a
        2 GET / | :authority: a                 => a
        2 GET / | :authority: A. | host: a      => a
        2 GET / | host: a                       => a
        1.1 M-SEARCH / | host: a                => a
        1.1 GET / | host: a | X-One:  1 \t      => a | x-one: 1
        1.1 GET / | host: a | x: é              => a | x: é
        1.1 GET / | host: a | x: 1 | x: 2       => a | x: 1 | x: 2
        1.1 GET / | host: a | Holdshort-PERMIT: forged | x: 1 => a | x: 1
        1.1 GET / | host: a | x-forwarded-host: b | X-Forwarded-For: 1 | forwarded: host=b => a
        1.1 GET / | host: a | x-original-url: /b | x-rewrite-url: /b | x-envoy-original-path: /b => a
        1.1 GET / | host: a | x-real-ip: 1 | via: x | x-middleware-subrequest: 1 | x-host: b => a
        1.1 GET / | host: a | connection: Keep-Alive, close, TE | te: trailers | keep-alive: 5 | trailer: x => a
        1.1 GET / | host: a | connection: Upgrade, HTTP2-Settings | upgrade: h2c | http2-settings: AA => a
        1.1 GET / | host: a | connection: upgrade | upgrade: WebSocket => a | upgrade
        1.1 GET / | host: a | upgrade: websocket => a | upgrade
        1.0 GET / | host: a | connection: upgrade | upgrade: websocket => a
        1.1 POST / | host: a | expect: 100-Continue | content-length: 5 => a | continue | length 5
        1.1 POST / | host: a | content-length: 007 => a | length 7
        1.1 POST / | host: a | transfer-encoding: Chunked => a | open
        1.1 POST / | host: a                    => a
        1.0 GET / | host: a                     => a
        1.0 POST / | host: a | content-length: 0 => a | length 0
        2 POST / | host: a | content-length: 3 => a | length 3
        2 GET / | :authority: a | cookie: a=1 | x: 1 | cookie: b=2 => a | cookie: a=1; b=2 | x: 1
        2 GET / | :authority: a | cookie: | cookie: a=1 | cookie: | cookie: b=2 | cookie: => a | cookie: a=1; b=2
        1.1 GET / | host: a | proxy-authorization: Bearer hsk_agent_x => a | proxy-authorization: Bearer hsk_agent_x
        ",
    ) {
        let (raw, expected) = row.split_once("=>").unwrap();
        let head = read(raw.trim_end()).unwrap_or_else(|malformed| panic!("{row}: {malformed}"));
        let mut got = vec![head.host.clone()];
        got.extend(head.headers.iter().map(|(n, v)| format!("{n}: {}", String::from_utf8_lossy(v))));
        if head.upgrade.is_some() {
            got.push("upgrade".to_owned());
        }
        if head.expects_continue {
            got.push("continue".to_owned());
        }
        match head.body_framing {
            BodyFraming::Length(length) => got.push(format!("length {length}")),
            BodyFraming::Open if head.version == HttpVersion::Http11 => got.push("open".to_owned()),
            BodyFraming::Open | BodyFraming::None => {}
        }
        assert_eq!(got.join(" | "), expected.trim(), "{row}");
    }
}

#[test]
fn size_and_number_of_headers_are_bounded() {
    let many = |count: usize| format!("1.1 GET / | host: a{}", " | x: 1".repeat(count));
    assert!(read(&many(99)).is_ok());
    assert_eq!(read(&many(100)).unwrap_err().status, 431);
    let large = |size: usize| format!("1.1 GET / | host: a | x: {}", "v".repeat(size));
    assert!(read(&large(32_000)).is_ok());
    assert_eq!(read(&large(33_000)).unwrap_err().status, 431);
}

/// A head built from a canonical head, as a client would send it.
fn again(head: &Head) -> Result<Head, Malformed> {
    let mut headers: Vec<(Vec<u8>, Vec<u8>)> = vec![(b"host".to_vec(), head.host.clone().into())];
    headers.extend(head.headers.iter().map(|(n, v)| (n.clone().into_bytes(), v.to_vec())));
    match head.body_framing {
        BodyFraming::Length(length) => headers.push((b"content-length".to_vec(), length.to_string().into())),
        BodyFraming::Open if head.version == HttpVersion::Http11 => {
            headers.push((b"transfer-encoding".to_vec(), b"chunked".to_vec()));
        }
        BodyFraming::Open | BodyFraming::None => {}
    }
    if head.expects_continue {
        headers.push((b"expect".to_vec(), b"100-continue".to_vec()));
    }
    if let Some(upgrade) = &head.upgrade {
        headers.push((b"upgrade".to_vec(), upgrade.clone().into()));
    }
    let target = match &head.query {
        Some(query) => format!("{}?{query}", head.path),
        None => head.path.clone(),
    };
    let headers: Vec<(&[u8], &[u8])> = headers.iter().map(|(n, v)| (n.as_slice(), v.as_slice())).collect();
    let raw = RawHead {
        version: head.version,
        method: &head.method,
        target: target.as_bytes(),
        authority: None,
        headers: &headers,
    };
    Head::read(&raw, &reading())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_canonical_head_reads_as_itself(
        version in prop_oneof![Just("1.0"), Just("1.1"), Just("2")],
        method in prop_oneof![Just("GET"), Just("POST"), Just("QUERY")],
        host in "[aA.]{1,4}(:[0-9]{0,3})?",
        path in "(/|%2[eEfF5]|%25|%7[eE]|%[0-9a-fA-F]{2}|[a-c.~;,\\[{|]){0,8}",
        query in proptest::option::of("(%[0-9a-fA-F]{2}|[&=+a-c?/;\\[{|']){0,8}"),
        headers in proptest::collection::vec(
            ("(X-[aA]|cookie|accept|Via|upgrade|expect|te|connection|content-length)",
             "(1|close|[a-z ,]{0,6}|100-continue|trailers|é)"), 0..4),
    ) {
        let query = query.map(|query| format!("?{query}")).unwrap_or_default();
        let mut text = format!("{version} {method} /{path}{query} | host: {host}");
        for (name, value) in headers {
            text.push_str(&format!(" | {name}: {value}"));
        }
        if let Ok(head) = read(&text) {
            prop_assert_eq!(again(&head), Ok(head));
        }
    }

    #[test]
    fn no_bytes_make_it_panic(
        method in ".{0,4}",
        target in proptest::collection::vec(any::<u8>(), 0..24),
        name in proptest::collection::vec(any::<u8>(), 0..6),
        value in proptest::collection::vec(any::<u8>(), 0..12),
    ) {
        let headers: [(&[u8], &[u8]); 2] = [(b"host", b"a"), (&name, &value)];
        let mut rooted = b"/".to_vec();
        rooted.extend(&target);
        for target in [&target, &rooted] {
            let raw = RawHead { version: HttpVersion::Http11, method: &method, target, authority: None, headers: &headers };
            let _ = Head::read(&raw, &reading());
        }
    }
}
