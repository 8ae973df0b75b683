//! One honest client among supernodes and a host who lie about births and rights: what they say is played by hand.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a few kinds of messages are of interest"
)]

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

use fireside::proto::client::Client;
use fireside::proto::command::Command;
use fireside::proto::event::{Event, Member, What};
use fireside::proto::id::{Epoch, GroupName, Nick, NodeId, NodeName, Number, Seq};
use fireside::proto::limits::WIRE_VERSION;
use fireside::proto::ring::{Point, Ring};
use fireside::proto::role::{Input, Kind, LinkId, Output, Role, Target};
use fireside::proto::ruling::{Rank, Ruling};
use fireside::proto::saved::{Saved, Write};
use fireside::proto::seal::{Hash, Seal, Signature};
use fireside::proto::time::{Hlc, Mono, Now, Wall};
use fireside::proto::wire::{
    Body, Charter, Entry, GroupRecord, Lease, Lines, Listed, Liveness, Message, Record, Refusal,
    Roles, Run, Sequenced, Tip,
};

use crate::seal::CheapSeal;
use crate::town::name;

const HEARTH: &str = "#hearth";
const ME: NodeId = NodeId([1; 32]);
const FOUNDER: NodeId = NodeId([2; 32]);
const HOST: NodeId = NodeId([3; 32]);
const MALLORY: NodeId = NodeId([4; 32]);

/// A client, and two supernodes and a host that say what the test says.
struct Stage {
    client: Client,
    now: u64,
    /// The responsible supernode and the other, with their links.
    near: (NodeId, LinkId),
    far: (NodeId, LinkId),
    peer: LinkId,
    records: [Record; 2],
    inputs: VecDeque<Input>,
    sent: Vec<(LinkId, Message)>,
    told: Vec<Event>,
    written: Vec<Write>,
    dialled: Vec<NodeId>,
}

fn supernode(byte: u8) -> Record {
    let record = Record {
        name: NodeName::parse(&format!("super-{byte}")).unwrap(),
        key: NodeId([byte; 32]),
        clock: 1,
        addresses: vec![SocketAddr::from(([10, 7, 0, byte], 7700))],
        roles: Roles {
            directory: false,
            supernode: true,
        },
        tombstone: false,
        signature: Signature([0; 64]),
    };
    record.signed(&CheapSeal(NodeId([byte; 32])))
}

impl Stage {
    /// The client is in the group, as far as two supernodes go.
    fn new() -> Self {
        let records = [supernode(7), supernode(8)];
        let nodes = records
            .iter()
            .map(|record| (record.key, record.addresses[0].ip()));
        let ring = Ring::new(nodes);
        let near = ring
            .responsible(Point::of_group(&name(HEARTH)))
            .expect("there are two");
        let far = ring
            .second(Point::of_group(&name(HEARTH)))
            .expect("there are two");
        let seal: Arc<dyn Seal> = Arc::new(CheapSeal(ME));
        let nick = Nick::parse("me").unwrap();
        let mut stage = Self {
            client: Client::new(seal, nick, Saved::default(), 1),
            now: 1_000,
            near: (near, LinkId(1)),
            far: (far, LinkId(2)),
            peer: LinkId(3),
            records,
            inputs: VecDeque::new(),
            sent: Vec::new(),
            told: Vec::new(),
            written: Vec::new(),
            dialled: Vec::new(),
        };
        stage.give(Input::Start);
        let group = name(HEARTH);
        stage.give(Input::Command(Command::Join { group }));
        let addresses = vec![stage.records[0].addresses[0]];
        stage.give(Input::Found { addresses });
        // Whoever knows nothing of a group asks the other supernode, too.
        let (group, record) = (name(HEARTH), None);
        stage.say(stage.far.1, Message::Known { group, record });
        stage.sent.clear();
        stage
    }

