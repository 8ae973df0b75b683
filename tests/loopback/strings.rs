//! A role without a will, and what it hangs on: it does what the test orders, and shows what it is told.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fireside::identity::Identity;
use fireside::proto::event::Path;
use fireside::proto::id::{GroupName, NodeId, Number};
use fireside::proto::limits::{COMMAND_QUEUE_MAX, WIRE_VERSION};
use fireside::proto::role::{DialId, Input, LinkId, Output, Role, Target};
use fireside::proto::time::{Mono, Now, Wall};
use fireside::proto::wire::{Body, Entry, Message, Reason};
use tokio::sync::mpsc;
use tokio::time::timeout;

type Script = Arc<Mutex<VecDeque<Output>>>;

pub struct Puppet {
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

/// The test's end of a puppet.
pub struct Strings {
    pub id: NodeId,
    pub address: SocketAddr,
    /// How long something may take that the test waits for.
    patience: Duration,
    script: Script,
    told: mpsc::UnboundedReceiver<Input>,
    kept: VecDeque<Input>,
    inputs: mpsc::Sender<Input>,
    dials: u64,
}

/// A puppet, the inputs of its driver, and what its strings are made of.
pub fn puppet() -> (
    Puppet,
    mpsc::Receiver<Input>,
    impl FnOnce(NodeId, SocketAddr, Duration) -> Strings,
) {
    let script = Script::default();
    let (told_to, told) = mpsc::unbounded_channel();
    let (inputs, inputs_of) = mpsc::channel(COMMAND_QUEUE_MAX);
    let puppet = Puppet {
        script: Arc::clone(&script),
        told: told_to,
    };
    let strings = |id, address, patience| Strings {
        id,
        address,
        patience,
        script,
        told,
        kept: VecDeque::new(),
        inputs,
        dials: 0,
    };
    (puppet, inputs_of, strings)
}

pub fn message(text: &str) -> Message {
    Message::Leave {
        group: GroupName::parse(text).unwrap(),
    }
}

/// A line of ten kilobytes.
pub fn bulk(number: u64) -> Message {
    let group = GroupName::parse("#bulk").unwrap();
    let text = "0123456789".repeat(1_000);
    let author = Identity::from_seed([9; 32]);
    let body = Body::Text { text };
    let entry = Entry::signed(&author, &group, Number(number), Wall(0), body);
    let entries = vec![entry];
    Message::Put { group, entries }
}

impl Strings {
    /// Has its role want something.
    pub async fn order(&self, output: Output) {
        self.order_all([output]).await;
    }

    /// Has its role want several things in one turn.
    pub async fn order_all(&self, outputs: impl IntoIterator<Item = Output>) {
        self.script.lock().unwrap().extend(outputs);
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

    /// Lets a peer know where it is.
    pub async fn show(&self, peer: NodeId) {
        self.order(Output::Show { peer }).await;
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
            Input::Undialled { dial, why, .. } if *dial == wanted => panic!("no link: {why}"),
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
            Input::Undialled { dial, why, .. } if *dial == wanted => Some(why.clone()),
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

    pub async fn heard_again(&mut self, wanted: LinkId) {
        self.until("a link that is heard again", |input| match input {
            Input::Heard { link } if *link == wanted => Some(()),
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
        let found = timeout(self.patience, async {
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
}

/// The first thing on any link.
pub fn open() -> Message {
    Message::Open {
        version: WIRE_VERSION,
        record: None,
    }
}
