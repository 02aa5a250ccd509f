//! Connections as text: what is refused, with which words, and after how many sound bytes.

use proptest::prelude::*;

use super::*;

const HEAD_LIMIT: usize = 1024;

/// `\r`, `\n`, `\t`, `\0`, `\xHH` in a table become those bytes; `^` is a proper line end.
fn bytes(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '^' => bytes.extend(b"\r\n"),
            '\\' => match chars.next().unwrap() {
                't' => bytes.push(b'\t'),
                '0' => bytes.push(0),
                'r' => bytes.push(b'\r'),
                'n' => bytes.push(b'\n'),
                'x' => bytes.push(u8::from_str_radix(&chars.by_ref().take(2).collect::<String>(), 16).unwrap()),
                other => bytes.push(other as u8),
            },
            c => bytes.extend(c.to_string().bytes()),
        }
    }
    bytes
}

fn read(bytes: &[u8]) -> Result<Wire, Refused> {
    let mut wire = Wire::new(HEAD_LIMIT);
    wire.read(bytes).map(|()| wire)
}

/// Tells the malformed thing alone, whatever the pieces.
fn in_pieces(bytes: &[u8], cuts: &[usize]) -> Result<bool, Malformed> {
    let mut wire = Wire::new(HEAD_LIMIT);
    let mut rest = bytes;
    for cut in cuts {
        let (piece, more) = rest.split_at((*cut).min(rest.len()));
        wire.read(piece).map_err(|refused| refused.malformed)?;
        rest = more;
    }
    wire.read(rest).map_err(|refused| refused.malformed)?;
    Ok(wire.is_between())
}

