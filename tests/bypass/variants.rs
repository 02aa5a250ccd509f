//! One request in all the forms in which it can be sent: protocol version, framing, order of headers, form of
//! the target, spelling of the escapes.

use crate::case::{Must, Probe, Wire};

/// A request, before its form is chosen.
#[derive(Debug, Clone)]
pub struct Ask {
    pub method: String,
    /// With its mount.
    pub target: Vec<u8>,
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Option<Vec<u8>>,
}

pub const PLAIN: &str = "<plain>";
pub const FOLD: &str = "<fold>";

pub fn ask(method: &str, target: impl AsRef<[u8]>) -> Ask {
    Ask { method: method.to_owned(), target: target.as_ref().to_vec(), headers: Vec::new(), body: None }
}

impl Ask {
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Ask {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    pub fn body(mut self, kind: &str, body: impl AsRef<[u8]>) -> Ask {
        self.body = Some(body.as_ref().to_vec());
        if kind.is_empty() { self } else { self.header("Content-Type", kind) }
    }

    pub fn json(self, body: impl AsRef<[u8]>) -> Ask {
        self.body("application/json", body)
    }

    pub fn must(&self, must: Must) -> Vec<Probe> {
        let mut wires = vec![self.one("HTTP/1.1", false, true), self.one("HTTP/1.1", false, false)];
        if self.body.is_some() {
            wires.push(self.one("HTTP/1.1", true, true));
        }
        // HTTP/1.0 needs a length with these, whether there is a body or not.
        if self.body.is_some() || !matches!(self.method.as_str(), "POST" | "PUT" | "PATCH") {
            wires.push(self.one("HTTP/1.0", false, true));
        }
        // A larger one would have to wait for the other side's window.
        if self.body.as_ref().is_none_or(|body| body.len() < 60_000) {
            wires.push(self.two());
        }
        wires.into_iter().map(|wire| Probe { wire, must }).collect()
    }

    /// HTTP/1.1 alone.
    pub fn must_1(&self, must: Must) -> Vec<Probe> {
        let mut wires = vec![self.one("HTTP/1.1", false, true)];
        if self.body.is_some() {
            wires.push(self.one("HTTP/1.1", true, false));
        }
        wires.into_iter().map(|wire| Probe { wire, must }).collect()
    }

    pub fn one(&self, version: &str, chunked: bool, key_first: bool) -> Wire {
        let mut bytes = [self.method.as_bytes(), b" ", &self.target, b" ", version.as_bytes(), b"\r\n"].concat();
        let key = b"Holdshort-Key: <key>\r\n";
        if key_first {
            bytes.extend(key);
        }
        if !self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            bytes.extend(b"Host: gate\r\n");
        }
        for (name, value) in &self.headers {
            bytes.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
        }
        match (&self.body, chunked) {
            (None, _) => {}
            (Some(_), true) => bytes.extend(b"Transfer-Encoding: chunked\r\n"),
            (Some(body), false) => bytes.extend(format!("Content-Length: {}\r\n", body.len()).bytes()),
        }
        if !key_first {
            bytes.extend(key);
        }
        bytes.extend(b"\r\n");
        match (&self.body, chunked) {
            (None, _) => {}
            (Some(body), false) => bytes.extend(body),
            (Some(body), true) => {
                // Cut in the middle of names and escapes.
                for part in body.chunks(if body.len() > 1000 { 4096 } else { 3 }) {
                    bytes.extend(format!("{:x}\r\n", part.len()).bytes());
                    bytes.extend(part);
                    bytes.extend(b"\r\n");
                }
                bytes.extend(b"0\r\n\r\n");
            }
        }
        Wire::One(bytes)
    }

    pub fn two(&self) -> Wire {
        let authority = self.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("host"));
        let authority = authority.map_or(b"gate".to_vec(), |(_, value)| value.clone());
        let mut fields = vec![
            (b":method".to_vec(), self.method.clone().into_bytes()),
            (b":scheme".to_vec(), b"http".to_vec()),
            (b":authority".to_vec(), authority),
            (b":path".to_vec(), self.target.clone()),
            (b"holdshort-key".to_vec(), b"<key>".to_vec()),
        ];
        for (name, value) in &self.headers {
            if !name.eq_ignore_ascii_case("host") {
                fields.push((name.to_ascii_lowercase().into_bytes(), value.clone()));
            }
        }
        Wire::Two { fields, body: self.body.clone() }
    }
}