    fn give(&mut self, input: Input) {
        self.inputs.push_back(input);
        while let Some(input) = self.inputs.pop_front() {
            let now = Now {
                mono: Mono(self.now),
                wall: Wall(self.now),
            };
            self.client.handle(now, input);
            while let Some(output) = self.client.poll() {
                self.carry_out(output);
            }
        }
    }

    fn wait(&mut self, ms: u64) {
        for _ in 0..ms / 100 {
            self.now += 100;
            self.give(Input::Timeout);
        }
    }

    fn carry_out(&mut self, output: Output) {
        match output {
            Output::Dial { dial, to } => {
                let (link, kind, peer) = match to {
                    Target::Node { address, .. } => {
                        let at = |record: &&Record| record.addresses.contains(&address);
                        let id = self.records.iter().find(at).expect("one of two").key;
                        (self.link(id), Kind::Mesh, id)
                    }
                    Target::Peer { id, .. } => {
                        self.dialled.push(id);
                        (self.peer, Kind::Peer, id)
                    }
                };
                self.inputs.push_back(Input::Linked {
                    link,
                    dial: Some(dial),
                    kind,
                    peer,
                    address: None,
                    rtt_ms: 1,
                });
                let record = self.records.iter().find(|record| record.key == peer);
                self.say_later(
                    link,
                    Message::Open {
                        version: WIRE_VERSION,
                        record: record.cloned(),
                    },
                );
            }
            Output::Send { to, message } => {
                if let Message::TableWanted { .. } = message {
                    let listed = self.records.iter().map(|record| Listed {
                        record: record.clone(),
                        liveness: Liveness::Alive,
                        since: Wall(0),
                    });
                    let (listed, more) = (listed.collect(), false);
                    self.say_later(to[0], Message::Table { listed, more });
                }
                self.sent
                    .extend(to.into_iter().map(|link| (link, message.clone())));
            }
            Output::Write { ticket, writes } => {
                self.written.extend(writes);
                let moved = Vec::new();
                self.inputs.push_back(Input::Written { ticket, moved });
            }
            Output::Tell(event) => self.told.push(event),
            Output::Route { .. }
            | Output::Show { .. }
            | Output::Reach { .. }
            | Output::Heed { .. }
            | Output::Close { .. }
            | Output::Fetch { .. }
            | Output::Discover
            | Output::Finish => {}
        }
    }

    fn link(&self, id: NodeId) -> LinkId {
        if id == self.near.0 {
            self.near.1
        } else {
            self.far.1
        }
    }

    fn say_later(&mut self, link: LinkId, message: Message) {
        self.inputs.push_back(Input::Received { link, message });
    }

    fn say(&mut self, link: LinkId, message: Message) {
        self.give(Input::Received { link, message });
    }

    /// The responsible supernode says who hosts.
    fn host_is(&mut self, number: u64, host: NodeId, charter: &Charter) {
        let epoch = Epoch { number, host };
        let lease = Lease::granted(&CheapSeal(self.near.0), name(HEARTH), epoch, None);
        let charter = Some(Box::new(charter.clone()));
        self.say(self.near.1, Message::HostIs { lease, charter });
    }

    /// The other supernode says which charter it holds.
    fn other_holds(&mut self, charter: &Charter) {
        let epoch = Epoch {
            number: 1,
            host: HOST,
        };
        let record = GroupRecord {
            lease: Lease::granted(&CheapSeal(self.far.0), name(HEARTH), epoch, None),
            roster: Vec::new(),
            charter: Some(charter.clone()),
            quiet_ms: 0,
        };
        let (group, record) = (name(HEARTH), Some(Box::new(record)));
        self.say(self.far.1, Message::Known { group, record });
    }

