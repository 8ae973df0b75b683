//! What a client has to hold and to fetch: a table of 2,000 nodes.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Instant;

use fireside::proto::codec;
use fireside::proto::id::{NodeId, NodeName};
use fireside::proto::limits::RECORDS_PER_MESSAGE_MAX;
use fireside::proto::seal::Signature;
use fireside::proto::table::Table;
use fireside::proto::time::Wall;
use fireside::proto::wire::{Listed, Liveness, Message, Record, Roles};

use crate::rng::Rng;
use crate::seal::CheapSeal;

const RECORDS: u32 = 2_000;
/// Tables held at once, so that what one takes can be told from what the process takes.
const TABLES: usize = 20;

#[derive(Clone, Copy, Debug)]
pub struct Weight {
    pub wire_bytes: usize,
    pub messages: usize,
    /// `None` where the system does not say what a process takes.
    pub memory_bytes: Option<usize>,
    /// From the bytes to a table with its ring, signatures not counted.
    pub ready_ms: f64,
}

pub fn weight() -> Weight {
    let listed: Vec<Listed> = (0..RECORDS).map(listed).collect();
    let parts: Vec<_> = listed.chunks(RECORDS_PER_MESSAGE_MAX).collect();
    let frames = parts.iter().enumerate().map(|(number, part)| {
        let more = number + 1 < parts.len();
        codec::encode(&Message::Table {
            listed: part.to_vec(),
            more,
        })
    });
    let frames: Vec<_> = frames.collect();
    let before = resident();
    let start = Instant::now();
    let tables: Vec<Table> = (0..TABLES).map(|_| table(&frames)).collect();
    let ready_ms = start.elapsed().as_secs_f64() * 1_000.0 / TABLES as f64;
    let after = resident();
    assert!(
        tables
            .iter()
            .all(|table| table.ring().len() == RECORDS as usize)
    );
    Weight {
        wire_bytes: frames.iter().map(|frame| frame.len()).sum(),
        messages: frames.len(),
        memory_bytes: after
            .zip(before)
            .map(|(after, before)| after.saturating_sub(before) / TABLES),
        ready_ms,
    }
}

fn table(frames: &[bytes::Bytes]) -> Table {
    let mut table = Table::new();
    let seal = CheapSeal(NodeId([0; 32]));
    for frame in frames {
        let Ok(Message::Table { listed, .. }) = codec::decode(&frame[codec::LENGTH_SIZE..]) else {
            panic!("it was encoded just now");
        };
        for listed in listed {
            table
                .merge(&seal, listed)
                .expect("each is in a network of its own");
        }
    }
    // Made when it is asked for.
    assert!(!table.ring().is_empty());
    table
}

fn listed(number: u32) -> Listed {
    let mut draw = Rng::of(2, u64::from(number));
    let mut key = [0; 32];
    for part in key.chunks_mut(8) {
        part.copy_from_slice(&draw.next().to_le_bytes());
    }
    let seal = CheapSeal(NodeId(key));
    let ip = Ipv4Addr::from(0x1400_0001 + (number << 8));
    let record = Record {
        name: NodeName::parse(&format!("node-{number}")).expect("letters and digits"),
        key: NodeId(key),
        clock: 1_000,
        addresses: vec![SocketAddr::from((ip, 7700))],
        roles: Roles {
            directory: false,
            supernode: true,
        },
        tombstone: false,
        signature: Signature([0; 64]),
    };
    Listed {
        record: record.signed(&seal),
        liveness: Liveness::Alive,
        since: Wall(1_767_225_600_000),
    }
}

/// What the process takes, of the machine's memory.
fn resident() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: usize = status.split(' ').nth(1)?.parse().ok()?;
    Some(pages * 4_096)
}
