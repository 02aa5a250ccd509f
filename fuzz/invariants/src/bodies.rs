//! Forms: what is built from names and values reads as these, and another parser reads the same.

use rules::request::Content;
use rules::request::form::parse;
use rules::request::multipart::{Part, Value};

use crate::decide::content;

/// An `application/x-www-form-urlencoded` body; the same bytes also stand for names and values, one pair in a line.
pub fn form(bytes: &[u8]) {
    if let Ok(pairs) = parse(bytes) {
        let others: Vec<(String, String)> = form_urlencoded::parse(bytes).into_owned().collect();
        assert_eq!(pairs, others, "another parser reads the same");
        assert_eq!(parse(written(&pairs).as_bytes()).as_ref(), Ok(&pairs), "what is built reads as itself");
    }
    let text = String::from_utf8_lossy(bytes);
    let pairs: Vec<(String, String)> = text
        .lines()
        .filter_map(|line| line.split_once('='))
        .filter(|(name, _)| !name.contains('\0'))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    assert_eq!(parse(written(&pairs).as_bytes()).as_ref(), Ok(&pairs), "what is built reads as itself");
}

pub(crate) fn written(pairs: &[(String, String)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// A `multipart/form-data` body with the boundary `b`; the same bytes also stand for parts, one in a line:
/// `name|value`, or `name|filename|content`.
pub fn multipart(bytes: &[u8]) {
    if let Ok(Content::Multipart(parts)) = read(bytes) {
        let size: usize = parts.iter().map(|part| size(&part.value)).sum();
        assert!(size < bytes.len().max(1), "the parts have more bytes than the body");
        let texts: Option<Vec<_>> = parts.iter().map(text).collect();
        if let Some(texts) = texts {
            let body: Vec<u8> = texts.iter().flat_map(|(name, value)| one(name, None, value.as_bytes())).collect();
            match read(&[body.as_slice(), b"--b--"].concat()) {
                Ok(Content::Multipart(again)) => assert_eq!(again, parts, "what is built reads as itself"),
                other => panic!("what is built does not read: {other:?}"),
            }
        }
    }
    let parts: Vec<Vec<&[u8]>> = bytes
        .split(|byte| *byte == b'\n')
        .map(|line| line.splitn(3, |byte| *byte == b'|').collect())
        .filter(|words: &Vec<&[u8]>| words.len() > 1)
        .take(100)
        .collect();
    let quoted = |word: &[u8]| !word.iter().any(|byte| matches!(byte, b'"' | b'\r'));
    let end = |word: &[u8]| word.windows(3).any(|bytes| bytes == b"--b");
    if parts.iter().any(|words| !quoted(words[0]) || !quoted(words[1]) || words.iter().any(|word| end(word))) {
        return;
    }
    let mut body = Vec::new();
    for words in &parts {
        let name = String::from_utf8_lossy(words[0]);
        let file = words.get(2).map(|_| String::from_utf8_lossy(words[1]));
        body.extend(one(&name, file.as_deref(), words[words.len() - 1]));
    }
    body.extend(b"--b--");
    let simple =
        |words: &Vec<&[u8]>| words.iter().all(|word| !word.is_empty() && word.iter().all(u8::is_ascii_alphanumeric));
    match read(&body) {
        Ok(Content::Multipart(read)) => {
            assert_eq!(read.len(), parts.len());
            for (part, words) in read.iter().zip(&parts) {
                assert_eq!(part.name, String::from_utf8_lossy(words[0]));
                match &part.value {
                    Value::Text(text) => assert_eq!((words.len(), text.as_bytes()), (2, words[1])),
                    Value::File(file) => {
                        assert_eq!(file.filename, String::from_utf8_lossy(words[1]));
                        assert_eq!((words.len(), file.size), (3, words[2].len()));
                        assert_eq!(file.digest, ::permit::content_digest(words[2]));
                    }
                }
            }
        }
        Ok(other) => panic!("not read as a form: {other:?}"),
        Err(error) => assert!(parts.is_empty() || !parts.iter().all(simple), "{error}"),
    }
}

fn read(body: &[u8]) -> Result<Content, rules::Malformed> {
    content("/form", &[("content-type", "multipart/form-data; boundary=b")], body)
}

fn one(name: &str, file: Option<&str>, content: &[u8]) -> Vec<u8> {
    let file = file.map(|file| format!("; filename=\"{file}\"")).unwrap_or_default();
    let head = format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n");
    [head.as_bytes(), content, b"\r\n"].concat()
}

fn size(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.len(),
        Value::File(file) => file.size,
    }
}

fn text(part: &Part) -> Option<(String, String)> {
    match &part.value {
        Value::Text(text) => Some((part.name.clone(), text.clone())),
        Value::File(_) => None,
    }
}