    fn charter_kept(&self) -> Option<&Charter> {
        self.written.iter().rev().find_map(|write| match write {
            Write::Charter { charter, .. } => Some(charter),
            Write::Run { .. }
            | Write::Evidence { .. }
            | Write::Outbox { .. }
            | Write::OutboxDone { .. }
            | Write::Group { .. }
            | Write::Rename { .. }
            | Write::Nick(_)
            | Write::Gates(_)
            | Write::Verified { .. }
            | Write::Table(_)
            | Write::Clock(_)
            | Write::Burial(_)
            | Write::Record { .. }
            | Write::RecordGone { .. } => None,
        })
    }

    fn renamed(&self) -> Option<&GroupName> {
        self.told.iter().find_map(|event| {
            if let Event::Renamed { to, .. } = event {
                Some(to)
            } else {
                None
            }
        })
    }

    fn members(&self) -> Vec<Member> {
        let lists = self.told.iter().rev().find_map(|event| {
            if let Event::Members { members, .. } | Event::Joined { members, .. } = event {
                Some(members.clone())
            } else {
                None
            }
        });
        lists.unwrap_or_default()
    }
}

/// A charter of `founder`, with a supernode that everybody knows for its witness.
fn charter(founder: NodeId, born: u64) -> Charter {
    let charter = Charter::offered(&CheapSeal(founder), &name(HEARTH), Wall(born));
    charter.witnessed(&CheapSeal(NodeId([7; 32])))
}

/// A piece of the host's line after `prev`, as the host signs it.
fn signed_run(first: Seq, prev: Hash, entries: Vec<Sequenced>) -> Run {
    let run = Run {
        epoch: Epoch {
            number: 1,
            host: HOST,
        },
        first,
        prev,
        entries,
        signature: Signature([0; 64]),
    };
    let head = run.head();
    run.signed(&CheapSeal(HOST), &name(HEARTH), head)
}

/// The host delivers what these did, in this order; the head of its line after that.
fn deliver(stage: &mut Stage, deeds: &[(NodeId, u64, Body)]) -> Hash {
    let epoch = Epoch {
        number: 1,
        host: HOST,
    };
    let entries = (1..).zip(deeds).map(|(at, (author, number, body))| {
        let (seal, group) = (CheapSeal(*author), name(HEARTH));
        let entry = Entry::signed(&seal, &group, Number(*number), Wall(at), body.clone());
        let hlc = Hlc((1_000 + at) << 16);
        Sequenced { hlc, entry }
    });
    let run = signed_run(Seq(1), Hash::default(), entries.collect());
    let (group, head) = (name(HEARTH), run.head());
    let seq = run.last();
    let lines = Lines {
        tips: [(epoch, Tip { seq, head })].into(),
        ..Lines::default()
    };
    stage.say(
        stage.peer,
        Message::Welcome {
            group: group.clone(),
            epoch,
            lines,
        },
    );
    let (runs, report) = (vec![run], false);
    stage.say(
        stage.peer,
        Message::Deliver {
            group,
            report,
            leases: Vec::new(),
            runs,
        },
    );
    head
}

fn join(nick: &str) -> Body {
    let nick = Nick::parse(nick).unwrap();
    Body::Join { nick }
}

fn kick(member: NodeId) -> Body {
    let why = "because".to_owned();
    Body::Ruling(Ruling::Kick { member, why })
}

#[test]
fn a_charter_that_somebody_else_wrote_or_witnessed_is_not_believed() {
    let forged = |change: &dyn Fn(&mut Charter)| {
        let mut charter = charter(FOUNDER, 5);
        change(&mut charter);
        charter
    };
    for forged in [
        forged(&|charter| charter.founder = MALLORY),
        forged(&|charter| charter.born = Wall(1)),
        forged(&|charter| charter.group = name("#garden")),
        forged(&|charter| charter.witness.as_mut().unwrap().by = MALLORY),
    ] {
        let mut stage = Stage::new();
        stage.host_is(1, HOST, &forged);
        assert_eq!(stage.charter_kept(), None, "{forged:?}");
        assert!(stage.dialled.is_empty(), "nobody follows the host it names");
    }
    let mut stage = Stage::new();
    stage.host_is(1, HOST, &charter(FOUNDER, 5));
    assert_eq!(stage.charter_kept(), Some(&charter(FOUNDER, 5)));
    assert_eq!(stage.dialled, [HOST]);
}

