//! Mesh nodes by the thousand under one virtual clock: the real role, and of the network only what it sees of one.
//!
//! What a role says is encoded, and counted as it would travel: with the headers of UDP, IP and QUIC, an acknowledgement
//! for each message, handshakes, and signs of life on links that are heeded. The same seed gives the same world.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use fireside::proto::client::Client;
use fireside::proto::codec;
use fireside::proto::command::Command;
use fireside::proto::id::{GroupName, Nick, NodeId, NodeName};
use fireside::proto::node::MeshNode;
use fireside::proto::role::{DialId, Input, Kind, LinkId, Output, Role, Target};
use fireside::proto::saved::Saved;
use fireside::proto::seal::Seal;
use fireside::proto::table::Table;
use fireside::proto::time::{Mono, Now, Wall};
use fireside::proto::wire::{Listed, Liveness, Message, Reason, Roles};

use crate::rng::Rng;
use crate::seal::CheapSeal;

/// 2026-01-01.
const EPOCH_MS: u64 = 1_767_225_600_000;
/// Bytes around a message in a packet: IPv4 and UDP 28, a short QUIC header 11, a stream frame's head 5, the seal 16.
const AROUND: u64 = 60;
/// Most bytes of messages in one packet.
const PACKET: u64 = 1_140;
/// An acknowledgement, or the sign of life that asks for one.
const SIGN: u64 = 62;
/// What each end of a handshake sends, at most: three full packets, of which the first must be (RFC 9000, section 14.1).
const HANDSHAKE: u64 = 3_600;
/// Signs of life a second on a link that is heeded, and on one that is not (`limits::KEEP_ALIVE`, `KEEP_ALIVE_LOOSE`).
const SIGNS_HEEDED: f64 = 2.0;
const SIGNS_LOOSE: f64 = 1.0 / 9.0;
const DIAL_TIMEOUT_MS: u64 = 5_000;
const QUIET_MS: (u64, u64) = (1_900, 2_300);
const IDLE_MS: u64 = 30_000;

const DIRECTORY: Roles = Roles {
    directory: true,
    supernode: false,
};
const SUPERNODE: Roles = Roles {
    directory: false,
    supernode: true,
};

pub struct Crowd {
    pub seed: u64,
    /// One-way delay between two nodes, drawn for each pair.
    pub distance_ms: (u64, u64),
    pub loss_permille: u64,
    pub nodes: Vec<Node>,
    now: u64,
    order: u64,
    queue: BinaryHeap<Reverse<Happening>>,
    at: HashMap<SocketAddr, usize>,
    links: BTreeMap<u64, Link>,
    links_made: u64,
    rng: Rng,
    /// Which half of a parted network each node is on.
    sides: BTreeMap<usize, u8>,
    pub handshakes: u64,
    /// What people do about a group's record, and when.
    pub steps: Vec<(u64, Step)>,
}

/// Something on a person's way to whoever hosts a group.
#[derive(Clone, Debug)]
pub enum Step {
    /// A supernode that was asked names another one.
    SentOn { who: usize, group: GroupName },
    /// One says who hosts.
    Answered {
        who: usize,
        group: GroupName,
        node: usize,
    },
    /// That is believed.
    Dials { who: usize },
}

/// What runs at a node.
enum Player {
    Node(Box<MeshNode>),
    Person(Box<Client>),
}

impl Player {
    fn role(&mut self) -> &mut dyn Role {
        match self {
            Self::Node(node) => &mut **node,
            Self::Person(client) => &mut **client,
        }
    }

    fn table(&self) -> Option<&Table> {
        match self {
            Self::Node(node) => Some(node.table()),
            Self::Person(_) => None,
        }
    }
}

pub struct Node {
    pub id: NodeId,
    pub address: SocketAddr,
    name: NodeName,
    roles: Roles,
    role: Option<Player>,
    run: u32,
    timer: Option<u64>,
    links: BTreeSet<u64>,
    /// Until when its process stands still, and how long it has stood so far.
    stands_until: u64,
    stood: u64,
    pub sent: Sent,
    /// Bytes that others have sent it.
    pub received: u64,
    /// Whether it hears nothing of tables.
    pub is_deaf: bool,
}

