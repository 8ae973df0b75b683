//! A driver under a role without a will: it does what the test orders, and shows what it is told.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use fireside::identity::Identity;
use fireside::net::relay::Observer;
use fireside::net::{Endpoint, driver};
use fireside::proto::event::Path;
use fireside::proto::id::{GroupName, NodeId};
use fireside::proto::limits::{COMMAND_QUEUE_MAX, WIRE_VERSION};
use fireside::proto::role::{DialId, Input, Kind, LinkId, Output, Role, Target};
use fireside::proto::time::{Mono, Now};
use fireside::proto::wire::{Message, Reason};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Nothing on one machine takes so long; a test that waits for it has failed.
pub const PATIENCE: Duration = Duration::from_secs(15);

type Script = Arc<Mutex<VecDeque<Output>>>;

struct Puppet {
    script: Script,
    told: mpsc::UnboundedSender<Input>,
}

impl Role for Puppet {
    fn handle(&mut self, _now: Now, input: Input) {
        if !matches!(input, Input::Found { .. }) {
            let _ = self.told.send(input);
        }
    }

    fn poll(&mut self) -> Option<Output> {
        self.script.lock().unwrap().pop_front()
    }

    fn poll_timeout(&self) -> Option<Mono> {
        None
    }
}

/// A node with its own runtime, so that it can be killed as a process is: without a word.
pub struct Node {
    pub id: NodeId,
    pub address: SocketAddr,
    script: Script,
    told: mpsc::UnboundedReceiver<Input>,
    kept: VecDeque<Input>,
    inputs: mpsc::Sender<Input>,
    stop: CancellationToken,
    kill: CancellationToken,
    thread: Option<JoinHandle<Option<anyhow::Result<()>>>>,
    dials: u64,
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

pub fn message(text: &str) -> Message {
    Message::Leave {
        group: GroupName::parse(text).unwrap(),
    }
}

impl Node {
    pub fn start(
        seed: u8,
        listen: &str,
        accepts: Kind,
        observer: Option<Arc<dyn Observer>>,
    ) -> Self {
        let (script, kill, stop) = (
            Script::default(),
            CancellationToken::new(),
            CancellationToken::new(),
        );
        let (told_to, told) = mpsc::unbounded_channel();
        let (inputs, inputs_of) = mpsc::channel(COMMAND_QUEUE_MAX);
        let (bound_to, bound) = std::sync::mpsc::channel();
        let puppet = Puppet {
            script: Arc::clone(&script),
            told: told_to,
        };
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
                bound_to.send(endpoint.local_addr().unwrap()).unwrap();
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
        Self {
            id: fireside::proto::seal::Seal::id(&identity(seed)),
            address: bound.recv().unwrap(),
            script,
            told,
            kept: VecDeque::new(),
            inputs,
            stop,
            kill,
            thread: Some(thread),
            dials: 0,
        }
    }

    /// Has its role want something.
    pub async fn order(&self, output: Output) {
        self.script.lock().unwrap().push_back(output);
        let nudge = Input::Found {
            addresses: Vec::new(),
        };
        self.inputs.send(nudge).await.unwrap();
    }

    pub async fn say(&self, link: LinkId, message: Message) {
        let to = vec![link];
        self.order(Output::Send { to, message }).await;
    }

    pub async fn route(&self, peer: NodeId, via: LinkId) {
        self.order(Output::Route { peer, via }).await;
    }

    /// Begins a dial.
    pub async fn begin(&mut self, to: Target) -> DialId {
        self.dials += 1;
        let dial = DialId(self.dials);
        self.order(Output::Dial { dial, to }).await;
        dial
    }

    /// Links with a mesh node.
    pub async fn link(&mut self, node: &Self) -> LinkId {
        let dial = self
            .begin(Target::Node {
                address: node.address,
                id: Some(node.id),
            })
            .await;
        self.linked(dial).await
    }

    /// Links with a peer over a supernode.
    pub async fn reach(&mut self, peer: NodeId, via: LinkId) -> LinkId {
        let dial = self.begin(Target::Peer { id: peer, via }).await;
        self.linked(dial).await
    }

    pub async fn linked(&mut self, wanted: DialId) -> LinkId {
        self.until("an answer to a dial", |input| match input {
            Input::Linked {
                link,
                dial: Some(dial),
                ..
            } if *dial == wanted => Some(*link),
            Input::Undialled { dial, why } if *dial == wanted => panic!("no link: {why}"),
            _ => None,
        })
        .await
    }

    /// The link by which `who` dialled us.
    pub async fn dialled_by(&mut self, who: NodeId) -> LinkId {
        self.until("a dial from another", |input| match input {
            Input::Linked {
                link,
                dial: None,
                peer,
                ..
            } if *peer == who => Some(*link),
            _ => None,
        })
        .await
    }

    pub async fn undialled(&mut self, wanted: DialId) -> String {
        self.until("a failed dial", |input| match input {
            Input::Undialled { dial, why } if *dial == wanted => Some(why.clone()),
            Input::Linked { dial, .. } if *dial == Some(wanted) => panic!("there is a link"),
            _ => None,
        })
        .await
    }

    pub async fn lost(&mut self, wanted: LinkId) -> Option<Reason> {
        self.until("a lost link", |input| match input {
            Input::Lost { link, why } if *link == wanted => Some(*why),
            _ => None,
        })
        .await
    }

    pub async fn quiet(&mut self, wanted: LinkId) {
        self.until("a quiet link", |input| match input {
            Input::Quiet { link, .. } if *link == wanted => Some(()),
            Input::Lost { link, why } if *link == wanted => panic!("the link is lost: {why:?}"),
            _ => None,
        })
        .await;
    }

    pub async fn heard(&mut self, from: LinkId) -> Message {
        self.until("a message", |input| match input {
            Input::Received { link, message } if *link == from => Some(message.clone()),
            Input::Lost { link, why } if *link == from => panic!("the link is lost: {why:?}"),
            _ => None,
        })
        .await
    }

    pub async fn path(&mut self, wanted: NodeId) -> (Path, Option<NodeId>) {
        self.until("a path", |input| match input {
            Input::PathIs {
                peer, path, via, ..
            } if *peer == wanted => Some((*path, *via)),
            _ => None,
        })
        .await
    }

    /// The first thing it is told that `wanted` knows. What nobody wanted yet is kept in its order.
    pub async fn until<T>(&mut self, what: &str, mut wanted: impl FnMut(&Input) -> Option<T>) -> T {
        for (at, input) in self.kept.iter().enumerate() {
            if let Some(found) = wanted(input) {
                self.kept.remove(at);
                return found;
            }
        }
        let found = timeout(PATIENCE, async {
            loop {
                let input = self.told.recv().await.expect("the driver is alive");
                if let Some(found) = wanted(&input) {
                    return found;
                }
                self.kept.push_back(input);
            }
        })
        .await;
        found.unwrap_or_else(|_| panic!("{:?} waited in vain for {what}", self.id))
    }

    /// Everything it was told that no test has waited for.
    pub fn unseen(&mut self) -> Vec<Input> {
        let told = std::iter::from_fn(|| self.told.try_recv().ok());
        self.kept.drain(..).chain(told).collect()
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

/// The first thing on any link.
pub fn open() -> Message {
    Message::Open {
        version: WIRE_VERSION,
        record: None,
    }
}
