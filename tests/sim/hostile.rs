//! Peers that say anything at all: whatever they send, in whatever order, no role panics, spins or sends what
//! its own codec would refuse.

use std::net::SocketAddr;
use std::sync::Arc;

use fireside::proto::client::Client;
use fireside::proto::codec;
use fireside::proto::command::{Command, Who};
use fireside::proto::id::{Epoch, GroupName, Nick, NodeId, NodeName, Number, Seq};
use fireside::proto::limits::{COUNT_MAX, WALL_MAX, WIRE_VERSION};
use fireside::proto::node::MeshNode;
use fireside::proto::role::{DialId, Input, Kind, LinkId, Output, Role, Ticket};
use fireside::proto::ruling::{Mode, Ruling};
use fireside::proto::saved::Saved;
use fireside::proto::seal::{Hash, Seal, Signature};
use fireside::proto::time::{Hlc, Mono, Now, Wall};
use fireside::proto::wire::{
    Body, Charter, Decline, Entry, GroupRecord, Lease, Lines, Listed, Liveness, Message, Reason,
    Record, Refusal, Roles, Run, Sequenced, Served, Tip, Vector, Whereabouts, Whether,
};

use crate::rng::Rng;
use crate::seal::CheapSeal;

/// Inputs given to one role in one life.
const INPUTS: u64 = 600;
/// Lives of each kind of role.
const LIVES: u64 = 150;
/// Outputs that one input may cause, far above what an honest one does.
const OUTPUTS_MAX: usize = 20_000;

/// The role's own key: nobody else can sign with it.
const ME: NodeId = NodeId([1; 32]);

/// Makes up messages about a small world, so that they often meet: three keys, two groups.
struct Liar {
    rng: Rng,
    links: Vec<LinkId>,
    dials: Vec<DialId>,
    tickets: Vec<Ticket>,
    made: u64,
    mono: u64,
}

impl Liar {
    fn new(seed: u64) -> Self {
        Self {
            rng: Rng::of(seed, 77),
            links: Vec::new(),
            dials: Vec::new(),
            tickets: Vec::new(),
            made: 0,
            mono: 1_000,
        }
    }

    fn key(&mut self) -> NodeId {
        NodeId([self.rng.range(1, 4) as u8; 32])
    }

    fn group(&mut self) -> GroupName {
        let name = if self.rng.chance(4, 5) {
            "#hearth"
        } else {
            "#garden"
        };
        GroupName::parse(name).unwrap()
    }

    fn count(&mut self) -> u64 {
        match self.rng.range(0, 9) {
            0 => COUNT_MAX,
            1 => self.rng.range(0, COUNT_MAX),
            _ => self.rng.range(0, 6),
        }
    }

    fn epoch(&mut self) -> Epoch {
        Epoch {
            number: self.count(),
            host: self.key(),
        }
    }

    fn vector(&mut self) -> Vector {
        (0..self.rng.range(0, 4))
            .map(|_| (self.epoch(), Seq(self.count())))
            .collect()
    }

    fn lease(&mut self) -> Lease {
        let (seal, group, epoch) = (CheapSeal(self.key()), self.group(), self.epoch());
        let mut lease = Lease::granted(&seal, group, epoch, None);
        if lease.by == ME || self.rng.chance(1, 8) {
            lease.signature = Signature([0; 64]);
        }
        lease
    }

    fn body(&mut self) -> Body {
        let nick = Nick::parse(if self.rng.chance(1, 2) { "anna" } else { "bob" }).unwrap();
        let text = "x".repeat(self.rng.range(0, 300) as usize);
        match self.rng.range(0, 10) {
            0 => Body::Join { nick },
            1 => Body::Part { why: text },
            2 => Body::Quit { why: text },
            3 => Body::Nick { nick },
            4 => Body::Text { text },
            5 => Body::Action { text },
            6 => Body::Topic { text },
            7 => Body::Gone { member: self.key() },
            8 => Body::Ruling(self.ruling()),
            _ => Body::Void,
        }
    }