/// What a node has sent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sent {
    pub messages: u64,
    pub bytes: u64,
    pub dials: u64,
}

#[derive(Clone, Copy)]
struct End {
    node: usize,
    is_up: bool,
    is_heeded: bool,
    is_quiet: bool,
    /// Nothing that comes later may arrive before.
    floor: u64,
}

struct Link {
    dial: DialId,
    /// The one that dialled, and the other.
    ends: [End; 2],
}

struct Happening {
    at: u64,
    order: u64,
    what: What,
}

enum What {
    Give(usize, u32, Input),
    Timer(usize, u32),
    Dialled(usize, u32, DialId, usize),
    Up(u64, usize),
    Arrive(u64, usize, Arc<Message>),
    Quiet(u64, usize),
    GiveUp(u64, usize),
    Lost(u64, usize, Option<Reason>),
}

impl Crowd {
    /// So many directories and supernodes that do not run yet, each in a network of its own.
    pub fn new(seed: u64, directories: usize, supernodes: usize) -> Self {
        let mut crowd = Self {
            seed,
            distance_ms: (10, 90),
            loss_permille: 0,
            nodes: Vec::new(),
            now: 0,
            order: 0,
            queue: BinaryHeap::new(),
            at: HashMap::new(),
            links: BTreeMap::new(),
            links_made: 0,
            rng: Rng::of(seed, 1),
            sides: BTreeMap::new(),
            handshakes: 0,
            steps: Vec::new(),
        };
        for n in 0..directories + supernodes {
            let is_directory = n < directories;
            let roles = if is_directory { DIRECTORY } else { SUPERNODE };
            crowd.add(n, roles);
        }
        crowd
    }

    fn add(&mut self, n: usize, roles: Roles) {
        let mut draw = Rng::of(self.seed, 1_000 + n as u64);
        let mut key = [0; 32];
        for part in key.chunks_mut(8) {
            part.copy_from_slice(&draw.next().to_le_bytes());
        }
        let (a, b) = ((n / 250) as u8, (n % 250) as u8);
        let ip = Ipv4Addr::new(
            20 + a,
            b,
            draw.range(1, 250) as u8,
            draw.range(1, 250) as u8,
        );
        let address = SocketAddr::new(IpAddr::V4(ip), 7700);
        self.at.insert(address, n);
        self.nodes.push(Node {
            id: NodeId(key),
            address,
            name: NodeName::parse(&format!("node-{n}")).expect("letters and digits"),
            roles,
            role: None,
            run: 0,
            timer: None,
            links: BTreeSet::new(),
            stands_until: 0,
            stood: 0,
            sent: Sent::default(),
            received: 0,
            is_deaf: false,
        });
    }

    /// Somebody with a client, which does not run yet.
    pub fn add_person(&mut self) -> usize {
        let ix = self.nodes.len();
        let nobody = Roles {
            directory: false,
            supernode: false,
        };
        self.add(ix, nobody);
        ix
    }

    /// Starts a client with the addresses of the directories, and the table that it remembers.
    pub fn start_person(&mut self, ix: usize, table: Vec<Listed>) {
        let seed = self.rng.next();
        let node = &mut self.nodes[ix];
        node.run += 1;
        node.timer = None;
        let saved = Saved {
            table,
            ..Saved::default()
        };
        let seal = Arc::new(CheapSeal(node.id)) as Arc<dyn Seal>;
        let nick = Nick::parse(&format!("person-{ix}")).expect("letters and digits");
        let client = Client::new(seal, nick, saved, seed);
        node.role = Some(Player::Person(Box::new(client)));
        self.give(ix, Input::Start);
    }

    pub fn ask(&mut self, ix: usize, command: Command) {
        self.give(ix, Input::Command(command));
    }