#[test]
fn a_host_that_makes_itself_an_operator_is_none_and_nobodys_rulings_change_nothing() {
    let mut stage = Stage::new();
    stage.host_is(1, HOST, &charter(FOUNDER, 5));
    let op = Body::Ruling(Ruling::Op { member: HOST });
    let topic = |text: &str| Body::Topic {
        text: text.to_owned(),
    };
    let lock = Body::Ruling(Ruling::Mode {
        mode: fireside::proto::ruling::Mode::TopicLock,
        on: true,
    });
    let head = deliver(
        &mut stage,
        &[
            (FOUNDER, 1, join("anna")),
            (HOST, 1, join("host")),
            (MALLORY, 1, join("mallory")),
            (HOST, 2, op),
            (HOST, 3, kick(FOUNDER)),
            (MALLORY, 2, kick(HOST)),
            (FOUNDER, 2, lock),
            (FOUNDER, 3, topic("the founder's")),
            (HOST, 4, topic("the host's")),
            (FOUNDER, 4, Body::Ruling(Ruling::Ban { member: MALLORY })),
            (MALLORY, 3, join("mallory")),
        ],
    );
    let vain = stage
        .told
        .iter()
        .filter(|event| matches!(event, Event::Entry(line) if matches!(line.what, What::Vain(_))));
    assert_eq!(vain.count(), 5);
    // We are let in, so that we are told who is here.
    let entry = stage.sent.iter().find_map(|(_, message)| {
        if let Message::Put { entries, .. } = message {
            entries.first().cloned()
        } else {
            None
        }
    });
    let hlc = Hlc(2_000 << 16);
    let entry = entry.expect("our own join");
    let run = signed_run(Seq(12), head, vec![Sequenced { hlc, entry }]);
    let (group, report) = (name(HEARTH), false);
    stage.say(
        stage.peer,
        Message::Deliver {
            group,
            report,
            leases: Vec::new(),
            runs: vec![run],
        },
    );
    stage.wait(200);
    let ranks: Vec<_> = stage
        .members()
        .iter()
        .map(|member| (member.id, member.rank))
        .collect();
    assert_eq!(
        ranks,
        [
            (FOUNDER, Rank::Founder),
            (HOST, Rank::Member),
            (ME, Rank::Member)
        ]
    );
}

#[test]
fn one_supernodes_word_takes_no_name_away_and_two_do() {
    let (ours, rival) = (charter(FOUNDER, 5), charter(MALLORY, 1));
    let mut stage = Stage::new();
    stage.host_is(1, HOST, &ours);
    stage.host_is(9, MALLORY, &rival);
    stage.wait(2_000);
    let asked = |stage: &Stage| {
        let queries = stage.sent.iter().filter(|(link, message)| {
            *link == stage.far.1 && matches!(message, Message::Query { .. })
        });
        queries.count()
    };
    assert_eq!(asked(&stage), 1, "the other supernode is asked");
    stage.other_holds(&ours);
    stage.wait(2_000);
    assert_eq!(stage.renamed(), None);
    assert_eq!(stage.charter_kept(), Some(&ours));
    assert_eq!(stage.dialled, [HOST], "the rival's host is not followed");

    stage.wait(6_000);
    assert!(asked(&stage) > 1, "it is asked again while it is in doubt");
    stage.other_holds(&rival);
    assert_eq!(stage.renamed(), Some(&name(HEARTH).tagged(&ours.hash())));
    assert_eq!(stage.charter_kept(), Some(&ours));
}

