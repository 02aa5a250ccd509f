use bytes::Bytes;
use http::HeaderValue;
use pingora_http::ResponseHeader;
use rules::config::{self, Protocol, Secret, Unmatched, UpstreamTls, UpstreamUrl};
use rules::request::{BodyFraming, Head, HttpVersion};

use super::answer::make_ours;
use super::request::{From, Proof, build, into_h2};
use super::{Line, Removed};

fn upstream() -> config::Upstream {
    config::Upstream {
        name: "payments".into(),
        url: UpstreamUrl { tls: false, host: "pay.internal".into(), port: 9000, path: "/api".into() },
        at: vec!["/payments".into()],
        host: vec![],
        listen: vec![],
        protocol: Protocol::Http,
        announce: false,
        unmatched: Unmatched::Reject,
        enforce: true,
        projects: vec!["default".into()],
        headers_set: [("authorization".to_owned(), Secret::new("Bearer real".into()))].into_iter().collect(),
        headers_remove: vec!["impersonate-*".into(), "cookie".into()],
        preserve_host: false,
        http2: false,
        forwarding: vec![config::Forwarding::XForwarded],
        tls: UpstreamTls::default(),
        connect_timeout: std::time::Duration::from_secs(1),
        read_timeout: std::time::Duration::from_secs(1),
        paths: config::Paths::default(),
        hold: None,
        body_limit: None,
        routes: vec![],
    }
}

fn line() -> Line {
    Line::new(&upstream(), "holdshort-permit", std::path::Path::new(".")).unwrap()
}

fn head(headers: &[(&str, &str)]) -> Head {
    Head {
        version: HttpVersion::Http11,
        method: "POST".into(),
        host: "gate.example".into(),
        path: "/payments/v1/refunds".into(),
        query: None,
        headers: headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), Bytes::copy_from_slice(value.as_bytes())))
            .collect(),
        expects_continue: true,
        upgrade: None,
        body_framing: BodyFraming::Open,
        client: None,
    }
}

const FROM: From<'static> = From {
    client: Some(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST)),
    tls: true,
    direct: true,
    prefix: "/payments",
};

#[test]
fn the_upstream_request_is_built_from_the_canonical_one() {
    let head = head(&[
        ("accept", "*/*"),
        ("x-a", "1"),
        ("x-a", "2"),
        ("authorization", "Bearer agents-own"),
        ("cookie", "a=b"),
        ("impersonate-user", "root"),
        ("holdshort-permit", "forged"),
        ("holdshort-anything", "forged"),
        ("content-digest", "forged"),
        ("proxy-authorization", "Basic x"),
    ]);
    let proof = Proof { permit: Some("the.permit"), content_digest: "sha-256=:abc:" };
    let request = build(&line(), &head, "/api/v1/refunds?x=1", BodyFraming::Length(7), FROM, Some(proof)).unwrap();
    let mut wire = Vec::new();
    request.header_to_h1_wire(&mut wire);
    let mut lines: Vec<String> = String::from_utf8(wire).unwrap().lines().map(str::to_ascii_lowercase).collect();
    lines.sort();
    let expected = [
        "accept: */*",
        "authorization: bearer real",
        "content-digest: sha-256=:abc:",
        "content-length: 7",
        "holdshort-permit: the.permit",
        "host: pay.internal:9000",
        "x-a: 1",
        "x-a: 2",
        "x-forwarded-for: 127.0.0.1",
        "x-forwarded-host: gate.example",
        "x-forwarded-prefix: /payments",
        "x-forwarded-proto: https",
    ];
    assert_eq!(lines, expected);
    assert_eq!(request.raw_path(), b"/api/v1/refunds?x=1");
}

#[test]
fn a_call_without_proof_carries_no_permit() {
    let request = build(&line(), &head(&[("holdshort-permit", "forged")]), "/", BodyFraming::None, FROM, None).unwrap();
    assert!(request.headers.get("holdshort-permit").is_none());
    assert!(request.headers.get("content-digest").is_none());
    assert!(request.headers.get("expect").is_none(), "the body has been read: nothing is left to ask for");
}

#[test]
fn over_http2_the_host_is_the_authority() {
    let mut request = build(&line(), &head(&[]), "/api/x", BodyFraming::Length(1), FROM, None).unwrap();
    into_h2(&mut request, true).unwrap();
    assert_eq!(request.uri.to_string(), "https://pay.internal:9000/api/x");
    assert!(request.headers.get("host").is_none());
}

#[test]
fn removed_headers_are_names_or_globs() {
    for (glob, name, covered) in [
        ("cookie", "cookie", true),
        ("cookie", "cookie2", false),
        ("impersonate-*", "impersonate-user", true),
        ("impersonate-*", "impersonate", false),
        ("X-*-Secret", "x-my-secret", true),
        ("x-*-secret", "x-secret", false),
        ("*", "anything", true),
    ] {
        assert_eq!(Removed::new(glob).covers(name), covered, "{glob} {name}");
    }
}

