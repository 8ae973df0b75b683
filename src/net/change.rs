//! Word of a change to this machine's network, so that whoever moves is followed at once.
//!
//! The kernel of Linux tells whoever asks when an interface, an address or a route comes or goes (rtnetlink(7)), which
//! costs nothing while nothing changes. On other systems there is no word, and the look once a second has to do.

#[cfg(target_os = "linux")]
pub(super) use linux::Changes;
#[cfg(not(target_os = "linux"))]
pub(super) use other::Changes;

#[cfg(target_os = "linux")]
mod linux {
    use std::os::unix::net::UnixDatagram as StdDatagram;

    use rustix::net::netlink::SocketAddrNetlink;
    use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, socket_with};
    use tokio::net::UnixDatagram;

    /// Links, IPv4 addresses and routes, IPv6 addresses and routes: what RTMGRP_LINK, RTMGRP_IPV4_IFADDR,
    /// RTMGRP_IPV4_ROUTE, RTMGRP_IPV6_IFADDR and RTMGRP_IPV6_ROUTE stand for.
    const GROUPS: u32 = 0x1 | 0x10 | 0x40 | 0x100 | 0x400;

    /// What the kernel tells, on a socket that tokio reads as it reads any for datagrams of this machine.
    #[derive(Debug)]
    pub(in crate::net) struct Changes(Option<UnixDatagram>);

    impl Changes {
        /// Where the kernel does not let us ask there will be no word.
        pub(in crate::net) fn new() -> Self {
            let opened = open();
            if let Err(error) = &opened {
                tracing::debug!(%error, "asking to be told of changes to the network");
            }
            Self(opened.ok())
        }

        /// Waits for the next word. What it says is looked up afresh; too many of them at once are an error that says
        /// as much.
        pub(in crate::net) async fn next(&self) {
            match &self.0 {
                Some(socket) => {
                    let _ = socket.recv(&mut [0; 16]).await;
                }
                None => std::future::pending().await,
            }
        }
    }

    fn open() -> std::io::Result<UnixDatagram> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = socket_with(AddressFamily::NETLINK, SocketType::DGRAM, flags, None)?;
        bind(&socket, &SocketAddrNetlink::new(0, GROUPS))?;
        UnixDatagram::from_std(StdDatagram::from(socket))
    }
}

#[cfg(not(target_os = "linux"))]
mod other {
    /// No word of any change.
    #[derive(Debug)]
    pub(in crate::net) struct Changes;

    impl Changes {
        pub(in crate::net) fn new() -> Self {
            Self
        }

        pub(in crate::net) async fn next(&self) {
            std::future::pending().await
        }
    }
}
