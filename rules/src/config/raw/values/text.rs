//! Values that are written as one word: read strictly, each with the sentence that says what is wanted.

use std::borrow::Cow;
use std::fmt::Formatter;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use ipnet::IpNet;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};

use crate::config::{ParamSource, UpstreamUrl};

/// Reads a text by `read`, whose error is `expected ...`, with help after a line break.
macro_rules! words {
    ($name:ident, $read:expr, $schema:tt) => {
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<$name, D::Error> {
                let read: fn(&str) -> Result<$name, &'static str> = $read;
                // What is not a text at all is told what is wanted in the same words.
                let text = String::deserialize(deserializer);
                read(text.as_deref().unwrap_or_default()).map_err(de::Error::custom)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    };
}

/// `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) struct Address(pub(in crate::config) SocketAddr);

impl Default for Address {
    fn default() -> Address {
        Address(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
    }
}

words!(
    Address,
    |text| {
        let text = text.trim();
        let local = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
        local.as_deref().unwrap_or(text).parse().map(Address).map_err(|_| {
            "expected an address with a port such as `127.0.0.1:8080`\n\
             all interfaces are `0.0.0.0:PORT`; names are not looked up"
        })
    },
    { "type": "string", "description": "IP address and port: `127.0.0.1:8080`, `0.0.0.0:8080`, `[::1]:8080`" }
);

/// An address, or a network in CIDR notation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::config) struct Network(pub(in crate::config) IpNet);

words!(
    Network,
    |text| {
        let text = text.trim();
        let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        match network {
            Ok(network) if network.addr() == network.network() => Ok(Network(network)),
            _ => Err(
                "expected an address or a network such as `10.0.0.0/8`\n\
                 the bits behind the prefix are zero: `10.0.0.0/8`, not `10.1.2.3/8`"
            ),
        }
    },
    { "type": "string", "description": "IP address or network: `192.0.2.1`, `10.0.0.0/8`, `fd00::/8`" }
);

/// Scheme, host and port of a web page of ours.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::config) struct Origin(pub(in crate::config) String);

words!(
    Origin,
    |text| {
        let wanted = "expected a URL of scheme, host and port such as `https://gate.example.com`";
        let url = url::Url::parse(text.trim()).map_err(|_| wanted)?;
        let plain = matches!(url.scheme(), "http" | "https")
            && url.username().is_empty()
            && url.password().is_none()
            && url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none();
        if plain { Ok(Origin(url.origin().ascii_serialization())) } else { Err(wanted) }
    },
    { "type": "string", "format": "uri", "description": "`https://gate.example.com`: scheme, host, optional port, no path" }
);

/// `http://` or `https://`, host, optional port, optional path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) struct WebUrl(pub(in crate::config) UpstreamUrl);

impl Default for WebUrl {
    fn default() -> WebUrl {
        WebUrl(UpstreamUrl { tls: false, host: "unresolved.invalid".to_owned(), port: 80, path: String::new() })
    }
}

words!(
    WebUrl,
    |text| {
        let wanted = "expected a URL such as `https://api.example.com/v1`";
        let text = text.trim();
        let url = url::Url::parse(text).map_err(|_| wanted)?;
        let tls = match url.scheme() {
            "http" => false,
            "https" => true,
            _ => return Err("expected a URL with `http://` or `https://`"),
        };
        if !url.username().is_empty() || url.password().is_some() {
            // Not `expected ...`: the password is not to be repeated.
            return Err("a URL here has no user and password\nset them in `headers: { set: { authorization: ... } }`");
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("expected a URL without `?` and `#`");
        }
        // The URL standard tidies dot segments and backslashes away; what is not written plainly is refused.
        let written = text.split_once("://").and_then(|(_, rest)| rest.find('/').and_then(|at| rest.get(at..)));
        let path = written.unwrap_or("/");
        if path != url.path() || path.contains("//") || path.contains('%') || path.contains(';') {
            return Err("expected a URL with a plain path\nno dot segments, doubled slashes, escapes or `;`");
        }
        let host = match url.host() {
            Some(url::Host::Domain(name)) => name.to_owned(),
            Some(url::Host::Ipv4(ip)) => ip.to_string(),
            Some(url::Host::Ipv6(ip)) => ip.to_string(),
            None => return Err(wanted),
        };
        let port = url.port_or_known_default().ok_or(wanted)?;
        if port == 0 {
            return Err("expected a URL with a port from 1 to 65535");
        }
        Ok(WebUrl(UpstreamUrl { tls, host, port, path: path.trim_end_matches('/').to_owned() }))
    },
    { "type": "string", "format": "uri", "pattern": "^https?://", "description": "`https://api.example.com/v1`" }
);

/// `/json/pointer`, `path.x`, `query.x`, `header.x`, `form.x`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) struct Source(pub(in crate::config) ParamSource);

impl Default for Source {
    fn default() -> Source {
        Source(ParamSource::Json(String::new()))
    }
}

words!(
    Source,
    |text| {
        if pointer(text) && !text.is_empty() {
            return Ok(Source(ParamSource::Json(text.to_owned())));
        }
        let source = match text.split_once('.') {
            Some((_, "")) => None,
            Some(("path", name)) => Some(ParamSource::Path(name.to_owned())),
            Some(("query", name)) => Some(ParamSource::Query(name.to_owned())),
            Some(("header", name)) if crate::config::check::is_token(name) => {
                Some(ParamSource::Header(name.to_ascii_lowercase()))
            }
            Some(("form", name)) => Some(ParamSource::Form(name.to_owned())),
            _ => None,
        };
        source.map(Source).ok_or("expected `/json/pointer`, `path.NAME`, `query.NAME`, `header.NAME` or `form.NAME`")
    },
    { "type": "string", "pattern": "^(/|path\\.|query\\.|header\\.|form\\.)",
      "description": "`/json/pointer`, `path.x`, `query.x`, `header.x` or `form.x`" }
);

/// RFC 6901: empty, or segments that each begin with `/`, with `~` only as `~0` and `~1`.
pub(in crate::config) fn pointer(text: &str) -> bool {
    (text.is_empty() || text.starts_with('/'))
        && text.split('~').skip(1).all(|after| after.starts_with('0') || after.starts_with('1'))
}

/// A text where numbers and booleans are taken as they are written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::config) struct Plain(pub(in crate::config) String);

impl<'de> Deserialize<'de> for Plain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Plain, D::Error> {
        struct Words;
        impl Visitor<'_> for Words {
            type Value = Plain;

            fn expecting(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
                f.write_str("a text")
            }

            fn visit_str<E>(self, text: &str) -> Result<Plain, E> {
                Ok(Plain(text.to_owned()))
            }
        }
        deserializer.deserialize_newtype_struct("$plain", Words)
    }
}

impl JsonSchema for Plain {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Plain".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "number", "boolean"] })
    }
}
