//! A request as text: how seeds are written, and how a canonical head is written down again.

use rules::request::{BodyFraming, HttpVersion, RawHead, Reading};
use rules::{Head, Malformed};

/// What a listener would have received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    version: HttpVersion,
    method: String,
    target: Vec<u8>,
    authority: Option<String>,
    headers: Vec<(Vec<u8>, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
}

pub(crate) fn reading() -> Reading {
    Reading { permit_header: "holdshort-permit".to_owned(), head_limit: 32 * 1024 }
}

impl Message {
    pub(crate) fn new(method: &str, target: &[u8], headers: &[(&str, &str)], body: &[u8]) -> Message {
        let headers = headers.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()));
        Message {
            version: HttpVersion::Http11,
            method: method.to_owned(),
            target: target.to_vec(),
            authority: None,
            headers: headers.collect(),
            body: body.to_vec(),
        }
    }

    /// `METHOD TARGET VERSION`, one header in a line, an empty line, the body. Lines end in LF alone, so
    /// that any other byte can stand in them. The version `HTTP/2` stands for a head in frames.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Message> {
        let (head, body) = match bytes.windows(2).position(|pair| pair == b"\n\n") {
            Some(end) => (&bytes[..end], &bytes[end + 2..]),
            None => (bytes, b"".as_slice()),
        };
        let mut lines = head.split(|byte| *byte == b'\n');
        let mut words = lines.next()?.splitn(3, |byte| *byte == b' ');
        let method = std::str::from_utf8(words.next()?).ok()?.to_owned();
        let target = words.next()?.to_vec();
        let version = match words.next()? {
            b"HTTP/1.0" => HttpVersion::Http10,
            b"HTTP/1.1" => HttpVersion::Http11,
            b"HTTP/2" => HttpVersion::Http2,
            _ => return None,
        };
        let mut headers: Vec<(Vec<u8>, Vec<u8>)> = lines
            .map(|line| {
                let colon = line.iter().skip(1).position(|byte| *byte == b':').map_or(line.len(), |at| at + 1);
                (line[..colon].to_vec(), line.get(colon + 1..).unwrap_or_default().to_vec())
            })
            .collect();
        let authority = headers.iter().position(|(name, _)| name == b":authority").map(|at| headers.remove(at).1);
        let authority = authority.map(|value| String::from_utf8_lossy(&value).trim().to_owned());
        Some(Message { version, method, target, authority, headers, body: body.to_vec() })
    }

    /// A canonical head as a client would have sent it.
    pub(crate) fn of(head: &Head, body: &[u8]) -> Message {
        let mut headers = vec![(b"host".to_vec(), head.host.clone().into_bytes())];
        headers.extend(head.headers.iter().map(|(name, value)| (name.clone().into_bytes(), value.to_vec())));
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
            headers.push((b"upgrade".to_vec(), upgrade.clone().into_bytes()));
        }
        let target = match &head.query {
            Some(query) => format!("{}?{query}", head.path),
            None => head.path.clone(),
        };
        Message {
            version: head.version,
            method: head.method.clone(),
            target: target.into_bytes(),
            authority: None,
            headers,
            body: body.to_vec(),
        }
    }

    pub(crate) fn head(&self) -> Result<Head, Malformed> {
        let headers: Vec<(&[u8], &[u8])> =
            self.headers.iter().map(|(name, value)| (name.as_slice(), value.as_slice())).collect();
        let raw = RawHead {
            version: self.version,
            method: &self.method,
            target: &self.target,
            authority: self.authority.as_deref(),
            headers: &headers,
        };
        Head::read(&raw, &reading())
    }

    /// As the bytes of an HTTP/1.1 connection, the body as it is.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let version: &[u8] = if self.version == HttpVersion::Http10 { b" HTTP/1.0\r\n" } else { b" HTTP/1.1\r\n" };
        let mut bytes = [self.method.as_bytes(), b" ", &self.target, version].concat();
        for (name, value) in &self.headers {
            bytes.extend([name.as_slice(), b": ", value, b"\r\n"].concat());
        }
        bytes.extend(b"\r\n");
        bytes.extend(&self.body);
        bytes
    }
}