    fn ruling(&mut self) -> Ruling {
        let member = self.key();
        match self.rng.range(0, 5) {
            0 => Ruling::Op { member },
            1 => Ruling::Deop { member },
            2 => Ruling::Kick {
                member,
                why: "x".to_owned(),
            },
            3 => Ruling::Ban { member },
            4 => Ruling::Unban { member },
            _ => Ruling::Mode {
                mode: if self.rng.chance(1, 2) {
                    Mode::TopicLock
                } else {
                    Mode::Moderated
                },
                on: self.rng.chance(1, 2),
            },
        }
    }

    fn charter(&mut self) -> Option<Charter> {
        if self.rng.chance(1, 3) {
            return None;
        }
        let (seal, group, born) = (CheapSeal(self.key()), self.group(), Wall(self.count()));
        let mut charter = Charter::offered(&seal, &group, born);
        if charter.founder == ME || self.rng.chance(1, 10) {
            charter.signature = Signature([0; 64]);
        }
        if self.rng.chance(1, 2) {
            charter = charter.witnessed(&CheapSeal(self.key()));
        }
        Some(charter)
    }

    fn group_record(&mut self) -> GroupRecord {
        GroupRecord {
            lease: self.lease(),
            roster: self.keys(),
            charter: self.charter(),
            quiet_ms: self.count(),
        }
    }

    fn entry(&mut self) -> Entry {
        let group = self.group();
        self.entry_in(&group)
    }

    fn entry_in(&mut self, group: &GroupName) -> Entry {
        let (seal, number) = (CheapSeal(self.key()), Number(self.count()));
        let time = Wall(if self.rng.chance(1, 9) {
            WALL_MAX
        } else {
            self.mono
        });
        let body = self.body();
        let mut entry = Entry::signed(&seal, group, number, time, body);
        if entry.author == ME || self.rng.chance(1, 20) {
            entry.signature = Signature([9; 64]);
        }
        entry
    }

    fn runs(&mut self) -> Vec<Run> {
        (0..self.rng.range(0, 3)).map(|_| self.run()).collect()
    }

    /// Signed by its host most of the time, and often the beginning of its line, so that it may be believed.
    fn run(&mut self) -> Run {
        let (epoch, group) = (self.epoch(), self.group());
        let entries = (0..self.rng.range(0, 4)).map(|n| {
            let wall = if self.rng.chance(1, 9) {
                WALL_MAX
            } else {
                self.mono
            };
            Sequenced {
                hlc: Hlc((wall << 16) + n),
                entry: self.entry(),
            }
        });
        let entries = entries.collect();
        let run = Run {
            epoch,
            first: Seq(if self.rng.chance(1, 2) {
                1
            } else {
                self.count().max(1)
            }),
            prev: Hash([if self.rng.chance(3, 4) { 0 } else { 1 }; 32]),
            entries,
            signature: Signature([0; 64]),
        };
        if epoch.host == ME || self.rng.chance(1, 10) {
            return run;
        }
        let head = run.head();
        run.signed(&CheapSeal(epoch.host), &group, head)
    }

    fn leases(&mut self) -> Vec<Lease> {
        (0..self.rng.range(0, 3)).map(|_| self.lease()).collect()
    }

    fn lines(&mut self) -> Lines {
        let tips = self.vector().into_iter();
        let tips = tips.map(|(epoch, seq)| {
            (
                epoch,
                Tip {
                    seq,
                    head: Hash([2; 32]),
                },
            )
        });
        Lines {
            tips: tips.collect(),
            older: Hash([if self.rng.chance(1, 2) { 0 } else { 3 }; 32]),
        }
    }

    fn record(&mut self) -> Record {
        let key = self.key();
        let port = self.rng.range(1, 3) as u16;
        let record = Record {
            name: NodeName::parse(&format!("node{}", key.0[0])).unwrap(),
            key,
            clock: self.count(),
            addresses: vec![SocketAddr::from(([127, 0, 0, key.0[0]], port))],
            roles: Roles {
                directory: self.rng.chance(1, 2),
                supernode: self.rng.chance(3, 4),
            },
            tombstone: self.rng.chance(1, 30),
            signature: Signature([0; 64]),
        };
        if key == ME || self.rng.chance(1, 10) {
            record
        } else {
            record.signed(&CheapSeal(key))
        }
    }