    /// The table as a mesh node has it.
    pub fn table(&self, ix: usize) -> Vec<Listed> {
        let table = self.nodes[ix].role.as_ref().and_then(Player::table);
        let listed = table.into_iter().flat_map(Table::listed);
        listed.cloned().collect()
    }

    pub fn now(&self) -> u64 {
        self.now
    }

    /// Starts a node with nothing but the addresses of the directories.
    pub fn start(&mut self, ix: usize) {
        let seed = self.rng.next();
        let node = &mut self.nodes[ix];
        node.run += 1;
        node.timer = None;
        // Its clock goes on, as that on its disk does.
        let saved = Saved {
            clock: u64::from(node.run) * 1_000,
            ..Saved::default()
        };
        let seal = Arc::new(CheapSeal(node.id)) as Arc<dyn Seal>;
        let role = MeshNode::new(seal, node.name.clone(), node.roles, saved, seed);
        node.role = Some(Player::Node(Box::new(role)));
        let addresses = vec![node.address];
        self.give_later(ix, 0, Input::Start);
        self.give_later(ix, 0, Input::Addresses { addresses });
        let addresses = self.directories();
        self.give_later(ix, 1, Input::Found { addresses });
    }

    fn directories(&self) -> Vec<SocketAddr> {
        let directories = self.nodes.iter().filter(|node| node.roles.directory);
        directories.map(|node| node.address).collect()
    }

    /// A node ends in order, and says so.
    pub fn leave(&mut self, ix: usize) {
        let why = String::new();
        self.give(ix, Input::Command(Command::Quit { why }));
        for no in self.nodes[ix].links.clone() {
            let side = usize::from(self.links[&no].ends[0].node != ix);
            self.close(id(no, side), Reason::Shutdown);
        }
        self.nodes[ix].role = None;
        self.nodes[ix].run += 1;
    }

    /// A node says something to all that it is linked to, whatever its role would say.
    pub fn say(&mut self, ix: usize, message: &Message) {
        let ends = self.nodes[ix].links.iter().map(|no| {
            let side = usize::from(self.links[no].ends[0].node != ix);
            id(*no, side)
        });
        let ends: Vec<_> = ends.collect();
        self.send(ix, &ends, message.clone());
    }

    /// The machine dies without a word.
    pub fn crash(&mut self, ix: usize) {
        self.nodes[ix].role = None;
        self.nodes[ix].run += 1;
        for no in std::mem::take(&mut self.nodes[ix].links) {
            let Some(link) = self.links.get_mut(&no) else {
                continue;
            };
            let side = usize::from(link.ends[0].node != ix);
            link.ends[side].is_up = false;
            self.miss(no, 1 - side);
        }
    }

    /// A process stands still for a while.
    pub fn stall(&mut self, ix: usize, ms: u64) {
        self.nodes[ix].stands_until = self.now + ms;
        self.nodes[ix].stood += ms;
        for no in self.nodes[ix].links.clone() {
            let side = usize::from(self.links[&no].ends[0].node != ix);
            self.miss(no, 1 - side);
        }
    }

    /// Parts the network.
    pub fn part(&mut self, sides: BTreeMap<usize, u8>) {
        self.sides = sides;
        let cut = self.links.keys().copied().filter(|no| !self.is_open(*no));
        let all: Vec<u64> = cut.collect();
        for no in all {
            self.miss(no, 0);
            self.miss(no, 1);
        }
    }

    pub fn heal(&mut self) {
        self.sides.clear();
    }

    pub fn is_running(&self, ix: usize) -> bool {
        self.nodes[ix].role.is_some()
    }

    /// The mesh nodes that run.
    pub fn running(&self) -> impl Iterator<Item = usize> {
        let is_node = |ix: &usize| matches!(self.nodes[*ix].role, Some(Player::Node(_)));
        (0..self.nodes.len()).filter(is_node)
    }

