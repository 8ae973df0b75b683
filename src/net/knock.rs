//! Asking a machine whether anybody listens at a UDP port of its.
//!
//! A machine whose process has died answers packets for its port with an ICMP message, which a system passes on to a
//! socket only if that is connected. The one socket under QUIC talks to everybody and cannot be, so that the question
//! is asked by one of its own, with a byte that QUIC passes over. It works alike on Linux, macOS and Windows; a
//! firewall that keeps either packet back makes it a silence like any other.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::UdpSocket;
use tokio::time::timeout;

use crate::proto::limits::REFUSED_WAIT;

/// Without the bit that every QUIC packet has (RFC 9000, section 17).
const NOTHING: [u8; 1] = [0];

/// Whether the machine at `address` says that nobody is there.
pub(super) async fn is_refused(address: SocketAddr) -> bool {
    let any: IpAddr = match address {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let asked = async {
        let socket = UdpSocket::bind((any, 0)).await?;
        socket.connect(address).await?;
        socket.send(&NOTHING).await?;
        socket.recv(&mut [0]).await
    };
    match timeout(REFUSED_WAIT, asked).await {
        Ok(Err(error)) => matches!(
            error.kind(),
            ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset
        ),
        Ok(Ok(_)) | Err(_) => false,
    }
}

/// Whether a refusal from there says anything of one that dialled us. A router between us passes on what comes from
/// the address that its machine has dialled and nothing else, and some refuse all that.
pub(super) fn is_near(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_without_a_process_is_refused() {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        drop(socket);
        assert!(is_refused(address).await);
    }

    #[tokio::test]
    async fn a_process_that_says_nothing_is_none_that_is_gone() {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        assert!(!is_refused(socket.local_addr().unwrap()).await);
    }
}
