//! One of each thing that can be said, with values that are easy to find among bytes.

use std::collections::BTreeMap;

use fireside::proto::id::{Epoch, GroupName, Nick, NodeId, NodeName, Number, Seq};
use fireside::proto::ruling::{Mode, Ruling};
use fireside::proto::seal::{Hash, Signature};
use fireside::proto::time::{Hlc, Wall};
use fireside::proto::wire::{
    Body, Burial, Charter, Decline, Doing, Edition, Entry, Gossip, GroupRecord, Lease, Lines,
    Listed, Liveness, Message, News, Outcome, Record, Refusal, Rest, Roles, Run, Sequenced, Served,
    Standing, Tip, Unlisted, Vector, Whereabouts, Whether, Witness,
};

pub(crate) fn group() -> GroupName {
    GroupName::parse("#g").unwrap()
}

fn id(byte: u8) -> NodeId {
    NodeId([byte; 32])
}

fn epoch() -> Epoch {
    Epoch {
        number: 3,
        host: id(0xaa),
    }
}

pub(crate) fn vector() -> Vector {
    BTreeMap::from([(epoch(), Seq(300))])
}

pub(crate) fn lines() -> Lines {
    let tip = Tip {
        seq: Seq(300),
        head: Hash([0x33; 32]),
    };
    Lines {
        tips: BTreeMap::from([(epoch(), tip)]),
        older: Hash([0x44; 32]),
    }
}

fn lease() -> Lease {
    Lease {
        group: group(),
        epoch: epoch(),
        charter: Some(Hash([0x66; 32])),
        by: id(0xbb),
        signature: Signature([0x55; 64]),
    }
}

fn charter() -> Charter {
    Charter {
        group: group(),
        founder: id(0x99),
        born: Wall(2_000),
        signature: Signature([0x33; 64]),
        witness: Some(Witness {
            by: id(0xbb),
            signature: Signature([0x44; 64]),
        }),
    }
}

fn group_record() -> GroupRecord {
    GroupRecord {
        lease: lease(),
        roster: vec![id(1), id(2)],
        charter: Some(charter()),
        quiet_ms: 60_000,
    }
}

fn record() -> Record {
    Record {
        name: NodeName::parse("n").unwrap(),
        key: id(0xcc),
        clock: 9,
        addresses: vec![
            "127.0.0.1:7700".parse().unwrap(),
            "[::1]:7701".parse().unwrap(),
        ],
        roles: Roles {
            directory: true,
            supernode: false,
        },
        tombstone: false,
        signature: Signature([0x66; 64]),
    }
}

fn edition() -> Edition {
    Edition {
        key: id(0xcc),
        clock: 300,
    }
}

fn whereabouts() -> Whereabouts {
    Whereabouts {
        person: id(0x88),
        at: Wall(2_000),
        over: vec![id(0xbb), id(0xcc)],
        signature: Signature([0x22; 64]),
    }
}

pub(crate) fn entry(body: Body) -> Entry {
    Entry {
        author: id(0xdd),
        number: Number(1),
        time: Wall(1_000),
        body,
        signature: Signature([0x77; 64]),
    }
}

pub(crate) fn run(entries: Vec<Sequenced>) -> Run {
    Run {
        epoch: epoch(),
        first: Seq(1),
        prev: Hash([0x22; 32]),
        entries,
        signature: Signature([0x88; 64]),
    }
}

fn text(text: &str) -> Body {
    Body::Text {
        text: text.to_owned(),
    }
}

pub(crate) fn bodies() -> Vec<Body> {
    let (nick, why) = (Nick::parse("anna").unwrap(), "so".to_owned());
    vec![
        Body::Join { nick: nick.clone() },
        Body::Part { why: why.clone() },
        Body::Quit { why },
        Body::Nick { nick },
        text("hi"),
        Body::Action {
            text: "waves".to_owned(),
        },
        Body::Topic {
            text: String::new(),
        },
        Body::Gone { member: id(0xee) },
        Body::Void,
        Body::Ruling(Ruling::Op { member: id(0xef) }),
        Body::Ruling(Ruling::Deop { member: id(0xef) }),
        Body::Ruling(Ruling::Kick {
            member: id(0xef),
            why: "no".to_owned(),
        }),
        Body::Ruling(Ruling::Ban { member: id(0xef) }),
        Body::Ruling(Ruling::Unban { member: id(0xef) }),
        Body::Ruling(Ruling::Mode {
            mode: Mode::TopicLock,
            on: true,
        }),
        Body::Ruling(Ruling::Mode {
            mode: Mode::Moderated,
            on: false,
        }),
    ]
}

