//! Multipart forms as text; `¶` is CRLF.

use super::*;

fn read(text: &str) -> Result<Vec<Part>, Malformed> {
    parse(text.replace('¶', "\r\n").as_bytes(), "b1")
}

fn field(head: &str, content: &str) -> String {
    format!("--b1¶content-disposition: form-data; {head}¶¶{content}¶--b1--¶")
}

#[test]
fn fields_and_files_are_told_apart() {
    let parts = read(
        "--b1¶Content-Disposition: form-data; name=\"amount\"¶¶12¶\
         --b1¶content-type: image/png¶Content-Disposition:form-data;filename=\"a b.png\"; name=\"doc\"¶¶\x01\x02\r¶\
         --b1¶Content-Disposition: form-data; name=\"é\"¶Content-Type: text/plain; charset=UTF-8¶Content-Length: 0¶¶¶\
         --b1--¶",
    )
    .unwrap();
    let file = File {
        filename: "a b.png".to_owned(),
        content_type: Some("image/png".to_owned()),
        size: 3,
        digest: digest::content_digest(b"\x01\x02\r"),
    };
    assert_eq!(
        parts,
        [
            Part { name: "amount".to_owned(), value: Value::Text("12".to_owned()) },
            Part { name: "doc".to_owned(), value: Value::File(file) },
            Part { name: "é".to_owned(), value: Value::Text(String::new()) },
        ]
    );
    assert_eq!(read("--b1--"), Ok(Vec::new()));
    assert!(read(&field("name=\"a\"", "two¶lines\nand -- dashes --b¶--b2")).is_ok());
}

#[test]
fn what_frameworks_read_differently_is_refused() {
    for (text, what) in [
        ("", "begin"),
        ("¶--b1--", "begin"),
        ("preamble¶--b1--", "begin"),
        ("--b2¶--b1--", "begin"),
        ("--b1", "followed by neither"),
        ("--b1 ¶--b1--", "followed by neither"),
        ("--b1\ncontent-disposition: form-data; name=\"a\"\n\n1\n--b1--", "followed by neither"),
        ("--b1--epilogue", "follows the last"),
        ("--b1--¶¶", "follows the last"),
        ("--b1¶content-disposition: form-data; name=\"a\"¶¶1", "last boundary is missing"),
        ("--b1¶content-disposition: form-data; name=\"a\"¶¶1¶--b1", "followed by neither"),
        ("--b1¶content-disposition: form-data; name=\"a\"¶¶1--b1--", "within a line"),
        ("--b1¶content-disposition: form-data; name=\"a\"¶¶1\n--b1--", "within a line"),
        ("--b1¶content-disposition: form-data; name=\"a\"¶¶1¶--b1x¶--b1--", "followed by neither"),
        ("--b1¶content-disposition: form-data; name=\"a\"¶¶1¶--b1 ¶--b1--", "followed by neither"),
        ("--b1¶¶¶1¶--b1--", "\":\""),
        ("--b1¶1¶--b1--", "no head"),
        ("--b1¶content-disposition: form-data; name=\"a\"\n\n1¶--b1--", "no head"),
        ("--b1¶content-disposition: form-data;¶ name=\"a\"¶¶1¶--b1--", "\":\""),
        ("--b1¶content-disposition : form-data; name=\"a\"¶¶1¶--b1--", "header name"),
        ("--b1¶content-type: text/plain¶¶1¶--b1--", "missing"),
    ] {
        let error = read(text).unwrap_err();
        assert!(error.status == 400 && error.what.contains(what), "{text}: {error}");
    }
    for (head, what) in [
        ("", "without a value"),
        ("name=a", "quotes"),
        ("name='a'", "quotes"),
        ("name=\"a", "closed"),
        ("name=\"a\"b", "follows"),
        ("name=\"a\";", "without a value"),
        ("name=\"a\"; name=\"b\"", "twice"),
        ("name=\"a\"; NAME=\"b\"", "twice"),
        ("name=\"a\"; filename=\"x\"; filename=\"y\"", "twice"),
        ("name=\"a\\\"; filename=\\\"x\"", "backslash"),
        ("name=\"a\"; filename=\"x\\\"", "backslash"),
        ("name=\"a\"; filename=\"x; name=b\"", "semicolon"),
        ("name=\"a;b\"", "semicolon"),
        ("name*=utf-8''a", "quotes"),
        ("name=\"a\"; name*=\"utf-8''b\"", "other than"),
        ("name=\"a\"; filename*=\"utf-8''b\"", "filename*"),
        ("name =\"a\"", "other than"),
        ("name= \"a\"", "quotes"),
        ("name=\"a%22b\"", "%"),
        ("name=\"\"", "no name"),
        ("filename=\"x\"", "no name"),
        ("name=\"_charset_\"", "charset"),
        ("name=\"a\"¶content-disposition: form-data; name=\"b\"", "twice"),
        ("name=\"a\"¶content-transfer-encoding: base64", "transfer-encoding"),
        ("name=\"a\"¶content-encoding: gzip", "not accepted"),
        ("name=\"a\"¶content-type: multipart/mixed; boundary=x", "within a multipart"),
        ("name=\"a\"¶content-type: Multipart/Form-Data; boundary=x", "within a multipart"),
        ("name=\"a\"¶content-type: text/plain; charset=utf-7", "UTF-8"),
        ("name=\"a\"¶content-type: text", "media type"),
        ("name=\"a\"¶content-length: 2", "length"),
        ("name=\"a\0\"", "control"),
    ] {
        let error = read(&field(head, "1")).unwrap_err();
        assert!(error.what.contains(what), "{head}: {error}");
        assert_eq!(error.place, "multipart, part 1");
    }
    for kind in ["attachment", "formdata", "form-data x"] {
        assert!(read(&format!("--b1¶content-disposition: {kind}; name=\"a\"¶¶1¶--b1--")).is_err(), "{kind}");
    }
    assert!(parse(b"--b1\r\ncontent-disposition: form-data; name=\"a\"\r\n\r\n\xff\r\n--b1--", "b1").is_err());
}

