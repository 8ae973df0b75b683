//! A member that lies: a client as it should be, whose messages are twisted on their way out, and which says
//! whatever a test has it say besides. It signs with its own key and no other.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a liar twists the messages it knows and passes on the rest"
)]

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use fireside::proto::client::Client;
use fireside::proto::command::Command;
use fireside::proto::event::Event;
use fireside::proto::id::{Epoch, GroupName, Nick, NodeId, Number};
use fireside::proto::role::{Input, LinkId, Output, Role};
use fireside::proto::saved::Saved;
use fireside::proto::seal::{Hash, Seal, Signature};
use fireside::proto::time::{Hlc, Mono, Now, Wall};
use fireside::proto::wire::{Body, Decline, Entry, Message, Reason, Run, Sequenced};

use crate::link::NodeIx;
use crate::town::{Town, name};

/// What becomes of a message on its way to somebody.
pub type Twist = Box<dyn FnMut(NodeId, Message) -> Vec<Message>>;

/// What the liar was told for its pains, and what it is to say out of turn.
#[derive(Debug, Default)]
pub struct Notes {
    pub closed: Vec<Reason>,
    pub declined: Vec<(Epoch, Decline)>,
    /// How often it was told of a higher lease.
    pub nots: usize,
    /// How often a supernode told it who hosts.
    /// How often it was sent on to another supernode.
    pub moved: usize,
    pub hosts: usize,
    orders: VecDeque<(NodeId, Message)>,
    /// Whether it takes no notice of what is said in its groups, and of being put out.
    is_deaf: bool,
}

struct Liar {
    client: Client,
    twist: Rc<RefCell<Option<Twist>>>,
    notes: Rc<RefCell<Notes>>,
    peers: BTreeMap<LinkId, NodeId>,
    queue: VecDeque<Output>,
}

/// The test's hold on a liar.
pub struct Puppet {
    pub ix: NodeIx,
    pub id: NodeId,
    pub seal: Arc<dyn Seal>,
    pub notes: Rc<RefCell<Notes>>,
    twist: Rc<RefCell<Option<Twist>>>,
}

impl Liar {
    fn queue(&mut self, output: Output) {
        let Output::Send { to, message } = output else {
            return self.queue.push_back(output);
        };
        for link in to {
            let peer = self.peers.get(&link).copied();
            let said = match (self.twist.borrow_mut().as_mut(), peer) {
                (Some(twist), Some(peer)) => twist(peer, message.clone()),
                (None, _) | (_, None) => vec![message.clone()],
            };
            self.queue
                .extend(said.into_iter().map(|message| Output::Send {
                    to: vec![link],
                    message,
                }));
        }
    }

    fn obey_orders(&mut self) {
        let orders = std::mem::take(&mut self.notes.borrow_mut().orders);
        for (to, message) in orders {
            let link = self.peers.iter().rev().find(|(_, peer)| **peer == to);
            let Some((link, _)) = link else {
                panic!("the liar has no link to whom it is to lie to");
            };
            self.queue.push_back(Output::Send {
                to: vec![*link],
                message,
            });
        }
    }
}

impl Role for Liar {
    fn handle(&mut self, now: Now, input: Input) {
        match &input {
            Input::Linked { link, peer, .. } => drop(self.peers.insert(*link, *peer)),
            Input::Lost { link, why } => {
                self.peers.remove(link);
                self.notes.borrow_mut().closed.extend(*why);
            }
            Input::Received { message, .. } => match message {
                Message::Declined { epoch, why, .. } => {
                    self.notes.borrow_mut().declined.push((*epoch, *why));
                }
                Message::Not { .. } => self.notes.borrow_mut().nots += 1,
                Message::HostIs { .. } => self.notes.borrow_mut().hosts += 1,
                Message::Moved { .. } => self.notes.borrow_mut().moved += 1,
                _ => {}
            },
            _ => {}
        }
        let is_deaf = self.notes.borrow().is_deaf;
        if !(is_deaf && is_of_talk(&input)) {
            self.client.handle(now, input);
        }
        while let Some(output) = self.client.poll() {
            self.queue(output);
        }
        self.obey_orders();
    }

    fn poll(&mut self) -> Option<Output> {
        self.queue.pop_front()
    }