pub(crate) fn refusals() -> Vec<Refusal> {
    vec![
        Refusal::NickTaken,
        Refusal::Full,
        Refusal::Malformed,
        Refusal::NotAMember,
        Refusal::NotAllowed,
        Refusal::NotTheFounder,
        Refusal::NotAnOperator,
        Refusal::Outranked,
        Refusal::NotThere,
        Refusal::Moderated,
        Refusal::Banned,
        Refusal::PutOut,
    ]
}

/// Every message once, in the order of the specification.
pub(crate) fn messages() -> Vec<Message> {
    let (group, roster) = (group(), vec![id(1), id(2)]);
    let sequenced = Sequenced {
        hlc: Hlc(0x1_0000),
        entry: entry(text("hi")),
    };
    let runs = vec![run(vec![sequenced])];
    let messages = vec![
        Message::Open {
            version: 1,
            record: Some(record()),
        },
        Message::Observed {
            address: "192.0.2.7:7700".parse().unwrap(),
        },
        Message::TableWanted {
            digest: Hash([0x11; 32]),
        },
        Message::Table {
            listed: vec![Listed {
                record: record(),
                liveness: Liveness::Alive,
                since: Wall(3_000),
            }],
            more: false,
        },
        Message::Gossip(Box::new(Gossip {
            clock: 9,
            incarnation: 2,
            to_clock: 8,
            doing: Doing::PingFor {
                target: edition(),
                number: 7,
            },
            news: vec![News {
                edition: edition(),
                incarnation: 300,
                liveness: Liveness::Suspect,
            }],
        })),
        Message::TableDigest {
            digest: Hash([0x11; 32]),
        },
        Message::TableBlocks {
            digests: vec![1, 300],
        },
        Message::TableClocks {
            blocks: vec![5],
            standings: vec![
                Standing {
                    key: id(4),
                    rest: Rest::Listed {
                        clock: 9,
                        is_up: true,
                    },
                },
                Standing {
                    key: id(5),
                    rest: Rest::Buried,
                },
            ],
        },
        Message::RecordsWanted { keys: vec![id(4)] },
        Message::Buried {
            burials: vec![Burial {
                key: id(4),
                name: NodeName::parse("n").unwrap(),
                by: id(6),
                signature: Signature([0x99; 64]),
            }],
        },
        Message::Unlisted {
            why: Unlisted::NameTaken,
        },
        Message::Introduce {
            address: "192.0.2.7:7700".parse().unwrap(),
        },
        Message::Outcome(Outcome::NoAnswer),
        Message::Register {
            group: group.clone(),
            lease: Some(lease()),
            hosting: true,
            missed: false,
            roster: roster.clone(),
            charter: Some(Box::new(charter())),
        },
        Message::Leave {
            group: group.clone(),
        },
        Message::HostIs {
            lease: lease(),
            charter: Some(Box::new(charter())),
        },
        Message::Moved {
            group: group.clone(),
            to: id(4),
        },
        Message::Query {
            group: group.clone(),
        },
        Message::Known {
            group: group.clone(),
            record: None,
        },
        Message::Transfer {
            record: Box::new(group_record()),
        },
        Message::Hello {
            lease: lease(),
            lines: lines(),
            served: Some(Box::new(Served {
                epoch: epoch(),
                began_ms: 9_000,
                ended_ms: 5_000,
            })),
            charter: Some(Hash([0x22; 32])),
        },
        Message::Welcome {
            group: group.clone(),
            epoch: epoch(),
            lines: lines(),
        },
        Message::Deliver {
            group: group.clone(),
            report: true,
            leases: vec![lease()],
            runs: runs.clone(),
        },
        Message::Push {
            group: group.clone(),
            leases: Vec::new(),
            runs,
        },
        Message::Put {
            group: group.clone(),
            entries: bodies().into_iter().map(entry).collect(),
        },
        Message::Stored {
            group: group.clone(),
            vector: vector(),
        },
        Message::Kept {
            group: group.clone(),
            vector: vector(),
            copies: 3,
        },
        Message::Refused {
            group: group.clone(),
            number: Number(5),
            why: Refusal::NickTaken,
        },
        Message::Presence {
            group: group.clone(),
            here: roster,
            away: vec![epoch().host],
        },
        Message::Not { lease: lease() },
        Message::Unfollow {
            group: group.clone(),
        },
        Message::Declined {
            group: group.clone(),
            epoch: epoch(),
            why: Decline::NoLease,
            head: Some(Box::new(run(Vec::new()))),
        },
        Message::Blocks {
            group: group.clone(),
            from: 0,
            upto: 7,
            blocks: vec![(5, Hash([0x44; 32]))],
        },
        Message::Older {
            group: group.clone(),
            upto: 7,
            blocks: vec![5],
            tips: lines().tips,
        },
        Message::Merged {
            group: group.clone(),
            from_us: 4,
            from_them: 5,
        },
        Message::Founded {
            group: group.clone(),
            charter: Box::new(charter()),
        },
        Message::Here {
            whereabouts: Box::new(whereabouts()),
        },
        Message::Seek { person: id(0x88) },
        Message::Sought {
            person: id(0x88),
            standing: Whether::Gone { for_ms: 300 },
            whereabouts: Some(Box::new(whereabouts())),
            ask: Some(id(0xbb)),
        },
        Message::Whisper {
            entries: vec![entry(text("hi"))],
        },
        Message::Heard {
            upto: Number(300),
            asks: true,
        },
        Message::Out {
            group,
            out: vec![(id(0x88), Some("tea".to_owned())), (id(0xbb), None)],
        },
    ];
    for (at, message) in messages.iter().enumerate() {
        assert_eq!(at, place(message), "the samples are not complete");
    }
    messages
}

