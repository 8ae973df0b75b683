//! Addresses as people write them on the command line and in the configuration.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

/// The UDP port of mesh nodes.
pub const PORT: u16 = 7700;
/// Longest host name in the DNS (RFC 1035, section 2.3.4).
const HOST_SIZE_MAX: usize = 253;

/// Where a mesh node may be: a name that stands for all its addresses, or one address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPort {
    pub host: Host,
    pub port: u16,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    Name(String),
    Ip(IpAddr),
}

/// A socket to listen on; without a port the role's usual one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressPort {
    pub ip: IpAddr,
    pub port: Option<u16>,
}

/// Why it is no address, and what to write.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    #[error("it is empty; write it like {0}")]
    Empty(&'static str),
    #[error("{0:?} is no port; a port is a number from 1 to 65535")]
    Port(String),
    #[error("{0:?} is no name or address of a machine; write it like {HOST_EXAMPLE}")]
    Host(String),
    #[error("{0:?} is no IP address; write it like {ADDRESS_EXAMPLE}")]
    Ip(String),
}

const HOST_EXAMPLE: &str = "chat.example.org, 192.0.2.7:7700 or [2001:db8::7]:7700";
const ADDRESS_EXAMPLE: &str = "192.0.2.7, 192.0.2.7:7700 or [::]:7700";

impl AddressPort {
    #[must_use]
    pub fn or_port(self, port: u16) -> SocketAddr {
        SocketAddr::new(self.ip, self.port.unwrap_or(port))
    }
}

impl FromStr for HostPort {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if text.is_empty() {
            return Err(AddressError::Empty(HOST_EXAMPLE));
        }
        let (host, port) = split(text)?;
        let host = match host.parse::<IpAddr>() {
            Ok(ip) => Host::Ip(ip),
            Err(_) if is_name(host) => Host::Name(host.to_owned()),
            Err(_) => return Err(AddressError::Host(host.to_owned())),
        };
        match port {
            Some(0) => Err(AddressError::Port("0".to_owned())),
            Some(port) => Ok(Self { host, port }),
            None => Ok(Self { host, port: PORT }),
        }
    }
}

impl FromStr for AddressPort {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if text.is_empty() {
            return Err(AddressError::Empty(ADDRESS_EXAMPLE));
        }
        let (host, port) = split(text)?;
        let ip = host
            .parse()
            .map_err(|_| AddressError::Ip(host.to_owned()))?;
        Ok(Self { ip, port })
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Name(name) => write!(f, "{name}:{}", self.port),
            Host::Ip(ip) => write!(f, "{}", SocketAddr::new(*ip, self.port)),
        }
    }
}

/// `HOST`, `HOST:PORT`, `IPV6`, `[IPV6]` or `[IPV6]:PORT` in its parts.
fn split(text: &str) -> Result<(&str, Option<u16>), AddressError> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest
            .split_once(']')
            .ok_or_else(|| AddressError::Host(text.to_owned()))?;
        return match rest.strip_prefix(':') {
            Some(digits) => Ok((host, Some(port(digits)?))),
            None if rest.is_empty() => Ok((host, None)),
            None => Err(AddressError::Host(text.to_owned())),
        };
    }
    match text.split_once(':') {
        // More than one colon: an IPv6 address without brackets has no port.
        Some((_, rest)) if rest.contains(':') => Ok((text, None)),
        Some((host, digits)) => Ok((host, Some(port(digits)?))),
        None => Ok((text, None)),
    }
}

fn port(digits: &str) -> Result<u16, AddressError> {
    digits
        .parse()
        .map_err(|_| AddressError::Port(digits.to_owned()))
}

/// Letters, digits, `-` and `_` in labels; international names are written in their `xn--` form or resolved
/// as they are, which is the resolver's to say.
fn is_name(text: &str) -> bool {
    // What looks like an IPv4 address and is none (300.1.1.1) is a slip of the pen, not a name.
    let is_number = |label: &str| label.bytes().all(|b| b.is_ascii_digit());
    let text = text.strip_suffix('.').unwrap_or(text);
    text.len() <= HOST_SIZE_MAX
        && !text.rsplit('.').next().is_some_and(is_number)
        && text.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && label
                    .chars()
                    .all(|c| c.is_alphanumeric() || c == '-' || c == '_')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_read_with_and_without_a_port() {
        for (text, written) in [
            ("localhost", "localhost:7700"),
            ("chat.example.org:9", "chat.example.org:9"),
            ("127.0.0.11", "127.0.0.11:7700"),
            ("127.0.0.11:1234", "127.0.0.11:1234"),
            ("::1", "[::1]:7700"),
            ("[::1]", "[::1]:7700"),
            ("[2001:db8::7]:443", "[2001:db8::7]:443"),
        ] {
            assert_eq!(
                text.parse::<HostPort>().map(|host| host.to_string()),
                Ok(written.to_owned()),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_a_word_on_what_to_write() {
        for text in [
            "",
            ":7700",
            "a b",
            "host:port",
            "host:70000",
            "host:0",
            "300.1.1.1",
            "[::1",
            "[::1]x",
            "-x",
            "a..b",
            "a/b",
        ] {
            let why = text.parse::<HostPort>().expect_err(text).to_string();
            assert!(why.contains("; "), "{text}: {why}");
        }
        for text in ["", "localhost:1", "127.0.0.1:x", "1.2.3"] {
            assert!(text.parse::<AddressPort>().is_err(), "{text}");
        }
    }
}
