//! One spelling of a host: lower case, no trailing dot, port in decimal and left out where it is 80 or 443.

use std::fmt::Write as _;
use std::net::Ipv6Addr;

use super::Malformed;

/// # Errors
/// It is no host with an optional port: user information, several hosts, a bad label or port.
pub(super) fn canonical(value: &str, place: &str) -> Result<String, Malformed> {
    let bad = |what: &str| Malformed::bad(what, place);
    let (mut name, port) = if let Some(rest) = value.strip_prefix('[') {
        let (address, rest) = rest.split_once(']').ok_or_else(|| bad("not a host"))?;
        let address: Ipv6Addr = address.parse().map_err(|_| bad("not an IPv6 address"))?;
        let port = match rest.strip_prefix(':') {
            Some(port) => Some(port),
            None if rest.is_empty() => None,
            None => return Err(bad("not a host")),
        };
        (format!("[{address}]"), port)
    } else {
        let (name, port) = match value.split_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (value, None),
        };
        let name = name.strip_suffix('.').unwrap_or(name);
        let fine = !name.is_empty()
            && name.len() <= 253
            && name.split('.').all(|label| {
                !label.is_empty()
                    && label.len() <= 63
                    && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
            });
        if !fine {
            return Err(bad("not a host"));
        }
        // Room for a port.
        let mut lower = String::with_capacity(name.len() + 6);
        lower.push_str(name);
        lower.make_ascii_lowercase();
        (lower, port)
    };
    match port {
        None | Some("") => Ok(name),
        Some(port) => {
            let fine = port.len() <= 5 && port.bytes().all(|byte| byte.is_ascii_digit());
            let port: u16 =
                if fine { port.parse().map_err(|_| bad("not a port"))? } else { return Err(bad("not a port")) };
            match port {
                0 => Err(bad("not a port")),
                80 | 443 => Ok(name),
                _ => {
                    let _ = write!(name, ":{port}");
                    Ok(name)
                }
            }
        }
    }
}