/// Where a message stands in the specification. A message that is added there does not compile here until it
/// has its place, and its sample.
fn place(message: &Message) -> usize {
    match message {
        Message::Open { .. } => 0,
        Message::Observed { .. } => 1,
        Message::TableWanted { .. } => 2,
        Message::Table { .. } => 3,
        Message::Gossip(_) => 4,
        Message::TableDigest { .. } => 5,
        Message::TableBlocks { .. } => 6,
        Message::TableClocks { .. } => 7,
        Message::RecordsWanted { .. } => 8,
        Message::Buried { .. } => 9,
        Message::Unlisted { .. } => 10,
        Message::Introduce { .. } => 11,
        Message::Outcome(_) => 12,
        Message::Register { .. } => 13,
        Message::Leave { .. } => 14,
        Message::HostIs { .. } => 15,
        Message::Moved { .. } => 16,
        Message::Query { .. } => 17,
        Message::Known { .. } => 18,
        Message::Transfer { .. } => 19,
        Message::Hello { .. } => 20,
        Message::Welcome { .. } => 21,
        Message::Deliver { .. } => 22,
        Message::Push { .. } => 23,
        Message::Put { .. } => 24,
        Message::Stored { .. } => 25,
        Message::Kept { .. } => 26,
        Message::Refused { .. } => 27,
        Message::Presence { .. } => 28,
        Message::Not { .. } => 29,
        Message::Unfollow { .. } => 30,
        Message::Declined { .. } => 31,
        Message::Blocks { .. } => 32,
        Message::Older { .. } => 33,
        Message::Merged { .. } => 34,
        Message::Founded { .. } => 35,
        Message::Here { .. } => 36,
        Message::Seek { .. } => 37,
        Message::Sought { .. } => 38,
        Message::Whisper { .. } => 39,
        Message::Heard { .. } => 40,
        Message::Out { .. } => 41,
    }
}
