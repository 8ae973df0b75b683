//! A world of nodes under one virtual clock: it drives roles by their contract, and time, distance, loss,
//! partitions, crashes, restarts and wrong clocks are its inputs. The same seed gives the same world.

mod disk;
mod faults;
mod links;
mod paths;
mod run;
mod silence;
mod time;
mod trace;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::net::SocketAddr;
use std::sync::Arc;

use fireside::proto::event::Event;
use fireside::proto::id::NodeId;
use fireside::proto::role::Role;
use fireside::proto::saved::Saved;
use fireside::proto::seal::Seal;

use crate::checker::Checker;
use crate::disk::Disk;
use crate::judged::Judged;
use crate::link::{Link, LinkNo, NodeIx};
use crate::moment::Moment;
use crate::rng::Rng;
use crate::seal::CheapSeal;
use crate::weather::Weather;

use self::disk::{Fullness, Job};
use self::time::Happening;
pub use self::trace::Happened;

/// A way to break the contract with the roles on purpose, to see that the checker notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A disk says that it has flushed before it has.
    EarlyReports,
    /// A node is not given its leases back.
    ForgottenLeases,
    /// A node is not given its outbox back.
    ForgottenOutbox,
    /// Links between members lose frames and go on.
    SilentLoss,
}

/// Makes a node's role, at its first start and after each crash.
pub type Maker = Box<dyn Fn(Arc<dyn Seal>, Saved, u64) -> Box<dyn Role>>;

pub struct World {
    pub seed: u64,
    pub weather: Weather,
    pub fault: Option<Fault>,
    /// Whether somebody lies in this world.
    pub has_liar: bool,
    pub checker: Checker,
    pub judged: Judged,
    /// Whether everything that happens is printed.
    pub trace: bool,
    pub happened: Happened,
    /// Whose events are kept, and those, for what the checker does not judge.
    pub ears: BTreeSet<NodeIx>,
    pub heard: Vec<(NodeIx, Event)>,
    /// Who has let whom know where it is.
    pub shown: BTreeSet<(NodeIx, NodeId)>,
    now: u64,
    order: u64,
    queue: BinaryHeap<Reverse<Happening>>,
    nodes: Vec<Node>,
    links: BTreeMap<LinkNo, Link>,
    links_made: u64,
    rng: Rng,
    /// The side of a partition each node is on.
    sides: BTreeMap<NodeIx, u8>,
    /// Who is not heard by whom, partition or not.
    unheard: BTreeSet<(NodeIx, NodeIx)>,
    /// What is lain in wait for, and what has come by.
    pub ambush: Option<Moment>,
    pub sprung: Option<(NodeIx, NodeIx)>,
}

pub struct Node {
    pub id: NodeId,
    pub name: String,
    pub disk: Disk,
    fullness: Fullness,
    seal: Arc<dyn Seal>,
    /// Where it can be dialled, if it can; seen by others all the same.
    pub address: SocketAddr,
    /// An address that nobody else reaches it by, and that it takes for its best.
    inward: Option<SocketAddr>,
    listens: bool,
    /// What `Discover` finds.
    bootstrap: Vec<SocketAddr>,
    maker: Maker,
    role: Option<Box<dyn Role>>,
    /// Counts starts, so that what was meant for an earlier run is not given to a later one.
    run: u32,
    links: BTreeSet<LinkNo>,
    /// Copies of the disk as it was, to be put back.
    backup: Option<Disk>,
    /// Since when the process is stopped, and what waits for it to go on.
    frozen: Option<(u64, Vec<Happening>)>,
    disk_busy_until: u64,
    jobs: BTreeMap<u64, Job>,
    /// When the timer that is set goes off.
    timer: Option<u64>,
    /// The monotonic clock at the world's beginning, how long it has stood since, and how far the wall clock is off.
    mono_start: u64,
    mono_stood: u64,
    wall_off: i64,
    spins: (u64, u32),
    /// How often it has dialled a mesh node so far.
    pub dials: u32,
    /// Until when it hears of no tables.
    tables_at: u64,
    /// But of this one's.
    tables_but_of: Option<NodeIx>,
}

impl World {
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            weather: Weather::default(),
            fault: None,
            has_liar: false,
            checker: Checker::new(),
            judged: Judged::default(),
            trace: std::env::var_os("TRACE").is_some(),
            happened: Happened::default(),
            ears: BTreeSet::new(),
            heard: Vec::new(),
            shown: BTreeSet::new(),
            now: 0,
            order: 0,
            queue: BinaryHeap::new(),
            nodes: Vec::new(),
            links: BTreeMap::new(),
            links_made: 0,
            rng: Rng::of(seed, 1),
            sides: BTreeMap::new(),
            unheard: BTreeSet::new(),
            ambush: None,
            sprung: None,
        }
    }

    /// Adds a node that is not running yet.
    pub fn add(
        &mut self,
        name: &str,
        address: SocketAddr,
        listens: bool,
        bootstrap: Vec<SocketAddr>,
        maker: Maker,
    ) -> NodeIx {
        let ix = self.nodes.len();
        let mut draw = Rng::of(self.seed, 1_000 + ix as u64);
        let mut key = [0; 32];
        for part in key.chunks_mut(8) {
            part.copy_from_slice(&draw.next().to_le_bytes());
        }
        let id = NodeId(key);
        self.checker.name(id, name);
        self.nodes.push(Node {
            id,
            name: name.to_owned(),
            disk: Disk::default(),
            fullness: Fullness::Roomy,
            seal: Arc::new(CheapSeal(id)),
            address,
            inward: None,
            listens,
            bootstrap,
            maker,
            role: None,
            run: 0,
            links: BTreeSet::new(),
            backup: None,
            frozen: None,
            disk_busy_until: 0,
            jobs: BTreeMap::new(),
            timer: None,
            mono_start: draw.range(0, 1_000_000),
            mono_stood: 0,
            wall_off: 0,
            spins: (0, 0),
            dials: 0,
            tables_at: 0,
            tables_but_of: None,
        });
        ix
    }

    /// Puts something around the role of a node that does not run yet.
    pub fn wrap(
        &mut self,
        ix: NodeIx,
        wrap: impl Fn(Arc<dyn Seal>, Box<dyn Role>) -> Box<dyn Role> + 'static,
    ) {
        assert!(!self.is_running(ix), "its role is made");
        let maker = &mut self.nodes[ix].maker;
        let inner = std::mem::replace(maker, Box::new(|_, _, _| unreachable!("it is replaced")));
        *maker = Box::new(move |seal, saved, seed| wrap(seal.clone(), inner(seal, saved, seed)));
    }

    pub fn node(&self, ix: NodeIx) -> &Node {
        &self.nodes[ix]
    }

    /// What a node that does not run yet is to find at its start.
    pub fn disk(&mut self, ix: NodeIx) -> &mut Disk {
        assert!(!self.is_running(ix), "its disk is its own");
        &mut self.nodes[ix].disk
    }

    pub fn nodes(&self) -> impl Iterator<Item = (NodeIx, &Node)> {
        self.nodes.iter().enumerate()
    }

    /// Milliseconds since the world began.
    pub fn now(&self) -> u64 {
        self.now
    }

    pub fn is_running(&self, ix: NodeIx) -> bool {
        self.nodes[ix].role.is_some()
    }
}
