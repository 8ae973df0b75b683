//! Records that are shown to a mesh node by who wants to be listed: what is wrong with them is told by its number, and
//! what is too many of one place is not listed.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a few kinds of outputs are of interest"
)]

use std::net::SocketAddr;
use std::sync::Arc;

use fireside::proto::codec;
use fireside::proto::id::{NodeId, NodeName};
use fireside::proto::limits::{
    ADDRESSES_MAX, COUNT_MAX, NEWCOMERS_MAX, NEWCOMERS_PER_ADDRESS_MAX, NODES_PER_ADDRESS_MAX,
    WIRE_VERSION,
};
use fireside::proto::node::MeshNode;
use fireside::proto::role::{Input, Kind, LinkId, Output, Role, Target};
use fireside::proto::saved::Saved;
use fireside::proto::seal::Signature;
use fireside::proto::table::SUPERNODES_PER_NETWORK_MAX;
use fireside::proto::time::{Mono, Now, Wall};
use fireside::proto::wire::{
    Doing, Edition, Gossip, Liveness, Message, News, Reason, Record, Roles, Unlisted,
};

use crate::seal::CheapSeal;

/// A directory, and whoever comes to its door. Everybody answers where their record says that they are.
struct Door {
    node: MeshNode,
    now: u64,
    links: u64,
}

/// What came of it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Answer {
    unlisted: Option<Unlisted>,
    closed: Option<Reason>,
}

fn key(n: u16) -> NodeId {
    let mut key = [3; 32];
    key[..2].copy_from_slice(&n.to_be_bytes());
    NodeId(key)
}

/// What the `n`th node signs of itself.
fn record(n: u16, address: &str) -> Record {
    let record = Record {
        name: NodeName::parse(&format!("node-{n}")).unwrap(),
        key: key(n),
        clock: 5,
        addresses: vec![address.parse().unwrap()],
        roles: Roles {
            directory: false,
            supernode: true,
        },
        tombstone: false,
        signature: Signature([0; 64]),
    };
    record.signed(&CheapSeal(key(n)))
}

fn changed(record: &Record, change: impl FnOnce(&mut Record)) -> Record {
    let mut record = record.clone();
    change(&mut record);
    let key = record.key;
    record.signed(&CheapSeal(key))
}

impl Door {
    fn new() -> Self {
        let roles = Roles {
            directory: true,
            supernode: false,
        };
        let name = NodeName::parse("directory").unwrap();
        let seal = Arc::new(CheapSeal(key(9_999)));
        let mut door = Self {
            node: MeshNode::new(seal, name, roles, Saved::default(), 1),
            now: 1_000,
            links: 0,
        };
        door.give(Input::Start);
        let addresses = vec![SocketAddr::from(([9, 9, 9, 9], 7700))];
        door.give(Input::Addresses { addresses });
        door
    }

    fn give(&mut self, input: Input) -> Vec<Output> {
        self.now += 1;
        let now = Now {
            mono: Mono(self.now),
            wall: Wall(self.now),
        };
        self.node.handle(now, input);
        std::iter::from_fn(|| self.node.poll()).collect()
    }

    fn link(&mut self) -> LinkId {
        self.links += 1;
        LinkId(self.links)
    }

    /// Somebody with this key shows a record.
    fn shows(&mut self, peer: NodeId, record: &Record) -> Answer {
        let link = self.link();
        let address = record.addresses.first().copied();
        let linked = |link, dial, address| Input::Linked {
            link,
            dial,
            kind: Kind::Mesh,
            peer,
            address,
            rtt_ms: 1,
        };
        let mut outputs = self.give(linked(link, None, address));
        let (version, shown) = (WIRE_VERSION, Some(record.clone()));
        let message = Message::Open {
            version,
            record: shown,
        };
        outputs.extend(self.give(Input::Received { link, message }));
        let mut answer = Answer::default();
        while !outputs.is_empty() {
            for output in std::mem::take(&mut outputs) {
                match output {
                    // It is dialled back.
                    Output::Dial { dial, to } => {
                        let Target::Node { address, .. } = to else {
                            panic!("a mesh node dials nobody else");
                        };
                        if record.addresses.contains(&address) {
                            let back = self.link();
                            outputs.extend(self.give(linked(back, Some(dial), Some(address))));
                        }
                    }
                    Output::Send {
                        to,
                        message: Message::Unlisted { why },
                    } if to.contains(&link) => answer.unlisted = Some(why),
                    Output::Close {
                        link: closed,
                        reason,
                    } if closed == link => {
                        answer.closed = Some(reason);
                    }
                    _ => {}
                }
            }
        }
        answer
    }

