//! A world of nodes under one virtual clock: it drives roles by their contract, and time, distance, loss,
//! partitions, crashes, restarts and wrong clocks are its inputs. The same seed gives the same world.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use fireside::proto::admission::Admission;
use fireside::proto::codec;
use fireside::proto::command::Command;
use fireside::proto::event::{Event, Path};
use fireside::proto::figures::Figures;
use fireside::proto::id::{EntryId, GroupName, NodeId};
use fireside::proto::role::{DialId, Input, Kind, LinkId, Moved, Output, Role, Target, Ticket};
use fireside::proto::saved::{Saved, Write};
use fireside::proto::seal::Seal;
use fireside::proto::time::{Mono, Now, Wall};
use fireside::proto::wire::{Message, Reason, Vector};

use crate::checker::Checker;
use crate::disk::{Disk, Kept};
use crate::judge::Ending;
use crate::judged::Judged;
use crate::link::{Death, Link, LinkNo, NodeIx, Side, State};
use crate::moment::Moment;
use crate::private;
use crate::rng::Rng;
use crate::seal::CheapSeal;
use crate::weather::{SPIKE_MS, Weather};

/// Wall clock of a node whose clock is right, when the world begins: 2026-01-01.
const EPOCH_MS: u64 = 1_767_225_600_000;
/// How long a dial without an answer is waited for.
const DIAL_TIMEOUT_MS: u64 = 5_000;
/// Things that are about to happen: a crowd is some thousands of them, and more are messages that breed.
const HAPPENINGS_MAX: usize = 20_000;
/// Timeouts in a row without time passing that are taken for an endless loop.
const SPINS_MAX: u32 = 1_000;

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

/// What a world has done, for totals and to compare two runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Happened {
    pub events: u64,
    pub frames: u64,
    pub bytes: u64,
    /// A checksum of everything that happened, in order.
    pub hash: u64,
}

/// Whether a disk takes what is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fullness {
    Roomy,
    Full,
    /// It takes writes again; lines it missed the middle of are refused until they are whole.
    Freed,
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
    /// Until when it hears of no tables.
    tables_at: u64,
    /// But of this one's.
    tables_but_of: Option<NodeIx>,
}

enum Job {
    Write(Ticket, Vec<Write>),
    Fetch(Ticket, GroupName, Vector, Vector),
}

struct Happening {
    at: u64,
    order: u64,
    what: What,
}

enum What {
    /// The node is given an input, if it is still in this run.
    Give(NodeIx, u32, Input),
    Timer(NodeIx, u32),
    /// The node's disk is done with this job.
    Disk(NodeIx, u32, u64),
    /// A dial arrives at its target.
    Dialled(NodeIx, u32, DialId, Reach),
    /// An end learns that it is up.
    Up(LinkNo, Side),
    Arrive(LinkNo, Side, Bytes),
    /// An end learns that its link is gone.
    Lost(LinkNo, Side, Option<Reason>),
    /// An end of a link has heard nothing for a while, if it still is in this stall; or hears something again.
    Quiet(LinkNo, Side, u32),
    Heard(LinkNo, Side, u32),
    /// An end of a link that hears nothing, if it still is in this stall, gives up.
    GiveUp(LinkNo, Side, u32),
}

/// Whom a dial reaches, and over what.
#[derive(Clone, Copy)]
enum Reach {
    Node(NodeIx),
    Peer { to: NodeIx, via: NodeIx },
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
            trace: false,
            happened: Happened::default(),
            ears: BTreeSet::new(),
            heard: Vec::new(),
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

    // -- inputs ------------------------------------------------------------------------------------------

    /// Starts a node, or starts it again with what its disk holds.
    pub fn start(&mut self, ix: NodeIx) {
        let seed = self.rng.next();
        let node = &mut self.nodes[ix];
        assert!(node.role.is_none(), "{} runs already", node.name);
        node.run += 1;
        node.timer = None;
        // A monotonic clock means nothing across a restart.
        node.mono_start = seed % 1_000_000;
        node.mono_stood = 0;
        let mut saved = node.disk.saved();
        for group in saved.groups.values_mut() {
            match self.fault {
                Some(Fault::ForgottenLeases) => group.lease = None,
                Some(Fault::ForgottenOutbox) => group.outbox.clear(),
                Some(Fault::EarlyReports | Fault::SilentLoss) | None => {}
            }
        }
        node.role = Some((node.maker)(node.seal.clone(), saved, seed));
        let id = node.id;
        self.judged.started(id);
        self.say(ix, "starts");
        self.disown(ix);
        self.give_later(ix, 0, Input::Start);
        if self.nodes[ix].listens {
            let node = &self.nodes[ix];
            let addresses = node.inward.into_iter().chain([node.address]).collect();
            self.give_later(ix, 0, Input::Addresses { addresses });
            let addresses = self.nodes[ix].bootstrap.clone();
            self.give_later(ix, 1, Input::Found { addresses });
        }
    }

    /// The process dies: what was not flushed is lost, and others learn of it when they miss it.
    pub fn crash(&mut self, ix: NodeIx) {
        self.say(ix, "crashes");
        self.end(ix);
        self.judged.ended(self.nodes[ix].id, Ending::Killed);
        let death = if self.rng.chance(1, 2) {
            Death::Refused
        } else {
            Death::Silent
        };
        for no in std::mem::take(&mut self.nodes[ix].links) {
            let Some(link) = self.links.get_mut(&no) else {
                continue;
            };
            let side = link.side_of(ix);
            link.end_mut(side).state = State::Gone;
            self.die(no, side.other(), death);
        }
        self.look_at_paths();
    }

    /// The other end of a link dies, and can say so no more.
    fn die(&mut self, no: LinkNo, side: Side, death: Death) {
        if let Some(link) = self.links.get_mut(&no) {
            link.end_mut(side).death = Some(death);
            self.miss(no, side);
        }
    }

    /// What is left of an earlier run is told so by the next: nobody there knows those links.
    fn disown(&mut self, ix: NodeIx) {
        let mut left = Vec::new();
        for (no, link) in &self.links {
            for side in [Side::Dialler, Side::Dialled] {
                if link.end(side.other()).node == ix && link.end(side).death.is_some() {
                    left.push((*no, side));
                }
            }
        }
        for (no, side) in left {
            let after = self.rng.range(50, 1_500);
            self.lose(no, side, self.now + after, None);
        }
    }

