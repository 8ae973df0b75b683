//! What the system asks of us besides keys: to end, to stop for a while, to go on.

/// A wish of the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(unix), allow(dead_code, reason = "nobody is stopped there"))]
pub(crate) enum Signal {
    /// End in order.
    End,
    /// Give the terminal back and stop.
    Stop,
    /// We were stopped and go on.
    Continue,
}

#[cfg(not(unix))]
pub(crate) use elsewhere::{Signals, stop, stop_with_group};
#[cfg(unix)]
pub(crate) use unix::{Signals, stop, stop_with_group};

#[cfg(unix)]
mod unix {
    use std::io;

    use rustix::process::{Signal as Raw, getpid, kill_current_process_group, kill_process};
    use tokio::signal::unix::{Signal as Stream, SignalKind, signal};

    use super::Signal;

    /// Signals as they come.
    #[derive(Debug)]
    pub(crate) struct Signals {
        terminate: Stream,
        hang_up: Stream,
        stop: Stream,
        go_on: Stream,
    }

    impl Signals {
        pub(crate) fn listen() -> io::Result<Self> {
            Ok(Self {
                terminate: signal(SignalKind::terminate())?,
                hang_up: signal(SignalKind::hangup())?,
                stop: signal(SignalKind::from_raw(Raw::TSTP.as_raw()))?,
                go_on: signal(SignalKind::from_raw(Raw::CONT.as_raw()))?,
            })
        }

        /// The next one. Cancel safe.
        pub(crate) async fn next(&mut self) -> Signal {
            tokio::select! {
                _ = self.terminate.recv() => Signal::End,
                _ = self.hang_up.recv() => Signal::End,
                _ = self.stop.recv() => Signal::Stop,
                _ = self.go_on.recv() => Signal::Continue,
            }
        }
    }

    /// Stops this process until it is told to go on.
    pub(crate) fn stop() {
        // It cannot fail for ourselves; if it did, we would simply go on.
        let _ = kill_process(getpid(), Raw::STOP);
    }

    /// Asks everything in the terminal's foreground to stop, as Ctrl-Z does; we are asked, too.
    pub(crate) fn stop_with_group() {
        let _ = kill_current_process_group(Raw::TSTP);
    }
}

#[cfg(not(unix))]
mod elsewhere {
    use std::io;

    use super::Signal;

    /// Only the interrupt is known here, and raw mode tells that as a key.
    #[derive(Debug)]
    pub(crate) struct Signals;

    impl Signals {
        pub(crate) fn listen() -> io::Result<Self> {
            Ok(Self)
        }

        pub(crate) async fn next(&mut self) -> Signal {
            match tokio::signal::ctrl_c().await {
                Ok(()) => Signal::End,
                Err(_) => std::future::pending().await,
            }
        }
    }

    pub(crate) fn stop() {}

    pub(crate) fn stop_with_group() {}
}