    fn lists(&self, record: &Record) -> bool {
        let listed = self.node.table().get(&record.key);
        listed.is_some_and(|listed| listed.record == *record)
    }
}

fn unlisted(why: Unlisted) -> Answer {
    Answer {
        unlisted: Some(why),
        closed: Some(Reason::Done),
    }
}

#[test]
fn what_is_wrong_with_a_record_is_told_by_its_number() {
    let mut door = Door::new();
    let (first, other) = (record(1, "20.0.0.1:1"), record(2, "20.0.1.1:1"));
    assert_eq!(door.shows(first.key, &first).unlisted, None);
    assert!(door.lists(&first));

    let closed = |reason| Answer {
        unlisted: None,
        closed: Some(reason),
    };
    let forged = Record {
        signature: Signature([9; 64]),
        ..other.clone()
    };
    assert_eq!(door.shows(other.key, &forged), closed(Reason::BadSignature));
    // A record of somebody else, true or not, is no record of whoever shows it.
    assert_eq!(door.shows(other.key, &first), closed(Reason::BadSignature));
    let named = changed(&other, |record| record.name = first.name.clone());
    assert_eq!(door.shows(other.key, &named), unlisted(Unlisted::NameTaken));
    let address = other.addresses[0];
    let many = changed(&other, |r| r.addresses = vec![address; ADDRESSES_MAX + 1]);
    let why = Unlisted::TooManyAddresses;
    assert_eq!(door.shows(other.key, &many), unlisted(why));
    assert!(!door.lists(&forged) && !door.lists(&named) && !door.lists(&many));
    assert!(
        door.lists(&first),
        "nothing of it has changed what is there"
    );
}

#[test]
fn what_was_replayed_or_contradicts_what_is_known_is_not_listed() {
    let mut door = Door::new();
    let first = record(1, "20.0.0.1:1");
    let later = changed(&first, |record| record.clock = 6);
    let twin = changed(&later, |r| {
        r.addresses = vec!["20.0.2.1:1".parse().unwrap()]
    });
    door.shows(first.key, &first);
    door.shows(first.key, &later);
    assert!(door.lists(&later));
    for stale in [&first, &twin] {
        door.shows(first.key, stale);
        assert!(door.lists(&later), "{stale:?}");
    }
    // It goes on above what was known of it, as who has lost its disk does.
    let above = changed(&twin, |record| record.clock = 7);
    door.shows(first.key, &above);
    assert!(door.lists(&above));
}

#[test]
fn a_clock_at_the_end_of_counting_is_the_last_and_one_beyond_it_is_not_read() {
    let mut door = Door::new();
    let last = changed(&record(1, "20.0.0.1:1"), |r| r.clock = COUNT_MAX);
    door.shows(last.key, &last);
    assert!(door.lists(&last));
    for clock in [COUNT_MAX + 1, u64::MAX - 1, u64::MAX] {
        let (record, key) = (changed(&last, |record| record.clock = clock), last.key);
        let edition = Edition { key, clock };
        let news = News {
            edition,
            incarnation: 0,
            liveness: Liveness::Alive,
        };
        let gossip = |clock, news| {
            Message::Gossip(Box::new(Gossip {
                clock,
                incarnation: 0,
                to_clock: 1,
                doing: Doing::Tell,
                news,
            }))
        };
        let (version, record) = (WIRE_VERSION, Some(record));
        let open = Message::Open { version, record };
        for message in [open, gossip(clock, Vec::new()), gossip(1, vec![news])] {
            let frame = codec::encode(&message);
            let read = codec::decode(&frame[codec::LENGTH_SIZE..]);
            let reason = read.expect_err("it is over the limit").reason();
            assert_eq!(reason, Reason::Limit);
        }
    }
}