    /// An end whose other end has given the link up is told so as soon as it is heard: nobody there knows the link.
    fn disown_at(&mut self, no: LinkNo) {
        let left = [Side::Dialler, Side::Dialled].into_iter().find(|side| {
            let Some(link) = self.links.get(&no) else {
                return false;
            };
            let (here, there) = (link.end(*side), link.end(side.other()));
            let is_left = here.state == State::Up && here.death.is_some();
            is_left && there.state == State::Gone && self.is_answered(link, *side)
        });
        if let Some(side) = left
            && let Some(link) = self.links.get_mut(&no)
        {
            link.end_mut(side).death = None;
            let after = self.rng.range(50, 1_500);
            self.lose(no, side, self.now + after, None);
        }
    }

    /// Whether what one end of a link sends reaches the other's process, and an answer comes back.
    fn is_answered(&self, link: &Link, side: Side) -> bool {
        let (here, there) = (link.end(side).node, link.end(side.other()).node);
        let is_awake = |ix: NodeIx| self.is_running(ix) && self.nodes[ix].frozen.is_none();
        let is_reached = match link.end(side).via {
            None => self.is_heard(here, there) && self.is_heard(there, here),
            Some(via) => self.is_relayed(here, via, there) && self.is_relayed(there, via, here),
        };
        is_reached && is_awake(here) && is_awake(there)
    }

    /// How many bytes of log a node has given its disk that are not written yet.
    pub fn unwritten(&self, ix: NodeIx) -> usize {
        let jobs = self.nodes[ix].jobs.values();
        let writes = jobs.filter_map(|job| match job {
            Job::Write(_, writes) => Some(writes),
            Job::Fetch(..) => None,
        });
        let runs = writes.flatten().filter_map(|write| {
            if let Write::Run { run, .. } = write {
                Some(run)
            } else {
                None
            }
        });
        let entries = runs.flat_map(|run| &run.entries);
        entries.map(|placed| codec::entry_size(&placed.entry)).sum()
    }

    /// Asks a running client for something.
    pub fn command(&mut self, ix: NodeIx, command: Command) {
        if self.is_running(ix) {
            if !private::is_asked(&command) {
                self.checker.asked(self.nodes[ix].id, &command);
                self.judged.asked(self.now, self.nodes[ix].id, &command);
            }
            self.give_later(ix, 0, Input::Command(command));
        }
    }

    /// Says something in a node's name, over a link that it has to another.
    pub fn forge(&mut self, from: NodeIx, to: NodeIx, message: &Message) {
        let links = self.nodes[from].links.iter().filter_map(|no| {
            let link = self.links.get(no)?;
            let side = link.side_of(from);
            (link.end(side.other()).node == to).then(|| no.id(side))
        });
        let links: Vec<_> = links.collect();
        self.send(from, &links, message);
    }

    /// Has an operator say whom a mesh node is open to.
    pub fn admit(&mut self, ix: NodeIx, admission: Admission) {
        self.give_later(ix, 0, Input::Admission(admission));
    }

    /// What a running node tells its operator.
    pub fn figures(&self, ix: NodeIx) -> Figures {
        let role = self.nodes[ix].role.as_ref();
        role.expect("it is running").figures()
    }

    /// Has a node hear of these addresses now, and whenever it looks for others.
    pub fn tell_of(&mut self, ix: NodeIx, addresses: Vec<SocketAddr>) {
        self.nodes[ix].bootstrap.clone_from(&addresses);
        if self.is_running(ix) {
            self.give_later(ix, 0, Input::Found { addresses });
        }
    }

    /// Has a node hear of tables so much later than of all else.
    pub fn keep_tables_from(&mut self, ix: NodeIx, ms: u64) {
        self.nodes[ix].tables_at = self.now + ms;
    }

    /// The same, of all tables but this one's.
    pub fn keep_tables_but_of(&mut self, ix: NodeIx, ms: u64, teller: NodeIx) {
        self.keep_tables_from(ix, ms);
        self.nodes[ix].tables_but_of = Some(teller);
    }

    /// Cuts the network: nodes on different sides do not reach each other. Nodes not named are on side 0.
    pub fn partition(&mut self, sides: BTreeMap<NodeIx, u8>) {
        self.say_all("the network parts");
        self.sides = sides;
        self.look_at_paths();
    }

    pub fn heal(&mut self) {
        self.say_all("the network is whole");
        self.sides.clear();
        self.unheard.clear();
        self.look_at_paths();
    }

    /// What these say does not reach those, whatever comes the other way.
    pub fn mute(&mut self, from: &[NodeIx], to: &[NodeIx]) {
        let names = |of: &[NodeIx]| of.iter().map(|ix| self.nodes[*ix].name.clone()).collect();
        let (speakers, hearers): (Vec<_>, Vec<_>) = (names(from), names(to));
        self.say_all(&format!("{hearers:?} hear nothing of {speakers:?}"));
        let pairs = from.iter().flat_map(|a| to.iter().map(|b| (*a, *b)));
        self.unheard.extend(pairs);
        self.look_at_paths();
    }

    /// They hear them again.
    pub fn unmute(&mut self, from: &[NodeIx], to: &[NodeIx]) {
        self.unheard
            .retain(|(a, b)| !(from.contains(a) && to.contains(b)));
        self.look_at_paths();
    }

    /// Stops a process: it does nothing and notices nothing until it goes on, and then everything at once.
    pub fn freeze(&mut self, ix: NodeIx) {
        if self.is_running(ix) && self.nodes[ix].frozen.is_none() {
            self.say(ix, "is stopped");
            self.nodes[ix].frozen = Some((self.now, Vec::new()));
            self.look_at_paths();
        }
    }

    /// It goes on. Its monotonic clock has stood meanwhile, and it has missed nobody.
    pub fn thaw(&mut self, ix: NodeIx) {
        let Some((since, waiting)) = self.nodes[ix].frozen.take() else {
            return;
        };
        self.say(ix, "goes on");
        // In the order in which it came, and before whatever comes now.
        for happening in waiting {
            if !matches!(happening.what, What::Timer(..)) {
                let at = self.now;
                self.queue.push(Reverse(Happening { at, ..happening }));
            }
        }
        self.nodes[ix].mono_stood += self.now - since;
        self.nodes[ix].timer = None;
        let role = self.nodes[ix].role.as_ref();
        let wanted = role.and_then(|role| role.poll_timeout());
        self.set_timer(ix, wanted);
        self.look_at_paths();
        for no in self.nodes[ix].links.clone() {
            let Some(link) = self.links.get(&no) else {
                continue;
            };
            let side = link.side_of(ix);
            if link.end(side).is_deaf || link.end(side).death.is_some() {
                self.miss(no, side);
            }
        }
    }

