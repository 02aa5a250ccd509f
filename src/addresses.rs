//! Where agents reach the upstreams of a configuration: by path, by host name, or by a listener of their own.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use rules::config::{Config, Upstream};

/// One way to an upstream.
#[derive(Debug)]
pub(crate) struct Address<'a> {
    pub(crate) upstream: &'a Upstream,
    /// What an agent uses in place of the API's own address; without a slash at its end.
    pub(crate) base: String,
    /// Every call on it is this agent's, so it takes no key.
    pub(crate) bound_to: Option<&'a str>,
}

/// All of them, in the order of the files: those of a path first, then by host name, then listeners.
pub(crate) fn of(config: &Config) -> Vec<Address<'_>> {
    let scheme = if config.proxy.tls.is_some() { "https" } else { "http" };
    let Some(listen) = config.proxy.listen.first() else { return Vec::new() };
    config.upstreams.values().flat_map(|upstream| of_one(upstream, scheme, *listen)).collect()
}

fn of_one<'a>(upstream: &'a Upstream, scheme: &'a str, listen: SocketAddr) -> impl Iterator<Item = Address<'a>> {
    let paths = upstream.at.iter().map(move |at| (format!("{scheme}://{}{at}", from_here(listen)), None));
    let hosts = upstream.host.iter().map(move |host| (format!("{scheme}://{host}:{}", listen.port()), None));
    let own = upstream.listen.iter();
    let own = own.map(move |it| (format!("{scheme}://{}", from_here(it.address)), it.agent.as_deref()));
    paths.chain(hosts).chain(own).map(move |(base, bound_to)| Address { upstream, base, bound_to })
}

/// Those that an agent of this name and project can use.
pub(crate) fn of_agent<'a>(config: &'a Config, name: &str, project: &str) -> Vec<Address<'a>> {
    let mut all = of(config);
    all.retain(|address| {
        address.upstream.projects.iter().any(|it| it == project) && address.bound_to.is_none_or(|agent| agent == name)
    });
    all
}

/// An address that is listened on everywhere, as this machine reaches it.
fn from_here(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}
