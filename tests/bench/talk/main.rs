//! What a talk costs its host, and how long a line takes: a host and a supernode that are processes of their own,
//! members who share this one, and a bare QUIC fan-out beside them in the same run.
//!
//! `cargo bench --bench talk` takes about a minute; `FIRESIDE_JOINS=500` lets as many come in at once, and
//! `FIRESIDE_TALK=delays`, `lone` or `joins` measures that alone. Processor time is the host's alone. The members all
//! live on this one machine, so that the last of them has a line when the machine has done the work of all.

#![allow(clippy::unwrap_used, clippy::print_stdout, unreachable_pub)]
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a few events are waited for, whatever else there will be"
)]

mod bare;
#[allow(dead_code, reason = "memory is weighed elsewhere")]
#[path = "../measured.rs"]
mod measured;
mod member;
mod process;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, timeout};

use bare::Bare;
use member::{Member, Seen, Sight};
use process::Process;

/// Who talks while delays are measured.
const CHATTING: usize = 50;
/// Between two lines of that talk, whoever says them.
const CHAT_PAUSE: Duration = Duration::from_millis(25);
const CHAT_LINES: usize = 400;
/// Who hears lines, one by one, while processor time is measured.
const LISTENING: usize = 100;
const LONE_LINES: usize = 1_000;
/// Between two of them: each is a packet of its own, and no member has to wait for its turn.
const LONE_PAUSE: Duration = Duration::from_millis(6);
const LINE_SIZE: usize = 100;
/// Who comes in at once, unless `FIRESIDE_JOINS` says otherwise.
const JOINS: usize = 100;
/// For whatever is waited for.
const PATIENCE: Duration = Duration::from_secs(120);

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == bare::FLAG) {
        return bare::serve().await;
    }
    // `cargo test --benches` starts it too, and wants no measurement.
    if !arguments.iter().any(|argument| argument == "--bench") {
        return println!("not measured: use cargo bench --bench talk");
    }
    let joins = std::env::var("FIRESIDE_JOINS").ok();
    let joins = joins.map_or(JOINS, |text| text.parse().expect("a number"));
    if is_wanted("delays") {
        delays().await;
    }
    if is_wanted("lone") {
        lone_lines().await;
    }
    if is_wanted("joins") {
        at_once(joins).await;
    }
}

fn is_wanted(part: &str) -> bool {
    std::env::var("FIRESIDE_TALK").map_or(true, |wanted| wanted == part)
}

/// A group whose host is a process of its own.
struct Group {
    host: Process,
    members: Vec<Member>,
    seen: mpsc::UnboundedReceiver<Seen>,
    _supernode: Process,
}

impl Group {
    /// With so many members besides its host, who know of each other and reach it directly.
    async fn of(count: usize) -> Self {
        let mut group = Self::with(count);
        for member in &group.members {
            member.joins().await;
        }
        let (mut are_in, mut are_direct) = (0, 0);
        while are_in < count || are_direct < count {
            match group.sees().await.sight {
                Sight::In => are_in += 1,
                Sight::Direct => are_direct += 1,
                _ => {}
            }
        }
        group
    }

    /// With so many who are not in it yet.
    fn with(count: usize) -> Self {
        let supernode = Process::supernode();
        let host = Process::host(supernode.address);
        let (tell, seen) = mpsc::unbounded_channel();
        let member = |number| Member::start(number, supernode.address, tell.clone());
        Self {
            members: (0..count).map(member).collect(),
            host,
            seen,
            _supernode: supernode,
        }
    }

    async fn sees(&mut self) -> Seen {
        let seen = timeout(PATIENCE, self.seen.recv()).await;
        seen.expect("something happens").unwrap()
    }