    /// Keeps a copy of what is on a disk now.
    pub fn back_up(&mut self, ix: NodeIx) {
        self.nodes[ix].backup = Some(self.nodes[ix].disk.clone());
    }

    pub fn has_backup(&self, ix: NodeIx) -> bool {
        self.nodes[ix].backup.is_some()
    }

    /// Puts the copy back on the disk of a node that does not run, or nothing if there is none; its key stays.
    pub fn put_back(&mut self, ix: NodeIx) {
        assert!(!self.is_running(ix), "its disk is in use");
        let disk = self.nodes[ix].backup.clone();
        let what = if disk.is_some() {
            "has an old disk"
        } else {
            "has an empty disk"
        };
        self.say(ix, what);
        let node = &mut self.nodes[ix];
        node.disk = disk.unwrap_or_default();
        node.fullness = Fullness::Roomy;
        let log = |group: &GroupName| node.disk.log(group).map(|(p, id)| (id, p)).collect();
        let waits = |group: &GroupName, id| node.disk.keeps(group, id) == Kept::Waiting;
        let epoch = |group: &GroupName| node.disk.epoch(group);
        self.checker.ended(node.id, log, waits, epoch);
        self.checker.forgot(node.id);
        self.judged.forgot();
    }

    /// Loses all that is on the disk of a node that does not run, and all copies.
    pub fn wipe(&mut self, ix: NodeIx) {
        self.nodes[ix].backup = None;
        self.put_back(ix);
    }

    /// Fills a node's disk, or makes room on it again.
    pub fn fill_disk(&mut self, ix: NodeIx, is_full: bool) {
        self.nodes[ix].fullness = if is_full {
            Fullness::Full
        } else {
            Fullness::Freed
        };
    }

    /// Gives a node another interface, whose address it tells first and nobody else reaches.
    pub fn add_inward(&mut self, ix: NodeIx, address: SocketAddr) {
        self.nodes[ix].inward = Some(address);
    }

    /// A node is reached somewhere else from here on.
    pub fn move_to(&mut self, ix: NodeIx, address: SocketAddr) {
        self.nodes[ix].address = address;
        if self.is_running(ix) {
            let addresses = vec![address];
            self.give_later(ix, 0, Input::Addresses { addresses });
        }
        self.cut(ix);
    }

    /// Sets how far a node's wall clock is off, from here on.
    pub fn set_clock(&mut self, ix: NodeIx, off_ms: i64) {
        self.nodes[ix].wall_off = off_ms;
    }

    /// Breaks every link of a node at once, as a change of network does; both ends notice.
    pub fn cut(&mut self, ix: NodeIx) {
        self.say(ix, "is cut off for a moment");
        for no in self.nodes[ix].links.clone() {
            self.break_link(no);
        }
    }

    /// Breaks the links between two nodes.
    pub fn cut_between(&mut self, one: NodeIx, two: NodeIx) {
        for no in self.nodes[one].links.clone() {
            let link = &self.links[&no];
            if link.end(link.side_of(one).other()).node == two {
                self.break_link(no);
            }
        }
    }

    pub fn is_running(&self, ix: NodeIx) -> bool {
        self.nodes[ix].role.is_some()
    }

    // -- time --------------------------------------------------------------------------------------------

    pub fn run_for(&mut self, ms: u64) {
        self.run_until(self.now + ms);
    }

    pub fn run_until(&mut self, end: u64) {
        while self.queue.peek().is_some_and(|next| next.0.at <= end) {
            let Some(Reverse(happening)) = self.queue.pop() else {
                return;
            };
            self.now = happening.at;
            let concerned = self.concerned(&happening.what);
            match concerned.and_then(|ix| self.nodes[ix].frozen.as_mut()) {
                Some((_, waiting)) => waiting.push(happening),
                None => self.happen(happening.what),
            }
            if self.sprung.is_some() {
                return;
            }
        }
        self.now = end;
    }

    fn happen(&mut self, what: What) {
        match what {
            What::Give(ix, run, input) => {
                if self.nodes[ix].run == run {
                    self.give(ix, input);
                }
            }
            What::Timer(ix, run) => {
                if self.nodes[ix].run == run && self.nodes[ix].timer == Some(self.now) {
                    self.nodes[ix].timer = None;
                    self.count_spin(ix);
                    self.give(ix, Input::Timeout);
                }
            }
            What::Disk(ix, run, job) => {
                if self.nodes[ix].run == run {
                    self.disk_done(ix, job);
                }
            }
            What::Dialled(ix, run, dial, reach) => {
                if self.nodes[ix].run == run {
                    self.dialled(ix, dial, reach);
                }
            }
            What::Up(no, side) => self.up(no, side),
            What::Arrive(no, side, frame) => self.arrive(no, side, &frame),
            What::Lost(no, side, why) => self.lost(no, side, why),
            What::Quiet(no, side, stall) => {
                if self.is_still(no, side, stall) && self.links[&no].end(side).is_heeded {
                    self.hush(no, side, true);
                }
            }
            What::Heard(no, side, stall) => {
                if self.is_still(no, side, stall) {
                    self.hush(no, side, false);
                }
            }
            What::GiveUp(no, side, stall) => {
                if self.is_still(no, side, stall) {
                    self.give_up(no, side);
                }
            }
        }
    }

    /// The node whose process has to run for this to happen, of those that can be stopped now.
    fn concerned(&self, what: &What) -> Option<NodeIx> {
        match what {
            What::Give(ix, ..) | What::Timer(ix, ..) | What::Disk(ix, ..) => Some(*ix),
            What::Dialled(..) => None,
            What::Up(no, side)
            | What::Arrive(no, side, _)
            | What::Lost(no, side, _)
            | What::Quiet(no, side, _)
            | What::Heard(no, side, _)
            | What::GiveUp(no, side, _) => self.links.get(no).map(|link| link.end(*side).node),
        }
    }

    fn schedule(&mut self, at: u64, what: What) {
        assert!(self.queue.len() < HAPPENINGS_MAX, "a storm of messages");
        self.order += 1;
        let order = self.order;
        self.queue.push(Reverse(Happening { at, order, what }));
    }