fn answered(headers: &[(&'static str, &str)]) -> Vec<(String, String)> {
    let mut head = ResponseHeader::build_no_case(200, None).unwrap();
    for (name, value) in headers {
        head.append_header(*name, HeaderValue::from_str(value).unwrap()).unwrap();
    }
    make_ours(&mut head, &line(), &self::head(&[]), FROM).unwrap();
    head.headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect()
}

#[test]
fn links_and_cookies_lead_back_to_the_mount() {
    for (name, value, mapped) in [
        ("location", "/api/v1/r/1", "/payments/v1/r/1"),
        ("location", "http://pay.internal:9000/api/v1/r/1", "https://gate.example/payments/v1/r/1"),
        ("location", "HTTP://PAY.internal:9000/api/v1", "https://gate.example/payments/v1"),
        ("location", "http://pay.internal:9000", "https://gate.example/payments/"),
        ("location", "http://pay.internal:9000?x=1", "https://gate.example/payments/?x=1"),
        ("location", "http://pay.internal:90001/api/x", "http://pay.internal:90001/api/x"),
        ("location", "http://pay.internal:9000@evil.example/", "http://pay.internal:9000@evil.example/"),
        ("location", "http://gate.example/api/v1", "http://gate.example/api/v1"),
        (
            "link",
            "<http://pay.internal:9000/api/v1?page=2>; rel=\"next\", </api/v1>; rel=first",
            "<https://gate.example/payments/v1?page=2>; rel=\"next\", </payments/v1>; rel=first",
        ),
        ("location", "/api", "/payments/"),
        ("location", "/apiary", "/payments/apiary"),
        ("location", "relative/1", "relative/1"),
        ("location", "//evil.example/x", "//evil.example/x"),
        ("location", "https://elsewhere.example/api/x", "https://elsewhere.example/api/x"),
        ("content-location", "/api/v1/r/1?x=1", "/payments/v1/r/1?x=1"),
        (
            "link",
            "</api/v1?page=2>; rel=\"next\", <https://docs.example/>; rel=help",
            "</payments/v1?page=2>; rel=\"next\", <https://docs.example/>; rel=help",
        ),
        ("refresh", "5; url=/api/x", "5; url=/payments/x"),
        ("refresh", "5", "5"),
        ("set-cookie", "sid=1; Path=/; Domain=pay.internal; HttpOnly", "sid=1; Path=/payments/; HttpOnly"),
        ("set-cookie", "sid=a=b; path=/api/v1; Secure", "sid=a=b; Path=/payments/v1; Secure"),
    ] {
        assert_eq!(answered(&[(name, value)]), [(name.to_owned(), mapped.to_owned())], "{name}: {value}");
    }
}

#[test]
fn behind_another_proxy_links_become_paths_and_a_preserved_host_is_known_again() {
    let mapped = |line: &Line, from: From<'_>, target: &str| {
        let mut answer = ResponseHeader::build_no_case(302, None).unwrap();
        answer.append_header("location", target).unwrap();
        make_ours(&mut answer, line, &head(&[]), from).unwrap();
        answer.headers["location"].to_str().unwrap().to_owned()
    };
    let behind = From { direct: false, ..FROM };
    assert_eq!(mapped(&line(), behind, "http://pay.internal:9000/api/v1"), "/payments/v1");
    let mut told = line();
    told.preserve_host = true;
    assert_eq!(mapped(&told, FROM, "http://gate.example/api/v1"), "https://gate.example/payments/v1");
    // A mount at a host name or a listener of its own has nothing to put in front.
    let own = From { prefix: "", tls: false, ..FROM };
    assert_eq!(mapped(&line(), own, "http://pay.internal:9000/api/v1"), "http://gate.example/v1");
    assert_eq!(mapped(&line(), own, "http://pay.internal:9000/api"), "http://gate.example/");
}

#[test]
fn what_belongs_to_one_connection_stays_there_and_the_permit_never_comes_back() {
    let headers = [
        ("connection", "keep-alive, x-hop"),
        ("keep-alive", "timeout=5"),
        ("x-hop", "1"),
        ("transfer-encoding", "chunked"),
        ("trailer", "x"),
        ("upgrade", "h2c"),
        ("alt-svc", "h3=\":443\""),
        ("holdshort-permit", "echoed"),
        ("holdshort-intent", "forged"),
        ("content-type", "text/plain"),
    ];
    assert_eq!(answered(&headers), [("content-type".to_owned(), "text/plain".to_owned())]);
}

#[test]
fn an_upstream_whose_authorities_cannot_be_read_is_refused() {
    let mut upstream = upstream();
    upstream.tls.ca = Some("nowhere.pem".into());
    assert!(Line::new(&upstream, "holdshort-permit", std::path::Path::new("/")).is_err());
}

#[tokio::test]
async fn upstreams_are_always_verified_by_a_name() {
    let mut upstream = upstream();
    upstream.url = UpstreamUrl { tls: true, host: "127.0.0.1".into(), port: 9, path: String::new() };
    let peers = Line::new(&upstream, "p", std::path::Path::new(".")).unwrap().peers().await.unwrap();
    assert!(
        peers.iter().all(|peer| peer.sni == "127.0.0.1" && peer.options.verify_cert && peer.options.verify_hostname)
    );
}
