//! The way to the services behind the gate.
//!
//! A [`Line`] is all that is fixed about one upstream: its address, TLS, the headers the gate sets and
//! removes. [`Lines`] keeps them beside the rules they were made from, and makes them anew when those
//! have been swapped. [`dial`] connects, [`request`] builds what is sent, [`answer`] maps what comes
//! back.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::{ArcSwap, ArcSwapOption};
use http::{HeaderName, HeaderValue};
use pingora_core::protocols::tls::CaType;
use pingora_core::upstreams::peer::HttpPeer;
use pingora_core::utils::tls::{WrappedX509, parse_x509};
use rules::Ruleset;
use rules::config::{self, Forwarding, Protocol};
use rules::request::Reading;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::ProxyError;
use crate::signs::Calls;

pub(crate) mod answer;
pub(crate) mod dial;
mod idle;
pub(crate) mod request;

/// How long a resolved name is used before it is asked for again.
const RESOLVED_FOR: Duration = Duration::from_secs(5);
/// How long a connection to an upstream may have been idle when it is used again. INVARIANT: shorter than servers keep
/// theirs (uvicorn and Node.js close after 5 s, as the shortest): a request that meets the closing half way gets no
/// answer, and nobody can tell whether it was executed.
const IDLE_FOR: Duration = Duration::from_secs(4);

/// One upstream, ready to be called.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) name: Arc<str>,
    pub(crate) calls: Calls,
    /// The path in front of every target, without trailing slash.
    pub(crate) path: String,
    pub(crate) tls: bool,
    pub(crate) mcp: bool,
    pub(crate) preserve_host: bool,
    pub(crate) forwarding: Vec<Forwarding>,
    /// `Host` unless the agent's own is preserved.
    pub(crate) host: HeaderValue,
    pub(crate) set: Vec<(HeaderName, HeaderValue)>,
    pub(crate) remove: Vec<Removed>,
    pub(crate) permit_header: HeaderName,
    pub(crate) read_timeout: Duration,
    /// What origins of the upstream's own links look like: `http://host:port`.
    pub(crate) origin: String,
    address: Address,
    server_name: String,
    http2: bool,
    connect_timeout: Duration,
    ca: Option<Arc<CaType>>,
    resolved: ArcSwapOption<Resolved>,
}

#[derive(Debug)]
enum Address {
    Ip(SocketAddr),
    Name(String, u16),
}

#[derive(Debug)]
struct Resolved {
    peers: Vec<Arc<HttpPeer>>,
    at: Instant,
}

/// A header that is taken off: a name, or the start of names (`impersonate-*`).
#[derive(Debug)]
pub(crate) struct Removed {
    start: String,
    end: Option<String>,
}

impl Removed {
    fn new(glob: &str) -> Removed {
        match glob.split_once('*') {
            None => Removed { start: glob.to_ascii_lowercase(), end: None },
            Some((start, end)) => Removed {
                start: start.to_ascii_lowercase(),
                end: Some(end.trim_start_matches('*').to_ascii_lowercase()),
            },
        }
    }

    pub(crate) fn covers(&self, name: &str) -> bool {
        match &self.end {
            None => name == self.start,
            Some(end) => {
                name.len() >= self.start.len() + end.len()
                    && name.starts_with(&self.start)
                    && name.ends_with(end.as_str())
            }
        }
    }
}