/// Each path asked for in many ways.
pub fn paths(must: Must, paths: &[&str]) -> Vec<Probe> {
    let mut probes = Vec::new();
    for path in paths.iter().flat_map(|path| respelled(path)) {
        probes.extend(below(must, PLAIN, &path));
        // Both ways of reading paths see the same spelling.
        let again = ask("POST", format!("{FOLD}{path}")).json(r#"{"amount":9999}"#);
        probes.push(Probe { wire: again.one("HTTP/1.1", false, true), must });
    }
    probes
}

/// Each path below one mount.
pub fn paths_at(mount: &str, must: Must, paths: &[&str]) -> Vec<Probe> {
    paths.iter().flat_map(|path| respelled(path)).flat_map(|path| below(must, mount, &path)).collect()
}

fn below(must: Must, mount: &str, path: &str) -> Vec<Probe> {
    const LARGE: &str = r#"{"amount":9999}"#;
    let target = format!("{mount}{path}");
    let post = |target: String| ask("POST", target).json(LARGE);
    let mut probes = post(target.clone()).must(must);
    let mut once = vec![post(format!("http://gate{target}"))];
    if !target.contains(['#', '?']) {
        once.push(post(format!("{target}?x=/../y")));
    }
    if must != Must::BeHeld {
        probes.push(Probe { wire: ask("GET", &target).two(), must });
        once.extend(["GET", "HEAD", "DELETE", "PROPFIND"].map(|method| ask(method, &target)));
        once.push(ask("GET", &target).json(LARGE));
    }
    probes.extend(once.iter().map(|ask| Probe { wire: ask.one("HTTP/1.1", false, true), must }));
    probes
}

/// The same with the hexadecimal digits in the other case.
fn respelled(path: &str) -> Vec<String> {
    let mut other = String::new();
    let mut after = 0;
    for c in path.chars() {
        let c = if after > 0 && c.is_ascii_hexdigit() {
            after -= 1;
            if c.is_ascii_uppercase() { c.to_ascii_lowercase() } else { c.to_ascii_uppercase() }
        } else {
            after = if c == '%' { 2 } else { 0 };
            c
        };
        other.push(c);
    }
    if other == path { vec![other] } else { vec![path.to_owned(), other] }
}

/// Calls whose fate is known: sent by policy, held, denied, and what no route names.
pub fn known() -> [(Ask, Must); 5] {
    [
        (ask("GET", "<plain>/v1/public/a"), Must::BeSent),
        (ask("POST", "<plain>/v1/refunds/7").json(r#"{"amount":1}"#), Must::BeSent),
        (ask("POST", "<plain>/v1/refunds/8").json(r#"{"amount":9999}"#), Must::BeHeld),
        (ask("GET", "<plain>/admin/keys"), Must::BeDenied),
        (ask("POST", "<plain>/v1/other").body("text/plain", "hello"), Must::BeUnmatched),
    ]
}

/// Each header on each of the [`known`] calls, which it must not change.
pub fn ignored(headers: &[(&str, &str)]) -> Vec<Probe> {
    let mut probes = Vec::new();
    for (name, value) in headers {
        for (ask, must) in known() {
            probes.extend(ask.header(name, value).must(must));
        }
    }
    probes
}

/// Each header on each of the [`known`] calls, which it must end.
pub fn refused(headers: &[(&str, &str)]) -> Vec<Probe> {
    let mut probes = Vec::new();
    for (name, value) in headers {
        for (ask, _) in known() {
            probes.extend(ask.header(name, value).must(Must::BeRefused));
        }
    }
    probes
}

/// Raw header lines, which end every call over HTTP/1.1.
pub fn lines(must: Must, lines: &[&[u8]]) -> Vec<Probe> {
    let mut probes = Vec::new();
    for line in lines {
        for (method, target) in [("GET", "/v1/public/a"), ("POST", "/v1/refunds/7"), ("GET", "/v1/other")] {
            for key_first in [true, false] {
                let mut bytes = format!("{method} <plain>{target} HTTP/1.1\r\nHost: gate\r\n").into_bytes();
                if key_first {
                    bytes.extend(b"Holdshort-Key: <key>\r\n");
                }
                bytes.extend(*line);
                bytes.extend(b"\r\n");
                if !key_first {
                    bytes.extend(b"Holdshort-Key: <key>\r\n");
                }
                bytes.extend(b"\r\n");
                probes.push(Probe { wire: Wire::One(bytes), must });
            }
        }
    }
    probes
}

/// Whole heads as they are, over HTTP/1; `body` follows.
pub fn raw(must: Must, requests: &[&str]) -> Vec<Probe> {
    requests.iter().map(|text| Probe { wire: Wire::One(text.as_bytes().to_vec()), must }).collect()
}
