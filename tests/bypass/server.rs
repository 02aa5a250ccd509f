//! What services would have served: four kinds of them, each as lenient as that kind is known to be.

/// How a service turns a target into the path it serves; `None` where it refuses.
#[derive(Debug, Clone, Copy)]
pub struct Server {
    pub name: &'static str,
    serves: fn(&str) -> Option<String>,
    /// It takes paths that differ in case for one.
    pub folds_case: bool,
}

pub const SERVERS: [Server; 4] = [
    Server { name: "nginx-like", serves: nginx, folds_case: false },
    Server { name: "Go-mux-like", serves: go_mux, folds_case: false },
    Server { name: "Tomcat-like", serves: tomcat, folds_case: false },
    Server { name: "Express-like", serves: express, folds_case: true },
];

impl Server {
    pub fn serves(self, target: &str) -> Option<String> {
        (self.serves)(target)
    }
}

/// Ends at a fragment, decodes once, merges slashes, then resolves dots.
fn nginx(target: &str) -> Option<String> {
    let path = decoded(path_of(target))?;
    if path.contains('\0') {
        return None;
    }
    resolved(&path, true)
}

/// Decodes once, escaped slashes too, and cleans the path.
fn go_mux(target: &str) -> Option<String> {
    resolved(&decoded(path_of(target))?, true)
}

/// Takes `;parameters` off each segment, decodes, reads backslashes as slashes, then resolves dots; and again,
/// as a filter in front of a servlet would.
fn tomcat(target: &str) -> Option<String> {
    let mut path = path_of(target).to_owned();
    for _ in 0..2 {
        let plain: Vec<&str> = path.split('/').map(|segment| segment.split(';').next().unwrap_or_default()).collect();
        path = resolved(&decoded(&plain.join("/"))?.replace('\\', "/"), true)?;
    }
    Some(path)
}

/// Compares without case, with or without a slash at the end; decodes afterwards.
fn express(target: &str) -> Option<String> {
    let path = decoded(path_of(target))?.to_lowercase();
    resolved(path.trim_end_matches('/'), false)
}

fn path_of(target: &str) -> &str {
    let target = target.split(['#', '?']).next().unwrap_or_default();
    match target.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |at| &rest[at..]),
        None => target,
    }
}

/// `None`: a bad escape.
fn decoded(path: &str) -> Option<String> {
    let bytes = path.as_bytes();
    let mut decoded = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == b'%' {
            let digits = std::str::from_utf8(bytes.get(at + 1..at + 3)?).ok()?;
            decoded.push(u8::from_str_radix(digits, 16).ok()?);
            at += 3;
        } else {
            decoded.push(bytes[at]);
            at += 1;
        }
    }
    Some(String::from_utf8_lossy(&decoded).into_owned())
}

/// Dot segments resolved, as by RFC 3986 section 5.2.4.
fn resolved(path: &str, merge: bool) -> Option<String> {
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/').skip(1) {
        match segment {
            "." => {}
            ".." => {
                kept.pop();
            }
            "" if merge => {}
            segment => kept.push(segment),
        }
    }
    Some(format!("/{}", kept.join("/")))
}

#[test]
fn servers_read_what_they_are_known_to_read() {
    for (server, target, path) in [
        (0, "/v1/public/%2e%2e/%2e%2e/admin", "/admin"),
        (0, "//admin//keys?x", "/admin/keys"),
        (1, "/v1%2F..%2Fadmin", "/admin"),
        (2, "/v1/..;a=b/admin;x", "/admin"),
        (2, "/v1\\..\\admin", "/admin"),
        (2, "/%252e%252e/admin", "/admin"),
        (3, "/Admin/KEYS/", "/admin/keys"),
        (1, "/Admin", "/Admin"),
    ] {
        assert_eq!(SERVERS[server].serves(target).as_deref(), Some(path), "{} {target}", SERVERS[server].name);
    }
}