impl Line {
    fn new(upstream: &config::Upstream, permit_header: &str, folder: &Path) -> Result<Line, ProxyError> {
        let url = &upstream.url;
        let wrong = |what: String| ProxyError::Upstream { upstream: upstream.name.clone(), what };
        let default_port = if url.tls { 443 } else { 80 };
        let ip = url.host.parse::<IpAddr>().ok();
        let written = if matches!(ip, Some(IpAddr::V6(_))) { format!("[{}]", url.host) } else { url.host.clone() };
        let host = if url.port == default_port { written } else { format!("{written}:{}", url.port) };
        let mut set = Vec::with_capacity(upstream.headers_set.len());
        for (name, value) in &upstream.headers_set {
            let header =
                HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong(format!("{name:?} is no header name")))?;
            let mut value = HeaderValue::from_str(value.expose())
                .map_err(|_| wrong(format!("the value for {name} cannot stand in a header")))?;
            value.set_sensitive(true);
            set.push((header, value));
        }
        let ca = match &upstream.tls.ca {
            None => None,
            Some(path) => Some(authorities(&folder.join(path)).map_err(wrong)?),
        };
        let name: Arc<str> = upstream.name.as_str().into();
        Ok(Line {
            calls: Calls::of(name.clone()),
            name,
            path: url.path.clone(),
            tls: url.tls,
            mcp: upstream.protocol == Protocol::Mcp,
            preserve_host: upstream.preserve_host,
            forwarding: upstream.forwarding.clone(),
            origin: format!("{}://{host}", if url.tls { "https" } else { "http" }),
            host: HeaderValue::from_str(&host).map_err(|_| wrong("its host cannot stand in a header".to_owned()))?,
            set,
            remove: upstream.headers_remove.iter().map(|glob| Removed::new(glob)).collect(),
            permit_header: HeaderName::from_bytes(permit_header.as_bytes())
                .map_err(|_| wrong("permit.header is no header name".to_owned()))?,
            read_timeout: upstream.read_timeout,
            address: match ip {
                Some(ip) => Address::Ip(SocketAddr::new(ip, url.port)),
                None => Address::Name(url.host.clone(), url.port),
            },
            // An empty name would switch verification off: there is always one.
            server_name: upstream.tls.server_name.clone().unwrap_or_else(|| url.host.clone()),
            http2: upstream.http2,
            connect_timeout: upstream.connect_timeout,
            ca,
            resolved: ArcSwapOption::empty(),
        })
    }

    /// The addresses of the upstream, in the order in which they are tried.
    pub(crate) async fn peers(&self) -> Result<Vec<Arc<HttpPeer>>, String> {
        if let Some(resolved) = self.resolved.load().as_deref()
            && (matches!(self.address, Address::Ip(_)) || resolved.at.elapsed() < RESOLVED_FOR)
        {
            return Ok(resolved.peers.clone());
        }
        let addresses: Vec<SocketAddr> = match &self.address {
            Address::Ip(address) => vec![*address],
            Address::Name(name, port) => {
                match tokio::time::timeout(self.connect_timeout, tokio::net::lookup_host((name.as_str(), *port))).await
                {
                    Ok(Ok(found)) => found.collect(),
                    Ok(Err(error)) => return Err(format!("{name} cannot be resolved: {error}")),
                    Err(_) => return Err(format!("{name} cannot be resolved in time")),
                }
            }
        };
        if addresses.is_empty() {
            return Err("the name has no address".to_owned());
        }
        let peers: Vec<_> = addresses.into_iter().map(|address| Arc::new(self.peer(address))).collect();
        self.resolved.store(Some(Arc::new(Resolved { peers: peers.clone(), at: Instant::now() })));
        Ok(peers)
    }

    fn peer(&self, address: SocketAddr) -> HttpPeer {
        let mut peer = HttpPeer::new(address, self.tls, self.server_name.clone());
        let options = &mut peer.options;
        options.verify_cert = true;
        options.verify_hostname = true;
        options.ca = self.ca.clone();
        options.connection_timeout = Some(self.connect_timeout);
        options.total_connection_timeout = Some(self.connect_timeout);
        options.read_timeout = Some(self.read_timeout);
        options.write_timeout = Some(self.read_timeout);
        options.idle_timeout = Some(IDLE_FOR);
        match (self.http2, self.tls) {
            (false, _) => options.set_http_version(1, 1),
            // Prior knowledge without TLS, ALPN with it.
            (true, false) => options.set_http_version(2, 2),
            (true, true) => options.set_http_version(2, 1),
        }
        options.max_h2_streams = 64;
        peer
    }

    /// The longest that connecting takes: finding the addresses, then one after the other.
    pub(crate) fn connects_within(&self) -> Duration {
        let addresses = self.resolved.load().as_deref().map_or(1, |resolved| resolved.peers.len());
        self.connect_timeout.saturating_mul(u32::try_from(addresses).unwrap_or(u32::MAX).saturating_add(1))
    }

    pub(crate) fn idle_for(&self) -> Duration {
        IDLE_FOR
    }
}