    fn give_later(&mut self, ix: NodeIx, after: u64, input: Input) {
        let run = self.nodes[ix].run;
        self.schedule(self.now + after, What::Give(ix, run, input));
    }

    /// Gives a role an input, and does what it wants done.
    fn give(&mut self, ix: NodeIx, input: Input) {
        let now = self.clocks(ix);
        if self.trace && !matches!(input, Input::Timeout) {
            self.say(ix, &format!("<- {}", brief(&input)));
        }
        let Some(mut role) = self.nodes[ix].role.take() else {
            return;
        };
        self.happened.note(self.now, ix as u64);
        role.handle(now, input);
        let mut finished = false;
        while let Some(output) = role.poll() {
            if self.trace {
                self.say(ix, &format!("-> {}", brief(&output)));
            }
            finished |= matches!(output, Output::Finish);
            self.carry_out(ix, output);
        }
        let wanted = role.poll_timeout();
        self.nodes[ix].role = Some(role);
        if finished {
            self.finish(ix);
        } else {
            self.set_timer(ix, wanted);
        }
    }

    fn set_timer(&mut self, ix: NodeIx, wanted: Option<Mono>) {
        let node = &mut self.nodes[ix];
        let world = |mono: Mono| (mono.0 + node.mono_stood).saturating_sub(node.mono_start);
        let at = wanted.map(|mono| world(mono).max(self.now));
        if node.timer != at {
            node.timer = at;
            let run = node.run;
            if let Some(at) = at {
                self.schedule(at, What::Timer(ix, run));
            }
        }
    }

    /// A role that always wants to be called at once would stop time.
    fn count_spin(&mut self, ix: NodeIx) {
        let spins = &mut self.nodes[ix].spins;
        *spins = if spins.0 == self.now {
            (self.now, spins.1 + 1)
        } else {
            (self.now, 0)
        };
        if spins.1 > SPINS_MAX {
            panic!("{} spins at {} ms", self.nodes[ix].name, self.now);
        }
    }

    fn clocks(&self, ix: NodeIx) -> Now {
        let node = &self.nodes[ix];
        let wall = (EPOCH_MS + self.now).saturating_add_signed(node.wall_off);
        Now {
            mono: Mono(self.now + node.mono_start - node.mono_stood),
            wall: Wall(wall),
        }
    }

    // -- outputs -----------------------------------------------------------------------------------------

    fn carry_out(&mut self, ix: NodeIx, output: Output) {
        match output {
            Output::Dial { dial, to } => self.dial(ix, dial, &to),
            Output::Route { peer, via } => self.route(ix, peer, via),
            // A simulated network has no paths to tell of.
            Output::Reach { .. } => {}
            Output::Heed { link, closely } => self.heed(ix, link, closely),
            Output::Send { to, message } => self.send(ix, &to, &message),
            Output::Close { link, reason } => {
                self.accuse(ix, reason);
                self.close(link, reason);
            }
            Output::Write { ticket, writes } => self.disk_job(ix, Job::Write(ticket, writes)),
            Output::Fetch {
                ticket,
                group,
                after,
                upto,
            } => self.disk_job(ix, Job::Fetch(ticket, group, after, upto)),
            Output::Discover => {
                let addresses = self.nodes[ix].bootstrap.clone();
                let after = self.rng.range(1, 50);
                self.give_later(ix, after, Input::Found { addresses });
            }
            Output::Tell(event) => self.tell(ix, &event),
            Output::Finish => {}
        }
    }

    /// Where nobody lies, nobody is called a liar.
    fn accuse(&mut self, ix: NodeIx, reason: Reason) {
        let is_accusation = match reason {
            Reason::BadFrame
            | Reason::TooLong
            | Reason::BadSignature
            | Reason::Unexpected
            | Reason::Limit
            | Reason::Fork
            | Reason::FalseReport
            | Reason::Disorder
            | Reason::NotAdmitted => true,
            Reason::Done
            | Reason::UnknownVersion
            | Reason::TooSlow
            | Reason::Replaced
            | Reason::Shutdown
            | Reason::WrongIdentity => false,
        };
        if is_accusation && !self.has_liar {
            let what = format!("{} closes a link: {reason}", self.nodes[ix].name);
            self.checker.blame(what);
        }
    }

    fn tell(&mut self, ix: NodeIx, event: &Event) {
        if self.ears.contains(&ix) {
            self.heard.push((ix, event.clone()));
        }
        if let Some(person) = private::with(event) {
            return self.tell_in_private(ix, person, event);
        }
        if let Event::Confirmed {
            group, id, copies, ..
        } = event
        {
            // One that has just lost its disk is still counted on by who has not heard of it.
            let found = self.copies(group, *id);
            if found + (self.checker.disks_lost() as usize) < *copies as usize {
                let (name, now) = (&self.nodes[ix].name, self.now);
                let what =
                    format!("{name} in {group} at {now} ms: {copies} copies of {id} are {found}");
                self.checker.blame(what);
            }
        }
        self.checker.told(self.nodes[ix].id, event);
        self.judged.told(self.now, self.nodes[ix].id, event);
    }

    /// What is said to have arrived is on the other one's disk.
    fn tell_in_private(&mut self, ix: NodeIx, person: NodeId, event: &Event) {
        let Event::Confirmed { id, .. } = event else {
            return;
        };
        let ours = GroupName::of_person(&self.nodes[ix].id);
        let other = self.nodes.iter().find(|node| node.id == person);
        let kept = other.map(|other| other.disk.keeps(&ours, *id));
        if kept != Some(Kept::Placed) {
            let what = format!("{} has arrived nowhere: {id}", self.nodes[ix].name);
            self.checker.blame(what);
        }
    }

    /// On how many disks an entry has a place.
    pub fn copies(&self, group: &GroupName, id: EntryId) -> usize {
        let keeps = |node: &&Node| node.disk.keeps(group, id) == Kept::Placed;
        self.nodes.iter().filter(keeps).count()
    }

    /// A role is done: what it wrote is flushed, what it said goes out, and its links are closed.
    fn finish(&mut self, ix: NodeIx) {
        self.say(ix, "ends");
        for job in std::mem::take(&mut self.nodes[ix].jobs).into_values() {
            if let Job::Write(_, writes) = job {
                let _ = self.write(ix, writes);
            }
        }
        self.end(ix);
        self.judged.ended(self.nodes[ix].id, Ending::Clean);
        for no in std::mem::take(&mut self.nodes[ix].links) {
            let side = self.links[&no].side_of(ix);
            self.close(no.id(side), Reason::Shutdown);
        }
        self.look_at_paths();
    }

