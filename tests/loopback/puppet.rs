//! A driver under a puppet, in a runtime of its own.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use fireside::identity::Identity;
use fireside::net::gauge::Gauge;
use fireside::net::relay::Observer;
use fireside::net::{Endpoint, driver};
use fireside::proto::limits::COMMAND_QUEUE_MAX;
use fireside::proto::role::Kind;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::strings::{Strings, puppet};
pub use crate::strings::{message, open};

/// Nothing on one machine takes so long; a test that waits for it has failed.
pub const PATIENCE: Duration = Duration::from_secs(15);

/// A node with its own runtime, so that it can be killed as a process is: without a word.
pub struct Node {
    strings: Strings,
    /// What its driver counts.
    pub gauge: Gauge,
    stop: CancellationToken,
    kill: CancellationToken,
    thread: Option<JoinHandle<Option<anyhow::Result<()>>>>,
}

impl Deref for Node {
    type Target = Strings;

    fn deref(&self) -> &Strings {
        &self.strings
    }
}

impl DerefMut for Node {
    fn deref_mut(&mut self) -> &mut Strings {
        &mut self.strings
    }
}

pub fn identity(seed: u8) -> Identity {
    Identity::from_seed([seed; 32])
}

/// A client, who accepts peers.
pub fn client(seed: u8) -> Node {
    Node::start(seed, "127.0.0.1:0", Kind::Peer, None)
}

/// A mesh node, which accepts whoever dials it and relays for clients.
pub fn supernode(seed: u8) -> Node {
    Node::start(seed, &format!("127.0.0.{seed}:0"), Kind::Mesh, None)
}

impl Node {
    pub fn start(
        seed: u8,
        listen: &str,
        accepts: Kind,
        observer: Option<Arc<dyn Observer>>,
    ) -> Self {
        let (kill, stop) = (CancellationToken::new(), CancellationToken::new());
        let (puppet, inputs_of, strings) = puppet();
        let (bound_to, bound) = std::sync::mpsc::channel();
        let listen = listen.parse().unwrap();
        let (killed, stopped) = (kill.clone(), stop.clone());
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            let ended = runtime.block_on(async move {
                let mut endpoint = Endpoint::bind(&identity(seed), listen, accepts).unwrap();
                if let Some(observer) = observer {
                    endpoint = endpoint.observed_by(observer);
                }
                let (gauge, address) = (endpoint.gauge(), endpoint.local_addr().unwrap());
                bound_to.send((address, gauge)).unwrap();
                let (outputs, _unread) = mpsc::channel(COMMAND_QUEUE_MAX);
                tokio::select! {
                    biased;
                    () = killed.cancelled() => None,
                    ended = driver::run(Box::new(puppet), endpoint, inputs_of, outputs, stopped) => Some(ended),
                }
            });
            runtime.shutdown_background();
            ended
        });
        let id = fireside::proto::seal::Seal::id(&identity(seed));
        let (address, gauge) = bound.recv().unwrap();
        Self {
            strings: strings(id, address, PATIENCE),
            gauge,
            stop,
            kill,
            thread: Some(thread),
        }
    }

    /// Ends it as SIGKILL does.
    pub fn kill(&mut self) {
        self.kill.cancel();
        self.thread.take().unwrap().join().unwrap();
    }

    /// Ends it as SIGTERM does.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// How its driver ended by itself.
    pub async fn ended(&mut self) -> anyhow::Result<()> {
        let thread = self.thread.take().unwrap();
        let joined = tokio::task::spawn_blocking(move || thread.join().unwrap());
        timeout(PATIENCE, joined).await.unwrap().unwrap().unwrap()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill.cancel();
    }
}
