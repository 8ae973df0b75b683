//! The system asks us to end or to reload: the one place that knows how each platform says so.

use std::io;

/// What the system wants of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    End,
    /// Read the configuration again. Only Unix has a signal for it.
    Reload,
}

/// Listens for the system's wish that this process ends; from then on the wish alone does not end it.
#[derive(Debug)]
pub struct Signals {
    inner: platform::Signals,
}

impl Signals {
    /// Begins to listen. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// If the system does not let us.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            inner: platform::Signals::listen()?,
        })
    }

    /// Waits until the system asks us to end; may be waited for again. Cancel-safe.
    ///
    /// A terminal that is gone asks for that too: whoever sat there has left.
    pub async fn asked(&mut self) {
        match self.inner.next().await {
            Wish::End | Wish::Reload => {}
        }
    }

    /// Waits for what the system wants of a server, to which a hangup means to reload. Cancel-safe.
    pub async fn next(&mut self) -> Wish {
        self.inner.next().await
    }
}

#[cfg(unix)]
mod platform {
    use std::io;

    use tokio::signal::unix::{Signal, SignalKind, signal};

    use super::Wish;

    #[derive(Debug)]
    pub(super) struct Signals {
        terminate: Signal,
        interrupt: Signal,
        /// The terminal is gone, or an operator wants a reload.
        hangup: Signal,
    }

    impl Signals {
        pub(super) fn listen() -> io::Result<Self> {
            Ok(Self {
                terminate: signal(SignalKind::terminate())?,
                interrupt: signal(SignalKind::interrupt())?,
                hangup: signal(SignalKind::hangup())?,
            })
        }

        pub(super) async fn next(&mut self) -> Wish {
            tokio::select! {
                _ = self.terminate.recv() => Wish::End,
                _ = self.interrupt.recv() => Wish::End,
                _ = self.hangup.recv() => Wish::Reload,
            }
        }
    }
}

#[cfg(windows)]
mod platform {
    use std::io;

    use tokio::signal::windows::{CtrlBreak, CtrlC, CtrlClose, ctrl_break, ctrl_c, ctrl_close};

    use super::Wish;

    #[derive(Debug)]
    pub(super) struct Signals {
        interrupt: CtrlC,
        terminate: CtrlBreak,
        /// The console window is closed.
        close: CtrlClose,
    }

    impl Signals {
        pub(super) fn listen() -> io::Result<Self> {
            Ok(Self {
                interrupt: ctrl_c()?,
                terminate: ctrl_break()?,
                close: ctrl_close()?,
            })
        }

        pub(super) async fn next(&mut self) -> Wish {
            tokio::select! {
                _ = self.interrupt.recv() => {}
                _ = self.terminate.recv() => {}
                _ = self.close.recv() => {}
            }
            Wish::End
        }
    }
}
