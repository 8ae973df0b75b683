//! Look-ups on open links: what a client asks again and again, and a front end for many of them.

use std::net::Ipv4Addr;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use fireside::identity::Identity;
use fireside::proto::codec;
use fireside::proto::id::{GroupName, NodeId};
use fireside::proto::ring::Point;
use fireside::proto::seal::{Hash, Seal};
use fireside::proto::table::Table;
use fireside::proto::wire::{Listed, Message, Whether};
use tokio::task::JoinSet;

use crate::cold::Cost;
use crate::guest::{self, Guest};
use crate::server::{self, Server, Serves};

/// Links over which it is asked at once.
const LINKS: u32 = 8;
/// Questions in one write, and how many more wait for their answers: below what a node reads of one link ahead.
const BATCH: usize = 64;
const AHEAD: usize = 4;

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub enum Question {
    /// Whether the table is still this one.
    Unchanged,
    /// Where a group lives, of a node that is not responsible for it: it redirects.
    Where,
    /// What is known of a group, of a node that keeps its record.
    Known,
    /// Where a person is who is nowhere, of any node.
    Person,
}

/// Asks so often, in batches, and says what that cost the server.
pub async fn measure(question: Question, count: usize, records: u32, groups: u32) -> Cost {
    let server = Server::start(Serves::Node {
        records,
        groups,
        links_per_address: 1_000_000,
    });
    let endpoint = guest::endpoint(Ipv4Addr::LOCALHOST.into());
    let mut guests = Vec::new();
    for number in 0..LINKS {
        let config = guest::config(number);
        let linked = Guest::link(&endpoint, config, server.address).await;
        guests.push(linked.unwrap());
    }
    let listed = guests[0].table(Hash::default()).await.unwrap();
    let batches = batches(question, &listed, groups);
    let rounds = count / BATCH / LINKS as usize;
    let (began, busy) = (Instant::now(), server.measured.busy());
    let mut asking = JoinSet::new();
    for guest in guests {
        asking.spawn(ask(guest, batches.clone(), rounds));
    }
    asking.join_all().await;
    Cost {
        count: (rounds * BATCH * LINKS as usize) as f64,
        took_s: began.elapsed().as_secs_f64(),
        busy_s: server.measured.busy() - busy,
    }
}

/// Sends some batches ahead, and another one for every batch of answers.
async fn ask(mut guest: Guest, batches: Vec<Bytes>, rounds: usize) {
    let kinds = answers().map(|answer| codec::encode(&answer)[codec::LENGTH_SIZE]);
    for round in 0..rounds + AHEAD {
        if round < rounds {
            let batch = batches[round % batches.len()].clone();
            guest.say(batch).await.unwrap();
        }
        let mut answered = 0;
        while round >= AHEAD && answered < BATCH {
            // What asks for a sign of life, or says where we are, is no answer.
            let frame = guest.frame().await.unwrap();
            answered += usize::from(frame.first().is_some_and(|kind| kinds.contains(kind)));
        }
    }
    guest.leave();
}

/// What the answers begin as.
fn answers() -> [Message; 4] {
    let (group, listed) = (server::group(0), Vec::new());
    let table = Message::Table {
        listed,
        more: false,
    };
    let known = Message::Known {
        group: group.clone(),
        record: None,
    };
    let (person, standing) = (Identity::from_seed([0; 32]).id(), Whether::Unknown);
    let sought = Message::Sought {
        person,
        standing,
        whereabouts: None,
        ask: None,
    };
    let moved = Message::Moved { group, to: person };
    [table, known, moved, sought]
}

fn batches(question: Question, listed: &[Listed], groups: u32) -> Vec<Bytes> {
    let asker = Identity::from_seed([0; 32]);
    let mut table = Table::new();
    for listed in listed {
        table.merge(&asker, listed.clone()).unwrap();
    }
    let name = table.listed().find(|l| l.record.roles.directory).unwrap();
    let asked = name.record.key;
    let elsewhere = (0..).map(|number| GroupName::parse(&format!("#asked-{number}")).unwrap());
    let ring = table.ring();
    let elsewhere =
        elsewhere.filter(|group| ring.responsible(Point::of_group(group)) != Some(asked));
    let messages: Vec<Message> = match question {
        Question::Unchanged => vec![
            Message::TableWanted {
                digest: table.digest()
            };
            BATCH
        ],
        Question::Where => elsewhere
            .take(16 * BATCH)
            .map(|group| Message::Register {
                group,
                lease: None,
                hosting: false,
                missed: false,
                roster: vec![asker.id()],
                charter: None,
            })
            .collect(),
        Question::Known => (0..groups)
            .cycle()
            .take(16 * BATCH)
            .map(|number| Message::Query {
                group: server::group(number),
            })
            .collect(),
        Question::Person => (0..=u8::MAX)
            .map(|number| Message::Seek {
                person: NodeId([number; 32]),
            })
            .collect(),
    };
    let batches = messages.chunks(BATCH).map(|batch| {
        let mut frames = BytesMut::new();
        for message in batch {
            frames.extend_from_slice(&codec::encode(message));
        }
        frames.freeze()
    });
    batches.collect()
}
