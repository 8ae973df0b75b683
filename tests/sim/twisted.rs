//! A node of the mesh that is honest, but for what is made of its words on their way to whom they are for.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use fireside::proto::figures::Figures;
use fireside::proto::id::NodeId;
use fireside::proto::role::{Input, LinkId, Output, Role};
use fireside::proto::seal::Seal;
use fireside::proto::time::{Mono, Now};
use fireside::proto::wire::Message;

use crate::link::NodeIx;
use crate::world::World;

/// What is said instead of a message to somebody.
pub type Twist = Box<dyn FnMut(&dyn Seal, NodeId, Message) -> Vec<Message>>;

/// The hold on a node's words; none are twisted until there is a twist.
pub type Lie = Rc<RefCell<Option<Twist>>>;

/// Has the words of a node that does not run yet go through the twist that is put there.
pub fn twisted(world: &mut World, ix: NodeIx) -> Lie {
    let lie = Lie::default();
    let shared = Rc::clone(&lie);
    world.wrap(ix, move |seal, role| {
        Box::new(Twisted {
            role,
            seal,
            lie: Rc::clone(&shared),
            peers: BTreeMap::new(),
            queue: VecDeque::new(),
        })
    });
    lie
}

struct Twisted {
    role: Box<dyn Role>,
    seal: Arc<dyn Seal>,
    lie: Lie,
    peers: BTreeMap<LinkId, NodeId>,
    queue: VecDeque<Output>,
}

impl Twisted {
    fn twist(&mut self, output: Output) {
        let mut lie = self.lie.borrow_mut();
        let (Some(lie), Output::Send { to, message }) = (lie.as_mut(), &output) else {
            return self.queue.push_back(output);
        };
        for link in to {
            let Some(peer) = self.peers.get(link) else {
                continue;
            };
            for message in lie(&*self.seal, *peer, message.clone()) {
                let to = vec![*link];
                self.queue.push_back(Output::Send { to, message });
            }
        }
    }
}

impl Role for Twisted {
    fn handle(&mut self, now: Now, input: Input) {
        if let Input::Linked { link, peer, .. } = &input {
            self.peers.insert(*link, *peer);
        }
        self.role.handle(now, input);
        while let Some(output) = self.role.poll() {
            self.twist(output);
        }
    }

    fn poll(&mut self) -> Option<Output> {
        self.queue.pop_front()
    }

    fn poll_timeout(&self) -> Option<Mono> {
        self.role.poll_timeout()
    }

    fn figures(&self) -> Figures {
        self.role.figures()
    }
}