    /// The end of a node's run, however it came.
    fn end(&mut self, ix: NodeIx) {
        let node = &mut self.nodes[ix];
        node.role = None;
        node.frozen = None;
        node.run += 1;
        node.jobs.clear();
        node.disk_busy_until = 0;
        node.timer = None;
        let log = |group: &GroupName| node.disk.log(group).map(|(p, id)| (id, p)).collect();
        let waits = |group: &GroupName, id| node.disk.keeps(group, id) == Kept::Waiting;
        let epoch = |group: &GroupName| node.disk.epoch(group);
        self.checker.ended(node.id, log, waits, epoch);
        if node.fullness != Fullness::Roomy {
            self.checker.lapsed(node.id);
            self.judged.forgot();
        }
    }

    // -- the disk ----------------------------------------------------------------------------------------

    fn disk_job(&mut self, ix: NodeIx, job: Job) {
        let (from, to) = self.weather.flush_ms;
        let took = self.rng.range(from, to);
        self.order += 1;
        let number = self.order;
        let node = &mut self.nodes[ix];
        let done = node.disk_busy_until.max(self.now) + took;
        if let (Some(Fault::EarlyReports), Job::Write(ticket, _)) = (self.fault, &job) {
            let (ticket, moved) = (*ticket, Vec::new());
            self.give_later(ix, 0, Input::Written { ticket, moved });
        }
        let node = &mut self.nodes[ix];
        node.disk_busy_until = done;
        node.jobs.insert(number, job);
        let run = node.run;
        self.schedule(done, What::Disk(ix, run, number));
    }

    fn disk_done(&mut self, ix: NodeIx, number: u64) {
        let input = match self.nodes[ix].jobs.remove(&number) {
            None => return,
            Some(Job::Write(_, writes)) if self.fault == Some(Fault::EarlyReports) => {
                drop(self.write(ix, writes));
                return;
            }
            Some(Job::Write(ticket, writes)) => match self.write(ix, writes) {
                Ok(moved) => Input::Written { ticket, moved },
                Err(why) => Input::Unwritten { ticket, why },
            },
            Some(Job::Fetch(ticket, group, after, upto)) => {
                let (runs, more) = self.nodes[ix].disk.fetch(&group, &after, &upto);
                Input::Fetched { ticket, runs, more }
            }
        };
        self.give(ix, input);
    }

    fn write(&mut self, ix: NodeIx, writes: Vec<Write>) -> Result<Vec<Moved>, String> {
        let node = &mut self.nodes[ix];
        if node.fullness == Fullness::Full {
            return Err("the disk is full".to_owned());
        }
        let is_evidence = |write: &Write| matches!(write, Write::Evidence { .. });
        if !self.has_liar && writes.iter().any(is_evidence) {
            let what = format!("{} found that somebody forked", node.name);
            self.checker.blame(what);
        }
        let node = &mut self.nodes[ix];
        let written = node.disk.write(writes);
        match &written {
            Err(wrong) if node.fullness == Fullness::Roomy => {
                let what = format!("{} at {} ms: {wrong}", node.name, self.now);
                self.checker.blame(what);
            }
            Err(_) | Ok(_) => {}
        }
        written
    }

    // -- links -------------------------------------------------------------------------------------------

    fn dial(&mut self, ix: NodeIx, dial: DialId, to: &Target) {
        let reach = match to {
            Target::Node { address, id } => {
                let target = self
                    .nodes
                    .iter()
                    .position(|n| n.listens && n.address == *address);
                match target.filter(|to| *to != ix) {
                    Some(to) if id.is_none_or(|id| id == self.nodes[to].id) => Reach::Node(to),
                    Some(_) | None => return self.undial(ix, dial, 1, "nobody is there"),
                }
            }
            Target::Peer { id, via } => {
                let (no, side) = LinkNo::of(*via);
                let up = |link: &&Link| link.end(side).state == State::Up;
                let Some(link) = self.links.get(&no).filter(up) else {
                    return self.undial(ix, dial, 0, "no link to that supernode");
                };
                let via = link.end(side.other()).node;
                match self.nodes.iter().position(|n| n.id == *id) {
                    Some(to) if to != ix => Reach::Peer { to, via },
                    Some(_) | None => return self.undial(ix, dial, 1, "nobody of that name"),
                }
            }
        };
        let after = match reach {
            Reach::Node(to) => self.delay(ix, to),
            Reach::Peer { to, via } => self.delay(ix, via) + self.delay(via, to),
        };
        let run = self.nodes[ix].run;
        self.schedule(self.now + after, What::Dialled(ix, run, dial, reach));
    }

    fn undial(&mut self, ix: NodeIx, dial: DialId, after: u64, why: &str) {
        let why = why.to_owned();
        self.give_later(
            ix,
            after,
            Input::Undialled {
                dial,
                why,
                reason: None,
            },
        );
    }

    fn dialled(&mut self, ix: NodeIx, dial: DialId, reach: Reach) {
        let (kind, to, via) = match reach {
            Reach::Node(to) => (Kind::Mesh, to, None),
            Reach::Peer { to, via } => (Kind::Peer, to, Some(via)),
        };
        let (there, back) = match via {
            None => (self.delay(ix, to), self.delay(to, ix)),
            Some(via) => (
                self.delay(ix, via) + self.delay(via, to),
                self.delay(to, via) + self.delay(via, ix),
            ),
        };
        let reached = match via {
            None => self.is_heard(ix, to) && self.is_heard(to, ix),
            Some(via) => self.is_relayed(ix, via, to) && self.is_relayed(to, via, ix),
        };
        if !reached {
            let known_at_once = via.is_some_and(|via| !self.is_linked(to, via));
            let after = if known_at_once { back } else { DIAL_TIMEOUT_MS };
            return self.undial(ix, dial, after, "no answer");
        }
        if !self.is_running(to) {
            // The machine is there and the process is not: sometimes one is told so.
            let after = if self.rng.chance(1, 2) {
                back
            } else {
                DIAL_TIMEOUT_MS
            };
            return self.undial(ix, dial, after, "refused");
        }
        self.links_made += 1;
        let no = LinkNo(self.links_made);
        let mut link = Link::new(kind, dial, ix, to);
        for (side, at) in [(Side::Dialler, back), (Side::Dialled, back + there)] {
            let end = link.end_mut(side);
            end.via = via;
            end.floor = self.now + at;
            self.nodes[link.end(side).node].links.insert(no);
        }
        self.links.insert(no, link);
        self.schedule(self.now + back, What::Up(no, Side::Dialler));
        self.schedule(self.now + back + there, What::Up(no, Side::Dialled));
    }