    fn keys(&mut self) -> Vec<NodeId> {
        (0..self.rng.range(0, 4)).map(|_| self.key()).collect()
    }

    /// What somebody says of where he is, most of the time in his own name.
    fn whereabouts(&mut self) -> Box<Whereabouts> {
        let (seal, over) = (CheapSeal(self.key()), self.keys());
        let mut whereabouts = Whereabouts::signed(&seal, Wall(self.mono), over);
        if self.rng.chance(1, 10) {
            whereabouts.signature = Signature([5; 64]);
        }
        Box::new(whereabouts)
    }

    /// Of private talks, and of who is where.
    fn private(&mut self) -> Message {
        match self.rng.range(0, 5) {
            0 => Message::Here {
                whereabouts: self.whereabouts(),
            },
            1 => Message::Seek { person: self.key() },
            2 => {
                let whereabouts = self.whereabouts();
                let for_ms = self.count();
                Message::Sought {
                    person: whereabouts.person,
                    standing: match self.rng.range(0, 4) {
                        0 => Whether::Unknown,
                        1 => Whether::Gone { for_ms },
                        _ => Whether::Here { for_ms },
                    },
                    whereabouts: self.rng.chance(4, 5).then_some(whereabouts),
                    ask: self.rng.chance(1, 3).then(|| self.key()),
                }
            }
            3 | 4 => {
                let talk = GroupName::of_person(&ME);
                let entries = (0..self.rng.range(0, 4)).map(|_| self.entry_in(&talk));
                Message::Whisper {
                    entries: entries.collect(),
                }
            }
            _ => Message::Heard {
                upto: Number(self.count()),
                asks: self.rng.chance(1, 2),
            },
        }
    }

    fn message(&mut self) -> Message {
        if self.rng.chance(1, 6) {
            return self.private();
        }
        let group = self.group();
        match self.rng.range(0, 26) {
            0 => Message::Open {
                version: if self.rng.chance(1, 20) {
                    99
                } else {
                    WIRE_VERSION
                },
                record: self.rng.chance(1, 2).then(|| self.record()),
            },
            1 => Message::Observed {
                address: SocketAddr::from(([10, 0, 0, 1], 5)),
            },
            2 => Message::TableWanted {
                digest: Hash::default(),
            },
            3 => {
                let listed = (0..self.rng.range(0, 3)).map(|_| Listed {
                    record: self.record(),
                    liveness: if self.rng.chance(2, 3) {
                        Liveness::Alive
                    } else {
                        Liveness::Dead
                    },
                    since: Wall(self.rng.range(0, 1 << 45)),
                });
                Message::Table {
                    listed: listed.collect(),
                    more: self.rng.chance(1, 4),
                }
            }
            4 => Message::Register {
                group,
                lease: self.rng.chance(2, 3).then(|| self.lease()),
                hosting: self.rng.chance(1, 2),
                missed: self.rng.chance(1, 2),
                roster: self.keys(),
                charter: self.charter().map(Box::new),
            },
            5 => Message::Leave { group },
            6 => Message::HostIs {
                lease: self.lease(),
                charter: self.charter().map(Box::new),
            },
            7 => Message::Moved {
                group,
                to: self.key(),
            },
            8 => Message::Query { group },
            9 => Message::Known {
                group,
                record: self.rng.chance(2, 3).then(|| Box::new(self.group_record())),
            },
            10 => Message::Transfer {
                record: Box::new(self.group_record()),
            },
            11 => Message::Hello {
                lease: self.lease(),
                lines: self.lines(),
                served: self.rng.chance(1, 2).then(|| {
                    Box::new(Served {
                        epoch: self.epoch(),
                        began_ms: self.count(),
                        ended_ms: self.count(),
                    })
                }),
                charter: self.charter().map(|charter| charter.hash()),
            },
            12 => Message::Welcome {
                group,
                epoch: self.epoch(),
                lines: self.lines(),
            },
            13 => Message::Deliver {
                group,
                report: self.rng.chance(1, 2),
                leases: self.leases(),
                runs: self.runs(),
            },
            14 => Message::Push {
                group,
                leases: self.leases(),
                runs: self.runs(),
            },
            15 => {
                let entries = (0..self.rng.range(0, 5)).map(|_| self.entry()).collect();
                Message::Put { group, entries }
            }
            16 => Message::Stored {
                group,
                vector: self.vector(),
            },
            17 => Message::Kept {
                group,
                vector: self.vector(),
                copies: 3,
            },
            18 => Message::Refused {
                group,
                number: Number(self.count()),
                why: match self.rng.range(0, 3) {
                    0 => Refusal::NickTaken,
                    1 => Refusal::NotAMember,
                    2 => Refusal::Banned,
                    _ => Refusal::Full,
                },
            },
            19 => Message::Presence {
                group,
                here: self.keys(),
                away: self.keys(),
            },
            20 => Message::Not {
                lease: self.lease(),
            },
            21 => Message::Declined {
                group,
                epoch: self.epoch(),
                why: if self.rng.chance(1, 2) {
                    Decline::Fork
                } else {
                    Decline::NoLease
                },
                head: self.rng.chance(1, 2).then(|| Box::new(self.run())),
            },
            22 => Message::Blocks {
                group,
                from: self.count(),
                upto: self.count(),
                blocks: vec![(self.count(), Hash([4; 32]))],
            },
            23 => Message::Older {
                group,
                upto: self.count(),
                blocks: vec![self.count(), self.count()],
                tips: self.lines().tips,
            },
            24 => Message::Merged {
                group,
                from_us: self.count(),
                from_them: self.count(),
            },
            25 => Message::Unfollow { group },
            _ => match self.charter() {
                Some(charter) => Message::Founded {
                    group,
                    charter: Box::new(charter),
                },
                None => Message::Query { group },
            },
        }
    }