#[test]
fn a_node_whose_own_clock_is_at_its_end_says_nothing_that_nobody_reads() {
    let mut door = Door::new();
    let peer = record(1, "20.0.0.1:1");
    door.shows(peer.key, &peer);
    let ours = door.node.table().get(&key(9_999)).expect("it lists itself");
    let ours = changed(&ours.record, |record| record.clock = COUNT_MAX);
    let listed = vec![fireside::proto::wire::Listed {
        record: ours,
        liveness: Liveness::Alive,
        since: Wall(0),
    }];
    let mut outputs = Vec::new();
    for link in (1..=door.links).map(LinkId) {
        let (listed, more) = (listed.clone(), false);
        let message = Message::Table { listed, more };
        outputs.extend(door.give(Input::Received { link, message }));
    }
    for output in outputs {
        if let Output::Send { message, .. } = output {
            let frame = codec::encode(&message);
            assert!(codec::decode(&frame[codec::LENGTH_SIZE..]).is_ok());
        }
    }
    assert_eq!(door.node.table().known_clock(&key(9_999)), Some(COUNT_MAX));
    // It is called dead under its last clock, and cannot come back under a later one.
    let gossip = Gossip {
        clock: peer.clock,
        incarnation: 0,
        to_clock: COUNT_MAX,
        doing: Doing::CallDead,
        news: Vec::new(),
    };
    let (link, message) = (LinkId(1), Message::Gossip(Box::new(gossip)));
    let mut outputs = door.give(Input::Received { link, message });
    for _ in 0..20 {
        door.now += 200;
        outputs.extend(door.give(Input::Timeout));
    }
    assert_all_readable(&outputs);
}

#[track_caller]
fn assert_all_readable(outputs: &[Output]) {
    for output in outputs {
        if let Output::Send { message, .. } = output {
            let frame = codec::encode(message);
            let read = codec::decode(&frame[codec::LENGTH_SIZE..]);
            assert!(read.is_ok(), "{message:?}");
        }
    }
}

#[test]
fn who_is_dialled_back_in_vain_makes_few_others_wait() {
    // From one address, and from as many as there are: nobody answers where he says that he is.
    for (most, place) in [
        (NEWCOMERS_PER_ADDRESS_MAX, (|_| [20, 0, 0, 1]) as Place),
        (NEWCOMERS_MAX, |n| [20, (n / 250) as u8, (n % 250) as u8, 1]),
    ] {
        let mut door = Door::new();
        let mut turned_away = 0;
        for n in 0..300 {
            let [a, b, c, d] = place(n);
            let record = record(n, &format!("{a}.{b}.{c}.{d}:{}", 1_000 + n));
            let link = door.link();
            let mut outputs = door.give(Input::Linked {
                link,
                dial: None,
                kind: Kind::Mesh,
                peer: record.key,
                address: record.addresses.first().copied(),
                rtt_ms: 1,
            });
            let (version, record) = (WIRE_VERSION, Some(record));
            let message = Message::Open { version, record };
            outputs.extend(door.give(Input::Received { link, message }));
            let is_closed = |output: &Output| match output {
                Output::Close { reason, .. } => *reason == Reason::Limit,
                _ => false,
            };
            turned_away += usize::from(outputs.iter().any(is_closed));
        }
        assert_eq!(turned_away, 300 - most);
    }
}

type Place = fn(u16) -> [u8; 4];

#[test]
fn sybils_of_one_address_or_one_network_are_few() {
    // Of one address, of one /64, of one /24, of one /48: how many are listed, and why the next is not.
    let (address, network) = (NODES_PER_ADDRESS_MAX, SUPERNODES_PER_NETWORK_MAX);
    type Name = fn(u16) -> String;
    let places: [(Name, u32, Unlisted); 4] = [
        (|n| format!("20.0.0.1:{n}"), address, Unlisted::AddressFull),
        (
            |n| format!("[2a01:db8:0:1::{n:x}]:1"),
            address,
            Unlisted::AddressFull,
        ),
        (|n| format!("20.0.0.{n}:1"), network, Unlisted::NetworkFull),
        (
            |n| format!("[2a01:db8:1:{n:x}::1]:1"),
            network,
            Unlisted::NetworkFull,
        ),
    ];
    for (place, most, why) in places {
        let mut door = Door::new();
        for n in 1..=20 {
            let record = record(n, &place(n));
            let answer = door.shows(record.key, &record);
            if u32::from(n) <= most {
                assert!(door.lists(&record), "{} {answer:?}", place(n));
            } else {
                assert_eq!(answer, unlisted(why), "{}", place(n));
            }
        }
        assert_eq!(door.node.table().len(), most as usize + 1);
        let honest = record(99, "30.0.0.1:1");
        door.shows(honest.key, &honest);
        assert!(door.lists(&honest));
    }
}