    fn up(&mut self, no: LinkNo, side: Side) {
        let Some(link) = self.links.get_mut(&no) else {
            return;
        };
        if link.end(side).state != State::Pending {
            return;
        }
        link.end_mut(side).state = State::Up;
        let (ix, other) = (link.end(side).node, link.end(side.other()).node);
        let (kind, dial, via) = (link.kind, link.dial, link.end(side).via);
        let rtt_ms = self.rtt(ix, other, via);
        self.give(
            ix,
            Input::Linked {
                link: no.id(side),
                dial: (side == Side::Dialler).then_some(dial),
                kind,
                peer: self.nodes[other].id,
                address: (kind == Kind::Mesh).then_some(self.nodes[other].address),
                rtt_ms,
            },
        );
        if self
            .links
            .get(&no)
            .is_some_and(|link| link.end(side).death.is_some())
        {
            self.miss(no, side);
        }
        match kind {
            Kind::Peer => self.tell_path(no, side),
            Kind::Mesh => {
                self.replace(no, side);
                // What was waiting for a supernode both are linked to may go on.
                self.look_at_paths();
            }
        }
    }

    /// What the network sees to, and not a role: the links of a client's earlier run end with its next one, and those
    /// of the same run that are quiet.
    fn replace(&mut self, by: LinkNo, side: Side) {
        let Some(link) = self.links.get(&by) else {
            return;
        };
        let (ix, client) = (link.end(side).node, link.end(side.other()).node);
        if side == Side::Dialler || self.nodes[client].listens {
            return;
        }
        for no in self.nodes[ix].links.clone() {
            let Some(link) = self.links.get(&no).filter(|_| no < by) else {
                continue;
            };
            let at = link.side_of(ix);
            let is_old = at == Side::Dialled && link.end(at.other()).node == client;
            if !is_old || link.end(at).state != State::Up {
                continue;
            }
            let reason = if link.end(at.other()).state == State::Gone {
                Reason::Replaced
            } else if link.end(at).is_quiet {
                Reason::Done
            } else {
                continue;
            };
            let (link, why) = (no.id(at), Some(reason));
            self.close(link, reason);
            self.give(ix, Input::Lost { link, why });
        }
    }

    fn send(&mut self, ix: NodeIx, to: &[LinkId], message: &Message) {
        let frame = codec::encode(message);
        let is_awaited = self.ambush.is_some() && Moment::of(message) == self.ambush;
        for id in to {
            let (no, side) = LinkNo::of(*id);
            let Some(link) = self.links.get_mut(&no) else {
                continue;
            };
            if link.end(side).state != State::Up || link.end(side).node != ix {
                continue;
            }
            self.happened.frames += 1;
            self.happened.bytes += frame.len() as u64;
            if link.broken {
                continue;
            }
            let far = side.other();
            if is_awaited {
                self.ambush = None;
                self.sprung = Some((ix, link.end(far).node));
            }
            if link.end(far).is_deaf {
                link.end_mut(far).waiting.push_back(frame.clone());
            } else {
                self.carry(no, far, frame.clone());
            }
        }
    }

    /// Puts a frame on its way to one end of a link that has a path.
    fn carry(&mut self, no: LinkNo, to: Side, frame: Bytes) {
        let broken = self.rng.chance(self.weather.breaks_per_million, 1_000_000);
        let is_peer = self.links.get(&no).map(|link| link.kind) == Some(Kind::Peer);
        if self.fault == Some(Fault::SilentLoss) && is_peer && self.rng.chance(1, 200) {
            return;
        }
        let at = self.arrival(no, to);
        self.schedule(at, What::Arrive(no, to, frame));
        // What is lost again and again is the end of a link.
        if broken || at > self.now + self.weather.idle_ms.1 + SPIKE_MS {
            self.break_link(no);
        }
    }

    /// When what is sent to this end arrives there: after all that was sent before.
    fn arrival(&mut self, no: LinkNo, to: Side) -> u64 {
        let link = &self.links[&no];
        let (from, here) = (link.end(to.other()), link.end(to));
        let (a, b) = (from.node, here.node);
        let way = match self.open_via(link, to) {
            None => self.delay(a, b),
            Some(via) => self.delay(a, via) + self.delay(via, b),
        };
        let mut late = self.rng.range(0, self.weather.jitter_ms);
        while self.rng.chance(self.weather.loss_permille, 1_000) {
            late += way + 200;
        }
        if self.rng.chance(self.weather.spikes_permille, 1_000) {
            late += self.rng.range(100, SPIKE_MS);
        }
        let at = self.now + way + late;
        let Some(link) = self.links.get_mut(&no) else {
            return at;
        };
        let end = link.end_mut(to);
        end.floor = end.floor.max(at);
        end.floor
    }

    fn arrive(&mut self, no: LinkNo, side: Side, frame: &Bytes) {
        let alive = |l: &&Link| l.end(side).state == State::Up && !l.broken;
        let Some(link) = self.links.get(&no).filter(alive) else {
            return;
        };
        let (ix, teller) = (link.end(side).node, link.end(side.other()).node);
        self.hush(no, side, false);
        let link = no.id(side);
        match codec::decode(&frame[codec::LENGTH_SIZE..]) {
            Ok(Message::Table { .. })
                if self.now < self.nodes[ix].tables_at
                    && self.nodes[ix].tables_but_of != Some(teller) =>
            {
                let at = self.nodes[ix].tables_at;
                self.schedule(at, What::Arrive(no, side, frame.clone()));
            }
            Ok(message) => self.give(ix, Input::Received { link, message }),
            Err(error) => {
                let what = format!(
                    "{} was sent what it cannot read: {error}",
                    self.nodes[ix].name
                );
                self.checker.blame(what);
                self.close(link, error.reason());
            }
        }
    }