#[test]
fn many_parts_and_long_bodies_take_linear_time() {
    let many = |count: usize| {
        let part = "--b1¶content-disposition: form-data; name=\"a\"¶¶1¶".replace('¶', "\r\n");
        format!("{}--b1--", part.repeat(count))
    };
    assert_eq!(parse(many(200).as_bytes(), "b1").map(|parts| parts.len()), Ok(200));
    assert!(parse(many(201).as_bytes(), "b1").unwrap_err().what.contains("more parts"));
    // Nearly a boundary at every byte.
    let dashes = "-".repeat(70);
    let body = |length: usize| {
        format!(
            "--{dashes}\r\ncontent-disposition: form-data; name=\"a\"\r\n\r\n{}\r\n--{dashes}--",
            "-x".repeat(length)
        )
    };
    let took = |length: usize| {
        let body = body(length);
        let start = std::time::Instant::now();
        parse(body.as_bytes(), &dashes).unwrap();
        start.elapsed()
    };
    took(1000);
    assert!(took(2_000_000) < took(20_000) * 100 * 20, "more than linear");
}

#[test]
fn a_name_that_a_rule_looks_at_stands_there_once() {
    let parts = |names: &[&str]| -> Vec<Part> {
        let part = |name: &&str| Part { name: (*name).to_owned(), value: Value::Text("1".to_owned()) };
        names.iter().map(part).collect()
    };
    assert!(one(&parts(&["a", "b", "b"]), "a").unwrap().is_some());
    assert_eq!(one(&parts(&["b", "b"]), "a"), Ok(None));
    for names in [["a", "a"], ["a", "A"], ["a", "a[]"], ["b", "a[0]"], ["b", "A"], ["a", " a"]] {
        assert_eq!(one(&parts(&names), "a").unwrap_err().status, 400, "{names:?}");
    }
}
