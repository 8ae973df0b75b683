//! Who takes part in a model, and what each will be asked to do.

use std::net::SocketAddr;
use std::sync::Arc;

use fireside::proto::command::Command;
use fireside::proto::id::{GroupName, Nick, NodeId, NodeName};
use fireside::proto::ring::{Point, Ring};
use fireside::proto::seal::Seal;

use crate::seal::CheapSeal;

/// A node's index in its cast.
pub type NodeIx = usize;

/// Everybody in a model.
#[derive(Debug)]
pub struct Cast {
    pub actors: Vec<Actor>,
    pub group: GroupName,
    /// What people are asked to do, each in the order given here, at any time.
    pub commands: Vec<(NodeIx, Command)>,
    /// Whose world is broken, and how.
    pub fault: Option<(NodeIx, Fault)>,
}

/// A way to break the contract with the roles on purpose, to see that the rules notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A disk says that it has flushed before it has.
    EarlyReports,
    /// A member is not given its leases back.
    ForgottenLeases,
    /// A supernode is not given its records back.
    ForgottenRecords,
}

/// One node.
#[derive(Debug)]
pub struct Actor {
    pub name: &'static str,
    pub id: NodeId,
    pub address: SocketAddr,
    pub seal: Arc<dyn Seal>,
    pub part: Casting,
}

/// What a node is.
#[derive(Clone, Debug)]
pub enum Casting {
    Supernode(NodeName),
    Person(Nick),
}

const PEOPLE: [&str; 3] = ["anna", "bob", "cat"];
const SUPERNODES: [&str; 2] = ["super-1", "super-2"];

impl Cast {
    /// This many supernodes, then this many people.
    pub fn new(supernodes: usize, people: usize) -> Self {
        let supernodes = SUPERNODES[..supernodes].iter().enumerate();
        let supernodes = supernodes.map(|(ix, name)| {
            let node_name = NodeName::parse(name).unwrap();
            (
                *name,
                [10, 7, 0, 1 + ix as u8],
                Casting::Supernode(node_name),
            )
        });
        let people = PEOPLE[..people].iter().enumerate();
        let people = people.map(|(ix, name)| {
            let nick = Nick::parse(name).unwrap();
            (*name, [10, 1, 0, 1 + ix as u8], Casting::Person(nick))
        });
        let actors = supernodes.chain(people).enumerate();
        let actors = actors.map(|(ix, (name, ip, part))| {
            let id = NodeId([1 + ix as u8; 32]);
            Actor {
                name,
                id,
                address: SocketAddr::from((ip, 7700)),
                seal: Arc::new(CheapSeal(id)),
                part,
            }
        });
        Self {
            actors: actors.collect(),
            group: GroupName::parse("#hearth").unwrap(),
            commands: Vec::new(),
            fault: None,
        }
    }

    pub fn supernodes(&self) -> impl Iterator<Item = NodeIx> {
        (0..self.actors.len()).filter(|ix| !self.is_person(*ix))
    }

    pub fn people(&self) -> impl Iterator<Item = NodeIx> {
        (0..self.actors.len()).filter(|ix| self.is_person(*ix))
    }

    pub fn is_person(&self, ix: NodeIx) -> bool {
        matches!(self.actors[ix].part, Casting::Person(_))
    }

    pub fn by_id(&self, id: &NodeId) -> NodeIx {
        let found = self.actors.iter().position(|actor| actor.id == *id);
        found.expect("everybody is in the cast")
    }

    pub fn by_address(&self, address: &SocketAddr) -> NodeIx {
        let found = self
            .actors
            .iter()
            .position(|actor| actor.address == *address);
        found.expect("everybody is in the cast")
    }

    /// The supernode that is responsible for the group.
    pub fn responsible(&self) -> NodeIx {
        let supernodes = self.supernodes().map(|ix| &self.actors[ix]);
        let ring = Ring::new(supernodes.map(|actor| (actor.id, actor.address.ip())));
        let responsible = ring.responsible(Point::of_group(&self.group));
        self.by_id(&responsible.expect("there is a supernode"))
    }

    /// Where mesh nodes are found.
    pub fn bootstrap(&self) -> Vec<SocketAddr> {
        let supernodes = self.supernodes();
        supernodes.map(|ix| self.actors[ix].address).collect()
    }

    /// A debug form with names in the stead of keys.
    pub fn named(&self, what: &impl std::fmt::Debug) -> String {
        self.with_names(format!("{what:?}"))
    }

    pub fn with_names(&self, text: String) -> String {
        let named = |text: String, actor: &Actor| text.replace(&actor.id.short(), actor.name);
        self.actors.iter().fold(text, named)
    }
}
