//! What every handler can reach.

use std::sync::Arc;

use gate::Gate;

use crate::options::Options;

/// Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct App(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    gate: Gate,
    options: Options,
    /// Scheme, host and port of `admin.url`, as a browser's `Origin` says it.
    origin: String,
    /// Host names (with port where it is not the scheme's own) by which people may call us.
    hosts: Vec<String>,
    /// `None`: cookies are not looked at.
    cookie: Option<&'static str>,
    secure: bool,
}

impl App {
    pub(crate) fn for_people(gate: Gate, options: Options) -> App {
        App::new(gate, options, true)
    }

    pub(crate) fn for_agents(gate: Gate, options: Options) -> App {
        App::new(gate, options, false)
    }

    fn new(gate: Gate, options: Options, cookies: bool) -> App {
        let (origin, own, secure) = match url::Url::parse(&options.url) {
            Ok(url) => {
                let origin = url.origin().ascii_serialization();
                let own = origin.split_once("://").map(|(_, host)| host.to_owned()).unwrap_or_default();
                (origin, own, url.scheme() == "https")
            }
            // The configuration has checked it; without a usable URL no browser's request is ours.
            Err(_) => (String::new(), String::new(), false),
        };
        let listen = options.listen;
        let mut hosts = vec![own, listen.to_string()];
        if listen.ip().is_loopback() {
            hosts.push(format!("localhost:{}", listen.port()));
        }
        hosts.retain(|host| !host.is_empty());
        // `__Host-` makes a browser refuse a cookie that another host or a plain connection set.
        let cookie = cookies.then_some(if secure { "__Host-holdshort" } else { "holdshort" });
        App(Arc::new(Inner { gate, options, origin, hosts, cookie, secure }))
    }

    pub(crate) fn gate(&self) -> &Gate {
        &self.0.gate
    }

    pub(crate) fn options(&self) -> &Options {
        &self.0.options
    }

    /// `admin.url` without a slash at its end.
    pub(crate) fn url(&self) -> &str {
        self.0.options.url.trim_end_matches('/')
    }

    /// Whether `Host` is one of ours. Case does not matter in host names.
    pub(crate) fn is_own_host(&self, host: &str) -> bool {
        self.0.hosts.iter().any(|own| own.eq_ignore_ascii_case(host))
    }

    /// Whether `Origin` is the dashboard: the configured one, or the host this very request was sent to
    /// (which [`crate::guard::check_host`] has found to be ours).
    pub(crate) fn is_own_origin(&self, origin: &str, host: Option<&str>) -> bool {
        let scheme = if self.0.secure { "https://" } else { "http://" };
        origin == self.0.origin
            || host.is_some_and(|host| {
                self.is_own_host(host)
                    && origin.strip_prefix(scheme).is_some_and(|rest| rest.eq_ignore_ascii_case(host))
            })
    }

    pub(crate) fn cookie_name(&self) -> Option<&'static str> {
        self.0.cookie
    }

    pub(crate) fn secure(&self) -> bool {
        self.0.secure
    }
}