    fn command(&mut self) -> Command {
        let group = if self.rng.chance(1, 6) {
            GroupName::of_person(&self.key())
        } else {
            self.group()
        };
        match self.rng.range(0, 8) {
            0 | 1 => Command::Join { group },
            7 => Command::Query {
                who: Who::Key(self.key()),
                near: Some(group),
                text: self.rng.chance(1, 2).then(|| "psst".to_owned()),
                is_front: self.rng.chance(1, 2),
            },
            8 => Command::Whois {
                who: self.rng.chance(4, 5).then(|| Who::Key(self.key())),
                near: None,
            },
            6 => Command::Rule {
                group,
                ruling: Ruling::Ban {
                    member: Who::Key(self.key()),
                },
            },
            2 => Command::Part {
                group,
                why: String::new(),
            },
            3 => Command::Topic {
                group,
                text: "t".to_owned(),
            },
            4 => Command::Nick {
                nick: Nick::parse("cat").unwrap(),
            },
            _ => Command::Say {
                group,
                text: "hello".to_owned(),
            },
        }
    }

    fn input(&mut self, kinds: &[Kind]) -> Input {
        let link = self.rng.pick(&self.links).copied();
        match (self.rng.range(0, 19), link) {
            (0, _) | (_, None) => {
                self.made += 1;
                let link = LinkId(self.made);
                self.links.push(link);
                let dial = self.dials.pop();
                let kind = *self.rng.pick(kinds).expect("there is a kind");
                let address = Some(SocketAddr::from(([127, 0, 0, 9], 9)));
                Input::Linked {
                    link,
                    dial,
                    kind,
                    peer: self.key(),
                    address,
                    rtt_ms: 1,
                }
            }
            (1, Some(link)) if self.rng.chance(1, 3) => {
                self.links.retain(|other| *other != link);
                let why = self.rng.chance(1, 2).then_some(Reason::Shutdown);
                Input::Lost { link, why }
            }
            (2, _) => Input::Command(self.command()),
            (3, _) => Input::Timeout,
            (4, _) if !self.dials.is_empty() => {
                let dial = self.dials.remove(0);
                Input::Undialled {
                    dial,
                    why: "refused".to_owned(),
                    reason: None,
                }
            }
            (5 | 6, _) if !self.tickets.is_empty() => {
                let ticket = self.tickets.remove(0);
                match self.rng.range(0, 5) {
                    0 => Input::Unwritten {
                        ticket,
                        why: "the disk is full".to_owned(),
                    },
                    1 => Input::Fetched {
                        ticket,
                        runs: self.runs(),
                        more: false,
                    },
                    _ => Input::Written {
                        ticket,
                        moved: Vec::new(),
                    },
                }
            }
            (7, _) => Input::Found {
                addresses: vec![SocketAddr::from(([127, 0, 0, self.key().0[0]], 1))],
            },
            (8, Some(link)) => {
                let message = Message::Open {
                    version: WIRE_VERSION,
                    record: Some(self.record()),
                };
                Input::Received { link, message }
            }
            (_, Some(link)) => Input::Received {
                link,
                message: self.message(),
            },
        }
    }

