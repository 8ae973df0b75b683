//! Tells systemd how we are, if it asked to be told (sd_notify(3)): ready, reloading, ending, still alive.
//!
//! It names a datagram socket in `NOTIFY_SOCKET`; each word is one datagram. Nobody waits for it, and elsewhere
//! than under systemd all of it is nothing.

use std::time::Duration;

use crate::report::Failure;

/// The line to systemd, if there is one.
#[derive(Debug, Default)]
pub struct Systemd {
    socket: Option<platform::Socket>,
    /// How long it waits for a sign of life before it ends us.
    patience: Option<Duration>,
}

impl Systemd {
    /// What the surroundings say of it.
    ///
    /// # Errors
    /// If it named a socket that cannot be reached: it would wait for us in vain, and then end us.
    pub fn listening() -> Result<Self, Failure> {
        let Some(name) = std::env::var_os("NOTIFY_SOCKET") else {
            return Ok(Self::default());
        };
        let socket = platform::Socket::open(&name).map_err(|why| {
            Failure::new(
                "cannot tell systemd how we are",
                format!("NOTIFY_SOCKET={}: {why}", name.display()),
                "unset NOTIFY_SOCKET if it is not systemd that starts this",
            )
        })?;
        let word = |name| std::env::var(name).ok();
        Ok(Self {
            socket: Some(socket),
            patience: patience(word("WATCHDOG_USEC"), word("WATCHDOG_PID")),
        })
    }

    /// How often to say that we are alive; twice as often as it must be.
    #[must_use]
    pub fn pulse(&self) -> Option<Duration> {
        self.patience.map(|patience| patience / 2)
    }

    /// All is set up, or set up anew; `status` is what `systemctl status` shows.
    pub fn ready(&self, status: &str) {
        self.say(&format!("READY=1\nSTATUS={}", one_line(status)));
    }

    pub fn reloading(&self) {
        let now = platform::monotonic_us();
        self.say(&format!("RELOADING=1\nMONOTONIC_USEC={now}"));
    }

    pub fn stopping(&self) {
        self.say("STOPPING=1\nSTATUS=handing over");
    }

    pub fn alive(&self) {
        self.say("WATCHDOG=1");
    }

    fn say(&self, words: &str) {
        if let Some(socket) = &self.socket
            && let Err(error) = socket.send(words.as_bytes())
        {
            tracing::warn!(%error, "systemd does not hear us");
        }
    }
}

/// The watchdog's patience, if it is meant for this process.
fn patience(us: Option<String>, pid: Option<String>) -> Option<Duration> {
    let us: u64 = us?.parse().ok().filter(|us| *us > 0)?;
    let is_ours = pid.is_none_or(|pid| pid == std::process::id().to_string());
    is_ours.then(|| Duration::from_micros(us))
}

fn one_line(text: &str) -> String {
    text.replace('\n', " ")
}

#[cfg(unix)]
mod platform {
    use std::ffi::OsStr;
    use std::io;
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::net::UnixDatagram;
    use std::path::Path;

    use rustix::time::{ClockId, clock_gettime};

    #[derive(Debug)]
    pub(super) struct Socket(UnixDatagram);

    impl Socket {
        pub(super) fn open(name: &OsStr) -> io::Result<Self> {
            let socket = UnixDatagram::unbound()?;
            match name.as_bytes().strip_prefix(b"@") {
                Some(name) => connect_abstract(&socket, name)?,
                None => socket.connect(Path::new(name))?,
            }
            // A full socket loses a word rather than stopping us.
            socket.set_nonblocking(true)?;
            Ok(Self(socket))
        }

        pub(super) fn send(&self, words: &[u8]) -> io::Result<()> {
            self.0.send(words).map(|_| ())
        }
    }

    #[cfg(target_os = "linux")]
    fn connect_abstract(socket: &UnixDatagram, name: &[u8]) -> io::Result<()> {
        use std::os::linux::net::SocketAddrExt as _;
        use std::os::unix::net::SocketAddr;
        socket.connect_addr(&SocketAddr::from_abstract_name(name)?)
    }

    #[cfg(not(target_os = "linux"))]
    fn connect_abstract(_: &UnixDatagram, _: &[u8]) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// On the clock that systemd compares with.
    pub(super) fn monotonic_us() -> i128 {
        let now = clock_gettime(ClockId::Monotonic);
        i128::from(now.tv_sec) * 1_000_000 + i128::from(now.tv_nsec) / 1_000
    }
}

#[cfg(not(unix))]
mod platform {
    use std::ffi::OsStr;
    use std::io;

    #[derive(Debug)]
    pub(super) struct Socket;

    impl Socket {
        pub(super) fn open(_: &OsStr) -> io::Result<Self> {
            Err(io::ErrorKind::Unsupported.into())
        }

        pub(super) fn send(&self, _: &[u8]) -> io::Result<()> {
            Ok(())
        }
    }

    pub(super) fn monotonic_us() -> i128 {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watchdog_of_another_process_is_not_ours() {
        let us = || Some("30000000".to_owned());
        let seconds = Some(Duration::from_secs(30));
        assert_eq!(patience(us(), None), seconds);
        assert_eq!(
            patience(us(), Some(std::process::id().to_string())),
            seconds
        );
        assert_eq!(patience(us(), Some("1".to_owned())), None);
        assert_eq!(patience(Some("0".to_owned()), None), None);
        assert_eq!(patience(Some("often".to_owned()), None), None);
        assert_eq!(patience(None, None), None);
    }
}
