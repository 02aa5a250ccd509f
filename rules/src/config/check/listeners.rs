//! The gate's own addresses: none is used twice, and no upstream is one of them.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use super::Checker;
use crate::config::UpstreamUrl;
use crate::config::node::Mark;
use crate::config::raw::At;
use crate::config::raw::values::Address;

/// Addresses by port, each with the one who listens there.
#[derive(Default)]
pub(super) struct Listeners(HashMap<u16, Vec<(IpAddr, String)>>);

impl Listeners {
    /// Takes an address; says who has it already. All interfaces and one of them cannot both listen on a port.
    fn claim(&mut self, address: SocketAddr, owner: &str) -> Option<String> {
        let ip = address.ip();
        let port = self.0.entry(address.port()).or_default();
        let taken = port.iter().find(|(other, _)| *other == ip || other.is_unspecified() || ip.is_unspecified());
        let taken = taken.map(|(_, owner)| owner.clone());
        port.push((ip, owner.to_owned()));
        // Port 0 is a free port each time.
        taken.filter(|_| address.port() != 0)
    }

    /// Whether a call to the URL would arrive at one of them.
    pub(super) fn reached_by(&self, url: &UpstreamUrl) -> bool {
        let Some(port) = self.0.get(&url.port) else { return false };
        if url.host == "localhost" {
            return port.iter().any(|(ip, _)| ip.is_loopback() || ip.is_unspecified());
        }
        let Ok(wanted) = url.host.parse::<IpAddr>() else { return false };
        port.iter()
            .any(|(ip, _)| *ip == wanted || wanted.is_unspecified() || (ip.is_unspecified() && wanted.is_loopback()))
    }
}

impl Checker<'_> {
    pub(super) fn listens(&mut self, at: &At<Address>, owner: &str) -> SocketAddr {
        self.claims(at.value.0, at.mark, owner)
    }

    pub(super) fn claims(&mut self, address: SocketAddr, mark: Mark, owner: &str) -> SocketAddr {
        if let Some(other) = self.listeners.claim(address, owner) {
            let message = format!("{other} listens on {address} already");
            self.error("duplicate-mount", mark, message, Some("each listener has an address of its own"));
        }
        address
    }
}