/// The certificates of a PEM file, as roots for one upstream.
fn authorities(path: &Path) -> Result<Arc<CaType>, String> {
    let file = path.display();
    let certificates: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|error| format!("tls.ca {file} cannot be read: {error}"))?;
    if certificates.is_empty() {
        return Err(format!("tls.ca {file} holds no certificate"));
    }
    let mut store = rustls::RootCertStore::empty();
    let mut wrapped = Vec::with_capacity(certificates.len());
    for certificate in certificates {
        // Checked here, because wrapping one that is none panics.
        store.add(certificate.clone()).map_err(|error| format!("tls.ca {file}: {error}"))?;
        wrapped.push(WrappedX509::new(certificate.to_vec(), parse_x509));
    }
    Ok(wrapped.into())
}

/// The rules and the lines made from them.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) rules: Arc<Ruleset>,
    pub(crate) reading: Reading,
    lines: HashMap<String, Arc<Line>>,
}

impl Snapshot {
    /// The line of an upstream; `None` where it cannot be used as it is configured.
    pub(crate) fn line(&self, upstream: &str) -> Option<&Arc<Line>> {
        self.lines.get(upstream)
    }
}

/// The current [`Snapshot`].
#[derive(Debug)]
pub(crate) struct Lines {
    folder: PathBuf,
    current: ArcSwap<Snapshot>,
    swapping: Mutex<()>,
}

impl Lines {
    /// # Errors
    /// An upstream cannot be used: its certificate authorities cannot be read.
    pub(crate) fn new(rules: Arc<Ruleset>, folder: PathBuf) -> Result<Lines, ProxyError> {
        let mut lines = HashMap::new();
        for (name, line) in draw(&rules, &folder) {
            lines.insert(name, Arc::new(line?));
        }
        let reading = reading(&rules);
        Ok(Lines {
            folder,
            current: ArcSwap::from_pointee(Snapshot { rules, reading, lines }),
            swapping: Mutex::new(()),
        })
    }

    /// What belongs to these rules.
    pub(crate) fn of(&self, rules: Arc<Ruleset>) -> Arc<Snapshot> {
        let current = self.current.load();
        if Arc::ptr_eq(&current.rules, &rules) { arc_swap::Guard::into_inner(current) } else { self.swap(rules) }
    }

    fn swap(&self, rules: Arc<Ruleset>) -> Arc<Snapshot> {
        let _only_one = self.swapping.lock().unwrap_or_else(PoisonError::into_inner);
        let current = self.current.load_full();
        if Arc::ptr_eq(&current.rules, &rules) {
            return current;
        }
        // Only what people added has changed: the services are the same, and so are the connections to them.
        if Arc::ptr_eq(current.rules.config(), rules.config()) {
            let next = Arc::new(Snapshot { reading: reading(&rules), rules, lines: current.lines.clone() });
            self.current.store(next.clone());
            return next;
        }
        let mut lines = HashMap::new();
        for (name, line) in draw(&rules, &self.folder) {
            match line {
                Ok(line) => {
                    lines.insert(name, Arc::new(line));
                }
                Err(error) => tracing::error!(%error, "calls to this upstream are refused until it is mended"),
            }
        }
        let next = Arc::new(Snapshot { reading: reading(&rules), rules, lines });
        self.current.store(next.clone());
        next
    }
}

fn draw<'a>(rules: &'a Ruleset, folder: &'a Path) -> impl Iterator<Item = (String, Result<Line, ProxyError>)> + 'a {
    let config = rules.config();
    config
        .upstreams
        .iter()
        .map(move |(name, upstream)| (name.clone(), Line::new(upstream, &config.permit.header, folder)))
}

fn reading(rules: &Ruleset) -> Reading {
    let config = rules.config();
    Reading { permit_header: config.permit.header.clone(), head_limit: config.limits.head }
}

#[cfg(test)]
mod tests;