#[test]
fn a_birth_without_a_witness_gives_way_and_one_with_a_witness_does_not_to_it() {
    let young = |founder, born| Charter {
        witness: None,
        ..charter(founder, born)
    };
    let mut stage = Stage::new();
    stage.host_is(1, HOST, &young(FOUNDER, 5));
    stage.host_is(2, HOST, &charter(MALLORY, 9));
    assert_eq!(stage.charter_kept(), Some(&charter(MALLORY, 9)));
    stage.host_is(3, MALLORY, &young(FOUNDER, 5));
    assert_eq!(stage.charter_kept(), Some(&charter(MALLORY, 9)));
    assert_eq!(stage.dialled, [HOST]);
    assert_eq!(stage.renamed(), None);
}

#[test]
fn a_host_answers_a_member_of_another_group_with_its_charter_and_no_welcome() {
    let ours = charter(FOUNDER, 5);
    let mut stage = Stage::new();
    stage.host_is(1, ME, &ours);
    stage.give(Input::Linked {
        link: stage.peer,
        dial: None,
        kind: Kind::Peer,
        peer: MALLORY,
        address: None,
        rtt_ms: 1,
    });
    let open = Message::Open {
        version: WIRE_VERSION,
        record: None,
    };
    stage.say(stage.peer, open);
    let epoch = Epoch {
        number: 1,
        host: ME,
    };
    let lease = Lease::granted(&CheapSeal(stage.near.0), name(HEARTH), epoch, None);
    let hello = |charter: Option<Hash>| Message::Hello {
        lease: lease.clone(),
        lines: Lines::default(),
        served: None,
        charter,
    };
    let answers = |stage: &mut Stage, charter| {
        stage.sent.clear();
        stage.say(stage.peer, hello(charter));
        let has = |test: &dyn Fn(&Message) -> bool| {
            stage
                .sent
                .iter()
                .any(|(link, message)| *link == stage.peer && test(message))
        };
        (
            has(
                &|message| matches!(message, Message::Founded { charter, .. } if **charter == ours),
            ),
            has(&|message| matches!(message, Message::Welcome { .. })),
        )
    };
    let rival = charter(MALLORY, 1).hash();
    assert_eq!(answers(&mut stage, Some(rival)), (true, false));
    assert_eq!(answers(&mut stage, None), (true, true));
    assert_eq!(answers(&mut stage, Some(ours.hash())), (false, true));
}

#[test]
fn lines_that_come_again_come_in_the_order_they_were_said() {
    lines_that_come_again(1);
}

/// The host refuses a line, since it says that we are not in; then it finds that we are.
pub fn lines_that_come_again(_: u64) {
    let mut stage = Stage::new();
    stage.host_is(1, HOST, &charter(FOUNDER, 5));
    deliver(&mut stage, &[(HOST, 1, join("host")), (ME, 1, join("me"))]);
    let group = name(HEARTH);
    for text in ["one", "two", "three"] {
        let (group, text) = (group.clone(), text.to_owned());
        stage.give(Input::Command(Command::Say { group, text }));
    }
    let put = |stage: &Stage| {
        let put = stage.sent.iter().filter_map(|(_, message)| match message {
            Message::Put { entries, .. } => Some(entries.clone()),
            _ => None,
        });
        put.flatten().collect::<Vec<_>>()
    };
    let number = put(&stage)[0].number;
    stage.sent.clear();
    let why = Refusal::NotAMember;
    stage.say(stage.peer, Message::Refused { group, number, why });
    let again = put(&stage);
    let said = again.iter().filter_map(|entry| match &entry.body {
        Body::Text { text } => Some(&**text),
        _ => None,
    });
    assert_eq!(said.collect::<Vec<_>>(), ["one", "two", "three"]);
    assert!(again.is_sorted_by_key(|entry| entry.number));
    let joins = again.iter().position(|entry| entry.body == join("me"));
    let first = again
        .iter()
        .position(|entry| matches!(entry.body, Body::Text { .. }));
    assert!(joins.is_some() && joins < first);
}