    /// Takes what a role wants done, as far as it matters here.
    fn drain(&mut self, role: &mut dyn Role) {
        for count in 0.. {
            assert!(count < OUTPUTS_MAX, "one input caused {count} outputs");
            match role.poll() {
                None => return,
                Some(Output::Dial { dial, .. }) => self.dials.push(dial),
                Some(Output::Send { message, .. }) => {
                    let frame = codec::encode(&message);
                    let back = codec::decode(&frame[codec::LENGTH_SIZE..]);
                    assert_eq!(back, Ok(message), "a role sent what its own codec refuses");
                }
                Some(Output::Close { link, .. }) => self.links.retain(|other| *other != link),
                Some(Output::Write { ticket, .. } | Output::Fetch { ticket, .. }) => {
                    self.tickets.push(ticket);
                }
                Some(
                    Output::Route { .. }
                    | Output::Show { .. }
                    | Output::Reach { .. }
                    | Output::Heed { .. }
                    | Output::Discover
                    | Output::Tell(_)
                    | Output::Finish,
                ) => {}
            }
        }
    }
}

fn live(seed: u64, role: &mut dyn Role, kinds: &[Kind], first: Vec<Input>) {
    let mut liar = Liar::new(seed);
    let mut inputs = first;
    for _ in 0..INPUTS {
        inputs.push(liar.input(kinds));
        for input in inputs.drain(..) {
            if let Input::Received { message, .. } = &input {
                // What does not pass the border never reaches a role.
                let frame = codec::encode(message);
                if codec::decode(&frame[codec::LENGTH_SIZE..]).is_err() {
                    continue;
                }
            }
            let now = Now {
                mono: Mono(liar.mono),
                wall: Wall(liar.mono),
            };
            role.handle(now, input);
            liar.drain(role);
            assert!(
                role.poll_timeout().is_none_or(|due| due.0 > liar.mono),
                "seed {seed}: a timer is due that was due before, and will be for ever"
            );
        }
        liar.mono += liar.rng.range(0, 700);
    }
}

#[test]
fn no_peer_makes_a_client_panic() {
    for seed in 0..LIVES {
        let seal: Arc<dyn Seal> = Arc::new(CheapSeal(ME));
        let nick = Nick::parse("anna").unwrap();
        let mut client = Client::new(seal, nick, Saved::default(), seed);
        let group = GroupName::parse("#hearth").unwrap();
        let first = vec![Input::Start, Input::Command(Command::Join { group })];
        live(
            seed,
            &mut client,
            &[Kind::Mesh, Kind::Peer, Kind::Peer],
            first,
        );
    }
}

#[test]
fn no_peer_makes_a_mesh_node_panic() {
    for seed in 0..LIVES {
        let seal: Arc<dyn Seal> = Arc::new(CheapSeal(ME));
        let roles = Roles {
            directory: true,
            supernode: true,
        };
        let name = NodeName::parse("here").unwrap();
        let mut node = MeshNode::new(seal, name, roles, Saved::default(), seed);
        let addresses = vec![SocketAddr::from(([127, 0, 0, 1], 1))];
        let first = vec![Input::Start, Input::Addresses { addresses }];
        live(seed, &mut node, &[Kind::Mesh], first);
    }
}
