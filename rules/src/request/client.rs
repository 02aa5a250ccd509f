//! Whose address a call has, where other proxies stand in front of the gate.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

/// More hops than this are nobody's real way to the gate.
const MOST_HOPS: usize = 64;

/// The address of the client: that of the peer, unless the peer is a trusted proxy. Then it is the
/// rightmost entry of `X-Forwarded-For` that is no trusted proxy, because each proxy appends whom it
/// was called by, and what stands further left anybody may have written. Where every entry is trusted
/// it is the leftmost; where one that counts is no address, it is the peer.
///
/// `forwarded_for` are the values in order of arrival.
#[must_use]
pub fn client(peer: IpAddr, forwarded_for: &[&[u8]], trusted: &[IpNet]) -> IpAddr {
    let peer = peer.to_canonical();
    let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
    if !is_trusted(&peer) {
        return peer;
    }
    let mut found = peer;
    let entries = forwarded_for.iter().rev().flat_map(|value| value.rsplit(|byte| *byte == b','));
    for (hop, entry) in entries.enumerate() {
        match address(entry) {
            Some(address) if hop < MOST_HOPS && is_trusted(&address) => found = address,
            Some(address) if hop < MOST_HOPS => return address,
            _ => return peer,
        }
    }
    found
}

/// An address, with a port or without.
fn address(entry: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(entry).ok()?.trim_matches([' ', '\t']);
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let address = match bare.unwrap_or(text).parse::<IpAddr>() {
        Ok(address) if bare.is_none() || address.is_ipv6() => address,
        _ => text.parse::<SocketAddr>().ok()?.ip(),
    };
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRUSTED: &str = "10.0.0.0/8 fd00::/8 127.0.0.1/32";

    fn found(peer: &str, lines: &[&str]) -> String {
        let trusted: Vec<IpNet> = TRUSTED.split(' ').map(|network| network.parse().unwrap()).collect();
        let lines: Vec<&[u8]> = lines.iter().map(|line| line.as_bytes()).collect();
        client(peer.parse().unwrap(), &lines, &trusted).to_string()
    }

    #[test]
    fn the_rightmost_that_is_not_trusted_is_the_client() {
        for (peer, lines, client) in [
            // A peer that is not trusted is the client, whatever it says.
            ("192.0.2.9", vec!["10.0.0.1"], "192.0.2.9"),
            ("192.0.2.9", vec!["127.0.0.1, 10.0.0.1"], "192.0.2.9"),
            ("10.0.0.1", vec![], "10.0.0.1"),
            ("10.0.0.1", vec!["192.0.2.1"], "192.0.2.1"),
            ("::ffff:10.0.0.1", vec!["192.0.2.1"], "192.0.2.1"),
            ("10.0.0.1", vec!["127.0.0.1, 192.0.2.1, 10.9.9.9"], "192.0.2.1"),
            ("10.0.0.1", vec!["127.0.0.1", "192.0.2.1", "10.9.9.9,10.8.8.8"], "192.0.2.1"),
            ("10.0.0.1", vec!["198.51.100.7, 192.0.2.1"], "192.0.2.1"),
            ("10.0.0.1", vec!["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            // Ports, brackets, mapped addresses.
            ("10.0.0.1", vec!["192.0.2.1:4711"], "192.0.2.1"),
            ("10.0.0.1", vec!["2001:db8::1"], "2001:db8::1"),
            ("10.0.0.1", vec!["[2001:db8::1]"], "2001:db8::1"),
            ("10.0.0.1", vec!["[2001:db8::1]:443"], "2001:db8::1"),
            ("fd00::1", vec!["::ffff:192.0.2.1"], "192.0.2.1"),
            ("10.0.0.1", vec!["192.0.2.1, ::ffff:10.0.0.2"], "192.0.2.1"),
            // What counts and is no address: the peer.
            ("10.0.0.1", vec!["unknown"], "10.0.0.1"),
            ("10.0.0.1", vec!["192.0.2.1, unknown"], "10.0.0.1"),
            ("10.0.0.1", vec!["192.0.2.1, _hidden, 10.0.0.2"], "10.0.0.1"),
            ("10.0.0.1", vec!["192.0.2.1,"], "10.0.0.1"),
            ("10.0.0.1", vec![""], "10.0.0.1"),
            ("10.0.0.1", vec!["127.1"], "10.0.0.1"),
            ("10.0.0.1", vec!["0x7f000001"], "10.0.0.1"),
            ("10.0.0.1", vec!["[192.0.2.1]"], "10.0.0.1"),
            ("10.0.0.1", vec!["192.0.2.1;x"], "10.0.0.1"),
            // What does not count may be anything.
            ("10.0.0.1", vec!["unknown, 192.0.2.1"], "192.0.2.1"),
        ] {
            assert_eq!(found(peer, &lines), client, "{peer} {lines:?}");
        }
    }

    #[test]
    fn an_endless_chain_is_not_followed() {
        let chain = format!("192.0.2.1{}", ", 10.0.0.2".repeat(200));
        assert_eq!(found("10.0.0.1", &[&chain]), "10.0.0.1");
        let chain = format!("192.0.2.1{}", ", 10.0.0.2".repeat(60));
        assert_eq!(found("10.0.0.1", &[&chain]), "192.0.2.1");
    }

    #[test]
    fn nobody_is_trusted_unless_named() {
        assert_eq!(client("127.0.0.1".parse().unwrap(), &[b"192.0.2.1"], &[]).to_string(), "127.0.0.1");
    }
}