    /// How one node holds another.
    pub fn holds(&self, ix: usize, whom: usize) -> Option<Liveness> {
        let table = self.nodes[ix].role.as_ref()?.table()?;
        let listed = table.get(&self.nodes[whom].id)?;
        Some(listed.liveness)
    }

    /// How many others a node holds for up, itself not counted.
    pub fn up(&self, ix: usize) -> usize {
        let Some(table) = self.nodes[ix].role.as_ref().and_then(Player::table) else {
            return 0;
        };
        let up = table.listed().filter(|l| l.liveness.is_up());
        up.filter(|l| l.record.key != self.nodes[ix].id).count()
    }

    /// The same, with those that it merely has no link to.
    pub fn alive_or_missed(&self, ix: usize) -> usize {
        let Some(table) = self.nodes[ix].role.as_ref().and_then(Player::table) else {
            return 0;
        };
        let known = table.listed().filter(|l| l.liveness != Liveness::Dead);
        known.filter(|l| l.record.key != self.nodes[ix].id).count()
    }

    /// Whether everybody that runs holds everybody else that runs for up.
    pub fn is_together(&self) -> bool {
        let count = self.running().count();
        self.running().all(|ix| self.up(ix) + 1 == count)
    }

    pub fn links_of(&self, ix: usize) -> usize {
        self.nodes[ix].links.len()
    }

    /// What all have sent so far.
    pub fn sent(&self) -> Sent {
        let mut all = Sent::default();
        for Node { sent, .. } in &self.nodes {
            all.messages += sent.messages;
            all.bytes += sent.bytes;
            all.dials += sent.dials;
        }
        all
    }

    // -- time ----------------------------------------------------------------------------------------------

    pub fn run_for(&mut self, ms: u64) {
        let end = self.now + ms;
        while self.now < end {
            let next = end.min((self.now / 1_000 + 1) * 1_000);
            self.run_until(next);
            if next.is_multiple_of(1_000) {
                self.count_signs();
            }
        }
    }

    fn run_until(&mut self, end: u64) {
        while self.queue.peek().is_some_and(|next| next.0.at <= end) {
            let Some(Reverse(mut happening)) = self.queue.pop() else {
                return;
            };
            self.now = happening.at;
            let stands_until = self.concerned(&happening.what);
            if stands_until > self.now {
                happening.at = stands_until;
                self.queue.push(Reverse(happening));
                continue;
            }
            self.happen(happening.what);
        }
        self.now = end;
    }

    /// What a second of signs of life costs each end of each link.
    fn count_signs(&mut self) {
        for link in self.links.values() {
            let is_heeded = link.ends.iter().any(|end| end.is_heeded);
            let signs = if is_heeded { SIGNS_HEEDED } else { SIGNS_LOOSE };
            for end in link.ends.iter().filter(|end| end.is_up) {
                self.nodes[end.node].sent.bytes += (signs * SIGN as f64) as u64;
            }
        }
    }