    /// One end closes its link; the other learns of it after all that was sent.
    fn close(&mut self, id: LinkId, reason: Reason) {
        let (no, side) = LinkNo::of(id);
        let Some(link) = self.links.get_mut(&no) else {
            return;
        };
        if link.end(side).state == State::Gone {
            return;
        }
        link.end_mut(side).state = State::Gone;
        let far = side.other();
        let (ix, is_silent) = (link.end(side).node, link.end(far).is_deaf || link.broken);
        self.nodes[ix].links.remove(&no);
        if is_silent {
            self.die(no, far, Death::Silent);
        } else {
            let at = self.arrival(no, far);
            self.lose(no, far, at, Some(reason));
        }
        self.look_at_paths();
    }

    /// An end will learn at this time that its link is gone.
    fn lose(&mut self, no: LinkNo, side: Side, at: u64, why: Option<Reason>) {
        self.schedule(at, What::Lost(no, side, why));
    }

    fn lost(&mut self, no: LinkNo, side: Side, why: Option<Reason>) {
        let Some(link) = self.links.get_mut(&no) else {
            return;
        };
        let (before, ix, dial) = (link.end(side).state, link.end(side).node, link.dial);
        link.end_mut(side).state = State::Gone;
        let all_gone = link.is_gone();
        if all_gone {
            self.links.remove(&no);
        }
        self.nodes[ix].links.remove(&no);
        match before {
            State::Up => {
                let link = no.id(side);
                self.give(ix, Input::Lost { link, why });
                self.look_at_paths();
            }
            State::Pending if side == Side::Dialler => self.undial(ix, dial, 0, "lost"),
            State::Pending | State::Gone => {}
        }
    }

    /// Both ends lose a link, each when it misses the other, and nothing more passes.
    fn break_link(&mut self, no: LinkNo) {
        for side in [Side::Dialler, Side::Dialled] {
            let after = self.rng.range(0, 500);
            self.lose(no, side, self.now + after, None);
        }
        if let Some(link) = self.links.get_mut(&no) {
            link.broken = true;
        }
    }

    // -- paths -------------------------------------------------------------------------------------------

    fn route(&mut self, ix: NodeIx, peer: NodeId, via: LinkId) {
        let (no, side) = LinkNo::of(via);
        let Some(via) = self.links.get(&no).map(|link| link.end(side.other()).node) else {
            return;
        };
        for no in self.nodes[ix].links.clone() {
            let Some(link) = self.links.get_mut(&no) else {
                continue;
            };
            let side = link.side_of(ix);
            let other = link.end(side.other()).node;
            if link.kind == Kind::Peer && self.nodes[other].id == peer {
                link.end_mut(side).via = Some(via);
            }
        }
        self.look_at_paths();
    }

    /// Stalls links, each way for itself, whose path is gone, and lets those go on that have one again.
    fn look_at_paths(&mut self) {
        let all: Vec<LinkNo> = self.links.keys().copied().collect();
        for no in all {
            self.disown_at(no);
            for side in [Side::Dialler, Side::Dialled] {
                let Some(link) = self.links.get(&no) else {
                    break;
                };
                let both_there = [side, side.other()]
                    .iter()
                    .all(|side| link.end(*side).state != State::Gone);
                if !both_there || link.broken {
                    break;
                }
                let (from, to) = (link.end(side.other()).node, link.end(side).node);
                let open = match link.kind {
                    Kind::Mesh => self.is_heard(from, to),
                    Kind::Peer => {
                        self.nodes[from].frozen.is_none() && self.open_via(link, side).is_some()
                    }
                };
                match (open, link.end(side).is_deaf) {
                    (true, true) => self.flow(no, side),
                    (false, false) => self.stall(no, side),
                    (true, false) | (false, true) => {}
                }
            }
        }
    }

    /// An end of a link hears nothing more.
    fn stall(&mut self, no: LinkNo, side: Side) {
        let Some(link) = self.links.get_mut(&no) else {
            return;
        };
        link.end_mut(side).is_deaf = true;
        let kind = link.kind;
        self.miss(no, side);
        if kind == Kind::Peer {
            self.tell_path(no, side);
        }
    }

    fn flow(&mut self, no: LinkNo, side: Side) {
        let Some(link) = self.links.get_mut(&no) else {
            return;
        };
        let kind = link.kind;
        let end = link.end_mut(side);
        end.is_deaf = false;
        end.stalls += 1;
        let (stall, waiting) = (end.stalls, std::mem::take(&mut end.waiting));
        if end.is_quiet {
            let at = self.arrival(no, side);
            self.schedule(at, What::Heard(no, side, stall));
        }
        for frame in waiting {
            self.carry(no, side, frame);
        }
        if kind == Kind::Peer {
            self.tell_path(no, side);
        }
    }

    /// From here on an end of a link counts the time in which it hears nothing.
    fn miss(&mut self, no: LinkNo, side: Side) {
        let Some(link) = self.links.get_mut(&no) else {
            return;
        };
        let kind = link.kind;
        let end = link.end_mut(side);
        end.stalls += 1;
        end.silent_since = self.now;
        let stall = end.stalls;
        let (from, to) = match (end.death, kind) {
            (Some(Death::Refused), Kind::Mesh) => self.weather.refused_ms,
            (Some(Death::Refused | Death::Silent) | None, _) => self.weather.quiet_ms,
        };
        let (idle_from, idle_to) = self.weather.idle_ms;
        let quiet = self.rng.range(from, to);
        let idle = self.rng.range(idle_from, idle_to);
        self.schedule(self.now + quiet, What::Quiet(no, side, stall));
        self.schedule(self.now + idle, What::GiveUp(no, side, stall));
    }

    /// An end of a link between mesh nodes wants to know soon that it hears nothing, or need not.
    fn heed(&mut self, ix: NodeIx, id: LinkId, closely: bool) {
        let (no, side) = LinkNo::of(id);
        let Some(link) = self.links.get_mut(&no) else {
            return;
        };
        let other = link.end(side.other()).node;
        let end = link.end_mut(side);
        let was_heeded = std::mem::replace(&mut end.is_heeded, closely);
        let misses = end.is_deaf || end.death.is_some();
        assert!(
            self.nodes[ix].listens && self.nodes[other].listens,
            "a person is heeded always"
        );
        if closely && !was_heeded && misses {
            self.miss(no, side);
        }
    }

