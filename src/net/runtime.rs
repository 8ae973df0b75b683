//! How QUIC is woken: by timers that wake nobody in vain, and by a socket that does so only to be read.
//!
//! quinn's own runtime listens for room to write as well, and the kernel tells of it after every packet sent: whoever
//! is quiet and sends two a second would be woken twice as often.

use std::io;
use std::net::UdpSocket;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use quinn::{AsyncTimer, AsyncUdpSocket};

use super::alarm::Alarm;

/// Tokio, for QUIC.
#[derive(Debug)]
pub(super) struct Runtime;

impl quinn::Runtime for Runtime {
    fn new_timer(&self, due: Instant) -> Pin<Box<dyn AsyncTimer>> {
        Box::pin(Alarm::at(due.into()))
    }

    fn spawn(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        tokio::spawn(future);
    }

    fn wrap_udp_socket(&self, socket: UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        #[cfg(unix)]
        let udp = Arc::new(unix::Udp::new(socket)?);
        #[cfg(not(unix))]
        let udp = quinn::TokioRuntime.wrap_udp_socket(socket)?;
        Ok(udp)
    }

    fn now(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }
}

impl AsyncTimer for Alarm {
    fn reset(self: Pin<&mut Self>, due: Instant) {
        self.get_mut().set(Some(due.into()));
    }

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        Self::poll(self.get_mut(), context)
    }
}

#[cfg(unix)]
mod unix {
    use std::fmt;
    use std::io::{self, ErrorKind, IoSliceMut};
    use std::net::{SocketAddr, UdpSocket};
    use std::pin::Pin;
    use std::sync::{Arc, OnceLock};
    use std::task::{Context, Poll, ready};

    use quinn::udp::{RecvMeta, Transmit, UdpSocketState};
    use quinn::{AsyncUdpSocket, UdpPoller};
    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;

    #[derive(Debug)]
    pub(super) struct Udp {
        state: UdpSocketState,
        reads: AsyncFd<UdpSocket>,
        /// The same socket once more, from when it first had no room on.
        writes: OnceLock<AsyncFd<UdpSocket>>,
    }

    impl Udp {
        pub(super) fn new(socket: UdpSocket) -> io::Result<Self> {
            // It sees to it that nobody blocks.
            let state = UdpSocketState::new((&socket).into())?;
            Ok(Self {
                state,
                reads: registered(socket, Interest::READABLE)?,
                writes: OnceLock::new(),
            })
        }

        fn send(&self, socket: &UdpSocket, transmit: &Transmit<'_>) -> io::Result<()> {
            self.state.send(socket.into(), transmit)
        }

        fn begin_to_wait(&self) -> io::Result<()> {
            let again = self.reads.get_ref().try_clone()?;
            let writes = registered(again, Interest::WRITABLE)?;
            // Whoever was faster waits as well.
            let _ = self.writes.set(writes);
            Ok(())
        }
    }

    impl AsyncUdpSocket for Udp {
        fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
            Box::pin(Room {
                udp: self,
                waits: None,
            })
        }

        fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
            if let Some(writes) = self.writes.get() {
                return writes.try_io(Interest::WRITABLE, |socket| self.send(socket, transmit));
            }
            let sent = self.send(self.reads.get_ref(), transmit);
            match sent {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    // If nobody can tell when there is room, the packet is lost, and not waited for.
                    self.begin_to_wait().and(Err(error))
                }
                Err(_) | Ok(()) => sent,
            }
        }

        fn poll_recv(
            &self,
            context: &mut Context<'_>,
            buffers: &mut [IoSliceMut<'_>],
            meta: &mut [RecvMeta],
        ) -> Poll<io::Result<usize>> {
            loop {
                let mut ready = ready!(self.reads.poll_read_ready(context))?;
                let received = ready.try_io(|socket| {
                    let socket = socket.get_ref();
                    self.state.recv(socket.into(), buffers, meta)
                });
                if let Ok(received) = received {
                    return Poll::Ready(received);
                }
            }
        }

        fn local_addr(&self) -> io::Result<SocketAddr> {
            self.reads.get_ref().local_addr()
        }

        fn max_transmit_segments(&self) -> usize {
            self.state.max_gso_segments()
        }

        fn max_receive_segments(&self) -> usize {
            self.state.gro_segments()
        }

        fn may_fragment(&self) -> bool {
            self.state.may_fragment()
        }
    }

    #[allow(
        deprecated,
        reason = "what tokio has instead is for sockets that may not be theirs who give them"
    )]
    fn registered(socket: UdpSocket, interest: Interest) -> io::Result<AsyncFd<UdpSocket>> {
        AsyncFd::with_interest(socket, interest)
    }

    type Waits = Pin<Box<dyn Future<Output = io::Result<()>> + Send + Sync>>;

    /// Waits for room to write, where there was none.
    struct Room {
        udp: Arc<Udp>,
        waits: Option<Waits>,
    }

    impl UdpPoller for Room {
        fn poll_writable(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
        ) -> Poll<io::Result<()>> {
            let Self { udp, waits } = &mut *self;
            if udp.writes.get().is_none() {
                return Poll::Ready(Ok(()));
            }
            let udp = Arc::clone(udp);
            let wait = waits.get_or_insert_with(|| Box::pin(async move { room(&udp).await }));
            let ready = ready!(wait.as_mut().poll(context));
            *waits = None;
            Poll::Ready(ready)
        }
    }

    async fn room(udp: &Udp) -> io::Result<()> {
        if let Some(writes) = udp.writes.get() {
            writes.writable().await?.retain_ready();
        }
        Ok(())
    }

    impl fmt::Debug for Room {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_struct("Room")
                .field("udp", &self.udp)
                .finish_non_exhaustive()
        }
    }
}