    fn poll_timeout(&self) -> Option<Mono> {
        self.client.poll_timeout()
    }
}

/// Whether it is a word of another member on what is said, or on who is in.
fn is_of_talk(input: &Input) -> bool {
    let Input::Received { message, .. } = input else {
        return false;
    };
    matches!(
        message,
        Message::Deliver { .. } | Message::Push { .. } | Message::Refused { .. }
    )
}

impl Puppet {
    /// Somebody who lies once told to, in the town but not of it: nothing is expected of them.
    pub fn new(town: &mut Town, nick: &str) -> Self {
        let notes = Rc::new(RefCell::new(Notes::default()));
        let twist = Rc::new(RefCell::new(None));
        let seal = Rc::new(RefCell::new(None));
        let nick = Nick::parse(nick).unwrap();
        let parts = (notes.clone(), twist.clone(), seal.clone());
        let maker = move |own: Arc<dyn Seal>, saved: Saved, seed| {
            let (notes, twist, seal) = parts.clone();
            *seal.borrow_mut() = Some(own.clone());
            Box::new(Liar {
                client: Client::new(own, nick.clone(), saved, seed),
                twist,
                notes,
                peers: BTreeMap::new(),
                queue: VecDeque::new(),
            }) as Box<dyn Role>
        };
        let ix = town.stranger("liar", Box::new(maker));
        town.start(ix);
        let seal = seal.borrow().clone().expect("it was made at its start");
        Self {
            ix,
            id: seal.id(),
            seal,
            notes,
            twist,
        }
    }

    /// Comes into a group.
    pub fn join(&self, town: &mut Town, group: &str) {
        town.world
            .command(self.ix, Command::Join { group: name(group) });
        town.run(3_000);
    }

    /// Takes no notice from here on of what is said, and of being put out.
    pub fn turn_deaf(&self) {
        self.notes.borrow_mut().is_deaf = true;
    }

    /// Everything it sends from here on goes through `twist`.
    pub fn twist(&self, twist: impl FnMut(NodeId, Message) -> Vec<Message> + 'static) {
        *self.twist.borrow_mut() = Some(Box::new(twist));
    }

    /// Says something to somebody it is linked to, now.
    pub fn tell(&self, town: &mut Town, to: NodeIx, message: Message) {
        let to = town.world.node(to).id;
        self.notes.borrow_mut().orders.push_back((to, message));
        // Anything will do to wake it.
        let group = name("#elsewhere");
        town.world.command(self.ix, Command::Names { group });
        town.run(1_000);
    }

    pub fn closed(&self) -> Vec<Reason> {
        self.notes.borrow().closed.clone()
    }

    /// Whether somebody closed a link to it for this reason.
    #[track_caller]
    pub fn assert_closed(&self, reason: Reason) {
        let closed = self.closed();
        assert!(closed.contains(&reason), "{closed:?}");
    }

    pub fn entry(&self, group: &GroupName, number: u64, text: &str) -> Entry {
        let body = Body::Text {
            text: text.to_owned(),
        };
        Entry::signed(
            &*self.seal,
            group,
            Number(number),
            Wall(1_767_225_600_000),
            body,
        )
    }
}

/// A run of these entries behind a head, signed by whoever `seal` belongs to.
pub fn run(
    seal: &dyn Seal,
    group: &GroupName,
    epoch: Epoch,
    after: (u64, Hash),
    entries: Vec<(u64, Entry)>,
) -> Run {
    let sequenced = |(hlc, entry)| Sequenced {
        hlc: Hlc(hlc),
        entry,
    };
    let run = Run {
        epoch,
        first: fireside::proto::id::Seq(after.0 + 1),
        prev: after.1,
        entries: entries.into_iter().map(sequenced).collect(),
        signature: Signature([0; 64]),
    };
    let head = run.head();
    run.signed(seal, group, head)
}

/// What a node was told apart from the talk.
pub fn notices(town: &Town, who: NodeIx) -> Vec<String> {
    let id = town.world.node(who).id;
    let told = town.world.checker.asides(id);
    told.filter_map(|event| match event {
        Event::Notice { text, .. } => Some(text.clone()),
        _ => None,
    })
    .collect()
}
