//! What is done in a namespace without a process of its own: a thread goes there and stays.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, RecvFlags, SocketType, eth, recv, socket};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::namespace::Namespace;

/// Does something in a namespace, in a thread of its own.
pub(crate) fn inside<T: Send + 'static>(
    namespace: &Namespace,
    act: impl FnOnce() -> T + Send + 'static,
) -> JoinHandle<T> {
    let door = File::open(format!("/run/netns/{}", namespace.name())).unwrap();
    thread::spawn(move || {
        move_into_link_name_space(door.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
        act()
    })
}

/// Everything that passes the interfaces of a machine, as somebody on the wire sees it (packet(7)).
pub(crate) struct Capture {
    is_over: Arc<AtomicBool>,
    listening: JoinHandle<Vec<Vec<u8>>>,
}

/// How long the listener waits before it asks whether it is over.
const TICK: Duration = Duration::from_millis(50);

impl Capture {
    pub(crate) fn of(namespace: &Namespace) -> Self {
        // Opened before this returns, so that nothing is missed that is sent after.
        let wire = inside(namespace, || {
            let wire = socket(AddressFamily::PACKET, SocketType::RAW, Some(eth::ALL)).unwrap();
            set_socket_timeout(&wire, Timeout::Recv, Some(TICK)).unwrap();
            wire
        });
        let wire = wire.join().unwrap();
        let is_over = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&is_over);
        let listening = thread::spawn(move || listen(&wire, &until));
        Self { is_over, listening }
    }

    /// All frames so far; those that are on their way into it come too.
    pub(crate) fn ends(self) -> Vec<Vec<u8>> {
        self.is_over.store(true, Ordering::SeqCst);
        self.listening.join().unwrap()
    }
}

/// Until a moment without a frame after the end.
fn listen(wire: &OwnedFd, is_over: &AtomicBool) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    let mut buffer = vec![0; 128 * 1024];
    loop {
        match recv(wire, &mut buffer, RecvFlags::empty()) {
            Ok((size, _)) => frames.push(buffer[..size].to_vec()),
            Err(_) if is_over.load(Ordering::SeqCst) => return frames,
            Err(_) => {}
        }
    }
}
