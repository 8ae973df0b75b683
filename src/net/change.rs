//! Word of a change to this machine's network, so that whoever moves is followed at once.
//!
//! The kernel of Linux tells whoever asks when an interface, an address or a route comes or goes (rtnetlink(7)), which
//! costs nothing while nothing changes. Where there is no word, the network is taken to have changed now and then.

use std::time::Duration;

use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

/// How often that is. Whoever falls silent meanwhile is a word too.
const NOW_AND_THEN: Duration = Duration::from_secs(30);

/// What is to be known of changes.
#[derive(Debug)]
pub(super) struct Changes {
    word: Option<Word>,
    now_and_then: Interval,
}

impl Changes {
    pub(super) fn new() -> Self {
        let opened = Word::new();
        if let Err(error) = &opened {
            tracing::debug!(%error, "asking to be told of changes to the network");
        }
        let mut now_and_then = interval_at(Instant::now() + NOW_AND_THEN, NOW_AND_THEN);
        now_and_then.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            word: opened.ok(),
            now_and_then,
        }
    }

    /// Waits until the network may have changed. How it has is looked up afresh.
    pub(super) async fn next(&mut self) {
        match &self.word {
            Some(word) => word.next().await,
            None => {
                self.now_and_then.tick().await;
            }
        }
    }
}

#[cfg(target_os = "linux")]
use linux::Word;
#[cfg(not(target_os = "linux"))]
use other::Word;

#[cfg(target_os = "linux")]
mod linux {
    use std::io;
    use std::os::unix::net::UnixDatagram as StdDatagram;

    use rustix::net::netlink::SocketAddrNetlink;
    use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, socket_with};
    use tokio::net::UnixDatagram;

    /// Links, IPv4 addresses and routes, IPv6 addresses and routes: what RTMGRP_LINK, RTMGRP_IPV4_IFADDR,
    /// RTMGRP_IPV4_ROUTE, RTMGRP_IPV6_IFADDR and RTMGRP_IPV6_ROUTE stand for.
    const GROUPS: u32 = 0x1 | 0x10 | 0x40 | 0x100 | 0x400;

    /// What the kernel tells, on a socket that tokio reads as it reads any for datagrams of this machine.
    #[derive(Debug)]
    pub(super) struct Word(UnixDatagram);

    impl Word {
        pub(super) fn new() -> io::Result<Self> {
            let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
            let socket = socket_with(AddressFamily::NETLINK, SocketType::DGRAM, flags, None)?;
            bind(&socket, &SocketAddrNetlink::new(0, GROUPS))?;
            Ok(Self(UnixDatagram::from_std(StdDatagram::from(socket))?))
        }

        /// Waits for the next word. Too many of them at once are an error that says as much.
        pub(super) async fn next(&self) {
            let _ = self.0.recv(&mut [0; 16]).await;
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod other {
    use std::future::pending;
    use std::io;

    /// None of any change.
    #[derive(Debug)]
    pub(super) struct Word;

    impl Word {
        pub(super) fn new() -> io::Result<Self> {
            Err(io::ErrorKind::Unsupported.into())
        }

        pub(super) async fn next(&self) {
            pending().await
        }
    }
}