const REFUSED: &str = r##"
    GET http://b/a HTTP/1.1^Host: a^^                   | the target must name the host in the same letters as the host header (request target)
    GET http://a:81/a HTTP/1.1^Host: a^^                | the target must name the host in the same letters as the host header (request target)
    GET http://A/a HTTP/1.1^Host: a^^                   | the target must name the host in the same letters as the host header (request target)
    GET http://a/a HTTP/1.1^X: y^Host:  ab ^^           | the target must name the host in the same letters as the host header (request target)
    GET http://x@a/a HTTP/1.1^Host: a^^                 | not a host (request target)
    GET http:///a HTTP/1.1^Host: a^^                    | not a host (request target)
    GET http://a:b:c/ HTTP/1.1^Host: a:b:c^^            | not a port (request target)
    GET http:/a HTTP/1.1^Host: a^^                      | must start with a slash (request target)
    GET gopher://a/a HTTP/1.1^Host: a^^                 | must start with a slash (request target)
    GET a HTTP/1.1^Host: a^^                            | must start with a slash (request target)
    OPTIONS * HTTP/1.1^Host: a^^                        | the asterisk target is not accepted (request target)
    GET /a b HTTP/1.1^Host: a^^                         | white space in the target, or no HTTP version behind it (request line)
    GET /a\tb HTTP/1.1^Host: a^^                        | white space (request target)
    GET /a\x01 HTTP/1.1^Host: a^^                       | control character (request target)
    GET /a\0 HTTP/1.1^Host: a^^                         | control character (request target)
    GET /a\x7f HTTP/1.1^Host: a^^                       | control character (request target)
    GET /a#b HTTP/1.1^Host: a^^                         | fragments are not sent to servers (request target)
    GET /a?b#c HTTP/1.1^Host: a^^                       | fragments are not sent to servers (request target)
    GET /a\\b HTTP/1.1^Host: a^^                        | backslash (request target)
    GET /a<b HTTP/1.1^Host: a^^                         | "<" must be percent-encoded (request target)
    GET /\xc3\xa4 HTTP/1.1^Host: a^^                    | "\xc3" must be percent-encoded (request target)
    GET  /a HTTP/1.1^Host: a^^                          | more than one space before the target (request line)
    GET /a  HTTP/1.1^Host: a^^                          | white space in the target, or no HTTP version behind it (request line)
    GET /a HTTP/1.1 ^Host: a^^                          | something follows the HTTP version (request line)
    GET /a HTTP/1.1 HTTP/1.1^Host: a^^                  | something follows the HTTP version (request line)
    GET /a HTTP/1.1\tHTTP/0.9^Host: a^^                 | something follows the HTTP version (request line)
    GET /a HTTP/1.1;a-word-of-more-than-24-bytes^^      | something follows the HTTP version (request line)
    GET /a HTTP/1.2^Host: a^^                           | an HTTP version that is not spoken here (request line)
    GET /a HTTP/3.0^Host: a^^                           | an HTTP version that is not spoken here (request line)
    GET /a HTTP/01.1^Host: a^^                          | an HTTP version that is not spoken here (request line)
    PRI * HTTP/2.0^^SM^^                                | an HTTP version that is not spoken here (request line)
    GET /a http/1.1^Host: a^^                           | white space in the target, or no HTTP version behind it (request line)
    GET /a^Host: a^^                                    | the line has no HTTP version (request line)
    GET /a\rPOST /b HTTP/1.1^Host: a^^                  | the line has no HTTP version (request line)
    GET /a HTTP/1.1\nHost: a^^                          | a line feed without a carriage return (request line)
    GET /a HTTP/1.1\rHost: a^^                          | a carriage return without a line feed (request line)
    GE T /a HTTP/1.1^Host: a^^                          | white space in the target, or no HTTP version behind it (request line)
    G\0T /a HTTP/1.1^Host: a^^                          | the method is not a token (request method)
    CONNECT a:1 HTTP/1.1^Host: a^^                      | CONNECT is not accepted here (request method)
     GET /a HTTP/1.1^Host: a^^                          | no method begins like this (request line)
    ^^GET /a HTTP/1.1^Host: a^^                         | no method begins like this (request line)
    \nGET /a HTTP/1.1^Host: a^^                         | no method begins like this (request line)
    \rGET /a HTTP/1.1^Host: a^^                         | a carriage return without a line feed (request line)
    \x16\x03\x01                                        | no method begins like this (request line)

    GET / HTTP/1.1^Host: a\nX: b^^                      | a line feed without a carriage return (header host)
    GET / HTTP/1.1^X: a\nY: b^^                         | a line feed without a carriage return (headers)
    GET / HTTP/1.1^Host: a^\n                           | a line feed without a carriage return (headers)
    GET / HTTP/1.1^Host: a^\rX                          | a carriage return without a line feed (headers)
    GET / HTTP/1.1^X: a\rY: b^^                         | a carriage return without a line feed (headers)
    GET / HTTP/1.1^X: a\0^^                             | control character in a value (headers)
    GET / HTTP/1.1^X: a\x0b^^                           | control character in a value (headers)
    GET / HTTP/1.1^X: a^ folded^^                       | a line begins with white space (headers)
    GET / HTTP/1.1^X: a^\tfolded^^                      | a line begins with white space (headers)
    GET / HTTP/1.1^ X: a^^                              | a line begins with white space (headers)
    GET / HTTP/1.1^X : a^^                              | white space before the colon (header x)
    GET / HTTP/1.1^Holdshort-Permit\t: a^^              | white space before the colon (header holdshort-permit)
    GET / HTTP/1.1^X(: a^^                              | not a header name (headers)
    GET / HTTP/1.1^\xc3: a^^                            | not a header name (headers)
    GET / HTTP/1.1^: a^^                                | a header without a name (headers)
    GET / HTTP/1.1^X^^                                  | a line without a colon (headers)
    GET / HTTP/1.1^Host: a^Host: a^^                    | sent more than once (header host)
    GET / HTTP/1.1^Host: a@b^^                          | not a host (header host)
    GET / HTTP/1.1^Host: a/b^^                          | not a host (header host)

    POST / HTTP/1.1^Content-Length: 1^Transfer-Encoding: chunked^^  | both content-length and transfer-encoding (header transfer-encoding)
    POST / HTTP/1.1^Transfer-Encoding: chunked^Content-Length: 1^^  | both content-length and transfer-encoding (header transfer-encoding)
    POST / HTTP/1.0^Transfer-Encoding: chunked^^        | transfer-encoding belongs to HTTP/1.1 (header transfer-encoding)
    POST / HTTP/1.1^Content-Length: 1^Content-Length: 1^^   | sent more than once (header content-length)
    POST / HTTP/1.1^Transfer-Encoding: chunked^Transfer-Encoding: chunked^^ | sent more than once (header transfer-encoding)
    POST / HTTP/1.1^Content-Length: 5, 5^^              | not a number of bytes (header content-length)
    POST / HTTP/1.1^Content-Length: 5 5^^               | not a number of bytes (header content-length)
    POST / HTTP/1.1^Content-Length: +5^^                | not a number of bytes (header content-length)
    POST / HTTP/1.1^Content-Length: -1^^                | not a number of bytes (header content-length)
    POST / HTTP/1.1^Content-Length: 0x5^^               | not a number of bytes (header content-length)
    POST / HTTP/1.1^Content-Length:^^                   | not a number of bytes (header content-length)
    POST / HTTP/1.1^Content-Length: 1111111111111111111111111^^ | not a number of bytes (header content-length)

    POST / HTTP/1.1^Transfer-Encoding: chunked^^0x5^hello^0^^    | a chunk size that is not hexadecimal (body)
    POST / HTTP/1.1^Transfer-Encoding: chunked^^+5^hello^0^^     | a chunk without a size (body)
    POST / HTTP/1.1^Transfer-Encoding: chunked^^ 5^hello^0^^     | a chunk without a size (body)
    POST / HTTP/1.1^Transfer-Encoding: chunked^^5 ^hello^0^^     | a chunk size that is not hexadecimal (body)
    POST / HTTP/1.1^Transfer-Encoding: chunked^^5\t^hello^0^^    | a chunk size that is not hexadecimal (body)
    POST / HTTP/1.1^Transfer-Encoding: chunked^^5;a=b^hello^0^^  | chunk extensions are not accepted (body)
    POST / HTTP/1.1^Transfer-Encoding: chunked^^5^hello^0;a^^    | chunk extensions are not accepted (body)
    POST / HTTP/1.1^Transfer-Encoding: chunked^^00000000000000005^hello^0^^ | a chunk size of more than 16 digits (body)
    POST / HTTP/1.1^Transfer-Encoding: chunked^^5\nhello^0^^     | a line feed without a carriage return (size of a chunk)
    POST / HTTP/1.1^Transfer-Encoding: chunked^^5\rhello^0^^     | a carriage return without a line feed (size of a chunk)
    POST / HTTP/1.1^Transfer-Encoding: chunked^^5^hello!^0^^     | a chunk is longer than its size (body)
    POST / HTTP/1.1^Transfer-Encoding: chunked^^5^hello\n0^^     | a chunk is longer than its size (body)
    POST / HTTP/1.1^Transfer-Encoding: chunked^^5^hello0^^       | a chunk is longer than its size (body)
    POST / HTTP/1.1^Transfer-Encoding: chunked^^^hello^0^^       | a chunk without a size (body)
    POST / HTTP/1.1^Transfer-Encoding: chunked^^5^hello^0^X: y^^ | trailers are not accepted (body)
    POST / HTTP/1.1^Transfer-Encoding: chunked^^5^hello^0^\n     | trailers are not accepted (body)
"##;

fn rows(table: &str) -> impl Iterator<Item = (Vec<u8>, &str)> {
    table.lines().filter(|line| !line.trim().is_empty()).map(|line| {
        let (sent, said) = line.rsplit_once(" | ").unwrap();
        (bytes(sent.strip_prefix("    ").unwrap().trim_end_matches(' ')), said.trim())
    })
}

#[test]
fn refused_connections() {
    for (sent, said) in rows(REFUSED) {
        let shown = sent.escape_ascii().to_string();
        let refused = read(&sent).err().unwrap_or_else(|| panic!("accepted: {shown}"));
        assert_eq!(refused.sound, 0, "{shown}");
        assert!(!refused.head_was_whole, "{shown}");
        assert_eq!(refused.malformed.to_string(), said, "{shown}");
        assert_eq!(in_pieces(&sent, &vec![1; sent.len()]), Err(refused.malformed), "byte by byte: {shown}");
    }
}

#[test]
fn other_codings_are_refused() {
    for coding in
        ["chunked, identity", "gzip, chunked", "xchunked", ", chunked", "chunked;a=b", "\"chunked\"", "", "identity"]
    {
        let sent = format!("POST / HTTP/1.1\r\nTransfer-Encoding: {coding}\r\n\r\n");
        let refused = read(sent.as_bytes()).unwrap_err();
        assert_eq!(refused.malformed.what, super::super::head::ONLY_CHUNKED, "{coding}");
    }
}

const ACCEPTED: &str = r"
    GET / HTTP/1.1^Host: a^^                            | whole
    GET / HTTP/1.0^^                                    | whole
    ^GET / HTTP/1.1^Host: a^^                           | whole
    GET http://a.b/c?d HTTP/1.1^Host: a.b^^             | whole
    GET / HTTP/1.1^Host:a:80 ^X:^Y: \t ^Z: \xe4 , b^^   | whole
    GET / HTTP/1.1^Host: [::1]:8080^^                   | whole
    M-SEARCH / HTTP/1.1^Host: a^^                       | whole
    POST / HTTP/1.1^Content-Length: 5^^hello            | whole
    POST / HTTP/1.1^Content-Length: 5^^hell             | open
    POST / HTTP/1.1^Content-Length: 0^^                 | whole
    POST / HTTP/1.0^content-length: 05^^hello           | whole
    POST / HTTP/1.1^TRANSFER-ENCODING: Chunked \t^^5^hello^0A^0123456789^000^^ | whole
    POST / HTTP/1.1^Transfer-Encoding: chunked^^5^hello^0^ | open
    POST / HTTP/1.1^Content-Length: 3^^a\0\nGET / HTTP/1.1^Host: a^^ | whole
    GET / HTTP/1.1^^^GET / HTTP/1.1^^                   | whole
";

#[test]
fn accepted_connections() {
    for (sent, said) in rows(ACCEPTED) {
        let wire = read(&sent).unwrap_or_else(|refused| panic!("{}: {refused:?}", sent.escape_ascii()));
        assert_eq!(wire.is_between(), said == "whole", "{}", sent.escape_ascii());
    }
}

#[test]
fn what_clients_leave_bare_may_be_sent() {
    read(b"GET /a?b=%20{[|]}^` HTTP/1.1\r\n\r\n").unwrap();
}

#[test]
fn requests_before_the_refused_one_are_sound() {
    let first = b"POST /a HTTP/1.1\r\ncontent-length: 3\r\n\r\nabc";
    let second = b"GET /b HTTP/1.1\r\nhost: a\r\n\r\n";
    let bad = b"GET /c d HTTP/1.1\r\n\r\n";
    let refused = read(&[first.as_slice(), second, bad].concat()).unwrap_err();
    assert_eq!(refused.sound, first.len() + second.len());
    assert!(!refused.head_was_whole);
    // Cut within the first: what is left of it is sound.
    let mut wire = Wire::new(HEAD_LIMIT);
    let (start, rest) = first.split_at(first.len() - 2);
    wire.read(start).unwrap();
    let refused = wire.read(&[rest, bad].concat()).unwrap_err();
    assert_eq!((refused.sound, refused.head_was_whole), (2, false));
}

#[test]
fn it_says_when_somebody_may_be_reading_the_body() {
    let mut wire = Wire::new(HEAD_LIMIT);
    wire.read(b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhe").unwrap();
    let refused = wire.read(b"llo\r\nx").unwrap_err();
    assert_eq!((refused.sound, refused.head_was_whole), (0, true));
    // Head and body in one piece: nobody has seen either.
    let refused = read(b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nx").unwrap_err();
    assert_eq!((refused.sound, refused.head_was_whole), (0, false));
}

#[test]
fn nothing_is_read_after_a_refusal() {
    let mut wire = Wire::new(HEAD_LIMIT);
    wire.read(b"GET /a b ").unwrap_err();
    assert!(wire.read(b"GET / HTTP/1.1\r\n\r\n").is_err());
}

#[test]
fn it_says_that_the_answer_to_a_head_has_no_body() {
    for (sent, wanted) in [
        ("HEAD /a b HTTP/1.1^Host: a^^", true),
        ("HEAD /a HTTP/1.1^Host : a^^", true),
        ("GET /a HTTP/1.1^Host : a^^", false),
        ("HEAD / HTTP/1.1^Host: a^^GET /a\\t HTTP/1.1^Host: a^^", false),
        ("HEADS /a b HTTP/1.1^Host: a^^", false),
    ] {
        assert_eq!(read(&bytes(sent)).unwrap_err().asks_for_head, wanted, "{sent}");
    }
}

#[test]
fn heads_have_a_size_and_a_number_of_headers() {
    let long = |length: usize| format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "a".repeat(length));
    // 4: the method and the target.
    let most = HEAD_LIMIT - 4 - "X".len() - 4;
    read(long(most).as_bytes()).unwrap();
    let refused = read(long(most + 1).as_bytes()).unwrap_err().malformed;
    assert_eq!((refused.status, refused.what.as_str()), (431, "the head is larger than 1024 bytes"));
    assert_eq!(read(format!("GET /{}", "a".repeat(2000)).as_bytes()).unwrap_err().malformed.status, 431);
    let many = |count: usize| format!("GET / HTTP/1.1\r\n{}\r\n", "X:\r\n".repeat(count));
    read(many(100).as_bytes()).unwrap();
    assert_eq!(read(many(101).as_bytes()).unwrap_err().malformed.status, 431);
    // A new head begins anew.
    read(many(90).repeat(3).as_bytes()).unwrap();
}

/// Pieces of requests, proper and not, one behind the other.
fn fragments() -> impl Strategy<Value = Vec<u8>> {
    let known = prop_oneof![
        Just(b"GET / HTTP/1.1\r\n".to_vec()),
        Just(b"POST /a?b HTTP/1.1\r\nHost: a\r\n".to_vec()),
        Just(b"Content-Length: 4\r\n".to_vec()),
        Just(b"Transfer-Encoding: chunked\r\n".to_vec()),
        Just(b"X: y\r\n".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b"4\r\nabcd\r\n".to_vec()),
        Just(b"0\r\n\r\n".to_vec()),
        Just(b"abcd".to_vec()),
        proptest::collection::vec(any::<u8>(), 0..3),
    ];
    proptest::collection::vec(known, 0..12).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn the_pieces_make_no_difference(sent in fragments(), cuts in proptest::collection::vec(0_usize..9, 0..30)) {
        let whole = in_pieces(&sent, &[]);
        prop_assert_eq!(&in_pieces(&sent, &cuts), &whole);
        prop_assert_eq!(&in_pieces(&sent, &vec![1; sent.len()]), &whole);
    }

    /// What has been accepted so far has been refused by no parser behind: the answer is always ours.
    #[test]
    fn nobody_behind_refuses_first(sent in fragments()) {
        let mut wire = Wire::new(HEAD_LIMIT);
        for end in 1..=sent.len() {
            if wire.read(&sent[end - 1..end]).is_err() || wire.in_body() || wire.is_between() {
                break;
            }
            let mut headers = [httparse::EMPTY_HEADER; 200];
            let parsed = httparse::Request::new(&mut headers).parse(&sent[..end]);
            prop_assert!(parsed.is_ok(), "{:?}: {parsed:?}", sent[..end].escape_ascii().to_string());
        }
    }

    /// What is accepted as a whole request is one to a parser that is known to be lenient, and ends where it ends.
    #[test]
    fn a_lenient_parser_agrees_on_what_is_accepted(sent in fragments()) {
        let head = sent.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4);
        if let (Some(end), Ok(_)) = (head, read(&sent)) {
            let start = if sent.starts_with(b"\r\n") { 2 } else { 0 };
            if end > start + 2 {
                let mut headers = [httparse::EMPTY_HEADER; 200];
                let mut parsed = httparse::Request::new(&mut headers);
                prop_assert_eq!(parsed.parse(&sent), Ok(httparse::Status::Complete(end)));
            }
        }
    }
}
