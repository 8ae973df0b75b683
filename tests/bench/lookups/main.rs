//! What look-ups cost a directory and supernode, what its clients take of its memory, and whether a flood keeps it from
//! answering: the real node over QUIC on this machine, as a process of its own.
//!
//! `cargo bench --bench lookups` takes about two minutes; `-- cold`, `open`, `sync`, `idle` and `flood` take a part
//! alone. `FIRESIDE_LOOKUPS=4000` says how many cold look-ups there are (on open links there are a hundred times as
//! many), `FIRESIDE_RECORDS=2000` how long the whole table is, `FIRESIDE_LINKS=10000` how many links are held,
//! `FIRESIDE_HALF_OPEN=10000` how many handshakes are begun and left, `FIRESIDE_FLOOD=20000` how many packets a second
//! come with them. Figures with "a core" are per second of the server's processor time, so that who else is busy on
//! the machine changes them little; those by the clock it lowers.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::wildcard_enum_match_arm,
    missing_debug_implementations,
    unreachable_pub
)]

#[path = "../../loopback/begun.rs"]
mod begun;
mod cold;
mod flood;
mod guest;
mod idle;
#[path = "../measured.rs"]
mod measured;
mod open;
mod server;
mod sync;

use crate::flood::Served;
use crate::open::Question;

/// Supernodes of an ordinary mesh, and of a large one.
const RECORDS: u32 = 20;
const MANY_RECORDS: u32 = 2_000;
/// Groups that the asked node keeps.
const GROUPS: u32 = 10_000;
const LOOKUPS: u32 = 2_000;
const LINKS: u32 = 10_000;
const HALF_OPEN: u32 = 10_000;
const FLOOD: u32 = 20_000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == server::FLAG) {
        return server::serve(&arguments[1..]);
    }
    // Cargo asks benches without a harness for their list too.
    if arguments.iter().any(|argument| argument == "--list") {
        return;
    }
    let named: Vec<&String> = arguments.iter().filter(|a| !a.starts_with('-')).collect();
    let wants = |name: &str| named.is_empty() || named.iter().any(|named| *named == name);
    let lookups = number("FIRESIDE_LOOKUPS").unwrap_or(LOOKUPS);
    let records = number("FIRESIDE_RECORDS").unwrap_or(MANY_RECORDS);
    assert!(
        records <= server::RECORDS_MAX,
        "there are no more addresses"
    );
    // Before anything else is: what is freed later is taken again unseen.
    if wants("sync") {
        tell_memory(records);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        if wants("sync") {
            tell_sync(records).await;
        }
        if wants("cold") {
            tell_cold(lookups).await;
        }
        if wants("open") {
            tell_open(lookups as usize * 100, records).await;
        }
        if wants("idle") {
            tell_idle(number("FIRESIDE_LINKS").unwrap_or(LINKS)).await;
        }
        if wants("flood") {
            let half_open = number("FIRESIDE_HALF_OPEN").unwrap_or(HALF_OPEN);
            tell_flood(half_open, number("FIRESIDE_FLOOD").unwrap_or(FLOOD)).await;
        }
    });
}

fn number(variable: &str) -> Option<u32> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().expect("a number"))
}

fn tell_memory(records: u32) {
    if let Some(kilobytes) = sync::memory(records) {
        println!(
            "a table of {records} records: {kilobytes:.0} kB in memory (goal for 2,000: < 2,000)"
        );
    }
}

async fn tell_sync(records: u32) {
    let took = sync::time(records).await.as_millis();
    println!(
        "  fetched by somebody new, every signature checked: {took} ms (goal for 2,000: < 1,000)"
    );
}

async fn tell_cold(count: u32) {
    let (bare, lookup) = cold::measure(count, RECORDS).await;
    println!(
        "a cold look-up, of the table of {RECORDS} supernodes: {:.0} us of the directory's processor, {:.0}/s a core, \
         {:.0}/s by the clock with its clients beside it",
        lookup.micros(),
        1e6 / lookup.micros(),
        lookup.a_second()
    );
    println!(
        "  a bare QUIC handshake: {:.0} us, {:.0}/s a core, {:.0}/s by the clock",
        bare.micros(),
        1e6 / bare.micros(),
        bare.a_second()
    );
    println!(
        "  ratio: {:.2} of processor time, {:.2} by the clock (goal: >= 0.80)",
        bare.micros() / lookup.micros(),
        lookup.a_second() / bare.a_second()
    );
}

async fn tell_open(count: usize, many: u32) {
    for (name, question, records) in [
        ("has the table changed?", Question::Unchanged, RECORDS),
        ("has the long table changed?", Question::Unchanged, many),
        ("where is this group?", Question::Where, RECORDS),
        ("what of this group?", Question::Known, RECORDS),
        ("where is this person?", Question::Person, RECORDS),
    ] {
        let cost = open::measure(question, count, records, GROUPS).await;
        println!(
            "look-ups on open links, {name:28} {:.0}/s a core, {:.1} us each, {:.0}/s by the clock (goal: >= 200,000/s a core)",
            1e6 / cost.micros(),
            cost.micros(),
            cost.a_second()
        );
    }
}

async fn tell_idle(links: u32) {
    let idle = idle::measure(links, RECORDS).await;
    println!(
        "idle client links: {:.1} kB each (goal: <= 40), {} held; {:.0}/s were made; they take {:.1} % of a core",
        idle.memory,
        idle.held,
        idle.made,
        100.0 * idle.busy
    );
}

async fn tell_flood(half_open: u32, rate: u32) {
    let (calm, flooded) = flood::measure(half_open, rate, RECORDS).await;
    let tell = |what: &str, served: Served| {
        println!(
            "{what}: {:.0} look-ups/s on open links, the slowest {} ms; {:.0} cold ones/s, {} failed; {:.0} % of a core",
            served.open,
            served.slowest.as_millis(),
            served.cold,
            served.failed,
            100.0 * served.busy
        );
    };
    tell("served in peace", calm);
    let packets = flooded.packets;
    tell(
        &format!(
            "with {half_open} half-open handshakes and {packets:.0} packets/s of them and of junk (goal: all served)"
        ),
        flooded,
    );
}