    /// Has the members say so many lines in turn, and waits until everybody has heard each.
    async fn talk(&mut self, lines: usize, pause: Duration) -> Heard {
        let mut heard = Heard::default();
        let mut due = interval(pause);
        due.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut said = 0;
        let all = lines * self.members.len();
        while heard.delays.len() < all || heard.confirmed.len() < lines {
            tokio::select! {
                _ = due.tick(), if said < lines => {
                    let text = line(said);
                    heard.said.insert(text.clone(), Instant::now());
                    self.members[said % self.members.len()].says(text).await;
                    said += 1;
                }
                seen = timeout(PATIENCE, self.seen.recv()) => {
                    heard.note(seen.expect("every line is heard").unwrap());
                }
            }
        }
        heard
    }
}

/// A line as long as all others.
fn line(number: usize) -> String {
    let filling = "all work and no play ".repeat(LINE_SIZE / 20);
    let mut text = format!("{number:06} {filling}");
    text.truncate(LINE_SIZE);
    text
}

/// What came of lines that were said.
#[derive(Default)]
struct Heard {
    said: BTreeMap<String, Instant>,
    /// From saying it to each member, its author as well.
    delays: Vec<Duration>,
    confirmed: Vec<Duration>,
    ours: BTreeMap<fireside::proto::id::EntryId, Instant>,
}

impl Heard {
    fn note(&mut self, seen: Seen) {
        match seen.sight {
            Sight::Line { text, id, own } => {
                if let Some(said) = self.said.get(&text) {
                    self.delays.push(seen.at - *said);
                    if own {
                        self.ours.insert(id, *said);
                    }
                }
            }
            Sight::Confirmed(id) => {
                if let Some(said) = self.ours.get(&id) {
                    self.confirmed.push(seen.at - *said);
                }
            }
            Sight::In | Sight::Direct => {}
        }
    }
}

/// The middle and the slowest of a hundred, in milliseconds.
fn middle_and_slowest(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() * percent).div_ceil(100) - 1].as_secs_f64() * 1e3;
    format!("p50 {:.2} ms, p99 {:.2} ms", at(50), at(99))
}

async fn delays() {
    let heard = {
        let mut group = Group::of(CHATTING).await;
        group.talk(CHAT_LINES, CHAT_PAUSE).await
    };
    let bare = {
        let bare = Bare::start();
        let mut guests = bare.guests(CHATTING).await;
        guests.talk(CHAT_LINES, CHAT_PAUSE).await
    };
    println!(
        "a line of {LINE_SIZE} bytes, {CHATTING} members and {:.0} lines/s: heard after {}, confirmed after {}; bare QUIC {}",
        1.0 / CHAT_PAUSE.as_secs_f64(),
        middle_and_slowest(heard.delays),
        middle_and_slowest(heard.confirmed),
        middle_and_slowest(bare)
    );
}

async fn lone_lines() {
    let deliveries = (LONE_LINES * LISTENING) as f64;
    let ours = {
        let mut group = Group::of(LISTENING).await;
        let busy = group.host.measured.busy();
        group.talk(LONE_LINES, LONE_PAUSE).await;
        group.host.measured.busy() - busy
    };
    let bare = {
        let bare = Bare::start();
        let mut guests = bare.guests(LISTENING).await;
        let busy = bare.measured.busy();
        guests.talk(LONE_LINES, LONE_PAUSE).await;
        bare.measured.busy() - busy
    };
    println!(
        "lone lines to {LISTENING} members: {:.1} s of the host's processor a million deliveries, bare QUIC {:.1} s: {:.2} of it",
        ours / deliveries * 1e6,
        bare / deliveries * 1e6,
        ours / bare
    );
}

async fn at_once(count: usize) {
    let mut group = Group::with(count);
    for member in &group.members {
        member.is_ready().await;
    }
    let (began, busy) = (Instant::now(), group.host.measured.busy());
    for member in &group.members {
        member.joins().await;
    }
    let mut times = Vec::new();
    while times.len() < count {
        let seen = group.sees().await;
        if matches!(seen.sight, Sight::In) {
            times.push(seen.at - began);
        }
    }
    println!(
        "{count} come in at once: {}, {:.1} ms of the host's processor each",
        middle_and_slowest(times),
        (group.host.measured.busy() - busy) / count as f64 * 1e3
    );
}
