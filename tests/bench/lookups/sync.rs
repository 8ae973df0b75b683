//! The whole table, as somebody new fetches it: how long until it is there and checked, and what it takes in memory.

use std::time::{Duration, Instant};

use fireside::address::HostPort;
use fireside::identity::Identity;
use fireside::node::{AskSettings, Source, known_table};
use fireside::proto::table::Table;

use crate::server::{self, Server, Serves};

/// Tables held at once, so that what one takes can be told from what the process takes.
const TABLES: usize = 20;
const ROUNDS: u32 = 3;

/// How long it takes until a table of so many supernodes is there, with every signature checked; the best of a few,
/// since whoever else uses the processor only adds to it.
pub async fn time(records: u32) -> Duration {
    let server = Server::start(Serves::Node {
        records,
        groups: 0,
        links_per_address: 1_000_000,
    });
    let home = tempfile::tempdir().unwrap();
    let mut best = Duration::MAX;
    for _ in 0..ROUNDS {
        let bootstrap: HostPort = server.address.to_string().parse().unwrap();
        let began = Instant::now();
        let settings = AskSettings {
            bootstrap: vec![bootstrap],
            local_port: 0,
            lan: false,
            data: home.path().to_owned(),
        };
        let (table, source) = known_table(settings).await.unwrap();
        best = best.min(began.elapsed());
        assert_eq!(source, Source::Node);
        // It lists itself too.
        assert_eq!(table.len(), records as usize + 1);
    }
    best
}

/// Kilobytes that a table of so many supernodes takes, with its ring; none where the system does not say.
pub fn memory(records: u32) -> Option<f64> {
    let seal = Identity::from_seed([0; 32]);
    let listed: Vec<_> = (0..records).map(server::listed).collect();
    let before = resident()?;
    let tables: Vec<Table> = (0..TABLES)
        .map(|_| {
            let mut table = Table::new();
            for listed in listed.clone() {
                table.merge(&seal, listed).unwrap();
            }
            assert_eq!(table.ring().len(), records as usize);
            assert!(table.digest() != fireside::proto::seal::Hash::default());
            table
        })
        .collect();
    let after = resident()?;
    assert!(tables.iter().all(|table| table.len() == records as usize));
    Some((after - before) / TABLES as f64)
}

/// Kilobytes that this process takes of the machine's memory.
fn resident() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