    fn concerned(&self, what: &What) -> u64 {
        let ix = match what {
            What::Give(ix, ..) | What::Timer(ix, ..) => Some(*ix),
            What::Dialled(.., to) => Some(*to),
            What::Up(no, side)
            | What::Arrive(no, side, _)
            | What::Quiet(no, side)
            | What::GiveUp(no, side) => self.links.get(no).map(|link| link.ends[*side].node),
            What::Lost(..) => None,
        };
        ix.map_or(0, |ix| self.nodes[ix].stands_until)
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
                    self.give(ix, Input::Timeout);
                }
            }
            What::Dialled(ix, run, dial, to) => {
                if self.nodes[ix].run == run {
                    self.dialled(ix, dial, to);
                }
            }
            What::Up(no, side) => self.up_at(no, side),
            What::Arrive(no, side, message) => self.arrive(no, side, &message),
            What::Quiet(no, side) => self.quiet(no, side),
            What::GiveUp(no, side) => {
                if self.is_missed(no, side) {
                    self.lost(no, side, None);
                }
            }
            What::Lost(no, side, why) => self.lost(no, side, why),
        }
    }

    fn schedule(&mut self, at: u64, what: What) {
        self.order += 1;
        let order = self.order;
        self.queue.push(Reverse(Happening { at, order, what }));
    }

    fn give_later(&mut self, ix: usize, after: u64, input: Input) {
        let run = self.nodes[ix].run;
        self.schedule(self.now + after, What::Give(ix, run, input));
    }

    fn give(&mut self, ix: usize, input: Input) {
        let Some(mut player) = self.nodes[ix].role.take() else {
            return;
        };
        let role = player.role();
        let now = Now {
            mono: Mono(self.now + 1 - self.nodes[ix].stood.min(self.now)),
            wall: Wall(EPOCH_MS + self.now),
        };
        role.handle(now, input);
        while let Some(output) = role.poll() {
            self.carry_out(ix, output);
        }
        let stood = self.nodes[ix].stood;
        let wanted = role.poll_timeout();
        let at = wanted.map(|mono| (mono.0 + stood).saturating_sub(1).max(self.now + 1));
        self.nodes[ix].role = Some(player);
        if self.nodes[ix].timer != at {
            self.nodes[ix].timer = at;
            let run = self.nodes[ix].run;
            if let Some(at) = at {
                self.schedule(at, What::Timer(ix, run));
            }
        }
    }

    // -- the network ---------------------------------------------------------------------------------------

    fn carry_out(&mut self, ix: usize, output: Output) {
        match output {
            Output::Dial { dial, to } => self.dial(ix, dial, &to),
            Output::Send { to, message } => self.send(ix, &to, message),
            Output::Heed { link, closely } => {
                let (no, side) = (link.0 / 2, (link.0 % 2) as usize);
                if let Some(link) = self.links.get_mut(&no) {
                    link.ends[side].is_heeded = closely;
                }
            }
            Output::Close { link, reason } => self.close(link, reason),
            Output::Discover => {
                let addresses = self.directories();
                self.give_later(ix, 1, Input::Found { addresses });
            }
            Output::Write { ticket, .. } if self.is_person(ix) => {
                let moved = Vec::new();
                self.give_later(ix, 1, Input::Written { ticket, moved });
            }
            Output::Fetch { ticket, .. } if self.is_person(ix) => {
                let (runs, more) = (Vec::new(), false);
                self.give_later(ix, 1, Input::Fetched { ticket, runs, more });
            }
            Output::Write { .. }
            | Output::Fetch { .. }
            | Output::Tell(_)
            | Output::Route { .. }
            | Output::Show { .. }
            | Output::Reach { .. }
            | Output::Finish => {}
        }
    }

    /// Whether it has a client; the one whose output is carried out is not there to be looked at.
    fn is_person(&self, ix: usize) -> bool {
        let Roles {
            directory,
            supernode,
        } = self.nodes[ix].roles;
        !directory && !supernode
    }

    fn dial(&mut self, ix: usize, dial: DialId, to: &Target) {
        let (address, id) = match to {
            Target::Node { address, id } => (address, id),
            // People are not in this world for what they say to each other.
            Target::Peer { .. } => {
                self.steps.push((self.now, Step::Dials { who: ix }));
                let why = "nobody talks here".to_owned();
                let reason = None;
                return self.give_later(
                    ix,
                    DIAL_TIMEOUT_MS,
                    Input::Undialled { dial, why, reason },
                );
            }
        };
        self.nodes[ix].sent.dials += 1;
        let there = self.at.get(address).copied();
        let there = there.filter(|to| id.is_none_or(|id| id == self.nodes[*to].id) && *to != ix);
        let run = self.nodes[ix].run;
        match there {
            Some(to) if self.is_running(to) && self.reaches(ix, to) => {
                let after = self.delay(ix, to) + self.late(ix, to);
                self.schedule(self.now + after, What::Dialled(ix, run, dial, to));
            }
            Some(_) | None => {
                self.nodes[ix].sent.bytes += 3 * (1_200 + 28);
                let why = "nobody answers".to_owned();
                let reason = None;
                self.give_later(ix, DIAL_TIMEOUT_MS, Input::Undialled { dial, why, reason });
            }
        }
    }

    fn dialled(&mut self, ix: usize, dial: DialId, to: usize) {
        if !self.is_running(to) {
            let why = "nobody answers".to_owned();
            let reason = None;
            return self.give_later(ix, DIAL_TIMEOUT_MS, Input::Undialled { dial, why, reason });
        }
        self.handshakes += 1;
        self.nodes[ix].sent.bytes += HANDSHAKE;
        self.nodes[to].sent.bytes += HANDSHAKE;
        self.nodes[ix].received += HANDSHAKE;
        self.links_made += 1;
        let no = self.links_made;
        let way = self.delay(ix, to);
        let end = |node, floor| End {
            node,
            is_up: false,
            is_heeded: true,
            is_quiet: false,
            floor,
        };
        let (first, second) = (self.now + way, self.now + 2 * way);
        let ends = [end(ix, first), end(to, second)];
        self.links.insert(no, Link { dial, ends });
        self.nodes[ix].links.insert(no);
        self.nodes[to].links.insert(no);
        self.schedule(first, What::Up(no, 0));
        self.schedule(second, What::Up(no, 1));
    }

    fn up_at(&mut self, no: u64, side: usize) {
        let Some(link) = self.links.get_mut(&no) else {
            return;
        };
        link.ends[side].is_up = true;
        let (ix, other) = (link.ends[side].node, link.ends[1 - side].node);
        let dial = (side == 0).then_some(link.dial);
        let input = Input::Linked {
            link: id(no, side),
            dial,
            kind: Kind::Mesh,
            peer: self.nodes[other].id,
            address: Some(self.nodes[other].address),
            rtt_ms: 2 * self.delay(ix, other),
        };
        self.give(ix, input);
    }

    fn send(&mut self, ix: usize, to: &[LinkId], message: Message) {
        let size = codec::encode(&message).len() as u64;
        let message = Arc::new(message);
        for link in to {
            let (no, side) = (link.0 / 2, (link.0 % 2) as usize);
            let Some(link) = self.links.get(&no) else {
                continue;
            };
            let other = link.ends[1 - side].node;
            let packets = size.div_ceil(PACKET).max(1);
            let sent = &mut self.nodes[ix].sent;
            sent.messages += 1;
            sent.bytes += size + packets * AROUND;
            self.nodes[other].sent.bytes += packets.div_ceil(2) * SIGN;
            self.nodes[other].received += size + packets * AROUND;
            self.nodes[ix].received += packets.div_ceil(2) * SIGN;
            if !self.is_open(no) || !self.is_running(other) {
                continue;
            }
            let at = self.now + self.delay(ix, other) + self.late(ix, other);
            let Some(link) = self.links.get_mut(&no) else {
                continue;
            };
            let end = &mut link.ends[1 - side];
            end.floor = end.floor.max(at);
            let at = end.floor;
            let message = Arc::clone(&message);
            self.schedule(at, What::Arrive(no, 1 - side, message));
        }
    }

    fn arrive(&mut self, no: u64, side: usize, message: &Arc<Message>) {
        let Some(end) = self.links.get_mut(&no).map(|link| &mut link.ends[side]) else {
            return;
        };
        if !end.is_up {
            return;
        }
        let (ix, link) = (end.node, id(no, side));
        if self.nodes[ix].is_deaf && matches!(**message, Message::Table { .. }) {
            return;
        }
        if std::mem::take(&mut end.is_quiet) {
            self.give(ix, Input::Heard { link });
        }
        if self.is_person(ix) {
            self.note_answer(ix, no, side, message);
        }
        let message = Message::clone(message);
        self.give(ix, Input::Received { link, message });
    }

    fn note_answer(&mut self, who: usize, no: u64, side: usize, message: &Message) {
        if let Message::Moved { group, .. } = message {
            let group = group.clone();
            self.steps.push((self.now, Step::SentOn { who, group }));
        } else if let Message::HostIs { lease, .. } = message {
            let (group, node) = (lease.group.clone(), self.links[&no].ends[1 - side].node);
            let answered = Step::Answered { who, group, node };
            self.steps.push((self.now, answered));
        }
    }

    fn close(&mut self, link: LinkId, reason: Reason) {
        let (no, side) = (link.0 / 2, (link.0 % 2) as usize);
        let Some(link) = self.links.get_mut(&no) else {
            return;
        };
        link.ends[side].is_up = false;
        let (ix, other, floor) = (
            link.ends[side].node,
            link.ends[1 - side].node,
            link.ends[1 - side].floor,
        );
        self.nodes[ix].links.remove(&no);
        let at = floor.max(self.now + self.delay(ix, other));
        self.schedule(at, What::Lost(no, 1 - side, Some(reason)));
    }

    fn lost(&mut self, no: u64, side: usize, why: Option<Reason>) {
        let Some(link) = self.links.get_mut(&no) else {
            return;
        };
        let was_up = std::mem::take(&mut link.ends[side].is_up);
        let ix = link.ends[side].node;
        if !link.ends[1 - side].is_up {
            self.links.remove(&no);
        }
        self.nodes[ix].links.remove(&no);
        if was_up {
            let link = id(no, side);
            self.give(ix, Input::Lost { link, why });
        }
    }

    /// An end hears nothing from here on.
    fn miss(&mut self, no: u64, side: usize) {
        let quiet = self.rng.range(QUIET_MS.0, QUIET_MS.1);
        self.schedule(self.now + quiet, What::Quiet(no, side));
        self.schedule(self.now + IDLE_MS, What::GiveUp(no, side));
    }

    fn quiet(&mut self, no: u64, side: usize) {
        let Some(link) = self.links.get(&no) else {
            return;
        };
        let (here, there) = (link.ends[side], link.ends[1 - side]);
        let stands = self.nodes[there.node].stands_until > self.now;
        if !here.is_heeded || here.is_quiet || !(stands || self.is_missed(no, side)) {
            return;
        }
        if let Some(link) = self.links.get_mut(&no) {
            link.ends[side].is_quiet = true;
            let link = id(no, side);
            let since = Mono(0);
            self.give(here.node, Input::Quiet { link, since });
        }
    }

    /// Whether nothing more will come to an end of a link, as things are.
    fn is_missed(&self, no: u64, side: usize) -> bool {
        let Some(link) = self.links.get(&no) else {
            return false;
        };
        let (here, there) = (link.ends[side], link.ends[1 - side]);
        here.is_up && !(self.is_running(there.node) && there.is_up && self.is_open(no))
    }

    fn is_open(&self, no: u64) -> bool {
        let link = &self.links[&no];
        self.reaches(link.ends[0].node, link.ends[1].node)
    }

    fn reaches(&self, one: usize, two: usize) -> bool {
        self.sides.get(&one) == self.sides.get(&two)
    }

    fn delay(&self, one: usize, two: usize) -> u64 {
        let (low, high) = (one.min(two) as u64, one.max(two) as u64);
        let (least, most) = self.distance_ms;
        Rng::of(self.seed, 1 << 40 | low << 20 | high).range(least, most)
    }

    /// How much later something comes since packets are lost and sent again.
    fn late(&mut self, one: usize, two: usize) -> u64 {
        let way = self.delay(one, two);
        let mut late = 0;
        while self.rng.chance(self.loss_permille, 1_000) {
            // It goes out again after some two round trips and what an acknowledgement may wait (RFC 9002, section 6.2).
            late += 2 * (2 * way) + 25;
        }
        late
    }
}

fn id(no: u64, side: usize) -> LinkId {
    LinkId(2 * no + side as u64)
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