    fn is_still(&self, no: LinkNo, side: Side, stall: u32) -> bool {
        let link = self.links.get(&no);
        link.is_some_and(|link| link.end(side).stalls == stall && !link.broken)
    }

    /// Tells a role that a link is quiet, or heard again.
    fn hush(&mut self, no: LinkNo, side: Side, is_quiet: bool) {
        let Some(link) = self.links.get_mut(&no) else {
            return;
        };
        let end = link.end_mut(side);
        let ix = end.node;
        if end.state == State::Up && std::mem::replace(&mut end.is_quiet, is_quiet) != is_quiet {
            if is_quiet && self.is_outlived(no, side) {
                let (link, why) = (no.id(side), Some(Reason::Done));
                self.close(link, Reason::Done);
                return self.give(ix, Input::Lost { link, why });
            }
            let Some(link) = self.links.get(&no) else {
                return;
            };
            let end = link.end(side);
            let (link, for_ms) = (no.id(side), self.now - end.silent_since);
            let since = Mono(self.clocks(ix).mono.0 - for_ms);
            let input = if is_quiet {
                Input::Quiet { link, since }
            } else {
                Input::Heard { link }
            };
            self.give(ix, input);
        }
    }

    /// Whether a client's link has fallen quiet at a node that hears that client over another one.
    fn is_outlived(&self, no: LinkNo, side: Side) -> bool {
        let Some(link) = self.links.get(&no) else {
            return false;
        };
        let (ix, client) = (link.end(side).node, link.end(side.other()).node);
        let is_other = |other: &LinkNo| {
            let link = self.links.get(other).filter(|_| *other != no);
            link.is_some_and(|link| {
                let at = link.side_of(ix);
                let here = link.end(at);
                let is_theirs = at == Side::Dialled && link.end(at.other()).node == client;
                is_theirs && here.state == State::Up && !here.is_quiet
            })
        };
        let is_client =
            link.kind == Kind::Mesh && side == Side::Dialled && !self.nodes[client].listens;
        is_client && self.nodes[ix].links.iter().any(is_other)
    }

    /// An end that has heard nothing for too long gives its link up, without a word; the other then hears
    /// nothing of it.
    fn give_up(&mut self, no: LinkNo, side: Side) {
        self.lose(no, side, self.now, None);
        self.die(no, side.other(), Death::Silent);
    }

    fn tell_path(&mut self, no: LinkNo, side: Side) {
        let Some(link) = self
            .links
            .get(&no)
            .filter(|l| l.end(side).state == State::Up)
        else {
            return;
        };
        let (ix, other) = (link.end(side).node, link.end(side.other()).node);
        let via = self
            .open_via(link, side)
            .filter(|_| !link.end(side).is_deaf);
        let input = Input::PathIs {
            peer: self.nodes[other].id,
            path: if via.is_some() {
                Path::Relayed
            } else {
                Path::Lost
            },
            via: via.map(|via| self.nodes[via].id),
            rtt_ms: via.map(|via| self.rtt(ix, other, Some(via))),
        };
        self.give_later(ix, 0, input);
    }

    /// The supernode over which one end of a peer link hears the other.
    fn open_via(&self, link: &Link, side: Side) -> Option<NodeIx> {
        let (from, to) = (link.end(side.other()), link.end(side));
        let (one, two) = (link.end(Side::Dialler), link.end(Side::Dialled));
        [one.via, two.via]
            .into_iter()
            .flatten()
            .find(|via| self.is_relayed(from.node, *via, to.node))
    }

    /// Whether packets get from one to the other over a supernode.
    fn is_relayed(&self, from: NodeIx, via: NodeIx, to: NodeIx) -> bool {
        let linked = self.is_linked(from, via) && self.is_linked(to, via);
        linked && self.is_running(via) && self.is_open(from, via) && self.is_heard(via, to)
    }

    /// Whether a node has a link to a mesh node that is up at its own end.
    pub fn is_linked(&self, ix: NodeIx, to: NodeIx) -> bool {
        self.nodes[ix].links.iter().any(|no| {
            self.links.get(no).is_some_and(|link| {
                let side = link.side_of(ix);
                link.kind == Kind::Mesh
                    && link.end(side.other()).node == to
                    && link.end(side).state == State::Up
                    && link.end(side.other()).state == State::Up
            })
        })
    }

    /// Whether the network carries packets from one to the other.
    fn is_open(&self, from: NodeIx, to: NodeIx) -> bool {
        let side = |ix| self.sides.get(&ix).copied().unwrap_or_default();
        side(from) == side(to) && !self.unheard.contains(&(from, to))
    }

    /// Whether one that speaks is heard by the other.
    fn is_heard(&self, from: NodeIx, to: NodeIx) -> bool {
        self.nodes[from].frozen.is_none() && self.is_open(from, to)
    }

    fn rtt(&self, a: NodeIx, b: NodeIx, via: Option<NodeIx>) -> u64 {
        match via {
            None => self.delay(a, b) + self.delay(b, a),
            Some(v) => self.delay(a, v) + self.delay(v, b) + self.delay(b, v) + self.delay(v, a),
        }
    }

    /// One-way delay, drawn for each direction of each pair.
    fn delay(&self, from: NodeIx, to: NodeIx) -> u64 {
        let (least, most) = self.weather.distance_ms;
        Rng::of(self.seed, 1 << 40 | (from as u64) << 20 | to as u64).range(least, most)
    }

    // -- the trace ---------------------------------------------------------------------------------------

    fn say(&self, ix: NodeIx, what: &str) {
        if self.trace {
            let (at, name) = (self.now as f64 / 1000.0, &self.nodes[ix].name);
            println!("{at:10.3} {name:<12} {what}");
        }
    }

    fn say_all(&self, what: &str) {
        if self.trace {
            let at = self.now as f64 / 1000.0;
            println!("{at:10.3} {what}");
        }
    }
}

impl Happened {
    fn note(&mut self, now: u64, node: u64) {
        self.events += 1;
        let mixed = self.hash ^ now.rotate_left(20) ^ node ^ self.bytes.rotate_left(40);
        self.hash = mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31);
    }
}

/// A line of trace: the beginning says it.
fn brief(what: &impl fmt::Debug) -> String {
    let mut text = format!("{what:?}");
    if let Some((cut, _)) = text.char_indices().nth(400) {
        text.truncate(cut);
    }
    text
}

impl PartialEq for Happening {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}

impl Eq for Happening {}

impl PartialOrd for Happening {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Happening {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}
